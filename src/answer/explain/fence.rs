//! Which azs a client could not be given, whatever their health, and whose fence leaves them out.

use serde::{Deserialize, Serialize};

use crate::answer::snapshot::Snapshot;
use crate::answer::steer::Steered;
use crate::geo::Place;

/// An az of the pool that the client is never given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FencedOut {
    /// Its name.
    pub name: String,
    /// Great-circle distance in kilometres, bias not applied; `None` without both places.
    pub distance_km: Option<f64>,
    /// Whose fence leaves it out.
    pub fence: FenceOf,
}

/// Whose `allow` makes a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FenceOf {
    /// The pool's.
    Pool,
    /// That of the rule that matched.
    Rule,
}

/// The azs of the pool outside the fence of clients there, in the order of their names.
pub(super) fn fenced_out(
    snapshot: &Snapshot,
    steered: &Steered<'_>,
    place: &Place,
) -> Vec<FencedOut> {
    let topology = &snapshot.routing.topology;
    let pool = steered.pool;
    let view = &topology.views[pool.view];
    let rule = view.matching(place, steered.client.address).map(|found| found.rule);
    let allowed = view.allowed(rule);
    let outside = pool.azs.iter().map(|az| az.az).filter(|az| allowed.binary_search(az).is_err());
    let fenced_out = outside.map(|id| {
        let az = &topology.azs[id];
        FencedOut {
            name: az.name.clone(),
            distance_km: place.point.zip(az.location).map(|(from, to)| from.distance_km(to)),
            fence: if topology.is_outside_fence(pool, id) { FenceOf::Pool } else { FenceOf::Rule },
        }
    });
    fenced_out.collect()
}
