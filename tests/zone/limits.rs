//! Files and names at the limits: what just fits is served, what does not is told in bounded time
//! and memory.

use meridian::span::{FileId, Severity};
use meridian::wire::RecordType;
use meridian::zone::{Fault, Found, Source, read as read_zone};

use super::bind::{compile, sets};
use super::lookup::small;
use super::{name, read, show, zone};

#[test]
fn labels_have_up_to_63_octets_and_names_up_to_255() {
    let label = |octets| "x".repeat(octets);
    // With `example.`, 9 octets, and a length for each label.
    let longest = [label(63), label(63), label(63), label(53)].join(".");
    let served = zone("example.", &small(&format!("{longest} A 192.0.2.1")), &[]);
    let owner = name(&format!("{longest}.example."));
    assert_eq!(owner.as_wire().len(), 255);
    assert!(matches!(served.find(owner.as_wire()), Found::Exact(_)));
    for owner in [format!("{longest}x"), label(64), format!("a.{}.b", label(64))] {
        let text = small(&format!("{owner} A 192.0.2.1\nb CNAME {owner}"));
        assert_eq!(codes(&text), ["Z110", "Z201"], "{owner}");
    }
}

#[test]
fn names_have_up_to_127_labels() {
    let deepest = ["a"; 123].join(".");
    let text = small(&format!("{deepest} A 192.0.2.1"));
    let served = zone("example.", &text, &[]);
    assert_eq!(served.nodes().len(), 124);
    let owner = name(&format!("{deepest}.example."));
    assert!(matches!(served.find(owner.as_wire()), Found::Exact(_)));
    let root = zone(
        ".",
        &format!(
            "$TTL 1\n@ SOA . . 1 1 1 1 1\n@ NS a.\n{} A 192.0.2.1\na A 192.0.2.1",
            ["b"; 127].join(".")
        ),
        &[],
    );
    assert_eq!(root.nodes().map(|node| node.depth()).max(), Some(127));
}

#[test]
fn labels_and_strings_hold_every_octet() {
    let mut text = small("");
    for octet in 0..=255u8 {
        text += &format!("a\\{octet:03}b.{octet} TXT \"\\{octet:03}\" \\{octet:03}x\n");
        text += &format!("{octet} CNAME c\\{octet:03}\n");
    }
    let ours = zone("example.", &text, &[]);
    for octet in 0..=255u8 {
        let owner = name(&format!("a\\{octet:03}b.{octet}.example.")).to_lowercase();
        let Found::Exact(node) = ours.find(owner.as_wire()) else { panic!("no {owner}") };
        let rdata = node.set(RecordType::TXT).unwrap().rdatas().next().unwrap();
        assert_eq!(rdata, [1, octet, 2, octet, b'x']);
    }
    assert_eq!(sets(&zone("example.", &compile(text.as_bytes()), &[])), sets(&ours));
}

#[test]
fn what_a_label_means_is_what_bind_takes_it_for() {
    let text = small(
        "a\\.b A 192.0.2.1\n\\097.b A 192.0.2.2\n\\\\ A 192.0.2.3\n\\@ A 192.0.2.4\n\
         \\000.\\000 A 192.0.2.5\n*.a A 192.0.2.6\nb.*.a A 192.0.2.7\n\\* A 192.0.2.8\n\
         x\\ y A 192.0.2.9\n\\\"q\\\" A 192.0.2.10\n\\;\\(\\) A 192.0.2.11\n\\$TTL A 192.0.2.12\n\
         a\\b\\c.d A 192.0.2.13",
    );
    let ours = zone("example.", &text, &[]);
    assert_eq!(sets(&zone("example.", &compile(text.as_bytes()), &[])), sets(&ours));
}

#[test]
fn what_a_line_means_is_what_bind_takes_it_for() {
    let ours = zone("example.", LINES, &[]);
    assert_eq!(sets(&zone("example.", &compile(LINES.as_bytes()), &[])), sets(&ours));
}

/// Line ends of all kinds, none at the end; classes and TTLs in all orders; what a parenthesis joins.
const LINES: &str = "$ttl 1h\r\n@\tIN\t1W2D3H4M5S\tSOA\tns.test.\thost.test.\t(\r\n\t1 ; serial (\r\n\
    2h 30m 2w 30 ) ; )\r\n  \t ; nothing here\r\n\tNS\tns.test.\n\n\
    a IN 300 A 192.0.2.1\nb 300 IN A 192.0.2.2\nc A 192.0.2.3\nd 1h30m A 192.0.2.4\ne IN A 192.0.2.5\n\
    f(A)192.0.2.6\ng ( ( A ) 192.0.2.7 )\n\
    $ORIGIN Sub\nh A 192.0.2.8\n A 192.0.2.9\n@ A 192.0.2.10\n$ORIGIN example.\n\
    txt TXT \"a;b\" ; c\n TXT \"(\"";

#[test]
fn owners_keep_the_case_in_which_they_were_first_written() {
    let served = zone(
        "Example.",
        &small("WWW.Shop A 192.0.2.1\nwww.SHOP TXT x\nmail.sHOP A 192.0.2.2"),
        &["Pool.shop.EXAMPLE."],
    );
    let names: Vec<_> = served.nodes().map(|node| node.name().to_string()).collect();
    assert_eq!(
        names,
        [
            "Example.",
            "Shop.Example.",
            "WWW.Shop.Example.",
            "mail.Shop.Example.",
            "Pool.Shop.Example."
        ]
    );
    for qname in ["www.shop.example.", "mail.shop.example.", "pool.shop.example."] {
        assert!(matches!(served.find(name(qname).as_wire()), Found::Exact(_)), "{qname}");
    }
}

