//! `capacity` of an az: a number, or a soft and a hard limit.

use super::Code;
use super::key;
use super::reader::{Faults, Table, Value};
use crate::route::spill::Capacity;

/// What the table of an az says of it.
pub(super) fn capacity(value: Value<'_>, faults: &mut Faults) -> Option<Capacity> {
    if !value.is_table() {
        let limit = limit(value, faults)?;
        return Some(Capacity { soft: limit, hard: limit });
    }
    let table = value.table(&key::CAPACITY, faults)?;
    let [soft, hard] = ["soft", "hard"].map(|key| table.required(key, faults));
    let soft = soft.and_then(|value| limit(value, faults));
    let hard = hard.and_then(|value| limit(value, faults));
    let capacity = Capacity { soft: soft?, hard: hard? };
    if capacity.soft > capacity.hard {
        report_reversed(&table, capacity, faults);
    }
    Some(capacity)
}

fn report_reversed(table: &Table<'_>, capacity: Capacity, faults: &mut Faults) {
    let Capacity { soft, hard } = capacity;
    let Some(value) = table.get("soft", faults) else { return };
    let message = format!("`soft` {soft} is above `hard` {hard}");
    let mut fault = Code::ReversedCapacity.at(value.span, message).label("above");
    if let Some(hard) = table.get("hard", faults) {
        fault = fault.related(hard.span, "this");
    }
    faults.push(fault.remedy("displaced clients fill an az up to `soft` first: lower it"));
}

fn limit(value: Value<'_>, faults: &mut Faults) -> Option<f64> {
    let limit = value.number(faults)?;
    if (0.0..=MOST).contains(&limit) {
        return Some(limit);
    }
    value.out_of_range(0, MOST, faults)
}

/// More load than anything has, in any unit.
const MOST: f64 = 1e12;
