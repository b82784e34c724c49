//! One process hands over to another, and nobody notices.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::client::{Connection, answer};
use super::daemon::{Daemon, eventually, is_alive};
use super::fleet::{Fleet, POLICY, SAOPAULO};
use super::host::{APP, Host};
use super::load::Load;
use super::supervisor::Supervisor;

#[test]
fn hand_overs_lose_no_query() {
    let host = Host::new();
    let mut daemon = host.start();
    let address = daemon.address();
    let load = Load::on(address);
    for _ in 0..4 {
        daemon.upgrade(&host);
        assert_eq!(daemon.listening(), address);
        load.wait_for(500);
    }
    load.assert_lost_none();
}

#[test]
fn a_hand_over_to_other_addresses_and_workers_loses_no_query() {
    let host = Host::new();
    let mut daemon = host.start();
    let address = daemon.address();
    let load = Load::on(address);
    let mut before = 2;
    for workers in [4, 1, 3] {
        let was = format!("workers = {before}");
        host.edit("meridian.toml", &was, &format!("workers = {workers}"));
        before = workers;
        daemon.upgrade(&host);
        assert_eq!(daemon.listening(), address);
        load.wait_for(500);
    }
    load.assert_lost_none();
}

#[test]
fn a_client_of_tcp_that_is_idle_meanwhile_is_answered_after() {
    let host = Host::new();
    host.append("meridian.toml", "[server.tcp]\nidle = \"1h\"\n");
    let mut daemon = host.start();
    let mut connection = Connection::to(daemon.address());
    assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
    let before = daemon.hand_over(&host);
    assert_eq!(answer(&connection.ask("text.app.example TXT")), "first");
    assert_eq!(answer(&Connection::to(daemon.address()).ask("text.app.example TXT")), "first");
    assert!(is_alive(before));
    drop(connection);
    eventually("the process before ends", || (!is_alive(before)).then_some(()));
}

#[test]
fn edited_files_are_in_use_after_a_hand_over() {
    let host = Host::new();
    let mut daemon = host.start();
    host.edit("zones/app.example.zone", "first", "second");
    daemon.upgrade(&host);
    assert_eq!(daemon.ask("text.app.example TXT"), "second");
    host.edit("zones/app.example.zone", "second", "third");
    host.meridian(&["reload"]).success();
    assert_eq!(daemon.ask("text.app.example TXT"), "third");
}

#[test]
fn health_goes_on_over_a_hand_over() {
    let mut fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let mut daemon = host.start();
    fleet.sydney.kill();
    daemon.wait("sydney is out");
    let load = Load::on(daemon.address());
    daemon.upgrade(&host);
    for _ in 0..100 {
        assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SAOPAULO);
    }
    load.assert_lost_none();
    fleet.sydney.restart();
    daemon.wait("sydney is back");
}

#[test]
fn a_configuration_at_fault_leaves_the_process_serving() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let mut daemon = host.start();
    let process = daemon.pid();
    host.edit("meridian.toml", "[server]\n", "[server]\nworker = 1\n");
    let load = Load::on(daemon.address());
    let shown = host.meridian(&["upgrade"]).failure(1);
    for part in ["error[config/unknown-key]", "worker = 1", "the new process ended: exit status: 1"]
    {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
    daemon.wait("the hand-over failed");
    host.edit("meridian.toml", "worker = 1\n", "");
    daemon.upgrade(&host);
    assert_ne!(daemon.pid(), process);
    load.assert_lost_none();
}

#[test]
fn a_zone_that_is_kept_is_not_handed_over() {
    let host = Host::new();
    let mut daemon = host.start();
    let load = Load::on(daemon.address());
    host.append("zones/app.example.zone", "broken A here\n");
    // Only the successor has seen the fault.
    let shown = host.meridian(&["upgrade"]).failure(1);
    assert!(shown.contains("the new process ended: exit status: 1"), "{shown}");
    assert!(shown.contains("broken A here"), "{shown}");
    host.meridian(&["reload"]).failure(1);
    let shown = host.meridian(&["upgrade"]).failure(1);
    assert!(shown.contains("zones/app.example.zone"), "{shown}");
    assert!(shown.contains("`meridian reload`"), "{shown}");
    assert_eq!(daemon.ask("text.app.example TXT"), "first");
    host.write("zones/app.example.zone", APP);
    host.meridian(&["reload"]).success();
    daemon.upgrade(&host);
    load.assert_lost_none();
}

