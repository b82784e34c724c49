//! A simulated world: endpoints that behave as the story says, and a shell that carries out the
//! director's effects to the letter in virtual time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use meridian::geo::PreferenceId;
use meridian::health::check::{Check, CheckKind};
use meridian::health::{Cause, MonitorId, MonitorSpec, Outcome, Verdict};
use meridian::id::Id;
use meridian::route::guard::reference;
use meridian::route::spread::{Share, Spread};
use meridian::route::status::Status;
use meridian::route::{
    AllDown, Az, AzId, Director, Effects, Endpoint, Event, Family, GuardChange, Need, Override,
    Overrides, Policy, Pool, PoolAz, Preferences, Routing, RoutingTable, Safety, SafetyRule, Saved,
    Topology, Transition, ViewSpec,
};
use meridian::time::{Monotonic, Now, Wall};

use crate::language::{
    Action, Behaviour, Clear, Jump, OperatorAnswer, Order, Setting, Story, StoryAllDown, StoryNeed,
    StoryPool, Uplink,
};

/// What happened.
#[derive(Default)]
pub(crate) struct Record {
    /// The tables that were served, from when on; `None` while sockets are closed.
    pub(crate) tables: Vec<(Duration, Option<Served>)>,
    /// When a table was published.
    pub(crate) publications: Vec<Duration>,
    pub(crate) transitions: Vec<(Duration, Transition)>,
    pub(crate) guard: Vec<(Duration, GuardChange)>,
    /// What the director said at the times of the story's expectations.
    pub(crate) statuses: BTreeMap<Duration, Status>,
    /// What operators should have been told and were not.
    pub(crate) misunderstandings: Vec<String>,
}

/// A table and the topology that its ids are of.
pub(crate) type Served = (Arc<Topology>, Arc<RoutingTable>);

/// Tells the story, with all that happens in it delayed by `phase`.
pub(crate) fn run(story: &Story, phase: Duration) -> Record {
    let seed = u64::try_from(phase.as_micros()).unwrap();
    let mut world = World {
        story,
        setting: story.setting.clone(),
        behaviours: HashMap::new(),
        loads: HashMap::new(),
        lost: BTreeSet::new(),
        time: Duration::ZERO,
        seed,
        process: None,
        disk: Saved::default(),
        overrides: Overrides::default(),
        wall_ahead: 0,
        record: Record::default(),
    };
    let mut stops: Vec<(Duration, Option<&Action>)> =
        story.actions.iter().map(|(at, action)| (*at + phase, Some(action))).collect();
    stops.extend(story.expectations.iter().map(|line| (line.to + phase, None)));
    stops.sort_by_key(|&(at, action)| (at, action.is_none()));

    let is_before_start =
        |&&(at, action): &&(Duration, Option<&Action>)| at.is_zero() && action.is_some();
    let before = stops.iter().take_while(is_before_start).count();
    for &(_, action) in &stops[..before] {
        world.act(action.unwrap());
    }
    world.start();
    for &(at, action) in &stops[before..] {
        match action {
            Some(action) => {
                world.run(at, Until::Before);
                world.act(action);
            }
            None => {
                world.run(at, Until::After);
                world.look();
            }
        }
    }
    world.record
}

struct World<'a> {
    story: &'a Story,
    setting: Setting,
    behaviours: HashMap<IpAddr, Behaviour>,
    /// What endpoints report.
    loads: HashMap<IpAddr, f64>,
    /// The families in which this host reaches nobody.
    lost: BTreeSet<Family>,
    time: Duration,
    seed: u64,
    process: Option<Process>,
    disk: Saved,
    /// As they were written down.
    overrides: Overrides,
    /// By how many seconds the wall clock was set forward.
    wall_ahead: i64,
    record: Record,
}

/// A running server.
struct Process {
    director: Director,
    /// When its monotonic clock began.
    began: Duration,
    routing: Routing,
    epoch: u64,
    ready: bool,
    wake: Option<Duration>,
    /// Probes under way and to come, by time and then by when they were asked for.
    probes: BTreeMap<(Duration, u64), Probe>,
    asked: u64,
}

enum Probe {
    Start(MonitorId),
    End(u64, Outcome),
}

/// Whether what happens at the very end of a run is part of it.
#[derive(PartialEq)]
enum Until {
    Before,
    After,
}

