//! Response rate limiting: which responses count as one, who is exempt, and what an honest client that
//! is limited can do. Times are the test's but for the last tests, which go over sockets.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use meridian::answer::{Answer, Kind, Limiter, RateLimit, Request, Transport, Verdict, shorten};
use meridian::serve::udp::Worker;
use meridian::serve::{Limited, Totals, bind};
use meridian::time::{Monotonic, Wall};
use proptest::collection::vec;
use proptest::prelude::{any, proptest};
use proptest::sample::select;

use super::baker::{Baker, CLIENT, cookie_of, with_cookie};
use super::server::PATIENCE;
use super::{Ask, World, show};

/// A server that tells of itself all that it can.
const TALKATIVE: &str = r#"
=== meridian.toml
geoip.databases = []
server.identity = "IDENTITY"
server.report_channel = "reports.agent.test"
=== zones/example.zone
$TTL 3600
@ SOA ns.test. host.test. 1 7200 3600 1209600 30
@ NS ns.test.
*.wild TXT x
www A 192.0.2.1
"#;

const FILES: &str = r#"
=== meridian.toml
geoip.databases = ["FIXTURES/city.mmdb"]
az.sydney.location = [-33.87, 151.21]
=== zones/example.zone
$TTL 3600
@ SOA ns.test. host.test. 1 7200 3600 1209600 30
@ NS ns.test.
@ TXT "here"
*.wild TXT "anything"
sub NS ns.test.
sub2 NS ns.test.
moved DNAME other.test.
alias CNAME a.wild
=== zones/example.toml
names.www = "web"
names."*.shop" = "web"
pool.web.endpoints.sydney = ["203.0.113.50"]
=== zones/second.zone
$TTL 3600
@ SOA ns.test. host.test. 1 7200 3600 1209600 30
@ NS ns.test.
"#;

fn settings() -> RateLimit {
    RateLimit {
        responses_per_second: 1,
        slip: 2,
        ipv4_prefix: 24,
        ipv6_prefix: 56,
        allow: vec![],
        log_only: false,
    }
}

fn at(millis: u64) -> Monotonic {
    Monotonic::from_start(Duration::from_millis(millis))
}

/// Whether the second of two responses at the same moment is limited by the first.
fn are_one(baker: &Baker, first: &str, second: &str) -> bool {
    let limiter = Limiter::new(settings(), [7; 16]);
    let judge = |question: &str| {
        let ask = Ask::new(question);
        limiter.judge(&baker.send(&ask, 0).answer, ask.peer, at(0))
    };
    assert_eq!(judge(first), Verdict::Within);
    judge(second) != Verdict::Within
}

#[test]
fn names_that_one_node_answers_for_count_as_one() {
    let baker = Baker::new(World::new(FILES).snapshot());
    for (first, second) in [
        ("example. TXT", "example. NS"),
        ("a.wild.example. TXT", "b.c.wild.example. TXT"),
        ("a.shop.example. A", "b.shop.example. A"),
        ("a.sub.example. A", "b.c.sub.example. TXT"),
        ("a.moved.example. A", "b.moved.example. A"),
        ("a.example. A", "b.c.example. TXT"),
        ("www.example. AAAA", "example. A"),
        ("a.test. A", "b.c.test. TXT"),
        ("a.test. A", "example. AXFR"),
        ("example. TXT", "example. TXT +edns"),
        ("www.example. A +subnet=1.0.0.0/24", "www.example. A +subnet=2.0.0.0/24"),
    ] {
        assert!(are_one(&baker, first, second), "{first} and {second}");
    }
}

