//! What the file system says of a version of a file, so that it need not be read to be known again.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use crate::time::Wall;

/// What a write, a rename or a copy with its times changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    /// Unlike the time of modification, nobody sets it.
    changed: (i64, i64),
}

/// A file that changed later before it was looked at may change again without a new time: clocks of
/// file systems are coarse.
const SETTLED: Duration = Duration::from_secs(2);

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether the file has been at rest for a while, so that whatever changes it changes this. `now`
    /// may be of another clock than the file system's.
    pub(super) fn is_settled(&self, now: Wall) -> bool {
        let (seconds, nanoseconds) = self.changed;
        let seconds = u64::try_from(seconds).unwrap_or_default();
        let nanoseconds = u32::try_from(nanoseconds).unwrap_or_default();
        Duration::new(seconds, nanoseconds).abs_diff(now.since_epoch()) > SETTLED
    }
}
