//! When files that changed are ready to be read.
//!
//! What the last load took is compared with what is seen at each look. A path that differs is ready
//! once it has been the same for [`QUIET`], and with it the files that it was read with. Then one
//! load reads all that changed, unless something else is changing still: that is waited for, so that
//! a checkout of many files is one change, but not for ever, so that a file that is written all the
//! time holds up no other. While a load is under way nothing is asked for.
//!
//! Time and what was seen are arguments: this touches no file.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Fingerprint, Looked, PathKind, Still, Survey};
use crate::time::Monotonic;

/// What was taken, and what has been seen since.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    taken: HashMap<PathBuf, Looked>,
    /// What was last taken from each path that was ever taken, to tell what is different.
    read: Still,
    groups: Vec<Vec<PathBuf>>,
    seen: HashMap<PathBuf, Seen>,
    /// Since when something is ready while something else is changing.
    ready_since: Option<Monotonic>,
    /// Whether a load was asked for that is not over.
    is_loading: bool,
}

/// How a path looked last.
#[derive(Clone, Copy, Debug)]
struct Seen {
    fingerprint: Fingerprint,
    /// Since when, if it was seen to change.
    since: Option<Monotonic>,
}

/// A reason to load.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// What the files are that have ceased to change.
    pub(super) still: Arc<Still>,
    /// What differs from what was taken, for people.
    pub(super) summary: Summary,
}

/// Which files changed, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Summary(Vec<(PathBuf, What)>);

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Changed,
    New,
    Gone,
}

/// How long content must be the same to count.
pub(super) const QUIET: Duration = Duration::from_millis(500);
/// How long what is ready waits for what is changing.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// Files that a summary names.
const MOST_NAMED: usize = 3;

impl Quiet {
    /// What to look at.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&Path, PathKind)> {
        self.taken.iter().map(|(path, looked)| (&**path, looked.kind))
    }

    /// A load is over that looked at all this and took what is not at fault.
    pub(super) fn loaded(&mut self, survey: Survey) {
        self.note(&survey);
        let Survey { paths, groups, .. } = survey;
        self.read.retain(|path, _| paths.contains_key(path));
        (self.taken, self.groups) = (paths, groups);
        (self.ready_since, self.is_loading) = (None, false);
    }

    /// A load is over that was refused. It may not have looked at everything; what serves goes on to
    /// depend on the rest.
    pub(super) fn refused(&mut self, survey: Survey) {
        self.note(&survey);
        self.is_loading = false;
        let Survey { paths, groups, .. } = survey;
        self.taken.extend(paths);
        self.groups.retain(|group| !groups.contains(group));
        self.groups.extend(groups);
    }

    /// The load that was asked for came to nothing, by no fault of the files: what is seen waits for
    /// the next change or for somebody who asks.
    pub(super) fn failed(&mut self) {
        self.is_loading = false;
        for (path, looked) in &mut self.taken {
            looked.taken = self.seen.get(path).map(|seen| seen.fingerprint);
        }
    }

    /// Everything that is looked at was `found` like this. Tells when to load.
    pub(super) fn observe(&mut self, found: Still, now: Monotonic) -> Option<Change> {
        self.see(found, now);
        if self.is_loading {
            return None;
        }
        let is_ready =
            self.taken.keys().any(|path| self.is_changed(path) && self.is_ready(path, now));
        if !is_ready {
            self.ready_since = None;
            return None;
        }
        let since = *self.ready_since.get_or_insert(now);
        let is_changing = self.seen.values().any(|seen| !seen.is_still(now));
        if is_changing && now.saturating_since(since) < PATIENCE {
            return None;
        }
        self.ready_since = None;
        self.is_loading = true;
        let still = self.seen.iter().filter(|(_, seen)| seen.is_still(now));
        let still = still.map(|(path, seen)| (path.clone(), seen.fingerprint)).collect();
        Some(Change { still: Arc::new(still), summary: self.summary(now) })
    }

    fn note(&mut self, survey: &Survey) {
        let taken = survey.paths.iter();
        let taken = taken.filter_map(|(path, looked)| Some((path.clone(), looked.taken?)));
        self.read.extend(taken);
    }

    fn see(&mut self, found: Still, now: Monotonic) {
        let seen = found.into_iter().map(|(path, fingerprint)| {
            let before = self.seen.get(&path).copied();
            let taken = self.taken.get(&path).and_then(|looked| looked.taken);
            let since = match before {
                Some(before) if before.fingerprint == fingerprint => before.since,
                None if taken == Some(fingerprint) => None,
                Some(_) | None => Some(now),
            };
            (path, Seen { fingerprint, since })
        });
        self.seen = seen.collect();
    }

    fn is_changed(&self, path: &Path) -> bool {
        let taken = self.taken.get(path).and_then(|looked| looked.taken);
        self.seen.get(path).is_some_and(|seen| Some(seen.fingerprint) != taken)
    }

    fn is_still(&self, path: &Path, now: Monotonic) -> bool {
        self.seen.get(path).is_some_and(|seen| seen.is_still(now))
    }

    /// Whether the path is still, and all that one of its groups was read with.
    fn is_ready(&self, path: &Path, now: Monotonic) -> bool {
        // Asked before groups are searched, of which there are as many as zones.
        if !self.is_still(path, now) {
            return false;
        }
        let mut groups = self.groups.iter().filter(|group| group.iter().any(|of| of == path));
        let is_still = |group: &Vec<PathBuf>| group.iter().all(|of| self.is_still(of, now));
        match groups.next() {
            None => true,
            Some(group) => is_still(group) || groups.any(is_still),
        }
    }

    fn summary(&self, now: Monotonic) -> Summary {
        let still = self.seen.iter().filter(|(_, seen)| seen.is_still(now));
        let changes = still.filter_map(|(path, seen)| {
            let is_there = matches!(seen.fingerprint, Fingerprint::Content { .. });
            // A directory's own change is that of the files in it.
            if is_there && self.taken.get(path).is_some_and(Looked::is_directory) {
                return None;
            }
            let what = match self.read.get(path) {
                Some(read) if *read == seen.fingerprint => return None,
                Some(Fingerprint::Unreadable(_)) | None if is_there => What::New,
                Some(Fingerprint::Content { .. }) if seen.fingerprint == Fingerprint::NOTHING => {
                    What::Gone
                }
                Some(_) | None => What::Changed,
            };
            Some((path.clone(), what))
        });
        let mut changes: Vec<_> = changes.collect();
        changes.sort_unstable_by(|(path, _), (other, _)| path.cmp(other));
        Summary(changes)
    }
}

