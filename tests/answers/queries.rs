//! Which preference an answer is counted for.

use meridian::answer::Queries;
use meridian::geo::PreferenceId;

use super::steered::settled;
use super::{Ask, World};

/// The first az, in the pool that is asked for, of the order that the answer to a question tells.
fn first(world: &World, question: &str) -> Option<String> {
    let snapshot = world.snapshot();
    let (answer, _) = Ask::new(question).of(&snapshot);
    let routing = &snapshot.routing;
    let view = routing.topology.pools[answer.pool?].view;
    let first = *routing.preferences[view].order(answer.preference?).first()?;
    Some(routing.topology.azs[first].name.clone())
}

#[test]
fn the_order_that_is_told_is_the_client_s_whatever_is_up() {
    let mut world = settled();
    let question = "fallen.example. A +from=7.0.0.9";
    let before = first(&world, question);
    assert!(before.is_some());
    world.fail(before.as_deref().unwrap());
    assert_eq!(first(&world, question), before);
    // The fallback answers, whose orders are others.
    world.fail("sydney");
    world.fail("tokyo");
    assert_eq!(first(&world, question), before);
}

#[test]
fn what_no_pool_decides_has_none() {
    assert_eq!(first(&settled(), "example. NS"), None);
}

#[test]
fn each_pool_and_preference_has_a_count_of_its_own() {
    let snapshot = settled().snapshot();
    let (answer, _) = Ask::new("fallen.example. A +from=7.0.0.9").of(&snapshot);
    let (all, other) = (Queries::new(&snapshot), Queries::new(&snapshot));
    let routing = &snapshot.routing;
    let pools = routing.topology.pools.iter();
    let each: Vec<_> = pools
        .flat_map(|(pool, of)| routing.preferences[of.view].iter().map(move |(id, _)| (pool, id)))
        .collect();
    for (times, &(pool, preference)) in each.iter().enumerate() {
        let answer =
            meridian::answer::Answer { pool: Some(pool), preference: Some(preference), ..answer };
        (0..times).for_each(|_| all.count(&answer));
        other.count(&answer);
    }
    let sum = Queries::sum([&all, &other], &snapshot);
    for (times, &(pool, PreferenceId(at))) in each.iter().enumerate() {
        assert_eq!(sum[&pool][usize::from(at)], times as u64 + 1);
    }
}

#[test]
fn what_was_counted_of_another_load_is_left_out() {
    let world = settled();
    let before = Queries::new(&world.snapshot());
    let snapshot = settled().snapshot();
    let (answer, _) = Ask::new("fallen.example. A +from=7.0.0.9").of(&snapshot);
    before.count(&answer);
    assert!(!before.are_of(&snapshot));
    assert!(Queries::sum([&before], &snapshot).values().flatten().all(|&count| count == 0));
}
