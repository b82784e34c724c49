//! RFC 4592: wildcards, by the zone and the tables of section 2.2.1.

use super::{World, check};

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
fn section_4_4_an_alias_at_a_wildcard_is_followed() {
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
