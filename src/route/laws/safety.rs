//! What is true of safety rules whatever happens.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::proptest;

use super::recomputed::tier_of;
use super::{DrawnSafety, Step, World, steps, topology};
use crate::id::Id;
use crate::route::status::AzStatus;
use crate::route::{Effects, Event, Need, Pace, Pool, PoolId, Safety, SafetyRule, Tier};
use crate::time::Monotonic;

proptest! {
    #[test]
    fn no_results_and_orders_break_a_rule(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        world.for_each_rule(|_, _, need, in_service| assert!(need.is_met(in_service)));
        for step in steps.into_iter().filter(|step| !matches!(step, Step::Replace(_))) {
            drop(world.permitted(step));
            world.for_each_rule(|_, _, need, in_service| assert!(need.is_met(in_service)));
        }
    }

    #[test]
    fn no_results_and_orders_outrun_the_pace(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        let mut gone: HashMap<(PoolId, usize), Monotonic> = HashMap::new();
        let mut before = world.in_service();
        for step in steps.into_iter().filter(|step| !matches!(step, Step::Replace(_))) {
            drop(world.permitted(step));
            let (after, now) = (world.in_service(), world.now.mono);
            for (id, pool) in world.director.routing.topology.pools.iter() {
                let Some(Pace { most, within }) = pool.safety.as_ref().and_then(|it| it.pace) else {
                    continue;
                };
                for at in 0..pool.azs.len() {
                    if before[id.index()][at] && !after[id.index()][at] {
                        gone.insert((id, at), now);
                    }
                }
                let is_recent = |at: &usize| {
                    let went = gone.get(&(id, *at));
                    !after[id.index()][*at] && went.is_some_and(|went| *went + within > now)
                };
                assert!((0..pool.azs.len()).filter(is_recent).count() <= most);
            }
            before = after;
        }
    }

    #[test]
    fn what_can_hold_holds_and_what_is_kept_is_needed(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        for step in steps {
            drop(world.step(step));
            world.what_can_hold_holds();
            world.what_is_kept_is_needed();
        }
    }

    #[test]
    fn what_is_kept_is_told(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        let mut kept = world.kept();
        for step in steps.into_iter().filter(|step| !matches!(step, Step::Replace(_))) {
            let effects = world.step(step);
            let after = world.kept();
            assert_eq!(effects.kept.len(), kept.iter().zip(&after).filter(|(a, b)| a != b).count());
            kept = after;
        }
    }
}

/// The rules of a pool of `azs` azs.
pub(super) fn drawn((min_live, one_of, pace): DrawnSafety, azs: usize) -> Option<Safety> {
    let all = || (0..azs as u16).map(Need::Az);
    let min_live = (min_live > 0).then(|| SafetyRule {
        name: "min_live".into(),
        need: Need::AtLeast { count: min_live.min(azs), of: all().collect() },
    });
    let of: Vec<Need> =
        all().enumerate().filter(|(at, _)| one_of >> at & 1 == 1).map(|(_, it)| it).collect();
    let one_of = (!of.is_empty())
        .then(|| SafetyRule { name: "one_of".into(), need: Need::AtLeast { count: 1, of } });
    let pace = (pace > 0).then_some(Pace { most: pace, within: Duration::from_secs(7) });
    let rules: Vec<SafetyRule> = min_live.into_iter().chain(one_of).collect();
    (!rules.is_empty() || pace.is_some()).then_some(Safety { rules, pace })
}

impl World {
    /// Takes a step, but for an override that safety rules forbid.
    fn permitted(&mut self, step: Step) -> Effects {
        if let Step::Give(kind, target, seconds) = step {
            let order = self.order(kind, target, seconds);
            if self.director.permits(&order, self.now).is_err() {
                return self.apply(Event::Clock);
            }
        }
        self.step(step)
    }

    /// Calls `claim` with each pool, its azs, each need of its rules, and who is in service.
    fn for_each_rule(&self, mut claim: impl FnMut(&Pool, &[AzStatus], &Need, &[bool])) {
        let (status, in_service) = (self.status(), self.in_service());
        let pools = self.director.routing.topology.pools.values();
        for ((pool, status), in_service) in pools.into_iter().zip(&status.pools).zip(&in_service) {
            for rule in pool.safety.iter().flat_map(|safety| &safety.rules) {
                claim(pool, &status.azs, &rule.need, in_service);
            }
        }
    }

    /// By pool and position.
    fn in_service(&self) -> Vec<Vec<bool>> {
        let of = |azs: &Vec<AzStatus>| azs.iter().map(|az| az.eligible).collect();
        self.status().pools.iter().map(|pool| of(&pool.azs)).collect()
    }

    fn kept(&self) -> Vec<bool> {
        let status = self.status();
        status.pools.iter().flat_map(|pool| &pool.azs).map(|az| az.kept.is_some()).collect()
    }

    fn what_can_hold_holds(&self) {
        self.for_each_rule(|pool, azs, need, in_service| {
            let is_possible =
                |az: &AzStatus| !matches!(tier_of(pool, az), None | Some(Tier::Drained));
            let possible: Vec<bool> = azs.iter().map(is_possible).collect();
            assert!(need.is_met(in_service) || !need.is_met(&possible));
        });
    }

    fn what_is_kept_is_needed(&self) {
        let (status, in_service) = (self.status(), self.in_service());
        for ((id, pool), in_service) in self.director.routing.topology.pools.iter().zip(&in_service)
        {
            for (at, az) in status.pools[id.index()].azs.iter().enumerate() {
                let Some(kept) = &az.kept else { continue };
                let safety = pool.safety.as_ref().unwrap();
                let mut without = in_service.clone();
                without[at] = false;
                let breaks = |rule: &&SafetyRule| {
                    rule.need.is_met(in_service) && !rule.need.is_met(&without)
                };
                let recent = self.director.pools[id].azs.iter().filter(|az| {
                    az.service.removal.is_some_and(|removal| removal.until > self.now.mono)
                });
                let is_slow = safety.pace.is_some_and(|pace| recent.count() >= pace.most);
                assert!(safety.rules.iter().any(|rule| breaks(&rule)) || is_slow);
                assert!(!kept.rules.is_empty());
            }
        }
    }
}
