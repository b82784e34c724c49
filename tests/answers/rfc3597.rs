//! RFC 3597: types that nobody knows are served as octets.

use super::{Ask, World, check};

#[test]
fn records_of_unknown_types_are_served_as_they_stand() {
    // Section 5's own examples.
    let zone = World::of_zone(
        "example",
        "a TYPE731 \\# 6 abcd ( ef 01 23 45 )\nb TYPE62347 \\# 0\ne TYPE1 \\# 4 0A000001\n",
    );
    let zone = zone.snapshot();
    check(&zone, "a.example. TYPE731", "NOERROR aa\nan a.example. 3600 TYPE731 \\# 6 abcdef012345");
    // Without RDATA; hickory-proto can't decode that.
    let (_, response) = Ask::new("b.example. TYPE62347").of(&zone);
    assert_eq!(response[6..8], [0, 1], "ANCOUNT");
    assert!(response.ends_with(&[0xc0, 12, 0xf3, 0x8b, 0, 1, 0, 0, 14, 16, 0, 0]));
    check(&zone, "e.example. A", "NOERROR aa\nan e.example. 3600 A 10.0.0.1");
}

#[test]
fn an_unknown_type_that_a_name_lacks_has_no_data() {
    check(
        &World::of_zone("example", "a A 192.0.2.1\n").snapshot(),
        "a.example. TYPE65280",
        "NOERROR aa\nns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30",
    );
}

#[test]
fn an_unknown_type_follows_aliases_and_wildcards() {
    let zone = World::of_zone("example", "*.w TYPE731 \\# 1 ff\nalias CNAME x.w\n");
    check(
        &zone.snapshot(),
        "alias.example. TYPE731",
        "NOERROR aa
        an alias.example. 3600 CNAME x.w.example.
        an x.w.example. 3600 TYPE731 \\# 1 ff",
    );
}
