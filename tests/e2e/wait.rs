//! `meridian status --wait`.

use std::process::Stdio;

use serde_json::Value;

use super::daemon::Daemon;
use super::fleet::{Fleet, POLICY};
use super::host::Host;

#[test]
fn what_is_so_is_not_waited_for() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let _daemon = host.start();
    let told = wait(&host, &["ready", "web/sydney=up", "paris=eligible"]).success();
    assert!(told.starts_with("ready, web/sydney=up and paris=eligible after 0."), "{told}");
}

#[test]
fn what_is_so_is_told_to_who_does_not_wait() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let _daemon = host.start();
    host.meridian(&["status", "--wait", "web/sydney=up", "--timeout", "0s"]).success();
}

#[test]
fn a_loss_ends_the_waiting_for_it() {
    let mut fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let _daemon = host.start();
    let waiting = waiting(&host, &["web/sydney=down", "web/sydney=ineligible"]);
    fleet.sydney.kill();
    let ended = waiting.wait_with_output().unwrap();
    let told = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success(), "{told}");
    assert!(told.starts_with("web/sydney=down and web/sydney=ineligible after "), "{told}");
}

#[test]
fn what_does_not_come_is_told_with_code_4() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let _daemon = host.start();
    let arguments = ["--timeout", "300ms", "--wait", "web/paris=up", "--wait", "sydney=down"];
    let ended = host.meridian(&[&["status"], &arguments[..]].concat());
    assert_eq!(ended.out, "");
    let shown = ended.failure(4);
    let instead = "s sydney=down is not so: sydney is up in app.example:web\n";
    assert!(shown.starts_with("meridian: after ") && shown.ends_with(instead), "{shown}");

    let ended = host.meridian(&[&["status", "--format", "json"], &arguments[..]].concat());
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(told["met"], false);
    assert_eq!(told["conditions"][0]["met"], true);
    assert_eq!(told["conditions"][1]["instead"], "sydney is up in app.example:web");
    ended.failure(4);
}

#[test]
fn what_does_not_exist_ends_the_waiting_at_once() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let _daemon = host.start();
    let shown = wait(&host, &["web/sidney=up"]).failure(2);
    let told = "the pool web has no az sidney: did you mean `sydney`?";
    assert_eq!(shown, format!("meridian: {told}\n"));
    let shown = wait(&host, &["wbe/sydney=up"]).failure(2);
    assert_eq!(shown, "meridian: there is no pool wbe: did you mean `web`?\n");
}

#[test]
fn what_is_no_condition_is_wrong_usage() {
    let host = Host::new();
    let shown = wait(&host, &["web/sydney=well"]).failure(2);
    assert!(shown.contains("`well` is no state: write one of up, down"), "{shown}");
}

#[test]
fn a_server_that_is_not_there_yet_is_waited_for() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let waiting = waiting(&host, &["ready", "web/sydney=eligible"]);
    let _daemon: Daemon = host.start();
    assert!(waiting.wait_with_output().unwrap().status.success());
}

#[test]
fn a_server_that_does_not_come_is_told_with_code_3() {
    let host = Host::new();
    let shown = host.meridian(&["status", "--wait", "ready", "--timeout", "100ms"]).failure(3);
    assert!(shown.starts_with("meridian: can't reach the server at control.sock"), "{shown}");
}

fn wait(host: &Host, conditions: &[&str]) -> super::host::Ended {
    host.meridian(&arguments(conditions))
}

/// As [`wait`], in the background.
fn waiting(host: &Host, conditions: &[&str]) -> std::process::Child {
    host.command(&arguments(conditions)).stdout(Stdio::piped()).spawn().unwrap()
}

fn arguments<'a>(conditions: &[&'a str]) -> Vec<&'a str> {
    let waits = conditions.iter().flat_map(|condition| ["--wait", condition]);
    ["status"].into_iter().chain(waits).collect()
}
