//! DNS cookies and the rate limit, as clients at addresses of this host meet them.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};

use super::client::{Connection, answer, query};
use super::daemon::{Daemon, PATIENCE, eventually};
use super::host::{Host, SERVER};
use super::http::control;

const FIRST: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";
const SECOND: &str = "dd3bdf9344b678b185a6f5cb60fca715";
const CLIENT: &[u8] = b"clientco";

#[test]
fn a_cookie_that_is_given_proves_the_client_at_its_next_query() {
    let daemon = Host::new().start();
    let cookie = given(&daemon);
    assert_eq!(cookie[..8], *CLIENT);
    assert!(is_proven_by(&daemon, &cookie));
    let mut other = cookie.clone();
    other[23] ^= 1;
    assert!(!is_proven_by(&daemon, &other));
}

#[test]
fn servers_that_share_a_file_accept_each_other_s_cookies_and_others_do_not() {
    let [one, other] = [FIRST; 2].map(|secret| sharing(secret).start());
    let alone = Host::new().start();
    let cookie = given(&one);
    assert!(is_proven_by(&other, &cookie) && is_proven_by(&one, &given(&other)));
    assert!(!is_proven_by(&alone, &cookie) && !is_proven_by(&one, &given(&alone)));
}

#[test]
fn a_secret_is_rolled_over_without_a_client_noticing() {
    let hosts = [FIRST; 2].map(sharing);
    let daemons = hosts.each_ref().map(Host::start);
    let steps =
        [format!("{FIRST}\n{SECOND}\n"), format!("{SECOND}\n{FIRST}\n"), format!("{SECOND}\n")];
    for step in steps {
        // One server after the other, and each accepts what the other gives.
        for host in &hosts {
            secrets(host, &step);
            host.meridian(&["reload"]).success();
            for (one, other) in [(0, 1), (1, 0)] {
                let cookie = given(&daemons[one]);
                assert!(is_proven_by(&daemons[other], &cookie), "{step}");
            }
        }
    }
    let alone = sharing(FIRST).start();
    assert!(!is_proven_by(&daemons[0], &given(&alone)));
}

#[test]
fn a_file_of_secrets_that_changes_is_read_unasked() {
    let host = sharing(FIRST).watched();
    let mut daemon = host.start();
    let cookie = given(&daemon);
    secrets(&host, &format!("{SECOND}\n"));
    daemon.wait("cookie.secrets changed; reloaded");
    assert!(!is_proven_by(&daemon, &cookie));
}

#[test]
fn a_fault_in_the_secrets_leaves_those_before_and_shows_none() {
    let host = sharing(FIRST);
    let daemon = host.start();
    let cookie = given(&daemon);
    secrets(&host, &format!("{FIRST}\n{}\n", &SECOND[..31]));
    let shown = host.meridian(&["reload"]).failure(1);
    assert!(shown.contains("error[cookies/bad-secrets]"), "{shown}");
    assert!(shown.contains("cookie.secrets:2: not 32 hexadecimal digits"), "{shown}");
    let checked = host.meridian(&["check"]);
    let status = host.meridian(&["status", "--format", "json"]);
    for told in [&shown, &checked.out, &checked.err, &status.out, &daemon.log()] {
        assert!(!told.contains(&FIRST[..8]) && !told.contains(&SECOND[..8]), "{told}");
    }
    assert!(is_proven_by(&daemon, &cookie));
}

#[test]
fn cookies_are_turned_off_and_on_by_a_reload_and_stay_the_same() {
    let host = Host::new();
    let daemon = host.start();
    let cookie = given(&daemon);
    host.edit("meridian.toml", "workers = 2", "workers = 2\ncookies = false");
    host.meridian(&["reload"]).success();
    assert_eq!(cookie_of(&ask(&daemon, CLIENT)), None);
    host.edit("meridian.toml", "cookies = false", "");
    host.meridian(&["reload"]).success();
    assert!(is_proven_by(&daemon, &cookie));
}