#[test]
fn other_names_zones_and_classes_count_for_themselves() {
    let baker = Baker::new(World::new(FILES).snapshot());
    for (first, second) in [
        ("example. TXT", "www.example. A"),
        ("a.sub.example. A", "a.sub2.example. A"),
        ("a.example. A", "a.second. A"),
        ("example. A", "second. A"),
        ("a.example. A", "example. A"),
        ("a.test. A", "a.example. A"),
        ("alias.example. TXT", "a.wild.example. TXT"),
        ("example. TXT +from=192.0.2.255", "example. TXT +from=192.0.3.0"),
        ("example. TXT +from=2001:db8:0:ff::1", "example. TXT +from=2001:db8:0:100::1"),
        ("example. TXT +from=0.0.0.1", "example. TXT +from=::1"),
    ] {
        assert!(!are_one(&baker, first, second), "{first} and {second}");
    }
}

#[test]
fn addresses_of_a_network_count_as_one() {
    let baker = Baker::new(World::new(FILES).snapshot());
    for (first, second) in
        [("192.0.2.0", "192.0.2.255"), ("2001:db8::", "2001:db8:0:ff:ffff:ffff:ffff:ffff")]
    {
        let ask = |from| format!("example. TXT +from={from}");
        assert!(are_one(&baker, &ask(first), &ask(second)), "{first} and {second}");
    }
}

#[test]
fn a_valid_cookie_and_tcp_are_exempt_and_take_nothing_from_others() {
    let baker = Baker::new(World::new(FILES).snapshot());
    let limiter = Limiter::new(settings(), [7; 16]);
    let ask = Ask::new("example. TXT");
    let proven = with_cookie(ask.clone(), &baker.bake("example. TXT", 0));
    let tcp = Ask { transport: Transport::Tcp, ..ask.clone() };
    let judge = |ask: &Ask| limiter.judge(&baker.send(ask, 0).answer, ask.peer, at(0));
    for _ in 0..10 {
        assert_eq!((judge(&proven), judge(&tcp)), (Verdict::Within, Verdict::Within));
    }
    assert_eq!(judge(&ask), Verdict::Within);
    assert_ne!(judge(&ask), Verdict::Within);
    assert_ne!(judge(&with_cookie(ask, &[CLIENT, &[1; 16]].concat())), Verdict::Within);
    assert_eq!((judge(&proven), judge(&tcp)), (Verdict::Within, Verdict::Within));
}

#[test]
fn silence_is_not_counted() {
    let limiter = Limiter::new(settings(), [7; 16]);
    let none = Answer::none(meridian::answer::Generation(1));
    let peer = IpAddr::from([192, 0, 2, 1]);
    assert!((0..10).all(|_| limiter.judge(&none, peer, at(0)) == Verdict::Within));
}

#[test]
fn networks_that_are_allowed_are_never_limited_and_never_news() {
    let baker = Baker::new(World::new(FILES).snapshot());
    let allow = vec!["192.0.2.128/25".parse().unwrap()];
    let limiter = Limiter::new(RateLimit { allow, ..settings() }, [7; 16]);
    let answer = baker.send(&Ask::new("example. TXT"), 0).answer;
    let judge = |peer: [u8; 4]| limiter.judge(&answer, peer.into(), at(0));
    assert!((0..10).all(|_| judge([192, 0, 2, 129]) == Verdict::Within));
    limiter.take_news(|network, _| panic!("{network} is limited"));
    // It has used up what its network may have, but only for others.
    assert_ne!(judge([192, 0, 2, 1]), Verdict::Within);
}

#[test]
fn what_is_limited_is_told_once_by_network() {
    let baker = Baker::new(World::new(FILES).snapshot());
    let limiter = Limiter::new(settings(), [7; 16]);
    let answer = baker.send(&Ask::new("example. TXT"), 0).answer;
    for peer in ["192.0.2.77", "192.0.2.78", "192.0.2.79", "2001:db8:0:1ff::1", "2001:db8:0:101::"]
    {
        limiter.judge(&answer, peer.parse().unwrap(), at(0));
    }
    let news = || {
        let mut news = BTreeMap::new();
        limiter
            .take_news(|network, count| assert!(news.insert(network.to_string(), count).is_none()));
        news
    };
    let told = [("192.0.2.0/24".to_owned(), 2), ("2001:db8:0:100::/56".to_owned(), 1)];
    assert_eq!(news(), BTreeMap::from(told));
    assert_eq!(news(), BTreeMap::new());
}

