//! The single writer: every probe result, reload and deadline is an event to one task, which turns
//! it into the next generation and publishes that with one atomic swap.
//!
//! Probes come from [`crate::probe`], decisions from [`crate::route::Director`], files from
//! [`load`] on a thread of its own. What fails to load leaves the current generation serving and is
//! told in the log, in `status` and to whoever asked. Overrides take their way through [`orders`].
//! That files changed is told by `watch`, which in turn is told what each load has looked at.
//! This task never waits for a disk.

mod databases;
mod handle;
mod listening;
pub mod load;
pub mod orders;
pub mod plan;
mod queries;
mod quiet;
mod release;
mod reload;
mod saver;
mod secrets;
mod stamp;
pub mod status;
mod watch;

use std::collections::BTreeMap;
use std::mem;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

use crate::answer::{Generation, Snapshot};
use crate::clock::Clock;
use crate::config::Environment;
use crate::probe::{Driver, Observed, Prober};
use crate::route::{
    Director, Effects, Eligibility, Event, Keeping, KeepingChange, Overrides, Saved, Transition,
};
use crate::serve::{Shared, Transports};
use crate::store::{Store, StoreError};
use crate::time::{Monotonic, Now};

pub use handle::{Handle, Stopped, Unordered, Unreleased};
pub use listening::wanted;
pub use load::{Loaded, Occasion, Report};
pub use orders::{Order, OrderError, Ordered};
pub use plan::Plan;
pub use release::{ReleaseError, Released};
pub use reload::ReloadReport;
pub use status::Status;

use handle::Command;
use orders::Orders;
use queries::Learning;
use quiet::Change;
use reload::{Gate, Read, Reloads};
use saver::Saver;
use secrets::OwnSecrets;
use status::{LoadStatus, TransitionCount};
use watch::Watcher;

/// The control task's state.
pub struct Control {
    path: PathBuf,
    environment: Environment,
    clock: Clock,
    started: Now,
    loaded: Arc<Loaded>,
    director: Director,
    driver: Driver,
    saver: Option<Saver>,
    /// Why health and overrides are not restored, or not saved; `None`: they are.
    fault: Option<String>,
    orders: Orders,
    secrets: OwnSecrets,
    /// When health is saved; `None`: it is.
    save: Option<Monotonic>,
    /// When it is looked at whether the disk refused that.
    verify: Option<Monotonic>,
    shared: Shared,
    published: Now,
    /// Generations that a worker may still hold; freed here, never on a worker's time.
    retired: Vec<Arc<Snapshot>>,
    /// When those are looked at; `None`: there are none.
    sweep: Option<Monotonic>,
    wake: Option<Monotonic>,
    /// When databases that nobody seems to update are told again.
    remind: Monotonic,
    transitions: BTreeMap<(String, String), TransitionCount>,
    load: LoadStatus,
    ready: tokio::sync::watch::Sender<bool>,
    watcher: Watcher,
    inbox: Inbox,
    reloads: Reloads,
    learning: Learning,
    /// What serves; `None`: nothing does yet.
    transports: Option<Arc<Mutex<Transports>>>,
}

/// Where events come from.
struct Inbox {
    observed: mpsc::Receiver<Observed>,
    commands: mpsc::Receiver<Command>,
    loads: mpsc::Receiver<Read>,
    loaded: mpsc::Sender<Read>,
    changes: mpsc::Receiver<Change>,
}

/// Outcomes and commands that may wait for the task.
const QUEUE: usize = 1024;
/// What changes in this long is saved together: the whole state is written, and the loss of an az
/// changes many monitors.
const SAVE_PAUSE: Duration = Duration::from_millis(100);
/// How soon what the disk refused is written again.
const SAVE_AGAIN: Duration = Duration::from_secs(2);
/// How long retired generations wait to be looked at.
const SWEEP: Duration = Duration::from_secs(1);
/// Unless there are more than these: thousands of endpoints can change within that time, each with
/// a generation of its own.
const MOST_RETIRED: usize = 64;

