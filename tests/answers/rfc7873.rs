//! RFC 7873: DNS cookies.

use std::sync::{Arc, LazyLock};

use meridian::answer::{Kind, Request, answer};
use meridian::time::Wall;
use proptest::collection::vec;
use proptest::prelude::{any, proptest};
use proptest::sample::select;

use super::baker::{Baker, CLIENT, bare_query, cookie_of, with_cookie};
use super::server::Server;
use super::{Ask, World, show};

const FILES: &str = r#"
=== meridian.toml
geoip.databases = ["FIXTURES/city.mmdb"]
az.sydney.location = [-33.87, 151.21]
=== zones/example.zone
$TTL 3600
@ SOA ns.test. host.test. 1 7200 3600 1209600 30
@ NS ns.test.
@ TXT "here"
sub NS ns.test.
=== zones/example.toml
names.www = "web"
pool.web.endpoints.sydney = ["203.0.113.50"]
=== zones/large.zone
$TTL 3600
@ SOA ns.test. host.test. 1 7200 3600 1209600 30
@ NS ns.test.
@ TXT "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
@ TXT "1123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
@ TXT "2123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
@ TXT "3123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
@ TXT "4123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
"#;

fn baker() -> Baker {
    Baker::new(World::new(FILES).snapshot())
}

/// Questions for each kind of answer.
const QUESTIONS: [(&str, Kind); 8] = [
    ("example. TXT", Kind::Static),
    ("www.example. A", Kind::Steered),
    ("www.example. A +subnet=1.0.0.0/24", Kind::Steered),
    ("example. A", Kind::NoData),
    ("gone.example. A", Kind::NoName),
    ("a.sub.example. A", Kind::Referral),
    ("large. TXT +edns=512", Kind::Truncated),
    ("elsewhere. A", Kind::Error),
];

#[test]
fn section_5_2_every_kind_of_answer_carries_the_cookie_that_the_query_had() {
    let baker = baker();
    for (question, kind) in QUESTIONS {
        for question in [question.to_owned(), format!("{question} +tcp")] {
            let baked = baker.ask(&question, CLIENT, 0);
            let is_whole = question.ends_with("+tcp") && kind == Kind::Truncated;
            assert!(is_whole || baked.answer.kind == kind, "{question}: {:?}", baked.answer);
            assert_eq!(baked.cookie.unwrap()[..8], *CLIENT, "{question}");
        }
    }
}

#[test]
fn section_5_2_1_without_a_cookie_there_is_none_in_the_answer() {
    let baker = baker();
    for (question, _) in QUESTIONS {
        let baked = baker.send(&Ask::new(&format!("{question} +do")), 0);
        assert!(baked.cookie.is_none() && !baked.answer.is_proven, "{question}");
    }
}

#[test]
fn section_5_2_2_a_cookie_of_another_length_is_a_format_error() {
    let baker = baker();
    for len in 0..=64 {
        let baked = baker.ask("example. TXT", &vec![7; len], 0);
        let is_right = len == 8 || (16..=40).contains(&len);
        let first = show(&baked.response);
        let expected = if is_right { "NOERROR aa edns=1232" } else { "FORMERR edns=1232" };
        assert_eq!(first.lines().next(), Some(expected), "{len}");
        assert_eq!(baked.cookie.is_some(), is_right, "{len}");
    }
}

#[test]
fn section_5_2_3_a_client_cookie_alone_gets_the_answer_and_a_server_cookie() {
    let baked = baker().ask("example. TXT", CLIENT, 0);
    let expected = "NOERROR aa edns=1232\nan example. 3600 TXT here";
    assert_eq!(show(&baked.response), expected);
    assert!(!baked.answer.is_proven && baked.cookie.unwrap().len() == 24);
}

#[test]
fn section_5_2_4_an_invalid_server_cookie_gets_the_answer_and_a_valid_one() {
    let baker = baker();
    let wrong = [CLIENT, &[1; 16]].concat();
    let baked = baker.ask("example. TXT", &wrong, 0);
    assert_eq!(show(&baked.response), "NOERROR aa edns=1232\nan example. 3600 TXT here");
    assert!(!baked.answer.is_proven);
    assert!(baker.ask("example. TXT", &baked.cookie.unwrap(), 0).answer.is_proven);
}

