//! What a look-up finds: RFC 1034 section 4.3.2, RFC 4592, RFC 6672.

use meridian::wire::RecordType;
use meridian::zone::Found;

use super::{find, name, zone};

/// RFC 4592 section 2.2.1, with addresses where it has none.
const RFC_4592: &str = r#"
$ORIGIN example.
@                 3600 IN SOA ns.example.com. host.example.com. 1 2h 30m 2w 30
@                 3600 NS   ns.example.com.
@                 3600 NS   ns.example.net.
*.example.        3600 TXT  "a wildcard"
*.example.        3600 MX   10 host1.example.
sub.*.example.    3600 TXT  "this is not a wildcard"
host1.example.    3600 A    192.0.2.1
_ssh._tcp.host1.example.  3600 SRV 0 0 22 host1.example.
_ssh._tcp.host2.example.  3600 SRV 0 0 22 host1.example.
subdel.example.   3600 NS   ns.example.com.
subdel.example.   3600 NS   ns.example.net.
"#;

#[test]
fn the_table_of_rfc_4592_section_2_2_1_holds() {
    let zone = zone("example.", RFC_4592, &[]);
    for (qname, found) in [
        ("host3.example.", "wildcard *.example. [MX TXT] in example."),
        ("foo.bar.example.", "wildcard *.example. [MX TXT] in example."),
        ("host1.example.", "exact host1.example. [A]"),
        ("sub.*.example.", "exact sub.*.example. [TXT]"),
        ("_telnet._tcp.host1.example.", "no name in _tcp.host1.example."),
        ("host.subdel.example.", "delegation subdel.example. [NS]"),
        ("ghost.*.example.", "no name in *.example."),
        ("*.example.", "exact *.example. [MX TXT]"),
    ] {
        assert_eq!(find(&zone, qname), found, "{qname}");
    }
}

#[test]
fn empty_non_terminals_exist() {
    let zone = zone("example.", RFC_4592, &[]);
    assert_eq!(find(&zone, "host2.example."), "exact host2.example. []");
    assert_eq!(find(&zone, "_tcp.host2.example."), "exact _tcp.host2.example. []");
}

#[test]
fn a_wildcard_that_is_an_empty_non_terminal_still_answers() {
    // RFC 4592 section 4.9 builds on it: the source of synthesis exists, without data.
    let zone = zone("example.", &small("a.*.b A 192.0.2.1"), &[]);
    assert_eq!(find(&zone, "x.b.example."), "wildcard *.b.example. [] in b.example.");
}

#[test]
fn the_asterisk_matches_no_existing_name_and_no_name_below_one() {
    let zone = zone("example.", &small("* A 192.0.2.1\nwww A 192.0.2.2"), &[]);
    assert_eq!(find(&zone, "www.example."), "exact www.example. [A]");
    assert_eq!(find(&zone, "a.www.example."), "no name in www.example.");
}

#[test]
fn an_escaped_asterisk_is_an_asterisk_and_an_asterisk_in_a_label_is_none() {
    let text = small("\\042.a A 192.0.2.1\n*b.c A 192.0.2.1\n*.*.d A 192.0.2.1");
    let zone = zone("example.", &text, &[]);
    assert_eq!(find(&zone, "x.a.example."), "wildcard *.a.example. [A] in a.example.");
    assert_eq!(find(&zone, "x.c.example."), "no name in c.example.");
    assert_eq!(find(&zone, "x.*.d.example."), "wildcard *.*.d.example. [A] in *.d.example.");
    assert_eq!(find(&zone, "x.y.d.example."), "wildcard *.d.example. [] in d.example.");
}

#[test]
fn names_at_and_below_a_delegation_are_delegated() {
    let text = small("sub NS ns.sub\nns.sub A 192.0.2.1\n* A 192.0.2.9");
    let zone = zone("example.", &text, &[]);
    for qname in ["sub.example.", "ns.sub.example.", "a.b.sub.example."] {
        assert_eq!(find(&zone, qname), "delegation sub.example. [NS]", "{qname}");
    }
}

#[test]
fn glue_is_what_the_zone_knows_of_the_name_servers() {
    let text = small(
        "sub NS ns.sub\n NS NS.Other\n NS ns.elsewhere.test.\nns.sub A 192.0.2.1\n AAAA 2001:db8::1\n\
         other NS ns.other\nns.other A 192.0.2.2",
    );
    let zone = zone("example.", &text, &[]);
    let wire = name("sub.example.");
    let Found::Delegation(cut) = zone.find(wire.as_wire()) else { panic!() };
    let servers = cut.set(RecordType::NS).unwrap().rdatas();
    let hosts = servers.filter_map(|server| zone.host(server));
    let glue: Vec<_> = hosts.map(|host| (format!("{host:?}"), host.is_within(cut))).collect();
    let expected = [("Node(ns.sub.example.)", true), ("Node(ns.other.example.)", false)];
    assert_eq!(glue, expected.map(|(host, is_within)| (host.to_owned(), is_within)));
    let host = zone.host(name("NS.Sub.Example.").as_wire()).unwrap();
    assert_eq!(host.sets().map(|set| set.rtype().to_string()).collect::<Vec<_>>(), ["A", "AAAA"]);
}

