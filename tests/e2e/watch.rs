//! Files that change while the server runs, and nobody asks it to read them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::SystemTime;

use super::daemon::{Daemon, eventually};
use super::failover::assert_lost;
use super::fleet::{Fleet, PARIS, POLICY, SYDNEY};
use super::host::{APP, Host};
use super::http::control;
use super::support::authority::{Authority, Validity};

#[test]
fn a_zone_that_is_renamed_into_place_serves() {
    let host = Host::new().watched();
    let mut daemon = host.start();
    host.edit("zones/app.example.zone", "first", "second");
    assert_taken(&mut daemon, "zones/app.example.zone changed");
    assert_eq!(daemon.ask("text.app.example TXT"), "second");
}

#[test]
fn a_zone_that_is_written_in_place_serves() {
    let host = Host::new().watched();
    let mut daemon = host.start();
    fs::write(host.path("zones/app.example.zone"), APP.replace("first", "other")).unwrap();
    assert_taken(&mut daemon, "zones/app.example.zone changed");
    assert_eq!(daemon.ask("text.app.example TXT"), "other");
}

#[test]
fn a_new_zone_serves() {
    let host = Host::new().watched();
    let mut daemon = host.start();
    host.write("zones/new.example.zone", APP);
    assert_taken(&mut daemon, "zones/new.example.zone is new");
    assert_eq!(daemon.ask("text.new.example TXT"), "first");
}

#[test]
fn equal_content_is_no_change_however_it_came_there() {
    let host = Host::new().watched();
    let mut daemon = host.start();
    let touched = fs::File::options().append(true).open(host.path("meridian.toml")).unwrap();
    touched.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    host.write("zones/app.example.zone", APP);
    // What it makes of these is told at the latest with what comes after them.
    host.edit("zones/other.example.zone", "first", "second");
    let told = daemon.wait("changed");
    assert!(told.starts_with("zones/other.example.zone changed; "), "{told}");
    assert!(told.ends_with("reloaded: generation 2"), "{told}");
}

#[test]
fn a_zone_and_its_policy_change_together() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY).watched();
    let mut daemon = host.start();
    // The zone file without the policy would have a pool beside static addresses.
    host.append("zones/app.example.zone", "www IN A 192.0.2.99\n");
    host.edit("zones/app.example.toml", "www =", "api =");
    let both = "zones/app.example.toml changed, zones/app.example.zone changed";
    assert_taken(&mut daemon, both);
    assert_eq!(daemon.ask("www.app.example A"), "192.0.2.99");
    assert_eq!(daemon.ask("api.app.example A from 2.0.0.0/24"), PARIS);
}

#[test]
fn a_replaced_directory_serves() {
    let host = Host::new().watched();
    let mut daemon = host.start();
    copy_zones(&host, "zones.new", "second");
    fs::rename(host.path("zones"), host.path("zones.old")).unwrap();
    fs::rename(host.path("zones.new"), host.path("zones")).unwrap();
    assert_taken(&mut daemon, "zones/app.example.zone changed, zones/other.example.zone changed");
    assert_eq!(daemon.ask("text.app.example TXT"), "second");
}

#[test]
fn a_directory_that_a_symbolic_link_leads_elsewhere_serves() {
    let host = Host::new();
    // As Kubernetes mounts a ConfigMap: each file leads through one link that is swapped.
    copy_zones(&host, "zones/..first", "first");
    copy_zones(&host, "zones/..second", "second");
    symlink("..first", host.path("zones/..data")).unwrap();
    for zone in ["app.example.zone", "other.example.zone"] {
        host.remove(&format!("zones/{zone}"));
        symlink(Path::new("..data").join(zone), host.path(&format!("zones/{zone}"))).unwrap();
    }
    let host = host.watched();
    let mut daemon = host.start();
    symlink("..second", host.path("zones/..data_tmp")).unwrap();
    fs::rename(host.path("zones/..data_tmp"), host.path("zones/..data")).unwrap();
    assert_taken(&mut daemon, "zones/app.example.zone changed, zones/other.example.zone changed");
    assert_eq!(daemon.ask("text.app.example TXT"), "second");
}

