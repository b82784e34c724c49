//! `meridian demo`: the configuration's zones, served together with a real HTTP server for every
//! endpoint, which `demo stop` kills and `demo start` brings back.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::config::LogFormat;
use crate::control::Loaded;
use crate::geo::Country;
use crate::wire::Name;

use super::Config;
use super::daemon::{self, Daemon, Options};
use super::output::{self, Failure};

/// Clients to ask for: real networks, and the country each is in.
const CLIENTS: [(&str, &str); 8] = [
    ("49.36.10.0/24", "IN"),
    ("202.166.0.0/24", "SG"),
    ("91.0.0.0/24", "DE"),
    ("71.163.0.0/24", "US"),
    ("177.32.0.0/24", "BR"),
    ("1.128.0.0/24", "AU"),
    ("126.0.0.0/24", "JP"),
    ("81.128.0.0/24", "GB"),
];

/// What to do to an az's servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Switch {
    /// Kill them.
    Stop,
    /// Start them.
    Start,
}

/// The HTTP servers of all azs.
#[derive(Clone, Default)]
struct Fleet(Arc<Mutex<BTreeMap<String, Vec<Server>>>>);

/// One HTTP server.
struct Server {
    address: SocketAddr,
    /// `None` while it is dead.
    running: Option<JoinHandle<io::Result<()>>>,
}

/// Serves until interrupted, or until the terminal is closed.
pub(super) fn serve(config: &Config) -> Result<(), Failure> {
    let mut options = Options::load(config)?;
    let introduction = introduction(&options.loaded);
    let state = std::env::temp_dir().join(format!("meridian-demo-{}", std::process::id()));
    let runtime = daemon::runtime()?;
    let served = runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let fleet = Fleet::start(&options.loaded).await?;
        options.state = Some(state.clone());
        options.log.format = LogFormat::Text;
        options.routes = fleet.routes();
        let mut ended = pin!(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
                _ = hangup.recv() => {}
            }
        });
        let daemon = tokio::select! {
            daemon = Daemon::start(options, Clock::start()) => daemon?,
            () = &mut ended => return Ok(()),
        };
        output::print(introduction);
        ended.await;
        daemon.stop().await;
        Ok(())
    });
    let _ = std::fs::remove_dir_all(state);
    served
}

/// Has the running demo kill or start an az's servers.
pub(super) fn switch(config: &Config, az: &str, switch: Switch) -> Result<(), Failure> {
    let verb = match switch {
        Switch::Stop => "stop",
        Switch::Start => "start",
    };
    let az_path: String = form_urlencoded::byte_serialize(az.as_bytes()).collect();
    let path = format!("/demo/{az_path}/{verb}");
    // `meridian run` has no such path.
    let reply: Value = config.ask(Method::POST, &path, Some(StatusCode::NOT_FOUND))?;
    let done = reply.get("done").and_then(Value::as_str);
    let done = done.ok_or_else(|| Failure::new("the running server is no `meridian demo`"))?;
    output::print(format_args!("{done}\n"));
    Ok(())
}

impl Fleet {
    /// A server at the probed address of every endpoint.
    async fn start(loaded: &Loaded) -> Result<Self, Failure> {
        let topology = &loaded.routing.topology;
        let mut azs: BTreeMap<String, Vec<Server>> = BTreeMap::new();
        for pool_az in topology.pools.values().flat_map(|pool| &pool.azs) {
            let az = &topology.azs[pool_az.az].name;
            let servers = azs.entry(az.clone()).or_default();
            for monitor in pool_az.endpoints.iter().filter_map(|endpoint| endpoint.monitor) {
                let address = topology.monitors[monitor].target;
                if servers.iter().all(|server| server.address != address) {
                    servers.push(Server { address, running: Some(listen(az, address).await?) });
                }
            }
        }
        Ok(Self(Arc::new(Mutex::new(azs))))
    }

    fn routes(&self) -> Router {
        Router::new()
            .route("/demo/{az}/stop", post(stop))
            .route("/demo/{az}/start", post(start))
            .with_state(self.clone())
    }

