//! Azs that are lost and return: which cause is told, where clients go, and that they come back.

use super::daemon::{Daemon, eventually};
use super::fleet::{CLIENTS, Fleet, PARIS, POLICY, SAOPAULO, SYDNEY, with_probe};
use super::host::Host;
use super::support::black_hole::BlackHole;
use super::support::server::{Behaviour, Server};

#[test]
fn a_server_that_refuses_is_out_until_it_is_back() {
    let mut fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let mut daemon = host.start();
    assert_all_home(&daemon);
    fleet.sydney.kill();
    assert_lost(&mut daemon, &host, "connection refused");
    fleet.sydney.restart();
    assert_back(&mut daemon);
}

#[test]
fn a_status_that_the_check_lacks_takes_an_az_out() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let mut daemon = host.start();
    fleet.sydney.behave(Behaviour::reply(503, "ready"));
    assert_lost(&mut daemon, &host, "status 503");
    fleet.sydney.behave(Behaviour::reply(200, "ready"));
    assert_back(&mut daemon);
}

#[test]
fn a_body_without_the_text_of_the_check_takes_an_az_out() {
    let fleet = Fleet::new();
    let host = fleet.host(&POLICY.replace("path =", "body = \"ready\"\npath ="));
    let mut daemon = host.start();
    fleet.sydney.behave(Behaviour::reply(200, "starting"));
    assert_lost(&mut daemon, &host, "body lacks \"ready\"");
    fleet.sydney.behave(Behaviour::reply(200, "I am ready."));
    assert_back(&mut daemon);
}

#[test]
fn a_head_that_never_ends_takes_an_az_out() {
    let fleet = Fleet::new();
    let host = fleet.host(&POLICY.replace("timeout = \"5s\"", "timeout = \"1s\"\nfall = 2"));
    let mut daemon = host.start();
    fleet.sydney.behave(Behaviour::Dribble);
    assert_lost(&mut daemon, &host, "timeout waiting for the reply");
    fleet.sydney.behave(Behaviour::reply(200, "ready"));
    assert_back(&mut daemon);
}

#[test]
fn a_black_hole_takes_an_az_out() {
    let hole = BlackHole::new();
    let address = hole.address();
    let policy = with_probe("SYDNEY", address);
    let fleet = Fleet::new();
    let host = fleet.host(&policy.replace("timeout = \"5s\"", "timeout = \"1s\"\nfall = 2"));
    let mut daemon = host.launch();
    daemon.transition("sydney is out of app.example:web", "timeout while connecting");
    daemon.listening();
    assert_all_moved(&daemon, &host, "timeout while connecting");
    drop(hole);
    let _server = Server::http_at(address, Behaviour::reply(200, "ready"));
    assert_back(&mut daemon);
}

#[test]
fn an_az_is_out_when_min_up_of_its_endpoints_are_not_up() {
    let fleet = Fleet::new();
    let mut second = Server::http(Behaviour::reply(200, "ready"));
    let two = format!(
        "[{{ address = \"192.0.2.11\", probe = \"{}\" }}, {{ address = \"192.0.2.1\"",
        second.address()
    );
    let policy = POLICY.replace("[{ address = \"192.0.2.1\"", &two);
    let host = fleet.host(&policy.replace("check = \"web\"", "check = \"web\"\nmin_up = 2"));
    let mut daemon = host.start();
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), "192.0.2.1 192.0.2.11");
    second.kill();
    daemon
        .transition("sydney is out of app.example:web", "connection refused, 1 of 2 endpoints up");
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SAOPAULO);
    second.restart();
    daemon.transition("sydney is back in app.example:web", "up for 0.1 s, 2 of 2 endpoints up");
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), "192.0.2.1 192.0.2.11");
}

