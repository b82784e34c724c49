//! DNS over TCP (RFC 7766).

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use rustix::process::{Pid, Rlimit, getrlimit as limit_of, prlimit};
use socket2::SockRef;

use super::api::samples;
use super::client::{Connection, answer, framed, query};
use super::daemon::{Daemon, PATIENCE, eventually};
use super::fleet::{Fleet, POLICY, SYDNEY};
use super::host::{APP, Host};
use super::http::control;

const QUESTIONS: [&str; 4] =
    ["text.app.example TXT", "ns1.app.example A", "app.example MX", "none.app.example A"];
const ANSWERS: [&str; 4] = ["first", "198.51.100.53", "NODATA", "NXDOMAIN"];

#[test]
fn messages_of_one_write_are_each_answered() {
    let daemon = Host::new().start();
    let mut connection = Connection::to(daemon.address());
    let queries = QUESTIONS.map(query);
    connection.send(&queries.iter().flat_map(framed).collect::<Vec<_>>());
    // Answers may come in any order (RFC 7766 section 7).
    let mut answers = BTreeSet::new();
    for _ in &queries {
        let response = connection.receive();
        answers.insert((response.metadata.id, answer(&response)));
    }
    let ids = queries.iter().map(|query| query.metadata.id);
    assert_eq!(answers, ids.zip(ANSWERS.map(Into::into)).collect());
}

#[test]
fn a_thousand_pipelined_queries_are_answered() {
    let daemon = Host::new().start();
    let mut connection = Connection::to(daemon.address());
    let queries: Vec<_> = (0..1000).map(|_| framed(&query("text.app.example TXT"))).collect();
    connection.send(&queries.concat());
    for _ in &queries {
        assert_eq!(answer(&connection.receive()), "first");
    }
}

#[test]
fn a_message_may_arrive_byte_by_byte() {
    let daemon = Host::new().start();
    let mut connection = Connection::to(daemon.address());
    for byte in framed(&query("text.app.example TXT")) {
        connection.send(&[byte]);
    }
    assert_eq!(answer(&connection.receive()), "first");
}

#[test]
fn a_message_may_be_split_anywhere() {
    let daemon = Host::new().start();
    let mut connection = Connection::to(daemon.address());
    let whole = framed(&query("text.app.example TXT"));
    for at in 1..whole.len() {
        let (head, tail) = whole.split_at(at);
        // What is answered in between proves that the head has been read alone.
        connection.send(&[&framed(&query("ns1.app.example A")), head].concat());
        assert_eq!(answer(&connection.receive()), "198.51.100.53");
        connection.send(tail);
        assert_eq!(answer(&connection.receive()), "first", "split at {at}");
    }
}

#[test]
fn an_idle_connection_survives_a_reload() {
    let host = Host::new();
    let daemon = host.start();
    let (mut used, mut fresh) =
        (Connection::to(daemon.address()), Connection::to(daemon.address()));
    assert_eq!(answer(&used.ask("text.app.example TXT")), "first");
    host.edit("zones/app.example.zone", "first", "second");
    host.meridian(&["reload"]).success();
    assert_eq!(answer(&used.ask("text.app.example TXT")), "second");
    assert_eq!(answer(&fresh.ask("text.app.example TXT")), "second");
}

#[test]
fn an_idle_connection_is_closed_in_time() {
    let host = Host::new();
    host.append("meridian.toml", "[server.tcp]\nidle = \"200ms\"\n");
    let daemon = host.start();
    let mut connection = Connection::to(daemon.address());
    assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
    assert!(connection.is_closed());
}

#[test]
fn a_client_has_no_more_connections_than_per_client() {
    let host = Host::new();
    host.append("meridian.toml", "[server.tcp]\nper_client = 3\n");
    let daemon = host.start();
    let mut open: Vec<_> = (0..3).map(|_| Connection::to(daemon.address())).collect();
    for connection in &mut open {
        assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
    }
    let mut newcomer = Connection::to(daemon.address());
    assert_eq!(answer(&newcomer.ask("text.app.example TXT")), "first");
    // It has the place of the one that was idle the longest.
    assert!(open[0].is_closed());
    for connection in &mut open[1..] {
        assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
    }
}

