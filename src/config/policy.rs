//! A zone's TOML file: which names are steered, by which pools, probed how.
//!
//! A [`PolicyFile`] is plain data in which azs, shared pools and shared checks are still names: it
//! can be combined with any `meridian.toml`, also with one read long after it. That is what lets a
//! zone whose new files are at fault go on with its old ones.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::Code;
use super::check::{CheckEntry, check};
use super::key;
use super::pool::{PolicyName, PoolEntry, pool};
use super::reader::{Faults, Placed, Table, Value};
use super::server::AzEntry;
use super::suggestion::{list, nearest};
use crate::diag::Diagnostic;
use crate::span::{FileId, Span};
use crate::wire::Name;
use crate::zone::Binding;

/// A checked TOML file of a zone.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PolicyFile {
    /// The zone's name.
    pub(super) origin: Name,
    pub(super) names: Vec<BoundName>,
    /// By name.
    pub(super) checks: Vec<CheckEntry>,
    /// By name.
    pub(super) pools: Vec<PoolEntry>,
    /// Whether all of the file was understood, so that what is not here is not there.
    pub(super) is_whole: bool,
}

/// One line of `[names]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BoundName {
    pub(super) owner: Name,
    /// The owner in the file.
    pub(super) span: Span,
    pub(super) pool: Placed<String>,
}

/// Reads the TOML file of the zone `origin`, which lies in `directory`, and checks everything but
/// what it says of azs, and the names of pools and checks. With an error among the faults it must
/// not be used.
pub(super) fn policy(
    text: &[u8],
    file: FileId,
    origin: &Name,
    directory: &Path,
) -> (PolicyFile, Vec<Diagnostic>) {
    let mut faults = Faults::new();
    let entries = faults.parse(text, file, directory);
    let start = faults.span(0..0);
    let top = Table::new(&entries, &key::POLICY_FILE, start, &mut faults);
    let names = top.entries("names", &key::NAMES_ENTRY, &mut faults);
    let checks = top.entries("check", &key::CHECK_ENTRY, &mut faults);
    let pools = top.entries("pool", &key::POOL_ENTRY, &mut faults);
    let names = names.into_iter().filter_map(|name| bound(name, origin, &mut faults)).collect();
    let checks = checks.into_iter().filter_map(|entry| check(entry, &mut faults));
    let mut checks: Vec<_> = checks.collect();
    checks.sort_by(|check, other| check.name.cmp(&other.name));
    let mut pools: Vec<_> =
        pools.into_iter().filter_map(|entry| pool(entry, Some(origin), &mut faults)).collect();
    pools.sort_by(|pool, other| pool.name.cmp(&other.name));
    let is_whole = faults.is_whole();
    let policy = PolicyFile { origin: origin.clone(), names, checks, pools, is_whole };
    // Where a syntax fault has taken something away, what refers to it is not to blame.
    if is_whole {
        policy.report_unused_pools(&mut faults);
        policy.report_unused_checks(&mut faults);
    }
    (policy, faults.into_found())
}

impl PolicyFile {
    /// The policy of a zone without a TOML file: it steers nothing.
    pub(super) fn none(origin: Name) -> Self {
        Self { origin, names: vec![], checks: vec![], pools: vec![], is_whole: true }
    }

    /// The steered names, in the order of the file's map of them.
    pub(super) fn bindings(&self) -> Vec<Binding> {
        let binding = |BoundName { owner, span, .. }: &BoundName| Binding {
            owner: owner.clone(),
            span: *span,
        };
        self.names.iter().map(binding).collect()
    }

    /// Its own check of this name.
    pub(super) fn check(&self, name: &str) -> Option<&CheckEntry> {
        let position = self.checks.binary_search_by(|check| check.name.as_str().cmp(name));
        position.ok().and_then(|position| self.checks.get(position))
    }

    /// Its own pool of this name.
    pub(super) fn pool(&self, name: &str) -> Option<&PoolEntry> {
        let position = self.pools.binary_search_by(|pool| pool.name.as_str().cmp(name));
        position.ok().and_then(|position| self.pools.get(position))
    }

    fn report_unused_pools(&self, faults: &mut Faults) {
        let bound = self.names.iter().map(|name| &name.pool);
        let used = bound.chain(self.pools.iter().filter_map(|pool| pool.fallback.as_ref()));
        let used: HashSet<_> = used.map(|name| name.value.as_str()).collect();
        for PoolEntry { name, span, .. } in self.pools.iter().filter(|p| !used.contains(&*p.name)) {
            let message = format!("no name is bound to pool `{name}`");
            let fault = Code::UnusedPool.at(*span, message).label("unused");
            faults.push(fault.remedy(format!("bind one: `www = \"{name}\"` in `[names]`")));
        }
    }

    fn report_unused_checks(&self, faults: &mut Faults) {
        let checks = self.pools.iter().filter_map(|pool| pool.check.as_ref());
        let used: HashSet<_> = checks.map(|check| check.value.as_str()).collect();
        for CheckEntry { name, span, .. } in self.checks.iter().filter(|c| !used.contains(&*c.name))
        {
            let message = format!("no pool uses check `{name}`");
            let fault = Code::UnusedCheck.at(*span, message).label("unused");
            faults.push(fault.remedy(format!("use it: `check = \"{name}\"` in a pool")));
        }
    }
}

