//! Endpoints that answer and say that they are not fit to serve.

use super::daemon::Daemon;
use super::failover::{assert_all_home, assert_back};
use super::fleet::{Fleet, POLICY, SAOPAULO};
use super::host::Host;
use super::support::server::Behaviour;

#[test]
fn a_lagging_replica_is_passed_over_until_it_has_caught_up() {
    let (fleet, host, mut daemon) = replicas("closed");
    assert_all_home(&daemon);
    fleet.sydney.behave(replica(12));
    let lags = "not ready: $.replication.lag_seconds is 12, wanted < 5";
    daemon.transition("sydney is out of app.example:web", &format!("{lags}, 0 of 1 endpoints up"));
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SAOPAULO);
    let status = host.meridian(&["status"]).success();
    let sydney = status.lines().find(|line| line.trim().starts_with("192.0.2.1 ")).unwrap();
    assert!(sydney.contains(" unfit for ") && sydney.contains(lags), "{sydney}");
    let explained = host.meridian(&["explain", "www.app.example", "--client", "1.0.0.1"]).success();
    let line = explained.lines().find(|line| line.contains("sydney")).unwrap();
    assert!(line.contains("unfit") && line.contains(lags), "{explained}");
    fleet.sydney.behave(replica(0));
    assert_back(&mut daemon);
}

#[test]
fn where_every_replica_lags_no_writer_is_sent_anywhere() {
    let (fleet, _host, mut daemon) = replicas("closed");
    for (az, server) in
        [("sydney", &fleet.sydney), ("paris", &fleet.paris), ("saopaulo", &fleet.saopaulo)]
    {
        server.behave(replica(60));
        daemon.transition(&format!("{az} is out of app.example:web"), "not ready");
    }
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), "NODATA");
}

#[test]
fn a_body_that_is_not_json_is_a_failure() {
    let (fleet, host, mut daemon) = replicas("closed");
    fleet.sydney.behave(Behaviour::reply(200, "ready"));
    daemon.transition("sydney is out of app.example:web", "body is not JSON");
    let status = host.meridian(&["status"]).success();
    let sydney = status.lines().find(|line| line.trim().starts_with("192.0.2.1 ")).unwrap();
    assert!(sydney.contains(" down for "), "{sydney}");
}

#[test]
fn readiness_beside_an_open_pool_is_warned_of() {
    let (_fleet, host, _daemon) = replicas("open");
    let checked = host.meridian(&["check"]);
    let told = [checked.out, checked.err].concat();
    assert!(told.contains("warning[pool/fails-open]"), "{told}");
}

/// A fleet of databases whose replicas all keep up, and a server that asks them.
fn replicas(all_down: &str) -> (Fleet, Host, Daemon) {
    let fleet = Fleet::new();
    for server in [&fleet.sydney, &fleet.paris, &fleet.saopaulo] {
        server.behave(replica(0));
    }
    let ready = "ready = [\"$.replication.lag_seconds < 5\"]\npath =";
    let policy = POLICY.replace("path =", ready);
    let host = fleet.host(&policy.replace("hold =", &format!("all_down = \"{all_down}\"\nhold =")));
    let daemon = host.start();
    (fleet, host, daemon)
}

/// What the endpoint of a database says of its replica.
fn replica(lag_seconds: u32) -> Behaviour {
    let body = format!(r#"{{"role": "replica", "replication": {{"lag_seconds": {lag_seconds}}}}}"#);
    Behaviour::reply(200, &body)
}
