//! What the records of a zone, and its pools, must be to each other.

use crate::span::Span;
use crate::wire::name::MAX_NAME;
use crate::wire::{Name, RecordType};

use super::build::Builder;
use super::fault::FaultKind;
use super::read::Record;
use super::tree::{APEX, Found, Kind};
use super::{BindingId, Node};

/// Checks the records of one node, in the order of their types, beside each other and its pool.
pub(super) fn node(builder: &mut Builder<'_>, records: &[Record]) {
    let index = records[0].node;
    if builder.hidden_by(index).is_some() {
        return;
    }
    let node = builder.draft.tree.node(index);
    let cname = records.iter().find(|record| record.rtype == RecordType::CNAME);
    let other = records.iter().find(|record| record.rtype != RecordType::CNAME);
    if let (Some(cname), Some(other)) = (cname, other) {
        let kind = FaultKind::CnameAndOther { owner: node.name(), other: other.rtype };
        builder.faults.push_related(kind, cname.span, vec![(other.span, "the other record")]);
    }
    let Some(binding) = node.binding() else { return };
    if builder.draft.tree.row(index).kind == Kind::Cut {
        return;
    }
    for rtype in STEERED {
        if let Some(record) = records.iter().find(|record| record.rtype == rtype) {
            let kind = FaultKind::PoolBesideStatic { owner: node.name(), rtype };
            let span = builder.bindings[binding.0 as usize].span;
            builder.faults.push_related(kind, span, vec![(record.span, "the static record")]);
        }
    }
}

/// Whether a set belongs to the zone: not below a delegation or DNAME, but for glue, and at a
/// delegation only what the parent holds (RFC 2181 section 6.1, RFC 4035 section 2.6).
pub(super) fn is_shown(builder: &mut Builder<'_>, set: &[Record]) -> bool {
    let Record { node, rtype, span, .. } = set[0];
    let tree = &builder.draft.tree;
    let above = match builder.hidden_by(node) {
        Some(above) => above,
        None if tree.row(node).kind != Kind::Cut => return true,
        None if matches!(rtype, RecordType::NS | RecordType::DS) => return true,
        None => node,
    };
    let is_below_dname = tree.row(above).kind == Kind::Dname;
    let is_address = matches!(rtype, RecordType::A | RecordType::AAAA);
    if is_address && !is_below_dname && builder.servers[node as usize] {
        return true;
    }
    let owner = tree.node(above).name();
    let kind = if is_below_dname {
        FaultKind::BelowDname { rtype, owner }
    } else {
        FaultKind::Hidden { rtype, cut: owner }
    };
    let by = first_of(builder, above);
    builder.faults.push_related(kind, span, by);
    false
}

/// Checks a set by itself: `count` records without duplicates, `len` octets of them.
pub(super) fn set(builder: &mut Builder<'_>, records: &[Record], count: usize, len: usize) {
    let Record { node, rtype, span, .. } = records[0];
    let node = builder.draft.tree.node(node);
    if len > MAX_SET {
        let kind = FaultKind::LargeSet { owner: node.name(), rtype };
        builder.faults.push(kind, span);
    }
    let is_wildcard = builder.draft.tree.label(node.index) == b"\x01*";
    if is_wildcard && matches!(rtype, RecordType::NS | RecordType::DNAME) {
        builder.faults.push(FaultKind::Wildcard(rtype), span);
    }
    if rtype == RecordType::DNSKEY && node.index == APEX {
        builder.faults.push(FaultKind::UnsignedKey, span);
    }
    if count < 2 {
        return;
    }
    let kind = match rtype {
        RecordType::SOA => FaultKind::SeveralSoas,
        RecordType::CNAME => FaultKind::SeveralCnames(node.name()),
        RecordType::DNAME => FaultKind::SeveralDnames(node.name()),
        _ => return,
    };
    let other = records[records.len() - 1].span;
    builder.faults.push_related(kind, other, vec![(span, "the first one")]);
}

