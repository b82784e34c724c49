//! RFC 8914: Extended DNS Errors, which say why a response is as it is.

use std::time::Duration;

use meridian::route::{Override, OverrideKind};
use meridian::time::Wall;

use super::opt::{options, values};
use super::world::HEAD;
use super::{Ask, World, show};

const ERROR: u16 = 15;

/// INFO-CODE and EXTRA-TEXT of the only Extended DNS Error.
fn error_of(response: &[u8]) -> Option<(u16, String)> {
    let errors = values(response, ERROR);
    assert!(errors.len() < 2, "{errors:?}");
    let (code, text) = errors.first()?.split_first_chunk::<2>().unwrap();
    Some((u16::from_be_bytes(*code), String::from_utf8(text.to_vec()).unwrap()))
}

fn error(world: &World, question: &str) -> Option<(u16, String)> {
    error_of(&Ask::new(question).of(&world.snapshot()).1)
}

fn told(code: u16, text: &str) -> Option<(u16, String)> {
    Some((code, text.into()))
}

#[test]
fn section_4_21_a_name_of_no_zone_is_not_authoritative() {
    assert_eq!(error(&World::of_zone("example", ""), "www.test. A +edns"), told(20, ""));
}

#[test]
fn section_4_22_what_is_not_supported_is_said_to_be() {
    let world = World::of_zone("example", "");
    assert_eq!(error(&world, "example. AXFR +edns +tcp"), told(21, "zone transfer"));
    assert_eq!(error(&world, "example. IXFR +edns"), told(21, "zone transfer"));
    for class in [3, 4, 254, 255] {
        let ask = Ask { class, ..Ask::new("example. A +edns") };
        assert_eq!(error_of(&ask.of(&world.snapshot()).1), told(21, "class"), "{class}");
    }
    let server = super::server::Server::start(world.snapshot());
    let mut query = Ask::new("example. SOA +edns").message();
    query[2] |= 5 << 3;
    assert_eq!(error_of(&server.ask(&query)), told(21, "opcode"));
}

#[test]
fn section_4_25_a_zone_that_did_not_load_has_invalid_data() {
    let world = World::with_faults(&format!(
        "=== zones/example.zone\n{HEAD}=== zones/broken.example.zone\nnonsense\n"
    ));
    assert_eq!(error(&world, "www.broken.example. A +edns"), told(24, "zone did not load"));
}

#[test]
fn an_ordinary_answer_has_none() {
    let world = World::of_zone("example", "www A 192.0.2.1\nsub NS ns.test.\n");
    for name in ["www.example. A", "www.example. AAAA", "gone.example. A", "x.sub.example. A"] {
        assert_eq!(error(&world, &format!("{name} +edns")), None, "{name}");
    }
}

#[test]
fn without_edns_there_is_none() {
    let (_, response) = Ask::new("www.test. A").of(&World::of_zone("example", "").snapshot());
    assert_eq!(show(&response), "REFUSED");
    assert_eq!(response.len(), Ask::new("www.test. A").message().len());
}

/// A pool of one az, which does `all_down`.
fn pool(all_down: &str) -> World {
    let mut world = World::new(&format!(
        "=== meridian.toml\ngeoip.databases = []\naz.tokyo = {{}}\naz.spare = {{}}\n\
         === zones/example.zone\n{HEAD}=== zones/example.toml\nnames.www = \"web\"\n\
         check.web = {{ type = \"http\" }}\npool.web.check = \"web\"\n\
         pool.web.policy = \"failover\"\npool.web.order = [\"tokyo\"]\n\
         pool.web.endpoints.tokyo = [\"203.0.113.60\"]\npool.web.all_down = {all_down}\n\
         pool.spare.policy = \"failover\"\npool.spare.order = [\"spare\"]\n\
         pool.spare.endpoints.spare = [\"203.0.113.70\"]\n"
    ));
    world.settle();
    world
}

#[test]
fn an_answer_that_no_az_up_is_behind_says_so() {
    for (all_down, text) in [
        ("\"open\"", "no availability zone up: health ignored"),
        ("\"last\"", "no availability zone up: those that were last"),
        (
            "\"fallback\"\npool.web.fallback = \"spare\"",
            "no availability zone up: answer of the fallback pool",
        ),
        ("\"closed\"", "no availability zone up"),
    ] {
        let mut world = pool(all_down);
        assert_eq!(error(&world, "www.example. A +edns"), None, "{all_down}");
        world.fail("tokyo");
        assert_eq!(error(&world, "www.example. A +edns"), told(0, text), "{all_down}");
    }
}

#[test]
fn an_answer_from_a_drained_az_says_so() {
    let mut world = pool("\"open\"");
    world.give(Override {
        kind: OverrideKind::Drain,
        to: meridian::route::Share::NONE,
        given: "tokyo".into(),
        targets: world.director.expand("tokyo").unwrap(),
        reason: "test".into(),
        by: "test".into(),
        given_at: Wall::default(),
        until: Wall::from_epoch(Duration::from_secs(86_400)),
    });
    assert_eq!(error(&world, "www.example. A +edns"), told(0, "every availability zone drained"));
}

#[test]
fn section_2_it_comes_beside_the_answer_and_never_in_place_of_it() {
    let mut world = pool("\"open\"");
    world.fail("tokyo");
    let (_, response) = Ask::new("www.example. A +edns").of(&world.snapshot());
    assert_eq!(show(&response), "NOERROR aa edns=1232\nan www.example. 5 A 203.0.113.60");
    assert_eq!(options(&response).len(), 1);
}
