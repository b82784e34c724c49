//! What is true of the director whatever happens: laws over random topologies, results, delays
//! and reloads, checked against a naive recomputation from its status.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::sample::subsequence;
use proptest::{bool, collection, option};

use super::OverrideKind::{Drain, ForceDown, ForceUp};
use super::spread::{self, Spread};
use super::status::{ShownAzState, Status};
use super::{
    AllDown, Az, AzId, Director, Effects, Eligibility, Endpoint, Event, Failback, FamilyDown,
    MinUp, Override, OverrideKind, Overrides, Policy, Pool, PoolAz, PoolId, Preferences, ProbeAt,
    Routing, RoutingTable, Saved, Share, Target, Tier, Topology, ViewId, ViewSpec,
};
use crate::health::{
    Cause, Check, CheckKind, Damping, HealthState, MonitorId, MonitorSpec, Outcome, Points,
    Thresholds, Verdict,
};
use crate::id::{Id, IdVec};
use crate::time::{Monotonic, Now, Wall};

mod capacity;
mod failback;
mod guard;
mod overrides;
mod recomputed;
mod safety;

use recomputed::kind;

proptest! {
    #[test]
    fn choices_are_the_first_of_the_best_tier(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        for step in steps {
            drop(world.step(step));
            world.choices_are_as_recomputed();
        }
    }

    #[test]
    fn eligible_azs_give_only_what_is_up(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        for step in steps {
            drop(world.step(step));
            world.eligible_azs_give_only_what_is_up();
        }
    }

    #[test]
    fn what_is_unfit_is_given_in_the_last_resort_alone(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        for step in steps {
            drop(world.step(step));
            world.for_each_given(|tier, az, endpoint| {
                let state = endpoint.monitor.as_ref().map(|monitor| monitor.state);
                let is_forced = [&az.overridden, &endpoint.overridden]
                    .iter()
                    .any(|order| kind(order) == Some(ForceUp));
                let may_be = is_forced || az.kept.is_some();
                assert!(tier >= Tier::AllDown || may_be || state != Some(HealthState::Unfit));
            });
        }
    }

    #[test]
    fn every_monitor_has_one_probe_pending(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        for step in steps {
            drop(world.step(step));
            let monitors = world.director.routing.topology.monitors.ids();
            assert_eq!(world.pending.keys().copied().collect::<Vec<_>>(), monitors.collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_same_events_have_the_same_effects(start in topology(), steps in steps()) {
        let (mut one, mut other) = (World::start(&start), World::start(&start));
        for step in steps {
            assert_eq!(one.step(step.clone()), other.step(step));
        }
    }

    #[test]
    fn an_equal_topology_changes_nothing(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        for step in steps {
            drop(world.step(step));
        }
        let (routes, epoch) = (world.director.routes(), world.director.epoch);
        let topology = Topology::clone(&world.director.routing.topology);
        let effects = world.apply(Event::Replace(routing(Arc::new(topology))));
        assert!(Arc::ptr_eq(&routes, &world.director.routes()));
        assert_eq!((effects.epoch, effects.probes, effects.transitions), (epoch, vec![], vec![]));
    }

    #[test]
    fn other_orders_change_choices_and_no_probe(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        for step in steps {
            drop(world.step(step));
        }
        let Routing { topology, preferences } = world.director.routing.clone();
        let reversed = |orders: &Arc<Preferences>| {
            let orders = orders.iter().map(|(_, order)| order.iter().rev().copied().collect());
            Arc::new(Preferences::from_iter(orders))
        };
        let preferences = preferences.values().map(reversed).collect();
        let epoch = world.epoch;
        let effects = world.apply(Event::Replace(Routing { topology, preferences }));
        assert_eq!((effects.epoch, effects.probes, effects.transitions), (epoch, vec![], vec![]));
        world.choices_are_as_recomputed();
    }

    #[test]
    fn a_wake_is_never_in_the_past_and_always_ends(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        for step in steps {
            let effects = world.step(step);
            assert!(effects.wake.is_none_or(|wake| wake > world.now.mono));
        }
    }

    #[test]
    fn transitions_add_up_to_the_status(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        let mut eligible = eligible(&world.status());
        for step in steps {
            let is_reload = matches!(step, Step::Replace(_));
            let effects = world.step(step);
            let status = self::eligible(&world.status());
            for transition in &effects.transitions {
                let is_eligible = transition.to == Eligibility::Eligible;
                let name = (transition.pool_name.clone(), transition.az_name.clone());
                assert_eq!(eligible.insert(name, is_eligible), Some(!is_eligible));
            }
            if is_reload {
                // What comes and goes with the files is no transition.
                eligible.retain(|name, _| status.contains_key(name));
                for (name, &is_eligible) in &status {
                    eligible.entry(name.clone()).or_insert(is_eligible);
                }
            }
            assert_eq!(eligible, status);
        }
    }

    #[test]
    fn ttls_alone_are_published_at_most_once_a_second(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        let mut last: Option<Monotonic> = None;
        for step in steps {
            let before = world.director.routes();
            let Some(table) = world.step(step).routes else { continue };
            if is_equal_but_for_ttls(&before, &table) {
                let now = world.now.mono;
                assert!(last.is_none_or(|last| now >= last + Duration::from_secs(1)));
                last = Some(now);
            }
        }
    }

    #[test]
    fn ttls_lag_a_second_at_most(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        for step in steps {
            let effects = world.step(step);
            if !world.ttls_are_as_recomputed() {
                let soon = world.now.mono + Duration::from_secs(1);
                assert!(effects.wake.is_some_and(|wake| wake <= soon));
            }
        }
    }

    #[test]
    fn a_table_is_published_only_when_it_differs(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        for step in steps {
            let before = world.director.routes();
            match world.step(step).routes {
                Some(table) => assert_ne!(before, table),
                None => assert!(Arc::ptr_eq(&before, &world.director.routes())),
            }
        }
    }

    #[test]
    fn what_changed_is_to_be_saved(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        let saved = |world: &World| Saved { written_at: Wall::default(), ..world.director.saved(world.now) };
        let mut disk = saved(&world);
        // A hold's end is saved by the wall clock, which a jump does not change on disk.
        let steps = steps.into_iter().filter(|step| !matches!(step, Step::Jump(_)));
        for step in steps {
            if world.step(step).save {
                disk = saved(&world);
            }
            assert_eq!(saved(&world), disk);
        }
    }

    #[test]
    fn held_azs_alone_have_a_saved_hold(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        for step in steps {
            drop(world.step(step));
            let saved = world.director.saved(world.now);
            for pool in &world.status().pools {
                for az in &pool.azs {
                    let until = match az.state {
                        ShownAzState::Held { until } => Some(until),
                        ShownAzState::Eligible
                        | ShownAzState::Suppressed { .. }
                        | ShownAzState::Ramping { .. }
                        | ShownAzState::AwaitingRelease
                        | ShownAzState::Unfit
                        | ShownAzState::UnderMinUp
                        | ShownAzState::Down
                        | ShownAzState::Awaited => None,
                    };
                    assert_eq!(saved.hold(&pool.name, &az.name), until);
                }
            }
        }
    }

    #[test]
    fn a_restart_goes_on_from_what_was_saved(start in topology(), steps in steps()) {
        let mut world = World::start(&start);
        for step in steps {
            drop(world.step(step));
        }
        // Nothing is saved of what is unknown.
        world.every_monitor_answers();
        let saved = world.director.saved(world.now);
        let topology = Arc::clone(&world.director.routing.topology);
        let now = Now { mono: Monotonic::from_start(Duration::from_secs(7)), ..world.now };
        let overrides = world.director.overrides().clone();
        let (restarted, effects) =
            Director::start(routing(topology), &saved, overrides, 1, WAIT, now);
        assert!(effects.ready);
        let (before, after) = (world.status(), restarted.status(now));
        assert_eq!(states(&after), states(&before));
        assert_eq!(monitors(&after), monitors(&before));
        assert_eq!(eligible(&after), eligible(&before));
        assert_eq!(restarted.overrides(), world.director.overrides());
    }
}

/// A director and the probes that it asked for.
struct World {
    director: Director,
    pending: BTreeMap<MonitorId, Monotonic>,
    epoch: u64,
    now: Now,
}

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    /// The probe of one of the monitors ends.
    Result(usize, Verdict),
    /// Time passes, with or without a wake.
    Wait(u64),
    /// A result of an older topology comes late.
    Stale(usize),
    /// An operator gives an override of this target for some seconds.
    Give(OverrideKind, usize, u64),
    /// The same, of a drain to so many percent.
    Drain(u8, usize, u64),
    /// An operator lets back what waits of this target.
    Release(usize),
    /// An operator ends the override of this target.
    Clear(usize),
    /// The wall clock is set forward or back.
    Jump(i64),
    Replace(Topology),
}

const WAIT: Duration = Duration::from_secs(3);

impl World {
    fn start(topology: &Topology) -> Self {
        let wall = Wall::from_epoch(Duration::from_secs(1_700_000_000));
        let now = Now { mono: Monotonic::START, wall };
        let routing = routing(Arc::new(topology.clone()));
        let (director, effects) =
            Director::start(routing, &Saved::default(), Overrides::default(), 0, WAIT, now);
        let mut world = Self { director, pending: BTreeMap::new(), epoch: 0, now };
        world.take_in(&effects);
        world
    }

    fn step(&mut self, step: Step) -> Effects {
        match step {
            Step::Result(index, verdict) => {
                let Some(&monitor) = self.pending.keys().cycle().nth(index) else {
                    return self.apply(Event::Clock);
                };
                let at = self.pending.remove(&monitor).unwrap();
                let duration = Duration::from_millis(10);
                self.pass(at.saturating_since(self.now.mono) + duration);
                let outcome = Outcome { monitor, duration, verdict, load: None };
                self.apply(Event::Outcome { epoch: self.director.epoch, outcome })
            }
            Step::Wait(millis) => {
                self.pass(Duration::from_millis(millis));
                self.apply(Event::Clock)
            }
            Step::Stale(index) => {
                let monitor = MonitorId::from_index(index);
                let verdict = Verdict::Failure(Cause::Refused);
                let outcome = Outcome { monitor, duration: Duration::ZERO, verdict, load: None };
                let epoch = self.director.epoch - 1;
                self.apply(Event::Outcome { epoch, outcome })
            }
            Step::Give(kind, target, seconds) => {
                self.apply(Event::Override(self.order(kind, target, seconds)))
            }
            Step::Drain(percent, target, seconds) => {
                let to = Share::percent(percent).unwrap();
                let order = Override { to, ..self.order(Drain, target, seconds) };
                let is_of_azs = |it: &Target| !matches!(it, Target::Endpoint { .. });
                let is_of_azs = order.targets.iter().all(is_of_azs);
                self.apply(if is_of_azs { Event::Override(order) } else { Event::Clock })
            }
            Step::Release(target) => {
                let targets = self.director.expand(TARGETS[target]).unwrap_or_default();
                self.apply(Event::Release(targets))
            }
            Step::Clear(target) => {
                let targets = self.director.expand(TARGETS[target]).unwrap_or_default();
                self.apply(Event::Clear(targets))
            }
            Step::Jump(seconds) => {
                let wall = self.now.wall.since_epoch();
                let by = Duration::from_secs(seconds.unsigned_abs());
                let wall = if seconds < 0 { wall.saturating_sub(by) } else { wall + by };
                self.now.wall = Wall::from_epoch(wall);
                self.apply(Event::Clock)
            }
            Step::Replace(topology) => self.apply(Event::Replace(routing(Arc::new(topology)))),
        }
    }

    /// An override of what a target comes to, or of an az that no pool has yet.
    fn order(&self, kind: OverrideKind, target: usize, seconds: u64) -> Override {
        let given = TARGETS[target].to_owned();
        Override {
            kind,
            to: Share::NONE,
            targets: self.director.expand(&given).unwrap_or_default(),
            given,
            reason: "a law".into(),
            by: "uid 0".into(),
            given_at: self.now.wall,
            until: Wall::from_epoch(self.now.wall.since_epoch() + Duration::from_secs(seconds)),
        }
    }

    fn apply(&mut self, event: Event) -> Effects {
        let effects = self.director.apply(event, self.now);
        self.take_in(&effects);
        effects
    }

    fn take_in(&mut self, effects: &Effects) {
        if effects.epoch != self.epoch {
            self.epoch = effects.epoch;
            self.pending.clear();
        }
        for &ProbeAt { monitor, at } in &effects.probes {
            assert!(at >= self.now.mono, "a probe in the past");
            assert_eq!(self.pending.insert(monitor, at), None, "a second probe");
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now.mono = self.now.mono + time;
        self.now.wall = Wall::from_epoch(self.now.wall.since_epoch() + time);
    }

    fn every_monitor_answers(&mut self) {
        for index in 0..self.pending.len() {
            drop(self.step(Step::Result(index, Verdict::Success)));
        }
    }

    fn status(&self) -> Status {
        self.director.status(self.now)
    }
}

fn states(status: &Status) -> Vec<ShownAzState> {
    status.pools.iter().flat_map(|pool| &pool.azs).map(|az| az.state).collect()
}

fn monitors(status: &Status) -> Vec<(HealthState, Wall)> {
    let azs = status.pools.iter().flat_map(|pool| &pool.azs);
    let monitors = azs.flat_map(|az| &az.endpoints).filter_map(|it| it.monitor.as_ref());
    monitors.map(|monitor| (monitor.state, monitor.since)).collect()
}

fn eligible(status: &Status) -> HashMap<(String, String), bool> {
    let mut eligible = HashMap::new();
    for pool in &status.pools {
        for az in &pool.azs {
            let name = (pool.name.clone(), az.name.clone());
            eligible.insert(name, az.eligible);
        }
    }
    eligible
}

fn is_equal_but_for_ttls(before: &RoutingTable, after: &RoutingTable) -> bool {
    let mut pairs = before.pools.values().zip(after.pools.values());
    before.pools.len() == after.pools.len()
        && pairs.all(|(one, other)| one.row.gives_the_same_as(&other.row) && one.azs == other.azs)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let verdict = prop_oneof![
        3 => Just(Verdict::Success),
        4 => Just(Verdict::Failure(Cause::Refused)),
        2 => Just(Verdict::Unfit(Cause::NotJson)),
        3 => Just(Verdict::Failure(Cause::Refused)),
        3 => Just(Verdict::Failure(Cause::ConnectTimeout)),
        1 => Just(Verdict::NotProbed(Cause::NoRoute)),
    ];
    let step = prop_oneof![
        20 => (0usize..12, verdict).prop_map(|(index, verdict)| Step::Result(index, verdict)),
        4 => (0u64..6000).prop_map(Step::Wait),
        1 => (0usize..12).prop_map(Step::Stale),
        1 => topology().prop_map(Step::Replace),
        3 => (kinds(), 0..TARGETS.len(), 0u64..20).prop_map(|(kind, target, seconds)| Step::Give(kind, target, seconds)),
        2 => (1u8..100, 0..TARGETS.len(), 0u64..20).prop_map(|(to, target, seconds)| Step::Drain(to, target, seconds)),
        1 => (0..TARGETS.len()).prop_map(Step::Release),
        1 => (0..TARGETS.len()).prop_map(Step::Clear),
        1 => (-10i64..10).prop_map(Step::Jump),
    ];
    collection::vec(step, 0..60)
}

fn kinds() -> impl Strategy<Value = OverrideKind> {
    prop_oneof![Just(Drain), Just(ForceUp), Just(ForceDown)]
}

/// What is overridden: of azs, azs of pools, and endpoints.
const TARGETS: [&str; 9] = [
    "mumbai",
    "pune",
    "*",
    "pool0/mumbai",
    "pool0/*",
    "*/lima",
    "*/*/10.0.1.*",
    "pool0/*/2001*",
    "pool1/*/*.1",
];

/// A pool before its ids are known: the azs with their endpoints, and the rest.
type Drawn =
    (Vec<(usize, Vec<(u8, bool, bool)>)>, AllDown, FamilyDown, MinUp, Back, u16, DrawnSafety);

/// How long an az is held, and how it comes back.
type Back = (u64, Failback);

/// `min_live`, which azs a rule needs one of by position, and a pace; 0 is none.
type DrawnSafety = (usize, u8, usize);

fn topology() -> impl Strategy<Value = Topology> {
    let endpoint = (0u8..4, any::<bool>(), bool::weighted(0.9));
    let endpoints = collection::vec(endpoint, 1..4);
    let azs = subsequence((0..4).collect::<Vec<usize>>(), 1..4)
        .prop_flat_map(move |azs| {
            let count = azs.len();
            (Just(azs), collection::vec(endpoints.clone(), count))
        })
        .prop_map(|(azs, endpoints)| azs.into_iter().zip(endpoints).collect::<Vec<_>>());
    let min_up = prop_oneof![(1u32..3).prop_map(MinUp::Count), Just(MinUp::Percent(60))];
    let all_down = prop_oneof![
        2 => Just(AllDown::Open),
        1 => Just(AllDown::Closed),
        1 => Just(AllDown::Last),
        1 => Just(AllDown::Fallback(PoolId(0))),
    ];
    let family_down = prop_oneof![Just(FamilyDown::Drop), Just(FamilyDown::Az)];
    let hold = prop_oneof![Just(0u64), Just(4u64)];
    let failback = prop_oneof![
        3 => Just(Failback::Auto),
        1 => (1u64..20).prop_map(|seconds| Failback::Ramp(Duration::from_secs(seconds))),
        1 => Just(Failback::Manual),
    ];
    let back = (hold, failback);
    let safety = prop_oneof![Just((0, 0, 0)), (0usize..3, 0u8..8, 0usize..3)];
    let pool = (azs, all_down, family_down, min_up, back, 80u16..82, safety);
    collection::vec(option::weighted(0.7, pool), 1..4).prop_map(|pools| compile(&pools))
}

/// Pools keep their names, by position, from one draw to the next; a port stands for a check.
fn compile(drawn: &[Option<Drawn>]) -> Topology {
    let mut topology = Topology::default();
    for name in ["lima", "mumbai", "pune", "singapore"] {
        let name = name.to_owned();
        topology.azs.push(Az { name, location: None, country: None, bias: 1.0 });
    }
    for (index, drawn) in drawn.iter().enumerate() {
        let Some((azs, all_down, family_down, min_up, (hold, failback), port, rules)) = drawn
        else {
            continue;
        };
        let azs: Vec<PoolAz> = azs
            .iter()
            .map(|(az, endpoints)| pool_az(&mut topology, *az, endpoints, *port))
            .collect();
        let view = view(&mut topology, &azs);
        let count = azs.len();
        topology.pools.push(Pool {
            name: format!("pool{index}"),
            view,
            azs,
            ttl: Duration::from_secs(30),
            min_ttl: Duration::from_secs(5),
            all_down: *all_down,
            hold: Duration::from_secs(*hold),
            failback: *failback,
            min_up: *min_up,
            family_down: *family_down,
            safety: safety::drawn(*rules, count),
            ecs: true,
            max_answers: NonZeroUsize::MIN,
        });
    }
    topology
}

fn pool_az(topology: &mut Topology, az: usize, drawn: &[(u8, bool, bool)], port: u16) -> PoolAz {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for &(host, is_v4, is_probed) in drawn {
        let octet = az as u8;
        let address = if is_v4 {
            IpAddr::V4(Ipv4Addr::new(10, 0, octet, host))
        } else {
            IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, az as u16, 0, 0, 0, 0, u16::from(host)))
        };
        if endpoints.iter().any(|endpoint| endpoint.ip() == Some(address)) {
            continue;
        }
        let spec =
            MonitorSpec { target: SocketAddr::new(address, port), check: Arc::new(check(port)) };
        let monitor = is_probed.then(|| {
            let known = topology.monitors.position(|known| *known == spec);
            known.unwrap_or_else(|| topology.monitors.push(spec))
        });
        endpoints.push(Endpoint { address: address.into(), monitor });
    }
    PoolAz { az: AzId::from_index(az), endpoints }
}

fn check(port: u16) -> Check {
    let points = |number| Points::of(number).unwrap();
    let half_life = Duration::from_secs(10);
    let damping = Damping { half_life, suppress: points(1.2), reuse: points(0.4) };
    let thresholds = Thresholds {
        interval: Duration::from_secs(2),
        timeout: Duration::from_secs(2),
        fast_interval: Duration::from_millis(500),
        rise: u32::from(port - 79),
        fall: 2,
        damping: (port == 81).then_some(damping),
    };
    Check { kind: CheckKind::Tcp, thresholds }
}

fn view(topology: &mut Topology, azs: &[PoolAz]) -> ViewId {
    let view = ViewSpec {
        azs: azs.iter().map(|az| az.az).collect(),
        policy: Policy::Failover { order: Vec::new() },
        rules: Vec::new(),
    };
    let known = topology.views.position(|known| *known == view);
    known.unwrap_or_else(|| topology.views.push(view))
}

/// Every rotation of a view's azs is a preference.
fn routing(topology: Arc<Topology>) -> Routing {
    let preferences = topology.views.values().map(|view| {
        let rotations = (0..view.azs.len()).map(|by| {
            let mut order = view.azs.clone();
            order.rotate_left(by);
            order.into_boxed_slice()
        });
        let preferences = Preferences::from_iter(rotations);
        let share = spread::Share { part: 1, km: Box::default() };
        let spread = Spread::new(preferences.iter().map(|_| share.clone()));
        Arc::new(preferences.with_spread(spread))
    });
    let preferences: IdVec<ViewId, Arc<Preferences>> = preferences.collect();
    Routing { topology, preferences }
}
