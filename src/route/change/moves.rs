//! Where the clients of each view go by a change of files or databases: from which az to which, how many
//! of the address space, in which countries.
//!
//! A view may be of another topology than the one it is compared with: azs are the same where their
//! names are. What the views of all pools have in common, the places of all addresses before and after, is
//! walked once; networks that rules name, and slots, are looked at address by address.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;

use super::{Share, Views};
use crate::geo::mixer::Mixer;
use crate::geo::{self, Country, Overlap, PlaceId, PreferenceId, Salt, Slot};
use crate::id::Id;
use crate::route::{AzId, ClientSet, Policy, Rule, Topology, ViewId};

/// Files and databases, compiled.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// What the files say.
    pub topology: &'a Topology,
    /// What the databases make of it.
    pub views: Views<'a>,
}

/// Where the clients of one view go by another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moves {
    /// Of IPv4 addresses, those that have another az.
    pub ipv4: Share,
    /// Of the IPv6 /64s of which either database set knows anything, those that have.
    pub ipv6: Share,
    /// From one az to another, by the azs' ids.
    pub moves: Vec<Move>,
}

/// Clients that go from one az to another.
#[derive(Clone, Debug, PartialEq)]
pub struct Move {
    /// The az before.
    pub from: AzId,
    /// The az after, by its id in the topology after.
    pub to: AzId,
    /// IPv4 addresses.
    pub ipv4: u64,
    /// IPv6 /64s.
    pub ipv6: u64,
    /// The IPv4 addresses and IPv6 /64s of each country, as the databases after place them.
    pub countries: Vec<(Option<Country>, [u64; 2])>,
    /// The widest range that moves as a whole, of IPv4 addresses if there is one; `None` where only
    /// slots move.
    pub example: Option<IpNet>,
}

impl Moves {
    /// From views of `before` to those of `after` beside them, one for each pair.
    pub fn between(before: Side<'_>, after: Side<'_>, pairs: &[(ViewId, ViewId)]) -> Vec<Self> {
        let ground = Ground::of(before, after, pairs);
        pairs.iter().map(|&(from, to)| ground.moves(from, to)).collect()
    }

    /// The greater of both families' shares.
    pub fn fraction(&self) -> f64 {
        self.ipv4.fraction().max(self.ipv6.fraction())
    }
}

/// All addresses, by what may tell them apart.
struct Ground<'a> {
    before: Side<'a>,
    after: Side<'a>,
    /// The az of the same name after, for each az before.
    same: Vec<Option<AzId>>,
    whole: [u64; 2],
    /// Addresses that no rule's network has, by their places.
    alike: HashMap<u64, ((PlaceId, PlaceId), Alike), BuildHasherDefault<Mixer>>,
    /// Neighbours that are in the same networks.
    in_networks: Vec<Overlap>,
    cuts: Cuts,
}

/// Addresses with the same places.
#[derive(Clone, Copy, Default)]
struct Alike {
    sizes: [u64; 2],
    widest: Option<Overlap>,
}

impl<'a> Ground<'a> {
    fn of(before: Side<'a>, after: Side<'a>, pairs: &[(ViewId, ViewId)]) -> Self {
        let name = |az: AzId| &before.topology.azs[az].name;
        let same = before.topology.azs.ids();
        let same = same.map(|az| after.topology.azs.position(|of| of.name == *name(az)));
        let mut ground = Self {
            before,
            after,
            same: same.collect(),
            whole: [0; 2],
            alike: HashMap::default(),
            in_networks: vec![],
            cuts: Cuts::of(before, after, pairs),
        };
        let (mut whole, mut alike) = ([0; 2], HashMap::default());
        let mut in_networks = vec![];
        ground.walk(|part, is_in_network| {
            let family = family(&part);
            whole[family] += part.size;
            if is_in_network {
                in_networks.push(part);
                return;
            }
            let places = (part.before, part.after);
            let key = u64::from(places.0.0) << 32 | u64::from(places.1.0);
            let (_, known) = alike.entry(key).or_insert((places, Alike::default()));
            known.sizes[family] += part.size;
            known.widest = wider(known.widest, part);
        });
        (ground.whole, ground.alike, ground.in_networks) = (whole, alike, in_networks);
        ground
    }

