//! RFC 4892: what a server tells of itself in class CH.

use super::opt::values;
use super::world::HEAD;
use super::{Ask, World, show};

const CH: u16 = 3;
const EXTENDED_ERROR: u16 = 15;
const VERSION: &str = concat!("meridian ", env!("CARGO_PKG_VERSION"));

fn world(server: &str) -> World {
    World::new(&format!(
        "=== meridian.toml\ngeoip.databases = []\n{server}=== zones/example.zone\n{HEAD}\
         === zones/server.zone\n{HEAD}id TXT \"of class IN\"\n"
    ))
}

fn ask(world: &World, question: &str) -> (String, Vec<u8>) {
    let (_, response) = Ask { class: CH, ..Ask::new(question) }.of(&world.snapshot());
    (show(&response), response)
}

#[test]
fn each_name_tells_its_own() {
    let world = world("server.identity = \"ns1.test\"\n");
    for (name, text) in [
        ("id.server.", "ns1.test"),
        ("hostname.bind.", "ns1.test"),
        ("version.server.", VERSION),
        ("version.bind.", VERSION),
    ] {
        for rtype in ["TXT", "ANY"] {
            let (shown, _) = ask(&world, &format!("{name} {rtype}"));
            assert_eq!(shown, format!("NOERROR aa\nan {name} 0 TXT {text}"));
        }
    }
}

#[test]
fn the_record_is_of_class_ch_and_its_owner_is_the_question() {
    let (_, response) = ask(&world("server.identity = \"a\"\n"), "iD.SeRvEr. TXT");
    assert_eq!(response[12..23], *b"\x02iD\x06SeRvEr\0");
    assert_eq!(response[27..], [0xc0, 12, 0, 16, 0, 3, 0, 0, 0, 0, 0, 2, 1, b'a']);
}

#[test]
fn another_type_is_no_data() {
    let (shown, _) = ask(&world("server.identity = \"a\"\n"), "id.server. A");
    assert_eq!(shown, "NOERROR aa");
}

#[test]
fn a_type_that_no_record_can_have_is_refused_as_in_class_in() {
    let world = world("server.identity = \"a\"\n");
    for name in ["id.server.", "example."] {
        for (rtype, rcode, error) in [
            ("AXFR", "REFUSED", Some("zone transfer")),
            ("IXFR", "REFUSED", Some("zone transfer")),
            ("TYPE253", "NOTIMP", Some("type")),
            ("TYPE254", "NOTIMP", Some("type")),
            ("TYPE0", "FORMERR", None),
            ("TYPE41", "FORMERR", None),
            ("TYPE249", "FORMERR", None),
            ("TYPE250", "FORMERR", None),
        ] {
            let (shown, response) = ask(&world, &format!("{name} {rtype} +edns"));
            assert_eq!(shown, format!("{rcode} edns=1232"), "{name} {rtype}");
            let told = error.map(|text| [&[0, 21], text.as_bytes()].concat());
            assert_eq!(values(&response, EXTENDED_ERROR), Vec::from_iter(told), "{name} {rtype}");
        }
    }
}

#[test]
fn other_names_are_refused() {
    for name in ["server.", "bind.", "authors.bind.", "x.id.server.", "example.", "."] {
        assert_eq!(ask(&world(""), &format!("{name} TXT")).0, "REFUSED", "{name}");
    }
}

#[test]
fn what_is_not_listed_is_refused() {
    let world = world("server.identity = \"a\"\nserver.chaos = [\"version.bind\"]\n");
    for name in ["id.server.", "hostname.bind.", "version.server."] {
        assert_eq!(ask(&world, &format!("{name} TXT")).0, "REFUSED", "{name}");
    }
    let expected = format!("NOERROR aa\nan version.bind. 0 TXT {VERSION}");
    assert_eq!(ask(&world, "version.bind. TXT").0, expected);
}

#[test]
fn an_empty_list_refuses_all() {
    let world = world("server.identity = \"a\"\nserver.chaos = []\n");
    for name in ["id.server.", "hostname.bind.", "version.server.", "version.bind."] {
        assert_eq!(ask(&world, &format!("{name} TXT")).0, "REFUSED", "{name}");
    }
}

#[test]
fn a_server_without_an_identity_refuses_the_names_that_tell_it() {
    let world = world("server.identity = \"\"\n");
    for name in ["id.server.", "hostname.bind."] {
        assert_eq!(ask(&world, &format!("{name} TXT")).0, "REFUSED", "{name}");
    }
    assert!(ask(&world, "version.server. TXT").0.starts_with("NOERROR"));
}

#[test]
fn a_zone_of_the_same_name_is_one_of_class_in() {
    super::check(
        &world("server.identity = \"a\"\n").snapshot(),
        "id.server. TXT",
        "NOERROR aa\nan id.server. 3600 TXT of class IN",
    );
}

#[test]
fn the_longest_identity_is_told_whole() {
    let identity = "x".repeat(255);
    let world = world(&format!("server.identity = \"{identity}\"\n"));
    let (shown, response) = ask(&world, "id.server. TXT");
    assert_eq!(shown, format!("NOERROR aa\nan id.server. 0 TXT {identity}"));
    assert!(response.len() <= 512);
}
