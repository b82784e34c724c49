//! RFC 4592: wildcards, by the zone and the tables of section 2.2.1.

use super::{Ask, World, check, show};

/// The zone of section 2.2.1, with addresses where it has none.
const EXAMPLE: &str = "\
=== zones/example.zone
$TTL 3600
@                       SOA ns.example.com. host.example.com. 1 2h 30m 2w 30
@                       NS  ns.example.com.
@                       NS  ns.example.net.
*                       TXT \"this is a wildcard\"
*                       MX  10 host1.example.
sub.*                   TXT \"this is not a wildcard\"
host1                   A   192.0.2.1
_ssh._tcp.host1         SRV 0 0 22 host1.example.
_ssh._tcp.host2         SRV 0 0 22 host1.example.
subdel                  NS  ns.example.com.
subdel                  NS  ns.example.net.
";

const SOA: &str = "ns example. 30 SOA ns.example.com. host.example.com. 1 7200 1800 1209600 30";

fn expect(question: &str, expected: &str) {
    check(&World::new(EXAMPLE).snapshot(), question, &expected.replace("SOA", SOA));
}

#[test]
fn these_responses_are_synthesized_from_a_wildcard() {
    expect("host3.example. MX", "NOERROR aa\nan host3.example. 3600 MX 10 host1.example.");
    expect("host3.example. A", "NOERROR aa\nSOA");
    expect("foo.bar.example. TXT", "NOERROR aa\nan foo.bar.example. 3600 TXT this is a wildcard");
}

#[test]
fn these_responses_are_not_synthesized_from_a_wildcard() {
    expect("host1.example. MX", "NOERROR aa\nSOA");
    expect("sub.*.example. MX", "NOERROR aa\nSOA");
    expect("_telnet._tcp.host1.example. SRV", "NXDOMAIN aa\nSOA");
    expect(
        "host.subdel.example. A",
        "NOERROR
        ns subdel.example. 3600 NS ns.example.com.
        ns subdel.example. 3600 NS ns.example.net.",
    );
    expect("ghost.*.example. MX", "NXDOMAIN aa\nSOA");
}

#[test]
fn section_2_2_2_an_empty_non_terminal_blocks_the_wildcard() {
    expect("_tcp.host2.example. MX", "NOERROR aa\nSOA");
    expect("host2.example. MX", "NOERROR aa\nSOA");
}

#[test]
fn section_2_1_1_the_wildcard_itself_can_be_asked_for() {
    expect("*.example. MX", "NOERROR aa\nan *.example. 3600 MX 10 host1.example.");
}

#[test]
fn section_4_3_an_alias_at_a_wildcard_is_followed() {
    let zone = World::of_zone("example", "*.w CNAME host\nhost A 192.0.2.1\n");
    check(
        &zone.snapshot(),
        "a.b.w.example. A",
        "NOERROR aa
        an a.b.w.example. 3600 CNAME host.example.
        an host.example. 3600 A 192.0.2.1",
    );
}

#[test]
fn section_4_9_an_empty_wildcard_has_no_data() {
    check(
        &World::of_zone("example", "a.*.w A 192.0.2.1\n").snapshot(),
        "x.w.example. A",
        "NOERROR aa\nns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30",
    );
}

#[test]
fn section_3_3_2_the_source_of_synthesis_is_below_the_closest_encloser() {
    let mail = |name: &str| {
        expect(
            &format!("{name}.example. MX"),
            &format!("NOERROR aa\nan {name}.example. 3600 MX 10 host1.example."),
        );
    };
    mail("host3");
    expect("_telnet._tcp.host1.example. MX", "NXDOMAIN aa\nSOA");
    expect("_dns._udp.host2.example. MX", "NXDOMAIN aa\nSOA");
    mail("_telnet._tcp.host3");
    mail("_chat._udp.host3");
    expect("foobar.*.example. MX", "NXDOMAIN aa\nSOA");
}

const NO_DATA: &str = "ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30";

#[test]
fn an_asterisk_is_a_wildcard_only_as_the_whole_leftmost_label() {
    let records =
        "*.a TXT wild\nb.*.c TXT in\nd* TXT end\n*d TXT start\n** TXT two\n*.*.e TXT deep\n";
    let zone = World::of_zone("example", records).snapshot();
    let text = |name: &str, data: &str| {
        let text = show(&Ask::new(&format!("{name}.example. TXT")).of(&zone).1);
        assert!(text.starts_with("NOERROR aa\nan "), "{name}: {text}");
        assert!(text.ends_with(&format!(".example. 3600 TXT {data}")), "{name}: {text}");
    };
    let gone = |name: &str| {
        check(&zone, &format!("{name}.example. TXT"), &format!("NXDOMAIN aa\n{NO_DATA}"));
    };
    let empty = |name: &str| {
        check(&zone, &format!("{name}.example. TXT"), &format!("NOERROR aa\n{NO_DATA}"));
    };
    for (name, data) in [
        ("*.a", "wild"),
        ("x.a", "wild"),
        ("x.y.z.a", "wild"),
        ("*.x.a", "wild"),
        ("b.*.c", "in"),
        ("d*", "end"),
        ("*d", "start"),
        ("**", "two"),
        ("*.*.e", "deep"),
        ("x.*.e", "deep"),
        ("x.y.*.e", "deep"),
    ] {
        text(name, data);
    }
    for name in ["x.*.a", "*.*.a", "x.b.*.c", "a.*.c", "dx", "xd", "***"] {
        gone(name);
    }
    // An empty `*` answers for every name beside it, with nothing.
    for name in ["a", "*.c", "x.c", "x.y.c", "*.e", "x.e", "x.y.e"] {
        empty(name);
    }
}

