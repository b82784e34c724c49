//! How the clients of a view are spread over its preferences, and how far each preference's clients are from
//! each az: what an az's load is divided by when its clients are displaced.
//!
//! It is made with the view, from whatever is known of how many ask from where, and only where azs have
//! limits.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::{Az, AzId, Policy, Preferences, ViewSpec};
use crate::geo::{self, PlaceId, Places, PreferenceId, Slot, View, is_routable};
use crate::id::{Id, IdVec};

/// A view's clients by preference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    shares: Box<[Share]>,
}

/// The clients with one preference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Their part of all clients of the view, in units of 2^-32.
    pub part: u64,
    /// How far they are from each az of their order, parallel to it, in kilometres on the average; empty
    /// where that can't be told, or where distance doesn't order azs.
    pub km: Box<[u32]>,
}

impl Spread {
    /// With a share for each preference.
    pub fn new(shares: impl IntoIterator<Item = Share>) -> Self {
        Self { shares: shares.into_iter().collect() }
    }

    /// The clients with a preference.
    pub fn share(&self, preference: PreferenceId) -> &Share {
        &self.shares[preference.index()]
    }
}

/// Takes clients in, network by network.
pub struct Spreader<'a> {
    spec: &'a ViewSpec,
    view: &'a View,
    preferences: &'a Preferences,
    places: &'a Places,
    azs: &'a IdVec<AzId, Az>,
    found: HashMap<(PreferenceId, PlaceId), f64>,
}

impl<'a> Spreader<'a> {
    /// For the view of a spec and its preferences, over these places and azs.
    pub fn new(
        spec: &'a ViewSpec,
        (view, preferences): (&'a View, &'a Preferences),
        places: &'a Places,
        azs: &'a IdVec<AzId, Az>,
    ) -> Self {
        Self { spec, view, preferences, places, azs, found: HashMap::new() }
    }

    /// Takes in clients that are spread evenly over a network of one place; their number is in any unit.
    pub fn add(&mut self, network: IpNet, clients: f64) {
        let place = self.places.find(network.network()).place;
        let addresses = |len: u8| f64::from(network.max_prefix_len() - len).exp2();
        let last = network.broadcast();
        let mut first = network.network();
        loop {
            let located = self.view.find(first);
            // Who can't be routed is nowhere else than the first of them.
            let scope = if is_routable(first) { located.scope } else { 0 };
            let len = scope.clamp(network.prefix_len(), network.max_prefix_len());
            let part = clients * addresses(len) / addresses(network.prefix_len());
            *self.found.entry((located.preference, place)).or_default() += part;
            let end = IpNet::new(first, len).map_or(last, |part| part.broadcast());
            match next(end).filter(|_| end < last) {
                Some(next) => first = next,
                None => return,
            }
        }
    }

    /// Takes in the same number from each IPv4 address that clients can have and the databases place; from each
    /// that they can have, if they place none.
    pub fn add_everybody(&mut self) {
        let places = self.places;
        geo::overlaps(places, places, |overlap| {
            let is_placed = *places.place(overlap.before) != geo::Place::default();
            if !overlap.first.is_ipv4() || !is_placed && places.places().len() > 1 {
                return;
            }
            let mut rest = overlap;
            while rest.size > 0 {
                let network = rest.network();
                let size = 1 << (32 - network.prefix_len());
                self.add(network, size as f64);
                rest.size -= size;
                rest.first = next(network.broadcast()).unwrap_or(rest.first);
            }
        });
    }

    /// How all that were taken in are spread.
    pub fn finish(self) -> Spread {
        let slots = self.by_slot();
        // In an order of its own, since sums of floating-point numbers depend on it.
        let found: BTreeMap<_, _> = self.found.into_iter().collect();
        let all: f64 = found.values().sum();
        let mut gathered: Vec<Gathered> =
            self.preferences.iter().map(|(_, order)| Gathered::new(order.len())).collect();
        let by_distance = match self.spec.policy {
            Policy::Nearest { .. } => true,
            Policy::Failover { .. } | Policy::Weighted { .. } => false,
        };
        for ((preference, place), clients) in found {
            for &(preference, share) in &slots[&preference] {
                let point = self.places.place(place).point.filter(|_| by_distance);
                let km = |az: &AzId| {
                    let location = self.azs[*az].location?;
                    Some(point?.distance_km(location))
                };
                let kms = self.preferences.order(preference).iter().map(km);
                gathered[preference.index()].add(clients * share, kms.collect());
            }
        }
        Spread { shares: gathered.into_iter().map(|of| of.share(all)).collect() }
    }

    /// The preferences that each found one stands for, with the share of slots.
    fn by_slot(&self) -> HashMap<PreferenceId, Vec<(PreferenceId, f64)>> {
        let stands_for = |preference: PreferenceId| {
            let mut counts: BTreeMap<PreferenceId, u32> = BTreeMap::new();
            for slot in Slot::all() {
                let (one, _) = self.preferences.in_slot(preference, || slot);
                *counts.entry(one).or_default() += 1;
            }
            let share = |count| f64::from(count) / Slot::COUNT as f64;
            let shares = counts.into_iter().map(|(one, count)| (one, share(count))).collect();
            (preference, shares)
        };
        let found: BTreeSet<_> = self.found.keys().map(|(preference, _)| *preference).collect();
        found.into_iter().map(stands_for).collect()
    }
}

