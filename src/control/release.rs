//! Azs that wait for an operator's word to come back: written into the audit log first, then let back.
//! That they need not wait any more is saved with health, within a moment: a crash before that
//! leaves them waiting.

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::route::{Event, NotAwaiting, Share, Target};
use crate::time::Now;

use super::Control;
use super::orders::{Change, Deed, Entry, Then};

/// What a release came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Released {
    /// The target as the operator wrote it.
    pub target: String,
    /// The azs that became eligible.
    pub changes: Vec<Change>,
    /// The generation that serves since.
    pub generation: u64,
}

/// Why nothing is released.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// Nothing of it waits.
    #[error(transparent)]
    NotAwaiting(#[from] NotAwaiting),
    /// Nobody could see later who did it.
    #[error(
        "a release is written into the audit log before it takes effect, and this can't be: {0}"
    )]
    NotWritten(String),
}

/// Somebody who waits for what comes of a release.
pub(super) type Reply = oneshot::Sender<Result<Released, ReleaseError>>;

/// A release on its way to the disk.
#[derive(Debug)]
pub(super) struct Release {
    given: String,
    by: String,
    targets: Vec<Target>,
    reply: Reply,
}

impl Control {
    /// Has a release written down, if there is anything to release.
    pub(super) fn look_for_release(&mut self, given: String, by: String, reply: Reply, now: Now) {
        match self.director.releasable(&given) {
            Err(error) => {
                let _ = reply.send(Err(error.into()));
            }
            Ok(targets) => {
                let entry = Entry::of_release(&given, targets.clone(), &by, now);
                self.write_order(vec![entry], Then::Release(Release { given, by, targets, reply }));
            }
        }
    }

    pub(super) fn carry_out_release(&mut self, release: Release, now: Now) {
        let Release { given, by, targets, reply } = release;
        tracing::info!(given, by, "{given} is released by {by}");
        let effects = self.director.apply(Event::Release(targets), now);
        let changes = effects.transitions.iter().map(Change::of).collect();
        self.carry_out(effects, now);
        let generation = self.shared.load().generation.0;
        let _ = reply.send(Ok(Released { target: given, changes, generation }));
    }
}

impl Release {
    /// Tells whoever waits that it can't be done.
    pub(super) fn fail(self, reason: String) {
        let _ = self.reply.send(Err(ReleaseError::NotWritten(reason)));
    }
}

impl Entry {
    fn of_release(given: &str, targets: Vec<Target>, by: &str, now: Now) -> Self {
        Self {
            at: now.wall,
            by: by.into(),
            what: Deed::Released,
            kind: None,
            to: Share::NONE,
            target: given.into(),
            targets,
            reason: None,
            until: None,
            refusal: None,
        }
    }
}
