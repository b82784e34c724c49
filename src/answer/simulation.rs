//! Where the clients of a pool go when azs are lost: the decisions of a snapshot before and of others
//! after, for all demand, by the function that answers queries.

mod decisions;
mod fence;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::snapshot::Snapshot;
use crate::geo::{Demand, PlaceId};
use crate::id::{Id, IdVec};
use crate::route::status::{CapacityStatus, ShownExcess};
use crate::route::{Az, AzId, BrokenLimit, PoolId, Topology};

use decisions::{Decided, DecidedId, Decisions};
use fence::Displaced;
pub use fence::{BindingFence, Fence};

/// What becomes of a pool's demand.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulation {
    /// All demand.
    pub demand: f64,
    /// That of clients who have another az after, or none.
    pub moved: f64,
    /// That of clients who are given nothing before.
    pub unanswered_before: f64,
    /// That of clients who are given nothing after.
    pub unanswered: f64,
    /// How much farther those go who move.
    pub added: Added,
    /// Of each az of the topology, whether it is of the pool, of its fallback or neither.
    pub azs: IdVec<AzId, AzDemand>,
    /// The fences that keep clients who move from a nearer az that is in service, the most first.
    pub fences: Vec<BindingFence>,
}

/// What becomes of an az's demand.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AzDemand {
    /// Before.
    pub before: f64,
    /// After.
    pub after: f64,
    /// How much farther those go who come to it.
    pub added: Added,
}

/// Kilometres added, over demand; below 0 for who comes nearer. `None` where nobody moves of whom place
/// and azs are known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Added {
    /// Half of the demand has no more.
    pub median: Option<f64>,
    /// 99 % of the demand has no more.
    pub most: Option<f64>,
}

/// A limit that a loss breaks.
#[derive(Clone, Debug, PartialEq)]
pub enum Broken {
    /// So much demand was answered before and is not any more.
    Unanswered(f64),
    /// Displaced clients take an az above a limit of its capacity.
    Capacity(BrokenLimit),
}

impl Broken {
    /// The limits of azs that break, or break by more than before: what a director says of azs with a capacity
    /// before a loss and after it.
    pub fn of_azs(before: &[CapacityStatus], after: &[CapacityStatus]) -> Vec<Self> {
        let broken = before.iter().zip(after).filter_map(|(before, after)| {
            let ShownExcess { limit, by } = after.above?;
            let is_new = before.above.is_none_or(|known| (known.limit, known.by) < (limit, by));
            let az = after.az.clone();
            is_new.then_some(Self::Capacity(BrokenLimit { az, limit, by }))
        });
        broken.collect()
    }
}

impl Simulation {
    /// Simulates `pool` under each snapshot of `after`, which differ from `before` in their routes alone.
    /// `None` if there is no such pool.
    pub fn run(
        before: &Snapshot,
        after: &[Snapshot],
        pool: PoolId,
        demand: &Demand,
    ) -> Option<Vec<Self>> {
        let all: Vec<&Snapshot> = std::iter::once(before).chain(after).collect();
        let mut decisions = Decisions::of(all, pool)?;
        // Clients of one place who are decided for alike, with one of them.
        let mut found: HashMap<(PlaceId, DecidedId), (f64, IpAddr)> = HashMap::new();
        demand.visit(&before.places, |network, demand| {
            let place = before.places.find(network.network()).place;
            decisions.each((network, demand), |decided, client, demand| {
                found.entry((place, decided)).or_insert((0.0, client)).0 += demand;
            });
        });
        // In an order of its own, since sums of floating-point numbers depend on it.
        let found: BTreeMap<_, _> = found.into_iter().collect();
        let topology = &before.routing.topology;
        let mut counts: Vec<_> = after.iter().map(|_| Count::over(topology)).collect();
        let mut near = Near::default();
        for ((place, decided), (demand, client)) in found {
            near.move_to(before, place);
            let Decided { azs, preference } = decisions.decided(decided);
            let Some((&from, azs)) = azs.split_first() else { continue };
            for ((count, snapshot), &to) in counts.iter_mut().zip(after).zip(azs) {
                count.add((from, to), &near.km, demand);
                if from != to {
                    let displaced = Displaced { place, client, preference: *preference, to };
                    let bound = fence::binds(snapshot, pool, &displaced);
                    fence::add(&mut count.simulation.fences, bound, demand);
                }
            }
        }
        Some(counts.into_iter().map(Count::finish).collect())
    }