impl World<'_> {
    fn act(&mut self, action: &Action) {
        match action {
            Action::Behave(address, behaviour) => {
                self.behaviours.insert(*address, behaviour.clone());
            }
            Action::Report(address, load) => {
                self.loads.insert(*address, *load);
            }
            Action::Queries(pool, queries) => self.learn(pool, queries),
            Action::Uplink(families, Uplink::Lost) => self.lost.extend(families),
            Action::Uplink(families, Uplink::Back) => {
                self.lost.retain(|family| !families.contains(family));
            }
            Action::Restart(pause) => {
                self.process = None;
                self.record.tables.push((self.time, None));
                self.time += *pause;
                self.seed += 1;
                self.start();
            }
            Action::Order(order) => self.order(order),
            Action::Clear(clear) => self.clear(clear),
            Action::Release(release) => self.release(release),
            Action::Jump(jump) => {
                self.wall_ahead += match jump {
                    Jump::Forward(by) => by.as_secs() as i64,
                    Jump::Back(by) => -(by.as_secs() as i64),
                };
            }
            Action::Reload(reload) => {
                let Setting { checks, pools, azs } = reload.setting.clone();
                self.setting.checks.extend(checks);
                self.setting.azs.extend(azs);
                self.setting.pools.extend(pools);
                for pool in &reload.removed {
                    self.setting.pools.remove(pool).expect("a pool that is removed was there");
                }
                let routing = routing(self.story, &self.setting);
                let process = self.process.as_mut().unwrap();
                process.routing = routing.clone();
                self.apply(Event::Replace(routing));
            }
        }
    }

    /// What the shell does with what workers counted.
    fn learn(&mut self, pool: &str, queries: &BTreeMap<String, u64>) {
        let process = self.process.as_mut().unwrap();
        let topology = &process.routing.topology;
        let id = topology.pools.position(|known| known.name == pool).expect("such a pool");
        let preferences = &process.routing.preferences[topology.pools[id].view];
        let mut counts = vec![0; preferences.len()];
        for (client, count) in queries {
            assert!(self.story.clients.contains_key(client), "no client {client}");
            counts[usize::from(preference(self.story, client).0)] += count;
        }
        process.director.learn_queries([(id, counts.into())].into());
    }

    /// What the shell does for an operator.
    fn order(&mut self, told: &Order) {
        let now = self.now();
        let director = &self.process.as_ref().unwrap().director;
        let judged = director.expand(&told.target).map_err(|error| error.to_string());
        let judged = judged.and_then(|targets| {
            let order = Override {
                kind: told.kind,
                to: told.to,
                given: told.target.clone(),
                targets,
                reason: told.reason.clone(),
                by: "uid 0".into(),
                given_at: now.wall,
                until: Wall::from_epoch(now.wall.since_epoch() + told.lasts),
            };
            director.permits(&order, now).map_err(|refusal| refusal.to_string())?;
            match told.answer {
                OperatorAnswer::EvenIfLast => Ok(order),
                OperatorAnswer::Done | OperatorAnswer::Refused(_) => {
                    let judged = director.consider(&order, now);
                    judged.map(|()| order).map_err(|refusal| refusal.to_string())
                }
            }
        });
        if let Some(order) = self.answer(told.line, judged, &told.answer) {
            self.apply(Event::Override(order));
        }
    }

    fn release(&mut self, told: &Clear) {
        let director = &self.process.as_ref().unwrap().director;
        let found = director.releasable(&told.target).map_err(|none| none.to_string());
        if let Some(targets) = self.answer(told.line, found, &told.answer) {
            self.apply(Event::Release(targets));
        }
    }

    fn clear(&mut self, told: &Clear) {
        let director = &self.process.as_ref().unwrap().director;
        let found = director.override_of(&told.target);
        let found = found.map(|order| order.targets.clone()).map_err(|none| none.to_string());
        if let Some(targets) = self.answer(told.line, found, &told.answer) {
            self.apply(Event::Clear(targets));
        }
    }

    /// Notes what an operator is told, where that is not what was to be.
    fn answer<T>(
        &mut self,
        line: usize,
        judged: Result<T, String>,
        expected: &OperatorAnswer,
    ) -> Option<T> {
        let fault = match (&judged, expected) {
            (Ok(_), OperatorAnswer::Done | OperatorAnswer::EvenIfLast) => None,
            (Err(error), OperatorAnswer::Refused(part)) if error.contains(part) => None,
            (Ok(_), OperatorAnswer::Refused(_)) => Some("it was not refused".to_owned()),
            (Err(error), _) => Some(format!("refused: {error}")),
        };
        let faults = fault.map(|fault| format!("line {line}: {fault}"));
        self.record.misunderstandings.extend(faults);
        judged.ok()
    }

    fn start(&mut self) {
        let routing = routing(self.story, &self.setting);
        let now = Now { mono: Monotonic::START, wall: self.wall() };
        let (director, effects) = Director::start(
            routing.clone(),
            &self.disk,
            self.overrides.clone(),
            self.seed,
            self.story.startup_wait,
            now,
        );
        self.process = Some(Process {
            director,
            began: self.time,
            routing,
            epoch: 0,
            ready: false,
            wake: None,
            probes: BTreeMap::new(),
            asked: 0,
        });
        self.carry_out(effects);
    }

    fn run(&mut self, end: Duration, until: Until) {
        while let Some(process) = self.process.as_mut() {
            let probe = process.probes.keys().next().copied();
            let next = probe.map(|(at, _)| at).into_iter().chain(process.wake).min();
            let Some(at) = next.filter(|&at| at < end || (at == end && until == Until::After))
            else {
                break;
            };
            self.time = self.time.max(at);
            match probe.filter(|&(due, _)| due == at) {
                Some(key) => match process.probes.remove(&key).unwrap() {
                    Probe::Start(monitor) => self.begin(monitor),
                    Probe::End(epoch, outcome) => self.end(epoch, outcome),
                },
                None => {
                    process.wake = None;
                    self.apply(Event::Clock);
                }
            }
        }
        self.time = self.time.max(end);
    }

    /// A probe starts; what the endpoint does now decides how it ends.
    fn begin(&mut self, monitor: MonitorId) {
        let process = self.process.as_mut().unwrap();
        let spec = &process.routing.topology.monitors[monitor];
        let ip = spec.target.ip();
        let behaviour = match self.lost.contains(&Family::of(ip)) {
            true => &Behaviour::Hang,
            false => self.behaviours.get(&ip).unwrap_or(&Behaviour::Up),
        };
        let timeout = spec.check.thresholds.timeout;
        let (verdict, duration) = match behaviour.clone() {
            Behaviour::Up => (Verdict::Success, UP),
            Behaviour::Hang => (Verdict::Failure(Cause::ConnectTimeout), timeout),
            Behaviour::Fail(cause @ Cause::Refused) => (Verdict::Failure(cause), REFUSED),
            Behaviour::Fail(cause) => (Verdict::Failure(cause), UP),
            Behaviour::Unfit(cause) => (Verdict::Unfit(cause), UP),
            Behaviour::NotProbed(cause) => (Verdict::NotProbed(cause), Duration::ZERO),
        };
        let load = self.loads.get(&ip).copied().filter(|_| verdict == Verdict::Success);
        let outcome = Outcome { monitor, duration, verdict, load };
        let key = (self.time + duration, process.asked);
        process.asked += 1;
        process.probes.insert(key, Probe::End(process.epoch, outcome));
    }

    fn end(&mut self, epoch: u64, outcome: Outcome) {
        self.apply(Event::Outcome { epoch, outcome });
    }

    fn apply(&mut self, event: Event) {
        let now = self.now();
        let process = self.process.as_mut().unwrap();
        let effects = process.director.apply(event, now);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Effects) {
        let now = self.now();
        let process = self.process.as_mut().unwrap();
        if effects.epoch != process.epoch {
            // Probes under way end as they would, and are ignored.
            process.probes.retain(|_, probe| matches!(probe, Probe::End(..)));
            process.epoch = effects.epoch;
        }
        for probe in effects.probes {
            assert!(probe.at >= now.mono, "a probe in the past");
            let at = process.began + probe.at.since_start();
            process.probes.insert((at, process.asked), Probe::Start(probe.monitor));
            process.asked += 1;
        }
        process.each_monitor_has_one_probe_pending();
        assert!(effects.wake.is_none_or(|wake| wake > now.mono), "a wake that does not pass");
        process.wake = effects.wake.map(|wake| process.began + wake.since_start());
        assert!(effects.ready || !process.ready, "ready, and then not");
        let opens = effects.ready && !process.ready;
        process.ready = effects.ready;
        if effects.save {
            self.disk = process.director.saved(now);
        }
        if !effects.overrides.is_empty() {
            self.overrides = process.director.overrides().clone();
        }
        if effects.routes.is_some() {
            self.record.publications.push(self.time);
        }
        if process.ready && (opens || effects.routes.is_some()) {
            let table = (Arc::clone(&process.routing.topology), process.director.routes());
            self.record.tables.push((self.time, Some(table)));
        }
        let guard = effects.guard.into_iter();
        self.record.guard.extend(guard.map(|change| (self.time, change)));
        let transitions = effects.transitions.into_iter();
        self.record.transitions.extend(transitions.map(|transition| (self.time, transition)));
    }

    fn look(&mut self) {
        let status = self.process.as_ref().unwrap().director.status(self.now());
        self.record.statuses.insert(self.time, status);
    }

    fn now(&self) -> Now {
        let began = self.process.as_ref().unwrap().began;
        Now { mono: Monotonic::from_start(self.time - began), wall: self.wall() }
    }

    fn wall(&self) -> Wall {
        let ahead = Duration::from_secs(self.wall_ahead.unsigned_abs());
        let straight = Duration::from_secs(1_700_000_000) + self.time;
        Wall::from_epoch(if self.wall_ahead < 0 { straight - ahead } else { straight + ahead })
    }
}

