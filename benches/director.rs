//! What the loss of an az costs the one task that owns all state: 1,000 pools of 20 azs each, over
//! 50 views of 2,000 preferences. The target is 5 ms from the last failing result to the new table.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use divan::{Bencher, black_box};
use meridian::health::{Cause, Check, CheckKind, MonitorSpec, Outcome, Thresholds, Verdict};
use meridian::id::{Id, IdVec};
use meridian::route::{
    Address, AllDown, Az, AzId, Director, Effects, Endpoint, Event, FamilyDown, MinUp, Override,
    OverrideKind, Overrides, Policy, Pool, PoolAz, Preferences, Routing, Saved, Topology, ViewId,
    ViewSpec,
};
use meridian::time::{Monotonic, Now, Wall};

fn main() {
    divan::main();
}

/// Every pool names the same address in the az: one result takes it out of all of them.
#[divan::bench(sample_count = 20)]
fn loss_of_an_az_that_all_pools_share(bencher: Bencher<'_, '_>) {
    let routing = routing(Addresses::Shared);
    bencher.with_inputs(|| failing(&routing)).bench_local_values(lose);
}

/// Every pool has its own address there: one result takes it out of one.
#[divan::bench(sample_count = 20)]
fn loss_of_an_az_of_one_pool(bencher: Bencher<'_, '_>) {
    let routing = routing(Addresses::Own);
    bencher.with_inputs(|| failing(&routing)).bench_local_values(lose);
}

/// An operator drains the az in every pool.
#[divan::bench(sample_count = 20)]
fn drain_of_an_az_of_all_pools(bencher: Bencher<'_, '_>) {
    let routing = routing(Addresses::Own);
    bencher.with_inputs(|| up(&routing)).bench_local_values(|(mut director, now)| {
        let order = drain(&director, now);
        director.consider(&order, now).expect("other azs are eligible");
        let effects = director.apply(Event::Override(order), now);
        assert_eq!(effects.transitions.len(), POOLS);
        (effects, director)
    });
}

/// A result that agrees with the state: what the task does nearly always.
#[divan::bench]
fn calm_result(bencher: Bencher<'_, '_>) {
    let (mut director, now) = up(&routing(Addresses::Own));
    bencher.bench_local(|| {
        let outcome = outcome(0, Verdict::Success);
        black_box(director.apply(Event::Outcome { epoch: 1, outcome }, now))
    });
}

fn drain(director: &Director, now: Now) -> Override {
    Override {
        kind: OverrideKind::Drain,
        to: meridian::route::Share::NONE,
        given: "az00".into(),
        targets: director.expand("az00").expect("there is such an az"),
        reason: "deploy".into(),
        by: "uid 0".into(),
        given_at: now.wall,
        until: Wall::from_epoch(now.wall.since_epoch() + Duration::from_secs(3600)),
    }
}

/// Applies the last failing result. What is to be dropped is returned, not measured.
fn lose((mut director, event, now): (Director, Event, Now)) -> (Effects, Director) {
    let effects = director.apply(event, now);
    assert!(!effects.transitions.is_empty(), "the az is lost");
    (effects, director)
}

#[derive(Clone, Copy)]
enum Addresses {
    Shared,
    Own,
}

/// A director that lacks one failing result to lose the first az, and that result.
fn failing(routing: &Routing) -> (Director, Event, Now) {
    let (mut director, now) = up(routing);
    let failure = || {
        let outcome = outcome(0, Verdict::Failure(Cause::Refused));
        Event::Outcome { epoch: 1, outcome }
    };
    for _ in 1..FALL {
        drop::<Effects>(director.apply(failure(), now));
    }
    (director, failure(), now)
}

/// A director whose monitors are all up and settled.
fn up(routing: &Routing) -> (Director, Now) {
    let now = Now { mono: Monotonic::START, wall: Wall::from_epoch(Duration::from_secs(1)) };
    let wait = Duration::from_secs(3);
    let monitors = routing.topology.monitors.len();
    let (mut director, _) =
        Director::start(routing.clone(), &Saved::default(), Overrides::default(), 1, wait, now);
    let later = Now { mono: now.mono + Duration::from_secs(60), ..now };
    for monitor in 0..monitors {
        let outcome = outcome(monitor, Verdict::Success);
        drop::<Effects>(director.apply(Event::Outcome { epoch: 1, outcome }, now));
    }
    drop::<Effects>(director.apply(Event::Clock, later));
    (director, later)
}