    /// The limits of this pool alone that hold before and not after.
    pub fn broken(&self) -> Vec<Broken> {
        let lost = self.unanswered - self.unanswered_before;
        (lost > 0.0).then_some(Broken::Unanswered(lost)).into_iter().collect()
    }
}

/// Demand of a pool under one of the snapshots after.
struct Count {
    simulation: Simulation,
    /// To which az, how much farther, and how much demand.
    moves: Vec<(AzId, f64, f64)>,
}

impl Count {
    fn over(topology: &Topology) -> Self {
        let azs = topology.azs.ids().map(|_| AzDemand::default()).collect();
        let simulation = Simulation {
            demand: 0.0,
            moved: 0.0,
            unanswered_before: 0.0,
            unanswered: 0.0,
            added: Added::default(),
            azs,
            fences: vec![],
        };
        Self { simulation, moves: vec![] }
    }

    /// Adds clients who are so far from each az.
    fn add(&mut self, (from, to): (Option<AzId>, Option<AzId>), km: &[Option<f64>], demand: f64) {
        let of = &mut self.simulation;
        of.demand += demand;
        match from {
            Some(az) => of.azs[az].before += demand,
            None => of.unanswered_before += demand,
        }
        match to {
            Some(az) => of.azs[az].after += demand,
            None => of.unanswered += demand,
        }
        if from == to {
            return;
        }
        of.moved += demand;
        if let (Some(from), Some(to)) = (from, to)
            && let (Some(from_km), Some(to_km)) = (km[from.index()], km[to.index()])
        {
            self.moves.push((to, to_km - from_km, demand));
        }
    }

    fn finish(self) -> Simulation {
        let Self { mut simulation, moves: mut added } = self;
        added.sort_by(|a, b| a.1.total_cmp(&b.1));
        let ids: Vec<AzId> = simulation.azs.ids().collect();
        for (id, az) in ids.into_iter().zip(simulation.azs.values_mut()) {
            az.added = Added::of(added.iter().filter(|(to, ..)| *to == id));
        }
        simulation.added = Added::of(added.iter());
        simulation.fences.sort_by(|a, b| b.demand.total_cmp(&a.demand));
        simulation
    }
}

/// How far clients at a place are from each az.
#[derive(Default)]
struct Near {
    place: Option<PlaceId>,
    km: Vec<Option<f64>>,
}

impl Near {
    fn move_to(&mut self, snapshot: &Snapshot, place: PlaceId) {
        if self.place != Some(place) {
            let point = snapshot.places.place(place).point;
            let km = |az: &Az| Some(point?.distance_km(az.location?));
            self.km = snapshot.routing.topology.azs.values().map(km).collect();
            self.place = Some(place);
        }
    }
}

impl Added {
    /// Of moves that ascend by distance.
    fn of<'a>(moves: impl Iterator<Item = &'a (AzId, f64, f64)> + Clone) -> Self {
        let all: f64 = moves.clone().map(|(.., demand)| demand).sum();
        let quantile = |share: f64| {
            let mut passed = 0.0;
            let mut last = None;
            for (_, added, demand) in moves.clone() {
                (passed, last) = (passed + demand, Some(*added));
                if passed >= share * all {
                    break;
                }
            }
            last
        };
        Self { median: quantile(0.5), most: quantile(0.99) }
    }
}