#[test]
fn a_second_upgrade_is_told_of_the_first() {
    let host = Host::new();
    let (mut daemon, _) = of_its_own(&host);
    let go = host.path("go");
    mkfifo(&go, Mode::S_IRWXU).unwrap();
    replace(&host, format!("#!/bin/sh\nread word <{}\nexit 1\n", go.display()).as_bytes());
    let first = host.command(&["upgrade"]).stderr(Stdio::null()).spawn().unwrap();
    daemon.wait("handing over");
    let shown = host.meridian(&["upgrade"]).failure(1);
    assert!(shown.contains("an upgrade is under way"), "{shown}");
    fs::write(go, "go\n").unwrap();
    assert_eq!(first.wait_with_output().unwrap().status.code(), Some(1));
}

#[test]
fn a_successor_that_can_not_listen_leaves_the_process_with_its_state() {
    let mut fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let mut daemon = host.start();
    let taken = std::net::TcpListener::bind("127.0.0.2:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    super::listening::listen(&host, &["127.0.0.1:0", &address]);
    let load = Load::on(daemon.address());
    let shown = host.meridian(&["upgrade"]).failure(1);
    load.assert_lost_none();
    assert!(shown.contains(&format!("can't listen on {address} (TCP)")), "{shown}");
    // It saves again what it learns.
    fs::remove_file(host.path("state/state.json")).unwrap();
    fleet.sydney.kill();
    daemon.wait("sydney is out");
    eventually("the loss is saved", || {
        let saved = fs::read_to_string(host.path("state/state.json")).ok()?;
        saved.contains("\"down\"").then_some(())
    });
    host.meridian(&["status"]).success();
}

#[test]
fn a_binary_that_was_replaced_is_what_takes_over() {
    let host = Host::new();
    let (mut daemon, binary) = of_its_own(&host);
    let load = Load::on(daemon.address());
    replace(&host, &fs::read(env!("CARGO_BIN_EXE_meridian")).unwrap());
    daemon.upgrade(&host);
    let program = fs::read_link(format!("/proc/{}/exe", daemon.pid())).unwrap();
    assert_eq!(program, binary);
    load.assert_lost_none();
}

#[test]
fn a_binary_that_is_none_leaves_the_process_serving() {
    let host = Host::new();
    let (daemon, binary) = of_its_own(&host);
    let load = Load::on(daemon.address());
    fs::remove_file(&binary).unwrap();
    let shown = host.meridian(&["upgrade"]).failure(1);
    assert!(shown.contains(&format!("can't start {}", binary.display())), "{shown}");
    replace(&host, b"#!/bin/sh\necho a library is missing >&2\nexit 127\n");
    let shown = host.meridian(&["upgrade"]).failure(1);
    for part in ["the new process ended: exit status: 127", "a library is missing"] {
        assert!(shown.contains(part), "{part:?} is not in\n{shown}");
    }
    load.assert_lost_none();
}

#[test]
fn the_manager_is_told_who_serves() {
    let host = Host::new();
    let supervisor = Supervisor::of(&host);
    let mut daemon = supervisor.launch(&host);
    daemon.listening();
    supervisor.wait("READY=1");
    let kept = supervisor.kept();
    daemon.upgrade(&host);
    supervisor.wait(&format!("MAINPID={}", daemon.pid()));
    eventually("the successor is ready", || (supervisor.count("READY=1") == 2).then_some(()));
    // It is what was kept before, and no end is told of a service that goes on.
    assert_eq!(supervisor.kept(), kept);
    assert_eq!(supervisor.count("STOPPING=1"), 0);
}

#[test]
fn the_end_comes_after_a_hand_over_as_ever() {
    let host = Host::new();
    let mut daemon = host.start();
    daemon.upgrade(&host);
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    daemon.wait("stopped");
    let process = daemon.pid();
    eventually("it ends", || {
        (!is_alive(nix::unistd::Pid::from_raw(process.try_into().unwrap()))).then_some(())
    });
    assert!(!host.path("control.sock").exists());
}

#[test]
fn a_demonstration_is_not_upgraded() {
    let host = Host::new();
    let mut daemon = Daemon::launch(host.command(&["demo"]));
    daemon.wait("listening on");
    let refused = host.meridian(&["upgrade"]).failure(1);
    assert!(refused.contains("can't be upgraded"), "{refused}");
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    daemon.ended();
}

/// A daemon whose binary lies in the host's directory.
fn of_its_own(host: &Host) -> (Daemon, std::path::PathBuf) {
    replace(host, &fs::read(env!("CARGO_BIN_EXE_meridian")).unwrap());
    let binary = host.path("meridian");
    let run = host.command(&["run"]);
    let mut command = Command::new(&binary);
    command.args(run.get_args()).current_dir(run.get_current_dir().unwrap());
    for (name, _) in run.get_envs() {
        command.env_remove(name);
    }
    (Daemon::serving(command), binary)
}

/// Puts another binary in its place, as packages do.
fn replace(host: &Host, bytes: &[u8]) {
    host.replace("meridian", bytes);
    fs::set_permissions(host.path("meridian"), fs::Permissions::from_mode(0o755)).unwrap();
}
