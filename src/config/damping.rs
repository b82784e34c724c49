//! `half_life`, `suppress` and `reuse` of a check: how losses keep an endpoint from clients.

use std::time::Duration;

use super::Code;
use super::reader::{Faults, Table, Value};
use crate::health::{Damping, Points};

/// What a check's table says of it; `None`: losses cost nothing.
pub(super) fn damping(table: &Table<'_>, faults: &mut Faults) -> Option<Damping> {
    let default = Damping::DEFAULT;
    let suppress = table.get("suppress", faults);
    let number = suppress.and_then(|value| value.number(faults));
    if number == Some(0.0) {
        for key in ["half_life", "reuse"] {
            report_unused(key, table, faults);
        }
        return None;
    }
    let half_life = table.get("half_life", faults);
    let half_life = half_life.and_then(|value| value.duration(SHORTEST..=LONGEST, faults));
    let reuse = table.get("reuse", faults);
    let reuse = reuse.and_then(|value| points(value, value.number(faults)?, faults));
    let damping = Damping {
        half_life: half_life.unwrap_or(default.half_life),
        suppress: suppress
            .and_then(|value| points(value, number?, faults))
            .unwrap_or(default.suppress),
        reuse: reuse.unwrap_or(default.reuse),
    };
    if damping.reuse >= damping.suppress {
        report_no_end(&damping, table, faults);
    }
    Some(damping)
}

fn points(value: Value<'_>, number: f64, faults: &mut Faults) -> Option<Points> {
    match Points::of(number) {
        Some(points) if (LEAST..=MOST).contains(&number) => Some(points),
        _ => value.out_of_range(LEAST, MOST, faults),
    }
}

fn report_unused(key: &'static str, table: &Table<'_>, faults: &mut Faults) {
    let (Some(value), Some(suppress)) = (table.get(key, faults), table.get("suppress", faults))
    else {
        return;
    };
    let message = format!("losses cost nothing: no `{key}`");
    let fault = Code::MisplacedCheckKey.at(value.key_span, message).label("says nothing here");
    let fault = fault.related(suppress.span, "because of this");
    faults.push(fault.remedy("remove the key, or give `suppress` a number"));
}

fn report_no_end(damping: &Damping, table: &Table<'_>, faults: &mut Faults) {
    let Damping { suppress, reuse, .. } = damping;
    let written = |key, faults: &Faults| table.get(key, faults);
    let (low, high) = (written("reuse", faults), written("suppress", faults));
    let Some(place) = low.or(high) else { return };
    let message = format!("`reuse` {reuse} is not below `suppress` {suppress}");
    let mut fault = Code::NoReuse.at(place.span, message).label("not below the other");
    if let (Some(_), Some(high)) = (low, high) {
        fault = fault.related(high.span, "this one");
    }
    let remedy = "what is suppressed is used again once its penalty is below `reuse`: lower that";
    faults.push(fault.remedy(remedy));
}

/// Of a half-life.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Of points.
const LEAST: f64 = 0.01;
const MOST: f64 = 1000.0;
