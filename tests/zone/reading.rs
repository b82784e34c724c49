//! What a master file may leave out, and the ways to write it.

use std::collections::HashMap;

use meridian::span::FileId;
use meridian::wire::RecordType;
use meridian::zone::{self, Fault, Found, Source, Zone};

use super::lookup::small;
use super::{name, zone as whole};

#[test]
fn ttl_class_and_type_stand_in_either_order_or_not_at_all() {
    for head in ["", "IN", "300", "300 IN", "IN 300", "in 5M", "CLASS1 300"] {
        let zone = whole("example.", &small(&format!("a {head} A 192.0.2.1")), &[]);
        assert_eq!(records(&zone, "a.example."), ["192.0.2.1"], "{head}");
    }
}

#[test]
fn a_ttl_is_the_records_own_or_by_directive_or_the_last_given() {
    let text = "@ 60 SOA a.test. b.test. 1 1 1 1 1\n@ NS a.test.\na 90 A 192.0.2.1\nb A 192.0.2.1\n\
                $TTL 2m\nc A 192.0.2.1\nd 30 A 192.0.2.1\ne A 192.0.2.1\n";
    let zone = whole("example.", text, &[]);
    let ttls = ["a", "b", "c", "d", "e"].map(|label| ttl(&zone, &format!("{label}.example.")));
    assert_eq!(
        (zone.apex().set(RecordType::NS).unwrap().ttl(), ttls),
        (60, [90, 90, 120, 30, 120])
    );
}

#[test]
fn origins_follow_each_other_and_relative_names_follow_them() {
    let zone = whole("example.", &small("$ORIGIN a\nx A 192.0.2.1\n$ORIGIN b\n@ A 192.0.2.2"), &[]);
    assert_eq!(records(&zone, "x.a.example."), ["192.0.2.1"]);
    assert_eq!(records(&zone, "b.a.example."), ["192.0.2.2"]);
}

#[test]
fn lines_end_in_any_way_and_the_last_not_at_all() {
    let text = "\u{feff}$TTL 1h\r\n@\tSOA a.test. b.test. ( 1 1\r\n 1 1 1 )\r\n\tNS a.test. ; x\r\n\r\na A 192.0.2.1";
    let zone = whole("example.", text, &[]);
    assert_eq!(records(&zone, "a.example."), ["192.0.2.1"]);
}

#[test]
fn parentheses_nest_and_comments_in_them_end_with_their_line() {
    let zone =
        whole("example.", &small("a ( A ; )\n ( 192.0.2.1 ; (\n ) ) ; x\nb A 192.0.2.2"), &[]);
    assert_eq!(records(&zone, "a.example."), ["192.0.2.1"]);
    assert_eq!(records(&zone, "b.example."), ["192.0.2.2"]);
}

