//! `meridian status`: pools, azs and endpoints as text.

use std::fmt::Write;
use std::time::Duration;

use hyper::Method;

use crate::control::Status;
use crate::control::status::{LoadStatus, Standing};
use crate::health::HealthState;
use crate::route::status::{CapacityStatus, ShownExcess};
use crate::route::{
    AzStatus, EndpointStatus, GuardStatus, ReferenceStatus, ShownAzState, ShownOverride,
    SuspicionStatus,
};
use crate::time::Wall;

use super::Printed;
use super::output::{Failure, plural};
use super::overrides::line;

/// Shows what the running server knows.
pub(super) fn status(arguments: &Printed) -> Result<(), Failure> {
    let Printed { format, config } = arguments;
    let status: Status = config.ask(Method::GET, "/v1/status", None)?;
    format.show(&status, text)
}

fn text(status: &Status) -> String {
    let mut text = String::new();
    // Writing to a string can't fail.
    let _ = write(&mut text, status);
    text
}

fn write(out: &mut String, status: &Status) -> std::fmt::Result {
    let Status { version, started_at, now, generation, published_at, .. } = status;
    writeln!(out, "meridian {version}, up {}", age(*now, *started_at))?;
    writeln!(out, "generation {generation}, published {}", ago(*now, *published_at))?;
    if let Some(reason) = &status.state {
        writeln!(out, "state directory: {reason}")?;
    }
    if !status.overrides.is_empty() {
        writeln!(out)?;
    }
    for order in &status.overrides {
        let left = span(order.until.saturating_since(*now));
        writeln!(out, "{}\n  given {}, {left} left", line(order), ago(*now, order.given_at))?;
    }
    if !status.health.capacity.is_empty() {
        writeln!(out)?;
    }
    for az in &status.health.capacity {
        capacity(out, az)?;
    }
    guard(out, &status.health.guard, *now)?;
    for pool in &status.health.pools {
        writeln!(out, "\npool {}", pool.name)?;
        for rule in &pool.broken_rules {
            writeln!(out, "  {rule}: overrides in force keep it from them")?;
        }
        for az in &pool.azs {
            let queries = queries(az, status);
            writeln!(out, "  {:<16} {}{queries}", az.name, az_state(az, *now))?;
            for endpoint in &az.endpoints {
                writeln!(out, "    {:<39} {}", endpoint.address, endpoint_state(endpoint, *now))?;
            }
        }
    }
    writeln!(out)?;
    for zone in &status.zones {
        let standing = match zone.standing {
            Standing::Current => "",
            Standing::Kept => ", as it was before its files had errors",
            Standing::Broken => "answers SERVFAIL: its files have errors",
            Standing::Gone => ", removed from disk, waits for `meridian reload`",
            Standing::Shrunk => ", lost many names on disk, waits for `meridian reload`",
            Standing::Changing => ", as it was before its files began to change",
        };
        match zone.serial {
            Some(serial) => writeln!(
                out,
                "zone {} serial {serial}, {} names, {} records{standing}",
                zone.origin, zone.names, zone.records
            )?,
            None => writeln!(out, "zone {} {standing}", zone.origin)?,
        }
    }
    for database in &status.databases {
        writeln!(
            out,
            "database {} ({}), built {}{}, {} networks, {} distinct records",
            database.name,
            database.kind,
            ago(*now, database.built_at),
            if database.old { ": check what updates it" } else { "" },
            database.networks,
            database.records
        )?;
    }
    load(out, &status.load, *now)
}

/// The load of an az with a capacity, by its own clients and by displaced ones.
fn capacity(out: &mut String, az: &CapacityStatus) -> std::fmt::Result {
    let CapacityStatus { az, soft, hard, own, load, above } = az;
    let own = own.map_or("unknown".to_owned(), |own| format!("{own:.0}"));
    write!(out, "az {az:<16} own load {own}, expected {load:.0}, soft {soft:.0}, hard {hard:.0}")?;
    match above {
        Some(ShownExcess { limit, by }) => writeln!(out, ": {by:.0} above its {limit} limit"),
        None => writeln!(out),
    }
}

/// As in `; 1204 queries in 5 min 2 s`, where they are counted.
fn queries(az: &AzStatus, status: &Status) -> String {
    match (az.queries, status.queries_since) {
        (Some(count), Some(since)) => {
            let plural = if count == 1 { "query" } else { "queries" };
            format!("; {count} {plural} in {}", age(status.now, since))
        }
        (Some(_) | None, _) => String::new(),
    }
}

fn load(out: &mut String, load: &LoadStatus, now: Wall) -> std::fmt::Result {
    let LoadStatus { at, clean, errors, warnings, succeeded, failed } = load;
    let result = if *clean { "clean" } else { "refused in part" };
    writeln!(
        out,
        "files loaded {}: {result}, {warnings} warning{} (loads so far: {succeeded} clean, \
         {failed} refused in part)",
        ago(now, *at),
        plural(*warnings)
    )?;
    for error in errors {
        writeln!(out, "  {} (for {})", error.text, age(now, error.since))?;
    }
    Ok(())
}

fn guard(out: &mut String, guard: &GuardStatus, now: Wall) -> std::fmt::Result {
    let GuardStatus { suspicions, references } = guard;
    for SuspicionStatus { family, since: _, until, silent } in suspicions {
        let left = span(until.saturating_since(now));
        let silent = silent.join(", ");
        writeln!(out, "\nguard: suspects this host's own {family} network for {left} more")?;
        writeln!(out, "  silent: {silent}")?;
    }
    if !references.is_empty() {
        writeln!(out)?;
    }
    for ReferenceStatus { address, answers } in references {
        let state = match answers {
            Some(true) => "answers",
            Some(false) => "is silent",
            None => "was not probed",
        };
        writeln!(out, "reference {address} {state}")?;
    }
    Ok(())
}

