//! Everything the director knows, as `meridian status` and the HTTP API show it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::director::PoolAzIndex;
use super::eligibility::Counted;
use super::pool_health::counted;
use super::spill::Limit;
use super::standing::Force;
use super::{
    AzState, Director, GuardStatus, NeededRule, Override, OverrideKind, PoolAz, Share, ShownKept,
};
use crate::geo::Slot;
use crate::health::{HealthState, Monitor, MonitorId, Points, Setback, Thresholds};
use crate::time::{Now, Wall};

/// The pools, and whether the start is over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Whether every monitor is up or down, or `startup_wait` has passed.
    pub ready: bool,
    /// In the order of their names.
    pub pools: Vec<PoolStatus>,
    /// The azs that have a capacity, in the order of their names.
    #[serde(default)]
    pub capacity: Vec<CapacityStatus>,
    /// Whether this host suspects its own network.
    pub guard: GuardStatus,
}

/// An az with a capacity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CapacityStatus {
    /// The az.
    pub az: String,
    /// Displaced clients fill it up to here while any az has room.
    pub soft: f64,
    /// They fill it up to here once none has.
    pub hard: f64,
    /// The load of its own clients, as the last split of displaced clients took it; `None` if nothing is known of it.
    pub own: Option<f64>,
    /// That of its own clients who are with it and of displaced clients who were sent there.
    pub load: f64,
    /// The limit that this is above.
    pub above: Option<ShownExcess>,
}

/// A limit that breaks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShownExcess {
    /// Which.
    pub limit: Limit,
    /// By how much load.
    pub by: f64,
}

/// A pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolStatus {
    /// The full name.
    pub name: String,
    /// In the order of their names.
    pub azs: Vec<AzStatus>,
    /// The safety rules that what operators ordered breaks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broken_rules: Vec<NeededRule>,
}

/// An az of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AzStatus {
    /// The name.
    pub name: String,
    /// Whether it may be given to clients.
    pub eligible: bool,
    /// Whether the pool's fence leaves it out, so that it never is.
    pub outside_fence: bool,
    /// Why it is given as usual though it is lost: safety rules keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<ShownKept>,
    /// How many queries were answered for the pool whose clients have it as their first az, whichever az
    /// they were given; `None` where that was not counted.
    #[serde(default)]
    pub queries: Option<u64>,
    /// What is measured, whatever is ordered.
    #[serde(flatten)]
    pub state: ShownAzState,
    /// The strongest override of the az, here or in every pool.
    #[serde(rename = "override")]
    pub overridden: Option<ShownOverride>,
    /// In the order of the file.
    pub endpoints: Vec<EndpointStatus>,
}

impl AzStatus {
    /// Whether it may be given to clients.
    pub fn is_eligible(&self) -> bool {
        self.eligible
    }
}

/// An [`AzState`] with its times on the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum ShownAzState {
    /// It may be given.
    Eligible,
    /// It is up again after a loss, and waits to show that it stays so.
    Held {
        /// When it becomes eligible.
        until: Wall,
    },
    /// Enough endpoints are up, but some were lost too often of late to be trusted.
    Suppressed {
        /// When enough are trusted again, if none is lost until then.
        until: Wall,
    },
    /// Its clients come back slot by slot.
    Ramping {
        /// When all of them are back.
        until: Wall,
        /// The share of clients that is back, in percent, rounded down.
        share: u8,
    },
    /// It is up again, and waits for `meridian release`.
    AwaitingRelease,
    /// Enough endpoints are up, but too few of them are fit to serve.
    Unfit,
    /// Endpoints are up, but too few.
    UnderMinUp,
    /// No endpoint is up.
    Down,
    /// A reload brought its endpoints and their first results are not there.
    Awaited,
}

impl ShownAzState {
    /// Whether it may be given by what is measured, to some clients at least.
    pub fn is_eligible(self) -> bool {
        match self {
            Self::Eligible => true,
            Self::Ramping { share, .. } => share > 0,
            Self::Held { .. }
            | Self::Suppressed { .. }
            | Self::AwaitingRelease
            | Self::Unfit
            | Self::UnderMinUp
            | Self::Down
            | Self::Awaited => false,
        }
    }
}

