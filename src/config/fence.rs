//! `allow` of pools and rules: the azs that clients may be sent to, whatever happens.
//!
//! A fence says of any az whether it is inside, also of one that the pool has no endpoints in: its
//! fallback may. What is within it is known only with `meridian.toml` at hand, so that the checks
//! of this file go by a pool and the azs and groups that are there.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::Code;
use super::clients::{Groups, covers, opened};
use super::country;
use super::policy::{suggest, unknown_az};
use super::pool::{PoolAzEntry, PoolEntry, RuleEntry};
use super::reader::{Faults, Placed, Table, Value, report_duplicates};
use super::server::AzEntry;
use super::shared::ScopedPool;
use super::suggestion::list;
use crate::diag::Diagnostic;
use crate::geo::Country;
use crate::route::ClientSet;
use crate::span::Span;

/// What an `allow` says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fence {
    /// The list.
    span: Span,
    /// An az that is in any of these is inside.
    allowed: Vec<Placed<AzSet>>,
}

/// What an `allow` names. Azs, regions and groups are still names.
#[derive(Clone, Debug, PartialEq)]
enum AzSet {
    Az(String),
    Country(Country),
    Region(String),
    Group(String),
}

/// What fences are looked up in.
#[derive(Clone, Copy)]
pub(super) struct Ground<'g> {
    pub(super) azs: &'g BTreeMap<String, AzEntry>,
    pub(super) groups: &'g Groups,
}

/// The `allow` of a pool or a rule; `None` also where it is at fault.
pub(super) fn fence(table: &Table<'_>, faults: &mut Faults) -> Option<Fence> {
    let value = table.get("allow", faults)?;
    let elements = value.filled_array(faults)?;
    let sets: Vec<_> = elements.iter().filter_map(|element| az_set(*element, faults)).collect();
    report_duplicates(&sets, "the set of azs", faults);
    (sets.len() == elements.len()).then_some(Fence { span: value.span, allowed: sets })
}

/// What is wrong with the fences of these pools: with what they name, what they leave, and what a
/// rule or a fallback would give beyond them.
pub(super) fn check_fences<'p>(
    pools: impl Iterator<Item = ScopedPool<'p>>,
    ground: Ground<'_>,
) -> Vec<Diagnostic> {
    pools.flat_map(|pool| ground.check(pool)).collect()
}

impl Fence {
    /// The groups that it names.
    pub(super) fn groups(&self) -> impl Iterator<Item = (&str, Span)> {
        self.allowed.iter().filter_map(|set| match &set.value {
            AzSet::Group(name) => Some((name.as_str(), set.span)),
            AzSet::Az(_) | AzSet::Country(_) | AzSet::Region(_) => None,
        })
    }
}