/// The files of authorities that the checks name.
pub(super) fn authorities<'c>(
    checks: impl Iterator<Item = &'c CheckEntry>,
) -> impl Iterator<Item = (&'c Path, Span)> {
    let files = checks.filter_map(|check| check.authorities.as_ref());
    files.map(|file| (&*file.value, file.span))
}

/// The azs that the pools need and `azs` lacks, or has without the location that they need.
pub(super) fn unmet_azs<'p>(
    pools: impl Iterator<Item = &'p PoolEntry>,
    azs: &BTreeMap<String, AzEntry>,
) -> Vec<(&'p PoolEntry, &'p Placed<String>)> {
    let named = pools.flat_map(|pool| pool.azs.iter().map(move |az| (pool, &az.az)));
    let is_unmet = |(pool, name): &(&PoolEntry, &Placed<String>)| match azs.get(&name.value) {
        None => true,
        Some(az) => pool.policy == PolicyName::Nearest && az.az.location.is_none(),
    };
    named.filter(is_unmet).collect()
}

/// A fault for each of [`unmet_azs`].
pub(super) fn check_azs<'p>(
    pools: impl Iterator<Item = &'p PoolEntry>,
    azs: &BTreeMap<String, AzEntry>,
) -> Vec<Diagnostic> {
    let unmet = unmet_azs(pools, azs).into_iter();
    unmet
        .map(|(pool, name)| match azs.get(&name.value) {
            None => unknown_az(name, azs),
            Some(az) => no_location(pool, name, az),
        })
        .collect()
}

/// With the table that was meant instead of `name`, if one is near; else with `otherwise`.
pub(super) fn suggest(
    fault: Diagnostic,
    name: &str,
    tables: &BTreeMap<&str, Span>,
    otherwise: String,
) -> Diagnostic {
    let near = nearest(name, tables.keys().copied());
    match near.and_then(|near| tables.get_key_value(near)) {
        Some((near, span)) => {
            fault.related(*span, "this one?").remedy(format!("did you mean `{near}`?"))
        }
        None => fault.remedy(otherwise),
    }
}

fn bound(entry: Value<'_>, origin: &Name, faults: &mut Faults) -> Option<BoundName> {
    let pool = entry.placed_string(faults);
    let owner = match Name::from_text(entry.key.as_bytes(), origin) {
        Ok(owner) => owner,
        Err(error) => {
            let message = format!("`{}` is no domain name", entry.key.escape_debug());
            let fault = Code::BadOwner.at(entry.key_span, message).label(error.to_string());
            faults.push(fault.remedy("write the name relative to the zone, \"@\" for its apex"));
            return None;
        }
    };
    report_repeated_origin(&entry, &owner, origin, faults);
    Some(BoundName { owner, span: entry.key_span, pool: pool? })
}

/// `www.app.example` in the zone app.example is www.app.example.app.example: hardly what is meant.
fn report_repeated_origin(entry: &Value<'_>, owner: &Name, origin: &Name, faults: &mut Faults) {
    let absolute = Name::from_text(entry.key.as_bytes(), &Name::root());
    let is_meant = |name: &Name| name.is_within(origin) && name != owner;
    if origin.label_count() > 0 && absolute.as_ref().is_ok_and(is_meant) {
        let fault = Code::RepeatedOrigin.at(entry.key_span, format!("this names `{owner}`"));
        let fault = fault.label("relative to the zone");
        faults.push(fault.remedy(format!("write \"{}.\" if that is meant", entry.key)));
    }
}

/// That `meridian.toml` has no az of this name.
pub(super) fn unknown_az(
    Placed { value: name, span }: &Placed<String>,
    azs: &BTreeMap<String, AzEntry>,
) -> Diagnostic {
    let fault = Code::UnknownAz.at(*span, format!("no az `{name}` in meridian.toml"));
    let fault = fault.label("unknown az");
    let tables = azs.iter().map(|(name, az)| (name.as_str(), az.span)).collect();
    let otherwise = if (1..=MOST_LISTED).contains(&azs.len()) {
        format!("meridian.toml has {}; or add `[az.{name}]`", list(azs.keys()))
    } else {
        format!("add a table `[az.{name}]` to meridian.toml")
    };
    suggest(fault, name, &tables, otherwise)
}

fn no_location(pool: &PoolEntry, name: &Placed<String>, az: &AzEntry) -> Diagnostic {
    let Placed { value: name, span } = name;
    let message = format!("pool `{}` goes by distance, but az `{name}` has no place", pool.name);
    let fault = Code::NoLocation.at(*span, message).label("how near is it?");
    let fault = fault.related(az.span, "has no `location`");
    fault.remedy(
        "give the az a `location = [latitude, longitude]`, or the pool an `order` and \
         `policy = \"failover\"`",
    )
}

/// A remedy names no more azs than fit a line.
const MOST_LISTED: usize = 8;
