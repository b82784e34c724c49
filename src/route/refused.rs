//! Whether safety rules allow an order of an operator: what it takes out of service must leave every
//! rule whole, without what is lost standing in for what was there.
//!
//! A rule that holds by what is eligible must hold so after the order too; one that only holds since
//! it keeps something must hold with what it keeps.

use std::collections::BTreeSet;
use std::fmt;

use super::pool_health::{AzHealth, Forces, look};
use super::safety::{Listed, Need, Safety};
use super::shown_kept::{NeededRule, needed};
use super::standing::Standing;
use super::{Director, Override, PoolId};
use crate::time::{Now, Wall};

/// Why safety rules refuse an order: it would break them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", Sentences(.0))]
pub struct Unsafe(pub Vec<BrokenRule>);

/// A rule that an order would break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenRule {
    /// The pool's full name.
    pub pool: String,
    /// The rule.
    pub rule: NeededRule,
    /// What would satisfy it.
    pub remedy: Remedy,
}

/// What an order is waiting for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// One of these azs in service.
    Bring(Vec<String>),
    /// All of these azs in service.
    BringAll(Vec<String>),
    /// Nothing that is out of service would do: some of what the order takes must stay.
    Leave(Vec<String>),
    /// The time when the pace allows it.
    Wait(Wall),
    /// Fewer azs at a time: this many.
    Fewer(usize),
}

impl Director {
    /// Whether safety rules allow `order`. Nothing overrides them.
    pub fn permits(&self, order: &Override, now: Now) -> Result<(), Unsafe> {
        let topology = &self.routing.topology;
        if topology.pools.values().all(|pool| pool.safety.is_none()) {
            return Ok(());
        }
        let mut overrides = self.overrides.clone();
        overrides.give(order.clone());
        let forces = self.forces_in(topology, &overrides, now);
        let pools: BTreeSet<PoolId> = forces.keys().map(|&(pool, _)| pool).collect();
        let broken = pools.into_iter().filter_map(|id| {
            let safety = topology.pools[id].safety.as_ref()?;
            Some(self.broken_by(id, safety, &forces, now))
        });
        let broken: Vec<BrokenRule> = broken.flatten().collect();
        if broken.is_empty() { Ok(()) } else { Err(Unsafe(broken)) }
    }

    /// The rules of a pool that these forces break.
    fn broken_by(&self, id: PoolId, safety: &Safety, forces: &Forces, now: Now) -> Vec<BrokenRule> {
        let change = self.change(id, forces, now);
        if change.taken().next().is_none() {
            return Vec::new();
        }
        let name = |at| self.az_name((id, at)).to_owned();
        let pool = &self.routing.topology.pools[id].name;
        let is_concerned = |need: &Need| {
            let azs = need.azs();
            change.taken().any(|at| azs.contains(&at))
        };
        let breaks = safety.rules.iter().filter(|rule| {
            is_concerned(&rule.need) && !rule.need.is_met(change.judged_by(&rule.need))
        });
        let mut broken: Vec<BrokenRule> = breaks
            .map(|rule| BrokenRule {
                pool: pool.clone(),
                rule: NeededRule { name: rule.name.clone(), needs: rule.need.words(&name) },
                remedy: change.remedy(&rule.need, &name),
            })
            .collect();
        let taken = change.taken().count();
        if let Some(pace) = safety.pace {
            let azs = &self.pools[id].azs;
            let recent =
                |(az, after): &(&AzHealth, &bool)| !**after && az.is_recently_out(now.mono);
            let recent = azs.iter().zip(&change.after).filter(recent);
            let mut ends: Vec<_> =
                recent.filter_map(|(az, _)| Some(az.service.removal?.until)).collect();
            ends.sort_unstable();
            let too_many = (ends.len() + taken).saturating_sub(pace.most);
            if too_many > 0 {
                let remedy = match ends.get(too_many - 1) {
                    Some(&end) => Remedy::Wait(now.wall_at(end)),
                    None => Remedy::Fewer(pace.most),
                };
                let rule = needed(pace, azs.len());
                broken.push(BrokenRule { pool: pool.clone(), rule, remedy });
            }
        }
        broken
    }

