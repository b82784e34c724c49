//! The director: events in, effects out. It decides when to probe, what each result means for the
//! azs of pools, and what the routing table is.
//!
//! It has no clock, socket, file or randomness: whoever runs it feeds it results, deadlines and
//! reloads with the time at which they happen, and carries out the effects. Two directors that
//! are fed the same give the same effects.
//!
//! A result touches only the azs that depend on its monitor. What they then are is decided in
//! [`super::eligibility`], what clients get in [`super::table`], and when that is published in
//! [`super::publication`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::eligibility::{Counted, Families, Giving, Judgement, WhileUnknown, judge};
use super::publication::Publication;
use super::saved::SavedMonitor;
use super::table::{AzRoute, Motion, PoolRoutes, Rank, RoutingTable, Rows, Tier};
use super::{
    AzState, Eligibility, Pool, PoolAz, PoolId, Preferences, Reason, Saved, Topology, Transition,
    ViewId,
};
use crate::health::schedule::mix;
use crate::health::{HealthState, Monitor, MonitorId, Outcome, Schedule, Verdict};
use crate::id::IdVec;
use crate::time::{Monotonic, Now};

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
    /// When to come back with [`Event::Clock`]; in place of any earlier wake.
    pub wake: Option<Monotonic>,
    /// Whether [`Director::saved`] differs from what was last saved, or that grows old.
    pub save: bool,
    /// Whether every monitor is up or down, or `startup_wait` has passed: sockets may open. Once
    /// true, it stays.
    pub ready: bool,
}

/// A probe to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeAt {
    /// Of what.
    pub monitor: MonitorId,
    /// When it starts; never before the `now` of the event that asked for it.
    pub at: Monotonic,
}

/// The health of everything, and the routes that follow.
#[derive(Debug)]
pub struct Director {
    pub(super) routing: Routing,
    pub(super) watches: IdVec<MonitorId, Watch>,
    pub(super) pools: IdVec<PoolId, PoolHealth>,
    pub(super) epoch: u64,
    /// The azs of pools that depend on each monitor.
    dependents: IdVec<MonitorId, Vec<PoolAzIndex>>,
    holds: BTreeSet<(Monotonic, PoolAzIndex)>,
    rows: Rows,
    publication: Publication,
    seed: u64,
    start: Start,
    saved_at: Monotonic,
}

/// A monitor and its pending probe.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) monitor: Monitor,
    pub(super) schedule: Schedule,
}

/// The azs of a pool, parallel to `Pool::azs`.
#[derive(Clone, Debug)]
pub(super) struct PoolHealth {
    families: Families,
    pub(super) azs: Vec<AzHealth>,
}

/// An az of a pool.
#[derive(Clone, Debug)]
pub(super) struct AzHealth {
    pub(super) state: AzState,
    judgement: Judgement,
    motion: Motion,
    /// Parallel to the az's endpoints.
    pub(super) while_unknown: Box<[WhileUnknown]>,
}

/// What is known of an az of a pool before its endpoints are looked at.
pub(super) struct Remembered {
    pub(super) state: AzState,
    pub(super) while_unknown: Box<[WhileUnknown]>,
}

/// An az by its position in a pool.
type PoolAzIndex = (PoolId, u16);

/// Whether sockets may open.
#[derive(Debug)]
enum Start {
    Waiting { until: Monotonic },
    Over,
}

/// Why an az is looked at again.
#[derive(Clone, Copy)]
enum Trigger<'a> {
    Result(MonitorId, &'a Verdict),
    Deadline,
}

