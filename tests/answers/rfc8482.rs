//! RFC 8482: ANY gets one small record, or a small set.

use super::steered::{AZS, POOL, ZONE};
use super::{World, check};

const RECORDS: &str = "\
www A 192.0.2.1
www TXT x
alias CNAME www
a.deep TXT x
sub NS ns.test.
";

fn expect(question: &str, expected: &str) {
    let zone = World::of_zone("example", RECORDS).snapshot();
    check(&zone, question, expected);
}

const SOA: &str = "ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30";

#[test]
fn section_4_2_a_name_with_records_gets_a_synthesized_hinfo() {
    expect("www.example. ANY", "NOERROR aa\nan www.example. 3600 HINFO RFC8482");
}

#[test]
fn section_4_2_a_name_with_an_alias_gets_the_alias() {
    expect("alias.example. ANY", "NOERROR aa\nan alias.example. 3600 CNAME www.example.");
}

#[test]
fn names_without_records_get_what_they_always_get() {
    expect("gone.example. ANY", &format!("NXDOMAIN aa\n{SOA}"));
    expect("deep.example. ANY", &format!("NOERROR aa\n{SOA}"));
    for name in ["sub", "www.sub"] {
        expect(&format!("{name}.example. ANY"), "NOERROR\nns sub.example. 3600 NS ns.test.");
    }
}

#[test]
fn the_apex_gets_the_hinfo_too() {
    expect("example. ANY", "NOERROR aa\nan example. 3600 HINFO RFC8482");
}

/// [`RECORDS`] on a server that gives a subset.
fn subset(records: &str) -> World {
    World::new(&format!(
        "=== meridian.toml\ngeoip.databases = []\nserver.any = \"subset\"\n\
         === zones/example.zone\n{}{records}",
        super::world::HEAD
    ))
}

#[test]
fn section_4_1_a_subset_is_the_smallest_set_of_the_name() {
    let zone = subset(RECORDS).snapshot();
    check(&zone, "www.example. ANY", "NOERROR aa\nan www.example. 3600 TXT x");
    check(&zone, "example. ANY", "NOERROR aa\nan example. 3600 NS ns.test.");
    check(&zone, "alias.example. ANY", "NOERROR aa\nan alias.example. 3600 CNAME www.example.");
    check(&zone, "a.deep.example. ANY", "NOERROR aa\nan a.deep.example. 3600 TXT x");
    check(&zone, "deep.example. ANY", &format!("NOERROR aa\n{SOA}"));
    check(&zone, "gone.example. ANY", &format!("NXDOMAIN aa\n{SOA}"));
    check(&zone, "www.sub.example. ANY", "NOERROR\nns sub.example. 3600 NS ns.test.");
    let wild = subset("*.w TXT x\n").snapshot();
    check(&wild, "a.w.example. ANY", "NOERROR aa\nan a.w.example. 3600 TXT x");
}

#[test]
fn section_4_1_a_subset_of_a_pools_name_is_the_clients_addresses() {
    let mut world = World::new(&format!(
        "=== meridian.toml\n[server]\nany = \"subset\"\n{AZS}=== zones/example.zone\n{ZONE}\
         four TXT x\n=== zones/example.toml\n{POOL}"
    ));
    world.settle();
    let zone = world.snapshot();
    for name in ["www.example.", "example.", "a.shop.example."] {
        check(
            &zone,
            &format!("{name} ANY +subnet=1.0.0.0/24"),
            &format!("NOERROR aa edns=1232 subnet=1.0.0.0/24/24\nan {name} 30 A 203.0.113.50"),
        );
    }
    // A closed pool of which all is down has none; its name still has other records.
    world.fail("sydney");
    world.fail("tokyo");
    check(
        &world.snapshot(),
        "four.example. ANY +subnet=1.0.0.0/24",
        "NOERROR aa edns=1232 subnet=1.0.0.0/24/24\nan four.example. 3600 TXT x",
    );
}

#[test]
fn section_4_1_a_subset_of_a_cname_pools_name_is_the_clients_name() {
    let world = World::new(&format!(
        "=== meridian.toml\ngeoip.databases = []\nserver.any = \"subset\"\n\
         [az.tokyo]\nlocation = [35.68, 139.69]\n=== zones/example.zone\n{}\
         === zones/example.toml\nnames.www = \"cdn\"\npool.cdn.endpoints.tokyo = \"tyo.test.\"\n",
        super::world::HEAD
    ));
    check(&world.snapshot(), "www.example. ANY", "NOERROR aa\nan www.example. 30 CNAME tyo.test.");
}
