//! A view: from an address to the preference of the clients there, and the ECS scope of an answer
//! by it (RFC 7871 section 7.2.1).
//!
//! The ranges of addresses are those of the places and shared by all views. A view adds the
//! preference of each place, and marks that lead to the ends of long runs of equal preference. The
//! scope is the widest prefix around a client that lies in one run; barriers end runs, so that it
//! never covers a client who is not placed by its address. Networks that rules name lie over the
//! ranges as a patch, and are few.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use ipnet::IpNet;

use super::address::MIXED;
use super::patch::{Cover, Kind, Patch, Patched, Shared, ipv4_cover, ipv6_cover};
use super::places::Cell;
use super::ranges::{Key, RangeTable};
use super::runs::Runs;
use super::{Canonical, PlaceId, Places};
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
    /// The view in which clients have the preference that `preference` gives for their place and
    /// the number of the network that they are in, if they are in one of `nets`: the least number,
    /// where there are several. IPv6 networks are no longer than /64, and none is within the ranges
    /// that embed IPv4.
    ///
    /// `preference` is asked for each of the places in the order of their ids, and then for places
    /// within the networks; `None` as soon as it has none to give.
    pub fn build(
        places: &Places,
        nets: &[(IpNet, usize)],
        mut preference: impl FnMut(PlaceId, Option<usize>) -> Option<PreferenceId>,
    ) -> Option<Self> {
        let preferences: IdVec<_, _> =
            places.places().ids().map(|place| preference(place, None)).collect::<Option<_>>()?;
        let mut in_net = |place, number| preference(place, Some(number));
        let ipv4 = Family::build(places.ipv4(), &preferences, ipv4_cover(nets), &mut in_net)?;
        let ipv6 = Family::build(places.ipv6(), &preferences, ipv6_cover(nets), &mut in_net)?;
        let (one, _) = ipv4.find(0, &preferences);
        let is_uniform = ipv4.is_all(one, &preferences) && ipv6.is_all(one, &preferences);
        Some(Self { preferences, ipv4, ipv6, is_uniform })
    }

    /// The preference of the client with address `ip`, and the scope around it. An address that
    /// can't be routed and is in no network has the preference of its place and a scope of full
    /// length.
    #[inline]
    pub fn find(&self, ip: IpAddr) -> Located {
        let (preference, scope) = match Canonical::of(ip) {
            Canonical::V4 { address, lead } => {
                let (preference, len) = self.ipv4.find(address, &self.preferences);
                (preference, lead + len)
            }
            Canonical::V6 { network } => match self.ipv6.find(network, &self.preferences) {
                (preference, 64) if MIXED.contains(&network) => (preference, 128),
                found => found,
            },
        };
        Located { preference, scope: if self.is_uniform { 0 } else { scope } }
    }

    /// Whether any client in `clients` is in one of the view's networks, and so is placed by its own
    /// address, be it one that can be routed or not. Where only some of the clients have embedded
    /// IPv4 addresses, yes.
    pub fn has_net_in(&self, clients: IpNet) -> bool {
        match [clients.network(), clients.broadcast()].map(Canonical::of) {
            [Canonical::V4 { address: first, .. }, Canonical::V4 { address: last, .. }] => {
                self.ipv4.has_net_in(first..=last)
            }
            [Canonical::V6 { network: first }, Canonical::V6 { network: last }] => {
                self.ipv6.has_net_in(first..=last)
            }
            _ => true,
        }
    }

    /// The preference of clients at a place.
    pub fn preference(&self, place: PlaceId) -> PreferenceId {
        self.preferences[place]
    }

    /// The bytes that the view takes beside those of the places.
    pub fn size(&self) -> usize {
        self.preferences.len() * size_of::<PreferenceId>() + self.ipv4.size() + self.ipv6.size()
    }
}

/// One address family of a view.
#[derive(Debug)]
struct Family<K> {
    ranges: Arc<RangeTable<K, Cell>>,
    runs: Runs,
    patch: Option<Patch<K>>,
}

impl<K: Key> Family<K> {
    fn build(
        ranges: &Arc<RangeTable<K, Cell>>,
        preferences: &IdVec<PlaceId, PreferenceId>,
        cover: Option<Cover<K>>,
        in_net: &mut impl FnMut(PlaceId, usize) -> Option<PreferenceId>,
    ) -> Option<Self> {
        let cells = ranges.values();
        let runs = Runs::of(cells.len(), |range| begins_run(cells, preferences, range));
        let patch = match cover {
            Some(cover) => {
                let run = |range| runs.around(range, |range| begins_run(cells, preferences, range));
                let kind = |cell| kind(cell, preferences);
                let shared = Shared { ranges, run: &run, kind: &kind };
                Some(Patch::build(&cover, &shared, in_net)?)
            }
            None => None,
        };
        Some(Self { ranges: Arc::clone(ranges), runs, patch })
    }

