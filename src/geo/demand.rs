//! How many ask from where: recorded numbers of networks and countries or, without any, the same from
//! each /24 that the databases place.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::places::Found;
use super::{Country, Place, PlaceId, Places, holds_routable, is_routable};

/// Numbers of what clients ask for, in whatever unit they were recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Demand {
    /// Each IPv4 /24 of which the databases know anything counts once; parts of it in part.
    #[default]
    Uniform,
    /// What was recorded. Entries add up.
    Recorded(Vec<(Clients, f64)>),
}

/// Whose demand a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Clients {
    /// All addresses of a network alike that can be routed. Of one that holds none that can be routed, and of an IPv6
    /// network longer than /64, the first stands for all.
    Network(IpNet),
    /// All IPv4 addresses that the databases place in a country alike.
    Country(Country),
}

impl Demand {
    /// Visits networks, of one place each, with their demand.
    pub fn visit(&self, places: &Places, mut visit: impl FnMut(IpNet, f64)) {
        match self {
            Self::Uniform => blocks(places, |network, place| {
                if *place != Place::default() {
                    visit(network, addresses(network) / SLASH_24);
                }
            }),
            Self::Recorded(entries) => {
                let mut countries: HashMap<Country, f64> = HashMap::new();
                for &(clients, number) in entries {
                    match clients {
                        Clients::Country(country) => {
                            *countries.entry(country).or_default() += number;
                        }
                        Clients::Network(network) => {
                            of_network(places, network, number, &mut visit)
                        }
                    }
                }
                if !countries.is_empty() {
                    of_countries(places, &countries, &mut visit);
                }
            }
        }
    }

    /// Countries with demand and without an address.
    pub fn nowhere(&self, places: &Places) -> Vec<Country> {
        let Self::Recorded(entries) = self else { return vec![] };
        let country = |(clients, _): &(Clients, f64)| match clients {
            Clients::Country(country) => Some(*country),
            Clients::Network(_) => None,
        };
        let wanted = entries.iter().filter_map(country);
        let mut wanted: HashMap<_, _> = wanted.map(|country| (country, ())).collect();
        if !wanted.is_empty() {
            blocks(places, |_, place| {
                place.country.map(|country| wanted.remove(&country));
            });
        }
        let mut nowhere: Vec<_> = wanted.into_keys().collect();
        nowhere.sort_unstable();
        nowhere
    }
}

/// The addresses of a /24.
const SLASH_24: f64 = 256.0;

/// Every network of IPv4 addresses of one place that clients can have, in order, with the place.
fn blocks(places: &Places, mut visit: impl FnMut(IpNet, &Place)) {
    let all = IpNet::new(Ipv4Addr::UNSPECIFIED.into(), 0).expect("0 is no longer than an address");
    split(all, look_in(places), |network, place| {
        if is_routable(network.network()) {
            visit(network, places.place(place));
        }
    });
}

/// Finds an address's place, and how long the prefix is of which all have that.
fn look_in(places: &Places) -> impl Fn(IpAddr) -> (u8, PlaceId) {
    |ip| {
        let Found { place, network } = places.find(ip);
        (network.prefix_len(), place)
    }
}

fn of_network(places: &Places, network: IpNet, number: f64, visit: &mut impl FnMut(IpNet, f64)) {
    let is_one = network.prefix_len() > 64 || !holds_routable(network);
    if is_one {
        return visit(network.network().into(), number);
    }
    let each = |visit: &mut dyn FnMut(IpNet)| {
        split(network, look_in(places), |part, _| {
            if is_routable(part.network()) {
                visit(part);
            }
        });
    };
    let mut all = 0.0;
    each(&mut |part| all += addresses(part));
    each(&mut |part| visit(part, number * addresses(part) / all));
}

fn of_countries(
    places: &Places,
    countries: &HashMap<Country, f64>,
    visit: &mut impl FnMut(IpNet, f64),
) {
    let mut sizes: HashMap<Country, f64> = HashMap::new();
    blocks(places, |network, place| {
        if let Some(country) = place.country {
            *sizes.entry(country).or_default() += addresses(network);
        }
    });
    blocks(places, |network, place| {
        let demand = |country| Some(countries.get(&country)? / sizes.get(&country)?);
        if let Some(of_one) = place.country.and_then(demand) {
            visit(network, of_one * addresses(network));
        }
    });
}

/// How many addresses a network has.
pub fn addresses(network: IpNet) -> f64 {
    f64::from(u32::from(network.max_prefix_len() - network.prefix_len())).exp2()
}

