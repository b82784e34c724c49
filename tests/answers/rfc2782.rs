//! RFC 2782 and RFC 1035 section 3.3: addresses of the hosts that records name, where
//! `minimal_responses` is off.

use meridian::answer::Kind;

use super::slots::world_with;
use super::{Ask, World, check, show};

const RECORDS: &str = "\
_imap._tcp SRV 0 1 143 Mail
_imap._tcp SRV 0 1 993 mail
_imap._tcp SRV 0 3 143 old
_none._tcp SRV 0 0 0 .
@ MX 10 mail
@ MX 20 mx.other.test.
null MX 0 .
sip NAPTR 100 10 \"A\" \"SIP+D2U\" \"\" old
sip NAPTR 100 20 \"s\" \"SIP+D2T\" \"\" _imap._tcp
sip NAPTR 100 30 \"u\" \"E2U+sip\" \"!^.*$!sip:info@example!\" .
mail A 192.0.2.1
mail AAAA 2001:db8::1
old A 192.0.2.2
wild MX 1 a.star
*.star A 192.0.2.3
aliased MX 1 alias
alias CNAME mail
cut MX 1 ns.sub
sub NS ns.sub
ns.sub A 192.0.2.4
to MX 1 host.inner
gone MX 1 nowhere
nothing MX 1 null
";

/// A server with `minimal_responses` off, `example` and a zone within it.
fn zone() -> World {
    World::new(&format!(
        "=== meridian.toml\ngeoip.databases = []\nserver.minimal_responses = false\n\
         === zones/example.zone\n{head}{RECORDS}=== zones/inner.example.zone\n{head}host A 192.0.2.9\n",
        head = super::world::HEAD
    ))
}

#[test]
fn each_host_that_is_named_comes_once_with_both_families() {
    check(
        &zone().snapshot(),
        "_imap._tcp.example. SRV",
        "NOERROR aa
        an _imap._tcp.example. 3600 SRV 0 1 143 Mail.example.
        an _imap._tcp.example. 3600 SRV 0 1 993 mail.example.
        an _imap._tcp.example. 3600 SRV 0 3 143 old.example.
        ar Mail.example. 3600 A 192.0.2.1
        ar Mail.example. 3600 AAAA 2001:db8::1
        ar old.example. 3600 A 192.0.2.2",
    );
    check(
        &zone().snapshot(),
        "example. MX",
        "NOERROR aa
        an example. 3600 MX 10 mail.example.
        an example. 3600 MX 20 mx.other.test.
        ar mail.example. 3600 A 192.0.2.1
        ar mail.example. 3600 AAAA 2001:db8::1",
    );
}

#[test]
fn naptr_comes_with_addresses_where_its_flag_says_that_they_are_next() {
    let (_, response) = Ask::new("sip.example. NAPTR").of(&zone().snapshot());
    let text = show(&response);
    let additional: Vec<_> = text.lines().filter(|line| line.starts_with("ar ")).collect();
    assert_eq!(additional, ["ar old.example. 3600 A 192.0.2.2"]);
}

#[test]
fn no_host_and_hosts_without_addresses_of_this_zone_come_with_nothing() {
    let zone = zone().snapshot();
    for (question, data) in [
        ("_none._tcp.example. SRV", "0 0 0 ."),
        ("null.example. MX", "0 ."),
        ("aliased.example. MX", "1 alias.example."),
        ("cut.example. MX", "1 ns.sub.example."),
        ("to.example. MX", "1 host.inner.example."),
        ("gone.example. MX", "1 nowhere.example."),
        ("nothing.example. MX", "1 null.example."),
    ] {
        let (name, rtype) = question.split_once(' ').unwrap();
        check(&zone, question, &format!("NOERROR aa\nan {name} 3600 {rtype} {data}"));
    }
}

#[test]
fn a_host_that_a_wildcard_answers_for_has_its_addresses() {
    check(
        &zone().snapshot(),
        "wild.example. MX",
        "NOERROR aa
        an wild.example. 3600 MX 1 a.star.example.
        ar a.star.example. 3600 A 192.0.2.3",
    );
}

#[test]
fn responses_are_minimal_unless_asked_for() {
    check(
        &World::of_zone("example", RECORDS).snapshot(),
        "example. MX",
        "NOERROR aa\nan example. 3600 MX 10 mail.example.\nan example. 3600 MX 20 mx.other.test.",
    );
}

#[test]
fn a_steered_host_has_this_clients_addresses() {
    let mut world = world_with("minimal_responses = false", "mx MX 1 www\nmx MX 2 many\n");
    check(
        &world.snapshot(),
        "mx.example. MX +from=2.0.5.1",
        "NOERROR aa
        an mx.example. 3600 MX 1 www.example.
        an mx.example. 3600 MX 2 many.example.
        ar www.example. 30 A 203.0.113.30
        ar www.example. 30 AAAA 2001:db8::30
        ar many.example. 30 A 203.0.113.35",
    );
    let (answer, _) = Ask::new("mx.example. MX +from=2.0.5.1").of(&world.snapshot());
    assert_eq!((answer.kind, answer.pool, answer.az), (Kind::Static, None, None));
    world.fail("frankfurt");
    let (_, response) = Ask::new("mx.example. MX +from=2.0.5.1").of(&world.snapshot());
    assert!(!show(&response).contains("203.0.113.30"));
}

#[test]
fn rfc_7871_section_7_3_1_addresses_of_a_network_stand_in_no_additional_section() {
    check(
        &world_with("minimal_responses = false", "mx MX 1 www\n").snapshot(),
        "mx.example. MX +subnet=1.0.0.0/24",
        "NOERROR aa edns=1232 subnet=1.0.0.0/24/0
        an mx.example. 3600 MX 1 www.example.",
    );
}

#[test]
fn sets_that_do_not_fit_are_left_out_whole_without_tc() {
    let addresses: String = (0..40).map(|n| format!("big A 192.0.2.{n}\n")).collect();
    let world = World::new(&format!(
        "=== meridian.toml\ngeoip.databases = []\nserver.minimal_responses = false\n\
         === zones/example.zone\n{}@ MX 1 big\n@ MX 2 small\n{addresses}small A 192.0.2.99\n",
        super::world::HEAD
    ));
    check(
        &world.snapshot(),
        "example. MX",
        "NOERROR aa
        an example. 3600 MX 1 big.example.
        an example. 3600 MX 2 small.example.
        ar small.example. 3600 A 192.0.2.99",
    );
}

#[test]
fn as_many_as_32_hosts_come_with_their_addresses() {
    let records: String = (0..40).map(|n| format!("@ MX {n} h{n}\nh{n} A 192.0.2.{n}\n")).collect();
    let world = World::new(&format!(
        "=== meridian.toml\ngeoip.databases = []\nserver.minimal_responses = false\n\
         === zones/example.zone\n{}{records}",
        super::world::HEAD
    ));
    let text = show(&Ask::new("example. MX +tcp").of(&world.snapshot()).1);
    assert_eq!(text.matches("\nar ").count(), 32, "{text}");
}