    /// The preference of `key`, and the length of the widest prefix around it in its run.
    #[inline]
    fn find(&self, key: K, preferences: &IdVec<PlaceId, PreferenceId>) -> (PreferenceId, u8) {
        let left = match self.patch.as_ref().map(|patch| patch.find(key)) {
            Some(Patched::Net(preference, len)) => return (preference, len),
            Some(Patched::Left(left)) => Some(left),
            None => None,
        };
        let range = self.ranges.find(key);
        let cell = self.ranges.value(range);
        let len = if cell.is_barrier() {
            K::WIDTH
        } else {
            let cells = self.ranges.values();
            let run = self.runs.around(range, |range| begins_run(cells, preferences, range));
            match left {
                Some(left) => left.prefix_len(self.ranges.keys(run), key),
                None => self.ranges.prefix_len(run, key),
            }
        };
        (preferences[cell.place()], len)
    }

    fn has_net_in(&self, keys: RangeInclusive<K>) -> bool {
        self.patch.as_ref().is_some_and(|patch| patch.covers_any(&keys))
    }

    /// Whether every client has the preference `one`.
    fn is_all(&self, one: PreferenceId, preferences: &IdVec<PlaceId, PreferenceId>) -> bool {
        let is_one = |cell: Cell| preferences[cell.place()] == one;
        match &self.patch {
            None => self.ranges.values().iter().all(|cell| is_one(*cell)),
            Some(patch) => patch.segments().all(|(keys, net)| match net {
                Some(preference) => preference == one,
                None => self.ranges.within(&keys).all(|(_, cell)| is_one(cell)),
            }),
        }
    }

    fn size(&self) -> usize {
        self.runs.size() + self.patch.as_ref().map_or(0, Patch::size)
    }
}

#[inline]
fn kind(cell: Cell, preferences: &IdVec<PlaceId, PreferenceId>) -> Kind {
    Kind { preference: preferences[cell.place()], is_barrier: cell.is_barrier() }
}

