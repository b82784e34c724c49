//! RFC 7828: how long a TCP connection may be idle.

use meridian::answer::Transport;

use super::opt::{option, options, values};
use super::server::Server;
use super::{Ask, World, show};

const KEEPALIVE: u16 = 11;

fn world(server: &str) -> World {
    World::new(&format!(
        "=== meridian.toml\ngeoip.databases = []\n{server}=== zones/example.zone\n{}www A 192.0.2.1\n",
        super::world::HEAD
    ))
}

fn ask(server: &str, question: &str, value: &[u8], transport: Transport) -> Vec<u8> {
    let options = option(KEEPALIVE, value);
    Ask { options, transport, ..Ask::new(question) }.of(&world(server).snapshot()).1
}

#[test]
fn section_3_3_1_over_tcp_the_timeout_is_the_connection_s_in_units_of_100_ms() {
    for (setting, units) in [
        ("", 100u16),
        ("server.tcp.idle = \"30s\"\n", 300),
        ("server.tcp.idle = \"1h\"\n", 36_000),
        ("server.tcp.idle = \"100ms\"\n", 1),
        ("server.tcp.idle = \"199ms\"\n", 1),
        ("server.tcp.lifetime = \"5s\"\n", 50),
    ] {
        let response = ask(setting, "www.example. A +edns", &[], Transport::Tcp);
        assert_eq!(options(&response), [(KEEPALIVE, units.to_be_bytes().to_vec())], "{setting}");
    }
}

#[test]
fn section_3_2_2_over_udp_the_option_is_ignored_whatever_it_holds() {
    for value in [&[][..], &[0, 100], &[1, 2, 3]] {
        let response = ask("", "www.example. A +edns", value, Transport::Udp);
        assert_eq!(show(&response), "NOERROR aa edns=1232\nan www.example. 3600 A 192.0.2.1");
        assert_eq!(options(&response), []);
    }
}

#[test]
fn section_3_2_1_a_timeout_in_a_query_over_tcp_is_a_format_error() {
    for value in [&[0, 100][..], &[0], &[0, 0, 0]] {
        let response = ask("", "www.example. A +edns", value, Transport::Tcp);
        assert_eq!(show(&response), "FORMERR edns=1232", "{value:?}");
    }
}

#[test]
fn of_several_each_is_without_a_timeout() {
    let [empty, timeout] = [&[][..], &[0, 100]].map(|value| option(KEEPALIVE, value));
    for (first, second) in [(&timeout, &empty), (&empty, &timeout), (&timeout, &timeout)] {
        let options = [&first[..], second].concat();
        let transport = Transport::Tcp;
        let ask = Ask { options, transport, ..Ask::new("www.example. A +edns") };
        let (_, response) = ask.of(&world("").snapshot());
        assert_eq!(show(&response), "FORMERR edns=1232");
    }
    let options = [&empty[..], &empty].concat();
    let ask = Ask { options, transport: Transport::Tcp, ..Ask::new("www.example. A +edns") };
    let (_, response) = ask.of(&world("").snapshot());
    assert_eq!(values(&response, KEEPALIVE), [[0, 100]]);
}

#[test]
fn who_does_not_ask_is_not_told() {
    let server = Server::start(world("").snapshot());
    let response = server.tcp(&Ask::new("www.example. A +edns").message());
    assert_eq!(options(&response), []);
    let response = server.tcp(&Ask::new("www.example. A").message());
    assert_eq!(show(&response), "NOERROR aa\nan www.example. 3600 A 192.0.2.1");
}

#[test]
fn errors_over_tcp_tell_it_too() {
    for question in ["gone.example. A +edns", "www.test. A +edns", "example. AXFR +edns"] {
        let response = ask("", question, &[], Transport::Tcp);
        let told = options(&response).into_iter().filter(|(code, _)| *code == KEEPALIVE);
        assert_eq!(told.collect::<Vec<_>>(), [(KEEPALIVE, vec![0, 100])], "{question}");
    }
}
