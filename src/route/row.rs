//! From preferences and ranks to rows: the az that clients with each preference get now.
//!
//! Where an az admits only some slots (it ramps, is drained in part, or is full for clients from
//! afar), a preference's clients are divided by their slot. One rule decides: the first az, in the
//! client's order, that is eligible and admits the client's slot.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use super::preference::Preferences;
use super::table::{Choice, Tier};
use super::{AllDown, AzId, ViewId};
use crate::geo::{PreferenceId, Slot};
use crate::id::Id;

/// A choice for each preference of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// By preference; of one whose clients are divided, what the first slot gets.
    choices: Box<[Choice]>,
    /// What the clients of divided preferences get, ascending by preference; mostly empty.
    divided: Box<[(PreferenceId, Box<[Share]>)]>,
}

/// What the slots before `until` get, from where the previous share ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Share {
    until: u16,
    choice: Choice,
}

impl Row {
    /// What clients with this preference, which must be of the row's view, and in this slot get; and
    /// the slot, if it decides that.
    #[inline]
    pub fn choice(
        &self,
        preference: PreferenceId,
        slot: impl FnOnce() -> Slot,
    ) -> (Choice, Option<Slot>) {
        let choice = self.choices[preference.index()];
        if self.divided.is_empty() {
            return (choice, None);
        }
        let Ok(at) = self.divided.binary_search_by_key(&preference, |(id, _)| *id) else {
            return (choice, None);
        };
        let (slot, shares) = (slot(), &self.divided[at].1);
        let share = shares.iter().find(|share| slot.index() < usize::from(share.until));
        (share.map_or(choice, |share| share.choice), Some(slot))
    }

    /// Every choice that any client gets.
    pub fn choices(&self) -> impl Iterator<Item = Choice> {
        let divided = self.divided.iter().flat_map(|(_, shares)| shares).map(|share| share.choice);
        self.choices.iter().copied().chain(divided)
    }

    /// Whether clients get the same azs for the same reasons, whatever the TTLs.
    pub(crate) fn gives_the_same_as(&self, other: &Self) -> bool {
        let untimed = |choice: &Choice| (choice.az, choice.tier);
        let of = |(preference, shares): &(PreferenceId, Box<[Share]>)| {
            let shares = shares.iter().map(|share| (share.until, untimed(&share.choice)));
            (*preference, shares.collect::<Vec<_>>())
        };
        self.choices.iter().map(untimed).eq(other.choices.iter().map(untimed))
            && self.divided.iter().map(of).eq(other.divided.iter().map(of))
    }

    fn build(
        deepest: Tier,
        azs: impl Iterator<Item = AzId>,
        ranks: &[Rank],
        preferences: &Preferences,
        limits: &Limits,
    ) -> Self {
        let mut by_az: Vec<Option<(u16, Rank)>> = Vec::new();
        for ((position, az), &rank) in (0u16..).zip(azs).zip(ranks) {
            if by_az.len() <= az.index() {
                by_az.resize(az.index() + 1, None);
            }
            by_az[az.index()] = Some((position, rank));
        }
        let known = |az: &AzId| by_az.get(az.index()).copied().flatten();
        let admits = ranks.iter().flat_map(|rank| [rank.admits.eligible, rank.admits.undrained]);
        let bounds: Vec<u16> = admits.filter(|bound| (1..ALL).contains(bound)).collect();
        let mut divided = Vec::new();
        let choices = preferences.iter().map(|(preference, order)| {
            let limits = limits.of(preference);
            let in_slot = |slot| {
                let azs = order.iter().filter_map(known);
                choose(
                    deepest,
                    azs.map(|(position, rank)| {
                        let is_full =
                            limits.iter().any(|&(at, until)| at == position && slot >= until);
                        (position, InSlot { is_full, ..rank.in_slot(slot) })
                    }),
                )
            };
            let first = in_slot(0);
            if !bounds.is_empty() || !limits.is_empty() {
                let limits = limits.iter().map(|&(_, until)| until);
                let shares = divide(bounds.iter().copied().chain(limits), in_slot);
                if shares.len() > 1 {
                    divided.push((preference, shares));
                }
            }
            first
        });
        let choices = choices.collect();
        Self { choices, divided: divided.into() }
    }
}