#[test]
fn an_entry_of_more_words_than_a_record_can_have_is_one_fault() {
    let words = "0 ".repeat(300_000);
    let text = small(&format!("a TYPE65280 \\# 150000 {words}\nb A 192.0.2.1\nc A bad"));
    assert_eq!(codes(&text), ["Z122", "Z201"]);
}

#[test]
fn a_hundred_thousand_faults_are_a_hundred_and_a_count() {
    let mut text = small("");
    text += &"x CNMAE b\n".repeat(100_000);
    let (served, faults) = read("example.", text.as_bytes(), &[]);
    assert!(served.is_none());
    assert_eq!(faults.len(), 101);
    assert_eq!(faults[100].kind.to_string(), "99900 more like these");
}

#[test]
fn a_word_of_megabytes_is_told_in_a_line() {
    let word = "x".repeat(4 << 20);
    for text in [
        small(&format!("a {word}")),
        small(&format!("a {word} A 192.0.2.1")),
        small(&format!("{word} A 192.0.2.1")),
        small(&format!("${word}")),
        small(&format!("a A {word}")),
        small(&format!("a CAA 0 {word} x")),
        small(&format!("a HTTPS 1 . {word}=x")),
        small(&format!("a TXT \"{word}")),
        small(&format!("a TXT {word}")),
        small(&format!("a DNSKEY 0 3 13 {}", &word[..word.len() & !3])),
    ] {
        let (served, faults) = read("example.", text.as_bytes(), &[]);
        assert!(served.is_none());
        for fault in faults {
            assert!(fault.kind.to_string().len() < 300, "{}", fault.kind.code());
        }
    }
}

#[test]
fn parentheses_without_end_cost_no_memory() {
    assert_eq!(codes(&small(&"(".repeat(1 << 20))), ["Z102"]);
    let unopened = small(&")\n".repeat(1 << 10));
    assert_eq!(codes(&unopened), [vec!["Z103"; 100], vec!["Z199"]].concat());
}

#[test]
fn a_set_of_65536_records_does_not_fit_in_a_message() {
    let hosts: String =
        (0..65_536).map(|id| format!("a A 10.0.{}.{}\n", id / 256, id % 256)).collect();
    assert_eq!(codes(&small(&hosts)), ["Z306"]);
}

#[test]
fn a_name_with_every_type_is_found_by_each() {
    let types = (1..=65_535).map(RecordType).filter(|rtype| {
        !rtype.is_meta() && matches!(rtype.0, 263..) && !matches!(rtype.0, 32_768..=32_769)
    });
    let types: Vec<_> = types.collect();
    let lines: String = types.iter().map(|rtype| format!("a TYPE{} \\# 1 01\n", rtype.0)).collect();
    let served = zone("example.", &small(&lines), &[]);
    let Found::Exact(node) = served.find(name("a.example.").as_wire()) else { panic!() };
    assert!(types.iter().all(|&rtype| node.set(rtype).is_some_and(|set| set.len() == 1)));
    assert!(node.set(RecordType::A).is_none());
}

#[test]
fn files_that_include_each_other_end_by_depth() {
    let (faults, read) = include(|path| match path.parse::<usize>() {
        Ok(depth) => format!("$INCLUDE {}\n$INCLUDE {}\n", depth + 1, depth + 1),
        Err(_) => small("$INCLUDE 1"),
    });
    assert_eq!(faults.iter().map(|fault| fault.kind.code()).collect::<Vec<_>>(), ["Z108"]);
    assert!(read <= 20, "{read} files");
}

#[test]
fn what_signing_made_elsewhere_is_refused_whatever_it_holds() {
    // Iterations, salts and hashes that others stumble over: RFC 5155 section 3.
    for record in [
        "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom NSEC3 1 1 65535 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr A",
        "a TYPE50 \\# 0",
        "a TYPE50 \\# 6 01 01 ffff ff 00",
        "a TYPE50 \\# 7 01 01 0000 00 00 ff",
        "@ TYPE51 \\# 5 01 00 ffff ff",
        "@ NSEC3PARAM 255 255 65535 aabbccdd",
        "a NSEC \\# 0",
        "a TYPE47 \\# 3 00 00 21",
        "a RRSIG \\# 1 00",
    ] {
        let text = small(record);
        assert_eq!(codes(&text), ["Z115"], "{record}");
    }
}

/// The codes of what is wrong with the zone `example.` in `text`, which is read to none.
fn codes(text: &str) -> Vec<&'static str> {
    let (served, faults) = read("example.", text.as_bytes(), &[]);
    assert!(served.is_none(), "{}", show(text, &faults));
    assert!(faults.iter().any(|fault| fault.kind.severity() == Severity::Error));
    faults.iter().map(|fault| fault.kind.code()).collect()
}

/// What is wrong with files whose text is by their path, and how many of them were read.
fn include(text: impl Fn(&str) -> String) -> (Vec<Fault>, usize) {
    let (main, mut count) = (text("main"), 0);
    let source = Source { origin: name("example."), file: FileId(0), text: main.as_bytes() };
    let (_, faults) = read_zone(source, &[], &mut |path, _| {
        count += 1;
        Ok((FileId(count), text(path).into_bytes()))
    });
    (faults, count as usize)
}
