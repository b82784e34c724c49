//! Kills at any moment while the state directory is written: what a start finds there is whole, and what
//! was confirmed is in force.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::daemon::{PATIENCE, now};
use super::fleet::{Fleet, PARIS, POLICY};
use super::host::Host;
use super::http::control;
use super::random::Random;
use super::support::server::{Behaviour, Server};

#[test]
fn kills_while_the_state_is_written_leave_it_whole() {
    let fleet = Fleet::new();
    let host = fleet.host(&POLICY.replace("\npath", "\nrise = 1\nfall = 1\npath"));
    let mut random = Random::new();
    // The numbers of orders: of the last that was confirmed, and of the last that was sent.
    let (confirmed, sent) = (AtomicU64::new(0), AtomicU64::new(0));
    let mut written = Written::default();
    for _ in 0..KILLS {
        let mut daemon = host.launch();
        if random.below(8) > 0 {
            daemon.listening();
            assert_eq!(daemon.ask("www.app.example A from 2.0.0.0/24"), PARIS);
            assert_restored(&host, daemon.log(), &confirmed, &sent);
        }
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| give_orders(&host, &confirmed, &sent));
            scope.spawn(|| flap(&fleet.sydney, &over));
            wait_for_the_moment(&host, &mut random);
            daemon.signal(Signal::SIGKILL);
            over.store(true, Ordering::Relaxed);
        });
        daemon.ended();
        assert_whole(&host, &confirmed, &sent, &mut written);
    }
    assert!(written.audit > 0 && written.state > 0, "some were never written: {written:?}");
    assert!(confirmed.into_inner() > 0, "no order was ever given");
}

const KILLS: u64 = 40;

/// After how many kills a file had content.
#[derive(Debug, Default)]
struct Written {
    audit: u64,
    state: u64,
}

/// Gives one order after the other, each in the place of the one before, until nobody listens.
fn give_orders(host: &Host, confirmed: &AtomicU64, sent: &AtomicU64) {
    while let Ok(mut stream) = UnixStream::connect(host.path("control.sock")) {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let number = sent.fetch_add(1, Ordering::Relaxed) + 1;
        let order = json!({ "kind": "force-up", "target": "paris", "for": "1h", "reason": number.to_string() });
        let order = order.to_string();
        let length = order.len();
        let head = "POST /v1/overrides HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                    Content-Type: application/json\r\n";
        let mut reply = String::new();
        let asked = write!(stream, "{head}Content-Length: {length}\r\n\r\n{order}");
        if asked.is_err() || stream.read_to_string(&mut reply).is_err() {
            return;
        }
        if reply.starts_with("HTTP/1.1 200 ") {
            confirmed.store(number, Ordering::Relaxed);
        } else {
            // It was killed before it said a word.
            assert_eq!(reply, "");
        }
    }
}

/// Has health change with each probe.
fn flap(server: &Server, over: &AtomicBool) {
    for status in [503, 200].into_iter().cycle() {
        let before = server.accepted();
        server.behave(Behaviour::reply(status, ""));
        while server.accepted() == before {
            if over.load(Ordering::Relaxed) {
                return;
            }
            thread::park_timeout(Duration::from_millis(1));
        }
    }
}

/// Any moment, or one when something is being written.
fn wait_for_the_moment(host: &Host, random: &mut Random) {
    let written = ["state/state.json.new", "state/overrides.json.new"];
    match written.get(random.below(4) as usize) {
        Some(written) if host.path("control.sock").exists() => {
            let written = host.path(written);
            let deadline = now() + Duration::from_secs(1);
            // It is there for less than a pause would take.
            while !written.exists() && now() < deadline {
                thread::yield_now();
            }
        }
        _ => thread::park_timeout(Duration::from_micros(random.below(100_000))),
    }
}

/// What was confirmed, or what was sent after it, is in force; nothing is told to be lost.
#[track_caller]
fn assert_restored(host: &Host, log: String, confirmed: &AtomicU64, sent: &AtomicU64) {
    assert!(!log.contains("ERROR") && !log.contains("can't"), "{log}");
    let in_force = control(host, "GET /v1/overrides").json()["overrides"].clone();
    confirmed.store(assert_in_force(&in_force, confirmed, sent), Ordering::Relaxed);
}

/// The files can be understood as they are.
#[track_caller]
fn assert_whole(host: &Host, confirmed: &AtomicU64, sent: &AtomicU64, written: &mut Written) {
    let audit = read(host, "state/audit.log");
    written.audit += u64::from(!audit.is_empty());
    for line in audit.lines() {
        let entry: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(entry["what"].is_string(), "{line}");
    }
    let state = read(host, "state/state.json");
    if !state.is_empty() {
        written.state += 1;
        assert!(serde_json::from_str::<Value>(&state).unwrap()["monitors"].is_object(), "{state}");
    }
    let in_force = read(host, "state/overrides.json");
    let in_force = if in_force.is_empty() { "[]" } else { &in_force };
    assert_in_force(&serde_json::from_str(in_force).unwrap(), confirmed, sent);
}

/// Returns the number of the order that is in force; 0 for none.
#[track_caller]
fn assert_in_force(in_force: &Value, confirmed: &AtomicU64, sent: &AtomicU64) -> u64 {
    let in_force = in_force.as_array().unwrap();
    assert!(in_force.len() <= 1, "{in_force:?}");
    let number =
        in_force.first().map_or(0, |order| order["reason"].as_str().unwrap().parse().unwrap());
    let (confirmed, sent) = (confirmed.load(Ordering::Relaxed), sent.load(Ordering::Relaxed));
    assert!((confirmed..=sent).contains(&number), "{number} is not in {confirmed}..={sent}");
    number
}

/// Empty, if there is none.
fn read(host: &Host, path: &str) -> String {
    fs::read_to_string(host.path(path)).unwrap_or_default()
}
