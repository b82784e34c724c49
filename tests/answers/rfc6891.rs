//! RFC 6891: EDNS, and how long a response may be.

use meridian::answer::{Kind, Request, Transport, answer};
use meridian::time::Wall;

use super::server::Server;
use super::{Ask, World, check, show};

/// Sets of about 400, 700 and 1,500 octets.
fn world() -> World {
    let set = |name: &str, count: u32| -> String {
        (0..count).map(|n| format!("{name} A 192.0.2.{n}\n")).collect()
    };
    World::of_zone("example", &[set("small", 20), set("medium", 40), set("large", 90)].concat())
}

#[test]
fn section_6_1_1_opt_comes_only_where_it_was_asked_for() {
    let zone = world().snapshot();
    let negative = "ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30";
    check(&zone, "gone.example. A", &format!("NXDOMAIN aa\n{negative}"));
    check(&zone, "gone.example. A +edns", &format!("NXDOMAIN aa edns=1232\n{negative}"));
    check(&zone, "gone.example. A +do", &format!("NXDOMAIN aa edns=1232 do\n{negative}"));
    check(&zone, "www.test. A", "REFUSED");
    check(&zone, "www.test. A +do", "REFUSED edns=1232 do");
}

#[test]
fn section_6_2_5_without_edns_512_octets_are_the_limit() {
    let zone = world().snapshot();
    let (answer, response) = Ask::new("small.example. A").of(&zone);
    assert!(answer.kind == Kind::Static && response.len() <= 512);
    let (answer, response) = Ask::new("medium.example. A").of(&zone);
    assert_eq!(show(&response), "NOERROR aa tc");
    assert_eq!(answer.kind, Kind::Truncated);
}

#[test]
fn section_6_2_3_a_payload_below_512_counts_as_512() {
    let zone = world().snapshot();
    for payload in [0, 1, 511, 512] {
        let (answer, _) = Ask::new(&format!("small.example. A +edns={payload}")).of(&zone);
        assert_eq!(answer.kind, Kind::Static, "{payload}");
        let (answer, _) = Ask::new(&format!("medium.example. A +edns={payload}")).of(&zone);
        assert_eq!(answer.kind, Kind::Truncated, "{payload}");
    }
}

#[test]
fn however_much_the_client_can_take_1232_octets_are_the_ceiling() {
    let zone = world().snapshot();
    let (answer, _) = Ask::new("medium.example. A +edns=1232").of(&zone);
    assert_eq!(answer.kind, Kind::Static);
    for payload in [1232, 4096, 65_535] {
        check(&zone, &format!("large.example. A +edns={payload}"), "NOERROR aa tc edns=1232");
    }
}

#[test]
fn a_response_that_fits_to_the_octet_is_whole_and_one_octet_less_truncates() {
    let zone = world().snapshot();
    let (answer, _) = Ask::new("medium.example. A +edns=1232").of(&zone);
    for (payload, kind) in [(answer.len, Kind::Static), (answer.len - 1, Kind::Truncated)] {
        let (answer, _) = Ask::new(&format!("medium.example. A +edns={payload}")).of(&zone);
        assert_eq!(answer.kind, kind, "{payload}");
    }
}

#[test]
fn what_was_truncated_comes_whole_by_tcp() {
    let server = Server::start(world().snapshot());
    let query = Ask::new("large.example. A +edns +id=9").message();
    assert_eq!(show(&server.ask(&query)), "NOERROR aa tc edns=1232");
    let whole = show(&server.tcp(&query));
    assert_eq!(whole.lines().count(), 91);
    assert!(whole.starts_with("NOERROR aa edns=1232\nan large.example. 3600 A 192.0.2.0"));
}

#[test]
fn section_6_1_3_other_versions_are_bad_and_get_the_version_that_is_known() {
    let zone = world().snapshot();
    check(&zone, "small.example. A +version=1", "BADVERS edns=1232");
    check(&zone, "small.example. A +version=255", "BADVERS edns=1232");
    let (_, response) = Ask::new("small.example. A +version=1").of(&zone);
    assert_eq!(response[response.len() - 5], 0, "VERSION");
}

#[test]
fn section_6_1_1_two_opt_records_are_a_format_error() {
    let server = Server::start(world().snapshot());
    let mut query = Ask::new("small.example. A +edns").message();
    query.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    query[11] = 2;
    // Without OPT it would say that EDNS is not known here (section 7).
    assert_eq!(show(&server.ask(&query)), "FORMERR edns=1232");
}

#[test]
fn section_6_1_1_an_opt_record_out_of_the_additional_section_is_a_format_error() {
    let server = Server::start(world().snapshot());
    for section in [7, 9] {
        let mut query = Ask::new("small.example. A +edns").message();
        (query[section], query[11]) = (1, 0);
        assert_eq!(show(&server.ask(&query)), "FORMERR");
        // With one in the right place besides.
        query.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
        query[11] = 1;
        assert_eq!(show(&server.ask(&query)), "FORMERR");
    }
}

