//! What safety rules do, in words: which of them keep an az and until when, and which of them what
//! is ordered breaks.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::director::PoolAzIndex;
use super::pool_health::AzHealth;
use super::safety::{Listed, Need, Pace};
use super::{Director, PoolId, Target};
use crate::time::{Now, Wall};

/// Why an az is kept in service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownKept {
    /// The rules that would break without it.
    pub rules: Vec<NeededRule>,
    /// The azs that are lost, each of which would do in its place.
    pub instead: Vec<String>,
    /// The azs that operators keep out, each of which would do in its place.
    #[serde(default)]
    pub overridden: Vec<String>,
    /// When the pace may let it go, if that is what keeps it.
    pub until: Option<Wall>,
}

/// A rule, and what it needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeededRule {
    /// The key that says it, or the name that it was given.
    pub name: String,
    /// What it needs, as in `1 of dublin, frankfurt`.
    pub needs: String,
}

/// As in ``rule `eu` needs 1 of dublin, frankfurt; until it is up or the override of dublin is
/// cleared``.
impl fmt::Display for ShownKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rules, instead, overridden, until } = self;
        let rules: Vec<String> = rules.iter().map(NeededRule::to_string).collect();
        write!(f, "{}; until ", Listed(&rules, "and"))?;
        if let Some(until) = until {
            write!(f, "{} or ", until.to_second())?;
        }
        let up: Vec<String> =
            [String::from("it")].into_iter().chain(instead.iter().cloned()).collect();
        write!(f, "{} is up", Listed(&up, "or"))?;
        if !overridden.is_empty() {
            write!(f, " or the override of {} is cleared", Listed(overridden, "or"))?;
        }
        Ok(())
    }
}

impl fmt::Display for NeededRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule `{}` needs {}", self.name, self.needs)
    }
}

impl Director {
    /// Why an az is kept, if it is.
    pub(super) fn shown_kept(&self, index: PoolAzIndex, now: Now) -> Option<ShownKept> {
        let (id, position) = index;
        let pool = &self.routing.topology.pools[id];
        let safety = pool.safety.as_ref().filter(|_| self.health(index).service.is_kept)?;
        let azs = &self.pools[id].azs;
        let with: Vec<bool> = azs.iter().map(|az| az.service.is_in).collect();
        let mut without = with.clone();
        without[usize::from(position)] = false;
        let needs_it = |need: &Need, others: &[bool]| need.is_met(&with) && !need.is_met(others);
        let breaking = safety.rules.iter().filter(|rule| needs_it(&rule.need, &without));
        let breaking: Vec<_> = breaking.collect();
        let is_given =
            |at: u16| !self.routing.topology.is_outside_fence(pool, pool.azs[usize::from(at)].az);
        let out = (0u16..).zip(azs).filter(|(at, az)| !az.service.is_in && is_given(*at));
        let out = out.map(|(at, _)| at);
        let would_do = |at: &u16| {
            let mut others = without.clone();
            others[usize::from(*at)] = true;
            breaking.iter().all(|rule| !needs_it(&rule.need, &others))
        };
        let name = |at| self.az_name((id, at)).to_owned();
        let mut rules: Vec<NeededRule> = breaking
            .iter()
            .map(|rule| NeededRule { name: rule.name.clone(), needs: rule.need.words(&name) })
            .collect();
        let pace = safety.pace.filter(|_| rules.is_empty());
        let until = pace.and_then(|_| self.pools[id].paced);
        rules.extend(pace.map(|pace| needed(pace, azs.len())));
        let is_overridden = |at: &u16| azs[usize::from(*at)].standing.is_out();
        let (overridden, instead): (Vec<u16>, Vec<u16>) =
            out.filter(would_do).partition(is_overridden);
        let [instead, overridden] =
            [instead, overridden].map(|azs| azs.into_iter().map(name).collect());
        Some(ShownKept { rules, instead, overridden, until: until.map(|until| now.wall_at(until)) })
    }

    /// The rules of a pool that do not hold, since operators keep from clients what they need.
    pub(super) fn broken_rules(&self, id: PoolId) -> Vec<NeededRule> {
        let Some(safety) = &self.routing.topology.pools[id].safety else { return Vec::new() };
        let in_service: Vec<bool> =
            self.pools[id].azs.iter().map(AzHealth::is_in_service).collect();
        let broken = safety.rules.iter().filter(|rule| !rule.need.is_met(&in_service));
        let name = |at| self.az_name((id, at)).to_owned();
        let shown = broken
            .map(|rule| NeededRule { name: rule.name.clone(), needs: rule.need.words(&name) });
        shown.collect()
    }

    pub(super) fn az_name(&self, (pool, position): PoolAzIndex) -> &str {
        let topology = &self.routing.topology;
        &topology.azs[topology.pools[pool].azs[usize::from(position)].az].name
    }

    pub(super) fn az_target(&self, index: PoolAzIndex) -> Target {
        let pool = self.routing.topology.pools[index.0].name.clone();
        Target::PoolAz { pool, az: self.az_name(index).to_owned() }
    }
}

/// What a pace needs of a pool with so many azs.
pub(super) fn needed(Pace { most, within }: Pace, azs: usize) -> NeededRule {
    let within = humantime::format_duration(within);
    let needs = format!("that at most {most} of {azs} azs go within {within}");
    NeededRule { name: PACE.into(), needs }
}

/// The key that says how fast azs may go.
const PACE: &str = "max_removed";