impl Seen {
    fn is_still(&self, now: Monotonic) -> bool {
        self.since.is_none_or(|since| now.saturating_since(since) >= QUIET)
    }
}

/// As in `zones/a.example.zone changed, zones/b.example.zone is gone and 5 more`.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(changes) = self;
        if changes.is_empty() {
            return f.write_str("files were being changed");
        }
        for (index, (path, what)) in changes.iter().take(MOST_NAMED).enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            let what = match what {
                What::Changed => "changed",
                What::New => "is new",
                What::Gone => "is gone",
            };
            write!(f, "{comma}{} {what}", path.display())?;
        }
        match changes.len().saturating_sub(MOST_NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::{prop, proptest};

    use super::*;

    /// Files as they are, those of two zones, and who watches them: a look each quarter of a second.
    struct Disk {
        quiet: Quiet,
        files: BTreeMap<&'static str, String>,
        /// What was last taken from each.
        served: Still,
        now: Monotonic,
    }

    const ZONES: &str = "zones";
    const FILES: [&str; 4] = ["meridian.toml", "zones/a.zone", "zones/a.toml", "zones/b.zone"];
    const LOOK: Duration = Duration::from_millis(250);

    impl Disk {
        /// All files have been loaded.
        fn new() -> Self {
            let files = FILES.map(|path| (path, "first".to_owned())).into();
            let (quiet, served) = (Quiet::default(), Still::new());
            let mut disk = Self { quiet, files, served, now: Monotonic::START };
            let survey = disk.survey(None);
            disk.load(survey);
            assert_eq!(disk.looks(4), [""; 0]);
            disk
        }

        fn write(&mut self, path: &'static str, text: &str) {
            self.files.insert(path, text.to_owned());
        }

        fn remove(&mut self, path: &str) {
            self.files.remove(path).unwrap();
        }

        /// Looks once; loads if that is asked for. Returns what is said to have changed.
        fn look(&mut self) -> Option<String> {
            let change = self.ask()?;
            let survey = self.survey(Some(&change.still));
            self.load(survey);
            Some(change.summary.to_string())
        }

        fn load(&mut self, survey: Survey) {
            let taken = survey.paths.iter();
            let taken = taken.filter_map(|(path, looked)| Some((path.clone(), looked.taken?)));
            self.served.extend(taken);
            self.quiet.loaded(survey);
        }

        fn looks(&mut self, count: u32) -> Vec<String> {
            (0..count).filter_map(|_| self.look()).collect()
        }

        fn ask(&mut self) -> Option<Change> {
            self.now = self.now + LOOK;
            let mut found: Still =
                self.quiet.paths().map(|(path, _)| (path.to_owned(), self.found(path))).collect();
            let listed = self.files.keys().filter(|path| path.starts_with(ZONES));
            found.extend(listed.map(|path| (path.into(), self.found(Path::new(path)))));
            self.quiet.observe(found, self.now)
        }

        fn found(&self, path: &Path) -> Fingerprint {
            if path == Path::new(ZONES) {
                let paths: Vec<_> = self.files.keys().map(PathBuf::from).collect();
                return Fingerprint::of_names(&paths);
            }
            let text = self.files.get(path.to_str().unwrap());
            text.map_or(Fingerprint::NOTHING, |text| Fingerprint::of_bytes(text.as_bytes()))
        }

        /// What a load makes of the files: it takes those of a zone if they are all `still`.
        fn survey(&self, still: Option<&Still>) -> Survey {
            let mut survey = Survey::default();
            for group in [&["meridian.toml"][..], &[ZONES], &FILES[1..3], &["zones/b.zone"]] {
                let group: Vec<_> = group.iter().map(PathBuf::from).collect();
                let is_still = |path: &PathBuf| {
                    still.is_none_or(|still| still.get(path) == Some(&self.found(path)))
                };
                let taken = group.iter().all(is_still);
                for path in &group {
                    let is_directory = path == Path::new(ZONES);
                    let kind = if is_directory { PathKind::Directory } else { PathKind::File };
                    let taken = taken.then(|| self.found(path));
                    survey.paths.insert(path.clone(), Looked { kind, taken });
                }
                survey.groups.push(group);
            }
            survey
        }
    }

    #[test]
    fn an_edit_counts_once_it_has_been_still_for_half_a_second() {
        let mut disk = Disk::new();
        disk.write("zones/a.zone", "second");
        assert_eq!(disk.looks(2), [""; 0]);
        assert_eq!(disk.look().unwrap(), "zones/a.zone changed");
        assert_eq!(disk.looks(8), [""; 0]);
    }

    #[test]
    fn every_further_edit_begins_the_wait_anew() {
        let mut disk = Disk::new();
        for text in ["second", "third", "fourth"] {
            disk.write("zones/a.zone", text);
            assert_eq!(disk.looks(2), [""; 0]);
        }
        assert_eq!(disk.look().unwrap(), "zones/a.zone changed");
    }

    #[test]
    fn an_edit_that_is_undone_is_none() {
        let mut disk = Disk::new();
        disk.write("zones/a.zone", "second");
        assert_eq!(disk.looks(2), [""; 0]);
        disk.write("zones/a.zone", "first");
        assert_eq!(disk.looks(8), [""; 0]);
    }

    #[test]
    fn a_file_that_is_away_for_a_moment_is_not_gone() {
        let mut disk = Disk::new();
        disk.remove("zones/a.zone");
        assert_eq!(disk.looks(2), [""; 0]);
        disk.write("zones/a.zone", "first");
        assert_eq!(disk.looks(8), [""; 0]);
    }

    #[test]
    fn a_file_that_stays_away_is_gone() {
        let mut disk = Disk::new();
        disk.remove("zones/b.zone");
        assert_eq!(disk.looks(3), ["zones/b.zone is gone"]);
        disk.write("zones/b.zone", "first");
        assert_eq!(disk.looks(3), ["zones/b.zone is new"]);
    }

    #[test]
    fn a_new_file_is_a_change_of_its_directory() {
        let mut disk = Disk::new();
        disk.write("zones/c.zone", "first");
        assert_eq!(disk.looks(8), ["zones/c.zone is new"]);
    }

    #[test]
    fn the_files_of_a_zone_are_waited_for_together() {
        let mut disk = Disk::new();
        disk.write("zones/a.zone", "second");
        assert_eq!(disk.looks(2), [""; 0]);
        disk.write("zones/a.toml", "second");
        assert_eq!(disk.looks(2), [""; 0]);
        assert_eq!(disk.looks(8), ["zones/a.toml changed, zones/a.zone changed"]);
    }

    #[test]
    fn a_checkout_of_many_files_is_one_change() {
        let mut disk = Disk::new();
        for path in FILES {
            disk.write(path, "second");
            assert_eq!(disk.look(), None);
        }
        let all = "meridian.toml changed, zones/a.toml changed, zones/a.zone changed and 1 more";
        assert_eq!(disk.looks(8), [all]);
    }

    #[test]
    fn a_file_that_is_written_all_the_time_holds_up_others_for_five_seconds() {
        let mut disk = Disk::new();
        disk.write("zones/b.zone", "second");
        let mut told = vec![];
        for index in 0..100 {
            disk.write("zones/a.zone", &index.to_string());
            told.extend(disk.look().map(|told| (index, told)));
        }
        assert_eq!(told, [(22, "zones/b.zone changed".to_owned())]);
        // Once it is left alone it is read.
        assert_eq!(disk.looks(8), ["zones/a.zone changed"]);
    }

    #[test]
    fn a_file_is_not_ready_without_those_that_it_is_read_with() {
        let mut disk = Disk::new();
        disk.write("zones/a.zone", "second");
        for index in 0..100 {
            disk.write("zones/a.toml", &index.to_string());
            assert_eq!(disk.look(), None);
        }
        assert_eq!(disk.looks(8), ["zones/a.toml changed, zones/a.zone changed"]);
    }

    #[test]
    fn what_changes_between_the_first_load_and_the_first_look_is_told() {
        let mut disk = Disk::new();
        let survey = disk.survey(None);
        disk.quiet = Quiet::default();
        disk.load(survey);
        disk.write("zones/a.zone", "second");
        assert_eq!(disk.looks(4), ["zones/a.zone changed"]);
    }

    #[test]
    fn what_changes_during_a_load_is_told_after_it() {
        let mut disk = Disk::new();
        disk.write("zones/a.zone", "second");
        let change = (0..3).find_map(|_| disk.ask()).unwrap();
        disk.write("zones/b.zone", "second");
        assert!((0..8).all(|_| disk.ask().is_none()));
        disk.files.insert("zones/b.zone", "first".into());
        let survey = disk.survey(Some(&change.still));
        disk.write("zones/b.zone", "second");
        disk.quiet.loaded(survey);
        assert_eq!(disk.looks(8), ["zones/b.zone changed"]);
    }

    #[test]
    fn what_a_load_found_changing_is_told_again_once_it_is_still() {
        let mut disk = Disk::new();
        disk.write("zones/a.zone", "second");
        let change = (0..3).find_map(|_| disk.ask()).unwrap();
        // While the load reads it.
        disk.write("zones/a.zone", "third");
        let survey = disk.survey(Some(&change.still));
        assert_eq!(survey.paths[Path::new("zones/a.toml")].taken, None);
        disk.quiet.loaded(survey);
        assert_eq!(disk.looks(2), [""; 0]);
        assert_eq!(disk.looks(8), ["zones/a.zone changed"]);
    }

    #[test]
    fn what_was_refused_is_not_told_again_until_something_changes() {
        let mut disk = Disk::new();
        disk.write("meridian.toml", "at fault");
        let change = (0..3).find_map(|_| disk.ask()).unwrap();
        let mut survey = disk.survey(Some(&change.still));
        // Nothing else was looked at.
        survey.paths.retain(|path, _| path == Path::new("meridian.toml"));
        disk.quiet.refused(survey);
        assert_eq!(disk.looks(30), [""; 0]);
        disk.write("zones/b.zone", "second");
        assert_eq!(disk.looks(8), ["zones/b.zone changed"]);
    }

    #[test]
    fn a_load_that_came_to_nothing_is_not_made_again_and_again() {
        let mut disk = Disk::new();
        disk.write("zones/a.zone", "second");
        let change = (0..3).find_map(|_| disk.ask());
        assert!(change.is_some());
        disk.quiet.failed();
        assert_eq!(disk.looks(30), [""; 0]);
        disk.write("zones/a.zone", "third");
        assert_eq!(disk.looks(8), ["zones/a.zone changed"]);
    }

    proptest! {
        #[test]
        fn in_the_end_everything_is_taken_and_nothing_is_asked_for_again(
            edits in prop::collection::vec((0..4_usize, 0..4_u8, 0..4_u32, prop::bool::ANY), 0..40),
        ) {
            let mut disk = Disk::new();
            for (file, text, looks, is_during_a_load) in edits {
                let path = FILES[file];
                let change = if is_during_a_load { disk.ask() } else { None };
                if text == 0 {
                    disk.files.remove(path);
                } else {
                    disk.write(path, &text.to_string());
                }
                if let Some(change) = change {
                    let survey = disk.survey(Some(&change.still));
                    disk.load(survey);
                }
                disk.looks(looks);
            }
            disk.looks(30);
            let found: Still =
                disk.served.keys().map(|path| (path.clone(), disk.found(path))).collect();
            assert_eq!(disk.served, found);
            assert_eq!(disk.looks(30), [""; 0]);
        }
    }
}