impl Process {
    fn each_monitor_has_one_probe_pending(&self) {
        let mut pending = BTreeSet::new();
        for probe in self.probes.values() {
            let monitor = match probe {
                Probe::Start(monitor) => *monitor,
                Probe::End(epoch, outcome) if *epoch == self.epoch => outcome.monitor,
                Probe::End(..) => continue,
            };
            assert!(pending.insert(monitor), "two probes of {monitor:?} are pending");
        }
        assert_eq!(pending.len(), self.routing.topology.monitors.len(), "probes pending");
    }
}

/// How long a probe of an endpoint that answers takes.
const UP: Duration = Duration::from_millis(10);
/// How long one of an endpoint that refuses takes.
const REFUSED: Duration = Duration::from_millis(1);

/// What a load of the setting's files would give.
fn routing(story: &Story, setting: &Setting) -> Routing {
    let names: BTreeSet<&String> =
        setting.pools.values().flat_map(|pool| pool.azs.keys()).collect();
    let az = |name: &String| Az { name: name.clone(), location: None, country: None, bias: 1.0 };
    let mut topology = Topology {
        azs: names.into_iter().map(az).collect(),
        guard: story.guard,
        ..Topology::default()
    };
    for (id, az) in topology.azs.iter() {
        let Some(said) = setting.azs.get(&az.name) else { continue };
        let capacities = &mut topology.capacities;
        capacities.limits.extend(said.capacity.map(|capacity| (id, capacity)));
        capacities.stated.extend(said.load.map(|load| (id, load)));
    }
    for (name, pool) in &setting.pools {
        let pool = compile(name, pool, setting, &mut topology);
        topology.pools.push(pool);
    }
    for &address in &story.references {
        let id = topology.monitors.push(reference((address, 443).into()));
        topology.references.push(id);
    }
    let preferences = topology.views.values().map(|view| {
        let orders = story.clients.values().map(|order| {
            let ids = order.iter().map(|name| topology.azs.position(|az| az.name == *name));
            ids.flatten().filter(|az| view.azs.contains(az)).collect::<Box<[_]>>()
        });
        let preferences = Preferences::from_iter(orders);
        let spread =
            Spread::new(preferences.iter().map(|(_, order)| share(story, order, &topology)));
        Arc::new(preferences.with_spread(spread))
    });
    Routing { preferences: preferences.collect(), topology: Arc::new(topology.clone()) }
}