#[test]
fn an_included_file_counts_as_its_zone_does() {
    let host = Host::new();
    host.write("more.inc", "more IN TXT first\n");
    host.append("zones/app.example.zone", "$INCLUDE ../more.inc\n");
    let host = host.watched();
    let mut daemon = host.start();
    host.write("more.inc", "more IN TXT second\n");
    assert_taken(&mut daemon, "zones/../more.inc changed");
    assert_eq!(daemon.ask("more.app.example TXT"), "second");
}

#[test]
fn a_file_that_the_server_s_own_includes_changes() {
    let host = Host::new();
    host.edit("meridian.toml", "[server]\n", "include = [\"fleet.toml\"]\n[server]\n");
    host.write("fleet.toml", "");
    let host = host.watched();
    let mut daemon = host.start();
    assert!(echoes_subnet(&daemon));
    host.write("fleet.toml", "server.ecs = false\n");
    assert_taken(&mut daemon, "fleet.toml changed");
    assert!(!echoes_subnet(&daemon));
}

#[test]
fn an_included_file_that_is_missing_is_read_once_it_is_there() {
    let host = Host::new().watched();
    let mut daemon = host.start();
    host.edit("meridian.toml", "[server]\n", "include = [\"fleet.toml\"]\n[server]\n");
    daemon.wait("can't read fleet.toml: no such file or directory");
    daemon.wait("meridian.toml changed; what has errors stays as it was; errors: 1");
    host.write("fleet.toml", "server.ecs = false\n");
    daemon.wait("fleet.toml is new; reloaded: ");
    assert!(!echoes_subnet(&daemon));
}

#[test]
fn the_server_s_settings_change() {
    let host = Host::new().watched();
    let mut daemon = host.start();
    assert!(echoes_subnet(&daemon));
    host.edit("meridian.toml", "workers = 2", "workers = 2\necs = false\nudp_payload = 1400");
    assert_taken(&mut daemon, "meridian.toml changed");
    assert!(!echoes_subnet(&daemon));
    let edns = daemon.response("text.app.example TXT").edns.unwrap();
    assert_eq!(edns.max_payload(), 1400);
}

#[test]
fn watching_ends_and_begins_with_its_key() {
    let host = Host::new();
    let mut daemon = host.start();
    host.edit("zones/app.example.zone", "first", "second");
    host.edit("meridian.toml", "watch = false", "watch = true");
    host.meridian(&["reload"]).success();
    host.edit("zones/app.example.zone", "second", "third");
    assert_taken(&mut daemon, "zones/app.example.zone changed");
    host.edit("meridian.toml", "watch = true", "watch = false");
    assert_taken(&mut daemon, "meridian.toml changed");
    host.edit("zones/app.example.zone", "third", "fourth");
    host.meridian(&["reload"]).success();
    let told = daemon.wait("reloaded");
    assert!(told.starts_with("reloaded: "), "{told}");
}

#[test]
fn a_database_is_read_again() {
    let host = Host::new();
    host.database("city.mmdb", "country.mmdb");
    let host = host.watched();
    let mut daemon = host.start();
    host.database("city.mmdb", "city.mmdb");
    assert_taken(&mut daemon, "city.mmdb changed");
    let status = control(&host, "GET /v1/status").json();
    assert!(status["databases"][0]["kind"].as_str().unwrap().contains("City"), "{status}");
}

