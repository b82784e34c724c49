//! Zones: master files (RFC 1035 section 5) to an immutable tree that answers look-ups.
//!
//! Text comes in with the names that pools steer; out come a [`Zone`], if it can be served, and
//! all that is wrong, each [`Fault`] with its place. A `Zone` exists only if it was checked, and
//! a look-up in it allocates nothing. The way of a file is `scan` (words), `read` (records),
//! `rdata` (their data), `build` and `check` (sets that belong together), `tree` (look-up).
//!
//! Files, sockets and clients are not known here, nor what a pool is beyond its names.

mod address;
mod bitmap;
mod build;
mod check;
mod fault;
mod field;
mod format;
mod gateway;
mod host_identity;
mod location;
mod node;
mod prefixes;
mod rdata;
mod read;
mod scan;
mod set;
mod svcb;
mod table;
mod tree;

use std::fmt;

use crate::id::Id;
use crate::span::{FileId, Span};
use crate::wire::{Name, RecordType};

pub use fault::{Fault, FaultKind};
pub use node::{Node, NodeIndex, RrSet};
pub use rdata::Problem;
pub use set::{Entry, ZoneIndex, ZoneSet};
pub use svcb::Key as ServiceKey;
pub use tree::Found;

use fault::Faults;
use tree::{APEX, SetRow, Tree};

/// A name that a pool steers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The name, absolute; a wildcard too.
    pub owner: Name,
    /// Where it is bound.
    pub span: Span,
}

/// The position of a [`Binding`] among those that the zone was read with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BindingId(pub u32);

impl Id for BindingId {
    fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).expect("a zone has fewer than 2^32 bindings"))
    }

    fn index(self) -> usize {
        self.0 as usize
    }
}

/// A master file to be read.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// The zone's name, and the origin that the file begins with.
    pub origin: Name,
    /// Which file it is.
    pub file: FileId,
    /// Its bytes.
    pub text: &'a [u8],
}

/// Finds the file that an `$INCLUDE` names as it is written; else says why not, for people.
pub type Include<'a> = &'a mut (dyn FnMut(&str, Span) -> Result<(FileId, Vec<u8>), String> + 'a);

/// Reads and checks a zone. There is one unless a fault is an error.
pub fn read(
    source: Source<'_>,
    bindings: &[Binding],
    include: Include<'_>,
) -> (Option<Zone>, Vec<Fault>) {
    let mut faults = Faults::new();
    let start = Span::new(source.file, 0, 0);
    let draft = read::read(&source, include, &mut faults);
    let zone = build::build(draft, bindings, start, &mut faults);
    (zone, faults.finish(Span::new(source.file, source.text.len(), source.text.len())))
}

/// A zone that can be served.
pub struct Zone {
    tree: Tree,
    serial: u32,
    negative_soa: SetRow,
    names: usize,
    records: usize,
}

impl Zone {
    /// `None` without a SOA record at the apex.
    fn new(mut tree: Tree, names: usize, records: usize) -> Option<Self> {
        let soa = tree.node(APEX).set(RecordType::SOA)?;
        let rdata = soa.rdatas().next()?;
        let [.., minimum] = timers(rdata)?;
        let serial = timers(rdata)?[0];
        let ttl = soa.ttl().min(minimum);
        let mut wire = soa.wire().to_vec();
        wire.get_mut(TTL..TTL + 4)?.copy_from_slice(&ttl.to_be_bytes());
        let negative_soa = SetRow {
            rtype: RecordType::SOA.0,
            count: 1,
            ttl,
            start: u32::try_from(tree.wire.len()).ok()?,
            len: wire.len() as u32,
        };
        tree.wire.reserve_exact(wire.len());
        tree.wire.extend_from_slice(&wire);
        Some(Self { tree, serial, negative_soa, names, records })
    }

    /// The zone's name.
    pub fn origin(&self) -> &Name {
        self.tree.origin()
    }

    /// The SOA record's serial number.
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// What the zone says of `name`, which is within it, in uncompressed wire form and in lower
    /// case.
    pub fn find(&self, name: &[u8]) -> Found<'_> {
        self.tree.find(name)
    }

    /// The node of `name`, in uncompressed wire form and in any case, whatever is above it: where
    /// the addresses of a delegation's name server are (RFC 1034 section 4.2.1).
    pub fn host(&self, name: &[u8]) -> Option<Node<'_>> {
        self.tree.exact_folded(name)
    }

    /// The zone's own name, which has a SOA record.
    pub fn apex(&self) -> Node<'_> {
        self.tree.node(APEX)
    }

    /// Every name that exists, each above those below it; what a delegation or DNAME hides, too.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = Node<'_>> {
        (APEX..self.tree.nodes.len() as u32).map(|index| self.tree.node(index))
    }

    /// The SOA record, as the answer to a question for it.
    pub fn soa(&self) -> RrSet<'_> {
        self.apex().set(RecordType::SOA).expect("a zone is made only with a SOA record")
    }

    /// The SOA record for negative answers: its TTL is that of the record or its minimum, the
    /// lower one (RFC 2308 section 3).
    pub fn negative_soa(&self) -> RrSet<'_> {
        RrSet { tree: &self.tree, row: &self.negative_soa }
    }

    /// The number of names that have records or a pool.
    pub fn names(&self) -> usize {
        self.names
    }

    /// The number of records.
    pub fn records(&self) -> usize {
        self.records
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({} {})", self.origin(), self.serial)
    }
}

/// The five numbers behind the two names of SOA data.
fn timers(soa: &[u8]) -> Option<[u32; 5]> {
    let numbers: &[u8; 20] = soa.last_chunk()?;
    let (numbers, _) = numbers.as_chunks::<4>();
    Some(std::array::from_fn(|index| u32::from_be_bytes(numbers[index])))
}

/// Where the TTL of a record begins, behind the pointer, TYPE and CLASS.
const TTL: usize = 6;
