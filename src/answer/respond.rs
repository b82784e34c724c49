//! The answering function: a query and a snapshot in, a response out.
//!
//! It follows RFC 1034 section 4.3.2 through the zone's tree, and where it meets a name that a pool
//! is bound to, asks `super::steer` for the az. It allocates nothing, takes no lock and reads no
//! clock. UDP, TCP and `explain` all call it.

mod additional;
mod chain;
mod extended;
mod lookup;
mod opt;
mod pool;
mod referral;
mod short;

use std::net::IpAddr;

use crate::geo::PreferenceId;
use crate::route::{AzId, PoolId};
use crate::time::Wall;
use crate::wire::{
    CLASS_CH, CLASS_IN, Edns, ExtendedError, Full, HEADER, OptRecord, Proof, Qname, Query, Rcode,
    RecordType, Section, Unanswerable, Writer,
};
use crate::zone::{Entry, Found, NodeIndex, Zone, ZoneIndex, ZoneSet};

use super::snapshot::{Generation, Snapshot};
use super::steer::Steered;
use lookup::Response;

pub use short::shorten;

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
    /// The order of azs that the client has in it, whichever of them it was given.
    pub preference: Option<PreferenceId>,
    /// The az whose addresses or name were given.
    pub az: Option<AzId>,
    /// The zone that was asked.
    pub zone: Option<ZoneIndex>,
    /// Where in it the look-up of the question's name ended: one place for all names that a wildcard, a
    /// delegation or a DNAME answers for. `None` where there is no such name.
    pub node: Option<NodeIndex>,
    /// Whether the client is known to be at the address that it sent from: by TCP, or a valid cookie.
    pub is_proven: bool,
}

/// Kinds of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// None: the message was not a query, or its answer was over the rate limit.
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
    let (head, edns, tsig, source) = match Query::parse(request.message, &mut qname) {
        Ok(query) => {
            let source = Source::of(snapshot, request, &query, &qname);
            (query.head, query.edns, query.tsig, source)
        }
        Err(Unanswerable::Drop) => return Answer::none(snapshot.generation),
        Err(Unanswerable::Reply { rcode, head, edns }) => {
            (head, edns, None, Source::Nowhere(Refusal::of(rcode)))
        }
        Err(Unanswerable::Cookie { head, edns }) => {
            let rcode = match prove(snapshot, request, Some(edns)) {
                None => Rcode::FormErr,
                Some(proof) if edns.has_server_cookie() && !proof.is_valid => Rcode::BadCookie,
                Some(_) => Rcode::NoError,
            };
            (head, Some(edns), None, Source::Nowhere(Refusal::of(rcode)))
        }
    };
    let subnet = edns.and_then(|edns| edns.client_subnet).filter(|_| {
        source.is_of_a_query_understood() && snapshot.answering.ecs.covers(request.peer)
    });
    let proof = prove(snapshot, request, edns);
    let cookie = proof.map(|proof| proof.cookie);
    let opt = edns.map(|edns| opt::of(snapshot, request, edns, &qname, subnet, cookie));
    let limit = response_limit(snapshot, request, edns);
    let reserved = opt.as_ref().map_or(0, OptRecord::reserved);
    let Some(writer) = Writer::new(out, head, limit, reserved) else {
        return Answer::none(snapshot.generation);
    };
    let zone = source.zone();
    let Reply { writer, rcode, kind, node, scope, pool, preference, az, error } = match source {
        Source::Zone { index, zone, qtype } => {
            let response = Response {
                snapshot,
                zone_index: index,
                zone,
                peer: request.peer,
                transport: request.transport,
                subnet,
                id: head.id(),
                qtype,
                name: &mut qname,
                name_at: HEADER,
                writer,
                rcode: Rcode::NoError,
                kind: Kind::Static,
                node: None,
                scope: 0,
                pool: None,
                preference: None,
                az: None,
                error: None,
            };
            reply(response, observer)
        }
        Source::Chaos(record) => chaos(writer, record),
        Source::Nowhere(Refusal { rcode, error }) => {
            Reply { rcode, kind: Kind::Error, error, ..Reply::of(writer) }
        }
    };
    let client_subnet = subnet.map(|subnet| (subnet, scope));
    let opt = opt.map(|opt| OptRecord {
        client_subnet,
        error,
        // What a query is refused for is nobody's fault but its sender's.
        report_channel: opt
            .report_channel
            .filter(|_| kind != Kind::Error || rcode == Rcode::ServFail),
        ..opt
    });
    let len = match tsig {
        None => writer.finish(rcode, opt),
        Some(tsig) => writer.finish_bad_key(rcode, opt, &tsig),
    };
    Answer {
        len,
        rcode,
        kind,
        generation: snapshot.generation,
        pool,
        preference,
        az,
        zone,
        node,
        is_proven: is_proven(request, proof),
    }
}

