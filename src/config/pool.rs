//! `[pool.NAME]`: the endpoints that serve one or more names, and how they are chosen.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

use super::Code;
use super::clients::{ClientsEntry, clients_of};
use super::cname::target_of;
use super::failback::failback;
use super::fence::{Fence, fence};
use super::key;
use super::reader::{Faults, Placed, Table, Value, report_duplicates};
use super::safety::{SafetyEntry, safety};
use super::suggestion::{did_you_mean, list};
use super::weights::weights;
use crate::route::{Address, Failback, FamilyDown, MAX_WINDOWS, MinUp, ViewSpec};
use crate::span::Span;
use crate::wire::Name;

/// A pool of a file, with every default filled in. Azs and checks are still names.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PoolEntry {
    pub(super) name: String,
    /// The name in the header.
    pub(super) span: Span,
    pub(super) policy: PolicyName,
    pub(super) order: Vec<Placed<String>>,
    pub(super) weights: Vec<(Placed<String>, u32)>,
    pub(super) check: Option<Placed<String>>,
    pub(super) ttl: Duration,
    pub(super) min_ttl: Duration,
    pub(super) all_down: AllDownName,
    /// Another pool, where `all_down` says so and nowhere else.
    pub(super) fallback: Option<Placed<String>>,
    pub(super) hold: Duration,
    pub(super) failback: Failback,
    pub(super) min_up: MinUp,
    pub(super) family_down: FamilyDown,
    pub(super) allow: Option<Fence>,
    pub(super) safety: SafetyEntry,
    pub(super) ecs: bool,
    pub(super) max_answers: NonZeroUsize,
    pub(super) azs: Vec<PoolAzEntry>,
    pub(super) rules: Vec<RuleEntry>,
}

/// What `policy` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PolicyName {
    Nearest,
    Failover,
    Weighted,
}

/// What `all_down` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AllDownName {
    Open,
    Closed,
    Fallback,
    Last,
}

/// One az of a pool.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PoolAzEntry {
    pub(super) az: Placed<String>,
    pub(super) endpoints: Vec<EndpointEntry>,
}

/// One endpoint of an az.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct EndpointEntry {
    pub(super) address: Placed<Address>,
    /// Where it is probed, if not at its address.
    pub(super) probe: Option<Placed<SocketAddr>>,
}

/// One of a pool's rules.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RuleEntry {
    pub(super) clients: Vec<Placed<ClientsEntry>>,
    pub(super) prefer: Vec<Placed<String>>,
    pub(super) allow: Option<Fence>,
}

/// Reads one pool, whose names are relative to `origin` if it belongs to a zone, and checks what can
/// be checked without the rest of the file.
pub(super) fn pool(
    entry: Value<'_>,
    origin: Option<&Name>,
    faults: &mut Faults,
) -> Option<PoolEntry> {
    entry.check_name(faults);
    let table = entry.table(&key::POOL, faults)?;
    let policy = choice(&table, "policy", &POLICIES, PolicyName::Nearest, faults);
    let order = names(&table, "order", faults);
    let (ttl, min_ttl) = ttls(&table, faults);
    let hold = table.get("hold", faults);
    let hold = hold.and_then(|value| value.duration(Duration::ZERO..=MAX_HOLD, faults));
    let ecs = table.get("ecs", faults).and_then(|value| value.boolean(faults));
    let pool = PoolEntry {
        name: entry.key.to_owned(),
        span: entry.key_span,
        policy,
        order,
        weights: weights(&table, faults),
        check: table.get("check", faults).and_then(|value| value.placed_string(faults)),
        ttl,
        min_ttl,
        all_down: choice(&table, "all_down", &ALL_DOWN, AllDownName::Open, faults),
        fallback: table.get("fallback", faults).and_then(|value| value.placed_string(faults)),
        hold: hold.unwrap_or(Duration::from_secs(60)),
        failback: failback(&table, faults),
        min_up: table
            .get("min_up", faults)
            .and_then(|value| min_up(value, faults))
            .unwrap_or(MinUp::Count(1)),
        family_down: choice(&table, "family_down", &FAMILY_DOWN, FamilyDown::Drop, faults),
        allow: fence(&table, faults),
        safety: safety(&table, faults),
        ecs: ecs.unwrap_or(true),
        max_answers: max_answers(&table, faults),
        azs: azs(&table, origin, faults),
        rules: rules(&table, faults),
    };
    pool.report_repeated_addresses(faults);
    if faults.is_whole() {
        pool.report_order(&table, faults);
        pool.report_weights(&table, faults);
        pool.report_mixture(faults);
        pool.report_keys_beside_targets(&table, faults);
        pool.report_windows(faults);
        pool.report_foreign_azs(faults);
        pool.report_families(faults);
        pool.report_check(&table, faults);
        pool.report_fallback(&table, faults);
        pool.report_failing_open(&table, faults);
        pool.report_safety(&table, faults);
    }
    Some(pool)
}

