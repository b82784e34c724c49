//! Preferences: the distinct orders of azs of a view, each once.

use std::collections::HashMap;
use std::sync::Arc;

use super::AzId;
use super::spread::Spread;
use crate::geo::{PreferenceId, Slot};
use crate::id::Id;

/// Interned orders of azs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// One order after the other: a box for each would take as much again.
    azs: Box<[AzId]>,
    /// Where each order ends.
    ends: Box<[u32]>,
    /// What the first preferences stand for, where slots order azs.
    by_slot: Box<[Slots]>,
    /// How clients are spread over them, where that matters.
    spread: Option<Arc<Spread>>,
}

/// What a place's preference stands for in each slot.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Slots {
    /// The same in all.
    Alike(PreferenceId),
    /// One for each slot.
    Each(Box<[PreferenceId]>),
}

impl Preferences {
    /// How many preferences a view can tell apart.
    pub const MAX: usize = u16::MAX as usize;

    /// The preference of clients in a slot whose place has preference `id`, and the slot if it
    /// decides that.
    #[inline]
    pub fn in_slot(
        &self,
        id: PreferenceId,
        slot: impl FnOnce() -> Slot,
    ) -> (PreferenceId, Option<Slot>) {
        match self.by_slot.get(id.index()) {
            None => (id, None),
            Some(Slots::Alike(same)) => (*same, None),
            Some(Slots::Each(each)) => {
                let slot = slot();
                (each.get(slot.index()).copied().unwrap_or(id), Some(slot))
            }
        }
    }

    /// The azs from first to last.
    pub fn order(&self, id: PreferenceId) -> &[AzId] {
        let end = |index: usize| self.ends[index] as usize;
        let start = id.index().checked_sub(1).map_or(0, end);
        &self.azs[start..end(id.index())]
    }

    /// The same with how clients are spread over them.
    pub fn with_spread(self, spread: Spread) -> Self {
        Self { spread: Some(Arc::new(spread)), ..self }
    }

    /// How clients are spread over them, if that was worked out.
    pub fn spread(&self) -> Option<&Spread> {
        self.spread.as_deref()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Every order with its id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (PreferenceId, &[AzId])> {
        (0..self.len()).map(PreferenceId::from_index).map(|id| (id, self.order(id)))
    }

    /// The bytes that they take.
    pub fn size(&self) -> usize {
        let slots = self.by_slot.iter().map(|slots| match slots {
            Slots::Alike(_) => 0,
            Slots::Each(each) => size_of_val(&**each),
        });
        size_of_val(&*self.azs) + size_of_val(&*self.ends) + slots.sum::<usize>()
    }
}

/// Gives each order an id.
#[derive(Debug, Default)]
pub(super) struct Interner {
    ids: HashMap<Box<[AzId]>, PreferenceId>,
    azs: Vec<AzId>,
    ends: Vec<u32>,
}

impl Interner {
    /// The id of this order, first az to last; `None` if it would be one more than `limit`.
    pub(super) fn intern(&mut self, order: &[AzId], limit: usize) -> Option<PreferenceId> {
        if let Some(&id) = self.ids.get(order) {
            return Some(id);
        }
        self.add(order, limit)
    }

    /// A new id for this order, which may have one already.
    fn add(&mut self, order: &[AzId], limit: usize) -> Option<PreferenceId> {
        if self.ends.len() == limit {
            return None;
        }
        let id = PreferenceId::from_index(self.ends.len());
        self.azs.extend_from_slice(order);
        // 65,535 orders of 65,535 azs are fewer than 2^32.
        self.ends.push(self.azs.len() as u32);
        self.ids.entry(order.into()).or_insert(id);
        Some(id)
    }

    pub(super) fn finish(self) -> Preferences {
        Preferences {
            azs: self.azs.into(),
            ends: self.ends.into(),
            by_slot: Box::default(),
            spread: None,
        }
    }

    /// Preferences of which the first are these, and stand for that of `order` in each slot, which
    /// is asked with their positions. `None` if there would be more than `limit`.
    pub(super) fn by_slot<'o>(
        places: impl ExactSizeIterator<Item = &'o [AzId]>,
        limit: usize,
        order: impl Fn(usize, Slot) -> Vec<AzId>,
    ) -> Option<Preferences> {
        let mut interner = Self::default();
        let count = places.len();
        for place in places {
            interner.add(place, limit)?;
        }
        let by_slot = (0..count).map(|place| {
            let each = Slot::all().map(|slot| interner.intern(&order(place, slot), limit));
            let each: Box<[_]> = each.collect::<Option<_>>()?;
            let is_alike = each.iter().all(|id| *id == each[0]);
            Some(if is_alike { Slots::Alike(each[0]) } else { Slots::Each(each) })
        });
        let by_slot = by_slot.collect::<Option<_>>()?;
        Some(Preferences { by_slot, ..interner.finish() })
    }
}

/// Interns each order; those beyond [`Preferences::MAX`] are left out.
impl FromIterator<Box<[AzId]>> for Preferences {
    fn from_iter<I: IntoIterator<Item = Box<[AzId]>>>(orders: I) -> Self {
        let mut interner = Interner::default();
        for order in orders {
            interner.intern(&order, Self::MAX);
        }
        interner.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_orders_are_one_preference() {
        let order = |azs: &[u16]| azs.iter().copied().map(AzId).collect::<Box<[AzId]>>();
        let orders = [order(&[2, 1]), order(&[1, 2, 3]), order(&[2, 1]), order(&[])];
        let preferences = Preferences::from_iter(orders.clone());
        let all: Vec<_> = preferences.iter().map(|(id, azs)| (id.0, azs.to_vec())).collect();
        let distinct = [&orders[0], &orders[1], &orders[3]].map(|azs| azs.to_vec());
        assert_eq!(all, (0..).zip(distinct).collect::<Vec<_>>());
    }
}