#[test]
fn a_flood_from_one_network_is_limited_and_another_is_answered() {
    let host = limited("slip = 2");
    let mut daemon = host.start();
    let flood = Flood::from([127, 0, 9, 1], &daemon);
    let short = flood.until_short("text.app.example TXT", &[]);
    assert_eq!(answer(&short), "NODATA");
    daemon.wait("127.0.9.0/24 is limited");
    let other = Flood::from([127, 0, 10, 1], &daemon);
    let response = other.ask("text.app.example TXT", &[]).unwrap();
    assert_eq!(answer(&response), "first");
    // What is asked for by other names is another class.
    let response = flood.ask("ns1.app.example A", &[]).unwrap();
    assert_eq!(answer(&response), "198.51.100.53");
    let metrics = eventually("responses over the limit are counted", || {
        let metrics = control(&host, "GET /metrics").body;
        let counted = |result: &str| count(&metrics, result) > 0;
        (counted("dropped") && counted("shortened")).then_some(metrics)
    });
    assert_eq!(count(&metrics, "sent"), 0);
}

#[test]
fn the_end_is_told_of_networks_that_are_limited_when_a_reload_changes_or_removes_the_limit() {
    let host = limited("slip = 1");
    let mut daemon = host.start();
    let flood = |daemon: &mut Daemon| {
        Flood::from([127, 0, 9, 1], daemon).until_short("text.app.example TXT", &[]);
        daemon.wait("127.0.9.0/24 is limited: it asks for more than it may");
    };
    flood(&mut daemon);
    host.edit("meridian.toml", "responses_per_second = 1", "responses_per_second = 2");
    host.meridian(&["reload"]).success();
    daemon.wait("127.0.9.0/24 is limited no more: ");
    flood(&mut daemon);
    host.write("meridian.toml", SERVER);
    host.meridian(&["reload"]).success();
    daemon.wait("127.0.9.0/24 is limited no more: ");
}

#[test]
fn a_client_that_is_sent_a_short_response_is_answered_by_tcp() {
    let daemon = limited("slip = 1").start();
    let flood = Flood::from([127, 0, 0, 1], &daemon);
    let short = flood.until_short("text.app.example TXT", &[]);
    assert!(short.metadata.truncation);
    let whole = Connection::to(daemon.address()).ask("text.app.example TXT");
    assert_eq!(answer(&whole), "first");
}

#[test]
fn a_client_that_is_sent_badcookie_is_answered_with_the_cookie_that_it_is_given() {
    let daemon = limited("slip = 1").start();
    let flood = Flood::from([127, 0, 0, 1], &daemon);
    let short = flood.until_short("text.app.example TXT", CLIENT);
    assert_eq!(short.metadata.response_code, ResponseCode::BADCOOKIE);
    let cookie = cookie_of(&short).unwrap();
    for _ in 0..20 {
        let response = flood.ask("text.app.example TXT", &cookie).unwrap();
        assert_eq!(answer(&response), "first");
    }
}

#[test]
fn the_limit_comes_and_goes_by_a_reload() {
    let host = Host::new();
    let daemon = host.start();
    let flood = Flood::from([127, 0, 0, 1], &daemon);
    let server = fs::read_to_string(host.path("meridian.toml")).unwrap();
    let more = "[server.rate_limit]\nresponses_per_second = 1\nslip = 1\n";
    host.write("meridian.toml", &format!("{server}{more}"));
    host.meridian(&["reload"]).success();
    flood.until_short("text.app.example TXT", &[]);
    host.write("meridian.toml", &server);
    host.meridian(&["reload"]).success();
    // Each worker takes it up with its next batch.
    eventually("twenty answers in a row are whole", || {
        let whole = || {
            let response = flood.ask("text.app.example TXT", &[]);
            response.is_some_and(|response| !response.metadata.truncation)
        };
        (0..20).all(|_| whole()).then_some(())
    });
}

/// A server whose cookies are made with `secret`.
fn sharing(secret: &str) -> Host {
    let host = Host::new();
    secrets(&host, &format!("{secret}\n"));
    host.edit("meridian.toml", "workers = 2", "workers = 2\ncookie_secrets = \"cookie.secrets\"");
    host
}

