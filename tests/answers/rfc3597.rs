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

#[test]
fn a_record_written_both_ways_is_one_record() {
    // Section 5: generic data of a known type is that type's.
    let zone = World::of_zone(
        "example",
        "a MX 10 mail.test.\na TYPE15 \\# 13 000a 046d61696c 0474657374 00\n",
    );
    check(&zone.snapshot(), "a.example. MX", "NOERROR aa\nan a.example. 3600 MX 10 mail.test.");
}

#[test]
fn names_in_data_are_not_compressed() {
    // Section 4: of no type but those of RFC 1035; here of none at all, so that all are read alike.
    let zone = World::of_zone(
        "example",
        "a RP a.example. b.a.example.\na AFSDB 1 a\na MX 1 a\na A 192.0.2.1\n",
    );
    let zone = zone.snapshot();
    for (question, data) in [
        ("a.example. RP", &b"\x01a\x07example\0\x01b\x01a\x07example\0"[..]),
        ("a.example. AFSDB", b"\0\x01\x01a\x07example\0"),
        ("a.example. MX", b"\0\x01\x01a\x07example\0"),
    ] {
        let (_, response) = Ask::new(question).of(&zone);
        let len = data.len() as u16;
        let record = [&len.to_be_bytes(), data].concat();
        assert!(response.windows(record.len()).any(|octets| octets == record), "{question}");
    }
}

#[test]
fn types_that_the_tables_name_are_served_by_name_and_by_number() {
    let zone = World::of_zone(
        "example",
        "a LOC 52 14 05 N 00 08 50 E 10m\nb TYPE29 \\# 16 001216138b3556c88008165000989a68\n",
    );
    let zone = zone.snapshot();
    for question in ["a.example. LOC", "a.example. TYPE29", "b.example. LOC"] {
        let (_, response) = Ask::new(question).of(&zone);
        assert!(
            response
                .ends_with(b"\0\x10\0\x12\x16\x13\x8b\x35\x56\xc8\x80\x08\x16\x50\0\x98\x9a\x68"),
            "{question}"
        );
    }
}
