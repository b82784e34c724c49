//! Laws of azs that come back in part: whom they have, slot by slot.

use std::collections::BTreeSet;

use proptest::prelude::{Just, Strategy, prop_oneof, proptest};

use super::{Step, World, steps, topology};
use crate::geo::{PreferenceId, Slot};
use crate::health::Verdict;
use crate::route::failback::{Ramp, STEPS};
use crate::route::{AzState, PoolId, Tier};
use crate::time::Wall;

proptest! {
    /// Whatever clocks do, as long as nothing is lost and nothing ordered.
    #[test]
    fn slots_come_back_once_and_stay(start in topology(), before in steps(), after in calm_steps()) {
        let mut world = World::start(&start);
        for step in before {
            drop(world.step(step));
        }
        for step in after {
            let had = ramping(&world);
            let epoch = world.epoch;
            drop(world.step(step));
            for ((pool, position), slots) in had {
                if world.epoch == epoch && is_coming_back(&world, pool, position) {
                    assert!(slots_of(&world, pool, position).is_superset(&slots));
                }
            }
        }
    }

    #[test]
    fn the_share_follows_the_line(from in 0u16..4096, over in 1u64..86_400_000, at in 0u64..1000) {
        let millis = |millis| std::time::Duration::from_millis(millis);
        let began = Wall::from_epoch(millis(1_700_000_000_000));
        let ramp = Ramp::new(began, millis(over), from).at(began + millis(over) * at as u32 / 1000);
        let line = f64::from(from) + f64::from(4096 - from) * at as f64 / 1000.0;
        assert!((f64::from(ramp.admits()) - line).abs() <= 4096.0 / f64::from(STEPS) + 1.0);
    }
}

fn calm_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0usize..12).prop_map(|index| Step::Result(index, Verdict::Success)),
        4 => (0u64..6000).prop_map(Step::Wait),
        1 => (-10i64..10).prop_map(Step::Jump),
        1 => Just(Step::Stale(0)),
    ];
    proptest::collection::vec(step, 0..40)
}

/// The azs that ramp, each with the slots of its first clients.
fn ramping(world: &World) -> Vec<((PoolId, usize), BTreeSet<Slot>)> {
    let pools = world.director.pools.iter();
    let azs = pools.flat_map(|(pool, health)| (0..health.azs.len()).map(move |at| (pool, at)));
    let ramping = azs.filter(|&(pool, at)| {
        matches!(world.director.pools[pool].azs[at].state, AzState::Ramping(_))
            && is_coming_back(world, pool, at)
    });
    ramping.map(|(pool, at)| ((pool, at), slots_of(world, pool, at))).collect()
}

/// Whether nothing but its failback decides whom an az has.
fn is_coming_back(world: &World, pool: PoolId, at: usize) -> bool {
    let is_free = (0..world.director.pools[pool].azs.len())
        .all(|it| !world.director.forces.contains_key(&(pool, it as u16)));
    let state = world.director.pools[pool].azs[at].state;
    is_free && matches!(state, AzState::Ramping(_) | AzState::Eligible)
}

/// The slots of the clients who prefer an az and have it for being eligible: for want of a better one
/// they have it no longer than that.
fn slots_of(world: &World, pool: PoolId, at: usize) -> BTreeSet<Slot> {
    let topology = &world.director.routing.topology;
    let az = topology.pools[pool].azs[at].az;
    let preferences = &world.director.routing.preferences[topology.pools[pool].view];
    let first = |(_, order): &(PreferenceId, &[_])| order.first() == Some(&az);
    let Some((preference, _)) = preferences.iter().find(first) else { return BTreeSet::new() };
    let table = world.director.routes();
    let row = &table.pools[pool].row;
    let has = |slot: &Slot| {
        let (choice, _) = row.choice(preference, || *slot);
        (choice.az, choice.tier) == (Some(at as u16), Tier::Eligible)
    };
    Slot::all().filter(has).collect()
}
