//! What was asked for is shown by az where azs have capacities, over every transport.

use serde_json::Value;

use super::client::{Client, Connection};
use super::fleet::{Fleet, POLICY};
use super::host::{Host, SERVER};

/// The counts of the pool's azs, by their names.
fn queries(host: &Host) -> Vec<(String, Value)> {
    let status = host.meridian(&["status", "--format", "json"]).success();
    let status: Value = serde_json::from_str(&status).unwrap();
    let azs = status["health"]["pools"][0]["azs"].as_array().unwrap();
    azs.iter().map(|az| (az["name"].as_str().unwrap().into(), az["queries"].clone())).collect()
}

fn counts(paris: u64, saopaulo: u64, sydney: u64) -> Vec<(String, Value)> {
    let counts = [("paris", paris), ("saopaulo", saopaulo), ("sydney", sydney)];
    counts.map(|(az, count)| (az.into(), count.into())).into()
}

#[test]
fn queries_are_shown_by_the_first_az_of_who_asks() {
    let mut fleet = Fleet::new();
    let host = fleet.host(POLICY);
    host.write("meridian.toml", &format!("{SERVER}capacity = 1000\n"));
    let mut daemon = host.start();
    let client = Client::of(daemon.address());
    assert_eq!(queries(&host), counts(0, 0, 0));
    for _ in 0..20 {
        client.ask("www.app.example A from 1.0.0.0/24");
    }
    Connection::to(daemon.address()).ask("www.app.example A from 2.0.0.0/24");
    // Nothing that a pool decides.
    client.ask("text.app.example TXT from 2.0.0.0/24");
    assert_eq!(queries(&host), counts(1, 0, 20));
    fleet.sydney.kill();
    daemon.transition("sydney is out of app.example:web", "connection refused");
    client.ask("www.app.example A from 1.0.0.0/24");
    assert_eq!(queries(&host), counts(1, 0, 21), "whichever az they are given");
    let text = host.meridian(&["status"]).success();
    assert!(text.contains("; 21 queries in "), "{text}");
    assert!(text.contains("; 1 query in "), "{text}");
    host.meridian(&["reload"]).success();
    client.ask("www.app.example A from 1.0.0.0/24");
    assert_eq!(queries(&host), counts(0, 0, 1), "a reload begins anew");
}

#[test]
fn without_capacities_no_queries_are_counted() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let daemon = host.start();
    Client::of(daemon.address()).ask("www.app.example A from 1.0.0.0/24");
    assert!(queries(&host).iter().all(|(_, count)| count.is_null()));
    assert!(!host.meridian(&["status"]).success().contains("quer"));
}
