//! An open-addressing table from a hash to a `u32`, for keys that live elsewhere.
//!
//! Four bytes a slot and no key: the caller compares. The hash needs no secret, since what is
//! inserted comes from the operator and a query can only follow a run that is already there.

/// Slots of a power-of-two number, at most half of them used, probed linearly.
pub(super) struct Table {
    slots: Vec<u32>,
    used: usize,
}

impl Table {
    pub(super) fn new() -> Self {
        Self { slots: vec![EMPTY; 8], used: 0 }
    }

    /// The value inserted under `hash` for which `is_it` holds.
    pub(super) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            match self.slots[at] {
                EMPTY => return None,
                value if is_it(value) => return Some(value),
                _ => at = (at + 1) & mask,
            }
        }
    }

    /// Inserts `value`, which must not be there yet; `hash_of` gives any value's hash.
    pub(super) fn insert(&mut self, value: u32, hash_of: impl Fn(u32) -> u64) {
        self.used += 1;
        if self.used * 2 > self.slots.len() {
            let doubled = vec![EMPTY; self.slots.len() * 2];
            for value in std::mem::replace(&mut self.slots, doubled) {
                if value != EMPTY {
                    self.place(value, hash_of(value));
                }
            }
        }
        self.place(value, hash_of(value));
    }

    fn place(&mut self, value: u32, hash: u64) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at] != EMPTY {
            at = (at + 1) & mask;
        }
        self.slots[at] = value;
    }
}

/// A hash of `seed` and `bytes`, all of whose bits are usable.
pub(super) fn hash(seed: u32, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let mut state = fold(u64::from(seed) ^ MIX[0], bytes.len() as u64 ^ MIX[1]);
    for &word in words {
        state = fold(state ^ u64::from_le_bytes(word), MIX[0]);
    }
    fold(state ^ u64::from_le_bytes(last), MIX[1])
}

/// Both halves of the 128-bit product, one over the other.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// No value: a table holds fewer than 2^32 - 1.
const EMPTY: u32 = u32::MAX;
/// The digits of pi behind the point, made odd.
const MIX: [u64; 2] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7345];
