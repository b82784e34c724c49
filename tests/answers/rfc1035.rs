//! RFC 1035: the message, and what is not a query that can be answered.

use meridian::answer::Kind;

use super::server::Server;
use super::{Ask, World, check, show};

const ZONE: &str = "www A 192.0.2.1\n";

#[test]
fn a_response_is_never_answered() {
    let server = Server::start(World::of_zone("example", ZONE).snapshot());
    let query = Ask::new("www.example. A +id=2").message();
    let mut response = Ask::new("www.example. A +id=1").message();
    response[2] |= 0x80;
    let answers = server.udp(&[response, query], 1);
    assert_eq!(answers[0][..2], [0, 2]);
}

#[test]
fn less_than_a_header_and_nothing_at_all_are_never_answered() {
    let server = Server::start(World::of_zone("example", ZONE).snapshot());
    let query = Ask::new("www.example. A +id=7").message();
    let mut messages: Vec<_> = (0..12).map(|len| query[..len].to_vec()).collect();
    messages.push(query);
    assert_eq!(server.udp(&messages, 1)[0][..2], [0, 7]);
}

#[test]
fn the_question_comes_back_with_its_case() {
    let server = Server::start(World::of_zone("example", ZONE).snapshot());
    let query = Ask::new("wWw.eXaMpLe. A").message();
    for response in [server.ask(&query), server.tcp(&query)] {
        assert_eq!(response[12..][..17], query[12..][..17]);
        assert_eq!(show(&response), "NOERROR aa\nan wWw.eXaMpLe. 3600 A 192.0.2.1");
    }
}

#[test]
fn names_that_end_in_the_question_s_have_its_case_bit_for_bit() {
    let snapshot =
        World::of_zone("example", "*.Wild CNAME tArGeT\ntArGeT A 192.0.2.1\n").snapshot();
    check(
        &snapshot,
        "A.wILD.eXaMPLE. A",
        "NOERROR aa
        an A.wILD.eXaMPLE. 3600 CNAME tArGeT.example.
        an tArGeT.example. 3600 A 192.0.2.1",
    );
    check(
        &snapshot,
        "gOnE.ExAmPlE. A",
        "NXDOMAIN aa\nns ExAmPlE. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30",
    );
    for question in ["wWw.OtHeR. A +edns", "wWw.ExAmPlE. AXFR", "wWw.ExAmPlE. A +version=1"] {
        // The question is compared octet for octet.
        Ask::new(question).of(&snapshot);
    }
}

#[test]
fn octets_that_differ_by_the_bit_of_case_and_are_no_letters_are_others() {
    let snapshot = World::of_zone("example", "\\@x A 192.0.2.1\n[y A 192.0.2.2\n").snapshot();
    let soa = "ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30";
    for name in ["\\096x.example.", "{y.example."] {
        check(&snapshot, &format!("{name} A"), &format!("NXDOMAIN aa\n{soa}"));
    }
    check(&snapshot, "[Y.example. A", "NOERROR aa\nan \\[Y.example. 3600 A 192.0.2.2");
}

#[test]
fn records_of_every_section_and_what_follows_them_are_passed_over() {
    let server = Server::start(World::of_zone("example", ZONE).snapshot());
    let record = b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\xc0\0\x02\x09";
    // A SIG(0) (RFC 2931 section 3), of a key that nobody has.
    let sig = b"\0\0\x18\0\xff\0\0\0\0\0\x13\0\0\x0d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    for (section, extra) in [(7, &record[..]), (9, record), (11, record), (11, sig), (10, b"")] {
        let mut query = Ask::new("www.example. A").message();
        if !extra.is_empty() {
            query[section] = 1;
        }
        query.extend(extra);
        query.extend(b"whatever follows");
        let expected = "NOERROR aa\nan www.example. 3600 A 192.0.2.1";
        assert_eq!(show(&server.ask(&query)), expected, "{extra:?}");
    }
}

#[test]
fn a_section_that_holds_less_than_its_count_says_is_a_format_error() {
    let server = Server::start(World::of_zone("example", ZONE).snapshot());
    for count in [7, 9, 11] {
        let mut query = Ask::new("www.example. A").message();
        query[count] = 1;
        assert_eq!(show(&server.ask(&query)), "FORMERR");
    }
}

