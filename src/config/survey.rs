//! What a load has looked at, and whether that was what it was meant to read.
//!
//! A load that a change of files led to is given what those files were seen to be once they were
//! [`Still`]. It notes each path that it reads and compares: a file that is written this moment, or
//! that nobody has looked at yet, is not taken. Files that belong together are read as a group, of
//! which all or nothing counts.

use std::collections::HashMap;
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files;
use super::fingerprint::{Fingerprint, PathKind};

/// What files that had ceased to change were seen to be.
pub type Still = HashMap<PathBuf, Fingerprint>;

/// What a load has looked at.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// By path. What could not be read is here too.
    pub paths: HashMap<PathBuf, Looked>,
    /// The files that belong together.
    pub groups: Vec<Vec<PathBuf>>,
    /// What the files must be; `None` for whatever they are.
    still: Option<Arc<Still>>,
    /// The group that is read now.
    group: Vec<(PathBuf, Looked)>,
}

/// What a load made of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looked {
    /// What it was read as.
    pub kind: PathKind,
    /// What was read; `None`: it was changing, and what was taken before goes on.
    pub taken: Option<Fingerprint>,
}

impl Looked {
    /// Whether the names in it are what counts.
    pub fn is_directory(&self) -> bool {
        self.kind == PathKind::Directory
    }
}

/// Whether a group was what it was meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stillness {
    /// It was.
    Still,
    /// It was being changed, or is not known to be still.
    Changing,
}

impl Survey {
    /// A survey of files that must be as they were seen to be `still`; `None` for whatever they are.
    pub fn of(still: Option<Arc<Still>>) -> Self {
        Self { still, ..Self::default() }
    }

    /// The paths in a directory, as one of the group; not those that are passed over.
    pub fn list(&mut self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let paths = files::list(directory);
        let fingerprint = match &paths {
            Ok(paths) => Fingerprint::of_names(paths),
            Err(error) => Fingerprint::of_error(error),
        };
        self.note(directory, PathKind::Directory, fingerprint);
        paths
    }

    /// Whether it was looked at.
    pub fn has(&self, path: &Path) -> bool {
        self.paths.contains_key(path)
    }

    /// Looks at a file that others read, as one of the group.
    pub fn look(&mut self, path: &Path) {
        self.note(path, PathKind::File, Fingerprint::of_file(path));
    }

    /// Notes what was found at a path, as one of the group.
    pub fn note(&mut self, path: &Path, kind: PathKind, fingerprint: Fingerprint) {
        self.group.push((path.to_owned(), Looked { kind, taken: Some(fingerprint) }));
    }

    /// Whether this is what must be at a path.
    pub fn expects(&self, path: &Path, fingerprint: Fingerprint) -> bool {
        self.still.as_ref().is_none_or(|still| still.get(path) == Some(&fingerprint))
    }

    /// Ends the group of what was read since the last one ended, and tells whether it may be taken.
    pub fn end_group(&mut self) -> Stillness {
        let group = mem::take(&mut self.group);
        let is_still = |(path, looked): &(PathBuf, Looked)| {
            looked.taken.is_some_and(|taken| self.expects(path, taken))
        };
        let stillness =
            if group.iter().all(is_still) { Stillness::Still } else { Stillness::Changing };
        let paths = group.into_iter().map(|(path, Looked { kind, taken })| {
            let taken = taken.filter(|_| stillness == Stillness::Still);
            let looked = self.paths.entry(path.clone()).or_insert(Looked { kind, taken });
            // What two groups read must be the same for both.
            looked.taken = looked.taken.filter(|other| taken == Some(*other));
            path
        });
        let mut group: Vec<_> = paths.collect();
        group.sort_unstable();
        group.dedup();
        if !group.is_empty() {
            self.groups.push(group);
        }
        stillness
    }

    /// Whether `path` had ceased to change, and then was found to be something else.
    pub(super) fn is_caught_changing(&self, path: &Path) -> bool {
        let still = self.still.as_ref().and_then(|still| still.get(path));
        let taken = self.paths.get(path).and_then(|looked| looked.taken);
        still.is_some_and(|still| taken != Some(*still))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    /// Two files that have the same text.
    fn files() -> (TempDir, [PathBuf; 2]) {
        let directory = tempfile::tempdir().unwrap();
        let paths = ["one", "two"].map(|name| directory.path().join(name));
        for path in &paths {
            fs::write(path, "text").unwrap();
        }
        (directory, paths)
    }

    fn still(paths: &[PathBuf]) -> Option<Arc<Still>> {
        let still = paths.iter().map(|path| (path.clone(), Fingerprint::of_file(path)));
        Some(Arc::new(still.collect()))
    }

    #[test]
    fn whatever_is_read_counts_where_nothing_had_to_be_still() {
        let (_files, [one, _]) = files();
        let mut survey = Survey::of(None);
        survey.look(&one);
        assert_eq!(survey.end_group(), Stillness::Still);
        assert_eq!(survey.paths[&one].taken, Some(Fingerprint::of_bytes(b"text")));
    }

    #[test]
    fn of_a_group_with_a_changing_file_nothing_is_taken() {
        let (_files, [one, two]) = files();
        let mut survey = Survey::of(still(&[one.clone(), two.clone()]));
        fs::write(&two, "changed").unwrap();
        survey.look(&one);
        survey.look(&two);
        assert_eq!(survey.end_group(), Stillness::Changing);
        assert!(survey.paths.values().all(|looked| looked.taken.is_none()));
    }

    #[test]
    fn a_file_that_nobody_has_seen_before_is_not_known_to_be_still() {
        let (_files, [one, two]) = files();
        let mut survey = Survey::of(still(&[one]));
        survey.look(&two);
        assert_eq!(survey.end_group(), Stillness::Changing);
    }

    #[test]
    fn a_file_that_is_gone_can_be_still() {
        let (_files, [one, _]) = files();
        fs::remove_file(&one).unwrap();
        let mut survey = Survey::of(still(std::slice::from_ref(&one)));
        survey.look(&one);
        assert_eq!(survey.end_group(), Stillness::Still);
    }

    #[test]
    fn a_group_is_not_held_up_by_what_another_one_shares_with_it() {
        let (_files, [one, two]) = files();
        let mut survey = Survey::of(still(&[one.clone(), two.clone()]));
        fs::write(&two, "changed").unwrap();
        survey.look(&one);
        survey.look(&two);
        assert_eq!(survey.end_group(), Stillness::Changing);
        survey.look(&one);
        assert_eq!(survey.end_group(), Stillness::Still);
        // Yet it is to be looked at again: the first group did not take it.
        assert_eq!(survey.paths[&one].taken, None);
    }
}
