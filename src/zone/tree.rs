//! The names of a zone as a tree of labels, in a few flat vectors.
//!
//! A look-up walks the labels of a name from the apex down, one probe of a hash table each. So it
//! meets delegations and DNAMEs in order, ends at the closest encloser, allocates nothing, and
//! costs the same in a zone of ten names and of ten million. Interning a name keeps every parent
//! before its children.

use crate::wire::Name;
use crate::wire::name::{MAX_LABEL, MAX_NAME};

use super::BindingId;
use super::node::Node;
use super::table::{self, Table};

/// Nodes, and the record sets at them.
pub(super) struct Tree {
    origin: Name,
    origin_labels: usize,
    pub(super) nodes: Vec<NodeRow>,
    /// Labels as they were first written, each behind its length octet.
    labels: Vec<u8>,
    table: Table,
    /// In the order of their nodes, those of a node by type.
    pub(super) sets: Vec<SetRow>,
    /// The records of the sets: `C0 0C`, TYPE, CLASS, TTL, RDLENGTH, RDATA.
    pub(super) wire: Vec<u8>,
}

/// One name that exists.
pub(super) struct NodeRow {
    parent: u32,
    /// Where its label begins in `labels`.
    label: u32,
    pub(super) first_set: u32,
    pub(super) set_count: u16,
    /// With the origin's.
    pub(super) depth: u8,
    pub(super) kind: Kind,
    pub(super) binding: Option<BindingId>,
    /// The node `*` below it, or the apex for none.
    wildcard: u32,
}

/// What a node means for names below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// They are in this zone.
    Plain,
    /// They are in another zone (RFC 1034 section 4.2).
    Cut,
    /// They are renamed (RFC 6672).
    Dname,
}

/// The records of one type at one node.
pub(super) struct SetRow {
    pub(super) rtype: u16,
    pub(super) count: u16,
    pub(super) ttl: u32,
    /// Where its records begin in `wire`, and how many octets they take.
    pub(super) start: u32,
    pub(super) len: u32,
}