#[test]
fn a_dead_endpoint_of_a_living_az_is_not_given() {
    let fleet = Fleet::new();
    let mut second = Server::http(Behaviour::reply(200, "ready"));
    let two = format!(
        "[{{ address = \"192.0.2.11\", probe = \"{}\" }}, {{ address = \"192.0.2.1\"",
        second.address()
    );
    let host = fleet.host(&POLICY.replace("[{ address = \"192.0.2.1\"", &two));
    let daemon = host.start();
    second.kill();
    eventually("one address", || {
        (daemon.ask("www.app.example A from 1.0.0.0/24") == SYDNEY).then_some(())
    });
    second.restart();
    eventually("two addresses", || {
        let answer = daemon.ask("www.app.example A from 1.0.0.0/24");
        (answer == "192.0.2.1 192.0.2.11").then_some(())
    });
}

#[test]
fn all_down_open_answers_as_if_all_were_up() {
    let mut fleet = Fleet::new();
    let mut daemon = fleet.host(POLICY).start();
    lose_all(&mut fleet, &mut daemon);
    assert_all_home(&daemon);
}

#[test]
fn all_down_closed_answers_no_address() {
    let mut fleet = Fleet::new();
    let policy = POLICY.replace("hold =", "all_down = \"closed\"\nhold =");
    let mut daemon = fleet.host(&policy).start();
    lose_all(&mut fleet, &mut daemon);
    for (client, _, _) in CLIENTS {
        assert_eq!(daemon.ask(&format!("www.app.example A from {client}")), "NODATA");
    }
}

#[test]
fn a_held_az_is_better_than_none() {
    let mut fleet = Fleet::new();
    let mut daemon = fleet.host(&POLICY.replace("100ms", "10m")).start();
    lose_all(&mut fleet, &mut daemon);
    fleet.paris.restart();
    eventually("Paris, though held", || {
        (daemon.ask("www.app.example A from 1.0.0.0/24") == PARIS).then_some(())
    });
}

#[test]
fn a_lost_ipv6_ends_the_ipv6_answers_of_its_az_alone() {
    let (fleet, mut six) = (Fleet::new(), Server::http(Behaviour::reply(200, "ready")));
    let host = fleet.host(&with_ipv6(&six));
    let daemon = host.start();
    assert_eq!(daemon.ask("www.app.example AAAA from 1.0.0.0/24"), "2001:db8::1");
    six.kill();
    eventually("no IPv6 in Sydney", || {
        (daemon.ask("www.app.example AAAA from 1.0.0.0/24") == "NODATA").then_some(())
    });
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SYDNEY);
    six.restart();
    eventually("IPv6 in Sydney", || {
        (daemon.ask("www.app.example AAAA from 1.0.0.0/24") == "2001:db8::1").then_some(())
    });
}

#[test]
fn a_lost_ipv4_takes_the_az_out_for_both_families() {
    let (mut fleet, six) = (Fleet::new(), Server::http(Behaviour::reply(200, "ready")));
    let host = fleet.host(&with_ipv6(&six));
    let mut daemon = host.start();
    fleet.sydney.kill();
    daemon
        .transition("sydney is out of app.example:web", "connection refused, 1 of 2 endpoints up");
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SAOPAULO);
    assert_eq!(daemon.ask("www.app.example AAAA from 1.0.0.0/24"), "2001:db8::3");
}

#[test]
fn an_endpoint_that_a_reload_adds_gets_no_clients_before_its_first_success() {
    let mut fleet = Fleet::new();
    let without: String = POLICY
        .lines()
        .filter(|line| !line.contains("SYDNEY"))
        .map(|l| l.to_owned() + "\n")
        .collect();
    let host = fleet.host(&without);
    let mut daemon = host.start();
    fleet.sydney.kill();
    fleet.steer(&host, &POLICY.replace("fast_interval", "fall = 100\nfast_interval"));
    host.meridian(&["reload"]).success();
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SAOPAULO);
    let status = host.meridian(&["status"]).success();
    assert!(status.contains("awaiting its first probe"), "{status}");
    fleet.sydney.restart();
    daemon.transition("sydney is back in app.example:web", "up, 1 of 1 endpoints up");
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SYDNEY);
}

