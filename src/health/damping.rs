//! Damping: an endpoint that was lost often of late is kept from clients for a while though it is up.
//!
//! Each loss costs a point, and points halve each half-life. Above one limit the endpoint is
//! suppressed, until its points are below another. A loss is never delayed, only the return after it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::{Monotonic, Now, Wall};

/// When an endpoint is suppressed, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Damping {
    /// Points are half as many after this long; never zero.
    pub half_life: Duration,
    /// More points than this suppress.
    pub suppress: Points,
    /// Fewer than this end it; less than `suppress`, and never none.
    pub reuse: Points,
}

/// What losses cost, in thousandths. One that is serialized is a number with a fraction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Points(u32);

/// The points of one monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Penalty {
    /// As they were at its latest loss, or when it was restored.
    points: Points,
    at: Monotonic,
    suppressed_until: Option<Monotonic>,
}

/// A penalty as it survives a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPenalty {
    /// As they were then.
    pub points: Points,
    /// When.
    pub at: Wall,
    /// Until when it suppresses.
    pub suppressed_until: Option<Wall>,
}

impl Damping {
    /// What a check has that says nothing of it.
    pub const DEFAULT: Self =
        Self { half_life: Duration::from_secs(600), suppress: Points(2000), reuse: Points(500) };

    /// How long an endpoint is suppressed at most after its latest loss.
    pub fn longest(&self) -> Duration {
        self.until_reuse(self.most())
    }

    /// The most points that it can have: more would only lengthen what is long already.
    fn most(&self) -> Points {
        Points(self.suppress.0.saturating_add(Points::LOSS.0))
    }

    fn after(&self, points: Points, elapsed: Duration) -> Points {
        let half_lives = elapsed.as_secs_f64() / self.half_life.as_secs_f64();
        Points((f64::from(points.0) * (-half_lives).exp2()).round() as u32)
    }

    fn until_reuse(&self, points: Points) -> Duration {
        let half_lives = (f64::from(points.0) / f64::from(self.reuse.0)).log2();
        self.half_life.mul_f64(half_lives.max(0.0))
    }
}

impl Penalty {
    /// That of a monitor that was lost, for the first time or once more.
    #[must_use]
    pub fn with_loss(before: Option<&Self>, damping: &Damping, now: Now) -> Self {
        let points = before.map_or(Points::default(), |it| it.points(damping, now));
        let points = Points(points.0 + Points::LOSS.0).min(damping.most());
        let was_suppressed = before.is_some_and(|it| it.suppresses(now.mono));
        let is_suppressed = was_suppressed || points > damping.suppress;
        let until = is_suppressed.then(|| now.mono + damping.until_reuse(points));
        Self { points, at: now.mono, suppressed_until: until }
    }

    /// The points that are left.
    pub fn points(&self, damping: &Damping, now: Now) -> Points {
        damping.after(self.points, now.mono.saturating_since(self.at))
    }

    /// Until when the monitor is suppressed, if it is not lost again.
    pub fn suppressed_until(&self) -> Option<Monotonic> {
        self.suppressed_until
    }

    /// Ends a suppression whose time has come.
    pub(super) fn expire(&mut self, now: Monotonic) {
        self.suppressed_until = self.suppressed_until.filter(|&until| until > now);
    }

    /// The same points under a check that changed.
    pub(super) fn under(&self, damping: &Damping, now: Now) -> Self {
        let points = damping.after(self.points, now.mono.saturating_since(self.at));
        let points = points.min(damping.most());
        let until = now.mono + damping.until_reuse(points);
        let suppressed_until = self.suppressed_until.map(|_| until).filter(|&it| it > now.mono);
        Self { points, at: now.mono, suppressed_until }
    }

    /// What a restart can start from, by the wall clock as it stands now.
    pub fn saved(&self, now: Now) -> SavedPenalty {
        let Self { points, at, suppressed_until } = *self;
        let suppressed_until = suppressed_until.map(|until| now.wall_at(until));
        SavedPenalty { points, at: now.wall_at(at), suppressed_until }
    }

    fn suppresses(&self, now: Monotonic) -> bool {
        self.suppressed_until.is_some_and(|until| until > now)
    }
}

impl SavedPenalty {
    /// What is left of it. Wall clocks may jump: time that seems negative is none.
    pub fn restored(&self, damping: &Damping, now: Now) -> Penalty {
        let elapsed = now.wall.saturating_since(self.at);
        let points = damping.after(self.points, elapsed).min(damping.most());
        let left = self.suppressed_until.map(|until| until.saturating_since(now.wall));
        let left = left.filter(|left| !left.is_zero());
        let suppressed_until = left.map(|left| now.mono + left.min(damping.longest()));
        Penalty { points, at: now.mono, suppressed_until }
    }
}

impl Points {
    /// What a loss costs.
    pub const LOSS: Self = Self(1000);

    /// Fewer are not worth showing.
    pub const SHOWN: Self = Self(10);

    /// So many; `None` if that is none, negative or no number.
    pub fn of(number: f64) -> Option<Self> {
        let thousandths = (number * 1000.0).round();
        (1.0..=f64::from(u32::MAX)).contains(&thousandths).then_some(Self(thousandths as u32))
    }

