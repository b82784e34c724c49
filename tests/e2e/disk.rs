//! A state directory that fails while the server runs: it is full, read-only or gone. Steering goes on,
//! and what was not saved is saved once that can be done, without a restart.

use std::fs;
use std::io::Write as _;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::daemon::{Daemon, eventually};
use super::fleet::{Fleet, PARIS, POLICY, SYDNEY};
use super::host::Host;
use super::http::control;
use super::namespace::{cover_read_only, in_namespaces, mount, unmount};
use super::witness::{Answers, Witness};

#[test]
fn a_full_disk_holds_up_nothing_and_is_written_to_once_it_has_room() {
    in_namespaces(|| {
        let (mut fleet, host) = server();
        let mut daemon = host.start();
        let witness = Witness::of(daemon.address(), OTHERS);
        drain(&host, "saopaulo").success();
        fill(&host);
        assert_steers_on(&mut fleet, &mut daemon, &host);
        host.remove("state/ballast");
        assert_mended(&mut fleet, daemon, &host, witness);
    });
}

#[test]
fn a_disk_that_turns_read_only_holds_up_nothing_and_is_written_to_once_it_can_be() {
    in_namespaces(|| {
        let (mut fleet, host) = server();
        let mut daemon = host.start();
        let witness = Witness::of(daemon.address(), OTHERS);
        drain(&host, "saopaulo").success();
        cover_read_only(&host.path("state"));
        assert_steers_on(&mut fleet, &mut daemon, &host);
        unmount(&host.path("state"));
        assert_mended(&mut fleet, daemon, &host, witness);
    });
}

#[test]
fn a_state_directory_that_is_away_holds_up_nothing_and_is_written_to_once_it_is_back() {
    let (mut fleet, host) = steered();
    let mut daemon = host.start();
    let witness = Witness::of(daemon.address(), OTHERS);
    drain(&host, "saopaulo").success();
    fs::rename(host.path("state"), host.path("away")).unwrap();
    assert_steers_on(&mut fleet, &mut daemon, &host);
    fs::rename(host.path("away"), host.path("state")).unwrap();
    assert_mended(&mut fleet, daemon, &host, witness);
}

#[test]
fn a_state_directory_that_is_made_anew_gets_the_overrides_without_another_order() {
    let (mut fleet, host) = steered();
    let mut daemon = host.start();
    drain(&host, "saopaulo").success();
    fs::remove_dir_all(host.path("state")).unwrap();
    fleet.sydney.kill();
    eventually("status says so", || fault(&host).starts_with(TOLD).then_some(()));
    fs::create_dir(host.path("state")).unwrap();
    daemon.wait("health is saved again");
    daemon.signal(Signal::SIGKILL);
    daemon.ended();
    let _daemon = host.start();
    let given = host.meridian(&["overrides"]).success();
    assert!(given.contains("saopaulo"), "{given}");
}

#[test]
fn a_disk_that_fills_up_leaves_every_line_of_the_audit_log_whole() {
    in_namespaces(|| {
        let (_fleet, host) = server();
        let _daemon = host.start();
        // Nothing else is written then.
        eventually("health is saved", || {
            let saved = fs::read_to_string(host.path("state/state.json")).ok()?;
            (saved.matches("\"up\"").count() == 3).then_some(())
        });
        drain(&host, "saopaulo").success();
        fill(&host);
        // Room for what is in force, but not for the log beside it.
        let ballast = fs::File::options().write(true).open(host.path("state/ballast")).unwrap();
        ballast.set_len(ballast.metadata().unwrap().len() - PAGE).unwrap();
        let mut given = 1;
        let refused = loop {
            let ended = drain(&host, "saopaulo");
            if ended.code == Some(1) {
                break ended.err;
            }
            given += 1;
            assert!(given < 100, "the disk never is full");
        };
        assert!(refused.contains("can't write state/audit.log: No space left"), "{refused}");
        host.remove("state/ballast");
        drop(ballast);
        drain(&host, "saopaulo").success();
        let log = fs::read_to_string(host.path("state/audit.log")).unwrap();
        let deed = |line: &str| serde_json::from_str::<Value>(line).unwrap()["what"].clone();
        let deeds: Vec<_> = log.lines().map(deed).collect();
        let count = |what: &str| deeds.iter().filter(|deed| *deed == what).count();
        assert_eq!((count("given"), count("refused")), (given + 1, 1), "{log}");
    });
}

