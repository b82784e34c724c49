//! A rehearsal: the director in virtual time, with every endpoint up and then azs lost, for whoever
//! asks what would be. It feeds the results of probes that the daemon's prober would send.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::status::{CapacityStatus, Status};
use super::{AzId, Director, Effects, Event, Overrides, Routing, RoutingTable, Saved};
use crate::health::{Cause, MonitorId, Outcome, Verdict};
use crate::time::{Monotonic, Now, Wall};

/// A director and the time that it believes in.
#[derive(Debug)]
pub struct Rehearsal {
    director: Director,
    routing: Routing,
    epoch: u64,
    wake: Option<Monotonic>,
    now: Now,
}

impl Rehearsal {
    /// A calm day: every monitor has been found up for long, and no operator said anything.
    pub fn calm(routing: Routing) -> Self {
        let now = Now { wall: Wall::from_epoch(START), ..Now::default() };
        let (saved, overrides) = (Saved::default(), Overrides::default());
        let (director, started) =
            Director::start(routing.clone(), &saved, overrides, 0, Duration::ZERO, now);
        let mut rehearsal =
            Self { director, routing, epoch: started.epoch, wake: started.wake, now };
        let monitors: Vec<_> = rehearsal.routing.topology.monitors.ids().collect();
        rehearsal.probe(&monitors, &Verdict::Success);
        rehearsal.settle();
        rehearsal
    }

    /// Has every monitor of these azs fail until it is down, and all clocks run out. What nothing
    /// probes can't be lost.
    pub fn lose(&mut self, azs: &[AzId]) {
        let topology = Arc::clone(&self.routing.topology);
        let of_azs = topology.pools.values().flat_map(|pool| &pool.azs);
        let lost = of_azs.filter(|az| azs.contains(&az.az)).flat_map(|az| &az.endpoints);
        let monitors: BTreeSet<_> = lost.filter_map(|endpoint| endpoint.monitor).collect();
        let monitors: Vec<_> = monitors.into_iter().collect();
        self.probe(&monitors, &Verdict::Failure(Cause::Refused));
        self.settle();
    }

    /// What answers now.
    pub fn routes(&self) -> Arc<RoutingTable> {
        self.director.routes()
    }

    /// What azs with a capacity carry now, in the order of their names.
    pub fn capacity(&self) -> Vec<CapacityStatus> {
        self.director.capacity_status()
    }

    /// What is known of every az now.
    pub fn status(&self) -> Status {
        self.director.status(self.now)
    }

    /// As many such results of each monitor as it takes, a round a second.
    fn probe(&mut self, monitors: &[MonitorId], verdict: &Verdict) {
        let topology = Arc::clone(&self.routing.topology);
        let rounds = |&monitor: &MonitorId| {
            let thresholds = &topology.monitors[monitor].check.thresholds;
            thresholds.rise.max(thresholds.fall)
        };
        for round in 0..monitors.iter().map(rounds).max().unwrap_or(0) {
            self.pass(ROUND);
            for &monitor in monitors.iter().filter(|monitor| rounds(monitor) > round) {
                let duration = Duration::ZERO;
                let outcome = Outcome { monitor, duration, verdict: verdict.clone(), load: None };
                self.apply(Event::Outcome { epoch: self.epoch, outcome });
            }
        }
    }

    /// Lets every clock that runs run out.
    fn settle(&mut self) {
        let end = self.now.mono + SETTLED;
        while let Some(wake) = self.wake.filter(|wake| *wake < end) {
            self.pass(wake.saturating_since(self.now.mono).max(TICK));
            self.apply(Event::Clock);
        }
        self.pass(end.saturating_since(self.now.mono));
        self.apply(Event::Clock);
    }

    fn apply(&mut self, event: Event) {
        let Effects { epoch, wake, .. } = self.director.apply(event, self.now);
        (self.epoch, self.wake) = (epoch, wake);
    }

    fn pass(&mut self, time: Duration) {
        let Now { mono, wall } = self.now;
        let wall = Wall::from_epoch(wall.since_epoch() + time);
        self.now = Now { mono: mono + time, wall };
    }
}

/// What the wall clock shows at the start: late enough that nothing lies before it.
const START: Duration = Duration::from_secs(1 << 30);
/// Between two results of a monitor.
const ROUND: Duration = Duration::from_secs(1);
/// Time passes even where the director asks to be woken at once.
const TICK: Duration = Duration::from_millis(1);
/// Holds, ramps and pauses end within this.
const SETTLED: Duration = Duration::from_secs(24 * 3600);
