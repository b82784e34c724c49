//! Compares what happened with what the story expects.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use meridian::geo::Slot;
use meridian::health::HealthState;
use meridian::route::status::{ShownAzState, Status};
use meridian::route::{
    AllDown, Eligibility, GuardChange, OverrideKind, Pool, PoolId, PoolRoutes, RoutingTable,
    Topology,
};

use crate::language::{Ask, Expectation, Expected, Story};
use crate::world::{Record, Served, preference};

/// The lines that did not come true, and the transitions that no line expects.
pub(crate) fn faults(story: &Story, phase: Duration, record: &Record) -> Vec<String> {
    let mut faults = record.misunderstandings.clone();
    let mut unexpected: BTreeSet<usize> = (0..record.transitions.len()).collect();
    let mut unheard: BTreeSet<usize> = (0..record.guard.len()).collect();
    for expectation in &story.expectations {
        let Expectation { line, from, to, what } = expectation.clone();
        let moved = Expectation { line, from: from + phase, to: to + phase, what };
        let verdict = match &moved.what {
            Expected::Guard { .. } => guard(&moved, record, &mut unheard),
            _ => check(story, &moved, record, &mut unexpected),
        };
        if let Err(fault) = verdict {
            faults.push(format!("line {line}: {fault}"));
        }
    }
    for index in unheard {
        let (at, change) = &record.guard[index];
        faults.push(format!("unexpected: at {:?} guard: {change}", at.saturating_sub(phase)));
    }
    for index in unexpected {
        faults.push(format!("unexpected: {}", told(record, index, phase)));
    }
    faults
}

fn check(
    story: &Story,
    expectation: &Expectation,
    record: &Record,
    unexpected: &mut BTreeSet<usize>,
) -> Result<(), String> {
    let Expectation { from, to, ref what, .. } = *expectation;
    let status = || &record.statuses[&to];
    match what {
        Expected::Answer { ask, given, ttl } => {
            for served in served(record, from, to) {
                let served = served.ok_or("sockets are closed")?;
                let (addresses, short_or_long) = answer(story, ask, served);
                let found = format!("found {addresses:?} ttl {short_or_long:?}");
                let is_as_told = same(&addresses, given) && ttl.is_none_or(|t| t == short_or_long);
                is_as_told.then_some(()).ok_or(found)?;
            }
            Ok(())
        }
        Expected::Shares { client, pool, shares } => {
            for served in served(record, from, to) {
                let (topology, table) = served.ok_or("sockets are closed")?;
                let found = shares_of(story, client, find(topology, table, pool), topology);
                let all = || found.keys().chain(shares.keys());
                let is_near = |az: &String| {
                    let of = |shares: &BTreeMap<String, f64>| shares.get(az).copied();
                    (of(&found).unwrap_or(0.0) - of(shares).unwrap_or(0.0)).abs() <= 1.0
                };
                all().all(is_near).then_some(()).ok_or_else(|| format!("found {found:?}"))?;
            }
            Ok(())
        }
        Expected::Load { az, load, above } => {
            let found = status().capacity.iter().find(|of| of.az == *az);
            let found = found.ok_or("it has no capacity")?;
            let is_near = (found.load - load).abs() <= 0.01 * load;
            let limit = found.above.as_ref().map(|above| above.limit.to_string());
            let is_it = is_near && limit == *above;
            is_it.then_some(()).ok_or_else(|| format!("it carries {} ({limit:?})", found.load))
        }
        Expected::NeverGives { pool, address } => {
            for (topology, table) in served(record, from, to).into_iter().flatten() {
                let (_, routes) = find(topology, table, pool);
                for az in routes.row.choices().filter_map(|choice| choice.az) {
                    let route = &routes.azs[usize::from(az)];
                    let v4 = route.addresses_v4.iter().copied().map(IpAddr::V4);
                    let v6 = route.addresses_v6.iter().copied().map(IpAddr::V6);
                    if v4.chain(v6).any(|given| given == *address) {
                        return Err("it is given".into());
                    }
                }
            }
            Ok(())
        }
        Expected::Publications { at_most } => {
            let times = record.publications.iter().filter(|&&at| from <= at && at <= to);
            let count = times.count();
            if count <= *at_most { Ok(()) } else { Err(format!("there were {count}")) }
        }
        Expected::Breaks { pool, rules } => {
            let mut pools = status().pools.iter();
            let pool = pools.find(|known| known.name == *pool).ok_or("it is unheard of")?;
            let broken = pool.broken_rules.iter().map(|rule| &rule.name);
            if broken.clone().eq(rules) {
                Ok(())
            } else {
                Err(format!("it breaks {:?}", broken.collect::<Vec<_>>()))
            }
        }
        Expected::Az { pool, az, overridden, state, because } => {
            let (found, kept) = az_state(status(), pool, az);
            if let Some(part) = because.as_ref().filter(|part| !kept.contains(part.as_str())) {
                return Err(format!("because {kept:?}, not {part:?}"));
            }
            let expected = match overridden {
                Some(order) => format!("{order} measured {state}"),
                None => state.clone(),
            };
            if found == expected { Ok(()) } else { Err(format!("it is {found}")) }
        }
        Expected::Endpoint { address, state, because } => {
            endpoint(status(), *address, state, because.as_deref())
        }
        Expected::Kept { address, is_kept } => {
            let azs = status().pools.iter().flat_map(|pool| &pool.azs);
            let mut endpoints = azs.flat_map(|az| &az.endpoints);
            let endpoint = endpoints.find(|known| known.address == address.to_string());
            let endpoint = endpoint.ok_or("there is none")?;
            let found = endpoint.kept_until.is_some();
            (found == *is_kept).then_some(()).ok_or_else(|| format!("kept: {found}"))
        }
        Expected::Guard { .. } => Err("it is checked elsewhere".into()),
        Expected::Sockets { are_open } => {
            if status().ready == *are_open {
                Ok(())
            } else {
                Err("they are not".into())
            }
        }
        Expected::Transition { pool, az, is_in, because } => {
            let to_be = if *is_in { Eligibility::Eligible } else { Eligibility::NotEligible };
            let found = unexpected.iter().copied().find(|&index| {
                let (at, transition) = &record.transitions[index];
                (&transition.pool_name, &transition.az_name) == (pool, az)
                    && transition.to == to_be
                    && (from..=to).contains(at)
            });
            let index = found.ok_or("it did not happen")?;
            unexpected.remove(&index);
            let why = record.transitions[index].1.to_string();
            match because {
                Some(part) if !why.contains(part) => Err(format!("because {why:?}")),
                Some(_) | None => Ok(()),
            }
        }
    }
}

