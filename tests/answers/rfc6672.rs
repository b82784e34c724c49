//! RFC 6672: DNAME.

use super::{World, check};

/// A DNAME as a zone's own, as one to elsewhere, and two that follow each other.
const RECORDS: &str = "\
frobozz 600 DNAME frobozz-division.acme
www.frobozz-division.acme A 192.0.2.1
frobozz TXT x
out DNAME other.test.
first DNAME second
second DNAME third
host.third A 192.0.2.3
loop DNAME a.loop
";

fn expect(question: &str, expected: &str) {
    check(&World::of_zone("example", RECORDS).snapshot(), question, expected);
}

#[test]
fn section_2_3_the_owner_itself_is_not_redirected() {
    let soa = "ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30";
    expect("frobozz.example. TXT", "NOERROR aa\nan frobozz.example. 3600 TXT x");
    expect("frobozz.example. A", &format!("NOERROR aa\n{soa}"));
    expect(
        "frobozz.example. DNAME",
        "NOERROR aa\nan frobozz.example. 600 DNAME frobozz-division.acme.example.",
    );
}

#[test]
fn section_3_1_names_below_it_get_an_alias_with_its_ttl() {
    expect(
        "www.frobozz.example. A",
        "NOERROR aa
        an frobozz.example. 600 DNAME frobozz-division.acme.example.
        an www.frobozz.example. 600 CNAME www.frobozz-division.acme.example.
        an www.frobozz-division.acme.example. 3600 A 192.0.2.1",
    );
    expect(
        "www.out.example. A",
        "NOERROR aa
        an out.example. 3600 DNAME other.test.
        an www.out.example. 3600 CNAME www.other.test.",
    );
}

#[test]
fn section_3_2_a_target_that_does_not_exist_is_a_name_error() {
    expect(
        "gone.frobozz.example. A",
        "NXDOMAIN aa
        an frobozz.example. 600 DNAME frobozz-division.acme.example.
        an gone.frobozz.example. 600 CNAME gone.frobozz-division.acme.example.
        ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30",
    );
}

#[test]
fn redirections_that_follow_each_other_are_followed() {
    expect(
        "host.first.example. A",
        "NOERROR aa
        an first.example. 3600 DNAME second.example.
        an host.first.example. 3600 CNAME host.second.example.
        an second.example. 3600 DNAME third.example.
        an host.second.example. 3600 CNAME host.third.example.
        an host.third.example. 3600 A 192.0.2.3",
    );
}

#[test]
fn section_2_2_a_name_that_becomes_too_long_is_yxdomain() {
    let label = "x".repeat(63);
    let records = format!("short DNAME {label}.{label}.{label}\n");
    let zone = World::of_zone("example", &records).snapshot();
    // 63 + 1 octets of label, 3 * 64 and 9 of `example.`: 265 is more than 255.
    check(
        &zone,
        &format!("{label}.short.example. A +edns"),
        &format!(
            "YXDOMAIN aa edns=1232
            an short.example. 3600 DNAME {label}.{label}.{label}.example."
        ),
    );
}

#[test]
fn a_redirection_into_itself_grows_to_yxdomain_and_the_dname_stands_once() {
    let zone = World::of_zone("example", RECORDS).snapshot();
    let (_, response) = super::Ask::new("x.loop.example. A +tcp").of(&zone);
    let text = super::show(&response);
    assert!(text.starts_with("YXDOMAIN aa\nan loop.example. 3600 DNAME a.loop.example."), "{text}");
    assert!(text.contains("an x.a.loop.example. 3600 CNAME x.a.a.loop.example."), "{text}");
    assert_eq!(text.matches(" DNAME ").count(), 1, "{text}");
    // Two octets more each time: from 16 to 254.
    assert_eq!(text.matches(" CNAME ").count(), (254 - 16) / 2, "{text}");
}