#[test]
fn a_database_that_appears_where_it_is_looked_for_first_is_read() {
    let host = Host::new();
    host.edit("meridian.toml", "[\"city.mmdb\"]", "[\"city\"]");
    let host = host.watched();
    let mut daemon = host.start();
    let name = || control(&host, "GET /v1/status").json()["databases"][0]["name"].clone();
    assert_eq!(name(), "city.mmdb");
    host.database("city", "city.mmdb");
    assert_taken(&mut daemon, "city is new");
    assert_eq!(name(), "city");
    host.remove("city");
    daemon.wait("city is gone; ");
    // What is there instead is looked at from now on.
    eventually("the other file", || (name() == "city.mmdb").then_some(()));
}

#[test]
fn an_update_of_a_database_that_moves_many_clients_stands_until_it_is_put_back() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY).watched();
    let mut daemon = host.start();
    host.database("city.mmdb", "globe.mmdb");
    daemon.wait("error[geoip/held-database]: the update of city.mmdb waits to be asked for");
    daemon.wait("city.mmdb changed; what has errors stays as it was; errors: 1");
    let errors = || control(&host, "GET /v1/status").json()["load"]["errors"].clone();
    let stands = errors();
    host.edit("zones/other.example.zone", "first", "second");
    daemon.wait("zones/other.example.zone changed; what has errors stays as it was; errors: 1");
    assert_eq!(errors(), stands);
    assert_eq!(daemon.ask("www.app.example A from 2400:1::/48"), SYDNEY);
    host.database("city.mmdb", "city.mmdb");
    assert_taken(&mut daemon, "city.mmdb changed");
    assert_eq!(errors(), serde_json::json!([]));
}

#[test]
fn a_new_authority_is_trusted_and_the_old_one_no_more() {
    let (old, new) = (Authority::new(), Authority::new());
    let shown = |authority: &Authority| authority.identity("www.app.example", Validity::Current);
    let mut fleet = Fleet::https(&shown(&old));
    let check = "type = \"https\"\nhost = \"www.app.example\"\nca = \"../authorities.pem\"";
    let host = fleet.host(&POLICY.replace("type = \"http\"", check)).watched();
    let pem = |authority: &Authority| fs::read_to_string(authority.file().path()).unwrap();
    host.write("authorities.pem", &pem(&old));
    let mut daemon = host.start();
    host.write("authorities.pem", &pem(&new));
    daemon.wait("authorities.pem changed; reloaded: ");
    daemon.transition("sydney is out", "certificate is not issued by a trusted authority");
    fleet.sydney.show(shown(&new));
    daemon.wait("sydney is back");
    fleet.sydney.kill();
    daemon.transition("sydney is out", "connection refused");
}

#[test]
fn a_new_authority_is_trusted_by_a_zone_whose_files_have_errors() {
    let (old, new) = (Authority::new(), Authority::new());
    let fleet = Fleet::https(&old.identity("www.app.example", Validity::Current));
    let check = "type = \"https\"\nhost = \"www.app.example\"\nca = \"../authorities.pem\"";
    let host = fleet.host(&POLICY.replace("type = \"http\"", check)).watched();
    let pem = |authority: &Authority| fs::read_to_string(authority.file().path()).unwrap();
    host.write("authorities.pem", &pem(&old));
    let mut daemon = host.start();
    host.write("zones/app.example.toml", "[check.web");
    daemon.wait("zones/app.example.toml changed; what has errors stays as it was");
    host.write("authorities.pem", &pem(&new));
    daemon.wait("authorities.pem changed; what has errors stays as it was");
    daemon.transition("sydney is out", "certificate is not issued by a trusted authority");
}

