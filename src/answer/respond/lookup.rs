//! The way through a zone to what stands in a response: RFC 1034 section 4.3.2 from step 3 on.

use std::net::IpAddr;

use super::chain::Renamings;
use super::{Kind, Observer, Transport};
use crate::answer::snapshot::{AnyAnswer, Snapshot};
use crate::geo::PreferenceId;
use crate::route::{AzId, PoolId};
use crate::wire::name::MAX_NAME;
use crate::wire::{
    ClientSubnet, ExtendedError, Full, HEADER, Qname, Rcode, RecordType, Section, Writer,
};
use crate::zone::{Found, Node, NodeIndex, RrSet, Zone, ZoneIndex};

/// A response while the tree is walked.
pub(super) struct Response<'s, 'q> {
    pub(super) snapshot: &'s Snapshot,
    pub(super) zone_index: ZoneIndex,
    pub(super) zone: &'s Zone,
    pub(super) peer: IpAddr,
    pub(super) transport: Transport,
    pub(super) subnet: Option<ClientSubnet<'q>>,
    pub(super) id: u16,
    pub(super) qtype: RecordType,
    /// The name at hand: QNAME, then each that a CNAME or DNAME leads to.
    pub(super) name: &'q mut Qname,
    /// Where in the response it stands.
    pub(super) name_at: usize,
    pub(super) writer: Writer<'q>,
    pub(super) rcode: Rcode,
    pub(super) kind: Kind,
    /// Where the look-up of QNAME ended.
    pub(super) node: Option<NodeIndex>,
    pub(super) scope: u8,
    pub(super) pool: Option<PoolId>,
    pub(super) preference: Option<PreferenceId>,
    pub(super) az: Option<AzId>,
    pub(super) error: Option<ExtendedError>,
}

