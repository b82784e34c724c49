//! RFC 6840 and RFC 4035: the bits AD, CD and DO at a server that signs and validates nothing.

use super::{Ask, World, show};

const AD: u8 = 0x20;
const CD: u8 = 0x10;

fn world() -> World {
    World::with_faults(&format!(
        "=== zones/example.zone\n{}www A 192.0.2.1\nsub NS ns.test.\n\
         === zones/broken.example.zone\nnonsense\n",
        super::world::HEAD
    ))
}

/// The third and fourth octet of the response to a query that has the bits `set`.
fn flags(question: &str, set: u8) -> [u8; 2] {
    let server = super::server::Server::start(world().snapshot());
    let mut query = Ask::new(question).message();
    query[3] |= set;
    let response = server.ask(&query);
    [response[2], response[3] & 0xf0]
}

#[test]
fn rfc_4035_section_3_1_6_ad_and_cd_are_clear_in_every_response() {
    for question in ["www.example. A", "gone.example. A", "x.sub.example. A", "www.test. A"] {
        let plain = flags(question, 0);
        assert_eq!(plain[1], 0, "{question}");
        for set in [AD, CD, AD | CD] {
            assert_eq!(flags(question, set), plain, "{question}");
        }
    }
}

#[test]
fn section_5_7_a_query_with_ad_is_answered_as_one_without() {
    let snapshot = world().snapshot();
    let server = super::server::Server::start(snapshot);
    let mut query = Ask::new("www.example. A +do").message();
    let plain = server.ask(&query);
    query[3] |= AD;
    assert_eq!(server.ask(&query), plain);
}

#[test]
fn section_5_9_cd_does_not_open_what_does_not_load() {
    let server = super::server::Server::start(world().snapshot());
    let mut query = Ask::new("www.broken.example. A").message();
    query[3] |= CD;
    assert_eq!(show(&server.ask(&query)), "SERVFAIL");
}

#[test]
fn rfc_3225_section_3_do_is_copied() {
    let snapshot = world().snapshot();
    for (question, expected) in [
        ("www.example. A +do", "NOERROR aa edns=1232 do\nan www.example. 3600 A 192.0.2.1"),
        ("www.example. A +edns", "NOERROR aa edns=1232\nan www.example. 3600 A 192.0.2.1"),
        ("www.test. A +do", "REFUSED edns=1232 do"),
        ("www.broken.example. A +do", "SERVFAIL edns=1232 do"),
        ("www.example. A +do +version=1", "BADVERS edns=1232 do"),
    ] {
        super::check(&snapshot, question, expected);
    }
}
