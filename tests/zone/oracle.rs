//! Record data as another implementation reads it.

use std::collections::BTreeSet;

use hickory_proto::rr::{RData, Record};
use hickory_proto::serialize::binary::{
    BinDecodable, BinDecoder, BinEncodable, BinEncoder, NameEncoding,
};
use meridian::wire::RecordType;

use super::laws::EVERY_TYPE;

/// Each record as hickory-proto prints it, beside the fixture that it comes from.
#[test]
fn records_of_every_type_are_read_by_hickory_with_the_same_fields() {
    let mut shown = String::new();
    for (owner, body) in bodies() {
        let record = Record::read(&mut BinDecoder::new(&body)).unwrap();
        shown += &format!("{owner} {} {} {}\n", record.ttl, record.record_type(), record.data);
    }
    insta::assert_snapshot!("hickory", shown);
}

#[test]
fn records_of_every_type_are_written_by_hickory_with_the_same_octets() {
    for (owner, body) in bodies() {
        let record = Record::read(&mut BinDecoder::new(&body)).unwrap();
        let mut written = vec![];
        let mut encoder = BinEncoder::new(&mut written);
        encoder.set_name_encoding(NameEncoding::Uncompressed);
        record.emit(&mut encoder).unwrap();
        assert_eq!(written, body, "{owner} {}", record.record_type());
    }
}

#[test]
fn hickory_decodes_every_type_but_ds_and_dname() {
    let decoded = bodies().into_iter().filter_map(|(_, body)| {
        let record = Record::read(&mut BinDecoder::new(&body)).unwrap();
        let is_known = !matches!(record.data, RData::Unknown { .. });
        is_known.then(|| RecordType(record.record_type().into()))
    });
    let decoded: BTreeSet<_> = decoded.collect();
    for rtype in [
        RecordType::A,
        RecordType::AAAA,
        RecordType::NS,
        RecordType::SOA,
        RecordType::CNAME,
        RecordType::MX,
        RecordType::TXT,
        RecordType::SRV,
        RecordType::PTR,
        RecordType::CAA,
        RecordType::HTTPS,
        RecordType::SVCB,
        RecordType::TLSA,
        RecordType::SSHFP,
        RecordType::NAPTR,
    ] {
        assert!(decoded.contains(&rtype), "{rtype}");
    }
}

/// Owner and wire form of each record, the root as its owner.
fn bodies() -> Vec<(String, Vec<u8>)> {
    let zone = super::zone("example.", EVERY_TYPE, &[]);
    let sets = zone.nodes().flat_map(|node| node.sets().map(move |set| (node.name(), set)));
    let records = sets.flat_map(|(owner, set)| {
        set.bodies().map(move |body| (owner.to_string(), [b"\0", body].concat()))
    });
    records.collect()
}
