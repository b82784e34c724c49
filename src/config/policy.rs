//! A zone's TOML file: which names are steered, by which pools, probed how.
//!
//! A [`PolicyFile`] is plain data in which azs are still names: it can be combined with any
//! `meridian.toml`, also with one read long after it. That is what lets a zone whose new files are
//! at fault go on with its old ones.

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
    pub(super) checks: Vec<CheckEntry>,
    pub(super) pools: Vec<PoolEntry>,
    /// Whether a fault forbids its use.
    pub(super) is_at_fault: bool,
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
/// what it says of azs. With an error among the faults it must not be used.
pub(super) fn policy(
    text: &[u8],
    file: FileId,
    origin: &Name,
    directory: &Path,
) -> (PolicyFile, Vec<Diagnostic>) {
    let mut faults = Faults::new(file);
    let entries = faults.parse(text);
    let start = faults.span(0..0);
    let top = Table::new(&entries, &key::POLICY_FILE, start, &mut faults);
    let names = top.entries("names", &key::NAMES_ENTRY, &mut faults);
    let checks = top.entries("check", &key::CHECK_ENTRY, &mut faults);
    let pools = top.entries("pool", &key::POOL_ENTRY, &mut faults);
    let policy = PolicyFile {
        origin: origin.clone(),
        names: names.into_iter().filter_map(|name| bound(name, origin, &mut faults)).collect(),
        checks: checks
            .into_iter()
            .filter_map(|entry| check(entry, directory, &mut faults))
            .collect(),
        pools: pools.into_iter().filter_map(|entry| pool(entry, &mut faults)).collect(),
        is_at_fault: false,
    };
    // Where a syntax fault has taken something away, what refers to it is not to blame.
    if faults.is_whole() {
        policy.report_bindings(&mut faults);
        policy.report_checks(&mut faults);
    }
    (policy, faults.into_found())
}

impl PolicyFile {
    /// The policy of a zone without a TOML file: it steers nothing.
    pub(super) fn none(origin: Name) -> Self {
        Self { origin, names: vec![], checks: vec![], pools: vec![], is_at_fault: false }
    }

    /// The steered names, in the order of the file's map of them.
    pub(super) fn bindings(&self) -> Vec<Binding> {
        let binding = |BoundName { owner, span, .. }: &BoundName| Binding {
            owner: owner.clone(),
            span: *span,
        };
        self.names.iter().map(binding).collect()
    }

    /// The check of this name, which a pool of the file uses.
    pub(super) fn check(&self, name: &str) -> &CheckEntry {
        let check = self.checks.iter().find(|check| check.name == name);
        check.expect("a file whose pools name unknown checks is at fault")
    }

    /// The azs of the pools, again for each pool.
    pub(super) fn azs(&self) -> impl Iterator<Item = &str> {
        self.pools.iter().flat_map(|pool| &pool.azs).map(|az| az.az.value.as_str())
    }

    /// The files of authorities that the checks name.
    pub(super) fn authorities(&self) -> impl Iterator<Item = (&Path, Span)> {
        let files = self.checks.iter().filter_map(|check| check.authorities.as_ref());
        files.map(|file| (&*file.value, file.span))
    }

    /// The azs that the pools need and `azs` lacks, or has without the location that they need.
    pub(super) fn unmet_azs<'p>(
        &'p self,
        azs: &BTreeMap<String, AzEntry>,
    ) -> Vec<(&'p PoolEntry, &'p Placed<String>)> {
        let named =
            self.pools.iter().flat_map(|pool| pool.azs.iter().map(move |az| (pool, &az.az)));
        let is_unmet = |(pool, name): &(&PoolEntry, &Placed<String>)| match azs.get(&name.value) {
            None => true,
            Some(az) => pool.policy == PolicyName::Nearest && az.az.location.is_none(),
        };
        named.filter(is_unmet).collect()
    }

    /// A fault for each of [`PolicyFile::unmet_azs`].
    pub(super) fn check_azs(&self, azs: &BTreeMap<String, AzEntry>) -> Vec<Diagnostic> {
        let unmet = self.unmet_azs(azs).into_iter();
        unmet
            .map(|(pool, name)| match azs.get(&name.value) {
                None => unknown_az(name, azs),
                Some(az) => no_location(pool, name, az),
            })
            .collect()
    }

    fn report_bindings(&self, faults: &mut Faults) {
        let pools: BTreeMap<_, _> = self.pools.iter().map(|p| (p.name.as_str(), p.span)).collect();
        for Placed { value, span } in self.names.iter().map(|name| &name.pool) {
            if !pools.contains_key(value.as_str()) {
                let message = format!("no pool `{value}` in this file");
                let fault = Code::UnknownPool.at(*span, message).label("unknown pool");
                faults.push(suggest(fault, value, &pools, format!("add a table `[pool.{value}]`")));
            }
        }
        let bound: HashSet<_> = self.names.iter().map(|name| name.pool.value.as_str()).collect();
        for (name, span) in pools.into_iter().filter(|(name, _)| !bound.contains(name)) {
            let message = format!("no name is bound to pool `{name}`");
            let fault = Code::UnusedPool.at(span, message).label("unused");
            faults.push(fault.remedy(format!("bind one: `www = \"{name}\"` in `[names]`")));
        }
    }

    fn report_checks(&self, faults: &mut Faults) {
        let checks: BTreeMap<_, _> =
            self.checks.iter().map(|check| (check.name.as_str(), check.span)).collect();
        let mut used = HashSet::new();
        for Placed { value, span } in self.pools.iter().filter_map(|pool| pool.check.as_ref()) {
            used.insert(value.as_str());
            if !checks.contains_key(value.as_str()) {
                let message = format!("no check `{value}` in this file");
                let fault = Code::UnknownCheck.at(*span, message).label("unknown check");
                let otherwise = format!("add a table `[check.{value}]`");
                faults.push(suggest(fault, value, &checks, otherwise));
            }
        }
        for (name, span) in checks.into_iter().filter(|(name, _)| !used.contains(name)) {
            let message = format!("no pool uses check `{name}`");
            let fault = Code::UnusedCheck.at(span, message).label("unused");
            faults.push(fault.remedy(format!("use it: `check = \"{name}\"` in a pool")));
        }
    }
}

/// With the table that was meant instead of `name`, if one is near; else with `otherwise`.
fn suggest(
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

fn unknown_az(
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
