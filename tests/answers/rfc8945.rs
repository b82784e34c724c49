//! RFC 8945: TSIG, of which no key is known here.

use super::server::Server;
use super::{Ask, World, show};

/// Algorithm Name, Time Signed, Fudge.
const START: &[u8] = b"\x0bhmac-sha256\0\0\0\x6a\x24\0\0\x01\x2c";
/// MAC Size, MAC, Original ID, Error and Other Len.
const END: &[u8] = b"\0\x04MMMM\x12\x34\0\0\0\0";

fn server() -> Server {
    Server::start(World::of_zone("example", "www A 192.0.2.1\n").snapshot())
}

fn tsig(owner: &[u8], rdata: &[u8]) -> Vec<u8> {
    [owner, b"\0\xfa\0\xff\0\0\0\0", &(rdata.len() as u16).to_be_bytes(), rdata].concat()
}

/// A query that `records` follow in its additional section.
fn query(question: &str, records: &[Vec<u8>]) -> Vec<u8> {
    query_with(question, [0, 0, records.len() as u8], records)
}

/// A query that `records` follow, `counts` of them in the answer, authority and additional section.
fn query_with(question: &str, counts: [u8; 3], records: &[Vec<u8>]) -> Vec<u8> {
    let mut query = Ask::new(question).message();
    for (count, at) in counts.into_iter().zip([7, 9, 11]) {
        query[at] += count;
    }
    query.extend(records.concat());
    query
}

#[test]
fn section_5_2_1_a_key_that_is_not_known_is_said_to_be_without_a_signature() {
    let server = server();
    let signed = query("www.example. A", &[tsig(b"\x03key\0", &[START, END].concat())]);
    let answer = [START, b"\0\0\x12\x34\0\x11\0\0"].concat();
    for response in [server.ask(&signed), server.tcp(&signed)] {
        assert_eq!(response[2..4], [0x80, 9], "NOTAUTH");
        assert_eq!(response[10..12], [0, 1], "one additional record");
        assert!(response.ends_with(&tsig(b"\x03key\0", &answer)));
    }
}

#[test]
fn section_5_1_it_comes_behind_opt() {
    let record = tsig(b"\x03key\0", &[START, END].concat());
    let response = server().ask(&query("www.example. A +do", &[record]));
    let question = Ask::new("www.example. A").message().len();
    assert_eq!(response[question..][..3], [0, 0, 41], "OPT");
    assert_eq!(response[10..12], [0, 2]);
    assert!(response.ends_with(b"\0\x11\0\0"), "BADKEY");
}

#[test]
fn a_key_s_name_may_be_compressed() {
    let record = tsig(b"\x03key\xc0\x10", &[START, END].concat());
    let response = server().ask(&query("www.example. A", &[record]));
    let answer = [START, b"\0\0\x12\x34\0\x11\0\0"].concat();
    assert!(response.ends_with(&tsig(b"\x03key\xc0\x10", &answer)));
}

#[test]
fn section_5_2_one_that_is_malformed_or_not_the_last_record_is_a_format_error() {
    let server = server();
    let whole = tsig(b"\x03key\0", &[START, END].concat());
    let other = b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\xc0\0\x02\x09".to_vec();
    for records in [
        vec![tsig(b"\x03key\0", START)],
        vec![tsig(b"\x03key\0", &[START, END, b"\0"].concat())],
        vec![whole.clone(), other],
        vec![whole.clone(), whole],
    ] {
        assert_eq!(show(&server.ask(&query("www.example. A", &records))), "FORMERR");
    }
}

#[test]
fn section_5_2_one_outside_the_additional_section_is_a_format_error() {
    let server = server();
    let whole = tsig(b"\x03key\0", &[START, END].concat());
    let two = [whole.clone(), whole];
    for (counts, records) in [
        ([1, 0, 0], &two[..1]),
        ([0, 1, 0], &two[..1]),
        ([1, 0, 1], &two),
        ([0, 1, 1], &two),
        ([1, 1, 0], &two),
    ] {
        let response = server.ask(&query_with("www.example. A", counts, records));
        assert_eq!(show(&response), "FORMERR", "{counts:?}");
    }
}

#[test]
fn section_4_2_one_of_another_class_or_with_a_ttl_is_a_format_error() {
    let server = server();
    // In the class and the TTL, behind the owner and the type.
    for (at, octet) in [(7, 1), (8, 1), (9, 1), (12, 1)] {
        let mut record = tsig(b"\x03key\0", &[START, END].concat());
        record[at] = octet;
        let response = server.ask(&query("www.example. A", &[record]));
        assert_eq!(show(&response), "FORMERR", "octet {at}");
    }
}

#[test]
fn one_that_does_not_fit_is_left_out_and_the_response_truncated() {
    let labels = [b"\x3f".as_slice(), &[b'k'; 63]].concat().repeat(3);
    let long = [&labels[..], b"\0"].concat();
    let rdata = [&long[..], &START[START.len() - 8..], END].concat();
    let name = format!("{}example.", format!("{}.", "q".repeat(63)).repeat(3));
    let signed = query(&format!("{name} A"), &[tsig(&long, &rdata)]);
    let server = server();
    let response = server.ask(&signed);
    assert_eq!(response[2..4], [0x82, 9], "TC, NOTAUTH");
    assert_eq!(response[10..12], [0, 0], "no additional record");
    assert_eq!(server.tcp(&signed)[2..4], [0x80, 9], "NOTAUTH, whole");
}
