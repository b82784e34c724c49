//! What the director carries from one topology to the next.
//!
//! An equal monitor is the same monitor, whatever pools it now stands in. Where a check changed,
//! an endpoint's monitor goes on from the state it had until its next rise or fall. An az of a
//! pool keeps its state, and an endpoint that is new to a pool gets no clients before its first
//! success; a new pool has no clients to protect.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::eligibility::WhileUnknown;
use super::keeping::Service;
use super::pool_health::{AzHealth, PoolHealth, Remembered, Watches, assess};
use super::{Address, AzState, Director, Effects, Pool, PoolAz, PoolId, Reason, Routing, Topology};
use crate::health::{Monitor, MonitorId, MonitorSpec};
use crate::id::IdVec;
use crate::time::Now;

impl Director {
    /// Goes on with another topology, or with other orders of azs under the same one, in which
    /// case probes are not touched.
    pub(super) fn replace(&mut self, routing: Routing, now: Now, effects: &mut Effects) {
        if same_topology(&self.routing.topology, &routing.topology) {
            if self.routing.preferences != routing.preferences {
                self.routing.preferences = routing.preferences;
                self.forget_rows();
                let own = self.routing.topology.azs.ids().map(|az| self.own_load(az));
                self.restart_spilling(own.collect(), now);
                effects.routes = self.publish_all();
            }
            return;
        }
        let (before, topology) =
            (Arc::clone(&self.routing.topology), Arc::clone(&routing.topology));
        let old = Names::of(&before);
        let watches = self.carried_watches(&old, &topology, now);
        let forces = self.forces_in(&topology, &self.overrides, now);
        let pools = {
            let remember =
                |pool: &Pool, az: &PoolAz| self.remembered(&old, &topology, pool, az, now);
            assess(&topology, &watches, remember, &forces, now)
        };
        let was_eligible = self.eligibility();
        let own = topology
            .azs
            .values()
            .map(|az| self.own_load(before.azs.position(|known| known.name == az.name)?));
        let own = own.collect();
        self.install(routing, watches, pools, forces);
        self.restart_spilling(own, now);
        self.keep_all_safe(now, effects);
        self.report(&old, &was_eligible, now, effects);
        effects.probes = self.pending_probes();
        effects.routes = self.publish_all();
        effects.save = true;
    }

    fn carried_watches(&self, old: &Names<'_>, topology: &Topology, now: Now) -> Watches {
        let changed = self.monitors_with_changed_check(old, topology);
        let watch = |(id, spec): (MonitorId, &MonitorSpec)| {
            if let Some(&same) = old.monitors.get(spec) {
                let mut watch = self.watches[same].clone();
                watch.schedule.not_before(now.mono);
                return watch;
            }
            let monitor = match changed.get(&id) {
                Some(&before) => {
                    let thresholds = &spec.check.thresholds;
                    self.watches[before].monitor.under_changed_check(thresholds, now)
                }
                None => Monitor::unknown(now),
            };
            self.watch(id, monitor, topology, now)
        };
        topology.monitors.iter().map(watch).collect()
    }

    /// The monitors that the same endpoint of the same az and pool had; of several endpoints that
    /// share one now, the first's.
    fn monitors_with_changed_check(
        &self,
        old: &Names<'_>,
        topology: &Topology,
    ) -> HashMap<MonitorId, MonitorId> {
        let mut changed = HashMap::new();
        for pool in topology.pools.values() {
            for az in &pool.azs {
                let name = topology.azs[az.az].name.as_str();
                let Some(place) = old.azs.get(&(pool.name.as_str(), name)) else { continue };
                for endpoint in &az.endpoints {
                    let old = place
                        .endpoint(&endpoint.address)
                        .and_then(|position| place.az.endpoints[position].monitor);
                    if let (Some(new), Some(old)) = (endpoint.monitor, old) {
                        changed.entry(new).or_insert(old);
                    }
                }
            }
        }
        changed
    }

