//! Delegations: glue (RFC 1034 section 4.2.1, RFC 9471) and the parent's side of the cut (RFC 4035
//! section 3.1.4.1).

use meridian::answer::Kind;

use super::{Ask, World, check, show};

const RECORDS: &str = "\
sub NS ns.sub
sub NS ns.sibling
sub NS ns.elsewhere.test.
ns.sub A 192.0.2.1
ns.sub AAAA 2001:db8::1
ns.sibling A 192.0.2.2
sibling NS ns.sibling
sub DS 60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118
";

const REFERRAL: &str = "\
ns sub.example. 3600 NS ns.sub.example.
ns sub.example. 3600 NS ns.sibling.example.
ns sub.example. 3600 NS ns.elsewhere.test.
ar ns.sub.example. 3600 A 192.0.2.1
ar ns.sub.example. 3600 AAAA 2001:db8::1
ar ns.sibling.example. 3600 A 192.0.2.2";

const DS: &str = "an sub.example. 3600 DS \\# 24 ec4505012bb183af5f22588179a53b0a98631fad1a292118";
const SOA: &str = "ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30";

#[test]
fn names_at_and_below_a_cut_get_a_referral_with_glue_and_no_authority() {
    let zone = World::of_zone("example", RECORDS).snapshot();
    for name in ["sub.example. A", "sub.example. NS", "www.sub.example. A", "ns.sub.example. A"] {
        check(&zone, name, &format!("NOERROR\n{REFERRAL}"));
    }
}

#[test]
fn ds_at_the_cut_is_the_parents() {
    let zone = World::of_zone("example", RECORDS).snapshot();
    check(&zone, "sub.example. DS", &format!("NOERROR aa\n{DS}"));
    check(&zone, "sibling.example. DS", &format!("NOERROR aa\n{SOA}"));
    check(&zone, "www.sub.example. DS", &format!("NOERROR\n{REFERRAL}"));
}

#[test]
fn ds_of_a_zone_of_ours_is_its_parents_where_that_is_ours_too() {
    let worlds = World::new(&format!(
        "=== zones/example.zone\n{head}{RECORDS}=== zones/sub.example.zone\n{head}",
        head = super::world::HEAD
    ));
    check(&worlds.snapshot(), "sub.example. DS", &format!("NOERROR aa\n{DS}"));
    // Below, and at the top of what we have, the zone itself answers.
    check(&worlds.snapshot(), "example. DS", &format!("NOERROR aa\n{SOA}"));
    let of_sub = SOA.replace("example", "sub.example");
    check(&worlds.snapshot(), "x.sub.example. DS", &format!("NXDOMAIN aa\n{of_sub}"));
    check(&worlds.snapshot(), "sub.example. A", &format!("NOERROR aa\n{of_sub}"));
}

#[test]
fn glue_that_does_not_fit_truncates() {
    let records: String =
        (0..40).map(|n| format!("sub NS ns{n}.sub\nns{n}.sub AAAA 2001:db8::{n}\n")).collect();
    let zone = World::of_zone("example", &records).snapshot();
    let (answer, response) = Ask::new("www.sub.example. A +edns").of(&zone);
    assert_eq!(show(&response), "NOERROR tc edns=1232");
    assert_eq!(answer.kind, Kind::Truncated);
    let (_, response) = Ask::new("www.sub.example. A +edns +tcp").of(&zone);
    assert_eq!(show(&response).lines().count(), 1 + 40 + 40);
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
