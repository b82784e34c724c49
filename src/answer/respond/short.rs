//! What is sent in place of a response over the rate limit: no longer than the query but for a
//! cookie of ours, and enough for an honest client to come through.

use super::{Answer, Kind, Request, is_proven, opt, prove, response_limit};
use crate::answer::snapshot::Snapshot;
use crate::wire::{OptRecord, Qname, Query, Rcode, Unanswerable, Writer};

/// Answers `request` into `out` without what it asks for: a client that has a cookie is given one of ours
/// and told to come back with it (RFC 7873 section 5.2.3), any other is told to use TCP.
pub fn shorten(snapshot: &Snapshot, request: &Request<'_>, out: &mut [u8]) -> Answer {
    let mut qname = Qname::ROOT;
    let (rcode, head, edns) = match Query::parse(request.message, &mut qname) {
        Ok(query) => (Rcode::NoError, query.head, query.edns),
        Err(Unanswerable::Reply { rcode, head, edns, .. }) => (rcode, head, edns),
        Err(Unanswerable::Cookie { head, edns }) => (Rcode::NoError, head, Some(edns)),
        Err(Unanswerable::Drop) => return Answer::none(snapshot.generation),
    };
    let proof = prove(snapshot, request, edns);
    let is_understood = rcode == Rcode::NoError;
    let has_cookie = is_understood && proof.is_some();
    let rcode = if has_cookie { Rcode::BadCookie } else { rcode };
    let cookie = proof.map(|proof| proof.cookie);
    let subnet = edns.and_then(|edns| edns.client_subnet);
    let is_honoured = is_understood && snapshot.answering.ecs.covers(request.peer);
    let subnet = subnet.filter(|_| is_honoured);
    let opt = edns.map(|edns| OptRecord {
        nsid: None,
        report_channel: None,
        ..opt::of(snapshot, request, edns, &qname, subnet, cookie)
    });
    let limit = response_limit(snapshot, request, edns);
    let reserved = opt.as_ref().map_or(0, OptRecord::reserved);
    let Some(mut writer) = Writer::new(out, head, limit, reserved) else {
        return Answer::none(snapshot.generation);
    };
    let kind = if has_cookie {
        Kind::Error
    } else {
        writer.set_truncated();
        Kind::Truncated
    };
    Answer {
        len: writer.finish(rcode, opt),
        rcode,
        kind,
        is_proven: is_proven(request, proof),
        ..Answer::none(snapshot.generation)
    }
}
