//! `ready` of a check: what the body of a reply must say for its endpoint to be fit to serve.

use std::ops::Range;
use std::sync::Arc;

use super::Code;
use super::check::CheckEntry;
use super::pool::{AllDownName, PoolEntry};
use super::reader::{Faults, Table, Value};
use crate::diag::Diagnostic;
use crate::health::{CheckKind, Condition, ConditionError, ConditionFault, PathFault};
use crate::span::Span;

/// What a check's table says of it.
pub(super) fn conditions(table: &Table<'_>, faults: &mut Faults) -> Arc<[Condition]> {
    let elements = table.get("ready", faults).and_then(|value| value.filled_array(faults));
    let elements = elements.unwrap_or_default().into_iter();
    elements.filter_map(|element| condition(element, faults)).collect()
}

/// That a pool keeps clients from endpoints that are not fit to serve, by its check, and gives them when
/// nothing else is left.
pub(super) fn fails_open(pool: &PoolEntry, check: &CheckEntry) -> Option<Diagnostic> {
    let CheckKind::Http { ready, .. } = &check.check.kind else { return None };
    let gives_all = matches!(pool.all_down, AllDownName::Open | AllDownName::Last);
    if ready.is_empty() || !gives_all {
        return None;
    }
    let span = pool.check.as_ref().map_or(pool.span, |check| check.span);
    let message = format!("pool `{}` gives endpoints that are not ready when none is", pool.name);
    let fault = Code::FailsOpen.at(span, message).label("not before they are ready, but");
    Some(fault.related(check.span, "has `ready`").remedy(
        "write `all_down = \"closed\"`, which is no answer, or `\"fallback\"`: `\"open\"` sends clients \
         to what says that it is not fit to serve them",
    ))
}

fn condition(element: Value<'_>, faults: &mut Faults) -> Option<Condition> {
    let text = element.string(faults)?;
    let ConditionError { at, fault } = match Condition::parse(text) {
        Ok(condition) => return Some(condition),
        Err(error) => error,
    };
    let place = place_within(element.span, text, at);
    let diagnostic = Code::BadValue.at(place, format!("not a condition: {fault}"));
    faults.push(diagnostic.label("not understood").remedy(remedy(fault)));
    None
}

/// Where bytes of a string stand, which is quoted at `whole`; all of it where that can't be told.
pub(super) fn place_within(whole: Span, text: &str, at: Range<usize>) -> Span {
    // Between plain quotes and without escapes, each byte of the value is one of the file.
    let is_plain = (whole.end - whole.start) as usize == text.len() + 2;
    let offset = whole.start as usize + 1;
    let span = Span::new(whole.file, offset + at.start, offset + at.end);
    if is_plain { span } else { whole }
}

fn remedy(fault: ConditionFault) -> &'static str {
    match fault {
        ConditionFault::Path(PathFault::BadName) | ConditionFault::BadOperator => {
            "for example \"$.replication.lag_seconds < 5\"; other names in quotes: \"$['lag-seconds'] < 5\""
        }
        ConditionFault::Path(PathFault::NoEndOfQuote | PathFault::BadEscape) => {
            "for example \"$.role == 'primary'\""
        }
        ConditionFault::Path(PathFault::NoRoot | PathFault::BadBracket) => {
            "for example \"$.peers[0].lag < 5\": `$` is the whole body, and a path leads to one value"
        }
        ConditionFault::BadLiteral => {
            "for example \"$.role == 'primary'\": text in quotes, numbers as JSON has them"
        }
        ConditionFault::NoOrder => "write `==` or `!=`",
        ConditionFault::Trailing => "write each condition as an element of its own: all must hold",
    }
}
