//! When safety rules are heeded: after whatever happened to azs of a pool that has any, before
//! clients learn of it. What a rule keeps is given as usual though what is measured says otherwise.
//!
//! A pool without rules is never looked at here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::director::{PoolAzIndex, Touched};
use super::pool_health::AzHealth;
use super::row::Admits;
use super::safety::{Before, Lost, Safety, Seat};
use super::saved::SavedService;
use super::shown_kept::ShownKept;
use super::{
    AzState, Director, Effects, Failback, Pool, PoolId, Reason, Saved, Target, Tier, Transition,
};
use crate::time::{Monotonic, Now, Wall};

/// What safety rules know of an az of a pool. In a pool without any it says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Service {
    /// Whether it was in service when last looked at.
    pub(super) is_in: bool,
    /// Whether that is by a rule alone.
    pub(super) is_kept: bool,
    /// The slots below this one are those that it had last as an eligible az, or that a rule brought
    /// it.
    pub(super) slots: u16,
    /// Since when it is not eligible; only where it is not.
    pub(super) lost_since: Wall,
    /// When it went out of service, if a rule let it.
    pub(super) removal: Option<Removal>,
}

/// An az that went out of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Removal {
    pub(super) at: Wall,
    pub(super) within: Duration,
    /// Until when the pace counts it.
    pub(super) until: Monotonic,
}

/// A rule keeps an az, or needs it no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// The az, in its pool.
    pub target: Target,
    /// What became of it.
    pub change: KeepingChange,
}

/// What rules do with an az.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeepingChange {
    /// It is lost and stays in service, or is brought in for want of a better one.
    Kept(ShownKept),
    /// It is eligible without.
    Eligible,
    /// It is out of service: others are there, or operators say so.
    LetGo,
}

impl AzHealth {
    /// Whether clients are given it as usual: since it is eligible, or a rule keeps it.
    pub(super) fn is_in_service(&self) -> bool {
        self.standing.is_eligible() || self.service.is_kept
    }

    /// Whether it is out of service by its standing and went so lately that the pace counts it.
    pub(super) fn is_recently_out(&self, now: Monotonic) -> bool {
        let is_counted = |removal: Removal| removal.until > now;
        !self.standing.is_eligible() && self.service.removal.is_some_and(is_counted)
    }

    /// What it is in place of `next` if it comes back slot by slot and a rule kept its clients there.
    pub(super) fn returns_kept(
        &self,
        next: AzState,
        failback: Failback,
        now: Wall,
    ) -> Option<AzState> {
        let Service { is_kept, slots, .. } = self.service;
        match next {
            AzState::Ramping(ramp) if is_kept && ramp.admits() < slots => {
                let has_all = slots == Admits::ALL.eligible;
                Some(if has_all { AzState::Eligible } else { failback.begin_from(slots, now) })
            }
            _ => None,
        }
    }

    fn seat(&self) -> Seat {
        let before = if self.service.is_in { Before::In } else { Before::Out };
        match self.standing.tier {
            Some(Tier::Eligible) => Seat::In,
            None | Some(Tier::Drained) => Seat::Out(before),
            Some(Tier::Alive | Tier::AllDown) => Seat::Lost(Lost {
                is_alive: self.standing.is_alive() && self.standing.judgement.has_needed_family,
                before,
                may_be_alive: self.state.may_be_alive(),
                since: self.service.lost_since,
            }),
        }
    }
}

impl Director {
    /// Heeds the rules of the pools that were touched, and of those in which the pace lets more go.
    pub(super) fn keep_safe(&mut self, now: Now, touched: &mut Touched, effects: &mut Effects) {
        let mut pools: Vec<PoolId> = touched.keys().copied().collect();
        while let Some(&(due, pool)) = self.paced.first()
            && due <= now.mono
        {
            self.paced.remove(&(due, pool));
            pools.push(pool);
        }
        let topology = Arc::clone(&self.routing.topology);
        for id in pools {
            let Some(safety) = &topology.pools[id].safety else { continue };
            for (position, before) in self.settle(id, safety, now, effects) {
                touched.entry(id).or_default().insert(position);
                if before.is_in != self.health((id, position)).service.is_in {
                    let transition = self.moved((id, position), before, now);
                    effects.transitions.push(transition);
                }
            }
        }
        self.reasons.clear();
    }

    /// Heeds the rules of every pool, after everything was looked at anew.
    pub(super) fn keep_all_safe(&mut self, now: Now, effects: &mut Effects) {
        let topology = Arc::clone(&self.routing.topology);
        for (id, pool) in topology.pools.iter() {
            if let Some(safety) = &pool.safety {
                self.settle(id, safety, now, effects);
            }
        }
    }

    /// Finds which azs of a pool are in service. Returns the positions of those for which something
    /// differs, and what was before.
    fn settle(
        &mut self,
        id: PoolId,
        safety: &Safety,
        now: Now,
        effects: &mut Effects,
    ) -> Vec<(u16, Service)> {
        for AzHealth { standing, service, .. } in &mut self.pools[id].azs {
            if standing.is_eligible() {
                service.slots = standing.admits.eligible;
            } else if service.is_in && !service.is_kept {
                service.lost_since = now.wall;
            }
        }
        let in_service = in_service(safety, &self.pools[id].azs, now.mono);
        let mut changed = Vec::new();
        for (position, is_in) in (0u16..).zip(in_service) {
            let AzHealth { standing, service, .. } = &mut self.pools[id].azs[usize::from(position)];
            let before = *service;
            service.is_in = is_in;
            service.is_kept = is_in && !standing.is_eligible();
            if service.is_kept && (!before.is_in || service.slots == 0) {
                service.slots = Admits::ALL.eligible;
            }
            if is_in {
                service.removal = None;
            } else if before.is_in {
                let removal = |within| Removal { at: now.wall, within, until: now.mono + within };
                service.removal = safety.pace.map(|pace| removal(pace.within));
            }
            let kept = |it: &Service| (it.is_kept, it.removal);
            effects.save |= kept(&before) != kept(service);
            if (before.is_in, before.is_kept) != (is_in, service.is_kept) {
                changed.push((position, before));
            }
        }
        self.wait_for_pace(id, now.mono);
        for &(position, before) in &changed {
            effects.kept.extend(self.keeping((id, position), before, now));
        }
        changed
    }

