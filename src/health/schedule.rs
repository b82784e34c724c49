//! When a monitor is probed next. Randomness is a hash of the seed, so that a run can be replayed.

use std::time::Duration;

use super::{Monitor, Thresholds};
use crate::time::Monotonic;

/// The probe times of one monitor. Exactly one probe is pending at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Tells monitors apart, and runs.
    seed: u64,
    /// How many probes were scheduled.
    sequence: u64,
    next: Monotonic,
}

impl Schedule {
    /// The first probe comes soon, yet not together with every other monitor's: within
    /// [`FIRST_PROBES`] or an interval, whichever is shorter.
    pub fn start(seed: u64, thresholds: &Thresholds, now: Monotonic) -> Self {
        let spread = thresholds.interval.min(FIRST_PROBES);
        Self { seed, sequence: 1, next: now + spread.mul_f64(fraction(seed, 0)) }
    }

    /// The pending probe's time.
    pub fn next(&self) -> Monotonic {
        self.next
    }

    /// Moves a pending probe whose time has passed to `now`.
    pub fn not_before(&mut self, now: Monotonic) {
        self.next = self.next.max(now);
    }

    /// Schedules the next probe after a result, that `monitor` has taken in, of a probe that took
    /// `duration`: an interval (less at most [`JITTER`]) after the probe's start, or the fast
    /// interval after its result while the monitor is in doubt.
    pub fn advance(
        &mut self,
        monitor: &Monitor,
        thresholds: &Thresholds,
        duration: Duration,
        now: Monotonic,
    ) {
        let pause = if monitor.is_in_doubt() {
            thresholds.fast_interval
        } else {
            let jitter = JITTER * fraction(self.seed, self.sequence);
            thresholds.interval.mul_f64(1.0 - jitter).saturating_sub(duration)
        };
        self.sequence += 1;
        self.next = now + pause;
    }
}

/// The first probes of a start are spread over this long.
pub const FIRST_PROBES: Duration = Duration::from_millis(100);

/// The share of an interval by which a calm probe may come early.
pub const JITTER: f64 = 0.1;

/// A number in 0..1 for each pair, by SplitMix64's finalizer.
fn fraction(seed: u64, sequence: u64) -> f64 {
    let bits = mix(mix(seed).wrapping_add(sequence));
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// SplitMix64's step and finalizer: every bit of `value` moves every bit of the result.
pub(crate) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Cause, HealthState, Verdict};
    use crate::time::{Now, Wall};

    const THRESHOLDS: Thresholds = Thresholds {
        interval: Duration::from_secs(2),
        timeout: Duration::from_secs(2),
        fast_interval: Duration::from_millis(500),
        rise: 3,
        fall: 3,
        damping: None,
    };

    fn pause_after(state: HealthState, verdict: &Verdict, took: Duration, seed: u64) -> Duration {
        let mut monitor = Monitor::restored(state, Wall::default());
        let mut schedule = Schedule::start(seed, &THRESHOLDS, Monotonic::START);
        let result = Monotonic::from_start(Duration::from_secs(60));
        monitor.record(verdict, &THRESHOLDS, Now { mono: result, wall: Wall::default() });
        schedule.advance(&monitor, &THRESHOLDS, took, result);
        schedule.next().saturating_since(result)
    }

    #[test]
    fn calm_probes_start_an_interval_apart_less_the_jitter() {
        let took = Duration::from_millis(700);
        let pauses =
            (0..500).map(|seed| pause_after(HealthState::Up, &Verdict::Success, took, seed) + took);
        let (mut shortest, mut longest) = (Duration::MAX, Duration::ZERO);
        for pause in pauses {
            (shortest, longest) = (shortest.min(pause), longest.max(pause));
        }
        assert!(shortest >= Duration::from_millis(1800) && longest <= Duration::from_secs(2));
        assert!(longest - shortest > Duration::from_millis(190), "{shortest:?}..{longest:?}");
    }

    #[test]
    fn doubt_is_settled_a_fast_interval_after_the_result() {
        let refused = Verdict::Failure(Cause::Refused);
        let took = Duration::from_secs(2);
        let pause = |state, verdict| pause_after(state, verdict, took, 1);
        assert_eq!(pause(HealthState::Up, &refused), THRESHOLDS.fast_interval);
        assert_eq!(pause(HealthState::Down, &Verdict::Success), THRESHOLDS.fast_interval);
        let not_probed = Verdict::NotProbed(Cause::NoRoute);
        assert_eq!(pause(HealthState::Up, &not_probed), THRESHOLDS.fast_interval);
    }

    #[test]
    fn a_probe_longer_than_the_interval_is_followed_at_once() {
        let took = Duration::from_secs(5);
        assert_eq!(pause_after(HealthState::Up, &Verdict::Success, took, 1), Duration::ZERO);
    }

    #[test]
    fn first_probes_are_spread() {
        let first = |seed| Schedule::start(seed, &THRESHOLDS, Monotonic::START).next();
        let times: Vec<_> = (0..100).map(|seed| first(seed).since_start()).collect();
        assert!(times.iter().all(|&time| time < FIRST_PROBES));
        assert!(times.iter().filter(|&&time| time < FIRST_PROBES / 2).count() < 75);
    }
}
