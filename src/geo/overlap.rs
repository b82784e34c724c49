//! Two places of every address: what each of two database sets says of it, in one pass over both.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::places::Cell;
use super::ranges::{Key, RangeTable};
use super::{PlaceId, Places};

/// Neighbouring addresses with one place before and one after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The first address.
    pub first: IpAddr,
    /// How many IPv4 addresses or IPv6 /64s there are, from the first on.
    pub size: u64,
    /// The place by the former databases.
    pub before: PlaceId,
    /// The place by the latter.
    pub after: PlaceId,
}

impl Overlap {
    /// The widest network that begins at the first address and lies within.
    pub fn network(&self) -> IpNet {
        let (key, width) = match self.first {
            IpAddr::V4(ip) => (u64::from(ip.to_bits()), 32),
            IpAddr::V6(ip) => ((ip.to_bits() >> 64) as u64, 64),
        };
        // The bits that the network leaves open.
        let open = key.trailing_zeros().min(self.size.ilog2()).min(width);
        let len = (width - open) as u8;
        IpNet::new(self.first, len).expect("a prefix is no longer than its address")
    }
}

/// Visits every address that clients can have on the Internet, but for 2002::/16, whose clients are
/// counted by their IPv4 addresses: IPv4 first, each family in order.
pub fn overlaps(before: &Places, after: &Places, mut visit: impl FnMut(Overlap)) {
    walk(before.ipv4(), after.ipv4(), |first, size, before, after| {
        visit(Overlap { first: Ipv4Addr::from_bits(first).into(), size, before, after });
    });
    walk(before.ipv6(), after.ipv6(), |first, size, before, after| {
        let first = Ipv6Addr::from_bits(u128::from(first) << 64).into();
        visit(Overlap { first, size, before, after });
    });
}

fn walk<K: Key>(
    before: &RangeTable<K, Cell>,
    after: &RangeTable<K, Cell>,
    mut visit: impl FnMut(K, u64, PlaceId, PlaceId),
) {
    before.merge(after, |first, last, before, after| {
        // Barriers are the same in all tables.
        if !before.is_barrier() {
            visit(first, first.steps_to(last) + 1, before.place(), after.place());
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_routable_address_is_visited_once() {
        let places = Places::none();
        let (mut ipv4, mut ipv6) = (0, 0);
        overlaps(&places, &places, |overlap| match overlap.first {
            IpAddr::V4(_) => ipv4 += overlap.size,
            IpAddr::V6(_) => ipv6 += overlap.size,
        });
        // Two /8, a /10, a /12, two /15 worth of /16, four /24 and a /3 are not.
        assert_eq!(ipv4, (1 << 32) - barriers_of_ipv4());
        assert!(ipv6 < 1 << 61 && ipv6 > (1 << 61) - (1 << 50));
    }

    fn barriers_of_ipv4() -> u64 {
        let ranges = crate::geo::address::UNROUTABLE_V4.iter();
        ranges.map(|range| u64::from(range.end() - range.start()) + 1).sum()
    }

    #[test]
    fn both_places_are_told() {
        let before = [(0, PlaceId(0)), (0x0100_0000, PlaceId(1)), (0x0200_0000, PlaceId(0))];
        let after = [(0, PlaceId(0)), (0x0180_0000, PlaceId(2)), (0x0300_0000, PlaceId(0))];
        let places = |ranges: &[_]| Places::of_ranges(3, ranges, &[(0, PlaceId(0))]);
        let mut told = vec![];
        overlaps(&places(&before), &places(&after), |overlap| {
            let Overlap { before, after, .. } = overlap;
            if (before, after) != (PlaceId(0), PlaceId(0)) {
                told.push((overlap.network().to_string(), before.0, after.0));
            }
        });
        let expected = [("1.0.0.0/9", 1, 0), ("1.128.0.0/9", 1, 2), ("2.0.0.0/8", 0, 2)];
        assert_eq!(told, expected.map(|(network, a, b)| (network.to_owned(), a, b)));
    }

    #[test]
    fn the_network_of_an_overlap_lies_within_it() {
        let network = |first: &str, size| {
            let (before, after) = (PlaceId(0), PlaceId(0));
            Overlap { first: first.parse().unwrap(), size, before, after }.network().to_string()
        };
        assert_eq!(network("1.0.0.0", 1 << 24), "1.0.0.0/8");
        assert_eq!(network("1.0.0.0", 257), "1.0.0.0/24");
        assert_eq!(network("1.0.0.3", 1000), "1.0.0.3/32");
        assert_eq!(network("2400::", 1 << 32), "2400::/32");
        assert_eq!(network("2400::", 1), "2400::/64");
    }
}