/// What a zone says of a name (RFC 1034 section 4.3.2, RFC 4592 section 3.3.1).
#[derive(Clone, Copy, Debug)]
pub enum Found<'z> {
    /// The name exists, perhaps only for the names below it.
    Exact(Node<'z>),
    /// The name does not exist, and the wildcard answers for it.
    Wildcard {
        /// The node whose label is `*`.
        node: Node<'z>,
        /// Its parent: the longest existing name above the one asked for.
        encloser: Node<'z>,
    },
    /// The name is that of this delegation or below it; at the delegation itself a query for DS
    /// is still this zone's to answer (RFC 4035 section 3.1.4.1).
    Delegation(Node<'z>),
    /// The name is below this node, which has a DNAME.
    Dname(Node<'z>),
    /// Neither the name nor a wildcard for it exists.
    NoName {
        /// The longest existing name above the one asked for.
        encloser: Node<'z>,
    },
}

impl<'z> Found<'z> {
    /// What answers for the name; `None` where it does not exist.
    pub fn node(self) -> Option<Node<'z>> {
        match self {
            Self::Exact(node)
            | Self::Wildcard { node, .. }
            | Self::Delegation(node)
            | Self::Dname(node) => Some(node),
            Self::NoName { .. } => None,
        }
    }
}

/// The zone's names or labels take more than 4 GiB.
pub(super) struct Full;

impl Tree {
    /// The tree of the apex alone.
    pub(super) fn new(origin: Name) -> Self {
        let origin_labels = origin.label_count();
        let apex = NodeRow {
            parent: APEX,
            label: 0,
            first_set: 0,
            set_count: 0,
            depth: origin_labels as u8,
            kind: Kind::Plain,
            binding: None,
            wildcard: APEX,
        };
        Self {
            origin,
            origin_labels,
            nodes: vec![apex],
            labels: vec![0],
            table: Table::new(),
            sets: vec![],
            wire: vec![],
        }
    }

    pub(super) fn origin(&self) -> &Name {
        &self.origin
    }

    /// What the zone says of `name`, which is within it, in wire form and in lower case.
    pub(super) fn find(&self, name: &[u8]) -> Found<'_> {
        let mut at = APEX;
        for label in self.labels_below(name) {
            match self.row(at).kind {
                Kind::Plain => {}
                Kind::Cut => return Found::Delegation(self.node(at)),
                Kind::Dname => return Found::Dname(self.node(at)),
            }
            match self.child(at, label, table::hash(at, label)) {
                Some(child) => at = child,
                None => return self.missing_below(at),
            }
        }
        match self.row(at).kind {
            Kind::Cut => Found::Delegation(self.node(at)),
            Kind::Plain | Kind::Dname => Found::Exact(self.node(at)),
        }
    }

    /// The node of `name`, whatever is above it; `name` as for [`Tree::find`].
    pub(super) fn exact(&self, name: &[u8]) -> Option<Node<'_>> {
        let mut labels = self.labels_below(name);
        let step = |at, label: &[u8]| self.child(at, label, table::hash(at, label));
        labels.try_fold(APEX, step).map(|at| self.node(at))
    }

    /// The node of `name` in wire form and any case, if that is within the zone.
    pub(super) fn exact_folded(&self, name: &[u8]) -> Option<Node<'_>> {
        self.exact(self.fold(name, &mut [0; MAX_NAME])?)
    }

    /// `name`, in wire form, in lower case, if it is within the zone.
    pub(super) fn fold<'b>(&self, name: &[u8], buffer: &'b mut [u8; MAX_NAME]) -> Option<&'b [u8]> {
        let folded = buffer.get_mut(..name.len())?;
        folded.copy_from_slice(name);
        folded.make_ascii_lowercase();
        self.holds(folded).then_some(folded)
    }

    /// Whether `name`, in wire form and in any case, is the origin or below it.
    pub(super) fn holds(&self, name: &[u8]) -> bool {
        let labels = Labels::of(name);
        labels
            .count
            .checked_sub(self.origin_labels)
            .is_some_and(|below| labels.from(below).eq_ignore_ascii_case(self.origin.as_wire()))
    }

    /// The index of the node of `name`, which is within the zone, in wire form and in any case,
    /// made if need be.
    pub(super) fn intern(&mut self, name: &[u8]) -> Result<u32, Full> {
        let mut folded = [0; MAX_LABEL + 1];
        let labels = Labels::of(name);
        let mut at = APEX;
        for index in (0..labels.count.saturating_sub(self.origin_labels)).rev() {
            let label = labels.label(index);
            let folded = &mut folded[..label.len()];
            folded.copy_from_slice(label);
            folded.make_ascii_lowercase();
            let hash = table::hash(at, folded);
            at = match self.child(at, folded, hash) {
                Some(child) => child,
                None => self.add(at, label, hash)?,
            };
        }
        Ok(at)
    }

    pub(super) fn node(&self, index: u32) -> Node<'_> {
        Node { tree: self, index }
    }

    pub(super) fn row(&self, index: u32) -> &NodeRow {
        &self.nodes[index as usize]
    }

    /// The label of a node, behind its length octet.
    pub(super) fn label(&self, index: u32) -> &[u8] {
        let rest = &self.labels[self.row(index).label as usize..];
        &rest[..=usize::from(rest[0])]
    }

    pub(super) fn parent(&self, index: u32) -> u32 {
        self.row(index).parent
    }

    /// Gives back what growing has reserved.
    pub(super) fn shrink(&mut self) {
        self.nodes.shrink_to_fit();
        self.labels.shrink_to_fit();
        self.sets.shrink_to_fit();
        self.wire.shrink_to_fit();
    }

    fn missing_below(&self, encloser: u32) -> Found<'_> {
        let node = self.node(encloser);
        match self.row(encloser).wildcard {
            APEX => Found::NoName { encloser: node },
            wildcard => Found::Wildcard { node: self.node(wildcard), encloser: node },
        }
    }

    /// The node below `parent` with this label, which is in lower case; the hash is of both.
    fn child(&self, parent: u32, label: &[u8], hash: u32) -> Option<u32> {
        self.table.find(hash, |index| {
            self.row(index).parent == parent && self.label(index).eq_ignore_ascii_case(label)
        })
    }

    fn add(&mut self, parent: u32, label: &[u8], hash: u32) -> Result<u32, Full> {
        let index = u32::try_from(self.nodes.len()).map_err(|_| Full)?;
        if index == u32::MAX {
            return Err(Full);
        }
        let start = u32::try_from(self.labels.len()).map_err(|_| Full)?;
        self.labels.extend_from_slice(label);
        self.nodes.push(NodeRow {
            parent,
            label: start,
            first_set: 0,
            set_count: 0,
            depth: self.row(parent).depth + 1,
            kind: Kind::Plain,
            binding: None,
            wildcard: APEX,
        });
        if label == b"\x01*" {
            self.nodes[parent as usize].wildcard = index;
        }
        self.table.insert(hash, index);
        Ok(index)
    }

    /// The labels of `name` below the origin, from the right, each behind its length octet.
    fn labels_below<'n>(&self, name: &'n [u8]) -> impl Iterator<Item = &'n [u8]> + use<'n> {
        let labels = Labels::of(name);
        let below = labels.count.saturating_sub(self.origin_labels);
        (0..below).rev().map(move |index| labels.label(index))
    }
}

/// Where the labels of a name in wire form begin.
pub(super) struct Labels<'n> {
    name: &'n [u8],
    starts: [u8; MAX_LABELS],
    /// Without the root's.
    pub(super) count: usize,
}

impl<'n> Labels<'n> {
    /// `name` is valid; what is behind its first fault, if not, is left out.
    pub(super) fn of(name: &'n [u8]) -> Self {
        let name = &name[..name.len().min(MAX_NAME)];
        let mut labels = Self { name, starts: [0; MAX_LABELS], count: 0 };
        let mut at = 0;
        while let Some(&len) = name.get(at) {
            let next = at + 1 + usize::from(len);
            if len == 0 || next >= name.len() {
                break;
            }
            labels.starts[labels.count] = at as u8;
            labels.count += 1;
            at = next;
        }
        labels
    }

    /// The name without its first `skip` labels, at most [`Labels::count`].
    pub(super) fn from(&self, skip: usize) -> &'n [u8] {
        if skip == self.count {
            return &self.name[self.name.len().saturating_sub(1)..];
        }
        &self.name[usize::from(self.starts[skip])..]
    }

    /// The label at `index` from the left, behind its length octet.
    fn label(&self, index: usize) -> &'n [u8] {
        let rest = self.from(index);
        &rest[..=usize::from(rest[0])]
    }
}

/// The index of the zone's own name.
pub(super) const APEX: u32 = 0;
/// As many labels as fit in a name of 255 octets, the root's left out.
const MAX_LABELS: usize = MAX_NAME / 2;
