//! A whole server in this process: files, control, workers, listeners and the API, started in the
//! order in which they need each other and stopped in the reverse.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread::available_parallelism;
use std::time::Duration;

use axum::Router;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::admin::server::{self, ControlSocket};
use crate::admin::{full, read_only};
use crate::answer::Transport;
use crate::clock::Clock;
use crate::config::{Environment, LogSettings};
use crate::control::{Control, Handle, Loaded, Occasion, load};
use crate::probe::Prober;
use crate::serve::tcp::{Acceptor, Admission, Limits};
use crate::serve::udp::Worker;
use crate::serve::{Totals, bind};
use crate::store::{Store, StoreError};
use crate::telemetry::logs::{self, Flush};

use super::output::Failure;
use super::socket::environment;
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
}

/// A running server.
pub(super) struct Daemon {
    control: Handle,
    addresses: Vec<SocketAddr>,
    workers: Vec<Worker>,
    tasks: Vec<JoinHandle<io::Result<()>>>,
    stop: watch::Sender<bool>,
    admin: Vec<JoinHandle<()>>,
    admin_stop: watch::Sender<bool>,
    log: Flush,
}

/// Threads for TCP, probes and the API.
const RUNTIME_THREADS: usize = 2;

/// How long clients of TCP and of the API have to take their answers when the server stops.
const DRAIN: Duration = Duration::from_secs(5);

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
        Ok(Self { path, environment, loaded, state: None, log, routes: Router::new() })
    }
}

impl Daemon {
    /// Probes until it is known who is up, then serves.
    pub(super) async fn start(options: Options, clock: Clock) -> Result<Self, Failure> {
        let Options { path, environment, loaded, state, log, routes } = options;
        let settings = loaded.settings().clone();
        let log = logs::start(log)?;
        for line in loaded.report.errors() {
            tracing::error!("{line}");
        }
        raise_descriptor_limit();
        let state = state.unwrap_or_else(|| settings.state.clone());
        let store = match Store::open(&state) {
            Ok(store) => Some(store),
            // Two servers of one configuration are a mistake; a disk that fails is no reason not to
            // serve.
            Err(error @ StoreError::Held { .. }) => {
                return Err(Failure::new(format!("state directory: {error}")));
            }
            Err(error @ StoreError::Failed { .. }) => {
                tracing::error!(%error, "health is neither restored nor saved: {error}");
                None
            }
        };
        let prober = Prober::new(settings.outstanding_probes, clock);
        let control = Control::spawn(path, environment, loaded, store, prober, clock)?;
        control.ready().await?;

        let workers = settings.workers.or_else(|| available_parallelism().ok());
        let listeners = bind(&settings.listen, workers.map_or(1, NonZeroUsize::get))?;
        let totals = Totals::default();
        let (admin_stop, admin_stopped) = watch::channel(false);
        let mut admin = vec![];
        let socket = ControlSocket::bind(&settings.control).map_err(|error| {
            Failure::new(format!("control socket {}: {error}", settings.control.display()))
        })?;
        let routes = full(control.clone(), totals.clone()).merge(routes);
        admin.push(tokio::spawn(socket.serve(routes, admin_stopped.clone())));
        if let Some(address) = settings.admin {
            let listener = TcpListener::bind(address)
                .await
                .map_err(|error| Failure::new(format!("[admin] listen {address}: {error}")))?;
            let address = listener.local_addr()?;
            tracing::info!(%address, "serving HTTP on {address}");
            let routes = read_only(control.clone(), totals.clone());
            admin.push(tokio::spawn(server::serve(listener, routes, admin_stopped)));
        }

        let (stop, stopped) = watch::channel(false);
        let tally = Arc::new(Mutex::new(totals.tally(Transport::Tcp)));
        let admission = Admission::new(Limits {
            idle: settings.tcp.idle,
            connections: settings.tcp.connections,
            per_client: settings.tcp.per_client,
        });
        let (mut addresses, mut udp, mut tasks) = (vec![], vec![], vec![]);
        for listener in listeners {
            tracing::info!(address = %listener.address, "listening on {}", listener.address);
            addresses.push(listener.address);
            for socket in listener.udp {
                let tally = totals.tally(Transport::Udp);
                udp.push(Worker::spawn(socket, control.shared(), tally, |_, _| ())?);
            }
            let acceptor = Acceptor {
                listener: listener.tcp,
                shared: control.shared(),
                tally: tally.clone(),
                admission: admission.clone(),
                stop: stopped.clone(),
            };
            tasks.push(tokio::spawn(acceptor.run()));
        }
        Ok(Self { control, addresses, workers: udp, tasks, stop, admin, admin_stop, log })
    }

    /// Asks the control task.
    pub(super) fn control(&self) -> Handle {
        self.control.clone()
    }

    /// Where it listens, for people.
    pub(super) fn summary(&self) -> String {
        let addresses: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
        format!("serving on {}", addresses.join(", "))
    }

    /// How many rounds each worker has made.
    pub(super) fn beats(&self) -> Vec<u64> {
        self.workers.iter().map(Worker::beats).collect()
    }

    /// Answers what has arrived, saves health, and ends.
    pub(super) async fn stop(self) {
        tracing::info!("stopping");
        self.stop.send_replace(true);
        let workers = self.workers;
        workers.iter().for_each(Worker::stop);
        let drained = tokio::task::spawn_blocking(|| workers.into_iter().for_each(Worker::join));
        let _ = drained.await;
        let deadline = Instant::now() + DRAIN;
        end(self.tasks, deadline).await;
        self.admin_stop.send_replace(true);
        end(self.admin, deadline).await;
        let _ = self.control.stop().await;
        tracing::info!("stopped");
        drop(self.log);
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
