//! Records to a zone: what is hidden is left out, sets are formed, and all is checked.

use std::ops::Range;

use crate::span::Span;
use crate::wire::RecordType;
use crate::wire::rr::CLASS_IN;

use super::fault::{FaultKind, Faults};
use super::node::{FIXED, OWNER};
use super::read::{Draft, Record};
use super::tree::{APEX, Full, Kind, SetRow};
use super::{Binding, BindingId, Zone, check, rdata};

/// A zone in the making.
pub(super) struct Builder<'a> {
    pub(super) draft: Draft,
    /// In the order of their nodes and types.
    pub(super) records: &'a [Record],
    pub(super) bindings: &'a [Binding],
    pub(super) faults: &'a mut Faults,
    /// By node: the delegation or DNAME above it, the nearest to the apex.
    hidden_by: Vec<u32>,
    /// By node: an NS record names it.
    pub(super) servers: Vec<bool>,
    record_count: usize,
    name_count: usize,
}

/// Checks `draft` and makes the zone of it. `place` is where faults of the whole zone point to.
pub(super) fn build(
    mut draft: Draft,
    bindings: &[Binding],
    place: Span,
    faults: &mut Faults,
) -> Option<Zone> {
    // What an unread record would have been is unknown, so what seems missing may not be.
    let is_whole = faults.error_count() == 0;
    let mut records = std::mem::take(&mut draft.records);
    records.sort_by_key(|record| (record.node, record.rtype));
    let mut builder = Builder {
        draft,
        records: &records,
        bindings,
        faults,
        hidden_by: vec![],
        servers: vec![],
        record_count: 0,
        name_count: 0,
    };
    let built = builder.bind().and_then(|()| builder.form_sets());
    if built.is_err() {
        builder.faults.push(FaultKind::LargeZone, place);
        return None;
    }
    check::pools(&mut builder);
    check::targets(&mut builder, is_whole);
    let apex = builder.draft.tree.node(APEX);
    let (soa, has_ns) = (apex.set(RecordType::SOA).is_some(), apex.set(RecordType::NS).is_some());
    let origin = builder.draft.tree.origin().clone();
    if !soa && !builder.draft.lost_soa {
        builder.faults.push(FaultKind::NoSoa(origin.clone()), place);
    }
    if !has_ns && is_whole {
        builder.faults.push(FaultKind::NoApexNs(origin), place);
    }
    if builder.faults.error_count() > 0 {
        return None;
    }
    Zone::new(builder.draft.tree, builder.name_count, builder.record_count)
}

