//! A map from every address of a family to a value, as sorted range starts with a first-level
//! index: the one structure behind both the places and the views.
//!
//! Neighbouring ranges always differ in value, so a range is the maximal run of equal values
//! around each address in it, and prefix lengths follow from its two outer neighbours alone.

use std::fmt;
use std::ops::{Range, RangeInclusive};

/// Values of all keys from 0 to the greatest.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct RangeTable<K, V> {
    /// The first key of each range, ascending; the first is 0.
    starts: Box<[K]>,
    /// The value of each range.
    values: Box<[V]>,
    /// For each block, the number of ranges that start before it; then the number of ranges.
    index: Box<[u32]>,
    /// The binary logarithm of the number of blocks.
    index_bits: u32,
}

/// An address as a number, most significant bit first.
pub(crate) trait Key: Copy + Ord + fmt::Debug {
    /// The least key.
    const ZERO: Self;
    /// The greatest key.
    const LAST: Self;
    /// The number of bits.
    const WIDTH: u8;
    /// The most bits that an index goes by.
    const INDEX_BITS: u32;
    /// The block of the key among 2^`bits`; it never decreases as keys ascend.
    fn block(self, bits: u32) -> usize;
    /// The next key, if there is one.
    fn next(self) -> Option<Self>;
    /// The previous key; of 0, whatever.
    fn previous(self) -> Self;
    /// How far it is to a key that is not less.
    fn steps_to(self, last: Self) -> u64;
    /// How many leading bits `self` and `other` share.
    fn shared_bits(self, other: Self) -> u8;
}

impl<K: Key, V: Copy + Eq> RangeTable<K, V> {
    /// `inside` for the keys in `ranges`, which ascend without overlap; `outside` for the others.
    pub(crate) fn of_ranges(
        ranges: impl IntoIterator<Item = RangeInclusive<K>>,
        inside: V,
        outside: V,
    ) -> Self {
        let mut builder = Builder::new();
        builder.push(K::ZERO, outside);
        for range in ranges {
            builder.push(*range.start(), inside);
            if let Some(next) = range.end().next() {
                builder.push(next, outside);
            }
        }
        builder.finish()
    }

    /// The table of what `combine` makes of the values here and those of the ranges that `walk`
    /// puts: a first key and a value, in order, beginning with 0.
    pub(crate) fn overlay<A: Copy, W: Copy + Eq>(
        &self,
        walk: impl FnOnce(&mut dyn FnMut(K, A)),
        mut combine: impl FnMut(V, A) -> W,
    ) -> RangeTable<K, W> {
        let mut builder = Builder::new();
        let mut range = 0;
        let mut over = None;
        walk(&mut |start, added| {
            while let Some(&next) = self.starts.get(range + 1).filter(|next| **next <= start) {
                range += 1;
                if let Some(over) = over {
                    builder.push(next, combine(self.values[range], over));
                }
            }
            builder.push(start, combine(self.values[range], added));
            over = Some(added);
        });
        for (&next, &value) in self.starts.iter().zip(&self.values).skip(range + 1) {
            builder.push(next, combine(value, over.expect("the walk begins with 0")));
        }
        builder.finish()
    }

    /// Visits the ranges in which neither table changes, in order: the first and last key, the value
    /// here and that in `other`.
    pub(crate) fn merge<W: Copy + Eq>(
        &self,
        other: &RangeTable<K, W>,
        mut visit: impl FnMut(K, K, V, W),
    ) {
        let (mut here, mut there) = (0, 0);
        let mut first = K::ZERO;
        loop {
            let nexts = [self.starts.get(here + 1), other.starts.get(there + 1)];
            let next = nexts.into_iter().flatten().min().copied();
            let last = next.map_or(K::LAST, K::previous);
            visit(first, last, self.values[here], other.values[there]);
            let Some(next) = next else { return };
            here += usize::from(nexts[0] == Some(&next));
            there += usize::from(nexts[1] == Some(&next));
            first = next;
        }
    }

    /// The number of the range that holds `key`.
    #[inline]
    pub(crate) fn find(&self, key: K) -> usize {
        let block = key.block(self.index_bits);
        let first = self.index[block] as usize;
        let last = self.index[block + 1] as usize;
        // At least the range that starts at 0 starts at or before the key.
        first + self.starts[first..last].partition_point(|&start| start <= key) - 1
    }

    /// The value of a range.
    #[inline]
    pub(crate) fn value(&self, range: usize) -> V {
        self.values[range]
    }

    /// The keys of `ranges`, of which there is at least one.
    #[inline]
    pub(crate) fn keys(&self, ranges: Range<usize>) -> RangeInclusive<K> {
        let last = self.starts.get(ranges.end).map_or(K::LAST, |start| start.previous());
        self.starts[ranges.start]..=last
    }

    /// The length of the widest prefix around `key` that lies wholly in `ranges`, one of which
    /// holds it.
    #[inline]
    pub(crate) fn prefix_len(&self, ranges: Range<usize>, key: K) -> u8 {
        prefix_len(self.keys(ranges), key)
    }

