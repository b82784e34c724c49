//! The load of each az while none of its clients is displaced: what is divided when they are.
//!
//! Azs report it in their checks' replies, the sum over the endpoints that are up; what a demand file states
//! stands in for an az that reports none. While clients of an az are displaced, or displaced clients are
//! with it, what it reports is not its own: the last before that goes on counting, and for a TTL after, until
//! clients are back.

use std::collections::{BTreeMap, BTreeSet};

use super::AzId;
use super::spill::Capacity;
use crate::health::MonitorId;
use crate::id::IdVec;
use crate::time::Monotonic;

/// What azs may be loaded with, and what is stated of their load: the part of a topology that is about
/// capacity. Nothing, unless an operator says something.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Capacities {
    /// The limits of azs that have any.
    pub limits: BTreeMap<AzId, Capacity>,
    /// The load that a demand file states of an az.
    pub stated: BTreeMap<AzId, f64>,
    /// The demand of all clients that a demand file tells.
    pub clients: Option<f64>,
}

/// What azs reported.
#[derive(Clone, Debug, Default)]
pub(super) struct Loads {
    /// The latest of each monitor.
    latest: IdVec<MonitorId, Option<f64>>,
    /// Of each az, of its own clients.
    own: IdVec<AzId, Option<f64>>,
    /// Azs whose clients are displaced or that have displaced clients.
    disturbed: BTreeSet<AzId>,
    /// Until when azs that were disturbed may have others' clients.
    settled: BTreeMap<AzId, Monotonic>,
}

impl Loads {
    /// With the load that each az is known to have had.
    pub(super) fn new(monitors: usize, own: IdVec<AzId, Option<f64>>) -> Self {
        let latest = (0..monitors).map(|_| None).collect();
        Self { latest, own, ..Self::default() }
    }

    /// What an az reported while it was undisturbed.
    pub(super) fn own(&self, az: AzId) -> Option<f64> {
        self.own.get(az).copied().flatten()
    }

    /// What an az reports now, whoever's load it is, through these monitors.
    pub(super) fn now(&self, monitors: impl Iterator<Item = MonitorId>) -> Option<f64> {
        let reported = monitors.filter_map(|id| self.latest.get(id).copied().flatten());
        reported.fold(None, |sum, load| Some(sum.unwrap_or(0.0) + load))
    }

    /// Takes in what a monitor's endpoint reports.
    pub(super) fn report(&mut self, monitor: MonitorId, load: f64) {
        if let Some(latest) = self.latest.values_mut().nth(monitor.0 as usize) {
            *latest = Some(load);
        }
    }

    /// Counts the load that an az reports now as its own, unless others' may be in it. Whether it counts.
    pub(super) fn count(&mut self, az: AzId, load: Option<f64>, now: Monotonic) -> bool {
        let is_settled = self.settled.get(&az).is_none_or(|&at| at <= now);
        if self.disturbed.contains(&az) || !is_settled {
            return false;
        }
        self.settled.remove(&az);
        if load.is_some()
            && let Some(own) = self.own.values_mut().nth(usize::from(az.0))
        {
            *own = load;
        }
        load.is_some()
    }

    /// Whether clients of an az are displaced, or displaced clients are with it.
    pub(super) fn is_disturbed(&self, az: AzId) -> bool {
        self.disturbed.contains(&az)
    }

    /// Has just these azs be disturbed; those that no longer are have others' clients until `settled`.
    pub(super) fn disturb(&mut self, azs: BTreeSet<AzId>, settled: Monotonic) {
        for &az in self.disturbed.difference(&azs) {
            self.settled.insert(az, settled);
        }
        self.disturbed = azs;
    }
}
