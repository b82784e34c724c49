//! What operators ask of the director: what a target comes to, what an override would do, and what
//! happens when one is given, cleared or at its end.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::director::{PoolAzIndex, Touched, Trigger};
use super::pool_health::{Forces, look};
use super::row::Admits;
use super::standing::{Force, Forced};
use super::target::expand;
use super::{
    AzId, AzState, Director, Effects, LastAzs, NotOverridden, Override, OverrideChange,
    OverrideKind, Overrides, PoolId, Reason, Refusal, Target, TargetError, Topology,
};
use crate::id::Id;
use crate::time::{Monotonic, Now};

impl Director {
    /// The targets that `given` comes to now, in order; never none. Globs stand for what is there;
    /// an az alone stands for itself in every pool, whenever it comes.
    pub fn expand(&self, given: &str) -> Result<Vec<Target>, TargetError> {
        expand(&self.routing.topology, given)
    }

    /// The overrides in force.
    pub fn overrides(&self) -> &Overrides {
        &self.overrides
    }

    /// The override that was given for what `given` says, in the same words or in others.
    pub fn override_of(&self, given: &str) -> Result<&Override, NotOverridden> {
        let mut orders = self.overrides.iter();
        let targets = self.expand(given).unwrap_or_default();
        let found = orders.find(|order| order.given == given || order.targets == targets);
        found.ok_or_else(|| {
            let covers = |order: &&Override| targets.iter().any(|it| order.targets.contains(it));
            let within = self.overrides.iter().filter(covers);
            let within = within.map(|order| order.given.clone()).collect();
            NotOverridden { given: given.to_owned(), within }
        })
    }

    /// Whether `order` may be given: not where a drain or force-down leaves a pool that has an
    /// eligible az without any, or clients of a rule within its fence. Whoever wants it even so does
    /// not ask.
    pub fn consider(&self, order: &Override, now: Now) -> Result<(), Refusal> {
        match order.kind {
            OverrideKind::ForceUp => return Ok(()),
            OverrideKind::Drain | OverrideKind::ForceDown => {}
        }
        let topology = &self.routing.topology;
        let mut overrides = self.overrides.clone();
        overrides.give(order.clone());
        let forces = self.forces_in(topology, &overrides, now);
        let touched = order.targets.iter().flat_map(|target| places(topology, target));
        let pools: BTreeSet<PoolId> = touched.map(|((pool, _), _)| pool).collect();
        let last = pools.into_iter().filter_map(|pool| self.last_azs(pool, &forces, now));
        let last: Vec<LastAzs> = last.collect();
        if last.is_empty() { Ok(()) } else { Err(Refusal(last)) }
    }

    /// The eligible azs of a pool or within a fence of it, if there would be none under these forces.
    fn last_azs(&self, id: PoolId, forces: &Forces, now: Now) -> Option<LastAzs> {
        let topology = &self.routing.topology;
        let pool = &topology.pools[id];
        let families = self.pools[id].families;
        let would_be_eligible = |position: u16| {
            let az = &pool.azs[usize::from(position)];
            let health = self.health((id, position));
            let known = (health.state, &*health.while_unknown);
            let forced = forces.get(&(id, position));
            let place = (pool, families, az);
            look(topology, &self.watches, place, known, forced, now).1.is_eligible()
        };
        let azs = |is_it: &dyn Fn(u16) -> bool| -> Vec<AzId> {
            let positions = (0u16..).zip(&pool.azs);
            positions.filter(|(at, _)| is_it(*at)).map(|(_, az)| az.az).collect()
        };
        let are = azs(&|at| self.health((id, at)).standing.is_eligible());
        let would_be = azs(&would_be_eligible);
        let view = &topology.views[pool.view];
        let fenced = (0..view.rules.len()).filter(|rule| view.rules[*rule].allow.is_some());
        [None].into_iter().chain(fenced.map(Some)).find_map(|rule| {
            let is_allowed = |az: &&AzId| view.allowed(rule).contains(az);
            let last: Vec<_> = are.iter().filter(is_allowed).collect();
            if last.is_empty() || would_be.iter().any(|az| is_allowed(&az)) {
                return None;
            }
            let azs = last.into_iter().map(|az| topology.azs[*az].name.clone()).collect();
            Some(LastAzs { pool: pool.name.clone(), rule: rule.map(|rule| rule + 1), azs })
        })
    }

    pub(super) fn give(&mut self, order: Override, effects: &mut Effects) {
        let replaced = self.overrides.give(order.clone());
        effects.overrides.extend(replaced.map(OverrideChange::Replaced));
        effects.overrides.push(OverrideChange::Given(order));
    }

    pub(super) fn clear(&mut self, targets: &[Target], effects: &mut Effects) {
        let cleared = self.overrides.clear(targets);
        effects.overrides.extend(cleared.map(OverrideChange::Cleared));
    }

