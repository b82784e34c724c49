//! The answering function: a query and a snapshot in, a response out.
//!
//! It follows RFC 1034 section 4.3.2 through the zone's tree, and where it meets a name that a pool
//! is bound to, asks `super::steer` for the az. It allocates nothing, takes no lock and reads no
//! clock. UDP, TCP and `explain` all call it.

mod pool;

use std::net::IpAddr;

use crate::route::{AzId, PoolId};
use crate::time::Wall;
use crate::wire::{
    CLASS_IN, ClientSubnet, Edns, Full, HEADER, Head, OptRecord, Qname, Query, Rcode, RecordType,
    Section, Unanswerable, Writer,
};
use crate::zone::{Entry, Found, Node, RrSet, Zone, ZoneIndex, ZoneSet};

use super::snapshot::{Generation, Snapshot};
use super::steer::Steered;

/// One message from the network.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Its octets.
    pub message: &'a [u8],
    /// Who sent it.
    pub peer: IpAddr,
    /// What it came by.
    pub transport: Transport,
    /// When it came.
    pub now: Wall,
}

/// What carries a message; decides how long a response may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// At most 512 octets, or what EDNS agrees on.
    Udp,
    /// At most 65,535 octets.
    Tcp,
}

/// What was answered: for counters, logs and proofs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The length of the response; 0 where the message gets none.
    pub len: usize,
    /// The response code.
    pub rcode: Rcode,
    /// What kind of answer it is.
    pub kind: Kind,
    /// The generation that it was answered from.
    pub generation: Generation,
    /// The pool whose name was asked for, at the end of a CNAME chain too.
    pub pool: Option<PoolId>,
    /// The az whose addresses or name were given.
    pub az: Option<AzId>,
}

/// Kinds of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// None: the message was not a query.
    Dropped,
    /// An error: the query could not be understood, or is for none of our zones.
    Error,
    /// Records of a zone file.
    Static,
    /// An az's addresses or name, alone or as hints in records of a zone file.
    Steered,
    /// The name exists, but not with this type.
    NoData,
    /// The name does not exist.
    NoName,
    /// Another server's zone.
    Referral,
    /// Too long for the transport.
    Truncated,
}

impl Kind {
    /// Every kind with its name in metrics, ordered as the discriminants are.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Dropped, "dropped"),
        (Self::Error, "error"),
        (Self::Static, "static"),
        (Self::Steered, "steered"),
        (Self::NoData, "nodata"),
        (Self::NoName, "nxdomain"),
        (Self::Referral, "referral"),
        (Self::Truncated, "truncated"),
    ];
}

/// Watches decisions as they are made; `()` watches nothing and costs nothing.
pub(super) trait Observer<'s> {
    /// A pool's name was reached and an az chosen.
    fn steered(&mut self, steered: &Steered<'s>);
}

impl Observer<'_> for () {
    fn steered(&mut self, _: &Steered<'_>) {}
}

/// Answers `request` from `snapshot` into `out`, which should hold 65,535 octets for TCP and
/// 4,096 for UDP: a shorter one truncates.
pub fn answer(snapshot: &Snapshot, request: &Request<'_>, out: &mut [u8]) -> Answer {
    answer_observed(snapshot, request, out, &mut ())
}

/// As [`answer`], with an observer.
pub(super) fn answer_observed<'s>(
    snapshot: &'s Snapshot,
    request: &Request<'_>,
    out: &mut [u8],
    observer: &mut impl Observer<'s>,
) -> Answer {
    let mut qname = Qname::ROOT;
    let query = match Query::parse(request.message, &mut qname) {
        Ok(query) => query,
        Err(Unanswerable::Drop) => return Answer::none(snapshot.generation),
        Err(Unanswerable::Reply { rcode, head, edns }) => {
            return refuse(snapshot, request, out, rcode, head, edns);
        }
    };
    let zone = match zone_of(&snapshot.zones.set, &qname, query.qtype) {
        _ if query.qclass != CLASS_IN => Err(Rcode::Refused),
        _ if matches!(query.qtype, RecordType::AXFR | RecordType::IXFR) => Err(Rcode::Refused),
        Some((index, Entry::Serving(zone))) => Ok((index, &**zone)),
        Some((_, Entry::Broken)) => Err(Rcode::ServFail),
        None => Err(Rcode::Refused),
    };
    let (index, zone) = match zone {
        Ok(zone) => zone,
        Err(rcode) => return refuse(snapshot, request, out, rcode, query.head, query.edns),
    };
    let subnet = query
        .edns
        .and_then(|edns| edns.client_subnet)
        .filter(|_| snapshot.answering.ecs.covers(request.peer));
    let limit = response_limit(snapshot, request, query.edns);
    let reserved = if query.edns.is_some() { Writer::opt_len(subnet) } else { 0 };
    let Some(writer) = Writer::new(out, query.head, limit, reserved) else {
        return Answer::none(snapshot.generation);
    };
    let mut response = Response {
        snapshot,
        zone_index: index,
        zone,
        peer: request.peer,
        subnet,
        id: query.head.id(),
        qtype: query.qtype,
        name: &mut qname,
        name_at: HEADER,
        writer,
        rcode: Rcode::NoError,
        kind: Kind::Static,
        scope: 0,
        pool: None,
        az: None,
    };
    let start = response.writer.mark();
    if response.resolve(observer).is_err() {
        response.writer.rewind(start);
        response.writer.set_truncated();
        response.kind = Kind::Truncated;
    }
    let Response { writer, rcode, kind, scope, pool, az, .. } = response;
    let opt = query.edns.map(|edns| OptRecord {
        udp_payload: snapshot.answering.udp_payload,
        dnssec_ok: edns.dnssec_ok,
        client_subnet: subnet.map(|subnet| (subnet, scope)),
    });
    let len = writer.finish(rcode, opt);
    Answer { len, rcode, kind, generation: snapshot.generation, pool, az }
}

