//! The state directory: what a restart starts from.
//!
//! A value in a file, as JSON, is replaced as a whole: a crash or a power cut leaves the old one or
//! the new one. It is a memory and not a source of truth, so nothing here is fatal to serving: what
//! can't be read is put aside, and what can't be written is the caller's to log. It does not know
//! what it holds. Health is here; overrides, which must not be lost, are in `ledger`.

mod ledger;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tracing::warn;

/// A state directory that this process alone holds, until this is dropped.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    /// Locked.
    _lock: File,
}

impl Store {
    /// Takes the directory, which is made if there is none.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(directory).map_err(failed(Operation::Create, directory))?;
        let path = directory.join(LOCK);
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed(Operation::Write, &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(held(directory, &mut lock)),
            Err(TryLockError::Error(error)) => return Err(failed(Operation::Lock, &path)(error)),
        }
        // Who holds it is a courtesy to the next who wants it, so a full disk is no reason to stop.
        let _courtesy = lock.set_len(0).and_then(|()| writeln!(lock, "{}", process::id()));
        Ok(Self { directory: directory.to_owned(), _lock: lock })
    }

    /// The value that was last saved, if any. One that can't be understood is moved aside, with a
    /// warning, and counts as none.
    pub fn load<T: DeserializeOwned>(&self) -> Result<Option<T>, StoreError> {
        match self.find(&STATE)? {
            Found::Nothing => Ok(None),
            Found::Value(value) => Ok(Some(value)),
            Found::Damaged { path, aside, error } => {
                let (path, aside) = (path.display(), aside.display());
                warn!(%path, %aside, %error, "can't understand {path}, moved to {aside}: {error}");
                Ok(None)
            }
        }
    }

    /// Replaces the value, and returns once it is on the disk. Waits for the disk: not for a task
    /// that others wait for.
    pub fn save<T: Serialize>(&self, value: &T) -> Result<(), StoreError> {
        self.prepare(&STATE, value)?;
        self.commit(&STATE)
    }

    fn find<T: DeserializeOwned>(&self, document: &Document) -> Result<Found<T>, StoreError> {
        let path = self.directory.join(document.name);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(failed(Operation::Read, &path)(error)),
        };
        let error = match serde_json::from_slice(&text) {
            Ok(value) => return Ok(Found::Value(value)),
            Err(error) => error,
        };
        let aside = self.directory.join(document.aside);
        fs::rename(&path, &aside).map_err(failed(Operation::Rename, &path))?;
        Ok(Found::Damaged { path, aside, error })
    }

    /// Writes what is to take the document's place beside it.
    fn prepare<T: Serialize>(&self, document: &Document, value: &T) -> Result<(), StoreError> {
        let new = self.directory.join(document.new);
        let mut text = serde_json::to_vec_pretty(value)
            .map_err(|error| failed(Operation::Write, &new)(io::Error::other(error)))?;
        text.push(b'\n');
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(&text)?;
            file.sync_all()
        };
        write().map_err(failed(Operation::Write, &new))
    }

    /// Puts what was prepared in its place.
    fn commit(&self, document: &Document) -> Result<(), StoreError> {
        let [path, new] = [document.name, document.new].map(|name| self.directory.join(name));
        fs::rename(&new, &path).map_err(failed(Operation::Rename, &new))?;
        File::open(&self.directory)
            .and_then(|directory| directory.sync_all())
            .map_err(failed(Operation::Write, &self.directory))
    }
}

/// A value in a file.
struct Document {
    name: &'static str,
    /// While it is written.
    new: &'static str,
    /// Where it goes if it can't be understood.
    aside: &'static str,
}

/// What a document's file holds.
enum Found<T> {
    /// There is none.
    Nothing,
    Value(T),
    /// It could not be understood, and is elsewhere now.
    Damaged {
        path: PathBuf,
        aside: PathBuf,
        error: serde_json::Error,
    },
}

