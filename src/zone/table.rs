//! An open-addressing table from a hash to a `u32`, for keys that live elsewhere.
//!
//! A slot is a hash and a value, without the key: the caller compares, and seldom in vain, so that
//! a miss costs one cache line. The hash needs no secret, since what is inserted comes from the
//! operator and a query can only follow a run that is already there.

/// Slots of a power-of-two number, at most half of them used, probed linearly.
pub(super) struct Table {
    slots: Vec<Slot>,
    used: usize,
}

#[derive(Clone, Copy)]
struct Slot {
    hash: u32,
    value: u32,
}

impl Table {
    pub(super) fn new() -> Self {
        Self { slots: vec![UNUSED; 8], used: 0 }
    }

    /// The value inserted under `hash` for which `is_it` holds.
    pub(super) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            match self.slots[at] {
                Slot { value: NONE, .. } => return None,
                slot if slot.hash == hash && is_it(slot.value) => return Some(slot.value),
                _ => at = (at + 1) & mask,
            }
        }
    }

    /// Inserts `value`, which is below 2^32 - 1 and not there yet.
    pub(super) fn insert(&mut self, hash: u32, value: u32) {
        self.used += 1;
        if self.used * 2 > self.slots.len() {
            let doubled = vec![UNUSED; self.slots.len() * 2];
            for slot in std::mem::replace(&mut self.slots, doubled) {
                if slot.value != NONE {
                    self.place(slot);
                }
            }
        }
        self.place(Slot { hash, value });
    }

    fn place(&mut self, slot: Slot) {
        let mask = self.slots.len() - 1;
        let mut at = slot.hash as usize & mask;
        while self.slots[at].value != NONE {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }
}

/// A hash of `seed` and `bytes`, whose low bits are as good as the high ones.
pub(super) fn hash(seed: u32, bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let mut state = fold(u64::from(seed) ^ MIX[0], bytes.len() as u64 ^ MIX[1]);
    for &word in words {
        state = fold(state ^ u64::from_le_bytes(word), MIX[0]);
    }
    fold(state ^ u64::from_le_bytes(last), MIX[1]) as u32
}

/// Both halves of the 128-bit product, one over the other.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// No value.
const NONE: u32 = u32::MAX;
const UNUSED: Slot = Slot { hash: 0, value: NONE };
/// The digits of pi behind the point, made odd.
const MIX: [u64; 2] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7345];