impl Control {
    /// Starts steering by what was `loaded` from `path`, and spawns the task on the current tokio
    /// runtime. Without a store goes the reason.
    pub fn spawn(
        path: PathBuf,
        environment: Environment,
        mut loaded: Loaded,
        store: Result<Store, String>,
        prober: Prober,
        clock: Clock,
    ) -> std::io::Result<Handle> {
        let now = clock.now();
        let (restored, saver) = match store {
            Ok(store) => {
                let restored = Restored::of(&store);
                let saver = Saver::spawn(store, restored.overrides.clone())?;
                (restored, Some(saver))
            }
            Err(reason) => (Restored { fault: Some(reason), ..Restored::default() }, None),
        };
        let Restored { saved, overrides, orders, fault } = restored;
        let seed = now.wall.since_epoch().as_nanos() as u64;
        let wait = loaded.settings().startup_wait;
        let (director, effects) =
            Director::start(loaded.routing.clone(), &saved, overrides, seed, wait, now);
        let secrets = OwnSecrets::new(now)?;
        let snapshot = loaded.snapshot(Generation(1), director.routes());
        let snapshot = secrets.complete(&loaded, snapshot);
        let shared: Shared = Arc::new(ArcSwap::from_pointee(snapshot));
        let (observe, observed) = mpsc::channel(QUEUE);
        let (command, commands) = mpsc::channel(QUEUE);
        let (load_sender, loads) = mpsc::channel(1);
        let (ready, is_ready) = tokio::sync::watch::channel(false);
        let handle = Handle::new(shared.clone(), command, is_ready);
        // The report keeps the text of every file.
        let report = mem::take(&mut loaded.report);
        let load = LoadStatus::first(&report, now.wall);
        let (change, changes) = mpsc::channel(1);
        let watcher = Watcher::spawn(clock, change)?;
        let mut control = Self {
            path,
            environment,
            clock,
            started: now,
            loaded: Arc::new(loaded),
            director,
            driver: Driver::spawn(prober, clock, observe),
            saver,
            fault,
            orders,
            secrets,
            save: None,
            verify: None,
            shared,
            published: now,
            retired: vec![],
            sweep: None,
            wake: None,
            remind: now.mono,
            transitions: BTreeMap::new(),
            load,
            ready,
            watcher,
            inbox: Inbox { observed, commands, loads, loaded: load_sender, changes },
            reloads: Reloads::default(),
            learning: Learning::new(now),
            transports: None,
        };
        control.watch(*report.survey);
        control.driver.replace(effects.epoch, control.loaded.probes.clone());
        // The first generation has the routes already.
        control.carry_out(Effects { routes: None, ..effects }, now);
        control.tell_ages(now);
        tokio::spawn(control.run());
        Ok(handle)
    }

    async fn run(mut self) {
        let mut stopped = None;
        while stopped.is_none() {
            let deadline = self.deadline();
            tokio::select! {
                observed = self.inbox.observed.recv() => match observed {
                    Some(observed) => self.observe(observed),
                    None => {
                        tracing::error!("the task that sends probes has ended");
                        return;
                    }
                },
                Some(read) = self.inbox.loads.recv() => self.replace(read),
                result = self.orders.written() => self.written(result),
                // While none may begin a change waits.
                Some(change) = self.inbox.changes.recv(), if matches!(self.reloads.gate, Gate::Open) => {
                    self.reload_changed(change);
                }
                command = self.inbox.commands.recv() => match command {
                    Some(Command::Status(reply)) => {
                        self.learn_queries(self.clock.now());
                        let _ = reply.send(self.status());
                    }
                    Some(Command::Reload(asked, reply)) => self.reload(asked, reply),
                    Some(Command::Plan(reply)) => self.plan(reply),
                    Some(Command::HoldLoads(reply)) => {
                        self.reloads.gate = Gate::Held(Some(reply));
                        self.begin_next();
                    }
                    Some(Command::ResumeLoads) => {
                        self.reloads.gate = Gate::Open;
                        self.begin_next();
                    }
                    Some(Command::EndLoads) => self.end_loads(),
                    Some(Command::Order(task)) => self.order(task),
                    Some(Command::Serve(transports)) => self.serve(transports),
                    Some(Command::Release(reply)) => self.release(reply),
                    Some(Command::Adopt(store)) => self.adopt(store),
                    Some(Command::Stop(reply)) => stopped = Some(Some(reply)),
                    None => stopped = Some(None),
                },
                () = sleep_until(deadline.into()) => self.tick(),
            }
        }
        let now = self.clock.now();
        if let Some(saver) = self.saver.take() {
            saver.finish(self.director.saved(now)).await;
        }
        if let Some(Some(reply)) = stopped {
            let _ = reply.send(());
        }
    }