/// All clients with an order of azs, and how far these are.
fn share(story: &Story, order: &[AzId], topology: &Topology) -> Share {
    let names: Vec<&String> = order.iter().map(|az| &topology.azs[*az].name).collect();
    let is_in_order = |azs: &[String]| azs.iter().filter(|az| names.contains(az)).eq(names.clone());
    let clients: Vec<_> = story.clients.iter().filter(|(_, azs)| is_in_order(azs)).collect();
    let km = clients.iter().find_map(|(client, azs)| {
        let km = story.distances.get(*client)?;
        let known = azs.iter().zip(km).filter(|(az, _)| names.contains(az));
        Some(known.map(|(_, km)| *km).collect::<Box<[_]>>()).filter(|km| km.len() == names.len())
    });
    Share { part: clients.len() as u64, km: km.unwrap_or_default() }
}

fn compile(name: &str, pool: &StoryPool, setting: &Setting, topology: &mut Topology) -> Pool {
    let azs = pool.azs.iter().map(|(az, addresses)| {
        let az = topology.azs.position(|known| known.name == *az).unwrap();
        let endpoints = addresses.iter().map(|&address| {
            let monitor = pool.check.as_ref().map(|check| {
                let spec = monitor(setting, check, address);
                let known = topology.monitors.position(|known| *known == spec);
                known.unwrap_or_else(|| topology.monitors.push(spec))
            });
            Endpoint { address: address.into(), monitor }
        });
        PoolAz { az, endpoints: endpoints.collect() }
    });
    let azs: Vec<PoolAz> = azs.collect();
    let is_allowed =
        |az: &AzId| pool.allow.is_empty() || pool.allow.contains(&topology.azs[*az].name);
    let view = ViewSpec {
        azs: azs.iter().map(|az| az.az).filter(is_allowed).collect(),
        policy: Policy::Failover { order: Vec::new() },
        rules: Vec::new(),
    };
    let known = topology.views.position(|known| *known == view);
    Pool {
        name: name.to_owned(),
        view: known.unwrap_or_else(|| topology.views.push(view)),
        azs,
        ttl: pool.ttl,
        min_ttl: pool.min_ttl,
        all_down: match &pool.all_down {
            StoryAllDown::Open => AllDown::Open,
            StoryAllDown::Closed => AllDown::Closed,
            StoryAllDown::Last => AllDown::Last,
            StoryAllDown::Fallback(name) => {
                let position = setting.pools.keys().position(|known| known == name);
                AllDown::Fallback(Id::from_index(position.expect("a fallback is a pool")))
            }
        },
        hold: pool.hold,
        failback: pool.failback,
        min_up: pool.min_up,
        family_down: pool.family_down,
        safety: safety(pool),
        ecs: true,
        max_answers: NonZeroUsize::MAX,
    }
}

