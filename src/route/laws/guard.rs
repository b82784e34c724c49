//! What is true of the guard whatever happens.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::proptest;

use super::{Step, World, steps, topology};
use crate::health::{Cause, HealthState, MonitorId, MonitorSpec, Verdict};
use crate::route::{GuardChange, Topology};
use crate::time::Monotonic;

proptest! {
    #[test]
    fn one_az_s_loss_never_waits(start in topology(), steps in steps(), silent in 0u8..4) {
        let mut guarded = World::start(&start);
        let mut unguarded = World::start(&without_guard(&start));
        for step in steps {
            let step = match step {
                Step::Result(index, verdict) => {
                    let monitor = guarded.monitor(index);
                    let is_silent = monitor.is_some_and(|spec| az_of(spec) == silent);
                    Step::Result(index, if is_silent { verdict } else { proven(verdict) })
                }
                step => step,
            };
            let twin = match &step {
                Step::Replace(topology) => Step::Replace(without_guard(topology)),
                step => step.clone(),
            };
            assert_eq!(guarded.step(step), unguarded.step(twin));
        }
    }

    #[test]
    fn no_removal_waits_longer_than_the_hold(start in topology(), steps in steps()) {
        let start = with_short_hold(start);
        let mut world = World::start(&start);
        // Since when each monitor would be down, and is not.
        let mut overdue: BTreeMap<MonitorId, Monotonic> = BTreeMap::new();
        let mut failures: BTreeMap<MonitorId, u32> = BTreeMap::new();
        let steps = steps.into_iter().filter(|step| !matches!(step, Step::Replace(_)));
        for step in steps {
            let heard = match &step {
                Step::Result(index, verdict) => Some((world.id(*index), verdict.clone())),
                _ => None,
            };
            let effects = world.step(step);
            if let Some((Some(id), verdict)) = heard {
                match verdict {
                    Verdict::Success | Verdict::Unfit(_) => *failures.entry(id).or_default() = 0,
                    Verdict::Failure(_) => *failures.entry(id).or_default() += 1,
                    Verdict::NotProbed(_) => {}
                }
            }
            let topology = &world.director.routing.topology;
            for (id, watch) in world.director.watches.iter() {
                let fall = topology.monitors[id].check.thresholds.fall;
                let fails = failures.get(&id).is_some_and(|&count| count >= fall);
                if fails && watch.monitor.state() != HealthState::Down {
                    let since = *overdue.entry(id).or_insert(world.now.mono);
                    assert!(world.now.mono.saturating_since(since) < HOLD);
                    assert!(effects.wake.is_some_and(|wake| wake <= since + HOLD));
                } else {
                    overdue.remove(&id);
                }
            }
        }
    }

    #[test]
    fn only_most_azs_are_suspected_and_two_at_least(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        for step in steps {
            for change in world.step(step).guard {
                if let GuardChange::Began { silent, of, .. } = change {
                    assert!(silent.len() >= 2 && silent.len() * 2 > of && silent.len() <= of);
                }
            }
        }
    }

    #[test]
    fn what_the_guard_keeps_is_silent_and_was_up(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        for step in steps {
            drop(world.step(step));
            for pool in &world.status().pools {
                for endpoint in pool.azs.iter().flat_map(|az| &az.endpoints) {
                    if endpoint.kept_until.is_none() {
                        continue;
                    }
                    let monitor = endpoint.monitor.as_ref().unwrap();
                    assert!(monitor.state == HealthState::Up && monitor.failing);
                    let cause = monitor.last_failure.as_ref().unwrap().cause.clone();
                    assert_eq!(cause, Cause::ConnectTimeout.to_string());
                }
            }
        }
    }
}

const HOLD: Duration = Duration::from_secs(5);

/// Short enough for the steps to get beyond.
fn with_short_hold(mut topology: Topology) -> Topology {
    topology.guard.hold = HOLD;
    topology
}

fn without_guard(topology: &Topology) -> Topology {
    let mut topology = topology.clone();
    topology.guard.hold = Duration::ZERO;
    topology
}

/// The same failure by an endpoint that can be reached.
fn proven(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Failure(_) => Verdict::Failure(Cause::Refused),
        verdict => verdict,
    }
}

/// The position of the az of a probed address.
fn az_of(spec: &MonitorSpec) -> u8 {
    match spec.target.ip() {
        IpAddr::V4(ip) => ip.octets()[2],
        IpAddr::V6(ip) => ip.segments()[2] as u8,
    }
}

impl World {
    /// The monitor that a result of this index is of.
    fn id(&self, index: usize) -> Option<MonitorId> {
        self.pending.keys().cycle().nth(index).copied()
    }

    fn monitor(&self, index: usize) -> Option<&MonitorSpec> {
        Some(&self.director.routing.topology.monitors[self.id(index)?])
    }
}
