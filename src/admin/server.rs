//! Where the API is served: a Unix socket that its group may use, and TCP.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::unix::SocketAddr;
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The control socket, removed when dropped, unless another process has it by then.
#[derive(Debug)]
pub struct ControlSocket {
    path: PathBuf,
    listener: Option<UnixListener>,
    door: watch::Sender<Door>,
}

/// Whether who comes to the control socket is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// At once.
    Open,
    /// Not now: they wait.
    Closed,
    /// By another process, to which the socket belongs.
    Elsewhere,
}

/// Who is at the other end of a connection: the id of the user whom the kernel names, where it names
/// one. The routes need it as an [`Extension`] of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub Option<u32>);

/// A connection whose other end may be known.
pub trait Connection: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// The user id of the process that connected.
    fn peer(&self) -> Option<u32>;
}

impl Connection for UnixStream {
    /// SO_PEERCRED: the process as it was when it connected.
    fn peer(&self) -> Option<u32> {
        self.peer_cred().ok().map(|credentials| credentials.uid())
    }
}

impl Connection for TcpStream {
    fn peer(&self) -> Option<u32> {
        None
    }
}

/// Owner and group may ask and act.
const MODE: u32 = 0o660;

impl ControlSocket {
    /// Opens the socket at `path`. One that no process listens on is left over, and replaced.
    pub fn bind(path: &Path) -> io::Result<Self> {
        match std::fs::symlink_metadata(path) {
            Ok(metadata) if !metadata.file_type().is_socket() => {
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is not a socket"));
            }
            Ok(_) if StdUnixStream::connect(path).is_ok() => {
                return Err(io::Error::new(
                    io::ErrorKind::AddrInUse,
                    "another server listens on it",
                ));
            }
            Ok(_) => std::fs::remove_file(path)?,
            Err(_) => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE))?;
        Ok(Self::new(path, listener, Door::Open))
    }

    /// The socket at `path` that another process has opened, if `listener` is that. The door is
    /// [`Door::Elsewhere`] until it is this process' own.
    pub fn adopt(path: &Path, listener: StdUnixListener) -> io::Result<Option<Self>> {
        let address = listener.local_addr()?;
        if address.as_pathname() != Some(path) {
            return Ok(None);
        }
        listener.set_nonblocking(true)?;
        Ok(Some(Self::new(path, UnixListener::from_std(listener)?, Door::Elsewhere)))
    }

    fn new(path: &Path, listener: UnixListener, door: Door) -> Self {
        let (door, _) = watch::channel(door);
        Self { path: path.into(), listener: Some(listener), door }
    }

    /// A copy for another process.
    pub fn copy(&self) -> io::Result<OwnedFd> {
        let listener = self.listener.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        listener.as_fd().try_clone_to_owned()
    }

    /// Closes and opens the door.
    pub fn door(&self) -> watch::Sender<Door> {
        self.door.clone()
    }

    /// Serves until `stop` turns true.
    pub async fn serve(mut self, routes: Router, stop: watch::Receiver<bool>) {
        if let Some(listener) = self.listener.take() {
            let entrance = Entrance { listener, door: self.door.subscribe() };
            serve(entrance, routes, stop).await;
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        if *self.door.borrow() != Door::Elsewhere {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Lets in while the door is open.
struct Entrance {
    listener: UnixListener,
    door: watch::Receiver<Door>,
}

impl Listener for Entrance {
    type Io = UnixStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (UnixStream, SocketAddr) {
        loop {
            let _ = self.door.wait_for(|door| *door == Door::Open).await;
            tokio::select! {
                accepted = Listener::accept(&mut self.listener) => return accepted,
                _ = self.door.wait_for(|door| *door != Door::Open) => {}
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Serves on `listener` until `stop` turns true, then lets replies that were begun end. A bounded number
/// of clients is served at a time, each for a bounded time: others wait to be accepted.
pub async fn serve<L>(mut listener: L, routes: Router, mut stop: watch::Receiver<bool>)
where
    L: Listener<Io: Connection>,
{
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, (stream, _)) = tokio::select! {
            accepted = accepted => accepted,
            () = stopped(&mut stop) => break,
        };
        let (routes, stop) = (routes.clone(), stop.clone());
        connections.spawn(async move {
            converse(stream, routes, stop).await;
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Serves one client until it leaves, its time is over, or `stop` turns true. What goes wrong is
/// nobody's news.
async fn converse<S: Connection>(stream: S, routes: Router, mut stop: watch::Receiver<bool>) {
    let routes = routes.layer(Extension(Peer(stream.peer())));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    let mut connection = pin!(connection);
    tokio::select! {
        _ = &mut connection => return,
        () = sleep(LIFETIME) => {}
        () = stopped(&mut stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(LAST_REPLY, connection).await;
}

/// Clients served at a time.
const CONNECTIONS: usize = 64;
/// For the head of a request, from when the one before was answered.
const HEAD: Duration = Duration::from_secs(30);
/// How long a client may stay connected; longer than a scrape's interval.
const LIFETIME: Duration = Duration::from_secs(300);
/// For the reply that was begun when a connection's time is over.
const LAST_REPLY: Duration = Duration::from_secs(10);

/// A sender that is gone means stop as well.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
