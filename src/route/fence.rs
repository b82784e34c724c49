//! Fences: the azs that clients may be sent to, whatever happens.
//!
//! A fence is compiled into the orders of azs, which hold nothing else, so that what is decided by
//! going through an order can't leave it. An az outside its pool's fence is probed and shown, and
//! stands in no tier.

use super::{AzId, Pool, Topology, ViewSpec};

impl ViewSpec {
    /// The azs that clients of the rule at this position may be given, ascending; without a rule,
    /// those that the pool's fence allows.
    pub fn allowed(&self, rule: Option<usize>) -> &[AzId] {
        let of_rule = rule.and_then(|rule| self.rules.get(rule)?.allow.as_deref());
        of_rule.unwrap_or(&self.azs)
    }
}

impl Topology {
    /// Whether the fence of a pool leaves out this az of it.
    pub fn is_outside_fence(&self, pool: &Pool, az: AzId) -> bool {
        self.views[pool.view].azs.binary_search(&az).is_err()
    }
}
