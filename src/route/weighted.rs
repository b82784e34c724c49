//! Policy `weighted`: an order of azs for each slot, by weighted rendezvous hashing.
//!
//! Each az draws in each slot; the draw becomes an exponentially distributed cost, and the lowest
//! cost by weight comes first. So an az is first in a share of the slots that goes by its weight,
//! and what happens to one az moves no slot between two others. The arithmetic is of whole numbers
//! and exact: docs/slots.md has it step by step, since servers must agree.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::preference::Interner;
use super::{Az, AzId, Policy, Preferences, ViewSpec};
use crate::geo::{PreferenceId, Slot};
use crate::id::{Id, IdVec};

/// What rules say of azs whose order slots decide, each way once.
#[derive(Debug, Default)]
pub(super) struct Ways {
    ways: Vec<Way>,
    ids: HashMap<Way, PreferenceId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Way {
    /// All that may be given: the preferred, first to last, then the others.
    azs: Box<[AzId]>,
    /// How many are preferred.
    preferred: usize,
}

impl Ways {
    /// The place's preference of clients that go by the rule at this position.
    pub(super) fn intern(&mut self, spec: &ViewSpec, rule: Option<usize>) -> PreferenceId {
        let mut azs = spec.preferred(rule);
        let preferred = azs.len();
        let rest = spec.allowed(rule).iter().filter(|az| !azs[..preferred].contains(az));
        let rest: Vec<_> = rest.copied().collect();
        azs.extend(rest);
        let way = Way { azs: azs.into(), preferred };
        let next = PreferenceId::from_index(self.ways.len());
        *self.ids.entry(way).or_insert_with_key(|way| {
            self.ways.push(way.clone());
            next
        })
    }
}

/// The preferences of a weighted spec in each slot, for each of the ways.
pub(super) fn by_slot(
    spec: &ViewSpec,
    azs: &IdVec<AzId, Az>,
    limit: usize,
    ways: &Ways,
) -> Option<Preferences> {
    let in_slot = |slot| {
        let cost = |&az| Cost::of(az, &azs[az].name, spec.weight(az).unwrap_or(0), slot);
        let mut costs: Vec<_> = spec.azs.iter().map(cost).collect();
        costs.sort_unstable_by(Cost::order);
        costs.into_iter().map(|cost| cost.az).collect()
    };
    let orders: Vec<Vec<AzId>> = Slot::all().map(in_slot).collect();
    let places = ways.ways.iter().map(|way| &*way.azs);
    Interner::by_slot(places, limit, |way, slot| {
        let Way { azs, preferred } = &ways.ways[way];
        let (preferred, rest) = azs.split_at(*preferred);
        let rest = orders[slot.index()].iter().filter(|az| rest.contains(az));
        preferred.iter().chain(rest).copied().collect()
    })
}

impl ViewSpec {
    /// The weight of an az, where azs have any.
    pub fn weight(&self, az: AzId) -> Option<u32> {
        let Policy::Weighted { weights } = &self.policy else { return None };
        let position = self.azs.iter().position(|of| *of == az)?;
        weights.get(position).copied()
    }
}

/// No more orders than this arise from rules, each of which allows so many azs and prefers so many of
/// them.
pub(crate) fn most_orders(rules: impl Iterator<Item = (usize, usize)>) -> usize {
    let of_rule = |(azs, preferred): (usize, usize)| {
        let rest = azs.saturating_sub(preferred);
        let orders = (1..=rest).try_fold(1_usize, |orders, factor| {
            Some(orders * factor).filter(|orders| *orders < Slot::COUNT)
        });
        1 + orders.unwrap_or(Slot::COUNT)
    };
    rules.map(of_rule).fold(0, usize::saturating_add)
}

/// What an az's place in a slot goes by.
struct Cost {
    az: AzId,
    weight: u32,
    /// The negative binary logarithm of what it drew, as a share of all that can be drawn: above 0
    /// and at most 64, in units of 2^-32.
    cost: u64,
}

impl Cost {
    fn of(az: AzId, name: &str, weight: u32, slot: Slot) -> Self {
        let cost = (64 << FRACTION) - log2(slot.draw(name).max(1));
        Self { az, weight, cost }
    }

