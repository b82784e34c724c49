//! Pools and checks of `meridian.toml`, which every zone can use, and what a name of one means.
//!
//! A name in a zone's file means the zone's own pool or check, else the shared one; within a shared
//! pool, a shared check. That is decided here alone.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::Code;
use super::check::CheckEntry;
use super::policy::{PolicyFile, suggest};
use super::pool::{AllDownName, PoolEntry};
use super::reader::Placed;
use super::readiness::fails_open;
use super::topology::origin_text;
use crate::diag::Diagnostic;
use crate::span::Span;

/// What `meridian.toml` has for every zone, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Shared {
    pub(super) checks: BTreeMap<String, Arc<CheckEntry>>,
    pub(super) pools: BTreeMap<String, Arc<PoolEntry>>,
}

/// Where a name stands, and so what it means.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    /// `None` in `meridian.toml`.
    zone: Option<&'s PolicyFile>,
    shared: &'s Shared,
}

/// A pool, with the scope of the names in it.
#[derive(Clone, Copy)]
pub(super) struct ScopedPool<'s> {
    pub(super) entry: &'s PoolEntry,
    pub(super) scope: Scope<'s>,
}

impl Shared {
    /// The pools and checks that none of `policies` uses.
    pub(super) fn report_unused<'p>(
        &self,
        policies: impl Iterator<Item = &'p PolicyFile> + Clone,
    ) -> Vec<Diagnostic> {
        let names = policies.clone().flat_map(|policy| &policy.names).map(|name| &name.pool);
        let pools = self.pools.values().map(|pool| &**pool);
        let pools = pools.chain(policies.flat_map(|policy| &policy.pools));
        let fallbacks = pools.clone().filter_map(|pool| pool.fallback.as_ref());
        let bound: HashSet<_> = names.chain(fallbacks).map(|name| name.value.as_str()).collect();
        let checks = pools.filter_map(|pool| pool.check.as_ref());
        let checks: HashSet<_> = checks.map(|check| check.value.as_str()).collect();
        let unused_pools = self.pools.values().map(|pool| &**pool);
        let unused_pools = unused_pools.filter(|pool| !bound.contains(&*pool.name));
        let unused_pools = unused_pools.map(|PoolEntry { name, span, .. }| {
            let fault =
                Code::UnusedPool.at(*span, format!("no zone binds a name to pool `{name}`"));
            let remedy = format!("bind one: `www = \"{name}\"` in `[names]` of a zone's TOML file");
            fault.label("unused").remedy(remedy)
        });
        let unused_checks = self.checks.values().map(|check| &**check);
        let unused_checks = unused_checks.filter(|check| !checks.contains(&*check.name));
        let unused_checks = unused_checks.map(|CheckEntry { name, span, .. }| {
            let fault =
                Code::UnusedCheck.at(*span, format!("no pool of any zone uses check `{name}`"));
            fault.label("unused").remedy(format!("use it: `check = \"{name}\"` in a pool"))
        });
        unused_pools.chain(unused_checks).collect()
    }
}

impl<'s> Scope<'s> {
    /// Of the names in `meridian.toml`.
    pub(super) fn of_server(shared: &'s Shared) -> Self {
        Self { zone: None, shared }
    }

    /// Of the names in a zone's file.
    pub(super) fn of_zone(policy: &'s PolicyFile, shared: &'s Shared) -> Self {
        Self { zone: Some(policy), shared }
    }

