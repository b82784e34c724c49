//! Sends each probe at its time and passes on what it found.
//!
//! When a probe is due is decided elsewhere, from the outcomes; this task only waits. It holds at
//! most one due time a monitor, and never probes a monitor while its last probe is under way.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{future, mem};

use tokio::sync::mpsc;
use tokio::task::{self, AbortHandle, JoinError, JoinSet};
use tokio::time;

use super::{Prober, Probes};
use crate::clock::Clock;
use crate::health::{Cause, MonitorId, Outcome, Verdict};
use crate::id::IdVec;
use crate::time::Monotonic;

/// The task that sends probes. It ends, and its probes with it, when this is dropped.
#[derive(Debug)]
pub struct Driver {
    commands: mpsc::UnboundedSender<Command>,
}

/// An outcome, and the topology whose ids it speaks in.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// As given to [`Driver::replace`].
    pub epoch: u64,
    /// What the probe found.
    pub outcome: Outcome,
}

impl Driver {
    /// Starts the task, with nothing to probe, on the current tokio runtime.
    pub fn spawn(prober: Prober, clock: Clock, outcomes: mpsc::Sender<Observed>) -> Self {
        let (commands, received) = mpsc::unbounded_channel();
        tokio::spawn(Schedule::new(prober, clock, outcomes).run(received));
        Self { commands }
    }

    /// Takes the probes of another topology, or newly read authorities for the same one. A monitor
    /// that is in both, by its spec, keeps its due time and its probe under way, which is then
    /// reported in the new topology's ids; of all others nothing more is heard. What was reported
    /// before bears its own epoch.
    pub fn replace(&self, epoch: u64, probes: Probes) {
        self.send(Command::Replace(epoch, probes));
    }

    /// Probes each monitor at its time; at once, if that has passed. A later call for the same
    /// monitor counts; one for a monitor whose probe is under way doesn't, as its outcome is yet to
    /// tell when the next is due.
    pub fn schedule(&self, due: impl IntoIterator<Item = (MonitorId, Monotonic)>) {
        self.send(Command::Schedule(due.into_iter().collect()));
    }

    fn send(&self, command: Command) {
        // The task ends before this does only if nobody receives outcomes any more.
        let _ = self.commands.send(command);
    }
}

enum Command {
    Replace(u64, Probes),
    Schedule(Vec<(MonitorId, Monotonic)>),
}

struct Schedule {
    prober: Prober,
    clock: Clock,
    outcomes: mpsc::Sender<Observed>,
    epoch: u64,
    probes: Probes,
    slots: IdVec<MonitorId, Slot>,
    /// Every [`Slot::Due`], soonest first.
    queue: BTreeSet<(Monotonic, MonitorId)>,
    running: JoinSet<Outcome>,
    /// Every [`Slot::UnderWay`], by its task.
    under_way: HashMap<task::Id, (MonitorId, AbortHandle)>,
}

/// What is to come of one monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Idle,
    Due(Monotonic),
    UnderWay,
}

impl Schedule {
    fn new(prober: Prober, clock: Clock, outcomes: mpsc::Sender<Observed>) -> Self {
        Self {
            prober,
            clock,
            outcomes,
            epoch: 0,
            probes: Probes::default(),
            slots: IdVec::new(),
            queue: BTreeSet::new(),
            running: JoinSet::new(),
            under_way: HashMap::new(),
        }
    }

    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        loop {
            self.launch();
            let next = self.queue.first().map(|&(at, _)| self.clock.instant(at));
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Replace(epoch, probes)) => self.replace(epoch, probes),
                    Some(Command::Schedule(due)) => self.schedule(due),
                    None => return,
                },
                Some(ended) = self.running.join_next_with_id() => {
                    if let Some(observed) = self.land(ended)
                        && self.outcomes.send(observed).await.is_err()
                    {
                        return;
                    }
                }
                () = reached(next) => {}
            }
        }
    }

    fn replace(&mut self, epoch: u64, probes: Probes) {
        let old = mem::replace(&mut self.probes, probes);
        let carried = |monitor| self.probes.find(&old.get(monitor)?.spec);
        self.epoch = epoch;
        self.slots = self.probes.monitors().map(|_| Slot::Idle).collect();
        let queue = mem::take(&mut self.queue).into_iter();
        self.queue = queue.filter_map(|(at, monitor)| Some((at, carried(monitor)?))).collect();
        for &(at, monitor) in &self.queue {
            self.slots[monitor] = Slot::Due(at);
        }
        for (task, (monitor, probe)) in mem::take(&mut self.under_way) {
            if let Some(monitor) = carried(monitor) {
                self.slots[monitor] = Slot::UnderWay;
                self.under_way.insert(task, (monitor, probe));
            } else {
                probe.abort();
            }
        }
    }

    fn schedule(&mut self, due: Vec<(MonitorId, Monotonic)>) {
        for (monitor, at) in due {
            let Some(slot) = self.slots.get(monitor) else { continue };
            match *slot {
                Slot::UnderWay => continue,
                Slot::Due(earlier) => {
                    self.queue.remove(&(earlier, monitor));
                }
                Slot::Idle => {}
            }
            self.slots[monitor] = Slot::Due(at);
            self.queue.insert((at, monitor));
        }
    }

    /// Starts the probes whose time has come.
    fn launch(&mut self) {
        let now = self.clock.now().mono;
        while let Some(&(at, monitor)) = self.queue.first()
            && at <= now
        {
            self.queue.pop_first();
            self.slots[monitor] = Slot::UnderWay;
            let probe =
                Arc::clone(self.probes.get(monitor).expect("slots and probes are parallel"));
            let prober = self.prober.clone();
            let task = self.running.spawn(async move { prober.probe(monitor, &probe).await });
            self.under_way.insert(task.id(), (monitor, task));
        }
    }

    /// What a task that ended has to say, in the current topology's ids; nothing, if its monitor is
    /// gone.
    fn land(&mut self, ended: Result<(task::Id, Outcome), JoinError>) -> Option<Observed> {
        let task = match &ended {
            Ok((task, _)) => *task,
            Err(error) => error.id(),
        };
        let (monitor, _) = self.under_way.remove(&task)?;
        self.slots[monitor] = Slot::Idle;
        let outcome = match ended {
            Ok((_, outcome)) => Outcome { monitor, ..outcome },
            Err(error) => Outcome {
                monitor,
                duration: Duration::ZERO,
                verdict: Verdict::NotProbed(Cause::Other(error.to_string())),
                load: None,
            },
        };
        Some(Observed { epoch: self.epoch, outcome })
    }
}

async fn reached(instant: Option<Instant>) {
    match instant {
        Some(instant) => time::sleep_until(instant.into()).await,
        None => future::pending().await,
    }
}