#[test]
fn one_response_in_slip_over_the_limit_is_short() {
    use Verdict::{Drop, Short, Within};
    let baker = Baker::new(World::new(FILES).snapshot());
    let answer = baker.send(&Ask::new("example. TXT"), 0).answer;
    for (slip, expected) in [
        (0, [Within, Drop, Drop, Drop, Drop, Drop, Drop]),
        (1, [Within, Short, Short, Short, Short, Short, Short]),
        (2, [Within, Drop, Short, Drop, Short, Drop, Short]),
        (3, [Within, Drop, Drop, Short, Drop, Drop, Short]),
    ] {
        let limiter = Limiter::new(RateLimit { slip, ..settings() }, [7; 16]);
        let judged = expected.map(|_| limiter.judge(&answer, [192, 0, 2, 1].into(), at(0)));
        assert_eq!(judged, expected, "slip {slip}");
    }
}

#[test]
fn a_flood_from_everywhere_does_not_make_a_network_that_is_limited_be_forgotten() {
    let baker = Baker::new(World::new(FILES).snapshot());
    let settings = RateLimit { responses_per_second: 100, slip: 0, ..settings() };
    let limiter = Limiter::new(settings, [7; 16]);
    let answer = baker.send(&Ask::new("example. TXT"), 0).answer;
    let victim = IpAddr::from([192, 0, 2, 1]);
    let mut answered = 0;
    // In one second: 2,000 queries in the victim's name, each among 100 of other networks.
    for query in 0..2000_u32 {
        let now = Monotonic::from_start(Duration::from_micros(u64::from(query) * 500));
        answered += usize::from(limiter.judge(&answer, victim, now) == Verdict::Within);
        for other in 0..100 {
            let network = Ipv4Addr::from(0x0a00_0000 + ((query * 100 + other) << 8));
            limiter.judge(&answer, network.into(), now);
        }
    }
    assert!((100..=200).contains(&answered), "{answered} of 2000");
}

#[test]
fn workers_that_count_at_once_give_no_more_than_one_would() {
    let baker = Baker::new(World::new(FILES).snapshot());
    let settings = RateLimit { responses_per_second: 1000, ..settings() };
    let limiter = Limiter::new(settings, [7; 16]);
    let answer = baker.send(&Ask::new("example. TXT"), 0).answer;
    let peer = IpAddr::from([192, 0, 2, 1]);
    // So that none of them makes the bucket while another does.
    assert_eq!(limiter.judge(&answer, peer, at(0)), Verdict::Within);
    let count = || {
        let judged = (0..1000).map(|_| limiter.judge(&answer, peer, at(0)));
        judged.filter(|verdict| *verdict == Verdict::Within).count()
    };
    let within: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(count)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(within, 999);
}