    /// Has the state written for the last time, aside: a disk may take long.
    fn release(&mut self, reply: oneshot::Sender<()>) {
        let saver = self.saver.take();
        let state = self.director.saved(self.clock.now());
        tokio::spawn(async move {
            if let Some(saver) = saver {
                saver.finish(state).await;
            }
            let _ = reply.send(());
        });
    }

    fn adopt(&mut self, store: Store) {
        match Saver::spawn(store, self.director.overrides().clone()) {
            Ok(saver) => {
                self.saver = Some(saver);
                self.save = Some(self.clock.now().mono);
            }
            Err(error) => {
                let fault = format!("health and overrides are not saved any more: {error}");
                tracing::error!(%error, "{fault}");
                self.fault = Some(fault);
            }
        }
    }

    /// When to look up although nothing came.
    fn deadline(&self) -> std::time::Instant {
        let idle = self.remind.min(self.secrets.renewal).min(self.clock.now().mono + IDLE);
        let deadlines = [self.wake, self.sweep, self.save, self.verify, self.next_learning()];
        let deadlines = deadlines.into_iter().flatten();
        self.clock.instant(deadlines.fold(idle, Monotonic::min))
    }

    fn observe(&mut self, observed: Observed) {
        let Observed { epoch, outcome } = observed;
        self.apply(Event::Outcome { epoch, outcome });
    }

    fn tick(&mut self) {
        let now = self.clock.now();
        let is_due = |at: Option<Monotonic>| at.is_some_and(|at| at <= now.mono);
        if is_due(self.sweep) {
            self.free_retired();
            self.sweep = (!self.retired.is_empty()).then_some(now.mono + SWEEP);
        }
        if is_due(self.verify) {
            self.verify = None;
            if self.saver.as_ref().is_some_and(|saver| saver.fault().is_some()) {
                self.save.get_or_insert(now.mono);
            }
        }
        if is_due(self.save) {
            let saver = self.saver.as_ref();
            let is_taken = saver.is_none_or(|saver| saver.offer(|| self.director.saved(now)));
            self.save = (!is_taken).then_some(now.mono + SAVE_PAUSE);
            self.verify = Some(now.mono + SAVE_AGAIN);
        }
        if is_due(self.wake) {
            self.apply(Event::Clock);
        }
        if is_due(self.next_learning()) {
            self.learn_queries(now);
        }
        if is_due(Some(self.remind)) {
            self.tell_ages(now);
        }
        if is_due(Some(self.secrets.renewal)) {
            self.renew_secrets(now);
        }
    }

    /// A line for each database that nobody seems to update.
    fn tell_ages(&mut self, now: Now) {
        self.remind = now.mono + REMINDER;
        for line in self.loaded.aged_databases(now.wall) {
            tracing::warn!("{line}");
        }
    }

    fn apply(&mut self, event: Event) {
        let now = self.clock.now();
        let effects = self.director.apply(event, now);
        self.carry_out(effects, now);
    }

    fn carry_out(&mut self, effects: Effects, now: Now) {
        let Effects {
            epoch: _,
            probes,
            routes,
            transitions,
            awaiting,
            kept,
            overrides,
            broken,
            guard,
            wake,
            save,
            ready,
        } = effects;
        self.wake = wake;
        if let Some(routes) = routes {
            let current = self.shared.load();
            let next = Snapshot { routes, generation: current.generation, ..(**current).clone() };
            drop(current);
            self.publish(next, now);
        }
        for transition in &transitions {
            self.tell(transition);
        }
        for az in &awaiting {
            tracing::warn!("{az} is up and awaits its release: meridian release {az}");
        }
        for limit in &broken {
            tracing::warn!("{limit}: displaced clients find no room elsewhere");
        }
        for Keeping { target, change } in &kept {
            match change {
                KeepingChange::Kept(why) => {
                    tracing::warn!("{target} is kept in service by safety rules: {why}");
                }
                KeepingChange::Eligible => {
                    tracing::info!("{target} is kept no more: it is eligible")
                }
                KeepingChange::LetGo => tracing::info!("{target} is kept no more"),
            }
        }
        self.note(&overrides, now);
        for change in &guard {
            if change.is_disproof() {
                tracing::info!("{change}");
            } else {
                tracing::warn!("{change}");
            }
        }
        if save {
            self.save.get_or_insert(now.mono + SAVE_PAUSE);
        }
        self.driver.schedule(probes.into_iter().map(|probe| (probe.monitor, probe.at)));
        if ready {
            self.ready.send_replace(true);
        }
    }

