//! RFC 9471: referrals, and the addresses of the servers that they name.

use meridian::answer::Kind;

use super::{Ask, World, check, show};

const RECORDS: &str = "\
sub NS ns.sub
sub NS ns.sibling
sub NS ns.elsewhere.test.
ns.sub A 192.0.2.1
ns.sub AAAA 2001:db8::1
ns.sibling A 192.0.2.2
sibling NS ns.sibling
";

const REFERRAL: &str = "\
ns sub.example. 3600 NS ns.sub.example.
ns sub.example. 3600 NS ns.sibling.example.
ns sub.example. 3600 NS ns.elsewhere.test.
ar ns.sub.example. 3600 A 192.0.2.1
ar ns.sub.example. 3600 AAAA 2001:db8::1
ar ns.sibling.example. 3600 A 192.0.2.2";

#[test]
fn names_at_and_below_a_cut_get_a_referral_with_glue_and_no_authority() {
    let zone = World::of_zone("example", RECORDS).snapshot();
    for name in ["sub.example. A", "sub.example. NS", "www.sub.example. A", "ns.sub.example. A"] {
        check(&zone, name, &format!("NOERROR\n{REFERRAL}"));
    }
}

#[test]
fn section_3_1_glue_of_servers_within_the_zone_that_does_not_fit_truncates() {
    let records: String =
        (0..40).map(|n| format!("sub NS ns{n}.sub\nns{n}.sub AAAA 2001:db8::{n}\n")).collect();
    let zone = World::of_zone("example", &records).snapshot();
    let (answer, response) = Ask::new("www.sub.example. A +edns").of(&zone);
    assert_eq!(show(&response), "NOERROR tc edns=1232");
    assert_eq!(answer.kind, Kind::Truncated);
    let (_, response) = Ask::new("www.sub.example. A +edns +tcp").of(&zone);
    assert_eq!(show(&response).lines().count(), 1 + 40 + 40);
}

#[test]
fn section_3_1_one_octet_less_than_it_takes_truncates() {
    let records: String =
        (0..9).map(|n| format!("sub NS ns{n}.sub\nns{n}.sub AAAA 2001:db8::{n}\n")).collect();
    let zone = World::of_zone("example", &records).snapshot();
    let whole = Ask::new("sub.example. A +edns").of(&zone).1.len();
    assert!(whole > 512, "less would be every client's");
    for (room, head) in [(whole, "NOERROR edns=1232"), (whole - 1, "NOERROR tc edns=1232")] {
        let (_, response) = Ask::new(&format!("sub.example. A +edns={room}")).of(&zone);
        assert_eq!(show(&response).lines().next(), Some(head), "{room} octets");
    }
}

#[test]
fn section_3_2_glue_of_other_servers_goes_in_as_it_fits_without_tc() {
    let siblings: String = (0..12)
        .map(|n| format!("sub NS ns{n}.sibling\nns{n}.sibling AAAA 2001:db8::{n}\n"))
        .collect();
    let records = format!("{siblings}sub NS ns.sub\nns.sub A 192.0.2.1\nsibling NS ns.sibling\n");
    let zone = World::of_zone("example", &records).snapshot();
    let (answer, response) = Ask::new("www.sub.example. A").of(&zone);
    let text = show(&response);
    assert!(text.starts_with("NOERROR\n"), "{text}");
    assert!(text.contains("\nar ns.sub.example. 3600 A 192.0.2.1"), "{text}");
    let given = text.matches(" AAAA ").count();
    assert!((1..12).contains(&given), "{text}");
    assert_eq!(answer.kind, Kind::Referral);
    let (_, response) = Ask::new("www.sub.example. A +tcp").of(&zone);
    assert_eq!(show(&response).matches(" AAAA ").count(), 12);
}

#[test]
fn section_3_2_sets_of_other_servers_go_in_whole_or_not_at_all() {
    let addresses: String = (0..40).map(|n| format!("big.sibling A 192.0.2.{n}\n")).collect();
    let records = format!(
        "sub NS big.sibling\nsub NS small.sibling\n{addresses}small.sibling A 192.0.2.99\n\
         sibling NS small.sibling\nsibling NS big.sibling\n"
    );
    check(
        &World::of_zone("example", &records).snapshot(),
        "sub.example. A",
        "NOERROR
        ns sub.example. 3600 NS big.sibling.example.
        ns sub.example. 3600 NS small.sibling.example.
        ar small.sibling.example. 3600 A 192.0.2.99",
    );
}

