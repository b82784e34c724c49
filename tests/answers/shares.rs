//! Azs that admit some slots alone: whoever looks at all clients has to look at each slot.

use std::time::Duration;

use ipnet::IpNet;
use meridian::answer::decide;
use meridian::answer::simulation::Simulation;
use meridian::geo::{Clients, Demand};
use meridian::id::IdVec;
use meridian::route::{AzId, Override, OverrideKind, Share};
use meridian::time::Wall;

use super::World;
use super::slots::world;
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
fn a_slot_has_a_say_in_the_tier_of_who_is_beyond_a_share_and_has_nobody_else() {
    let mut world = settled();
    world.fail("tokyo");
    drain(&mut world, "sydney");
    let snapshot = world.snapshot();
    let decided = |third| decide(&snapshot, world.pool("example:fallen"), [1, 0, third, 9].into());
    let decisions: Vec<_> = (0..=255).filter_map(decided).collect();
    assert!(decisions.iter().any(|decision| decision.tier != decisions[0].tier));
    assert!(decisions.iter().all(|decision| decision.az == decisions[0].az));
    assert!(decisions.iter().all(|decision| decision.goes_by_slot));
}

#[test]
fn simulated_demand_is_that_of_each_client_alone() {
    let mut world = world("");
    let before = world.snapshot();
    drain(&mut world, "sydney");
    world.fail("tokyo");
    let after = world.snapshot();
    let networks = ["1.0.0.0/20", "2.0.112.0/20", "7.0.0.0/20"];
    let entries = networks.map(|network| (Clients::Network(network.parse().unwrap()), 16.0));
    let demand = Demand::Recorded(entries.to_vec());
    for pool in ["web", "heavy", "pinned", "netted", "fallen"] {
        let pool = world.pool(&format!("example:{pool}"));
        let simulated =
            Simulation::run(&before, std::slice::from_ref(&after), pool, &demand).unwrap();
        let azs = before.routing.topology.azs.ids();
        let mut expected: IdVec<AzId, [f64; 2]> = azs.map(|_| [0.0; 2]).collect();
        let clients = networks.iter().flat_map(|network| {
            let network: IpNet = network.parse().unwrap();
            network.subnets(28).unwrap().map(|network| network.network())
        });
        for client in clients {
            for (at, snapshot) in [&before, &after].into_iter().enumerate() {
                if let Some(az) = decide(snapshot, pool, client).unwrap().az {
                    expected[az][at] += 1.0 / 16.0;
                }
            }
        }
        let told: Vec<_> = simulated[0].azs.values().map(|az| [az.before, az.after]).collect();
        assert_eq!(told, expected.values().copied().collect::<Vec<_>>());
    }
}
