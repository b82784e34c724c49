//! The end, and what the service manager is told from the beginning to it.

use std::fs;
use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;

use hickory_proto::op::Message;
use nix::sys::signal::Signal;

use super::client::{Connection, answer, framed, query};
use super::daemon::{Daemon, PATIENCE, eventually};
use super::fleet::{Fleet, POLICY};
use super::host::Host;
use super::notify::Manager;

#[test]
fn sigterm_saves_health_removes_the_socket_and_succeeds() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let mut daemon = host.start();
    assert!(host.path("control.sock").exists());
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.ended().code(), Some(0));
    assert!(!host.path("control.sock").exists());
    let saved = fs::read_to_string(host.path("state/state.json")).unwrap();
    assert_eq!(saved.matches("\"up\"").count(), 3, "{saved}");
    assert!(daemon.log().contains("stopped"), "{}", daemon.log());
}

#[test]
fn an_interrupt_ends_it_as_well() {
    let mut daemon = Host::new().start();
    daemon.signal(Signal::SIGINT);
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn what_was_asked_over_udp_before_the_end_is_answered() {
    let mut daemon = Host::new().start();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(daemon.address()).unwrap();
    let asked = query("text.app.example TXT").to_vec().unwrap();
    for _ in 0..100 {
        socket.send(&asked).unwrap();
    }
    daemon.signal(Signal::SIGTERM);
    let mut response = [0; 1232];
    for _ in 0..100 {
        let len = socket.recv(&mut response).unwrap();
        assert_eq!(answer(&Message::from_vec(&response[..len]).unwrap()), "first");
    }
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn what_was_asked_over_tcp_before_the_end_is_answered() {
    let mut daemon = Host::new().start();
    let mut connection = Connection::to(daemon.address());
    assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
    let queries: Vec<_> = (0..100).map(|_| framed(&query("text.app.example TXT"))).collect();
    connection.send(&queries.concat());
    daemon.signal(Signal::SIGTERM);
    for _ in &queries {
        assert_eq!(answer(&connection.receive()), "first");
    }
    assert!(connection.is_closed());
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn idle_connections_do_not_delay_the_end() {
    let host = Host::new();
    host.append("meridian.toml", "[server.tcp]\nidle = \"1h\"\n");
    let mut daemon = host.start();
    let mut open: Vec<_> = (0..10).map(|_| Connection::to(daemon.address())).collect();
    for connection in &mut open {
        assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
    }
    // Half a query is no reason to wait either.
    open[0].send(&[0, 40, 1, 2, 3]);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn a_client_of_the_api_that_is_silent_does_not_delay_the_end() {
    let host = Host::new();
    host.append("meridian.toml", "[admin]\nlisten = \"127.0.0.1:0\"\n");
    let mut daemon = host.start();
    let mut half = UnixStream::connect(host.path("control.sock")).unwrap();
    half.write_all(b"GET /v1/status HTTP/1.1\r\nHost: ").unwrap();
    let mut other_half = TcpStream::connect(daemon.admin()).unwrap();
    other_half.write_all(b"GET /metrics HTTP/1.1\r\nHost: ").unwrap();
    // Both have been accepted once a later one is answered.
    host.meridian(&["status"]).success();
    super::http::tcp(daemon.admin(), "GET /metrics");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.ended().code(), Some(0));
    assert!(host.path("state/state.json").exists());
}

// The service manager.

#[test]
fn readiness_is_told_when_queries_are_answered() {
    let host = Host::new();
    let (manager, daemon) = managed(&host, None);
    let told = eventually("READY=1", || {
        let told = manager.next();
        told.contains(&"READY=1".into()).then_some(told)
    });
    assert!(told.contains(&format!("STATUS=serving on {}", daemon.address())), "{told:?}");
}

#[test]
fn readiness_waits_for_the_first_probes() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let (manager, _daemon) = managed(&host, None);
    manager.wait("READY=1");
    let probed = [&fleet.sydney, &fleet.paris, &fleet.saopaulo].map(|server| server.accepted());
    assert!(probed.iter().all(|&probes| probes > 0), "{probed:?}");
}

#[test]
fn a_reload_by_signal_is_told_from_begin_to_end() {
    let host = Host::new();
    let (manager, daemon) = managed(&host, None);
    manager.wait("READY=1");
    host.edit("zones/app.example.zone", "first", "second");
    daemon.signal(Signal::SIGHUP);
    let begin = manager.next();
    assert!(begin.contains(&"RELOADING=1".into()), "{begin:?}");
    assert!(begin.iter().any(|line| line.starts_with("MONOTONIC_USEC=")), "{begin:?}");
    assert_eq!(manager.next(), ["READY=1"]);
    assert_eq!(daemon.ask("text.app.example TXT"), "second");
}

#[test]
fn a_refused_reload_ends_for_the_manager_too() {
    let host = Host::new();
    let (manager, daemon) = managed(&host, None);
    manager.wait("READY=1");
    host.write("meridian.toml", "[server");
    daemon.signal(Signal::SIGHUP);
    manager.wait("RELOADING=1");
    assert_eq!(manager.next(), ["READY=1"]);
}

#[test]
fn the_end_is_told_before_it() {
    let host = Host::new();
    let (manager, mut daemon) = managed(&host, None);
    manager.wait("READY=1");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(manager.next(), ["STOPPING=1"]);
    assert_eq!(daemon.ended().code(), Some(0));
}

#[test]
fn the_watchdog_is_fed() {
    let host = Host::new();
    let (manager, _daemon) = managed(&host, Some("3600000"));
    manager.wait("WATCHDOG=1");
    manager.wait("WATCHDOG=1");
}

#[test]
fn the_watchdog_is_fed_though_reloads_never_end() {
    let host = Host::new();
    let (manager, daemon) = managed(&host, Some("3600000"));
    eventually("WATCHDOG=1", || {
        let told = manager.next();
        if told.contains(&"READY=1".into()) {
            daemon.signal(Signal::SIGHUP);
        }
        told.contains(&"WATCHDOG=1".into()).then_some(())
    });
}

/// A daemon that serves and tells a manager, which expects a sign of life within `watchdog`
/// microseconds.
fn managed(host: &Host, watchdog: Option<&str>) -> (Manager, Daemon) {
    let manager = Manager::of(host);
    let mut command = host.command(&["run"]);
    command.env("NOTIFY_SOCKET", &manager.path);
    if let Some(limit) = watchdog {
        command.env("WATCHDOG_USEC", limit);
    }
    (manager, Daemon::serving(command))
}