    /// What rules do with an az that was in service otherwise before.
    fn keeping(&self, index: PoolAzIndex, before: Service, now: Now) -> Option<Keeping> {
        let Service { is_in, is_kept, .. } = self.health(index).service;
        let change = match (before.is_kept, is_kept) {
            (false, true) => KeepingChange::Kept(self.shown_kept(index, now)?),
            (true, false) if is_in => KeepingChange::Eligible,
            (true, false) => KeepingChange::LetGo,
            (false, false) | (true, true) => return None,
        };
        Some(Keeping { target: self.az_target(index), change })
    }

    /// Comes back when the pace may let the next az go.
    fn wait_for_pace(&mut self, id: PoolId, now: Monotonic) {
        let azs = &self.pools[id].azs;
        let removals = azs.iter().filter_map(|az| az.service.removal);
        let next = removals.map(|removal| removal.until).filter(|&until| until > now).min();
        let next = next.filter(|_| azs.iter().any(|az| az.service.is_kept));
        if let Some(due) = std::mem::replace(&mut self.pools[id].paced, next) {
            self.paced.remove(&(due, id));
        }
        self.paced.extend(next.map(|due| (due, id)));
    }

    /// The transition of an az that is in service now and was not, or the other way round.
    fn moved(&mut self, index: PoolAzIndex, before: Service, now: Now) -> Transition {
        let AzHealth { standing, service: Service { is_in, is_kept, .. }, .. } = self.health(index);
        let (is_in, is_kept, is_out) = (*is_in, *is_kept, standing.is_out());
        let (reason, first_failure) = match self.reasons.remove(&index) {
            _ if is_kept => (Reason::Kept, None),
            _ if before.is_kept && !is_in && !is_out => (Reason::LetGo, None),
            Some(reason) => reason,
            None if is_in => (Reason::Up, None),
            None => (Reason::LetGo, None),
        };
        Transition { first_failure, ..self.transition(index, reason, now) }
    }
}

impl AzHealth {
    /// What is carried to rules that may be other ones.
    pub(super) fn service_under(&self, safety: Option<&Safety>, now: Now) -> Service {
        let is_in = self.is_in_service();
        let Some(safety) = safety else { return Service { is_in, ..Service::default() } };
        let pace = safety.pace.zip(self.service.removal);
        let removal = pace.map(|(pace, it)| it.no_later_than(now.mono + pace.within));
        let has = self.standing.admits.eligible;
        let slots = if self.standing.is_eligible() { has } else { self.service.slots };
        Service { is_in, slots, removal, ..self.service }
    }
}

impl Removal {
    fn no_later_than(self, end: Monotonic) -> Self {
        Self { until: self.until.min(end), ..self }
    }
}

impl Director {
    /// What is to be saved of what rules keep and let go, by pool and az.
    pub(super) fn service_by_name(&self) -> BTreeMap<String, BTreeMap<String, SavedService>> {
        let mut by_name: BTreeMap<String, BTreeMap<_, _>> = BTreeMap::new();
        let pools = self.routing.topology.pools.iter().filter(|(_, it)| it.safety.is_some());
        for (id, pool) in pools {
            for (position, az) in (0u16..).zip(&self.pools[id].azs) {
                let Service { is_kept, slots, lost_since, removal, .. } = az.service;
                let saved = match removal {
                    _ if is_kept => SavedService::Kept { since: lost_since, slots },
                    Some(Removal { at, within, .. }) => SavedService::Removed { at, within },
                    None => continue,
                };
                let azs = by_name.entry(pool.name.clone()).or_default();
                azs.insert(self.az_name((id, position)).to_owned(), saved);
            }
        }
        by_name
    }
}

impl Saved {
    /// What rules know of an az of a pool.
    pub(super) fn service(&self, pool: &Pool, az: &str, now: Now) -> Service {
        let of_pool = self.service.get(&pool.name).filter(|_| pool.safety.is_some());
        let known = of_pool.and_then(|azs| azs.get(az)).copied();
        match known {
            Some(SavedService::Kept { since, slots }) => Service {
                is_in: true,
                is_kept: true,
                slots,
                lost_since: since,
                ..Service::default()
            },
            Some(SavedService::Removed { at, within }) => {
                let left = within.saturating_sub(now.wall.saturating_since(at));
                let removal = Removal { at, within, until: now.mono + left };
                Service { lost_since: at, removal: Some(removal), ..Service::default() }
            }
            None => Service::default(),
        }
    }
}

/// Which azs of a pool are in service.
fn in_service(safety: &Safety, azs: &[AzHealth], now: Monotonic) -> Vec<bool> {
    let seats: Vec<Seat> = azs.iter().map(AzHealth::seat).collect();
    let is_recent = |(az, is_in): &(&AzHealth, &bool)| !**is_in && az.is_recently_out(now);
    let mut recent = azs.iter().filter(|az| az.is_recently_out(now)).count();
    loop {
        let in_service = safety.in_service(&seats, recent);
        // What a rule brings back makes room for others to go.
        let still = azs.iter().zip(&in_service).filter(is_recent).count();
        if still >= recent {
            return in_service;
        }
        recent = still;
    }
}