    /// The ranges in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (RangeInclusive<K>, V)> {
        self.values.iter().enumerate().map(|(range, value)| (self.keys(range..range + 1), *value))
    }

    /// The parts of ranges that are in `keys`, in order.
    pub(crate) fn within(
        &self,
        keys: &RangeInclusive<K>,
    ) -> impl Iterator<Item = (RangeInclusive<K>, V)> {
        let (first, last) = (*keys.start(), *keys.end());
        (self.find(first)..=self.find(last)).map(move |range| {
            let part = self.keys(range..range + 1);
            (first.max(*part.start())..=last.min(*part.end()), self.values[range])
        })
    }

    /// The values of the ranges in order; neighbours differ.
    pub(crate) fn values(&self) -> &[V] {
        &self.values
    }

    /// The first key of each range, ascending.
    #[cfg(test)]
    pub(crate) fn starts(&self) -> &[K] {
        &self.starts
    }

    /// The bytes that the table takes.
    pub(crate) fn size(&self) -> usize {
        size_of_val(&*self.starts) + size_of_val(&*self.values) + size_of_val(&*self.index)
    }
}

/// The length of the widest prefix around `key` that lies wholly in `keys`, which hold it.
///
/// The block of 2^k keys around a key leaves out another one iff k is at most the position of the
/// highest bit in which they differ; the nearest outsiders on both sides decide.
#[inline]
pub(crate) fn prefix_len<K: Key>(keys: RangeInclusive<K>, key: K) -> u8 {
    let beyond = |outsider: K| key.shared_bits(outsider) + 1;
    let below = match *keys.start() {
        first if first == K::ZERO => 0,
        first => beyond(first.previous()),
    };
    let above = keys.end().next().map_or(0, beyond);
    below.max(above)
}

impl<K, V> fmt::Debug for RangeTable<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RangeTable({} ranges)", self.starts.len())
    }
}

/// Makes a table of ranges that come in order.
pub(crate) struct Builder<K, V> {
    starts: Vec<K>,
    values: Vec<V>,
}

impl<K: Key, V: Copy + Eq> Builder<K, V> {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self { starts: Vec::new(), values: Vec::new() }
    }

    /// From `start` on, `value`. The first `start` is 0, the others ascend; one that repeats takes
    /// the place of the last.
    pub(crate) fn push(&mut self, start: K, value: V) {
        debug_assert!(self.starts.last().is_none_or(|&last| last <= start));
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.values.pop();
        }
        if self.values.last() != Some(&value) {
            self.starts.push(start);
            self.values.push(value);
        }
    }

    /// The table; at least one range was pushed.
    pub(crate) fn finish(self) -> RangeTable<K, V> {
        let Self { starts, values } = self;
        debug_assert_eq!(starts.first(), Some(&K::ZERO));
        let index_bits = starts.len().ilog2().min(K::INDEX_BITS);
        let mut index = Vec::with_capacity((1 << index_bits) + 1);
        for (range, start) in (0..).zip(&starts) {
            index.resize(index.len().max(start.block(index_bits) + 1), range);
        }
        let ranges = u32::try_from(starts.len()).expect("memory holds fewer than 2^32 ranges");
        index.resize((1 << index_bits) + 1, ranges);
        RangeTable {
            starts: starts.into_boxed_slice(),
            values: values.into_boxed_slice(),
            index: index.into_boxed_slice(),
            index_bits,
        }
    }
}

impl Key for u32 {
    const ZERO: Self = 0;
    const LAST: Self = u32::MAX;
    const WIDTH: u8 = 32;
    const INDEX_BITS: u32 = 16;

    #[inline]
    fn block(self, bits: u32) -> usize {
        (u64::from(self) >> (32 - bits)) as usize
    }

    #[inline]
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    #[inline]
    fn previous(self) -> Self {
        self.wrapping_sub(1)
    }

    fn steps_to(self, last: Self) -> u64 {
        u64::from(last - self)
    }

    #[inline]
    fn shared_bits(self, other: Self) -> u8 {
        (self ^ other).leading_zeros() as u8
    }
}

/// Blocks divide 2000::/3, where nearly all ranges are; the first and the last extend to the ends.
impl Key for u64 {
    const ZERO: Self = 0;
    const LAST: Self = u64::MAX;
    const WIDTH: u8 = 64;
    const INDEX_BITS: u32 = 20;

    #[inline]
    fn block(self, bits: u32) -> usize {
        const FIRST: u64 = 0x2000 << 48;
        const LAST: u64 = 0x3fff_ffff_ffff_ffff;
        ((self.clamp(FIRST, LAST) - FIRST) >> (61 - bits)) as usize
    }

    #[inline]
    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    #[inline]
    fn previous(self) -> Self {
        self.wrapping_sub(1)
    }

    fn steps_to(self, last: Self) -> u64 {
        last - self
    }