/// An endpoint of an az.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointStatus {
    /// The address that is given to clients, or the name in a CNAME pool.
    pub address: String,
    /// Whether it counts as up: one that is unknown does, unless a reload added it. An override of
    /// it decides, or a force-up of its az.
    pub counts_as_up: bool,
    /// The strongest override of it alone.
    #[serde(rename = "override")]
    pub overridden: Option<ShownOverride>,
    /// What its probes say; `None` in a pool without a check.
    pub monitor: Option<MonitorStatus>,
    /// Until when at most it counts as up although it is silent, since this host suspects its own
    /// network.
    pub kept_until: Option<Wall>,
}

/// An override, beside what it overrides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownOverride {
    /// What is ordered.
    pub kind: OverrideKind,
    /// The share of clients that a drain leaves to it.
    #[serde(default, skip_serializing_if = "Share::is_none")]
    pub to: Share,
    /// The target as the operator wrote it.
    pub given: String,
    /// Why.
    pub reason: String,
    /// Who gave it.
    pub by: String,
    /// When.
    pub given_at: Wall,
    /// When it ends.
    pub until: Wall,
}

/// As in `drained by uid 1000 (alice) until 2026-11-24T14:00:00Z (deploy 42)`.
impl fmt::Display for ShownOverride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, to, given: _, reason, by, given_at: _, until } = self;
        let share = to.clause();
        write!(f, "{}{share} by {by} until {} ({reason})", kind.participle(), until.to_second())
    }
}

/// What the probes of an endpoint say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitorStatus {
    /// The state.
    pub state: HealthState,
    /// Since when.
    pub since: Wall,
    /// What its losses cost, if they still cost anything.
    #[serde(default)]
    pub penalty: Option<ShownPenalty>,
    /// Whether failures are being counted.
    pub failing: bool,
    /// Whether it has had fewer than `rise` results and nothing was known of it before.
    pub fresh: bool,
    /// The latest failure, however long ago.
    pub last_failure: Option<ShownSetback>,
    /// Why the latest probe could not be made, if so.
    pub could_not_probe: Option<ShownSetback>,
    /// When the next probe is due, or the pending one was.
    pub next_probe: Wall,
}

impl MonitorStatus {
    /// Why an endpoint doesn't count as up by what is measured.
    pub fn why_not_up(&self) -> Option<String> {
        let penalty = self.penalty.filter(|it| it.suppressed_until.is_some());
        match (self.state, penalty) {
            (HealthState::Up, Some(penalty)) => Some(format!("lost too often: {penalty}")),
            _ => self.last_failure.as_ref().map(|failure| failure.cause.clone()),
        }
    }
}

/// What losses cost a monitor. As in `penalty 2.97, suppressed until 2026-11-24T14:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownPenalty {
    /// Now.
    pub points: Points,
    /// Until when it counts as lost though it may be up, if it is not lost again.
    pub suppressed_until: Option<Wall>,
}

impl fmt::Display for ShownPenalty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "penalty {}", self.points)?;
        match self.suppressed_until {
            Some(until) => write!(f, ", suppressed until {}", until.to_second()),
            None => Ok(()),
        }
    }
}

/// A failure, or a probe that could not be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownSetback {
    /// In words.
    pub cause: String,
    /// When.
    pub at: Wall,
}

impl Director {
    /// Everything that is known.
    pub fn status(&self, now: Now) -> Status {
        let pools = self.routing.topology.pools.iter().map(|(id, pool)| PoolStatus {
            name: pool.name.clone(),
            azs: (0u16..)
                .zip(&pool.azs)
                .map(|(position, az)| self.az_status((id, position), az, now))
                .collect(),
            broken_rules: self.broken_rules(id),
        });
        Status {
            ready: self.is_ready(),
            pools: pools.collect(),
            capacity: self.capacity_status(),
            guard: self.guard_status(now),
        }
    }

