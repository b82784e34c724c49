//! When the routing table changes for those who read it: what concerns azs and addresses at once,
//! what concerns TTLs alone at most once a second.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::table::{Comparison, Difference};
use super::{PoolId, PoolRoutes, RoutingTable};
use crate::id::IdVec;
use crate::time::Monotonic;

/// The published table, and what differs from it and waits.
#[derive(Debug)]
pub(crate) struct Publication {
    table: Arc<RoutingTable>,
    waiting: BTreeMap<PoolId, PoolRoutes>,
    /// When TTLs alone were last published.
    ttl_only_at: Option<Monotonic>,
}

/// At most one publication of TTLs alone in this long.
const TTL_ONLY_PAUSE: Duration = Duration::from_secs(1);

impl Publication {
    pub(crate) fn new(pools: IdVec<PoolId, PoolRoutes>) -> Self {
        let table = Arc::new(RoutingTable { pools });
        Self { table, waiting: BTreeMap::new(), ttl_only_at: None }
    }

    /// The published table.
    pub(crate) fn table(&self) -> &Arc<RoutingTable> {
        &self.table
    }

    /// The latest routes of a pool, published or not.
    pub(crate) fn latest(&self, pool: PoolId) -> &PoolRoutes {
        self.waiting.get(&pool).unwrap_or(&self.table.pools[pool])
    }

    /// Takes the pools' latest routes in and publishes what is due.
    pub(crate) fn update(
        &mut self,
        pools: impl Iterator<Item = (PoolId, PoolRoutes)>,
        now: Monotonic,
    ) -> Option<Arc<RoutingTable>> {
        let mut comparison = Comparison::default();
        let mut is_urgent = false;
        for (pool, routes) in pools {
            match comparison.of(&self.table.pools[pool], &routes) {
                Difference::None => {
                    self.waiting.remove(&pool);
                    continue;
                }
                Difference::TtlOnly => {}
                Difference::Routes => is_urgent = true,
            }
            self.waiting.insert(pool, routes);
        }
        if self.waiting.is_empty() {
            return None;
        }
        if !is_urgent {
            if self.due().is_some_and(|due| due > now) {
                return None;
            }
            self.ttl_only_at = Some(now);
        }
        let mut pools = self.table.pools.clone();
        for (pool, routes) in std::mem::take(&mut self.waiting) {
            pools[pool] = routes;
        }
        self.table = Arc::new(RoutingTable { pools });
        Some(Arc::clone(&self.table))
    }

    /// Replaces everything. Returns the table if it is another one.
    pub(crate) fn replace(
        &mut self,
        pools: IdVec<PoolId, PoolRoutes>,
    ) -> Option<Arc<RoutingTable>> {
        self.waiting.clear();
        let table = RoutingTable { pools };
        if table == *self.table {
            return None;
        }
        self.table = Arc::new(table);
        Some(Arc::clone(&self.table))
    }

    /// When what waits may be published; `None` when nothing waits or it may at once.
    pub(crate) fn due(&self) -> Option<Monotonic> {
        let at = self.ttl_only_at? + TTL_ONLY_PAUSE;
        (!self.waiting.is_empty()).then_some(at)
    }
}