    /// The lower cost by weight first. The products stay below 2^58.
    fn order(&self, other: &Self) -> Ordering {
        let by_other = |cost: &Self, other: &Self| cost.cost * u64::from(other.weight.max(1));
        let is_last = |cost: &Self| cost.weight == 0;
        let by_cost = by_other(self, other).cmp(&by_other(other, self));
        is_last(self).cmp(&is_last(other)).then(by_cost).then(self.az.cmp(&other.az))
    }
}

/// The binary logarithm of a number above 0, in units of 2^-32, each bit rounded down.
fn log2(number: u64) -> u64 {
    let zeros = number.leading_zeros();
    let mut log = u64::from(63 - zeros);
    // From 1 up to before 2, in units of 2^-63.
    let mut mantissa = number << zeros;
    for _ in 0..FRACTION {
        let square = u128::from(mantissa) * u128::from(mantissa);
        let is_two_or_more = (square >> 127) as u32;
        mantissa = (square >> (63 + is_two_or_more)) as u64;
        log = log << 1 | u64::from(is_two_or_more);
    }
    log
}

/// The binary places of a logarithm.
const FRACTION: u32 = 32;

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::collection::btree_map;
    use proptest::prelude::{Strategy, prop_oneof, proptest};
    use proptest::sample::Index;

    use super::*;
    use crate::geo::Places;
    use crate::route::{MAX_WEIGHT, Rule, compile};

    const VECTORS: &str = include_str!("../../tests/fixtures/slots/slots.txt");

    /// The names of the azs, first to last, for each slot.
    fn orders(weights: &BTreeMap<String, u32>) -> Vec<Vec<String>> {
        let azs: IdVec<AzId, Az> = weights
            .keys()
            .map(|name| Az { name: name.clone(), location: None, country: None, bias: 1.0 })
            .collect();
        let policy = Policy::Weighted { weights: weights.values().copied().collect() };
        let spec = ViewSpec { azs: azs.ids().collect(), policy, rules: vec![] };
        let (_, preferences) = compile::compile(&spec, &azs, &Places::none());
        let order = |slot| {
            let (id, _) = preferences.in_slot(PreferenceId(0), || slot);
            preferences.order(id).iter().map(|az| azs[*az].name.clone()).collect()
        };
        Slot::all().map(order).collect()
    }

    fn weights(text: &str) -> BTreeMap<String, u32> {
        let pairs = text.split_whitespace().map(|pair| pair.split_once('=').unwrap());
        pairs.map(|(name, weight)| (name.to_owned(), weight.parse().unwrap())).collect()
    }

    fn without(order: &[String], az: &str) -> Vec<String> {
        order.iter().filter(|name| *name != az).cloned().collect()
    }

    #[test]
    fn orders_are_those_of_a_second_implementation() {
        let mut tried = 0;
        for line in VECTORS.lines().filter_map(|line| line.strip_prefix("order ")) {
            let (given, expected) = line.split_once(" : ").unwrap();
            let (slot, given) = given.split_once(' ').unwrap();
            let orders = orders(&weights(given));
            assert_eq!(orders[slot.parse::<usize>().unwrap()].join(" "), expected, "{line}");
            tried += 1;
        }
        assert_eq!(tried, 28);
    }

    #[test]
    fn shares_are_those_of_a_second_implementation() {
        let mut tried = 0;
        for line in VECTORS.lines().filter_map(|line| line.strip_prefix("shares ")) {
            let (given, expected) = line.split_once(" : ").unwrap();
            let orders = orders(&weights(given));
            for (az, count) in weights(expected) {
                let first = orders.iter().filter(|order| order[0] == az).count();
                assert_eq!(first, count as usize, "{az} in {line}");
            }
            tried += 1;
        }
        assert_eq!(tried, 4);
    }