/// Whether a run begins with the range.
#[inline]
fn begins_run(cells: &[Cell], preferences: &IdVec<PlaceId, PreferenceId>, range: usize) -> bool {
    range == 0 || kind(cells[range - 1], preferences) != kind(cells[range], preferences)
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
    use crate::geo::address::{SIX_TO_FOUR, UNROUTABLE_V4, UNROUTABLE_V6};
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
        patched(places, &[])
    }

    /// The same with networks, which share preferences with the places.
    fn patched(places: &Places, nets: &[(IpNet, usize)]) -> View {
        View::build(places, nets, |place, net| Some(preference(place, net))).unwrap()
    }

    fn preference(place: PlaceId, net: Option<usize>) -> PreferenceId {
        match net {
            None => PreferenceId(place.0 as u16 / 2),
            Some(number) => PreferenceId((place.0 as u16 / 4 + number as u16) % 4),
        }
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

    /// A family of a patched view, naively: what each key has, and where that can change.
    struct Naive {
        ranges: Vec<(u64, PlaceId)>,
        nets: Vec<(IpNet, usize)>,
        /// Of the family, ascending.
        changes: Vec<u64>,
        width: u8,
        address: fn(u64) -> IpAddr,
    }

    impl Naive {
        fn new(
            ranges: &[(u64, PlaceId)],
            nets: &[(IpNet, usize)],
            barriers: impl Iterator<Item = RangeInclusive<u64>>,
            (width, address): (u8, fn(u64) -> IpAddr),
        ) -> Self {
            let is_v4 = width == 32;
            let nets: Vec<_> =
                nets.iter().filter(|(net, _)| net.addr().is_ipv4() == is_v4).copied().collect();
            let keys = nets.iter().map(|(net, _)| key(net.network())..=key(net.broadcast()));
            let edges = keys.chain(barriers).flat_map(|k| [*k.start(), k.end().wrapping_add(1)]);
            let mut changes: Vec<_> = ranges.iter().map(|(start, _)| *start).chain(edges).collect();
            changes.sort_unstable();
            changes.dedup();
            Self { ranges: ranges.to_vec(), nets, changes, width, address }
        }

        /// The preference, and whether the client is placed by its own address and by no other.
        fn find(&self, key: u64) -> (PreferenceId, bool) {
            let ip = (self.address)(key);
            let nets = self.nets.iter().filter(|(net, _)| net.contains(&ip));
            let net = nets.map(|(_, number)| *number).min();
            let place = self.ranges.iter().rev().find(|(start, _)| *start <= key).unwrap().1;
            let is_embedded =
                self.width == 64 && (MIXED.contains(&key) || SIX_TO_FOUR.contains(&key));
            (preference(place, net), !is_embedded && (is_routable(ip) || net.is_some()))
        }

        fn scope(&self, key: u64) -> u8 {
            let mine = self.find(key);
            let is_one = |len: u8| {
                let rest = u64::MAX.checked_shr(u32::from(64 - self.width + len)).unwrap_or(0);
                let (first, last) = (key & !rest, key | rest);
                let within = self.changes.iter().filter(|change| (first..=last).contains(change));
                mine.1 && within.chain([&first]).all(|key| self.find(*key) == mine)
            };
            (0..=self.width).find(|len| is_one(*len)).unwrap_or(self.width)
        }

        /// Keys around the edges.
        fn keys(&self) -> impl Iterator<Item = u64> {
            let last = u64::MAX >> (64 - self.width);
            let around = |change: &u64| [change.wrapping_sub(1), *change, change | 7];
            self.changes.iter().flat_map(around).map(move |key| key & last)
        }
    }

    fn key(ip: IpAddr) -> u64 {
        match ip {
            IpAddr::V4(ip) => ip.to_bits().into(),
            IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
        }
    }

    fn nets() -> impl Strategy<Value = Vec<(IpNet, usize)>> {
        let text = prop_oneof![
            Just("9.9.8.0"),
            Just("9.9.9.7"),
            Just("10.1.2.3"),
            Just("11.0.0.0"),
            Just("0.0.0.0"),
            Just("224.0.0.1"),
            Just("2a00:1:0:200::"),
            Just("2a00:1:0:2f0::"),
            Just("::"),
            Just("2001:db8::"),
            Just("2003::"),
            Just("fd00::"),
            Just("64:ff9b::"),
            Just("2000::"),
        ];
        let net = (text, 0..=64_u8, 0..6_usize).prop_map(|(text, len, number)| {
            let ip: IpAddr = text.parse().unwrap();
            let len = if ip.is_ipv4() { len / 2 } else { len };
            (IpNet::new(ip, len).unwrap().trunc(), number)
        });
        proptest::collection::vec(net, 0..12)
    }

    proptest! {
        #[test]
        fn with_nets_preferences_and_scopes_are_those_of_a_naive_search(
            nets in nets(),
            v4 in prop_oneof![Just(0x0909_0800), Just(0x0a01_0200)].prop_flat_map(ranges),
            v6 in prop_oneof![Just(0x2a00_0001_0000_0200), Just(0x2002 << 48)].prop_flat_map(ranges),
        ) {
            let narrow: Vec<_> = v4.iter().map(|(key, place)| (*key as u32, *place)).collect();
            let view = patched(&Places::of_ranges(OUTSIDE + 1, &narrow, &v6), &nets);
            let wide = |r: &RangeInclusive<u32>| u64::from(*r.start())..=u64::from(*r.end());
            let barriers = UNROUTABLE_V4.iter().map(wide);
            let naive_v4 = Naive::new(&v4, &nets, barriers, (32, ipv4));
            let embedded = MIXED.map(|key| key..=key).into_iter().chain([SIX_TO_FOUR]);
            let barriers = UNROUTABLE_V6.into_iter().chain(embedded);
            let naive_v6 = Naive::new(&v6, &nets, barriers, (64, ipv6));
            let families = [&naive_v4, &naive_v6];
            let prefers = |preference| move |naive: &&Naive| {
                naive.changes.iter().chain([&0]).all(|key| naive.find(*key).0 == preference)
            };
            for naive in families {
                for key in naive.keys() {
                    let ip = (naive.address)(key);
                    if matches!((Canonical::of(ip), ip), (Canonical::V4 { .. }, IpAddr::V6(_))) {
                        continue;
                    }
                    let (preference, is_alone) = naive.find(key);
                    let located = view.find(ip);
                    assert_eq!(located.preference, preference, "{ip}");
                    let scope = if families.iter().all(prefers(preference)) {
                        0
                    } else if naive.width == 64 && MIXED.contains(&key) {
                        128
                    } else {
                        naive.scope(key)
                    };
                    assert_eq!(located.scope, scope, "{ip}");
                    let is_placed = is_routable(ip) || view.has_net_in(ip.into());
                    assert_eq!(is_placed, is_alone || MIXED.contains(&key) && is_placed, "{ip}");
                }
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
