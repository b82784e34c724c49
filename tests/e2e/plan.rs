//! `meridian plan`, and reloads that move more clients than they may.

use nix::sys::signal::Signal;
use serde_json::Value;

use super::daemon::eventually;
use super::fleet::{Fleet, PARIS, POLICY, SYDNEY};
use super::host::Host;

/// An edit that sends everybody to Paris.
const TO_PARIS: &str = "policy = \"failover\"\norder = [\"paris\"]\nhold =";

fn move_to_paris(fleet: &Fleet, host: &Host) {
    fleet.steer(host, &POLICY.replace("hold =", TO_PARIS));
}

#[test]
fn a_plan_tells_what_an_edit_would_move_and_moves_nothing() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let daemon = host.start();
    let unmoved = "no client moves, and no name comes or goes\n";
    assert_eq!(host.meridian(&["plan"]).success(), unmoved);
    move_to_paris(&fleet, &host);
    host.append("zones/app.example.zone", "new IN A 198.51.100.1\n");
    host.remove("zones/other.example.zone");
    let told = host.meridian(&["plan"]).success();
    for part in [
        "zones that go: other.example.\n",
        "names that come: new.app.example.\n",
        "app.example:web: ",
        "  sydney   -> paris",
        "  saopaulo -> paris",
        "AU 50 %, CN 50 %\n",
    ] {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SYDNEY);
    assert_eq!(daemon.ask("text.other.example TXT"), "first");
    let plan = host.meridian(&["plan", "--format", "json"]).success();
    host.meridian(&["reload"]).success();
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), PARIS);
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert!(plan["pools"][0]["ipv6"].as_f64().unwrap() > 0.0, "{plan}");
    assert_eq!(host.meridian(&["plan"]).success(), unmoved);
}

#[test]
fn a_plan_tells_what_a_reload_would_refuse() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let _daemon = host.start();
    host.edit("zones/app.example.toml", "check = \"web\"", "check = \"wbe\"");
    let ended = host.meridian(&["plan"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("error[pool/unknown-check]"), "{ended:?}");
    assert!(ended.out.contains("would not take all of it"), "{ended:?}");
}

#[test]
fn configurations_are_compared_without_a_server() {
    let fleet = Fleet::new();
    let (before, after) = (fleet.host(POLICY), fleet.host(POLICY));
    move_to_paris(&fleet, &after);
    let against = before.path("meridian.toml");
    let asked = ["plan", "--against", against.to_str().unwrap()];
    let told = after.meridian(&asked).success();
    assert!(told.contains("  sydney   -> paris"), "{told}");
}

#[test]
fn a_name_that_gets_another_pool_moves_its_clients() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let _daemon = host.start();
    let other = "[pool.other]\ncheck = \"web\"\nendpoints.paris = [\"192.0.2.2\"]\n";
    fleet.steer(
        &host,
        &format!("{}{other}", POLICY.replace("= \"web\"\n\n[check", "= \"other\"\n\n[check")),
    );
    let told = host.meridian(&["plan"]).success();
    assert!(told.contains("app.example:other, formerly app.example:web: "), "{told}");
}

#[test]
fn a_reload_that_moves_too_many_waits_to_be_confirmed() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    host.edit("meridian.toml", "workers = 2", "workers = 2\nmax_move = \"30%\"");
    let mut daemon = host.start();
    move_to_paris(&fleet, &host);
    // The edit can't allow itself.
    host.edit("meridian.toml", "30%", "100%");
    let planned = host.meridian(&["plan"]);
    assert_eq!(planned.code, Some(1), "{planned:?}");
    assert!(planned.out.contains("refused unless confirmed: max_move"), "{planned:?}");
    let refused = host.meridian(&["reload"]).failure(1);
    assert!(refused.contains("error[reload/moves-too-many]"), "{refused}");
    daemon.signal(Signal::SIGHUP);
    daemon.wait("reload/moves-too-many");
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SYDNEY);
    let status = host.meridian(&["status"]).success();
    assert!(status.contains("reload/moves-too-many"), "{status}");
    host.meridian(&["reload", "--confirm"]).success();
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), PARIS);
    let status = host.meridian(&["status"]).success();
    assert!(!status.contains("reload/moves-too-many"), "{status}");
}

#[test]
fn a_watched_edit_that_moves_too_many_waits_and_its_undoing_serves() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY).watched();
    host.edit("meridian.toml", "workers = 2", "workers = 2\nmax_move = \"30%\"");
    let mut daemon = host.start();
    move_to_paris(&fleet, &host);
    daemon.wait("reload/moves-too-many");
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SYDNEY);
    fleet.steer(&host, POLICY);
    daemon.wait("reloaded: generation");
    let status = host.meridian(&["status"]).success();
    assert!(!status.contains("reload/moves-too-many"), "{status}");
    host.append("zones/app.example.zone", "new IN A 198.51.100.1\n");
    eventually("an edit that moves nobody", || {
        (daemon.ask("new.app.example A") == "198.51.100.1").then_some(())
    });
}
