//! Time as an argument: the core never reads a clock.
//!
//! [`Monotonic`] is what deadlines and durations are computed with; [`Wall`] is what is shown,
//! saved to disk and survives a restart. The shell reads both at once and passes a [`Now`] in.

use std::ops::Add;
use std::time::Duration;

/// A point on the monotonic clock: the time since the process (or the simulation) began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(Duration);

impl Monotonic {
    /// The beginning.
    pub const START: Self = Self(Duration::ZERO);

    /// The point `since_start` after the beginning.
    pub const fn from_start(since_start: Duration) -> Self {
        Self(since_start)
    }

    /// The time since the beginning.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// The time from `earlier` to `self`; zero when `earlier` is later.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Monotonic {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

/// A point on the wall clock: the time since 1970-01-01T00:00:00Z. It may jump.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct Wall(Duration);

impl Wall {
    /// The point `since_epoch` after 1970.
    pub const fn from_epoch(since_epoch: Duration) -> Self {
        Self(since_epoch)
    }

    /// The time since 1970.
    pub const fn since_epoch(self) -> Duration {
        self.0
    }

    /// The time from `earlier` to `self`; zero when `earlier` is later.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Both clocks, read together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For deadlines and durations.
    pub mono: Monotonic,
    /// For what is shown or saved.
    pub wall: Wall,
}

impl Now {
    /// When `at` was, or will be, on the wall clock, taking the two clocks as they stand now.
    pub fn wall_at(self, at: Monotonic) -> Wall {
        if at >= self.mono {
            Wall(self.wall.0 + at.saturating_since(self.mono))
        } else {
            Wall(self.wall.0.saturating_sub(self.mono.saturating_since(at)))
        }
    }
}
