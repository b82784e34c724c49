//! RFC 2308: negative answers hold the SOA record, whose TTL is the shorter of its own and its
//! minimum field.

use super::{World, check};

/// A zone whose SOA record has this TTL and minimum.
fn zone(ttl: u32, minimum: u32) -> World {
    World::new(&format!(
        "=== zones/example.zone
$TTL 3600
@ {ttl} SOA ns.test. host.test. 1 7200 3600 1209600 {minimum}
@ NS ns.test.
www A 192.0.2.1
a.b.c TXT x
alias CNAME www
"
    ))
}

#[test]
fn section_3_the_ttl_is_the_shorter_of_the_records_and_its_minimum() {
    for (ttl, minimum, expected) in [(3600, 30, 30), (30, 3600, 30), (60, 60, 60), (60, 0, 0)] {
        let soa =
            format!("ns example. {expected} SOA ns.test. host.test. 1 7200 3600 1209600 {minimum}");
        let world = zone(ttl, minimum);
        check(&world.snapshot(), "gone.example. A", &format!("NXDOMAIN aa\n{soa}"));
        check(&world.snapshot(), "www.example. TXT", &format!("NOERROR aa\n{soa}"));
    }
}

#[test]
fn the_soa_record_that_is_asked_for_keeps_its_own_ttl() {
    check(
        &zone(3600, 30).snapshot(),
        "example. SOA",
        "NOERROR aa\nan example. 3600 SOA ns.test. host.test. 1 7200 3600 1209600 30",
    );
}

#[test]
fn section_2_2_an_empty_non_terminal_has_no_data() {
    for name in ["b.c.example.", "c.example."] {
        check(
            &zone(3600, 30).snapshot(),
            &format!("{name} A"),
            "NOERROR aa\nns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30",
        );
    }
}

#[test]
fn section_2_2_an_alias_to_a_name_without_the_type_has_no_data() {
    check(
        &zone(3600, 30).snapshot(),
        "alias.example. AAAA",
        "NOERROR aa
        an alias.example. 3600 CNAME www.example.
        ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30",
    );
}

#[test]
fn the_soa_of_a_negative_answer_is_owned_by_the_apex_however_deep_the_name() {
    check(
        &zone(3600, 30).snapshot(),
        "x.y.z.www.example. A",
        "NXDOMAIN aa\nns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30",
    );
}

#[test]
fn section_2_1_the_soa_is_that_of_the_zone_that_was_asked_however_the_chain_ends() {
    let world = zone(3600, 30);
    let soa = "ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30";
    for (question, rcode) in [
        ("gone.example. CNAME", "NXDOMAIN"),
        ("www.example. CNAME", "NOERROR"),
        ("www.example. SOA", "NOERROR"),
        ("www.example. NS", "NOERROR"),
        ("example. A", "NOERROR"),
        ("EXAMPLE. aaaa", "NOERROR"),
    ] {
        let soa = match question.split_once(' ') {
            Some(("EXAMPLE.", _)) => soa.replace("example.", "EXAMPLE."),
            _ => soa.to_owned(),
        };
        check(&world.snapshot(), question, &format!("{rcode} aa\n{soa}"));
    }
}

#[test]
fn a_positive_answer_has_no_soa() {
    check(
        &zone(3600, 30).snapshot(),
        "www.example. A",
        "NOERROR aa\nan www.example. 3600 A 192.0.2.1",
    );
}