/// What clients are answered whatever happens to Sydney, to the disk and to app.example.
const OTHERS: Answers = &[
    ("text.other.example TXT", "first"),
    ("www.app.example A from 2.0.0.0/24", PARIS),
    ("none.other.example A", "NXDOMAIN"),
];

/// A host with a steered zone.
fn steered() -> (Fleet, Host) {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    (fleet, host)
}

/// A host whose state directory is a small disk.
fn server() -> (Fleet, Host) {
    let (fleet, host) = steered();
    fs::create_dir(host.path("state")).unwrap();
    mount(&host.path("state"), DISK);
    (fleet, host)
}

const DISK: usize = 128 << 10;
/// What a disk in memory is divided into.
const PAGE: u64 = 4096;

/// Leaves no room on the disk.
fn fill(host: &Host) {
    let mut ballast = fs::File::create(host.path("state/ballast")).unwrap();
    while ballast.write_all(&[0; PAGE as usize]).is_ok() {}
}

/// An az is lost and returns, an order is refused, files change; the disk's fault is told once.
#[track_caller]
fn assert_steers_on(fleet: &mut Fleet, daemon: &mut Daemon, host: &Host) {
    fleet.sydney.kill();
    daemon.transition("sydney is out", "connection refused");
    assert_eq!(daemon.ask(FROM_SYDNEY), PARIS);
    eventually("status says so", || fault(host).starts_with(TOLD).then_some(()));
    fleet.sydney.restart();
    daemon.wait("sydney is back");
    assert_eq!(daemon.ask(FROM_SYDNEY), SYDNEY);
    fleet.sydney.kill();
    daemon.wait("sydney is out");

    let refused = drain(host, "sydney").failure(1);
    assert!(refused.contains("this one can't be: can't "), "{refused}");
    let refused = host.meridian(&["clear", "saopaulo"]).failure(1);
    assert!(refused.contains("this one can't be: can't "), "{refused}");
    assert_eq!(daemon.ask("www.app.example A from 7.0.0.0/24"), PARIS);

    host.edit("zones/app.example.zone", "first", "second");
    host.meridian(&["reload"]).success();
    assert_eq!(daemon.ask("text.app.example TXT"), "second");
    let metrics = control(host, "GET /metrics").body;
    assert!(metrics.contains("meridian_state_usable{} 0.0\n"), "{metrics}");
    daemon.wait("reloaded");
    assert_eq!(daemon.log().matches(TOLD).count(), 1, "{}", daemon.log());
}

/// What happened meanwhile is saved although nothing happens any more, orders are taken, and a
/// restart knows all of it.
#[track_caller]
fn assert_mended(fleet: &mut Fleet, mut daemon: Daemon, host: &Host, witness: Witness) {
    daemon.wait("health is saved again");
    let saved = fs::read_to_string(host.path("state/state.json")).unwrap();
    assert!(saved.contains("\"down\""), "{saved}");
    assert_eq!(fault(host), "");
    let metrics = control(host, "GET /metrics").body;
    assert!(metrics.contains("meridian_state_usable{} 1.0\n"), "{metrics}");
    drain(host, "sydney").success();
    witness.assert_all_right();
    daemon.signal(Signal::SIGKILL);
    daemon.ended();
    fleet.sydney.restart();
    let daemon = host.start();
    assert_eq!(daemon.ask(FROM_SYDNEY), PARIS);
    let given = host.meridian(&["overrides"]).success();
    assert!(given.contains("sydney") && given.contains("saopaulo"), "{given}");
}

const FROM_SYDNEY: &str = "www.app.example A from 1.0.0.0/24";
/// How the log and `status` begin to tell the fault.
const TOLD: &str = "can't save health, so a restart would lose it: can't ";

/// What `status` says of the state directory.
fn fault(host: &Host) -> String {
    control(host, "GET /v1/status").json()["state"].as_str().unwrap_or_default().into()
}

fn drain(host: &Host, target: &str) -> super::host::Ended {
    host.meridian(&["drain", target, "--for", "2h", "--reason", "deploy"])
}
