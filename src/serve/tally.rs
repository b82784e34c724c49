//! Counts of what was answered: each thread writes its own and readers add them up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::answer::{Answer, Kind, Transport};
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
}

/// The tallies of all threads, by transport.
#[derive(Clone, Debug, Default)]
pub struct Totals(Arc<Mutex<Vec<Counted>>>);

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

impl Tally {
    /// Counts one answer.
    pub fn count(&self, answer: &Answer) {
        add(self.kinds.get(answer.kind as usize), 1);
        if answer.len > 0 {
            let index = Rcode::ALL.iter().position(|&rcode| rcode == answer.rcode);
            add(index.and_then(|index| self.rcodes.get(index)), 1);
        }
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
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tallies.push((transport, Arc::clone(&tally)));
        tally
    }

    /// The sums of all threads of `transport`.
    pub fn sums(&self, transport: Transport) -> Sums {
        let tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sums = Sums::default();
        for (_, tally) in tallies.iter().filter(|(of, _)| *of == transport) {
            let Tally { kinds, rcodes, panics, unsent, over_limit } = &**tally;
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
