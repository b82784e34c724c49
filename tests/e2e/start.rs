//! What a start waits for, what it takes over from before, and what it refuses.

use std::fs;
use std::net::{TcpListener, UdpSocket};

use nix::sys::signal::Signal;

use super::daemon::eventually;
use super::fleet::{Fleet, POLICY, SAOPAULO, SYDNEY, with_probe};
use super::host::Host;
use super::support::black_hole::BlackHole;

#[test]
fn sockets_open_once_every_endpoint_has_been_judged() {
    let mut fleet = Fleet::new();
    fleet.sydney.kill();
    let daemon = fleet.host(POLICY).start();
    // Before the line of the first socket.
    assert!(daemon.log().contains("sydney is out"), "{}", daemon.log());
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SAOPAULO);
}

#[test]
fn sockets_are_closed_while_an_endpoint_is_not_judged() {
    let hole = BlackHole::new();
    let fleet = Fleet::new();
    let host = fleet.host(&with_probe("SYDNEY", hole.address()));
    host.edit("meridian.toml", "[server]", "[server]\nstartup_wait = \"5m\"");
    let mut daemon = host.launch();
    eventually("many probes", || (fleet.paris.accepted() > 5).then_some(()));
    assert!(!host.path("control.sock").exists());
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ended().success());
    assert!(!daemon.log().contains("listening"), "{}", daemon.log());
}

#[test]
fn an_endpoint_that_is_silent_at_the_start_counts_as_up_after_startup_wait() {
    let (hole, fleet) = (BlackHole::new(), Fleet::new());
    let host = fleet.host(&with_probe("SYDNEY", hole.address()));
    host.edit("meridian.toml", "[server]", "[server]\nstartup_wait = \"200ms\"");
    assert_eq!(host.start().ask("www.app.example A from 1.0.0.0/24"), SYDNEY);
}

#[test]
fn health_survives_a_restart() {
    let mut fleet = Fleet::new();
    let host = fleet.host(&POLICY.replace("100ms", "10m"));
    let mut daemon = host.start();
    fleet.sydney.kill();
    daemon.wait("sydney is out");
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ended().success());
    // An az of which nothing is known would be eligible after one success.
    fleet.sydney.restart();
    assert_eq!(host.start().ask("www.app.example A from 1.0.0.0/24"), SAOPAULO);
}

#[test]
fn health_survives_a_kill() {
    let mut fleet = Fleet::new();
    let host = fleet.host(&POLICY.replace("100ms", "10m"));
    let mut daemon = host.start();
    fleet.sydney.kill();
    daemon.wait("sydney is out");
    eventually("a saved loss", || {
        let saved = fs::read_to_string(host.path("state/state.json")).ok()?;
        saved.contains("\"down\"").then_some(())
    });
    daemon.signal(Signal::SIGKILL);
    daemon.ended();
    fleet.sydney.restart();
    assert_eq!(host.start().ask("www.app.example A from 1.0.0.0/24"), SAOPAULO);
}

#[test]
fn a_hold_survives_a_restart() {
    let mut fleet = Fleet::new();
    let host = fleet.host(&POLICY.replace("100ms", "10m"));
    let mut daemon = host.start();
    fleet.sydney.kill();
    daemon.wait("sydney is out");
    fleet.sydney.restart();
    eventually("a hold", || host.meridian(&["status"]).success().contains("held").then_some(()));
    daemon.signal(Signal::SIGTERM);
    assert!(daemon.ended().success());
    let daemon = host.start();
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SAOPAULO);
    let status = host.meridian(&["status"]).success();
    assert!(status.contains("held for 9 min"), "{status}");
}

#[test]
fn saved_state_that_is_damaged_is_put_aside() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    fs::create_dir(host.path("state")).unwrap();
    host.write("state/state.json", "{ \"monitors\": ");
    let daemon = host.start();
    assert!(daemon.log().contains("can't understand state/state.json"), "{}", daemon.log());
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SYDNEY);
    let aside = fs::read_to_string(host.path("state/state.json.corrupt")).unwrap();
    assert_eq!(aside, "{ \"monitors\": ");
}

#[test]
fn a_fault_in_the_configuration_is_shown_and_refuses_to_start() {
    let host = Host::new();
    host.edit("meridian.toml", "workers = 2", "workers = 0\nlisten_on = 53");
    let shown = host.launch().failed();
    for part in [
        "error[config/out-of-range]",
        "meridian.toml:5:11",
        "5 | workers = 0",
        "error[config/unknown-key]",
        "meridian.toml:6:1",
        "6 | listen_on = 53\n  | ^^^^^^^^^",
    ] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
}

