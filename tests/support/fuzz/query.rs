//! Any octets at the port: silence or a response that keeps every promise, over UDP and TCP alike.
//!
//! The first octet of an input says who asks and how the azs are; the rest is what arrives: one
//! datagram, one message of a stream, and a stream of messages as it stands.

use std::fs;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use meridian::answer::{Answering, EcsTrust, Request, Snapshot, Transport};
use meridian::serve::tcp::take_message;
use meridian::time::Wall;
use meridian::wire::{Qname, Query, Rcode};

use super::response::ask;
use super::world::World;

/// Holds what the server makes of `input` to its promises.
pub fn check(input: &[u8]) {
    let Some((&first, octets)) = input.split_first() else { return };
    let snapshot = &SNAPSHOTS[usize::from(first >> 3) % SNAPSHOTS.len()];
    let peer: IpAddr = PEERS[usize::from(first & 7)].parse().unwrap();
    let request = |message, transport| Request { message, peer, transport, now: NOW };

    let by_udp = ask(snapshot, &request(octets, Transport::Udp));
    let by_tcp = ask(snapshot, &request(octets, Transport::Tcp));
    assert_eq!(by_udp.is_some(), by_tcp.is_some());
    if let (Some(udp), Some(tcp)) = (&by_udp, &by_tcp) {
        if tcp.answer.rcode == Rcode::FormErr && has_timeout(octets) {
            assert!(tcp.message.answers.is_empty());
        } else if udp.is_truncated() {
            assert!(udp.octets.len() < tcp.octets.len(), "truncated without need");
        } else {
            assert_eq!(udp.message.answers, tcp.message.answers);
            assert_eq!(udp.message.authorities, tcp.message.authorities);
            assert_eq!(udp.answer.rcode, tcp.answer.rcode);
        }
    }

    // A stream as it stands, and one that holds the octets twice.
    let mut stream = octets;
    let mut messages = vec![];
    while let Some((message, rest)) = split(stream) {
        messages.push(message);
        stream = rest;
    }
    let received = arriving(octets, octets);
    assert_eq!(received, messages);
    for message in &received {
        let _ = ask(snapshot, &request(message, Transport::Tcp));
    }
    let Ok(len) = u16::try_from(octets.len()) else { return };
    let framed = [&len.to_be_bytes(), octets].concat();
    assert_eq!(arriving(&framed.repeat(2), octets), [octets, octets]);
}

/// Whether it is a query with a TCP keepalive option that holds something, which TCP alone refuses (RFC
/// 7828 section 3.2.1).
fn has_timeout(message: &[u8]) -> bool {
    let mut name = Qname::ROOT;
    let edns = Query::parse(message, &mut name).ok().and_then(|query| query.edns);
    edns.and_then(|edns| edns.keepalive).is_some_and(|value| !value.is_empty())
}

/// The messages of a stream that arrives in pieces, as long as `cuts` say.
fn arriving(stream: &[u8], cuts: &[u8]) -> Vec<Vec<u8>> {
    let (mut waiting, mut messages, mut rest) = (vec![], vec![], stream);
    for cut in [0].iter().chain(cuts).cycle() {
        if rest.is_empty() {
            break;
        }
        let piece;
        (piece, rest) = rest.split_at(rest.len().min(1 + usize::from(*cut)));
        waiting.extend_from_slice(piece);
        let mut tail = &waiting[..];
        while let Some((message, after)) = take_message(tail) {
            messages.push(message.to_vec());
            tail = after;
        }
        waiting = tail.to_vec();
    }
    messages
}

/// The first message of a stream, found another way than the server finds it.
fn split(stream: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = usize::from(*stream.first()?) << 8 | usize::from(*stream.get(1)?);
    (stream.len() >= 2 + len).then(|| stream[2..].split_at(len))
}

/// Addresses that the databases know, that rules name, that can't be routed, and that are embedded.
const PEERS: [&str; 8] = [
    "1.0.0.9",
    "1.0.0.129",
    "2.0.128.7",
    "10.1.2.3",
    "2400:1:8000::1",
    "2a00:1:0:1::1",
    "::ffff:7.0.0.1",
    "203.0.113.200",
];

const NOW: Wall = Wall::from_epoch(Duration::from_secs(1_800_000_000));

/// The same zones in different health, and answering by different rules.
static SNAPSHOTS: LazyLock<Vec<Snapshot>> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("city.mmdb"), CITY).unwrap();
    let mut world = World::in_directory(directory, include_str!("../../fixtures/fuzz/world.txt"));
    let mut snapshots = vec![world.snapshot()];
    world.settle();
    snapshots.push(world.snapshot());
    for az in ["sydney", "tokyo", "frankfurt", "saopaulo"] {
        world.fail(az);
        snapshots.push(world.snapshot());
    }
    world.restore("tokyo");
    snapshots.push(world.snapshot());
    world.settle();
    let answering = |answering| Snapshot { answering: Arc::new(answering), ..world.snapshot() };
    let settled = &world.snapshot().answering;
    let trusted = ["1.0.0.0/8", "2400::/16"].map(|net| net.parse().unwrap());
    let large = Answering { udp_payload: 4096, ..Answering::clone(settled) };
    let blind = Answering { ecs: EcsTrust::Nobody, ..Answering::clone(settled) };
    let trusting = Answering { ecs: EcsTrust::From(trusted.into()), ..Answering::clone(settled) };
    snapshots.extend([large, blind, trusting].map(answering));
    snapshots
});

const CITY: &[u8] = include_bytes!("../../fixtures/mmdb/city.mmdb");
