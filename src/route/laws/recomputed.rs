//! What the director decides, recomputed naively from what its status shows.

use std::net::IpAddr;

use super::World;
use crate::geo::Slot;
use crate::health::HealthState;
use crate::route::OverrideKind::{Drain, ForceDown, ForceUp};
use crate::route::eligibility::Counted;
use crate::route::pool_health::counted;
use crate::route::status::{
    AzStatus, EndpointStatus, MonitorStatus, PoolStatus, ShownAzState, ShownOverride,
};
use crate::route::{
    AllDown, AzId, AzRoute, Choice, Family, FamilyDown, OverrideKind, Pool, Routing, Tier,
};

/// What a status does not show of an az.
struct Hidden {
    /// Which endpoints would be alive without overrides.
    measured: Vec<bool>,
    was_up: bool,
    is_fresh: bool,
}

impl World {
    /// Calls `claim` with each pool, its status, and the order and choice of each preference.
    pub(super) fn for_each_choice(
        &self,
        mut claim: impl FnMut(&Pool, &PoolStatus, &[AzId], Choice),
    ) {
        let (table, status) = (self.director.routes(), self.status());
        let Routing { topology, preferences } = &self.director.routing;
        for ((id, pool), status) in topology.pools.iter().zip(&status.pools) {
            for (preference, order) in preferences[pool.view].iter() {
                claim(
                    pool,
                    status,
                    order,
                    table.pools[id].row.choice(preference, || Slot::FIRST).0,
                );
            }
        }
    }

    /// Calls `claim` with each endpoint that any client is given, its az and the tier.
    pub(super) fn for_each_given(&self, mut claim: impl FnMut(Tier, &AzStatus, &EndpointStatus)) {
        let (table, status) = (self.director.routes(), self.status());
        for (routes, pool) in table.pools.values().zip(&status.pools) {
            for choice in routes.row.choices() {
                let Some(az) = choice.az.map(usize::from) else { continue };
                let AzRoute { addresses_v4, addresses_v6, .. } = &routes.azs[az];
                let v4 = addresses_v4.iter().copied().map(IpAddr::V4);
                for address in v4.chain(addresses_v6.iter().copied().map(IpAddr::V6)) {
                    let az = &pool.azs[az];
                    let endpoint = az.endpoints.iter().find(|it| it.address == address.to_string());
                    claim(choice.tier, az, endpoint.unwrap());
                }
            }
        }
    }

    pub(super) fn choices_are_as_recomputed(&self) {
        self.for_each_choice(|pool, status, order, choice| {
            let positions: Vec<usize> = positions(pool, order);
            let first = |is_in: &dyn Fn(&AzStatus) -> bool| {
                positions.iter().copied().find(|&position| is_in(&status.azs[position]))
            };
            let last = |position: &usize| self.hidden(pool, *position).was_up;
            let is_in = |tier: Tier| move |az: &AzStatus| tier_of(pool, az) == Some(tier);
            let eligible = || first(&is_in(Tier::Eligible));
            let alive = || {
                let whole =
                    |az: &AzStatus| is_in(Tier::Alive)(az) && is_alive_where_needed(pool, az);
                first(&whole).or_else(|| first(&is_in(Tier::Alive)))
            };
            let dead = || {
                let mut dead = positions.iter().copied();
                let is_dead = |at: &usize| is_in(Tier::AllDown)(&status.azs[*at]);
                dead.find(|at| is_dead(at) && last(at)).or_else(|| first(&is_in(Tier::AllDown)))
            };
            let drained = || {
                let is_drained = is_in(Tier::Drained);
                let mut all = positions.iter().copied();
                let alive = all.find(|&at| {
                    let hidden = self.hidden(pool, at);
                    is_drained(&status.azs[at]) && is_alive_when_drained(&status.azs[at], &hidden)
                });
                alive.or_else(|| first(&is_drained))
            };
            let heeded = eligible()
                .map(|az| (az, Tier::Eligible))
                .or_else(|| alive().map(|az| (az, Tier::Alive)));
            let expected = match pool.all_down {
                AllDown::Open | AllDown::Last => heeded
                    .or_else(|| dead().map(|az| (az, Tier::AllDown)))
                    .or_else(|| drained().map(|az| (az, Tier::Drained))),
                AllDown::Closed | AllDown::Fallback(_) => heeded,
            };
            let expected = expected.map_or((None, Tier::AllDown), |(az, tier)| (Some(az), tier));
            assert_eq!((choice.az.map(usize::from), choice.tier), expected);
        });
    }