#[test]
fn a_wildcard_at_the_apex_answers_for_every_name_that_nothing_is_at() {
    let zone = World::of_zone("example", "* A 192.0.2.1\na.b TXT x\n").snapshot();
    for name in ["x", "x.y", "x.y.z"] {
        let expected = format!("NOERROR aa\nan {name}.example. 3600 A 192.0.2.1");
        check(&zone, &format!("{name}.example. A"), &expected);
    }
    for name in ["b.example.", "a.b.example.", "example."] {
        check(&zone, &format!("{name} A"), &format!("NOERROR aa\n{NO_DATA}"));
    }
    for name in ["x.b.example.", "x.a.b.example."] {
        check(&zone, &format!("{name} A"), &format!("NXDOMAIN aa\n{NO_DATA}"));
    }
}

#[test]
fn section_4_2_servers_at_a_wildcard_delegate_nothing_but_below_the_asterisk() {
    let zone = World::of_zone("example", "*.w NS ns.test.\n").snapshot();
    check(&zone, "x.w.example. A", &format!("NOERROR aa\n{NO_DATA}"));
    check(&zone, "x.w.example. NS", "NOERROR aa\nan x.w.example. 3600 NS ns.test.");
    for name in ["*.w", "x.*.w"] {
        let expected = "NOERROR\nns *.w.example. 3600 NS ns.test.";
        check(&zone, &format!("{name}.example. A"), expected);
    }
}

#[test]
fn section_4_3_an_alias_at_a_wildcard_may_lead_to_the_wildcard_itself() {
    let zone = World::of_zone("example", "*.w CNAME x.w\n*.v CNAME *.v\n").snapshot();
    check(
        &zone,
        "a.w.example. A",
        "NOERROR aa
        an a.w.example. 3600 CNAME x.w.example.
        an x.w.example. 3600 CNAME x.w.example.",
    );
    check(
        &zone,
        "a.v.example. A",
        "NOERROR aa
        an a.v.example. 3600 CNAME *.v.example.
        an *.v.example. 3600 CNAME *.v.example.",
    );
    check(&zone, "a.w.example. CNAME", "NOERROR aa\nan a.w.example. 3600 CNAME x.w.example.");
}

#[test]
fn section_4_5_services_at_a_wildcard_are_for_every_name() {
    check(
        &World::of_zone("example", "*.s SRV 0 0 22 host\nhost A 192.0.2.1\n").snapshot(),
        "_foo._udp.a.s.example. SRV",
        "NOERROR aa\nan _foo._udp.a.s.example. 3600 SRV 0 0 22 host.example.",
    );
}

#[test]
fn section_4_6_ds_at_a_wildcard_is_plain_data() {
    let data = "60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118";
    check(
        &World::of_zone("example", &format!("*.w DS {data}\n")).snapshot(),
        "x.w.example. DS",
        "NOERROR aa
        an x.w.example. 3600 DS \\# 24 ec4505012bb183af5f22588179a53b0a98631fad1a292118",
    );
}

#[test]
fn a_wildcard_below_a_cut_or_a_dname_answers_for_nothing() {
    let records = "sub NS ns.test.\n*.sub A 192.0.2.1\nold DNAME other.test.\n*.old A 192.0.2.2\n";
    let zone = World::of_zone("example", records).snapshot();
    check(&zone, "x.sub.example. A", "NOERROR\nns sub.example. 3600 NS ns.test.");
    check(
        &zone,
        "x.old.example. A",
        "NOERROR aa
        an old.example. 3600 DNAME other.test.
        an x.old.example. 3600 CNAME x.other.test.",
    );
}

#[test]
fn a_cut_beside_a_wildcard_is_a_cut() {
    let zone =
        World::of_zone("example", "*.w A 192.0.2.1\na.w NS ns.test.\nb.c.w TXT x\n").snapshot();
    check(&zone, "x.a.w.example. A", "NOERROR\nns a.w.example. 3600 NS ns.test.");
    check(&zone, "x.w.example. A", "NOERROR aa\nan x.w.example. 3600 A 192.0.2.1");
    check(&zone, "c.w.example. A", &format!("NOERROR aa\n{NO_DATA}"));
    check(&zone, "x.c.w.example. A", &format!("NXDOMAIN aa\n{NO_DATA}"));
}

#[test]
fn synthesized_owners_keep_the_case_that_was_asked_for() {
    check(
        &World::of_zone("example", "*.W TXT x\n").snapshot(),
        "aBc.w.EXAMPLE. TXT",
        "NOERROR aa\nan aBc.w.EXAMPLE. 3600 TXT x",
    );
}
