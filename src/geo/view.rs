//! A view: from an address to the preference of the clients there, and the ECS scope of an answer
//! by it (RFC 7871 section 7.2.1).
//!
//! The ranges of addresses are those of the places and shared by all views. A view adds the
//! preference of each place and a bit for each range, which says whether a run of equal preference
//! begins with it. The scope is the widest prefix around a client that lies in one run; barriers
//! end runs, so that it never covers a client who is not placed by its address.

use std::net::IpAddr;
use std::sync::Arc;

use super::address::MIXED;
use super::places::Cell;
use super::ranges::{Key, RangeTable};
use super::runs::Runs;
use super::{Canonical, Place, PlaceId, Places};
use crate::id::{Id, IdVec};

/// From an address to a preference and a scope.
#[derive(Debug)]
pub struct View {
    preferences: IdVec<PlaceId, PreferenceId>,
    ipv4: Family<u32>,
    ipv6: Family<u64>,
    /// Whether all clients have the same preference, whatever their address.
    is_uniform: bool,
}

/// One interned order of azs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PreferenceId(pub u16);

/// What a look-up finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// The preference of the client.
    pub preference: PreferenceId,
    /// The length of the widest prefix around the client in which every client has it; 0 where all
    /// clients there are have it.
    pub scope: u8,
}

impl View {
    /// The view in which clients at a place have the preference that `preference` gives it. It is
    /// asked once for each of the places, in the order of their ids.
    pub fn build(places: &Places, preference: impl FnMut(&Place) -> PreferenceId) -> Self {
        let preferences: IdVec<_, _> = places.places().values().map(preference).collect();
        let ipv4 = Family::build(places.ipv4(), &preferences);
        let ipv6 = Family::build(places.ipv6(), &preferences);
        let (somewhere, _) = ipv4.find(0);
        let like_there = |place| preferences[place] == preferences[somewhere];
        let is_uniform = ipv4.places().all(like_there) && ipv6.places().all(like_there);
        Self { preferences, ipv4, ipv6, is_uniform }
    }

    /// The preference of the client with address `ip`, and the scope around it. An address that
    /// can't be routed has the preference of its place and a scope of full length.
    #[inline]
    pub fn find(&self, ip: IpAddr) -> Located {
        let (place, scope) = match Canonical::of(ip) {
            Canonical::V4 { address, lead } => {
                let (place, len) = self.ipv4.find(address);
                (place, lead + len)
            }
            Canonical::V6 { network } => match self.ipv6.find(network) {
                (place, 64) if MIXED.contains(&network) => (place, 128),
                found => found,
            },
        };
        let scope = if self.is_uniform { 0 } else { scope };
        Located { preference: self.preferences[place], scope }
    }

    /// The preference of clients at a place.
    pub fn preference(&self, place: PlaceId) -> PreferenceId {
        self.preferences[place]
    }

    /// The bytes that the view takes beside those of the places.
    pub fn size(&self) -> usize {
        self.preferences.len() * size_of::<PreferenceId>()
            + self.ipv4.runs.size()
            + self.ipv6.runs.size()
    }
}

/// One address family of a view.
#[derive(Debug)]
struct Family<K> {
    ranges: Arc<RangeTable<K, Cell>>,
    runs: Runs,
}

impl<K: Key> Family<K> {
    fn build(
        ranges: &Arc<RangeTable<K, Cell>>,
        preferences: &IdVec<PlaceId, PreferenceId>,
    ) -> Self {
        let kind = |cell: Cell| (preferences[cell.place()], cell.is_barrier());
        let runs = Runs::of(ranges.values().iter().map(|cell| kind(*cell)));
        Self { ranges: Arc::clone(ranges), runs }
    }

    /// The place that holds `key`, and the length of the widest prefix around it in its run.
    #[inline]
    fn find(&self, key: K) -> (PlaceId, u8) {
        let range = self.ranges.find(key);
        let cell = self.ranges.value(range);
        let len = if cell.is_barrier() {
            K::WIDTH
        } else {
            self.ranges.prefix_len(self.runs.around(range), key)
        };
        (cell.place(), len)
    }

    fn places(&self) -> impl Iterator<Item = PlaceId> {
        self.ranges.values().iter().map(|cell| cell.place())
    }
}

impl Id for PreferenceId {
    fn from_index(index: usize) -> Self {
        Self(u16::try_from(index).expect("whoever interns preferences stops at 65,535"))
    }

