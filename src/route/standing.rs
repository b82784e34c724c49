//! Where an az of a pool stands: the one function of what is measured of it and what operators say.
//!
//! What is measured goes on beneath an override as if there were none, and decides again when that ends.
//!
//! - A force-up counts endpoints as up; an az that is up by its help waits for no hold.
//! - A drain or force-down of an endpoint counts it as not up and keeps it from clients. An az
//!   that can give no endpoint of a family it can't be without is as good as drained.
//! - A drain of an az leaves it for the last resort of a pool that fails open, with its drained
//!   endpoints; a force-down for nothing. A drain to a share leaves it the slots below that, and the others
//!   while no other az is eligible.
//! - Drain and force-down beat force-up, whichever of them is of the az and whichever of an endpoint.

use std::collections::BTreeMap;

use super::eligibility::{Counted, Families, Judgement, LocalVerdict, judge};
use super::row::{Admits, Motion, Rank};
use super::table::Tier;
use super::{AzState, OverrideKind, Pool, PoolAz};
use crate::time::Monotonic;

/// What answers go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// The best tier that it is in; `None`: it is never given.
    pub(super) tier: Option<Tier>,
    /// What follows from the endpoints as they count in that tier.
    pub(super) judgement: Judgement,
    pub(super) motion: Motion,
    /// The slots for which that is so.
    pub(super) admits: Admits,
}

/// What overrides say of an az of a pool.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Forced {
    /// The strongest override of the az.
    pub(super) az: Option<Force>,
    /// The strongest override of each endpoint that has one, by position.
    pub(super) endpoints: BTreeMap<usize, Force>,
    /// Until when clients that were just sent elsewhere should come back soon.
    pub(super) fresh_until: Option<Monotonic>,
}

/// The strongest of the overrides that meet; of equally strong ones, that which ends last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Force {
    pub(super) kind: OverrideKind,
    /// Its position among the overrides in force.
    pub(super) order: usize,
    /// The slots below this one keep an az that is drained.
    pub(super) left: u16,
}

/// How far an az goes to find an endpoint to give.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Resort {
    Usual,
    /// What is drained may be given.
    Last,
}

impl Standing {
    pub(super) fn is_eligible(&self) -> bool {
        self.tier == Some(Tier::Eligible)
    }

    /// Whether what operators say keeps it from clients.
    pub(super) fn is_out(&self) -> bool {
        matches!(self.tier, None | Some(Tier::Drained))
    }

    /// The slots below this one are given it as usual.
    pub(super) fn admitted(&self) -> u16 {
        if self.is_eligible() { self.admits.eligible.min(self.admits.undrained) } else { 0 }
    }

    /// Whether an endpoint that clients may be given as usual counts as up.
    pub(super) fn is_alive(&self) -> bool {
        matches!(self.tier, Some(Tier::Eligible | Tier::Alive))
    }

    /// How it competes with the other azs of its pool. `was_up`: whether it is of the last set that
    /// was up, in a pool that goes by that.
    pub(super) fn rank(&self, was_up: bool) -> Rank {
        let goes_first = match self.tier {
            None | Some(Tier::Eligible) => true,
            Some(Tier::Alive) => self.judgement.has_needed_family,
            Some(Tier::AllDown) => was_up,
            Some(Tier::Drained) => self.judgement.is_alive,
        };
        Rank { tier: self.tier, goes_first, motion: self.motion, admits: self.admits }
    }
}

/// Where an az stands that is measured to be in `state` by `judgement`, which came of what its endpoints
/// are `counted` as. `is_moving` tells by position whose monitor's state may soon be another.
pub(super) fn stand(
    (pool, families, az): (&Pool, Families, &PoolAz),
    (state, judgement): (AzState, Judgement),
    counted: impl Iterator<Item = Counted> + Clone,
    is_moving: impl Fn(usize) -> bool,
    forced: Option<&Forced>,
    now: Monotonic,
) -> Standing {
    let mut endpoints = 0..az.endpoints.len();
    let Some(forced) = forced else {
        let tier = tier(state.is_eligible(), state, &judgement);
        let motion = Motion::of(state.is_returning() || endpoints.any(is_moving));
        return Standing { tier: Some(tier), judgement, motion, admits: admits(state) };
    };
    let given = |resort| forced.endpoints(counted.clone(), resort);
    let judged =
        |resort| judge(pool, families, az, given(resort).map(|it| it.unwrap_or(Counted::Down)));
    let is_fresh = forced.fresh_until.is_some_and(|until| until > now);
    if forced.is_drained(pool, families, az) {
        let is_givable = forced.az_kind() != Some(OverrideKind::ForceDown)
            && given(Resort::Last).any(|endpoint| endpoint.is_some());
        return Standing {
            tier: is_givable.then_some(Tier::Drained),
            judgement: judged(Resort::Last),
            motion: Motion::of(is_fresh),
            admits: Admits::ALL,
        };
    }
    let judgement = judged(Resort::Usual);
    let is_forced_up = forced.has_force_up();
    let is_eligible =
        judgement.verdict == LocalVerdict::Up && (state.is_eligible() || is_forced_up);
    let tier = tier(is_eligible, state, &judgement);
    let is_returning = state.is_returning() && !(is_eligible && is_forced_up);
    // Who keeps a share of its clients is measured for them.
    let is_az_free = forced.az.is_none_or(|force| force.kind == OverrideKind::Drain);
    let is_free = |position: &usize| is_az_free && !forced.endpoints.contains_key(position);
    let is_moving = is_fresh || is_returning || endpoints.filter(is_free).any(is_moving);
    let admitted = if is_forced_up { Admits::ALL } else { admits(state) };
    let admits = Admits { undrained: forced.left(), ..admitted };
    Standing { tier: Some(tier), judgement, motion: Motion::of(is_moving), admits }
}

