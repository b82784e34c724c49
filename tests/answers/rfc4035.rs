//! RFC 4035 section 3.1.4.1: DS belongs to the parent's side of the cut.

use super::{World, check};

const RECORDS: &str = "\
sub NS ns.sub
ns.sub A 192.0.2.1
sibling NS ns.test.
sub DS 60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118
";

const REFERRAL: &str = "\
ns sub.example. 3600 NS ns.sub.example.
ar ns.sub.example. 3600 A 192.0.2.1";

const DS: &str = "an sub.example. 3600 DS \\# 24 ec4505012bb183af5f22588179a53b0a98631fad1a292118";
const SOA: &str = "ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30";

#[test]
fn section_3_1_4_1_ds_at_the_cut_is_the_parents() {
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
fn ds_at_the_cut_is_found_through_an_alias() {
    let zone = World::of_zone("example", &format!("{RECORDS}alias CNAME sub\n")).snapshot();
    check(
        &zone,
        "alias.example. DS",
        &format!("NOERROR aa\nan alias.example. 3600 CNAME sub.example.\n{DS}"),
    );
    check(
        &zone,
        "alias.example. A",
        &format!("NOERROR aa\nan alias.example. 3600 CNAME sub.example.\n{REFERRAL}"),
    );
}

#[test]
fn ds_of_a_zone_whose_parent_is_delegated_elsewhere_gets_the_way_to_the_parent() {
    let worlds = World::new(&format!(
        "=== zones/example.zone\n{head}{RECORDS}=== zones/a.sub.example.zone\n{head}",
        head = super::world::HEAD
    ));
    check(&worlds.snapshot(), "a.sub.example. DS", &format!("NOERROR\n{REFERRAL}"));
}

#[test]
fn ds_of_a_zone_that_ours_above_does_not_delegate_is_answered_by_the_zone_itself() {
    let worlds = World::new(&format!(
        "=== zones/example.zone\n{head}=== zones/sub.example.zone\n{head}\
         === zones/a.b.example.zone\n{head}",
        head = super::world::HEAD
    ));
    for name in ["sub.example", "a.b.example"] {
        let soa = SOA.replace("example", name);
        check(&worlds.snapshot(), &format!("{name}. DS"), &format!("NOERROR aa\n{soa}"));
    }
}

#[test]
fn ds_of_a_zone_whose_parent_did_not_load_is_servfail() {
    let worlds = World::with_faults(&format!(
        "=== zones/example.zone\nnonsense\n=== zones/sub.example.zone\n{}",
        super::world::HEAD
    ));
    check(&worlds.snapshot(), "sub.example. DS", "SERVFAIL");
    let soa = SOA.replace("example", "sub.example");
    check(&worlds.snapshot(), "sub.example. A", &format!("NOERROR aa\n{soa}"));
}

#[test]
fn section_3_1_1_signatures_of_an_unsigned_zone_are_no_data() {
    let zone = World::of_zone("example", "www A 192.0.2.1\n").snapshot();
    for rtype in ["RRSIG", "NSEC", "DNSKEY", "NSEC3PARAM"] {
        check(
            &zone,
            &format!("www.example. {rtype} +do"),
            &format!("NOERROR aa edns=1232 do\n{SOA}"),
        );
        let gone = format!("NXDOMAIN aa edns=1232 do\n{SOA}");
        check(&zone, &format!("gone.example. {rtype} +do"), &gone);
    }
}
