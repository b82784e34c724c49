//! Sockets that outlive a process: kept by the service manager over a restart, or opened by it.

use std::io::Read;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

use nix::sys::signal::Signal;
use socket2::{Domain, Socket, Type};

use super::client::{Client, Connection, answer, framed, query};
use super::host::Host;
use super::listening::listen;
use super::load::Load;
use super::supervisor::Supervisor;

#[test]
fn restarts_lose_no_query() {
    let host = Host::new();
    let supervisor = Supervisor::of(&host);
    let mut daemon = supervisor.launch(&host);
    let address = daemon.listening();
    supervisor.wait("READY=1");
    let load = Load::on(address);
    for _ in 0..4 {
        daemon.signal(Signal::SIGTERM);
        daemon.ended();
        daemon = supervisor.launch(&host);
        assert_eq!(daemon.listening(), address);
        supervisor.wait("READY=1");
        load.wait_for(500);
    }
    load.assert_lost_none();
}

#[test]
fn a_process_that_is_killed_loses_no_more_than_it_had_in_hand() {
    let host = Host::new();
    let supervisor = Supervisor::of(&host);
    let mut daemon = supervisor.launch(&host);
    let address = daemon.listening();
    supervisor.wait("READY=1");
    let load = Load::impatient(address);
    daemon.signal(Signal::SIGKILL);
    daemon.ended();
    let mut daemon = supervisor.launch(&host);
    assert_eq!(daemon.listening(), address);
    load.wait_for(500);
    let counts = load.end();
    let (workers, batch) = (2, 32);
    assert!(counts.sent - counts.answered <= workers * batch, "{counts:?}");
}

#[test]
fn a_restart_with_other_workers_loses_no_query() {
    let host = Host::new();
    let supervisor = Supervisor::of(&host);
    let mut daemon = supervisor.launch(&host);
    let address = daemon.listening();
    supervisor.wait("READY=1");
    let load = Load::on(address);
    let mut workers = 2;
    for wanted in [5, 1, 3] {
        host.edit("meridian.toml", &format!("workers = {workers}"), &format!("workers = {wanted}"));
        workers = wanted;
        daemon.signal(Signal::SIGTERM);
        daemon.ended();
        daemon = supervisor.launch(&host);
        assert_eq!(daemon.listening(), address);
        supervisor.wait("READY=1");
        load.wait_for(500);
        let udp = supervisor.kept().iter().filter(|name| name.starts_with("udp-")).count();
        assert_eq!(udp, wanted);
    }
    load.assert_lost_none();
}

#[test]
fn what_connects_while_nothing_runs_is_answered() {
    let host = Host::new();
    let supervisor = Supervisor::of(&host);
    let mut daemon = supervisor.launch(&host);
    let address = daemon.listening();
    supervisor.wait("READY=1");
    daemon.signal(Signal::SIGTERM);
    daemon.ended();
    let mut connection = Connection::to(address);
    connection.send(&framed(&query("text.app.example TXT")));
    let _daemon = supervisor.launch(&host);
    assert_eq!(answer(&connection.receive()), "first");
}

#[test]
fn every_socket_is_kept_and_one_that_goes_is_no_longer() {
    let host = Host::new();
    let supervisor = Supervisor::of(&host);
    let mut daemon = supervisor.launch(&host);
    let name = daemon.listening().to_string().replace(':', "_");
    supervisor.wait("READY=1");
    let [tcp, udp] = ["tcp", "udp"].map(|transport| format!("{transport}-{name}"));
    assert_eq!(supervisor.kept(), [&*tcp, &*udp, &*udp]);
    host.edit("meridian.toml", "workers = 2", "workers = 1");
    listen(&host, &["127.0.0.1:0", "127.0.0.2:0"]);
    host.meridian(&["reload"]).success();
    let other = daemon.listening().to_string().replace(':', "_");
    let others = ["tcp", "udp"].map(|transport| format!("{transport}-{other}"));
    let all = [&tcp, &others[0], &udp, &others[1]];
    super::daemon::eventually("the sockets are kept", || {
        (supervisor.kept() == all.map(String::as_str)).then_some(())
    });
    listen(&host, &["127.0.0.1:0"]);
    host.meridian(&["reload"]).success();
    super::daemon::eventually("the rest is kept", || {
        (supervisor.kept() == [&*tcp, &*udp]).then_some(())
    });
}