fn tier(is_eligible: bool, state: AzState, judgement: &Judgement) -> Tier {
    if is_eligible {
        Tier::Eligible
    } else if judgement.is_alive && judgement.verdict != LocalVerdict::Unfit && state.may_be_alive()
    {
        Tier::Alive
    } else {
        Tier::AllDown
    }
}

fn admits(state: AzState) -> Admits {
    let beyond = if state.may_be_alive() { Tier::Alive } else { Tier::AllDown };
    let eligible = if state.is_eligible() { state.admits() } else { Admits::ALL.eligible };
    Admits { eligible, beyond, ..Admits::ALL }
}

impl Forced {
    /// What is said of all clients of the az: a drain to a share decides nothing for those below it.
    fn az_kind(&self) -> Option<OverrideKind> {
        let is_of_all = |force: &Force| force.kind != OverrideKind::Drain || force.left == 0;
        self.az.filter(is_of_all).map(|force| force.kind)
    }

    /// What is said of an endpoint alone.
    pub(super) fn endpoint_kind(&self, position: usize) -> Option<OverrideKind> {
        self.endpoints.get(&position).map(|force| force.kind)
    }

    /// What an endpoint counts as, of its own or by a force-up of its az.
    pub(super) fn counted(&self, position: usize, measured: Counted) -> Counted {
        match (self.endpoint_kind(position), self.az_kind()) {
            (Some(OverrideKind::Drain | OverrideKind::ForceDown), _) => Counted::Down,
            (Some(OverrideKind::ForceUp), _) | (None, Some(OverrideKind::ForceUp)) => Counted::Up,
            (None, None | Some(OverrideKind::Drain | OverrideKind::ForceDown)) => measured,
        }
    }

    /// What each endpoint counts as in an az that stands in `tier`; `None` for one that is not
    /// given there.
    pub(super) fn given(
        &self,
        tier: Option<Tier>,
        counted: impl Iterator<Item = Counted>,
    ) -> impl Iterator<Item = Option<Counted>> {
        let resort = if tier == Some(Tier::Drained) { Resort::Last } else { Resort::Usual };
        self.endpoints(counted, resort)
    }

    fn endpoints(
        &self,
        counted: impl Iterator<Item = Counted>,
        resort: Resort,
    ) -> impl Iterator<Item = Option<Counted>> {
        counted.enumerate().map(move |(position, measured)| {
            let of_endpoint = self.endpoint_kind(position);
            match (self.az_kind().max(of_endpoint), of_endpoint) {
                (_, Some(OverrideKind::ForceDown)) => None,
                (_, Some(OverrideKind::Drain)) if resort == Resort::Usual => None,
                (Some(OverrideKind::ForceUp), _) => Some(Counted::Up),
                (None | Some(OverrideKind::Drain | OverrideKind::ForceDown), _) => Some(measured),
            }
        })
    }

    /// Whether the az gets no clients as usual: by an override of its own, or since of a family that
    /// it can't be without no endpoint is left that may be given.
    fn is_drained(&self, pool: &Pool, families: Families, az: &PoolAz) -> bool {
        if self.left() == 0 {
            return true;
        }
        let all = || std::iter::repeat_n(Counted::Up, az.endpoints.len());
        let left = || self.endpoints(all(), Resort::Usual).map(|it| it.unwrap_or(Counted::Down));
        let has_needed_family = |counted: &mut dyn Iterator<Item = Counted>| {
            judge(pool, families, az, counted).has_needed_family
        };
        let is_none_left = left().all(|endpoint| endpoint == Counted::Down);
        is_none_left || has_needed_family(&mut all()) && !has_needed_family(&mut left())
    }

    /// The slots below this one are left to the az by overrides of it.
    pub(super) fn left(&self) -> u16 {
        self.az.map_or(Admits::ALL.undrained, |force| force.left)
    }

    fn has_force_up(&self) -> bool {
        self.forces().any(|force| force.kind == OverrideKind::ForceUp)
    }

    /// The latest that keeps clients away.
    pub(super) fn latest_out(&self) -> Option<Force> {
        let outs = self.forces().filter(|force| force.kind != OverrideKind::ForceUp);
        outs.max_by_key(|force| force.order)
    }

    /// The latest that counts something as up.
    pub(super) fn latest_up(&self) -> Option<Force> {
        let ups = self.forces().filter(|force| force.kind == OverrideKind::ForceUp);
        ups.max_by_key(|force| force.order)
    }

    fn forces(&self) -> impl Iterator<Item = Force> {
        self.az.into_iter().chain(self.endpoints.values().copied())
    }
}