impl Ground<'_> {
    /// Whether the fence, if there is one, allows an az.
    pub(super) fn allows(self, fence: Option<&Fence>, az: &AzEntry) -> bool {
        fence.is_none_or(|fence| fence.allowed.iter().any(|set| self.is_in(az, &set.value)))
    }

    fn is_in(self, az: &AzEntry, set: &AzSet) -> bool {
        match set {
            AzSet::Az(name) => az.az.name == *name,
            AzSet::Country(country) => az.az.country == Some(*country),
            AzSet::Region(region) => az.region.as_ref() == Some(region),
            AzSet::Group(name) => self.groups.group(name).is_some_and(|group| {
                let country = az.az.country;
                group.sets.iter().any(|set| match set {
                    ClientSet::Country(of) => country == Some(*of),
                    ClientSet::Continent(of) => country.and_then(Country::continent) == Some(*of),
                    ClientSet::Subdivision(_)
                    | ClientSet::Asn(_)
                    | ClientSet::Net(_)
                    | ClientSet::Group(_) => false,
                })
            }),
        }
    }

    fn check(self, pool: ScopedPool<'_>) -> Vec<Diagnostic> {
        let PoolEntry { allow, rules, .. } = pool.entry;
        let fences = || allow.iter().chain(rules.iter().filter_map(|rule| rule.allow.as_ref()));
        let mut faults: Vec<_> = fences().flat_map(|fence| self.unmet(fence)).collect();
        // What is not understood leaves nobody else to blame.
        if faults.is_empty() && fences().all(|fence| self.is_whole(fence)) {
            self.check_pool(pool.entry, &mut faults);
            faults.extend(self.fallback_faults(pool));
            faults.extend(self.impossible_safety(pool.entry));
            faults.extend(pool.entry.too_many_orders(|rule| self.left(pool.entry, rule)));
        }
        faults
    }

    /// The safety rules that need azs outside the pool's fence.
    fn impossible_safety(self, pool: &PoolEntry) -> Vec<Diagnostic> {
        let Some(fence) = &pool.allow else { return Vec::new() };
        let azs = pool.azs.iter().map(|az| az.az.value.as_str());
        let given =
            azs.filter(|az| self.azs.get(*az).is_some_and(|it| self.allows(Some(fence), it)));
        let all = pool.azs.iter().map(|az| az.az.value.as_str()).collect();
        if pool.safety.impossible(&all).is_empty() {
            pool.safety.impossible(&given.collect())
        } else {
            Vec::new()
        }
    }

    /// A fault for each name in a fence that means no az: of an az, region or group of clients.
    /// [`Groups::check`] has the unknown groups.
    fn unmet(self, fence: &Fence) -> Vec<Diagnostic> {
        let fault = |Placed { value, span }: &Placed<AzSet>| match value {
            AzSet::Az(name) if self.azs.contains_key(name) => None,
            AzSet::Az(name) => {
                Some(unknown_az(&Placed { value: name.clone(), span: *span }, self.azs))
            }
            AzSet::Country(_) => None,
            AzSet::Region(region) => self.unknown_region(region, *span),
            AzSet::Group(name) => self.group_of_clients(name, *span),
        };
        fence.allowed.iter().filter_map(fault).collect()
    }

    fn unknown_region(self, region: &str, span: Span) -> Option<Diagnostic> {
        let regions = self.azs.values().filter_map(|az| Some((az.region.as_deref()?, az.span)));
        let regions: BTreeMap<_, _> = regions.collect();
        if regions.contains_key(region) {
            return None;
        }
        let fault = Code::UnknownRegion.at(span, format!("no az is in region `{region}`"));
        let otherwise = if regions.is_empty() {
            format!("say so of those that are: `region = {region:?}` in their `[az.NAME]`")
        } else {
            format!("the azs' regions: {}", list(regions.keys()))
        };
        Some(suggest(fault.label("unknown region"), region, &regions, otherwise))
    }

    fn group_of_clients(self, name: &str, span: Span) -> Option<Diagnostic> {
        let group = self.groups.group(name)?;
        let set = group.sets.iter().find(|set| match set {
            ClientSet::Subdivision(_) | ClientSet::Asn(_) | ClientSet::Net(_) => true,
            ClientSet::Country(_) | ClientSet::Continent(_) | ClientSet::Group(_) => false,
        })?;
        let message = format!("group `{name}` has {set}, which no az is in");
        let fault = Code::GroupOfClients.at(span, message).label("a group of clients");
        let remedy = "an az is in a group by its country: name one of countries and continents";
        Some(fault.remedy(remedy))
    }

    /// Whether its groups are known. Those at fault are empty.
    fn is_whole(self, fence: &Fence) -> bool {
        let mut groups = fence.groups();
        groups.all(|(name, _)| self.groups.group(name).is_some_and(|group| !group.sets.is_empty()))
    }

    /// That fences leave nothing of the pool, or something that it names.
    fn check_pool(self, pool: &PoolEntry, faults: &mut Vec<Diagnostic>) {
        let outside = |az: &&PoolAzEntry| !self.may_give(pool, None, &az.az.value);
        if let Some(fence) = &pool.allow {
            if !pool.azs.is_empty() && pool.azs.iter().all(|az| outside(&az)) {
                let message = format!("the fence of pool `{}` allows no az of it", pool.name);
                let azs = pool.azs.iter().map(|az| &*az.az.value).collect();
                faults.push(empty(fence, message, azs));
                return;
            }
            for Placed { value: az, span } in pool.azs.iter().filter(outside).map(|az| &az.az) {
                let message = format!("`{az}` is outside the fence of pool `{}`", pool.name);
                let fault = Code::OutsideFence.at(*span, message).label("gets no clients");
                let fault = fault.related(fence.span, "does not allow it");
                faults.push(fault.remedy("remove its endpoints, or allow it"));
            }
        }
        for (number, rule) in (1..).zip(&pool.rules) {
            self.check_rule(pool, (number, rule), faults);
        }
    }

    fn check_rule(
        self,
        pool: &PoolEntry,
        (number, rule): (usize, &RuleEntry),
        faults: &mut Vec<Diagnostic>,
    ) {
        if let Some(fence) = &rule.allow
            && !pool.azs.is_empty()
            && self.left(pool, Some(rule)).is_empty()
        {
            let within = if pool.allow.is_some() { " that the pool's fence does" } else { "" };
            let message = format!("rule {number} of pool `{}` allows no az{within}", pool.name);
            faults.push(empty(fence, message, self.left(pool, None)));
            return;
        }
        for Placed { value: az, span } in &rule.prefer {
            let Some(entry) = self.azs.get(az) else { continue };
            let fences = [("the pool", &pool.allow), ("its rule", &rule.allow)];
            let mut fences = fences.into_iter().filter_map(|(of, it)| Some((of, it.as_ref()?)));
            let Some((of, fence)) = fences.find(|(_, it)| !self.allows(Some(it), entry)) else {
                continue;
            };
            let message = format!("rule {number} of pool `{}` prefers `{az}`", pool.name);
            let message = format!("{message}, which {of} does not allow");
            let fault = Code::FencedAz.at(*span, message).label("outside the fence");
            let fault = fault.related(fence.span, "does not allow it");
            faults
                .push(fault.remedy("a fence holds whatever is preferred: remove it, or allow it"));
        }
    }

    /// The azs of the fallback that a fence of the pool does not allow its clients.
    fn fallback_faults(self, pool: ScopedPool<'_>) -> Vec<Diagnostic> {
        let ScopedPool { entry, scope } = pool;
        let Some(name) = &entry.fallback else { return vec![] };
        let Some(ScopedPool { entry: other, .. }) = scope.pool(&name.value) else {
            return vec![];
        };
        let of_pool = entry.allow.iter().map(|fence| (None, fence));
        let rules = (1..).zip(&entry.rules);
        let of_rules =
            rules.filter_map(|(number, rule)| Some((Some((number, rule)), rule.allow.as_ref()?)));
        let leak = |(rule, fence): (Option<(usize, &RuleEntry)>, &Fence)| {
            let ways = match rule {
                Some((_, rule)) => ways_through(entry, rule, other, self.groups),
                None => every_way(other),
            };
            let given = other.azs.iter().find(|az| {
                let is_given = ways.iter().any(|way| self.may_give(other, *way, &az.az.value));
                let entry = self.azs.get(&az.az.value);
                is_given && entry.is_some_and(|entry| !self.allows(Some(fence), entry))
            })?;
            let (whose, remedy) = match rule {
                Some((number, _)) => (
                    format!("rule {number} of pool `{}`", entry.name),
                    "a rule ahead of its others for the same clients with the same `allow`",
                ),
                None => (format!("the fence of pool `{}`", entry.name), "the same `allow`"),
            };
            let (other, az) = (&name.value, &given.az.value);
            let message = format!("pool `{other}` can give `{az}`, which {whose} does not allow");
            let fault = Code::FallbackOutsideFence.at(name.span, message);
            let fault = fault.label("would leave the fence").related(fence.span, "the fence");
            let fault = fault.related(given.az.span, format!("`{az}` in pool `{other}`"));
            Some(fault.remedy(format!("give pool `{other}` {remedy}, or name another pool")))
        };
        of_pool.chain(of_rules).filter_map(leak).collect()
    }

    /// The azs of a pool that clients of a rule, or of none, may be given.
    fn left<'p>(self, pool: &'p PoolEntry, rule: Option<&RuleEntry>) -> Vec<&'p str> {
        let azs = pool.azs.iter().map(|az| az.az.value.as_str());
        azs.filter(|az| self.may_give(pool, rule, az)).collect()
    }

    /// Whether a pool's fence and that of its rule allow an az, if there is one of this name.
    fn may_give(self, pool: &PoolEntry, rule: Option<&RuleEntry>, az: &str) -> bool {
        let of_rule = rule.and_then(|rule| rule.allow.as_ref());
        let mut fences = [pool.allow.as_ref(), of_rule].into_iter();
        self.azs.get(az).is_some_and(|az| fences.all(|fence| self.allows(fence, az)))
    }
}