#[test]
fn every_other_opcode_is_not_implemented() {
    let snapshot = World::of_zone("example", ZONE).snapshot();
    let server = Server::start(snapshot);
    for opcode in 1..16 {
        let mut query = Ask::new("www.example. A").message();
        query[2] |= opcode << 3;
        let response = server.ask(&query);
        assert_eq!(response[2], 0x80 | opcode << 3, "QR and the opcode");
        assert_eq!(response[3], 4, "NOTIMP");
        assert_eq!(response[4..], query[4..], "the question");
    }
}

#[test]
fn only_one_question_is_taken() {
    let server = Server::start(World::of_zone("example", ZONE).snapshot());
    for count in [0, 2, 255] {
        let mut query = Ask::new("www.example. A").message();
        query[5] = count;
        let response = server.ask(&query);
        assert_eq!(response, [0x12, 0x34, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0], "{count} questions");
    }
}

#[test]
fn a_question_that_is_cut_short_is_a_format_error() {
    let server = Server::start(World::of_zone("example", ZONE).snapshot());
    let query = Ask::new("www.example. A").message();
    for len in 12..query.len() {
        let response = server.ask(&query[..len]);
        assert_eq!((response.len(), response[3]), (12, 1), "{len} octets");
    }
}

#[test]
fn recursion_desired_comes_back_and_recursion_is_not_available() {
    let server = Server::start(World::of_zone("example", ZONE).snapshot());
    let mut query = Ask::new("www.example. A").message();
    query[2] |= 1;
    let response = server.ask(&query);
    assert_eq!(show(&response), "NOERROR aa rd\nan www.example. 3600 A 192.0.2.1");
}

#[test]
fn bits_that_only_resolvers_set_are_cleared() {
    // Z (section 4.1.1), AD and CD (RFC 4035 section 3.1.6), TC, AA and RA of the query.
    let server = Server::start(World::of_zone("example", ZONE).snapshot());
    let mut query = Ask::new("www.example. A").message();
    query[2] |= 0x06;
    query[3] |= 0xff;
    let response = server.ask(&query);
    assert_eq!(response[2..4], [0x84, 0]);
}

#[test]
fn other_classes_and_transfers_are_refused() {
    let snapshot = World::of_zone("example", ZONE).snapshot();
    for class in [2, 3, 4, 254, 255] {
        let ask = Ask { class, ..Ask::new("www.example. A") };
        assert_eq!(show(&ask.of(&snapshot).1), "REFUSED", "class {class}");
    }
    for transport in ["", " +tcp"] {
        check(&snapshot, &format!("example. AXFR{transport}"), "REFUSED");
        check(&snapshot, &format!("example. IXFR{transport}"), "REFUSED");
    }
}

#[test]
fn section_3_2_3_mailboxes_are_not_looked_up_by_kind() {
    let snapshot = World::of_zone("example", ZONE).snapshot();
    for rtype in [253, 254] {
        check(&snapshot, &format!("www.example. TYPE{rtype} +edns"), "NOTIMP edns=1232");
    }
}

#[test]
fn types_that_no_record_can_have_are_a_format_error() {
    // 0, OPT, NXNAME (RFC 9824 section 3.5), TKEY, TSIG, and some that nobody has defined.
    let snapshot = World::of_zone("example", ZONE).snapshot();
    for rtype in [0, 41, 128, 200, 248, 249, 250] {
        for name in ["www", "gone"] {
            let question = format!("{name}.example. TYPE{rtype} +edns");
            check(&snapshot, &question, "FORMERR edns=1232");
        }
    }
    // Those on either side are types as any other.
    let soa = "ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30";
    for rtype in [40, 42, 127, 256, 65_535] {
        let question = format!("www.example. TYPE{rtype}");
        check(&snapshot, &question, &format!("NOERROR aa\n{soa}"));
    }
}

#[test]
fn a_zone_that_did_not_load_answers_servfail_and_never_by_its_parent() {
    let worlds = World::with_faults(&format!(
        "=== zones/example.zone\n{}* A 192.0.2.1\n=== zones/sub.example.zone\nnonsense\n",
        super::world::HEAD
    ));
    let snapshot = worlds.snapshot();
    check(&snapshot, "www.sub.example. A", "SERVFAIL");
    check(&snapshot, "sub.example. SOA +edns", "SERVFAIL edns=1232");
    check(&snapshot, "www.example. A", "NOERROR aa\nan www.example. 3600 A 192.0.2.1");
    let (answer, _) = Ask::new("www.sub.example. A").of(&snapshot);
    assert_eq!(answer.kind, Kind::Error);
}