    fn az_status(&self, index: PoolAzIndex, az: &PoolAz, now: Now) -> AzStatus {
        let health = self.health(index);
        let forced = self.forces.get(&index);
        let measured = counted(&self.watches, az, &health.while_unknown);
        let counts_as_up = |position, measured| {
            let counted = match forced {
                Some(forced) => forced.counted(position, measured),
                None => measured,
            };
            counted == Counted::Up
        };
        let endpoints = az.endpoints.iter().zip(measured).enumerate();
        let endpoints = endpoints.map(|(position, (endpoint, measured))| EndpointStatus {
            address: endpoint.address.to_string(),
            counts_as_up: counts_as_up(position, measured),
            overridden: forced
                .and_then(|forced| forced.endpoints.get(&position))
                .and_then(|&force| self.shown_override(force)),
            monitor: endpoint.monitor.map(|id| self.monitor_status(id, now)),
            kept_until: endpoint.monitor.and_then(|id| self.kept_until(id, now)),
        });
        AzStatus {
            name: self.routing.topology.azs[az.az].name.clone(),
            outside_fence: {
                let topology = &self.routing.topology;
                topology.is_outside_fence(&topology.pools[index.0], az.az)
            },
            eligible: health.is_in_service(),
            kept: self.shown_kept(index, now),
            queries: self.queries(index.0, az.az),
            state: shown_state(health.state, now),
            overridden: forced
                .and_then(|forced| forced.az)
                .and_then(|force| self.shown_override(force)),
            endpoints: endpoints.collect(),
        }
    }

    fn shown_override(&self, force: Force) -> Option<ShownOverride> {
        let Override { kind, to, given, targets: _, reason, by, given_at, until } =
            self.overrides.iter().nth(force.order)?.clone();
        Some(ShownOverride { kind, to, given, reason, by, given_at, until })
    }

    fn monitor_status(&self, id: MonitorId, now: Now) -> MonitorStatus {
        let watch = &self.watches[id];
        let thresholds = &self.routing.topology.monitors[id].check.thresholds;
        MonitorStatus {
            state: watch.monitor.state(),
            since: watch.monitor.since(),
            penalty: shown_penalty(&watch.monitor, thresholds, now),
            failing: watch.monitor.is_failing(),
            fresh: !watch.monitor.is_settled(thresholds),
            last_failure: watch.monitor.last_failure().map(shown_setback),
            could_not_probe: watch.monitor.not_probed().map(shown_setback),
            next_probe: now.wall_at(watch.schedule.next()),
        }
    }
}

fn shown_state(state: AzState, now: Now) -> ShownAzState {
    match state {
        AzState::Eligible => ShownAzState::Eligible,
        AzState::Held { until, .. } => ShownAzState::Held { until: now.wall_at(until) },
        AzState::Suppressed { until, .. } => ShownAzState::Suppressed { until: now.wall_at(until) },
        AzState::Ramping(ramp) => ShownAzState::Ramping {
            until: ramp.ends(),
            share: (usize::from(ramp.admits()) * 100 / Slot::COUNT) as u8,
        },
        AzState::AwaitingRelease { .. } => ShownAzState::AwaitingRelease,
        AzState::Unfit => ShownAzState::Unfit,
        AzState::UnderMinUp => ShownAzState::UnderMinUp,
        AzState::Down => ShownAzState::Down,
        AzState::Awaited => ShownAzState::Awaited,
    }
}

pub(super) fn shown_penalty(
    monitor: &Monitor,
    thresholds: &Thresholds,
    now: Now,
) -> Option<ShownPenalty> {
    let penalty = monitor.penalty()?;
    let points = penalty.points(thresholds.damping.as_ref()?, now);
    let suppressed_until = penalty.suppressed_until().map(|until| now.wall_at(until));
    (points >= Points::SHOWN || suppressed_until.is_some())
        .then_some(ShownPenalty { points, suppressed_until })
}

fn shown_setback(setback: &Setback) -> ShownSetback {
    ShownSetback { cause: setback.cause.to_string(), at: setback.at.wall }
}
