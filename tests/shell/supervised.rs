//! What a service manager hears.

use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::server::Server;

#[test]
fn reloads_one_after_the_other_do_not_keep_the_watchdog_hungry() {
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_meridian"));
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "3600000");
    let server = Server::start_by(command, &files);
    let mut buffer = [0; 512];
    for _ in 0..100_000 {
        let len = manager.recv(&mut buffer).expect("the server says something");
        let message = std::str::from_utf8(&buffer[..len]).unwrap();
        if message.contains("WATCHDOG=1") {
            return;
        }
        if message.contains("READY=1") {
            server.signal(Signal::SIGHUP);
        }
    }
    panic!("a hundred thousand messages, and none for the watchdog");
}
