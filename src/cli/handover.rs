//! The hand-over: a running server starts the binary that is now in its place, gives it the sockets
//! and the state, and leaves once the other serves. Until then it goes on as if nothing were.
//!
//! ```text
//! predecessor                                successor
//! starts it, with all sockets  ----------->  loads its files
//!                             <-- WANTS_STATE
//! lets nobody in at the control socket,
//! saves health, lets go of it    FREE ---->  starts from it, probes, opens what is missing, serves
//!                                  <-- READY
//! names it to systemd              GO ---->  tells systemd that it is ready
//! stops reading, ends when TCP clients are idle
//! ```
//!
//! Whatever else comes, or nothing within [`PATIENCE`], ends the successor and leaves the
//! predecessor serving, with its state.

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::PathBuf;
use std::process::{self, Stdio};
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::admin::server::Door;
use crate::control::Handle;
use crate::store::Store;
use crate::systemd;

use super::output::Failure;

/// What a running server hands over.
pub(super) struct Offer {
    /// Copies of all sockets, and the names by which they are known.
    pub(super) sockets: Vec<(OwnedFd, String)>,
    pub(super) control: Handle,
    pub(super) door: watch::Sender<Door>,
    /// Where state is kept.
    pub(super) state: PathBuf,
}

/// The process that this one is to succeed.
#[derive(Debug)]
pub(super) struct Predecessor(UnixStream);

/// The successor wants the state.
const WANTS_STATE: u8 = b's';
/// The state is saved and free.
const FREE: u8 = b'f';
/// The successor serves.
const READY: u8 = b'r';
/// The successor is the one.
const GO: u8 = b'g';

/// How long a successor may take to serve: for large databases, and `startup_wait` at its longest.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How much is shown of what a successor that failed has said, in octets.
const LAST_WORDS: usize = 8 * 1024;
/// For a successor to end that has let go of its predecessor.
const LAST_MOMENT: Duration = Duration::from_secs(5);
/// The number of the first descriptor that is passed.
const FIRST: i32 = 3;

