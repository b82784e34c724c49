//! RFC 8482: ANY gets one small record.

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
    expect("www.sub.example. ANY", "NOERROR\nns sub.example. 3600 NS ns.test.");
}