/// Splits a network into those of which `look` tells the length, at the first address, and what is so
/// in all of them, in order. None is wider than the whole.
pub fn split<T>(
    whole: IpNet,
    mut look: impl FnMut(IpAddr) -> (u8, T),
    mut visit: impl FnMut(IpNet, T),
) {
    let (mut first, last) = (whole.network(), bits(whole.broadcast()));
    loop {
        let (len, found) = look(first);
        let len = len.clamp(whole.prefix_len(), whole.max_prefix_len());
        let part = IpNet::new(first, len).expect("a length within bounds").trunc();
        visit(part, found);
        let end = bits(part.broadcast());
        if end >= last {
            return;
        }
        first = match whole {
            IpNet::V4(_) => Ipv4Addr::from_bits(end as u32 + 1).into(),
            IpNet::V6(_) => Ipv6Addr::from_bits(end + 1).into(),
        };
    }
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::Database;

    fn places() -> Places {
        let bytes: &[u8] = include_bytes!("../../tests/fixtures/mmdb/city.mmdb");
        Places::build(&[Database::read("city".into(), bytes.to_vec()).unwrap()])
    }

    /// All networks with their demand.
    fn visited(demand: &Demand) -> Vec<(String, f64)> {
        let mut visited = vec![];
        demand.visit(&places(), |network, demand| visited.push((network.to_string(), demand)));
        visited
    }

    fn recorded(entries: &[(&str, f64)]) -> Demand {
        let clients = |text: &str| match text.strip_prefix("country:") {
            Some(code) => Clients::Country(Country::from_code(code).unwrap()),
            None => Clients::Network(text.parse().unwrap()),
        };
        Demand::Recorded(entries.iter().map(|(text, number)| (clients(text), *number)).collect())
    }

    #[test]
    fn uniform_demand_counts_each_24_that_a_database_places_once() {
        let places = places();
        let is_placed = |ip: u32| {
            let ip = Ipv4Addr::from_bits(ip).into();
            is_routable(ip) && *places.place(places.find(ip).place) != Place::default()
        };
        // The fixture's ranges begin and end at multiples of 256.
        let expected = (0..1 << 24).filter(|slash_24| is_placed(slash_24 << 8)).count();
        let all: f64 = visited(&Demand::Uniform).iter().map(|(_, demand)| demand).sum();
        assert_eq!(all, expected as f64);
    }

    #[test]
    fn the_demand_of_a_network_is_spread_over_its_places_by_size() {
        let spread = visited(&recorded(&[("2.0.0.0/16", 8.0)]));
        assert_eq!(spread, [("2.0.0.0/17".into(), 4.0), ("2.0.128.0/17".into(), 4.0)]);
    }

    #[test]
    fn what_can_not_be_routed_has_no_part_in_the_demand_around_it() {
        let spread = visited(&recorded(&[("8.0.0.0/6", 12.0)]));
        let of = |first: &str| {
            let within = spread.iter().filter(|(network, _)| network.starts_with(first));
            within.map(|(_, demand)| demand).sum::<f64>()
        };
        assert_eq!(["8.", "9.", "10.", "11."].map(of), [4.0, 4.0, 0.0, 4.0]);
    }

    #[test]
    fn the_demand_of_a_country_is_spread_over_its_addresses() {
        let spread = visited(&recorded(&[("country:DE", 3.0), ("country:DE", 5.0)]));
        let all: f64 = spread.iter().map(|(_, demand)| demand).sum();
        assert!((all - 8.0).abs() < 1e-9, "{spread:?}");
        let is_german = |network: &str| network.starts_with("5.");
        assert!(spread.iter().all(|(network, _)| is_german(network)), "{spread:?}");
    }

    #[test]
    fn a_country_without_an_address_is_nowhere() {
        let demand = recorded(&[("country:DE", 3.0), ("country:IS", 5.0)]);
        assert_eq!(demand.nowhere(&places()), [Country::from_code("IS").unwrap()]);
    }

    #[test]
    fn what_can_not_be_told_apart_stands_for_all() {
        for network in ["10.0.0.0/8", "2400:1::/72", "fd00::/8"] {
            let [(first, demand)] = &visited(&recorded(&[(network, 8.0)]))[..] else {
                panic!("{network}")
            };
            let first: IpNet = first.parse().unwrap();
            assert_eq!((first.prefix_len(), *demand), (first.max_prefix_len(), 8.0));
        }
    }
}