    /// Makes `snapshot` the next generation.
    fn publish(&mut self, snapshot: Snapshot, now: Now) {
        let mut snapshot = self.secrets.complete(&self.loaded, snapshot);
        snapshot.generation = Generation(snapshot.generation.0 + 1);
        let before = self.shared.swap(Arc::new(snapshot));
        self.retired.push(before);
        if self.retired.len() > MOST_RETIRED {
            self.free_retired();
        }
        self.sweep.get_or_insert(now.mono + SWEEP);
        self.published = now;
    }

    /// Frees the generations that no worker holds any more.
    fn free_retired(&mut self) {
        self.retired.retain(|snapshot| Arc::strong_count(snapshot) > 1);
    }

    /// One line for each transition: which az, why, and how long it took.
    fn tell(&mut self, transition: &Transition) {
        let Transition { pool_name, az_name, to, .. } = transition;
        let generation = self.shared.load().generation.0;
        let key = (pool_name.clone(), az_name.clone());
        let count = self
            .transitions
            .entry(key)
            .or_insert_with(|| TransitionCount::none(pool_name.clone(), az_name.clone()));
        match to {
            Eligibility::Eligible => {
                count.eligible += 1;
                tracing::info!(
                    pool = pool_name,
                    az = az_name,
                    generation,
                    "{az_name} is back in {pool_name}: {transition}, generation {generation}"
                );
            }
            Eligibility::NotEligible => {
                count.not_eligible += 1;
                tracing::warn!(
                    pool = pool_name,
                    az = az_name,
                    generation,
                    "{az_name} is out of {pool_name}: {transition}, generation {generation}"
                );
            }
        }
    }

    /// The counts of every az of every pool, those that never changed too.
    fn transition_counts(&self) -> Vec<TransitionCount> {
        let topology = &self.loaded.routing.topology;
        let azs = topology.pools.values().flat_map(|pool| {
            pool.azs.iter().map(|az| (pool.name.clone(), topology.azs[az.az].name.clone()))
        });
        let counts = azs.map(|key| match self.transitions.get(&key) {
            Some(count) => count.clone(),
            None => TransitionCount::none(key.0, key.1),
        });
        counts.collect()
    }

    fn status(&self) -> Status {
        let now = self.clock.now();
        Status {
            version: env!("CARGO_PKG_VERSION").into(),
            started_at: self.started.wall,
            now: now.wall,
            generation: self.shared.load().generation.0,
            published_at: self.published.wall,
            queries_since: self.queries_since(),
            state: self.fault.clone().or_else(|| self.saver.as_ref()?.fault()),
            health: self.director.status(now),
            overrides: self.director.overrides().iter().cloned().collect(),
            transitions: self.transition_counts(),
            zones: self.loaded.zone_status(),
            databases: self.loaded.database_status(now.wall),
            load: self.load.clone(),
        }
    }
}

/// How often databases that nobody seems to update are told.
const REMINDER: Duration = Duration::from_secs(24 * 3600);

/// How often an idle task looks up.
const IDLE: Duration = Duration::from_secs(60);

/// What is known from before the restart.
#[derive(Default)]
struct Restored {
    saved: Saved,
    overrides: Overrides,
    orders: Orders,
    /// What of it is lost, and why.
    fault: Option<String>,
}

impl Restored {
    fn of(store: &Store) -> Self {
        let mut restored = Self::default();
        match store.load() {
            Ok(saved) => restored.saved = saved.unwrap_or_default(),
            Err(error) => {
                let fault =
                    format!("can't read saved health, so every endpoint starts unknown: {error}");
                tracing::warn!(%error, "{fault}");
                restored.fault = Some(fault);
            }
        }
        match store.load_in_force() {
            Ok(overrides) => restored.overrides = overrides.unwrap_or_default(),
            Err(error @ StoreError::Damaged { .. }) => {
                let fault = format!("overrides are forgotten: {error}");
                tracing::error!(%error, "{fault}");
                restored.fault = Some(fault);
            }
            // An order would be written over what is there.
            Err(error @ (StoreError::Failed { .. } | StoreError::Held { .. })) => {
                let fault = format!("overrides are not restored, and none are taken: {error}");
                tracing::error!(%error, "{fault}");
                restored.fault = Some(fault);
                restored.orders = Orders::closed(error.to_string());
            }
        }
        restored
    }
}