/// The rules of its fallback that clients of a pool's rule may go by there.
///
/// Where both pools go by the same address of a client, those of a set are in every wider one. So no
/// rule of the fallback behind the first that has all clients of this one counts, and none whose
/// clients an earlier rule of the pool would have had. What the databases say of a client is not known
/// here.
fn ways_through<'p>(
    pool: &PoolEntry,
    rule: &RuleEntry,
    fallback: &'p PoolEntry,
    groups: &Groups,
) -> Vec<Option<&'p RuleEntry>> {
    let sets = |rule: &RuleEntry| -> Vec<ClientSet> {
        groups.sets(rule).iter().flat_map(opened).cloned().collect()
    };
    // They decide whose address it is where a resolver tells one that can't be routed.
    let nets = |pool: &PoolEntry| -> BTreeSet<IpNet> {
        let sets = pool.rules.iter().flat_map(sets);
        let net = |set| if let ClientSet::Net(net) = set { Some(net) } else { None };
        sets.filter_map(net).collect()
    };
    if pool.ecs != fallback.ecs || nets(pool) != nets(fallback) {
        return every_way(fallback);
    }
    let there: Vec<_> = fallback.rules.iter().map(sets).collect();
    let first = |set: &ClientSet| {
        there.iter().position(|wider| wider.iter().any(|wider| covers(wider, set)))
    };
    let last = sets(rule).iter().map(first).collect::<Option<Vec<_>>>();
    let Some(last) = last.and_then(|positions| positions.into_iter().max()) else {
        return every_way(fallback);
    };
    let earlier: Vec<_> =
        pool.rules.iter().take_while(|it| !std::ptr::eq(*it, rule)).flat_map(sets).collect();
    let is_left = |there: &&(&RuleEntry, &Vec<ClientSet>)| {
        there.1.iter().any(|set| !earlier.iter().any(|wider| covers(wider, set)))
    };
    let ways = fallback.rules.iter().zip(&there).take(last + 1);
    ways.filter(|way| is_left(&way)).map(|(rule, _)| Some(rule)).collect()
}