#[test]
fn one_monitor_serves_all_pools_that_share_it() {
    let mut fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let policy = std::fs::read_to_string(host.path("zones/app.example.toml")).unwrap();
    host.write("zones/other.example.toml", &policy);
    let mut daemon = host.start();
    fleet.sydney.kill();
    daemon.transition("sydney is out of app.example:web", "connection refused");
    daemon.transition("sydney is out of other.example:web", "connection refused");
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SAOPAULO);
    assert_eq!(daemon.ask("www.other.example A from 1.0.0.0/24"), SAOPAULO);
}

#[test]
fn ttl_is_short_while_an_az_is_out_and_long_again_when_calm() {
    let mut fleet = Fleet::new();
    let policy = POLICY.replace("hold =", "ttl = \"30s\"\nmin_ttl = \"5s\"\nhold =");
    let daemon = fleet.host(&policy).start();
    let ttl = || daemon.response("www.app.example A from 1.0.0.0/24").answers[0].ttl;
    eventually("a calm TTL", || (ttl() == 30).then_some(()));
    fleet.sydney.kill();
    eventually("São Paulo with a calm TTL", || {
        let answer = &daemon.response("www.app.example A from 1.0.0.0/24").answers[0];
        (answer.data.to_string() == SAOPAULO && answer.ttl == 30).then_some(())
    });
    fleet.sydney.restart();
    eventually("Sydney with a calm TTL", || {
        let answer = &daemon.response("www.app.example A from 1.0.0.0/24").answers[0];
        (answer.data.to_string() == SYDNEY && answer.ttl == 30).then_some(())
    });
}

/// Sydney goes out for this cause, and all its clients move.
#[track_caller]
pub fn assert_lost(daemon: &mut Daemon, host: &Host, cause: &str) {
    daemon.transition("sydney is out of app.example:web", &format!("{cause}, 0 of 1 endpoints up"));
    assert_all_moved(daemon, host, cause);
}

/// Sydney has been up for the hold, and all clients are home again.
#[track_caller]
pub fn assert_back(daemon: &mut Daemon) {
    daemon.transition("sydney is back in app.example:web", "up for 0.1 s, 1 of 1 endpoints up");
    assert_all_home(daemon);
}

#[track_caller]
pub fn assert_all_home(daemon: &Daemon) {
    for (client, own, _) in CLIENTS {
        assert_eq!(daemon.ask(&format!("www.app.example A from {client}")), own, "{client}");
    }
}

/// Every client of Sydney gets the az that is next for it, the others theirs, and the cause is shown.
#[track_caller]
fn assert_all_moved(daemon: &Daemon, host: &Host, cause: &str) {
    for (client, own, next) in CLIENTS {
        let expected = if own == SYDNEY { next } else { own };
        assert_eq!(daemon.ask(&format!("www.app.example A from {client}")), expected, "{client}");
    }
    let status = host.meridian(&["status"]).success();
    let sydney = status.lines().find(|line| line.trim().starts_with("192.0.2.1 ")).unwrap();
    assert!(sydney.contains(" down for "), "{sydney}");
    assert!(sydney.ends_with(&format!(" ago: {cause}")), "{sydney}");
}

#[track_caller]
fn lose_all(fleet: &mut Fleet, daemon: &mut Daemon) {
    for (az, server) in [
        ("sydney", &mut fleet.sydney),
        ("paris", &mut fleet.paris),
        ("saopaulo", &mut fleet.saopaulo),
    ] {
        server.kill();
        daemon.wait(&format!("{az} is out"));
    }
}

/// The policy with an IPv6 address in each az; `six` serves Sydney's.
pub fn with_ipv6(six: &Server) -> String {
    POLICY
        .replace("[{ address = \"192.0.2.1\"", "[SIX, { address = \"192.0.2.1\"")
        .replace(
            "[{ address = \"192.0.2.2\"",
            "[{ address = \"2001:db8::2\", probe = \"PARIS\" }, { address = \"192.0.2.2\"",
        )
        .replace(
            "[{ address = \"192.0.2.3\"",
            "[{ address = \"2001:db8::3\", probe = \"SAOPAULO\" }, { address = \"192.0.2.3\"",
        )
        .replace("SIX", &format!("{{ address = \"2001:db8::1\", probe = \"{}\" }}", six.address()))
}