/// What counts, and what is measured beside it where an operator decided otherwise.
fn az_state(az: &AzStatus, now: Wall) -> String {
    if az.outside_fence {
        return format!("outside the fence; measured {}", measured_up(az, now));
    }
    if let Some(kept) = &az.kept {
        return format!("kept in service; measured {}; {kept}", measured_up(az, now));
    }
    let forced = match &az.overridden {
        Some(order) => forced(order),
        None if az.eligible == az.state.is_eligible() => return measured(az, now),
        None if az.eligible => "eligible by overrides of its endpoints".into(),
        None => "not eligible by overrides of its endpoints".into(),
    };
    format!("{forced}; measured {}", measured_up(az, now))
}

/// What is measured of an az that this does not decide of.
fn measured_up(az: &AzStatus, now: Wall) -> String {
    match az.state {
        ShownAzState::Eligible => "up".into(),
        ShownAzState::Held { .. }
        | ShownAzState::Suppressed { .. }
        | ShownAzState::Ramping { .. }
        | ShownAzState::AwaitingRelease => format!("up, {}", measured(az, now)),
        ShownAzState::Unfit
        | ShownAzState::UnderMinUp
        | ShownAzState::Down
        | ShownAzState::Awaited => measured(az, now),
    }
}

/// What an operator ordered.
fn forced(ShownOverride { kind, to, reason, until, .. }: &ShownOverride) -> String {
    let share = to.clause();
    format!("{}{share} until {until} ({reason})", kind.participle())
}

fn measured(az: &AzStatus, now: Wall) -> String {
    match az.state {
        ShownAzState::Eligible => "eligible".into(),
        ShownAzState::Held { until } => {
            format!("held for {} more", span(until.saturating_since(now)))
        }
        ShownAzState::Suppressed { until } => {
            format!("suppressed for {} more", span(until.saturating_since(now)))
        }
        ShownAzState::Ramping { until, share } => {
            format!("ramping, {share} % back, all in {}", span(until.saturating_since(now)))
        }
        ShownAzState::AwaitingRelease => "awaiting release".into(),
        ShownAzState::Unfit => "unfit".into(),
        ShownAzState::UnderMinUp => "under min_up".into(),
        ShownAzState::Down => "down".into(),
        ShownAzState::Awaited => "awaiting its first probe".into(),
    }
}

fn endpoint_state(endpoint: &EndpointStatus, now: Wall) -> String {
    match &endpoint.overridden {
        Some(order) => format!("{}; measured {}", forced(order), probed(endpoint, now)),
        None => probed(endpoint, now),
    }
}

fn probed(endpoint: &EndpointStatus, now: Wall) -> String {
    let Some(monitor) = &endpoint.monitor else { return "not checked: always up".into() };
    let state = match monitor.state {
        HealthState::Unknown => "unknown",
        HealthState::Up => "up",
        HealthState::Down => "down",
        HealthState::Unfit => "unfit",
    };
    let failing = if monitor.failing { ", failing" } else { "" };
    let mut text = format!("{state} for {}{failing}", age(now, monitor.since));
    if let Some(penalty) = &monitor.penalty {
        let _ = write!(text, ", penalty {}", penalty.points);
        if let Some(until) = penalty.suppressed_until {
            let _ = write!(text, ", suppressed for {} more", span(until.saturating_since(now)));
        }
    }
    let next = span(monitor.next_probe.saturating_since(now));
    let _ = write!(text, ", next probe in {next}");
    if let Some(failure) = &monitor.last_failure {
        let _ = write!(text, "; last failure {}: {}", ago(now, failure.at), failure.cause);
    }
    if let Some(until) = endpoint.kept_until {
        let left = span(until.saturating_since(now));
        let _ = write!(text, "; kept by the guard, goes down in {left}");
    }
    if let Some(setback) = &monitor.could_not_probe {
        let _ = write!(text, "; could not probe: {}", setback.cause);
    }
    text
}

/// `5.0 s`, or `3 days`.
fn age(now: Wall, then: Wall) -> String {
    let age = now.saturating_since(then);
    if age < DAYS { span(age) } else { format!("{} days", age.as_secs() / (24 * 3600)) }
}

/// `5.0 s ago`, or `3 days ago` with the date.
pub(super) fn ago(now: Wall, then: Wall) -> String {
    let age = age(now, then);
    if now.saturating_since(then) < DAYS {
        return format!("{age} ago");
    }
    let date = Wall::from_epoch(Duration::from_secs(then.since_epoch().as_secs()));
    format!("{age} ago ({date})")
}

/// Longer than this is shown in days.
const DAYS: Duration = Duration::from_secs(2 * 24 * 3600);

/// A duration in its two largest units.
pub(super) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_ago_has_a_date() {
        let at = |seconds| Wall::from_epoch(Duration::from_secs(seconds));
        assert_eq!(ago(at(1_000_075), at(1_000_000)), "1 min 15 s ago");
        assert_eq!(ago(at(1_300_000), at(1_000_000)), "3 days ago (1970-01-12T13:46:40Z)");
        assert_eq!(age(at(1_300_000), at(1_000_000)), "3 days");
    }
}
