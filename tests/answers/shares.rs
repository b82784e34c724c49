//! Azs that admit some slots alone: whoever looks at all clients has to look at each slot.

use std::time::Duration;

use meridian::answer::decide;
use meridian::route::{Override, OverrideKind, Share};
use meridian::time::Wall;

use super::World;
use super::steered::settled;

/// An operator leaves this az 20 % of its clients.
fn drain(world: &mut World, az: &str) {
    let wall = |seconds| Wall::from_epoch(Duration::from_secs(seconds));
    world.give(Override {
        kind: OverrideKind::Drain,
        to: Share::percent(20).unwrap(),
        given: az.into(),
        targets: world.director.expand(az).unwrap(),
        reason: "deploy 42".into(),
        by: "uid 1000 (alice)".into(),
        given_at: wall(0),
        until: wall(86_400),
    });
}

/// Whether a slot has a say in what a client near Sydney is given of a pool.
fn goes_by_slot(world: &World, pool: &str) -> bool {
    let decision = decide(&world.snapshot(), world.pool(pool), [1, 0, 0, 9].into());
    decision.unwrap().goes_by_slot
}

#[test]
fn a_slot_has_a_say_in_what_a_share_of_clients_is_given() {
    let mut world = settled();
    assert!(!goes_by_slot(&world, "example:web"));
    drain(&mut world, "sydney");
    assert!(goes_by_slot(&world, "example:web"));
}

#[test]
fn a_slot_has_a_say_where_it_leaves_a_share_of_clients_to_the_fallback() {
    let mut world = settled();
    world.fail("tokyo");
    drain(&mut world, "sydney");
    // Who is beyond Sydney's share is answered by the fallback, which knows no slots.
    let snapshot = world.snapshot();
    let decided = |third| decide(&snapshot, world.pool("example:fallen"), [1, 0, third, 9].into());
    let decisions: Vec<_> = (0..=255).filter_map(decided).collect();
    assert!(decisions.iter().any(|decision| decision.az != decisions[0].az));
    assert!(decisions.iter().all(|decision| decision.goes_by_slot));
}