impl PoolEntry {
    fn endpoints(&self) -> impl Iterator<Item = &EndpointEntry> {
        self.azs.iter().flat_map(|az| &az.endpoints)
    }

    fn report_order(&self, table: &Table<'_>, faults: &mut Faults) {
        if self.policy == PolicyName::Failover && table.get("order", faults).is_none() {
            let message = format!("pool `{}` fails over without an `order`", self.name);
            let order = list_of_strings(self.azs.iter().map(|az| &az.az.value));
            let mut fault = Code::NoOrder.at(self.span, message).label("needs `order`");
            if let Some(policy) = table.get("policy", faults) {
                fault = fault.related(policy.span, "because of this");
            }
            faults.push(fault.remedy(format!("say which az comes first: `order = {order}`")));
        }
    }

    fn report_windows(&self, faults: &mut Faults) {
        let most = MAX_WINDOWS * self.max_answers.get();
        for (family, is_of) in [("IPv4", is_ipv4 as fn(&EndpointEntry) -> bool), ("IPv6", is_ipv6)]
        {
            for az in &self.azs {
                let count = az.endpoints.iter().filter(|endpoint| is_of(endpoint)).count();
                if count > most {
                    let name = &az.az.value;
                    let message = format!("`{name}` has {count} {family} addresses");
                    let fault = Code::TooManyEndpoints.at(az.az.span, message);
                    let fault = fault.label(format!("at most {most}"));
                    faults.push(fault.remedy(format!(
                        "answers hold `max_answers` of them, in at most {MAX_WINDOWS} windows: raise \
                         it to {} or more",
                        count.div_ceil(MAX_WINDOWS)
                    )));
                }
            }
        }
    }

    fn report_fallback(&self, table: &Table<'_>, faults: &mut Faults) {
        let all_down = table.get("all_down", faults);
        match (self.all_down, table.get("fallback", faults)) {
            (AllDownName::Fallback, None) => {
                let message = format!("pool `{}` falls back to no pool", self.name);
                let mut fault = Code::NoFallback.at(self.span, message).label("needs `fallback`");
                if let Some(all_down) = all_down {
                    fault = fault.related(all_down.span, "because of this");
                }
                faults.push(fault.remedy("say which pool answers: `fallback = \"spare\"`"));
            }
            (AllDownName::Open | AllDownName::Closed | AllDownName::Last, Some(fallback)) => {
                let message = format!("pool `{}` never asks its `fallback`", self.name);
                let mut fault = Code::MisplacedFallback.at(fallback.span, message).label("unused");
                if let Some(all_down) = all_down {
                    fault = fault.related(all_down.span, "because of this");
                }
                faults.push(fault.remedy("write `all_down = \"fallback\"`, or remove `fallback`"));
            }
            (AllDownName::Fallback, Some(_)) | (_, None) => {}
        }
    }

    fn report_failing_open(&self, table: &Table<'_>, faults: &mut Faults) {
        let gives_all = matches!(self.all_down, AllDownName::Open | AllDownName::Last);
        if self.failback != Failback::Manual || !gives_all {
            return;
        }
        let Some(failback) = table.get("failback", faults) else { return };
        let message = format!("pool `{}` gives azs that await release when none is up", self.name);
        let mut fault = Code::FailsOpen.at(failback.span, message).label("until released, but");
        fault = match table.get("all_down", faults) {
            Some(all_down) => fault.related(all_down.span, "all of them when none is up"),
            None => fault,
        };
        faults.push(fault.remedy(
            "write `all_down = \"closed\"`, which is no answer, or `\"fallback\"`: `\"open\"` sends \
             clients to data that may be old",
        ));
    }