    /// Ends the overrides whose time has come by the wall clock.
    pub(super) fn expire(&mut self, now: Now, effects: &mut Effects) {
        let expired = self.overrides.expire(now.wall);
        effects.overrides.extend(expired.into_iter().map(OverrideChange::Expired));
    }

    /// Has azs stand by the overrides that are in force now.
    pub(super) fn enforce(&mut self, now: Now, touched: &mut Touched, effects: &mut Effects) {
        let forces = self.forces_in(&self.routing.topology, &self.overrides, now);
        let before = self.force(forces);
        let places: BTreeSet<PoolAzIndex> =
            before.keys().chain(self.forces.keys()).copied().collect();
        for index in places {
            if before.get(&index) != self.forces.get(&index) {
                effects.save |= self.return_from(index, before.get(&index), now);
                let trigger = Trigger::Override(before.get(&index));
                self.reassess(index, trigger, now, touched, effects);
            }
        }
    }

    /// Has an az that was up throughout an override come back, when that ends, as its pool's failback
    /// says. What clients had of it they keep. Returns whether it does.
    fn return_from(&mut self, index: PoolAzIndex, said: Option<&Forced>, now: Now) -> bool {
        let keeps_out = |forced: Option<&Forced>| forced.and_then(Forced::latest_out).is_some();
        let say = self.forces.get(&index);
        let is_forced_up = say.and_then(Forced::latest_up).is_some();
        let health = &mut self.pools[index.0].azs[usize::from(index.1)];
        let admitted = health.standing.admitted();
        let is_over = keeps_out(said) && !keeps_out(say) && !is_forced_up;
        // What ramps beneath an override goes on from what clients have of it.
        if !is_over || health.state.admits() <= admitted {
            return false;
        }
        match health.state {
            AzState::Eligible | AzState::Ramping(_) => {}
            _ => return false,
        }
        let failback = self.routing.topology.pools[index.0].failback;
        health.state = failback.begin_from(admitted, now.wall);
        health.state != AzState::Eligible
    }

    /// The azs of pools that `given` comes to, of which at least one awaits its release.
    pub fn releasable(&self, given: &str) -> Result<Vec<Target>, NotAwaiting> {
        let none = |why| NotAwaiting { given: given.to_owned(), why };
        let targets = self.expand(given).map_err(|error| none(WhyNot::Unknown(error)))?;
        let topology = &self.routing.topology;
        if targets.iter().any(|target| matches!(target, Target::Endpoint { .. })) {
            return Err(none(WhyNot::Endpoint));
        }
        let awaits =
            |(index, _)| matches!(self.health(index).state, AzState::AwaitingRelease { .. });
        let waits = |target: &Target| places(topology, target).into_iter().any(awaits);
        let waiting: Vec<Target> = targets.into_iter().filter(waits).collect();
        if waiting.is_empty() { Err(none(WhyNot::NotAwaiting)) } else { Ok(waiting) }
    }

    pub(super) fn let_back(
        &mut self,
        targets: &[Target],
        now: Now,
        touched: &mut Touched,
        effects: &mut Effects,
    ) {
        let topology = Arc::clone(&self.routing.topology);
        for (index, _) in targets.iter().flat_map(|target| places(&topology, target)) {
            let health = &mut self.pools[index.0].azs[usize::from(index.1)];
            if matches!(health.state, AzState::AwaitingRelease { .. }) {
                health.state = AzState::Eligible;
                effects.save = true;
                self.reassess(index, Trigger::Release, now, touched, effects);
            }
        }
    }

    /// Puts `forces` in force. Returns what was.
    pub(super) fn force(&mut self, forces: Forces) -> Forces {
        let fresh = forces.iter().filter_map(|(&index, forced)| Some((forced.fresh_until?, index)));
        self.fresh = fresh.collect();
        std::mem::replace(&mut self.forces, forces)
    }

    /// What `overrides` come to in `topology`.
    pub(super) fn forces_in(&self, topology: &Topology, overrides: &Overrides, now: Now) -> Forces {
        let mut forces = Forces::new();
        for (order, given) in overrides.iter().enumerate() {
            let left = match given.kind {
                OverrideKind::ForceUp => Admits::ALL.undrained,
                OverrideKind::Drain => given.to.slots(),
                OverrideKind::ForceDown => 0,
            };
            let force = Force { kind: given.kind, order, left };
            let is_weaker = |known: Option<&Force>| {
                let strength = |it: &Override| (it.kind, Reverse(it.to), it.until);
                let known = known.and_then(|known| overrides.iter().nth(known.order));
                known.is_none_or(|known| strength(known) < strength(given))
            };
            for (index, endpoint) in
                given.targets.iter().flat_map(|target| places(topology, target))
            {
                let forced: &mut Forced = forces.entry(index).or_default();
                let fresh_until = fresh_until(given, topology.pools[index.0].ttl, now);
                forced.fresh_until = forced.fresh_until.max(fresh_until);
                match endpoint {
                    None if is_weaker(forced.az.as_ref()) => forced.az = Some(force),
                    Some(at) if is_weaker(forced.endpoints.get(&at)) => {
                        forced.endpoints.insert(at, force);
                    }
                    None | Some(_) => {}
                }
            }
        }
        forces
    }

