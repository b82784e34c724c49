//! The health that the director keeps: of each monitor with its pending probe, and of each az of
//! each pool.

use super::eligibility::{Counted, Families, Judgement, WhileUnknown, judge};
use super::table::{Motion, Rank, Tier};
use super::{AzState, Pool, PoolAz, PoolId, Topology};
use crate::health::{Monitor, MonitorId, Schedule};
use crate::id::IdVec;
use crate::time::Now;

/// Every monitor of a topology.
pub(super) type Watches = IdVec<MonitorId, Watch>;

/// A monitor and its pending probe.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) monitor: Monitor,
    pub(super) schedule: Schedule,
}

/// The azs of a pool, parallel to `Pool::azs`.
#[derive(Clone, Debug)]
pub(super) struct PoolHealth {
    pub(super) families: Families,
    pub(super) azs: Vec<AzHealth>,
}

/// An az of a pool.
#[derive(Clone, Debug)]
pub(super) struct AzHealth {
    pub(super) state: AzState,
    pub(super) judgement: Judgement,
    pub(super) motion: Motion,
    /// Parallel to the az's endpoints.
    pub(super) while_unknown: Box<[WhileUnknown]>,
}

/// What is known of an az of a pool before its endpoints are looked at.
pub(super) struct Remembered {
    pub(super) state: AzState,
    pub(super) while_unknown: Box<[WhileUnknown]>,
}

/// The state of every az of every pool, from what is remembered of it and its endpoints'
/// health.
pub(super) fn assess(
    topology: &Topology,
    watches: &Watches,
    remember: impl Fn(&Pool, &PoolAz) -> Remembered,
    now: Now,
) -> IdVec<PoolId, PoolHealth> {
    let pools = topology.pools.values().map(|pool| {
        let families = Families::of(pool);
        let azs = pool.azs.iter().map(|az| {
            let Remembered { state, while_unknown } = remember(pool, az);
            let judgement = judge(pool, families, az, counted(watches, az, &while_unknown));
            let state = state.next(&judgement, pool.hold, now.mono);
            let motion = motion(topology, watches, az, state);
            AzHealth { state, judgement, motion, while_unknown }
        });
        PoolHealth { families, azs: azs.collect() }
    });
    pools.collect()
}

impl AzHealth {
    pub(super) fn rank(&self) -> Rank {
        let tier = match (self.state.is_eligible(), self.judgement.is_alive) {
            (true, _) => Tier::Eligible,
            (false, true) => Tier::Alive,
            (false, false) => Tier::AllDown,
        };
        let has_needed_family = self.judgement.has_needed_family;
        Rank { tier, has_needed_family, motion: self.motion }
    }
}

/// What each endpoint of an az counts as.
pub(super) fn counted<'a>(
    watches: &'a Watches,
    az: &'a PoolAz,
    while_unknown: &'a [WhileUnknown],
) -> impl Iterator<Item = Counted> + 'a {
    az.endpoints.iter().zip(while_unknown).map(|(endpoint, &unknown)| {
        let monitor = endpoint.monitor.map(|id| &watches[id].monitor);
        Counted::of(monitor, unknown)
    })
}

/// Whether answers that name an az in this state may soon be wrong.
pub(super) fn motion(
    topology: &Topology,
    watches: &Watches,
    az: &PoolAz,
    state: AzState,
) -> Motion {
    let is_calm = |id: MonitorId| {
        let monitor = &watches[id].monitor;
        !monitor.is_failing() && monitor.is_settled(&topology.monitors[id].check.thresholds)
    };
    let are_calm = az.endpoints.iter().filter_map(|endpoint| endpoint.monitor).all(is_calm);
    if are_calm && state.held_until().is_none() { Motion::Calm } else { Motion::Moving }
}
