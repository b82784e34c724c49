//! The search tree of a MaxMind database: from each address range to the offset of its record.
//!
//! `maxminddb` reads everything else and looks single addresses up. Its own iterator runs for ever
//! on a file whose nodes are shared so that 2^96 paths lead into the IPv4 tree, and it goes on
//! below the /64s.
//! The format: <https://maxmind.github.io/MaxMind-DB/>, "Binary Search Tree Section".

/// A node's number, or what a record of the tree holds in its place.
type Node = u32;

/// The tree of one database.
pub(crate) struct Tree<'a> {
    nodes: &'a [u8],
    node_count: Node,
    record_bits: u16,
    /// The bits of an address: 32 or 128.
    address_bits: u8,
    /// Where IPv4 addresses begin: the node behind ::/96, or what ends the way to it.
    ipv4: Node,
}

/// Why a tree can't be walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TreeFault {
    /// A path longer than an address.
    TooDeep,
    /// More paths than its nodes explain.
    Tangled,
    /// A record between the tree and the data.
    Stray,
}

impl<'a> Tree<'a> {
    /// The tree at the start of `bytes`, which hold all of it, as the metadata describe it.
    pub(crate) fn new(bytes: &'a [u8], metadata: &maxminddb::Metadata) -> Self {
        let address_bits = if metadata.ip_version == 4 { 32 } else { 128 };
        let mut tree = Self {
            nodes: bytes,
            node_count: metadata.node_count,
            record_bits: metadata.record_size,
            address_bits,
            ipv4: 0,
        };
        if address_bits == 128 {
            tree.ipv4 = tree.leftmost(0, 96);
        }
        tree
    }

    /// How many octets the tree takes.
    pub(crate) fn size(&self) -> usize {
        self.node_count as usize * self.node_size()
    }

    /// Visits the first address of some network of each record, with the offset of the record in the
    /// data section; a record that several nodes lead to is visited several times. How many networks
    /// have a record. Refuses a tree that could not be walked in time proportional to its size.
    pub(crate) fn survey(&self, visit: impl FnMut(u128, u32)) -> Result<u32, TreeFault> {
        let seen = vec![Behind { leaves: UNSEEN, networks: 0 }; self.node_count as usize];
        let mut survey = Survey { tree: self, seen, visit };
        let Behind { leaves, networks } = survey.behind(0, 0, 0)?;
        let limit = self.node_count.saturating_mul(LEAVES_PER_NODE).saturating_add(SPARE_LEAVES);
        if leaves > limit { Err(TreeFault::Tangled) } else { Ok(networks) }
    }

    /// The ranges of IPv4 addresses in order, from 0 on: the first address and the offset of the
    /// record, if there is one.
    pub(crate) fn ipv4_ranges(&self, mut visit: impl FnMut(u32, Option<u32>)) {
        self.ranges(self.ipv4, 32, |first, offset| visit((first >> 32) as u32, offset));
    }

    /// The ranges of IPv6 /64s in order, from 0 on: the first /64, and the offset of the record of
    /// its first address, if there is one. Where 2001::/32 or 2002::/16 is an alias of the IPv4
    /// tree, it has no records of its own.
    pub(crate) fn ipv6_ranges(&self, mut visit: impl FnMut(u64, Option<u32>)) {
        if self.address_bits == 128 {
            self.ranges(0, 64, visit);
        } else {
            visit(0, None);
        }
    }

    /// The leaves from `root` down to depth `bits` (at most 64), in order, addresses at the top of
    /// the 64 bits.
    fn ranges(&self, root: Node, bits: u8, mut visit: impl FnMut(u64, Option<u32>)) {
        let mut stack = vec![(root, 0_u64, 0)];
        while let Some((node, first, depth)) = stack.pop() {
            if node >= self.node_count {
                visit(first, self.offset(node));
            } else if depth == bits {
                visit(first, self.offset(self.leftmost(node, self.address_bits - bits)));
            } else if self.is_alias(node, u128::from(first) << 64, depth) {
                visit(first, None);
            } else {
                stack.push((self.child(node, 1), first | (1 << 63) >> depth, depth + 1));
                stack.push((self.child(node, 0), first, depth + 1));
            }
        }
    }