/// Every rule of a pool, and none.
fn every_way(pool: &PoolEntry) -> Vec<Option<&RuleEntry>> {
    pool.rules.iter().map(Some).chain([None]).collect()
}

fn empty(fence: &Fence, message: String, azs: Vec<&str>) -> Diagnostic {
    let fault = Code::EmptyFence.at(fence.span, message).label("nobody could be answered");
    fault.remedy(format!("allow one of {}", list(azs)))
}

fn az_set(element: Value<'_>, faults: &mut Faults) -> Option<Placed<AzSet>> {
    let text = element.string(faults)?;
    let mut refuse = |message: String, label: &str, remedy: String| {
        faults.push(Code::BadValue.at(element.span, message).label(label).remedy(remedy));
    };
    let value = match text.split_once(':') {
        Some(("az", name)) => AzSet::Az(name.to_owned()),
        Some(("region", region)) => AzSet::Region(region.to_owned()),
        Some(("group", name)) => AzSet::Group(name.to_owned()),
        Some(("country", code)) => match country::assigned(code) {
            Some(country) => AzSet::Country(country),
            None => {
                let message = format!("`{code}` is not a country");
                refuse(message, "not an ISO 3166-1 code", country::remedy(code));
                return None;
            }
        },
        _ => {
            let remedy = "write `az:`, `country:`, `region:` or `group:` and what you mean";
            let message = format!("`{text}` is not a set of azs");
            refuse(message, "not a set of azs", remedy.to_owned());
            return None;
        }
    };
    Some(Placed { value, span: element.span })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Environment;
    use crate::config::policy::policy;
    use crate::config::server::server;
    use crate::config::shared::Scope;
    use crate::span::FileId;
    use crate::wire::Name;

    const SERVER: &str = r#"
        az.dublin = { country = "IE", region = "Europe" }
        az.ohio = { country = "US" }
        az.nowhere = {}
        group.west = ["country:US", "continent:EU"]
    "#;

    /// The codes of the faults that the fences of these pools have, each a failover pool of all azs.
    fn codes(pools: &[(&str, &str)]) -> Vec<&'static str> {
        let pool = |(name, keys): &(&str, &str)| {
            format!(
                "[pool.{name}]\npolicy = \"failover\"\norder = [\"ohio\"]\n{keys}\n\
                 endpoints.dublin = [\"192.0.2.1\"]\nendpoints.ohio = [\"192.0.2.2\"]\n\
                 endpoints.nowhere = [\"192.0.2.3\"]\n"
            )
        };
        let text: String = pools.iter().map(pool).collect();
        let (directory, environment) = (Path::new(""), Environment::default());
        let (server, faults) = server(SERVER.as_bytes(), FileId(0), directory, &environment);
        assert_eq!(faults, []);
        let origin = Name::from_text(b"app.example", &Name::root()).unwrap();
        let (policy, faults) = policy(text.as_bytes(), FileId(1), &origin, directory);
        assert!(!faults.iter().any(Diagnostic::is_error), "{faults:?}");
        let ground = Ground { azs: &server.azs, groups: &server.groups };
        let faults = check_fences(Scope::of_zone(&policy, &server.shared).pools(), ground);
        faults.iter().map(|fault| fault.code).collect()
    }

    /// The faults of a pool with these keys and rules that falls back to one with those.
    fn fallen(pool: [&str; 2], fallback: [&str; 2]) -> Vec<&'static str> {
        let [pool, fallback] =
            [pool, fallback].map(|[keys, rules]| format!("{keys}\nrules = [{rules}]"));
        let pool = format!("all_down = \"fallback\"\nfallback = \"spare\"\n{pool}");
        codes(&[("web", &pool), ("spare", &fallback)])
    }

    const LEAVES: [&str; 1] = ["pool/fallback-outside-fence"];

    #[test]
    fn an_az_is_in_a_group_by_its_country_and_by_that_country_s_continent() {
        let outside = |count| vec![Code::OutsideFence.text(); count];
        assert_eq!(codes(&[("web", "allow = [\"group:west\"]")]), outside(1));
        assert_eq!(codes(&[("web", "allow = [\"group:eu\"]")]), outside(2));
    }

    #[test]
    fn regions_are_spelled_as_the_azs_spell_them() {
        let unknown = [Code::UnknownRegion.text()];
        assert_eq!(codes(&[("web", "allow = [\"region:europe\", \"az:ohio\"]")]), unknown);
    }

    #[test]
    fn what_is_not_understood_has_no_other_faults() {
        let keys = "allow = [\"az:dublino\"]\nrules = [{ clients = [\"country:FR\"], \
                    prefer = [\"ohio\"], allow = [\"group:east\"] }]";
        assert_eq!(codes(&[("web", keys)]), [Code::UnknownAz.text()]);
    }

    const EU: &str = "{ clients = [\"group:eu\"], allow = [\"group:eu\"] },";
    const GERMANY: &str = "{ clients = [\"country:DE\"], allow = [\"group:eu\"] },";
    const NET: &str = "{ clients = [\"net:10.0.0.0/8\"], prefer = [\"ohio\"] },";

    #[test]
    fn a_fallback_holds_the_clients_of_a_rule_by_a_rule_that_has_them_all() {
        assert_eq!(fallen(["", GERMANY], ["", ""]), LEAVES);
        assert_eq!(fallen(["", GERMANY], ["", EU]), [""; 0]);
        assert_eq!(fallen(["", EU], ["", GERMANY]), LEAVES);
    }

    #[test]
    fn a_rule_ahead_counts_but_for_clients_that_one_ahead_would_have_had_before() {
        let france = "{ clients = [\"country:FR\"], prefer = [\"ohio\"] },";
        let rules = format!("{france}{EU}");
        assert_eq!(fallen(["", EU], ["", &rules]), LEAVES);
        assert_eq!(fallen(["", &rules], ["", &rules]), [""; 0]);
    }

    #[test]
    fn pools_that_may_go_by_different_addresses_of_a_client_have_no_clients_in_common() {
        assert_eq!(fallen(["", EU], ["ecs = false", EU]), LEAVES);
        let with_net = format!("{EU}{NET}");
        assert_eq!(fallen(["", &with_net], ["", EU]), LEAVES);
        assert_eq!(fallen(["", &with_net], ["", &with_net]), [""; 0]);
    }
}