#[test]
fn there_are_no_more_connections_than_allowed() {
    let host = Host::new();
    host.append("meridian.toml", "[server.tcp]\nconnections = 2\n");
    let daemon = host.start();
    let mut open: Vec<_> = (0..3).map(|_| Connection::to(daemon.address())).collect();
    assert!(open[0].is_closed());
    for connection in &mut open[1..] {
        assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
    }
    assert_eq!(daemon.ask("text.app.example TXT"), "first");
}

#[test]
fn a_hundred_connections_are_served_side_by_side() {
    let daemon = Host::new().start();
    let mut open: Vec<_> = (0..100).map(|_| Connection::to(daemon.address())).collect();
    for _ in 0..2 {
        for connection in &mut open {
            connection.send(&framed(&query("text.app.example TXT")));
        }
        for connection in &mut open {
            assert_eq!(answer(&connection.receive()), "first");
        }
    }
}

#[test]
fn a_client_that_reads_no_answers_is_no_harm_to_others() {
    let host = Host::new();
    host.append("meridian.toml", "[server.tcp]\nidle = \"1h\"\n");
    host.write("zones/app.example.zone", &(APP.to_owned() + &many()));
    let mut daemon = host.start();
    let _deaf = deaf(&daemon);
    assert_eq!(answer(&Connection::to(daemon.address()).ask("text.app.example TXT")), "first");
    assert_eq!(daemon.ask("text.app.example TXT"), "first");
    // Not even to the end.
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn what_is_truncated_over_udp_is_whole_over_tcp() {
    let host = Host::new();
    host.write("zones/app.example.zone", &(APP.to_owned() + &many()));
    let daemon = host.start();
    let short = daemon.response("many.app.example AAAA");
    assert!(short.metadata.truncation);
    let whole = Connection::to(daemon.address()).ask("many.app.example AAAA");
    assert!(!whole.metadata.truncation);
    assert_eq!(whole.answers.len(), 100);
}

#[test]
fn what_is_not_a_query_is_no_harm_to_the_next() {
    let daemon = Host::new().start();
    let mut connection = Connection::to(daemon.address());
    // A message of no octets, one of three, and a response.
    let mut response = query("text.app.example TXT");
    response.metadata.message_type = hickory_proto::op::MessageType::Response;
    connection.send(&[&[0, 0, 0, 3, 1, 2, 3][..], &framed(&response)].concat());
    assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
}

#[test]
fn a_client_subnet_counts_over_tcp_too() {
    let fleet = Fleet::new();
    let daemon = fleet.host(POLICY).start();
    let mut connection = Connection::to(daemon.address());
    assert_eq!(answer(&connection.ask("www.app.example A from 1.0.0.0/24")), SYDNEY);
}

#[test]
fn a_client_with_every_connection_keeps_nobody_out() {
    let host = Host::new();
    host.append("meridian.toml", "[server.tcp]\nconnections = 20\nper_client = 20\n");
    let daemon = host.start();
    let mut greedy: Vec<_> = (0..20).map(|_| Connection::to(daemon.address())).collect();
    for connection in &mut greedy {
        assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
    }
    let others = (2..12).map(|client| Connection::from([127, 0, 0, client], daemon.address()));
    let mut others: Vec<_> = others.collect();
    for _ in 0..2 {
        for connection in &mut others {
            assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
        }
    }
    // The ten that were idle the longest had to go.
    assert!(greedy[..10].iter_mut().all(Connection::is_closed));
    for connection in &mut greedy[10..] {
        assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
    }
    let samples = samples(&control(&host, "GET /metrics"));
    assert_eq!(samples["meridian_tcp_connections"], 20.0);
    assert_eq!(samples["meridian_tcp_accepted_total"], 30.0);
    assert_eq!(samples["meridian_tcp_evicted_total{cause=\"connections\"}"], 10.0);
    assert_eq!(samples["meridian_tcp_refused_total"], 0.0);
}

#[test]
fn ten_thousand_idle_connections_are_no_harm_to_others() {
    const IDLE: usize = 10_000;
    allow_files(IDLE as u64 + 1000);
    let host = Host::new();
    host.append("meridian.toml", "[server.tcp]\nidle = \"1h\"\nper_client = 1000\n");
    let daemon = host.start();
    let before = resident(&daemon);
    let mut idle: Vec<_> = (0..IDLE)
        .map(|n| Connection::from([127, 0, 1, (n / 1000) as u8], daemon.address()))
        .collect();
    // Once the last is answered all have been accepted.
    assert_eq!(answer(&idle[IDLE - 1].ask("text.app.example TXT")), "first");
    let samples = samples(&control(&host, "GET /metrics"));
    assert_eq!(samples["meridian_tcp_connections"], IDLE as f64);
    let each = (resident(&daemon) - before) / IDLE as u64;
    assert!(each < 8 << 10, "{each} octets for each");
    assert_eq!(daemon.ask("text.app.example TXT"), "first");
    // One more has the place of the one that was idle the longest.
    let mut newcomer = Connection::from([127, 0, 2, 1], daemon.address());
    assert_eq!(answer(&newcomer.ask("text.app.example TXT")), "first");
    assert!(idle[0].is_closed());
    for n in [1, IDLE / 2, IDLE - 1] {
        assert_eq!(answer(&idle[n].ask("text.app.example TXT")), "first", "the {n}th");
    }
    host.meridian(&["reload"]).success();
}

#[test]
fn connections_leave_descriptors_for_everything_else() {
    let host = Host::new();
    host.append("meridian.toml", "[probe]\noutstanding = 100\n");
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 300 && exec \"$@\"", "sh"]);
    let run = host.command(&["run"]);
    command.arg(run.get_program()).args(run.get_args());
    command.current_dir(host.path("")).stdin(Stdio::null());
    let mut daemon = Daemon::launch(command);
    // Of 300 the probes may need 100, files 128, and the sockets of two workers 8.
    let told = daemon.wait("has room for 64 TCP connections and not 10000");
    assert!(told.contains("raise it (LimitNOFILE)"), "{told}");
    daemon.listening();
    let mut open: Vec<_> = (0..80).map(|_| Connection::to(daemon.address())).collect();
    assert_eq!(answer(&open[79].ask("text.app.example TXT")), "first");
    assert!(open[..16].iter_mut().all(Connection::is_closed));
    assert_eq!(answer(&open[16].ask("text.app.example TXT")), "first");
}

