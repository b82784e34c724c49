//! The transports: sockets in, [`crate::answer::answer`] in the middle, sockets out. It knows no
//! policy and no zone; it holds the shared snapshot and counts what was answered.

pub mod limiting;
pub mod listen;
pub mod tally;
pub mod tcp;
pub mod transports;
pub mod udp;

mod datagrams;
mod passed;

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::answer::Snapshot;

pub use limiting::{Limited, Limiting};
pub use listen::{ListenError, Listener, bind};
pub use tally::{Tally, Totals};
pub use transports::{Leaving, Transports, Wanted};

/// The current generation; control alone stores into it.
pub type Shared = Arc<ArcSwap<Snapshot>>;