    /// Visits everything that counts, cut where networks of rules begin and end, and whether it is in one.
    fn walk(&self, mut visit: impl FnMut(Overlap, bool)) {
        let (before, after) = (self.before.views, self.after.views);
        geo::overlaps(before.places, after.places, |overlap| {
            let counts = overlap.first.is_ipv4()
                || before.knows(overlap.before)
                || after.knows(overlap.after);
            if counts {
                self.cuts.split(overlap, &mut visit);
            }
        });
    }

    fn moves(&self, from: ViewId, to: ViewId) -> Moves {
        let [ipv4, ipv6] = self.whole.map(|of| Share { part: 0, of });
        let mut moves = Moves { ipv4, ipv6, moves: vec![] };
        if self.is_same(from, to) {
            return moves;
        }
        let mut tally = Tally::default();
        let is_by_slot = self.before.goes_by_slot(from) || self.after.goes_by_slot(to);
        if is_by_slot {
            self.walk(|part, is_in_network| {
                let preferences = self.preferences(from, to, &part, is_in_network);
                self.by_slot((from, to), preferences, &part, &mut tally);
            });
        } else {
            for &((before, after), alike) in self.alike.values() {
                let azs = (self.before.first(from, before), self.after.first(to, after));
                for (family, size) in alike.sizes.into_iter().enumerate() {
                    self.add(azs, after, (family, size), alike.widest, &mut tally);
                }
            }
            for part in &self.in_networks {
                let (before, after) = self.preferences(from, to, part, true);
                let azs = (self.before.az(from, before), self.after.az(to, after));
                let size = (family(part), part.size);
                self.add(azs, part.after, size, Some(*part), &mut tally);
            }
        }
        tally.finish(&mut moves);
        moves
    }

    /// Whether nothing can differ between two views.
    fn is_same(&self, from: ViewId, to: ViewId) -> bool {
        let (before, after) = (self.before.views, self.after.views);
        Arc::ptr_eq(&before.views[from], &after.views[to])
            && Arc::ptr_eq(&before.preferences[from], &after.preferences[to])
            && self.before.topology.azs == self.after.topology.azs
    }

    /// The preferences that all of a part have.
    fn preferences(
        &self,
        from: ViewId,
        to: ViewId,
        part: &Overlap,
        is_in_network: bool,
    ) -> (PreferenceId, PreferenceId) {
        let (before, after) = (&self.before.views.views[from], &self.after.views.views[to]);
        if is_in_network {
            (before.find(part.first).preference, after.find(part.first).preference)
        } else {
            (before.preference(part.before), after.preference(part.after))
        }
    }

    /// Adds clients that have these azs, if these are two.
    fn add(
        &self,
        (from, to): (Option<AzId>, Option<AzId>),
        place: PlaceId,
        (family, size): (usize, u64),
        whole: Option<Overlap>,
        tally: &mut Tally,
    ) {
        let (Some(from), Some(to)) = (from, to) else { return };
        if size > 0 && self.same[from.index()] != Some(to) {
            let country = self.after.views.places.place(place).country;
            tally.add((from, to), country, (family, size), whole);
        }
    }