    #[inline]
    fn shared_bits(self, other: Self) -> u8 {
        (self ^ other).leading_zeros() as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

    fn table<K: Key>(ranges: &[(K, u8)]) -> RangeTable<K, u8> {
        let mut builder = Builder::new();
        for &(start, value) in ranges {
            builder.push(start, value);
        }
        builder.finish()
    }

    /// Range starts that crowd together and near the ends, with values that often repeat.
    fn ranges() -> impl Strategy<Value = Vec<(u32, u8)>> {
        let start = prop_oneof![0..64_u32, any::<u32>(), (0..64_u32).prop_map(|n| u32::MAX - n)];
        proptest::collection::btree_map(start, 0..3_u8, 0..40).prop_map(|mut map| {
            map.entry(0).or_insert(0);
            map.into_iter().collect()
        })
    }

    /// The value that the last range at or before `key` gives.
    fn scan(ranges: &[(u32, u8)], key: u32) -> u8 {
        ranges.iter().rev().find(|(start, _)| *start <= key).unwrap().1
    }

    #[test]
    fn neighbours_of_equal_value_are_one_range() {
        let merged = table(&[(0_u32, 1), (5, 1), (9, 2), (9, 1), (20, 3)]);
        assert_eq!(merged.starts(), [0, 20]);
        assert_eq!(merged.values(), [1, 3]);
    }

    #[test]
    fn the_last_range_reaches_the_last_key() {
        let ranges = RangeTable::of_ranges([5..=6, 9..=u32::MAX], 1, 0);
        assert_eq!(ranges.starts(), [0, 5, 7, 9]);
        assert_eq!(ranges.value(ranges.find(u32::MAX)), 1);
    }

    #[test]
    fn ipv6_blocks_cover_what_lies_outside_global_unicast() {
        let spread = table::<u64>(&[(0, 0), (7, 1), (0x2a00 << 48, 2), (0x8000 << 48, 3)]);
        let value = |key| spread.value(spread.find(key));
        assert_eq!([value(6), value(7), value(0x2a00 << 48), value(u64::MAX)], [0, 1, 2, 3]);
    }

    proptest! {
        #[test]
        fn find_agrees_with_a_scan(ranges in ranges(), key in any::<u32>(), near in any::<usize>()) {
            let table = table(&ranges);
            let start = ranges[near % ranges.len()].0;
            for key in [key, start, start.wrapping_sub(1), start.wrapping_add(1)] {
                assert_eq!(table.value(table.find(key)), scan(&ranges, key));
            }
        }

        #[test]
        fn overlay_combines_what_both_say(a in ranges(), b in ranges(), near in any::<usize>()) {
            let walk = |put: &mut dyn FnMut(u32, u8)| b.iter().for_each(|&(k, v)| put(k, v));
            let both = table(&a).overlay(walk, |a, b| 10 * a + b);
            assert!(both.values().windows(2).all(|pair| pair[0] != pair[1]));
            let start = a.iter().chain(&b).nth(near % (a.len() + b.len())).unwrap().0;
            for key in [start, start.wrapping_sub(1)] {
                assert_eq!(both.value(both.find(key)), 10 * scan(&a, key) + scan(&b, key));
            }
        }

        #[test]
        fn merge_visits_all_keys_with_both_values(a in ranges(), b in ranges()) {
            let (mut next, mut visited) = (Some(0), vec![]);
            table(&a).merge(&table(&b), |first, last, here, there| {
                assert_eq!(Some(first), next);
                visited.push((first, last, here, there));
                next = last.checked_add(1);
            });
            assert_eq!(next, None);
            for (first, last, here, there) in visited {
                for key in [first, last] {
                    assert_eq!((here, there), (scan(&a, key), scan(&b, key)));
                }
            }
        }

        /// Over the 256 keys that differ in the last byte, with all others of another value.
        #[test]
        fn prefix_is_the_widest_of_one_value(
            values in proptest::collection::vec(0..2_u8, 1..40),
            base in prop_oneof![Just(0_u32), Just(0xffff_ff00), Just(0x0a00_0000)],
            widths in proptest::collection::vec(1..40_u32, 40),
        ) {
            let mut ranges = vec![(0, 9)];
            let mut start = base;
            for (&value, width) in values.iter().zip(widths) {
                ranges.push((start, value));
                start = start.saturating_add(width).min(base | 0xff);
            }
            if let Some(next) = (base | 0xff).checked_add(1) {
                ranges.push((next, 9));
            }
            let table = table(&ranges);
            for key in base..=base | 0xff {
                let range = table.find(key);
                let len = u32::from(table.prefix_len(range..range + 1, key));
                // A block of more than 256 keys holds some of the others.
                let all_equal = |len: u32| {
                    let rest = u32::MAX.checked_shr(len).unwrap_or(0);
                    rest < 256
                        && (key & !rest..=key | rest)
                            .all(|other| scan(&ranges, other) == table.value(range))
                };
                assert!(all_equal(len), "{key:#x}/{len}");
                assert!(len == 0 || !all_equal(len - 1), "{key:#x}/{len} could be wider");
            }
        }
    }
}
