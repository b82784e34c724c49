//! Which of an az's addresses a client is given, where an answer can't hold all: a window, by slot.
//!
//! docs/slots.md has the arithmetic, on which servers must agree.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::ops::Range;

use crate::geo::{Salt, Slot};

/// Some of an az's addresses of one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Their positions.
    pub(super) range: Range<usize>,
    /// How many there are in all.
    pub(super) of: usize,
    /// The client's slot, if it decides: not where all are given.
    pub(super) slot: Option<Slot>,
}

impl Window {
    /// The window of `client` on `of` addresses, of which an answer holds at most `most`.
    pub(super) fn new(of: usize, most: NonZeroUsize, client: IpAddr) -> Self {
        if of <= most.get() {
            return Self { range: 0..of, of, slot: None };
        }
        let slot = Slot::of(Salt::Windows, client);
        Self { range: range(of, most, slot), of, slot: Some(slot) }
    }

    /// The addresses in it.
    pub(super) fn cut<'a, T>(&self, addresses: &'a [T]) -> &'a [T] {
        addresses.get(self.range.clone()).unwrap_or_default()
    }
}

/// The window that a slot has. The slot falls on one of the addresses, and has the window with that
/// one: so a window of more addresses has more slots.
fn range(of: usize, most: NonZeroUsize, slot: Slot) -> Range<usize> {
    let windows = of.div_ceil(most.get());
    let address = slot.index() * of / Slot::COUNT;
    let window = ((address + 1) * windows - 1) / of;
    let start = |window| window * of / windows;
    start(window)..start(window + 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::proptest;

    use super::*;
    use crate::route::MAX_WINDOWS;

    proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

        /// Whether a client takes the first of an answer, which rotates, or any, each address has
        /// equally many: as many slots as 4,096 can be dealt out to, give or take the one that falls
        /// on a border.
        #[test]
        fn every_address_is_given_equally_often(of in 2..500_usize, most in 1..100_usize) {
            let most = NonZeroUsize::new(most).unwrap();
            let mut given = vec![0.0; of];
            for slot in Slot::all() {
                let range = range(of, most, slot);
                for at in range.clone() {
                    given[at] += 1.0 / range.len() as f64;
                }
            }
            let fair = Slot::COUNT as f64 / of as f64;
            assert!(given.iter().all(|slots| (slots - fair).abs() <= 1.0), "{given:?}");
        }

        #[test]
        fn windows_part_the_addresses_and_hold_no_more_than_an_answer(
            of in 2..500_usize,
            most in 1..100_usize,
        ) {
            let most = NonZeroUsize::new(most).unwrap();
            let windows: BTreeSet<_> =
                Slot::all().map(|slot| range(of, most, slot)).map(|it| (it.start, it.end)).collect();
            let mut next = 0;
            for (start, end) in &windows {
                assert_eq!(*start, next);
                assert!(end - start <= most.get());
                next = *end;
            }
            assert_eq!(next, of);
            assert_eq!(windows.len(), of.div_ceil(most.get()));
            assert!(windows.len() <= MAX_WINDOWS || of > MAX_WINDOWS * most.get());
        }
    }

    #[test]
    fn no_slot_decides_where_all_addresses_fit() {
        let client = "198.51.100.7".parse().unwrap();
        let window = |of| Window::new(of, NonZeroUsize::new(8).unwrap(), client);
        assert_eq!(window(8), Window { range: 0..8, of: 8, slot: None });
        assert_eq!(window(9).slot.map(Slot::index), Some(1498));
        assert!(window(0).cut::<u8>(&[]).is_empty());
    }
}