#[test]
fn redirections_in_a_circle_end_and_each_record_stands_once() {
    let zone = World::of_zone("example", "ping DNAME pong\npong DNAME ping\n");
    check(
        &zone.snapshot(),
        "x.ping.example. A",
        "NOERROR aa
        an ping.example. 3600 DNAME pong.example.
        an x.ping.example. 3600 CNAME x.pong.example.
        an pong.example. 3600 DNAME ping.example.
        an x.pong.example. 3600 CNAME x.ping.example.",
    );
}

#[test]
fn an_answer_goes_by_sixteen_dnames_and_leaves_the_rest_to_the_resolver() {
    let records: String = (0..20).map(|n| format!("d{n:02} DNAME d{:02}\n", n + 1)).collect();
    let zone = World::of_zone("example", &(records + "x.d20 A 192.0.2.1\n")).snapshot();
    let (_, response) = super::Ask::new("x.d00.example. A +tcp").of(&zone);
    let text = super::show(&response);
    assert!(text.ends_with("\nan x.d15.example. 3600 CNAME x.d16.example."), "{text}");
    let (_, response) = super::Ask::new("x.d16.example. A +tcp").of(&zone);
    let text = super::show(&response);
    assert!(text.ends_with("\nan x.d20.example. 3600 A 192.0.2.1"), "{text}");
}

#[test]
fn labels_that_stay_keep_the_case_they_were_asked_for_in() {
    expect(
        "wWw.FROBOZZ.example. A",
        "NOERROR aa
        an FROBOZZ.example. 600 DNAME frobozz-division.acme.example.
        an wWw.FROBOZZ.example. 600 CNAME wWw.frobozz-division.acme.example.
        an wWw.frobozz-division.acme.example. 3600 A 192.0.2.1",
    );
    check(
        &World::of_zone("example", "alias CNAME Host.Old\nold DNAME New\nhost.new TXT x\n")
            .snapshot(),
        "ALIAS.example. TXT",
        "NOERROR aa
        an ALIAS.example. 3600 CNAME Host.Old.example.
        an Old.example. 3600 DNAME New.example.
        an Host.Old.example. 3600 CNAME Host.New.example.
        an Host.New.example. 3600 TXT x",
    );
}

#[test]
fn the_synthesized_alias_is_what_a_query_for_cname_and_any_asks_for() {
    for rtype in ["CNAME", "ANY"] {
        for name in ["www", "gone"] {
            expect(
                &format!("{name}.frobozz.example. {rtype}"),
                &format!(
                    "NOERROR aa
                    an frobozz.example. 600 DNAME frobozz-division.acme.example.
                    an {name}.frobozz.example. 600 CNAME {name}.frobozz-division.acme.example."
                ),
            );
        }
    }
}

#[test]
fn a_query_for_dname_below_one_is_redirected_as_any_other() {
    expect(
        "www.frobozz.example. DNAME",
        "NOERROR aa
        an frobozz.example. 600 DNAME frobozz-division.acme.example.
        an www.frobozz.example. 600 CNAME www.frobozz-division.acme.example.
        ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30",
    );
}

#[test]
fn redirections_and_aliases_follow_each_other() {
    let records = "one DNAME two\na.two CNAME b.three\nthree DNAME four\nb.four A 192.0.2.4\n\
        c.two CNAME elsewhere.test.\nd.two CNAME d.sub\nsub NS ns.test.\n";
    let zone = World::of_zone("example", records).snapshot();
    check(
        &zone,
        "a.one.example. A",
        "NOERROR aa
        an one.example. 3600 DNAME two.example.
        an a.one.example. 3600 CNAME a.two.example.
        an a.two.example. 3600 CNAME b.three.example.
        an three.example. 3600 DNAME four.example.
        an b.three.example. 3600 CNAME b.four.example.
        an b.four.example. 3600 A 192.0.2.4",
    );
    check(
        &zone,
        "c.one.example. A",
        "NOERROR aa
        an one.example. 3600 DNAME two.example.
        an c.one.example. 3600 CNAME c.two.example.
        an c.two.example. 3600 CNAME elsewhere.test.",
    );
    check(
        &zone,
        "d.one.example. A",
        "NOERROR aa
        an one.example. 3600 DNAME two.example.
        an d.one.example. 3600 CNAME d.two.example.
        an d.two.example. 3600 CNAME d.sub.example.
        ns sub.example. 3600 NS ns.test.",
    );
}