    /// Within four standard deviations of a sample of 4,096.
    #[test]
    fn shares_go_by_weight() {
        for text in ["mumbai=3 singapore=1", "a=1 b=1", "a=5 b=3 c=2", "a=90 b=9 c=1"] {
            let weights = weights(text);
            let orders = orders(&weights);
            let all: u32 = weights.values().sum();
            for (az, weight) in weights {
                let share = f64::from(weight) / f64::from(all);
                let first = orders.iter().filter(|order| order[0] == az).count();
                let slots = Slot::COUNT as f64;
                let deviation = (first as f64 - share * slots).abs();
                let most = 4.0 * (slots * share * (1.0 - share)).sqrt();
                assert!(deviation <= most, "{az} of {text}: {deviation} of {most}");
            }
        }
    }

    /// What the slots of a lost az go to goes by weight too.
    #[test]
    fn a_lost_azs_slots_are_spread_by_weight() {
        let orders = orders(&weights("lost=4 heavy=3 light=1"));
        let second = |az: &str| {
            orders.iter().filter(|order| order[0] == "lost" && order[1] == az).count() as f64
        };
        let share = second("heavy") / (second("heavy") + second("light"));
        assert!((share - 0.75).abs() < 0.04, "{share}");
    }

    #[test]
    fn an_az_of_weight_0_stands_behind_all_others() {
        let orders = orders(&weights("a=0 b=1 c=0 d=1"));
        let last = |order: &Vec<String>| BTreeSet::from([order[2].clone(), order[3].clone()]);
        assert!(orders.iter().all(|order| last(order) == ["a", "c"].map(str::to_owned).into()));
        let third = orders.iter().filter(|order| order[2] == "a").count();
        assert!((1800..2300).contains(&third), "{third}");
    }

    #[test]
    fn a_rules_azs_come_first_and_slots_order_the_rest() {
        let azs: IdVec<AzId, Az> = ["a", "b", "c"]
            .map(|name| Az { name: name.into(), location: None, country: None, bias: 1.0 })
            .into_iter()
            .collect();
        let rule = |prefer: &[u16]| Rule {
            clients: vec![],
            prefer: prefer.iter().copied().map(AzId).collect(),
            allow: None,
        };
        let policy = Policy::Weighted { weights: vec![1, 1, 1] };
        let rules = vec![rule(&[2]), rule(&[2, 0, 1])];
        let spec = ViewSpec { azs: azs.ids().collect(), policy, rules };
        let mut ways = Ways::default();
        let [preferred, whole] = [0, 1].map(|rule| ways.intern(&spec, Some(rule)));
        let preferences = by_slot(&spec, &azs, Preferences::MAX, &ways).unwrap();
        let order = |id, slot: Slot| preferences.order(preferences.in_slot(id, || slot).0).to_vec();
        let seconds: BTreeSet<_> = Slot::all().map(|slot| order(preferred, slot)[1]).collect();
        assert!(Slot::all().all(|slot| order(preferred, slot)[0] == AzId(2)));
        assert_eq!(seconds, [AzId(0), AzId(1)].into());
        // Where nothing is left to order, no slot decides.
        let (in_slot, slot) = preferences.in_slot(whole, || unreachable!());
        assert_eq!((preferences.order(in_slot), slot), (&[2, 0, 1].map(AzId)[..], None));
    }

