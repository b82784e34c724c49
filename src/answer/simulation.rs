//! Where the clients of a pool go when azs are lost: the decisions of a snapshot before and of others
//! after, for all demand, by the function that answers queries.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::decision::{Decision, decide};
use super::snapshot::Snapshot;
use crate::geo::demand::{Demand, addresses, split};
use crate::geo::{PlaceId, Slot};
use crate::id::IdVec;
use crate::route::{AzId, PoolId};

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
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Broken {
    /// So much demand was answered before and is not any more.
    Unanswered(f64),
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
        before.routing.topology.pools.get(pool)?;
        let mut counts: Vec<_> = after.iter().map(|_| Count::over(before)).collect();
        demand.visit(&before.places, |network, demand| {
            let place = before.places.find(network.network()).place;
            each(before, after, pool, (network, demand), |decisions, demand| {
                for (count, after) in counts.iter_mut().zip(&decisions.after) {
                    count.add(place, decisions.before, *after, demand);
                }
            });
        });
        Some(counts.into_iter().map(|count| count.finish(before)).collect())
    }

    /// The limits that hold before and not after.
    pub fn broken(&self) -> Vec<Broken> {
        let lost = self.unanswered - self.unanswered_before;
        (lost > 0.0).then_some(Broken::Unanswered(lost)).into_iter().collect()
    }
}

/// The azs that a client is given.
#[derive(Clone, PartialEq)]
struct Decisions {
    before: Option<AzId>,
    after: Vec<Option<AzId>>,
}

/// Decides for all of a network's clients, which are of one place.
fn each(
    before: &Snapshot,
    after: &[Snapshot],
    pool: PoolId,
    (network, demand): (IpNet, f64),
    mut visit: impl FnMut(&Decisions, f64),
) {
    let look = |client: IpAddr| {
        let (mut extent, mut goes_by_slot) = (0, false);
        let mut az = |snapshot| {
            let Decision { az, extent: of_it, goes_by_slot: by_slot, .. } =
                decide(snapshot, pool, client)?;
            (extent, goes_by_slot) = (of_it.max(extent), goes_by_slot | by_slot);
            az
        };
        let decisions = Decisions { before: az(before), after: after.iter().map(az).collect() };
        (extent, (decisions, goes_by_slot))
    };
    let all = addresses(network);
    split(network, look, |part, (decisions, goes_by_slot)| {
        let demand = demand * addresses(part) / all;
        if !goes_by_slot {
            return visit(&decisions, demand);
        }
        let clients = slots(part);
        let demand = demand / clients.len() as f64;
        for client in clients {
            let (_, (decisions, _)) = look(client);
            visit(&decisions, demand);
        }
    });
}

/// A client of each network of `network` that has slots of its own. Of an IPv6 network with more of them
/// than there are slots, as many clients, evenly spread.
fn slots(network: IpNet) -> Vec<IpAddr> {
    let len = Slot::prefix_len(network.network());
    match network {
        _ if network.prefix_len() >= len => vec![network.network()],
        IpNet::V4(network) => match network.subnets(len) {
            Ok(subnets) => subnets.map(|subnet| subnet.network().into()).collect(),
            Err(_) => vec![network.network().into()],
        },
        IpNet::V6(network) => {
            let len = len.min(network.prefix_len() + Slot::COUNT.ilog2() as u8);
            match network.subnets(len) {
                Ok(subnets) => subnets.map(|subnet| subnet.network().into()).collect(),
                Err(_) => vec![network.network().into()],
            }
        }
    }
}

/// Demand by place, az before and az after.
struct Count {
    azs: IdVec<AzId, AzDemand>,
    demand: f64,
    unanswered_before: f64,
    unanswered: f64,
    moved: f64,
    moves: HashMap<(PlaceId, AzId, AzId), f64>,
}

impl Count {
    fn over(snapshot: &Snapshot) -> Self {
        let azs = snapshot.routing.topology.azs.ids().map(|_| AzDemand::default()).collect();
        let moves = HashMap::new();
        Self { azs, demand: 0.0, unanswered_before: 0.0, unanswered: 0.0, moved: 0.0, moves }
    }

    fn add(&mut self, place: PlaceId, before: Option<AzId>, after: Option<AzId>, demand: f64) {
        self.demand += demand;
        match before {
            Some(az) => self.azs[az].before += demand,
            None => self.unanswered_before += demand,
        }
        match after {
            Some(az) => self.azs[az].after += demand,
            None => self.unanswered += demand,
        }
        if before != after {
            self.moved += demand;
        }
        if let (Some(from), Some(to)) = (before, after)
            && from != to
        {
            *self.moves.entry((place, from, to)).or_default() += demand;
        }
    }

    fn finish(self, snapshot: &Snapshot) -> Simulation {
        let Self { mut azs, demand, unanswered_before, unanswered, moved, moves } = self;
        let topology = &snapshot.routing.topology;
        let added = moves.into_iter().filter_map(|((place, from, to), demand)| {
            let point = snapshot.places.place(place).point?;
            let [from_there, to_there] = [from, to].map(|az| topology.azs[az].location);
            let added = point.distance_km(to_there?) - point.distance_km(from_there?);
            Some((to, added, demand))
        });
        let mut added: Vec<(AzId, f64, f64)> = added.collect();
        added.sort_unstable_by(|a, b| a.1.total_cmp(&b.1));
        for (id, az) in azs.ids().collect::<Vec<_>>().into_iter().zip(azs.values_mut()) {
            az.added = Added::of(added.iter().filter(|(to, ..)| *to == id));
        }
        let added = Added::of(added.iter());
        Simulation { demand, moved, unanswered_before, unanswered, added, azs }
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
