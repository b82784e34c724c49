//! What is true of overrides whatever happens.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::proptest;

use super::recomputed::kind;
use super::{Step, TARGETS, World, kinds, monitors, states, steps, topology};
use crate::route::OverrideKind::{Drain, ForceDown};
use crate::route::{
    Event, Failback, LastAzs, Override, OverrideChange, Refusal, ShownOverride, Status, Tier,
    Topology,
};

proptest! {
    #[test]
    fn what_is_forced_down_is_never_given(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        for step in steps {
            drop(world.step(step));
            world.for_each_given(|_, az, endpoint| {
                assert_ne!(kind(&az.overridden), Some(ForceDown));
                assert_ne!(kind(&endpoint.overridden), Some(ForceDown));
            });
        }
    }

    #[test]
    fn what_is_drained_is_given_in_the_last_tier_alone(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        for step in steps {
            drop(world.step(step));
            world.for_each_given(|tier, az, endpoint| {
                let orders = [&az.overridden, &endpoint.overridden].into_iter().flatten();
                let is_drained = |it: &ShownOverride| it.kind == Drain && it.to.is_none();
                assert!(tier == Tier::Drained || !orders.into_iter().any(is_drained));
            });
        }
    }

    #[test]
    fn what_is_measured_goes_on_beneath(start in topology(), steps in steps()) {
        let start = coming_back_at_once(start);
        let (mut world, mut twin) = (World::start(&start), World::start(&start));
        for step in steps {
            let step = match step {
                Step::Replace(topology) => Step::Replace(coming_back_at_once(topology)),
                step => step,
            };
            drop(world.step(step.clone()));
            drop(twin.step(match step {
                Step::Give(..) | Step::Drain(..) | Step::Clear(_) => Step::Wait(0),
                step => step,
            }));
            assert_eq!(states(&world.status()), states(&twin.status()));
            assert_eq!(monitors(&world.status()), monitors(&twin.status()));
            assert_eq!(world.pending, twin.pending);
        }
    }

    #[test]
    fn a_clock_that_jumps_is_noticed_within_a_second(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        for step in steps {
            let effects = world.step(step);
            let overrides = world.director.overrides();
            assert!(overrides.iter().all(|order| order.until > world.now.wall));
            let soon = world.now.mono + Duration::from_secs(1);
            assert!(overrides.is_empty() || effects.wake.is_some_and(|wake| wake <= soon));
        }
    }

    #[test]
    fn changes_of_overrides_add_up(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        let mut known: Vec<Override> = Vec::new();
        for step in steps {
            for change in world.step(step).overrides {
                match change {
                    OverrideChange::Given(order) => known.push(order),
                    OverrideChange::Replaced(order)
                    | OverrideChange::Cleared(order)
                    | OverrideChange::Expired(order) => {
                        let position = known.iter().position(|it| *it == order);
                        known.remove(position.unwrap());
                    }
                }
            }
            assert!(known.iter().eq(world.director.overrides().iter()));
        }
    }

    #[test]
    fn an_override_is_refused_where_it_takes_the_last_az(
        start in topology(),
        steps in steps(),
        kind in kinds(),
        target in 0..TARGETS.len(),
    ) {
        let mut world = World::start(&start);
        for step in steps {
            drop(world.step(step));
        }
        // Where safety rules decide, the last az may be one that they keep.
        let topology = std::sync::Arc::clone(&world.director.routing.topology);
        let is_free = |pool: &String| {
            topology.pools.values().any(|known| known.name == *pool && known.safety.is_none())
        };
        let order = world.order(kind, target, 60);
        let refused = world.director.consider(&order, world.now);
        let refused: Vec<LastAzs> = refused.err().map(|Refusal(last)| last).unwrap_or_default();
        let before = eligible_azs(&world.status());
        drop(world.apply(Event::Override(order)));
        let after = eligible_azs(&world.status());
        let lost = before.into_iter().filter(|(pool, _)| !after.contains_key(pool));
        let lost = lost.filter(|(pool, _)| is_free(pool));
        let lost: BTreeMap<String, Vec<String>> = lost.collect();
        let told = refused.into_iter().filter(|it| is_free(&it.pool));
        let told = told.map(|LastAzs { pool, azs, .. }| (pool, azs));
        assert_eq!(told.collect::<BTreeMap<_, _>>(), lost);
    }
}

/// The eligible azs of each pool that has any.
fn eligible_azs(status: &Status) -> BTreeMap<String, Vec<String>> {
    let mut eligible: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pool in &status.pools {
        for az in pool.azs.iter().filter(|az| az.eligible) {
            eligible.entry(pool.name.clone()).or_default().push(az.name.clone());
        }
    }
    eligible
}

/// With pools whose azs do so: elsewhere the end of an override is felt.
fn coming_back_at_once(mut topology: Topology) -> Topology {
    for pool in topology.pools.values_mut() {
        pool.failback = Failback::Auto;
    }
    topology
}
