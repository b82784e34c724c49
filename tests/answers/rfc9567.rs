//! RFC 9567: the domain that resolvers may report failures to.

use meridian::wire::Name;

use super::opt::{ask, values};
use super::{Ask, World, show};

const REPORT_CHANNEL: u16 = 18;

/// A server whose agent domain is the example of RFC 9567 section 4.2.
fn world() -> World {
    World::new(&format!(
        "=== meridian.toml\ngeoip.databases = []\nserver.report_channel = \"A01.agent-domain.example\"\n\
         === zones/example.zone\n{}*.a01.agent-domain TXT \"report received\"\nwww A 192.0.2.1\n",
        super::world::HEAD
    ))
}

fn channel(question: &str) -> Vec<Vec<u8>> {
    values(&ask(&world(), question, &[]), REPORT_CHANNEL)
}

#[test]
fn section_6_2_every_answer_with_opt_has_it_though_nobody_asks() {
    let agent = Name::from_text(b"a01.agent-domain.example", &Name::root()).unwrap();
    for question in [
        "www.example. A +edns",
        "www.example. AAAA +edns",
        "gone.example. A +edns",
        "agent-domain.example. A +edns",
        "xa01.agent-domain.example. A +edns",
    ] {
        assert_eq!(channel(question), [agent.as_wire()], "{question}");
    }
}

#[test]
fn a_query_that_is_refused_has_nothing_to_report() {
    for question in ["www.test. A +edns", "www.example. A +version=1"] {
        assert_eq!(channel(question), [] as [Vec<u8>; 0], "{question}");
    }
}

#[test]
fn without_opt_there_is_none() {
    let (_, response) = Ask::new("www.example. A").of(&world().snapshot());
    assert_eq!(show(&response), "NOERROR aa\nan www.example. 3600 A 192.0.2.1");
}

#[test]
fn section_6_3_names_of_the_agent_domain_have_none_so_that_no_report_makes_another() {
    for question in [
        "a01.agent-domain.example. TXT +edns",
        "_er.1.broken.test.7._er.a01.agent-domain.example. TXT +edns",
        "_er.1.broken.test.7._er.A01.AGENT-DOMAIN.EXAMPLE. TXT +edns",
    ] {
        assert_eq!(channel(question), [] as [Vec<u8>; 0], "{question}");
    }
}

#[test]
fn section_4_2_a_report_gets_the_wildcard_s_record() {
    super::check(
        &world().snapshot(),
        "_er.1.broken.test.7._er.a01.agent-domain.example. TXT +edns",
        "NOERROR aa edns=1232
        an _er.1.broken.test.7._er.a01.agent-domain.example. 3600 TXT report received",
    );
}

#[test]
fn it_is_off_by_default() {
    let world = World::of_zone("example", "www A 192.0.2.1\n");
    let response = ask(&world, "www.example. A +edns", &[]);
    assert_eq!(values(&response, REPORT_CHANNEL), [] as [Vec<u8>; 0]);
}
