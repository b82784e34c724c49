//! Sockets that outlive a process. They come by `LISTEN_FDS`: from a socket unit, from systemd's
//! store of descriptors, where the process before left its own, or from the process before itself.
//! Each has a name, which says who else holds it.

use std::fmt;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};

use listenfd::ListenFd;
use nix::libc::{AF_UNIX, SOCK_STREAM};
use nix::sys::stat::fstat;
use sd_notify::NotifyState;
use socket2::SockRef;
use tracing::warn;

/// The sockets that were passed to this process.
#[derive(Debug, Default)]
pub struct Passed {
    /// Bound UDP sockets.
    pub udp: Vec<PassedSocket<UdpSocket>>,
    /// TCP listeners.
    pub tcp: Vec<PassedSocket<TcpListener>>,
    /// The control socket of the process that this one is to succeed.
    pub control: Option<UnixListener>,
    /// Where that process serves HTTP.
    pub admin: Option<TcpListener>,
    /// The way to that process; `None`: there is none.
    pub predecessor: Option<UnixStream>,
    /// What else was passed, for people. It is of no use and stays closed.
    pub strange: Vec<String>,
}

/// A socket of an address.
#[derive(Debug)]
pub struct PassedSocket<S> {
    /// The socket.
    pub socket: S,
    /// What it is bound to.
    pub address: SocketAddr,
    /// Who else holds it.
    pub keeper: Keeper,
}

/// Who holds a socket beside this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// Nobody: it is gone when it is closed.
    Nobody,
    /// systemd's store of descriptors, until this service stops.
    Store,
    /// A socket unit, whether this service runs or not.
    Unit,
}

/// The name of a socket in the store: what it is and, so that one of several can be named, its
/// inode, which no other process' copy changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketName(String);

impl Passed {
    /// Takes the sockets out of the environment, which must not yet be used by another thread.
    pub fn take() -> Self {
        let mut listed = ListenFd::from_env();
        let mut passed = Self::default();
        let names = names();
        for index in 0..listed.len() {
            let name = names.get(index).map_or("", String::as_str);
            passed.sort(&mut listed, index, name);
        }
        passed
    }

    fn sort(&mut self, listed: &mut ListenFd, index: usize, name: &str) {
        match name {
            PREDECESSOR => {
                let stream = listed.take_custom(index, AF_UNIX, SOCK_STREAM, "stream");
                self.predecessor = stream.ok().flatten();
                return;
            }
            CONTROL => return self.control = listed.take_unix_listener(index).ok().flatten(),
            ADMIN => return self.admin = listed.take_tcp_listener(index).ok().flatten(),
            _ => {}
        }
        let keeper = Keeper::of(name);
        if let Ok(Some(socket)) = listed.take_udp_socket(index) {
            if let Ok(address) = socket.local_addr() {
                self.udp.push(PassedSocket { socket, address, keeper });
            }
        } else if let Ok(Some(socket)) = listed.take_tcp_listener(index) {
            match socket.local_addr() {
                Ok(address) if SockRef::from(&socket).is_listener().unwrap_or(false) => {
                    self.tcp.push(PassedSocket { socket, address, keeper });
                }
                Ok(address) => self.strange.push(format!("{address} ({name}), a connection")),
                Err(_) => self.strange.push(name.into()),
            }
        } else {
            if let Ok(Some(descriptor)) = listed.take_raw_fd(index) {
                let _ = nix::unistd::close(descriptor);
            }
            self.strange.push(format!("descriptor {} ({name})", FIRST + index));
        }
    }
}

impl Keeper {
    /// What a name in `LISTEN_FDNAMES` says.
    fn of(name: &str) -> Self {
        match name {
            NOBODY => Self::Nobody,
            name if name.starts_with("udp-") || name.starts_with("tcp-") => Self::Store,
            _ => Self::Unit,
        }
    }

    /// The name by which a process passes on a socket that this holds.
    pub fn name(self, stored: SocketName) -> String {
        match self {
            Self::Nobody => NOBODY.into(),
            Self::Store => stored.0,
            Self::Unit => "unit".into(),
        }
    }
}

impl SocketName {
    /// The name of a socket of `transport` (`UDP` or `TCP`) and `address`.
    pub fn of(transport: &str, address: SocketAddr, socket: &impl AsFd) -> Self {
        let inode = fstat(socket).map(|stat| stat.st_ino).unwrap_or_default();
        let address = address.to_string().replace(':', "_");
        Self(format!("{}-{address}-{inode}", transport.to_lowercase()))
    }
}

impl fmt::Display for SocketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Has systemd keep a copy of a socket, so that what comes while no process runs waits in it.
pub fn keep(name: &SocketName, socket: BorrowedFd<'_>) {
    // A socket that is ready is not one that has failed.
    let told =
        [NotifyState::FdStore, NotifyState::FdName(&name.0), NotifyState::Custom("FDPOLL=0")];
    if let Err(error) = sd_notify::notify_with_fds(&told, &[socket]) {
        warn!(%error, "can't leave {name} to systemd, so a restart will lose what it holds: {error}");
    }
}

/// Has systemd close its copy.
pub fn release(name: &SocketName) {
    super::tell(&[NotifyState::FdStoreRemove, NotifyState::FdName(&name.0)]);
}

/// The name of the way to the predecessor.
pub const PREDECESSOR: &str = "predecessor";
/// The name of the predecessor's control socket.
pub const CONTROL: &str = "control";
/// The name of the predecessor's listener for HTTP.
pub const ADMIN: &str = "admin";
/// The name of a socket that nobody else holds.
const NOBODY: &str = "nobody";
/// The number of the first descriptor that is passed.
const FIRST: usize = 3;

#[allow(clippy::disallowed_methods, reason = "systemd speaks by environment variables")]
fn names() -> Vec<String> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    names.split(':').map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_one_in_the_store() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = "[2001:db8::53]:53".parse().unwrap();
        let name = SocketName::of("UDP", address, &socket).to_string();
        assert!(name.starts_with("udp-[2001_db8__53]_53-"), "{name}");
        assert!(!name.ends_with("-0"), "{name}");
    }

    #[test]
    fn copies_of_a_socket_have_one_name_and_others_another() {
        let first = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (copy, second) = (first.try_clone().unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let name = |socket| SocketName::of("UDP", "127.0.0.1:53".parse().unwrap(), socket);
        assert_eq!(name(&first), name(&copy));
        assert_ne!(name(&first), name(&second));
    }

    #[test]
    fn a_name_says_who_holds_the_socket() {
        let stored = || SocketName("tcp-127.0.0.1_53-7".into());
        for keeper in [Keeper::Nobody, Keeper::Store, Keeper::Unit] {
            assert_eq!(Keeper::of(&keeper.name(stored())), keeper);
        }
        assert_eq!(Keeper::of("meridian.socket"), Keeper::Unit);
    }
}
