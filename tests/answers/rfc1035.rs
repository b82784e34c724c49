//! RFC 1035: the message, and what is not a query that can be answered.

use meridian::answer::Kind;

use super::server::Server;
use super::{Ask, World, check, show};

const ZONE: &str = "www A 192.0.2.1\n";

#[test]
fn a_response_is_never_answered() {
    let server = Server::start(World::of_zone("example", ZONE).snapshot());
    let query = Ask::new("www.example. A +id=2").message();
    let mut response = Ask::new("www.example. A +id=1").message();
    response[2] |= 0x80;
    let answers = server.udp(&[response, query], 1);
    assert_eq!(answers[0][..2], [0, 2]);
}

#[test]
fn less_than_a_header_and_nothing_at_all_are_never_answered() {
    let server = Server::start(World::of_zone("example", ZONE).snapshot());
    let query = Ask::new("www.example. A +id=7").message();
    let mut messages: Vec<_> = (0..12).map(|len| query[..len].to_vec()).collect();
    messages.push(query);
    assert_eq!(server.udp(&messages, 1)[0][..2], [0, 7]);
}

#[test]
fn the_question_comes_back_with_its_case() {
    let server = Server::start(World::of_zone("example", ZONE).snapshot());
    let query = Ask::new("wWw.eXaMpLe. A").message();
    for response in [server.ask(&query), server.tcp(&query)] {
        assert_eq!(response[12..][..17], query[12..][..17]);
        assert_eq!(show(&response), "NOERROR aa\nan wWw.eXaMpLe. 3600 A 192.0.2.1");
    }
}

#[test]
fn every_other_opcode_is_not_implemented() {
    let snapshot = World::of_zone("example", ZONE).snapshot();
    let server = Server::start(snapshot);
    for opcode in 1..16 {
        let mut query = Ask::new("www.example. A").message();
        query[2] |= opcode << 3;
        let response = server.ask(&query);
        assert_eq!(response[2], 0x80 | opcode << 3, "QR and the opcode");
        assert_eq!(response[3], 4, "NOTIMP");
        assert_eq!(response[4..], query[4..], "the question");
    }
}

#[test]
fn only_one_question_is_taken() {
    let server = Server::start(World::of_zone("example", ZONE).snapshot());
    for count in [0, 2, 255] {
        let mut query = Ask::new("www.example. A").message();
        query[5] = count;
        let response = server.ask(&query);
        assert_eq!(response, [0x12, 0x34, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0], "{count} questions");
    }
}

#[test]
fn a_question_that_is_cut_short_is_a_format_error() {
    let server = Server::start(World::of_zone("example", ZONE).snapshot());
    let query = Ask::new("www.example. A").message();
    for len in 12..query.len() {
        let response = server.ask(&query[..len]);
        assert_eq!((response.len(), response[3]), (12, 1), "{len} octets");
    }
}

#[test]
fn recursion_desired_comes_back_and_recursion_is_not_available() {
    let server = Server::start(World::of_zone("example", ZONE).snapshot());
    let mut query = Ask::new("www.example. A").message();
    query[2] |= 1;
    let response = server.ask(&query);
    assert_eq!(show(&response), "NOERROR aa rd\nan www.example. 3600 A 192.0.2.1");
}

#[test]
fn bits_that_only_resolvers_set_are_cleared() {
    // Z (section 4.1.1), AD and CD (RFC 4035 section 3.1.6), TC, AA and RA of the query.
    let server = Server::start(World::of_zone("example", ZONE).snapshot());
    let mut query = Ask::new("www.example. A").message();
    query[2] |= 0x06;
    query[3] |= 0xff;
    let response = server.ask(&query);
    assert_eq!(response[2..4], [0x84, 0]);
}

#[test]
fn other_classes_and_transfers_are_refused() {
    let snapshot = World::of_zone("example", ZONE).snapshot();
    for class in [2, 3, 4, 254, 255] {
        let ask = Ask { class, ..Ask::new("www.example. A") };
        assert_eq!(show(&ask.of(&snapshot).1), "REFUSED", "class {class}");
    }
    check(&snapshot, "example. AXFR +tcp", "REFUSED");
    check(&snapshot, "example. IXFR", "REFUSED");
}

#[test]
fn a_zone_that_did_not_load_answers_servfail_and_never_by_its_parent() {
    let worlds = World::with_faults(&format!(
        "=== zones/example.zone\n{}* A 192.0.2.1\n=== zones/sub.example.zone\nnonsense\n",
        super::world::HEAD
    ));
    let snapshot = worlds.snapshot();
    check(&snapshot, "www.sub.example. A", "SERVFAIL");
    check(&snapshot, "sub.example. SOA +edns", "SERVFAIL edns=1232");
    check(&snapshot, "www.example. A", "NOERROR aa\nan www.example. 3600 A 192.0.2.1");
    let (answer, _) = Ask::new("www.sub.example. A").of(&snapshot);
    assert_eq!(answer.kind, Kind::Error);
}
