//! The binary over files of its own.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::running::{UNCHECKED, configure, until};

/// A server, killed when dropped.
pub(crate) struct Server {
    pub(crate) process: Child,
    socket: PathBuf,
}

impl Server {
    /// Starts in this directory, on a port that the kernel chooses.
    pub(crate) fn start(files: &TempDir) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_meridian")), files)
    }

    /// As [`Self::start`], by a command that takes the server's arguments.
    pub(crate) fn start_by(mut command: Command, files: &TempDir) -> Self {
        let listen = "[server]\nlisten = [\"127.0.0.1:0\"]\n";
        let configuration = configure(files.path(), listen, UNCHECKED);
        command.arg("run").arg("--config").arg(configuration).stderr(Stdio::null());
        Self { process: command.spawn().unwrap(), socket: files.path().join("control.sock") }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id().try_into().unwrap()), signal).unwrap();
    }

    /// The control socket, once somebody listens there.
    pub(crate) async fn socket(&self) -> PathBuf {
        until("the server takes requests", || UnixStream::connect(&self.socket).is_ok()).await;
        self.socket.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
