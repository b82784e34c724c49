//! The director: events in, effects out. It decides when to probe, what each result means for the
//! azs of pools, and what the routing table is.
//!
//! It has no clock, socket, file or randomness: whoever runs it feeds it results, deadlines and
//! reloads with the time at which they happen, and carries out the effects. Two directors that
//! are fed the same give the same effects.
//!
//! A result touches only the azs that depend on its monitor. What they then are is decided in
//! [`super::eligibility`], where they stand with what operators say in `standing`, what clients get in [`super::table`], and when that is published in
//! `publication`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::capacity::Spilling;
use super::eligibility::WhileUnknown;
use super::guard::Guard;
use super::pool_health::{AzHealth, Forces, PoolHealth, Remembered, Watch, Watches, assess, look};
use super::publication::Publication;
use super::row::Rows;
use super::standing::Forced;
use super::status::{ShownPenalty, shown_penalty};
use super::{
    AzState, Effects, Eligibility, Event, Overrides, Pool, PoolAz, PoolId, ProbeAt, Reason,
    Routing, RoutingTable, Saved, Target, Topology, Transition,
};
use crate::health::schedule::mix;
use crate::health::{HealthState, Monitor, MonitorId, Outcome, Schedule, Verdict};
use crate::id::IdVec;
use crate::time::{Monotonic, Now};

/// The health of everything, and the routes that follow.
#[derive(Debug)]
pub struct Director {
    pub(super) routing: Routing,
    pub(super) watches: Watches,
    pub(super) pools: IdVec<PoolId, PoolHealth>,
    pub(super) epoch: u64,
    /// The azs of pools that depend on each monitor.
    pub(super) dependents: IdVec<MonitorId, Vec<PoolAzIndex>>,
    /// When azs become something else by time alone.
    pub(super) ends: BTreeSet<(Monotonic, PoolAzIndex)>,
    /// When monitors cease to be suppressed.
    suppressions: BTreeSet<(Monotonic, MonitorId)>,
    pub(super) rows: Rows,
    pub(super) spilling: Spilling,
    pub(super) publication: Publication,
    pub(super) overrides: Overrides,
    /// What those come to in this topology.
    pub(super) forces: Forces,
    /// Until when azs that operators took out are fresh.
    pub(super) fresh: BTreeSet<(Monotonic, PoolAzIndex)>,
    pub(super) guard: Guard,
    /// When the pace of safety rules may let the next az of a pool go.
    pub(super) paced: BTreeSet<(Monotonic, PoolId)>,
    /// Why azs are eligible or not that safety rules have yet to judge.
    pub(super) reasons: BTreeMap<PoolAzIndex, (Reason, Option<Monotonic>)>,
    seed: u64,
    start: Start,
    saved_at: Monotonic,
}

/// An az by its position in a pool.
pub(super) type PoolAzIndex = (PoolId, u16);

/// Whether sockets may open.
#[derive(Debug)]
enum Start {
    Waiting { until: Monotonic },
    Over,
}