#[test]
fn a_fault_is_told_once_and_stands_until_it_is_mended() {
    let host = Host::new().watched();
    let mut daemon = host.start();
    host.append("zones/app.example.zone", "www IN A nowhere\n");
    daemon.wait("zones/app.example.zone:7:10: error[");
    daemon.wait("zones/app.example.zone changed; what has errors stays as it was; errors: 1");
    let since = || control(&host, "GET /v1/status").json()["load"]["errors"][0]["since"].clone();
    let first = since();
    host.edit("zones/other.example.zone", "first", "second");
    let told = daemon.wait("what has errors stays as it was");
    assert!(told.starts_with("zones/other.example.zone changed; "), "{told}");
    assert_eq!(daemon.log().matches("zones/app.example.zone:7:10: error[").count(), 1);
    assert_eq!(since(), first);
    assert_eq!(daemon.ask("text.other.example TXT"), "second");

    host.edit("zones/app.example.zone", "www IN A nowhere\n", "");
    assert_taken(&mut daemon, "zones/app.example.zone changed");
    let load = control(&host, "GET /v1/status").json()["load"].clone();
    assert_eq!((&load["clean"], &load["errors"]), (&true.into(), &serde_json::json!([])));
}

#[test]
fn a_zone_whose_file_is_gone_stays_until_a_reload() {
    let host = Host::new().watched();
    let mut daemon = host.start();
    host.remove("zones/app.example.zone");
    daemon.wait("error[watch/zone-gone]: zones/app.example.zone is gone");
    daemon.wait("zones/app.example.zone is gone; what has errors stays as it was");
    assert_eq!(daemon.ask("text.app.example TXT"), "first");
    let status = host.meridian(&["status"]).success();
    assert!(status.contains("removed from disk, waits for `meridian reload`"), "{status}");
    assert_standing(&host, "gone");
    host.meridian(&["reload"]).success();
    assert_eq!(daemon.ask("text.app.example TXT"), "REFUSED");
}

#[test]
fn a_zone_whose_file_is_back_stands_no_more_as_gone() {
    let host = Host::new().watched();
    let mut daemon = host.start();
    host.remove("zones/app.example.zone");
    daemon.wait("zones/app.example.zone is gone; what has errors stays as it was");
    host.write("zones/app.example.zone", &APP.replace("first", "second"));
    assert_taken(&mut daemon, "zones/app.example.zone is new");
    assert_eq!(daemon.ask("text.app.example TXT"), "second");
    assert_standing(&host, "current");
}

#[test]
fn a_policy_that_is_gone_steers_until_a_reload() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY).watched();
    let mut daemon = host.start();
    host.remove("zones/app.example.toml");
    daemon.wait("error[watch/policy-gone]: zones/app.example.toml is gone");
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SYDNEY);
    host.meridian(&["reload"]).success();
    assert_eq!(daemon.ask("www.app.example A"), "NXDOMAIN");
}

#[test]
fn a_directory_that_is_gone_ends_no_zone() {
    let mut fleet = Fleet::new();
    let host = fleet.host(POLICY).watched();
    let mut daemon = host.start();
    fs::rename(host.path("zones"), host.path("away")).unwrap();
    daemon.wait("error[file/unreadable]: can't read zones: ");
    assert_eq!(daemon.ask("text.other.example TXT"), "first");
    fs::rename(host.path("away"), host.path("zones")).unwrap();
    daemon.wait("reloaded: ");
    fleet.sydney.kill();
    assert_lost(&mut daemon, &host, "connection refused");
}

#[test]
fn a_configuration_that_is_gone_changes_nothing() {
    let host = Host::new().watched();
    let mut daemon = host.start();
    fs::rename(host.path("meridian.toml"), host.path("away")).unwrap();
    daemon.wait("meridian.toml is gone; what has errors stays as it was; errors: 1");
    assert_eq!(daemon.ask("text.app.example TXT"), "first");
    fs::rename(host.path("away"), host.path("meridian.toml")).unwrap();
    assert_taken(&mut daemon, "meridian.toml is new");
    host.edit("zones/app.example.zone", "first", "second");
    assert_taken(&mut daemon, "zones/app.example.zone changed");
}