proptest! {
    #[test]
    fn a_network_gets_its_rate_and_a_second_s_worth_at_once(
        rate in 1_u32..50,
        steps in vec(0_u64..200, 1..500),
    ) {
        let baker = Answer { len: 1, ..Answer::none(meridian::answer::Generation(1)) };
        let settings = RateLimit { responses_per_second: rate, ..settings() };
        let limiter = Limiter::new(settings, [7; 16]);
        let (mut now, mut within, mut full) = (0, 0_u64, f64::from(rate));
        for step in steps {
            now += step;
            full = (full + step as f64 / 1000.0 * f64::from(rate)).min(f64::from(rate));
            let verdict = limiter.judge(&baker, [192, 0, 2, 1].into(), at(now));
            if verdict == Verdict::Within {
                within += 1;
                full -= 1.0;
            } else {
                assert!(full < 1.001, "limited with {full} left");
            }
        }
        // A nanosecond is what the interval is rounded to.
        let most = u64::from(rate) * now / 1000 + u64::from(rate) + 1;
        assert!(within <= most, "{within} in {now} ms at {rate} a second");
    }

    #[test]
    fn what_is_sent_short_is_no_longer_than_the_query_but_for_the_cookie(
        name in select(vec!["example.", "a.wild.example.", "www.example.", "gone.example.", "x.test."]),
        rtype in select(vec!["TXT", "A", "ANY", "SOA"]),
        edns in select(vec!["", "+edns", "+do", "+version=1", "+subnet=1.0.0.0/24"]),
        nsid in any::<bool>(),
        cookie in select(vec![None, Some(8_usize), Some(24), Some(40), Some(9)]),
        cut in any::<bool>(),
    ) {
        let baker = Baker::new(World::new(&TALKATIVE.replace("IDENTITY", &"x".repeat(255))).snapshot());
        let mut ask = Ask::new(&format!("{name} {rtype} {edns}"));
        if nsid && ask.edns.is_some() {
            ask.options.extend([0, 3, 0, 0]);
        }
        if let Some(len) = cookie {
            ask = with_cookie(ask, &vec![5; len]);
        }
        let mut message = ask.message();
        message.truncate(message.len() - usize::from(cut));
        let request =
            Request { message: &message, peer: ask.peer, transport: ask.transport, now: Wall::default() };
        let mut out = [0; 4096];
        let answer = shorten(&baker.snapshot, &request, &mut out);
        let response = &out[..answer.len];
        let more = if cookie_of(response).is_some() { 16 } else { 0 };
        assert!(response.len() <= message.len() + more);
        assert!(show(response).contains(" tc") || show(response).starts_with("BADCOOKIE"));
        let is_malformed = cut || cookie == Some(9);
        assert!(ask.subnet.is_none() || is_malformed || show(response).contains(" subnet="));
        assert_eq!(&response[..2], &message[..2]);
    }
}

#[test]
fn a_client_with_a_cookie_is_sent_badcookie_and_comes_back_proven() {
    let baker = Baker::new(World::new(FILES).snapshot());
    let ask = with_cookie(Ask::new("example. TXT"), CLIENT);
    let message = ask.message();
    let (peer, transport) = (ask.peer, ask.transport);
    let request = Request { message: &message, peer, transport, now: Wall::default() };
    let mut out = [0; 4096];
    let answer = shorten(&baker.snapshot, &request, &mut out);
    let response = &out[..answer.len];
    assert_eq!(show(response), "BADCOOKIE edns=1232");
    assert!(baker.ask("example. TXT", &cookie_of(response).unwrap(), 0).answer.is_proven);
}

#[test]
fn a_client_without_one_is_sent_an_empty_truncated_response() {
    let baker = Baker::new(World::new(FILES).snapshot());
    for (question, expected) in [
        ("example. TXT", "NOERROR tc"),
        ("example. TXT +do", "NOERROR tc edns=1232 do"),
        ("gone.example. A", "NOERROR tc"),
    ] {
        let ask = Ask::new(question);
        let (message, peer, transport) = (ask.message(), ask.peer, ask.transport);
        let request = Request { message: &message, peer, transport, now: Wall::default() };
        let mut out = [0; 4096];
        let answer = shorten(&baker.snapshot, &request, &mut out);
        assert_eq!(show(&out[..answer.len]), expected, "{question}");
        assert_eq!(answer.kind, Kind::Truncated);
    }
}

/// The files of the demonstration, and what docs/operations.md says that this server can be made to send.
const DEMONSTRATION: [(&str, &str); 4] = [
    ("meridian.toml", include_str!("../../meridian.toml")),
    ("zones/app.example.zone", include_str!("../../zones/app.example.zone")),
    ("zones/app.example.toml", include_str!("../../zones/app.example.toml")),
    ("zones/static.example.zone", include_str!("../../zones/static.example.zone")),
];
const OPERATIONS: &str = include_str!("../../docs/operations.md");