    fn report_foreign_azs(&self, faults: &mut Faults) {
        if self.azs.is_empty() {
            return;
        }
        let azs = || self.azs.iter().map(|az| az.az.value.as_str());
        let preferred = self.rules.iter().flat_map(|rule| &rule.prefer);
        let weighted = self.weights.iter().map(|(az, _)| az);
        for named in self.order.iter().chain(preferred).chain(weighted).chain(self.safety.azs()) {
            if azs().all(|az| az != named.value) {
                let message = format!("pool `{}` has no az `{}`", self.name, named.value);
                let remedy = did_you_mean(&named.value, azs())
                    .unwrap_or_else(|| format!("the pool's azs: {}", list(azs())));
                let fault = Code::ForeignAz.at(named.span, message);
                faults.push(fault.label("has no endpoints in this pool").remedy(remedy));
            }
        }
    }

    fn report_families(&self, faults: &mut Faults) {
        if self.is_cname() {
            return;
        }
        for (code, family, has) in [
            (Code::NoIpv4, "IPv4", has_ipv4 as fn(&PoolAzEntry) -> bool),
            (Code::NoIpv6, "IPv6", has_ipv6),
        ] {
            let Some(with) = self.azs.iter().find(|az| has(az)) else { continue };
            // What is at fault elsewhere leaves no endpoints.
            for az in self.azs.iter().filter(|az| !az.endpoints.is_empty() && !has(az)) {
                let message = format!("`{}` has no {family} address", az.az.value);
                let fault = code.at(az.az.span, message).label(format!("no {family}"));
                faults.push(fault.related(with.az.span, format!("has {family}")).remedy(format!(
                    "clients that have {family} alone get no address when this az is chosen: \
                     add one, or move the az to a pool of its own"
                )));
            }
        }
    }

    fn report_repeated_addresses(&self, faults: &mut Faults) {
        let mut first_places = HashMap::new();
        for Placed { value: address, span } in self.endpoints().map(|e| &e.address) {
            if let Some(first) = first_places.insert(address, *span) {
                let message = format!("{address} stands twice in pool `{}`", self.name);
                let fault = Code::RepeatedAddress.at(*span, message).label("again");
                let fault = fault.related(first, "first here");
                faults.push(fault.remedy("an address is one endpoint of one az: remove one"));
            }
        }
    }

    fn report_check(&self, table: &Table<'_>, faults: &mut Faults) {
        if table.get("check", faults).is_some() {
            self.report_unprobed(faults);
            return;
        }
        let mut probes = self.endpoints().filter_map(|endpoint| endpoint.probe.as_ref()).peekable();
        if probes.peek().is_none() {
            let message = format!("pool `{}` has no check", self.name);
            let fault = Code::Unchecked.at(self.span, message).label("never found down");
            let remedy = "name a check: `check = \"web\"`, with a table `[check.web]`";
            faults.push(fault.remedy(remedy));
        }
        for probe in probes {
            let message = format!("`probe` in pool `{}`, which has no check", self.name);
            let fault = Code::ProbeWithoutCheck.at(probe.span, message).label("never probed");
            faults.push(fault.remedy("give the pool a `check`, or write the address alone"));
        }
    }
}

/// `ttl` and `min_ttl`.
fn ttls(table: &Table<'_>, faults: &mut Faults) -> (Duration, Duration) {
    let ttl = table.get("ttl", faults).and_then(|value| value.ttl(faults)).unwrap_or(TTL);
    let Some(value) = table.get("min_ttl", faults) else { return (ttl, MIN_TTL.min(ttl)) };
    let min_ttl = value.ttl(faults).unwrap_or(MIN_TTL.min(ttl));
    if min_ttl > ttl {
        let [high, low] = [min_ttl, ttl].map(humantime::format_duration);
        let message = format!("`min_ttl` {high} is above `ttl` {low}");
        let mut fault = Code::MinTtlAboveTtl.at(value.span, message).label("longer");
        if let Some(ttl) = table.get("ttl", faults) {
            fault = fault.related(ttl.span, "than this");
        }
        let remedy = "answers get the shorter TTL while things are moving: lower `min_ttl`";
        faults.push(fault.remedy(remedy));
    }
    (ttl, min_ttl.min(ttl))
}