#[test]
fn names_below_a_dname_are_renamed_and_its_owner_is_not() {
    // RFC 6672 section 2.4: other data may stand beside a DNAME.
    let text = small("old DNAME new.example.net.\nold MX 10 mail.example.net.");
    let zone = zone("example.", &text, &[]);
    assert_eq!(find(&zone, "old.example."), "exact old.example. [MX DNAME]");
    assert_eq!(find(&zone, "a.b.old.example."), "dname old.example. [MX DNAME]");
}

#[test]
fn a_dname_at_the_apex_renames_all_names_below() {
    let text = "$TTL 1h\n@ SOA a.test. b.test. 1 1 1 1 1\n@ NS ns.test.\n@ DNAME other.test.";
    let zone = zone("example.", text, &[]);
    assert_eq!(find(&zone, "www.example."), "dname example. [NS SOA DNAME]");
    assert_eq!(find(&zone, "example."), "exact example. [NS SOA DNAME]");
}

#[test]
fn the_first_delegation_or_dname_from_the_apex_decides() {
    let text = small("sub NS ns.test.\na DNAME x.test.");
    let zone = zone("example.", &text, &[]);
    assert_eq!(find(&zone, "a.sub.example."), "delegation sub.example. [NS]");
    assert_eq!(find(&zone, "sub.a.example."), "dname a.example. [DNAME]");
}

#[test]
fn bound_names_exist_with_their_pool_and_their_other_records() {
    let text = small("www TXT hello\nwww MX 10 mail.test.");
    let pools = ["example.", "WWW.example.", "*.shop.example."];
    let zone = zone("example.", &text, &pools);
    assert_eq!(find(&zone, "example."), "exact example. [NS SOA] pool 0");
    assert_eq!(find(&zone, "www.example."), "exact www.example. [MX TXT] pool 1");
    assert_eq!(
        find(&zone, "a.shop.example."),
        "wildcard *.shop.example. [] pool 2 in shop.example."
    );
    assert_eq!(find(&zone, "shop.example."), "exact shop.example. []");
}

#[test]
fn the_root_zone_holds_every_name() {
    let text =
        ". 1h SOA a. b. 1 1 1 1 1\n. NS a.\na. A 192.0.2.1\ncom. NS ns.com.\nns.com. A 192.0.2.2";
    let zone = zone(".", text, &[]);
    assert_eq!(find(&zone, "."), "exact . [NS SOA]");
    assert_eq!(find(&zone, "www.example.com."), "delegation com. [NS]");
    assert_eq!(find(&zone, "org."), "no name in .");
}

#[test]
fn names_as_long_as_names_can_be_are_found() {
    let label = "a".repeat(63);
    let long = format!("{label}.{label}.{label}.{}", "b".repeat(53));
    let deep = "a.".repeat(122) + "example.";
    let text = small(&format!("{long} A 192.0.2.1\n{deep} A 192.0.2.1"));
    let zone = zone("example.", &text, &[]);
    assert_eq!(name(&format!("{long}.example.")).as_wire().len(), 255);
    assert_eq!(find(&zone, &format!("{long}.example.")), format!("exact {long}.example. [A]"));
    assert_eq!(find(&zone, &deep), format!("exact {deep} [A]"));
}

#[test]
fn a_set_is_sent_as_it_is_stored() {
    let text = small("mx 5m MX 10 Mail.test.\n 5m MX 20 b.test.");
    let zone = zone("example.", &text, &[]);
    let wire = name("mx.example.");
    let Found::Exact(node) = zone.find(wire.as_wire()) else { panic!() };
    let set = node.set(RecordType::MX).unwrap();
    assert_eq!((set.len(), set.ttl()), (2, 300));
    assert_eq!(
        set.wire(),
        b"\xc0\x0c\0\x0f\0\x01\0\0\x01\x2c\0\x0d\0\x0a\x04Mail\x04test\0\
          \xc0\x0c\0\x0f\0\x01\0\0\x01\x2c\0\x0a\0\x14\x01b\x04test\0"
    );
    let rdatas: Vec<_> = set.rdatas().collect();
    assert_eq!(rdatas, [&b"\0\x0a\x04Mail\x04test\0"[..], b"\0\x14\x01b\x04test\0"]);
}

#[test]
fn negative_answers_live_as_long_as_the_lower_of_ttl_and_minimum() {
    // RFC 2308 section 3
    let text =
        |ttl, minimum| format!("@ {ttl} SOA a.test. b.test. 7 1 1 1 {minimum}\n@ 9 NS a.test.");
    for (ttl, minimum, negative) in [(60, 30, 30), (30, 60, 30)] {
        let zone = zone("example.", &text(ttl, minimum), &[]);
        assert_eq!((zone.soa().ttl(), zone.negative_soa().ttl()), (ttl, negative));
        assert_eq!(zone.negative_soa().wire()[6..10], u32::to_be_bytes(negative));
        assert_eq!(zone.soa().rdatas().next(), zone.negative_soa().rdatas().next());
        assert_eq!(zone.serial(), 7);
    }
}

#[test]
fn sizes_count_names_with_data_and_kept_records() {
    let text = small("a.b A 192.0.2.1\na.b A 192.0.2.2");
    let zone = zone("example.", &text, &["www.example."]);
    assert_eq!((zone.names(), zone.records()), (3, 4));
}

/// `records` in a zone that is otherwise complete.
pub(super) fn small(records: &str) -> String {
    format!("$TTL 1h\n@ SOA a.test. b.test. 1 2h 30m 2w 30\n@ NS a.test.\n{records}\n")
}
