//! The guard: is it the azs that fell silent, or this host's own network?
//!
//! When most azs go silent in an address family at nearly the same time, the prober suspects itself
//! in that family, and what would go down by silence waits: until the azs answer again, until a
//! reference answers, or until the hold is over. What proves the way, and be it a refusal, never
//! waits, and neither does the silence of one az.
//!
//! It goes by what the probes hear, and by which monitors are up; what follows for azs is decided
//! elsewhere, from monitors that are then up for longer. `super::guarding` asks it.
//!
//! A proof of the way says nothing of a probe that began before it: when a network comes back, most
//! azs have one under way that is going to fail, and a reference answers before they do. So what is
//! waiting when the way is proven goes down by the next probe, if that fails too.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::pool_health::Watches;
use super::{AzId, Family, Topology};
use crate::health::{Check, CheckKind, HealthState, MonitorId, MonitorSpec, Thresholds, Verdict};
use crate::id::IdVec;
use crate::time::Monotonic;

/// When this host suspects its own network, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GuardSettings {
    /// More than this share of the azs that were up must go silent, and at least two.
    pub share: f64,
    /// Within this time.
    pub window: Duration,
    /// For how long removals wait at most. Zero: nothing ever waits.
    pub hold: Duration,
}

impl Default for GuardSettings {
    fn default() -> Self {
        Self { share: 0.5, window: Duration::from_secs(10), hold: Duration::from_secs(30) }
    }
}

/// How a reference is probed.
pub fn reference(target: SocketAddr) -> MonitorSpec {
    let thresholds = Thresholds {
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        fast_interval: Duration::from_secs(1),
        rise: 1,
        fall: 1,
        damping: None,
    };
    MonitorSpec { target, check: Arc::new(Check { kind: CheckKind::Tcp, thresholds }) }
}

/// This host began to suspect its own network in an address family, or no longer does. Its
/// `Display` is what operators read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuardChange {
    /// It began.
    Began {
        /// In which family.
        family: Family,
        /// The azs that went silent, by name.
        silent: Vec<String>,
        /// How many were up.
        of: usize,
        /// For how long removals wait at most.
        hold: Duration,
    },
    /// It ended.
    Ended {
        /// In which family.
        family: Family,
        /// Why.
        why: GuardEnd,
        /// How long it had lasted.
        after: Duration,
    },
}

/// Why this host no longer suspects its own network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardEnd {
    /// It did for as long as it may: what waited goes.
    Held,
    /// This reference answered: the way is there.
    Reference(SocketAddr),
    /// Azs that were silent answered again.
    Answered,
}

impl GuardChange {
    /// Whether a suspicion ended since the way is there.
    pub fn is_disproof(&self) -> bool {
        matches!(self, Self::Ended { why, .. } if why.is_disproof())
    }
}

impl GuardEnd {
    fn is_disproof(self) -> bool {
        match self {
            Self::Held => false,
            Self::Reference(_) | Self::Answered => true,
        }
    }
}

impl fmt::Display for GuardChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Began { family, silent, of, hold } => write!(
                f,
                "{} of {of} azs went silent over {family} ({}): this host suspects its own \
                 network, and what is silent over {family} stays in service for {} s at most",
                silent.len(),
                silent.join(", "),
                hold.as_secs_f64()
            ),
            Self::Ended { family, why, after } => {
                let after = after.as_secs_f64();
                write!(
                    f,
                    "this host no longer suspects its {family} network, after {after:.1} s: "
                )?;
                match why {
                    GuardEnd::Held => f.write_str("what is silent still goes out of service"),
                    GuardEnd::Reference(address) => write!(f, "reference {address} answers"),
                    GuardEnd::Answered => f.write_str("azs answer again"),
                }
            }
        }
    }
}

/// What the guard knows, of one topology.
#[derive(Debug, Default)]
pub(super) struct Guard {
    listeners: IdVec<MonitorId, Listener>,
    /// The monitors of every az, by the family in which they are probed.
    monitors: BTreeMap<(Family, AzId), Vec<MonitorId>>,
    ways: BTreeMap<Family, Way>,
    /// The monitors whose fall waits, by the beginning of the suspicion that they wait for.
    waiting: BTreeSet<(Monotonic, MonitorId)>,
}

