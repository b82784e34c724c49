//! Writes to disk on a thread of its own, so that a slow disk never delays a transition: health,
//! and overrides with the audit log.
//!
//! While one state of health is written one more may wait; who has a newer one then keeps it until
//! later. Of overrides one change is under way at a time, and whoever asked for it is told when it
//! is on the disk.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::route::{Overrides, Saved};
use crate::store::{Store, StoreError};

use super::orders::Entry;

/// The thread that writes.
#[derive(Debug)]
pub(super) struct Saver {
    work: mpsc::Sender<Work>,
    ended: oneshot::Receiver<()>,
    fault: Fault,
}

/// Why health is not saved, as far as is known; `None`: it is.
type Fault = Arc<ArcSwapOption<String>>;

/// Why something is not on the disk.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotWritten {
    /// The disk refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nobody is there to write.
    #[error("the thread that writes has panicked")]
    Panicked,
}

#[derive(Debug)]
enum Work {
    Health(Saved),
    Overrides {
        in_force: Overrides,
        entries: Vec<Entry>,
        written: oneshot::Sender<Result<(), NotWritten>>,
    },
}

/// A state of health and a change of overrides may wait.
const QUEUE: usize = 2;

/// How long the end of the server waits for the disk.
const PATIENCE: Duration = Duration::from_secs(5);

impl Saver {
    /// With what is in force by now.
    pub(super) fn spawn(store: Store, in_force: Overrides) -> std::io::Result<Self> {
        let (work, received) = mpsc::channel(QUEUE);
        let (end, ended) = oneshot::channel();
        let fault = Fault::default();
        let told = fault.clone();
        thread::Builder::new().name("store".into()).spawn(move || {
            run(&store, in_force, received, &told);
            drop(store);
            // Nobody waits after a disk that took too long.
            let _ = end.send(());
        })?;
        Ok(Self { work, ended, fault })
    }

    /// Why health was not saved the last time; `None`: it was.
    pub(super) fn fault(&self) -> Option<String> {
        self.fault.load().as_deref().cloned()
    }

    /// Has `state` written. Returns whether it was taken: not while another waits to be written.
    pub(super) fn offer(&self, state: impl FnOnce() -> Saved) -> bool {
        if self.work.capacity() < QUEUE {
            return false;
        }
        let place = self.work.try_reserve();
        place.map(|place| place.send(Work::Health(state()))).is_ok()
    }

    /// Has `entries` added to the audit log and `in_force` written, and tells when that is done. One
    /// such change at a time: then there is always a place for it.
    pub(super) fn record(
        &self,
        in_force: Overrides,
        entries: Vec<Entry>,
    ) -> Result<oneshot::Receiver<Result<(), NotWritten>>, NotWritten> {
        let (written, told) = oneshot::channel();
        let work = Work::Overrides { in_force, entries, written };
        self.work.try_send(work).map_err(|_| NotWritten::Panicked)?;
        Ok(told)
    }

    /// Has the last state written, and waits until it is on disk.
    pub(super) async fn finish(self, last: Saved) {
        let Self { work, ended, fault: _ } = self;
        let written = async {
            // The thread has panicked if it does not take this.
            let _ = work.send(Work::Health(last)).await;
            drop(work);
            ended.await
        };
        match timeout(PATIENCE, written).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::error!("the thread that saves health had panicked"),
            Err(_) => tracing::error!("health is not saved: the disk takes too long"),
        }
    }
}

fn run(store: &Store, mut confirmed: Overrides, mut work: mpsc::Receiver<Work>, fault: &Fault) {
    while let Some(work) = work.blocking_recv() {
        match work {
            Work::Health(state) => match save(store, &state, &confirmed) {
                Ok(()) if fault.swap(None).is_none() => {}
                Ok(()) => tracing::info!("health is saved again"),
                Err((what, error)) => {
                    let text = format!("{what}: {error}");
                    if fault.load().is_none() {
                        tracing::error!(%error, "{text}");
                    }
                    fault.store(Some(text.into()));
                }
            },
            Work::Overrides { in_force, entries, written } => {
                let result = store.record(&in_force, &entries).map_err(NotWritten::from);
                if result.is_ok() {
                    confirmed = in_force;
                }
                // Control has ended if nobody takes it.
                let _ = written.send(result);
            }
        }
    }
}

/// Also the overrides, if they are not there any more. An error goes with what can't be done.
fn save(
    store: &Store,
    state: &Saved,
    confirmed: &Overrides,
) -> Result<(), (&'static str, StoreError)> {
    let health = store.save(state);
    health.map_err(|error| ("can't save health, so a restart would lose it", error))?;
    if confirmed.is_empty() {
        return Ok(());
    }
    let kept = store.keep_in_force(confirmed);
    kept.map_err(|error| ("can't save overrides again, so a restart would lose them", error))
}
