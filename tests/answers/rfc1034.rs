//! RFC 1034: the algorithm of section 4.3.2, and the example of section 6.

use super::{Ask, World, check, show};

/// The root zone of section 6.1, without the types that are not served by name.
const ROOT: &str = "\
=== zones/@.zone
$TTL 86400
@               SOA  SRI-NIC.ARPA. HOSTMASTER.SRI-NIC.ARPA. 870611 1800 300 604800 86400
@               NS   A.ISI.EDU.
@               NS   C.ISI.EDU.
@               NS   SRI-NIC.ARPA.
MIL.            NS   SRI-NIC.ARPA.
MIL.            NS   A.ISI.EDU.
EDU.            NS   SRI-NIC.ARPA.
EDU.            NS   C.ISI.EDU.
SRI-NIC.ARPA.   A    26.0.0.73
SRI-NIC.ARPA.   A    10.0.0.51
SRI-NIC.ARPA.   MX   0 SRI-NIC.ARPA.
USC-ISIC.ARPA.  CNAME C.ISI.EDU.
73.0.0.26.IN-ADDR.ARPA. PTR SRI-NIC.ARPA.
A.ISI.EDU.      A    26.3.0.103
C.ISI.EDU.      A    10.0.0.52
";

const NEGATIVE: &str =
    "ns . 86400 SOA SRI-NIC.ARPA. HOSTMASTER.SRI-NIC.ARPA. 870611 1800 300 604800 86400";

#[test]
fn section_6_2_1_an_address_query_gets_both_addresses() {
    check(
        &World::new(ROOT).snapshot(),
        "SRI-NIC.ARPA. A",
        "NOERROR aa
        an SRI-NIC.ARPA. 86400 A 26.0.0.73
        an SRI-NIC.ARPA. 86400 A 10.0.0.51",
    );
}

#[test]
fn section_6_2_3_a_mail_query_gets_the_exchange() {
    check(
        &World::new(ROOT).snapshot(),
        "SRI-NIC.ARPA. MX",
        "NOERROR aa
        an SRI-NIC.ARPA. 86400 MX 0 SRI-NIC.ARPA.",
    );
}

#[test]
fn section_6_2_4_a_type_that_the_name_lacks_gets_an_empty_answer() {
    let expected = format!("NOERROR aa\n{NEGATIVE}");
    check(&World::new(ROOT).snapshot(), "SRI-NIC.ARPA. NS", &expected);
}

#[test]
fn section_6_2_5_a_name_that_does_not_exist_gets_a_name_error() {
    let expected = format!("NXDOMAIN aa\n{NEGATIVE}");
    check(&World::new(ROOT).snapshot(), "SIR-NIC.ARPA. A", &expected);
}

#[test]
fn section_6_2_6_a_name_below_a_delegation_gets_a_referral_with_addresses() {
    check(
        &World::new(ROOT).snapshot(),
        "BRL.MIL. A",
        "NOERROR
        ns MIL. 86400 NS SRI-NIC.ARPA.
        ns MIL. 86400 NS A.ISI.EDU.
        ar SRI-NIC.ARPA. 86400 A 26.0.0.73
        ar SRI-NIC.ARPA. 86400 A 10.0.0.51
        ar A.ISI.EDU. 86400 A 26.3.0.103",
    );
}

#[test]
fn section_6_2_7_an_alias_into_a_delegation_gets_the_alias_and_the_referral() {
    check(
        &World::new(ROOT).snapshot(),
        "USC-ISIC.ARPA. A",
        "NOERROR aa
        an USC-ISIC.ARPA. 86400 CNAME C.ISI.EDU.
        ns EDU. 86400 NS SRI-NIC.ARPA.
        ns EDU. 86400 NS C.ISI.EDU.
        ar SRI-NIC.ARPA. 86400 A 26.0.0.73
        ar SRI-NIC.ARPA. 86400 A 10.0.0.51
        ar C.ISI.EDU. 86400 A 10.0.0.52",
    );
}

#[test]
fn section_6_2_8_a_query_for_the_alias_itself_gets_it_alone() {
    check(
        &World::new(ROOT).snapshot(),
        "USC-ISIC.ARPA. CNAME",
        "NOERROR aa
        an USC-ISIC.ARPA. 86400 CNAME C.ISI.EDU.",
    );
}

#[test]
fn a_chain_of_aliases_is_followed_within_the_zone() {
    let zone = World::of_zone(
        "example",
        "www CNAME web.cdn\nweb.cdn CNAME host\nhost A 192.0.2.1\nout CNAME www.other.test.\n",
    );
    check(
        &zone.snapshot(),
        "www.example. A",
        "NOERROR aa
        an www.example. 3600 CNAME web.cdn.example.
        an web.cdn.example. 3600 CNAME host.example.
        an host.example. 3600 A 192.0.2.1",
    );
    check(
        &zone.snapshot(),
        "out.example. A",
        "NOERROR aa
        an out.example. 3600 CNAME www.other.test.",
    );
}

#[test]
fn an_alias_to_a_name_that_does_not_exist_is_a_name_error() {
    // RFC 6604 section 3: the code is that of the last name.
    check(
        &World::of_zone("example", "www CNAME gone\n").snapshot(),
        "www.example. A",
        "NXDOMAIN aa
        an www.example. 3600 CNAME gone.example.
        ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30",
    );
}

#[test]
fn an_alias_into_another_zone_of_ours_is_left_to_the_resolver() {
    let worlds = World::new(&format!(
        "=== zones/example.zone\n{head}www CNAME www.other.test.\n\
         === zones/other.test.zone\n{head}www A 192.0.2.1\n",
        head = super::world::HEAD
    ));
    check(
        &worlds.snapshot(),
        "www.example. A",
        "NOERROR aa\nan www.example. 3600 CNAME www.other.test.",
    );
}

#[test]
fn a_loop_of_aliases_ends() {
    let zone = World::of_zone("example", "a CNAME b\nb CNAME a\nself CNAME self\n").snapshot();
    for name in ["a.example.", "self.example."] {
        let (_, response) = Ask::new(&format!("{name} A +tcp")).of(&zone);
        let text = show(&response);
        assert!(text.starts_with("NOERROR aa\n"), "{text}");
        assert!(text.lines().count() <= 5, "{text}");
    }
}

#[test]
fn a_name_outside_all_zones_is_refused() {
    let zone = World::of_zone("example", "").snapshot();
    check(&zone, "www.example.org. A", "REFUSED");
    check(&zone, "org. A", "REFUSED");
    check(&zone, ". NS", "REFUSED");
    check(&zone, "notexample. A", "REFUSED");
}

#[test]
fn the_closest_zone_answers() {
    let worlds = World::new(&format!(
        "=== zones/example.zone\n{head}www.sub A 192.0.2.1\nsub NS ns.test.\n\
         === zones/sub.example.zone\n{head}www A 192.0.2.2\n",
        head = super::world::HEAD
    ));
    let answer = "NOERROR aa\nan www.sub.example. 3600 A 192.0.2.2";
    check(&worlds.snapshot(), "www.sub.example. A", answer);
}
