//! Files that take effect: who asked for a load or saw a change, which load is under way, and what
//! comes of what it read.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::config::Survey;
use crate::diag::{Record, Style};
use crate::route::Event;
use crate::time::Now;

use super::Control;
use super::load::{self, Loaded, Occasion, Report};
use super::queries::Learning;
use super::quiet::{Change, Summary};
use super::status::LoadStatus;

/// What came of a reload.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct ReloadReport {
    /// Whether everything in the files took effect.
    pub clean: bool,
    /// The generation that the reload led to, or the one that it left serving.
    pub generation: u64,
    /// Every fault, rendered for people; empty for none.
    pub faults: String,
    /// Every fault, for programs.
    pub diagnostics: Vec<Record>,
}

/// What came of reading the files; `None`: that failed, by no fault of theirs.
pub(super) type Read = Option<Result<Loaded, Report>>;

/// Who waits for which reload.
#[derive(Default)]
pub(super) struct Reloads {
    /// The one under way.
    running: Option<Running>,
    /// For the one after it: they asked after its files were read.
    next: Vec<oneshot::Sender<ReloadReport>>,
    /// Whether any of those confirmed what moves clients.
    next_is: Asked,
    pub(super) gate: Gate,
}

/// How a reload was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Asked {
    /// What moves more clients than it may is refused.
    #[default]
    Unconfirmed,
    /// It is taken.
    Confirmed,
}

/// Whether loads may begin.
#[derive(Default)]
pub(super) enum Gate {
    #[default]
    Open,
    /// Not now; who waits for the one under way to end.
    Held(Option<oneshot::Sender<LoadStatus>>),
    /// Not any more.
    Shut,
}

/// A reload under way.
#[derive(Default)]
struct Running {
    /// Who waits for it.
    waiting: Vec<oneshot::Sender<ReloadReport>>,
    /// What was seen to change; `None`: somebody asked.
    change: Option<Summary>,
}

impl Control {
    /// Begins to read all files, on a thread of its own, or lines up behind the reading under way.
    pub(super) fn reload(&mut self, asked: Asked, reply: oneshot::Sender<ReloadReport>) {
        self.reloads.next.push(reply);
        self.reloads.next_is = self.reloads.next_is.max(asked);
        self.begin_next();
    }

    /// Begins what was asked for, once nothing is under way and if it may.
    pub(super) fn begin_next(&mut self) {
        if self.reloads.running.is_some() {
            return;
        }
        match &mut self.reloads.gate {
            Gate::Open if self.reloads.next.is_empty() => {}
            Gate::Open => {
                let waiting = mem::take(&mut self.reloads.next);
                let occasion = match mem::take(&mut self.reloads.next_is) {
                    Asked::Unconfirmed => Occasion::Asked,
                    Asked::Confirmed => Occasion::Confirmed,
                };
                self.begin_load(waiting, occasion, None);
            }
            Gate::Held(holder) => {
                if let Some(holder) = holder.take() {
                    // Whoever asked may have left.
                    let _ = holder.send(self.load.clone());
                }
            }
            // Who waits learns of it by losing the way to the answer.
            Gate::Shut => self.reloads.next.clear(),
        }
    }

    pub(super) fn end_loads(&mut self) {
        self.reloads.gate = Gate::Shut;
        self.watcher.rest();
        self.begin_next();
    }

    /// Begins to read the files that changed. Of a load under way the watcher hears when it is over,
    /// and then tells what that has left.
    pub(super) fn reload_changed(&mut self, change: Change) {
        if self.reloads.running.is_none() {
            let Change { still, summary } = change;
            self.begin_load(vec![], Occasion::Watched(still), Some(summary));
        }
    }

    pub(super) fn begin_load(
        &mut self,
        waiting: Vec<oneshot::Sender<ReloadReport>>,
        occasion: Occasion,
        change: Option<Summary>,
    ) {
        let (path, environment) = (self.path.clone(), self.environment.clone());
        let (previous, done) = (self.loaded.clone(), self.inbox.loaded.clone());
        self.reloads.running = Some(Running { waiting, change });
        let spawned = std::thread::Builder::new().name("load".into()).spawn(move || {
            let read = || load::load(&path, &environment, Some(&previous), occasion);
            // Control has ended if nobody takes it.
            let _ = done.blocking_send(catch_unwind(AssertUnwindSafe(read)).ok());
        });
        if let Err(error) = spawned {
            tracing::error!(%error, "can't start a thread to load the files: {error}");
            self.replace(None);
        }
    }

