//! The answering function: a query and a snapshot in, a response out.
//!
//! It follows RFC 1034 section 4.3.2 through the zone's tree, and where it meets a name that a pool
//! is bound to, asks `super::steer` for the az. It allocates nothing, takes no lock and reads no
//! clock. UDP, TCP and `explain` all call it.

mod lookup;
mod pool;

use std::net::IpAddr;

use crate::route::{AzId, PoolId};
use crate::time::Wall;
use crate::wire::{
    CLASS_IN, Edns, HEADER, Head, OptRecord, Qname, Query, Rcode, RecordType, Unanswerable, Writer,
};
use crate::zone::{Entry, ZoneIndex, ZoneSet};

use super::snapshot::{Generation, Snapshot};
use super::steer::Steered;
use lookup::Response;

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
