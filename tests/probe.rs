//! What a probe says of real servers: each cause by the server that gives rise to it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use meridian::clock::Clock;
use meridian::health::check::Tls;
use meridian::health::{
    Cause, Check, CheckKind, Condition, JsonPath, MonitorId, MonitorSpec, Outcome, Thresholds,
    TlsFault, Verdict,
};
use meridian::id::IdVec;
use meridian::probe::{Driver, Observed, PlanFault, Prober, Probes};
use meridian::time::Monotonic;
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::support::authority::{Authority, Identity, Validity};
use crate::support::black_hole::BlackHole;
use crate::support::server::{Behaviour, Server};

mod support;

// Connecting.

#[tokio::test]
async fn a_tcp_endpoint_that_accepts_succeeds() {
    let server = Server::http(Behaviour::Silent);
    assert_eq!(verdict(&tcp(server.address())).await, Verdict::Success);
}

#[tokio::test]
async fn a_killed_server_refuses_and_a_restarted_one_succeeds() {
    let mut server = Server::http(Behaviour::reply(200, ""));
    let spec = http(server.address());
    server.kill();
    assert_eq!(verdict(&spec).await, Verdict::Failure(Cause::Refused));
    assert_eq!(verdict(&tcp(server.address())).await, Verdict::Failure(Cause::Refused));
    server.restart();
    assert_eq!(verdict(&spec).await, Verdict::Success);
}

#[tokio::test]
async fn an_address_that_never_answers_is_a_timeout_while_connecting() {
    let hole = BlackHole::new();
    for spec in [tcp(hole.address()), http(hole.address())] {
        let outcome = outcome(&within(SHORT, spec)).await;
        assert_eq!(outcome.verdict, Verdict::Failure(Cause::ConnectTimeout));
        assert!(outcome.duration >= SHORT);
    }
}

#[tokio::test]
async fn an_address_without_a_route_from_here_is_not_probed() {
    // The kernel refuses to connect to a group: the very answer of a host without a route.
    let group = SocketAddr::from(([224, 0, 0, 1], 80));
    assert_eq!(verdict(&tcp(group)).await, Verdict::NotProbed(Cause::NoRoute));
}

#[tokio::test]
async fn a_probe_comes_from_the_source_of_its_family() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let spec = tcp(listener.local_addr().unwrap());
    let sources = ["127.0.0.2".parse().unwrap(), "::1".parse().unwrap()];
    let (outcome, accepted) = tokio::join!(outcome_from(&sources, &spec), listener.accept());
    assert_eq!(outcome.verdict, Verdict::Success);
    assert_eq!(accepted.unwrap().1.ip(), sources[0]);
}

#[tokio::test]
async fn a_source_of_another_family_is_none() {
    let server = Server::http(Behaviour::Silent);
    let outcome = outcome_from(&["2001:db8::1".parse().unwrap()], &tcp(server.address())).await;
    assert_eq!(outcome.verdict, Verdict::Success);
}

#[tokio::test]
async fn a_source_that_this_host_lacks_is_not_probed_from() {
    let server = Server::http(Behaviour::Silent);
    let outcome = outcome_from(&["192.0.2.1".parse().unwrap()], &tcp(server.address())).await;
    let lacking = Cause::Other("this host has no address 192.0.2.1".into());
    assert_eq!(outcome.verdict, Verdict::NotProbed(lacking));
}

// The connection ends early.

#[tokio::test]
async fn a_connection_closed_without_a_reply_is_closed() {
    let server = Server::http(Behaviour::Close);
    assert_eq!(verdict(&http(server.address())).await, Verdict::Failure(Cause::Closed));
}

#[tokio::test]
async fn a_connection_reset_without_a_reply_is_closed() {
    let server = Server::http(Behaviour::Reset);
    assert_eq!(verdict(&http(server.address())).await, Verdict::Failure(Cause::Closed));
}

#[tokio::test]
async fn a_head_that_breaks_off_is_closed() {
    let server = Server::http(Behaviour::Reply(b"HTTP/1.1 200 OK\r\nContent-".to_vec()));
    assert_eq!(verdict(&http(server.address())).await, Verdict::Failure(Cause::Closed));
}

#[tokio::test]
async fn a_searched_body_that_breaks_off_is_closed() {
    let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort";
    let server = Server::http(Behaviour::Reply(reply.to_vec()));
    let spec = searching("ready", http(server.address()));
    assert_eq!(verdict(&spec).await, Verdict::Failure(Cause::Closed));
}

