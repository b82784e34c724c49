//! An az that comes back slot by slot, and one that an operator drains in steps or lets back.

use std::collections::BTreeSet;

use super::client::{Client, answer};
use super::daemon::{Daemon, eventually};
use super::fleet::{Fleet, POLICY};

/// The networks of clients who have Sydney first, of which each is in some slot.
fn clients() -> impl Iterator<Item = u8> {
    0..=127
}

/// Which of them have it now.
fn at_home(daemon: &Daemon) -> BTreeSet<u8> {
    let client = Client::of(daemon.address());
    let ask = |it: &u8| answer(&client.ask(&format!("www.app.example A from 2400:1:{it:x}::/48")));
    clients().filter(|it| ask(it) == "192.0.2.1").collect()
}

#[test]
fn clients_come_back_over_a_ramp_each_once() {
    let mut fleet = Fleet::new();
    let policy =
        POLICY.replace("check = \"web\"", "check = \"web\"\nfailback = \"ramp\"\nramp = \"6s\"");
    let host = fleet.host(&policy);
    let mut daemon = host.start();
    let all = at_home(&daemon);
    fleet.sydney.kill();
    daemon.transition("sydney is out of app.example:web", "connection refused");
    assert_eq!(at_home(&daemon), BTreeSet::new());
    fleet.sydney.restart();
    daemon.transition("sydney is back in app.example:web", "ramping over 6 s");
    let (mut home, mut rounds) = (BTreeSet::new(), 0);
    eventually("all clients are back", || {
        let now = at_home(&daemon);
        assert!(now.is_superset(&home), "none moves twice");
        rounds += u32::from(now.len() > home.len());
        home = now;
        (home == all).then_some(())
    });
    assert!(rounds > 3, "they come back little by little, not in {rounds} leaps");
    eventually("the ramp is over", || {
        let waits = ["status", "--wait", "web/sydney=eligible", "--timeout", "30s"];
        host.meridian(&waits).success();
        let status = host.meridian(&["status"]).success();
        (!status.contains("ramping")).then_some(())
    });
}

#[test]
fn a_drain_in_steps_moves_each_client_once() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let mut daemon = host.start();
    let mut before = at_home(&daemon);
    assert!(before.len() > 100);
    for share in ["60%", "30%", "0%"] {
        let order = ["drain", "sydney", "--to", share, "--for", "1h", "--reason", "in steps"];
        host.meridian(&order).success();
        let to = if share == "0%" { String::new() } else { format!(" to {share}") };
        daemon.wait(&format!("drain of sydney{to} by uid "));
        let after = at_home(&daemon);
        assert!(after.len() < before.len() && after.is_subset(&before), "{share}");
        before = after;
    }
    assert_eq!(before, BTreeSet::new());
}

#[test]
fn an_az_that_awaits_release_is_let_back_by_an_operator() {
    let mut fleet = Fleet::new();
    let key = "check = \"web\"\nall_down = \"closed\"\nfailback = \"manual\"";
    let host = fleet.host(&POLICY.replace("check = \"web\"", key));
    let mut daemon = host.start();
    let all = at_home(&daemon);
    fleet.sydney.kill();
    daemon.transition("sydney is out of app.example:web", "connection refused");
    let refused = host.meridian(&["release", "web/sydney"]).failure(1);
    assert!(refused.contains("no az of it awaits release"), "{refused}");
    fleet.sydney.restart();
    daemon.wait("app.example:web/sydney is up and awaits its release");
    assert_eq!(at_home(&daemon), BTreeSet::new());
    let released = host.meridian(&["release", "web/sydney"]).success();
    assert!(released.contains("sydney is back in app.example:web"), "{released}");
    assert_eq!(at_home(&daemon), all);
}