#[test]
fn an_address_that_went_while_nothing_ran_is_no_longer_kept() {
    let host = Host::new();
    listen(&host, &["127.0.0.1:0", "127.0.0.2:0"]);
    let supervisor = Supervisor::of(&host);
    let mut daemon = supervisor.launch(&host);
    let (stays, gone) = (daemon.listening(), daemon.listening());
    supervisor.wait("READY=1");
    daemon.signal(Signal::SIGTERM);
    daemon.ended();
    listen(&host, &["127.0.0.1:0"]);
    let mut daemon = supervisor.launch(&host);
    assert_eq!(daemon.listening(), stays);
    daemon.wait(&format!("no longer listening on {gone} (TCP)"));
    super::daemon::eventually("what is left is kept", || {
        (supervisor.kept().len() == 3).then_some(())
    });
    // Nobody holds it: others can have it.
    TcpListener::bind(gone).unwrap();
    UdpSocket::bind(gone).unwrap();
}

#[test]
fn clients_of_tcp_are_parted_from_and_not_reset() {
    let host = Host::new();
    host.append("meridian.toml", "[server.tcp]\nidle = \"1h\"\n");
    let mut daemon = host.start();
    let mut idle = Connection::to(daemon.address());
    assert_eq!(answer(&idle.ask("text.app.example TXT")), "first");
    let mut late = Connection::to(daemon.address());
    assert_eq!(answer(&late.ask("text.app.example TXT")), "first");
    daemon.signal(Signal::SIGTERM);
    daemon.wait("stopping");
    // Whether it comes before the server's last word or after.
    late.send(&framed(&query("text.app.example TXT")));
    assert_eq!(daemon.ended().code(), Some(0));
    assert_eq!(idle.stream.read(&mut [0]).unwrap(), 0);
    let mut rest = vec![];
    late.stream.read_to_end(&mut rest).unwrap();
}

// Socket activation.

#[test]
fn sockets_of_a_unit_are_served_and_not_kept_twice() {
    let host = Host::new();
    let supervisor = Supervisor::of(&host);
    let (address, sockets) = unit(3);
    listen(&host, &[&address.to_string()]);
    let mut daemon = supervisor.launch_with(&host, sockets);
    assert_eq!(daemon.listening(), address);
    supervisor.wait("READY=1");
    assert_eq!(answer(&Connection::to(address).ask("text.app.example TXT")), "first");
    // Each is read, though there are fewer workers.
    let load = Load::on(address);
    load.wait_for(1000);
    load.assert_lost_none();
    assert_eq!(supervisor.kept(), [""; 0]);
}

#[test]
fn what_a_unit_does_not_open_is_opened() {
    let host = Host::new();
    let supervisor = Supervisor::of(&host);
    let (address, mut sockets) = unit(1);
    // UDP alone.
    sockets.pop();
    listen(&host, &[&address.to_string(), "127.0.0.2:0"]);
    let mut daemon = supervisor.launch_with(&host, sockets);
    assert_eq!(daemon.listening(), address);
    let other = daemon.listening();
    for address in [address, other] {
        assert_eq!(answer(&Connection::to(address).ask("text.app.example TXT")), "first");
        assert_eq!(answer(&Client::of(address).ask("text.app.example TXT")), "first");
    }
}

#[test]
fn a_passed_socket_that_nothing_names_is_told_and_closed() {
    let host = Host::new();
    let supervisor = Supervisor::of(&host);
    let (address, sockets) = unit(1);
    listen(&host, &["127.0.0.2:0"]);
    let mut daemon = supervisor.launch_with(&host, sockets);
    daemon.wait(&format!("{address} (UDP) was passed to this process"));
    daemon.wait(&format!("{address} (TCP) was passed to this process"));
    supervisor.wait("READY=1");
    // It is closed: others can have it.
    TcpListener::bind(address).unwrap();
    UdpSocket::bind(address).unwrap();
}

/// What a socket unit with `ReusePort=yes` opens: so many UDP sockets and a TCP listener.
fn unit(udp: usize) -> (SocketAddr, Vec<(&'static str, OwnedFd)>) {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap();
    let udp = (0..udp).map(|_| {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        socket.set_reuse_port(true).unwrap();
        socket.bind(&address.into()).unwrap();
        OwnedFd::from(socket)
    });
    let all = udp.collect::<Vec<_>>().into_iter().chain([tcp.into()]);
    (address, all.map(|socket| ("meridian.socket", socket)).collect())
}
