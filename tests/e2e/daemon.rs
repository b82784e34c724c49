//! A running daemon, and its log.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use hickory_proto::op::Message;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::client::Client;
use super::host::Host;

/// A daemon; it is killed with this, if it still runs.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    /// The process that serves: the child, or one that succeeded it.
    process: Pid,
    lines: Receiver<String>,
    /// What has been read of the log.
    log: Vec<String>,
    /// Where it listens for DNS, in the order of the configuration.
    pub addresses: Vec<SocketAddr>,
}

/// A bound for what should take moments, on a machine with other work.
pub const PATIENCE: Duration = Duration::from_secs(30);

impl Daemon {
    pub fn launch(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stderr.lines() {
                // Nobody reads on after a test.
                let _ = sender.send(line.unwrap());
            }
        });
        let process = Pid::from_raw(child.id().try_into().unwrap());
        Self { child, process, lines, log: vec![], addresses: vec![] }
    }

    /// Has `meridian upgrade` put another process in its place, and waits for the one before to end.
    #[track_caller]
    pub fn upgrade(&mut self, host: &Host) {
        let before = self.hand_over(host);
        eventually("the process before ends", || {
            let _ = self.child.try_wait();
            (!is_alive(before)).then_some(())
        });
    }

    pub fn serving(command: Command) -> Self {
        let mut daemon = Self::launch(command);
        daemon.listening();
        daemon
    }

    /// As [`Self::upgrade`], but returns the one before, which may still have clients.
    #[track_caller]
    pub fn hand_over(&mut self, host: &Host) -> Pid {
        let told = host.meridian(&["upgrade"]).success();
        let process = told.strip_prefix("process ").unwrap().split(' ').next().unwrap();
        std::mem::replace(&mut self.process, Pid::from_raw(process.parse().unwrap()))
    }

    /// Waits for one more address to listen on. Every socket is open before the first is told.
    #[track_caller]
    pub fn listening(&mut self) -> SocketAddr {
        self.wait("listening");
        let address = field(self.log.last().unwrap(), "address");
        self.addresses.push(address);
        address
    }

    /// Where the API is served, which is told before the first [`Self::listening`].
    #[track_caller]
    pub fn admin(&self) -> SocketAddr {
        let line = self.log.iter().find(|line| line.contains("serving HTTP"));
        field(line.unwrap(), "address")
    }

    /// Waits for a line of the log, beyond those already waited for, that has `text` in it.
    #[track_caller]
    pub fn wait(&mut self, text: &str) -> String {
        let deadline = now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(now())) {
                Ok(line) => {
                    self.log.push(line.clone());
                    if line.contains(text) {
                        return message(&line).unwrap_or(line);
                    }
                }
                Err(RecvTimeoutError::Timeout) => panic!("no line has {text:?}:\n{}", self.log()),
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("it ended, and no line has {text:?}:\n{}", self.log())
                }
            }
        }
    }

    /// Waits for the next transition that has `what` in it. It must be for this reason.
    #[track_caller]
    pub fn transition(&mut self, what: &str, why: &str) {
        let told = self.wait(what);
        assert!(told.contains(&format!(": {why}")), "{told}");
    }

    /// What has been read of the log.
    pub fn log(&self) -> String {
        self.log.join("\n")
    }

    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// The answer over UDP to a question such as `www.app.example A from 1.0.0.0/24`, as
    /// [`super::client::answer`] puts it.
    #[track_caller]
    pub fn ask(&self, question: &str) -> String {
        super::client::answer(&self.response(question))
    }

    /// The whole response over UDP.
    #[track_caller]
    pub fn response(&self, question: &str) -> Message {
        Client::of(self.address()).ask(question)
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.process, signal).unwrap();
    }

    pub fn pid(&self) -> u32 {
        self.process.as_raw().try_into().unwrap()
    }

    /// What it prints.
    pub fn stdout(&mut self) -> BufReader<ChildStdout> {
        BufReader::new(self.child.stdout.take().unwrap())
    }

    /// Waits for its end. Its whole log has then been read.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        let deadline = now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(now())) {
                Ok(line) => self.log.push(line),
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().unwrap(),
                Err(RecvTimeoutError::Timeout) => panic!("it does not end:\n{}", self.log()),
            }
        }
    }

    /// Waits for its end, which must be a failure, and returns what it wrote to standard error.
    #[track_caller]
    pub fn failed(&mut self) -> String {
        let status = self.ended();
        assert_eq!(status.code(), Some(1), "{}", self.log());
        let mut printed = String::new();
        self.stdout().read_to_string(&mut printed).unwrap();
        assert_eq!(printed, "");
        self.log()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if self.process.as_raw().try_into() != Ok(self.child.id()) {
            let _ = kill(self.process, Signal::SIGKILL);
        }
    }
}

/// Looks again and again until `look` finds something.
#[track_caller]
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = now() + PATIENCE;
    while now() < deadline {
        if let Some(found) = look() {
            return found;
        }
        thread::park_timeout(Duration::from_millis(10));
    }
    panic!("never: {what}");
}

/// Whether there is such a process. One that is not a child is nobody's zombie for long.
pub fn is_alive(process: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"));
    status.is_ok_and(|status| !status.contains("\nState:\tZ"))
}

#[allow(clippy::disallowed_methods, reason = "patience is measured by the clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// The message of a log line.
fn message(line: &str) -> Option<String> {
    let line: Value = serde_json::from_str(line).ok()?;
    line.get("message")?.as_str().map(Into::into)
}

/// An address in a field of a log line.
fn field(line: &str, name: &str) -> SocketAddr {
    let line: Value = serde_json::from_str(line).unwrap();
    line[name].as_str().unwrap().parse().unwrap()
}