/// The demonstration, and a zone with sets of every size.
fn real_data() -> Baker {
    let files = DEMONSTRATION.map(|(path, text)| format!("=== {path}\n{text}\n")).concat();
    let files = files.replace("geoip/world.mmdb", "FIXTURES/city.mmdb");
    let mut large = "$TTL 1h\n@ SOA a. b. 1 1 1 1 1\n@ NS a.\n".to_owned();
    for count in (1..240).step_by(7) {
        for n in 0..count {
            large += &format!("n{count} TXT \"{n:0>100}\"\nn{count} A 192.0.2.{n}\n");
        }
        large += &format!("cut{count} NS ns.cut{count}\nns.cut{count} AAAA 2001:db8::{count}\n");
    }
    Baker::new(World::new(&format!("{files}=== zones/large.zone\n{large}")).snapshot())
}

/// Questions for the names of the demonstration, those of the other zone, and names that are none.
fn questions() -> Vec<String> {
    let names = "app.example www.app.example ns1.app.example mail.app.example docs.app.example \
                 x.users.app.example x.labs.app.example x.app.example static.example \
                 www.static.example x.static.example elsewhere.test . large x.large";
    let of_large =
        (1..240).step_by(7).flat_map(|n| [format!("n{n}.large"), format!("x.cut{n}.large")]);
    let names = names.split(' ').map(str::to_owned).chain(of_large);
    let types = ["A", "AAAA", "MX", "NS", "SOA", "TXT", "ANY", "HTTPS", "CNAME", "DS", "AXFR"];
    names.flat_map(|name| types.map(|rtype| format!("{name} {rtype}"))).collect()
}

#[test]
fn no_unproven_udp_client_is_sent_more_than_is_documented() {
    let baker = real_data();
    let (mut with_edns, mut without) = (0, 0);
    for question in questions() {
        for edns in ["", "+edns=65535", "+do", "+edns=512", "+subnet=1.0.0.0/24"] {
            let ask = Ask::new(&format!("{question} {edns}"));
            for ask in [ask.clone(), with_cookie(ask, CLIENT)] {
                let baked = baker.send(&ask, 0);
                assert!(!baked.answer.is_proven);
                let (len, asked) = (baked.response.len(), ask.message().len());
                match ask.edns {
                    Some(_) => with_edns = with_edns.max(len),
                    None => without = without.max(len),
                }
                if baked.answer.kind == Kind::Error {
                    assert!(len <= 2 * asked, "{question} {edns}: {len} for {asked}");
                }
            }
        }
    }
    // They come close, so that these are the bounds and not what there happened to be.
    assert!((1100..=1232).contains(&with_edns), "{with_edns} with EDNS");
    assert!((450..=512).contains(&without), "{without} without");
}

#[test]
fn the_demonstration_amplifies_no_more_than_is_documented() {
    let baker = real_data();
    let mut largest: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for question in questions().iter().filter(|question| !question.contains("large")) {
        for edns in ["", "+edns"] {
            let ask = Ask::new(&format!("{question} {edns}"));
            let baked = baker.send(&ask, 0);
            let kind = Kind::ALL[baked.answer.kind as usize].1;
            let found = (baked.response.len(), ask.message().len());
            let most = largest.entry(kind).or_insert((0, 1));
            if found.0 * most.1 > most.0 * found.1 {
                *most = found;
            }
        }
    }
    let rows =
        OPERATIONS.lines().skip_while(|line| !line.starts_with("| kind of answer |")).skip(2);
    let rows = rows.map_while(|line| line.strip_prefix("| `")?.split_once("` | "));
    let documented: BTreeMap<_, usize> =
        rows.map(|(kind, times)| (kind, times.trim_end_matches(" |").parse().unwrap())).collect();
    assert!(largest.keys().eq(documented.keys()), "{largest:?}");
    for (kind, (len, asked)) in largest {
        assert!(len <= documented[kind] * asked, "{kind}: {len} bytes for {asked}");
    }
}

