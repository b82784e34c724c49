//! Runs of equal neighbours in a long list, with a bit for each item.
//!
//! The ends of a run are the nearest set bits. Where these are far, a summary of the words skips
//! 4,096 items a step.

use std::ops::Range;

/// Which items begin a run: a bit for each, and a bit for each word that has any set.
#[derive(Debug)]
pub(super) struct Runs {
    len: usize,
    words: Box<[u64]>,
    summary: Box<[u64]>,
}

impl Runs {
    /// The runs of equal items, of which there is at least one.
    pub(super) fn of<T: PartialEq>(items: impl ExactSizeIterator<Item = T>) -> Self {
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
    pub(super) fn around(&self, index: usize) -> Range<usize> {
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

    /// The bytes that the bits take.
    pub(super) fn size(&self) -> usize {
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
    use proptest::prelude::{any, proptest};

    use super::*;

    proptest! {
        #[test]
        fn runs_are_maximal(
            lengths in proptest::collection::vec(1..20_000_usize, 1..6),
            near in any::<usize>(),
        ) {
            let items: Vec<_> =
                (0..).zip(&lengths).flat_map(|(item, len)| vec![item % 2; *len]).collect();
            let runs = Runs::of(items.iter());
            let mut first = 0;
            for len in lengths {
                let run = first..first + len;
                for index in [run.start, run.start + near % len, run.end - 1] {
                    assert_eq!(runs.around(index), run);
                }
                first = run.end;
            }
        }
    }
}