impl Director {
    /// Starts from what was saved before a restart, if it is fresh. `seed` spreads probes and
    /// should differ between servers. Every monitor's first probe is among the effects.
    pub fn start(
        routing: Routing,
        saved: &Saved,
        seed: u64,
        startup_wait: Duration,
        now: Now,
    ) -> (Self, Effects) {
        let none = Saved::default();
        let saved = if saved.is_fresh(now) { saved } else { &none };
        let mut director = Self {
            routing: Routing { topology: Arc::default(), preferences: IdVec::new() },
            watches: IdVec::new(),
            pools: IdVec::new(),
            epoch: 0,
            dependents: IdVec::new(),
            holds: BTreeSet::new(),
            rows: Rows::default(),
            publication: Publication::new(IdVec::new()),
            seed,
            start: Start::Waiting { until: now.mono + startup_wait },
            saved_at: now.mono,
        };
        let topology = Arc::clone(&routing.topology);
        let watches = topology.monitors.iter().map(|(id, spec)| {
            let monitor = match saved.monitor(spec) {
                Some(SavedMonitor { state, since }) => Monitor::restored(state, since),
                None => Monitor::unknown(now),
            };
            director.watch(id, monitor, &topology, now)
        });
        let watches = watches.collect();
        let remember = |pool: &Pool, az: &PoolAz| Remembered {
            state: match saved.hold(&pool.name, &topology.azs[az.az].name) {
                Some(until) => {
                    let left = until.saturating_since(now.wall).min(pool.hold);
                    AzState::Held { until: now.mono + left }
                }
                None => AzState::Awaited,
            },
            while_unknown: az.endpoints.iter().map(|_| WhileUnknown::Up).collect(),
        };
        let pools = director.assess(&topology, &watches, remember, now);
        director.install(routing, watches, pools);
        director.publication = Publication::new(director.all_routes());

        let mut effects = director.effects();
        effects.probes = director.pending_probes();
        effects.routes = Some(director.routes());
        director.finish(&mut effects, now);
        (director, effects)
    }

    /// Takes in what happened.
    pub fn apply(&mut self, event: Event, now: Now) -> Effects {
        let mut effects = self.effects();
        let mut touched = BTreeMap::new();
        match event {
            Event::Outcome { epoch, outcome } if epoch == self.epoch => {
                self.record(&outcome, now, &mut touched, &mut effects);
            }
            Event::Outcome { .. } | Event::Clock => {}
            Event::Replace(routing) => self.replace(routing, now, &mut effects),
        }
        while let Some(&(until, index)) = self.holds.first()
            && until <= now.mono
        {
            self.holds.remove(&(until, index));
            self.reassess(index, Trigger::Deadline, now, &mut touched, &mut effects);
        }
        let changed: Vec<_> = touched
            .into_iter()
            .map(|(pool, positions)| (pool, self.pool_routes(pool, &positions)))
            .collect();
        if let Some(table) = self.publication.update(changed.into_iter(), now.mono) {
            effects.routes = Some(table);
        }
        self.finish(&mut effects, now);
        effects
    }

    /// The current routing table.
    pub fn routes(&self) -> Arc<RoutingTable> {
        Arc::clone(self.publication.table())
    }

    /// Whether sockets may open.
    pub fn is_ready(&self) -> bool {
        matches!(self.start, Start::Over)
    }

    /// What a restart can start from.
    pub fn saved(&self, now: Now) -> Saved {
        let topology = &self.routing.topology;
        let known = |(spec, watch): (_, &Watch)| match watch.monitor.state() {
            HealthState::Unknown => None,
            state @ (HealthState::Up | HealthState::Down) => {
                let since = watch.monitor.since();
                Some((super::saved::monitor_key(spec), SavedMonitor { state, since }))
            }
        };
        let monitors = topology.monitors.values().zip(self.watches.values());
        let mut saved = Saved {
            written_at: now.wall,
            monitors: monitors.filter_map(known).collect(),
            holds: BTreeMap::new(),
        };
        for &(until, (pool, position)) in &self.holds {
            let pool = &topology.pools[pool];
            let az = &topology.azs[pool.azs[usize::from(position)].az];
            let holds = saved.holds.entry(pool.name.clone()).or_default();
            holds.insert(az.name.clone(), now.wall_at(until));
        }
        saved
    }

