//! The state machine of one monitor: from the results of its probes to `up` or `down`.
//!
//! It knows neither when probes are sent ([`super::schedule`]) nor who depends on the state.

use serde::{Deserialize, Serialize};

use super::{Cause, Thresholds, Verdict};
use crate::time::{Monotonic, Now, Wall};

/// What probes say of a monitor.
///
/// ```text
///              one success                fall failures in a row
///   Unknown ─────────────────▶ Up ────────────────────────────────▶ Down
///      │                        ▲                                    ▲ │
///      │                        └────────────────────────────────────┼─┘
///      │                            rise successes in a row          │
///      └─────────────────────────────────────────────────────────────┘
///                         fall failures in a row
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthState {
    /// Nothing is known yet.
    Unknown,
    /// It answers as its check asks.
    Up,
    /// It does not.
    Down,
}

/// The health of one monitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitor {
    state: HealthState,
    since: Wall,
    /// Results in a row that disagree with the state; in `Unknown`, failures in a row.
    streak: u32,
    /// Successes and failures so far, up to the `rise` that end a fresh monitor's probation.
    results: u32,
    origin: Origin,
    first_failure: Option<Monotonic>,
    last_failure: Option<Setback>,
    not_probed: Option<Setback>,
}

/// A failure, or a probe that could not be made, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setback {
    /// Why.
    pub cause: Cause,
    /// When the result came.
    pub at: Now,
}

/// Whether a state was there before the first result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Fresh,
    Restored,
}

impl Monitor {
    /// A monitor of which nothing is known.
    pub fn unknown(now: Now) -> Self {
        Self::starting(HealthState::Unknown, now.wall, Origin::Fresh)
    }

    /// A monitor that starts in a state known from before a restart.
    pub fn restored(state: HealthState, since: Wall) -> Self {
        Self::starting(state, since, Origin::Restored)
    }

    fn starting(state: HealthState, since: Wall, origin: Origin) -> Self {
        Self {
            state,
            since,
            streak: 0,
            results: 0,
            origin,
            first_failure: None,
            last_failure: None,
            not_probed: None,
        }
    }

    /// The same health under a check that changed: the state stays until the next rise or fall,
    /// which the new check counts from nothing.
    pub fn under_changed_check(&self) -> Self {
        Self { streak: 0, first_failure: None, not_probed: None, ..self.clone() }
    }

    /// Takes one result in. Returns the state it leads to, if that is another one.
    pub fn record(
        &mut self,
        verdict: &Verdict,
        thresholds: &Thresholds,
        now: Now,
    ) -> Option<HealthState> {
        let cause = match verdict {
            Verdict::NotProbed(cause) => {
                self.not_probed = Some(Setback { cause: cause.clone(), at: now });
                return None;
            }
            Verdict::Success => None,
            Verdict::Failure(cause) => Some(cause),
        };
        self.not_probed = None;
        self.results = self.results.saturating_add(1);
        match cause {
            None => self.first_failure = None,
            Some(cause) => {
                self.first_failure.get_or_insert(now.mono);
                self.last_failure = Some(Setback { cause: cause.clone(), at: now });
            }
        }
        let (state, streak) = next(self.state, self.streak, cause, thresholds);
        self.streak = streak;
        if state == self.state {
            return None;
        }
        self.state = state;
        self.since = now.wall;
        Some(state)
    }

    /// The state.
    pub fn state(&self) -> HealthState {
        self.state
    }

    /// Since when it is in this state.
    pub fn since(&self) -> Wall {
        self.since
    }

    /// The latest failure, however long ago.
    pub fn last_failure(&self) -> Option<&Setback> {
        self.last_failure.as_ref()
    }

    /// The first of the failures in a row that the latest result ended with.
    pub fn first_failure(&self) -> Option<Monotonic> {
        self.first_failure
    }

    /// Why the latest probe could not be made; `None` when it was.
    pub fn not_probed(&self) -> Option<&Setback> {
        self.not_probed.as_ref()
    }

    /// Whether the latest probe leaves something to find out soon: its result disagrees with the
    /// state, or there was none.
    pub fn is_in_doubt(&self) -> bool {
        self.streak > 0 || self.not_probed.is_some()
    }

    /// Whether failures are counted while clients may still be sent there.
    pub fn is_failing(&self) -> bool {
        self.streak > 0 && self.state != HealthState::Down
    }

    /// Whether it had `rise` results, or was known from before.
    pub fn is_settled(&self, thresholds: &Thresholds) -> bool {
        self.origin == Origin::Restored || self.results >= thresholds.rise
    }
}

/// The state and streak after a result, a success if it has no cause. Thresholds of 0 count as 1.
fn next(
    state: HealthState,
    streak: u32,
    failure: Option<&Cause>,
    thresholds: &Thresholds,
) -> (HealthState, u32) {
    use HealthState::{Down, Unknown, Up};
    let streak = streak.saturating_add(1);
    match (state, failure) {
        (Unknown, None) => (Up, 0),
        (Unknown | Up, Some(_)) if streak >= thresholds.fall => (Down, 0),
        (Down, None) if streak >= thresholds.rise => (Up, 0),
        (Unknown | Up, Some(_)) | (Down, None) => (state, streak),
        (Up, None) | (Down, Some(_)) => (state, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const THRESHOLDS: Thresholds = Thresholds {
        interval: Duration::from_secs(2),
        timeout: Duration::from_secs(2),
        fast_interval: Duration::from_millis(500),
        rise: 3,
        fall: 2,
    };

    /// The states after each of `results`: `+` success, `-` failure, `?` not probed.
    fn states(mut monitor: Monitor, results: &str) -> Vec<HealthState> {
        let mut step = |result| {
            let verdict = match result {
                '+' => Verdict::Success,
                '-' => Verdict::Failure(Cause::Refused),
                _ => Verdict::NotProbed(Cause::NoRoute),
            };
            monitor.record(&verdict, &THRESHOLDS, Now::default());
            monitor.state()
        };
        results.chars().map(&mut step).collect()
    }

    use HealthState::{Down, Unknown, Up};

    #[test]
    fn one_success_ends_unknown() {
        assert_eq!(states(Monitor::unknown(Now::default()), "-+"), [Unknown, Up]);
    }

    #[test]
    fn fall_failures_end_unknown() {
        assert_eq!(states(Monitor::unknown(Now::default()), "--"), [Unknown, Down]);
    }

    #[test]
    fn only_failures_in_a_row_make_it_down() {
        let up = Monitor::restored(Up, Wall::default());
        assert_eq!(states(up, "-+-+--"), [Up, Up, Up, Up, Up, Down]);
    }

    #[test]
    fn only_successes_in_a_row_make_it_up() {
        let down = Monitor::restored(Down, Wall::default());
        assert_eq!(states(down, "++-+++"), [Down, Down, Down, Down, Down, Up]);
    }

    #[test]
    fn what_could_not_be_probed_leaves_a_streak_as_it_was() {
        let up = Monitor::restored(Up, Wall::default());
        assert_eq!(states(up, "-??-"), [Up, Up, Up, Down]);
    }

    #[test]
    fn a_changed_check_counts_from_nothing() {
        let mut up = Monitor::restored(Up, Wall::default());
        up.record(&Verdict::Failure(Cause::Refused), &THRESHOLDS, Now::default());
        assert!(up.is_failing());
        assert_eq!(states(up.under_changed_check(), "--"), [Up, Down]);
    }
}
