//! Overrides on disk: what is in force, in a file of its own, and an audit log of how that came
//! about. Unlike health neither may be lost: what can't be written must not happen.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Document, Found, Operation, Store, StoreError, failed};

impl Store {
    /// What was last recorded as in force, if anything. What can't be understood is moved aside and
    /// is an error, once.
    pub fn load_in_force<T: DeserializeOwned>(&self) -> Result<Option<T>, StoreError> {
        match self.find(&IN_FORCE)? {
            Found::Nothing => Ok(None),
            Found::Value(value) => Ok(Some(value)),
            Found::Damaged { path, aside, error: source } => {
                Err(StoreError::Damaged { path, aside, source })
            }
        }
    }

    /// Appends `entries` to the audit log, a line each, and then replaces what is in force. Returns
    /// once both are on the disk; an error means that what was in force before still is.
    pub fn record<T, E>(&self, in_force: &T, entries: &[E]) -> Result<(), StoreError>
    where
        T: Serialize,
        E: Serialize,
    {
        self.prepare(&IN_FORCE, in_force)?;
        self.append(entries)?;
        self.commit(&IN_FORCE)
    }

    /// Writes what is in force again if its file is gone, as when the directory was made anew.
    pub fn keep_in_force<T: Serialize>(&self, in_force: &T) -> Result<(), StoreError> {
        let path = self.directory.join(IN_FORCE.name);
        if path.try_exists().map_err(failed(Operation::Read, &path))? {
            return Ok(());
        }
        self.prepare(&IN_FORCE, in_force)?;
        self.commit(&IN_FORCE)
    }

    fn append<E: Serialize>(&self, entries: &[E]) -> Result<(), StoreError> {
        let path = self.directory.join(AUDIT);
        let write = || {
            let mut lines = vec![];
            let mut log = OpenOptions::new().read(true).append(true).create(true).open(&path)?;
            let length = log.metadata()?.len();
            if is_torn(&log, length)? {
                lines.push(b'\n');
            }
            for entry in entries {
                serde_json::to_writer(&mut lines, entry)?;
                lines.push(b'\n');
            }
            let written = log.write_all(&lines).and_then(|()| log.sync_all());
            if written.is_err() {
                // What of it fitted on the disk tells of something that does not happen.
                let _ = log.set_len(length);
            }
            written
        };
        write().map_err(failed(Operation::Write, &path))
    }
}

/// Whether the last line has no end: writing it was cut short.
fn is_torn(log: &File, length: u64) -> io::Result<bool> {
    let Some(last) = length.checked_sub(1) else { return Ok(false) };
    let mut byte = [0];
    log.read_exact_at(&mut byte, last)?;
    Ok(byte != *b"\n")
}

const IN_FORCE: Document =
    Document { name: "overrides.json", new: "overrides.json.new", aside: "overrides.json.damaged" };
const AUDIT: &str = "audit.log";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;

    fn audit(directory: &Path) -> String {
        fs::read_to_string(directory.join(AUDIT)).unwrap()
    }

    #[test]
    fn what_is_in_force_is_there_after_a_restart_and_the_log_has_all() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        store.record(&["one"], &["first"]).unwrap();
        store.record(&["one", "two"], &["second", "third"]).unwrap();
        drop(store);
        let store = Store::open(directory.path()).unwrap();
        assert_eq!(store.load_in_force().unwrap(), Some(vec!["one".to_owned(), "two".to_owned()]));
        assert_eq!(audit(directory.path()), "\"first\"\n\"second\"\n\"third\"\n");
    }

    #[test]
    fn nothing_is_in_force_in_a_new_directory() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        assert_eq!(store.load_in_force::<Vec<String>>().unwrap(), None);
    }

    #[test]
    fn what_is_damaged_is_moved_aside() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        fs::write(directory.path().join("overrides.json"), b"[\"on").unwrap();
        let damaged = store.load_in_force::<Vec<String>>();
        assert!(matches!(damaged, Err(StoreError::Damaged { .. })), "{damaged:?}");
        assert_eq!(store.load_in_force::<Vec<String>>().unwrap(), None);
        let aside = fs::read(directory.path().join("overrides.json.damaged")).unwrap();
        assert_eq!(aside, b"[\"on");
        assert!(!directory.path().join("overrides.json").exists());
    }

    #[test]
    fn what_the_log_can_not_take_is_not_in_force() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        store.record(&["one"], &["first"]).unwrap();
        fs::remove_file(directory.path().join(AUDIT)).unwrap();
        symlink("/dev/full", directory.path().join(AUDIT)).unwrap();
        let error = store.record(&["one", "two"], &["second"]).unwrap_err();
        let StoreError::Failed { operation: Operation::Write, path, source } = error else {
            panic!("{error}");
        };
        assert_eq!(path, directory.path().join(AUDIT));
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
        assert_eq!(store.load_in_force().unwrap(), Some(vec!["one".to_owned()]));
    }

    #[test]
    fn a_line_that_was_cut_short_does_not_spoil_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        store.record(&["one"], &["first"]).unwrap();
        let mut log = OpenOptions::new().append(true).open(directory.path().join(AUDIT)).unwrap();
        log.write_all(b"\"seco").unwrap();
        store.record(&["one"], &["third"]).unwrap();
        assert_eq!(audit(directory.path()), "\"first\"\n\"seco\n\"third\"\n");
    }
}
