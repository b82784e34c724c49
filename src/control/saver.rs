//! Writes health to disk on a thread of its own, so that a slow disk never delays a transition.
//! While one state is written one more may wait; who has a newer one then keeps it until later.

use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::route::Saved;
use crate::store::Store;

/// The thread that writes.
#[derive(Debug)]
pub(super) struct Saver {
    states: mpsc::Sender<Saved>,
    ended: oneshot::Receiver<()>,
}

/// How long the end of the server waits for the disk.
const PATIENCE: Duration = Duration::from_secs(5);

impl Saver {
    pub(super) fn spawn(store: Store) -> std::io::Result<Self> {
        let (states, received) = mpsc::channel(1);
        let (end, ended) = oneshot::channel();
        thread::Builder::new().name("store".into()).spawn(move || {
            run(&store, received);
            drop(store);
            // Nobody waits after a disk that took too long.
            let _ = end.send(());
        })?;
        Ok(Self { states, ended })
    }

    /// Has `state` written. Returns whether it was taken: not while another waits to be written.
    pub(super) fn offer(&self, state: impl FnOnce() -> Saved) -> bool {
        let place = self.states.try_reserve();
        place.map(|place| place.send(state())).is_ok()
    }

    /// Has the last state written, and waits until it is on disk.
    pub(super) async fn finish(self, last: Saved) {
        let Self { states, ended } = self;
        let written = async {
            // The thread has panicked if it does not take this.
            let _ = states.send(last).await;
            drop(states);
            ended.await
        };
        match timeout(PATIENCE, written).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::error!("the thread that saves health had panicked"),
            Err(_) => tracing::error!("health is not saved: the disk takes too long"),
        }
    }
}

fn run(store: &Store, mut states: mpsc::Receiver<Saved>) {
    let mut failing = false;
    while let Some(state) = states.blocking_recv() {
        match store.save(&state) {
            Ok(()) => failing = false,
            Err(error) if !failing => {
                failing = true;
                tracing::error!(%error, "can't save health, so a restart would lose it: {error}");
            }
            Err(_) => {}
        }
    }
}
