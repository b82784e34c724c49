//! An az of a pool becoming eligible or not, told in an operator's words.

use std::fmt;
use std::time::Duration;

use super::status::ShownPenalty;
use super::{AzId, OverrideKind, PoolId};
use crate::health::Cause;
use crate::time::{Monotonic, Now, Wall};

/// An az of a pool became eligible, or ceased to be. Its `Display` says why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The pool.
    pub pool: PoolId,
    /// Its full name.
    pub pool_name: String,
    /// The az.
    pub az: AzId,
    /// Its name.
    pub az_name: String,
    /// What it became.
    pub to: Eligibility,
    /// Why.
    pub reason: Reason,
    /// How many of the az's endpoints are up, of both families.
    pub endpoints_up: usize,
    /// How many it has.
    pub endpoints: usize,
    /// The first of the failures in a row that led here.
    pub first_failure: Option<Monotonic>,
    /// Of the endpoint that was lost, if it won't be trusted again for some time.
    pub suppressed: Option<ShownPenalty>,
    /// When.
    pub at: Now,
}

/// Whether an az may be given to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eligibility {
    /// It may.
    Eligible,
    /// It may not, while another is eligible.
    NotEligible,
}

/// What made the difference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The failure that made an endpoint down.
    #[error("{0}")]
    Failed(Cause),
    /// The az was up for as long as it was held.
    #[error("up for {}", Seconds(*.0))]
    Held(Duration),
    /// The az's endpoints were not lost again for so long that they are trusted.
    #[error("no longer suppressed")]
    Trusted,
    /// It comes back slot by slot over this long.
    #[error("ramping over {}", Seconds(*.0))]
    Ramping(Duration),
    /// An operator let it back.
    #[error("released")]
    Released,
    /// An endpoint came up.
    #[error("up")]
    Up,
    /// A safety rule needs it in service.
    #[error("kept by a safety rule")]
    Kept,
    /// No safety rule needs it in service any more.
    #[error("let go by the safety rules")]
    LetGo,
    /// The files changed.
    #[error("reload")]
    Reload,
    /// An operator gave an override.
    #[error("{} until {}: {reason}", kind.participle(), until.to_second())]
    Overridden {
        /// What is ordered.
        kind: OverrideKind,
        /// When it ends.
        until: Wall,
        /// Why, in the operator's words.
        reason: String,
    },
    /// An override came to its end, or an operator ended it.
    #[error("{0} ended")]
    OverrideEnded(OverrideKind),
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, endpoints_up, endpoints, .. } = self;
        write!(f, "{reason}, {endpoints_up} of {endpoints} endpoints up")?;
        if let Some(first) = self.first_failure {
            let ago = self.at.mono.saturating_since(first);
            write!(f, " (first failure {:.1} s ago)", ago.as_secs_f64())?;
        }
        match &self.suppressed {
            Some(penalty) => write!(f, "; lost too often: {penalty}"),
            None => Ok(()),
        }
    }
}

/// A duration in seconds, to the tenth where it has one.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0.as_secs_f64() * 10.0).round() / 10.0;
        write!(f, "{tenths} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transition(reason: Reason, first_failure: Option<Monotonic>) -> Transition {
        let mono = Monotonic::from_start(Duration::from_millis(11_002));
        Transition {
            pool: PoolId(0),
            pool_name: "web".into(),
            az: AzId(0),
            az_name: "mumbai".into(),
            to: Eligibility::NotEligible,
            reason,
            endpoints_up: 0,
            endpoints: 2,
            first_failure,
            suppressed: None,
            at: Now { mono, ..Now::default() },
        }
    }

    #[test]
    fn a_loss_names_its_cause_and_its_first_failure() {
        let first = Monotonic::from_start(Duration::from_secs(10));
        let lost = transition(Reason::Failed(Cause::Refused), Some(first));
        let told = "connection refused, 0 of 2 endpoints up (first failure 1.0 s ago)";
        assert_eq!(lost.to_string(), told);
    }

    #[test]
    fn a_loss_too_many_says_until_when_the_endpoint_is_suppressed() {
        let until = Wall::from_epoch(Duration::from_millis(1_764_000_000_250));
        let points = crate::health::Points::of(2.974).unwrap();
        let suppressed = Some(ShownPenalty { points, suppressed_until: Some(until) });
        let lost = Transition { suppressed, ..transition(Reason::Failed(Cause::Refused), None) };
        let told = "connection refused, 0 of 2 endpoints up; lost too often: penalty 2.97, \
                    suppressed until 2025-11-24T16:00:00Z";
        assert_eq!(lost.to_string(), told);
    }

    #[test]
    fn an_order_names_its_end_and_its_reason() {
        let until = Wall::from_epoch(Duration::from_millis(1_764_000_000_250));
        let kind = OverrideKind::Drain;
        let reason = Reason::Overridden { kind, until, reason: "deploy 42".into() };
        let told = "drained until 2025-11-24T16:00:00Z: deploy 42";
        assert_eq!(reason.to_string(), told);
        assert_eq!(Reason::OverrideEnded(OverrideKind::ForceUp).to_string(), "force-up ended");
    }

    #[test]
    fn a_return_names_its_hold() {
        let back = transition(Reason::Held(Duration::from_millis(2_500)), None);
        assert_eq!(back.to_string(), "up for 2.5 s, 0 of 2 endpoints up");
    }
}