/// Whether the guard did what is expected of it; then it is no longer among the `unheard`.
fn guard(
    expectation: &Expectation,
    record: &Record,
    unheard: &mut BTreeSet<usize>,
) -> Result<(), String> {
    let Expectation { from, to, what: Expected::Guard { suspects, family, because }, .. } =
        expectation
    else {
        return Err("it is not the guard's".into());
    };
    let is_meant = |change: &GuardChange| match change {
        GuardChange::Began { family: of, .. } => *suspects && of == family,
        GuardChange::Ended { family: of, .. } => !*suspects && of == family,
    };
    let found = unheard.iter().copied().find(|&index| {
        let (at, change) = &record.guard[index];
        is_meant(change) && (from..=to).contains(&at)
    });
    let index = found.ok_or("it did not happen")?;
    unheard.remove(&index);
    let why = record.guard[index].1.to_string();
    match because {
        Some(part) if !why.contains(part) => Err(format!("because {why:?}")),
        Some(_) | None => Ok(()),
    }
}

/// What was served at any moment from one time to the other.
fn served(record: &Record, from: Duration, to: Duration) -> Vec<Option<&Served>> {
    let until = record.tables.partition_point(|&(at, _)| at <= to);
    let first = record.tables.partition_point(|&(at, _)| at <= from).saturating_sub(1);
    let served = record.tables[..until].get(first..).unwrap_or_default();
    if served.is_empty() {
        return vec![None];
    }
    served.iter().map(|(_, table)| table.as_ref()).collect()
}

fn find<'a>(
    topology: &'a Topology,
    table: &'a RoutingTable,
    pool: &str,
) -> (&'a Pool, &'a PoolRoutes) {
    let id = topology.pools.position(|known| known.name == pool);
    let id = id.unwrap_or_else(|| panic!("pool {pool:?} is not defined"));
    (&topology.pools[id], &table.pools[id])
}

/// What share of all slots each az of a pool has, in percent, among clients like this one.
fn shares_of(
    story: &Story,
    client: &str,
    (pool, routes): (&Pool, &PoolRoutes),
    topology: &Topology,
) -> BTreeMap<String, f64> {
    let preference = preference(story, client);
    let mut shares = BTreeMap::new();
    for slot in Slot::all() {
        let (choice, _) = routes.row.choice(preference, || slot);
        if let Some(az) = choice.az {
            let az = &topology.azs[pool.azs[usize::from(az)].az].name;
            *shares.entry(az.clone()).or_default() += 100.0 / Slot::COUNT as f64;
        }
    }
    shares
}

