//! The only reader of the clocks. Everything else is told what time it is.

#![allow(clippy::disallowed_methods, reason = "this is where the clocks are read")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

use crate::time::{Monotonic, Now, Wall};

/// Both clocks, with the instant that [`Monotonic::START`] stands for.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock whose monotonic time begins now. One process has one.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Both clocks.
    pub fn now(&self) -> Now {
        Now { mono: Monotonic::from_start(self.start.elapsed()), wall: wall() }
    }

    /// The instant that `at` stands for, to wait for it.
    pub fn instant(&self, at: Monotonic) -> Instant {
        self.start + at.since_start()
    }
}

/// The wall clock. One that is set before 1970 reads as 1970.
pub fn wall() -> Wall {
    Wall::from_epoch(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// How long the calling thread has been on a core.
pub fn thread_time() -> Duration {
    // Linux has this clock for every thread.
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID);
    time.map(Duration::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monotonic_time_begins_at_the_start_of_the_clock() {
        let clock = Clock::start();
        assert_eq!(clock.instant(Monotonic::START), clock.start);
        assert!(clock.instant(clock.now().mono) <= Instant::now());
    }

    #[test]
    fn a_thread_that_does_something_takes_time() {
        let before = thread_time();
        // What it does is to look, and it ends only if that takes time.
        while thread_time() == before {}
        assert!(thread_time() > before);
    }

    #[test]
    fn the_wall_clock_counts_from_1970() {
        let year_2020 = Wall::from_epoch(Duration::from_secs(1_577_836_800));
        assert!(Clock::start().now().wall > year_2020);
    }
}