    /// Where `steps` zero bits lead from `node`, or what ends the way.
    fn leftmost(&self, node: Node, steps: u8) -> Node {
        (0..steps).fold(
            node,
            |node, _| {
                if node < self.node_count { self.child(node, 0) } else { node }
            },
        )
    }

    /// Whether the node at this prefix is where the database repeats its IPv4 tree.
    fn is_alias(&self, node: Node, first: u128, depth: u8) -> bool {
        node == self.ipv4 && ALIASES.contains(&(first, depth))
    }

    /// The offset in the data section that stands in the place of a node.
    fn offset(&self, node: Node) -> Option<u32> {
        node.checked_sub(self.node_count)?.checked_sub(SEPARATOR)
    }

    fn node_size(&self) -> usize {
        usize::from(self.record_bits) / 4
    }

    /// The left (0) or right (1) child of an inner node.
    #[inline]
    fn child(&self, node: Node, side: usize) -> Node {
        let size = self.node_size();
        let bytes = &self.nodes[node as usize * size..][..size];
        let octet = |index: usize| bytes[index];
        let [high, a, b, c] = match (self.record_bits, side) {
            (24, 0) => [0, octet(0), octet(1), octet(2)],
            (24, _) => [0, octet(3), octet(4), octet(5)],
            // The middle octet holds the highest four bits of both.
            (28, 0) => [octet(3) >> 4, octet(0), octet(1), octet(2)],
            (28, _) => [octet(3) & 0xf, octet(4), octet(5), octet(6)],
            (_, 0) => [octet(0), octet(1), octet(2), octet(3)],
            (_, _) => [octet(4), octet(5), octet(6), octet(7)],
        };
        u32::from_be_bytes([high, a, b, c])
    }
}

/// Where databases repeat the IPv4 tree: the first address and the prefix length.
const ALIASES: [(u128, u8); 4] =
    [(0xffff << 32, 96), (0x0064_ff9b << 96, 96), (0x2001 << 112, 32), (0x2002 << 112, 16)];

/// A tree without shared nodes has 1; `maxminddb` itself verifies up to 3.
const LEAVES_PER_NODE: u32 = 4;

/// For small trees.
const SPARE_LEAVES: u32 = 4096;

/// The zero bytes between the tree and the data section; offsets count from behind them.
const SEPARATOR: u32 = 16;

/// A walk that goes through each node once, though many paths may lead there.
struct Survey<'a, F> {
    tree: &'a Tree<'a>,
    seen: Vec<Behind>,
    visit: F,
}

/// What is behind a node, on all paths; as many as can be counted, where there are more.
#[derive(Clone, Copy)]
struct Behind {
    /// Ends of paths; or [`UNSEEN`], or [`OPEN`].
    leaves: u32,
    /// Those of them that have a record.
    networks: u32,
}

/// No path has led there yet.
const UNSEEN: u32 = 0;

/// On the path to the node at hand.
const OPEN: u32 = u32::MAX;

impl<F: FnMut(u128, u32)> Survey<'_, F> {
    fn behind(&mut self, node: Node, first: u128, depth: u8) -> Result<Behind, TreeFault> {
        let tree = self.tree;
        if node == tree.node_count {
            return Ok(Behind { leaves: 1, networks: 0 });
        }
        if node > tree.node_count {
            (self.visit)(first, tree.offset(node).ok_or(TreeFault::Stray)?);
            return Ok(Behind { leaves: 1, networks: 1 });
        }
        if tree.is_alias(node, first, depth) {
            return Ok(Behind { leaves: 1, networks: 0 });
        }
        match self.seen[node as usize] {
            Behind { leaves: UNSEEN, .. } if depth < tree.address_bits => {}
            Behind { leaves: UNSEEN | OPEN, .. } => return Err(TreeFault::TooDeep),
            known => return Ok(known),
        }
        self.seen[node as usize].leaves = OPEN;
        let bit = 1 << (tree.address_bits - 1 - depth);
        let left = self.behind(tree.child(node, 0), first, depth + 1)?;
        let right = self.behind(tree.child(node, 1), first | bit, depth + 1)?;
        let behind = Behind {
            leaves: left.leaves.saturating_add(right.leaves).min(OPEN - 1),
            networks: left.networks.saturating_add(right.networks),
        };
        self.seen[node as usize] = behind;
        Ok(behind)
    }
}
