//! RFC 6672: DNAME.

use super::{World, check};

/// A DNAME as a zone's own, as one to elsewhere, and two that follow each other.
const RECORDS: &str = "\
frobozz 600 DNAME frobozz-division.acme
www.frobozz-division.acme A 192.0.2.1
frobozz TXT x
out DNAME other.test.
first DNAME second
second DNAME third
host.third A 192.0.2.3
loop DNAME a.loop
";

fn expect(question: &str, expected: &str) {
    check(&World::of_zone("example", RECORDS).snapshot(), question, expected);
}

#[test]
fn section_2_3_the_owner_itself_is_not_redirected() {
    let soa = "ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30";
    expect("frobozz.example. TXT", "NOERROR aa\nan frobozz.example. 3600 TXT x");
    expect("frobozz.example. A", &format!("NOERROR aa\n{soa}"));
    expect(
        "frobozz.example. DNAME",
        "NOERROR aa\nan frobozz.example. 600 DNAME frobozz-division.acme.example.",
    );
}

#[test]
fn section_3_1_names_below_it_get_an_alias_with_its_ttl() {
    expect(
        "www.frobozz.example. A",
        "NOERROR aa
        an frobozz.example. 600 DNAME frobozz-division.acme.example.
        an www.frobozz.example. 600 CNAME www.frobozz-division.acme.example.
        an www.frobozz-division.acme.example. 3600 A 192.0.2.1",
    );
    expect(
        "www.out.example. A",
        "NOERROR aa
        an out.example. 3600 DNAME other.test.
        an www.out.example. 3600 CNAME www.other.test.",
    );
}

#[test]
fn section_3_2_a_target_that_does_not_exist_is_a_name_error() {
    expect(
        "gone.frobozz.example. A",
        "NXDOMAIN aa
        an frobozz.example. 600 DNAME frobozz-division.acme.example.
        an gone.frobozz.example. 600 CNAME gone.frobozz-division.acme.example.
        ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30",
    );
}

#[test]
fn redirections_that_follow_each_other_are_followed() {
    expect(
        "host.first.example. A",
        "NOERROR aa
        an first.example. 3600 DNAME second.example.
        an host.first.example. 3600 CNAME host.second.example.
        an second.example. 3600 DNAME third.example.
        an host.second.example. 3600 CNAME host.third.example.
        an host.third.example. 3600 A 192.0.2.3",
    );
}

#[test]
fn section_2_2_a_name_that_becomes_too_long_is_yxdomain() {
    let label = "x".repeat(63);
    let records = format!("short DNAME {label}.{label}.{label}\n");
    let zone = World::of_zone("example", &records).snapshot();
    // 63 + 1 octets of label, 3 * 64 and 9 of `example.`: 265 is more than 255.
    check(
        &zone,
        &format!("{label}.short.example. A +edns"),
        &format!(
            "YXDOMAIN aa edns=1232
            an short.example. 3600 DNAME {label}.{label}.{label}.example."
        ),
    );
}

#[test]
fn a_loop_of_redirections_ends() {
    let zone = World::of_zone("example", RECORDS).snapshot();
    let (_, response) = super::Ask::new("x.loop.example. A +tcp").of(&zone);
    let text = super::show(&response);
    assert!(text.starts_with("NOERROR aa\n") && text.lines().count() <= 65, "{text}");
    assert!(text.contains("an x.a.loop.example. 3600 CNAME x.a.a.loop.example."), "{text}");
}
