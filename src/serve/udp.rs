//! UDP: a thread for each socket (several where sockets are few), a batch of datagrams for each
//! system call, one look at the shared snapshot for each batch.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use arc_swap::Cache;
use socket2::SockRef;

use crate::answer::{Answer, Request, Transport, answer};
use crate::clock;

use super::datagrams::{BATCH, Batch};
use super::{Limiting, Shared, Tally};

/// A running worker.
#[derive(Debug)]
pub struct Worker {
    order: Arc<AtomicU8>,
    beats: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Worker {
    /// Starts a worker on `socket`. `seen` gets each datagram with its answer, after the response
    /// was written and before it is sent: what a proof records; `|_, _| ()` costs nothing.
    pub fn spawn(
        socket: impl Into<Arc<UdpSocket>>,
        shared: Shared,
        tally: Arc<Tally>,
        seen: impl FnMut(&[u8], &Answer) + Send + 'static,
    ) -> io::Result<Self> {
        Self::spawn_limited(socket, shared, Limiting::default(), tally, seen)
    }

    /// As [`Self::spawn`], with a rate limit.
    pub fn spawn_limited(
        socket: impl Into<Arc<UdpSocket>>,
        shared: Shared,
        limiting: Limiting,
        tally: Arc<Tally>,
        seen: impl FnMut(&[u8], &Answer) + Send + 'static,
    ) -> io::Result<Self> {
        let socket = socket.into();
        let order = Arc::new(AtomicU8::new(SERVE));
        let beats = Arc::new(AtomicU64::new(0));
        let thread = thread::Builder::new().name("udp".into()).spawn({
            let (order, beats) = (order.clone(), beats.clone());
            move || run(&socket, &shared, &limiting, &tally, &order, &beats, seen)
        })?;
        Ok(Self { order, beats, thread })
    }

    /// Counts rounds: one for each batch and at least one a second. A worker whose beats stand still
    /// is stuck.
    pub fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    /// Has the worker end once it has answered what has arrived; within a second if nobody asks,
    /// and however much more is asked.
    pub fn stop(&self) {
        self.order.store(STOP, Ordering::Release);
    }

    /// Has the worker answer on, and look every few milliseconds whether it is to stop: one that is idle
    /// looks once a second, and those that stopped before it would keep their clients waiting. Not for a
    /// socket that another process reads.
    pub(super) fn prepare(&self) {
        self.order.store(PREPARE, Ordering::Release);
    }

    /// Whether it looks that often by now, or has ended.
    pub(super) fn is_prepared(&self) -> bool {
        self.order.load(Ordering::Acquire) != PREPARE || self.has_ended()
    }

    /// Has the worker end once its socket has been quiet for a second: after all that arrived before
    /// the socket was taken out of the kernel's choice.
    pub(super) fn run_dry(&self) {
        self.order.store(RUN_DRY, Ordering::Release);
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.thread.is_finished()
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
    limiting: &Limiting,
    tally: &Tally,
    order: &AtomicU8,
    beats: &AtomicU64,
    mut seen: impl FnMut(&[u8], &Answer),
) {
    let mut batch = Batch::new();
    let (mut cache, mut limits) = (Cache::new(&**shared), Cache::new(&**limiting));
    let mut failing = false;
    let mut last_rounds = last_rounds(socket);
    loop {
        beats.fetch_add(1, Ordering::Relaxed);
        let mut is_quiet = false;
        let received = match batch.receive(socket.as_fd()) {
            Ok(received) => {
                failing = false;
                received
            }
            Err(error) => {
                is_quiet = error.kind() == io::ErrorKind::WouldBlock;
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
        let limited = limits.load().as_deref().map(|limited| (limited, limited.now()));
        let now = clock::wall();
        let queries = tally.queries(snapshot);
        batch.answer(received, |message, peer, out| {
            let request = Request { message, peer, transport: Transport::Udp, now };
            let answered = catch_unwind(AssertUnwindSafe(|| {
                let answer = answer(snapshot, &request, out);
                match limited {
                    None => answer,
                    Some((limited, now)) => {
                        limited.apply(answer, snapshot, &request, out, tally, now)
                    }
                }
            }));
            let Ok(answer) = answered else {
                tally.count_panic();
                return 0;
            };
            tally.count(&answer);
            if let Some(queries) = &queries {
                queries.count(&answer);
            }
            seen(message, &answer);
            answer.len
        });
        tally.count_unsent(batch.send(socket.as_fd()));
        match order.load(Ordering::Acquire) {
            SERVE | PREPARED => {}
            PREPARE => {
                // A socket that refuses goes on waiting for a second at a time.
                let _ = socket.set_read_timeout(Some(ALERT));
                let _ =
                    order.compare_exchange(PREPARE, PREPARED, Ordering::AcqRel, Ordering::Acquire);
            }
            RUN_DRY if is_quiet => return,
            RUN_DRY => {}
            _ => {
                last_rounds -= 1;
                // A batch that is not full has emptied the queue.
                if received < BATCH || last_rounds == 0 {
                    return;
                }
            }
        }
    }
}

/// Serve until told otherwise.
const SERVE: u8 = 0;
/// End when nothing has come for a while.
const RUN_DRY: u8 = 1;
/// End when the queue is empty.
const STOP: u8 = 2;
/// Serve, and be about to stop.
const PREPARE: u8 = 3;
/// Serve, ready to stop.
const PREPARED: u8 = 4;

/// How long a worker that is about to stop waits for a datagram.
const ALERT: Duration = Duration::from_millis(10);

/// How many batches a worker that was told to stop still answers: at least the datagrams that a
/// full receive buffer holds, of which each takes 768 octets of it or more.
fn last_rounds(socket: &UdpSocket) -> usize {
    let buffer = SockRef::from(socket).recv_buffer_size().unwrap_or_default();
    buffer / 768 / BATCH + 1
}

/// Between attempts to receive on a socket that goes on failing.
const BACK_OFF: Duration = Duration::from_millis(50);

/// Nobody asked for a while, or a signal came.
fn is_lull(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