    #[test]
    fn rules_that_prefer_alike_and_allow_other_azs_have_orders_of_their_own() {
        let azs: IdVec<AzId, Az> = ["a", "b", "c", "d"]
            .map(|name| Az { name: name.into(), location: None, country: None, bias: 1.0 })
            .into_iter()
            .collect();
        let ids = |azs: &[u16]| azs.iter().copied().map(AzId).collect::<Vec<_>>();
        let rule = |prefer: &[u16], allow: &[u16]| Rule {
            clients: vec![],
            prefer: ids(prefer),
            allow: Some(ids(allow)),
        };
        let policy = Policy::Weighted { weights: vec![1, 1, 1, 1] };
        let rules = vec![rule(&[1], &[1, 2, 3]), rule(&[1], &[0, 1]), rule(&[1, 2], &[1, 2, 3])];
        let spec = ViewSpec { azs: azs.ids().collect(), policy, rules };
        let mut ways = Ways::default();
        let places: Vec<_> = (0..3).map(|rule| ways.intern(&spec, Some(rule))).collect();
        let preferences = by_slot(&spec, &azs, Preferences::MAX, &ways).unwrap();
        let orders = |rule: usize| -> BTreeSet<Vec<AzId>> {
            let place = places[rule];
            let order = |slot| preferences.order(preferences.in_slot(place, || slot).0).to_vec();
            Slot::all().map(order).collect()
        };
        assert_eq!(orders(0), [ids(&[1, 2, 3]), ids(&[1, 3, 2])].into());
        assert_eq!(orders(1), [ids(&[1, 0])].into());
        assert_eq!(orders(2), [ids(&[1, 2, 3])].into());
    }

    #[test]
    fn orders_are_counted_by_what_is_left_to_order() {
        assert_eq!(most_orders([(2, 0)].into_iter()), 3);
        assert_eq!(most_orders([(6, 0), (6, 2), (1, 0)].into_iter()), 721 + 25 + 2);
        assert_eq!(most_orders([(7, 0)].into_iter()), 4097);
        let most = usize::MAX;
        assert_eq!(most_orders([(most, 0), (most, 1)].into_iter()), 2 * 4097);
    }

    #[test]
    fn logarithms_are_exact_at_powers_of_two_and_rise() {
        assert_eq!(log2(1), 0);
        assert_eq!(log2(1 << 63), 63 << 32);
        assert!(log2(u64::MAX) < 64 << 32);
        let near = |number: u64| (log2(number) as f64 / 2_f64.powi(32), (number as f64).log2());
        for number in [3, 1000, 12_345_678_901, u64::MAX / 3] {
            let (ours, exact) = near(number);
            assert!((ours - exact).abs() < 1e-8, "{number}: {ours} {exact}");
        }
    }

    /// Azs with weights, at least one.
    fn drawn() -> impl Strategy<Value = BTreeMap<String, u32>> {
        let weight = prop_oneof![0..4_u32, 0..=MAX_WEIGHT];
        btree_map("[a-z]{1,8}", weight, 1..6)
    }

    proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(16))]

        /// So a slot whose az stays keeps it, and one whose az goes has its second.
        #[test]
        fn an_az_that_goes_leaves_the_others_in_order(
            weights in drawn(),
            gone in proptest::prelude::any::<Index>(),
        ) {
            let gone = weights.keys().nth(gone.index(weights.len())).unwrap().clone();
            let mut fewer = weights.clone();
            fewer.remove(&gone);
            if fewer.is_empty() {
                return Ok(());
            }
            for (before, after) in orders(&weights).iter().zip(orders(&fewer)) {
                assert_eq!(without(before, &gone), after);
            }
        }

        #[test]
        fn another_weight_moves_slots_to_or_from_that_az_alone(
            weights in drawn(),
            changed in proptest::prelude::any::<Index>(),
            to in 0..=MAX_WEIGHT,
        ) {
            let az = weights.keys().nth(changed.index(weights.len())).unwrap().clone();
            let mut other = weights.clone();
            other.insert(az.clone(), to);
            for (before, after) in orders(&weights).iter().zip(orders(&other)) {
                assert_eq!(without(before, &az), without(&after, &az));
                let place = |order: &[String]| order.iter().position(|name| *name == az).unwrap();
                if to >= weights[&az] {
                    assert!(place(&after) <= place(before));
                } else {
                    assert!(place(&after) >= place(before));
                }
            }
        }
    }
}
