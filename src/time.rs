//! Time as an argument: the core never reads a clock.
//!
//! [`Monotonic`] is what deadlines and durations are computed with; [`Wall`] is what is shown,
//! saved to disk and survives a restart. The shell reads both at once and passes a [`Now`] in.

use std::fmt;
use std::ops::Add;
use std::time::{Duration, UNIX_EPOCH};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

/// A point on the wall clock: the time since 1970-01-01T00:00:00Z. It may jump. Serialized as RFC
/// 3339 has it, in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

    /// The whole second that it is in, which is as much as people want to read.
    pub const fn to_second(self) -> Self {
        Self(Duration::from_secs(self.0.as_secs()))
    }
}

impl Add<Duration> for Wall {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

/// As in `2026-11-24T07:34:09.25Z`.
impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339(UNIX_EPOCH + self.0.min(LAST)).fmt(f)
    }
}

/// The end of the year 9999, behind which RFC 3339 has no dates.
const LAST: Duration = Duration::from_secs(253_402_300_799);

impl Serialize for Wall {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Wall {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = humantime::parse_rfc3339(&text).map_err(D::Error::custom)?;
        Ok(Self(time.duration_since(UNIX_EPOCH).unwrap_or_default()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_are_written_as_rfc_3339_and_read_back() {
        for (wall, text) in [
            (Duration::ZERO, "\"1970-01-01T00:00:00Z\""),
            (Duration::new(1_764_000_000, 250_000_000), "\"2025-11-24T16:00:00.250000000Z\""),
            (Duration::new(1_764_000_000, 1), "\"2025-11-24T16:00:00.000000001Z\""),
        ] {
            let wall = Wall::from_epoch(wall);
            assert_eq!(serde_json::to_string(&wall).unwrap(), text);
            assert_eq!(serde_json::from_str::<Wall>(text).unwrap(), wall);
        }
    }

    #[test]
    fn no_point_in_time_is_too_late_to_be_shown() {
        assert_eq!(Wall::from_epoch(Duration::MAX).to_string(), "9999-12-31T23:59:59Z");
    }
}
