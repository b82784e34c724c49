//! RFC 5001: NSID, by which a server tells which of many it is.

use super::opt::{ask, option, options, values};
use super::server::Server;
use super::{Ask, World};

const NSID: u16 = 3;
const IDENTITY: &str = "server.identity = \"ns1.test\"\n";

fn world(server: &str) -> World {
    World::new(&format!(
        "=== meridian.toml\ngeoip.databases = []\n{server}=== zones/example.zone\n{}www A 192.0.2.1\n",
        super::world::HEAD
    ))
}

#[test]
fn section_2_1_who_asks_is_told_over_udp_and_tcp() {
    let server = Server::start(world(IDENTITY).snapshot());
    let query = Ask { options: option(NSID, b""), ..Ask::new("www.example. A +edns") }.message();
    for response in [server.ask(&query), server.tcp(&query)] {
        assert_eq!(options(&response), [(NSID, b"ns1.test".to_vec())]);
    }
}

#[test]
fn section_2_1_who_does_not_ask_is_not_told() {
    assert_eq!(options(&ask(&world(IDENTITY), "www.example. A +edns", &[])), []);
}

#[test]
fn every_kind_of_response_tells() {
    let world = world(IDENTITY);
    for question in [
        "www.example. A +edns",
        "www.example. AAAA +edns",
        "gone.example. A +edns",
        "www.test. A +edns",
        "example. AXFR +edns",
    ] {
        let response = ask(&world, question, &option(NSID, b""));
        assert_eq!(values(&response, NSID), [b"ns1.test"], "{question}");
    }
}

#[test]
fn however_often_it_is_asked_for_it_comes_once() {
    let asked = option(NSID, b"");
    for times in 1..5 {
        let response = ask(&world(IDENTITY), "www.example. A +edns", &asked.repeat(times));
        assert_eq!(options(&response), [(NSID, b"ns1.test".to_vec())], "{times} times");
    }
}

#[test]
fn what_the_query_holds_of_it_does_not_matter() {
    let response = ask(&world(IDENTITY), "www.example. A +edns", &option(NSID, b"who?"));
    assert_eq!(options(&response), [(NSID, b"ns1.test".to_vec())]);
}

#[test]
fn a_server_without_an_identity_tells_nothing() {
    let response =
        ask(&world("server.identity = \"\"\n"), "www.example. A +edns", &option(NSID, b""));
    assert_eq!(options(&response), []);
}

#[test]
fn it_never_takes_the_room_of_a_record() {
    let identity = format!("server.identity = \"{}\"\n", "x".repeat(255));
    let addresses: String = (0..25).map(|n| format!("many A 192.0.2.{n}\n")).collect();
    let world = World::new(&format!(
        "=== meridian.toml\ngeoip.databases = []\n{identity}=== zones/example.zone\n{}{addresses}",
        super::world::HEAD
    ));
    let asked = option(NSID, b"");
    let response = ask(&world, "many.example. A +edns=512", &asked);
    assert_eq!(response[7], 25, "all records");
    assert_eq!(options(&response), []);
    let response = ask(&world, "many.example. A +edns=1232", &asked);
    assert_eq!((response[7], values(&response, NSID)), (25, vec![vec![b'x'; 255]]));
}
