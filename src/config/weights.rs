//! `weights` of a pool, and what policy `weighted` forbids.

use std::collections::BTreeSet;

use super::Code;
use super::key;
use super::pool::{PolicyName, PoolEntry, RuleEntry};
use super::reader::{Faults, Placed, Table, Value};
use crate::diag::Diagnostic;
use crate::route::weighted::most_orders;
use crate::route::{MAX_WEIGHT, Preferences};

/// The weights that are given, each for an az.
pub(super) fn weights(table: &Table<'_>, faults: &mut Faults) -> Vec<(Placed<String>, u32)> {
    let weight = |entry: Value<'_>, faults: &mut Faults| {
        let az = Placed { value: entry.key.to_owned(), span: entry.key_span };
        Some((az, entry.integer(0..=MAX_WEIGHT, faults)?))
    };
    let entries = table.entries("weights", &key::WEIGHTS_ENTRY, faults).into_iter();
    entries.filter_map(|entry| weight(entry, faults)).collect()
}

impl PoolEntry {
    /// That a key says nothing beside the policy.
    pub(super) fn report_weights(&self, table: &Table<'_>, faults: &mut Faults) {
        let (key, why) = match self.policy {
            PolicyName::Weighted => ("order", "each slot orders azs by weight"),
            PolicyName::Nearest | PolicyName::Failover => {
                ("weights", "weights count under policy `weighted` alone")
            }
        };
        if let Some(value) = table.get(key, faults) {
            let fault = Code::MisplacedPoolKey.at(value.key_span, format!("{why}: no `{key}`"));
            let fault = fault.label("says nothing here");
            faults.push(fault.remedy("remove the key, or change the pool's `policy`"));
        }
    }

    /// That weights and rules make too many orders, where each rule, or none, leaves so many azs to
    /// order.
    pub(super) fn too_many_orders<'e>(
        &'e self,
        allowed: impl Fn(Option<&'e RuleEntry>) -> Vec<&'e str>,
    ) -> Option<Diagnostic> {
        if self.policy != PolicyName::Weighted {
            return None;
        }
        let way = |rule: &'e RuleEntry| {
            (rule.prefer.iter().map(|az| az.value.as_str()).collect(), allowed(Some(rule)))
        };
        let mut ways: BTreeSet<(Vec<_>, Vec<_>)> = self.rules.iter().map(way).collect();
        ways.insert((vec![], allowed(None)));
        let orders = most_orders(ways.iter().map(|(prefer, azs)| (azs.len(), prefer.len())));
        if orders <= Preferences::MAX {
            return None;
        }
        let most = Preferences::MAX;
        let message = format!("pool `{}` could order azs in {orders} ways", self.name);
        let fault = Code::TooManyOrders.at(self.span, message).label(format!("over {most}"));
        Some(fault.remedy(
            "each list of preferred azs has 4096 orders behind it: let more rules prefer the \
             same azs, or make it several pools",
        ))
    }
}
