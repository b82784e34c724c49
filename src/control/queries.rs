//! From what workers counted to the director and to `status`, where azs have capacities.

use std::sync::PoisonError;
use std::time::Duration;

use crate::answer::Queries;
use crate::time::{Monotonic, Now, Wall};

use super::Control;

/// How often the director is told.
const LEARN: Duration = Duration::from_secs(5);

/// Since when queries are counted, and when the director is told next.
pub(super) struct Learning {
    since: Wall,
    next: Monotonic,
}

impl Learning {
    /// From now on.
    pub(super) fn new(now: Now) -> Self {
        Self { since: now.wall, next: now.mono + LEARN }
    }
}

impl Control {
    /// When the director is told; `None` where queries are not counted.
    pub(super) fn next_learning(&self) -> Option<Monotonic> {
        Queries::are_wanted(&self.shared.load()).then_some(self.learning.next)
    }

    /// Since when queries are counted: every load begins anew; `None`: they are not.
    pub(super) fn queries_since(&self) -> Option<Wall> {
        Queries::are_wanted(&self.shared.load()).then_some(self.learning.since)
    }

    /// Tells the director what was counted until now.
    pub(super) fn learn_queries(&mut self, now: Now) {
        self.learning.next = now.mono + LEARN;
        let snapshot = self.shared.load();
        let Some(transports) = &self.transports else { return };
        if Queries::are_wanted(&snapshot) {
            let counts = transports.lock().unwrap_or_else(PoisonError::into_inner).queries();
            let sum = Queries::sum(counts.iter().map(AsRef::as_ref), &snapshot);
            self.director.learn_queries(sum);
        }
    }
}