#[test]
fn strings_hold_what_is_special_elsewhere() {
    let zone =
        whole("example.", &small(r#"a TXT "a ; (b) \"c\" \\ \065" d\;e \"f\" "" x\ y"#), &[]);
    let Found::Exact(node) = zone.find(name("a.example.").as_wire()) else { panic!() };
    let rdata = node.set(RecordType::TXT).unwrap().rdatas().next().unwrap();
    assert_eq!(rdata, b"\x0fa ; (b) \"c\" \\ A\x03d;e\x03\"f\"\0\x03x y");
}

#[test]
fn words_that_look_like_types_are_owners_at_the_start_of_a_line() {
    let zone = whole("example.", &small("in A 192.0.2.1\nA A 192.0.2.2\n300 300 A 192.0.2.3"), &[]);
    assert_eq!(records(&zone, "in.example."), ["192.0.2.1"]);
    assert_eq!(records(&zone, "a.example."), ["192.0.2.2"]);
    assert_eq!(records(&zone, "300.example."), ["192.0.2.3"]);
}

#[test]
fn an_included_file_changes_neither_origin_nor_owner() {
    let main = small(
        "$ORIGIN a\nx A 192.0.2.1\n$INCLUDE \"sub/b.zone\" b ; here\n A 192.0.2.2\ny A 192.0.2.3",
    );
    let (zone, faults) =
        include(&main, &[("sub/b.zone", "@ A 192.0.2.4\n$ORIGIN c\nx A 192.0.2.5")]);
    assert_eq!(faults, []);
    let zone = zone.unwrap();
    assert_eq!(records(&zone, "x.a.example."), ["192.0.2.1", "192.0.2.2"]);
    assert_eq!(records(&zone, "b.a.example."), ["192.0.2.4"]);
    assert_eq!(records(&zone, "x.c.b.a.example."), ["192.0.2.5"]);
    assert_eq!(records(&zone, "y.a.example."), ["192.0.2.3"]);
}

#[test]
fn a_fault_in_an_included_file_points_into_it() {
    let (_, faults) = include(&small("$INCLUDE b.zone"), &[("b.zone", "a A 192.0.2.1\nb A bad")]);
    let places: Vec<_> = faults.iter().map(|fault| (fault.span.file.0, fault.span.start)).collect();
    assert_eq!(places, [(1, 18)]);
}

#[test]
fn a_file_that_includes_itself_is_reported_once() {
    let twice = "$INCLUDE b.zone\n$INCLUDE b.zone\n";
    let (_, faults) = include(&small(twice), &[("b.zone", twice)]);
    let codes: Vec<_> = faults.iter().map(|fault| fault.kind.code()).collect();
    assert_eq!(codes, ["Z108"]);
}

#[test]
fn files_that_include_each_other_end_where_their_origins_get_too_long_to_go_deep() {
    let label = "a".repeat(60);
    let often = |file: &str| format!("$INCLUDE {file} {label}\n").repeat(9);
    let (_, faults) = include(&small("$INCLUDE b.zone"), &[("b.zone", &often("b.zone"))]);
    assert_eq!(faults.iter().map(|fault| fault.kind.code()).collect::<Vec<_>>(), ["Z108"]);
    let (_, faults) = include(
        &small("$INCLUDE b.zone\n"),
        &[("b.zone", &often("c.zone")), ("c.zone", &often("b.zone"))],
    );
    assert_eq!(faults.iter().map(|fault| fault.kind.code()).collect::<Vec<_>>(), ["Z108"]);
}

#[test]
fn files_that_include_others_again_and_again_are_read_a_bounded_number_of_times() {
    let often = |file: &str| format!("$INCLUDE {file}\n").repeat(9);
    let files = ["b", "c", "d", "e", "f", "g"];
    let texts: Vec<_> = files.iter().skip(1).map(|next| often(next)).collect();
    let texts = texts.iter().map(String::as_str).chain(["a A 192.0.2.1"]);
    let files: Vec<_> = files.iter().copied().zip(texts).collect();
    let (zone, faults) = include(&small(&often("b")), &files);
    assert!(zone.is_none() && faults.iter().any(|fault| fault.kind.code() == "Z108"));
}

#[test]
fn service_parameters_are_sorted_and_their_escapes_decoded_twice() {
    // RFC 9460 appendix D.2, figure 9
    for written in [r#"alpn="f\\\\oo\\,bar,h2""#, r"alpn=f\\\092oo\092,bar,h2"] {
        let zone = whole("example.", &small(&format!("a SVCB 16 foo.test. port=1 {written}")), &[]);
        let Found::Exact(node) = zone.find(name("a.example.").as_wire()) else { panic!() };
        let rdata = node.set(RecordType::SVCB).unwrap().rdatas().next().unwrap();
        assert_eq!(
            rdata, b"\0\x10\x03foo\x04test\0\0\x01\0\x0c\x08f\\oo,bar\x02h2\0\x03\0\x02\0\x01",
            "{written}"
        );
    }
}

#[test]
fn of_equal_records_one_is_kept_in_the_order_of_the_file() {
    let text = small("a A 192.0.2.2\na A 192.0.2.1\na A 192.0.2.2\na A 192.0.2.3");
    let (zone, faults) = super::read("example.", text.as_bytes(), &[]);
    assert_eq!(faults.len(), 1);
    let kept = records(&zone.unwrap(), "a.example.");
    assert_eq!(kept, ["192.0.2.2", "192.0.2.1", "192.0.2.3"]);
}

/// The IPv4 addresses of `owner`.
fn records(zone: &Zone, owner: &str) -> Vec<String> {
    let owner = name(owner).to_lowercase();
    let Found::Exact(node) = zone.find(owner.as_wire()) else { panic!("no {owner}") };
    let rdatas = node.set(RecordType::A).unwrap().rdatas();
    rdatas.map(|ip| std::net::Ipv4Addr::from(*ip.as_array::<4>().unwrap()).to_string()).collect()
}

fn ttl(zone: &Zone, owner: &str) -> u32 {
    let Found::Exact(node) = zone.find(name(owner).as_wire()) else { panic!("no {owner}") };
    node.set(RecordType::A).unwrap().ttl()
}

/// Reads `main` with these files, the first of which is file 1.
fn include(main: &str, files: &[(&str, &str)]) -> (Option<Zone>, Vec<Fault>) {
    let entries = files.iter().enumerate();
    let files: HashMap<_, _> = entries.map(|(id, (path, text))| (*path, (id + 1, *text))).collect();
    let source = Source { origin: name("example."), file: FileId(0), text: main.as_bytes() };
    zone::read(source, &[], &mut |path, _| match files.get(path) {
        Some((id, text)) => Ok((FileId(*id as u32), text.as_bytes().to_vec())),
        None => Err(format!("no file {path}")),
    })
}