/// How long a response that is not dropped takes at most, nearly always.
const MOMENTS: Duration = Duration::from_millis(20);

/// A worker with a limit, which asks are sent to from addresses of 127.0.0.0/8.
struct Guarded {
    address: std::net::SocketAddr,
    worker: Option<Worker>,
    totals: Totals,
}

impl Guarded {
    fn start(settings: RateLimit) -> Self {
        let baker = Baker::new(World::new(FILES).snapshot());
        let mut listener = bind(&[(Ipv4Addr::LOCALHOST, 0).into()], 1).unwrap().remove(0);
        let shared = Arc::new(ArcSwap::from_pointee(baker.snapshot));
        let limiting = Arc::new(ArcSwapOption::from_pointee(Limited::new(settings)));
        let totals = Totals::default();
        let tally = totals.tally(Transport::Udp);
        let socket = listener.udp.remove(0);
        let worker = Worker::spawn_limited(socket, shared, limiting, tally, |_, _| ()).unwrap();
        Self { address: listener.address, worker: Some(worker), totals }
    }

    /// Sends one query after the other, and returns the responses up to the first that `is_last`. What
    /// does not come within moments may have been dropped: another query follows.
    fn ask_until(&self, from: [u8; 4], ask: &Ask, is_last: impl Fn(&str) -> bool) -> Vec<String> {
        let socket = UdpSocket::bind((Ipv4Addr::from(from), 0)).unwrap();
        socket.set_read_timeout(Some(MOMENTS)).unwrap();
        socket.connect(self.address).unwrap();
        let mut responses = vec![];
        for _ in 0..PATIENCE.as_millis() / MOMENTS.as_millis() {
            socket.send(&ask.message()).unwrap();
            let mut response = [0; 4096];
            if let Ok(len) = socket.recv(&mut response) {
                responses.push(show(&response[..len]));
                if responses.last().is_some_and(|response| is_last(response)) {
                    return responses;
                }
            }
        }
        panic!("never: {responses:?}");
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.stop();
            let waker = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let _ = waker.send_to(&[], self.address);
            worker.join();
        }
    }
}

#[test]
fn over_a_socket_a_flood_is_limited_and_another_network_is_not() {
    let guarded = Guarded::start(RateLimit { slip: 1, ..settings() });
    let ask = Ask::new("example. TXT");
    let whole = "NOERROR aa\nan example. 3600 TXT here";
    let told = guarded.ask_until([127, 0, 0, 1], &ask, |response| response == "NOERROR tc");
    assert_eq!(told[0], whole);
    assert_eq!(guarded.ask_until([127, 0, 1, 1], &ask, |_| true), [whole]);
    assert!(guarded.totals.sums(Transport::Udp).over_limit[1] > 0);
}

#[test]
fn over_a_socket_what_is_only_logged_is_sent_and_counted() {
    let guarded = Guarded::start(RateLimit { log_only: true, ..settings() });
    let ask = Ask::new("example. TXT");
    let whole = "NOERROR aa\nan example. 3600 TXT here";
    let is_counted = |_: &str| guarded.totals.sums(Transport::Udp).over_limit[2] > 0;
    let told = guarded.ask_until([127, 0, 0, 1], &ask, is_counted);
    assert!(told.iter().all(|response| response == whole), "{told:?}");
    assert_eq!(guarded.totals.sums(Transport::Udp).over_limit[..2], [0, 0]);
}

#[test]
fn over_a_socket_what_is_dropped_is_counted_as_no_answer() {
    let guarded = Guarded::start(RateLimit { slip: 2, ..settings() });
    let ask = Ask::new("example. TXT");
    guarded.ask_until([127, 0, 0, 1], &ask, |response| response == "NOERROR tc");
    let sums = guarded.totals.sums(Transport::Udp);
    assert!(sums.kinds[Kind::Dropped as usize] > 0 && sums.over_limit[0] > 0);
    assert!(sums.kinds[Kind::Truncated as usize] > 0 && sums.over_limit[1] > 0);
}
