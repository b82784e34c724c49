//! How an az comes back that was lost: at once, slot by slot, or at an operator's word.
//!
//! A ramp is a function of its start in wall time, so that servers that share the start agree, and
//! of nothing else but what it has given already: a wall clock that is set back takes no client away.

use std::time::Duration;

use super::AzState;
use crate::geo::Slot;
use crate::time::{Monotonic, Now, Wall};

/// How an az of a pool comes back, once it has been up for the pool's `hold`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failback {
    /// For all clients at once.
    Auto,
    /// Slot by slot over this long.
    Ramp(Duration),
    /// When an operator releases it, without a hold.
    Manual,
}

/// An az whose clients come back slot by slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ramp {
    /// When it began.
    pub began: Wall,
    /// How long it takes.
    pub over: Duration,
    /// The slots below this one had the az all along.
    pub from: u16,
    /// How many of [`STEPS`] are taken.
    pub(super) steps: u16,
}

/// A ramp goes in so many steps of equal length: its share is within 1 % of the line.
pub const STEPS: u16 = 128;

impl Ramp {
    /// One that begins with the slots below `from`.
    pub fn new(began: Wall, over: Duration, from: u16) -> Self {
        Self { began, over, from, steps: 0 }
    }

    /// The slots below this one have come back.
    pub fn admits(self) -> u16 {
        let left = u32::from(ALL.saturating_sub(self.from));
        self.from + (left * u32::from(self.steps) / u32::from(STEPS)) as u16
    }

    /// The same at another time; no step is taken back.
    pub(crate) fn at(self, now: Wall) -> Self {
        let elapsed = now.saturating_since(self.began).min(self.over);
        let steps = match self.over.as_nanos() {
            0 => u128::from(STEPS),
            over => elapsed.as_nanos() * u128::from(STEPS) / over,
        };
        Self { steps: self.steps.max(steps as u16), ..self }
    }

    fn is_over(self) -> bool {
        self.steps >= STEPS
    }

    /// When it ends.
    pub fn ends(self) -> Wall {
        self.began + self.over
    }

    /// When to look at it again: at its next step, or soon, since the wall clock may jump.
    pub(crate) fn next_step(self, now: Now) -> Monotonic {
        let steps = u32::from(self.steps) + 1;
        // Rounded up, so that the step is due when it is looked at.
        let after = self.over * steps / u32::from(STEPS) + Duration::from_nanos(1);
        let left = (self.began + after).saturating_since(now.wall);
        now.mono + left.clamp(SOONEST, LATEST)
    }
}

const ALL: u16 = Slot::COUNT as u16;

/// A jump of the wall clock is noticed within this time.
const LATEST: Duration = Duration::from_secs(1);
/// A ramp is looked at no more often.
const SOONEST: Duration = Duration::from_millis(1);

impl Failback {
    /// What an az becomes that has been up for long enough.
    pub(crate) fn begin(self, now: Wall) -> AzState {
        self.begin_from(0, now)
    }

    /// The same, of which slots below `from` have it already.
    pub(crate) fn begin_from(self, from: u16, now: Wall) -> AzState {
        match self {
            Self::Auto => AzState::Eligible,
            Self::Ramp(over) => self.go_on(Ramp::new(now, over, from), now),
            Self::Manual => AzState::AwaitingRelease { admits: from },
        }
    }

    /// What becomes of an az that is ramping, under a failback that may be another one by now.
    pub(crate) fn go_on(self, ramp: Ramp, now: Wall) -> AzState {
        let ramp = ramp.at(now);
        if self == Self::Auto || ramp.is_over() {
            AzState::Eligible
        } else {
            AzState::Ramping(ramp)
        }
    }
}
