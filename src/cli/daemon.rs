//! A whole server in this process: files, control, workers, listeners and the API, started in the
//! order in which they need each other and stopped in the reverse.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::admin::server::{self, ControlSocket, Door};
use crate::admin::{full, read_only};
use crate::clock::Clock;
use crate::config::{Environment, LogSettings, Settings};
use crate::control::{Control, Handle, Loaded, Occasion, load, wanted};
use crate::probe::Prober;
use crate::serve::{ListenError, Totals, Transports};
use crate::store::{Store, StoreError};
use crate::systemd::{self, Keeper, Passed, PassedSocket, SocketName};
use crate::telemetry::logs::{self, Flush};

use super::handover::{Offer, Predecessor};
use super::output::Failure;
use super::socket::{environment, journal_stream};
use super::{Config, check};

/// What a server is started with.
pub(super) struct Options {
    path: PathBuf,
    environment: Environment,
    pub(super) loaded: Loaded,
    /// Where state is kept, if not where the configuration says.
    pub(super) state: Option<PathBuf>,
    /// What is logged and how.
    pub(super) log: LogSettings,
    /// More routes for the control socket.
    pub(super) routes: Router,
    /// Sockets that need not be opened.
    pub(super) passed: Passed,
}

/// A running server.
pub(super) struct Daemon {
    control: Handle,
    transports: Arc<Mutex<Transports>>,
    /// Where state is kept.
    state: PathBuf,
    /// What another process needs beside the transports' sockets, and by what names.
    others: Vec<(OwnedFd, &'static str)>,
    door: watch::Sender<Door>,
    admin: Vec<JoinHandle<()>>,
    admin_stop: watch::Sender<bool>,
    log: Flush,
}

/// Threads for TCP, probes and the API.
const RUNTIME_THREADS: usize = 2;

/// How long clients of TCP and of the API have to take their answers when the server stops.
const DRAIN: Duration = Duration::from_secs(5);

/// How long TCP clients at most may keep a process whose successor serves already.
const LONGEST_FAREWELL: Duration = Duration::from_secs(60);

/// The runtime for everything but UDP.
pub(super) fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .thread_name("runtime")
        .enable_all()
        .build()
}

impl Options {
    /// Loads what `config` names, and shows the faults if nothing of it can be used.
    pub(super) fn load(config: &Config) -> Result<Self, Failure> {
        let (path, environment) = (config.path()?, environment());
        let loaded = load::load(&path, &environment, None, Occasion::Asked).map_err(|report| {
            check::show(&report);
            Failure::Shown
        })?;
        let log = loaded.settings().log;
        let (routes, passed) = (Router::new(), Passed::default());
        Ok(Self { path, environment, loaded, state: None, log, routes, passed })
    }
}

impl Daemon {
    /// Probes until it is known who is up, then serves.
    pub(super) async fn start(options: Options, clock: Clock) -> Result<Self, Failure> {
        let Options { path, environment, loaded, state, log, routes, mut passed } = options;
        // The predecessor has what these lack: it serves better.
        if passed.predecessor.is_some() && loaded.report.has_errors() {
            check::show(&loaded.report);
            return Err(Failure::Shown);
        }
        let settings = loaded.settings().clone();
        let journal_stream = journal_stream();
        let log = match passed.predecessor {
            None => logs::start(log, &io::stderr(), journal_stream.as_deref()),
            // What it says now its predecessor passes on; its own errors will go where this leads.
            Some(_) => logs::start(log, &io::stdout(), journal_stream.as_deref()),
        }?;
        for line in loaded.report.errors() {
            tracing::error!("{line}");
        }
        raise_descriptor_limit();
        let state = state.unwrap_or_else(|| settings.state.clone());
        let mut predecessor = passed.predecessor.take().map(Predecessor::reached_by).transpose()?;
        if let Some(predecessor) = &mut predecessor {
            predecessor.release_state().await?;
        }
        let store = match Store::open(&state) {
            Ok(store) => Ok(store),
            // Two servers of one configuration are a mistake; a disk that fails is no reason not to
            // serve.
            Err(error @ StoreError::Held { .. }) => {
                return Err(Failure::new(format!("state directory: {error}")));
            }
            Err(error @ (StoreError::Failed { .. } | StoreError::Damaged { .. })) => {
                let unusable =
                    format!("health and overrides are neither restored nor saved: {error}");
                tracing::error!(%error, "{unusable}");
                Err(unusable)
            }
        };
        let prober = Prober::new(settings.outstanding_probes, clock);
        let prober = prober.probing_from(&settings.probe_sources);
        let control = Control::spawn(path, environment, loaded, store, prober, clock)?;
        control.ready().await?;

        let totals = Totals::default();
        let (admin_stop, admin_stopped) = watch::channel(false);
        let mut admin = vec![];
        let socket = control_socket(&settings, &mut passed).map_err(|error| {
            Failure::new(format!("control socket {}: {error}", settings.control.display()))
        })?;
        let (door, mut others) = (socket.door(), vec![(socket.copy()?, systemd::CONTROL)]);
        let routes = full(control.clone(), totals.clone()).merge(routes);
        admin.push(tokio::spawn(socket.serve(routes, admin_stopped.clone())));
        if let Some(address) = settings.admin {
            let listener = admin_listener(address, &mut passed)
                .await
                .map_err(|error| Failure::new(format!("[admin] listen {address}: {error}")))?;
            others.push((listener.as_fd().try_clone_to_owned()?, systemd::ADMIN));
            let address = listener.local_addr()?;
            tracing::info!(%address, "serving HTTP on {address}");
            let routes = read_only(control.clone(), totals.clone());
            admin.push(tokio::spawn(server::serve(listener, routes, admin_stopped)));
        }

        let shared = control.shared();
        let transports = Transports::open(&wanted(&settings), &mut passed, shared, totals);
        let transports = Arc::new(Mutex::new(transports.map_err(all)?));
        if let Some(predecessor) = predecessor {
            predecessor.succeed().await?;
            door.send_replace(Door::Open);
        }
        // From here on sockets are this process' to close.
        close_unused(passed);
        control.serve(transports.clone()).await?;
        Ok(Self { control, transports, state, others, door, admin, admin_stop, log })
    }