#[test]
fn without_descriptors_who_is_idle_makes_way() {
    let host = Host::new();
    host.append("meridian.toml", "[server.tcp]\nidle = \"1h\"\n");
    let mut daemon = host.start();
    let mut first = Connection::to(daemon.address());
    assert_eq!(answer(&first.ask("text.app.example TXT")), "first");
    let before = limit_files(&daemon, lowest_unused(&daemon));
    // However few there are: each that comes is answered.
    let mut others: Vec<_> = vec![];
    for _ in 0..30 {
        others.push(Connection::to(daemon.address()));
        assert_eq!(answer(&others.last_mut().unwrap().ask("text.app.example TXT")), "first");
    }
    assert!(first.is_closed());
    daemon.wait("can't accept TCP connections");
    limit_files(&daemon, before);
    daemon.wait("TCP connections are accepted again");
    assert_eq!(daemon.log().matches("can't accept TCP connections").count(), 1);
    let samples = samples(&control(&host, "GET /metrics"));
    assert!(samples["meridian_tcp_evicted_total{cause=\"descriptors\"}"] > 10.0, "{samples:?}");
}

#[test]
fn without_descriptors_what_is_open_goes_on_and_the_rest_is_told() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    host.append("meridian.toml", "[server.tcp]\nidle = \"1h\"\n");
    let mut daemon = host.start();
    let mut open: Vec<_> = (0..3).map(|_| Connection::to(daemon.address())).collect();
    for connection in &mut open {
        assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
    }
    let mut status = UnixStream::connect(host.path("control.sock")).unwrap();
    status.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut told = String::new();
    let mut status = |text: &str| {
        status.write_all(b"GET /v1/status HTTP/1.1\r\nHost: control\r\n\r\n").unwrap();
        let mut part = vec![0; 1 << 16];
        let len = status.read(&mut part).unwrap();
        told += &String::from_utf8_lossy(&part[..len]);
        told.contains(text).then_some(())
    };
    status("HTTP/1.1 200").unwrap();
    let before = limit_files(&daemon, 1);
    let mut newcomer = Connection::to(daemon.address());
    newcomer.send(&framed(&query("text.app.example TXT")));
    let told = daemon.wait("can't accept TCP connections");
    assert!(told.contains("Too many open files") && told.contains("LimitNOFILE"), "{told}");
    // Only one made way, since it was no use.
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SYDNEY);
    assert!(open[0].is_closed());
    for connection in &mut open[1..] {
        assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
    }
    eventually("probes that can't be sent", || status("out of file descriptors"));
    // Files can't be read: that is told, and what was read serves on.
    host.edit("zones/app.example.zone", "first", "second");
    daemon.signal(Signal::SIGHUP);
    daemon.wait("Too many open files");
    assert_eq!(daemon.ask("text.app.example TXT"), "first");

    limit_files(&daemon, before);
    assert_eq!(answer(&newcomer.receive()), "first");
    // Nobody could be probed meanwhile, and nobody was lost.
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SYDNEY);
    assert!(!daemon.log().contains("is out of"), "{}", daemon.log());
}

