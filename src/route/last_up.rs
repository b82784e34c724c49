//! What was up last in pools with `all_down = "last"`: the endpoints of the last moment when any
//! of the pool's was.
//!
//! What goes down together is not found out together: each monitor has its own turn. So when
//! nothing is up any more, the endpoints whose failures began within one probe of the last one's
//! belong to that moment too. An endpoint of which nothing is known yet, or that an operator keeps
//! from clients, was not up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::director::PoolAzIndex;
use super::eligibility::Counted;
use super::pool_health::{AzHealth, counted};
use super::{AllDown, Director, PoolId};
use crate::health::{HealthState, MonitorId};
use crate::time::Monotonic;

impl Director {
    /// Keeps what is up of a pool that goes by it, or adds to what was. Returns whether that made
    /// any difference; the azs that it made one to are added to `changed`.
    pub(super) fn remember_what_is_up(
        &mut self,
        pool: PoolId,
        changed: &mut BTreeSet<u16>,
    ) -> bool {
        if self.routing.topology.pools[pool].all_down != AllDown::Last {
            return false;
        }
        let positions = 0..self.pools[pool].azs.len() as u16;
        let up: Vec<Box<[bool]>> =
            positions.clone().map(|position| self.up((pool, position))).collect();
        let is_any_up = up.iter().any(|az| az.contains(&true));
        let was_any_up = std::mem::replace(&mut self.pools[pool].is_up, is_any_up);
        let goes_down = was_any_up && !is_any_up;
        let lost = if goes_down { self.last_loss(pool) } else { None };
        let mut differs = false;
        for (position, up) in positions.zip(up) {
            let index = (pool, position);
            let was_up = match lost {
                _ if is_any_up => up,
                None => continue,
                Some(lost) => self.lost_with(index, lost),
            };
            let known = &mut self.pools[pool].azs[usize::from(position)].was_up;
            if *known != was_up {
                *known = was_up;
                changed.insert(position);
                differs = true;
            }
        }
        differs
    }

    /// The addresses that were up last, by pool and az.
    pub(super) fn last_up_by_name(&self) -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
        let topology = &self.routing.topology;
        let mut by_name: BTreeMap<String, BTreeMap<_, _>> = BTreeMap::new();
        for (id, pool) in topology.pools.iter().filter(|(_, it)| it.all_down == AllDown::Last) {
            for (az, health) in pool.azs.iter().zip(&self.pools[id].azs) {
                let endpoints =
                    az.endpoints.iter().zip(&health.was_up).filter(|(_, was_up)| **was_up);
                let addresses: Vec<_> =
                    endpoints.map(|(endpoint, _)| endpoint.address.to_string()).collect();
                if !addresses.is_empty() {
                    let azs = by_name.entry(pool.name.clone()).or_default();
                    azs.insert(topology.azs[az.az].name.clone(), addresses);
                }
            }
        }
        by_name
    }

    /// Which endpoints of an az are up for clients, as far as is known.
    fn up(&self, index: PoolAzIndex) -> Box<[bool]> {
        let az = &self.routing.topology.pools[index.0].azs[usize::from(index.1)];
        let AzHealth { standing, while_unknown, .. } = self.health(index);
        let forced = self.forces.get(&index);
        let counted = az.endpoints.iter().zip(counted(&self.watches, az, while_unknown));
        let is_up = |(position, (endpoint, measured)): (usize, (&super::Endpoint, Counted))| {
            let counts = forced.map_or(measured, |forced| forced.counted(position, measured));
            let is_measured = counts == measured;
            let is_unknown =
                |id: MonitorId| self.watches[id].monitor.state() == HealthState::Unknown;
            counts.is_alive() && !(is_measured && endpoint.monitor.is_some_and(is_unknown))
        };
        counted.enumerate().map(|it| standing.is_alive() && is_up(it)).collect()
    }

    /// When the failures began that took the last endpoint of the pool's last set.
    fn last_loss(&self, pool: PoolId) -> Option<Monotonic> {
        let azs = self.routing.topology.pools[pool].azs.iter().zip(&self.pools[pool].azs);
        let endpoints = azs.flat_map(|(az, health)| az.endpoints.iter().zip(&health.was_up));
        let monitors = endpoints.filter(|(_, was_up)| **was_up).filter_map(|(it, _)| it.monitor);
        monitors.filter_map(|id| self.watches[id].monitor.first_failure()).max()
    }

    /// Which endpoints of an az were up when failures began at `lost`.
    fn lost_with(&self, index: PoolAzIndex, lost: Monotonic) -> Box<[bool]> {
        let topology = &self.routing.topology;
        let az = &topology.pools[index.0].azs[usize::from(index.1)];
        let endpoints = az.endpoints.iter().zip(&self.health(index).was_up);
        let was_up = endpoints.map(|(endpoint, was_up)| {
            let with_it = |id: MonitorId| {
                let thresholds = &topology.monitors[id].check.thresholds;
                let spread: Duration = thresholds.interval + thresholds.timeout;
                let began = self.watches[id].monitor.first_failure();
                began.is_some_and(|began| began + spread >= lost)
            };
            *was_up || endpoint.monitor.is_some_and(with_it)
        });
        was_up.collect()
    }
}
