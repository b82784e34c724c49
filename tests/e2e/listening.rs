//! Addresses and workers that come and go with reloads, while clients ask.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::thread;

use super::client::{Client, Connection, answer, query};
use super::daemon::PATIENCE;
use super::host::Host;
use super::load::Load;

#[test]
fn workers_come_and_go_without_losing_a_query() {
    let host = Host::new();
    let daemon = host.start();
    let load = Load::on(daemon.address());
    let mut workers = 2;
    for wanted in [4, 1, 3, 1, 8, 2, 6, 1, 2, 1, 5, 4] {
        set_workers(&host, workers, wanted);
        host.meridian(&["reload"]).success();
        workers = wanted;
        load.wait_for(500);
    }
    load.assert_lost_none();
}

#[test]
fn addresses_come_and_go_without_losing_a_query_of_those_that_stay() {
    let host = Host::new();
    let mut daemon = host.start();
    let load = Load::on(daemon.address());
    for _ in 0..4 {
        listen(&host, &["127.0.0.1:0", "127.0.0.2:0"]);
        host.meridian(&["reload"]).success();
        let other = daemon.listening();
        assert_serves(other);
        listen(&host, &["127.0.0.1:0"]);
        host.meridian(&["reload"]).success();
        daemon.wait(&format!("no longer listening on {other}"));
        load.wait_for(200);
    }
    load.assert_lost_none();
}

#[test]
fn an_address_of_its_own_takes_over_from_all_without_losing_a_query() {
    let host = Host::new();
    listen(&host, &["0.0.0.0:0"]);
    let mut daemon = host.start();
    let port = daemon.address().port();
    let all = format!("0.0.0.0:{port}");
    let own = SocketAddr::from(([127, 0, 0, 1], port));
    let load = Load::on(own);
    let mut connection = Connection::to(own);
    for wanted in [&own.to_string(), &all, &own.to_string()] {
        listen(&host, &[wanted]);
        host.meridian(&["reload"]).success();
        daemon.wait("no longer listening on");
        assert_serves(own);
        load.wait_for(500);
    }
    assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
    load.assert_lost_none();
}

#[test]
fn what_waits_at_an_address_that_goes_is_answered() {
    let host = Host::new();
    listen(&host, &["127.0.0.1:0", "127.0.0.2:0"]);
    let mut daemon = host.start();
    let leaving = daemon.listening();
    let clients: Vec<_> = (0..50).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    listen(&host, &["127.0.0.1:0"]);
    let question = query("text.app.example TXT").to_vec().unwrap();
    thread::scope(|scope| {
        let reload = scope.spawn(|| host.meridian(&["reload"]).success());
        for client in &clients {
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            client.send_to(&question, leaving).unwrap();
        }
        reload.join().unwrap();
    });
    let mut response = [0; 1232];
    for client in &clients {
        client.recv(&mut response).unwrap();
    }
}

#[test]
fn an_address_that_is_gone_is_refused() {
    let host = Host::new();
    listen(&host, &["127.0.0.1:0", "127.0.0.2:0"]);
    let mut daemon = host.start();
    let gone = daemon.listening();
    listen(&host, &["127.0.0.1:0"]);
    host.meridian(&["reload"]).success();
    daemon.wait("no longer listening on");
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.connect(gone).unwrap();
    client.send(&query("text.app.example TXT").to_vec().unwrap()).unwrap();
    let refused = client.recv(&mut [0; 512]).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    super::daemon::eventually("TCP is refused", || {
        std::net::TcpStream::connect(gone).is_err().then_some(())
    });
}

#[test]
fn a_connection_to_an_address_that_goes_lives_on() {
    let host = Host::new();
    listen(&host, &["127.0.0.1:0", "127.0.0.2:0"]);
    let mut daemon = host.start();
    let leaving = daemon.listening();
    let mut connection = Connection::to(leaving);
    assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
    listen(&host, &["127.0.0.1:0"]);
    host.edit("zones/app.example.zone", "first", "second");
    host.meridian(&["reload"]).success();
    daemon.wait("no longer listening on");
    assert_eq!(answer(&connection.ask("text.app.example TXT")), "second");
}

#[test]
fn an_address_that_can_not_be_had_leaves_all_as_they_were() {
    let host = Host::new();
    let daemon = host.start();
    let taken = TcpListener::bind("127.0.0.2:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    listen(&host, &["127.0.0.3:0", &address]);
    host.edit("zones/app.example.zone", "first", "second");
    let shown = host.meridian(&["reload"]).failure(1);
    for part in [
        "error[reload/cannot-listen]",
        &format!("can't listen on {address} (TCP)"),
        "another server has it",
        "meridian.toml:3",
        "stay as they were",
    ] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
    let status = host.meridian(&["status"]).success();
    assert!(status.contains("error[reload/cannot-listen]"), "{status}");
    // What has no errors is in use.
    assert_eq!(daemon.ask("text.app.example TXT"), "second");

    drop(taken);
    host.meridian(&["reload"]).success();
    assert_eq!(answer(&Client::of(address.parse().unwrap()).ask("text.app.example TXT")), "second");
}

#[test]
fn another_server_is_refused_after_an_address_took_over() {
    let host = Host::new();
    listen(&host, &["0.0.0.0:0"]);
    let mut daemon = host.start();
    let own = format!("127.0.0.1:{}", daemon.address().port());
    listen(&host, &[&own]);
    host.meridian(&["reload"]).success();
    daemon.wait("no longer listening on");
    let second = Host::new();
    listen(&second, &[&own]);
    assert!(second.launch().failed().contains("another server has it"));
}

#[test]
fn limits_of_tcp_change_with_a_reload() {
    let host = Host::new();
    host.append("meridian.toml", "[server.tcp]\nidle = \"1h\"\nper_client = 1\n");
    let daemon = host.start();
    let mut only = Connection::to(daemon.address());
    assert_eq!(answer(&only.ask("text.app.example TXT")), "first");
    let mut first = Connection::to(daemon.address());
    assert_eq!(answer(&first.ask("text.app.example TXT")), "first");
    assert!(only.is_closed());
    host.edit("meridian.toml", "\"1h\"\nper_client = 1\n", "\"200ms\"\nper_client = 2\n");
    host.meridian(&["reload"]).success();
    let mut second = Connection::to(daemon.address());
    assert_eq!(answer(&second.ask("text.app.example TXT")), "first");
    assert!(second.is_closed());
    assert_eq!(answer(&first.ask("text.app.example TXT")), "first");
    assert!(first.is_closed());
}

/// Has `meridian.toml` listen on these.
pub fn listen(host: &Host, addresses: &[&str]) {
    let text = std::fs::read_to_string(host.path("meridian.toml")).unwrap();
    let line = text.lines().find(|line| line.starts_with("listen = ")).unwrap();
    host.write("meridian.toml", &text.replace(line, &format!("listen = {addresses:?}")));
}

fn set_workers(host: &Host, before: usize, after: usize) {
    host.edit("meridian.toml", &format!("workers = {before}\n"), &format!("workers = {after}\n"));
}

#[track_caller]
fn assert_serves(address: SocketAddr) {
    assert_eq!(answer(&Client::of(address).ask("text.app.example TXT")), "first");
    assert_eq!(answer(&Connection::to(address).ask("text.app.example TXT")), "first");
}
