//! Monitors, made ready to be probed: names parsed, authorities read, requests built.
//!
//! This reads files, so it belongs to a load, on the thread that loads.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONNECTION, HOST, HeaderValue, USER_AGENT};
use hyper::{Request, Uri};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::tls::{self, RootsError, Session};
use crate::health::check::Tls;
use crate::health::{CheckKind, MonitorId, MonitorSpec};
use crate::id::IdVec;

/// The probes of one topology, by its monitors' ids.
#[derive(Clone, Debug, Default)]
pub struct Probes {
    probes: IdVec<MonitorId, Arc<Probe>>,
    ids: HashMap<MonitorSpec, MonitorId>,
    /// By CA file; `None` for the system's authorities. Each set is read once a load.
    sessions: HashMap<Option<PathBuf>, Arc<ClientConfig>>,
    faults: Vec<(MonitorId, PlanFault)>,
    stale: Vec<RootsError>,
}

/// One probe, ready to be sent.
#[derive(Debug)]
pub struct Probe {
    pub(super) spec: MonitorSpec,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Tcp,
    Http(Box<HttpCheck>),
    Unprobeable(PlanFault),
}

#[derive(Debug)]
pub(super) struct HttpCheck {
    pub(super) session: Option<Session>,
    pub(super) request: Request<Empty<Bytes>>,
    /// Inclusive ranges.
    pub(super) status: Vec<(u16, u16)>,
    /// Never empty.
    pub(super) body: Option<String>,
}

/// Why a monitor can't be probed as it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanFault {
    /// There is nobody to trust.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// The host is neither a name nor an address that a certificate and a Host header can bear.
    #[error("{0:?} is not a host name")]
    Host(String),
    /// The path can't stand in a request.
    #[error("{0:?} is not a path")]
    Path(String),
}

impl Probes {
    /// Makes `specs` ready. A monitor with a fault is not probed, and its outcomes say why. Where
    /// authorities that `previous` had read can't be read any more, those of then go on.
    pub fn compile(specs: &IdVec<MonitorId, MonitorSpec>, previous: &Self) -> Self {
        let mut authorities = Authorities { previous, loaded: HashMap::new(), stale: Vec::new() };
        let mut faults = Vec::new();
        let mut probes = IdVec::new();
        for (monitor, spec) in specs.iter() {
            let kind = kind(spec, &mut authorities).unwrap_or_else(|fault| {
                faults.push((monitor, fault.clone()));
                Kind::Unprobeable(fault)
            });
            probes.push(Arc::new(Probe { spec: spec.clone(), kind }));
        }
        let ids = specs.iter().map(|(monitor, spec)| (spec.clone(), monitor)).collect();
        let Authorities { loaded, stale, .. } = authorities;
        let sessions = loaded.into_iter().filter_map(|(ca, config)| Some((ca, config.ok()?)));
        Self { probes, ids, sessions: sessions.collect(), faults, stale }
    }

    /// The monitors that can't be probed, in their order.
    pub fn faults(&self) -> &[(MonitorId, PlanFault)] {
        &self.faults
    }

    /// What kept authorities from being read anew.
    pub fn stale(&self) -> &[RootsError] {
        &self.stale
    }

    /// The probe of a monitor, if the id is one of this topology's.
    pub fn get(&self, monitor: MonitorId) -> Option<&Arc<Probe>> {
        self.probes.get(monitor)
    }

    pub(super) fn monitors(&self) -> impl ExactSizeIterator<Item = MonitorId> + use<> {
        self.probes.ids()
    }

    /// The monitor with this spec.
    pub(super) fn find(&self, spec: &MonitorSpec) -> Option<MonitorId> {
        self.ids.get(spec).copied()
    }
}

/// The authorities that the checks of one load name, each read once.
struct Authorities<'a> {
    previous: &'a Probes,
    loaded: HashMap<Option<PathBuf>, Result<Arc<ClientConfig>, RootsError>>,
    stale: Vec<RootsError>,
}

impl Authorities<'_> {
    fn config(&mut self, ca: &Option<PathBuf>) -> Result<Arc<ClientConfig>, RootsError> {
        if let Some(known) = self.loaded.get(ca) {
            return known.clone();
        }
        let config = match (tls::roots(ca.as_deref()), self.previous.sessions.get(ca)) {
            (Ok(roots), _) => Ok(tls::config(roots)),
            (Err(error), Some(config)) => {
                self.stale.push(error);
                Ok(Arc::clone(config))
            }
            (Err(error), None) => Err(error),
        };
        self.loaded.insert(ca.clone(), config.clone());
        config
    }
}

fn kind(spec: &MonitorSpec, authorities: &mut Authorities<'_>) -> Result<Kind, PlanFault> {
    let (tls, path, host, status, body) = match &spec.check.kind {
        CheckKind::Tcp => return Ok(Kind::Tcp),
        CheckKind::Http { tls, path, host, status, body } => (tls, path, host, status, body),
    };
    let session = match tls {
        None => None,
        Some(Tls { ca }) => {
            Some(Session { name: server_name(spec, host)?, config: authorities.config(ca)? })
        }
    };
    let host = match host {
        Some(host) => host.clone(),
        None => address(spec, default_port(tls)),
    };
    Ok(Kind::Http(Box::new(HttpCheck {
        session,
        request: request(path, host)?,
        status: status.clone(),
        body: body.clone().filter(|body| !body.is_empty()),
    })))
}

fn request(path: &str, host: String) -> Result<Request<Empty<Bytes>>, PlanFault> {
    let uri = path.parse::<Uri>().ok().filter(|uri| uri.authority().is_none());
    let uri = uri.ok_or_else(|| PlanFault::Path(path.to_owned()))?;
    let host = HeaderValue::from_str(&host).map_err(|_| PlanFault::Host(host))?;
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(HOST, host);
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(request)
}

fn server_name(
    spec: &MonitorSpec,
    host: &Option<String>,
) -> Result<ServerName<'static>, PlanFault> {
    match host {
        Some(host) => ServerName::try_from(host.clone()).map_err(|_| PlanFault::Host(host.clone())),
        None => Ok(ServerName::from(spec.target.ip())),
    }
}

/// The Host header of a request to an address (RFC 9110 section 7.2): the port only if it is not
/// the scheme's own.
fn address(spec: &MonitorSpec, default_port: u16) -> String {
    if spec.target.port() != default_port {
        return spec.target.to_string();
    }
    match spec.target.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

fn default_port(tls: &Option<Tls>) -> u16 {
    if tls.is_some() { 443 } else { 80 }
}

const AGENT: &str = concat!("meridian/", env!("CARGO_PKG_VERSION"));
