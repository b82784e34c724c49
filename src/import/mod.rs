//! Configurations of other servers to files of Meridian.
//!
//! Text comes in; out come the files to write and a [`Note`] for each thing that was there and is
//! not in them, or means something else there. Nothing is dropped without one. What is read from
//! where and written to where the command line knows; the running server knows nothing of this.

mod draft;
pub mod gdnsd;
pub mod route53;
mod settle;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Texts by path, relative to a directory, with `/` between its parts.
pub type Files = BTreeMap<String, String>;

/// What becomes of a configuration.
#[derive(Debug)]
pub struct Import {
    /// The files to write.
    pub files: Files,
    /// What the files don't say, by place.
    pub notes: Vec<Note>,
}

/// Something that does not map, or not wholly.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// Where in the source: a file and line, or a record's name, type and set identifier.
    pub place: String,
    /// What it is, and what became of it.
    pub text: String,
}

impl Note {
    fn new(place: impl fmt::Display, text: impl Into<String>) -> Self {
        Self { place: place.to_string(), text: text.into() }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// Names of azs, of checks or of pools, with the characters that those may have: one for each thing.
#[derive(Default)]
struct Names {
    given: BTreeMap<String, String>,
    taken: BTreeSet<String>,
}

impl Names {
    /// The name of the thing that `key` tells apart from others, as close to `wanted` as can be.
    fn of(&mut self, key: &str, wanted: &str) -> String {
        if let Some(name) = self.given.get(key) {
            return name.clone();
        }
        let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let legal = wanted.trim_end_matches('.').replace(|c| !is_legal(c), "-");
        let mut name: String = legal.chars().take(LONGEST).collect();
        if name.is_empty() {
            name = "unnamed".to_owned();
        }
        let base = name.clone();
        for number in 2.. {
            if self.taken.insert(name.clone()) {
                break;
            }
            name = format!("{base}-{number}");
        }
        self.given.insert(key.to_owned(), name.clone());
        name
    }
}

/// Characters of a name, with room for a number behind it.
const LONGEST: usize = 56;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_legal_characters_and_is_of_one_thing() {
        let mut names = Names::default();
        assert_eq!(names.of("a", "dc.01"), "dc-01");
        assert_eq!(names.of("b", "dc-01"), "dc-01-2");
        assert_eq!(names.of("a", "dc.01"), "dc-01");
    }
}
