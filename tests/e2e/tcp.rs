//! DNS over TCP (RFC 7766).

use std::collections::BTreeSet;
use std::io::Write;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::client::{Connection, answer, framed, query};
use super::daemon::Daemon;
use super::fleet::{Fleet, POLICY, SYDNEY};
use super::host::{APP, Host};

const QUESTIONS: [&str; 4] =
    ["text.app.example TXT", "ns1.app.example A", "app.example MX", "none.app.example A"];
const ANSWERS: [&str; 4] = ["first", "198.51.100.53", "NODATA", "NXDOMAIN"];

#[test]
fn messages_of_one_write_are_each_answered() {
    let daemon = Host::new().start();
    let mut connection = Connection::to(daemon.address());
    let queries = QUESTIONS.map(query);
    connection.send(&queries.iter().flat_map(framed).collect::<Vec<_>>());
    // Answers may come in any order (RFC 7766 section 7).
    let mut answers = BTreeSet::new();
    for _ in &queries {
        let response = connection.receive();
        answers.insert((response.metadata.id, answer(&response)));
    }
    let ids = queries.iter().map(|query| query.metadata.id);
    assert_eq!(answers, ids.zip(ANSWERS.map(Into::into)).collect());
}

#[test]
fn a_thousand_pipelined_queries_are_answered() {
    let daemon = Host::new().start();
    let mut connection = Connection::to(daemon.address());
    let queries: Vec<_> = (0..1000).map(|_| framed(&query("text.app.example TXT"))).collect();
    connection.send(&queries.concat());
    for _ in &queries {
        assert_eq!(answer(&connection.receive()), "first");
    }
}

#[test]
fn a_message_may_arrive_byte_by_byte() {
    let daemon = Host::new().start();
    let mut connection = Connection::to(daemon.address());
    for byte in framed(&query("text.app.example TXT")) {
        connection.send(&[byte]);
    }
    assert_eq!(answer(&connection.receive()), "first");
}

#[test]
fn a_message_may_be_split_anywhere() {
    let daemon = Host::new().start();
    let mut connection = Connection::to(daemon.address());
    let whole = framed(&query("text.app.example TXT"));
    for at in 1..whole.len() {
        let (head, tail) = whole.split_at(at);
        // What is answered in between proves that the head has been read alone.
        connection.send(&[&framed(&query("ns1.app.example A")), head].concat());
        assert_eq!(answer(&connection.receive()), "198.51.100.53");
        connection.send(tail);
        assert_eq!(answer(&connection.receive()), "first", "split at {at}");
    }
}

#[test]
fn an_idle_connection_survives_a_reload() {
    let host = Host::new();
    let daemon = host.start();
    let (mut used, mut fresh) =
        (Connection::to(daemon.address()), Connection::to(daemon.address()));
    assert_eq!(answer(&used.ask("text.app.example TXT")), "first");
    host.edit("zones/app.example.zone", "first", "second");
    host.meridian(&["reload"]).success();
    assert_eq!(answer(&used.ask("text.app.example TXT")), "second");
    assert_eq!(answer(&fresh.ask("text.app.example TXT")), "second");
}

#[test]
fn an_idle_connection_is_closed_in_time() {
    let host = Host::new();
    host.append("meridian.toml", "[server.tcp]\nidle = \"200ms\"\n");
    let daemon = host.start();
    let mut connection = Connection::to(daemon.address());
    assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
    assert!(connection.is_closed());
}

#[test]
fn a_client_has_no_more_connections_than_per_client() {
    let host = Host::new();
    host.append("meridian.toml", "[server.tcp]\nper_client = 3\n");
    let daemon = host.start();
    let mut open: Vec<_> = (0..3).map(|_| Connection::to(daemon.address())).collect();
    for connection in &mut open {
        assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
    }
    let mut newcomer = Connection::to(daemon.address());
    assert_eq!(answer(&newcomer.ask("text.app.example TXT")), "first");
    // It has the place of the one that was idle the longest.
    assert!(open[0].is_closed());
    for connection in &mut open[1..] {
        assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
    }
}

#[test]
fn there_are_no_more_connections_than_allowed() {
    let host = Host::new();
    host.append("meridian.toml", "[server.tcp]\nconnections = 2\n");
    let daemon = host.start();
    let mut open: Vec<_> = (0..3).map(|_| Connection::to(daemon.address())).collect();
    assert!(open[0].is_closed());
    for connection in &mut open[1..] {
        assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
    }
    assert_eq!(daemon.ask("text.app.example TXT"), "first");
}

#[test]
fn a_hundred_connections_are_served_side_by_side() {
    let daemon = Host::new().start();
    let mut open: Vec<_> = (0..100).map(|_| Connection::to(daemon.address())).collect();
    for _ in 0..2 {
        for connection in &mut open {
            connection.send(&framed(&query("text.app.example TXT")));
        }
        for connection in &mut open {
            assert_eq!(answer(&connection.receive()), "first");
        }
    }
}

#[test]
fn a_client_that_reads_no_answers_is_no_harm_to_others() {
    let host = Host::new();
    host.append("meridian.toml", "[server.tcp]\nidle = \"1h\"\n");
    host.write("zones/app.example.zone", &(APP.to_owned() + &many()));
    let mut daemon = host.start();
    let _deaf = deaf(&daemon);
    assert_eq!(answer(&Connection::to(daemon.address()).ask("text.app.example TXT")), "first");
    assert_eq!(daemon.ask("text.app.example TXT"), "first");
    // Not even to the end.
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn what_is_truncated_over_udp_is_whole_over_tcp() {
    let host = Host::new();
    host.write("zones/app.example.zone", &(APP.to_owned() + &many()));
    let daemon = host.start();
    let short = daemon.response("many.app.example AAAA");
    assert!(short.metadata.truncation);
    let whole = Connection::to(daemon.address()).ask("many.app.example AAAA");
    assert!(!whole.metadata.truncation);
    assert_eq!(whole.answers.len(), 100);
}

#[test]
fn what_is_not_a_query_is_no_harm_to_the_next() {
    let daemon = Host::new().start();
    let mut connection = Connection::to(daemon.address());
    // A message of no octets, one of three, and a response.
    let mut response = query("text.app.example TXT");
    response.metadata.message_type = hickory_proto::op::MessageType::Response;
    connection.send(&[&[0, 0, 0, 3, 1, 2, 3][..], &framed(&response)].concat());
    assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
}

#[test]
fn a_client_subnet_counts_over_tcp_too() {
    let fleet = Fleet::new();
    let daemon = fleet.host(POLICY).start();
    let mut connection = Connection::to(daemon.address());
    assert_eq!(answer(&connection.ask("www.app.example A from 1.0.0.0/24")), SYDNEY);
}

/// A hundred records of one name.
fn many() -> String {
    (0..100).map(|n| format!("many IN AAAA 2001:db8::{n:x}\n")).collect()
}

/// A client that has asked until the server took no more, since none of its answers was read.
fn deaf(daemon: &Daemon) -> Connection {
    let mut connection = Connection::to(daemon.address());
    let queries = framed(&query("many.app.example AAAA")).repeat(100);
    connection.stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    while connection.stream.write_all(&queries).is_ok() {}
    connection
}
