//! RFC 8020: NXDOMAIN says that nothing exists below either, and is never said of a name with
//! something below.

use super::{World, check};

const SOA: &str = "ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30";

fn expect(records: &str, name: &str, rcode: &str) {
    let zone = World::of_zone("example", records).snapshot();
    check(&zone, &format!("{name}.example. A"), &format!("{rcode} aa\n{SOA}"));
}

#[test]
fn section_2_a_name_with_something_below_exists() {
    for name in ["c", "b.c", "B.C"] {
        expect("a.b.c TXT x\n", name, "NOERROR");
    }
    expect("a.b.c TXT x\n", "a.b", "NXDOMAIN");
    expect("a.b.c TXT x\n", "x.a.b.c", "NXDOMAIN");
}

#[test]
fn whatever_is_below_counts() {
    expect("a.cut NS ns.test.\n", "cut", "NOERROR");
    expect("a.old DNAME other.test.\n", "old", "NOERROR");
    expect("*.wild TXT x\n", "wild", "NOERROR");
    expect("x.*.wild TXT x\n", "wild", "NOERROR");
    expect("x.*.wild TXT x\n", "*.wild", "NOERROR");
    expect("_443._tcp.www SRV 0 0 443 www.test.\n", "_tcp.www", "NOERROR");
}

#[test]
fn a_pool_below_counts() {
    let world = World::new(&format!(
        "=== meridian.toml\ngeoip.databases = []\n[az.tokyo]\nlocation = [35.68, 139.69]\n\
         === zones/example.zone\n{}=== zones/example.toml\n\
         names.\"www.a.b\" = \"web\"\nnames.\"*.c\" = \"web\"\n\
         pool.web.endpoints.tokyo = [\"192.0.2.1\"]\n",
        super::world::HEAD
    ));
    for name in ["b", "a.b", "c"] {
        check(&world.snapshot(), &format!("{name}.example. A"), &format!("NOERROR aa\n{SOA}"));
    }
    check(&world.snapshot(), "x.b.example. A", &format!("NXDOMAIN aa\n{SOA}"));
}

#[test]
fn an_empty_name_has_no_data_of_any_type() {
    let zone = World::of_zone("example", "a.b TXT x\n").snapshot();
    for rtype in ["A", "NS", "SOA", "CNAME", "DNAME", "DS", "ANY", "TYPE65280"] {
        check(&zone, &format!("b.example. {rtype}"), &format!("NOERROR aa\n{SOA}"));
    }
}