    /// What was read takes effect, or is refused.
    pub(super) fn replace(&mut self, read: Read) {
        let now = self.clock.now();
        let Running { waiting, change } = self.reloads.running.take().unwrap_or_default();
        let report = read.map(|result| match result {
            Ok(loaded) => {
                let mut report = self.take(loaded, now);
                self.watch(*mem::take(&mut report.survey));
                report
            }
            Err(mut report) => {
                self.watcher.refused(*mem::take(&mut report.survey));
                report
            }
        });
        let generation = self.shared.load().generation.0;
        let told = match report {
            Some(report) => {
                // Of what is being changed there is nothing to tell: the watcher looks on.
                if !report.is_void {
                    let mut new = self.load.next(&report, now.wall);
                    if change.is_none() {
                        new = self.load.errors.iter().map(|error| error.text.clone()).collect();
                    }
                    self.tell_load(&new, change.as_ref(), generation);
                }
                ReloadReport {
                    clean: report.is_clean(),
                    generation,
                    faults: report.render(Style::Plain),
                    diagnostics: report.records(),
                }
            }
            None => {
                self.load.not_read(NOT_READ, now.wall);
                self.tell_load(&[NOT_READ.into()], change.as_ref(), generation);
                self.watcher.failed();
                let faults = format!("{NOT_READ}\n");
                ReloadReport { clean: false, generation, faults, diagnostics: vec![] }
            }
        };
        for reply in waiting {
            // Whoever asked may have left.
            let _ = reply.send(told.clone());
        }
        self.begin_next();
    }

    /// Has the files watched that a load has looked at, if the settings want it.
    pub(super) fn watch(&self, survey: Survey) {
        if self.loaded.settings().watch {
            self.watcher.loaded(survey);
        } else {
            self.watcher.rest();
        }
    }

    /// The `errors` of a load that nobody knows yet, each in a line, and what it came to.
    pub(super) fn tell_load(&self, errors: &[String], change: Option<&Summary>, generation: u64) {
        for line in errors {
            tracing::error!("{line}");
        }
        let LoadStatus { clean, warnings, errors, .. } = &self.load;
        let why = change.map(|change| format!("{change}; ")).unwrap_or_default();
        if *clean {
            tracing::info!(generation, warnings, "{why}reloaded: generation {generation}");
        } else if errors.is_empty() {
            tracing::info!(
                generation,
                warnings,
                "{why}reloaded but for what is still being changed: generation {generation}"
            );
        } else {
            let errors = errors.len();
            tracing::error!(
                generation,
                errors,
                "{why}what has errors stays as it was; errors: {errors}"
            );
        }
    }

    pub(super) fn take(&mut self, mut loaded: Loaded, now: Now) -> Report {
        for change in loaded.settings().restart_needed(self.loaded.settings()) {
            tracing::warn!("{change} takes effect when the server is restarted");
        }
        let mut report = mem::take(&mut loaded.report);
        report.diagnostics.extend(self.listen(&loaded));
        for note in &report.notes {
            tracing::info!("{note}");
        }
        self.loaded = Arc::new(loaded);
        self.learning = Learning::new(now);
        let mut effects = self.director.apply(Event::Replace(self.loaded.routing.clone()), now);
        self.driver.replace(effects.epoch, self.loaded.probes.clone());
        // Zones and views belong to the new topology: one generation holds all of it.
        let generation = self.shared.load().generation;
        let routes = effects.routes.take().unwrap_or_else(|| self.director.routes());
        self.publish(self.loaded.snapshot(generation, routes), now);
        self.carry_out(effects, now);
        report
    }
}

/// What is told of files that could not be read by no fault of theirs.
const NOT_READ: &str = "the files were not read: a thread for it could not start, or it panicked";
