//! Numbers that differ from run to run, and can be had again by their seed.

use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::thread;

/// Numbers by SplitMix64. The seed is told if the test fails.
#[derive(Debug)]
pub struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    pub fn new() -> Self {
        let seed = RandomState::new().hash_one(0);
        Self { seed, state: seed }
    }

    /// A number from 0 to below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

impl Drop for Random {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = writeln!(io::stderr(), "seed {}", self.seed);
        }
    }
}
