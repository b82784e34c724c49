//! What is probed, how, and how often: a check applied to an address is a monitor.

use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Condition, Damping, JsonPath};
use crate::id::Id;

/// A check with every default filled in; the address comes from the endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Check {
    /// What a probe does.
    pub kind: CheckKind,
    /// When probes are sent and what changes the state.
    pub thresholds: Thresholds,
}

/// What a probe does once it has an address and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CheckKind {
    /// Connects, and closes.
    Tcp,
    /// Sends `GET path` and judges the reply.
    Http {
        /// `None` for plain HTTP.
        tls: Option<Tls>,
        /// The path and query of the request, beginning with `/`.
        path: String,
        /// The Host header (for https, the SNI and the name in the certificate too); `None`: the
        /// probed address.
        host: Option<String>,
        /// The statuses that succeed: inclusive ranges, sorted.
        status: Vec<(u16, u16)>,
        /// What the first 64 KiB of the body must contain.
        body: Option<String>,
        /// What must be true of the body, which is JSON then, for the endpoint to be fit to serve.
        ready: Arc<[Condition]>,
        /// Where the body, if it is JSON, tells the load.
        load: Option<JsonPath>,
    },
}

/// How the certificate of an https endpoint is judged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tls {
    /// PEM file of the authorities trusted in place of the system's.
    pub ca: Option<PathBuf>,
}

/// When a monitor is probed and what changes its state (model: health).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Thresholds {
    /// From the start of one probe to the start of the next while results agree with the state.
    pub interval: Duration,
    /// A probe without a result by then has failed.
    pub timeout: Duration,
    /// From a result that disagrees with the state to the next probe.
    pub fast_interval: Duration,
    /// Consecutive successes that make a down monitor up.
    pub rise: u32,
    /// Consecutive failures that make an up monitor down.
    pub fall: u32,
    /// When losses keep an endpoint from clients though it is up; `None`: never.
    pub damping: Option<Damping>,
}

/// One of a topology's monitors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonitorId(pub u32);

impl Id for MonitorId {
    fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).expect("a load holds fewer than 2^32 monitors"))
    }

    fn index(self) -> usize {
        self.0 as usize
    }
}

/// One thing that is probed. Equal ones are one monitor, in whatever pools and zones they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitorSpec {
    /// Where the probe connects to.
    pub target: SocketAddr,
    /// What it does there; shared by thousands of monitors.
    pub check: Arc<Check>,
}

/// By the target alone, which has few checks.
impl Hash for MonitorSpec {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.target.hash(state);
    }
}
