//! RFC 9018: server cookies that servers of any make accept, by its own examples (appendix A).

use super::World;
use super::baker::{Baker, hex};

const FIRST: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";
const OLD: &str = "dd3bdf9344b678b185a6f5cb60fca715";
const NEW: &str = "445536bcd2513298075a5d379663c962";

fn baker(secrets: &[&str]) -> Baker {
    Baker::with_secrets(World::of_zone("example.com", "@ A 192.0.2.34\n").snapshot(), secrets)
}

/// Asks with `cookie` from an address at a time, and asserts whether it is valid and what comes back.
#[track_caller]
fn check(baker: &Baker, address: &str, cookie: &str, at: u64, is_valid: bool, given: &str) {
    let baked = baker.ask(&format!("example.com A +from={address}"), &hex(cookie), at);
    assert_eq!(baked.answer.is_proven, is_valid, "{cookie}");
    assert_eq!(baked.cookie.unwrap(), hex(given), "{cookie}");
}

#[test]
fn appendix_a_1_a_new_client_learns_a_server_cookie() {
    let given = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
    check(&baker(&[FIRST]), "198.51.100.100", "2464c4abcf10c957", 1_559_731_985, false, given);
}

#[test]
fn appendix_a_2_forty_minutes_later_the_cookie_is_renewed() {
    let sent = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
    let given = "2464c4abcf10c957010000005cf7a871d4a564a1442aca77";
    check(&baker(&[FIRST]), "198.51.100.100", sent, 1_559_734_385, true, given);
}

#[test]
fn appendix_a_3_reserved_octets_are_hashed_as_they_come_and_zero_in_what_is_given() {
    let baker = baker(&[FIRST]);
    let (address, made) = ("203.0.113.203", 1_559_727_985);
    let sent = "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5";
    let baked = baker.ask(&format!("example.com A +from={address}"), &hex(sent), made);
    assert!(baked.answer.is_proven);
    assert_eq!(baked.cookie.unwrap()[..16], hex("fc93fc62807ddb86010000005cf78f71"));
    // The example's time is beyond the hour that section 4.3 recommends.
    let given = "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e";
    check(&baker, address, sent, 1_559_734_700, false, given);
}

#[test]
fn appendix_a_4_a_cookie_of_the_secret_before_is_valid_and_renewed_by_the_new_one() {
    let sent = "22681ab97d52c298010000005cf7c57926556bd0934c72f8";
    let given = "22681ab97d52c298010000005cf7c609a6bb79d16625507a";
    let address = "2001:db8:220:1:59de:d0f4:8769:82b8";
    check(&baker(&[NEW, OLD]), address, sent, 1_559_741_961, true, given);
    check(&baker(&[NEW]), address, sent, 1_559_741_961, false, given);
}

#[test]
fn section_5_no_step_of_a_rollover_makes_a_cookie_that_any_server_refuses() {
    let question = "example.com A";
    // Before and after each of the three steps, on two servers.
    for (before, after) in [
        (&[OLD][..], &[OLD, NEW][..]),
        (&[OLD, NEW][..], &[NEW, OLD][..]),
        (&[NEW, OLD][..], &[NEW][..]),
    ] {
        let (before, after) = (baker(before), baker(after));
        for (one, other) in [(&before, &after), (&after, &before)] {
            // What the older of the two makes in the last step is of the new secret already.
            let cookie = one.bake(question, 1000);
            assert!(other.ask(question, &cookie, 1001).answer.is_proven);
        }
    }
}

#[test]
fn section_4_1_other_versions_and_lengths_are_not_ours_and_no_error() {
    let baker = baker(&[FIRST]);
    let question = "example.com A";
    let cookie = baker.bake(question, 1000);
    let mut of_version_2 = cookie.clone();
    of_version_2[8] = 2;
    let longer = [&cookie[..], &[0]].concat();
    for other in [&of_version_2, &longer, &cookie[..16].to_vec()] {
        let baked = baker.ask(question, other, 1000);
        assert!(!baked.answer.is_proven && baked.cookie.as_ref() == Some(&cookie));
        assert_eq!(baked.answer.rcode as u8, 0);
    }
}
