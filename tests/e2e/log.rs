//! The log.

use nix::sys::signal::Signal;

use super::fleet::{Fleet, POLICY};
use super::host::Host;

#[test]
fn a_query_writes_no_line() {
    let host = Host::new();
    host.append("meridian.toml", "[log]\nlevel = \"trace\"\n");
    let mut daemon = host.start();
    for name in ["text.app.example TXT", "none.app.example A", "outside.example A"] {
        daemon.ask(name);
    }
    daemon.signal(Signal::SIGTERM);
    daemon.ended();
    let log = daemon.log();
    let messages: Vec<_> =
        log.lines().map(|line| line.split("\"message\":").nth(1).unwrap()).collect();
    let begin = ["\"listening on ", "\"stopping\"", "\"stopped\""];
    assert_eq!(messages.len(), begin.len(), "{log}");
    assert!(messages.iter().zip(begin).all(|(line, begin)| line.starts_with(begin)), "{log}");
}

#[test]
fn a_pipe_gets_text_on_request_and_without_colours() {
    let mut fleet = Fleet::new();
    let host = fleet.host(POLICY);
    host.append("meridian.toml", "[log]\nformat = \"text\"\n");
    let mut daemon = host.launch();
    let line = daemon.wait("listening");
    assert!(line.contains(" INFO listening on 127.0.0.1:"), "{line}");
    fleet.sydney.kill();
    let line = daemon.wait("sydney is out");
    let told = " WARN sydney is out of app.example:web: connection refused, 0 of 1 endpoints up";
    assert!(line.contains(told), "{line}");
    assert!(line.contains(" (first failure ") && line.contains(" s ago), generation "), "{line}");
    assert!(!daemon.log().contains('\x1b'));
}

#[test]
fn lines_below_the_level_are_not_written() {
    let mut fleet = Fleet::new();
    let host = fleet.host(POLICY);
    host.append("meridian.toml", "[log]\nlevel = \"warn\"\n");
    let mut daemon = host.launch();
    super::daemon::eventually("a server", || host.path("control.sock").exists().then_some(()));
    fleet.sydney.kill();
    daemon.wait("sydney is out");
    assert!(!daemon.log().contains("INFO"), "{}", daemon.log());
}