impl Builder<'_> {
    /// Makes the bound owners exist.
    fn bind(&mut self) -> Result<(), Full> {
        for (index, binding) in self.bindings.iter().enumerate() {
            let owner = binding.owner.clone();
            let tree = &mut self.draft.tree;
            if !tree.holds(owner.as_wire()) {
                let origin = tree.origin().clone();
                let kind = FaultKind::PoolOutside { owner, origin };
                self.faults.push(kind, binding.span);
                continue;
            }
            let node = tree.intern(owner.as_wire())?;
            let bound = &mut tree.nodes[node as usize].binding;
            match bound {
                None => *bound = Some(BindingId(index as u32)),
                Some(first) => {
                    let first = self.bindings[first.0 as usize].span;
                    let related = vec![(first, "the first pool")];
                    self.faults.push_related(FaultKind::PoolTwice(owner), binding.span, related);
                }
            }
        }
        Ok(())
    }

    fn form_sets(&mut self) -> Result<(), Full> {
        let records = self.records;
        self.mark_kinds();
        self.find_hidden();
        let octets: usize =
            records.iter().map(|record| OWNER + FIXED + usize::from(record.len)).sum();
        // The SOA record follows once more, for negative answers.
        if u32::try_from(octets + usize::from(u16::MAX)).is_err() {
            return Err(Full);
        }
        self.draft.tree.wire.reserve_exact(octets);
        let mut scratch = Scratch::default();
        for at_node in records.chunk_by(|a, b| a.node == b.node) {
            self.form_node(at_node, &mut scratch);
        }
        let nodes = self.draft.tree.nodes.iter();
        self.name_count = nodes.filter(|row| row.set_count > 0 || row.binding.is_some()).count();
        self.draft.tree.shrink();
        Ok(())
    }

    fn mark_kinds(&mut self) {
        self.servers = vec![false; self.draft.tree.nodes.len()];
        for record in self.records {
            let kind = &mut self.draft.tree.nodes[record.node as usize].kind;
            match record.rtype {
                RecordType::NS if record.node != APEX => *kind = Kind::Cut,
                RecordType::DNAME if *kind == Kind::Plain => *kind = Kind::Dname,
                _ => {}
            }
            if record.rtype == RecordType::NS
                && let Some(server) = self.draft.tree.exact_folded(self.draft.rdata(record))
            {
                self.servers[server.index as usize] = true;
            }
        }
    }

    /// Parents come before their children, so one pass tells all.
    fn find_hidden(&mut self) {
        let tree = &self.draft.tree;
        self.hidden_by = vec![NOTHING; tree.nodes.len()];
        for index in APEX + 1..tree.nodes.len() as u32 {
            let parent = tree.parent(index);
            self.hidden_by[index as usize] = match self.hidden_by[parent as usize] {
                NOTHING if tree.row(parent).kind == Kind::Plain => NOTHING,
                NOTHING => parent,
                above => above,
            };
        }
    }

    /// The delegation or DNAME above `node` that hides it.
    pub(super) fn hidden_by(&self, node: u32) -> Option<u32> {
        Some(self.hidden_by[node as usize]).filter(|&above| above != NOTHING)
    }

    /// Forms the sets of a node from its records, which are in the order of their types.
    fn form_node(&mut self, records: &[Record], scratch: &mut Scratch) {
        let node = records[0].node;
        self.draft.tree.nodes[node as usize].first_set = self.draft.tree.sets.len() as u32;
        check::node(self, records);
        for set in records.chunk_by(|a, b| a.rtype == b.rtype) {
            if check::is_shown(self, set) {
                self.form_set(set, scratch);
            }
        }
    }

    fn form_set(&mut self, records: &[Record], scratch: &mut Scratch) {
        let first = &records[0];
        let ttl = records.iter().map(|record| record.ttl).min().unwrap_or(first.ttl);
        if let Some(other) = records.iter().find(|record| record.ttl != first.ttl) {
            let related = vec![(first.span, "another TTL of this set")];
            self.faults.push_related(FaultKind::DifferentTtls(ttl), other.span, related);
        }
        if records.len() > 1 {
            scratch.find_duplicates(&self.draft, records);
        } else {
            scratch.duplicates.clear();
        }
        let start = self.draft.tree.wire.len();
        let mut count = 0;
        for (index, record) in records.iter().enumerate() {
            if let Some(kept) = scratch.kept_for(index) {
                let related = vec![(records[kept].span, "the one that is kept")];
                self.faults.push_related(FaultKind::Duplicate, record.span, related);
                continue;
            }
            count += 1;
            self.write_record(record, ttl);
        }
        self.record_count += count;
        let len = self.draft.tree.wire.len() - start;
        check::set(self, records, count, len);
        let row = &mut self.draft.tree.nodes[first.node as usize];
        row.set_count += 1;
        self.draft.tree.sets.push(SetRow {
            rtype: first.rtype.0,
            count: count as u16,
            ttl,
            start: start as u32,
            len: len as u32,
        });
    }

    fn write_record(&mut self, record: &Record, ttl: u32) {
        let Draft { tree, rdata, .. } = &mut self.draft;
        let wire = &mut tree.wire;
        wire.extend_from_slice(&QUESTION);
        wire.extend_from_slice(&record.rtype.0.to_be_bytes());
        wire.extend_from_slice(&CLASS_IN.to_be_bytes());
        wire.extend_from_slice(&ttl.to_be_bytes());
        wire.extend_from_slice(&record.len.to_be_bytes());
        wire.extend_from_slice(&rdata[record.start as usize..][..usize::from(record.len)]);
    }
}

/// What comparing the records of a set needs, kept for the next.
#[derive(Default)]
struct Scratch {
    canonical: Vec<u8>,
    ranges: Vec<(Range<usize>, usize)>,
    /// Which of the records is equal to which before it.
    duplicates: Vec<(usize, usize)>,
}

impl Scratch {
    /// The record that the one at `index` is a duplicate of.
    fn kept_for(&self, index: usize) -> Option<usize> {
        let at = self.duplicates.binary_search_by_key(&index, |(copy, _)| *copy).ok()?;
        Some(self.duplicates[at].1)
    }

    fn find_duplicates(&mut self, draft: &Draft, records: &[Record]) {
        let Self { canonical, ranges, duplicates } = self;
        canonical.clear();
        ranges.clear();
        duplicates.clear();
        for (index, record) in records.iter().enumerate() {
            let start = canonical.len();
            rdata::write_canonical(record.rtype, draft.rdata(record), canonical);
            ranges.push((start..canonical.len(), index));
        }
        ranges
            .sort_by(|(a, i), (b, j)| (&canonical[a.clone()], i).cmp(&(&canonical[b.clone()], j)));
        for equal in ranges.chunk_by(|(a, _), (b, _)| canonical[a.clone()] == canonical[b.clone()])
        {
            duplicates.extend(equal[1..].iter().map(|(_, copy)| (*copy, equal[0].1)));
        }
        duplicates.sort_unstable();
    }
}

/// No node.
const NOTHING: u32 = u32::MAX;
/// A pointer to the question's name, behind the header of 12 octets (RFC 1035 section 4.1.4).
const QUESTION: [u8; 2] = [0xc0, 12];
