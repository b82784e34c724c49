//! Record types: each in its presentation form, against the octets that the RFCs give and against
//! what BIND reads and prints.

use std::collections::BTreeSet;

use hickory_proto::rr::{RData, Record};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use meridian::wire::RecordType;
use proptest::collection::vec;
use proptest::prelude::{any, proptest};
use proptest::sample::Index;
use proptest::{prop_assert, prop_assert_eq};

use super::bind::{compile, hex, records, sets};
use super::laws::{EVERY_TYPE, is_error, print};
use super::lookup::small;
use super::{read, show, zone};

const RECORD_TYPES: &str = include_str!("../fixtures/zones/record_types.zone");
const RECORD_TYPES_NEW: &str = include_str!("../fixtures/zones/record_types_new.zone");

/// Reviewed against the RFCs' figures where they have any, and against BIND by the tests below.
#[test]
fn the_data_of_each_type_has_these_octets() {
    let mut shown = String::new();
    for text in [RECORD_TYPES, RECORD_TYPES_NEW] {
        for (owner, rtype, rdata) in records(&zone("example.", text, &[])) {
            shown += &format!("{owner} {rtype} {}\n", hex(&rdata));
        }
    }
    insta::assert_snapshot!("octets", shown);
}

#[test]
fn figures_of_the_rfcs_are_met() {
    for (record, rtype, octets) in FIGURES {
        let zone = zone("example.", &small(&format!("a {record}")), &[]);
        let (_, found, rdata) =
            records(&zone).into_iter().find(|(owner, ..)| owner == "a.example.").unwrap();
        assert_eq!((found, hex(&rdata)), (*rtype, (*octets).to_owned()), "{record}");
    }
}

/// Records and the octets that their RFCs show for them.
const FIGURES: &[(&str, RecordType, &str)] = &[
    // RFC 3123 section 5, by section 4
    ("APL 1:192.168.32.0/21 !1:192.168.38.0/28", RecordType::APL, "00011503c0a82000011c83c0a826"),
    // RFC 8777 section 4.3
    ("AMTRELAY 10 0 1 203.0.113.15", RecordType::AMTRELAY, "0a01cb00710f"),
    // RFC 7043 sections 3.2 and 4.2
    ("EUI48 00-00-5e-00-53-2a", RecordType::EUI48, "00005e00532a"),
    ("EUI64 00-00-5e-ef-10-00-00-2a", RecordType::EUI64, "00005eef1000002a"),
    // RFC 9460 appendix D.2, figures 2 to 4
    ("SVCB 1 .", RecordType::SVCB, "000100"),
    ("HTTPS 0 foo.example.com.", RecordType::HTTPS, "000003666f6f076578616d706c6503636f6d00"),
];

#[test]
fn every_type_with_a_format_is_among_the_examples() {
    let examples: BTreeSet<_> = [RECORD_TYPES, RECORD_TYPES_NEW, EVERY_TYPE]
        .into_iter()
        .flat_map(|text| records(&read("example.", text.as_bytes(), &[]).0.unwrap()))
        .map(|(_, rtype, _)| rtype)
        .collect();
    let formats = (1..=u16::MAX).map(RecordType).filter(|&rtype| has_format(rtype));
    let missing: Vec<_> = formats.filter(|rtype| !examples.contains(rtype)).collect();
    // A warning comes with it.
    assert_eq!(missing, [RecordType::DNSKEY]);
}

#[test]
fn what_bind_prints_of_each_type_stands_for_the_same_octets() {
    let ours = zone("example.", RECORD_TYPES, &[]);
    let printed = compile(RECORD_TYPES.as_bytes());
    assert_eq!(sets(&zone("example.", &printed, &[])), sets(&ours));
}

#[test]
fn bind_reads_the_octets_of_each_type_as_the_same_record() {
    let ours = zone("example.", RECORD_TYPES, &[]);
    let printed = compile(print(&ours).as_bytes());
    assert_eq!(sets(&zone("example.", &printed, &[])), sets(&ours));
}

#[test]
fn what_hickory_prints_of_the_types_that_it_knows_stands_for_the_same_octets() {
    let mut known = BTreeSet::new();
    for (owner, rtype, rdata) in examples() {
        if PRINTED_OTHERWISE.contains(rtype) {
            continue;
        }
        let Some(data) = hickory(*rtype, rdata) else { continue };
        let text = small(&format!("{owner} {rtype} {data}"));
        let (again, faults) = read("example.", text.as_bytes(), &[]);
        let again = records(&again.unwrap_or_else(|| panic!("{}", show(&text, &faults))));
        assert!(again.iter().any(|(.., octets)| octets == rdata), "{text}");
        known.insert(rtype.to_string());
    }
    let known: Vec<_> = known.into_iter().collect();
    insta::assert_snapshot!(
        known.join(" "),
        @"A AAAA CAA CSYNC MX NAPTR NS OPENPGPKEY PTR SMIMEA SRV SSHFP TLSA"
    );
}

/// Strings without quotes and escapes, algorithms and parameters in words of its own.
const PRINTED_OTHERWISE: &[RecordType] =
    &[RecordType::TXT, RecordType::HINFO, RecordType::CERT, RecordType::SVCB, RecordType::HTTPS];

proptest! {
    #[test]
    fn octets_of_any_kind_are_refused_or_served_as_they_stand(
        which in any::<Index>(),
        cut in any::<Index>(),
        edits in vec((any::<Index>(), any::<u8>()), 0..3),
    ) {
        let examples = examples();
        let (_, rtype, rdata) = &examples[which.index(examples.len())];
        let mut octets = rdata[..cut.index(rdata.len() + 1)].to_vec();
        for (at, octet) in edits {
            if !octets.is_empty() {
                let at = at.index(octets.len());
                octets[at] = octet;
            }
        }
        let text = small(&format!("a TYPE{} \\# {} {}", rtype.0, octets.len(), hex(&octets)));
        let (zone, faults) = read("example.", text.as_bytes(), &[]);
        prop_assert_eq!(zone.is_none(), faults.iter().any(is_error));
        if let Some(zone) = zone {
            let served = records(&zone);
            prop_assert!(served.iter().any(|(_, other, rdata)| other == rtype && *rdata == octets));
        }
    }
}

fn examples() -> &'static [(String, RecordType, Vec<u8>)] {
    static EXAMPLES: std::sync::LazyLock<Vec<(String, RecordType, Vec<u8>)>> =
        std::sync::LazyLock::new(|| {
            let zones = [RECORD_TYPES, RECORD_TYPES_NEW].map(|text| zone("example.", text, &[]));
            zones
                .iter()
                .flat_map(records)
                .filter(|&(_, rtype, _)| rtype != RecordType::SOA)
                .collect()
        });
    &EXAMPLES
}

/// What hickory makes of the data of a type that it decodes.
fn hickory(rtype: RecordType, rdata: &[u8]) -> Option<RData> {
    let mut record = vec![0];
    record.extend(rtype.0.to_be_bytes());
    record.extend([0, 1, 0, 0, 0, 0]);
    record.extend((rdata.len() as u16).to_be_bytes());
    record.extend(rdata);
    let data = Record::read(&mut BinDecoder::new(&record)).ok()?.data;
    (!matches!(data, RData::Unknown { .. } | RData::Update0(_))).then_some(data)
}

/// Whether text that is not generic is read for a type.
fn has_format(rtype: RecordType) -> bool {
    let (_, faults) = read("example.", small(&format!("a {rtype}")).as_bytes(), &[]);
    !faults.iter().any(|fault| matches!(fault.kind.code(), "Z204" | "Z114" | "Z115"))
}
