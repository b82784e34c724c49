//! The director's health, as routes: rows of choices, and the addresses that each az gives.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::director::{Director, PoolAzIndex};
use super::eligibility::{Counted, Giving};
use super::pool_health::{AzHealth, counted};
use super::row::{Limits, Rank};
use super::{AllDown, AzRoute, Family, PoolId, PoolRoutes, Row};
use crate::id::IdVec;

impl Director {
    /// The routes of every pool.
    pub(super) fn all_routes(&mut self) -> IdVec<PoolId, PoolRoutes> {
        let routes = self.pools.ids().map(|id| {
            let count = u16::try_from(self.pools[id].azs.len()).expect("az ids are 16 bits wide");
            let azs = (0..count).map(|position| self.az_route((id, position))).collect();
            PoolRoutes { row: self.row(id), azs }
        });
        routes.collect()
    }

    /// A pool's routes, of whose azs those at `positions` may have changed.
    pub(super) fn pool_routes(&mut self, id: PoolId, positions: &BTreeSet<u16>) -> PoolRoutes {
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

    fn row(&mut self, id: PoolId) -> Arc<Row> {
        let pool = &self.routing.topology.pools[id];
        let preferences = &self.routing.preferences[pool.view];
        let ranks: Vec<Rank> = self.pools[id].azs.iter().map(AzHealth::rank).collect();
        let azs = pool.azs.iter().map(|az| az.az);
        let none = Limits::default();
        let limits = self.limits(id).cloned();
        let limits = limits.as_deref().unwrap_or(&none);
        self.rows.row(pool.view, pool.all_down, azs, &ranks, preferences, limits)
    }

    fn az_route(&self, index: PoolAzIndex) -> AzRoute {
        let judgement = &self.health(index).standing.judgement;
        let az = &self.routing.topology.pools[index.0].azs[usize::from(index.1)];
        let v4 = |address| if let IpAddr::V4(v4) = address { Some(v4) } else { None };
        let v6 = |address| if let IpAddr::V6(v6) = address { Some(v6) } else { None };
        AzRoute {
            state: self.health(index).state,
            addresses_v4: self.given(index, Family::V4, judgement.v4).filter_map(v4).collect(),
            addresses_v6: self.given(index, Family::V6, judgement.v6).filter_map(v6).collect(),
            target: az.target().cloned(),
        }
    }

    /// The addresses of a family that an az gives in its tier. Where it gives all, as one does that a
    /// safety rule keeps and of which nothing is up, and the pool goes by what was up last, that alone,
    /// if there is any.
    fn given(
        &self,
        index: PoolAzIndex,
        family: Family,
        giving: Giving,
    ) -> impl Iterator<Item = IpAddr> {
        let pool = &self.routing.topology.pools[index.0];
        let az = &pool.azs[usize::from(index.1)];
        let AzHealth { standing, while_unknown, was_up, service, .. } = self.health(index);
        let counted = counted(&self.watches, az, while_unknown);
        let counted: Vec<Option<Counted>> = match self.forces.get(&index) {
            None => counted.map(Some).collect(),
            Some(forced) => forced.given(standing.tier, counted).collect(),
        };
        let given = move |is_it: &dyn Fn(usize, Counted) -> bool| -> Vec<IpAddr> {
            let endpoints = az.endpoints.iter().zip(&counted).enumerate();
            let given = endpoints.filter(|(position, (endpoint, counted))| {
                endpoint.family() == Some(family) && counted.is_some_and(|it| is_it(*position, it))
            });
            given.filter_map(|(_, (endpoint, _))| endpoint.ip()).collect()
        };
        let addresses = match giving {
            Giving::Nothing => return Vec::new().into_iter(),
            Giving::Up => given(&|_, counted| counted == Counted::Up),
            Giving::Alive => given(&|_, counted| counted.is_alive()),
            Giving::All => Vec::new(),
        };
        if !addresses.is_empty() || giving != Giving::All && !service.is_kept {
            return addresses.into_iter();
        }
        let last = match pool.all_down {
            AllDown::Last => given(&|position, _| was_up[position]),
            AllDown::Open | AllDown::Closed | AllDown::Fallback(_) => Vec::new(),
        };
        let addresses = if last.is_empty() { given(&|_, _| true) } else { last };
        addresses.into_iter()
    }
}
