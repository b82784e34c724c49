//! What the director is told, and what it wants done: the whole contract with whoever runs it.

use std::fmt;
use std::sync::Arc;

use super::spill::Limit;
use super::{
    GuardChange, Keeping, Override, OverrideChange, Preferences, RoutingTable, Target, Topology,
    Transition, ViewId,
};
use crate::health::{MonitorId, Outcome};
use crate::id::IdVec;
use crate::time::Monotonic;

/// What routes are made from: the files, and the orders of azs that they and the databases give.
#[derive(Clone, Debug)]
pub struct Routing {
    /// The files.
    pub topology: Arc<Topology>,
    /// The orders that each view can give.
    pub preferences: IdVec<ViewId, Arc<Preferences>>,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A probe ended.
    Outcome {
        /// The epoch of the [`Effects`] that asked for the probe: its monitor's id is of that
        /// epoch. What comes from an earlier one is ignored.
        epoch: u64,
        /// What it found.
        outcome: Outcome,
    },
    /// The time of [`Effects::wake`] has come.
    Clock,
    /// Files or databases changed.
    Replace(Routing),
    /// An operator gave an override, and takes what comes of it.
    Override(Override),
    /// An operator ended the override that was given for these targets; nothing if there is none.
    Clear(Vec<Target>),
    /// An operator lets azs of pools back that await it; nothing where one does not.
    Release(Vec<Target>),
}

/// What is to be done about it.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Effects {
    /// Which topology the ids of `probes` are of. When it grows, every monitor's next probe is in
    /// `probes`, and all that was asked for before is void, also what is under way.
    pub epoch: u64,
    /// The probes to make, one for each monitor that has none pending.
    pub probes: Vec<ProbeAt>,
    /// The routing table, if it changed.
    pub routes: Option<Arc<RoutingTable>>,
    /// The azs that became eligible or not.
    pub transitions: Vec<Transition>,
    /// The azs of pools that are up again and now await an operator's release.
    pub awaiting: Vec<Target>,
    /// The azs that safety rules keep in service, or need no more.
    pub kept: Vec<Keeping>,
    /// The overrides that were given or ended: [`overrides`](super::Director::overrides) differs from
    /// what was last written down.
    pub overrides: Vec<OverrideChange>,
    /// The limits of azs that displaced clients break now and did not before.
    pub broken: Vec<BrokenLimit>,
    /// Where this host began to suspect its own network, or no longer does.
    pub guard: Vec<GuardChange>,
    /// When to come back with [`Event::Clock`]; in place of any earlier wake.
    pub wake: Option<Monotonic>,
    /// Whether [`saved`](super::Director::saved) differs from what was last saved, or that grows
    /// old.
    pub save: bool,
    /// Whether every monitor is up or down, or `startup_wait` has passed: sockets may open. Once
    /// true, it stays.
    pub ready: bool,
}

/// A limit of an az that displaced clients break, in words: there is no room for them anywhere.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokenLimit {
    /// The az.
    pub az: String,
    /// Which.
    pub limit: Limit,
    /// By how much load.
    pub by: f64,
}

/// As in `mumbai is expected 120 above its hard limit`.
impl fmt::Display for BrokenLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { az, limit, by } = self;
        write!(f, "{az} is expected {by:.0} above its {limit} limit")
    }
}

/// A probe to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeAt {
    /// Of what.
    pub monitor: MonitorId,
    /// When it starts; never before the `now` of the event that asked for it.
    pub at: Monotonic,
}

impl Effects {
    pub(super) fn none(epoch: u64) -> Self {
        Self {
            epoch,
            probes: Vec::new(),
            routes: None,
            transitions: Vec::new(),
            awaiting: Vec::new(),
            kept: Vec::new(),
            overrides: Vec::new(),
            broken: Vec::new(),
            guard: Vec::new(),
            wake: None,
            save: false,
            ready: false,
        }
    }
}
