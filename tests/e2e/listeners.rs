//! Where it listens, and that an answer comes from the address that was asked.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, UdpSocket};

use super::client::{Client, Connection, answer};
use super::daemon::Daemon;
use super::host::Host;

#[test]
fn a_wildcard_answers_from_the_address_that_was_asked() {
    let (_host, daemon) = listening_on(&["0.0.0.0:0"]);
    for asked in ["127.0.0.1", "127.0.0.2", "127.8.9.10"] {
        assert_serves(SocketAddr::new(asked.parse().unwrap(), daemon.addresses[0].port()));
    }
}

#[test]
fn a_wildcard_of_ipv6_answers_from_the_address_that_was_asked() {
    if UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        // A host without IPv6 has nothing to ask.
        return;
    }
    let (_host, daemon) = listening_on(&["[::]:0"]);
    assert_serves(SocketAddr::from((Ipv6Addr::LOCALHOST, daemon.addresses[0].port())));
}

#[test]
fn both_wildcards_may_have_one_port() {
    if UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return;
    }
    let (_host, four) = listening_on(&["0.0.0.0:0"]);
    let port = four.address().port();
    let (_host, six) = listening_on(&[&format!("[::]:{port}")]);
    assert_eq!(six.address().port(), port);
    assert_serves(SocketAddr::new("127.0.0.2".parse().unwrap(), port));
    assert_serves(SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
}

#[test]
fn several_addresses_are_each_served() {
    let (_host, daemon) = listening_on(&["127.0.0.2:0", "127.0.0.3:0"]);
    let ips: Vec<IpAddr> = daemon.addresses.iter().map(SocketAddr::ip).collect();
    assert_eq!(ips, ["127.0.0.2", "127.0.0.3"].map(|ip| ip.parse::<IpAddr>().unwrap()));
    for &address in &daemon.addresses {
        assert_serves(address);
    }
}

#[test]
fn an_address_that_the_host_does_not_have_yet_is_listened_on() {
    let (_host, daemon) = listening_on(&["203.0.113.53:0", "127.0.0.1:0"]);
    assert_serves(daemon.addresses[1]);
}

/// A daemon that listens on all of these.
fn listening_on(addresses: &[&str]) -> (Host, Daemon) {
    let host = Host::new();
    host.edit("meridian.toml", "[\"127.0.0.1:0\"]", &format!("{addresses:?}"));
    let mut daemon = host.start();
    while daemon.addresses.len() < addresses.len() {
        daemon.listening();
    }
    (host, daemon)
}

/// The client's sockets hear nobody but `address`.
#[track_caller]
fn assert_serves(address: SocketAddr) {
    let client = Client::of(address);
    assert_eq!(answer(&client.ask("text.app.example TXT")), "first");
    assert_eq!(answer(&client.ask("text.other.example TXT")), "first");
    let mut connection = Connection::to(address);
    assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
}