impl Offer {
    /// Returns the process that has taken over, or why none has.
    pub(super) async fn hand_over(self) -> Result<u32, String> {
        if process::id() == 1 {
            return Err("process 1 can't be succeeded: it ends its container".into());
        }
        let Self { sockets, control, door, state } = self;
        let (mut child, mut way) = start(sockets).map_err(|error| error.to_string())?;
        let said = child.stderr.take().map(|said| tokio::spawn(listen(said)));
        tracing::info!("handing over to process {}", child.id().unwrap_or_default());
        let mut is_released = false;
        let steps = async {
            expect(&mut way, WANTS_STATE).await?;
            door.send_replace(Door::Closed);
            is_released = true;
            control.release().await.map_err(io::Error::other)?;
            way.write_u8(FREE).await?;
            expect(&mut way, READY).await?;
            let process = child.id().ok_or(io::ErrorKind::UnexpectedEof)?;
            systemd::succeeded_by(process);
            way.write_u8(GO).await?;
            io::Result::Ok(process)
        };
        let failure = match timeout(PATIENCE, steps).await {
            Ok(Ok(process)) => {
                door.send_replace(Door::Elsewhere);
                if let Some(said) = said {
                    // Its last line by this way; it tells the rest itself.
                    let _ = timeout(LAST_MOMENT, said).await;
                }
                return Ok(process);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("it did not serve within {} minutes", PATIENCE.as_secs() / 60),
        };
        drop(way);
        let why = end(child, said, failure).await;
        if is_released {
            match Store::open(&state) {
                Ok(store) => drop(control.adopt(store).await),
                Err(error) => tracing::error!(%error, "health is not saved any more: {error}"),
            }
        }
        door.send_replace(Door::Open);
        tracing::error!("the hand-over failed, and this process serves on: {why}");
        Err(why)
    }
}

/// Starts the successor as this process was started.
fn start(sockets: Vec<(OwnedFd, String)>) -> io::Result<(Child, UnixStream)> {
    let (way, theirs) = StdUnixStream::pair()?;
    way.set_nonblocking(true)?;
    let passed: Vec<_> =
        sockets.into_iter().chain([(theirs.into(), systemd::PREDECESSOR.into())]).collect();
    let names: Vec<_> = passed.iter().map(|(_, name)| name.as_str()).collect();
    let program = program()?;
    let mut command = process::Command::new(&program);
    command
        .args(env::args_os().skip(1))
        .env("LISTEN_FDS", passed.len().to_string())
        .env("LISTEN_FDNAMES", names.join(":"))
        // They name this process.
        .env_remove("LISTEN_PID")
        .env_remove("WATCHDOG_PID")
        // What it says goes through this process until it takes over, and to where this one's goes
        // from then on.
        .stdout(io::stderr().as_fd().try_clone_to_owned()?)
        .stderr(Stdio::piped());
    let descriptors = passed.into_iter().zip(FIRST..);
    let mappings =
        descriptors.map(|((parent_fd, _), child_fd)| FdMapping { parent_fd, child_fd }).collect();
    command.fd_mappings(mappings).map_err(io::Error::other)?;
    let child = Command::from(command).spawn().map_err(|error| {
        io::Error::new(error.kind(), format!("can't start {}: {error}", program.display()))
    })?;
    Ok((child, UnixStream::from_std(way)?))
}

/// The binary that is now where this process' was.
fn program() -> io::Result<PathBuf> {
    let program = env::current_exe()?;
    if program.exists() {
        return Ok(program);
    }
    let replaced = program.as_os_str().as_bytes().strip_suffix(b" (deleted)");
    Ok(replaced.map_or(program.clone(), |path| OsString::from_vec(path.to_vec()).into()))
}

async fn expect(way: &mut UnixStream, step: u8) -> io::Result<()> {
    match way.read_u8().await? {
        told if told == step => Ok(()),
        other => Err(io::Error::other(format!("`{}` was told", char::from(other)))),
    }
}

/// Passes on what the successor says, and returns the last of it.
async fn listen(said: ChildStderr) -> String {
    let mut lines = BufReader::new(said).lines();
    let mut words = String::new();
    while let Ok(Some(line)) = lines.next_line().await {
        let _ = writeln!(io::stderr().lock(), "{line}");
        // Log lines are in the log.
        if !line.starts_with('{') && words.len() < LAST_WORDS {
            words.push_str(&line);
            words.push('\n');
        }
    }
    words
}

/// Ends a successor that did not come to serve, and tells why it did not, best in its own words.
async fn end(mut child: Child, said: Option<JoinHandle<String>>, failure: String) -> String {
    // One that has ended says with what.
    let ended = match timeout(LAST_MOMENT, child.wait()).await {
        Ok(Ok(status)) => format!("the new process ended: {status}"),
        Ok(Err(_)) | Err(_) => {
            let _ = child.kill().await;
            format!("the new process was ended: {failure}")
        }
    };
    let words = match said {
        Some(said) => said.await.unwrap_or_default(),
        None => String::new(),
    };
    if words.is_empty() { ended } else { format!("{ended}\n{}", words.trim_end()) }
}

impl Predecessor {
    /// The one at the other end.
    pub(super) fn reached_by(way: StdUnixStream) -> io::Result<Self> {
        way.set_nonblocking(true)?;
        Ok(Self(UnixStream::from_std(way)?))
    }

    /// Has it save the state and let go of it.
    pub(super) async fn release_state(&mut self) -> Result<(), Failure> {
        self.tell(WANTS_STATE, FREE).await
    }

    /// Says that this process serves, and returns once it is the one.
    pub(super) async fn succeed(mut self) -> Result<(), Failure> {
        self.tell(READY, GO).await?;
        nix::unistd::dup2_stderr(io::stdout()).map_err(Failure::from)
    }

    async fn tell(&mut self, step: u8, answer: u8) -> Result<(), Failure> {
        let told = async {
            self.0.write_u8(step).await?;
            expect(&mut self.0, answer).await
        };
        told.await.map_err(|_| Failure::new("the process that was to hand over has ended"))
    }
}