impl<'s> Response<'s, '_> {
    /// What the zone says of the name at hand.
    pub(super) fn step(
        &mut self,
        renamings: &mut Renamings<'s>,
        observer: &mut impl Observer<'s>,
    ) -> Result<Step, Full> {
        let found = self.zone.find(self.name.as_wire());
        if self.name_at == HEADER {
            self.node = found.node().map(Node::index);
        }
        match found {
            // It stands there already.
            Found::Exact(node) if self.qtype == RecordType::DNAME && renamings.hold(node) => {
                Ok(Step::Done)
            }
            Found::Exact(node) | Found::Wildcard { node, .. } => self.at_node(node, observer),
            Found::Delegation(cut) => self.at_cut(cut).map(|()| Step::Done),
            Found::Dname(node) => self.at_dname(node, renamings),
            Found::NoName { .. } => {
                self.rcode = Rcode::NxDomain;
                self.negative(Kind::NoName, None).map(|()| Step::Done)
            }
        }
    }

    /// The name exists: its pool, its records, its CNAME, or nothing of the type.
    fn at_node(&mut self, node: Node<'s>, observer: &mut impl Observer<'s>) -> Result<Step, Full> {
        self.writer.set_authoritative();
        if let Some(pool) = self.pool_of(node)
            && let Some(step) = self.at_pool(pool, node, observer)?
        {
            return Ok(step);
        }
        if let Some(set) = node.set(self.qtype) {
            let first = self.put(Section::Answer, self.name_at, set)?;
            self.put_additional(set, first);
            return Ok(Step::Done);
        }
        let Some(set) = node.set(RecordType::CNAME) else {
            return match self.qtype {
                RecordType::ANY if !is_empty_non_terminal(node) => self.put_any(node),
                _ => self.negative(Kind::NoData, None),
            }
            .map(|()| Step::Done);
        };
        self.put(Section::Answer, self.name_at, set)?;
        let target = set.rdatas().next().unwrap_or(&[0]);
        self.alias(self.writer.len() - target.len(), target)
    }

    /// What stands for all records of a name (RFC 8482 section 4).
    fn put_any(&mut self, node: Node<'s>) -> Result<(), Full> {
        let smallest = node.sets().min_by_key(|set| set.wire().len());
        match (self.snapshot.answering.any, smallest) {
            (AnyAnswer::Subset, Some(set)) => self.put(Section::Answer, self.name_at, set),
            (AnyAnswer::Subset, None) | (AnyAnswer::Hinfo, _) => {
                self.writer.put_record(Section::Answer, self.name_at, HINFO, ANY_TTL, ANY_HINFO)
            }
        }
        .map(|_| ())
    }

    /// The pool that steers the name.
    pub(super) fn pool_of(&self, node: Node<'s>) -> Option<PoolId> {
        self.snapshot.zones.pool(self.zone_index, node.binding()?)
    }

    /// The name is below a DNAME (RFC 6672 section 3.2).
    fn at_dname(&mut self, node: Node<'s>, renamings: &mut Renamings<'s>) -> Result<Step, Full> {
        self.writer.set_authoritative();
        let Some(set) = node.set(RecordType::DNAME) else { return Ok(Step::Done) };
        let owner = self.suffix_at(node.depth());
        if !renamings.hold(node) {
            let Some(()) = renamings.add(node) else { return Ok(Step::Done) };
            self.put(Section::Answer, owner, set)?;
        }
        let target = set.rdatas().next().unwrap_or(&[0]);
        let kept = owner - self.name_at;
        let mut alias = [0; MAX_NAME];
        let Some(alias) = alias.get_mut(..kept + target.len()) else {
            self.rcode = Rcode::YxDomain;
            return Ok(Step::Done);
        };
        let (labels, suffix) = alias.split_at_mut(kept);
        // As they were asked for, in whatever case.
        labels.copy_from_slice(self.writer.written().get(self.name_at..owner).ok_or(Full)?);
        suffix.copy_from_slice(target);
        let (at, ttl) = (self.name_at, set.ttl());
        let at = self.writer.put_record(Section::Answer, at, RecordType::CNAME, ttl, alias)?;
        self.alias(at, alias)
    }

    /// The record put last, whose data begins at `at`, says that the name at hand is `target`. That
    /// is what CNAME asks for, and all that ANY needs (RFC 8482 section 4.2).
    pub(super) fn alias(&mut self, at: usize, target: &[u8]) -> Result<Step, Full> {
        if matches!(self.qtype, RecordType::CNAME | RecordType::ANY) {
            return Ok(Step::Done);
        }
        self.name_at = at;
        Ok(self.name.read(target).map_or(Step::Done, |()| Step::Alias))
    }

    /// NODATA or NXDOMAIN: the SOA in the authority section (RFC 2308 section 3), its TTL at most
    /// `ttl`.
    pub(super) fn negative(&mut self, kind: Kind, ttl: Option<u32>) -> Result<(), Full> {
        self.writer.set_authoritative();
        self.kind = kind;
        let soa = self.zone.negative_soa();
        let owner = self.suffix_at(self.zone.apex().depth());
        match (ttl, soa.rdatas().next()) {
            (Some(ttl), Some(rdata)) if ttl < soa.ttl() => {
                self.writer.put_record(Section::Authority, owner, RecordType::SOA, ttl, rdata)?;
            }
            _ => {
                self.put(Section::Authority, owner, soa)?;
            }
        }
        Ok(())
    }

    pub(super) fn put(
        &mut self,
        section: Section,
        owner: usize,
        set: RrSet<'_>,
    ) -> Result<usize, Full> {
        self.writer.put_set(section, owner, set.wire(), set.len())
    }

    /// Where in the response the last `labels` labels of the name at hand stand.
    pub(super) fn suffix_at(&self, labels: usize) -> usize {
        self.name_at + self.name.suffix_offset(labels).unwrap_or(0)
    }
}

/// Whether the name exists only for the names below it (RFC 4592 section 2.2.2).
fn is_empty_non_terminal(node: Node<'_>) -> bool {
    node.binding().is_none() && node.sets().len() == 0
}

/// What a step through the tree came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The answer stands.
    Done,
    /// The name at hand is another name for the one before.
    Alias,
}

/// RDATA of the answer to ANY (RFC 8482 section 4.2): HINFO with CPU "RFC8482" and an empty OS.
const ANY_HINFO: &[u8] = b"\x07RFC8482\x00";
const HINFO: RecordType = RecordType(13);
/// TTL of that record, in seconds.
const ANY_TTL: u32 = 3600;