    fn index(self) -> usize {
        usize::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::{Just, Strategy, prop_oneof, proptest};

    use super::*;
    use crate::geo::is_routable;

    /// The keys of a window, of which every address is tried.
    const WINDOW: u64 = 512;

    /// The place outside of the window; the others are before it.
    const OUTSIDE: u32 = 6;

    /// Ranges of a window at `base` and of another place around it.
    fn ranges(base: u64) -> impl Strategy<Value = Vec<(u64, PlaceId)>> {
        let place = (0..OUTSIDE).prop_map(PlaceId);
        proptest::collection::btree_map(0..WINDOW, place, 0..20).prop_map(move |inside| {
            let mut ranges = vec![(0, PlaceId(OUTSIDE)), (base, PlaceId(0))];
            ranges.extend(inside.into_iter().map(|(start, place)| (base + start, place)));
            ranges.push((base + WINDOW, PlaceId(OUTSIDE)));
            ranges
        })
    }

    /// A base, the ranges there, and some keys.
    fn windows(
        bases: impl Strategy<Value = u64>,
    ) -> impl Strategy<Value = (u64, Vec<(u64, PlaceId)>, Vec<u64>)> {
        let keys = proptest::collection::vec(0..WINDOW, 16);
        (bases, keys).prop_flat_map(|(base, keys)| (Just(base), ranges(base), Just(keys)))
    }

    /// A view in which pairs of places share a preference.
    fn view(places: &Places) -> View {
        let mut preferences = (0..=OUTSIDE as u16).map(|place| PreferenceId(place / 2));
        View::build(places, |_| preferences.next().unwrap())
    }

    /// Tries every prefix around the address of `key`, with every address in it.
    fn widest(view: &View, key: u64, width: u8, address: fn(u64) -> IpAddr) -> u8 {
        let preference = view.find(address(key)).preference;
        let is_one = |len: u8| {
            let rest = (1_u128 << (width - len)) - 1;
            // A wider block holds addresses outside of the window.
            rest < u128::from(WINDOW)
                && (key & !(rest as u64)..=key | rest as u64)
                    .map(address)
                    .all(|ip| is_routable(ip) && view.find(ip).preference == preference)
        };
        (0..=width).find(|len| is_one(*len)).unwrap_or(width)
    }

    fn ipv4(key: u64) -> IpAddr {
        Ipv4Addr::from_bits(key as u32).into()
    }

    fn ipv6(key: u64) -> IpAddr {
        Ipv6Addr::from_bits(u128::from(key) << 64 | 7).into()
    }

    proptest! {
        /// One of the windows is half a barrier.
        #[test]
        fn ipv4_scopes_are_the_widest(
            (base, ranges, keys) in windows(prop_oneof![Just(0x0909_0800), Just(0xc000_0000)]),
        ) {
            let ranges: Vec<_> = ranges.iter().map(|(key, place)| (*key as u32, *place)).collect();
            let view = view(&Places::of_ranges(OUTSIDE + 1, &ranges, &[(0, PlaceId(0))]));
            for key in keys {
                let ip = ipv4(base + key);
                assert_eq!(view.find(ip).scope, widest(&view, base + key, 32, ipv4), "{ip}");
            }
        }

        /// One of the windows ends at a barrier.
        #[test]
        fn ipv6_scopes_are_the_widest(
            (base, ranges, keys) in windows(prop_oneof![
                Just(0x2a00_0001_0000_0200),
                Just((0x2001_0db8 << 32) - WINDOW),
            ]),
        ) {
            let view = view(&Places::of_ranges(OUTSIDE + 1, &[(0, PlaceId(0))], &ranges));
            for key in keys {
                let ip = ipv6(base + key);
                assert_eq!(view.find(ip).scope, widest(&view, base + key, 64, ipv6), "{ip}");
            }
        }
    }

    #[test]
    fn addresses_in_barriers_have_a_scope_of_full_length() {
        let ranges = [(0, PlaceId(0)), (0x0900_0000, PlaceId(2))];
        let view = view(&Places::of_ranges(OUTSIDE + 1, &ranges, &[(0, PlaceId(4))]));
        for (ip, preference, scope) in [
            ("10.0.0.1", 1, 32),
            ("::ffff:10.0.0.1", 1, 128),
            ("64:ff9b::10.0.0.1", 1, 128),
            ("2002:a00:1::1", 1, 48),
            ("fd00::1", 2, 64),
            ("::1", 2, 128),
            ("64:ff9b::1:0:1", 2, 128),
        ] {
            let located = view.find(ip.parse().unwrap());
            assert_eq!(located, Located { preference: PreferenceId(preference), scope }, "{ip}");
        }
    }

    #[test]
    fn the_scope_of_an_embedded_address_counts_from_the_front() {
        let ranges = [(0, PlaceId(0)), (0x0900_0000, PlaceId(2))];
        let view = view(&Places::of_ranges(OUTSIDE + 1, &ranges, &[(0, PlaceId(0))]));
        let scope = |ip: &str| view.find(ip.parse().unwrap()).scope;
        assert_eq!(scope("9.1.2.3"), 8);
        assert_eq!(scope("::ffff:9.1.2.3"), 104);
        assert_eq!(scope("64:ff9b::9.1.2.3"), 104);
        assert_eq!(scope("2002:901:203::1"), 24);
    }

    #[test]
    fn one_preference_for_everybody_has_scope_0() {
        let ranges = [(0, PlaceId(0)), (0x0900_0000, PlaceId(1))];
        let view = view(&Places::of_ranges(OUTSIDE + 1, &ranges, &[(0, PlaceId(0))]));
        for ip in ["9.1.2.3", "10.0.0.1", "2a00::1", "fd00::1", "::1", "2002:901:203::1"] {
            assert_eq!(view.find(ip.parse().unwrap()).scope, 0, "{ip}");
        }
    }
}
