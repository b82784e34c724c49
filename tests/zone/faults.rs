//! Every fault: its place, its words, and what to do about it.

use std::collections::BTreeSet;

use meridian::span::Severity;
use meridian::zone::FaultKind;

use super::lookup::small;
use super::{read, show};

#[test]
fn each_fault_is_shown_at_its_place_with_a_remedy() {
    let mut shown = String::new();
    for Case { claim, text, pools } in cases() {
        let (zone, faults) = read("example.", text.as_bytes(), pools);
        let is_error = faults.iter().any(|fault| fault.kind.severity() == Severity::Error);
        assert_eq!(zone.is_none(), is_error, "{claim}");
        let remedies: BTreeSet<_> = faults.iter().map(|fault| fault.kind.remedy()).collect();
        let remedies: Vec<_> = remedies.into_iter().collect();
        shown += &format!("# {claim}\n{}  = {}\n\n", show(&text, &faults), remedies.join("\n  = "));
    }
    insta::assert_snapshot!("faults", shown);
}

#[test]
fn every_code_has_a_case() {
    // These have tests of their own; 4 GiB are too much for one.
    let mut codes = BTreeSet::from(["Z108", "Z120", "Z122", "Z199", "Z206", "Z306"]);
    for Case { text, pools, .. } in cases() {
        let (_, faults) = read("example.", text.as_bytes(), pools);
        codes.extend(faults.iter().map(|fault| fault.kind.code()));
    }
    let listed: BTreeSet<_> = FaultKind::CODES.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, listed);
}

#[test]
fn data_and_sets_that_no_message_can_carry_are_errors() {
    let strings = " \"0123456789\"".repeat(6_000);
    let hosts: String =
        (0..5_000).map(|id| format!("a A 10.0.{}.{}\n", id / 256, id % 256)).collect();
    for (records, code) in [(format!("a TXT {strings}"), "Z206"), (hosts, "Z306")] {
        let (zone, faults) = read("example.", small(&records).as_bytes(), &[]);
        let codes: Vec<_> = faults.iter().map(|fault| fault.kind.code()).collect();
        assert_eq!((zone.is_none(), codes), (true, vec![code]));
    }
}

#[test]
fn codes_are_distinct() {
    let listed: BTreeSet<_> = FaultKind::CODES.iter().map(|(code, _)| *code).collect();
    assert_eq!(listed.len(), FaultKind::CODES.len());
}

#[test]
fn the_first_hundred_faults_of_a_severity_are_listed_and_the_others_counted() {
    let text = small(&("x A bad\n".repeat(103) + &"outside. A 192.0.2.1\n".repeat(101)));
    let (_, faults) = read("example.", text.as_bytes(), &[]);
    let more: Vec<_> = faults[200..].iter().map(|fault| &fault.kind).collect();
    assert_eq!(
        more,
        [
            &FaultKind::More { count: 3, severity: Severity::Error },
            &FaultKind::More { count: 1, severity: Severity::Warning },
        ]
    );
}

#[test]
fn faults_come_in_the_order_of_their_places() {
    let text = small("out. A 192.0.2.1\nb A bad\nwww CNAME a.\nwww A 192.0.2.1\nc A bad");
    let (_, faults) = read("example.", text.as_bytes(), &[]);
    let starts: Vec<_> = faults.iter().map(|fault| fault.span.start).collect();
    assert!(starts.len() == 4 && starts.is_sorted(), "{starts:?}");
}

#[test]
fn a_fault_hides_none_behind_it_and_causes_no_other() {
    // The SOA record, with its TTL for all, and the name server's address are there, though not as
    // they should be.
    let text = "@ SOA a b 1 2h x 2w 30\n@ NS ns\nns A 192.0.2.256\nwww A 192.0.2\n";
    let (_, faults) = read("example.", text.as_bytes(), &[]);
    let codes: Vec<_> = faults.iter().map(|fault| fault.kind.code()).collect();
    assert_eq!(codes, ["Z201", "Z201", "Z201"]);
}

/// A text, and what it is an example of.
struct Case {
    claim: &'static str,
    text: String,
    pools: &'static [&'static str],
}

