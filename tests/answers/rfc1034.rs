//! RFC 1034: the algorithm of section 4.3.2, and the example of section 6.

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, proptest};
use proptest::prop_assert_eq;

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
        ar C.ISI.EDU. 86400 A 10.0.0.52
        ar SRI-NIC.ARPA. 86400 A 26.0.0.73
        ar SRI-NIC.ARPA. 86400 A 10.0.0.51",
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
fn a_circle_of_aliases_ends_and_each_record_stands_once() {
    let zone = World::of_zone(
        "example",
        "a CNAME b\nb CNAME a\nself CNAME Self\ninto CNAME x\nx CNAME y\ny CNAME z\nz CNAME X\n",
    );
    check(
        &zone.snapshot(),
        "A.example. A",
        "NOERROR aa
        an A.example. 3600 CNAME b.example.
        an b.example. 3600 CNAME a.example.",
    );
    check(
        &zone.snapshot(),
        "self.example. TXT",
        "NOERROR aa\nan self.example. 3600 CNAME Self.example.",
    );
    check(
        &zone.snapshot(),
        "into.example. A",
        "NOERROR aa
        an into.example. 3600 CNAME x.example.
        an x.example. 3600 CNAME y.example.
        an y.example. 3600 CNAME z.example.
        an z.example. 3600 CNAME X.example.",
    );
}

/// Aliases `cN`, each for the next, `count` of them, and where the last leads.
fn chain(count: usize, end: &str) -> World {
    let aliases: String = (1..count).map(|n| format!("c{n:04} CNAME c{:04}\n", n + 1)).collect();
    World::of_zone("example", &format!("{aliases}c{count:04} CNAME {end}\nhost A 192.0.2.1\n"))
}

#[test]
fn a_chain_is_followed_for_as_long_as_it_fits() {
    // Each link takes 12 octets and a name of 15, behind 16,383 octets 25 and a name of 15.
    for count in [12, 40, 1_800] {
        let (_, response) = Ask::new("c0001.example. A +tcp").of(&chain(count, "host").snapshot());
        let text = show(&response);
        assert_eq!(text.matches(" CNAME ").count(), count);
        assert!(text.ends_with("\nan host.example. 3600 A 192.0.2.1"), "{count} links");
    }
    // 31 octets of header and question, 17 links of 27 and an address of 16 are 505.
    for (count, head) in [(17, "NOERROR aa"), (18, "NOERROR aa tc")] {
        let (_, response) = Ask::new("c0001.example. A").of(&chain(count, "host").snapshot());
        assert_eq!(show(&response).lines().next(), Some(head), "{count} links");
    }
    let (_, response) = Ask::new("c0001.example. A +tcp").of(&chain(1_850, "host").snapshot());
    let text = show(&response);
    let links = text.matches(" CNAME ").count();
    assert!((1_800..1_850).contains(&links), "{links} links are what 65,535 octets hold");
    assert_eq!(text.lines().count(), 1 + links);
    assert_eq!(text.lines().next(), Some("NOERROR aa"));
}