#[test]
fn a_client_that_resets_is_no_harm_to_others() {
    let daemon = Host::new().start();
    let mut other = Connection::to(daemon.address());
    for _ in 0..20 {
        let mut connection = Connection::to(daemon.address());
        connection.send(&framed(&query("text.app.example TXT")).repeat(100));
        SockRef::from(&connection.stream).set_linger(Some(Duration::ZERO)).unwrap();
        drop(connection);
        assert_eq!(answer(&other.ask("text.app.example TXT")), "first");
    }
}

#[test]
fn dig_and_kdig_keep_a_connection_open() {
    let host = Host::new();
    let daemon = host.start();
    let (ip, port) = (daemon.address().ip().to_string(), daemon.address().port().to_string());
    for program in ["dig", "kdig"] {
        let before = samples(&control(&host, "GET /metrics"));
        let mut ask = Command::new(program);
        ask.args([&format!("@{ip}"), "-p", &port, "+tcp", "+keepopen", "+short"]);
        ask.args(["text.app.example", "TXT", "ns1.app.example", "A", "text.app.example", "TXT"]);
        let asked = ask.output().unwrap_or_else(|error| panic!("{program}: {error}"));
        let printed = String::from_utf8(asked.stdout).unwrap();
        assert_eq!(printed, "\"first\"\n198.51.100.53\n\"first\"\n", "{program}");
        let after = samples(&control(&host, "GET /metrics"));
        let accepted = "meridian_tcp_accepted_total";
        assert_eq!(after[accepted] - before[accepted], 1.0, "{program}");
    }
}

/// A hundred records of one name.
fn many() -> String {
    (0..100).map(|n| format!("many IN AAAA 2001:db8::{n:x}\n")).collect()
}

/// A client that has asked until the server took no more, since none of its answers was read.
fn deaf(daemon: &Daemon) -> Connection {
    let mut connection = Connection::to(daemon.address());
    let queries = framed(&query("many.app.example AAAA")).repeat(100);
    connection.stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    while connection.stream.write_all(&queries).is_ok() {}
    connection
}

/// Lets this process have so many files open.
fn allow_files(files: u64) {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if soft < files {
        setrlimit(Resource::RLIMIT_NOFILE, files.min(hard), hard).unwrap();
    }
}

/// The daemon's memory, in octets.
fn resident(daemon: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    kib.trim_end_matches("kB").trim().parse::<u64>().unwrap() << 10
}

/// The number that the daemon's next file would have. A connection that was accepted has a lower one.
fn lowest_unused(daemon: &Daemon) -> u64 {
    let files = fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap();
    let numbers = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let used: BTreeSet<u64> = numbers.map(|number| number.parse().unwrap()).collect();
    (0..).find(|number| !used.contains(number)).unwrap()
}

/// Lets the daemon open no file with this number or a higher one. Returns the limit before.
fn limit_files(daemon: &Daemon, files: u64) -> u64 {
    let process = Pid::from_raw(daemon.pid().try_into().unwrap());
    let maximum = limit_of(rustix::process::Resource::Nofile).maximum;
    let limit = Rlimit { current: Some(files), maximum };
    prlimit(process, rustix::process::Resource::Nofile, limit).unwrap().current.unwrap()
}
