//! What systemd does for a service: it hears what is told, keeps descriptors, and passes them to the
//! next process.

use std::io::IoSliceMut;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use command_fds::{CommandFdExt, FdMapping};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::daemon::{Daemon, eventually};
use super::host::Host;

/// A manager of one service.
#[derive(Debug)]
pub struct Supervisor {
    notify: PathBuf,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The lines of all messages.
    told: Vec<String>,
    /// Descriptors by name.
    store: Vec<(String, OwnedFd)>,
}

impl Supervisor {
    pub fn of(host: &Host) -> Self {
        let notify = host.path("supervisor.sock");
        let socket = UnixDatagram::bind(&notify).unwrap();
        let state = Arc::<Mutex<State>>::default();
        let hears = state.clone();
        thread::spawn(move || {
            loop {
                let (message, descriptors) = receive(&socket);
                hears.lock().unwrap().hear(&message, descriptors);
            }
        });
        Self { notify, state }
    }

    /// Starts the service with what is in the store.
    pub fn launch(&self, host: &Host) -> Daemon {
        self.launch_with(host, vec![])
    }

    /// Starts the service with descriptors of this name too, and then with what is in the store.
    pub fn launch_with(&self, host: &Host, first: Vec<(&str, OwnedFd)>) -> Daemon {
        let mut state = self.state.lock().unwrap();
        state.told.clear();
        let stored = state.store.iter().map(|(name, fd)| (name.as_str(), fd.try_clone().unwrap()));
        let passed: Vec<_> = first.into_iter().chain(stored).collect();
        let names: Vec<_> = passed.iter().map(|(name, _)| *name).collect();
        let run = host.command(&["run"]);
        // The number of a process is not known before it is there.
        let mut command = Command::new("sh");
        command.args(["-c", "LISTEN_PID=$$ exec \"$0\" \"$@\""]).arg(run.get_program());
        command.args(run.get_args()).current_dir(run.get_current_dir().unwrap());
        command.env("NOTIFY_SOCKET", &self.notify);
        command.env("LISTEN_FDS", passed.len().to_string());
        command.env("LISTEN_FDNAMES", names.join(":"));
        for name in ["WATCHDOG_USEC", "STATE_DIRECTORY", "RUNTIME_DIRECTORY"] {
            command.env_remove(name);
        }
        let mappings = passed.into_iter().zip(3..);
        let mappings = mappings.map(|((_, parent_fd), child_fd)| FdMapping { parent_fd, child_fd });
        command.fd_mappings(mappings.collect()).unwrap();
        drop(state);
        Daemon::launch(command)
    }

    /// Waits until a line has been told since the last start.
    #[track_caller]
    pub fn wait(&self, line: &str) {
        eventually(line, || {
            self.state.lock().unwrap().told.iter().any(|told| told == line).then_some(())
        });
    }

    /// How often a line has been told since the last start.
    pub fn count(&self, line: &str) -> usize {
        self.state.lock().unwrap().told.iter().filter(|told| *told == line).count()
    }

    /// The names of what is kept, without what follows their last hyphen, in order.
    pub fn kept(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let name = |(name, _): &(String, OwnedFd)| name.rsplit_once('-').unwrap().0.to_owned();
        let mut names: Vec<_> = state.store.iter().map(name).collect();
        names.sort();
        names
    }
}

impl State {
    fn hear(&mut self, message: &str, descriptors: Vec<OwnedFd>) {
        let value = |key: &str| message.lines().find_map(|line| line.strip_prefix(key));
        let name = value("FDNAME=").unwrap_or_default().to_owned();
        if value("FDSTORE=1").is_some() {
            self.store.extend(descriptors.into_iter().map(|descriptor| (name.clone(), descriptor)));
        }
        if value("FDSTOREREMOVE=1").is_some() {
            self.store.retain(|(of, _)| *of != name);
        }
        self.told.extend(message.lines().map(Into::into));
    }
}

fn receive(socket: &UnixDatagram) -> (String, Vec<OwnedFd>) {
    let mut bytes = [0; 4096];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut vectors = [IoSliceMut::new(&mut bytes)];
    let received = recvmsg(socket.as_fd(), &mut vectors, &mut control, RecvFlags::CMSG_CLOEXEC);
    let len = received.unwrap().bytes;
    let rights = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(rights) => Some(rights),
        _ => None,
    });
    let descriptors = rights.flatten().collect();
    (String::from_utf8(bytes[..len].to_vec()).unwrap(), descriptors)
}
