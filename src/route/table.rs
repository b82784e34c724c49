//! What the director decides, in the form that answers are compiled from: for each pool, the az
//! that each preference gets now, and the addresses that each az gives.
//!
//! Rows (`row`) are built from preferences and ranks alone, so that pools which share both
//! share a row and the loss of an az builds one row for each distinct pair, not for each pool.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use super::row::Row;
use super::{AzState, PoolId, TargetName};
use crate::id::IdVec;

/// Who gets what, by pool.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoutingTable {
    /// The pools, as in the topology.
    pub pools: IdVec<PoolId, PoolRoutes>,
}

/// What a pool gives.
#[derive(Clone, Debug, PartialEq)]
pub struct PoolRoutes {
    /// The choice for each preference of the pool's view.
    pub row: Arc<Row>,
    /// The azs, parallel to `Pool::azs`.
    pub azs: Arc<[AzRoute]>,
}

/// What clients with one preference get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The az, by its position in `Pool::azs`; `None`: the fallback's answer, or NODATA.
    pub az: Option<u16>,
    /// How good an az was to be had.
    pub tier: Tier,
    /// Whether answers carry `min_ttl`: something is moving between the first az and this one.
    pub short_ttl: bool,
}

/// The sets of azs that are tried in turn; the best that has any az answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Tier {
    /// Eligible azs, and those that safety rules keep.
    Eligible = 1,
    /// Azs with an endpoint up that are held or under `min_up`.
    Alive = 2,
    /// What the pool's `all_down` says.
    AllDown = 3,
    /// Drained azs, in a pool that fails open.
    Drained = 4,
}

/// What an az of a pool gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzRoute {
    /// Whether it may be given, and why not.
    pub state: AzState,
    /// What it gives for A when it is chosen.
    pub addresses_v4: Arc<[Ipv4Addr]>,
    /// What it gives for AAAA when it is chosen.
    pub addresses_v6: Arc<[Ipv6Addr]>,
    /// What it gives for every type, in place of addresses, in a CNAME pool.
    pub target: Option<TargetName>,
}

/// How two versions of a pool's routes differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    None,
    /// Only in which answers carry `min_ttl`.
    TtlOnly,
    /// In azs or addresses.
    Routes,
}

/// Compares pools' routes, each pair of rows once.
#[derive(Default)]
pub(crate) struct Comparison {
    rows: HashMap<(*const Row, *const Row), Difference>,
}

impl Comparison {
    pub(crate) fn of(&mut self, before: &PoolRoutes, after: &PoolRoutes) -> Difference {
        if !Arc::ptr_eq(&before.azs, &after.azs) && before.azs != after.azs {
            return Difference::Routes;
        }
        if Arc::ptr_eq(&before.row, &after.row) {
            return Difference::None;
        }
        let pair = (Arc::as_ptr(&before.row), Arc::as_ptr(&after.row));
        *self.rows.entry(pair).or_insert_with(|| difference(&before.row, &after.row))
    }
}

fn difference(before: &Row, after: &Row) -> Difference {
    if before == after {
        Difference::None
    } else if before.gives_the_same_as(after) {
        Difference::TtlOnly
    } else {
        Difference::Routes
    }
}
