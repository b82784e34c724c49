//! Writes health to disk on a thread of its own, so that a slow disk never delays a transition.
//! Only the newest state counts: what has not been begun when a newer one comes is skipped.

use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use crate::route::Saved;
use crate::store::Store;

/// The thread that writes.
#[derive(Debug)]
pub(super) struct Saver {
    states: mpsc::Sender<Saved>,
    thread: JoinHandle<()>,
}

impl Saver {
    pub(super) fn spawn(store: Store) -> std::io::Result<Self> {
        let (states, received) = mpsc::channel();
        let thread =
            thread::Builder::new().name("store".into()).spawn(move || run(&store, &received))?;
        Ok(Self { states, thread })
    }

    pub(super) fn save(&self, state: Saved) {
        // The thread ends only when this is dropped.
        let _ = self.states.send(state);
    }

    /// Waits until the last state is on disk.
    pub(super) fn finish(self) {
        drop(self.states);
        if self.thread.join().is_err() {
            tracing::error!("the thread that saves health had panicked");
        }
    }
}

fn run(store: &Store, states: &mpsc::Receiver<Saved>) {
    let mut failing = false;
    while let Ok(state) = states.recv() {
        let newest = states.try_iter().last().unwrap_or(state);
        match store.save(&newest) {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                failing = true;
                tracing::error!(%error, "can't save health, so a restart would lose it: {error}");
            }
            Err(_) => {}
        }
    }
}
