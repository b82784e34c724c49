//! The director's health, as routes: rows of choices, and the addresses that each az gives.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::director::{Director, PoolAzIndex};
use super::eligibility::{Counted, Giving};
use super::pool_health::{AzHealth, counted};
use super::table::Rank;
use super::{AzRoute, PoolId, PoolRoutes, Row};
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
        self.rows.row(pool.view, pool.all_down, azs, &ranks, preferences)
    }

    fn az_route(&self, (pool, position): PoolAzIndex) -> AzRoute {
        let az = &self.routing.topology.pools[pool].azs[usize::from(position)];
        let health = &self.pools[pool].azs[usize::from(position)];
        let given = |giving: Giving| {
            az.endpoints.iter().zip(counted(&self.watches, az, &health.while_unknown)).filter_map(
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
        let v4 = |address| if let IpAddr::V4(v4) = address { Some(v4) } else { None };
        let v6 = |address| if let IpAddr::V6(v6) = address { Some(v6) } else { None };
        AzRoute {
            state: health.state,
            addresses_v4: given(health.judgement.v4).filter_map(v4).collect(),
            addresses_v6: given(health.judgement.v6).filter_map(v6).collect(),
        }
    }
}
