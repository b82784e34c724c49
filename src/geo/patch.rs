//! What the networks that a view's rules name change in it, so that a view with such rules still
//! shares the ranges of the places.
//!
//! A patch cuts the keys of a family into segments: some are covered by networks and have a
//! preference of their own, the others are left to the places. Runs of equal preference go on
//! across the edges of segments. How far they reach is worked out once, so that a scope is exact on
//! both sides of an edge and costs one more search.

use std::cmp::Reverse;
use std::ops::{Range, RangeInclusive};

use ipnet::IpNet;

use super::address::{MIXED, SIX_TO_FOUR};
use super::places::Cell;
use super::ranges::{Builder, Key, RangeTable, prefix_len};
use super::{PlaceId, PreferenceId};

/// The segments of one address family.
#[derive(Debug)]
pub(super) struct Patch<K> {
    segments: RangeTable<K, Segment<K>>,
}

/// What the clients in a range have, and whether no network or scope extends over its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) preference: PreferenceId,
    pub(super) is_barrier: bool,
}

/// A stretch of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment<K> {
    /// What its clients have; `None` where the places decide.
    kind: Option<Kind>,
    /// Where the run begins that the segment's first key is in.
    first: K,
    /// Where the run ends that the segment's last key is in.
    last: K,
}

/// What a look-up finds.
pub(super) enum Patched<K> {
    /// The preference of a network's clients and the length of the widest prefix of it.
    Net(PreferenceId, u8),
    /// The places decide; their run is to be widened by this.
    Left(Left<K>),
}

/// A segment that is left to the places.
pub(super) struct Left<K> {
    keys: RangeInclusive<K>,
    first: K,
    last: K,
}

/// Networks of one family as the ranges that they cover.
pub(super) type Cover<K> = RangeTable<K, Option<Covered>>;

/// What a network says of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Covered {
    /// The least of the numbers of all networks there.
    number: usize,
    /// Whether the range is a barrier all the same.
    is_barrier: bool,
}

/// The ranges of the places and what the view makes of them, without nets.
pub(super) struct Shared<'a, K> {
    pub(super) ranges: &'a RangeTable<K, Cell>,
    /// The ranges around one that have the same.
    pub(super) run: &'a dyn Fn(usize) -> Range<usize>,
    pub(super) kind: &'a dyn Fn(Cell) -> Kind,
}

impl<K: Key> Patch<K> {
    /// The patch for `cover` over `shared`. In covered ranges `preference` gives that of a place and
    /// a network's number; `None` as soon as it does.
    pub(super) fn build(
        cover: &Cover<K>,
        shared: &Shared<'_, K>,
        mut preference: impl FnMut(PlaceId, usize) -> Option<PreferenceId>,
    ) -> Option<Self> {
        let mut pieces: Vec<Piece<K>> = Vec::new();
        // The first key, the kind if it is not the places' own, and the first and last piece.
        let mut segments = Vec::new();
        for (keys, covered) in cover.iter() {
            let first = pieces.len();
            match covered {
                None => {
                    shared.push_ends(&keys, &mut pieces);
                    segments.push((*keys.start(), None, first, pieces.len() - 1));
                }
                Some(Covered { number, is_barrier }) => {
                    for (keys, cell) in shared.ranges.within(&keys) {
                        let preference = preference(cell.place(), number)?;
                        let kind = Kind { preference, is_barrier };
                        match pieces[first..].last_mut() {
                            Some(last) if last.kind == kind => last.last = *keys.end(),
                            _ => {
                                segments.push((
                                    *keys.start(),
                                    Some(kind),
                                    pieces.len(),
                                    pieces.len(),
                                ));
                                pieces.push(Piece::new(keys, kind));
                            }
                        }
                    }
                }
            }
        }
        let runs = runs_of(&pieces);
        let mut builder = Builder::new();
        for (start, kind, first, last) in segments {
            let (first, last) = (runs[first].0, runs[last].1);
            builder.push(start, Segment { kind, first, last });
        }
        Some(Self { segments: builder.finish() })
    }

    /// What the patch says of `key`.
    #[inline]
    pub(super) fn find(&self, key: K) -> Patched<K> {
        let segment = self.segments.find(key);
        let Segment { kind, first, last } = self.segments.value(segment);
        match kind {
            Some(Kind { preference, is_barrier: true }) => Patched::Net(preference, K::WIDTH),
            Some(Kind { preference, is_barrier: false }) => {
                Patched::Net(preference, prefix_len(first..=last, key))
            }
            None => {
                let keys = self.segments.keys(segment..segment + 1);
                Patched::Left(Left { keys, first, last })
            }
        }
    }

    /// Whether a network covers any of `keys`.
    pub(super) fn covers_any(&self, keys: &RangeInclusive<K>) -> bool {
        self.segments.within(keys).any(|(_, segment)| segment.kind.is_some())
    }

    /// The preferences of covered ranges, and the ranges that are left to the places.
    pub(super) fn segments(
        &self,
    ) -> impl Iterator<Item = (RangeInclusive<K>, Option<PreferenceId>)> {
        self.segments.iter().map(|(keys, segment)| (keys, segment.kind.map(|kind| kind.preference)))
    }