    /// Adds the slots of a part that move.
    fn by_slot(
        &self,
        (from, to): (ViewId, ViewId),
        (before, after): (PreferenceId, PreferenceId),
        part: &Overlap,
        tally: &mut Tally,
    ) {
        let moved = tally.slots.entry((before, after)).or_insert_with(|| {
            let az = |slot| {
                let from = self.before.az_in_slot(from, before, slot)?;
                let to = self.after.az_in_slot(to, after, slot)?;
                (self.same[from.index()] != Some(to)).then_some((from, to))
            };
            let each: Box<[_]> = Slot::all().map(az).collect();
            let is_alike = each.iter().all(|of| *of == each[0]);
            if is_alike { Slots::Alike(each[0]) } else { Slots::Each(each) }
        });
        let country = self.after.views.places.place(part.after).country;
        let each = match moved {
            Slots::Alike(None) => return,
            Slots::Alike(Some(azs)) => {
                let azs = *azs;
                return tally.add(azs, country, (family(part), part.size), Some(*part));
            }
            Slots::Each(each) => each,
        };
        let mut sizes: HashMap<(AzId, AzId), u64> = HashMap::new();
        slots(part, |slot, size| {
            if let Some(azs) = each[slot.index()] {
                *sizes.entry(azs).or_default() += size;
            }
        });
        for (azs, size) in sizes {
            tally.add(azs, country, (family(part), size), None);
        }
    }
}

impl Side<'_> {
    /// The first az of a preference, where no slot decides.
    fn az(&self, view: ViewId, preference: PreferenceId) -> Option<AzId> {
        self.views.preferences[view].order(preference).first().copied()
    }

    fn first(&self, view: ViewId, place: PlaceId) -> Option<AzId> {
        self.az(view, self.views.views[view].preference(place))
    }

    fn az_in_slot(&self, view: ViewId, preference: PreferenceId, slot: Slot) -> Option<AzId> {
        let (preference, _) = self.views.preferences[view].in_slot(preference, || slot);
        self.az(view, preference)
    }

    fn goes_by_slot(&self, view: ViewId) -> bool {
        match self.topology.views[view].policy {
            Policy::Weighted { .. } => true,
            Policy::Nearest { .. } | Policy::Failover { .. } => false,
        }
    }
}

/// What moves, so far.
#[derive(Default)]
struct Tally {
    moves: HashMap<(AzId, AzId), Tallied>,
    /// What slots do, for preferences before and after.
    slots: HashMap<(PreferenceId, PreferenceId), Slots>,
}

/// The azs that clients go from and to, if they go, by their slots.
enum Slots {
    /// The same in all.
    Alike(Option<(AzId, AzId)>),
    /// One for each slot.
    Each(Box<[Option<(AzId, AzId)>]>),
}

/// What moves between two azs.
#[derive(Default)]
struct Tallied {
    countries: HashMap<Option<Country>, [u64; 2]>,
    widest: Option<Overlap>,
}

impl Tally {
    fn add(
        &mut self,
        azs: (AzId, AzId),
        country: Option<Country>,
        (family, size): (usize, u64),
        whole: Option<Overlap>,
    ) {
        let tallied = self.moves.entry(azs).or_default();
        tallied.countries.entry(country).or_default()[family] += size;
        tallied.widest = whole.map_or(tallied.widest, |whole| wider(tallied.widest, whole));
    }

    /// Tells what moves, the most first.
    fn finish(self, moves: &mut Moves) {
        let told = self.moves.into_iter().map(|((from, to), tallied)| {
            let Tallied { countries, widest } = tallied;
            let mut countries: Vec<_> = countries.into_iter().collect();
            let size = |family: usize| countries.iter().map(|(_, sizes)| sizes[family]).sum();
            let (ipv4, ipv6) = (size(0), size(1));
            countries.sort_unstable_by_key(|&(country, sizes)| (Reverse(sizes), country));
            let example = widest.map(|widest| widest.network());
            Move { from, to, ipv4, ipv6, countries, example }
        });
        moves.moves = told.collect();
        moves.moves.sort_unstable_by_key(|of| (Reverse((of.ipv4, of.ipv6)), of.from, of.to));
        moves.ipv4.part = moves.moves.iter().map(|of| of.ipv4).sum();
        moves.ipv6.part = moves.moves.iter().map(|of| of.ipv6).sum();
    }
}

/// Where networks of rules begin and end, ascending, and whether there is one from there on; of IPv4 as
/// addresses, of IPv6 as /64s.
struct Cuts([Vec<(u64, bool)>; 2]);

