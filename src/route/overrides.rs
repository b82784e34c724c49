//! What operators say of azs and endpoints: orders that stand beside what is measured, each with
//! a reason and an end.
//!
//! Who gives one expands its target ([`Director::expand`](super::Director::expand)), has the outcome
//! judged ([`Director::consider`](super::Director::consider)), writes the new list down ([`Overrides`] is plain data) and then tells the
//! director ([`Event::Override`](super::Event::Override)), which can't refuse any more. What the
//! orders make of an az is decided in `standing`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Target;
use crate::geo::Slot;
use crate::time::Wall;

/// What an operator says of a target. The later beats the earlier where several meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverrideKind {
    /// It counts as up, and no hold is waited for.
    ForceUp,
    /// It gets no clients, unless a pool has nothing else to give and fails open.
    Drain,
    /// It gets no clients, whatever happens.
    ForceDown,
}

/// One order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// What is ordered.
    pub kind: OverrideKind,
    /// The share of clients that a drain leaves to an az; 0 for the other kinds.
    #[serde(default, skip_serializing_if = "Share::is_none")]
    pub to: Share,
    /// The target as the operator wrote it.
    pub given: String,
    /// What that came to when it was given, as [`Director::expand`](super::Director::expand) returns
    /// it. One that the files lose is waited for.
    pub targets: Vec<Target>,
    /// Why, in the operator's words.
    pub reason: String,
    /// Who gave it, as in `uid 1000 (alice)`.
    pub by: String,
    /// When.
    pub given_at: Wall,
    /// When it ends, by the wall clock.
    pub until: Wall,
}

/// A share of an az's clients, in percent, at most 99.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "u8")]
pub struct Share(u8);

impl Share {
    /// No client.
    pub const NONE: Self = Self(0);

    /// So many percent; `None` if that is all, or more.
    pub fn percent(percent: u8) -> Option<Self> {
        (percent < 100).then_some(Self(percent))
    }

    /// Whether it is no client's.
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// What a sentence says of it behind the target of a drain: ` to 20%`, or nothing.
    pub fn clause(self) -> String {
        if self.is_none() { String::new() } else { format!(" to {self}") }
    }

    /// How many slots it is.
    pub(super) fn slots(self) -> u16 {
        ((Slot::COUNT * usize::from(self.0) + 50) / 100) as u16
    }
}

impl TryFrom<u8> for Share {
    type Error = &'static str;

    fn try_from(percent: u8) -> Result<Self, Self::Error> {
        Self::percent(percent).ok_or("a share that is left is at most 99 percent")
    }
}

/// As in `20%`.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// The orders in force, in the order in which they were given; at most one for the same targets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Overrides(Vec<Override>);

/// How the orders in force changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverrideChange {
    /// It was given.
    Given(Override),
    /// Another one was given for the same targets, which follows.
    Replaced(Override),
    /// It was cleared before its end.
    Cleared(Override),
    /// It came to its end.
    Expired(Override),
}

/// Why an override is refused: it would leave pools without any eligible az.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no az would be left eligible: {}", Listed(.0))]
pub struct Refusal(pub Vec<LastAzs>);

/// The last eligible azs of a pool, or of those that one of its rules allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastAzs {
    /// The pool's full name.
    pub pool: String,
    /// The number, from 1, of the rule whose fence they are the last in; `None`: of all the pool's.
    pub rule: Option<usize>,
    /// The azs that are eligible now and would not be.
    pub azs: Vec<String>,
}

/// Why nothing can be cleared: no override was given for the target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no override of {given:?}{}", Within(.within))]
pub struct NotOverridden {
    /// The target as the operator wrote it.
    pub given: String,
    /// The overrides, as they were given, that cover the target among others.
    pub within: Vec<String>,
}

impl Overrides {
    /// The orders in force.
    pub fn iter(&self) -> std::slice::Iter<'_, Override> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds `order`. Returns the one that it replaces: that of the same name, whose globs may have come
    /// to other targets then, else that for the same targets.
    pub fn give(&mut self, order: Override) -> Option<Override> {
        let namesake = self.0.iter().position(|other| other.given == order.given);
        let replaced = match namesake {
            Some(position) => Some(self.0.remove(position)),
            None => self.clear(&order.targets),
        };
        self.0.push(order);
        replaced
    }

    /// Removes the one for these targets.
    pub fn clear(&mut self, targets: &[Target]) -> Option<Override> {
        let position = self.0.iter().position(|order| order.targets == targets)?;
        Some(self.0.remove(position))
    }

    /// Removes those whose end has come.
    pub fn expire(&mut self, now: Wall) -> Vec<Override> {
        self.0.extract_if(.., |order| order.until <= now).collect()
    }

    /// The next end.
    pub(super) fn next_end(&self) -> Option<Wall> {
        self.0.iter().map(|order| order.until).min()
    }
}

impl fmt::Display for OverrideKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ForceUp => "force-up",
            Self::Drain => "drain",
            Self::ForceDown => "force-down",
        })
    }
}

impl OverrideKind {
    /// What a target is while it lasts.
    pub fn participle(self) -> &'static str {
        match self {
            Self::ForceUp => "forced up",
            Self::Drain => "drained",
            Self::ForceDown => "forced down",
        }
    }
}

struct Listed<'a>(&'a [LastAzs]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, LastAzs { pool, rule, azs }) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            let are = if azs.len() == 1 { "is" } else { "are" };
            let azs = azs.join(" and ");
            match rule {
                None => write!(f, "{separator}{azs} {are} the last of {pool}")?,
                Some(rule) => {
                    write!(f, "{separator}{azs} {are} the last that rule {rule} of {pool} allows")?;
                }
            }
        }
        Ok(())
    }
}

struct Within<'a>(&'a [String]);

impl fmt::Display for Within<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, given) in self.0.iter().enumerate() {
            let separator = if index == 0 { "; it is part of" } else { " and" };
            write!(f, "{separator} {given:?}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(given: &str, targets: &[&str]) -> Override {
        Override {
            kind: OverrideKind::Drain,
            to: Share::NONE,
            given: given.into(),
            targets: targets.iter().map(|target| target.parse().unwrap()).collect(),
            reason: "deploy".into(),
            by: "uid 0".into(),
            given_at: Wall::default(),
            until: Wall::default(),
        }
    }

    #[test]
    fn a_glob_given_again_replaces_itself_whatever_it_came_to() {
        let mut overrides = Overrides::default();
        let before = drain("web/*", &["web/mumbai"]);
        assert_eq!(overrides.give(before.clone()), None);
        let again = drain("web/*", &["web/mumbai", "web/paris"]);
        assert_eq!(overrides.give(again.clone()), Some(before));
        assert!(overrides.iter().eq([&again]));
    }

    #[test]
    fn the_same_targets_in_other_words_replace_too() {
        let mut overrides = Overrides::default();
        let before = drain("web/mumbai", &["a.example:web/mumbai"]);
        overrides.give(before.clone());
        let again = drain("a.example:web/mumbai", &["a.example:web/mumbai"]);
        assert_eq!(overrides.give(again), Some(before));
    }
}