fn outcome(monitor: usize, verdict: Verdict) -> Outcome {
    let duration = Duration::from_millis(1);
    Outcome { monitor: Id::from_index(monitor), duration, verdict, load: None }
}

const POOLS: usize = 1_000;
const AZS: usize = 20;
const VIEWS: usize = 50;
const PREFERENCES: usize = 2_000;
const FALL: u32 = 3;

fn routing(addresses: Addresses) -> Routing {
    let mut topology = Topology::default();
    for index in 0..AZS {
        let name = format!("az{index:02}");
        topology.azs.push(Az { name, location: None, country: None, bias: 1.0 });
    }
    let azs: Vec<AzId> = topology.azs.ids().collect();
    for index in 0..VIEWS {
        // Views differ in their orders.
        let mut order = azs.clone();
        order.rotate_left(index % AZS);
        order.swap(0, 1 + index / AZS);
        let policy = Policy::Failover { order };
        topology.views.push(ViewSpec { azs: azs.clone(), policy, rules: Vec::new() });
    }
    for index in 0..POOLS {
        let azs = azs.iter().map(|&az| {
            let third = if let Addresses::Own = addresses { index } else { 0 };
            let [high, low] = (third as u16).to_be_bytes();
            let address = IpAddr::V4(Ipv4Addr::new(10, az.index() as u8, high, low));
            let endpoint = Endpoint { address: address.into(), monitor: None };
            PoolAz { az, endpoints: vec![endpoint] }
        });
        topology.pools.push(Pool {
            name: format!("pool{index:04}"),
            view: ViewId::from_index(index % VIEWS),
            azs: azs.collect(),
            ttl: Duration::from_secs(30),
            min_ttl: Duration::from_secs(5),
            all_down: AllDown::Open,
            hold: Duration::from_secs(60),
            failback: meridian::route::Failback::Auto,
            min_up: MinUp::Count(1),
            family_down: FamilyDown::Drop,
            safety: None,
            ecs: true,
            max_answers: NonZeroUsize::MAX,
        });
    }
    watch(&mut topology);
    let orders = |view: usize| (0..PREFERENCES).map(move |index| order(view * PREFERENCES + index));
    let preferences = |view| Arc::new(Preferences::from_iter(orders(view)));
    let preferences: IdVec<ViewId, _> = (0..VIEWS).map(preferences).collect();
    Routing { topology: Arc::new(topology), preferences }
}

/// Gives every distinct address a monitor; the first az's of the first pool is the first.
fn watch(topology: &mut Topology) {
    let thresholds = Thresholds {
        interval: Duration::from_secs(2),
        timeout: Duration::from_secs(2),
        fast_interval: Duration::from_millis(500),
        rise: 1,
        fall: FALL,
        damping: None,
    };
    let check = Arc::new(Check { kind: CheckKind::Tcp, thresholds });
    let mut known = std::collections::HashMap::new();
    for pool in topology.pools.values_mut() {
        for endpoint in pool.azs.iter_mut().flat_map(|az| &mut az.endpoints) {
            let Address::Ip(ip) = endpoint.address else { continue };
            let target = SocketAddr::new(ip, 80);
            let monitors = &mut topology.monitors;
            let id = known.entry(target).or_insert_with(|| {
                monitors.push(MonitorSpec { target, check: Arc::clone(&check) })
            });
            endpoint.monitor = Some(*id);
        }
    }
}

/// A pseudo-random order of the azs.
fn order(seed: usize) -> Box<[AzId]> {
    let mut azs: Vec<AzId> = (0..AZS).map(AzId::from_index).collect();
    let mut state = seed as u64;
    azs.sort_by_cached_key(|_| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 16
    });
    azs.into_boxed_slice()
}
