//! How many queries were answered for each preference of each pool: one thread's counts for one topology.
//!
//! They tell who asks, not how much load they are: a resolver's one query stands for any number of clients,
//! for as long as its cache or the scope of the answer has it. Counted only where azs have capacities.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use crate::geo::PreferenceId;
use crate::id::Id;
use crate::route::{PoolId, Topology};

use super::{Answer, Snapshot};

/// The counts. Only one thread writes, so that no cache line is shared.
#[derive(Debug)]
pub struct Queries {
    /// The ids are of this one, which is not kept alive.
    topology: Weak<Topology>,
    /// Where the counts of each pool begin, and where the last ones end.
    starts: Box<[usize]>,
    lines: Box<[Line]>,
}

/// As much of the counts as no other thread's may come near to.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Line([AtomicU64; LINE]);

const LINE: usize = 16;

impl Queries {
    /// None yet, for answers from snapshots with the topology of this one.
    pub fn new(snapshot: &Snapshot) -> Self {
        let routing = &snapshot.routing;
        let mut starts = vec![0];
        let mut end = 0;
        for pool in routing.topology.pools.values() {
            end += routing.preferences.get(pool.view).map_or(0, |it| it.len());
            starts.push(end);
        }
        Self {
            topology: Arc::downgrade(&routing.topology),
            starts: starts.into(),
            lines: (0..end.div_ceil(LINE)).map(|_| Line::default()).collect(),
        }
    }

    /// Whether anybody wants to know, which costs next to nothing.
    #[inline]
    pub fn are_wanted(snapshot: &Snapshot) -> bool {
        !snapshot.routing.topology.capacities.limits.is_empty()
    }

    /// Whether answers from this snapshot may be counted here.
    pub fn are_of(&self, snapshot: &Snapshot) -> bool {
        self.topology.as_ptr() == Arc::as_ptr(&snapshot.routing.topology)
    }

    /// Counts an answer from a snapshot that these are of, if it is a pool's.
    pub fn count(&self, answer: &Answer) {
        let Some((pool, preference)) = answer.pool.zip(answer.preference) else { return };
        if let Some(count) = self.at(pool, preference) {
            // A single writer needs no read-modify-write instruction.
            count.store(count.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        }
    }

    /// What all of these have counted that are of a snapshot's topology: for each of its pools, by preference.
    pub fn sum<'q>(
        all: impl IntoIterator<Item = &'q Self>,
        snapshot: &Snapshot,
    ) -> BTreeMap<PoolId, Box<[u64]>> {
        let all: Vec<&Self> = all.into_iter().filter(|it| it.are_of(snapshot)).collect();
        let routing = &snapshot.routing;
        let pools = routing.topology.pools.iter().map(|(id, pool)| {
            let preferences = routing.preferences.get(pool.view).map_or(0, |it| it.len());
            let sum = |preference| {
                let counts = all.iter().filter_map(|it| it.at(id, preference));
                counts.map(|count| count.load(Ordering::Relaxed)).sum()
            };
            (id, (0..preferences).map(PreferenceId::from_index).map(sum).collect())
        });
        pools.collect()
    }

    fn at(&self, pool: PoolId, preference: PreferenceId) -> Option<&AtomicU64> {
        let start = self.starts.get(pool.index())?;
        let end = self.starts.get(pool.index() + 1)?;
        let at = start + preference.index();
        self.lines.get(at / LINE)?.0.get(at % LINE).filter(|_| at < *end)
    }
}