/// The addresses that a client is given, and for how long.
pub(crate) fn answer(
    story: &Story,
    ask: &Ask,
    (topology, table): &Served,
) -> (Vec<IpAddr>, Duration) {
    let (pool, routes) = find(topology, table, &ask.pool);
    let preference = preference(story, &ask.client);
    let decide = |pool: &Pool, routes: &PoolRoutes| {
        let choice = routes.row.choice(preference, || Slot::FIRST).0;
        (choice, if choice.short_ttl { pool.min_ttl } else { pool.ttl })
    };
    let (mut choice, mut ttl) = decide(pool, routes);
    let mut routes = routes;
    if let (None, AllDown::Fallback(id)) = (choice.az, pool.all_down) {
        let fallback: PoolId = id;
        routes = &table.pools[fallback];
        let decided = decide(&topology.pools[fallback], routes);
        (choice, ttl) = (decided.0, decided.1.min(ttl));
    }
    let addresses = choice.az.map_or(Vec::new(), |az| {
        let route = &routes.azs[usize::from(az)];
        if ask.is_v4 {
            route.addresses_v4.iter().copied().map(IpAddr::V4).collect()
        } else {
            route.addresses_v6.iter().copied().map(IpAddr::V6).collect()
        }
    });
    (addresses, ttl)
}

fn same(found: &[IpAddr], told: &[IpAddr]) -> bool {
    found.iter().collect::<BTreeSet<_>>() == told.iter().collect::<BTreeSet<_>>()
}

/// The state of an az, and why it is kept, if it is.
fn az_state(status: &Status, pool: &str, az: &str) -> (String, String) {
    let pools = status.pools.iter().filter(|known| known.name == pool);
    let mut azs = pools.flat_map(|pool| &pool.azs).filter(|known| known.name == az);
    let Some(az) = azs.next() else {
        return ("unheard of".into(), String::new());
    };
    let kept = az.kept.as_ref().map(ToString::to_string);
    let order = match az.overridden.as_ref().map(|order| order.kind) {
        None if kept.is_some() => "kept measured ",
        None => "",
        Some(OverrideKind::Drain) => "drained measured ",
        Some(OverrideKind::ForceUp) => "forced-up measured ",
        Some(OverrideKind::ForceDown) => "forced-down measured ",
    };
    let state = match az.state {
        ShownAzState::Eligible => "eligible",
        ShownAzState::Held { .. } => "held",
        ShownAzState::Suppressed { .. } => "suppressed",
        ShownAzState::Ramping { .. } => "ramping",
        ShownAzState::AwaitingRelease => "awaiting-release",
        ShownAzState::Unfit => "unfit",
        ShownAzState::UnderMinUp => "under-min-up",
        ShownAzState::Down => "down",
        ShownAzState::Awaited => "awaited",
    };
    (format!("{order}{state}"), kept.unwrap_or_default())
}

fn endpoint(
    status: &Status,
    address: IpAddr,
    state: &str,
    because: Option<&str>,
) -> Result<(), String> {
    let azs = status.pools.iter().flat_map(|pool| &pool.azs);
    let mut endpoints =
        azs.flat_map(|az| &az.endpoints).filter(|known| known.address == address.to_string());
    let endpoint = endpoints.next().ok_or("there is none")?;
    let monitor = endpoint.monitor.as_ref().ok_or("it has no check")?;
    let is_suppressed = monitor.penalty.is_some_and(|it| it.suppressed_until.is_some());
    let found = match monitor.state {
        HealthState::Up if is_suppressed => "suppressed".to_owned(),
        state => format!("{state:?}").to_lowercase(),
    };
    let causes = [&monitor.could_not_probe, &monitor.last_failure];
    let causes: Vec<&str> = causes.into_iter().flatten().map(|it| it.cause.as_str()).collect();
    let is_because = because.is_none_or(|part| causes.iter().any(|cause| cause.contains(part)));
    if found == state && is_because { Ok(()) } else { Err(format!("it is {found}, {causes:?}")) }
}

fn told(record: &Record, index: usize, phase: Duration) -> String {
    let (at, transition) = &record.transitions[index];
    let at = at.saturating_sub(phase);
    let way = match transition.to {
        Eligibility::Eligible => "in",
        Eligibility::NotEligible => "out",
    };
    format!("at {at:?} {}/{} {way}: {transition}", transition.pool_name, transition.az_name)
}