/// Where the answer to a query comes from.
enum Source<'s> {
    /// A zone.
    Zone { index: ZoneIndex, zone: &'s Zone, qtype: RecordType },
    /// What the server says of itself: one record, or none of the type.
    Chaos(Option<&'s [u8]>),
    /// Nowhere.
    Nowhere(Refusal),
}

/// A response that is a code alone.
struct Refusal {
    rcode: Rcode,
    error: Option<ExtendedError>,
}

/// A response but for its OPT record.
struct Reply<'q> {
    writer: Writer<'q>,
    rcode: Rcode,
    kind: Kind,
    node: Option<NodeIndex>,
    scope: u8,
    pool: Option<PoolId>,
    preference: Option<PreferenceId>,
    az: Option<AzId>,
    error: Option<ExtendedError>,
}

impl<'s> Source<'s> {
    fn of(snapshot: &'s Snapshot, request: &Request<'_>, query: &Query<'_>, qname: &Qname) -> Self {
        if query.tsig.is_some() {
            return Self::Nowhere(Refusal::of(Rcode::NotAuth));
        }
        if query.edns.is_some_and(|edns| has_bad_option(snapshot, request, edns)) {
            return Self::Nowhere(Refusal::of(Rcode::FormErr));
        }
        let refused = |error| Self::Nowhere(Refusal { rcode: Rcode::Refused, error: Some(error) });
        match (query.qclass, query.qtype) {
            (CLASS_IN | CLASS_CH, RecordType::AXFR | RecordType::IXFR) => {
                return refused(extended::ZONE_TRANSFER);
            }
            (CLASS_IN | CLASS_CH, qtype) if qtype.is_meta() && qtype != RecordType::ANY => {
                return Self::Nowhere(Refusal::of_type(qtype));
            }
            (CLASS_IN, _) => {}
            (CLASS_CH, qtype) => match snapshot.answering.chaos.find(qname.as_wire()) {
                Some(record) => {
                    let is_txt = matches!(qtype, RecordType::TXT | RecordType::ANY);
                    return Self::Chaos(Some(record).filter(|_| is_txt));
                }
                None => return refused(extended::CLASS),
            },
            (_, _) => return refused(extended::CLASS),
        }
        match zone_of(&snapshot.zones.set, qname, query.qtype) {
            Some((index, Entry::Serving(zone))) => Self::Zone { index, zone, qtype: query.qtype },
            Some((_, Entry::Broken)) => Self::Nowhere(Refusal {
                rcode: Rcode::ServFail,
                error: Some(extended::BROKEN_ZONE),
            }),
            None => refused(extended::NOT_AUTHORITATIVE),
        }
    }

    fn zone(&self) -> Option<ZoneIndex> {
        match *self {
            Self::Zone { index, .. } => Some(index),
            Self::Chaos(_) | Self::Nowhere(_) => None,
        }
    }

    /// Whether the query was read whole and asks what is asked of a server here: then what it says
    /// of its client counts, whatever becomes of it.
    fn is_of_a_query_understood(&self) -> bool {
        match self {
            Self::Zone { .. } | Self::Chaos(_) => true,
            Self::Nowhere(Refusal { rcode, .. }) => {
                matches!(rcode, Rcode::Refused | Rcode::ServFail)
            }
        }
    }
}