/// Checks that pools are at names that this zone answers for.
pub(super) fn pools(builder: &mut Builder<'_>) {
    for (index, binding) in builder.bindings.iter().enumerate() {
        let owner = binding.owner.to_lowercase();
        let tree = &builder.draft.tree;
        let Some(node) = tree.exact_folded(owner.as_wire()) else { continue };
        if node.binding() != Some(BindingId(index as u32)) {
            continue;
        }
        let is_cut = tree.row(node.index).kind == Kind::Cut;
        let own = is_cut.then_some(node.index);
        let Some(above) = builder.hidden_by(node.index).or(own) else { continue };
        let name = tree.node(above).name();
        let kind = match tree.row(above).kind {
            Kind::Dname => FaultKind::PoolBelowDname { owner, dname: name },
            Kind::Cut | Kind::Plain => FaultKind::PoolAtDelegation { owner, cut: name },
        };
        let by = first_of(builder, above);
        builder.faults.push_related(kind, binding.span, by);
    }
}

/// Checks that hosts which records name, and which are in this zone, have addresses of their own.
/// Unless the zone `is_whole`, only that no name server has a pool.
pub(super) fn targets(builder: &mut Builder<'_>, is_whole: bool) {
    for record in builder.records {
        match target_fault(builder, record) {
            Some((kind, None)) if is_whole => builder.faults.push(kind, record.span),
            Some((kind, Some(binding))) => {
                let span = builder.bindings[binding.0 as usize].span;
                let related = vec![(record.span, "the NS record")];
                builder.faults.push_related(kind, span, related);
            }
            _ => {}
        }
    }
}

/// What is wrong with the host that `record` names, and the pool that it has if that is.
fn target_fault(builder: &Builder<'_>, record: &Record) -> Option<(FaultKind, Option<BindingId>)> {
    let (tree, rtype) = (&builder.draft.tree, record.rtype);
    let rdata = builder.draft.rdata(record);
    let target = match rtype {
        RecordType::NS => rdata,
        RecordType::MX => &rdata[2..],
        RecordType::SRV => &rdata[6..],
        _ => return None,
    };
    let is_beside_cut = tree.row(record.node).kind == Kind::Cut && rtype != RecordType::NS;
    // The root stands for no host at all (RFC 7505 section 3, RFC 2782).
    if target == [0] || is_beside_cut || builder.hidden_by(record.node).is_some() {
        return None;
    }
    let mut buffer = [0; MAX_NAME];
    let wire = tree.fold(target, &mut buffer)?;
    let target = || Name::from_wire(wire).expect("the data of a record was checked");
    let is_address =
        |node: Node<'_>| node.set(RecordType::A).is_some() || node.set(RecordType::AAAA).is_some();
    let (is_alias, has_address) = match tree.find(wire) {
        Found::Exact(node) | Found::Wildcard { node, .. } => match node.binding() {
            Some(_) if rtype != RecordType::NS => return None,
            Some(binding) => return Some((FaultKind::PoolIsNameServer(target()), Some(binding))),
            None => (node.set(RecordType::CNAME).is_some(), is_address(node)),
        },
        Found::Dname(_) => (true, false),
        // Only a name server needs an address on this side of the delegation.
        Found::Delegation(_) if rtype != RecordType::NS => return None,
        Found::Delegation(_) => (false, tree.exact(wire).is_some_and(is_address)),
        Found::NoName { .. } => (false, false),
    };
    match (is_alias, has_address) {
        (true, _) => Some((FaultKind::TargetIsAlias { rtype, target: target() }, None)),
        (false, false) => Some((FaultKind::NoAddress { rtype, target: target() }, None)),
        (false, true) => None,
    }
}

/// The record that makes `node` a delegation or a DNAME's owner.
fn first_of(builder: &Builder<'_>, node: u32) -> Vec<(Span, &'static str)> {
    let (rtype, label) = match builder.draft.tree.row(node).kind {
        Kind::Dname => (RecordType::DNAME, "the DNAME record"),
        Kind::Cut | Kind::Plain => (RecordType::NS, "the delegation"),
    };
    let records = builder.records;
    let at = records.partition_point(|record| (record.node, record.rtype) < (node, rtype));
    records.get(at).map(|record| (record.span, label)).into_iter().collect()
}

/// The types that a pool answers for.
const STEERED: [RecordType; 3] = [RecordType::A, RecordType::AAAA, RecordType::CNAME];
/// The octets of a message that can be records: without header, question and OPT.
const MAX_SET: usize = 65_535 - 12 - 259 - 11;
