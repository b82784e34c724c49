//! A host that suspects its own network, and the address that it probes from.

use std::net::TcpListener;

use super::daemon::eventually;
use super::failover::assert_all_home;
use super::fleet::{Fleet, POLICY, with_probe};
use super::support::server::{Behaviour, Server};

#[test]
fn azs_that_go_silent_together_stay_in_service_and_are_told() {
    let fleet = Fleet::new();
    let host = fleet.host(&POLICY.replace("timeout = \"5s\"", "timeout = \"1s\"\nfall = 2"));
    let mut daemon = host.start();
    all(&fleet, Behaviour::Silent);
    let began = daemon.wait("this host suspects its own network");
    assert!(began.contains("of 3 azs went silent over IPv4"), "{began}");
    eventually("endpoints are kept", || {
        let status = host.meridian(&["status"]).success();
        let is_told = status.contains("guard: suspects this host's own IPv4 network for ");
        (is_told && status.matches("; kept by the guard, goes down in ").count() == 3).then_some(())
    });
    assert_all_home(&daemon);
    let explained = host.meridian(&["explain", "www.app.example", "--client", "1.0.0.1"]).success();
    assert!(explained.contains("192.0.2.1 is silent, and kept by the guard"), "{explained}");
    all(&fleet, Behaviour::reply(200, "ready"));
    daemon.wait("azs answer again");
    assert!(!daemon.log().contains(" is out of "), "{}", daemon.log());
}

#[test]
fn a_reference_that_answers_has_silent_azs_go() {
    let fleet = Fleet::new();
    let reference = Server::http(Behaviour::Silent);
    let host = fleet.host(&POLICY.replace("timeout = \"5s\"", "timeout = \"1s\"\nfall = 2"));
    host.append("meridian.toml", &format!("[guard]\nreference = [\"{}\"]\n", reference.address()));
    let mut daemon = host.start();
    all(&fleet, Behaviour::Silent);
    daemon.wait("this host suspects its own network");
    daemon.wait(&format!("reference {} answers", reference.address()));
    daemon.wait("sydney is out of app.example:web");
    let status = host.meridian(&["status"]).success();
    assert!(status.contains(&format!("reference {} answers\n", reference.address())));
}

#[test]
fn probes_come_from_the_configured_source() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = Fleet::new().host(&with_probe("SYDNEY", listener.local_addr().unwrap()));
    host.append("meridian.toml", "[probe]\nsource = [\"127.0.0.2\"]\n");
    let _daemon = host.launch();
    let (_, peer) = listener.accept().unwrap();
    assert_eq!(peer.ip().to_string(), "127.0.0.2");
}

fn all(fleet: &Fleet, behaviour: Behaviour) {
    for server in [&fleet.sydney, &fleet.paris, &fleet.saopaulo] {
        server.behave(behaviour.clone());
    }
}