impl Refusal {
    /// The refusal of a QTYPE that no records can have: mailboxes are not looked up by kind (RFC 1035
    /// section 3.2.3), and other meta types are no question (RFC 9824 section 3.5).
    fn of_type(qtype: RecordType) -> Self {
        match qtype {
            MAILB | MAILA => Self { rcode: Rcode::NotImp, error: Some(extended::TYPE) },
            _ => Self { rcode: Rcode::FormErr, error: None },
        }
    }

    /// The refusal of what is no query or can't be read.
    fn of(rcode: Rcode) -> Self {
        let error = (rcode == Rcode::NotImp).then_some(extended::OPCODE);
        Self { rcode, error }
    }
}

impl<'q> Reply<'q> {
    /// With nothing but what `writer` holds.
    fn of(writer: Writer<'q>) -> Self {
        Self {
            writer,
            rcode: Rcode::NoError,
            kind: Kind::Static,
            node: None,
            scope: 0,
            pool: None,
            preference: None,
            az: None,
            error: None,
        }
    }
}

/// The way through a zone; what does not fit is truncated.
fn reply<'s, 'q>(mut response: Response<'s, 'q>, observer: &mut impl Observer<'s>) -> Reply<'q> {
    let start = response.writer.mark();
    if response.resolve(observer).is_err() {
        response.writer.rewind(start);
        response.writer.set_truncated();
        response.kind = Kind::Truncated;
    }
    let Response { writer, rcode, kind, node, scope, pool, preference, az, error, .. } = response;
    Reply { writer, rcode, kind, node, scope, pool, preference, az, error }
}

/// What the server says of itself (RFC 4892 section 3).
fn chaos<'q>(mut writer: Writer<'q>, record: Option<&[u8]>) -> Reply<'q> {
    writer.set_authoritative();
    let put = record.map(|record| writer.put_set(Section::Answer, HEADER, record, 1));
    let kind = match put {
        Some(Ok(_)) => Kind::Static,
        Some(Err(Full)) => {
            writer.set_truncated();
            Kind::Truncated
        }
        None => Kind::NoData,
    };
    Reply { kind, ..Reply::of(writer) }
}

impl Answer {
    /// That there is none.
    pub fn none(generation: Generation) -> Self {
        Self {
            len: 0,
            rcode: Rcode::NoError,
            kind: Kind::Dropped,
            generation,
            pool: None,
            preference: None,
            az: None,
            zone: None,
            node: None,
            is_proven: false,
        }
    }
}

/// What the query's cookie proves; `None` where it has none, or cookies are not answered.
fn prove(snapshot: &Snapshot, request: &Request<'_>, edns: Option<Edns<'_>>) -> Option<Proof> {
    Some(snapshot.cookies.as_ref()?.prove(edns?.cookie?, request.peer, request.now))
}

/// Whether the client is at the address it says: a handshake proves as much as a cookie.
fn is_proven(request: &Request<'_>, proof: Option<Proof>) -> bool {
    match request.transport {
        Transport::Tcp => true,
        Transport::Udp => proof.is_some_and(|proof| proof.is_valid),
    }
}

/// Whether an option that counts here holds what none may.
fn has_bad_option(snapshot: &Snapshot, request: &Request<'_>, edns: Edns<'_>) -> bool {
    // RFC 7828 section 3.2: without a timeout over TCP, and nothing over UDP.
    let bad_keepalive = edns.keepalive.is_some_and(|value| !value.is_empty());
    bad_keepalive && request.transport == Transport::Tcp
        || edns.bad_client_subnet && snapshot.answering.ecs.covers(request.peer)
        || edns.bad_cookie && snapshot.cookies.is_some()
}

/// The zone that a query is for: the closest to its name. DS of a zone's own name is asked of the
/// zone above, where that is ours too and knows of the delegation (RFC 4035 section 3.1.4.1).
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
    let delegates = |entry: &Entry| match entry {
        Entry::Serving(zone) => matches!(zone.find(name), Found::Delegation(_)),
        Entry::Broken => true,
    };
    above
        .and_then(|above| zones.closest(above))
        .filter(|(_, entry)| delegates(entry))
        .or_else(|| zones.closest(name))
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

const MAILB: RecordType = RecordType(253);
const MAILA: RecordType = RecordType(254);