    /// As a number.
    pub fn number(self) -> f64 {
        f64::from(self.0) / 1000.0
    }
}

/// To the hundredth, as in `2.97`.
impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", (self.number() * 100.0).round() / 100.0)
    }
}

impl Serialize for Points {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.number())
    }
}

impl<'de> Deserialize<'de> for Points {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::of(f64::deserialize(deserializer)?).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;

    use super::*;

    const DAMPING: Damping = Damping::DEFAULT;

    fn at(seconds: u64) -> Now {
        let since = Duration::from_secs(seconds);
        Now { mono: Monotonic::from_start(since), wall: Wall::from_epoch(since) }
    }

    /// After losses at these seconds.
    fn lost(seconds: &[u64]) -> Penalty {
        let mut penalty = None;
        for &second in seconds {
            penalty = Some(Penalty::with_loss(penalty.as_ref(), &DAMPING, at(second)));
        }
        penalty.unwrap()
    }

    #[test]
    fn points_halve_each_half_life() {
        let penalty = lost(&[0]);
        let points = [0, 600, 1200].map(|second| penalty.points(&DAMPING, at(second)).number());
        assert_eq!(points, [1.0, 0.5, 0.25]);
    }

    #[test]
    fn two_losses_never_suppress_by_default() {
        assert_eq!(lost(&[0, 0]).suppressed_until(), None);
    }

    #[test]
    fn the_third_loss_in_a_row_suppresses_until_reuse() {
        let until = lost(&[0, 10, 20]).suppressed_until().unwrap();
        let penalty = lost(&[0, 10, 20]);
        let points_then = penalty.points(&DAMPING, Now { mono: until, ..at(0) });
        assert_eq!(points_then, DAMPING.reuse);
    }

    #[test]
    fn a_loss_while_suppressed_prolongs_it_whatever_points_are_left() {
        let first = lost(&[0, 0, 0]).suppressed_until().unwrap();
        let again = lost(&[0, 0, 0, 1200]);
        assert!(again.points(&DAMPING, at(1200)) < DAMPING.suppress);
        assert!(again.suppressed_until().unwrap() > first);
    }

    #[test]
    fn what_is_saved_goes_on_by_the_wall_clock() {
        let until = lost(&[0, 10, 20]).suppressed_until().unwrap();
        let later = Now { mono: Monotonic::START, ..at(320) };
        let restored = lost(&[0, 10, 20]).saved(at(20)).restored(&DAMPING, later);
        let left = restored.suppressed_until().unwrap().since_start();
        assert_eq!(left, until.since_start() - Duration::from_secs(320));
        let points = lost(&[0, 10, 20]).points(&DAMPING, at(320));
        assert_eq!(restored.points(&DAMPING, later), points);
        let much_later = at(20 + DAMPING.longest().as_secs() + 1);
        let restored = lost(&[0, 10, 20]).saved(at(20)).restored(&DAMPING, much_later);
        assert_eq!(restored.suppressed_until(), None);
    }

    #[test]
    fn points_are_read_as_they_are_written() {
        let points = Points::of(2.125).unwrap();
        assert_eq!(serde_json::to_string(&points).unwrap(), "2.125");
        assert_eq!(serde_json::from_str::<Points>("2.125").unwrap(), points);
        assert_eq!(points.to_string(), "2.13");
    }

    proptest! {
        #[test]
        fn what_is_lost_unsuppressed_stays_within_the_documented_bound(
            gaps in proptest::collection::vec(0u64..1500, 1..100),
            suppress in 1.0f64..5.0,
            reuse in 0.05f64..0.99,
        ) {
            let points = |number| Points::of(number).unwrap();
            let reuse = reuse * suppress;
            let damping = Damping { suppress: points(suppress), reuse: points(reuse), ..DAMPING };
            let (mut penalty, mut now, mut seen) = (None::<Penalty>, 0, Vec::new());
            for gap in gaps {
                now += gap;
                if !penalty.is_some_and(|it| it.suppresses(at(now).mono)) {
                    seen.push(now);
                }
                penalty = Some(Penalty::with_loss(penalty.as_ref(), &damping, at(now)));
            }
            let mean = (suppress + 1.0 - reuse) / ((suppress + 1.0) / reuse).ln();
            let decay = std::f64::consts::LN_2 / damping.half_life.as_secs_f64();
            for (index, &from) in seen.iter().enumerate() {
                for (count, &to) in (1..).zip(&seen[index..]) {
                    let bound = suppress + 1.0 + suppress.max(mean) * decay * (to - from) as f64;
                    assert!(f64::from(count) <= bound + 0.01, "{count} in {} s", to - from);
                }
            }
        }

        #[test]
        fn nothing_is_suppressed_longer_than_the_longest(gaps in proptest::collection::vec(0u64..2000, 1..50)) {
            let mut now = 0;
            let losses: Vec<u64> = gaps.iter().map(|gap| { now += gap; now }).collect();
            let until = lost(&losses).suppressed_until();
            assert!(until.is_none_or(|until| until <= at(now).mono + DAMPING.longest()));
        }
    }
}