#[test]
fn section_5_2_5_a_valid_server_cookie_proves_the_client_and_comes_back() {
    let baker = baker();
    for (question, _) in QUESTIONS {
        let cookie = baker.bake(question, 1000);
        let baked = baker.ask(question, &cookie, 1001);
        assert!(baked.answer.is_proven, "{question}");
        assert_eq!(baked.cookie, Some(cookie), "{question}");
    }
}

#[test]
fn a_cookie_is_its_address_s_alone() {
    let baker = baker();
    let cookie = baker.bake("example. TXT +from=192.0.2.1", 0);
    assert!(baker.ask("example. A +from=192.0.2.1", &cookie, 0).answer.is_proven);
    assert!(!baker.ask("example. TXT +from=192.0.2.2", &cookie, 0).answer.is_proven);
    assert!(!baker.ask("example. TXT +from=2001:db8::1", &cookie, 0).answer.is_proven);
}

#[test]
fn of_several_cookies_the_first_counts() {
    let baker = baker();
    let cookie = baker.bake("example. TXT", 0);
    let ask = |first, second| with_cookie(with_cookie(Ask::new("example. TXT"), first), second);
    let baked = baker.send(&ask(&cookie, &[9; 8]), 0);
    assert!(baked.answer.is_proven && baked.cookie.as_ref() == Some(&cookie));
    assert!(!baker.send(&ask(&[9; 8], &cookie), 0).answer.is_proven);
    let baked = baker.send(&ask(&[9; 7], &cookie), 0);
    assert_eq!(show(&baked.response), "FORMERR edns=1232");
}

#[test]
fn a_format_error_carries_the_cookie_too() {
    let baker = baker();
    let malformed = Ask { options: vec![0, 8, 0, 1, 0], ..Ask::new("example. TXT +edns") };
    let baked = baker.send(&with_cookie(malformed, CLIENT), 0);
    assert_eq!(show(&baked.response), "FORMERR edns=1232");
    assert_eq!(baked.cookie.unwrap()[..8], *CLIENT);
}

#[test]
fn a_cookie_is_never_dropped_however_little_room_there_is() {
    let baker = baker();
    for question in ["large. TXT", "www.example. A +subnet=1.0.0.0/24", "elsewhere. A"] {
        let ask = with_cookie(Ask::new(question), CLIENT);
        let message = ask.message();
        let now = Wall::default();
        let (peer, transport) = (ask.peer, ask.transport);
        let request = Request { message: &message, peer, transport, now };
        for room in 0..700 {
            let mut out = vec![0; room];
            let answered = answer(&baker.snapshot, &request, &mut out);
            let response = out.get(..answered.len).unwrap();
            assert!(response.is_empty() || cookie_of(response).is_some(), "{room} octets");
        }
    }
}

#[test]
fn tcp_proves_a_client_whatever_its_cookie() {
    let baker = baker();
    assert!(baker.send(&Ask::new("example. TXT +tcp"), 0).answer.is_proven);
    let baked = baker.ask("example. TXT +tcp", &[CLIENT, &[1; 16]].concat(), 0);
    assert!(baked.answer.is_proven && baked.cookie.is_some());
}

#[test]
fn section_5_4_a_query_without_a_question_gets_a_cookie_and_nothing_else() {
    let baker = baker();
    let ask = Ask::new("example. TXT");
    let baked = baker.send_message(&ask, &bare_query(CLIENT), 0);
    assert_eq!(show(&baked.response), "NOERROR rd edns=1232");
    assert_eq!(baked.response[4..12], [0, 0, 0, 0, 0, 0, 0, 1]);
    assert!(baker.ask("example. TXT", &baked.cookie.unwrap(), 0).answer.is_proven);
}

#[test]
fn section_5_4_there_an_invalid_server_cookie_is_told_and_a_valid_one_confirmed() {
    let baker = baker();
    let ask = Ask::new("example. TXT");
    let wrong = [CLIENT, &[1; 16]].concat();
    let baked = baker.send_message(&ask, &bare_query(&wrong), 0);
    assert_eq!(show(&baked.response), "BADCOOKIE rd edns=1232");
    let cookie = baked.cookie.unwrap();
    let baked = baker.send_message(&ask, &bare_query(&cookie), 0);
    assert_eq!(show(&baked.response), "NOERROR rd edns=1232");
    assert!(baked.answer.is_proven && baked.cookie == Some(cookie));
}

