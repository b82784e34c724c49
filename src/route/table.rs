//! What the director decides, in the form that answers are compiled from: for each pool, the az
//! that each preference gets now, and the addresses that each az gives.
//!
//! Rows are built from preferences and ranks alone, so that pools which share both share a row
//! and the loss of an az builds one row for each distinct pair, not for each pool.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Weak};

use super::preference::Preferences;
use super::{AllDown, AzId, AzState, PoolId, TargetName, ViewId};
use crate::geo::PreferenceId;
use crate::id::{Id, IdVec};

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

impl PoolRoutes {
    /// What clients with this preference get. The preference must be of the pool's view.
    pub fn choice(&self, preference: PreferenceId) -> Choice {
        self.row[preference.index()]
    }
}

/// A choice for each preference of a view.
pub type Row = Box<[Choice]>;

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
    /// Eligible azs.
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

/// All that rows need to know of an az.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rank {
    /// The best tier that the az is in; `None`: it is never given.
    pub(crate) tier: Option<Tier>,
    /// Whether it goes before azs of the same tier, other than the first, of which this is not true.
    pub(crate) goes_first: bool,
    pub(crate) motion: Motion,
}

/// Whether answers that depend on an az may soon be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Motion {
    Calm,
    /// An endpoint has a failing streak or its monitor is fresh, or the az is held or was just
    /// taken out by an operator.
    Moving,
}

impl Motion {
    pub(crate) fn of(is_moving: bool) -> Self {
        if is_moving { Self::Moving } else { Self::Calm }
    }
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

/// The rows in use, so that equal ones are built once.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    known: HashMap<RowKey, Weak<Row>>,
    /// Dead entries are dropped when there are this many.
    sweep_at: usize,
}

/// Pools of one view have the same azs, so ranks by position mean the same in all of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct RowKey {
    view: ViewId,
    deepest: Tier,
    ranks: Box<[Rank]>,
}

impl Rows {
    /// The row of a pool with this view and `ranks`, which are parallel to the pool's `azs`.
    pub(crate) fn row(
        &mut self,
        view: ViewId,
        all_down: AllDown,
        azs: impl Iterator<Item = AzId>,
        ranks: &[Rank],
        preferences: &Preferences,
    ) -> Arc<Row> {
        let deepest = if all_down.ignores_health() { Tier::Drained } else { Tier::Alive };
        let key = RowKey { view, deepest, ranks: ranks.into() };
        if let Some(row) = self.known.get(&key).and_then(Weak::upgrade) {
            return row;
        }
        let row = Arc::new(build(deepest, azs, ranks, preferences));
        if self.known.len() >= self.sweep_at {
            self.known.retain(|_, row| row.strong_count() > 0);
            self.sweep_at = (2 * self.known.len()).max(64);
        }
        self.known.insert(key, Arc::downgrade(&row));
        row
    }
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
    let routes = |row: &Row| row.iter().map(|choice| (choice.az, choice.tier)).collect::<Vec<_>>();
    if before == after {
        Difference::None
    } else if routes(before) == routes(after) {
        Difference::TtlOnly
    } else {
        Difference::Routes
    }
}

fn build(
    deepest: Tier,
    azs: impl Iterator<Item = AzId>,
    ranks: &[Rank],
    preferences: &Preferences,
) -> Row {
    let mut by_az: Vec<Option<(u16, Rank)>> = Vec::new();
    for ((position, az), &rank) in (0u16..).zip(azs).zip(ranks) {
        if by_az.len() <= az.index() {
            by_az.resize(az.index() + 1, None);
        }
        by_az[az.index()] = Some((position, rank));
    }
    let known = |az: &AzId| by_az.get(az.index()).copied().flatten();
    preferences.iter().map(|(_, order)| choose(deepest, order.iter().filter_map(known))).collect()
}

/// The first az of the best tier that has any, and whether anything moves up to it. Tiers below
/// the first are never calm.
fn choose(deepest: Tier, order: impl Iterator<Item = (u16, Rank)>) -> Choice {
    let mut best: Option<((Tier, bool), u16)> = None;
    let mut short_ttl = false;
    for (position, rank) in order {
        short_ttl |= rank.motion == Motion::Moving;
        let Some(tier) = rank.tier.filter(|&tier| tier <= deepest) else { continue };
        if tier == Tier::Eligible {
            return Choice { az: Some(position), tier, short_ttl };
        }
        let place = (tier, !rank.goes_first);
        if best.is_none_or(|(known, _)| place < known) {
            best = Some((place, position));
        }
    }
    match best {
        Some(((tier, _), position)) => Choice { az: Some(position), tier, short_ttl: true },
        None => Choice { az: None, tier: Tier::AllDown, short_ttl: true },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The choice among azs drawn as `E` eligible, `a` alive, `6` alive by IPv6 alone, `-` neither,
    /// `l` neither but up last, `d` drained, `D` drained but alive, `x` forced down; `!` after one: moving.
    fn chosen(deepest: Tier, drawn: &str) -> Choice {
        let mut order: Vec<(u16, Rank)> = Vec::new();
        for letter in drawn.chars() {
            let tier = match letter {
                'E' => Some(Tier::Eligible),
                'a' | '6' => Some(Tier::Alive),
                '-' | 'l' => Some(Tier::AllDown),
                'd' | 'D' => Some(Tier::Drained),
                'x' => None,
                _ => {
                    order.last_mut().unwrap().1.motion = Motion::Moving;
                    continue;
                }
            };
            let goes_first = matches!(letter, 'a' | 'l' | 'D');
            let rank = Rank { tier, goes_first, motion: Motion::Calm };
            order.push((order.len() as u16, rank));
        }
        choose(deepest, order.into_iter())
    }

    #[test]
    fn the_first_az_of_the_best_tier_answers() {
        let open = |drawn| {
            let choice = chosen(Tier::Drained, drawn);
            (choice.az, choice.tier)
        };
        assert_eq!(open("-aEE"), (Some(2), Tier::Eligible));
        assert_eq!(open("-aa"), (Some(1), Tier::Alive));
        assert_eq!(open("6a"), (Some(1), Tier::Alive));
        assert_eq!(open("-6-"), (Some(1), Tier::Alive));
        assert_eq!(open("--"), (Some(0), Tier::AllDown));
        assert_eq!(open("-l"), (Some(1), Tier::AllDown));
        assert_eq!(open("D-"), (Some(1), Tier::AllDown));
        assert_eq!(open("xdD"), (Some(2), Tier::Drained));
        assert_eq!(open("xd"), (Some(1), Tier::Drained));
        assert_eq!(open("xx").0, None);
    }

    #[test]
    fn a_pool_that_heeds_health_goes_no_deeper_than_what_is_alive() {
        assert_eq!(chosen(Tier::Alive, "--").az, None);
        assert_eq!(chosen(Tier::Alive, "D-").az, None);
        assert_eq!(chosen(Tier::Alive, "-a").az, Some(1));
    }

    #[test]
    fn only_what_moves_up_to_the_named_az_shortens_the_ttl() {
        let short = |drawn| chosen(Tier::Drained, drawn).short_ttl;
        assert!(!short("-E"));
        assert!(short("-!E"));
        assert!(short("E!E"));
        assert!(!short("EE!"));
        assert!(short("a"));
        assert!(short("-"));
    }

    #[test]
    fn a_choice_is_small() {
        assert!(size_of::<Choice>() <= 6);
    }
}