/// Why an az is looked at again.
#[derive(Clone, Copy)]
pub(super) enum Trigger<'a> {
    Result(MonitorId, &'a Verdict),
    Deadline,
    /// An operator lets it back.
    Release,
    /// What operators say is another thing; what they said before.
    Override(Option<&'a Forced>),
}

impl Director {
    /// Starts from the health that was saved before a restart, if it is fresh, and from the
    /// overrides that were in force, unless their end has passed: those are among the effects.
    /// `seed` spreads probes and should differ between servers. Every monitor's first probe is among
    /// the effects too.
    pub fn start(
        routing: Routing,
        saved: &Saved,
        overrides: Overrides,
        seed: u64,
        startup_wait: Duration,
        now: Now,
    ) -> (Self, Effects) {
        let saved = &saved.at(now);
        let mut director = Self {
            routing: Routing { topology: Arc::default(), preferences: IdVec::new() },
            watches: IdVec::new(),
            pools: IdVec::new(),
            epoch: 0,
            dependents: IdVec::new(),
            ends: BTreeSet::new(),
            suppressions: BTreeSet::new(),
            rows: Rows::default(),
            spilling: Spilling::default(),
            publication: Publication::new(IdVec::new()),
            overrides,
            forces: Forces::new(),
            fresh: BTreeSet::new(),
            guard: Guard::default(),
            paced: BTreeSet::new(),
            reasons: BTreeMap::new(),
            seed,
            start: Start::Waiting { until: now.mono + startup_wait },
            saved_at: now.mono,
        };
        let topology = Arc::clone(&routing.topology);
        let watches = topology
            .monitors
            .iter()
            .map(|(id, spec)| director.watch(id, saved.monitor(spec, now), &topology, now));
        let watches = watches.collect();
        let remember = |pool: &Pool, az: &PoolAz| Remembered {
            state: saved.returning(pool, &topology.azs[az.az].name, now),
            while_unknown: az.endpoints.iter().map(|_| WhileUnknown::Up).collect(),
            was_up: {
                let last = saved.last_up(&pool.name, &topology.azs[az.az].name);
                az.endpoints.iter().map(|it| last.contains(&it.address.to_string())).collect()
            },
            service: saved.service(pool, &topology.azs[az.az].name, now),
        };
        let forces = director.forces_in(&topology, &director.overrides, now);
        let pools = assess(&topology, &watches, remember, &forces, now);
        director.install(routing, watches, pools, forces);
        let own = director.routing.topology.azs.values().map(|az| saved.load(&az.name)).collect();
        director.restart_spilling(own, now);
        let mut effects = Effects::none(director.epoch);
        // What ended while nobody was there ends as it would have: azs come back as pools say.
        director.expire(now, &mut effects);
        if !effects.overrides.is_empty() {
            director.enforce(now, &mut BTreeMap::new(), &mut effects);
            effects.transitions.clear();
        }
        director.keep_all_safe(now, &mut effects);
        director.publication = Publication::new(director.all_routes());

        effects.probes = director.pending_probes();
        effects.routes = Some(director.routes());
        director.finish(&mut effects, now);
        (director, effects)
    }

    /// Takes in what happened.
    pub fn apply(&mut self, event: Event, now: Now) -> Effects {
        let mut effects = Effects::none(self.epoch);
        let mut touched = BTreeMap::new();
        match event {
            Event::Outcome { epoch, outcome } if epoch == self.epoch => {
                self.record(&outcome, now, &mut touched, &mut effects);
                if let Some(load) = outcome.load {
                    self.take_load(outcome.monitor, load, now);
                }
            }
            Event::Outcome { .. } | Event::Clock => {}
            Event::Replace(routing) => self.replace(routing, now, &mut effects),
            Event::Override(order) => self.give(order, &mut effects),
            Event::Clear(targets) => self.clear(&targets, &mut effects),
            Event::Release(azs) => self.let_back(&azs, now, &mut touched, &mut effects),
        }
        self.end_suppressions(now, &mut touched, &mut effects);
        self.relieve(now, &mut touched, &mut effects);
        self.expire(now, &mut effects);
        if !effects.overrides.is_empty() {
            self.enforce(now, &mut touched, &mut effects);
        }
        while let Some(&(until, index)) = self.fresh.first()
            && until <= now.mono
        {
            self.fresh.remove(&(until, index));
            self.reassess(index, Trigger::Deadline, now, &mut touched, &mut effects);
        }
        while let Some(&(until, index)) = self.ends.first()
            && until <= now.mono
        {
            self.ends.remove(&(until, index));
            self.reassess(index, Trigger::Deadline, now, &mut touched, &mut effects);
        }
        self.keep_safe(now, &mut touched, &mut effects);
        for (&pool, positions) in &mut touched {
            effects.save |= self.remember_what_is_up(pool, positions);
        }
        for pool in self.spill(touched.keys().copied(), now) {
            touched.entry(pool).or_default();
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

    /// Takes a probe's result in and schedules the next probe.
    fn record(
        &mut self,
        outcome: &Outcome,
        now: Now,
        touched: &mut Touched,
        effects: &mut Effects,
    ) {
        let id = outcome.monitor;
        let waits = self.listen(outcome, now, effects);
        let topology = Arc::clone(&self.routing.topology);
        let thresholds = &topology.monitors[id].check.thresholds;
        let Watch { monitor, schedule } = &mut self.watches[id];
        let motion = |monitor: &Monitor| (monitor.is_failing(), monitor.is_settled(thresholds));
        let before = motion(monitor);
        let suppressed_until = monitor.suppressed_until();
        let changed = if waits {
            monitor.record_waiting(&outcome.verdict, thresholds, now);
            None
        } else {
            monitor.record(&outcome.verdict, thresholds, now)
        };
        let is_suppressed_until = monitor.suppressed_until();
        schedule.advance(monitor, thresholds, outcome.duration, now.mono);
        effects.probes.push(ProbeAt { monitor: id, at: schedule.next() });
        effects.save |= changed.is_some();
        if suppressed_until != is_suppressed_until {
            let key = |until| (until, id);
            if let Some(ended) = suppressed_until.map(key) {
                self.suppressions.remove(&ended);
            }
            self.suppressions.extend(is_suppressed_until.map(key));
        }
        if changed.is_none() && before == motion(monitor) {
            return;
        }
        let trigger = Trigger::Result(id, &outcome.verdict);
        self.reassess_dependents(id, trigger, now, touched, effects);
    }

    /// Looks again at the azs of monitors that cease to be suppressed.
    fn end_suppressions(&mut self, now: Now, touched: &mut Touched, effects: &mut Effects) {
        while let Some(&(until, id)) = self.suppressions.first()
            && until <= now.mono
        {
            self.suppressions.remove(&(until, id));
            self.watches[id].monitor.expire_suppression(now.mono);
            effects.save = true;
            self.reassess_dependents(id, Trigger::Deadline, now, touched, effects);
        }
    }

    /// Looks at the azs of pools again that depend on a monitor.
    pub(super) fn reassess_dependents(
        &mut self,
        id: MonitorId,
        trigger: Trigger<'_>,
        now: Now,
        touched: &mut Touched,
        effects: &mut Effects,
    ) {
        let dependents = std::mem::take(&mut self.dependents[id]);
        for &index in &dependents {
            self.reassess(index, trigger, now, touched, effects);
        }
        self.dependents[id] = dependents;
    }

    /// Whether any az of a pool depends on a monitor.
    pub(super) fn is_depended_on(&self, id: MonitorId) -> bool {
        !self.dependents[id].is_empty()
    }

    /// Looks at an az of a pool again.
    pub(super) fn reassess(
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
        let families = self.pools[pool_id].families;
        let AzHealth { state: before, standing: stood, while_unknown, .. } = self.health(index);
        let (before, stood) = (*before, *stood);
        let forced = self.forces.get(&index);
        let (place, known) = ((pool, families, az), (before, &**while_unknown));
        let (mut after, mut stands) = look(&topology, &self.watches, place, known, forced, now);
        if let Some(state) = self.health(index).returns_kept(after, pool.failback, now.wall) {
            let known = (state, known.1);
            (after, stands) = look(&topology, &self.watches, place, known, forced, now);
        }

        let health = &mut self.pools[pool_id].azs[usize::from(position)];
        let ends_at = after.ends_at(now);
        let ended_at = std::mem::replace(&mut health.ends_at, ends_at);
        (health.state, health.standing) = (after, stands);
        if let Some(until) = ended_at {
            self.ends.remove(&(until, index));
        }
        if let Some(until) = ends_at {
            self.ends.insert((until, index));
        }
        touched.entry(pool_id).or_default().insert(position);
        let differs = stood.is_eligible() != stands.is_eligible();
        if pool.safety.is_some() {
            if differs || matches!(trigger, Trigger::Override(_)) {
                let reason = self.reason(index, before, trigger);
                self.reasons.insert(index, reason);
            }
        } else if differs {
            let (reason, first_failure) = self.reason(index, before, trigger);
            let suppressed = self.suppression(trigger, now);
            let transition = self.transition(index, reason, now);
            let transition = Transition { first_failure, suppressed, ..transition };
            effects.transitions.push(transition);
        }
        effects.save |= before != after;
        let awaits = |state| matches!(state, AzState::AwaitingRelease { .. });
        if awaits(after) && !awaits(before) {
            let az = topology.azs[az.az].name.clone();
            effects.awaiting.push(Target::PoolAz { pool: pool.name.clone(), az });
        }
    }

    /// The health of an az of a pool.
    pub(super) fn health(&self, (pool, position): PoolAzIndex) -> &AzHealth {
        &self.pools[pool].azs[usize::from(position)]
    }

    /// Why an az that was measured in state `before` is eligible now or is not, and the first of the
    /// failures that led there.
    fn reason(
        &self,
        index: PoolAzIndex,
        before: AzState,
        trigger: Trigger<'_>,
    ) -> (Reason, Option<Monotonic>) {
        match (before, trigger) {
            (_, Trigger::Override(said)) => (self.overridden(index, said), None),
            (AzState::Held { hold, .. }, _) => (Reason::Held(hold), None),
            (AzState::Ramping(ramp), Trigger::Deadline) => (Reason::Ramping(ramp.over), None),
            (AzState::Suppressed { .. }, Trigger::Deadline) => (Reason::Trusted, None),
            (_, Trigger::Release) => (Reason::Released, None),
            (_, Trigger::Result(monitor, Verdict::Failure(cause) | Verdict::Unfit(cause))) => {
                let first_failure = self.watches[monitor].monitor.first_failure();
                (Reason::Failed(cause.clone()), first_failure)
            }
            (_, Trigger::Result(_, Verdict::Success | Verdict::NotProbed(_)))
            | (_, Trigger::Deadline) => (Reason::Up, None),
        }
    }

    /// The suppression of the monitor whose result is the trigger.
    fn suppression(&self, trigger: Trigger<'_>, now: Now) -> Option<ShownPenalty> {
        let Trigger::Result(id, _) = trigger else { return None };
        let thresholds = &self.routing.topology.monitors[id].check.thresholds;
        let penalty = shown_penalty(&self.watches[id].monitor, thresholds, now)?;
        penalty.suppressed_until.is_some().then_some(penalty)
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
            to: if health.is_in_service() {
                Eligibility::Eligible
            } else {
                Eligibility::NotEligible
            },
            reason,
            endpoints_up: health.standing.judgement.up,
            endpoints: az.endpoints.len(),
            first_failure: None,
            suppressed: None,
            at: now,
        }
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

    /// Puts a topology and its health in place of what was there.
    pub(super) fn install(
        &mut self,
        routing: Routing,
        watches: Watches,
        pools: IdVec<PoolId, PoolHealth>,
        forces: Forces,
    ) {
        self.epoch += 1;
        self.dependents = watches.ids().map(|_| Vec::new()).collect();
        self.ends.clear();
        let suppressed = |(id, watch): (_, &Watch)| Some((watch.monitor.suppressed_until()?, id));
        self.suppressions = watches.iter().filter_map(suppressed).collect();
        self.paced.clear();
        for (id, pool) in routing.topology.pools.iter() {
            for ((position, az), health) in (0u16..).zip(&pool.azs).zip(&pools[id].azs) {
                let index = (id, position);
                self.ends.extend(health.ends_at.map(|until| (until, index)));
                for monitor in az.endpoints.iter().filter_map(|endpoint| endpoint.monitor) {
                    let dependents = &mut self.dependents[monitor];
                    if dependents.last() != Some(&index) {
                        dependents.push(index);
                    }
                }
            }
        }
        self.guard = self.guard.carried(&self.routing.topology, &routing.topology);
        self.routing = routing;
        self.watches = watches;
        self.pools = pools;
        self.rows = Rows::default();
        self.force(forces);
        for pool in self.pools.ids().collect::<Vec<_>>() {
            self.remember_what_is_up(pool, &mut BTreeSet::new());
        }
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
        effects.broken = self.broken_limits();
        effects.epoch = self.epoch;
        effects.ready = self.is_ready();
        let az_ends = self.ends.first().map(|&(until, _)| until);
        let deadlines = [
            start_ends,
            az_ends,
            self.publication.due(),
            self.overrides_due(now),
            self.suppressions.first().map(|&(until, _)| until),
            self.fresh.first().map(|&(until, _)| until),
            self.guard.due(&self.routing.topology.guard),
            self.paced.first().map(|&(until, _)| until),
            (!self.watches.is_empty()).then_some(self.saved_at + SAVE_EVERY),
        ];
        effects.wake = deadlines.into_iter().flatten().min();
    }

    /// Whether any monitor that azs depend on is neither up nor down.
    fn awaits_results(&self) -> bool {
        let mut watches = self.watches.iter();
        watches.any(|(id, watch)| {
            watch.monitor.state() == HealthState::Unknown && self.is_depended_on(id)
        })
    }
}

/// Health is saved again after this long even when nothing changes, so that what a crash leaves
/// behind is [fresh](super::saved::FRESH).
pub const SAVE_EVERY: Duration = Duration::from_secs(240);

/// The azs that were looked at, by pool.
pub(super) type Touched = BTreeMap<PoolId, BTreeSet<u16>>;
