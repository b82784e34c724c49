//! A view: from an address to the preference of the clients there, and the ECS scope of an answer
//! by it (RFC 7871 section 7.2.1).
//!
//! The ranges of addresses are those of the places and shared by all views. A view adds the
//! preference of each place and a bit for each range, which says whether a run of equal preference
//! begins with it. The scope is the widest prefix around a client that lies in one run; barriers
//! end runs, so that it never covers a client who is not placed by its address.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use super::address::MIXED;
use super::places::Cell;
use super::ranges::{Key, RangeTable};
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

/// Which ranges begin a run: a bit for each, and a bit for each word that has any set.
#[derive(Debug)]
struct Runs {
    len: usize,
    words: Box<[u64]>,
    summary: Box<[u64]>,
}

impl Runs {
    /// The runs of equal items, of which there is at least one.
    fn of<T: PartialEq>(items: impl ExactSizeIterator<Item = T>) -> Self {
        let len = items.len();
        let mut words = vec![0; len.div_ceil(64)];
        let mut last = None;
        for (index, item) in items.enumerate() {
            if last.as_ref() != Some(&item) {
                words[index / 64] |= 1 << (index % 64);
            }
            last = Some(item);
        }
        let mut summary = vec![0; words.len().div_ceil(64)];
        for (index, _) in words.iter().enumerate().filter(|(_, word)| **word != 0) {
            summary[index / 64] |= 1 << (index % 64);
        }
        Self { len, words: words.into(), summary: summary.into() }
    }

    /// The run that the item at `index` is part of.
    #[inline]
    fn around(&self, index: usize) -> Range<usize> {
        self.first(index)..self.end(index)
    }

    /// The last set bit up to `index`.
    #[inline]
    fn first(&self, index: usize) -> usize {
        let word = index / 64;
        let here = self.words[word] & up_to(index);
        if here != 0 {
            return word * 64 + highest(here);
        }
        let word = self.last_word_before(word);
        word * 64 + highest(self.words[word])
    }

    /// The first set bit behind `index`, else the number of items.
    #[inline]
    fn end(&self, index: usize) -> usize {
        let word = index / 64;
        let here = self.words[word] & !up_to(index);
        if here != 0 {
            return word * 64 + lowest(here);
        }
        match self.first_word_after(word) {
            Some(word) => word * 64 + lowest(self.words[word]),
            None => self.len,
        }
    }

    /// The last word before `word` that is not 0; the first word never is.
    fn last_word_before(&self, word: usize) -> usize {
        let mut at = word / 64;
        let mut set = self.summary[at] & up_to(word) & !(1 << (word % 64));
        while set == 0 && at > 0 {
            at -= 1;
            set = self.summary[at];
        }
        at * 64 + highest(set)
    }

    /// The first word after `word` that is not 0.
    fn first_word_after(&self, word: usize) -> Option<usize> {
        let at = word / 64;
        let here = self.summary[at] & !up_to(word);
        let later = (at + 1..).zip(&self.summary[at + 1..]).map(|(at, set)| (at, *set));
        let (at, set) = std::iter::once((at, here)).chain(later).find(|(_, set)| *set != 0)?;
        Some(at * 64 + lowest(set))
    }

    fn size(&self) -> usize {
        size_of_val(&*self.words) + size_of_val(&*self.summary)
    }
}

/// The bits of a word up to and with that of `index`.
#[inline]
fn up_to(index: usize) -> u64 {
    u64::MAX >> (63 - index % 64)
}

/// The position of the highest bit of a word that is not 0.
#[inline]
fn highest(word: u64) -> usize {
    63 - word.leading_zeros() as usize
}

/// The position of the lowest bit of a word that is not 0.
#[inline]
fn lowest(word: u64) -> usize {
    word.trailing_zeros() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};

    proptest! {
        #[test]
        fn runs_are_maximal(
            lengths in proptest::collection::vec(1..20_000_usize, 1..6),
            near in any::<usize>(),
        ) {
            let items: Vec<_> =
                (0..).zip(&lengths).flat_map(|(item, len)| vec![item % 2; *len]).collect();
            let runs = Runs::of(items.iter());
            let (mut first, near) = (0, near % items.len());
            for len in lengths {
                let run = first..first + len;
                let inside = run.start + near % len;
                for index in [run.start, inside, run.end - 1] {
                    assert_eq!(runs.around(index), run);
                }
                first = run.end;
            }
        }
    }
}