#[test]
fn a_dname_at_the_apex_renames_all_below_and_leaves_the_apex() {
    let zone = World::of_zone("example", "@ DNAME other.test.\n@ A 192.0.2.1\n").snapshot();
    check(&zone, "example. A", "NOERROR aa\nan example. 3600 A 192.0.2.1");
    check(&zone, "example. NS", "NOERROR aa\nan example. 3600 NS ns.test.");
    check(&zone, "example. DNAME", "NOERROR aa\nan example. 3600 DNAME other.test.");
    check(
        &zone,
        "a.b.example. A",
        "NOERROR aa
        an example. 3600 DNAME other.test.
        an a.b.example. 3600 CNAME a.b.other.test.",
    );
}

#[test]
fn section_2_4_names_below_a_dname_are_never_answered() {
    let zone = World::of_zone(
        "example",
        "old DNAME other.test.\nwww.old A 192.0.2.1\nsub.old NS ns.test.\n*.old TXT x\n",
    );
    for name in ["www.old", "sub.old", "a.sub.old", "*.old", "gone.old"] {
        check(
            &zone.snapshot(),
            &format!("{name}.example. A"),
            &format!(
                "NOERROR aa
                an old.example. 3600 DNAME other.test.
                an {name}.example. 3600 CNAME {}.other.test.",
                name.strip_suffix(".old").unwrap()
            ),
        );
    }
}

#[test]
fn a_dname_that_leads_to_the_root_cuts_labels_off() {
    check(
        &World::of_zone("example", "old DNAME .\n").snapshot(),
        "www.test.old.example. A",
        "NOERROR aa
        an old.example. 3600 DNAME .
        an www.test.old.example. 3600 CNAME www.test.",
    );
}

#[test]
fn section_2_2_the_longest_name_fits() {
    // 200 octets of target below `example.` and 55 kept are 255; one more is too long.
    let target = ["x".repeat(63), "x".repeat(63), "x".repeat(62)].join(".");
    let zone = World::of_zone("example", &format!("old DNAME {target}\n")).snapshot();
    for (kept, rcode) in [(54, "NOERROR"), (55, "YXDOMAIN")] {
        let question = format!("{}.old.example. CNAME +tcp", "a".repeat(kept));
        let text = super::show(&super::Ask::new(&question).of(&zone).1);
        assert!(text.starts_with(rcode), "{kept}: {text}");
        assert_eq!(text.contains(" CNAME "), rcode == "NOERROR", "{kept}: {text}");
    }
}

#[test]
fn section_3_3_a_dname_at_a_wildcard_renames_what_is_below_the_asterisk_itself() {
    let soa = "ns example. 30 SOA ns.test. host.test. 1 7200 3600 1209600 30";
    let zone = World::of_zone("example", "*.w DNAME other.test.\n").snapshot();
    check(
        &zone,
        "a.*.w.example. A",
        "NOERROR aa
        an *.w.example. 3600 DNAME other.test.
        an a.*.w.example. 3600 CNAME a.other.test.",
    );
    // RFC 4592 section 4.4: what it is to others is left open; it answers for its own type alone.
    check(&zone, "a.w.example. DNAME", "NOERROR aa\nan a.w.example. 3600 DNAME other.test.");
    check(&zone, "a.w.example. A", &format!("NOERROR aa\n{soa}"));
    check(&zone, "b.a.w.example. A", &format!("NOERROR aa\n{soa}"));
}
