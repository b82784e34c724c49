//! Capacity changes which eligible az displaced clients get, and nothing else.

use proptest::prelude::{Strategy, proptest};
use proptest::{collection, option};

use super::{World, steps, topology};
use crate::geo::Slot;
use crate::route::spill::Capacity;
use crate::route::{Routing, Tier, Topology};

/// The load that is stated of each az, and its limits, if it has any.
fn capacities() -> impl Strategy<Value = Vec<(u16, Option<(u16, u16)>)>> {
    let limits = option::weighted(0.8, (0..200_u16, 0..100_u16));
    collection::vec((0..200_u16, limits), 4)
}

fn limited(topology: &Topology, capacities: &[(u16, Option<(u16, u16)>)]) -> Topology {
    let mut topology = topology.clone();
    for (az, &(load, limits)) in topology.azs.ids().zip(capacities) {
        topology.capacities.stated.insert(az, f64::from(load));
        if let Some((soft, more)) = limits {
            let (soft, hard) = (f64::from(soft), f64::from(soft + more));
            topology.capacities.limits.insert(az, Capacity { soft, hard });
        }
    }
    topology
}

proptest! {
    #[test]
    fn capacity_moves_displaced_clients_among_eligible_azs_alone(
        start in topology(),
        capacities in capacities(),
        steps in steps(),
    ) {
        let mut free = World::start(&start);
        let mut bound = World::start(&limited(&start, &capacities));
        for step in steps {
            drop(free.step(step.clone()));
            drop(bound.step(step));
            let (free_table, bound_table) = (free.director.routes(), bound.director.routes());
            let Routing { topology, preferences } = &free.director.routing;
            for (id, pool) in topology.pools.iter() {
                for (preference, order) in preferences[pool.view].iter() {
                    for slot in Slot::all().step_by(273) {
                        let (without, _) = free_table.pools[id].row.choice(preference, || slot);
                        let (with, _) = bound_table.pools[id].row.choice(preference, || slot);
                        let given = without.az.map(|at| pool.azs[usize::from(at)].az);
                        let is_own = given == order.first().copied();
                        assert_eq!(without.tier, with.tier);
                        if is_own || without.tier != Tier::Eligible {
                            assert_eq!(without.az, with.az);
                        }
                    }
                }
            }
        }
    }
}
