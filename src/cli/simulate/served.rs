//! Clients who are given an az that is lost: which, how many, and what has them given it.

use serde::Serialize;

use super::PoolLoss;
use crate::answer::simulation::Simulation;
use crate::id::Id;
use crate::route::status::Status;
use crate::route::{AllDown, AzId, PoolId, ShownKept, Topology};

/// Clients who are given an az that is lost.
#[derive(Debug, Serialize)]
pub struct LostServed {
    /// The az.
    pub az: String,
    /// Their demand.
    pub demand: f64,
    /// The rules that keep it in service, or the last resort of the pool.
    pub why: String,
}

/// The lost azs that clients of a pool are given, by it or its fallback.
pub(super) fn served(
    topology: &Topology,
    pool: PoolId,
    lost: &[AzId],
    simulation: &Simulation,
    status: &Status,
) -> Vec<LostServed> {
    let fallback = match topology.pools[pool].all_down {
        AllDown::Fallback(fallback) => Some(fallback),
        AllDown::Open | AllDown::Closed | AllDown::Last => None,
    };
    let found = lost.iter().filter_map(|&az| {
        let (demand, name) = (simulation.azs[az].after, &topology.azs[az].name);
        let giving = [Some(pool), fallback].into_iter().flatten().find_map(|id| {
            let azs = &status.pools.get(id.index())?.azs;
            Some((id, azs.iter().find(|az| az.name == *name)?))
        });
        let (giving, shown) = giving.filter(|_| demand > 0.0)?;
        let why = match &shown.kept {
            Some(kept) => rules(kept),
            None if shown.state.is_eligible() => return None,
            None => format!("`all_down` of pool {}", topology.pools[giving].name),
        };
        Some(LostServed { az: name.clone(), demand, why })
    });
    found.collect()
}

/// The limits that this breaks.
pub(super) fn broken(of: &[LostServed], share: impl Fn(f64) -> String) -> Vec<String> {
    let broken = of.iter().map(|LostServed { az, demand, why }| {
        format!("{} of demand is given {az}, which is lost: {why}", share(*demand))
    });
    broken.collect()
}

/// The share of a pool's demand that is given a lost az.
pub(super) fn demand(pool: &PoolLoss) -> f64 {
    pool.served.iter().map(|of| of.demand).fold(0.0, |sum, demand| sum + demand)
}

/// As in ``rule `eu` needs 1 of dublin, frankfurt``; the times of a rehearsal are nobody's.
fn rules(kept: &ShownKept) -> String {
    kept.rules.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}
