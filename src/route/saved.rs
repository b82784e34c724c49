//! What survives a restart: the states of monitors and the holds of azs, by names that stay true
//! when files change in between.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::pool_health::Watch;
use super::{Az, AzState, Director, Failback, Pool, Ramp};
use crate::health::{CheckKind, HealthState, Monitor, MonitorSpec, SavedPenalty};
use crate::time::{Now, Wall};

/// The health that a director can start from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// When it was written.
    pub written_at: Wall,
    /// By [`monitor_key`], what is up, down or unfit.
    pub monitors: BTreeMap<String, SavedMonitor>,
    /// By full pool name and az name, until when the az is held.
    pub holds: BTreeMap<String, BTreeMap<String, Wall>>,
    /// By full pool name and az name, the ramps under way.
    #[serde(default)]
    pub ramps: BTreeMap<String, BTreeMap<String, SavedRamp>>,
    /// By full pool name and az name, what was lost of pools whose azs are released by an operator, and
    /// the slots below which clients have it even so. Never too old to start from.
    #[serde(default)]
    pub awaiting_release: BTreeMap<String, BTreeMap<String, SavedWait>>,
    /// By full pool name and az name, what safety rules keep in service, and what went of late.
    #[serde(default)]
    pub service: BTreeMap<String, BTreeMap<String, SavedService>>,
    /// By full pool name and az name, the addresses or names that were up in the last moment when any of the
    /// pool was; for pools with `all_down = "last"`.
    #[serde(default)]
    pub last_up: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// By az name, the load that its own clients cause, as it reported.
    #[serde(default)]
    pub loads: BTreeMap<String, f64>,
}

/// The state of one monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedMonitor {
    /// Anything but unknown.
    pub state: HealthState,
    /// Since when.
    pub since: Wall,
    /// What its losses cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub penalty: Option<SavedPenalty>,
}

/// What keeps an az of a pool from coming back by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SavedWait {
    /// It was lost and nobody has let it back; the slots below this one have it even so.
    Lost(u16),
    /// It was lost in part.
    LostInPart,
}

/// A ramp under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedRamp {
    /// When it began.
    pub began: Wall,
    /// How long it takes.
    pub over: Duration,
    /// The slots below this one had the az all along.
    pub from: u16,
    /// How many steps of it are taken; none is taken back.
    pub steps: u16,
}

/// What safety rules know of an az.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SavedService {
    /// A rule keeps it.
    Kept {
        /// Since when it is lost.
        since: Wall,
        /// For clients in slots below this one.
        slots: u16,
    },
    /// It went out of service.
    Removed {
        /// When.
        at: Wall,
        /// For how long the pace counts it.
        within: Duration,
    },
}

impl Saved {
    /// What of it a director can start from now.
    pub(super) fn at(&self, now: Now) -> Cow<'_, Self> {
        if self.is_fresh(now) {
            return Cow::Borrowed(self);
        }
        // What goes by the wall clock, or by nothing but an operator's word, is never too old.
        let (awaiting_release, ramps) = (self.awaiting_release.clone(), self.ramps.clone());
        let service = self.service.clone();
        Cow::Owned(Self { awaiting_release, ramps, service, ..Self::default() })
    }

    /// The state of an az of a pool on its way back; of any other, that nothing is known.
    pub(super) fn returning(&self, pool: &Pool, az: &str, now: Now) -> AzState {
        let ramp = self.ramps.get(&pool.name).and_then(|azs| azs.get(az));
        let awaiting = self.awaiting_release.get(&pool.name).and_then(|azs| azs.get(az));
        match awaiting {
            Some(&SavedWait::Lost(admits)) => return AzState::AwaitingRelease { admits },
            Some(SavedWait::LostInPart) => return AzState::UnderMinUp,
            None => {}
        }
        if let Some(&SavedRamp { began, over, from, steps }) = ramp {
            return pool.failback.go_on(Ramp { began, over, from, steps }, now.wall);
        }
        match self.hold(&pool.name, az) {
            Some(until) => {
                let left = until.saturating_since(now.wall).min(pool.hold);
                AzState::Held { until: now.mono + left, hold: pool.hold }
            }
            None => AzState::Awaited,
        }
    }

    /// Whether it is young enough to start from: written within [`FRESH`] of now. A time ahead of
    /// the wall clock, which may have been set back, is held to the same measure.
    pub fn is_fresh(&self, now: Now) -> bool {
        let ahead = self.written_at.saturating_since(now.wall);
        now.wall.saturating_since(self.written_at) < FRESH && ahead < FRESH
    }

    /// A monitor as it was saved; one of which nothing is known, if it was not.
    pub(super) fn monitor(&self, spec: &MonitorSpec, now: Now) -> Monitor {
        match self.monitors.get(&monitor_key(spec)) {
            Some(&SavedMonitor { state, since, penalty }) => {
                let penalty = penalty.zip(spec.check.thresholds.damping);
                let penalty = penalty.map(|(penalty, damping)| penalty.restored(&damping, now));
                Monitor::restored(state, since).with_penalty(penalty)
            }
            None => Monitor::unknown(now),
        }
    }

    /// The addresses of an az of a pool that were up last, or its name.
    pub(super) fn last_up(&self, pool: &str, az: &str) -> &[String] {
        let known = self.last_up.get(pool).and_then(|azs| azs.get(az));
        known.map_or(&[], Vec::as_slice)
    }

    /// The load that an az reported of its own clients.
    pub(super) fn load(&self, az: &str) -> Option<f64> {
        self.loads.get(az).copied()
    }

    /// Until when an az of a pool is held.
    pub(crate) fn hold(&self, pool: &str, az: &str) -> Option<Wall> {
        self.holds.get(pool)?.get(az).copied()
    }
}