fn safety(pool: &StoryPool) -> Option<Safety> {
    let all = || pool.azs.keys().cloned().map(StoryNeed::Az).collect();
    let min_live = pool.min_live.map(|least| ("min_live", StoryNeed::AtLeast(least, all())));
    let named = pool.safety.iter().map(|(name, need)| (name.as_str(), need.clone()));
    let rules = min_live
        .into_iter()
        .chain(named)
        .map(|(name, story)| SafetyRule { name: name.to_owned(), need: need(pool, &story) });
    let rules: Vec<SafetyRule> = rules.collect();
    let pace = pool.pace;
    (!rules.is_empty() || pace.is_some()).then_some(Safety { rules, pace })
}

fn need(pool: &StoryPool, story: &StoryNeed) -> Need {
    match story {
        StoryNeed::Az(name) => {
            let position = pool.azs.keys().position(|az| az == name);
            Need::Az(position.expect("a rule names azs of its pool") as u16)
        }
        StoryNeed::AtLeast(count, of) => {
            Need::AtLeast { count: *count, of: of.iter().map(|it| need(pool, it)).collect() }
        }
    }
}

fn monitor(setting: &Setting, check: &str, address: IpAddr) -> MonitorSpec {
    let check = match setting.checks.get(check) {
        Some(check) => check.clone(),
        None if check == "default" => crate::language::StoryCheck::default(),
        None => panic!("check {check:?} is not defined"),
    };
    let kind = CheckKind::Http {
        tls: None,
        path: check.path,
        host: None,
        status: vec![(200, 200)],
        body: None,
        ready: [].into(),
        load: None,
    };
    MonitorSpec {
        target: SocketAddr::new(address, check.port),
        check: Check { kind, thresholds: check.thresholds }.into(),
    }
}

/// The preference of a client: clients are numbered in the order of their names, in every view.
pub(crate) fn preference(story: &Story, client: &str) -> PreferenceId {
    let position = story.clients.keys().position(|name| name == client);
    let position = position.unwrap_or_else(|| panic!("client {client:?} is not defined"));
    PreferenceId(u16::try_from(position).unwrap())
}