#[test]
fn section_5_4_is_so_over_sockets() {
    let server = Server::start(baker().snapshot);
    let query = bare_query(CLIENT);
    for response in [server.ask(&query), server.tcp(&query)] {
        assert_eq!(show(&response), "NOERROR rd edns=1232");
        assert_eq!(cookie_of(&response).unwrap()[..8], *CLIENT);
    }
}

#[test]
fn a_cookie_that_was_given_over_a_socket_proves_the_client_over_another() {
    let server = Server::start(baker().snapshot);
    let ask = with_cookie(Ask::new("example. TXT"), CLIENT);
    let cookie = cookie_of(&server.ask(&ask.message())).unwrap();
    // From another port, and by another transport: a cookie is an address's.
    for response in [server.ask(&bare_query(&cookie)), server.tcp(&bare_query(&cookie))] {
        assert_eq!(show(&response), "NOERROR rd edns=1232");
    }
}

proptest! {
    #[test]
    fn whatever_a_cookie_holds_the_response_can_be_read_and_keeps_its_limit(
        cookie in vec(any::<u8>(), 0..64),
        more in vec(any::<u8>(), 0..16),
        question in select(QUESTIONS.to_vec()),
        payload in 512_u16..1300,
        has_question: bool,
    ) {
        let baker = LazyLock::force(&BAKER);
        let ask = Ask { edns: Some(payload), ..Ask::new(question.0) };
        let mut ask = with_cookie(ask, &cookie);
        ask.options.extend(more);
        let bare = bare_query(&cookie);
        let message = if has_question { ask.message() } else { bare };
        let baked = baker.send_message(&ask, &message, 0);
        let limit = if question.0.contains("+tcp") { 65_535 } else { usize::from(payload.min(1232)) };
        assert!(baked.response.len() <= limit.max(512) && baked.response.len() >= 12);
        let given = baked.cookie.unwrap_or_default();
        assert!(given.is_empty() || given.len() == 24 && given[..8] == cookie[..8]);
    }
}

static BAKER: LazyLock<Baker> = LazyLock::new(baker);

#[test]
fn where_cookies_are_off_the_option_is_like_any_that_is_unknown() {
    let baker = Baker { snapshot: World::new(FILES).snapshot() };
    assert!(baker.snapshot.cookies.is_none());
    let baked = baker.ask("example. TXT", CLIENT, 0);
    assert_eq!(show(&baked.response), "NOERROR aa edns=1232\nan example. 3600 TXT here");
    assert!(baked.cookie.is_none() && !baked.answer.is_proven);
    for len in [0, 7, 9, 41] {
        let malformed = baker.ask("example. TXT", &vec![7; len], 0);
        assert_eq!(malformed.response, baked.response, "{len}");
    }
    let baked = baker.send_message(&Ask::new("example. TXT"), &bare_query(CLIENT), 0);
    assert_eq!(show(&baked.response), "FORMERR rd edns=1232");
}

#[test]
fn a_file_of_secrets_is_what_its_servers_bake_with() {
    let of = |cookies: &str, secrets: &str| {
        let server = format!(
            "=== meridian.toml\ngeoip.databases = []\nserver.cookie_secrets = \"s\"\n{cookies}\n\
             === s\n{secrets}\n=== zones/example.zone\n$TTL 1\n@ SOA a. b. 1 1 1 1 1\n@ NS a.\n"
        );
        World::new(&server).snapshot()
    };
    let (one, two) = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210");
    let baker = |secrets: &str| Baker { snapshot: of("", secrets) };
    let cookie = baker(one).bake("example. NS", 0);
    let is_taken = |secrets| baker(secrets).ask("example. NS", &cookie, 0).answer.is_proven;
    assert!(is_taken(one) && !is_taken(two) && is_taken(&format!("{two}\n{one}")));
    assert!(of("server.cookies = false", one).cookies.is_none());
}

#[test]
fn secrets_are_shown_by_no_part_of_a_snapshot() {
    let shown = format!("{:?}", baker().snapshot.cookies.map(Arc::unwrap_or_clone));
    assert_eq!(shown, "Some(Secrets { first: Secret, others: [] })");
}