    /// The bytes that the patch takes.
    pub(super) fn size(&self) -> usize {
        self.segments.size()
    }
}

impl<K: Key> Left<K> {
    /// The length of the widest prefix around `key` where the places' own run is `run`.
    #[inline]
    pub(super) fn prefix_len(&self, run: RangeInclusive<K>, key: K) -> u8 {
        let first = if run.start() <= self.keys.start() { self.first } else { *run.start() };
        let last = if run.end() >= self.keys.end() { self.last } else { *run.end() };
        prefix_len(first..=last, key)
    }
}

impl<K: Key> Shared<'_, K> {
    /// Appends the runs at both ends of `keys`: one where it is all of them.
    fn push_ends(&self, keys: &RangeInclusive<K>, pieces: &mut Vec<Piece<K>>) {
        let [head, tail] = [*keys.start(), *keys.end()].map(|key| {
            let range = self.ranges.find(key);
            let run = self.ranges.keys((self.run)(range));
            (run, (self.kind)(self.ranges.value(range)))
        });
        if head.0 == tail.0 {
            pieces.push(Piece::new(keys.clone(), head.1));
        } else {
            pieces.push(Piece::new(*keys.start()..=*head.0.end(), head.1));
            pieces.push(Piece::new(*tail.0.start()..=*keys.end(), tail.1));
        }
    }
}

/// A part of a run, within one segment.
struct Piece<K> {
    first: K,
    last: K,
    kind: Kind,
}

impl<K: Key> Piece<K> {
    fn new(keys: RangeInclusive<K>, kind: Kind) -> Self {
        Self { first: *keys.start(), last: *keys.end(), kind }
    }
}

/// For each piece, the first and the last key of the run that it is part of.
fn runs_of<K: Key>(pieces: &[Piece<K>]) -> Vec<(K, K)> {
    let continues = |piece: &Piece<K>, next: &Piece<K>| {
        piece.kind == next.kind && piece.last.next() == Some(next.first)
    };
    let mut runs = Vec::with_capacity(pieces.len());
    for run in pieces.chunk_by(continues) {
        if let [first, ..] = run
            && let [.., last] = run
        {
            runs.extend(run.iter().map(|_| (first.first, last.last)));
        }
    }
    runs
}

/// The IPv4 addresses that `nets` cover; `None` if there are none.
pub(super) fn ipv4_cover(nets: &[(IpNet, usize)]) -> Option<Cover<u32>> {
    let of_family = nets.iter().filter_map(|&(net, number)| match net {
        IpNet::V4(net) => Some((
            net.network().to_bits()..=net.broadcast().to_bits(),
            Covered { number, is_barrier: false },
        )),
        IpNet::V6(_) => None,
    });
    cover(of_family.collect())
}

/// The IPv6 /64s that `nets` cover; `None` if there are none. Clients in 2002::/16 count by their
/// IPv4 addresses, as do some of those in a few other /64s, which therefore stay barriers.
pub(super) fn ipv6_cover(nets: &[(IpNet, usize)]) -> Option<Cover<u64>> {
    let of_family = nets.iter().filter_map(|&(net, number)| match net {
        IpNet::V4(_) => None,
        IpNet::V6(net) => {
            let [first, last] =
                [net.network(), net.broadcast()].map(|ip| (ip.to_bits() >> 64) as u64);
            Some((first..=last, Covered { number, is_barrier: false }))
        }
    });
    let embedded = MIXED.map(|key| key..=key).into_iter().chain([SIX_TO_FOUR]);
    let embedded = RangeTable::of_ranges(embedded, true, false);
    let walk = |put: &mut dyn FnMut(u64, bool)| {
        embedded.iter().for_each(|(keys, is_embedded)| put(*keys.start(), is_embedded));
    };
    let covered = cover(of_family.collect())?.overlay(walk, |covered, is_embedded| {
        covered.map(|covered| Covered { is_barrier: is_embedded, ..covered })
    });
    Some(covered)
}

/// The ranges of `nets`, which lie within each other or apart.
fn cover<K: Key>(mut nets: Vec<(RangeInclusive<K>, Covered)>) -> Option<Cover<K>> {
    if nets.is_empty() {
        return None;
    }
    nets.sort_unstable_by_key(|(keys, covered)| (*keys.start(), Reverse(*keys.end()), *covered));
    let mut builder = Builder::new();
    builder.push(K::ZERO, None);
    // Those around the next one: the last key, and what counts in it.
    let mut around: Vec<(K, Covered)> = Vec::new();
    let close = |around: &mut Vec<(K, Covered)>, builder: &mut Builder<K, _>| {
        let closed = around.pop().and_then(|(last, _)| last.next());
        if let Some(next) = closed {
            builder.push(next, around.last().map(|(_, covered)| *covered));
        }
    };
    for (keys, covered) in nets {
        while around.last().is_some_and(|(last, _)| last < keys.start()) {
            close(&mut around, &mut builder);
        }
        let least = around.last().map_or(covered, |(_, least)| covered.min(*least));
        builder.push(*keys.start(), Some(least));
        around.push((*keys.end(), least));
    }
    while !around.is_empty() {
        close(&mut around, &mut builder);
    }
    Some(builder.finish())
}