    /// What the status does not show of an az of a pool.
    fn hidden(&self, pool: &Pool, position: usize) -> Hidden {
        let id = self.director.routing.topology.pools.position(|it| it.name == pool.name).unwrap();
        let health = &self.director.pools[id].azs[position];
        let az = &pool.azs[position];
        let measured = counted(&self.director.watches, az, &health.while_unknown);
        let forced = self.director.forces.get(&(id, position as u16));
        let fresh_until = forced.and_then(|forced| forced.fresh_until);
        Hidden {
            measured: measured.map(Counted::is_alive).collect(),
            was_up: pool.all_down == AllDown::Last && health.was_up.contains(&true),
            is_fresh: fresh_until.is_some_and(|until| until > self.now.mono),
        }
    }

    /// Whether answers that depend on an az may soon be wrong: not for what is measured where an
    /// operator decides.
    fn is_moving(&self, pool: &Pool, position: usize, az: &AzStatus) -> bool {
        let free = az.endpoints.iter().filter(|it| it.overridden.is_none());
        let mut monitors = free.filter_map(|it| it.monitor.as_ref());
        let tier = tier_of(pool, az);
        let is_held = matches!(tier, Some(Tier::Alive | Tier::AllDown))
            && matches!(
                az.state,
                ShownAzState::Held { .. }
                    | ShownAzState::Suppressed { .. }
                    | ShownAzState::Ramping { .. }
            );
        let is_ramping = tier == Some(Tier::Eligible)
            && matches!(az.state, ShownAzState::Ramping { .. })
            && !is_forced_up(az);
        let is_az_free = kind(&az.overridden).is_none_or(|kind| kind == Drain);
        let is_measured = is_az_free && !matches!(tier, None | Some(Tier::Drained));
        self.hidden(pool, position).is_fresh
            || az.kept.is_some()
            || is_held
            || is_ramping
            || is_measured && monitors.any(|it| it.failing || it.fresh)
    }

    pub(super) fn ttls_are_as_recomputed(&self) -> bool {
        let mut are_as_recomputed = true;
        self.for_each_choice(|pool, status, order, choice| {
            let positions = positions(pool, order);
            let named = positions.iter().position(|&az| Some(az) == choice.az.map(usize::from));
            let passed = &positions[..named.map_or(0, |named| named + 1)];
            let moves = passed.iter().any(|&at| self.is_moving(pool, at, &status.azs[at]));
            are_as_recomputed &= choice.short_ttl == (moves || choice.tier != Tier::Eligible);
        });
        are_as_recomputed
    }

    pub(super) fn eligible_azs_give_only_what_is_up(&self) {
        let (table, status) = (self.director.routes(), self.status());
        for (routes, pool) in table.pools.values().zip(&status.pools) {
            for (route, az) in routes.azs.iter().zip(&pool.azs) {
                let v4 = route.addresses_v4.iter().copied().map(IpAddr::V4);
                let v6 = route.addresses_v6.iter().copied().map(IpAddr::V6);
                let given: Vec<IpAddr> = v4.chain(v6).collect();
                let is_up = |address: &IpAddr| {
                    az.endpoints
                        .iter()
                        .any(|it| it.address == address.to_string() && it.counts_as_up)
                };
                if az.eligible && az.kept.is_none() {
                    assert!(!given.is_empty() && given.iter().all(is_up));
                }
            }
        }
    }
}

fn positions(pool: &Pool, order: &[AzId]) -> Vec<usize> {
    order.iter().map(|az| pool.azs.iter().position(|it| it.az == *az).unwrap()).collect()
}

