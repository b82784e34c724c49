//! The service manager's end of systemd's notify protocol.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

use super::daemon::{PATIENCE, eventually};
use super::host::Host;

/// A socket that is told how things stand.
#[derive(Debug)]
pub struct Manager {
    pub path: PathBuf,
    socket: UnixDatagram,
}

impl Manager {
    pub fn of(host: &Host) -> Self {
        let path = host.path("notify.sock");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { path, socket }
    }

    /// The next message, as its lines.
    #[track_caller]
    pub fn next(&self) -> Vec<String> {
        let mut message = [0; 4096];
        let len = self.socket.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..len]).lines().map(Into::into).collect()
    }

    /// Waits for a message with this line.
    #[track_caller]
    pub fn wait(&self, line: &str) {
        eventually(line, || self.next().iter().any(|told| told == line).then_some(()));
    }
}
