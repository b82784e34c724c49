//! RFC 2181 section 4: a response leaves from the address and port that the query went to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::server::{PATIENCE, Server};
use super::{Ask, World, show};

/// Asks a server that listens on `all` through each of `addresses`. A connected socket takes
/// datagrams from nowhere else.
fn check(all: IpAddr, client: IpAddr, addresses: &[IpAddr]) {
    let server = Server::start_on(all, World::of_zone("example", "www A 192.0.2.1\n").snapshot());
    for &address in addresses {
        let socket = UdpSocket::bind((client, 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.connect(SocketAddr::new(address, server.address.port())).unwrap();
        socket.send(&Ask::new("www.example. A").message()).unwrap();
        let mut response = [0; 512];
        let len = socket.recv(&mut response).unwrap();
        let response = show(&response[..len]);
        assert_eq!(response, "NOERROR aa\nan www.example. 3600 A 192.0.2.1", "{address}");
    }
}

#[test]
fn a_listener_on_every_ipv4_address_answers_from_the_one_that_was_asked() {
    let addresses = [1, 2, 77].map(|last| Ipv4Addr::new(127, 0, 0, last).into());
    check(Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::LOCALHOST.into(), &addresses);
}

#[test]
fn a_listener_on_every_ipv6_address_answers() {
    let localhost = Ipv6Addr::LOCALHOST.into();
    check(Ipv6Addr::UNSPECIFIED.into(), localhost, &[localhost]);
}