    /// Takes a probe's result in and schedules the next probe.
    fn record(
        &mut self,
        outcome: &Outcome,
        now: Now,
        touched: &mut Touched,
        effects: &mut Effects,
    ) {
        let id = outcome.monitor;
        let topology = Arc::clone(&self.routing.topology);
        let thresholds = &topology.monitors[id].check.thresholds;
        let Watch { monitor, schedule } = &mut self.watches[id];
        let motion = |monitor: &Monitor| (monitor.is_failing(), monitor.is_settled(thresholds));
        let before = motion(monitor);
        let changed = monitor.record(&outcome.verdict, thresholds, now);
        schedule.advance(monitor, thresholds, outcome.duration, now.mono);
        effects.probes.push(ProbeAt { monitor: id, at: schedule.next() });
        effects.save |= changed.is_some();
        if changed.is_none() && before == motion(monitor) {
            return;
        }
        let dependents = std::mem::take(&mut self.dependents[id]);
        for &index in &dependents {
            let trigger = Trigger::Result(id, &outcome.verdict);
            self.reassess(index, trigger, now, touched, effects);
        }
        self.dependents[id] = dependents;
    }

    /// Looks at an az of a pool again.
    fn reassess(
        &mut self,
        index: PoolAzIndex,
        trigger: Trigger<'_>,
        now: Now,
        touched: &mut Touched,
        effects: &mut Effects,
    ) {
        let (pool_id, position) = index;
        let topology = Arc::clone(&self.routing.topology);
        let pool = &topology.pools[pool_id];
        let az = &pool.azs[usize::from(position)];
        let PoolHealth { families, azs } = &self.pools[pool_id];
        let health = &azs[usize::from(position)];
        let before = health.state;
        let judgement = judge(pool, *families, az, self.counted(az, health));
        let after = before.next(&judgement, pool.hold, now.mono);
        let motion = motion(&topology, &self.watches, az, after);

        let health = &mut self.pools[pool_id].azs[usize::from(position)];
        (health.state, health.judgement, health.motion) = (after, judgement, motion);
        touched.entry(pool_id).or_default().insert(position);
        if before == after {
            return;
        }
        if let Some(until) = before.held_until() {
            self.holds.remove(&(until, index));
        }
        if let Some(until) = after.held_until() {
            self.holds.insert((until, index));
        }
        effects.save = true;
        if before.is_eligible() != after.is_eligible() {
            let (reason, first_failure) = self.reason(before, pool, trigger);
            let transition = Transition { first_failure, ..self.transition(index, reason, now) };
            effects.transitions.push(transition);
        }
    }

    /// Why an az that was in state `before` is eligible now or is not, and the first of the
    /// failures that led there.
    fn reason(
        &self,
        before: AzState,
        pool: &Pool,
        trigger: Trigger<'_>,
    ) -> (Reason, Option<Monotonic>) {
        match (before, trigger) {
            (AzState::Held { .. }, _) | (_, Trigger::Deadline) => (Reason::Held(pool.hold), None),
            (_, Trigger::Result(monitor, Verdict::Failure(cause))) => {
                let first_failure = self.watches[monitor].monitor.first_failure();
                (Reason::Failed(cause.clone()), first_failure)
            }
            (_, Trigger::Result(_, Verdict::Success | Verdict::NotProbed(_))) => (Reason::Up, None),
        }
    }

    /// The transition of an az to the eligibility that it has now.
    pub(super) fn transition(
        &self,
        (pool_id, position): PoolAzIndex,
        reason: Reason,
        now: Now,
    ) -> Transition {
        let pool = &self.routing.topology.pools[pool_id];
        let az = &pool.azs[usize::from(position)];
        let health = &self.pools[pool_id].azs[usize::from(position)];
        Transition {
            pool: pool_id,
            pool_name: pool.name.clone(),
            az: az.az,
            az_name: self.routing.topology.azs[az.az].name.clone(),
            to: if health.state.is_eligible() {
                Eligibility::Eligible
            } else {
                Eligibility::NotEligible
            },
            reason,
            endpoints_up: health.judgement.up,
            endpoints: az.endpoints.len(),
            first_failure: None,
            at: now,
        }
    }

