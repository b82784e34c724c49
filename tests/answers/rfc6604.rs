//! RFC 6604: the code is that of the last name of a chain, AA that of the first.

use super::{World, check};

const RECORDS: &str = "\
here CNAME www
www A 192.0.2.1
gone CNAME nowhere
far CNAME one
one CNAME two
two CNAME nowhere
old DNAME new
in.new CNAME nowhere
out CNAME www.other.test.
below CNAME www.sub
sub NS ns.test.
*.wild CNAME nowhere
";

const SOA: &str = "ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30";

fn expect(question: &str, expected: &str) {
    let zone = World::of_zone("example", RECORDS).snapshot();
    check(&zone, question, &expected.replace("SOA", SOA));
}

#[test]
fn section_3_a_last_name_that_does_not_exist_is_nxdomain() {
    expect("gone.example. A", "NXDOMAIN aa\nan gone.example. 3600 CNAME nowhere.example.\nSOA");
    expect(
        "far.example. A",
        "NXDOMAIN aa
        an far.example. 3600 CNAME one.example.
        an one.example. 3600 CNAME two.example.
        an two.example. 3600 CNAME nowhere.example.
        SOA",
    );
    expect(
        "in.old.example. A",
        "NXDOMAIN aa
        an old.example. 3600 DNAME new.example.
        an in.old.example. 3600 CNAME in.new.example.
        an in.new.example. 3600 CNAME nowhere.example.
        SOA",
    );
    expect("x.wild.example. A", "NXDOMAIN aa\nan x.wild.example. 3600 CNAME nowhere.example.\nSOA");
}

#[test]
fn section_3_a_last_name_that_exists_or_is_anothers_is_noerror() {
    expect("here.example. MX", "NOERROR aa\nan here.example. 3600 CNAME www.example.\nSOA");
    expect("out.example. A", "NOERROR aa\nan out.example. 3600 CNAME www.other.test.");
}

#[test]
fn section_2_1_aa_is_that_of_the_first_name() {
    expect(
        "below.example. A",
        "NOERROR aa
        an below.example. 3600 CNAME www.sub.example.
        ns sub.example. 3600 NS ns.test.",
    );
    expect("www.sub.example. A", "NOERROR\nns sub.example. 3600 NS ns.test.");
}