#[test]
fn a_database_that_is_damaged_refuses_to_start() {
    let host = Host::new();
    host.write("city.mmdb", "no database");
    let shown = host.launch().failed();
    assert!(shown.contains("error[geoip/bad-database]: city.mmdb: "), "{shown}");
    assert!(shown.contains("= help: fetch the database again"), "{shown}");
}

#[test]
fn a_database_that_places_nobody_refuses_to_start() {
    let host = Host::new();
    host.database("city.mmdb", "unknown.mmdb");
    let shown = host.launch().failed();
    assert!(shown.contains("error[geoip/bad-database]: city.mmdb: "), "{shown}");
}

#[test]
fn a_database_that_is_not_there_refuses_to_start() {
    let host = Host::new();
    host.remove("city.mmdb");
    let shown = host.launch().failed();
    assert!(shown.contains("can't read city.mmdb"), "{shown}");
}

#[test]
fn a_zone_that_does_not_load_answers_servfail_and_others_serve() {
    let host = Host::new();
    host.append("zones/app.example.zone", "www IN A nowhere\n");
    // Of its own, not its parent's data.
    host.write("zones/example.zone", &super::host::OTHER.replace("first", "the parent's"));
    let daemon = host.start();
    assert_eq!(daemon.ask("text.app.example TXT"), "SERVFAIL");
    assert_eq!(daemon.ask("text.other.example TXT"), "first");
    assert_eq!(daemon.ask("text.example TXT"), "the parent's");
    assert!(daemon.log().contains("app.example.zone:7:10: error["), "{}", daemon.log());
    let status = host.meridian(&["status"]).success();
    assert!(status.contains("zone app.example. answers SERVFAIL: "), "{status}");
}

#[test]
fn a_policy_that_does_not_load_takes_its_zone_with_it() {
    let host = Fleet::new().host(&POLICY.replace("\"web\"", "\"shop\""));
    let daemon = host.start();
    assert_eq!(daemon.ask("www.app.example A"), "SERVFAIL");
    assert_eq!(daemon.ask("text.app.example TXT"), "SERVFAIL");
    assert_eq!(daemon.ask("text.other.example TXT"), "first");
}

#[test]
fn a_state_directory_belongs_to_one_server() {
    let host = Host::new();
    let first = host.start();
    let refused = host.launch().failed();
    let holder = format!("state is in use by process {}", first.pid());
    assert!(refused.contains(&holder), "{refused}");
    assert_eq!(first.ask("text.app.example TXT"), "first");
}

#[test]
fn a_control_socket_belongs_to_one_server() {
    let host = Host::new();
    let first = host.start();
    host.edit("meridian.toml", "[server]", "[server]\nstate = \"other\"");
    let refused = host.launch().failed();
    let shown = "control socket control.sock: another server listens on it";
    assert!(refused.contains(shown), "{refused}");
    // The refused one has left it alone.
    host.meridian(&["status"]).success();
    assert_eq!(first.ask("text.app.example TXT"), "first");
}

#[test]
fn a_socket_that_a_killed_server_left_is_replaced() {
    let host = Host::new();
    let mut daemon = host.start();
    daemon.signal(Signal::SIGKILL);
    daemon.ended();
    assert!(host.path("control.sock").exists());
    let _daemon = host.start();
    host.meridian(&["status"]).success();
}

#[test]
fn an_address_in_use_is_named_with_its_transport() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = udp_beside_a_free_tcp_port();
    for (address, transport) in
        [(tcp.local_addr().unwrap(), "TCP"), (udp.local_addr().unwrap(), "UDP")]
    {
        let host = Host::new();
        host.edit("meridian.toml", "127.0.0.1:0", &address.to_string());
        let refused = host.launch().failed();
        let shown = format!("can't listen on {address} ({transport}): Address already in use");
        assert!(refused.contains(&shown), "{refused}");
        assert!(refused.contains("another server has it"), "{refused}");
    }
}

/// A port is given out for one transport at a time: the same number may be taken for the other.
fn udp_beside_a_free_tcp_port() -> UdpSocket {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        if TcpListener::bind(udp.local_addr().unwrap()).is_ok() {
            return udp;
        }
    }
}

#[test]
fn an_address_of_the_api_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let host = Host::new();
    host.append("meridian.toml", &format!("[admin]\nlisten = \"{address}\"\n"));
    let refused = host.launch().failed();
    assert!(refused.contains(&format!("[admin] listen {address}: Address already")), "{refused}");
}