    /// What each endpoint of an az counts as.
    pub(super) fn counted<'a>(
        &'a self,
        az: &'a PoolAz,
        health: &'a AzHealth,
    ) -> impl Iterator<Item = Counted> + 'a {
        counted(&self.watches, az, &health.while_unknown)
    }

    /// A monitor's watch, its first probe soon.
    pub(super) fn watch(
        &self,
        id: MonitorId,
        monitor: Monitor,
        topology: &Topology,
        now: Now,
    ) -> Watch {
        let seed = mix(self.seed ^ mix(self.epoch << 32 | u64::from(id.0)));
        let thresholds = &topology.monitors[id].check.thresholds;
        Watch { monitor, schedule: Schedule::start(seed, thresholds, now.mono) }
    }

    /// The state of every az of every pool, from what is remembered of it and its endpoints'
    /// health.
    pub(super) fn assess(
        &self,
        topology: &Topology,
        watches: &IdVec<MonitorId, Watch>,
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

    /// Puts a topology and its health in place of what was there.
    pub(super) fn install(
        &mut self,
        routing: Routing,
        watches: IdVec<MonitorId, Watch>,
        pools: IdVec<PoolId, PoolHealth>,
    ) {
        self.epoch += 1;
        self.dependents = watches.ids().map(|_| Vec::new()).collect();
        self.holds.clear();
        for (id, pool) in routing.topology.pools.iter() {
            for ((position, az), health) in (0u16..).zip(&pool.azs).zip(&pools[id].azs) {
                let index = (id, position);
                self.holds.extend(health.state.held_until().map(|until| (until, index)));
                for monitor in az.endpoints.iter().filter_map(|endpoint| endpoint.monitor) {
                    let dependents = &mut self.dependents[monitor];
                    if dependents.last() != Some(&index) {
                        dependents.push(index);
                    }
                }
            }
        }
        self.routing = routing;
        self.watches = watches;
        self.pools = pools;
        self.rows = Rows::default();
    }

    /// Every monitor's pending probe.
    pub(super) fn pending_probes(&self) -> Vec<ProbeAt> {
        let probe = |(monitor, watch): (_, &Watch)| ProbeAt { monitor, at: watch.schedule.next() };
        self.watches.iter().map(probe).collect()
    }

    /// Replaces the orders of azs, and with them every row.
    pub(super) fn publish_all(&mut self) -> Option<Arc<RoutingTable>> {
        let routes = self.all_routes();
        self.publication.replace(routes)
    }

    pub(super) fn forget_rows(&mut self) {
        self.rows = Rows::default();
    }

    fn all_routes(&mut self) -> IdVec<PoolId, PoolRoutes> {
        let routes = self.pools.ids().map(|id| {
            let count = u16::try_from(self.pools[id].azs.len()).expect("az ids are 16 bits wide");
            let azs = (0..count).map(|position| self.az_route((id, position))).collect();
            PoolRoutes { row: self.row(id), azs }
        });
        routes.collect()
    }

    /// A pool's routes, of whose azs those at `positions` may have changed.
    fn pool_routes(&mut self, id: PoolId, positions: &BTreeSet<u16>) -> PoolRoutes {
        let latest = self.publication.latest(id).azs.clone();
        let mut azs: Option<Vec<AzRoute>> = None;
        for &position in positions {
            let route = self.az_route((id, position));
            if route != latest[usize::from(position)] {
                azs.get_or_insert_with(|| latest.to_vec())[usize::from(position)] = route;
            }
        }
        PoolRoutes { row: self.row(id), azs: azs.map_or(latest, Arc::from) }
    }

    fn row(&mut self, id: PoolId) -> Arc<super::Row> {
        let pool = &self.routing.topology.pools[id];
        let preferences = &self.routing.preferences[pool.view];
        let ranks: Vec<Rank> = self.pools[id].azs.iter().map(AzHealth::rank).collect();
        let azs = pool.azs.iter().map(|az| az.az);
        self.rows.row(pool.view, pool.all_down, azs, &ranks, preferences)
    }

    fn az_route(&self, (pool, position): PoolAzIndex) -> AzRoute {
        let az = &self.routing.topology.pools[pool].azs[usize::from(position)];
        let health = &self.pools[pool].azs[usize::from(position)];
        let given = |giving: Giving| {
            az.endpoints.iter().zip(self.counted(az, health)).filter_map(
                move |(endpoint, counted)| {
                    let is_given = match giving {
                        Giving::Nothing => false,
                        Giving::Up => counted == Counted::Up,
                        Giving::All => true,
                    };
                    is_given.then_some(endpoint.address)
                },
            )
        };
        let v4 = |address| if let std::net::IpAddr::V4(v4) = address { Some(v4) } else { None };
        let v6 = |address| if let std::net::IpAddr::V6(v6) = address { Some(v6) } else { None };
        AzRoute {
            state: health.state,
            addresses_v4: given(health.judgement.v4).filter_map(v4).collect(),
            addresses_v6: given(health.judgement.v6).filter_map(v6).collect(),
        }
    }

    fn effects(&self) -> Effects {
        Effects {
            epoch: self.epoch,
            probes: Vec::new(),
            routes: None,
            transitions: Vec::new(),
            wake: None,
            save: false,
            ready: false,
        }
    }

    /// What ends every event: whether the start is over, what is to be saved, when to wake.
    fn finish(&mut self, effects: &mut Effects, now: Now) {
        let start_ends = match self.start {
            Start::Waiting { until } if until > now.mono && self.awaits_results() => Some(until),
            Start::Waiting { .. } | Start::Over => {
                self.start = Start::Over;
                None
            }
        };
        effects.save |= self.saved_at + SAVE_EVERY <= now.mono;
        if effects.save {
            self.saved_at = now.mono;
        }
        effects.epoch = self.epoch;
        effects.ready = self.is_ready();
        let hold_ends = self.holds.first().map(|&(until, _)| until);
        let deadlines = [
            start_ends,
            hold_ends,
            self.publication.due(),
            (!self.watches.is_empty()).then_some(self.saved_at + SAVE_EVERY),
        ];
        effects.wake = deadlines.into_iter().flatten().min();
    }

    /// Whether any monitor is neither up nor down.
    fn awaits_results(&self) -> bool {
        self.watches.values().any(|watch| watch.monitor.state() == HealthState::Unknown)
    }
}

/// Health is saved again after this long even when nothing changes, so that what a crash leaves
/// behind is [fresh](super::saved::FRESH).
pub const SAVE_EVERY: Duration = Duration::from_secs(240);

/// The azs that were looked at, by pool.
type Touched = BTreeMap<PoolId, BTreeSet<u16>>;

impl AzHealth {
    fn rank(&self) -> Rank {
        let tier = match (self.state.is_eligible(), self.judgement.is_alive) {
            (true, _) => Tier::Eligible,
            (false, true) => Tier::Alive,
            (false, false) => Tier::AllDown,
        };
        Rank { tier, motion: self.motion }
    }
}

fn counted<'a>(
    watches: &'a IdVec<MonitorId, Watch>,
    az: &'a PoolAz,
    while_unknown: &'a [WhileUnknown],
) -> impl Iterator<Item = Counted> + 'a {
    az.endpoints.iter().zip(while_unknown).map(|(endpoint, &unknown)| {
        let monitor = endpoint.monitor.map(|id| &watches[id].monitor);
        Counted::of(monitor, unknown)
    })
}

fn motion(
    topology: &Topology,
    watches: &IdVec<MonitorId, Watch>,
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