    fn remembered(
        &self,
        old: &Names<'_>,
        topology: &Topology,
        pool: &Pool,
        az: &PoolAz,
        now: Now,
    ) -> Remembered {
        let new_endpoint = if old.pools.contains(pool.name.as_str()) {
            WhileUnknown::Awaited
        } else {
            WhileUnknown::Up
        };
        let name = topology.azs[az.az].name.as_str();
        let Some(place) = old.azs.get(&(pool.name.as_str(), name)) else {
            let while_unknown = az.endpoints.iter().map(|_| new_endpoint).collect();
            let was_up = az.endpoints.iter().map(|_| false).collect();
            let service = Service::default();
            return Remembered { state: AzState::Awaited, while_unknown, was_up, service };
        };
        let health = &self.pools[place.pool].azs[place.position];
        let while_unknown = az.endpoints.iter().map(|endpoint| {
            match place.endpoint(&endpoint.address) {
                None => new_endpoint,
                // Without a check it was given to clients.
                Some(position) if place.az.endpoints[position].monitor.is_none() => {
                    WhileUnknown::Up
                }
                Some(position) => health.while_unknown[position],
            }
        });
        let while_unknown = while_unknown.collect();
        let was_up = az.endpoints.iter().map(|endpoint| {
            place.endpoint(&endpoint.address).is_some_and(|position| health.was_up[position])
        });
        let was_up = was_up.collect();
        let state = match health.state {
            AzState::Held { until, hold } => {
                let earlier = until.min(now.mono + pool.hold);
                let hold = hold.saturating_sub(until.saturating_since(earlier));
                AzState::Held { until: earlier, hold }
            }
            state @ (AzState::Eligible
            | AzState::Suppressed { .. }
            | AzState::Ramping(_)
            | AzState::AwaitingRelease { .. }
            | AzState::Unfit
            | AzState::UnderMinUp
            | AzState::Down
            | AzState::Awaited) => state,
        };
        let service = health.service_under(pool.safety.as_ref(), now);
        Remembered { state, while_unknown, was_up, service }
    }

    fn eligibility(&self) -> IdVec<PoolId, Box<[bool]>> {
        let of = |pool: &PoolHealth| pool.azs.iter().map(AzHealth::is_in_service).collect();
        self.pools.values().map(of).collect()
    }

    /// Reports the azs that were there before and whose eligibility is another one.
    fn report(
        &self,
        old: &Names<'_>,
        was_eligible: &IdVec<PoolId, Box<[bool]>>,
        now: Now,
        effects: &mut Effects,
    ) {
        let topology = &self.routing.topology;
        for (id, pool) in topology.pools.iter() {
            for ((position, az), health) in (0u16..).zip(&pool.azs).zip(&self.pools[id].azs) {
                let name = topology.azs[az.az].name.as_str();
                let Some(place) = old.azs.get(&(pool.name.as_str(), name)) else { continue };
                if was_eligible[place.pool][place.position] != health.is_in_service() {
                    let transition = self.transition((id, position), Reason::Reload, now);
                    effects.transitions.push(transition);
                }
            }
        }
    }
}

/// A topology's monitors, pools and azs of pools by what stays true from one to the next.
struct Names<'a> {
    monitors: HashMap<&'a MonitorSpec, MonitorId>,
    pools: HashSet<&'a str>,
    azs: HashMap<(&'a str, &'a str), Place<'a>>,
}

/// Where an az of a pool stood.
#[derive(Clone, Copy)]
struct Place<'a> {
    pool: PoolId,
    position: usize,
    az: &'a PoolAz,
}

impl<'a> Names<'a> {
    fn of(topology: &'a Topology) -> Self {
        let mut azs = HashMap::new();
        for (id, pool) in topology.pools.iter() {
            for (position, az) in pool.azs.iter().enumerate() {
                let name = topology.azs[az.az].name.as_str();
                azs.insert((pool.name.as_str(), name), Place { pool: id, position, az });
            }
        }
        Self {
            monitors: topology.monitors.iter().map(|(id, spec)| (spec, id)).collect(),
            pools: topology.pools.values().map(|pool| pool.name.as_str()).collect(),
            azs,
        }
    }
}

impl Place<'_> {
    fn endpoint(&self, address: &Address) -> Option<usize> {
        self.az.endpoints.iter().position(|endpoint| endpoint.address == *address)
    }
}

fn same_topology(old: &Arc<Topology>, new: &Arc<Topology>) -> bool {
    Arc::ptr_eq(old, new) || old == new
}
