//! What a reload changes, what it refuses, and that nobody who asks meanwhile notices.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::sys::signal::Signal;

use super::client::{Client, Connection, answer};
use super::daemon::Daemon;
use super::failover::assert_lost;
use super::fleet::{Fleet, PARIS, POLICY, SAOPAULO, SYDNEY};
use super::host::{Host, set_built};
use super::support::authority::{Authority, Validity};

#[test]
fn sighup_serves_an_edited_zone() {
    let host = Host::new();
    let mut daemon = host.start();
    assert_eq!(daemon.ask("text.app.example TXT"), "first");
    host.edit("zones/app.example.zone", "first", "second");
    daemon.signal(Signal::SIGHUP);
    daemon.wait("reloaded");
    assert_eq!(daemon.ask("text.app.example TXT"), "second");
}

#[test]
fn the_command_returns_once_the_edited_zone_serves() {
    let host = Host::new();
    let daemon = host.start();
    for text in ["second", "third"] {
        host.write("zones/app.example.zone", &super::host::APP.replace("first", text));
        let told = host.meridian(&["reload"]).success();
        assert!(told.starts_with("reloaded: generation "), "{told}");
        assert_eq!(daemon.ask("text.app.example TXT"), text);
    }
}

#[test]
fn zones_come_and_go() {
    let host = Host::new();
    let daemon = host.start();
    host.write("zones/new.example.zone", super::host::APP);
    host.remove("zones/other.example.zone");
    host.meridian(&["reload"]).success();
    assert_eq!(daemon.ask("text.new.example TXT"), "first");
    assert_eq!(daemon.ask("text.other.example TXT"), "REFUSED");
}

#[test]
fn a_zone_file_at_fault_leaves_its_zone_and_others_change() {
    let host = Host::new();
    let daemon = host.start();
    host.edit("zones/app.example.zone", "first", "second");
    host.append("zones/app.example.zone", "www IN A nowhere\n");
    host.edit("zones/other.example.zone", "first", "second");
    assert_refused(&host, &["zones/app.example.zone:7:10", "7 | www IN A nowhere"]);
    assert_eq!(daemon.ask("text.app.example TXT"), "first");
    assert_eq!(daemon.ask("text.other.example TXT"), "second");
    let status = host.meridian(&["status"]).success();
    let kept = "zone app.example. serial 1, 3 names, 4 records, as it was before its files had";
    assert!(status.contains(kept), "{status}");

    host.edit("zones/app.example.zone", "www IN A nowhere\n", "");
    assert_mended(&host);
    assert_eq!(daemon.ask("text.app.example TXT"), "second");
}

#[test]
fn a_policy_at_fault_leaves_its_zone_and_others_change() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let daemon = host.start();
    host.edit("zones/app.example.zone", "first", "second");
    host.edit("zones/app.example.toml", "check = \"web\"", "check = \"wep\"");
    host.edit("zones/other.example.zone", "first", "second");
    assert_refused(&host, &["zones/app.example.toml:", "check = \"wep\"", "`web`"]);
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SYDNEY);
    assert_eq!(daemon.ask("text.app.example TXT"), "first");
    assert_eq!(daemon.ask("text.other.example TXT"), "second");

    fleet.steer(&host, POLICY);
    assert_mended(&host);
    assert_eq!(daemon.ask("text.app.example TXT"), "second");
}

#[test]
fn a_configuration_at_fault_leaves_everything() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let daemon = host.start();
    host.edit("zones/app.example.zone", "first", "second");
    host.edit("meridian.toml", "[az.sydney]\n", "[az.sydney]\nlatitude = 1\n");
    assert_refused(&host, &["meridian.toml:11:1", "latitude = 1\n   | ^^^^^^^^"]);
    assert_eq!(daemon.ask("text.app.example TXT"), "first");
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SYDNEY);

    host.edit("meridian.toml", "latitude = 1\n", "");
    assert_mended(&host);
    assert_eq!(daemon.ask("text.app.example TXT"), "second");
}

#[test]
fn a_database_at_fault_leaves_places_and_zones_change() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let daemon = host.start();
    host.write("city.mmdb", "no database");
    host.edit("zones/app.example.zone", "first", "second");
    assert_refused(&host, &["error[geoip/bad-database]: city.mmdb"]);
    assert_eq!(daemon.ask("www.app.example A from 2.0.0.0/24"), PARIS);
    assert_eq!(daemon.ask("text.app.example TXT"), "second");

    // Which places nobody in 2400:1::/32, so that azs go by name.
    host.database("city.mmdb", "country.mmdb");
    assert_eq!(daemon.ask("www.app.example A from 2400:1::/48"), SYDNEY);
    assert_mended(&host);
    assert_eq!(daemon.ask("www.app.example A from 2400:1::/48"), PARIS);
}

#[test]
fn an_old_database_is_told() {
    let host = Host::new();
    let mut database = fs::read(host.path("city.mmdb")).unwrap();
    set_built(&mut database, 1_750_000_000);
    host.replace("city.mmdb", &database);
    let checked = host.meridian(&["check"]);
    let shown = "warning[geoip/old-database]: city.mmdb was built ";
    assert!(checked.err.contains(shown), "{checked:?}");
    checked.success();
    let daemon = host.start();
    assert!(daemon.log().contains("city.mmdb was built "), "{}", daemon.log());
    let status = host.meridian(&["status"]).success();
    assert!(status.contains(": check what updates it, 11 networks"), "{status}");
}

#[test]
fn an_older_database_is_taken_with_a_warning() {
    let host = Host::new();
    let _daemon = host.start();
    let mut database = fs::read(host.path("city.mmdb")).unwrap();
    set_built(&mut database, 2_000_000_000);
    host.replace("city.mmdb", &database);
    let reloaded = host.meridian(&["reload"]);
    let shown = "warning[geoip/older-database]: city.mmdb is older than the one that it replaces";
    assert!(reloaded.err.contains(shown), "{reloaded:?}");
    reloaded.success();
}

