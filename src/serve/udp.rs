//! UDP: one thread for each socket, a batch of datagrams for each system call, one look at the
//! shared snapshot for each batch.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use arc_swap::Cache;

use crate::answer::{Answer, Request, Transport, answer};

use super::datagrams::{BATCH, Batch};
use super::listen::RECEIVE_BUFFER;
use super::{Shared, Tally};

/// A running worker.
#[derive(Debug)]
pub struct Worker {
    stop: Arc<AtomicBool>,
    beats: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Worker {
    /// Starts a worker on `socket`. `seen` gets each datagram with its answer, after the response
    /// was written and before it is sent: what a proof records; `|_, _| ()` costs nothing.
    pub fn spawn(
        socket: UdpSocket,
        shared: Shared,
        tally: Arc<Tally>,
        seen: impl FnMut(&[u8], &Answer) + Send + 'static,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let beats = Arc::new(AtomicU64::new(0));
        let thread = thread::Builder::new().name("udp".into()).spawn({
            let (stop, beats) = (stop.clone(), beats.clone());
            move || run(&socket, &shared, &tally, &stop, &beats, seen)
        })?;
        Ok(Self { stop, beats, thread })
    }

    /// Counts rounds: one for each batch and at least one a second. A worker whose beats stand still
    /// is stuck.
    pub fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    /// Has the worker end once it has answered what has arrived; within a second if nobody asks,
    /// and however much more is asked.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    /// Waits for a worker that was told to stop.
    pub fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("a UDP worker had panicked");
        }
    }
}

fn run(
    socket: &UdpSocket,
    shared: &Shared,
    tally: &Tally,
    stop: &AtomicBool,
    beats: &AtomicU64,
    mut seen: impl FnMut(&[u8], &Answer),
) {
    let mut batch = Batch::new();
    let mut cache = Cache::new(&**shared);
    let mut failing = false;
    let mut last_rounds = LAST_ROUNDS;
    loop {
        beats.fetch_add(1, Ordering::Relaxed);
        let received = match batch.receive(socket.as_fd()) {
            Ok(received) => {
                failing = false;
                received
            }
            Err(error) => {
                if !is_lull(&error) {
                    if std::mem::replace(&mut failing, true) {
                        thread::park_timeout(BACK_OFF);
                    } else {
                        tracing::error!(%error, "can't receive on a UDP socket: {error}");
                    }
                }
                0
            }
        };
        // An idle worker too must let go of an old snapshot.
        let snapshot = cache.load();
        batch.answer(received, |message, peer, out| {
            let request = Request { message, peer, transport: Transport::Udp };
            let answered = catch_unwind(AssertUnwindSafe(|| answer(snapshot, &request, out)));
            let Ok(answer) = answered else {
                tally.count_panic();
                return 0;
            };
            tally.count(&answer);
            seen(message, &answer);
            answer.len
        });
        tally.count_unsent(batch.send(socket.as_fd()));
        if stop.load(Ordering::Acquire) {
            last_rounds -= 1;
            // A batch that is not full has emptied the queue.
            if received < BATCH || last_rounds == 0 {
                return;
            }
        }
    }
}

/// How many batches a worker that was told to stop still answers: at least the datagrams that a
/// full receive buffer holds, of which each takes 768 octets or more of twice [`RECEIVE_BUFFER`].
const LAST_ROUNDS: usize = 2 * RECEIVE_BUFFER / 768 / BATCH + 1;

/// Between attempts to receive on a socket that goes on failing.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Nobody asked for a while, or a signal came.
fn is_lull(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