#[test]
fn a_zone_that_lost_many_names_stays_until_a_reload() {
    let host = Host::new();
    let names: String = (0..30).map(|name| format!("n{name} IN TXT n\n")).collect();
    host.append("zones/app.example.zone", &names);
    let host = host.watched();
    let mut daemon = host.start();
    host.write("zones/app.example.zone", &APP.replace("first", "second"));
    daemon.wait("error[watch/zone-shrunk]: lacks 30 of the 33 names of zone app.example");
    assert_eq!(daemon.ask("text.app.example TXT"), "first");
    assert_standing(&host, "shrunk");
    host.meridian(&["reload"]).success();
    assert_eq!(daemon.ask("text.app.example TXT"), "second");
    assert_standing(&host, "current");
}

#[test]
fn a_zone_that_has_its_names_again_is_taken() {
    let host = Host::new();
    let names: String = (0..30).map(|name| format!("n{name} IN TXT n\n")).collect();
    host.append("zones/app.example.zone", &names);
    let host = host.watched();
    let mut daemon = host.start();
    host.write("zones/app.example.zone", APP);
    daemon.wait("zones/app.example.zone changed; what has errors stays as it was; errors: 1");
    host.append("zones/app.example.zone", &names);
    host.edit("zones/app.example.zone", "first", "second");
    assert_taken(&mut daemon, "zones/app.example.zone changed");
    assert_eq!(daemon.ask("text.app.example TXT"), "second");
}

#[test]
fn a_file_that_is_away_for_a_moment_is_not_gone() {
    let host = Host::new().watched();
    let mut daemon = host.start();
    for _ in 0..50 {
        fs::rename(host.path("zones/app.example.zone"), host.path("away")).unwrap();
        fs::rename(host.path("away"), host.path("zones/app.example.zone")).unwrap();
    }
    host.edit("zones/other.example.zone", "first", "second");
    let told = daemon.wait("changed");
    assert!(told.starts_with("zones/other.example.zone changed; reloaded: "), "{told}");
    assert!(!daemon.log().contains("gone"), "{}", daemon.log());
}

#[test]
fn a_file_that_is_written_all_the_time_holds_up_no_other() {
    let host = Host::new().watched();
    let mut daemon = host.start();
    host.edit("zones/other.example.zone", "first", "second");
    let mut serial = 1;
    eventually("the other zone's change", || {
        serial += 1;
        let text = APP.replace("hostmaster 1", &format!("hostmaster {serial}"));
        fs::write(host.path("zones/app.example.zone"), text).unwrap();
        (daemon.ask("text.other.example TXT") == "second").then_some(())
    });
    // On a machine with other work the first may have been still for long enough to be read before.
    let told = daemon.wait("zones/other.example.zone changed");
    assert!(told.contains("reloaded"), "{told}");
}

/// Waits for a reload that took all of it, for this change.
#[track_caller]
fn assert_taken(daemon: &mut Daemon, change: &str) {
    let told = daemon.wait(change);
    assert!(told.starts_with(&format!("{change}; reloaded: generation ")), "{told}");
}

/// What `status` and the metrics say of app.example.
#[track_caller]
fn assert_standing(host: &Host, standing: &str) {
    let status = control(host, "GET /v1/status").json();
    assert_eq!(status["zones"][0]["standing"], standing);
    let metrics = control(host, "GET /metrics").body;
    let sample = format!("meridian_zones{{standing=\"{standing}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&sample));
    assert!(line.is_some_and(|count| !count.starts_with('0')), "{metrics}");
}

/// Both zones with another text, in a new directory.
fn copy_zones(host: &Host, directory: &str, text: &str) {
    fs::create_dir(host.path(directory)).unwrap();
    for zone in ["app.example.zone", "other.example.zone"] {
        host.write(&format!("{directory}/{zone}"), &APP.replace("first", text));
    }
}

fn echoes_subnet(daemon: &Daemon) -> bool {
    let response = daemon.response("text.app.example TXT from 1.0.0.0/24");
    !response.edns.unwrap().options().as_ref().is_empty()
}