fn max_answers(table: &Table<'_>, faults: &mut Faults) -> NonZeroUsize {
    let value = table.get("max_answers", faults);
    let most = value.and_then(|value| value.integer(1..=MAX_ANSWERS, faults));
    most.and_then(|most| NonZeroUsize::new(most as usize)).unwrap_or(DEFAULT_MAX_ANSWERS)
}

fn min_up(value: Value<'_>, faults: &mut Faults) -> Option<MinUp> {
    if value.is_integer() {
        return value.integer(1..=MAX_MIN_UP, faults).map(MinUp::Count);
    }
    let Some(share) = value.as_str() else {
        return value.wrong_type("a count or a share such as \"60%\"", faults);
    };
    let percent = share.strip_suffix('%').and_then(|digits| digits.parse().ok());
    match percent.filter(|percent| (1..=100).contains(percent)) {
        Some(percent) => Some(MinUp::Percent(percent)),
        None => value.bad_value("a count, or a share from \"1%\" to \"100%\"", faults),
    }
}

fn azs(table: &Table<'_>, origin: Option<&Name>, faults: &mut Faults) -> Vec<PoolAzEntry> {
    let endpoints = table.get("endpoints", faults);
    let Some(entries) =
        endpoints.map_or(Some(vec![]), |value| value.entries(&key::ENDPOINTS_ENTRY, faults))
    else {
        return vec![];
    };
    if entries.is_empty() && faults.is_whole() {
        let span = endpoints.map_or(table.span, |value| value.span);
        let fault = Code::NoEndpoints.at(span, "the pool has no endpoints").label("no az in it");
        let remedy = "list the addresses of each az: `endpoints.mumbai = [\"203.0.113.10\"]`";
        faults.push(fault.remedy(remedy));
    }
    let az = |entry: Value<'_>, faults: &mut Faults| PoolAzEntry {
        az: Placed { value: entry.key.to_owned(), span: entry.key_span },
        endpoints: endpoints_of(entry, origin, faults),
    };
    entries.into_iter().map(|entry| az(entry, faults)).collect()
}

fn endpoints_of(az: Value<'_>, origin: Option<&Name>, faults: &mut Faults) -> Vec<EndpointEntry> {
    if az.as_str().is_some() || az.is_table() {
        return target_of(az, origin, faults).into_iter().collect();
    }
    let Some(elements) = az.array(faults) else { return vec![] };
    if elements.is_empty() {
        let fault = Code::EmptyList.at(az.span, format!("`{}` has no endpoints", az.key));
        faults.push(fault.label("nothing in it").remedy("add an address or remove the az"));
    }
    elements.into_iter().filter_map(|element| endpoint(element, faults)).collect()
}

fn endpoint(element: Value<'_>, faults: &mut Faults) -> Option<EndpointEntry> {
    if element.as_str().is_some() {
        let address = endpoint_address(element, faults)?;
        return Some(EndpointEntry { address, probe: None });
    }
    if !element.is_table() {
        return element.wrong_type("a list of addresses", faults);
    }
    let table = element.table(&key::ENDPOINT, faults)?;
    if let Some(name) = table.get("name", faults) {
        let message = "`name` in a list of addresses";
        let fault = Code::MisplacedPoolKey.at(name.key_span, message).label("a CNAME pool's");
        let remedy = "an az of a CNAME pool has one name: write it without brackets";
        faults.push(fault.remedy(remedy));
        return None;
    }
    let address = table.required("address", faults);
    let address = address.and_then(|value| endpoint_address(value, faults));
    let probe = probe_of(&table, faults);
    Some(EndpointEntry { address: address?, probe })
}

/// Where an endpoint is probed, if its table says so.
pub(super) fn probe_of(table: &Table<'_>, faults: &mut Faults) -> Option<Placed<SocketAddr>> {
    let value = table.get("probe", faults)?;
    let target = value.socket_address(faults)?;
    report_unusable(target.ip(), value.span, faults);
    Some(Placed { value: target, span: value.span })
}

fn endpoint_address(value: Value<'_>, faults: &mut Faults) -> Option<Placed<Address>> {
    let address = value.address(faults)?;
    report_unusable(address, value.span, faults);
    Some(Placed { value: address.into(), span: value.span })
}