    /// What another process needs to take over.
    pub(super) fn offer(&self) -> Result<Offer, Failure> {
        let mut sockets = self.transports().copies()?;
        for (socket, name) in &self.others {
            sockets.push((socket.try_clone()?, (*name).into()));
        }
        let (control, door, state) = (self.control.clone(), self.door.clone(), self.state.clone());
        Ok(Offer { sockets, control, door, state })
    }

    /// Asks the control task.
    pub(super) fn control(&self) -> Handle {
        self.control.clone()
    }

    /// Where it listens, for people.
    pub(super) fn summary(&self) -> String {
        let addresses = self.transports().addresses();
        let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        format!("serving on {}", addresses.join(", "))
    }

    /// How many rounds each worker has made.
    pub(super) fn beats(&self) -> Vec<u64> {
        self.transports().beats()
    }

    /// What serves.
    pub(super) fn transports(&self) -> MutexGuard<'_, Transports> {
        self.transports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers what has arrived, saves health, and ends.
    pub(super) async fn stop(self) {
        tracing::info!("stopping");
        let deadline = Instant::now() + DRAIN;
        let leaving = self.transports().take();
        leaving.end(deadline).await;
        self.end(deadline).await;
    }

    /// Ends once connections are idle, while another process serves; at once when `hurry` is done.
    pub(super) async fn leave(self, hurry: impl Future<Output = ()>) {
        let (leaving, idle) = {
            let mut transports = self.transports();
            (transports.take(), transports.idle())
        };
        leaving.leave(idle.min(LONGEST_FAREWELL), hurry, DRAIN).await;
        self.end(Instant::now() + DRAIN).await;
    }

    async fn end(self, deadline: Instant) {
        self.admin_stop.send_replace(true);
        end(self.admin, deadline).await;
        let _ = self.control.stop().await;
        tracing::info!("stopped");
        drop(self.log);
    }
}

/// The predecessor's, if it is where this process wants one.
fn control_socket(settings: &Settings, passed: &mut Passed) -> io::Result<ControlSocket> {
    let passed = passed.control.take();
    let adopted =
        passed.map(|socket| ControlSocket::adopt(&settings.control, socket)).transpose()?;
    adopted.flatten().map_or_else(|| ControlSocket::bind(&settings.control), Ok)
}

/// The predecessor's, if it is of this address.
async fn admin_listener(address: SocketAddr, passed: &mut Passed) -> io::Result<TcpListener> {
    match passed.admin.take() {
        Some(listener) if is_of(listener.local_addr()?, address) => {
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        }
        _ => TcpListener::bind(address).await,
    }
}

/// Whether `asked` can be meant by a socket of `address`: port 0 is any.
fn is_of(address: SocketAddr, asked: SocketAddr) -> bool {
    address == asked || (asked.port() == 0 && address.ip() == asked.ip())
}

/// Everything that can't be listened on, in one message.
fn all(errors: Vec<ListenError>) -> Failure {
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    Failure::new(errors.join("; "))
}

/// Closes the sockets that were passed for nothing, and tells of them.
fn close_unused(passed: Passed) {
    let Passed { udp, tcp, strange, control: _, admin: _, predecessor: _ } = passed;
    for PassedSocket { socket, address, keeper } in udp {
        let name = SocketName::of("UDP", address, &socket);
        drop(socket);
        tell_closed(name, &format!("{address} (UDP)"), keeper);
    }
    for PassedSocket { socket, address, keeper } in tcp {
        let name = SocketName::of("TCP", address, &socket);
        drop(socket);
        tell_closed(name, &format!("{address} (TCP)"), keeper);
    }
    for socket in strange {
        tracing::error!(socket, "{socket} was passed to this process, which can't use it");
    }
}

fn tell_closed(name: SocketName, socket: &str, keeper: Keeper) {
    match keeper {
        Keeper::Unit => tracing::error!(
            socket,
            "{socket} was passed to this process, and `listen` does not name it: it is closed"
        ),
        // The process before listened on it.
        Keeper::Nobody => tracing::info!(socket, "no longer listening on {socket}"),
        Keeper::Store => {
            systemd::release(&name);
            tracing::info!(socket, "no longer listening on {socket}");
        }
    }
}

/// Allows as many open files as the hard limit does. The usual soft limit of 1,024 is below what TCP
/// clients may take, and would leave none for probes.
fn raise_descriptor_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::debug!(%error, "can't raise the limit of open files: {error}");
    }
}

/// Waits for `tasks`, which were told to end, and cuts off what is left of them at `deadline`.
async fn end<T>(tasks: Vec<JoinHandle<T>>, deadline: Instant) {
    for mut task in tasks {
        if timeout_at(deadline, &mut task).await.is_err() {
            tracing::warn!("clients that did not take their answers are cut off");
            task.abort();
            let _ = task.await;
        }
    }
}