impl Answer {
    fn none(generation: Generation) -> Self {
        Self {
            len: 0,
            rcode: Rcode::NoError,
            kind: Kind::Dropped,
            generation,
            pool: None,
            az: None,
        }
    }
}

/// The zone that a query is for: the closest to its name. DS of a zone's own name is asked of its
/// parent, where that is ours too (RFC 4035 section 3.1.4.1).
fn zone_of<'s>(
    zones: &'s ZoneSet,
    qname: &Qname,
    qtype: RecordType,
) -> Option<(ZoneIndex, &'s Entry)> {
    let name = qname.as_wire();
    let above = match name.split_first() {
        Some((&len, rest)) if qtype == RecordType::DS => rest.get(usize::from(len)..),
        _ => None,
    };
    above.and_then(|above| zones.closest(above)).or_else(|| zones.closest(name))
}

/// The longest response that the transport carries (RFC 1035 section 4.2, RFC 6891 section 6.2.5).
fn response_limit(snapshot: &Snapshot, request: &Request<'_>, edns: Option<Edns<'_>>) -> usize {
    match (request.transport, edns) {
        (Transport::Tcp, _) => usize::from(u16::MAX),
        (Transport::Udp, None) => 512,
        (Transport::Udp, Some(edns)) => {
            usize::from(edns.udp_payload.max(512).min(snapshot.answering.udp_payload))
        }
    }
}

/// An empty response with `rcode`.
fn refuse(
    snapshot: &Snapshot,
    request: &Request<'_>,
    out: &mut [u8],
    rcode: Rcode,
    head: Head<'_>,
    edns: Option<Edns<'_>>,
) -> Answer {
    let limit = response_limit(snapshot, request, edns);
    let reserved = if edns.is_some() { Writer::opt_len(None) } else { 0 };
    let Some(writer) = Writer::new(out, head, limit, reserved) else {
        return Answer::none(snapshot.generation);
    };
    let opt = edns.map(|edns| OptRecord {
        udp_payload: snapshot.answering.udp_payload,
        dnssec_ok: edns.dnssec_ok,
        client_subnet: None,
    });
    let len = writer.finish(rcode, opt);
    let generation = snapshot.generation;
    Answer { len, rcode, kind: Kind::Error, generation, pool: None, az: None }
}

/// How many CNAME and DNAME links are followed: more than any zone needs, and a bound for loops.
const MAX_LINKS: usize = 32;

/// RDATA of the answer to ANY (RFC 8482 section 4.2): HINFO with CPU "RFC8482" and an empty OS.
const ANY_HINFO: &[u8] = b"\x07RFC8482\x00";
const HINFO: RecordType = RecordType(13);
/// TTL of that record, in seconds.
const ANY_TTL: u32 = 3600;

/// What a step through the tree came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The answer stands.
    Done,
    /// The name at hand is another name for the one before.
    Alias,
}

/// A response while the tree is walked.
struct Response<'s, 'q> {
    snapshot: &'s Snapshot,
    zone_index: ZoneIndex,
    zone: &'s Zone,
    peer: IpAddr,
    subnet: Option<ClientSubnet<'q>>,
    id: u16,
    qtype: RecordType,
    /// The name at hand: QNAME, then each that a CNAME or DNAME leads to.
    name: &'q mut Qname,
    /// Where in the response it stands.
    name_at: usize,
    writer: Writer<'q>,
    rcode: Rcode,
    kind: Kind,
    scope: u8,
    pool: Option<PoolId>,
    az: Option<AzId>,
}

impl<'s> Response<'s, '_> {
    /// RFC 1034 section 4.3.2 from step 3 on, within one zone.
    fn resolve(&mut self, observer: &mut impl Observer<'s>) -> Result<(), Full> {
        let (mut earlier, mut again) = (None::<Qname>, 1);
        for link in 1..=MAX_LINKS {
            let step = match self.zone.find(self.name.as_wire()) {
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
    fn negative(&mut self, kind: Kind, ttl: Option<u32>) -> Result<(), Full> {
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

    fn put(&mut self, section: Section, owner: usize, set: RrSet<'_>) -> Result<usize, Full> {
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
