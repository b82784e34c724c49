//! The answering function: a query and a snapshot in, a response out.
//!
//! It follows RFC 1034 section 4.3.2 through the zone's tree, and where it meets a name that a pool
//! is bound to, asks `super::steer` for the az. It allocates nothing, takes no lock and reads no
//! clock. UDP, TCP and `explain` all call it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::route::{AzId, Family, PoolId};
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
    /// The az whose addresses were given.
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
    /// An az's addresses.
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
    let query = match Query::parse(request.message) {
        Ok(query) => query,
        Err(Unanswerable::Drop) => return Answer::none(snapshot.generation),
        Err(Unanswerable::Reply { rcode, head, edns }) => {
            return refuse(snapshot, request, out, rcode, head, edns);
        }
    };
    let zone = match zone_of(&snapshot.zones.set, &query) {
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
        writer,
        rcode: Rcode::NoError,
        kind: Kind::Static,
        scope: 0,
        pool: None,
        az: None,
    };
    let start = response.writer.mark();
    if response.resolve(query.qname, observer).is_err() {
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
fn zone_of<'s>(zones: &'s ZoneSet, query: &Query<'_>) -> Option<(ZoneIndex, &'s Entry)> {
    let name = query.qname.as_wire();
    let above = match name.split_first() {
        Some((&len, rest)) if query.qtype == RecordType::DS => rest.get(usize::from(len)..),
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

/// A name on the way through a CNAME chain, and where in the response it stands.
struct Link {
    name: Qname,
    at: usize,
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
    writer: Writer<'q>,
    rcode: Rcode,
    kind: Kind,
    scope: u8,
    pool: Option<PoolId>,
    az: Option<AzId>,
}

impl<'s> Response<'s, '_> {
    /// RFC 1034 section 4.3.2 from step 3 on, within one zone.
    fn resolve(&mut self, qname: Qname, observer: &mut impl Observer<'s>) -> Result<(), Full> {
        let mut link = Link { name: qname, at: HEADER };
        for _ in 0..MAX_LINKS {
            let next = match self.zone.find(link.name.as_wire()) {
                Found::Exact(node) | Found::Wildcard { node, .. } => {
                    self.at_node(node, &link, observer)?
                }
                Found::Delegation(cut) => {
                    return self.at_cut(cut, &link);
                }
                Found::Dname(node) => self.at_dname(node, &link)?,
                Found::NoName { .. } => {
                    self.rcode = Rcode::NxDomain;
                    return self.negative(&link, Kind::NoName, None);
                }
            };
            match next {
                Some(next) if self.is_in_zone(&next.name) => link = next,
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// The name exists: its pool, its records, its CNAME, or nothing of the type.
    fn at_node(
        &mut self,
        node: Node<'s>,
        link: &Link,
        observer: &mut impl Observer<'s>,
    ) -> Result<Option<Link>, Full> {
        self.writer.set_authoritative();
        if let Some(pool) =
            node.binding().and_then(|binding| self.snapshot.zones.pool(self.zone_index, binding))
            && matches!(self.qtype, RecordType::A | RecordType::AAAA)
        {
            self.at_pool(pool, link, observer)?;
            return Ok(None);
        }
        if let Some(set) = node.set(self.qtype) {
            self.put(Section::Answer, link.at, set)?;
            return Ok(None);
        }
        let Some(set) = node.set(RecordType::CNAME) else {
            if self.qtype == RecordType::ANY && !is_empty_non_terminal(node) {
                self.writer.put_record(Section::Answer, link.at, HINFO, ANY_TTL, ANY_HINFO)?;
            } else {
                self.negative(link, Kind::NoData, None)?;
            }
            return Ok(None);
        };
        self.put(Section::Answer, link.at, set)?;
        // ANY matches the alias itself (RFC 8482 section 4.2).
        if self.qtype == RecordType::ANY {
            return Ok(None);
        }
        let target = set.rdatas().next().unwrap_or(&[0]);
        let at = self.writer.len() - target.len();
        Ok(Qname::read(target).map(|name| Link { name, at }))
    }

    /// The name is steered and one of its address families asked for.
    fn at_pool(
        &mut self,
        pool_id: PoolId,
        link: &Link,
        observer: &mut impl Observer<'s>,
    ) -> Result<(), Full> {
        let Some(steered) = Steered::decide(self.snapshot, pool_id, self.peer, self.subnet) else {
            self.rcode = Rcode::ServFail;
            self.kind = Kind::Error;
            return Ok(());
        };
        observer.steered(&steered);
        self.pool = Some(pool_id);
        let wanted = if self.qtype == RecordType::A { Family::V4 } else { Family::V6 };
        // What no client could see otherwise has scope 0.
        if steered.pool.has_family(wanted) {
            self.scope = self.scope.max(steered.scope());
        }
        let (at, ttl) = (link.at, steered.ttl);
        let given = match (wanted, steered.az) {
            (Family::V4, Some(az)) => {
                self.put_rotated(at, RecordType::A, ttl, &az.addresses_v4, Ipv4Addr::octets)?
            }
            (Family::V6, Some(az)) => {
                self.put_rotated(at, RecordType::AAAA, ttl, &az.addresses_v6, Ipv6Addr::octets)?
            }
            (_, None) => 0,
        };
        if given == 0 {
            return self.negative(link, Kind::NoData, Some(ttl));
        }
        self.kind = Kind::Steered;
        self.az = steered.az_id;
        Ok(())
    }

    /// Address records, rotated by the query's ID so that each endpoint comes first equally often.
    /// Returns how many.
    fn put_rotated<T, const N: usize>(
        &mut self,
        owner: usize,
        rtype: RecordType,
        ttl: u32,
        addresses: &[T],
        octets: fn(&T) -> [u8; N],
    ) -> Result<usize, Full> {
        let first = usize::from(self.id).checked_rem(addresses.len()).unwrap_or(0);
        let (last, rest) = addresses.split_at(first);
        for address in rest.iter().chain(last) {
            self.writer.put_record(Section::Answer, owner, rtype, ttl, &octets(address))?;
        }
        Ok(addresses.len())
    }

    /// The name is at or below a delegation.
    fn at_cut(&mut self, cut: Node<'s>, link: &Link) -> Result<(), Full> {
        let at = self.suffix_at(link, cut.depth());
        // RFC 4035 section 3.1.4.1: DS belongs to the parent side of the cut.
        if self.qtype == RecordType::DS && at == link.at {
            self.writer.set_authoritative();
            return match cut.set(RecordType::DS) {
                Some(set) => self.put(Section::Answer, link.at, set).map(|_| ()),
                None => self.negative(link, Kind::NoData, None),
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
    fn at_dname(&mut self, node: Node<'s>, link: &Link) -> Result<Option<Link>, Full> {
        self.writer.set_authoritative();
        let Some(set) = node.set(RecordType::DNAME) else { return Ok(None) };
        let owner = self.suffix_at(link, node.depth());
        self.put(Section::Answer, owner, set)?;
        let target = set.rdatas().next().unwrap_or(&[0]);
        let Some(name) = link.name.with_suffix(owner - link.at, target) else {
            self.rcode = Rcode::YxDomain;
            return Ok(None);
        };
        let at = self.writer.put_record(
            Section::Answer,
            link.at,
            RecordType::CNAME,
            set.ttl(),
            name.as_wire(),
        )?;
        Ok(Some(Link { name, at }))
    }

    /// NODATA or NXDOMAIN: the SOA in the authority section (RFC 2308 section 3), its TTL at most
    /// `ttl`.
    fn negative(&mut self, link: &Link, kind: Kind, ttl: Option<u32>) -> Result<(), Full> {
        self.writer.set_authoritative();
        self.kind = kind;
        let soa = self.zone.negative_soa();
        let owner = self.suffix_at(link, self.zone.apex().depth());
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

    /// Where in the response the last `labels` labels of the link's name stand.
    fn suffix_at(&self, link: &Link, labels: usize) -> usize {
        link.at + link.name.suffix_offset(labels).unwrap_or(0)
    }

    fn is_in_zone(&self, name: &Qname) -> bool {
        match self.snapshot.zones.set.closest(name.as_wire()) {
            Some((index, Entry::Serving(_))) => index == self.zone_index,
            _ => false,
        }
    }
}

/// Whether the name exists only for the names below it (RFC 4592 section 2.2.2).
fn is_empty_non_terminal(node: Node<'_>) -> bool {
    node.binding().is_none() && node.sets().len() == 0
}
