//! Looks at the files again and again, and tells control when some of them are to be read.
//!
//! On a thread of its own, which asks for the status of every path that the last load looked at, and
//! of what lies in the zones' directory. That finds every kind of change alike: a file written in
//! place or renamed over another, a directory replaced, a symbolic link in the way of it led
//! elsewhere, a file on another host. Notices of the kernel would tell sooner but of none of the
//! last three, get lost where many come, and run out. A file whose status changed is read for its
//! [`Fingerprint`]; when it counts is decided by [`Quiet`].

use std::collections::HashMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::clock::{Clock, thread_time};
use crate::config::{self, Fingerprint, PathKind, Still, Survey};
use crate::time::{Monotonic, Wall};

use super::quiet::{Change, Quiet};
use super::stamp::Stamp;

/// The thread that looks.
#[derive(Debug)]
pub(super) struct Watcher {
    orders: mpsc::Sender<Order>,
}

#[derive(Debug)]
enum Order {
    /// Look for what differs from what a load has taken.
    Loaded(Survey),
    /// The same; other files are what they were.
    Refused(Survey),
    /// Look for what differs from what is seen now.
    Failed,
    /// Look no more.
    Rest,
}

/// The least time between two looks.
const PAUSE: Duration = Duration::from_millis(250);
/// Looking may keep a core busy for this part of the time: 1 %.
const LOOKING: u32 = 100;
/// Survey what changed may do so for this part: 10 %.
const READING: u32 = 10;

impl Watcher {
    /// Starts the thread, which tells `changes`, and rests.
    pub(super) fn spawn(
        clock: Clock,
        changes: tokio::sync::mpsc::Sender<Change>,
    ) -> std::io::Result<Self> {
        let (orders, received) = mpsc::channel();
        let mut eye = Eye { clock, quiet: Quiet::default(), looks: HashMap::new() };
        thread::Builder::new().name("watch".into()).spawn(move || {
            let run = || eye.run(&received, &changes);
            if catch_unwind(AssertUnwindSafe(run)).is_err() {
                tracing::error!("the thread that watches the files panicked: reload what changes");
            }
        })?;
        Ok(Self { orders })
    }

    /// Has everything watched that a load has looked at, which was put to use.
    pub(super) fn loaded(&self, survey: Survey) {
        self.order(Order::Loaded(survey));
    }

    /// Has watched, beside what was before, what a load has looked at that was refused.
    pub(super) fn refused(&self, survey: Survey) {
        self.order(Order::Refused(survey));
    }

    /// A load came to nothing by no fault of the files: what they are now is waited for to change.
    pub(super) fn failed(&self) {
        self.order(Order::Failed);
    }

    /// Has nothing watched.
    pub(super) fn rest(&self) {
        self.order(Order::Rest);
    }

    fn order(&self, order: Order) {
        // A thread that has panicked has said so.
        let _ = self.orders.send(order);
    }
}

struct Eye {
    clock: Clock,
    quiet: Quiet,
    looks: HashMap<PathBuf, Look>,
}

/// What was found at a path.
#[derive(Clone, Copy, Debug)]
struct Look {
    /// `None` where it does not tell contents apart: there is no file, or it had just changed.
    stamp: Option<Stamp>,
    fingerprint: Fingerprint,
}

impl Eye {
    fn run(&mut self, orders: &mpsc::Receiver<Order>, changes: &tokio::sync::mpsc::Sender<Change>) {
        // When to look; `None`: not.
        let mut next: Option<Monotonic> = None;
        loop {
            let order = match next {
                None => orders.recv().map_err(RecvTimeoutError::from),
                Some(at) => orders.recv_timeout(at.saturating_since(self.clock.now().mono)),
            };
            match order {
                Ok(Order::Loaded(survey)) => {
                    self.quiet.loaded(survey);
                    next.get_or_insert(self.clock.now().mono + PAUSE);
                }
                Ok(Order::Refused(survey)) => self.quiet.refused(survey),
                Ok(Order::Failed) => self.quiet.failed(),
                Ok(Order::Rest) => {
                    (self.quiet, self.looks) = (Quiet::default(), HashMap::new());
                    next = None;
                }
                Err(RecvTimeoutError::Timeout) => {
                    let (start, busy) = (self.clock.now(), thread_time());
                    let (found, reading) = self.look_around(start.wall);
                    let change = self.quiet.observe(found, start.mono);
                    let looking = thread_time().saturating_sub(busy).saturating_sub(reading);
                    let end = self.clock.now().mono;
                    // A disk that is slow gets as much time without looks as they take.
                    let pause = PAUSE.max(end.saturating_since(start.mono));
                    next = Some(end + pause.max(LOOKING * looking).max(READING * reading));
                    if change.is_some_and(|change| changes.blocking_send(change).is_err()) {
                        return;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// What is found everywhere, and how long it took to read what seemed to have changed.
    fn look_around(&mut self, now: Wall) -> (Still, Duration) {
        let mut reading = Duration::ZERO;
        let mut found = Still::new();
        let mut looks = HashMap::with_capacity(self.looks.len());
        let mut files = vec![];
        for (path, kind) in self.quiet.paths() {
            match kind {
                PathKind::File => files.push(path.to_owned()),
                PathKind::Directory => {
                    let listed = config::list(path);
                    let fingerprint = match &listed {
                        Ok(paths) => Fingerprint::of_names(paths),
                        Err(error) => Fingerprint::Unreadable(error.kind()),
                    };
                    found.insert(path.to_owned(), fingerprint);
                    let listed = listed.unwrap_or_default().into_iter();
                    files.extend(listed.filter(|path| config::is_of_a_zone(path)));
                }
            }
        }
        for path in files {
            if found.contains_key(&path) {
                continue;
            }
            let look = self.look(&path, now, &mut reading);
            found.insert(path.clone(), look.fingerprint);
            looks.insert(path, look);
        }
        self.looks = looks;
        (found, reading)
    }

    /// Looks at a file, and reads it if that takes it. The time of that is added to `reading`.
    fn look(&self, path: &Path, now: Wall, reading: &mut Duration) -> Look {
        let stamp = fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata));
        if let Some(last) = self.looks.get(path)
            && last.stamp == stamp
            && stamp.is_some()
        {
            return *last;
        }
        let busy = thread_time();
        // The stamp is older than what is read: a change between the two is seen by the next look.
        let fingerprint = Fingerprint::of_file(path);
        *reading += thread_time().saturating_sub(busy);
        Look { stamp: stamp.filter(|stamp| stamp.is_settled(now)), fingerprint }
    }
}
