//! What a look-up hands out: borrowed, `Copy`, ready to be sent.

use std::fmt;

use crate::wire::{Name, RecordType};

use super::BindingId;
use super::tree::{APEX, NodeRow, SetRow, Tree};

/// One existing name of a zone.
#[derive(Clone, Copy)]
pub struct Node<'z> {
    pub(super) tree: &'z Tree,
    pub(super) index: u32,
}

/// The position of a node among those of its zone, as long as the zone's file is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIndex(pub u32);

impl<'z> Node<'z> {
    /// Its position.
    pub fn index(self) -> NodeIndex {
        NodeIndex(self.index)
    }

    /// The records of one type.
    pub fn set(self, rtype: RecordType) -> Option<RrSet<'z>> {
        let rows = self.rows();
        let at = rows.binary_search_by_key(&rtype.0, |row| row.rtype).ok()?;
        Some(RrSet { tree: self.tree, row: &rows[at] })
    }

    /// The records of each type, in ascending order of the types.
    pub fn sets(self) -> impl ExactSizeIterator<Item = RrSet<'z>> + use<'z> {
        self.rows().iter().map(move |row| RrSet { tree: self.tree, row })
    }

    /// The pool that steers this name.
    pub fn binding(self) -> Option<BindingId> {
        self.row().binding
    }

    /// The number of labels, those of the origin included and the root's left out.
    pub fn depth(self) -> usize {
        usize::from(self.row().depth)
    }

    /// The name as the zone file writes it, which is a matter of case alone (RFC 4343 section 4).
    pub fn name(self) -> Name {
        let mut wire = vec![];
        let mut at = self.index;
        while at != APEX {
            wire.extend_from_slice(self.tree.label(at));
            at = self.tree.parent(at);
        }
        wire.extend_from_slice(self.tree.origin().as_wire());
        Name::from_wire(&wire).expect("labels were interned from a valid name")
    }

    /// Whether this is `other`, of the same zone, or below it.
    pub fn is_within(self, other: Self) -> bool {
        let mut at = self.index;
        while self.tree.row(at).depth > other.row().depth {
            at = self.tree.parent(at);
        }
        at == other.index
    }

    fn rows(self) -> &'z [SetRow] {
        let row = self.row();
        &self.tree.sets[row.first_set as usize..][..usize::from(row.set_count)]
    }

    fn row(self) -> &'z NodeRow {
        self.tree.row(self.index)
    }
}

/// Of one zone, the same name.
impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.tree, other.tree) && self.index == other.index
    }
}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({})", self.name())
    }
}

/// The records of one type at one name, without duplicates.
#[derive(Clone, Copy)]
pub struct RrSet<'z> {
    pub(super) tree: &'z Tree,
    pub(super) row: &'z SetRow,
}

impl<'z> RrSet<'z> {
    /// The type.
    pub fn rtype(self) -> RecordType {
        RecordType(self.row.rtype)
    }

    /// The TTL of every record, in seconds.
    pub fn ttl(self) -> u32 {
        self.row.ttl
    }

    /// The number of records, at least one.
    #[allow(clippy::len_without_is_empty, reason = "a set is never empty")]
    pub fn len(self) -> usize {
        usize::from(self.row.count)
    }

    /// The records as an answer to a question for their name holds them, one behind the other: a
    /// pointer to the question's name (`C0 0C`), TYPE, CLASS, TTL, RDLENGTH and RDATA, in which
    /// names are uncompressed.
    pub fn wire(self) -> &'z [u8] {
        &self.tree.wire[self.row.start as usize..][..self.row.len as usize]
    }

    /// Each record from its TYPE on, to be sent behind another owner.
    pub fn bodies(self) -> impl Iterator<Item = &'z [u8]> + use<'z> {
        let mut rest = self.wire();
        std::iter::from_fn(move || {
            let (body, tail) = rest.get(OWNER..)?.split_at_checked(body_len(rest)?)?;
            rest = tail;
            Some(body)
        })
    }

    /// The RDATA of each record.
    pub fn rdatas(self) -> impl Iterator<Item = &'z [u8]> + use<'z> {
        self.bodies().map(|body| &body[FIXED..])
    }
}

impl fmt::Debug for RrSet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RrSet({} x {})", self.len(), self.rtype())
    }
}

/// The length of the first of `records` behind its owner.
fn body_len(records: &[u8]) -> Option<usize> {
    let rdlength = records.get(OWNER + FIXED - 2..)?.first_chunk()?;
    Some(FIXED + usize::from(u16::from_be_bytes(*rdlength)))
}

/// The pointer that stands for a record's owner.
pub(super) const OWNER: usize = 2;
/// TYPE, CLASS, TTL and RDLENGTH.
pub(super) const FIXED: usize = 10;
