//! What the director asks its guard: with each result, and when the guard's time has come; and what
//! it shows of it.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::director::{Touched, Trigger};
use super::guard::{family, is_silence};
use super::{Director, Effects, Family, GuardChange, GuardEnd};
use crate::health::{HealthState, Monitor, MonitorId, Outcome, Verdict};
use crate::time::{Monotonic, Now, Wall};

impl Director {
    /// Has the guard hear a result before the monitor does. Whether the monitor's fall waits.
    pub(super) fn listen(&mut self, outcome: &Outcome, now: Now, effects: &mut Effects) -> bool {
        let (id, topology) = (outcome.monitor, Arc::clone(&self.routing.topology));
        let family = family(&topology, id);
        let monitor = &self.watches[id].monitor;
        match is_silence(&outcome.verdict) {
            None => false,
            Some(false) => {
                let was_silent = self.guard.answer(id);
                if topology.references.contains(&id) {
                    let reference = topology.monitors[id].target;
                    self.trust(family, GuardEnd::Reference(reference), now, effects);
                } else if was_silent && !self.is_suspect(family) {
                    self.trust(family, GuardEnd::Answered, now, effects);
                }
                false
            }
            Some(true) if monitor.state() != HealthState::Up => false,
            Some(true) => {
                let falls = monitor.falls_next(&topology.monitors[id].check.thresholds);
                if self.guard.silence(id, family, &self.watches, now.mono) {
                    self.suspect(family, now, effects);
                }
                let (settings, took) = (&topology.guard, outcome.duration);
                falls && self.guard.keeps(id, family, settings, took, now.mono)
            }
        }
    }

    /// Suspects this host's own network, if the silence is incredible.
    fn suspect(&mut self, family: Family, now: Now, effects: &mut Effects) {
        let topology = &self.routing.topology;
        let settings = &topology.guard;
        if settings.hold.is_zero() || self.guard.suspected_since(family).is_some() {
            return;
        }
        let found = self.guard.incredible(family, settings, &self.watches, now.mono);
        let Some((silent, of)) = found else { return };
        let silent = silent.into_iter().map(|az| topology.azs[az].name.clone()).collect();
        effects.guard.push(GuardChange::Began { family, silent, of, hold: settings.hold });
        self.guard.begin(family, now.mono);
    }

    /// Whether as many azs as made a suspicion are silent still.
    fn is_suspect(&self, family: Family) -> bool {
        let Some(began) = self.guard.suspected_since(family) else { return false };
        let settings = &self.routing.topology.guard;
        self.guard.incredible(family, settings, &self.watches, began).is_some()
    }

    /// Ends a suspicion.
    fn trust(&mut self, family: Family, why: GuardEnd, now: Now, effects: &mut Effects) {
        let Some(began) = self.guard.suspected_since(family) else { return };
        self.guard.end(family, began, why, now.mono);
        let after = now.mono.saturating_since(began);
        effects.guard.push(GuardChange::Ended { family, why, after });
    }

    /// Ends the suspicions whose time is over, and has what waited for as long as it may go down.
    pub(super) fn relieve(&mut self, now: Now, touched: &mut Touched, effects: &mut Effects) {
        let topology = Arc::clone(&self.routing.topology);
        let hold = topology.guard.hold;
        for family in [Family::V4, Family::V6] {
            let began = self.guard.suspected_since(family);
            if began.is_some_and(|began| began + hold <= now.mono) {
                self.trust(family, GuardEnd::Held, now, effects);
            }
        }
        while let Some(id) = self.guard.pop_overdue(&topology.guard, now.mono) {
            let thresholds = &topology.monitors[id].check.thresholds;
            let Some(cause) = self.watches[id].monitor.stop_waiting(thresholds, now) else {
                continue;
            };
            effects.save = true;
            let verdict = Verdict::Failure(cause);
            self.reassess_dependents(id, Trigger::Result(id, &verdict), now, touched, effects);
        }
    }

    /// Until when the removal of what a monitor says is silent waits at most.
    pub(super) fn kept_until(&self, id: MonitorId, now: Now) -> Option<Wall> {
        let since = self.guard.waits_since(id)?;
        Some(now.wall_at(since + self.routing.topology.guard.hold))
    }

    pub(super) fn guard_status(&self, now: Now) -> GuardStatus {
        let topology = &self.routing.topology;
        let suspicion = |family| {
            let began: Monotonic = self.guard.suspected_since(family)?;
            let found = self.guard.incredible(family, &topology.guard, &self.watches, began);
            let (silent, _) = found.unwrap_or_default();
            Some(SuspicionStatus {
                family,
                since: now.wall_at(began),
                until: now.wall_at(began + topology.guard.hold),
                silent: silent.into_iter().map(|az| topology.azs[az].name.clone()).collect(),
            })
        };
        let references = topology.references.iter().map(|&id| {
            let answers = answers(&self.watches[id].monitor);
            ReferenceStatus { address: topology.monitors[id].target, answers }
        });
        GuardStatus {
            suspicions: [Family::V4, Family::V6].into_iter().filter_map(suspicion).collect(),
            references: references.collect(),
        }
    }
}

/// What the guard does, and what it goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardStatus {
    /// The families in which this host suspects its own network.
    pub suspicions: Vec<SuspicionStatus>,
    /// In the order of the file.
    pub references: Vec<ReferenceStatus>,
}

/// This host suspects its own network in an address family: what is silent there stays in service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspicionStatus {
    /// The family.
    pub family: Family,
    /// When it began.
    pub since: Wall,
    /// When it ends at the latest.
    pub until: Wall,
    /// The azs that are silent, by name.
    pub silent: Vec<String>,
}

/// A reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceStatus {
    /// Where it is probed.
    pub address: SocketAddr,
    /// Whether it answered the last time, and be it by a refusal; `None` where it was not probed.
    pub answers: Option<bool>,
}

fn answers(monitor: &Monitor) -> Option<bool> {
    match (monitor.not_probed(), monitor.state(), monitor.last_failure()) {
        (Some(_), _, _) | (None, HealthState::Unknown, _) => None,
        (None, HealthState::Down, Some(failure)) => Some(!failure.cause.is_silence()),
        (None, HealthState::Up | HealthState::Unfit | HealthState::Down, _) => Some(true),
    }
}
