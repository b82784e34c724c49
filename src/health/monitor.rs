//! The state machine of one monitor: from the results of its probes to `up`, `down` or `unfit`.
//!
//! It knows neither when probes are sent ([`super::schedule`]) nor who depends on the state.

use serde::{Deserialize, Serialize};

use super::{Cause, Penalty, Thresholds, Verdict};
use crate::time::{Monotonic, Now, Wall};

/// What probes say of a monitor.
///
/// ```text
///              one success            fall in a row that are no success
///   Unknown ─────────────────▶ Up ────────────────────────────────▶ Down, Unfit
///      │                        ▲                                    ▲ │
///      │                        └────────────────────────────────────┼─┘
///      │                            rise successes in a row          │
///      └─────────────────────────────────────────────────────────────┘
///                   fall in a row that are no success
/// ```
///
/// The last of the `fall` results decides between down and unfit; `rise` results in a row of the other
/// of the two lead from one to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthState {
    /// Nothing is known yet.
    Unknown,
    /// It answers as its check asks.
    Up,
    /// It does not.
    Down,
    /// It answers as its check asks, and says that it is not fit to serve.
    Unfit,
}

/// The health of one monitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Monitor {
    state: HealthState,
    since: Wall,
    /// Results in a row that disagree with the state; in `Unknown`, those that are no success.
    streak: u32,
    /// What state the latest result speaks for.
    latest: Option<HealthState>,
    /// Successes and failures so far, up to the `rise` that end a fresh monitor's probation.
    results: u32,
    origin: Origin,
    first_failure: Option<Monotonic>,
    last_failure: Option<Setback>,
    not_probed: Option<Setback>,
    /// Of a monitor that was lost.
    penalty: Option<Penalty>,
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
            latest: None,
            results: 0,
            origin,
            first_failure: None,
            last_failure: None,
            not_probed: None,
            penalty: None,
        }
    }

    /// The same health under a check that changed: the state stays until the next rise or fall,
    /// which the new check counts from nothing.
    pub fn under_changed_check(&self, thresholds: &Thresholds, now: Now) -> Self {
        let penalty = self.penalty.zip(thresholds.damping);
        Self {
            streak: 0,
            latest: None,
            first_failure: None,
            not_probed: None,
            penalty: penalty.map(|(penalty, damping)| penalty.under(&damping, now)),
            ..self.clone()
        }
    }

    /// The same with what losses before a restart cost.
    #[must_use]
    pub fn with_penalty(self, penalty: Option<Penalty>) -> Self {
        Self { penalty, ..self }
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
            Verdict::Failure(cause) | Verdict::Unfit(cause) => Some(cause),
        };
        let speaks_for = match verdict {
            Verdict::Success => HealthState::Up,
            Verdict::Unfit(_) => HealthState::Unfit,
            Verdict::Failure(_) | Verdict::NotProbed(_) => HealthState::Down,
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
        let (state, streak) = self.next(speaks_for, thresholds);
        (self.streak, self.latest) = (streak, Some(speaks_for));
        if state == self.state {
            return None;
        }
        if let (HealthState::Up, Some(damping)) = (self.state, &thresholds.damping) {
            self.penalty = Some(Penalty::with_loss(self.penalty.as_ref(), damping, now));
        }
        self.state = state;
        self.since = now.wall;
        Some(state)
    }

    /// Whether one more failure makes it down, that clients may still be sent to.
    pub fn falls_next(&self, thresholds: &Thresholds) -> bool {
        self.state == HealthState::Up && self.streak.saturating_add(1) >= thresholds.fall
    }

    /// Takes a failure in that is counted, and does not make it down.
    pub fn record_waiting(&mut self, verdict: &Verdict, thresholds: &Thresholds, now: Now) {
        let thresholds = Thresholds { fall: u32::MAX, ..*thresholds };
        let changed = self.record(verdict, &thresholds, now);
        debug_assert_eq!(changed, None, "a failure without a fall changes nothing");
    }

    /// Has the failures in a row that it ended with make it down. Returns the latest one's cause;
    /// `None` where there is none, and nothing changes.
    pub fn stop_waiting(&mut self, thresholds: &Thresholds, now: Now) -> Option<Cause> {
        self.first_failure?;
        let last = self.last_failure.clone()?;
        self.record(&Verdict::Failure(last.cause.clone()), thresholds, now);
        let cause = last.cause.clone();
        self.last_failure = Some(last);
        Some(cause)
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
        self.streak > 0 && matches!(self.state, HealthState::Unknown | HealthState::Up)
    }

    /// Whether it had `rise` results, or was known from before.
    pub fn is_settled(&self, thresholds: &Thresholds) -> bool {
        self.origin == Origin::Restored || self.results >= thresholds.rise
    }

    /// What losses cost, if there were any.
    pub fn penalty(&self) -> Option<&Penalty> {
        self.penalty.as_ref()
    }

    /// Until when it counts as lost though it may be up, if it is not lost again.
    pub fn suppressed_until(&self) -> Option<Monotonic> {
        self.penalty.as_ref().and_then(Penalty::suppressed_until)
    }

    /// Ends a suppression whose time has come.
    pub(crate) fn expire_suppression(&mut self, now: Monotonic) {
        if let Some(penalty) = &mut self.penalty {
            penalty.expire(now);
        }
    }

    /// The state and streak after a result that speaks for a state. Thresholds of 0 count as 1.
    fn next(&self, speaks_for: HealthState, thresholds: &Thresholds) -> (HealthState, u32) {
        use HealthState::{Down, Unfit, Unknown, Up};
        let longer = self.streak.saturating_add(1);
        match (self.state, speaks_for) {
            (state, same) if state == same => (state, 0),
            (Unknown, Up) => (Up, 0),
            (state @ (Unknown | Up), _) => {
                if longer >= thresholds.fall {
                    (speaks_for, 0)
                } else {
                    (state, longer)
                }
            }
            (state @ (Down | Unfit), _) => {
                let streak = if self.latest == Some(speaks_for) { longer } else { 1 };
                if streak >= thresholds.rise { (speaks_for, 0) } else { (state, streak) }
            }
        }
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
        damping: None,
    };

    /// The states after each of `results`: `+` success, `-` failure, `!` unfit, `?` not probed.
    fn states(mut monitor: Monitor, results: &str) -> Vec<HealthState> {
        let mut step = |result| {
            let verdict = match result {
                '+' => Verdict::Success,
                '-' => Verdict::Failure(Cause::Refused),
                '!' => Verdict::Unfit(Cause::NotJson),
                _ => Verdict::NotProbed(Cause::NoRoute),
            };
            monitor.record(&verdict, &THRESHOLDS, Now::default());
            monitor.state()
        };
        results.chars().map(&mut step).collect()
    }

    use HealthState::{Down, Unfit, Unknown, Up};

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
    fn the_last_of_the_results_that_are_no_success_decides() {
        let up = Monitor::restored(Up, Wall::default());
        assert_eq!(states(up.clone(), "-!"), [Up, Unfit]);
        assert_eq!(states(up, "!-"), [Up, Down]);
    }

    #[test]
    fn rise_results_of_a_kind_lead_from_down_to_unfit_and_back() {
        let down = Monitor::restored(Down, Wall::default());
        assert_eq!(states(down, "!!!---"), [Down, Down, Unfit, Unfit, Unfit, Down]);
    }

    #[test]
    fn results_of_two_kinds_are_no_streak_out_of_down() {
        let down = Monitor::restored(Down, Wall::default());
        assert_eq!(states(down, "++!!+++"), [Down, Down, Down, Down, Down, Down, Up]);
    }

    #[test]
    fn only_what_was_up_is_lost() {
        let damped = Thresholds { damping: Some(super::super::Damping::DEFAULT), ..THRESHOLDS };
        let points = |mut monitor: Monitor, verdicts: &[Verdict]| {
            for verdict in verdicts {
                monitor.record(verdict, &damped, Now::default());
            }
            monitor
                .penalty()
                .map(|it| it.points(&super::super::Damping::DEFAULT, Now::default()).number())
        };
        let refused = Verdict::Failure(Cause::Refused);
        let unfit = Verdict::Unfit(Cause::NotJson);
        let up = Monitor::restored(Up, Wall::default());
        assert_eq!(
            points(Monitor::unknown(Now::default()), &[refused.clone(), refused.clone()]),
            None
        );
        assert_eq!(points(up.clone(), &[unfit.clone(), unfit.clone()]), Some(1.0));
        let both = [unfit.clone(), unfit, refused.clone(), refused.clone(), refused];
        assert_eq!(points(up, &both), Some(1.0));
    }

    #[test]
    fn a_changed_check_counts_from_nothing() {
        let mut up = Monitor::restored(Up, Wall::default());
        up.record(&Verdict::Failure(Cause::Refused), &THRESHOLDS, Now::default());
        assert!(up.is_failing());
        assert_eq!(states(up.under_changed_check(&THRESHOLDS, Now::default()), "--"), [Up, Down]);
    }
}