    /// Why an az is eligible or not, of which operators `said` something else before.
    pub(super) fn overridden(&self, index: PoolAzIndex, said: Option<&Forced>) -> Reason {
        let say = self.forces.get(&index);
        let is_eligible = self.health(index).standing.is_eligible();
        let decisive = if is_eligible { Forced::latest_up } else { Forced::latest_out };
        let ended = if is_eligible { Forced::latest_out } else { Forced::latest_up };
        let order = |force: Force| self.overrides.iter().nth(force.order);
        let kind = |force: Option<Force>| force.map(|force| force.kind);
        let (decided, decides) = (said.and_then(decisive), say.and_then(decisive));
        match (said.and_then(ended), decides.and_then(order)) {
            (Some(ended), _) if kind(decided) == kind(decides) => Reason::OverrideEnded(ended.kind),
            (_, Some(Override { kind, until, reason, .. })) => {
                Reason::Overridden { kind: *kind, until: *until, reason: reason.clone() }
            }
            (Some(ended), None) => Reason::OverrideEnded(ended.kind),
            (None, None) => Reason::Up,
        }
    }

    /// When to look at the wall clock again: it may jump, so often while anything ends by it.
    pub(super) fn overrides_due(&self, now: Now) -> Option<Monotonic> {
        let left = self.overrides.next_end()?.saturating_since(now.wall);
        Some(now.mono + left.min(LOOK_AT_WALL_CLOCK))
    }
}

/// Why nothing can be released.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} can't be released: {why}")]
pub struct NotAwaiting {
    /// The target as the operator wrote it.
    pub given: String,
    /// Why.
    pub why: WhyNot,
}

/// Why a target can't be released.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhyNot {
    /// It is no target.
    #[error("{0}")]
    Unknown(TargetError),
    /// It is an endpoint.
    #[error("azs are released, not endpoints")]
    Endpoint,
    /// Nothing of it waits.
    #[error("no az of it awaits release; see `meridian status`")]
    NotAwaiting,
}

/// A jump of the wall clock is noticed within this time.
const LOOK_AT_WALL_CLOCK: Duration = Duration::from_secs(1);

/// What a target is of in `topology`: azs of pools, or an endpoint of one.
fn places(topology: &Topology, target: &Target) -> Vec<(PoolAzIndex, Option<usize>)> {
    let az = topology.azs.values().as_slice().binary_search_by(|az| (*az.name).cmp(target.az()));
    let Ok(az) = az.map(AzId::from_index) else { return Vec::new() };
    let place = |pool: PoolId| {
        let position = topology.pools[pool].azs.iter().position(|it| it.az == az)?;
        Some((pool, u16::try_from(position).ok()?))
    };
    let pool_of = |name: &str| {
        let pools = topology.pools.values().as_slice();
        pools.binary_search_by(|pool| (*pool.name).cmp(name)).ok().map(PoolId::from_index)
    };
    match target {
        Target::Az(_) => {
            topology.pools.ids().filter_map(place).map(|index| (index, None)).collect()
        }
        Target::PoolAz { pool, .. } => {
            pool_of(pool).and_then(place).map(|index| (index, None)).into_iter().collect()
        }
        Target::Endpoint { pool, address, .. } => {
            let index = pool_of(pool).and_then(place);
            let at = index.and_then(|(pool, position)| {
                let endpoints = &topology.pools[pool].azs[usize::from(position)].endpoints;
                endpoints.iter().position(|endpoint| endpoint.ip() == Some(*address))
            });
            index.zip(at).map(|(index, at)| (index, Some(at))).into_iter().collect()
        }
    }
}

/// Until when what an order takes away is fresh: for one `ttl` from when it was given. What was given
/// ahead of the wall clock, which may have been set back, is not.
fn fresh_until(order: &Override, ttl: Duration, now: Now) -> Option<Monotonic> {
    match order.kind {
        OverrideKind::ForceUp => return None,
        OverrideKind::Drain | OverrideKind::ForceDown => {}
    }
    let is_past = order.given_at <= now.wall;
    let left = ttl.saturating_sub(now.wall.saturating_since(order.given_at));
    (is_past && !left.is_zero()).then(|| now.mono + left)
}
