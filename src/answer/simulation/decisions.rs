//! What several snapshots decide for the clients of a pool, by the function that answers queries: once for
//! all clients who have the same preferences and, where slots have a say, once for each slot.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::answer::snapshot::Snapshot;
use crate::answer::steer::Steered;
use crate::geo::demand::{addresses, split};
use crate::geo::{PreferenceId, Salt, Slot, View};
use crate::route::{AllDown, AzId, PoolId};

/// The decisions of snapshots with the same views.
pub(super) struct Decisions<'s> {
    snapshots: Vec<&'s Snapshot>,
    pool: PoolId,
    view: &'s View,
    /// That of the pool's fallback.
    fallback: Option<&'s View>,
    known: HashMap<Clients, Known>,
    decided: Vec<Decided>,
}

/// What is decided for clients.
pub(super) struct Decided {
    /// The az by each snapshot; `None`: nothing is given.
    pub(super) azs: Box<[Option<AzId>]>,
    /// The order of azs in the pool.
    pub(super) preference: PreferenceId,
}

/// Which of [`Decisions::decided`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct DecidedId(u32);

/// Clients that views don't tell apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Alike {
    own: PreferenceId,
    fallback: Option<PreferenceId>,
}

/// Clients for whom the same is decided, as far as is known.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Clients {
    alike: Alike,
    /// Their slots, those that are known to have a say.
    by_weights: Option<usize>,
    by_share: Option<usize>,
}

/// What is known of clients.
#[derive(Clone, Copy)]
enum Known {
    Decided(DecidedId),
    /// Their slot of weights has a say.
    ByWeights,
    /// Their slot of shares has a say.
    ByShare,
}

impl<'s> Decisions<'s> {
    /// Of a pool of these snapshots, which differ in their routes alone; `None` if there is no such pool.
    pub(super) fn of(snapshots: Vec<&'s Snapshot>, pool: PoolId) -> Option<Self> {
        let first = *snapshots.first()?;
        let pools = &first.routing.topology.pools;
        let asked = pools.get(pool)?;
        let fallback = match asked.all_down {
            AllDown::Fallback(id) => pools.get(id).map(|pool| &*first.views[pool.view]),
            AllDown::Open | AllDown::Closed | AllDown::Last => None,
        };
        let view = &*first.views[asked.view];
        let (known, decided) = (HashMap::new(), vec![]);
        Some(Self { snapshots, pool, view, fallback, known, decided })
    }

    /// What is decided.
    pub(super) fn decided(&self, id: DecidedId) -> &Decided {
        &self.decided[id.0 as usize]
    }

    /// Decides for all of a network's clients, and tells one of those with each decision.
    pub(super) fn each(
        &mut self,
        (network, demand): (IpNet, f64),
        mut visit: impl FnMut(DecidedId, IpAddr, f64),
    ) {
        let all = addresses(network);
        let (view, fallback) = (self.view, self.fallback);
        let look = |client| alike(view, fallback, client);
        split(network, look, |part, alike| {
            let demand = demand * addresses(part) / all;
            let clients = Clients { alike, by_weights: None, by_share: None };
            if let Known::Decided(id) = self.known(clients, part.network()) {
                return visit(id, part.network(), demand);
            }
            let clients = slots(part);
            let demand = demand / clients.len() as f64;
            for client in clients {
                visit(self.decide(alike, client), client, demand);
            }
        });
    }

    fn decide(&mut self, alike: Alike, client: IpAddr) -> DecidedId {
        let mut clients = Clients { alike, by_weights: None, by_share: None };
        let slot = |salt| Some(Slot::of(salt, client).index());
        loop {
            match self.known(clients, client) {
                Known::Decided(id) => return id,
                Known::ByWeights => clients.by_weights = slot(Salt::Weights),
                Known::ByShare => clients.by_share = slot(Salt::Ramps),
            }
        }
    }

    /// What is known of clients, of whom this is one.
    fn known(&mut self, clients: Clients, client: IpAddr) -> Known {
        if let Some(known) = self.known.get(&clients) {
            return *known;
        }
        let (mut by_weights, mut by_share, mut preference) = (None, None, clients.alike.own);
        let azs = self.snapshots.iter().map(|snapshot| {
            let steered = Steered::decide(snapshot, self.pool, client, None)?;
            let [weights, share] = steered.slots();
            (by_weights, by_share) = (by_weights.or(weights), by_share.or(share));
            preference = steered.before().unwrap_or(steered).preference;
            steered.az_id
        });
        let azs = azs.collect();
        let known = if by_weights.is_some() && clients.by_weights.is_none() {
            Known::ByWeights
        } else if by_share.is_some() && clients.by_share.is_none() {
            Known::ByShare
        } else {
            let id = DecidedId(self.decided.len() as u32);
            self.decided.push(Decided { azs, preference });
            Known::Decided(id)
        };
        self.known.insert(clients, known);
        known
    }
}

/// What tells a client apart, and the length of the widest prefix around it in which all are alike.
fn alike(view: &View, fallback: Option<&View>, client: IpAddr) -> (u8, Alike) {
    let own = view.find(client);
    let fallback = fallback.map(|view| view.find(client));
    let extent = fallback.map_or(own.scope, |fallback| fallback.scope.max(own.scope));
    (extent, Alike { own: own.preference, fallback: fallback.map(|located| located.preference) })
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
