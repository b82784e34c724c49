//! What lies at a path, in a few octets: what a load read, compared with what is there later.

use std::collections::BTreeSet;
use std::fs::File;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::files;

/// What lies at a path. Equal ones stand for equal content, whatever file holds it now and whenever
/// that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fingerprint {
    /// A file's bytes, or the names in a directory.
    Content {
        /// How many bytes.
        length: u64,
        /// SipHash of them.
        hash: u64,
    },
    /// It can't be read, for this reason.
    Unreadable(io::ErrorKind),
}

/// What a path is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// Its bytes count.
    File,
    /// The names in it count, but for those that are passed over.
    Directory,
}

impl Fingerprint {
    /// Of a path where there is nothing.
    pub const NOTHING: Self = Self::Unreadable(io::ErrorKind::NotFound);

    /// Of these bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::of_reader(bytes).unwrap_or_else(|error| Self::of_error(&error))
    }

    /// Of the file at `path`, which is read in pieces.
    pub fn of_file(path: &Path) -> Self {
        let read = files::open(path).and_then(Self::of_reader::<File>);
        read.unwrap_or_else(|error| Self::of_error(&error))
    }

    /// Of the names in a directory.
    pub fn of_names<'p>(paths: impl IntoIterator<Item = &'p PathBuf>) -> Self {
        let names: BTreeSet<_> = paths.into_iter().filter_map(|path| path.file_name()).collect();
        let names: Vec<_> = names.into_iter().map(OsStrExt::as_bytes).collect();
        // No name has this octet.
        Self::of_bytes(&names.join(&0))
    }

    /// That there is nothing to read.
    pub fn of_error(error: &io::Error) -> Self {
        Self::Unreadable(error.kind())
    }

    fn of_reader<R: Read>(reader: R) -> io::Result<Self> {
        let mut hasher = DefaultHasher::new();
        let mut length = 0;
        let mut piece = Vec::with_capacity(PIECE as usize);
        let mut reader = reader.take(PIECE);
        // Equal pieces however much each call returns: a hasher need not be indifferent to that.
        while reader.read_to_end(&mut piece)? > 0 {
            hasher.write(&piece);
            length += piece.len() as u64;
            piece.clear();
            reader.set_limit(PIECE);
        }
        Ok(Self::Content { length, hash: hasher.finish() })
    }
}

/// Octets that are read at a time.
const PIECE: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_and_its_bytes_have_one_fingerprint() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7] {
            let bytes: Vec<u8> = (0..length).map(|at| at as u8).collect();
            fs::write(&path, &bytes).unwrap();
            assert_eq!(Fingerprint::of_file(&path), Fingerprint::of_bytes(&bytes), "{length}");
        }
    }

    #[test]
    fn other_bytes_have_another_fingerprint() {
        assert_ne!(Fingerprint::of_bytes(b"a"), Fingerprint::of_bytes(b"b"));
        assert_ne!(Fingerprint::of_bytes(b""), Fingerprint::of_bytes(b"\0"));
    }

    #[test]
    fn what_is_no_file_has_the_reason_for_its_fingerprint() {
        let directory = tempfile::tempdir().unwrap();
        let none = Fingerprint::of_file(&directory.path().join("none"));
        assert_eq!(none, Fingerprint::Unreadable(io::ErrorKind::NotFound));
        assert!(matches!(Fingerprint::of_file(directory.path()), Fingerprint::Unreadable(_)));
    }

    #[test]
    fn the_names_in_a_directory_count_and_their_order_does_not() {
        let of = |names: [&str; 2]| Fingerprint::of_names(&names.map(PathBuf::from));
        assert_eq!(of(["a", "b"]), of(["b", "a"]));
        assert_ne!(of(["a", "b"]), of(["a", "c"]));
        assert_ne!(of(["a", "bc"]), of(["ab", "c"]));
    }
}
