//! Capacity without a cascade: which slots of displaced clients go to which az, so that the loss of
//! one az takes no other over its limit while there is room elsewhere.
//!
//! Clients whose az is lost go to their next az. Where that would take it above its soft limit, only
//! as much spills further as must: the split adds the least distance, summed over all displaced
//! demand. What finds no room below soft limits is placed by the same rule up to hard ones. What finds none
//! there goes to its next az all the same, for everybody is answered, and the outcome says which limit
//! breaks. Nobody who is not displaced moves.
//!
//! This is a transportation problem with few sinks. `flow` solves it for clients that can be divided
//! at will, exactly; `slots` rounds that to slots.
//!
//! **What rounding does.** Groups with the same ways are one kind. Let a slot's worth be the demand of
//! the largest slot of any kind. No az ends up above a limit that clients divided at will could keep with a
//! slot's worth to spare at each az. Where they could keep it only with less than that to spare, slots may
//! break it.
//!
//! It knows neither pools nor health. The same input gives the same split, in whatever order groups
//! are given.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::AzId;
use crate::geo::Slot;
use crate::id::{Id, IdVec};

mod flow;
#[cfg(test)]
mod laws;
mod slots;

use flow::{Room, Supply};

/// How much load an az takes, in the unit in which load is reported.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capacity {
    /// Spilled clients fill it up to here while any az has room; at least 0.
    pub soft: f64,
    /// They fill it up to here once none has; at least `soft`.
    pub hard: f64,
}

/// An az as displaced clients find it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AzLoad {
    /// Its limits, if it has any.
    pub capacity: Option<Capacity>,
    /// Its load without any displaced clients; finite and at least 0.
    pub load: f64,
}

/// Displaced clients that fare alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Displaced {
    /// The load that they cause; finite and at least 0.
    pub demand: f64,
    /// The first slot that is displaced, at most [`Slot::COUNT`]; those before it keep their az.
    pub first_slot: u16,
    /// The azs that they may use, each once, in the order of their preference.
    pub ways: Vec<Way>,
}

/// An az that displaced clients may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    /// The az.
    pub az: AzId,
    /// How much farther it is than the lost az, in kilometres; 0 where that can't be told. A
    /// later az counts as at least one kilometre farther than an earlier one.
    pub added_km: u32,
}

/// Who goes where.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spill {
    /// Parallel to the groups, and in each to its ways: the az takes the slots below this that none
    /// before it took. Ascending; the last is [`Slot::COUNT`].
    pub thresholds: Vec<Box<[u16]>>,
    /// The load of each az, displaced clients included.
    pub loads: IdVec<AzId, f64>,
    /// The limits that break, by az.
    pub excesses: Vec<Excess>,
}

/// A limit that breaks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Excess {
    /// The az.
    pub az: AzId,
    /// The higher of the limits that its load is above.
    pub limit: Limit,
    /// By how much load.
    pub by: f64,
}

/// One of the two limits of an az.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// [`Capacity::soft`]
    Soft,
    /// [`Capacity::hard`]
    Hard,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Soft => "soft",
            Self::Hard => "hard",
        })
    }
}

/// Splits displaced clients among azs. Every az that a group names is one of `azs`.
pub fn spill(azs: &IdVec<AzId, AzLoad>, groups: &[Displaced]) -> Spill {
    let problem = Problem::of(azs, groups);
    let taken = problem.solve();
    let mut thresholds: Vec<Box<[u16]>> =
        groups.iter().map(|group| group.ways.iter().map(|_| ALL).collect()).collect();
    let mut loads: IdVec<AzId, f64> = azs.values().map(|az| az.load).collect();
    for (kind, taken) in problem.kinds.iter().zip(&taken) {
        for (way, &slots) in kind.ways.iter().zip(taken) {
            loads[way.az] += kind.demand * f64::from(slots) / f64::from(kind.slots().max(1));
        }
        for &member in &kind.members {
            let mut end = kind.first_slot;
            for (threshold, slots) in thresholds[member].iter_mut().zip(taken) {
                end += slots;
                *threshold = end;
            }
        }
    }
    let excesses = azs.iter().filter_map(|(az, of)| excess(az, of.capacity?, loads[az])).collect();
    Spill { thresholds, loads, excesses }
}

/// The higher of the limits that `load` is above, but for what summing loses.
pub(super) fn excess(az: AzId, capacity: Capacity, load: f64) -> Option<Excess> {
    let is_above = |limit: f64| load - limit > TOLERANCE * load;
    let (limit, level) = match capacity {
        Capacity { hard, .. } if is_above(hard) => (Limit::Hard, hard),
        Capacity { soft, .. } if is_above(soft) => (Limit::Soft, soft),
        Capacity { .. } => return None,
    };
    Some(Excess { az, limit, by: load - level })
}

/// The groups without distinction of those that fare alike, in an order of their own.
struct Problem<'a> {
    azs: &'a IdVec<AzId, AzLoad>,
    kinds: Vec<Kind>,
    /// What all kinds add up to.
    demand: f64,
}