fn secrets(host: &Host, text: &str) {
    host.write("cookie.secrets", text);
    fs::set_permissions(host.path("cookie.secrets"), fs::Permissions::from_mode(0o600)).unwrap();
}

/// A server that gives each network one response of a class a second.
fn limited(more: &str) -> Host {
    let host = Host::new();
    let limit = format!("[server.rate_limit]\nresponses_per_second = 1\n{more}\n");
    host.write("meridian.toml", &format!("{SERVER}{limit}"));
    host
}

/// What the server gives a client at 127.0.0.1.
#[track_caller]
fn given(daemon: &Daemon) -> Vec<u8> {
    cookie_of(&ask(daemon, CLIENT)).unwrap()
}

#[track_caller]
fn ask(daemon: &Daemon, cookie: &[u8]) -> Message {
    let response = Flood::from([127, 0, 0, 1], daemon).ask("text.app.example TXT", cookie);
    let response = response.unwrap();
    assert_eq!(answer(&response), "first");
    response
}

/// Whether the server takes this cookie from 127.0.0.1, which a query without a question tells.
#[track_caller]
fn is_proven_by(daemon: &Daemon, cookie: &[u8]) -> bool {
    let len = cookie.len() as u8;
    let header = [0x12, 0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4 + len, 0, 10, 0, len];
    let flood = Flood::from([127, 0, 0, 1], daemon);
    let response = flood.send(&[&header[..], &opt, cookie].concat(), PATIENCE).unwrap();
    match response.metadata.response_code {
        ResponseCode::NoError => true,
        ResponseCode::BADCOOKIE => false,
        code => panic!("{code}"),
    }
}

fn cookie_of(response: &Message) -> Option<Vec<u8>> {
    match response.edns.as_ref()?.option(EdnsCode::Cookie)? {
        EdnsOption::Unknown(_, cookie) => Some(cookie.clone()),
        option => panic!("not read as octets: {option:?}"),
    }
}

/// What the metrics say of responses over the limit with this result.
fn count(metrics: &str, result: &str) -> u64 {
    let name = format!("meridian_over_limit_total{{result=\"{result}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
}

/// Queries from one address.
struct Flood {
    socket: UdpSocket,
}

/// How long a response that is not dropped takes at most, nearly always.
const MOMENTS: Duration = Duration::from_millis(20);

impl Flood {
    fn from(address: [u8; 4], daemon: &Daemon) -> Self {
        let socket = UdpSocket::bind(SocketAddr::from((Ipv4Addr::from(address), 0))).unwrap();
        socket.connect(daemon.address()).unwrap();
        Self { socket }
    }

    /// Asks, with a cookie unless that is empty. `None` if no response comes.
    fn ask(&self, question: &str, cookie: &[u8]) -> Option<Message> {
        self.send(&with_cookie(question, cookie), PATIENCE)
    }

    /// Asks until what comes is not what was asked for.
    #[track_caller]
    fn until_short(&self, question: &str, cookie: &[u8]) -> Message {
        eventually("a short response", || {
            let response = self.send(&with_cookie(question, cookie), MOMENTS)?;
            response.answers.is_empty().then_some(response)
        })
    }

    /// Sends a message, and waits so long for the response to it.
    fn send(&self, message: &[u8], patience: Duration) -> Option<Message> {
        self.socket.set_read_timeout(Some(patience)).unwrap();
        self.socket.send(message).unwrap();
        loop {
            let mut response = [0; 4096];
            let len = self.socket.recv(&mut response).ok()?;
            // Another may be late.
            if response[..2] == message[..2] {
                return Some(Message::from_vec(&response[..len]).unwrap());
            }
        }
    }
}

fn with_cookie(question: &str, cookie: &[u8]) -> Vec<u8> {
    let mut query = query(question);
    if let Some(edns) = query.edns.as_mut().filter(|_| !cookie.is_empty()) {
        edns.options_mut().insert(EdnsOption::Unknown(10, cookie.to_vec()));
    }
    query.to_vec().unwrap()
}
