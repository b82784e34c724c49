//! Safety rules of a pool: how many azs, and which, clients must be given as usual whatever probes
//! and operators say.
//!
//! An az is *in service* if it is eligible, or if it is lost and a rule *keeps* it. Every rule is
//! monotone: an az more in service never breaks one. So the lost azs that must be kept are found
//! by letting them go one by one, the worst first, for as long as every rule holds; each one that
//! is left is needed. When that is done is decided in `keeping`.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::time::Wall;

/// The rules of a pool, at least one. Azs are meant by their position in `Pool::azs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Safety {
    /// What must be in service, by rule.
    pub rules: Vec<SafetyRule>,
    /// How fast azs may be taken out.
    pub pace: Option<Pace>,
}

/// A rule with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafetyRule {
    /// As operators know it: the key that says it, or the name that they gave it.
    pub name: String,
    /// What must be in service.
    pub need: Need,
}

/// What must be in service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// This az.
    Az(u16),
    /// So many of these, at least.
    AtLeast {
        /// At least 1, at most as many as there are.
        count: usize,
        /// Azs, or needs of their own.
        of: Vec<Need>,
    },
}

/// How many azs may be out of service that went within a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// So many, at least 1: else nothing would ever fail over.
    pub most: usize,
    /// Within so long.
    pub within: Duration,
}

impl Need {
    /// Whether it is met by the azs that are `in_service`, which are told by position.
    pub fn is_met(&self, in_service: &[bool]) -> bool {
        match self {
            Self::Az(at) => in_service.get(usize::from(*at)) == Some(&true),
            Self::AtLeast { count, of } => {
                of.iter().filter(|need| need.is_met(in_service)).count() >= *count
            }
        }
    }

    /// The azs that it names.
    pub fn azs(&self) -> BTreeSet<u16> {
        match self {
            Self::Az(at) => BTreeSet::from([*at]),
            Self::AtLeast { of, .. } => of.iter().flat_map(Self::azs).collect(),
        }
    }

    /// It in words, as in `1 of dublin, frankfurt`.
    pub(super) fn words(&self, name: &dyn Fn(u16) -> String) -> String {
        match self {
            Self::Az(at) => name(*at),
            Self::AtLeast { count, of } => {
                let parts = of.iter().map(|need| match need {
                    Self::Az(_) => need.words(name),
                    Self::AtLeast { .. } => format!("({})", need.words(name)),
                });
                let parts: Vec<String> = parts.collect();
                if *count == of.len() {
                    Listed(&parts, "and").to_string()
                } else {
                    format!("{count} of {}", parts.join(", "))
                }
            }
        }
    }
}

/// What an az is to the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// Eligible.
    In,
    /// It may be kept.
    Lost(Lost),
    /// It can't be kept: an operator keeps it from clients.
    Out(Before),
}

/// Whether an az was in service until now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Before {
    Out,
    In,
}

/// A lost az; the greater is let go later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lost {
    /// Whether clients find something up there of what they can't be without.
    pub(super) is_alive: bool,
    pub(super) before: Before,
    /// Not where it waits for an operator's word, or is not fit to serve.
    pub(super) may_be_alive: bool,
    pub(super) since: Wall,
}

impl Safety {
    /// Which azs are in service, by position. `recent`: how many of those that were out before went
    /// so lately that the pace counts them.
    ///
    /// A rule that does not hold even with everything that is lost is one that operators' orders
    /// break; it asks for nothing until they end.
    pub(super) fn in_service(&self, seats: &[Seat], recent: usize) -> Vec<bool> {
        let mut in_service: Vec<bool> =
            seats.iter().map(|seat| !matches!(seat, Seat::Out(_))).collect();
        let needs = self.rules.iter().map(|rule| &rule.need);
        let needs: Vec<&Need> = needs.filter(|need| need.is_met(&in_service)).collect();
        let ordered = seats.iter().filter(|seat| **seat == Seat::Out(Before::In)).count();
        let mut left = self.pace.map(|pace| pace.most.saturating_sub(recent + ordered));
        let lost = seats.iter().enumerate().filter_map(|(at, seat)| match seat {
            Seat::Lost(lost) => Some((*lost, Reverse(at))),
            Seat::In | Seat::Out(_) => None,
        });
        let mut lost: Vec<(Lost, Reverse<usize>)> = lost.collect();
        lost.sort_unstable();
        for (lost, Reverse(at)) in lost {
            if lost.before == Before::In && left == Some(0) {
                continue;
            }
            in_service[at] = false;
            if needs.iter().any(|need| !need.is_met(&in_service)) {
                in_service[at] = true;
            } else if lost.before == Before::In {
                left = left.map(|left| left - 1);
            }
        }
        in_service
    }
}