#[test]
fn a_referral_whose_only_addresses_do_not_fit_is_truncated() {
    let addresses: String = (0..40).map(|n| format!("ns.sibling A 192.0.2.{n}\n")).collect();
    let records = format!("sub NS ns.sibling\nsibling NS ns.sub\n{addresses}ns.sub A 192.0.2.99\n");
    let zone = World::of_zone("example", &records).snapshot();
    check(&zone, "sub.example. A", "NOERROR tc");
    // Its sibling, whose servers are in it in turn.
    check(
        &zone,
        "sibling.example. A",
        "NOERROR
        ns sibling.example. 3600 NS ns.sub.example.
        ar ns.sub.example. 3600 A 192.0.2.99",
    );
}

#[test]
fn a_server_at_the_cut_itself_is_within_the_zone() {
    let records: String = (0..40).map(|n| format!("sub A 192.0.2.{n}\n")).collect();
    let zone = World::of_zone("example", &format!("sub NS sub\n{records}")).snapshot();
    check(&zone, "sub.example. A", "NOERROR tc");
    let (_, response) = Ask::new("sub.example. A +tcp").of(&zone);
    assert_eq!(show(&response).matches("\nar sub.example. 3600 A ").count(), 40);
}

#[test]
fn the_address_of_a_server_of_the_parent_s_own_is_given_too() {
    let records = "sub NS ns\nns A 192.0.2.53\nsub NS alias\nalias CNAME ns\nsub NS gone\n";
    check(
        &World::of_zone("example", records).snapshot(),
        "sub.example. NS",
        "NOERROR
        ns sub.example. 3600 NS ns.example.
        ns sub.example. 3600 NS alias.example.
        ns sub.example. 3600 NS gone.example.
        ar ns.example. 3600 A 192.0.2.53",
    );
}

#[test]
fn servers_keep_the_case_of_the_zone_and_their_glue_has_it_too() {
    check(
        &World::of_zone("example", "sub NS NS.Sub\nns.sub A 192.0.2.1\n").snapshot(),
        "SUB.example. A",
        "NOERROR
        ns SUB.example. 3600 NS NS.Sub.example.
        ar NS.Sub.example. 3600 A 192.0.2.1",
    );
}

#[test]
fn what_is_below_a_cut_is_never_answered() {
    let records = "sub NS ns.sub\nns.sub A 192.0.2.1\nns.sub TXT x\nwww.sub A 192.0.2.2\n\
        *.sub A 192.0.2.3\nsub MX 1 www\nsub TXT x\ncname.sub CNAME www\ndeep.sub NS ns.deep.sub\n\
        ns.deep.sub A 192.0.2.4\nold.sub DNAME other.test.\n";
    let zone = World::of_zone("example", records).snapshot();
    for name in ["sub", "ns.sub", "www.sub", "x.sub", "cname.sub", "a.deep.sub", "a.old.sub"] {
        for rtype in ["A", "AAAA", "TXT", "MX", "CNAME", "NS", "SOA", "ANY", "RRSIG"] {
            check(
                &zone,
                &format!("{name}.example. {rtype}"),
                "NOERROR
                ns sub.example. 3600 NS ns.sub.example.
                ar ns.sub.example. 3600 A 192.0.2.1",
            );
        }
    }
}

#[test]
fn the_apex_comes_with_the_addresses_of_its_servers() {
    let records = "@ NS ns\n@ NS ns.sub\n@ NS NS\nns A 192.0.2.53\nns AAAA 2001:db8::53\n\
        sub NS ns.sub\nns.sub A 192.0.2.54\n";
    check(
        &World::of_zone("example", records).snapshot(),
        "example. NS",
        "NOERROR aa
        an example. 3600 NS ns.test.
        an example. 3600 NS ns.example.
        an example. 3600 NS ns.sub.example.
        ar ns.example. 3600 A 192.0.2.53
        ar ns.example. 3600 AAAA 2001:db8::53
        ar ns.sub.example. 3600 A 192.0.2.54",
    );
}

#[test]
fn addresses_of_the_apex_s_servers_that_do_not_fit_are_left_out_without_tc() {
    let records: String =
        (0..12).map(|n| format!("@ NS ns{n}\nns{n} AAAA 2001:db8::{n}\n")).collect();
    let zone = World::of_zone("example", &records).snapshot();
    let text = show(&Ask::new("example. NS").of(&zone).1);
    assert!(text.starts_with("NOERROR aa\n"), "{text}");
    assert_eq!(text.matches(" NS ").count(), 13, "{text}");
    assert!((1..12).contains(&text.matches(" AAAA ").count()), "{text}");
}
