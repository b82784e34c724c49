//! `meridian drain`, `force-up`, `force-down`, `clear` and `overrides`.

use std::fmt::Write;

use hyper::{Method, StatusCode};

use crate::admin::Listed;
use crate::admin::client::ClientError;
use crate::control::orders::Change;
use crate::control::{Order, Ordered, Released};
use crate::route::{Override, OverrideKind, Target};

use super::output::Failure;
use super::{Clear, Drain, Give, Printed, Release, Take};

/// Takes clients away from a target, and shows what that came to.
pub(super) fn take(kind: OverrideKind, arguments: Take) -> Result<(), Failure> {
    let Take { give: order, even_if_last } = arguments;
    let Give { target, duration, reason, printed } = order;
    give(&Order { kind, target, duration, reason, to: None, even_if_last }, &printed)
}

/// Takes clients away from a target, all but a share, and shows what that came to.
pub(super) fn drain(arguments: Drain) -> Result<(), Failure> {
    let Drain { to, take: Take { give: order, even_if_last } } = arguments;
    let Give { target, duration, reason, printed } = order;
    let kind = OverrideKind::Drain;
    give(&Order { kind, target, duration, reason, to, even_if_last }, &printed)
}

/// Has a target count as up, and shows what that came to.
pub(super) fn force_up(arguments: Give) -> Result<(), Failure> {
    let Give { target, duration, reason, printed } = arguments;
    let kind = OverrideKind::ForceUp;
    give(&Order { kind, target, duration, reason, to: None, even_if_last: false }, &printed)
}

fn give(order: &Order, printed: &Printed) -> Result<(), Failure> {
    let Printed { format, config } = printed;
    let ordered: Ordered = config.send(Method::POST, "/v1/overrides", order)?;
    format.show(&ordered, given)
}

/// Ends an override early, and shows what that came to.
pub(super) fn clear(arguments: &Clear) -> Result<(), Failure> {
    let Clear { target, printed: Printed { format, config } } = arguments;
    let mut query = form_urlencoded::Serializer::new(String::new());
    let query = query.append_pair("target", target).finish();
    let asked = config.asked(Method::DELETE, &format!("/v1/overrides?{query}"), None)?;
    let ordered: Ordered = asked.map_err(|error| match error {
        ClientError::Refused { status: StatusCode::NOT_FOUND, .. } => Failure::usage(error),
        ClientError::Refused { .. } | ClientError::Unreachable { .. } | ClientError::Garbled(_) => {
            Failure::of_client(&error)
        }
    })?;
    format.show(&ordered, cleared)
}

/// Lets azs back that wait for it, and shows what that came to.
pub(super) fn release(arguments: &Release) -> Result<(), Failure> {
    let Release { target, printed: Printed { format, config } } = arguments;
    let mut query = form_urlencoded::Serializer::new(String::new());
    let query = query.append_pair("target", target).finish();
    let released: Released = config.ask(Method::POST, &format!("/v1/release?{query}"), None)?;
    format.show(&released, |Released { target, changes, generation }| {
        format!("{target} released\n") + &consequences(changes, *generation)
    })
}

/// Shows the overrides in force.
pub(super) fn list(arguments: &Printed) -> Result<(), Failure> {
    let Printed { format, config } = arguments;
    let listed: Listed = config.ask(Method::GET, "/v1/overrides", None)?;
    format.show(&listed, |Listed { overrides, state }| {
        let state = state.iter().map(|reason| format!("state directory: {reason}\n"));
        let listed = match overrides.as_slice() {
            [] => "no overrides\n".into(),
            overrides => overrides.iter().map(|order| line(order) + "\n").collect::<String>(),
        };
        state.collect::<String>() + &listed
    })
}

/// An override in a line.
pub(super) fn line(order: &Override) -> String {
    let Override { kind, to, given, reason, by, until, .. } = order;
    let share = to.clause();
    format!("{kind} of {given}{share} until {until} by {by}: {reason}{}", expansion(order))
}

fn given(ordered: &Ordered) -> String {
    let Ordered { order, replaced, changes, generation } = ordered;
    let mut text = line(order) + "\n";
    if let Some(replaced) = replaced {
        let Override { kind, until, reason, .. } = replaced;
        // Writing to a string can't fail.
        let _ = writeln!(text, "  in place of the {kind} until {until}: {reason}");
    }
    text + &consequences(changes, *generation)
}

fn cleared(ordered: &Ordered) -> String {
    let Ordered { order: Override { kind, given, .. }, changes, generation, .. } = ordered;
    format!("{kind} of {given} cleared\n") + &consequences(changes, *generation)
}

/// What the target came to, where that is not what was written.
fn expansion(order: &Override) -> String {
    match order.targets.as_slice() {
        [target] if target.to_string() == order.given => String::new(),
        targets => targets.iter().map(|target: &Target| format!("\n  {target}")).collect(),
    }
}

fn consequences(changes: &[Change], generation: u64) -> String {
    let mut text = String::new();
    for Change { pool, az, eligible } in changes {
        let is = if *eligible { "back in" } else { "out of" };
        let _ = writeln!(text, "{az} is {is} {pool}");
    }
    if changes.is_empty() {
        text.push_str("no az became eligible or ceased to be\n");
    }
    let _ = writeln!(text, "generation {generation} serves");
    text
}