/// What the guard knows of a monitor.
#[derive(Clone, Debug, Default)]
struct Listener {
    /// The azs that it is of; none for a reference.
    azs: Vec<AzId>,
    /// The first of the silent failures in a row that it ended with, if it was up then.
    silent_since: Option<Monotonic>,
    /// When the suspicion began that its fall waits for.
    waits_since: Option<Monotonic>,
}

/// The way to the azs in one family.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    /// Since when it is suspected.
    suspected_since: Option<Monotonic>,
    last: Option<Suspicion>,
}

/// A suspicion that ended. The silences that began by then make no other one.
#[derive(Clone, Copy, Debug)]
struct Suspicion {
    began: Monotonic,
    ended: Monotonic,
    /// Whether by a proof of the way.
    is_disproved: bool,
}

/// What is heard of an az in one family.
enum Heard {
    /// An endpoint that is up answered.
    Answer,
    /// All that were up went silent, the last of them at this time.
    Silence(Monotonic),
    /// None was up.
    Nothing,
}

impl Guard {
    /// What it knows of the monitors that are in `new` as well as in `old`, its present topology.
    pub(super) fn carried(&self, old: &Topology, new: &Topology) -> Self {
        let mut listeners: IdVec<_, _> = new.monitors.ids().map(|_| Listener::default()).collect();
        let mut monitors: BTreeMap<_, Vec<MonitorId>> = BTreeMap::new();
        for az in new.pools.values().flat_map(|pool| &pool.azs) {
            for id in az.endpoints.iter().filter_map(|endpoint| endpoint.monitor) {
                let azs: &mut Vec<AzId> = &mut listeners[id].azs;
                if !azs.contains(&az.az) {
                    azs.push(az.az);
                    monitors.entry((family(new, id), az.az)).or_default().push(id);
                }
            }
        }
        let known = self.listeners.iter().filter(|(_, known)| known.silent_since.is_some());
        let known: HashMap<_, _> = known.map(|(id, known)| (&old.monitors[id], known)).collect();
        let mut waiting = BTreeSet::new();
        for (id, spec) in new.monitors.iter() {
            if let Some(Listener { silent_since, waits_since, .. }) = known.get(spec) {
                let listener = &mut listeners[id];
                (listener.silent_since, listener.waits_since) = (*silent_since, *waits_since);
                waiting.extend(waits_since.map(|since| (since, id)));
            }
        }
        Self { listeners, monitors, ways: self.ways.clone(), waiting }
    }

    /// Since when this host suspects its own network in a family.
    pub(super) fn suspected_since(&self, family: Family) -> Option<Monotonic> {
        self.way(family).suspected_since
    }

    /// When the suspicion began that a monitor's fall waits for.
    pub(super) fn waits_since(&self, id: MonitorId) -> Option<Monotonic> {
        self.listeners.get(id)?.waits_since
    }

    /// A monitor answered, in whatever words: its silence is over. Whether there was one.
    pub(super) fn answer(&mut self, id: MonitorId) -> bool {
        self.stop_waiting(id);
        self.listeners[id].silent_since.take().is_some()
    }

    /// A monitor that is up heard nothing. Whether it is the first time, and no other that is up
    /// answers for one of its azs.
    pub(super) fn silence(
        &mut self,
        id: MonitorId,
        family: Family,
        watches: &Watches,
        now: Monotonic,
    ) -> bool {
        let listener = &mut self.listeners[id];
        if listener.silent_since.is_some() {
            return false;
        }
        listener.silent_since = Some(now);
        let is_silent = |az: &AzId| {
            let monitors = self.monitors.get(&(family, *az));
            monitors.is_some_and(|monitors| {
                matches!(self.heard(monitors, |_| true, watches), Heard::Silence(_))
            })
        };
        self.listeners[id].azs.iter().any(is_silent)
    }