    /// What these forces change in a pool.
    fn change(&self, id: PoolId, forces: &Forces, now: Now) -> Change {
        let topology = &self.routing.topology;
        let pool = &topology.pools[id];
        let families = self.pools[id].families;
        let stands = (0u16..).zip(&pool.azs).map(|(position, az)| {
            let health = self.health((id, position));
            let known = (health.state, &*health.while_unknown);
            let forced = forces.get(&(id, position));
            look(topology, &self.watches, (pool, families, az), known, forced, now).1
        });
        let stands: Vec<Standing> = stands.collect();
        let azs = &self.pools[id].azs;
        let keeps = |(az, standing): (&AzHealth, &Standing)| {
            standing.is_eligible() || az.service.is_kept && !standing.is_out()
        };
        Change {
            eligible: azs.iter().map(|az| az.standing.is_eligible()).collect(),
            before: azs.iter().map(AzHealth::is_in_service).collect(),
            eligible_after: stands.iter().map(Standing::is_eligible).collect(),
            after: azs.iter().zip(&stands).map(keeps).collect(),
            is_given: pool.azs.iter().map(|az| !topology.is_outside_fence(pool, az.az)).collect(),
        }
    }
}

/// What an order changes in a pool, by position.
struct Change {
    eligible: Vec<bool>,
    /// In service.
    before: Vec<bool>,
    eligible_after: Vec<bool>,
    /// In service, with what is kept already.
    after: Vec<bool>,
    /// Within the pool's fence.
    is_given: Vec<bool>,
}

impl Change {
    /// The azs that it takes out of service.
    fn taken(&self) -> impl Iterator<Item = u16> {
        let azs = (0u16..).zip(self.before.iter().zip(&self.after));
        azs.filter(|(_, (before, after))| **before && !**after).map(|(at, _)| at)
    }

    /// What must meet a need afterwards.
    fn judged_by(&self, need: &Need) -> &[bool] {
        if need.is_met(&self.eligible) { &self.eligible_after } else { &self.after }
    }

    /// What would meet a need that it breaks.
    fn remedy(&self, need: &Need, name: &dyn Fn(u16) -> String) -> Remedy {
        let judged = self.judged_by(need);
        let azs = need.azs();
        let missing = |at: &u16| !judged[usize::from(*at)] && self.is_given[usize::from(*at)];
        let taken: BTreeSet<u16> = self.taken().collect();
        let others: Vec<u16> =
            azs.iter().copied().filter(|at| missing(at) && !taken.contains(at)).collect();
        let with = |added: &[u16]| {
            let mut with = judged.to_vec();
            for &at in added {
                with[usize::from(at)] = true;
            }
            need.is_met(&with)
        };
        let names = |azs: &[u16]| azs.iter().map(|&at| name(at)).collect();
        let enough: Vec<u16> = others.iter().copied().filter(|&at| with(&[at])).collect();
        if !enough.is_empty() {
            return Remedy::Bring(names(&enough));
        }
        if with(&others) {
            let mut all = others;
            for at in all.clone() {
                let fewer: Vec<u16> = all.iter().copied().filter(|&other| other != at).collect();
                all = if with(&fewer) { fewer } else { all };
            }
            return Remedy::BringAll(names(&all));
        }
        let taken: Vec<u16> = azs.iter().copied().filter(|at| taken.contains(at)).collect();
        Remedy::Leave(names(&taken))
    }
}

impl fmt::Display for BrokenRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pool, rule, remedy } = self;
        write!(f, "{rule} in pool {pool}: {remedy}")
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bring(azs) => write!(f, "bring {} back first", Listed(azs, "or")),
            Self::BringAll(azs) => write!(f, "bring {} back first", Listed(azs, "and")),
            Self::Leave(azs) => write!(f, "leave {} in service", Listed(azs, "or")),
            Self::Wait(until) => write!(f, "wait until {}", until.to_second()),
            Self::Fewer(most) => write!(f, "take out {most} at a time"),
        }
    }
}

struct Sentences<'a>(&'a [BrokenRule]);

impl fmt::Display for Sentences<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentences: Vec<String> = self.0.iter().map(BrokenRule::to_string).collect();
        f.write_str(&sentences.join("; "))
    }
}
