//! The way through a zone to what stands in a response: RFC 1034 section 4.3.2 from step 3 on.

use std::net::IpAddr;

use super::{Kind, Observer};
use crate::answer::snapshot::Snapshot;
use crate::route::{AzId, PoolId};
use crate::wire::{ClientSubnet, ExtendedError, Full, Qname, Rcode, RecordType, Section, Writer};
use crate::zone::{Entry, Found, Node, NodeIndex, RrSet, Zone, ZoneIndex};

/// A response while the tree is walked.
pub(super) struct Response<'s, 'q> {
    pub(super) snapshot: &'s Snapshot,
    pub(super) zone_index: ZoneIndex,
    pub(super) zone: &'s Zone,
    pub(super) peer: IpAddr,
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
    pub(super) az: Option<AzId>,
    pub(super) error: Option<ExtendedError>,
}

impl<'s> Response<'s, '_> {
    /// RFC 1034 section 4.3.2 from step 3 on, within one zone.
    pub(super) fn resolve(&mut self, observer: &mut impl Observer<'s>) -> Result<(), Full> {
        let (mut earlier, mut again) = (None::<Qname>, 1);
        for link in 1..=MAX_LINKS {
            let found = self.zone.find(self.name.as_wire());
            if link == 1 {
                self.node = found.node().map(Node::index);
            }
            let step = match found {
                Found::Exact(node) | Found::Wildcard { node, .. } => {
                    self.at_node(node, observer)?
                }
                Found::Delegation(cut) => return self.at_cut(cut),
                Found::Dname(node) => self.at_dname(node)?,
                Found::NoName { .. } => {
                    self.rcode = Rcode::NxDomain;
                    return self.negative(Kind::NoName, None);
                }
            };
            if step == Step::Done || !self.is_in_zone() {
                return Ok(());
            }
            // A chain that comes back to a name has said all that it can (Brent's algorithm).
            if earlier.as_ref().is_some_and(|name| name.as_wire() == self.name.as_wire()) {
                return Ok(());
            }
            if link == again {
                (earlier, again) = (Some(self.name.clone()), 2 * again);
            }
        }
        Ok(())
    }

    /// The name exists: its pool, its records, its CNAME, or nothing of the type.
    fn at_node(&mut self, node: Node<'s>, observer: &mut impl Observer<'s>) -> Result<Step, Full> {
        self.writer.set_authoritative();
        if let Some(pool) =
            node.binding().and_then(|binding| self.snapshot.zones.pool(self.zone_index, binding))
            && let Some(step) = self.at_pool(pool, node, observer)?
        {
            return Ok(step);
        }
        if let Some(set) = node.set(self.qtype) {
            self.put(Section::Answer, self.name_at, set)?;
            return Ok(Step::Done);
        }
        let Some(set) = node.set(RecordType::CNAME) else {
            if self.qtype == RecordType::ANY && !is_empty_non_terminal(node) {
                self.writer.put_record(Section::Answer, self.name_at, HINFO, ANY_TTL, ANY_HINFO)?;
            } else {
                self.negative(Kind::NoData, None)?;
            }
            return Ok(Step::Done);
        };
        self.put(Section::Answer, self.name_at, set)?;
        // ANY matches the alias itself (RFC 8482 section 4.2).
        if self.qtype == RecordType::ANY {
            return Ok(Step::Done);
        }
        let target = set.rdatas().next().unwrap_or(&[0]);
        self.name_at = self.writer.len() - target.len();
        Ok(self.name.read(target).map_or(Step::Done, |()| Step::Alias))
    }

    /// The name is at or below a delegation.
    fn at_cut(&mut self, cut: Node<'s>) -> Result<(), Full> {
        let at = self.suffix_at(cut.depth());
        // RFC 4035 section 3.1.4.1: DS belongs to the parent side of the cut.
        if self.qtype == RecordType::DS && at == self.name_at {
            self.writer.set_authoritative();
            return match cut.set(RecordType::DS) {
                Some(set) => self.put(Section::Answer, at, set).map(|_| ()),
                None => self.negative(Kind::NoData, None),
            };
        }
        self.kind = Kind::Referral;
        let Some(servers) = cut.set(RecordType::NS) else { return Ok(()) };
        self.put(Section::Authority, at, servers)?;
        // Glue that does not fit truncates (RFC 9471 section 3.1).
        for (server, set) in cut.glue() {
            for body in set.bodies() {
                self.writer.put_body(Section::Additional, server, body)?;
            }
        }
        Ok(())
    }

    /// The name is below a DNAME (RFC 6672 section 3.2).
    fn at_dname(&mut self, node: Node<'s>) -> Result<Step, Full> {
        self.writer.set_authoritative();
        let Some(set) = node.set(RecordType::DNAME) else { return Ok(Step::Done) };
        let owner = self.suffix_at(node.depth());
        self.put(Section::Answer, owner, set)?;
        let target = set.rdatas().next().unwrap_or(&[0]);
        if self.name.replace_suffix(owner - self.name_at, target).is_none() {
            self.rcode = Rcode::YxDomain;
            return Ok(Step::Done);
        }
        let (at, name) = (self.name_at, self.name.as_wire());
        self.name_at =
            self.writer.put_record(Section::Answer, at, RecordType::CNAME, set.ttl(), name)?;
        Ok(Step::Alias)
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
    fn suffix_at(&self, labels: usize) -> usize {
        self.name_at + self.name.suffix_offset(labels).unwrap_or(0)
    }

    /// Whether the name at hand is one of this zone's, not of one within or beside it.
    fn is_in_zone(&self) -> bool {
        match self.snapshot.zones.set.closest(self.name.as_wire()) {
            Some((index, Entry::Serving(_))) => index == self.zone_index,
            _ => false,
        }
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

/// How many CNAME and DNAME links are followed: more than any zone needs, and a bound for loops.
const MAX_LINKS: usize = 32;

/// RDATA of the answer to ANY (RFC 8482 section 4.2): HINFO with CPU "RFC8482" and an empty OS.
const ANY_HINFO: &[u8] = b"\x07RFC8482\x00";
const HINFO: RecordType = RecordType(13);
/// TTL of that record, in seconds.
const ANY_TTL: u32 = 3600;
