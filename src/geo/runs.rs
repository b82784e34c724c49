//! Runs of equal neighbours in a long list, with a bit for each sixteen items.
//!
//! Where runs are short, as nearly everywhere, their ends are found by comparing a few neighbours.
//! Where they are long, bits say which blocks of items to pass over, and a summary of the words of
//! these 4,096 blocks at a step. The items themselves are not kept: whoever asks tells which begin
//! a run.

use std::ops::Range;

/// Which blocks have an item that begins a run: a bit for each, and a bit for each word that has
/// any set.
#[derive(Debug)]
pub(super) struct Runs {
    len: usize,
    words: Box<[u64]>,
    summary: Box<[u64]>,
}

impl Runs {
    /// The runs of `len` items, of which `begins` tells whether one begins a run. The first does.
    pub(super) fn of(len: usize, begins: impl Fn(usize) -> bool) -> Self {
        let blocks = len.div_ceil(BLOCK);
        let mut words = vec![0; blocks.div_ceil(64)];
        for block in 0..blocks {
            if items(block, len).any(&begins) {
                words[block / 64] |= 1 << (block % 64);
            }
        }
        let mut summary = vec![0; words.len().div_ceil(64)];
        for (index, _) in words.iter().enumerate().filter(|(_, word)| **word != 0) {
            summary[index / 64] |= 1 << (index % 64);
        }
        Self { len, words: words.into(), summary: summary.into() }
    }

    /// The run that the item at `index` is part of; `begins` is that of [`Runs::of`].
    #[inline]
    pub(super) fn around(&self, index: usize, begins: impl Fn(usize) -> bool) -> Range<usize> {
        let block = index / BLOCK;
        let near = (block * BLOCK..=index).rev().find(|item| begins(*item));
        let first = near.unwrap_or_else(|| {
            let mut items = items(self.last_before(block), self.len);
            items.rfind(|item| begins(*item)).unwrap_or(0)
        });
        let near = (index + 1..items(block, self.len).end).find(|item| begins(*item));
        let end =
            near.or_else(|| items(self.first_after(block)?, self.len).find(|item| begins(*item)));
        first..end.unwrap_or(self.len)
    }

    /// The last block before `block` that is marked; the first of all is, and this is not it.
    fn last_before(&self, block: usize) -> usize {
        let word = block / 64;
        let here = self.words[word] & up_to(block) & !(1 << (block % 64));
        if here != 0 {
            return word * 64 + highest(here);
        }
        let mut at = word / 64;
        let mut set = self.summary[at] & up_to(word) & !(1 << (word % 64));
        while set == 0 && at > 0 {
            at -= 1;
            set = self.summary[at];
        }
        let word = at * 64 + highest(set);
        word * 64 + highest(self.words[word])
    }

    /// The first block after `block` that is marked.
    fn first_after(&self, block: usize) -> Option<usize> {
        let word = block / 64;
        let here = self.words[word] & !up_to(block);
        if here != 0 {
            return Some(word * 64 + lowest(here));
        }
        let at = word / 64;
        let here = self.summary[at] & !up_to(word);
        let later = (at + 1..).zip(&self.summary[at + 1..]).map(|(at, set)| (at, *set));
        let (at, set) = std::iter::once((at, here)).chain(later).find(|(_, set)| *set != 0)?;
        let word = at * 64 + lowest(set);
        Some(word * 64 + lowest(self.words[word]))
    }

    /// The bytes that the bits take.
    pub(super) fn size(&self) -> usize {
        size_of_val(&*self.words) + size_of_val(&*self.summary)
    }
}

/// The items of a block among `len`.
#[inline]
fn items(block: usize, len: usize) -> Range<usize> {
    block * BLOCK..((block + 1) * BLOCK).min(len)
}

/// How many items share a bit: more would make look-ups compare more of them.
const BLOCK: usize = 16;

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
    use proptest::prelude::{any, prop_oneof, proptest};

    use super::*;

    proptest! {
        #[test]
        fn runs_are_maximal(
            lengths in proptest::collection::vec(prop_oneof![1..40_usize, 1..200_000_usize], 1..12),
            near in any::<usize>(),
        ) {
            let items: Vec<_> =
                (0..).zip(&lengths).flat_map(|(item, len)| vec![item % 2; *len]).collect();
            let begins = |item: usize| item == 0 || items[item] != items[item - 1];
            let runs = Runs::of(items.len(), begins);
            let mut first = 0;
            for len in lengths {
                let run = first..first + len;
                for index in [run.start, run.start + near % len, run.end - 1] {
                    assert_eq!(runs.around(index, begins), run);
                }
                first = run.end;
            }
        }
    }
}
