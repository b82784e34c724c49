//! Preferences: the distinct orders of azs of a view, each once.

use std::collections::HashMap;

use super::AzId;
use crate::geo::PreferenceId;
use crate::id::IdVec;

/// Interned orders of azs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    orders: IdVec<PreferenceId, Box<[AzId]>>,
    ids: HashMap<Box<[AzId]>, PreferenceId>,
}

impl Preferences {
    /// How many preferences a view can tell apart.
    pub const MAX: usize = u16::MAX as usize;

    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The id of this order, first az to last; `None` if it would be one more than [`Self::MAX`].
    pub fn intern(&mut self, order: &[AzId]) -> Option<PreferenceId> {
        if let Some(&id) = self.ids.get(order) {
            return Some(id);
        }
        if self.orders.len() == Self::MAX {
            return None;
        }
        let id = self.orders.push(order.into());
        self.ids.insert(order.into(), id);
        Some(id)
    }

    /// The azs from first to last.
    pub fn order(&self, id: PreferenceId) -> &[AzId] {
        &self.orders[id]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    /// Every order with its id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (PreferenceId, &[AzId])> {
        self.orders.iter().map(|(id, order)| (id, &**order))
    }
}

/// Interns each order; those beyond [`Preferences::MAX`] are left out.
impl FromIterator<Box<[AzId]>> for Preferences {
    fn from_iter<I: IntoIterator<Item = Box<[AzId]>>>(orders: I) -> Self {
        let mut preferences = Self::new();
        for order in orders {
            preferences.intern(&order);
        }
        preferences
    }
}
