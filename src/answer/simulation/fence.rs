//! Fences that bind: those that keep clients who lose their az from a nearer one that would have taken them.

use std::net::IpAddr;

use crate::answer::snapshot::Snapshot;
use crate::geo::{PlaceId, PreferenceId};
use crate::route::{Az, AzId, Policy, PoolId};

/// A fence that keeps clients from an az.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BindingFence {
    /// Whose.
    pub fence: Fence,
    /// The nearest az outside it that is in service.
    pub az: AzId,
    /// The demand of clients who would have gone there.
    pub demand: f64,
}

/// Whose `allow` makes a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fence {
    /// The pool's.
    Pool,
    /// That of the rule with this number, from 1.
    Rule(usize),
}

/// Clients who lose their az.
pub(super) struct Displaced {
    pub(super) place: PlaceId,
    /// One of them.
    pub(super) client: IpAddr,
    /// Their order of azs.
    pub(super) preference: PreferenceId,
    /// The az that they are given now, if any.
    pub(super) to: Option<AzId>,
}

/// The fence that keeps them from an az, and the az: one that is nearer than theirs where distance orders
/// azs and they have one, any where they are given nothing.
pub(super) fn binds(
    snapshot: &Snapshot,
    pool_id: PoolId,
    displaced: &Displaced,
) -> Option<(Fence, AzId)> {
    let topology = &snapshot.routing.topology;
    let pool = topology.pools.get(pool_id)?;
    let order = snapshot.routing.preferences[pool.view].order(displaced.preference);
    if order.len() == pool.azs.len() {
        return None;
    }
    let place = snapshot.places.place(displaced.place);
    let distance = |az: &Az| place.point.and_then(|point| az.biased_distance_km(point));
    let distance = |az: AzId| distance(&topology.azs[az]).unwrap_or(f64::INFINITY);
    let view = &topology.views[pool.view];
    let within = match (displaced.to, &view.policy) {
        (Some(az), Policy::Nearest { .. }) => Some(distance(az)),
        (Some(_), Policy::Failover { .. } | Policy::Weighted { .. }) => return None,
        (None, _) => None,
    };
    let routes = snapshot.routes.pools.get(pool_id)?;
    let azs = pool.azs.iter().zip(&*routes.azs);
    let in_service = azs.filter(|(_, route)| route.state.is_eligible()).map(|(az, _)| az.az);
    let outside = in_service.filter(|az| !order.contains(az));
    let nearest = outside.min_by(|a, b| distance(*a).total_cmp(&distance(*b)))?;
    if within.is_some_and(|within| distance(nearest) >= within) {
        return None;
    }
    if topology.is_outside_fence(pool, nearest) {
        return Some((Fence::Pool, nearest));
    }
    let found = view.matching(place, displaced.client)?;
    Some((Fence::Rule(found.rule + 1), nearest))
}

/// Adds the demand of such clients.
pub(super) fn add(fences: &mut Vec<BindingFence>, bound: Option<(Fence, AzId)>, demand: f64) {
    let Some((fence, az)) = bound else { return };
    match fences.iter_mut().find(|it| (it.fence, it.az) == (fence, az)) {
        Some(known) => known.demand += demand,
        None => fences.push(BindingFence { fence, az, demand }),
    }
}
