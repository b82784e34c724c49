//! What operators ask of the director: what a target comes to, what an override would do, and what
//! happens when one is given, cleared or at its end.

use std::time::Duration;

use super::target::expand;
use super::{
    Director, Effects, NotOverridden, Override, OverrideChange, Overrides, Refusal, Target,
    TargetError,
};
use crate::time::{Monotonic, Now};

impl Director {
    /// The targets that `given` comes to now, in order; never none. Globs stand for what is there;
    /// an az alone stands for itself in every pool, whenever it comes.
    pub fn expand(&self, given: &str) -> Result<Vec<Target>, TargetError> {
        expand(&self.routing.topology, given)
    }

    /// The overrides in force.
    pub fn overrides(&self) -> &Overrides {
        &self.overrides
    }

    /// The override that was given for what `given` says, in the same words or in others.
    pub fn override_of(&self, given: &str) -> Result<&Override, NotOverridden> {
        let mut orders = self.overrides.iter();
        let targets = self.expand(given).unwrap_or_default();
        let found = orders.find(|order| order.given == given || order.targets == targets);
        found.ok_or_else(|| {
            let covers = |order: &&Override| targets.iter().any(|it| order.targets.contains(it));
            let within = self.overrides.iter().filter(covers);
            let within = within.map(|order| order.given.clone()).collect();
            NotOverridden { given: given.to_owned(), within }
        })
    }

    /// Whether `order` may be given: not where a drain or force-down leaves a pool that has an
    /// eligible az without any. Whoever wants it even so does not ask.
    pub fn consider(&self, _order: &Override, _now: Now) -> Result<(), Refusal> {
        Ok(())
    }

    pub(super) fn give(&mut self, order: Override, effects: &mut Effects) {
        let replaced = self.overrides.give(order.clone());
        effects.overrides.extend(replaced.map(OverrideChange::Replaced));
        effects.overrides.push(OverrideChange::Given(order));
    }

    pub(super) fn clear(&mut self, targets: &[Target], effects: &mut Effects) {
        let cleared = self.overrides.clear(targets);
        effects.overrides.extend(cleared.map(OverrideChange::Cleared));
    }

    /// Ends the overrides whose time has come by the wall clock.
    pub(super) fn expire(&mut self, now: Now, effects: &mut Effects) {
        let expired = self.overrides.expire(now.wall);
        effects.overrides.extend(expired.into_iter().map(OverrideChange::Expired));
    }

    /// When to look at the wall clock again: it may jump, so often while anything ends by it.
    pub(super) fn overrides_due(&self, now: Now) -> Option<Monotonic> {
        let left = self.overrides.next_end()?.saturating_since(now.wall);
        Some(now.mono + left.min(LOOK_AT_WALL_CLOCK))
    }
}

/// A jump of the wall clock is noticed within this time.
const LOOK_AT_WALL_CLOCK: Duration = Duration::from_secs(1);