    /// The addresses of an az whose servers are dead or alive, as asked.
    fn addresses(&self, az: &str, dead: bool) -> Option<Vec<SocketAddr>> {
        let azs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let servers = azs.get(az)?.iter().filter(|server| server.running.is_none() == dead);
        Some(servers.map(|server| server.address).collect())
    }

    fn set(&self, az: &str, address: SocketAddr, running: Option<JoinHandle<io::Result<()>>>) {
        let mut azs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let servers = azs.get_mut(az).into_iter().flatten();
        for server in servers.filter(|server| server.address == address) {
            if let Some(before) = server.running.take() {
                before.abort();
            }
        }
        let servers = azs.get_mut(az).into_iter().flatten();
        if let Some(server) = servers.into_iter().find(|server| server.address == address) {
            server.running = running;
        }
    }
}

type Reply = Result<Json<Value>, (StatusCode, Json<Value>)>;

async fn stop(State(fleet): State<Fleet>, Path(az): Path<String>) -> Reply {
    let addresses = fleet.addresses(&az, false).ok_or_else(|| unknown(&az))?;
    for &address in &addresses {
        fleet.set(&az, address, None);
    }
    Ok(done(&az, "stopped", &addresses))
}

async fn start(State(fleet): State<Fleet>, Path(az): Path<String>) -> Reply {
    let addresses = fleet.addresses(&az, true).ok_or_else(|| unknown(&az))?;
    for &address in &addresses {
        match listen(&az, address).await {
            Ok(running) => fleet.set(&az, address, Some(running)),
            Err(error) => {
                let error = json!({ "error": format!("{address}: {error}") });
                return Err((StatusCode::INTERNAL_SERVER_ERROR, Json(error)));
            }
        }
    }
    Ok(done(&az, "started", &addresses))
}

fn done(az: &str, what: &str, addresses: &[SocketAddr]) -> Json<Value> {
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    let addresses = match addresses.as_slice() {
        [] => "nothing to do".into(),
        addresses => addresses.join(", "),
    };
    Json(json!({ "done": format!("{az} {what}: {addresses}") }))
}

fn unknown(az: &str) -> (StatusCode, Json<Value>) {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": format!("no endpoint is in {az}") })))
}

/// An HTTP server that says where it is and answers health checks. It dies with its task.
async fn listen(az: &str, address: SocketAddr) -> io::Result<JoinHandle<io::Result<()>>> {
    let listener = TcpListener::bind(address).await.map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => "; is another demo running?",
            _ => "",
        };
        io::Error::new(error.kind(), format!("can't serve HTTP on {address}: {error}{hint}"))
    })?;
    let greeting = format!("hello from {az}\n");
    let routes = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .fallback(async move || greeting.clone());
    Ok(tokio::spawn(async move { axum::serve(listener, routes).await }))
}

/// What to type in another shell.
fn introduction(loaded: &Loaded) -> String {
    let listen = loaded.settings().listen.first();
    let (host, port) = listen
        .map_or_else(|| (String::new(), 53), |address| (address.ip().to_string(), address.port()));
    let names = loaded.steered_names().into_iter().filter(|name| !name.is_wildcard());
    let name = names.max_by_key(Name::label_count);
    let name = name.map_or_else(|| "NAME".into(), |name| name.to_string());
    let name = name.strip_suffix('.').unwrap_or(&name);
    let mut text =
        format!("\nAsk for {name} as clients in these countries (in another shell):\n\n");
    for (subnet, country) in CLIENTS {
        let country = Country::from_code(country).and_then(Country::name).unwrap_or(country);
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "  dig @{host} -p {port} {name} +short +subnet={subnet:<16} # {country}"
        );
    }
    let az = loaded.routing.topology.azs.values().next().map_or("AZ", |az| &az.name);
    let az = if loaded.routing.topology.azs.values().any(|az| az.name == "mumbai") {
        "mumbai"
    } else {
        az
    };
    let program = std::env::current_exe();
    let program = program.map_or_else(|_| "meridian".into(), |path| path.display().to_string());
    let _ = write!(
        text,
        "\nThen kill an availability zone, watch, and bring it back:\n\n  \
         {program} demo stop {az}\n  {program} demo start {az}\n  \
         {program} explain {name} --client 49.36.10.1\n  {program} status\n\n\
         Ctrl-C ends the demo.\n\n"
    );
    text
}
