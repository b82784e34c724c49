//! Counts of what was answered: each thread writes its own and readers add them up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;

use crate::answer::{Answer, Kind, Queries, Snapshot, Transport};
use crate::wire::Rcode;

/// One thread's counts. Only that thread writes, so that no cache line is shared.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Tally {
    kinds: [AtomicU64; Kind::ALL.len()],
    rcodes: [AtomicU64; Rcode::ALL.len()],
    /// Messages that made the answering function panic: a bug, survived.
    panics: AtomicU64,
    /// Responses that the kernel refused to send.
    unsent: AtomicU64,
    /// Responses over the rate limit, in the order of [`Sums::OVER_LIMIT`].
    over_limit: [AtomicU64; Sums::OVER_LIMIT.len()],
    /// By pool and preference, of the topology that answers were last from; another begins anew.
    queries: ArcSwapOption<Queries>,
}

/// The tallies of all threads, by transport, and the counts of TCP connections.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    tallies: Arc<Mutex<Vec<Counted>>>,
    connections: Arc<Connections>,
}

/// A thread's tally, and what it serves.
type Counted = (Transport, Arc<Tally>);

/// The sums of a transport's tallies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// By kind, in the order of [`Kind::ALL`].
    pub kinds: [u64; Kind::ALL.len()],
    /// Responses by code, in the order of [`Rcode::ALL`].
    pub rcodes: [u64; Rcode::ALL.len()],
    /// Messages that made the answering function panic.
    pub panics: u64,
    /// Responses that the kernel refused to send.
    pub unsent: u64,
    /// Responses over the rate limit, in the order of [`Self::OVER_LIMIT`].
    pub over_limit: [u64; Self::OVER_LIMIT.len()],
}

impl Sums {
    /// What became of responses over the rate limit, by its name in metrics.
    pub const OVER_LIMIT: [&'static str; 3] = ["dropped", "shortened", "sent"];
}

/// Counts of TCP connections.
#[derive(Debug, Default)]
pub struct Connections {
    open: AtomicU64,
    accepted: AtomicU64,
    evicted: [AtomicU64; Cause::ALL.len()],
    refused: AtomicU64,
}

/// Why a connection had to make way for a newcomer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There were as many as there may be.
    Connections,
    /// Its client had as many as one may have.
    PerClient,
    /// The process had no file descriptor left.
    Descriptors,
}

/// The counts of TCP connections at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionSums {
    /// Those that are open.
    pub open: u64,
    /// Those that were ever accepted.
    pub accepted: u64,
    /// Those that had to make way, in the order of [`Cause::ALL`].
    pub evicted: [u64; Cause::ALL.len()],
    /// Those for which none could make way.
    pub refused: u64,
}

impl Cause {
    /// Each, with its word.
    pub const ALL: [(Self, &str); 3] = [
        (Self::Connections, "connections"),
        (Self::PerClient, "per_client"),
        (Self::Descriptors, "descriptors"),
    ];
}

impl Connections {
    /// Counts one more, of so many.
    pub(super) fn accepted(&self, open: usize) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.left(open);
    }

    /// So many are left.
    pub(super) fn left(&self, open: usize) {
        self.open.store(open as u64, Ordering::Relaxed);
    }

    /// Counts one that had to make way.
    pub(super) fn evicted(&self, cause: Cause) {
        if let Some(count) = self.evicted.get(cause as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts one for which none could make way.
    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// All of them.
    pub fn sums(&self) -> ConnectionSums {
        let Self { open, accepted, evicted, refused } = self;
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ConnectionSums {
            open: load(open),
            accepted: load(accepted),
            evicted: evicted.each_ref().map(load),
            refused: load(refused),
        }
    }
}

impl Tally {
    /// Counts one answer.
    pub fn count(&self, answer: &Answer) {
        add(self.kinds.get(answer.kind as usize), 1);
        if answer.len > 0 {
            let index = Rcode::ALL.iter().position(|&rcode| rcode == answer.rcode);
            add(index.and_then(|index| self.rcodes.get(index)), 1);
        }
    }

    /// Where answers from `snapshot` are counted by pool and preference; `None` where nobody wants to know.
    pub(super) fn queries(&self, snapshot: &Snapshot) -> Option<Arc<Queries>> {
        if !Queries::are_wanted(snapshot) {
            return None;
        }
        let queries = self.queries.load_full().filter(|queries| queries.are_of(snapshot));
        Some(queries.unwrap_or_else(|| {
            let queries = Arc::new(Queries::new(snapshot));
            self.queries.store(Some(Arc::clone(&queries)));
            queries
        }))
    }

    /// Counts a panic.
    pub fn count_panic(&self) {
        add(Some(&self.panics), 1);
    }

    /// Counts a response over the rate limit that was not sent.
    pub(super) fn count_dropped(&self) {
        add(self.over_limit.first(), 1);
    }

    /// Counts a response over the rate limit in whose place a short one was sent.
    pub(super) fn count_shortened(&self) {
        add(self.over_limit.get(1), 1);
    }

    /// Counts a response over the rate limit that was sent all the same.
    pub(super) fn count_over_limit(&self) {
        add(self.over_limit.get(2), 1);
    }

    /// Counts responses that were not sent.
    pub fn count_unsent(&self, responses: usize) {
        if responses > 0 {
            add(Some(&self.unsent), responses as u64);
        }
    }
}

impl Totals {
    /// A tally for one more thread.
    pub fn tally(&self, transport: Transport) -> Arc<Tally> {
        let tally = Arc::new(Tally::default());
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.push((transport, Arc::clone(&tally)));
        tally
    }

    /// The counts of TCP connections.
    pub fn connections(&self) -> Arc<Connections> {
        Arc::clone(&self.connections)
    }

    /// What each thread counted by pool and preference, for whichever topology.
    pub fn queries(&self) -> Vec<Arc<Queries>> {
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.iter().filter_map(|(_, tally)| tally.queries.load_full()).collect()
    }

    /// The sums of all threads of `transport`.
    pub fn sums(&self, transport: Transport) -> Sums {
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sums = Sums::default();
        for (_, tally) in tallies.iter().filter(|(of, _)| *of == transport) {
            let Tally { kinds, rcodes, panics, unsent, over_limit, queries: _ } = &**tally;
            for (sum, count) in sums.kinds.iter_mut().zip(kinds) {
                *sum += count.load(Ordering::Relaxed);
            }
            for (sum, count) in sums.rcodes.iter_mut().zip(rcodes) {
                *sum += count.load(Ordering::Relaxed);
            }
            for (sum, count) in sums.over_limit.iter_mut().zip(over_limit) {
                *sum += count.load(Ordering::Relaxed);
            }
            sums.panics += panics.load(Ordering::Relaxed);
            sums.unsent += unsent.load(Ordering::Relaxed);
        }
        sums
    }
}

/// A single writer needs no read-modify-write instruction.
fn add(count: Option<&AtomicU64>, more: u64) {
    if let Some(count) = count {
        count.store(count.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }
}