/// Names in a sentence, as in `a, b and c`.
pub(super) struct Listed<'a>(pub(super) &'a [String], pub(super) &'static str);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => Ok(()),
            [only] => f.write_str(only),
            [first @ .., last] => write!(f, "{} {} {last}", first.join(", "), self.1),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop_oneof, proptest};
    use proptest::{collection, option};

    use super::*;

    fn at_least(count: usize, of: &[u16]) -> Need {
        Need::AtLeast { count, of: of.iter().copied().map(Need::Az).collect() }
    }

    fn safety(need: Need) -> Safety {
        Safety { rules: vec![SafetyRule { name: "eu".into(), need }], pace: None }
    }

    fn lost(since: u64) -> Lost {
        Lost {
            is_alive: false,
            before: Before::In,
            may_be_alive: true,
            since: Wall::from_epoch(Duration::from_secs(since)),
        }
    }

    #[test]
    fn what_is_needed_is_kept_and_the_longest_lost_goes_first() {
        let seats = [Seat::Lost(lost(3)), Seat::Lost(lost(1)), Seat::Lost(lost(2)), Seat::In];
        let kept = safety(at_least(2, &[0, 1, 2])).in_service(&seats, 0);
        assert_eq!(kept, [true, false, true, true]);
    }

    #[test]
    fn what_is_alive_is_kept_before_what_is_dead() {
        let alive = Lost { is_alive: true, before: Before::Out, ..lost(0) };
        let seats = [Seat::Lost(lost(9)), Seat::Lost(alive)];
        assert_eq!(safety(at_least(1, &[0, 1])).in_service(&seats, 0), [false, true]);
    }

    #[test]
    fn what_awaits_release_is_the_last_resort() {
        let awaiting = Lost { before: Before::Out, may_be_alive: false, ..lost(9) };
        let dead = Lost { before: Before::Out, ..lost(0) };
        let seats = [Seat::Lost(awaiting), Seat::Lost(dead)];
        assert_eq!(safety(at_least(1, &[0, 1])).in_service(&seats, 0), [false, true]);
    }

    #[test]
    fn a_rule_that_orders_break_asks_for_nothing() {
        let seats = [Seat::Out(Before::Out), Seat::Lost(lost(1)), Seat::In];
        assert_eq!(safety(at_least(2, &[0, 1])).in_service(&seats, 0), [false, false, true]);
    }

    #[test]
    fn the_pace_counts_what_went_lately_and_what_goes_by_order() {
        let pace = Some(Pace { most: 2, within: Duration::from_secs(600) });
        let safety = Safety { rules: vec![], pace };
        let lost = Seat::Lost(lost(1));
        assert_eq!(safety.in_service(&[lost, lost, lost], 0), [true, false, false]);
        assert_eq!(safety.in_service(&[lost, lost, lost], 1), [true, true, false]);
        let ordered = Seat::Out(Before::In);
        assert_eq!(safety.in_service(&[lost, lost, ordered], 1), [true, true, false]);
    }

    #[test]
    fn needs_are_told_in_words() {
        let name = |at: u16| ["dublin", "frankfurt", "mumbai"][usize::from(at)].to_owned();
        let all = Need::AtLeast { count: 2, of: vec![at_least(1, &[0, 1]), Need::Az(2)] };
        assert_eq!(at_least(1, &[0, 1]).words(&name), "1 of dublin, frankfurt");
        assert_eq!(all.words(&name), "(1 of dublin, frankfurt) and mumbai");
    }

    fn need() -> impl Strategy<Value = Need> {
        let az = (0u16..5).prop_map(Need::Az);
        az.prop_recursive(3, 12, 4, |inner| {
            (1usize..4, collection::vec(inner, 1..4))
                .prop_map(|(count, of)| Need::AtLeast { count: count.min(of.len()), of })
        })
    }

    fn seat() -> impl Strategy<Value = Seat> {
        let before = || any::<bool>().prop_map(|was| if was { Before::In } else { Before::Out });
        let lost = (any::<bool>(), before(), any::<bool>(), 0u64..5).prop_map(
            |(is_alive, before, may_be_alive, since)| {
                Seat::Lost(Lost { is_alive, before, may_be_alive, ..lost(since) })
            },
        );
        prop_oneof![2 => proptest::prelude::Just(Seat::In), 4 => lost, 1 => before().prop_map(Seat::Out)]
    }

    proptest! {
        #[test]
        fn an_az_more_never_breaks_a_need(need in need(), mut azs in [any::<bool>(); 5], at in 0usize..5) {
            let before = need.is_met(&azs);
            azs[at] = true;
            assert!(need.is_met(&azs) || !before);
        }

        #[test]
        fn every_rule_that_can_hold_holds_and_every_az_kept_is_needed(
            needs in collection::vec(need(), 0..4),
            pace in option::of(1usize..4),
            seats in collection::vec(seat(), 5),
            recent in 0usize..3,
        ) {
            let rules = needs.into_iter().map(|need| SafetyRule { name: String::new(), need });
            let pace = pace.map(|most| Pace { most, within: Duration::ZERO });
            let safety = Safety { rules: rules.collect(), pace };
            let in_service = safety.in_service(&seats, recent);
            let possible: Vec<bool> = seats.iter().map(|seat| !matches!(seat, Seat::Out(_))).collect();
            let holds = |in_service: &[bool]| {
                safety.rules.iter().all(|rule| rule.need.is_met(in_service) || !rule.need.is_met(&possible))
            };
            let ordered = seats.iter().filter(|seat| **seat == Seat::Out(Before::In)).count();
            let is_slow = |in_service: &[bool]| {
                let gone = seats.iter().zip(in_service).filter(|(seat, is_in)| {
                    matches!(seat, Seat::Lost(Lost { before: Before::In, .. })) && !**is_in
                });
                let gone = gone.count();
                pace.is_none_or(|pace| gone == 0 || recent + ordered + gone <= pace.most)
            };
            assert!(holds(&in_service) && is_slow(&in_service));
            for (at, seat) in seats.iter().enumerate() {
                match seat {
                    Seat::In => assert!(in_service[at]),
                    Seat::Out(_) => assert!(!in_service[at]),
                    Seat::Lost(_) if in_service[at] => {
                        let mut without = in_service.clone();
                        without[at] = false;
                        assert!(!holds(&without) || !is_slow(&without));
                    }
                    Seat::Lost(_) => {}
                }
            }
        }
    }
}