impl Cuts {
    /// Of the rules of these views.
    fn of(before: Side<'_>, after: Side<'_>, pairs: &[(ViewId, ViewId)]) -> Self {
        let views = pairs
            .iter()
            .flat_map(|&(from, to)| [&before.topology.views[from], &after.topology.views[to]]);
        let sets = views.flat_map(|view| &view.rules).flat_map(Rule::sets);
        let mut ends = [vec![], vec![]];
        for (set, _) in sets {
            if let ClientSet::Net(net) = set {
                let [first, last] = [net.network(), net.broadcast()].map(key);
                // The last of all has nothing behind it.
                let behind = last.checked_add(1).map(|behind| (behind, -1));
                ends[usize::from(net.addr().is_ipv6())]
                    .extend([(first, 1)].into_iter().chain(behind));
            }
        }
        Self(ends.map(|mut ends: Vec<(u64, i64)>| {
            ends.sort_unstable();
            let mut depth = 0;
            let mut cuts: Vec<(u64, bool)> = vec![];
            for (at, step) in ends {
                depth += step;
                match cuts.last_mut().filter(|(last, _)| *last == at) {
                    Some((_, is_in)) => *is_in = depth > 0,
                    None => cuts.push((at, depth > 0)),
                }
            }
            cuts
        }))
    }

    /// Visits the parts of an overlap, and whether each is in a network.
    fn split(&self, overlap: Overlap, visit: &mut impl FnMut(Overlap, bool)) {
        let cuts = &self.0[family(&overlap)];
        let first = key(overlap.first);
        // The last /64 of all is none that clients have.
        let end = first + overlap.size;
        let from = cuts.partition_point(|(at, _)| *at <= first);
        let mut is_in = from.checked_sub(1).is_some_and(|before| cuts[before].1);
        let mut start = first;
        let within = cuts[from..].iter().take_while(|(at, _)| *at < end);
        for &(at, next) in within.chain([&(end, false)]) {
            let part = Overlap { first: address(&overlap, start), size: at - start, ..overlap };
            visit(part, is_in);
            (start, is_in) = (at, next);
        }
    }
}

/// Visits the slots of a part with how many of its addresses each has. IPv6 that spans more /48s than there
/// are slots has as much of each.
fn slots(part: &Overlap, mut visit: impl FnMut(Slot, u64)) {
    // How many addresses share a slot: those of a /24, and the /64s of a /48.
    let share = if part.first.is_ipv4() { 1 << 8 } else { 1 << 16 };
    let (first, end) = (key(part.first), key(part.first) + part.size);
    if part.first.is_ipv6() && part.size / share > Slot::COUNT as u64 {
        let (each, rest) = (part.size / Slot::COUNT as u64, part.size % Slot::COUNT as u64);
        return Slot::all().for_each(|slot| {
            visit(slot, each + u64::from((slot.index() as u64) < rest));
        });
    }
    let mut start = first;
    while start < end {
        let next = (start / share + 1) * share;
        let next = next.min(end);
        visit(Slot::of(Salt::Weights, address(part, start)), next - start);
        start = next;
    }
}

/// The address of `key`, of the family of the overlap.
fn address(of: &Overlap, key: u64) -> IpAddr {
    match of.first {
        IpAddr::V4(_) => Ipv4Addr::from_bits(key as u32).into(),
        IpAddr::V6(_) => Ipv6Addr::from_bits(u128::from(key) << 64).into(),
    }
}

/// An IPv4 address, or the /64 of an IPv6 address.
fn key(ip: IpAddr) -> u64 {
    match ip {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
    }
}

/// 0 for IPv4, 1 for IPv6.
fn family(overlap: &Overlap) -> usize {
    usize::from(overlap.first.is_ipv6())
}

/// The wider of two, of IPv4 where one is.
fn wider(known: Option<Overlap>, other: Overlap) -> Option<Overlap> {
    let rank = |overlap: &Overlap| (overlap.first.is_ipv4(), overlap.size, Reverse(overlap.first));
    known.filter(|known| rank(known) >= rank(&other)).or(Some(other))
}