#[tokio::test]
async fn a_tls_handshake_that_breaks_off_is_closed() {
    let server = Server::http(Behaviour::Close);
    let authority = Authority::new().file();
    let spec = https(server.address(), Some("www.app.example"), authority.path());
    assert_eq!(verdict(&spec).await, Verdict::Failure(Cause::Closed));
}

// The time runs out.

#[tokio::test]
async fn a_server_that_accepts_and_is_silent_is_a_timeout_of_the_reply() {
    let server = Server::http(Behaviour::Silent);
    let spec = within(SHORT, http(server.address()));
    assert_eq!(verdict(&spec).await, Verdict::Failure(Cause::ReplyTimeout));
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_bounded_by_the_one_timeout() {
    let server = Server::http(Behaviour::Dribble);
    let spec = within(SHORT, http(server.address()));
    assert_eq!(verdict(&spec).await, Verdict::Failure(Cause::ReplyTimeout));
}

#[tokio::test]
async fn a_server_that_never_begins_tls_is_a_timeout_of_the_handshake() {
    let server = Server::http(Behaviour::Silent);
    let authority = Authority::new().file();
    let spec = https(server.address(), Some("www.app.example"), authority.path());
    assert_eq!(verdict(&within(SHORT, spec)).await, Verdict::Failure(Cause::TlsTimeout));
}

#[tokio::test]
async fn a_server_that_is_silent_after_the_handshake_is_a_timeout_of_the_reply() {
    let (server, authority) = https_server(Validity::Current, Behaviour::Silent);
    let spec = https(server.address(), Some("www.app.example"), authority.path());
    let spec = within(Duration::from_secs(3), spec);
    assert_eq!(verdict(&spec).await, Verdict::Failure(Cause::ReplyTimeout));
}

// The reply.

#[tokio::test]
async fn a_status_of_the_check_succeeds_and_another_fails() {
    let server = Server::http(Behaviour::reply(503, ""));
    assert_eq!(verdict(&http(server.address())).await, Verdict::Failure(Cause::Status(503)));
    let spec = accepting(vec![(200, 299), (500, 503)], http(server.address()));
    assert_eq!(verdict(&spec).await, Verdict::Success);
}

#[tokio::test]
async fn a_redirect_is_judged_and_not_followed() {
    let target = Server::http(Behaviour::reply(200, ""));
    let location = format!("Location: http://{}/\r\n", target.address());
    let server = Server::http(Behaviour::reply_with(302, &location, b""));
    assert_eq!(verdict(&http(server.address())).await, Verdict::Failure(Cause::Status(302)));
    assert_eq!(target.accepted(), 0);
}

#[tokio::test]
async fn a_reply_in_another_protocol_is_not_valid_http() {
    let ssh = b"SSH-2.0-OpenSSH_9.2p1\r\n".to_vec();
    for behaviour in [Behaviour::Banner(ssh.clone()), Behaviour::Reply(ssh)] {
        let server = Server::http(behaviour);
        assert_eq!(verdict(&http(server.address())).await, Verdict::Failure(Cause::Protocol));
    }
}

#[tokio::test]
async fn a_head_beyond_32_kib_is_not_valid_http() {
    let headers = format!("X-Long: {}\r\n", "x".repeat(64 * 1024));
    let server = Server::http(Behaviour::reply_with(200, &headers, b""));
    assert_eq!(verdict(&http(server.address())).await, Verdict::Failure(Cause::Protocol));
}

#[tokio::test]
async fn a_chunked_body_with_a_broken_length_is_not_valid_http() {
    let reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nready\r\n";
    let server = Server::http(Behaviour::Reply(reply.to_vec()));
    let spec = searching("ready", http(server.address()));
    assert_eq!(verdict(&spec).await, Verdict::Failure(Cause::Protocol));
}

// The body.

#[tokio::test]
async fn a_body_with_the_substring_succeeds() {
    let server = Server::http(Behaviour::reply(200, "all is ready here"));
    assert_eq!(verdict(&searching("ready", http(server.address()))).await, Verdict::Success);
}

#[tokio::test]
async fn a_body_without_the_substring_fails() {
    let server = Server::http(Behaviour::reply(200, "all is read here"));
    let failure = Verdict::Failure(Cause::Body("ready".to_owned()));
    assert_eq!(verdict(&searching("ready", http(server.address()))).await, failure);
}

#[tokio::test]
async fn a_match_across_chunks_counts() {
    let reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        3\r\nrea\r\n2\r\ndy\r\n0\r\n\r\n";
    let server = Server::http(Behaviour::Reply(reply.to_vec()));
    assert_eq!(verdict(&searching("ready", http(server.address()))).await, Verdict::Success);
}

#[tokio::test]
async fn the_substring_may_end_with_the_first_64_kib() {
    let server = Server::http(Behaviour::reply(200, &padded(64 * 1024 - 5)));
    assert_eq!(verdict(&searching("ready", http(server.address()))).await, Verdict::Success);
}

#[tokio::test]
async fn the_substring_may_not_end_beyond_the_first_64_kib() {
    let server = Server::http(Behaviour::reply(200, &padded(64 * 1024 - 4)));
    let failure = Verdict::Failure(Cause::Body("ready".to_owned()));
    assert_eq!(verdict(&searching("ready", http(server.address()))).await, failure);
}

#[tokio::test]
async fn the_status_is_judged_before_the_body() {
    let server = Server::http(Behaviour::reply(500, "ready"));
    let spec = searching("ready", http(server.address()));
    assert_eq!(verdict(&spec).await, Verdict::Failure(Cause::Status(500)));
}

// The conditions.

#[tokio::test]
async fn a_body_that_meets_the_conditions_succeeds() {
    let server = Server::http(Behaviour::reply(200, r#"{"lag": 1, "role": "primary"}"#));
    let spec = ready(&["$.lag < 5", "$.role == 'primary'"], http(server.address()));
    assert_eq!(verdict(&spec).await, Verdict::Success);
}

#[tokio::test]
async fn a_condition_that_does_not_hold_is_unfit_and_no_failure() {
    let server = Server::http(Behaviour::reply(200, r#"{"lag": 12, "role": "replica"}"#));
    let spec = ready(&["$.lag < 20", "$.role == 'primary'"], http(server.address()));
    let Verdict::Unfit(cause) = verdict(&spec).await else { panic!("not unfit") };
    assert_eq!(cause.to_string(), "not ready: $.role is \"replica\", wanted == 'primary'");
}

#[tokio::test]
async fn the_status_is_judged_before_the_conditions() {
    let server = Server::http(Behaviour::reply(503, r#"{"lag": 12}"#));
    let spec = ready(&["$.lag < 5"], http(server.address()));
    assert_eq!(verdict(&spec).await, Verdict::Failure(Cause::Status(503)));
}

#[tokio::test]
async fn the_substring_is_looked_for_before_the_conditions() {
    let server = Server::http(Behaviour::reply(200, r#"{"lag": 12}"#));
    let spec = searching("ready", ready(&["$.lag < 5"], http(server.address())));
    assert_eq!(verdict(&spec).await, Verdict::Failure(Cause::Body("ready".to_owned())));
}

#[tokio::test]
async fn a_body_with_conditions_that_is_not_json_fails() {
    let server = Server::http(Behaviour::reply(200, "lag=1"));
    let spec = ready(&["$.lag < 5"], http(server.address()));
    assert_eq!(verdict(&spec).await, Verdict::Failure(Cause::NotJson));
}

#[tokio::test]
async fn a_body_with_conditions_that_is_cut_off_fails() {
    let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"lag\": 1}";
    let server = Server::http(Behaviour::Reply(reply.to_vec()));
    let spec = ready(&["$.lag < 5"], http(server.address()));
    assert_eq!(verdict(&spec).await, Verdict::Failure(Cause::Closed));
}

#[tokio::test]
async fn a_body_with_conditions_may_have_64_kib_and_no_more() {
    let body = |length: usize| {
        let rest = r#"{"lag": 1}"#;
        [" ".repeat(length - rest.len()).as_str(), rest].concat()
    };
    let server = Server::http(Behaviour::reply(200, &body(64 * 1024)));
    let spec = ready(&["$.lag < 5"], http(server.address()));
    assert_eq!(verdict(&spec).await, Verdict::Success);
    server.behave(Behaviour::reply(200, &body(64 * 1024 + 1)));
    assert_eq!(verdict(&spec).await, Verdict::Failure(Cause::LongBody));
}

// The load.

#[tokio::test]
async fn the_number_at_the_path_is_the_load() {
    let server = Server::http(Behaviour::reply(200, r#"{"load": 812.5}"#));
    let spec = telling_load("$.load", http(server.address()));
    assert_eq!(found(&spec).await, (Verdict::Success, Some(812.5)));
}

#[tokio::test]
async fn a_reply_without_the_number_succeeds_and_tells_no_load() {
    let server = Server::http(Behaviour::reply(200, ""));
    let spec = telling_load("$.load", http(server.address()));
    let long = format!("{{\"load\": 1, \"rest\": {:?}}}", padded(64 * 1024));
    for body in ["", "ok", "{}", r#"{"load": "1"}"#, r#"{"load": -1}"#, r#"{"load": 1e999}"#, &long]
    {
        server.behave(Behaviour::reply(200, body));
        assert_eq!(found(&spec).await, (Verdict::Success, None), "{body:.20}");
    }
}

#[tokio::test]
async fn what_is_down_or_unfit_tells_no_load() {
    let server = Server::http(Behaviour::reply(503, r#"{"load": 1}"#));
    let spec = telling_load("$.load", http(server.address()));
    assert_eq!(found(&spec).await, (Verdict::Failure(Cause::Status(503)), None));
    server.behave(Behaviour::reply(200, r#"{"load": 1, "lag": 9}"#));
    let (verdict, load) = found(&ready(&["$.lag < 5"], spec)).await;
    assert!(matches!(verdict, Verdict::Unfit(_)) && load.is_none(), "{verdict:?} {load:?}");
}

#[tokio::test]
async fn the_substring_is_looked_for_beside_the_load() {
    let server = Server::http(Behaviour::reply(200, r#"{"load": 1}"#));
    let spec = telling_load("$.load", http(server.address()));
    assert_eq!(found(&searching("load", spec.clone())).await, (Verdict::Success, Some(1.0)));
    let lacks = Verdict::Failure(Cause::Body("ready".to_owned()));
    assert_eq!(found(&searching("ready", spec)).await, (lacks, None));
}

// TLS.

#[tokio::test]
async fn a_certificate_of_the_checks_authority_succeeds() {
    let (server, authority) = https_server(Validity::Current, Behaviour::reply(200, ""));
    let spec = https(server.address(), Some("www.app.example"), authority.path());
    assert_eq!(verdict(&spec).await, Verdict::Success);
}

#[tokio::test]
async fn an_expired_certificate_is_told() {
    let (server, authority) = https_server(Validity::Past, Behaviour::reply(200, ""));
    let spec = https(server.address(), Some("www.app.example"), authority.path());
    assert_eq!(verdict(&spec).await, tls_failure(TlsFault::Expired));
}

#[tokio::test]
async fn a_certificate_of_the_future_is_told() {
    let (server, authority) = https_server(Validity::Future, Behaviour::reply(200, ""));
    let spec = https(server.address(), Some("www.app.example"), authority.path());
    assert_eq!(verdict(&spec).await, tls_failure(TlsFault::NotYetValid));
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_untrusted() {
    let (server, _) = https_server(Validity::Current, Behaviour::reply(200, ""));
    let other = Authority::new().file();
    let spec = https(server.address(), Some("www.app.example"), other.path());
    assert_eq!(verdict(&spec).await, tls_failure(TlsFault::Untrusted));
}

#[tokio::test]
async fn a_self_signed_certificate_is_untrusted() {
    let identity = Identity::self_signed("www.app.example");
    let server = Server::https(identity, Behaviour::reply(200, ""));
    let authority = Authority::new().file();
    let spec = https(server.address(), Some("www.app.example"), authority.path());
    assert_eq!(verdict(&spec).await, tls_failure(TlsFault::Untrusted));
}

#[tokio::test]
async fn a_certificate_that_is_an_authoritys_own_is_refused_in_words() {
    // As `openssl req -x509` makes them.
    let (identity, certificate) = Authority::as_a_server("www.app.example");
    let server = Server::https(identity, Behaviour::reply(200, ""));
    let spec = https(server.address(), Some("www.app.example"), certificate.path());
    let fault = TlsFault::Other("certificate: CaUsedAsEndEntity".to_owned());
    assert_eq!(verdict(&spec).await, tls_failure(fault));
}

#[tokio::test]
async fn a_certificate_for_another_name_is_told_with_the_name_that_was_asked() {
    let (server, authority) = https_server(Validity::Current, Behaviour::reply(200, ""));
    let spec = https(server.address(), Some("other.example"), authority.path());
    let fault = TlsFault::WrongName("other.example".to_owned());
    assert_eq!(verdict(&spec).await, tls_failure(fault));
}

#[tokio::test]
async fn an_alert_of_the_server_is_told() {
    let server = Server::https(Identity::none(), Behaviour::reply(200, ""));
    let authority = Authority::new().file();
    let spec = https(server.address(), Some("www.app.example"), authority.path());
    let fault = TlsFault::Alert("access_denied".to_owned());
    assert_eq!(verdict(&spec).await, tls_failure(fault));
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_is_told() {
    let server = Server::http(Behaviour::Banner(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()));
    let authority = Authority::new().file();
    let spec = https(server.address(), Some("www.app.example"), authority.path());
    assert_eq!(verdict(&spec).await, tls_failure(TlsFault::NotTls));
}

#[tokio::test]
async fn without_a_host_the_certificate_must_bear_the_address() {
    let authority = Authority::new();
    let identity = authority.identity("127.0.0.1", Validity::Current);
    let server = Server::https(identity, Behaviour::reply(200, ""));
    let file = authority.file();
    let spec = https(server.address(), None, file.path());
    assert_eq!(verdict(&spec).await, Verdict::Success);
}

#[tokio::test]
async fn every_probe_sees_the_certificate_anew() {
    let (server, authority) = https_server(Validity::Current, Behaviour::reply(200, ""));
    let spec = https(server.address(), Some("www.app.example"), authority.path());
    let probes = compile(&[spec]);
    let prober = Prober::new(1, Clock::start());
    for _ in 0..2 {
        prober.probe(MonitorId(0), probes.get(MonitorId(0)).unwrap()).await;
    }
    let full: Vec<_> = server.requests().iter().map(|request| request.full_handshake).collect();
    assert_eq!(full, [true, true]);
}

// What the server is asked.

#[tokio::test]
async fn a_request_names_the_path_the_host_and_this_software_and_asks_to_close() {
    let server = Server::http(Behaviour::reply(200, ""));
    let spec = on_host("www.app.example", "/healthz?deep=1", http(server.address()));
    verdict(&spec).await;
    let expected = format!(
        "GET /healthz?deep=1 HTTP/1.1\r\nhost: www.app.example\r\nuser-agent: meridian/{}\r\n\
         accept: */*\r\nconnection: close\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(server.requests()[0].head, expected);
}

#[tokio::test]
async fn without_a_host_the_host_header_is_the_address() {
    let server = Server::http(Behaviour::reply(200, ""));
    verdict(&http(server.address())).await;
    let address = server.address().to_string();
    assert_eq!(server.requests()[0].header("host"), Some(address.as_str()));
}

#[tokio::test]
async fn the_host_of_an_https_check_is_sni_and_host_header() {
    let (server, authority) = https_server(Validity::Current, Behaviour::reply(200, ""));
    verdict(&https(server.address(), Some("www.app.example"), authority.path())).await;
    let request = &server.requests()[0];
    assert_eq!(request.sni.as_deref(), Some("www.app.example"));
    assert_eq!(request.header("host"), Some("www.app.example"));
}

#[tokio::test]
async fn each_probe_is_a_new_connection() {
    let server = Server::http(Behaviour::reply(200, ""));
    let probes = compile(&[http(server.address())]);
    let prober = Prober::new(1, Clock::start());
    for _ in 0..2 {
        prober.probe(MonitorId(0), probes.get(MonitorId(0)).unwrap()).await;
    }
    let requests = server.requests();
    assert_ne!(requests[0].peer, requests[1].peer);
}

#[tokio::test]
async fn waiting_for_a_place_is_no_part_of_the_timeout() {
    let server = Server::http(Behaviour::Silent);
    let probes =
        compile(&[within(SHORT, http(server.address())), within(SHORT, tcp(server.address()))]);
    let prober = Prober::new(1, Clock::start());
    // Polled in order: the silent one takes the only place, until its own timeout.
    let (silent, waiting) = tokio::join!(
        prober.probe(MonitorId(0), probes.get(MonitorId(0)).unwrap()),
        prober.probe(MonitorId(1), probes.get(MonitorId(1)).unwrap()),
    );
    assert_eq!(silent.verdict, Verdict::Failure(Cause::ReplyTimeout));
    assert_eq!(waiting.verdict, Verdict::Success);
}

// Checks that can't be probed.

#[tokio::test]
async fn a_check_whose_authorities_are_missing_is_a_fault_of_the_load_and_not_probed() {
    let server = Server::http(Behaviour::Silent);
    let spec = https(server.address(), Some("www.app.example"), Path::new("/nonexistent/ca.pem"));
    let probes = compile(std::slice::from_ref(&spec));
    let [(MonitorId(0), fault @ PlanFault::Roots(_))] = probes.faults() else {
        panic!("faults: {:?}", probes.faults());
    };
    assert_eq!(verdict(&spec).await, Verdict::NotProbed(Cause::Other(fault.to_string())));
    assert_eq!(server.accepted(), 0);
}

#[tokio::test]
async fn authorities_that_vanish_before_a_reload_go_on() {
    let (server, authority) = https_server(Validity::Current, Behaviour::reply(200, ""));
    let specs = [https(server.address(), Some("www.app.example"), authority.path())];
    let before = compile(&specs);
    authority.close().unwrap();
    let after = Probes::compile(&specs.into_iter().collect(), &before);
    let prober = Prober::new(1, Clock::start());
    let outcome = prober.probe(MonitorId(0), after.get(MonitorId(0)).unwrap()).await;
    assert_eq!(outcome.verdict, Verdict::Success);
    assert_eq!((after.faults().len(), after.stale().len()), (0, 1));
}

#[test]
fn a_host_or_path_that_no_request_can_bear_is_a_fault_of_the_load() {
    let address = SocketAddr::from(([127, 0, 0, 1], 80));
    let authority = Authority::new().file();
    let probes = compile(&[
        https(address, Some("two words.example"), authority.path()),
        on_host("line\nbreak.example", "/", http(address)),
        on_host("www.app.example", "/two words", http(address)),
        on_host("www.app.example", "http://elsewhere.example/", http(address)),
    ]);
    let faults: Vec<_> = probes.faults().iter().map(|(_, fault)| fault.clone()).collect();
    assert_eq!(
        faults,
        [
            PlanFault::Host("two words.example".to_owned()),
            PlanFault::Host("line\nbreak.example".to_owned()),
            PlanFault::Path("/two words".to_owned()),
            PlanFault::Path("http://elsewhere.example/".to_owned()),
        ]
    );
}

// The driver.

#[tokio::test]
async fn a_due_probe_is_sent_and_its_outcome_bears_the_epoch() {
    let server = Server::http(Behaviour::reply(200, ""));
    let (driver, mut outcomes) = driver();
    driver.replace(7, compile(&[http(server.address())]));
    driver.schedule([(MonitorId(0), Monotonic::START)]);
    let observed = outcomes.recv().await.unwrap();
    assert_eq!((observed.epoch, observed.outcome.monitor), (7, MonitorId(0)));
    assert_eq!(observed.outcome.verdict, Verdict::Success);
}

#[tokio::test]
async fn probes_are_sent_in_the_order_of_their_due_times() {
    let (one, other) = (Server::http(Behaviour::Silent), Server::http(Behaviour::Silent));
    let (driver, mut outcomes) = driver();
    driver.replace(1, compile(&[tcp(one.address()), tcp(other.address())]));
    driver.schedule([(MonitorId(0), after(SHORT)), (MonitorId(1), Monotonic::START)]);
    assert_eq!(next(&mut outcomes).await, (1, MonitorId(1)));
    assert_eq!(next(&mut outcomes).await, (1, MonitorId(0)));
}

#[tokio::test]
async fn the_last_due_time_of_a_monitor_counts() {
    let server = Server::http(Behaviour::Silent);
    let (driver, mut outcomes) = driver();
    driver.replace(1, compile(&[tcp(server.address())]));
    driver.schedule([(MonitorId(0), NEVER)]);
    driver.schedule([(MonitorId(0), Monotonic::START)]);
    assert_eq!(next(&mut outcomes).await, (1, MonitorId(0)));
}

#[tokio::test]
async fn a_monitor_is_not_probed_while_its_last_probe_is_under_way() {
    let silent = Server::http(Behaviour::Silent);
    let (driver, mut outcomes) = driver();
    driver.replace(1, compile(&[within(SHORT, http(silent.address())), tcp(silent.address())]));
    driver.schedule([(MonitorId(0), Monotonic::START), (MonitorId(1), Monotonic::START)]);
    assert_eq!(next(&mut outcomes).await, (1, MonitorId(1)));
    driver.schedule([(MonitorId(0), Monotonic::START)]);
    assert_eq!(next(&mut outcomes).await, (1, MonitorId(0)));
    driver.schedule([(MonitorId(1), after(2 * SHORT))]);
    assert_eq!(next(&mut outcomes).await, (1, MonitorId(1)));
}

#[tokio::test]
async fn a_probe_under_way_is_reported_in_the_topology_that_replaces_its_own() {
    let silent = Server::http(Behaviour::Silent);
    let slow = within(SHORT, http(silent.address()));
    let quick = tcp(silent.address());
    let (driver, mut outcomes) = driver();
    driver.replace(1, compile(&[slow.clone(), quick.clone()]));
    driver.schedule([(MonitorId(0), Monotonic::START), (MonitorId(1), Monotonic::START)]);
    assert_eq!(next(&mut outcomes).await, (1, MonitorId(1)));
    driver.replace(2, compile(&[quick, slow]));
    assert_eq!(next(&mut outcomes).await, (2, MonitorId(1)));
}

#[tokio::test]
async fn a_probe_under_way_ends_with_its_monitor() {
    let silent = Server::http(Behaviour::Silent);
    let quick = tcp(silent.address());
    let (driver, mut outcomes) = driver();
    driver.replace(1, compile(&[within(SHORT, http(silent.address())), quick.clone()]));
    driver.schedule([(MonitorId(0), Monotonic::START), (MonitorId(1), Monotonic::START)]);
    assert_eq!(next(&mut outcomes).await, (1, MonitorId(1)));
    driver.replace(2, compile(&[quick]));
    driver.schedule([(MonitorId(0), after(2 * SHORT))]);
    assert_eq!(next(&mut outcomes).await, (2, MonitorId(0)));
}

#[tokio::test]
async fn a_due_time_is_kept_where_the_monitor_is() {
    let server = Server::http(Behaviour::Silent);
    let (kept, other) = (tcp(server.address()), http(server.address()));
    let (driver, mut outcomes) = driver();
    driver.replace(1, compile(std::slice::from_ref(&kept)));
    driver.schedule([(MonitorId(0), after(SHORT))]);
    driver.replace(2, compile(&[other, kept]));
    assert_eq!(next(&mut outcomes).await, (2, MonitorId(1)));
}

#[tokio::test]
async fn a_due_time_ends_with_its_monitor() {
    let server = Server::http(Behaviour::Silent);
    let (one, other) = (tcp(server.address()), within(SHORT, http(server.address())));
    let (driver, mut outcomes) = driver();
    driver.replace(1, compile(&[one]));
    driver.schedule([(MonitorId(0), after(SHORT))]);
    driver.replace(2, compile(&[other]));
    driver.schedule([(MonitorId(0), after(2 * SHORT))]);
    outcomes.recv().await.unwrap();
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn probing_ends_with_the_driver() {
    let server = Server::http(Behaviour::Silent);
    let (driver, mut outcomes) = driver();
    driver.replace(1, compile(&[http(server.address())]));
    driver.schedule([(MonitorId(0), Monotonic::START)]);
    drop(driver);
    assert_eq!(outcomes.recv().await, None);
}

/// Which probes of a load are the very ones of the load before.
fn shared(specs: &[MonitorSpec], before: &Probes) -> Vec<bool> {
    let now: IdVec<MonitorId, _> = specs.iter().cloned().collect();
    let now = Probes::compile(&now, before);
    let is_shared = |id| Arc::ptr_eq(now.get(id).unwrap(), before.get(id).unwrap());
    (0..specs.len() as u32).map(|id| is_shared(MonitorId(id))).collect()
}

#[test]
fn a_probe_that_would_be_made_alike_is_shared_with_the_load_before() {
    let target = "192.0.2.1:443".parse().unwrap();
    let authority = Authority::new().file();
    let specs = [tcp(target), http(target), https(target, None, authority.path())];
    let before = compile(&specs);
    assert_eq!(shared(&specs, &before), [true, true, true]);
    let changed = specs.map(|spec| within(SHORT, spec));
    assert_eq!(shared(&changed, &before), [false, false, false]);
}

#[test]
fn a_probe_goes_by_the_authorities_that_its_file_holds_now() {
    let target = "192.0.2.1:443".parse().unwrap();
    let authority = Authority::new().file();
    let specs = [http(target), https(target, None, authority.path())];
    let before = compile(&specs);
    std::fs::copy(Authority::new().file().path(), authority.path()).unwrap();
    assert_eq!(shared(&specs, &before), [true, false]);
}

fn driver() -> (Driver, mpsc::Receiver<Observed>) {
    let clock = Clock::start();
    let (sender, outcomes) = mpsc::channel(8);
    (Driver::spawn(Prober::new(8, clock), clock, sender), outcomes)
}

async fn next(outcomes: &mut mpsc::Receiver<Observed>) -> (u64, MonitorId) {
    let observed = outcomes.recv().await.unwrap();
    (observed.epoch, observed.outcome.monitor)
}

/// A point on the clock of a driver that has just begun.
const fn after(duration: Duration) -> Monotonic {
    Monotonic::from_start(duration)
}

async fn verdict(spec: &MonitorSpec) -> Verdict {
    outcome(spec).await.verdict
}

/// What a probe finds, and the load that it is told.
async fn found(spec: &MonitorSpec) -> (Verdict, Option<f64>) {
    let Outcome { verdict, load, .. } = outcome(spec).await;
    (verdict, load)
}

async fn outcome(spec: &MonitorSpec) -> Outcome {
    outcome_from(&[], spec).await
}

async fn outcome_from(sources: &[IpAddr], spec: &MonitorSpec) -> Outcome {
    let probes = compile(std::slice::from_ref(spec));
    let prober = Prober::new(1, Clock::start()).probing_from(sources);
    prober.probe(MonitorId(0), probes.get(MonitorId(0)).unwrap()).await
}

fn compile(specs: &[MonitorSpec]) -> Probes {
    let specs: IdVec<MonitorId, _> = specs.iter().cloned().collect();
    Probes::compile(&specs, &Probes::default())
}

fn tls_failure(fault: TlsFault) -> Verdict {
    Verdict::Failure(Cause::Tls(fault))
}

/// A server called www.app.example, and the file of its authority.
fn https_server(validity: Validity, behaviour: Behaviour) -> (Server, NamedTempFile) {
    let authority = Authority::new();
    let identity = authority.identity("www.app.example", validity);
    (Server::https(identity, behaviour), authority.file())
}

fn padded(length: usize) -> String {
    ["x".repeat(length).as_str(), "ready"].concat()
}

fn tcp(target: SocketAddr) -> MonitorSpec {
    MonitorSpec { target, check: Check { kind: CheckKind::Tcp, thresholds: THRESHOLDS }.into() }
}

fn http(target: SocketAddr) -> MonitorSpec {
    let kind = CheckKind::Http {
        tls: None,
        path: "/".to_owned(),
        host: None,
        status: vec![(200, 200)],
        body: None,
        ready: [].into(),
        load: None,
    };
    MonitorSpec { target, check: Check { kind, thresholds: THRESHOLDS }.into() }
}

fn https(target: SocketAddr, name: Option<&str>, authority: &Path) -> MonitorSpec {
    changed(http(target), |kind| {
        if let CheckKind::Http { tls, host, .. } = kind {
            *tls = Some(Tls { ca: Some(authority.to_owned()) });
            *host = name.map(str::to_owned);
        }
    })
}

fn on_host(name: &str, resource: &str, spec: MonitorSpec) -> MonitorSpec {
    changed(spec, |kind| {
        if let CheckKind::Http { path, host, .. } = kind {
            *path = resource.to_owned();
            *host = Some(name.to_owned());
        }
    })
}

fn accepting(ranges: Vec<(u16, u16)>, spec: MonitorSpec) -> MonitorSpec {
    changed(spec, |kind| {
        if let CheckKind::Http { status, .. } = kind {
            *status = ranges;
        }
    })
}

fn searching(wanted: &str, spec: MonitorSpec) -> MonitorSpec {
    changed(spec, |kind| {
        if let CheckKind::Http { body, .. } = kind {
            *body = Some(wanted.to_owned());
        }
    })
}

fn ready(conditions: &[&str], spec: MonitorSpec) -> MonitorSpec {
    let conditions = conditions.iter().map(|text| Condition::parse(text).unwrap());
    changed(spec, |kind| {
        if let CheckKind::Http { ready, .. } = kind {
            *ready = conditions.collect();
        }
    })
}

fn telling_load(path: &str, spec: MonitorSpec) -> MonitorSpec {
    changed(spec, |kind| {
        if let CheckKind::Http { load, .. } = kind {
            *load = Some(JsonPath::parse_prefix(path).unwrap().0);
        }
    })
}

fn within(timeout: Duration, mut spec: MonitorSpec) -> MonitorSpec {
    Arc::make_mut(&mut spec.check).thresholds.timeout = timeout;
    spec
}

fn changed(mut spec: MonitorSpec, change: impl FnOnce(&mut CheckKind)) -> MonitorSpec {
    change(&mut Arc::make_mut(&mut spec.check).kind);
    spec
}

/// For probes that are to run into their timeout.
const SHORT: Duration = Duration::from_millis(300);

/// Beyond the end of any test.
const NEVER: Monotonic = after(Duration::from_secs(24 * 60 * 60));

/// For all others a timeout that no slow machine reaches.
const THRESHOLDS: Thresholds = Thresholds {
    interval: Duration::from_secs(2),
    timeout: Duration::from_secs(60),
    fast_interval: Duration::from_millis(500),
    rise: 3,
    fall: 3,
    damping: None,
};
