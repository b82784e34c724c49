//! Monitors, made ready to be probed: names parsed, authorities read. What is ready already is
//! shared with the load before.
//!
//! This reads files, so it belongs to a load, on the thread that loads.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::Uri;
use hyper::header::HeaderValue;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};

use super::tls::{self, RootsError, Session};
use crate::health::check::Tls;
use crate::health::{CheckKind, Condition, JsonPath, MonitorId, MonitorSpec};
use crate::id::IdVec;

/// The probes of one topology, by its monitors' ids.
#[derive(Clone, Debug, Default)]
pub struct Probes {
    probes: IdVec<MonitorId, Arc<Probe>>,
    ids: Arc<HashMap<MonitorSpec, MonitorId>>,
    /// By CA file; `None` for the system's authorities. Each set is read once a load.
    trust: HashMap<Option<PathBuf>, Trust>,
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
    pub(super) path: Uri,
    /// The Host header.
    pub(super) host: HeaderValue,
    /// Inclusive ranges.
    pub(super) status: Vec<(u16, u16)>,
    /// Never empty.
    pub(super) body: Option<String>,
    pub(super) ready: Arc<[Condition]>,
    pub(super) load: Option<JsonPath>,
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
            let known = previous.find(spec).and_then(|known| previous.get(known));
            let known = known.filter(|known| authorities.are_those_of(known));
            probes.push(known.cloned().unwrap_or_else(|| {
                let kind = kind(spec, &mut authorities).unwrap_or_else(|fault| {
                    faults.push((monitor, fault.clone()));
                    Kind::Unprobeable(fault)
                });
                Arc::new(Probe { spec: spec.clone(), kind })
            }));
        }
        let ids = specs.iter().map(|(monitor, spec)| (spec.clone(), monitor)).collect();
        let Authorities { loaded, stale, .. } = authorities;
        let trust = loaded.into_iter().filter_map(|(ca, trust)| Some((ca, trust.ok()?)));
        Self { probes, ids: Arc::new(ids), trust: trust.collect(), faults, stale }
    }

    /// The monitors that can't be probed, in their order.
    pub fn faults(&self) -> &[(MonitorId, PlanFault)] {
        &self.faults
    }

    /// What kept authorities from being read anew.
    pub fn stale(&self) -> &[RootsError] {
        &self.stale
    }

    /// The files of authorities that are in use.
    pub fn authorities(&self) -> impl Iterator<Item = &Path> {
        self.trust.keys().filter_map(|ca| ca.as_deref())
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

/// Authorities, and the settings of sessions that go by them.
#[derive(Clone, Debug)]
struct Trust {
    roots: Arc<RootCertStore>,
    config: Arc<ClientConfig>,
}

/// The authorities that the checks of one load name, each read once.
struct Authorities<'a> {
    previous: &'a Probes,
    loaded: HashMap<Option<PathBuf>, Result<Trust, RootsError>>,
    stale: Vec<RootsError>,
}

impl Authorities<'_> {
    fn config(&mut self, ca: &Option<PathBuf>) -> Result<Arc<ClientConfig>, RootsError> {
        if let Some(known) = self.loaded.get(ca) {
            return known.clone().map(|trust| trust.config);
        }
        let trust = match (tls::roots(ca.as_deref()), self.previous.trust.get(ca)) {
            (Ok(roots), Some(trust)) if trust.roots.roots == roots.roots => Ok(trust.clone()),
            (Ok(roots), _) => {
                let roots = Arc::new(roots);
                Ok(Trust { config: tls::config(Arc::clone(&roots)), roots })
            }
            (Err(error), Some(trust)) => {
                self.stale.push(error);
                Ok(trust.clone())
            }
            (Err(error), None) => Err(error),
        };
        self.loaded.insert(ca.clone(), trust.clone());
        trust.map(|trust| trust.config)
    }

    /// Whether the probe, made for an earlier load, would be made alike now.
    fn are_those_of(&mut self, probe: &Probe) -> bool {
        let session = match &probe.kind {
            Kind::Tcp => return true,
            Kind::Http(check) => check.session.as_ref(),
            Kind::Unprobeable(_) => return false,
        };
        let (Some(session), CheckKind::Http { tls: Some(Tls { ca }), .. }) =
            (session, &probe.spec.check.kind)
        else {
            return true;
        };
        self.config(ca).is_ok_and(|config| Arc::ptr_eq(&config, &session.config))
    }
}

fn kind(spec: &MonitorSpec, authorities: &mut Authorities<'_>) -> Result<Kind, PlanFault> {
    let (tls, path, host, status, body, ready, load) = match &spec.check.kind {
        CheckKind::Tcp => return Ok(Kind::Tcp),
        CheckKind::Http { tls, path, host, status, body, ready, load } => {
            (tls, path, host, status, body, ready, load)
        }
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
    let parsed = path.parse::<Uri>().ok().filter(|uri| uri.authority().is_none());
    Ok(Kind::Http(Box::new(HttpCheck {
        session,
        path: parsed.ok_or_else(|| PlanFault::Path(path.clone()))?,
        host: HeaderValue::from_str(&host).map_err(|_| PlanFault::Host(host))?,
        status: status.clone(),
        body: body.clone().filter(|body| !body.is_empty()),
        ready: Arc::clone(ready),
        load: load.clone(),
    })))
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