#[test]
fn a_circle_is_whole_wherever_it_closes_and_only_then_fits() {
    for count in [1, 2, 3, 5, 15, 16, 17] {
        for back in [1, 2, 3, 9, 16, 17] {
            if back > count {
                continue;
            }
            let zone = chain(count, &format!("c{back:04}")).snapshot();
            let (_, response) = Ask::new("c0001.example. A").of(&zone);
            let text = show(&response);
            assert!(text.starts_with("NOERROR aa\n"), "{count} to {back}: {text}");
            assert_eq!(text.lines().count(), 1 + count, "{count} to {back}: {text}");
        }
    }
    // 31 octets and 18 links of 27 are 517.
    let (_, response) = Ask::new("c0001.example. A").of(&chain(18, "c0001").snapshot());
    assert_eq!(show(&response), "NOERROR aa tc");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Each of some aliases leads to one of them, or to a host.
    #[test]
    fn the_links_of_a_chain_stand_in_order_and_once(
        targets in vec(0..20_usize, 1..19),
        first in 0..19_usize,
    ) {
        let name = |n: usize| match n < targets.len() {
            true => format!("a{n}"),
            false => "host".to_owned(),
        };
        let aliases = targets.iter().enumerate();
        let aliases: String =
            aliases.map(|(n, &to)| format!("a{n} CNAME {}\n", name(to))).collect();
        let zone = World::of_zone("example", &format!("{aliases}host A 192.0.2.1\n")).snapshot();
        let (mut at, mut seen) = (first, vec![]);
        let mut expected = "NOERROR aa".to_owned();
        while at < targets.len() && !seen.contains(&at) {
            seen.push(at);
            expected += &format!("\nan {}.example. 3600 CNAME {}.example.", name(at), name(targets[at]));
            at = targets[at];
        }
        if at >= targets.len() {
            expected += "\nan host.example. 3600 A 192.0.2.1";
        }
        let question = format!("{}.example. A", name(first));
        prop_assert_eq!(&show(&Ask::new(&format!("{question} +tcp")).of(&zone).1), &expected);
        // Where it fits, it fits: whether or not it goes round.
        prop_assert_eq!(&show(&Ask::new(&question).of(&zone).1), &expected);
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

#[test]
fn the_root_can_be_served() {
    let root = World::new(&format!(
        "=== zones/@.zone\n{}com NS ns.com\nns.com A 192.0.2.1\n",
        super::world::HEAD
    ));
    let root = root.snapshot();
    check(&root, ". NS", "NOERROR aa\nan . 3600 NS ns.test.");
    check(
        &root,
        "www.example.com. A",
        "NOERROR\nns com. 3600 NS ns.com.\nar ns.com. 3600 A 192.0.2.1",
    );
    check(&root, "gone. A", "NXDOMAIN aa\nns . 30 SOA ns.test. host.test. 1 7200 3600 1209600 30");
}

#[test]
fn a_zone_of_one_label_is_served() {
    let zone = World::of_zone("test", "www A 192.0.2.1\nsub NS ns.sub\nns.sub A 192.0.2.2\n");
    check(&zone.snapshot(), "www.test. A", "NOERROR aa\nan www.test. 3600 A 192.0.2.1");
    check(&zone.snapshot(), "test. NS", "NOERROR aa\nan test. 3600 NS ns.test.");
    check(
        &zone.snapshot(),
        "x.sub.test. A",
        "NOERROR\nns sub.test. 3600 NS ns.sub.test.\nar ns.sub.test. 3600 A 192.0.2.2",
    );
}

#[test]
fn section_3_1_names_of_255_octets_and_labels_of_63_are_found() {
    let label = "x".repeat(63);
    // Four labels of 64, 64, 64 and 54 octets, and the 9 of `example.`
    let name = format!("{label}.{label}.{label}.{}", "y".repeat(53));
    let records = format!("{name} A 192.0.2.1\n*.{} TXT x\n", &name[64..]);
    let zone = World::of_zone("example", &records).snapshot();
    check(
        &zone,
        &format!("{name}.example. A"),
        &format!("NOERROR aa\nan {name}.example. 3600 A 192.0.2.1"),
    );
    let other = format!("{}{}", "z".repeat(63), &name[63..]);
    check(
        &zone,
        &format!("{other}.example. TXT"),
        &format!("NOERROR aa\nan {other}.example. 3600 TXT x"),
    );
    // 127 labels of one octet.
    let deep = "a.".repeat(123);
    let zone = World::of_zone("example", &format!("{} A 192.0.2.1\n", &deep[..245])).snapshot();
    let text = show(&Ask::new(&format!("{deep}example. A")).of(&zone).1);
    assert!(text.starts_with("NOERROR aa\nan a.a."), "{text}");
}

#[test]
fn section_3_1_every_octet_can_stand_in_a_name_and_letters_alone_have_case() {
    let octets = |from: u8| (0..32).map(|n| format!("\\{:03}", from + n)).collect::<String>();
    for from in (0..=224).step_by(32) {
        let name = octets(from);
        let zone = World::of_zone("example", &format!("{name} A 192.0.2.1\n")).snapshot();
        let (_, response) = Ask::new(&format!("{name}.example. A")).of(&zone);
        assert_eq!(response[7], 1, "{name}");
        // The bit that tells `A` from `a` makes other octets others.
        let flipped = octets(from ^ 0x20);
        let (_, response) = Ask::new(&format!("{flipped}.example. A")).of(&zone);
        let is_letters = (64..128).contains(&from);
        assert_eq!(response[3] & 0x0f, 3, "{flipped}");
        let letter = format!("\\{:03}", from + 1);
        let zone = World::of_zone("example", &format!("{letter} A 192.0.2.1\n")).snapshot();
        let other = format!("\\{:03}", (from + 1) ^ 0x20);
        let (_, response) = Ask::new(&format!("{other}.example. A")).of(&zone);
        assert_eq!(response[7] == 1, is_letters, "{letter} and {other}");
    }
}

#[test]
fn a_zone_within_a_zone_is_answered_from_itself_alone() {
    let worlds = World::new(&format!(
        "=== zones/example.zone\n{head}sub NS ns.sub\nns.sub A 192.0.2.1\nto CNAME www.sub\n\
         === zones/sub.example.zone\n{head}www A 192.0.2.2\nback CNAME to.example.\n",
        head = super::world::HEAD
    ));
    let zone = worlds.snapshot();
    let soa = "ns sub.example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30";
    check(&zone, "sub.example. NS", "NOERROR aa\nan sub.example. 3600 NS ns.test.");
    check(&zone, "ns.sub.example. A", &format!("NXDOMAIN aa\n{soa}"));
    check(&zone, "to.example. A", "NOERROR aa\nan to.example. 3600 CNAME www.sub.example.");
    check(&zone, "back.sub.example. A", "NOERROR aa\nan back.sub.example. 3600 CNAME to.example.");
}