/// The shares of all slots, between which something changes at each of `bounds` at most.
fn divide(bounds: impl Iterator<Item = u16>, in_slot: impl Fn(u16) -> Choice) -> Box<[Share]> {
    let mut bounds: Vec<u16> = bounds.filter(|bound| (1..ALL).contains(bound)).collect();
    bounds.push(ALL);
    bounds.sort_unstable();
    bounds.dedup();
    let mut shares: Vec<Share> = Vec::new();
    let mut start = 0;
    for until in bounds {
        let choice = in_slot(start);
        start = until;
        match shares.last_mut() {
            Some(share) if share.choice == choice => share.until = until,
            Some(_) | None => shares.push(Share { until, choice }),
        }
    }
    shares.into()
}

/// Which clients an az has no room for, where capacity limits it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Tells them from all others; 0 for none.
    number: u64,
    by_preference: HashMap<PreferenceId, Vec<(u16, u16)>>,
}

impl Limits {
    /// Has azs, by their position in the pool, be full for clients of this preference from a slot on.
    pub(crate) fn set(&mut self, preference: PreferenceId, full_from: Vec<(u16, u16)>) {
        self.by_preference.insert(preference, full_from);
    }

    /// With a number that no others have: pools with limits of one number share a row.
    pub(crate) fn numbered(self, number: u64) -> Self {
        Self { number, ..self }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Whether azs are full for the same clients.
    pub(crate) fn are_as(&self, other: &Self) -> bool {
        self.by_preference == other.by_preference
    }

    fn of(&self, preference: PreferenceId) -> &[(u16, u16)] {
        self.by_preference.get(&preference).map_or(&[], Vec::as_slice)
    }
}

/// All that rows need to know of an az.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Rank {
    /// The best tier that the az is in; `None`: it is never given.
    pub(crate) tier: Option<Tier>,
    /// Whether it goes before azs of the same tier, other than the first, of which this is not true.
    pub(crate) goes_first: bool,
    pub(crate) motion: Motion,
    pub(crate) admits: Admits,
}

/// The slots whose clients an az may be given to as its tier says; [`Slot::COUNT`]: all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Admits {
    /// To those from here on it is not eligible.
    pub(crate) eligible: u16,
    /// The tier that it is in for them.
    pub(crate) beyond: Tier,
    /// To those from here on it is not eligible, but alive: a drain leaves them others.
    pub(crate) undrained: u16,
}

impl Admits {
    /// Every slot.
    pub(crate) const ALL: Self = Self { eligible: ALL, beyond: Tier::Alive, undrained: ALL };
}

const ALL: u16 = Slot::COUNT as u16;

impl Rank {
    /// The rank of an az that a safety rule keeps, for clients in slots below `slots`.
    pub(crate) fn kept(self, slots: u16) -> Self {
        let admits = Admits { eligible: slots, ..self.admits };
        Self { tier: Some(Tier::Eligible), goes_first: true, motion: Motion::Moving, admits }
    }

    /// What it is for clients in a slot.
    fn in_slot(self, slot: u16) -> InSlot {
        let Self { tier, goes_first, motion, admits } = self;
        let (tier, goes_first) = match tier {
            Some(Tier::Eligible) if slot >= admits.eligible => (Some(admits.beyond), true),
            Some(Tier::Eligible) if slot >= admits.undrained => (Some(Tier::Alive), true),
            Some(_) | None => (tier, goes_first),
        };
        InSlot { tier, goes_first, motion, is_full: false }
    }
}

/// What an az is for clients in one slot who have one preference.
#[derive(Clone, Copy, Debug)]
struct InSlot {
    tier: Option<Tier>,
    goes_first: bool,
    motion: Motion,
    /// Whether it goes behind every other eligible az, since its capacity is used up.
    is_full: bool,
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
    /// The number of the limits.
    limits: u64,
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
        limits: &Limits,
    ) -> Arc<Row> {
        let deepest = if all_down.ignores_health() { Tier::Drained } else { Tier::Alive };
        let key = RowKey { view, deepest, ranks: ranks.into(), limits: limits.number };
        if let Some(row) = self.known.get(&key).and_then(Weak::upgrade) {
            return row;
        }
        let row = Arc::new(Row::build(deepest, azs, ranks, preferences, limits));
        if self.known.len() >= self.sweep_at {
            self.known.retain(|_, row| row.strong_count() > 0);
            self.sweep_at = (2 * self.known.len()).max(64);
        }
        self.known.insert(key, Arc::downgrade(&row));
        row
    }
}

