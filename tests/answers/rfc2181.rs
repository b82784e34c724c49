//! RFC 2181: a response leaves from the address that the query went to (section 4), and is truncated
//! where, and only where, a set that it must hold does not fit (section 9).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::server::{PATIENCE, Server};
use meridian::answer::Kind;

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

/// Asks with ever less room down to 512 octets, and tells with how many octets it was truncated.
fn truncated_at(world: &World, question: &str) -> Option<usize> {
    let snapshot = world.snapshot();
    let (_, whole) = Ask::new(&format!("{question} +edns +tcp")).of(&snapshot);
    let mut at = None;
    for room in (512..=whole.len().max(512)).rev() {
        let (answer, response) = Ask::new(&format!("{question} +edns={room}")).of(&snapshot);
        assert!(response.len() <= room, "{question} in {room} octets");
        let is_truncated = show(&response).lines().next().unwrap().contains(" tc");
        assert_eq!(is_truncated, answer.kind == Kind::Truncated);
        assert!(is_truncated || at.is_none(), "{question} in {room} octets");
        if is_truncated {
            // The question and OPT alone.
            assert_eq!(response[6..12], [0, 0, 0, 0, 0, 1]);
            at = at.or(Some(room));
        }
    }
    at.inspect(|&room| assert_eq!(room, whole.len() - 1, "{question}"))
}

#[test]
fn section_9_an_answer_is_truncated_from_the_first_octet_that_it_lacks() {
    let strings: String = (0..12).map(|n| format!("text TXT \"{n:060}\"\n")).collect();
    let world = World::of_zone("example", &format!("{strings}alias CNAME text\nold DNAME text\n"));
    for question in ["text.example. TXT", "alias.example. TXT"] {
        assert!(truncated_at(&world, question).is_some(), "{question}");
    }
    for question in ["text.example. A", "gone.example. A", "alias.example. CNAME"] {
        assert_eq!(truncated_at(&world, question), None, "{question}");
    }
}

#[test]
fn section_9_additional_data_that_does_not_fit_is_no_reason_to_truncate() {
    let addresses: String =
        (0..30).map(|n| format!("@ MX {n} h{n}\nh{n} A 192.0.2.{n}\n")).collect();
    let world = World::new(&format!(
        "=== meridian.toml\ngeoip.databases = []\nserver.minimal_responses = false\n\
         === zones/example.zone\n{}{addresses}",
        super::world::HEAD
    ));
    let snapshot = world.snapshot();
    let required = World::of_zone("example", &addresses).snapshot();
    let (_, required) = Ask::new("example. MX +edns").of(&required);
    let mut given = None;
    for room in (required.len()..required.len() + 600).rev() {
        let (_, response) = Ask::new(&format!("example. MX +edns={room}")).of(&snapshot);
        let text = show(&response);
        assert!(text.starts_with("NOERROR aa edns=1232\n"), "{room}: {text}");
        assert_eq!(text.matches(" MX ").count(), 30, "{room}: {text}");
        let additional = text.matches("\nar ").count();
        assert!(given.is_none_or(|given| additional <= given), "{room}: {text}");
        given = Some(additional);
    }
    assert_eq!(given, Some(0));
}

#[test]
fn section_5_no_record_stands_twice() {
    let world = World::new(&format!(
        "=== meridian.toml\ngeoip.databases = []\nserver.minimal_responses = false\n\
         === zones/example.zone\n{}@ NS ns\n@ NS NS\n@ MX 1 ns\n@ MX 2 NS\nns A 192.0.2.1\n\
         ns A 192.0.2.1\n",
        super::world::HEAD
    ));
    let snapshot = world.snapshot();
    for question in ["example. NS", "example. MX", "ns.example. A"] {
        let (_, response) = Ask::new(question).of(&snapshot);
        assert_eq!(show(&response).matches(" A 192.0.2.1").count(), 1, "{question}");
    }
}