#[test]
fn a_check_that_can_not_be_made_changes_nothing() {
    let mut fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let mut command = host.command(&["run"]);
    command.env("SSL_CERT_FILE", "/dev/null").env_remove("SSL_CERT_DIR");
    let mut daemon = Daemon::serving(command);
    let https = "type = \"https\"\nhost = \"www.app.example\"";
    host.edit("zones/app.example.toml", "type = \"http\"", https);
    host.append("zones/app.example.zone", "new IN TXT new\n");
    assert_refused(&host, &["error[check/unprobeable]: "]);
    assert_eq!(daemon.ask("new.app.example TXT"), "NXDOMAIN");
    fleet.sydney.kill();
    assert_lost(&mut daemon, &host, "connection refused");
}

#[test]
fn authorities_that_are_gone_go_on_being_trusted() {
    let authority = Authority::new();
    let mut fleet = Fleet::https(&authority.identity("www.app.example", Validity::Current));
    let check = "type = \"https\"\nhost = \"www.app.example\"\nca = \"../authorities.pem\"";
    let host = fleet.host(&POLICY.replace("type = \"http\"", check));
    host.write("authorities.pem", &fs::read_to_string(authority.file().path()).unwrap());
    let mut daemon = host.start();
    host.remove("authorities.pem");
    assert_refused(&host, &["error[file/unreadable]: ", "warning[check/stale-authorities]: "]);
    fleet.sydney.kill();
    daemon.wait("sydney is out");
    fleet.sydney.restart();
    daemon.wait("sydney is back");
}

#[test]
fn sighup_logs_what_was_refused() {
    let host = Host::new();
    let mut daemon = host.start();
    host.append("zones/app.example.zone", "www IN A nowhere\n");
    daemon.signal(Signal::SIGHUP);
    daemon.wait("zones/app.example.zone:7:10: error[");
    daemon.wait("what has errors stays as it was; errors: ");
    assert_eq!(daemon.ask("text.app.example TXT"), "first");
}

#[test]
fn what_takes_a_restart_is_told() {
    let host = Host::new();
    let mut daemon = host.start();
    host.append("meridian.toml", "[probe]\noutstanding = 3\n");
    host.meridian(&["reload"]).success();
    daemon.wait("takes effect when the server is restarted");
}

#[test]
fn a_changed_policy_steers_at_once() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let daemon = host.start();
    host.edit(
        "zones/app.example.toml",
        "[pool.web]\n",
        "[pool.web]\npolicy = \"failover\"\norder = [\"paris\"]\n",
    );
    host.meridian(&["reload"]).success();
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), PARIS);
}

#[test]
fn probing_goes_on_after_reloads_that_change_nothing() {
    let mut fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let mut daemon = host.start();
    for _ in 0..3 {
        host.meridian(&["reload"]).success();
    }
    fleet.sydney.kill();
    assert_lost(&mut daemon, &host, "connection refused");
}

#[test]
fn an_az_that_is_out_stays_out_over_a_reload() {
    let mut fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let mut daemon = host.start();
    fleet.sydney.kill();
    daemon.wait("sydney is out");
    host.edit("zones/app.example.zone", "first", "second");
    host.meridian(&["reload"]).success();
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SAOPAULO);
}

#[test]
fn every_query_during_twenty_reloads_is_answered() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let daemon = host.start();
    let (udp, tcp) = (Client::of(daemon.address()), Connection::to(daemon.address()));
    let over = AtomicBool::new(false);
    let (by_udp, by_tcp) = thread::scope(|scope| {
        let udp = scope.spawn(|| ask_until(&over, |question| udp.ask(question)));
        let mut tcp = tcp;
        let over = &over;
        let tcp = scope.spawn(move || ask_until(over, |question| tcp.ask(question)));
        for reload in 0..20 {
            let text = ["second", "first"][reload % 2];
            host.write("zones/app.example.zone", &super::host::APP.replace("first", text));
            host.meridian(&["reload"]).success();
        }
        over.store(true, Ordering::Relaxed);
        (udp.join().unwrap(), tcp.join().unwrap())
    });
    // More than one for each reload: they did ask meanwhile.
    assert!(by_udp > 20 && by_tcp > 20, "{by_udp} by UDP, {by_tcp} by TCP");
}

/// Asks, each time once, until `over`. Returns how often; all were answered rightly.
fn ask_until(over: &AtomicBool, mut ask: impl FnMut(&str) -> hickory_proto::op::Message) -> usize {
    let mut answered = 0;
    while !over.load(Ordering::Relaxed) {
        let text = answer(&ask("text.app.example TXT"));
        assert!(text == "first" || text == "second", "{text}");
        assert_eq!(answer(&ask("www.app.example A from 2.0.0.0/24")), PARIS);
        answered += 2;
    }
    answered
}

/// A reload shows these parts of faults and exits 1, and `status` tells of it.
#[track_caller]
fn assert_refused(host: &Host, parts: &[&str]) {
    let shown = host.meridian(&["reload"]).failure(1);
    for part in parts {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
    assert!(shown.contains("what has errors stays as it was"), "{shown}");
    let status = host.meridian(&["status"]).success();
    assert!(status.contains("refused in part"), "{status}");
    assert!(status.contains("error["), "{status}");
}

/// A reload is clean, and `status` tells of it.
#[track_caller]
fn assert_mended(host: &Host) {
    host.meridian(&["reload"]).success();
    let status = host.meridian(&["status"]).success();
    assert!(status.contains("ago: clean"), "{status}");
    assert!(!status.contains("error["), "{status}");
}
