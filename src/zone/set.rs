//! The zones of a server, found by the longest match of a query's name.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::id::{Id, IdVec};
use crate::wire::Name;

use super::Zone;
use super::table::{self, Table};
use super::tree::Labels;

/// All zones of a server, immutable. One zone may be within another, and the root is one too.
pub struct ZoneSet {
    origins: IdVec<ZoneIndex, Name>,
    entries: IdVec<ZoneIndex, Entry>,
    table: Table,
    /// Bit n: a zone's name has n labels, of which there are at most 127.
    depths: u128,
}

/// A zone's position in a [`ZoneSet`], by the canonical order of the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneIndex(pub u32);

/// A zone of ours.
#[derive(Clone, Debug)]
pub enum Entry {
    /// Its answers are known.
    Serving(Arc<Zone>),
    /// It could not be read: SERVFAIL, never what a zone above it would say.
    Broken,
}

impl Id for ZoneIndex {
    fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).expect("there are fewer than 2^32 zones"))
    }

    fn index(self) -> usize {
        self.0 as usize
    }
}

impl ZoneSet {
    /// The zones of `serving` and the `broken` ones. Of several zones of one name, a serving one
    /// stays, the last given.
    pub fn new(
        serving: impl IntoIterator<Item = Arc<Zone>>,
        broken: impl IntoIterator<Item = Name>,
    ) -> Self {
        let broken = broken.into_iter().map(|origin| (origin, Entry::Broken));
        let serving = serving.into_iter().map(|zone| (zone.origin().clone(), Entry::Serving(zone)));
        let ordered: BTreeMap<_, _> = broken.chain(serving).collect();
        let (origins, entries): (Vec<_>, Vec<_>) = ordered.into_iter().unzip();
        let origins: IdVec<ZoneIndex, _> = origins.iter().map(Name::to_lowercase).collect();
        let (mut table, mut depths) = (Table::new(), 0);
        for (index, origin) in origins.iter() {
            table.insert(table::hash(0, origin.as_wire()), index.0);
            depths |= 1 << origin.label_count();
        }
        Self { origins, entries: entries.into_iter().collect(), table, depths }
    }

    /// The zone whose name is the longest that `qname`, in wire form and in lower case, is within.
    pub fn closest(&self, qname: &[u8]) -> Option<(ZoneIndex, &Entry)> {
        let labels = Labels::of(qname);
        let mut depths = self.depths & (u128::MAX >> (127 - labels.count));
        while depths != 0 {
            let depth = depths.ilog2();
            let suffix = labels.from(labels.count - depth as usize);
            if let Some(index) = self.at(suffix) {
                return Some((index, &self.entries[index]));
            }
            depths &= !(1 << depth);
        }
        None
    }

    /// The zone of this name.
    pub fn get(&self, origin: &Name) -> Option<(ZoneIndex, &Entry)> {
        let index = self.at(origin.to_lowercase().as_wire())?;
        Some((index, &self.entries[index]))
    }

    /// The zones in the canonical order of their names, which are in lower case.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ZoneIndex, &Name, &Entry)> {
        self.entries.iter().map(|(index, entry)| (index, &self.origins[index], entry))
    }

    /// The number of zones.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn at(&self, origin: &[u8]) -> Option<ZoneIndex> {
        let is_it = |index| self.origins[ZoneIndex(index)].as_wire() == origin;
        self.table.find(table::hash(0, origin), is_it).map(ZoneIndex)
    }
}