impl Director {
    /// What a restart can start from.
    pub fn saved(&self, now: Now) -> Saved {
        let topology = &self.routing.topology;
        let known = |((id, spec), watch): ((_, _), &Watch)| match watch.monitor.state() {
            // A reference's state is of no use to a restart.
            _ if !self.is_depended_on(id) => None,
            HealthState::Unknown => None,
            state @ (HealthState::Up | HealthState::Down | HealthState::Unfit) => {
                let since = watch.monitor.since();
                let penalty = watch.monitor.penalty().map(|penalty| penalty.saved(now));
                Some((monitor_key(spec), SavedMonitor { state, since, penalty }))
            }
        };
        let monitors = topology.monitors.iter().zip(self.watches.values());
        let mut saved = Saved { written_at: now.wall, ..Saved::default() };
        let mut disputed = BTreeSet::new();
        for (key, monitor) in monitors.filter_map(known) {
            match saved.monitors.get(&key) {
                Some(other) if other.state != monitor.state => {
                    disputed.insert(key);
                }
                _ => {
                    saved.monitors.insert(key, monitor);
                }
            }
        }
        // Where only thresholds tell two monitors apart and they differ, neither state stands for both.
        saved.monitors.retain(|key, _| !disputed.contains(key));
        for (id, pool) in topology.pools.iter() {
            for (az, health) in pool.azs.iter().zip(&self.pools[id].azs) {
                saved.keep(pool, &topology.azs[az.az].name, health.state, now);
            }
        }
        saved.service = self.service_by_name();
        saved.last_up = self.last_up_by_name();
        let own = |(id, az): (_, &Az)| Some((az.name.clone(), self.own_load(id)?));
        saved.loads = topology.azs.iter().filter_map(own).collect();
        saved
    }
}

impl Saved {
    /// Adds what an az has to go on from.
    fn keep(&mut self, pool: &Pool, az: &str, state: AzState, now: Now) {
        let (pool_name, az) = (pool.name.clone(), az.to_owned());
        let awaiting = match state {
            AzState::AwaitingRelease { admits } => Some(SavedWait::Lost(admits)),
            AzState::Down | AzState::Unfit if pool.failback == Failback::Manual => {
                Some(SavedWait::Lost(0))
            }
            AzState::UnderMinUp | AzState::Suppressed { .. }
                if pool.failback == Failback::Manual =>
            {
                Some(SavedWait::LostInPart)
            }
            AzState::Held { until, .. } => {
                let until = now.wall_at(until);
                self.holds.entry(pool_name).or_default().insert(az, until);
                return;
            }
            AzState::Ramping(Ramp { began, over, from, steps }) => {
                let ramp = SavedRamp { began, over, from, steps };
                self.ramps.entry(pool_name).or_default().insert(az, ramp);
                return;
            }
            AzState::Down | AzState::UnderMinUp | AzState::Unfit | AzState::Suppressed { .. } => {
                None
            }
            AzState::Eligible | AzState::Awaited => None,
        };
        if let Some(admits) = awaiting {
            self.awaiting_release.entry(pool_name).or_default().insert(az, admits);
        }
    }
}

/// Older saved state says nothing of now.
pub const FRESH: Duration = Duration::from_secs(600);