fn cases() -> Vec<Case> {
    let whole =
        |&(claim, text): &(&'static str, &str)| Case { claim, text: text.into(), pools: &[] };
    let records =
        |&(claim, records): &(&'static str, &str)| Case { claim, text: small(records), pools: &[] };
    let pools = |&(claim, records, pools): &(&'static str, &str, &'static [&'static str])| Case {
        claim,
        text: small(records),
        pools,
    };
    let all = WHOLE.iter().map(whole);
    all.chain(RECORDS.iter().map(records)).chain(POOLS.iter().map(pools)).collect()
}

/// Whole zones.
const WHOLE: &[(&str, &str)] = &[
    ("an empty file has neither SOA nor NS", ""),
    ("a first record needs an owner", " IN A 192.0.2.1\n"),
    ("a TTL comes from somewhere", "@ NS a.test.\n@ 1h SOA a. b. 1 1 1 1 1\n"),
    ("a SOA record's minimum is its TTL if need be", "@ SOA a. b. 1 1 1 1 300\n@ NS a.test.\n"),
    ("a quoted name is no owner", "\"@\" 1h SOA a. b. 1 1 1 1 1\n"),
];

/// Records of a zone that is otherwise without fault.
const RECORDS: &[(&str, &str)] = &[
    ("a string ends on its line", "a TXT \"open\nb A 192.0.2.1"),
    ("a string ends in the file", "a TXT \"open"),
    ("a parenthesis is closed", "a TXT ( \"one\"\n  \"two\"\nb A bad"),
    ("a parenthesis is opened", "a TXT one )"),
    ("a quote begins a word", "a TXT one\"two\""),
    ("directives are three", "$ORIGN a"),
    ("records are written out", "$GENERATE 1-9 a$ A 192.0.2.$"),
    ("$ORIGIN takes a name", "$ORIGIN"),
    ("$TTL takes a TTL", "$TTL 1h 2h"),
    ("$TTL takes a duration", "$TTL soon"),
    ("$INCLUDE takes a file", "$INCLUDE"),
    ("$INCLUDE reads the file", "$INCLUDE other.zone"),
    ("an origin is a name", "$ORIGIN a..b."),
    ("an owner is a name", "a..b A 192.0.2.1"),
    ("a record has a type", "a 1h IN"),
    ("a class is IN", "a CH A 192.0.2.1"),
    ("a class of any number is a class", "a CLASS42 A 192.0.2.1"),
    ("a type is known", "a CNMAE b."),
    ("a type is known, be it like no other", "a COUNTRY b."),
    ("an obsolete type is not taken for a slip of another", "a MD b.test."),
    ("no master file holds NULL", "a NULL abcd"),
    ("a word that is no type shows where the fields are shifted", "a 1h 2h A 192.0.2.1"),
    ("AXFR is no type of a record", "a AXFR x"),
    ("OPT is no type of a record", "a TYPE41 \\# 0"),
    ("RRSIG is not in this version", "a RRSIG A 8 2 60 1 1 1 . x"),
    ("NSEC3 is not in this version, in whatever form", "a TYPE50 \\# 5 0101ffff00"),
    ("keys sign nothing here", "@ DNSKEY 257 3 13 AQID"),
    ("a TTL is a duration", "a 1x A 192.0.2.1"),
    ("a TTL has 31 bits", "a 2147483648 A 192.0.2.1"),
    ("an address has four numbers", "a A 192.0.2"),
    ("an IPv6 address is none of IPv4", "a AAAA 192.0.2.1"),
    ("a number has an upper end", "a SRV 0 65536 443 b.test."),
    ("a number has no sign", "a MX -1 b.test."),
    ("each field is checked", "a SRV x y z b..test."),
    ("a field is there", "a MX 10"),
    ("data ends with the last field", "a A 192.0.2.1 192.0.2.2"),
    ("a name is not quoted", "a CNAME \"b.test.\""),
    ("a target is a name", "a CNAME b\\2"),
    ("a string takes 255 octets", LONG_STRING),
    ("an escape is a character or three digits", "a TXT \"\\256\""),
    ("a tag is letters and digits", "a CAA 0 is-sue \"ca.test\""),
    ("flags have 8 bits", "a CAA 256 issue \"ca.test\""),
    ("a digest has the length of its kind", "a SSHFP 1 1 abcd"),
    (
        "a zone's digest has 12 octets or more, whatever its kind",
        "a ZONEMD 1 1 240 0102030405060708090a0b\na ZONEMD \\# 7 00000001 01 f0 ab",
    ),
    ("a digest is hex", "a TLSA 3 1 0 xyz"),
    ("an algorithm has a number or a name", "a NS ns.test.\na DS 1 RSASHA257 2 abcd"),
    ("a certificate's kind has a number or a name", "a CERT X509 0 0 AQID"),
    ("a key is base64", "a OPENPGPKEY AQI"),
    ("a key is there", "a DNSKEY 257 3 13"),
    ("a gateway is of its type", "a IPSECKEY 10 1 2 2001:db8:: AQID\na IPSECKEY 10 0 2 gw. AQID"),
    ("a gateway's type is 0 to 3", "a IPSECKEY 10 4 2 . AQID"),
    ("a relay is of its type", "a AMTRELAY 0 1 3 b..test.\na AMTRELAY 0 2 1 192.0.2.1"),
    (
        "a location begins with a latitude",
        "a LOC 91 N 180 E 0m\na LOC 42 60 N 0 E 0\na LOC 4294967295 N 0 E 0",
    ),
    ("a location goes on with a longitude", "a LOC 1 2 3.4 S 180 0 0.001 E 0m\na LOC 1 N"),
    (
        "a location ends with metres",
        "a LOC 1 N 2 E -100000.01m\na LOC 1 N 2 E 0 1km\na LOC 1 N 2 E",
    ),
    ("a location ends", "a LOC 1 N 2 E 0 1 1 1 1"),
    ("types of a set are types", "a CSYNC 1 3 A NSX"),
    ("ports of services have numbers or known names", "a WKS 192.0.2.1 TCP smtp gopher"),
    ("a prefix has a family and a length", "a APL 192.0.2.0/24\na APL 1:192.0.2.0/33 3:00/1"),
    ("a host identity has three parts", "a HIP 2 20"),
    ("a host identity's tag is hex, its key base64", "a HIP 2 xyz AQID\na HIP 2 20 !"),
    ("hardware's addresses have hyphens", "a EUI48 00:00:5e:00:53:2a\na EUI64 00-00-5e-00-53-2a"),
    ("a locator has four groups", "a NID 10 1:2:3\na L64 10 1:2:3:4:5\na L64 10 2001:db8::"),
    ("an X.25 address has digits", "a X25 123"),
    ("an NSAP begins with 0x", "a NSAP 47.0005\na NSAP 0x4"),
    ("an ATM address has groups", "a ATMA +61..2\na ATMA 39.246"),
    ("an announcement's scheme has a number or a name", "a DSYNC CDS PUSH 53 ns.test."),
    ("generic data of a location is one", "a LOC \\# 16 01121613 80000000 80000000 00989680"),
    ("generic data of types ascends", "a CSYNC \\# 9 00000001 0003 000100"),
    ("generic data of prefixes has no zeros at the end", "a APL \\# 8 0001 18 04 c0000200"),
    ("generic data of a gateway goes by its type", "a IPSECKEY \\# 5 0a01020a00"),
    ("a service parameter is known", "a HTTPS 1 . prot=1"),
    ("a service parameter is not quoted as a whole", "a HTTPS 1 . \"alpn=h2\""),
    ("a service parameter is there once", "a HTTPS 1 . port=1 port=2"),
    ("alpn takes a value", "a HTTPS 1 . alpn"),
    ("no-default-alpn takes none", "a HTTPS 1 . alpn=h2 no-default-alpn=1"),
    ("no-default-alpn needs alpn", "a HTTPS 1 . no-default-alpn"),
    ("a port is a number", "a HTTPS 1 . port=http"),
    ("a hint is an address", "a HTTPS 1 . ipv4hint=192.0.2.1,2001:db8::1"),
    ("ech is base64", "a HTTPS 1 . ech=!"),
    ("dohpath has a variable", "a SVCB 1 . alpn=h2 dohpath=/dns"),
    ("what is mandatory is there", "a HTTPS 1 . mandatory=port"),
    ("mandatory does not name itself", "a HTTPS 1 . mandatory=mandatory"),
    ("a protocol id is not empty", "a HTTPS 1 . alpn=h2,,h3"),
    (
        "a service parameter by number has octets",
        "a HTTPS 1 . key1=h2,h3\na HTTPS 1 . key3=443\na HTTPS 1 . key4=192.0.2.1",
    ),
    ("a service parameter is there once, by name or number", "a HTTPS 1 . alpn=h2 key1=\\002h3"),
    ("an alias has no parameters", "a HTTPS 0 b.test. port=443"),
    ("an unknown type has generic data", "a TYPE65280 abc"),
    ("generic data has its length", "a TYPE65280 \\# 3 abcd"),
    ("generic data has a length", "a TYPE65280 \\#"),
    ("generic data of a known type has its fields", "a MX \\# 4 000a 05 61"),
    ("generic data of a known type ends", "a A \\# 5 c000020101"),
    (
        "generic data is in the order of the wire form",
        "a HTTPS \\# 14 0001 00 0003000201bb 0001 0000 0",
    ),
    ("service parameters ascend", "a HTTPS \\# 16 0001 00 0003000201bb 00010003026832"),
    ("there is one SOA record", "@ SOA a.test. b.test. 2 2h 30m 2w 30"),
    ("a CNAME record is alone", "a A 192.0.2.1\na CNAME b.test."),
    ("a CNAME record is not beside a DNAME record", "a CNAME b.test.\na DNAME c.test."),
    ("a CNAME record is alone at the apex too", "@ CNAME b.test."),
    ("there is one CNAME record", "a CNAME b.test.\na CNAME c.test."),
    ("there is one DNAME record", "a DNAME b.test.\na DNAME c.test."),
    ("a SOA record is at the apex", "a SOA a.test. b.test. 1 1 1 1 1"),
    ("a record is in the zone", "a.example A 192.0.2.1\nb.test. A 192.0.2.1\n TXT x"),
    ("a name server has an address", "a NS ns.a\nb NS ns\nc NS ns.a"),
    ("a name server's name is no alias", "a NS ns\nns CNAME b.test."),
    ("a mail exchange is no alias", "@ MX 10 mail\nmail CNAME b.test."),
    ("a mail exchange exists", "@ MX 10 mail"),
    ("a service's host is not below a DNAME", "_a._tcp SRV 0 0 1 x.d\nd DNAME b.test."),
    ("a set has one TTL", "a 1h A 192.0.2.1\na 5m A 192.0.2.2"),
    ("a record is there once", "a NS b.test.\na NS B.Test.\na TXT x\na TXT X"),
    (
        "what is below a delegation is not in the zone",
        "a NS b.test.\nx.a A 192.0.2.1\ny.x.a NS c.test.",
    ),
    ("what is at a delegation is NS and DS", "a NS b.test.\na TXT x\na A 192.0.2.1"),
    ("what is below a DNAME is not in the zone", "a DNAME b.test.\nx.a A 192.0.2.1"),
    ("a wildcard is not delegated", "*.a NS b.test.\n*.b DNAME c.test."),
];

/// Records, and the owners that pools steer.
const POOLS: &[(&str, &str, &[&str])] = &[
    ("a pool's name is in the zone", "", &["www.example.net."]),
    ("a name has one pool", "", &["www.example.", "WWW.example."]),
    ("a pool's name has no static address", "www A 192.0.2.1\nwww A 192.0.2.2", &["www.example."]),
    ("a pool's name is no static alias", "www CNAME b.test.", &["www.example."]),
    ("a pool is not at a delegation", "sub NS b.test.", &["sub.example."]),
    ("a pool is not below a delegation", "sub NS b.test.", &["a.www.sub.example."]),
    ("a pool is not below a DNAME", "old DNAME b.test.", &["www.old.example."]),
    ("a pool is no name server", "sub NS www", &["www.example."]),
    ("a wildcard's pool is no name server", "@ NS ns1.shop", &["*.shop.example."]),
];

const LONG_STRING: &str = "a TXT \"01234567890123456789012345678901234567890123456789012345678901234567\
     890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890\
     12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345\"";