/// What is known of the clients with one preference.
struct Gathered {
    clients: f64,
    /// Of those of whom that is known.
    placed: f64,
    /// By clients, parallel to the order.
    km: Vec<f64>,
}

impl Gathered {
    fn new(azs: usize) -> Self {
        Self { clients: 0.0, placed: 0.0, km: vec![0.0; azs] }
    }

    fn add(&mut self, clients: f64, km: Option<Vec<f64>>) {
        self.clients += clients;
        let Some(km) = km else { return };
        self.placed += clients;
        for (sum, km) in self.km.iter_mut().zip(km) {
            *sum += clients * km;
        }
    }

    fn share(&self, all: f64) -> Share {
        let part = if all > 0.0 { (self.clients / all * UNIT).round() as u64 } else { 0 };
        let km = if self.placed > 0.0 { &self.km[..] } else { &[] };
        Share { part, km: km.iter().map(|sum| (sum / self.placed).round() as u32).collect() }
    }
}

/// Of a part.
const UNIT: f64 = (1_u64 << 32) as f64;

fn next(ip: IpAddr) -> Option<IpAddr> {
    match ip {
        IpAddr::V4(ip) => Some(Ipv4Addr::from_bits(ip.to_bits().checked_add(1)?).into()),
        IpAddr::V6(ip) => Some(Ipv6Addr::from_bits(ip.to_bits().checked_add(1)?).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::Point;
    use crate::route::{ClientSet, Rule, compile};

    fn azs() -> IdVec<AzId, Az> {
        let az = |(name, lat, lon): (&str, f64, f64)| Az {
            name: name.into(),
            location: Point::new(lat, lon),
            country: None,
            bias: 1.0,
        };
        [("delhi", 28.6, 77.2), ("mumbai", 19.1, 72.9)].map(az).into_iter().collect()
    }

    /// How clients are spread in a view over azs `delhi` and `mumbai`, without databases.
    fn spread(policy: Policy, rules: Vec<Rule>, clients: &[(&str, f64)]) -> Vec<(Vec<u16>, Share)> {
        let (azs, places) = (azs(), Places::none());
        let spec = ViewSpec { azs: azs.ids().collect(), policy, rules };
        let (view, preferences) = compile::compile(&spec, &azs, &places);
        let mut spreader = Spreader::new(&spec, (&view, &preferences), &places, &azs);
        for (network, number) in clients {
            spreader.add(network.parse().unwrap(), *number);
        }
        if clients.is_empty() {
            spreader.add_everybody();
        }
        let spread = spreader.finish();
        let with_order = |(id, order): (_, &[AzId])| {
            (order.iter().map(|az| az.0).collect(), spread.share(id).clone())
        };
        preferences.iter().map(with_order).filter(|(_, share)| share.part > 0).collect()
    }

    fn parts(spread: &[(Vec<u16>, Share)]) -> Vec<(Vec<u16>, f64)> {
        let part = |share: &Share| (share.part as f64 / UNIT * 1e4).round() / 1e4;
        spread.iter().map(|(order, share)| (order.clone(), part(share))).collect()
    }

    fn to_mumbai(network: &str) -> Vec<Rule> {
        let clients = vec![ClientSet::Net(network.parse().unwrap())];
        vec![Rule { clients, prefer: vec![AzId(1)], allow: None }]
    }

    #[test]
    fn a_network_is_divided_where_a_rule_divides_it() {
        let nearest = Policy::Nearest { order: vec![] };
        let clients = [("49.36.0.0/14", 3.0), ("8.8.8.0/24", 1.0)];
        let spread = spread(nearest, to_mumbai("49.36.0.0/16"), &clients);
        assert_eq!(parts(&spread), [(vec![0, 1], 0.8125), (vec![1, 0], 0.1875)]);
    }

    #[test]
    fn who_cannot_be_routed_counts_whole() {
        let failover = Policy::Failover { order: vec![] };
        let spread = spread(failover, vec![], &[("10.0.0.0/8", 3.0)]);
        assert_eq!(parts(&spread), [(vec![0, 1], 1.0)]);
    }

    #[test]
    fn weights_spread_clients_over_slots() {
        let weighted = Policy::Weighted { weights: vec![1, 3] };
        let spread = parts(&spread(weighted, vec![], &[("8.8.8.0/24", 1.0)]));
        let mumbai: f64 = spread.iter().filter(|(order, _)| order[0] == 1).map(|it| it.1).sum();
        assert!((mumbai - 0.75).abs() < 0.03, "{spread:?}");
    }

    #[test]
    fn without_databases_every_address_counts() {
        let nearest = Policy::Nearest { order: vec![] };
        let spread = parts(&spread(nearest, to_mumbai("64.0.0.0/2"), &[]));
        let mumbai = spread.iter().find(|(order, _)| order[0] == 1).unwrap().1;
        assert!((0.25..0.32).contains(&mumbai), "{spread:?}");
    }
}