/// The first az of the best tier that has any, and whether anything moves up to it. Tiers below
/// the first are never calm.
fn choose(deepest: Tier, order: impl Iterator<Item = (u16, InSlot)>) -> Choice {
    let mut best: Option<((Tier, bool), u16)> = None;
    let mut short_ttl = false;
    for (position, az) in order {
        short_ttl |= az.motion == Motion::Moving;
        let Some(tier) = az.tier.filter(|&tier| tier <= deepest) else { continue };
        if tier == Tier::Eligible && !az.is_full {
            return Choice { az: Some(position), tier, short_ttl };
        }
        let place = (tier, !az.goes_first);
        if best.is_none_or(|(known, _)| place < known) {
            best = Some((place, position));
        }
    }
    match best {
        Some(((tier, _), position)) => {
            Choice { az: Some(position), tier, short_ttl: short_ttl || tier != Tier::Eligible }
        }
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
            let rank = Rank { tier, goes_first, motion: Motion::Calm, admits: Admits::ALL };
            order.push((order.len() as u16, rank));
        }
        choose(deepest, order.into_iter().map(|(position, rank)| (position, rank.in_slot(0))))
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

    const AZS: [AzId; 3] = [AzId(0), AzId(1), AzId(2)];

    fn row(admits: [Admits; 3], limits: &Limits) -> Row {
        let rank = |admits| Rank {
            tier: Some(Tier::Eligible),
            goes_first: true,
            motion: Motion::Calm,
            admits,
        };
        let orders: [Box<[AzId]>; 2] = [AZS.into(), [AzId(2), AzId(1), AzId(0)].into()];
        let preferences = Preferences::from_iter(orders);
        Row::build(Tier::Drained, AZS.into_iter(), &admits.map(rank), &preferences, limits)
    }

    /// How many slots of the first preference's clients each az has.
    fn shares(row: &Row, preference: u16) -> [usize; 3] {
        let mut shares = [0; 3];
        for slot in Slot::all() {
            let (choice, _) = row.choice(PreferenceId(preference), || slot);
            shares[usize::from(choice.az.unwrap())] += 1;
        }
        shares
    }

    #[test]
    fn what_an_az_does_not_admit_goes_to_the_next_that_does() {
        let ramping = Admits { eligible: 1000, ..Admits::ALL };
        let draining = Admits { undrained: 3000, ..Admits::ALL };
        let row = row([ramping, draining, Admits::ALL], &Limits::default());
        assert_eq!(shares(&row, 0), [1000, 2000, 1096]);
        assert_eq!(shares(&row, 1), [0, 0, 4096]);
    }

    #[test]
    fn only_where_a_slot_decides_is_it_asked_for() {
        let ramping = Admits { eligible: 1000, ..Admits::ALL };
        let row = row([ramping, Admits::ALL, Admits::ALL], &Limits::default());
        assert_eq!(row.choice(PreferenceId(0), || Slot::FIRST).1, Some(Slot::FIRST));
        let undivided = row.choice(PreferenceId(1), || unreachable!("not divided"));
        assert_eq!(
            undivided,
            (Choice { az: Some(2), tier: Tier::Eligible, short_ttl: false }, None)
        );
    }

    #[test]
    fn a_full_az_is_passed_over_unless_there_is_none_with_room() {
        let mut limits = Limits::default();
        limits.set(PreferenceId(0), vec![(0, 1000), (1, 3000)]);
        let all = [Admits::ALL; 3];
        assert_eq!(shares(&row(all, &limits), 0), [1000, 2000, 1096]);
        assert_eq!(shares(&row(all, &limits), 1), [0, 0, 4096]);
        limits.set(PreferenceId(0), vec![(0, 1000), (1, 3000), (2, 3000)]);
        assert_eq!(shares(&row(all, &limits), 0), [2096, 2000, 0]);
    }
}