#[test]
fn an_opt_record_whose_owner_is_a_pointer_is_a_format_error() {
    let server = Server::start(world().snapshot());
    let mut query = Ask::new("small.example. A").message();
    let root = query.len() as u8 - 5;
    query.extend([0xc0, root, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    query[11] = 1;
    assert_eq!(show(&server.ask(&query)), "FORMERR");
}

#[test]
fn an_opt_record_that_is_owned_by_a_name_is_a_format_error() {
    let server = Server::start(world().snapshot());
    let mut query = Ask::new("small.example. A").message();
    query.extend([1, b'x', 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    query[11] = 1;
    assert_eq!(show(&server.ask(&query)), "FORMERR");
}

#[test]
fn section_6_1_2_unknown_options_are_ignored_and_not_echoed() {
    let zone = world().snapshot();
    let ask = Ask { options: vec![0xfd, 0xe9, 0, 2, 1, 2], ..Ask::new("example. NS +edns") };
    assert_eq!(show(&ask.of(&zone).1), "NOERROR aa edns=1232\nan example. 3600 NS ns.test.");
}

#[test]
fn options_that_end_early_are_a_format_error() {
    let zone = world().snapshot();
    let ask = Ask { options: vec![0, 10, 0, 8, 1], ..Ask::new("example. NS +edns") };
    assert_eq!(show(&ask.of(&zone).1), "FORMERR edns=1232");
}

#[test]
fn section_6_1_1_errors_have_opt_where_the_query_has() {
    let server = Server::start(world().snapshot());
    for (opcode, count, expected) in
        [(0, 0, "FORMERR edns=1232"), (4, 1, "NOTIMP edns=1232"), (5, 1, "NOTIMP edns=1232")]
    {
        let mut query = Ask::new("small.example. A +edns").message();
        query[2] |= opcode << 3;
        if count == 0 {
            query.drain(12..query.len() - 11);
            query[5] = 0;
        }
        assert_eq!(show(&server.ask(&query)), expected);
    }
}

#[test]
fn section_6_1_4_flags_that_are_not_defined_are_ignored_and_not_echoed() {
    let server = Server::start(world().snapshot());
    let mut query = Ask::new("example. NS +do").message();
    let flags = query.len() - 4;
    (query[flags], query[flags + 1]) = (0xff, 0xff);
    let response = server.ask(&query);
    assert_eq!(show(&response), "NOERROR aa edns=1232 do\nan example. 3600 NS ns.test.");
    assert_eq!(response[response.len() - 4..], [0x80, 0, 0, 0]);
}

#[test]
fn options_of_a_version_that_is_not_known_are_not_read() {
    let zone = world().snapshot();
    let ask = Ask { options: vec![0, 8, 0, 8, 1], ..Ask::new("example. NS +version=1") };
    assert_eq!(show(&ask.of(&zone).1), "BADVERS edns=1232");
}

#[test]
fn records_before_opt_are_passed_over() {
    let server = Server::start(world().snapshot());
    let mut query = Ask::new("example. NS").message();
    // The additional section holds an A record whose owner is a pointer, then OPT.
    query.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 192, 0, 2, 1]);
    query.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    query[11] = 2;
    let response = server.ask(&query);
    assert_eq!(show(&response), "NOERROR aa edns=1232\nan example. 3600 NS ns.test.");
}

#[test]
fn opt_is_never_dropped_however_little_room_there_is() {
    let zone = world().snapshot();
    for ask in ["small.example. A +subnet=192.0.2.0/24", "large.example. A +edns", "x.test. A +do"]
    {
        let ask = Ask::new(ask);
        let message = ask.message();
        let request = Request {
            message: &message,
            peer: ask.peer,
            transport: ask.transport,
            now: Wall::default(),
        };
        for room in 0..700 {
            let mut out = vec![0; room];
            let answered = answer(&zone, &request, &mut out);
            let response = out.get(..answered.len).unwrap();
            assert!(response.is_empty() || show(response).contains("edns=1232"), "{room} octets");
        }
    }
}

#[test]
fn no_limit_but_the_length_field_holds_for_tcp() {
    let strings: String = (0..240).map(|n| format!("big TXT \"{:0>250}\"\n", n)).collect();
    let zone = World::of_zone("example", &strings).snapshot();
    let (answer, response) = Ask::new("big.example. TXT +tcp").of(&zone);
    assert!(answer.kind == Kind::Static && response.len() > 60_000);
    let ask = Ask { transport: Transport::Udp, ..Ask::new("big.example. TXT +edns=65535") };
    assert_eq!(show(&ask.of(&zone).1), "NOERROR aa tc edns=1232");
}