/// What a monitor is known by on disk: what is asked of whom, as in
/// `https 192.0.2.1:443 host=www.app.example path=/healthz`. Thresholds and where the load is told are no
/// part of it: the state outlives their change.
pub fn monitor_key(spec: &MonitorSpec) -> String {
    let target = spec.target;
    let (tls, path, host, status, body, ready) = match &spec.check.kind {
        CheckKind::Tcp => return format!("tcp {target}"),
        CheckKind::Http { tls, path, host, status, body, ready, load: _ } => {
            (tls, path, host, status, body, ready)
        }
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let mut key = format!("{scheme} {target}");
    let mut add = |name: &str, value: &dyn std::fmt::Display| {
        write!(key, " {name}={value}").expect("a string takes all that is written to it");
    };
    if let Some(host) = host {
        add("host", host);
    }
    add("path", path);
    if status.as_slice() != [(200, 200)] {
        let ranges: Vec<String> =
            status.iter().map(|(low, high)| format!("{low}-{high}")).collect();
        add("status", &ranges.join(","));
    }
    if let Some(body) = body {
        add("body", &format_args!("{body:?}"));
    }
    for condition in ready.iter() {
        add("ready", &format_args!("{:?}", condition.to_string()));
    }
    if let Some(ca) = tls.as_ref().and_then(|tls| tls.ca.as_ref()) {
        add("ca", &ca.display());
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::check::Tls;
    use crate::health::{Check, Thresholds};

    fn spec(kind: CheckKind) -> MonitorSpec {
        let second = Duration::from_secs(1);
        let thresholds = Thresholds {
            interval: second,
            timeout: second,
            fast_interval: second,
            rise: 1,
            fall: 1,
            damping: None,
        };
        MonitorSpec {
            target: "192.0.2.1:443".parse().unwrap(),
            check: Check { kind, thresholds }.into(),
        }
    }

    #[test]
    fn keys_say_what_is_asked_of_whom() {
        assert_eq!(monitor_key(&spec(CheckKind::Tcp)), "tcp 192.0.2.1:443");
        let kind = CheckKind::Http {
            tls: Some(Tls { ca: None }),
            path: "/healthz".into(),
            host: Some("www.app.example".into()),
            status: vec![(200, 200)],
            body: None,
            ready: [].into(),
            load: None,
        };
        let key = "https 192.0.2.1:443 host=www.app.example path=/healthz";
        assert_eq!(monitor_key(&spec(kind)), key);
        let kind = CheckKind::Http {
            tls: None,
            path: "/".into(),
            host: None,
            status: vec![(200, 299), (404, 404)],
            body: Some("it works".into()),
            ready: [crate::health::Condition::parse("$.lag<5").unwrap()].into(),
            load: Some(crate::health::JsonPath::parse_prefix("$.load").unwrap().0),
        };
        let key =
            r#"http 192.0.2.1:443 path=/ status=200-299,404-404 body="it works" ready="$.lag < 5""#;
        assert_eq!(monitor_key(&spec(kind)), key);
    }

    #[test]
    fn ten_minutes_either_way_are_fresh() {
        let wall = |seconds| Wall::from_epoch(Duration::from_secs(seconds));
        let saved = Saved { written_at: wall(10_000), ..Saved::default() };
        let is_fresh = |seconds| saved.is_fresh(Now { wall: wall(seconds), ..Now::default() });
        assert!(is_fresh(10_599) && is_fresh(9_401));
        assert!(!is_fresh(10_600) && !is_fresh(9_400));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let wall = Wall::from_epoch(Duration::from_millis(1_500));
        let points = crate::health::Points::LOSS;
        let penalty = Some(SavedPenalty { points, at: wall, suppressed_until: Some(wall) });
        let monitor = SavedMonitor { state: HealthState::Down, since: wall, penalty };
        let saved = Saved {
            written_at: wall,
            monitors: [("tcp 192.0.2.1:443".to_owned(), monitor)].into(),
            holds: [("web".to_owned(), [("mumbai".to_owned(), wall)].into())].into(),
            ramps: BTreeMap::new(),
            awaiting_release: BTreeMap::new(),
            service: BTreeMap::new(),
            last_up: BTreeMap::new(),
            loads: [("mumbai".to_owned(), 812.5)].into(),
        };
        let text = serde_json::to_string(&saved).unwrap();
        assert_eq!(serde_json::from_str::<Saved>(&text).unwrap(), saved);
    }
}