fn report_unusable(address: IpAddr, span: Span, faults: &mut Faults) {
    let why = match address {
        _ if address.is_unspecified() => "is no host's address",
        _ if address.is_multicast() => "is a multicast address",
        IpAddr::V4(v4) if v4.is_broadcast() => "is the broadcast address",
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => "is an IPv4 address written as IPv6",
        _ => return,
    };
    let fault = Code::UnusableAddress.at(span, format!("{address} {why}"));
    faults.push(fault.label("nobody can connect to it").remedy(match address {
        IpAddr::V6(v6) if let Some(v4) = v6.to_ipv4_mapped() => format!("write \"{v4}\""),
        _ => "write the address of one host".to_owned(),
    }));
}

fn rules(table: &Table<'_>, faults: &mut Faults) -> Vec<RuleEntry> {
    let rules = table.get("rules", faults).and_then(|value| value.array(faults));
    let rule = |element: Value<'_>, faults: &mut Faults| {
        let table = element.table(&key::RULE, faults)?;
        let clients = table.required("clients", faults);
        let clients = clients.and_then(|value| clients_of(value, faults));
        if table.get("allow", faults).is_none() {
            table.required("prefer", faults);
        }
        let prefer = names(&table, "prefer", faults);
        let allow = fence(&table, faults);
        Some(RuleEntry { clients: clients.unwrap_or_default(), prefer, allow })
    };
    let rules = rules.unwrap_or_default();
    if let Some(first_too_many) = rules.get(ViewSpec::MAX_RULES) {
        let message = format!("more than {} rules in a pool", ViewSpec::MAX_RULES);
        let fault = Code::TooManyRules.at(first_too_many.span, message).label("one too many");
        faults.push(
            fault.remedy("a rule may name as many client sets as you like: put some together"),
        );
    }
    let rules = rules.into_iter().take(ViewSpec::MAX_RULES);
    rules.filter_map(|element| rule(element, faults)).collect()
}

/// A list of names, each at most once; empty where it is at fault or absent.
fn names(table: &Table<'_>, key: &'static str, faults: &mut Faults) -> Vec<Placed<String>> {
    let elements = table.get(key, faults).and_then(|value| value.filled_array(faults));
    let elements = elements.unwrap_or_default().into_iter();
    let names: Vec<_> = elements.filter_map(|element| element.placed_string(faults)).collect();
    report_duplicates(&names, "the az", faults);
    names
}

fn choice<T: Copy>(
    table: &Table<'_>,
    key: &'static str,
    words: &[(&str, T)],
    default: T,
    faults: &mut Faults,
) -> T {
    table.get(key, faults).and_then(|value| value.choice(words, faults)).unwrap_or(default)
}

fn has_ipv4(az: &PoolAzEntry) -> bool {
    az.endpoints.iter().any(is_ipv4)
}

fn has_ipv6(az: &PoolAzEntry) -> bool {
    az.endpoints.iter().any(is_ipv6)
}

fn is_ipv4(endpoint: &EndpointEntry) -> bool {
    matches!(endpoint.address.value, Address::Ip(IpAddr::V4(_)))
}

fn is_ipv6(endpoint: &EndpointEntry) -> bool {
    matches!(endpoint.address.value, Address::Ip(IpAddr::V6(_)))
}

fn list_of_strings<'s>(items: impl Iterator<Item = &'s String>) -> String {
    format!("{:?}", items.collect::<Vec<_>>())
}

const POLICIES: [(&str, PolicyName); 3] = [
    ("nearest", PolicyName::Nearest),
    ("failover", PolicyName::Failover),
    ("weighted", PolicyName::Weighted),
];
const ALL_DOWN: [(&str, AllDownName); 4] = [
    ("open", AllDownName::Open),
    ("closed", AllDownName::Closed),
    ("fallback", AllDownName::Fallback),
    ("last", AllDownName::Last),
];
const FAMILY_DOWN: [(&str, FamilyDown); 2] = [("drop", FamilyDown::Drop), ("az", FamilyDown::Az)];

const TTL: Duration = Duration::from_secs(30);
const MIN_TTL: Duration = Duration::from_secs(5);
const MAX_HOLD: Duration = Duration::from_secs(24 * 60 * 60);
const MAX_MIN_UP: u32 = 65_535;
const MAX_ANSWERS: u32 = 255;
const DEFAULT_MAX_ANSWERS: NonZeroUsize = NonZeroUsize::new(8).expect("8 is not 0");
