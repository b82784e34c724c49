//! The health that the director keeps: of each monitor with its pending probe, and of each az of
//! each pool, with where it stands by that and by what operators say.

use std::collections::BTreeMap;

use super::director::PoolAzIndex;
use super::eligibility::{Counted, Families, WhileUnknown, judge};
use super::keeping::Service;
use super::row::Rank;
use super::standing::{Forced, Standing, stand};
use super::{AllDown, AzState, Pool, PoolAz, PoolId, Topology};
use crate::health::{Monitor, MonitorId, Schedule};
use crate::id::IdVec;
use crate::time::{Monotonic, Now};

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
    /// Whether any endpoint is up; kept only for pools that go by what was up last.
    pub(super) is_up: bool,
    /// When safety rules let the next az go; only where one is kept.
    pub(super) paced: Option<Monotonic>,
}

/// An az of a pool.
#[derive(Clone, Debug)]
pub(super) struct AzHealth {
    /// What is measured.
    pub(super) state: AzState,
    /// When time alone makes that another one.
    pub(super) ends_at: Option<Monotonic>,
    /// What answers go by.
    pub(super) standing: Standing,
    /// Parallel to the az's endpoints.
    pub(super) while_unknown: Box<[WhileUnknown]>,
    /// Parallel to the az's endpoints: whether it is of the last set of the pool that was up; in
    /// pools that don't go by that, never.
    pub(super) was_up: Box<[bool]>,
    /// What safety rules go by.
    pub(super) service: Service,
}

/// What is known of an az of a pool before its endpoints are looked at.
pub(super) struct Remembered {
    pub(super) state: AzState,
    pub(super) while_unknown: Box<[WhileUnknown]>,
    pub(super) was_up: Box<[bool]>,
    /// Without what it is measured now.
    pub(super) service: Service,
}

/// What overrides say, where they say anything.
pub(super) type Forces = BTreeMap<PoolAzIndex, Forced>;

/// The state and standing of every az of every pool, from what is remembered of it, its endpoints'
/// health and what is `forced`.
pub(super) fn assess(
    topology: &Topology,
    watches: &Watches,
    remember: impl Fn(&Pool, &PoolAz) -> Remembered,
    forces: &Forces,
    now: Now,
) -> IdVec<PoolId, PoolHealth> {
    let pools = topology.pools.iter().map(|(id, pool)| {
        let families = Families::of(pool);
        let azs = (0u16..).zip(&pool.azs).map(|(position, az)| {
            let Remembered { state, while_unknown, mut was_up, mut service } = remember(pool, az);
            if pool.all_down != AllDown::Last {
                was_up.fill(false);
            }
            let forced = forces.get(&(id, position));
            let (state, standing) =
                look(topology, watches, (pool, families, az), (state, &while_unknown), forced, now);
            let ends_at = state.ends_at(now);
            service.is_in |= standing.is_eligible();
            AzHealth { state, ends_at, standing, while_unknown, was_up, service }
        });
        PoolHealth { families, azs: azs.collect(), is_up: false, paced: None }
    });
    pools.collect()
}

/// The measured state that an az passes to from what it was, and where it stands.
pub(super) fn look(
    topology: &Topology,
    watches: &Watches,
    (pool, families, az): (&Pool, Families, &PoolAz),
    (before, while_unknown): (AzState, &[WhileUnknown]),
    forced: Option<&Forced>,
    now: Now,
) -> (AzState, Standing) {
    let counted = || counted(watches, az, while_unknown);
    let judgement = judge(pool, families, az, counted());
    let state = before.next(&judgement, (pool.failback, pool.hold), now);
    let is_moving = |position: usize| {
        az.endpoints[position].monitor.is_some_and(|id| is_moving(topology, watches, id))
    };
    let measured = (state, judgement);
    let mut standing =
        stand((pool, families, az), measured, counted(), is_moving, forced, now.mono);
    if topology.is_outside_fence(pool, az.az) {
        standing.tier = None;
    }
    (state, standing)
}

impl AzHealth {
    pub(super) fn rank(&self) -> Rank {
        let rank = self.standing.rank(self.was_up.contains(&true));
        if self.service.is_kept { rank.kept(self.service.slots) } else { rank }
    }
}

/// What each endpoint of an az counts as.
pub(super) fn counted<'a>(
    watches: &'a Watches,
    az: &'a PoolAz,
    while_unknown: &'a [WhileUnknown],
) -> impl Iterator<Item = Counted> + Clone + 'a {
    az.endpoints.iter().zip(while_unknown).map(|(endpoint, &unknown)| {
        let monitor = endpoint.monitor.map(|id| &watches[id].monitor);
        Counted::of(monitor, unknown)
    })
}

/// Whether a monitor's state may soon be another, or is not sure yet.
fn is_moving(topology: &Topology, watches: &Watches, id: MonitorId) -> bool {
    let monitor: &Monitor = &watches[id].monitor;
    monitor.is_failing() || !monitor.is_settled(&topology.monitors[id].check.thresholds)
}