/// The tier of an az, from what is shown of it.
pub(super) fn tier_of(pool: &Pool, az: &AzStatus) -> Option<Tier> {
    let is_out = |it: &&EndpointStatus| kind(&it.overridden).is_some_and(|it| it != ForceUp);
    let is_forced_down = |it: &EndpointStatus| kind(&it.overridden) == Some(ForceDown);
    let all_are_out = |is_v4: bool| {
        let mut family =
            az.endpoints.iter().filter(|it| it.address.contains('.') == is_v4).peekable();
        family.peek().is_some() && family.all(|it| is_out(&it))
    };
    let has_lost_needed_family = match pool.family_down {
        FamilyDown::Drop => all_are_out(pool.has_family(Family::V4)),
        FamilyDown::Az => all_are_out(true) || all_are_out(false),
    };
    // Of a drain to a share the first slot feels nothing.
    let is_drained = az.overridden.as_ref().is_some_and(|it| it.kind == Drain && it.to.is_none())
        || has_lost_needed_family
        || az.endpoints.iter().all(|it| is_out(&it));
    match az.overridden.as_ref().map(|it| it.kind) {
        Some(ForceDown) => None,
        _ if is_drained && az.endpoints.iter().all(is_forced_down) => None,
        _ if is_drained => Some(Tier::Drained),
        _ if az.eligible => Some(Tier::Eligible),
        _ if az.state == ShownAzState::AwaitingRelease => Some(Tier::AllDown),
        _ if az.endpoints.iter().any(is_alive) && !is_unfit(pool, az) => Some(Tier::Alive),
        _ => Some(Tier::AllDown),
    }
}

pub(super) fn kind(order: &Option<ShownOverride>) -> Option<OverrideKind> {
    order.as_ref().map(|order| order.kind)
}

/// Whether an override counts anything of it as up.
fn is_forced_up(az: &AzStatus) -> bool {
    let endpoints = az.endpoints.iter().map(|it| kind(&it.overridden));
    endpoints.chain([kind(&az.overridden)]).any(|kind| kind == Some(ForceUp))
}

/// Whether an endpoint that may be given as a last resort is up by what is measured, or forced up.
fn is_alive_when_drained(az: &AzStatus, hidden: &Hidden) -> bool {
    let of_az = kind(&az.overridden);
    let is_forced_up = |own: Option<OverrideKind>| {
        [own, of_az].contains(&Some(ForceUp)) && ![own, of_az].contains(&Some(Drain))
    };
    az.endpoints.iter().zip(&hidden.measured).any(|(it, &is_up)| match kind(&it.overridden) {
        Some(ForceDown) => false,
        own => is_forced_up(own) || is_up,
    })
}

/// Whether it is up, suppressed or not.
fn is_alive(endpoint: &EndpointStatus) -> bool {
    let is_suppressed = |it: &MonitorStatus| {
        it.state == HealthState::Up && it.penalty.is_some_and(|it| it.suppressed_until.is_some())
    };
    endpoint.counts_as_up
        || endpoint.overridden.is_none() && endpoint.monitor.as_ref().is_some_and(is_suppressed)
}

/// Whether something is alive in each family that the az can't be without.
fn is_alive_where_needed(pool: &Pool, az: &AzStatus) -> bool {
    has_where_needed(pool, az, is_alive)
}

/// Whether it answers in each of those, and is unfit in one.
fn is_unfit(pool: &Pool, az: &AzStatus) -> bool {
    let answers = |it: &EndpointStatus| {
        let is_unfit = it.monitor.as_ref().is_some_and(|it| it.state == HealthState::Unfit);
        is_alive(it) || it.overridden.is_none() && is_unfit
    };
    !is_alive_where_needed(pool, az) && has_where_needed(pool, az, answers)
}

fn has_where_needed(pool: &Pool, az: &AzStatus, is_it: impl Fn(&EndpointStatus) -> bool) -> bool {
    let endpoints = |v4| az.endpoints.iter().filter(move |it| it.address.contains('.') == v4);
    let has = |v4| endpoints(v4).any(&is_it);
    match pool.family_down {
        FamilyDown::Drop => has(pool.has_family(Family::V4)),
        FamilyDown::Az => [true, false].iter().all(|&v4| has(v4) || endpoints(v4).count() == 0),
    }
}