/// Why the state directory could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process works with it.
    #[error("{} is in use by {holder}", directory.display())]
    Held {
        /// The state directory.
        directory: PathBuf,
        /// The other process, as far as it is known.
        holder: String,
    },
    /// The system refused.
    #[error("can't {operation} {}: {source}", path.display())]
    Failed {
        /// What was refused.
        operation: Operation,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What a file holds is lost.
    #[error("can't understand {}, moved to {}: {source}", path.display(), aside.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where it is now.
        aside: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

/// What is done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Operation {
    /// Makes a directory.
    #[error("create")]
    Create,
    /// Takes it for this process.
    #[error("lock")]
    Lock,
    /// Reads it.
    #[error("read")]
    Read,
    /// Writes it, or makes sure that it is on the disk.
    #[error("write")]
    Write,
    /// Gives it another name.
    #[error("rename")]
    Rename,
}

fn failed(operation: Operation, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Failed { operation, path, source }
}

fn held(directory: &Path, lock: &mut File) -> StoreError {
    let mut process = String::new();
    let holder = match lock.read_to_string(&mut process) {
        Ok(_) if !process.trim().is_empty() => format!("process {}", process.trim()),
        _ => "another process".to_owned(),
    };
    StoreError::Held { directory: directory.to_owned(), holder }
}

const STATE: Document =
    Document { name: "state.json", new: "state.json.new", aside: "state.json.corrupt" };
const LOCK: &str = "lock";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::symlink;

    use super::*;

    type Value = BTreeMap<String, u32>;

    fn value(number: u32) -> Value {
        Value::from([("key".to_owned(), number)])
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> = entries.map(|entry| name(entry).into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_directory_is_made_and_holds_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let store = Store::open(&parent.path().join("a/b")).unwrap();
        assert_eq!(store.load::<Value>().unwrap(), None);
    }

    #[test]
    fn the_last_value_saved_is_there_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        store.save(&value(1)).unwrap();
        store.save(&value(2)).unwrap();
        drop(store);
        let store = Store::open(directory.path()).unwrap();
        assert_eq!(store.load().unwrap(), Some(value(2)));
        assert_eq!(names(directory.path()), ["lock", "state.json"]);
    }

    #[test]
    fn a_directory_is_held_by_one_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        let error = Store::open(directory.path()).unwrap_err();
        let place = directory.path().display();
        let expected = format!("{place} is in use by process {}", process::id());
        assert_eq!(error.to_string(), expected);
        drop(store);
        Store::open(directory.path()).unwrap();
    }

    #[test]
    fn a_damaged_value_is_moved_aside_and_counts_as_none() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        fs::write(directory.path().join(STATE.name), b"{\"key\": 1").unwrap();
        assert_eq!(store.load::<Value>().unwrap(), None);
        let aside = fs::read(directory.path().join(STATE.aside)).unwrap();
        assert_eq!(aside, b"{\"key\": 1");
        assert_eq!(names(directory.path()), ["lock", "state.json.corrupt"]);
    }

    #[test]
    fn a_value_that_was_half_written_leaves_the_one_before() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        store.save(&value(1)).unwrap();
        fs::write(directory.path().join(STATE.new), b"{\"ke").unwrap();
        assert_eq!(store.load().unwrap(), Some(value(1)));
        store.save(&value(2)).unwrap();
        assert_eq!(store.load().unwrap(), Some(value(2)));
    }

    #[test]
    fn a_full_disk_is_an_error_and_leaves_the_value_before() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        store.save(&value(1)).unwrap();
        symlink("/dev/full", directory.path().join(STATE.new)).unwrap();
        let error = store.save(&value(2)).unwrap_err();
        let StoreError::Failed { operation: Operation::Write, source, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
        assert_eq!(store.load().unwrap(), Some(value(1)));
    }

    #[test]
    fn a_path_that_is_no_directory_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Store::open(file.path()).unwrap_err();
        let StoreError::Failed { operation: Operation::Create, path, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(path, file.path());
    }
}