    /// The azs that went silent in a family within the window before `at` or since, and how many
    /// were up, if too many are silent to be believed.
    pub(super) fn incredible(
        &self,
        family: Family,
        settings: &GuardSettings,
        watches: &Watches,
        at: Monotonic,
    ) -> Option<(Vec<AzId>, usize)> {
        let spent = self.way(family).last.map(|last| last.ended);
        let is_recent = |since: Monotonic| {
            at.saturating_since(since) <= settings.window && spent.is_none_or(|end| since > end)
        };
        let (mut silent, mut up) = (Vec::new(), 0);
        for (&(_, az), monitors) in
            self.monitors.range((family, AzId(0))..=(family, AzId(u16::MAX)))
        {
            match self.heard(monitors, is_recent, watches) {
                Heard::Nothing => continue,
                Heard::Answer => {}
                Heard::Silence(since) if is_recent(since) => silent.push(az),
                Heard::Silence(_) => {}
            }
            up += 1;
        }
        let is_most = silent.len() >= 2 && silent.len() as f64 > settings.share * up as f64;
        is_most.then_some((silent, up))
    }

    /// What is heard of the az that has these monitors. What went down by a silence that is not
    /// recent was not up.
    fn heard(
        &self,
        monitors: &[MonitorId],
        is_recent: impl Fn(Monotonic) -> bool,
        watches: &Watches,
    ) -> Heard {
        let mut latest = None;
        for &id in monitors {
            let is_up = watches[id].monitor.state() == HealthState::Up;
            match self.listeners[id].silent_since {
                None if is_up => return Heard::Answer,
                Some(since) if is_up || is_recent(since) => latest = latest.max(Some(since)),
                None | Some(_) => {}
            }
        }
        latest.map_or(Heard::Nothing, Heard::Silence)
    }

    pub(super) fn begin(&mut self, family: Family, now: Monotonic) {
        self.ways.entry(family).or_default().suspected_since = Some(now);
    }

    /// Ends a suspicion that began then.
    pub(super) fn end(&mut self, family: Family, began: Monotonic, why: GuardEnd, now: Monotonic) {
        let is_disproved = why.is_disproof();
        let last = Some(Suspicion { began, ended: now, is_disproved });
        self.ways.insert(family, Way { suspected_since: None, last });
    }

    /// Whether the fall of a monitor by silence waits, by a probe that took so long; then it does.
    pub(super) fn keeps(
        &mut self,
        id: MonitorId,
        family: Family,
        settings: &GuardSettings,
        took: Duration,
        now: Monotonic,
    ) -> bool {
        let Way { suspected_since, last } = self.way(family);
        // Of one that ended by a proof of the way, for a probe that had begun before.
        let disproved =
            last.filter(|last| last.is_disproved && now.saturating_since(last.ended) < took);
        let began = suspected_since.or(disproved.map(|last| last.began));
        let listener = &mut self.listeners[id];
        let began = listener.waits_since.or(began).filter(|_| began.is_some());
        match began {
            Some(began) if now < began + settings.hold && !listener.azs.is_empty() => {
                listener.waits_since = Some(began);
                self.waiting.insert((began, id));
                true
            }
            Some(_) | None => {
                self.stop_waiting(id);
                false
            }
        }
    }

    /// The next monitor that has waited for as long as it may.
    pub(super) fn pop_overdue(
        &mut self,
        settings: &GuardSettings,
        now: Monotonic,
    ) -> Option<MonitorId> {
        let &(began, id) = self.waiting.first()?;
        if began + settings.hold > now {
            return None;
        }
        self.stop_waiting(id);
        Some(id)
    }

    /// When time alone changes something.
    pub(super) fn due(&self, settings: &GuardSettings) -> Option<Monotonic> {
        let waiting = self.waiting.first().map(|&(began, _)| began);
        let suspected = self.ways.values().filter_map(|way| way.suspected_since);
        suspected.chain(waiting).min().map(|began| began + settings.hold)
    }

    fn stop_waiting(&mut self, id: MonitorId) {
        if let Some(since) = self.listeners[id].waits_since.take() {
            self.waiting.remove(&(since, id));
        }
    }

    fn way(&self, family: Family) -> Way {
        self.ways.get(&family).copied().unwrap_or_default()
    }
}

/// The family in which a monitor is probed.
pub(super) fn family(topology: &Topology, id: MonitorId) -> Family {
    Family::of(topology.monitors[id].target.ip())
}

/// Whether a probe came to nothing but silence; `None` for one that was not sent.
pub(super) fn is_silence(verdict: &Verdict) -> Option<bool> {
    match verdict {
        Verdict::Success | Verdict::Unfit(_) => Some(false),
        Verdict::Failure(cause) => Some(cause.is_silence()),
        Verdict::NotProbed(_) => None,
    }
}