/// Groups that differ in nothing but their demand.
struct Kind {
    first_slot: u16,
    ways: Vec<Way>,
    /// The positions of the groups.
    members: Vec<usize>,
    /// Their demand together.
    demand: f64,
}

impl Kind {
    fn slots(&self) -> u16 {
        ALL.saturating_sub(self.first_slot)
    }
}

impl<'a> Problem<'a> {
    fn of(azs: &'a IdVec<AzId, AzLoad>, groups: &[Displaced]) -> Self {
        let mut members: BTreeMap<(u16, Vec<Way>), Vec<usize>> = BTreeMap::new();
        for (position, group) in groups.iter().enumerate() {
            let ways = normal(azs, &group.ways);
            members.entry((group.first_slot, ways)).or_default().push(position);
        }
        let kinds = members.into_iter().map(|((first_slot, ways), members)| {
            let demand = |&member: &usize| groups[member].demand.max(0.0);
            let mut demands: Vec<f64> = members.iter().map(demand).collect();
            // A sum of floating-point numbers depends on their order.
            demands.sort_by(f64::total_cmp);
            Kind { first_slot, ways, members, demand: demands.iter().sum() }
        });
        let kinds: Vec<Kind> = kinds.filter(|kind| !kind.ways.is_empty()).collect();
        let demand = kinds.iter().map(|kind| kind.demand).sum();
        Self { azs, kinds, demand }
    }

    /// How many slots of each kind go each of its ways.
    fn solve(&self) -> Vec<Vec<u16>> {
        let unit = Unit::of(self.demand);
        let rooms = self.rooms(unit, 0);
        let supplies: Vec<Supply> = self.kinds.iter().map(|kind| supply(kind, unit)).collect();
        let slots: Vec<u16> = self.kinds.iter().map(Kind::slots).collect();
        let flows = flow::assign(&rooms, &supplies);
        let divided = slots::Measure::of_flows(&rooms, &supplies, &flows);
        let taken = slots::round(&rooms, &supplies, &slots, flows);
        let rounded = slots::Measure::of_slots(&rooms, &supplies, &slots, &taken);
        if !rounded.breaks_more_than(&divided) {
            return taken;
        }
        // As much room again as rounding may need.
        let worth = supplies.iter().zip(&slots);
        let worth = worth.map(|(supply, &slots)| supply.amount.div_ceil(u64::from(slots.max(1))));
        let reserved = self.rooms(unit, worth.max().unwrap_or(0));
        let flows = flow::assign(&reserved, &supplies);
        let careful = slots::round(&rooms, &supplies, &slots, flows);
        let measure = slots::Measure::of_slots(&rooms, &supplies, &slots, &careful);
        if rounded.breaks_more_than(&measure) { careful } else { taken }
    }

    /// What displaced clients may fill, less a reserve.
    fn rooms(&self, unit: Unit, reserve: u64) -> Vec<Room> {
        let room = |az: &AzLoad| {
            let below = |limit: f64| unit.floor(limit - az.load).saturating_sub(reserve);
            az.capacity.map_or(Room::UNLIMITED, |Capacity { soft, hard }| Room {
                soft: below(soft),
                hard: below(hard),
            })
        };
        self.azs.values().map(room).collect()
    }
}

/// The ways up to the first that takes everybody, each farther than the one before it.
fn normal(azs: &IdVec<AzId, AzLoad>, ways: &[Way]) -> Vec<Way> {
    let nearest = ways.first().map_or(0, |way| way.added_km);
    let mut normal: Vec<Way> = Vec::with_capacity(ways.len());
    for way in ways {
        let least = normal.last().map_or(0, |last| last.added_km + 1);
        let added_km = way.added_km.saturating_sub(nearest).min(MOST_KM).max(least);
        normal.push(Way { az: way.az, added_km });
        if azs[way.az].capacity.is_none() {
            break;
        }
    }
    normal
}

fn supply(kind: &Kind, unit: Unit) -> Supply {
    let way = |way: &Way| (way.az.index(), i64::from(way.added_km));
    // Clients without slots are none.
    let demand = if kind.slots() == 0 { 0.0 } else { kind.demand };
    Supply { amount: unit.ceil(demand), ways: kind.ways.iter().map(way).collect() }
}

/// What load is counted in: a power of two, so that nothing is lost by it.
#[derive(Clone, Copy)]
struct Unit {
    per_load: f64,
}

impl Unit {
    /// So small that a load of `all` is at least 2^39 of it.
    fn of(all: f64) -> Self {
        let exponent = if all > 0.0 { all.log2().ceil() } else { 0.0 };
        Self { per_load: (40.0 - exponent).exp2() }
    }

    fn floor(self, load: f64) -> u64 {
        (load * self.per_load).floor() as u64
    }

    fn ceil(self, load: f64) -> u64 {
        (load * self.per_load).ceil() as u64
    }
}

/// No slot is at or above it.
const ALL: u16 = Slot::COUNT as u16;

/// Farther than any two places are apart.
const MOST_KM: u32 = 40_000;

/// How much of a load may be an error of summing.
const TOLERANCE: f64 = 1e-9;