    /// The pool that `name` means here.
    pub(super) fn pool(self, name: &str) -> Option<ScopedPool<'s>> {
        if let Some(entry) = self.zone.and_then(|zone| zone.pool(name)) {
            return Some(ScopedPool { entry, scope: self });
        }
        let entry = self.shared.pools.get(name)?;
        Some(ScopedPool { entry, scope: Self::of_server(self.shared) })
    }

    /// The check that `name` means here.
    pub(super) fn check(self, name: &str) -> Option<&'s CheckEntry> {
        let own = self.zone.and_then(|zone| zone.check(name));
        own.or_else(|| self.shared.checks.get(name).map(|check| &**check))
    }

    /// The pools that stand here.
    pub(super) fn pools(self) -> impl Iterator<Item = ScopedPool<'s>> {
        let shared = if self.zone.is_none() { Some(&self.shared.pools) } else { None };
        let shared = shared.into_iter().flat_map(|pools| pools.values().map(|pool| &**pool));
        let own = self.zone.into_iter().flat_map(|zone| &zone.pools);
        own.chain(shared).map(move |entry| ScopedPool { entry, scope: self })
    }

    /// Names of pools and checks that mean nothing here or, in a zone's file, two things.
    pub(super) fn check_names(self) -> Vec<Diagnostic> {
        let names = self.zone.into_iter().flat_map(|zone| &zone.names).map(|bound| &bound.pool);
        let pools = names.filter(|name| self.pool(&name.value).is_none());
        let pools = pools.map(|name| self.unknown(name, Code::UnknownPool));
        let checks = self.pools().filter_map(|pool| pool.entry.check.as_ref());
        let checks = checks.filter(|name| self.check(&name.value).is_none());
        let checks = checks.map(|name| self.unknown(name, Code::UnknownCheck));
        let fallbacks = self.pools().filter_map(|pool| self.fallback_fault(pool.entry));
        let open = self.pools().filter_map(|pool| {
            let check = pool.entry.check.as_ref()?;
            fails_open(pool.entry, self.check(&check.value)?)
        });
        let faults = pools.chain(checks).chain(fallbacks).chain(open);
        faults.chain(self.repeated_names()).collect()
    }

    /// That a pool's fallback is not there, or can't be one.
    fn fallback_fault(self, entry: &PoolEntry) -> Option<Diagnostic> {
        let fallback = entry.fallback.as_ref()?;
        let Placed { value, span } = fallback;
        let Some(ScopedPool { entry: other, .. }) = self.pool(value) else {
            return Some(self.unknown(fallback, Code::UnknownPool));
        };
        if other.all_down == AllDownName::Fallback {
            let message = format!("pool `{value}` falls back itself");
            let fault = Code::ChainedFallback.at(*span, message).label("one step too many");
            let fault = fault.related(other.span, "this pool");
            return Some(fault.remedy("name a pool whose `all_down` is not `fallback`"));
        }
        (entry.is_cname() != other.is_cname()).then(|| {
            let (one, another) =
                if other.is_cname() { ("names", "addresses") } else { ("addresses", "names") };
            let message = format!("pool `{value}` has {one}, pool `{}` {another}", entry.name);
            let fault = Code::MixedFallback.at(*span, message).label("of another kind");
            let fault = fault.related(other.span, "this pool");
            fault.remedy("a name has either a CNAME record or addresses: name a pool like this one")
        })
    }

    fn unknown(self, name: &Placed<String>, code: Code) -> Diagnostic {
        let (kind, tables) = match code {
            Code::UnknownPool => ("pool", self.pool_spans()),
            _ => ("check", self.check_spans()),
        };
        let Placed { value: name, span } = name;
        let place =
            if self.zone.is_some() { "this file or meridian.toml" } else { "meridian.toml" };
        let fault = code.at(*span, format!("no {kind} `{name}` in {place}"));
        let fault = fault.label(format!("unknown {kind}"));
        suggest(fault, name, &tables, format!("add a table `[{kind}.{name}]`"))
    }

    fn pool_spans(self) -> BTreeMap<&'s str, Span> {
        let shared = self.shared.pools.values().map(|pool| &**pool);
        let own = self.zone.into_iter().flat_map(|zone| &zone.pools);
        shared.chain(own).map(|pool| (pool.name.as_str(), pool.span)).collect()
    }

    fn check_spans(self) -> BTreeMap<&'s str, Span> {
        let shared = self.shared.checks.values().map(|check| &**check);
        let own = self.zone.into_iter().flat_map(|zone| &zone.checks);
        shared.chain(own).map(|check| (check.name.as_str(), check.span)).collect()
    }

    fn repeated_names(self) -> impl Iterator<Item = Diagnostic> {
        let (zone, shared) = (self.zone, self.shared);
        let pools = zone.into_iter().flat_map(|zone| &zone.pools).filter_map(|pool| {
            Some(repeated("pool", &pool.name, pool.span, shared.pools.get(&pool.name)?.span))
        });
        let checks = zone.into_iter().flat_map(|zone| &zone.checks).filter_map(|check| {
            Some(repeated("check", &check.name, check.span, shared.checks.get(&check.name)?.span))
        });
        pools.chain(checks)
    }
}

impl ScopedPool<'_> {
    /// Its name among all pools: `web`, or `app.example:web` in a zone's file.
    pub(super) fn full_name(&self) -> String {
        match self.scope.zone {
            Some(zone) => format!("{}:{}", origin_text(&zone.origin), self.entry.name),
            None => self.entry.name.clone(),
        }
    }

    /// The check that its endpoints are probed by.
    pub(super) fn check(&self) -> Option<&CheckEntry> {
        let check = self.entry.check.as_ref().map(|check| self.scope.check(&check.value));
        check.map(|check| check.expect("a file whose pools name unknown checks is at fault"))
    }
}

fn repeated(kind: &str, name: &str, own: Span, shared: Span) -> Diagnostic {
    let message = format!("{kind} `{name}` is in meridian.toml too");
    let fault = Code::SharedName.at(own, message).label("which one would be meant?");
    let remedy = format!("use that one and remove this, or rename the {kind}");
    fault.related(shared, "for every zone").remedy(remedy)
}
