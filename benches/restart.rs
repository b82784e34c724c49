//! What clients notice of reloads, restarts and hand-overs: the real binary with the shipped database
//! under clients that ask over UDP without pause, each query counted, the longest wait told.
//!
//! `cargo bench --bench restart`
#![allow(clippy::unwrap_used, reason = "what can't be set up has failed the benchmark")]
#![allow(clippy::print_stdout, reason = "the table is the result")]
#![allow(dead_code, unreachable_pub, reason = "the modules are the end-to-end tests'")]

#[path = "../tests/e2e/client.rs"]
mod client;
#[path = "../tests/e2e/daemon.rs"]
mod daemon;
#[path = "../tests/e2e/host.rs"]
mod host;
#[path = "../tests/e2e/load.rs"]
mod load;
#[path = "../tests/e2e/supervisor.rs"]
mod supervisor;

use nix::sys::signal::Signal;

use daemon::Daemon;
use host::Host;
use load::{Counts, Load};
use supervisor::Supervisor;

/// How often each is done.
const ROUNDS: usize = 10;
/// Queries answered between two of them.
const BETWEEN: usize = 20_000;

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    println!(
        "| {ROUNDS} times | sent | answered | lost | longest wait, ms |\n|---|---|---|---|---|"
    );
    row("nothing", |_, _, _| {});
    row("reload, workers and addresses changed", |host, _, _| reload(host));
    row("restart, sockets kept by the manager", |host, daemon, supervisor| {
        daemon.signal(Signal::SIGTERM);
        daemon.ended();
        *daemon = supervisor.launch(host);
        daemon.listening();
    });
    row("hand-over", |host, daemon, _| daemon.upgrade(host));
}

fn row(what: &str, change: impl Fn(&Host, &mut Daemon, &Supervisor)) {
    let host = Host::new();
    let database = concat!(env!("CARGO_MANIFEST_DIR"), "/geoip/world.mmdb");
    host.edit("meridian.toml", "city.mmdb", database);
    let supervisor = Supervisor::of(&host);
    let mut daemon = supervisor.launch(&host);
    let address = daemon.listening();
    supervisor.wait("READY=1");
    let load = Load::on(address);
    for _ in 0..ROUNDS {
        change(&host, &mut daemon, &supervisor);
        load.wait_for(BETWEEN);
    }
    let Counts { sent, answered, longest } = load.end();
    let (lost, longest) = (sent - answered, longest.as_secs_f64() * 1e3);
    println!("| {what} | {sent} | {answered} | {lost} | {longest:.1} |");
}

/// Twice as many workers, or half, and an address more or less.
fn reload(host: &Host) {
    let text = std::fs::read_to_string(host.path("meridian.toml")).unwrap();
    let few = ("workers = 2", "[\"127.0.0.1:0\"]");
    let many = ("workers = 4", "[\"127.0.0.1:0\", \"127.0.0.2:0\"]");
    let (from, to) = if text.contains(few.0) { (few, many) } else { (many, few) };
    host.write("meridian.toml", &text.replace(from.0, to.0).replace(from.1, to.1));
    host.meridian(&["reload"]).success();
}
