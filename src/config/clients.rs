//! Sets of clients: what rules are for, and the `[group]`s that give several of them a name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};

use super::Code;
use super::country;
use super::fence::Fence;
use super::key;
use super::pool::{PoolEntry, RuleEntry};
use super::reader::{Faults, Placed, Table, Value, report_duplicates};
use super::suggestion::{list, nearest};
use crate::diag::Diagnostic;
use crate::geo::{Asn, Canonical, Continent, Country, Place, Places, Subdivision};
use crate::route::{ClientSet, Group};
use crate::span::Span;

/// What a rule names. Groups are still names, as azs are.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ClientsEntry {
    Set(ClientSet),
    Group(String),
}

/// The groups by name, those that are built in among them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Groups(BTreeMap<String, GroupEntry>);

#[derive(Clone, Debug, PartialEq)]
struct GroupEntry {
    group: Arc<Group>,
    /// The name in the file; `None` for what is built in.
    span: Option<Span>,
}

impl Groups {
    /// Those of `[group]` in a file, and those that are built in.
    pub(super) fn read(top: &Table<'_>, faults: &mut Faults) -> Self {
        let mut groups = Self::default();
        for entry in top.entries("group", &key::GROUP_ENTRY, faults) {
            entry.check_name(faults);
            if groups.0.contains_key(entry.key) {
                let message = format!("group `{}` is built in", entry.key);
                let fault =
                    Code::BuiltInGroup.at(entry.key_span, message).label("can't be changed");
                faults.push(fault.remedy("give yours another name"));
                continue;
            }
            // A group at fault stays empty, so that nobody who names it is blamed.
            let sets = sets_of(entry, client_set, faults).unwrap_or_default();
            let sets = sets.into_iter().map(|set| set.value).collect();
            groups.insert(entry.key, sets, Some(entry.key_span));
        }
        groups
    }

    /// Opens the groups that a rule names, all of which are there.
    pub(super) fn sets(&self, rule: &RuleEntry) -> Vec<ClientSet> {
        let set = |clients: &Placed<ClientsEntry>| match &clients.value {
            ClientsEntry::Set(set) => Some(set.clone()),
            ClientsEntry::Group(name) => Some(ClientSet::Group(self.group(name)?.clone())),
        };
        rule.clients.iter().filter_map(set).collect()
    }

    /// The names of groups that pools name and that are not there.
    fn unmet<'p>(
        &self,
        pools: impl Iterator<Item = &'p PoolEntry>,
    ) -> impl Iterator<Item = (&'p str, Span)> {
        let of_clients = |clients: &'p Placed<ClientsEntry>| match &clients.value {
            ClientsEntry::Set(_) => None,
            ClientsEntry::Group(name) => Some((name.as_str(), clients.span)),
        };
        let named = pools.flat_map(move |PoolEntry { allow, rules, .. }| {
            let clients = rules.iter().flat_map(|rule| &rule.clients).filter_map(of_clients);
            let of_rules = rules.iter().filter_map(|rule| rule.allow.as_ref());
            clients.chain(allow.iter().chain(of_rules).flat_map(Fence::groups))
        });
        named.filter(|(name, _)| self.group(name).is_none())
    }

    /// A fault for each of [`Groups::unmet`], and a warning for each rule that never matches.
    pub(super) fn check<'p>(
        &self,
        pools: impl Iterator<Item = &'p PoolEntry> + Clone,
    ) -> Vec<Diagnostic> {
        let unmet = self.unmet(pools.clone()).map(|(name, span)| self.unknown(name, span));
        unmet.chain(pools.flat_map(|pool| self.idle_rules(pool))).collect()
    }

    /// A warning for each set of a rule that goes by something of which `places` know nothing.
    pub(super) fn check_places<'p>(
        &self,
        pools: impl Iterator<Item = &'p PoolEntry>,
        places: &Places,
    ) -> Vec<Diagnostic> {
        let known = Known::of(places);
        let clients = pools.flat_map(|pool| &pool.rules).flat_map(|rule| &rule.clients);
        let fault = |clients: &Placed<ClientsEntry>| {
            let sets = match &clients.value {
                ClientsEntry::Set(set) => std::slice::from_ref(set),
                ClientsEntry::Group(name) => &self.group(name)?.sets[..],
            };
            let what = sets.iter().find_map(|set| known.lacks(set))?;
            let message = format!("no database tells the {what} of any client");
            let fault = Code::UntoldClients.at(clients.span, message).label("matches nobody");
            Some(fault.remedy("add a database that does to `databases` in `[geoip]`"))
        };
        clients.filter_map(fault).collect()
    }

    /// Takes over from `last` those that `pools` name and that are not here; says which.
    pub(super) fn keep<'p>(
        &mut self,
        pools: impl Iterator<Item = &'p PoolEntry>,
        last: &Self,
    ) -> Vec<String> {
        let mut kept = vec![];
        let unmet: Vec<_> = self.unmet(pools).collect();
        for (name, _) in unmet {
            if let Some(entry) = last.0.get(name)
                && self.0.insert(name.to_owned(), entry.clone()).is_none()
            {
                kept.push(name.to_owned());
            }
        }
        kept
    }

    /// The group of this name.
    pub(super) fn group(&self, name: &str) -> Option<&Arc<Group>> {
        self.0.get(name).map(|entry| &entry.group)
    }

    fn insert(&mut self, name: &str, sets: Vec<ClientSet>, span: Option<Span>) {
        let group = Arc::new(Group { name: name.to_owned(), sets });
        self.0.insert(name.to_owned(), GroupEntry { group, span });
    }

    fn unknown(&self, name: &str, span: Span) -> Diagnostic {
        let message = format!("no group `{name}` in meridian.toml");
        let fault = Code::UnknownGroup.at(span, message).label("unknown group");
        let near = nearest(name, self.0.keys().map(String::as_str));
        match near.and_then(|near| self.0.get_key_value(near)) {
            Some((near, GroupEntry { span, .. })) => {
                let fault = fault.remedy(format!("did you mean `{near}`?"));
                span.iter().fold(fault, |fault, span| fault.related(*span, "this one?"))
            }
            None => fault.remedy(format!(
                "add it to `[group]` in meridian.toml, which has {}",
                list(self.0.keys().map(|name| format!("`{name}`")))
            )),
        }
    }

    /// The rules of a pool all of whose clients earlier rules have, by the same set or a wider one.
    fn idle_rules(&self, pool: &PoolEntry) -> Vec<Diagnostic> {
        // With the number of its rule.
        let mut earlier: Vec<(ClientSet, usize)> = vec![];
        let mut faults = vec![];
        for (number, rule) in (1..).zip(&pool.rules) {
            let sets = self.sets(rule);
            let sets: Vec<_> = sets.iter().flat_map(opened).cloned().collect();
            let by = |set: &ClientSet| {
                let first = earlier.iter().find(|(other, _)| covers_by_table(other, set))?;
                Some(first.1)
            };
            let covered: Option<BTreeSet<usize>> = sets.iter().map(by).collect();
            if let (Some(by), Some(clients)) = (covered, rule.clients.first())
                && !by.is_empty()
            {
                let message = format!("rule {number} of pool `{}` never matches", pool.name);
                let rules = if by.len() == 1 { "rule" } else { "rules" };
                let label = format!("all in {rules} {}", list(&by));
                let fault = Code::IdleRule.at(clients.span, message).label(label);
                let fault = by.into_iter().fold(fault, |fault, by| {
                    let first = pool.rules.get(by - 1).and_then(|rule| rule.clients.first());
                    first
                        .into_iter()
                        .fold(fault, |it, first| it.related(first.span, format!("rule {by}")))
                });
                faults.push(fault.remedy("the first rule that matches counts: move it up, or out"));
            }
            earlier.extend(sets.into_iter().map(|set| (set, number)));
        }
        faults
    }
}

impl Default for Groups {
    /// Those that are built in.
    fn default() -> Self {
        let mut groups = Self(BTreeMap::new());
        let countries = |codes: &[&str]| {
            let codes = codes.iter().flat_map(|codes| codes.split(' '));
            codes.filter_map(Country::from_code).map(ClientSet::Country).collect()
        };
        groups.insert("eu", countries(&[EU, EU_PARTS]), None);
        groups.insert("eea", countries(&[EU, EU_PARTS, EFTA_IN_EEA]), None);
        groups
    }
}

/// What the places know of any client.
struct Known {
    country: bool,
    continent: bool,
    subdivision: bool,
    asn: bool,
}

impl Known {
    fn of(places: &Places) -> Self {
        let any = |is_known: fn(&Place) -> bool| places.places().values().any(is_known);
        Self {
            country: any(|place| place.country.is_some()),
            continent: any(|place| place.continent.is_some()),
            subdivision: any(|place| place.subdivision.is_some()),
            asn: any(|place| place.asn.is_some()),
        }
    }

    /// What the set goes by, if nothing is known of it.
    fn lacks(&self, set: &ClientSet) -> Option<&'static str> {
        let (is_known, what) = match set {
            ClientSet::Country(_) => (self.country, "country"),
            ClientSet::Continent(_) => (self.continent, "continent"),
            ClientSet::Subdivision(_) => (self.subdivision, "subdivision"),
            ClientSet::Asn(_) => (self.asn, "autonomous system"),
            ClientSet::Net(_) | ClientSet::Group(_) => return None,
        };
        (!is_known).then_some(what)
    }
}

/// `clients` of a rule.
pub(super) fn clients_of(
    value: Value<'_>,
    faults: &mut Faults,
) -> Option<Vec<Placed<ClientsEntry>>> {
    sets_of(value, set_or_group, faults)
}

fn sets_of<T: PartialEq>(
    value: Value<'_>,
    parse: fn(&str, Value<'_>, &mut Faults) -> Option<T>,
    faults: &mut Faults,
) -> Option<Vec<Placed<T>>> {
    let mut sets = vec![];
    for element in value.filled_array(faults)? {
        let Some(text) = element.string(faults) else { continue };
        if let Some(value) = parse(text, element, faults) {
            sets.push(Placed { value, span: element.span });
        }
    }
    report_duplicates(&sets, "the client set", faults);
    Some(sets)
}

fn set_or_group(text: &str, element: Value<'_>, faults: &mut Faults) -> Option<ClientsEntry> {
    match text.strip_prefix("group:") {
        Some(name) => Some(ClientsEntry::Group(name.to_owned())),
        None => client_set(text, element, faults).map(ClientsEntry::Set),
    }
}

fn client_set(text: &str, element: Value<'_>, faults: &mut Faults) -> Option<ClientSet> {
    let found = match text.split_once(':') {
        Some(("country", code)) => country_set(code),
        Some(("continent", code)) => continent_set(code),
        Some(("subdivision", code)) => subdivision_set(code),
        Some(("asn", number)) => {
            let asn = Asn::from_text(number).filter(|asn| asn.0 > 0);
            asn.map(ClientSet::Asn).ok_or_else(|| Refusal {
                message: format!("`{number}` is not the number of an autonomous system"),
                label: "not a number from 1 to 4294967295",
                remedy: "for example \"asn:64500\"".to_owned(),
            })
        }
        Some(("net", network)) => net(network).map(ClientSet::Net),
        Some(("group", _)) => Err(Refusal {
            message: "a group holds no groups".to_owned(),
            label: "a group",
            remedy: "list its sets here".to_owned(),
        }),
        _ => Err(Refusal {
            message: format!("`{text}` is not a set of clients"),
            label: "not a set of clients",
            remedy: "write `country:`, `continent:`, `subdivision:`, `asn:`, `net:` or `group:` \
                     and what you mean"
                .to_owned(),
        }),
    };
    let refused = |Refusal { message, label, remedy }| {
        faults.push(Code::BadValue.at(element.span, message).label(label).remedy(remedy));
    };
    found.map_err(refused).ok()
}

/// Why text is no set of clients.
struct Refusal {
    message: String,
    label: &'static str,
    remedy: String,
}

fn country_set(code: &str) -> Result<ClientSet, Refusal> {
    country::assigned(code).map(ClientSet::Country).ok_or_else(|| Refusal {
        message: format!("`{code}` is not a country"),
        label: "not an ISO 3166-1 code",
        remedy: country::remedy(code),
    })
}

fn continent_set(code: &str) -> Result<ClientSet, Refusal> {
    Continent::from_code(code).map(ClientSet::Continent).ok_or_else(|| Refusal {
        message: format!("`{code}` is not a continent"),
        label: "not a continent",
        remedy: format!("write one of {}", list(Continent::ALL.map(|(code, _)| code))),
    })
}

fn subdivision_set(code: &str) -> Result<ClientSet, Refusal> {
    let subdivision = Subdivision::from_code(code);
    let is_assigned = |country: Country| country::assigned(&country.to_string()).is_some();
    let subdivision = subdivision.filter(|subdivision| is_assigned(subdivision.country()));
    subdivision.map(ClientSet::Subdivision).ok_or_else(|| Refusal {
        message: format!("`{code}` is not a subdivision of a country"),
        label: "not an ISO 3166-2 code",
        remedy: "for example \"subdivision:US-CA\"".to_owned(),
    })
}

fn net(text: &str) -> Result<IpNet, Refusal> {
    let refusal = |message, label, remedy| Refusal { message, label, remedy };
    let Ok(net) = text.parse::<IpNet>() else {
        let message = format!("`{text}` is not a network");
        let remedy = match text.parse::<IpAddr>() {
            Ok(IpAddr::V4(ip)) => format!("write \"net:{ip}/32\""),
            Ok(ip) => format!("write \"net:{}\"", to_64(ip.into())),
            Err(_) => "for example \"net:198.51.100.0/24\"".to_owned(),
        };
        return Err(refusal(message, "not a network", remedy));
    };
    if net != net.trunc() {
        let message = format!("`{text}` has bits set behind its prefix");
        return Err(refusal(message, "not a network", format!("write \"net:{}\"", net.trunc())));
    }
    if let Some(embedded) = embedded(net) {
        let message = format!("clients in `{text}` count by their IPv4 addresses");
        return Err(refusal(message, "embeds IPv4", format!("write \"net:{embedded}\"")));
    }
    if let IpNet::V6(v6) = net
        && v6.prefix_len() > 64
    {
        let message = format!("`{text}` is a part of a /64, by which IPv6 clients count");
        return Err(refusal(message, "too long", format!("write \"net:{}\"", to_64(net))));
    }
    Ok(net)
}

fn to_64(net: IpNet) -> IpNet {
    IpNet::new(net.addr(), 64).map_or(net, |net| net.trunc())
}

/// The IPv4 network whose addresses an IPv6 one embeds, if it holds nothing else.
fn embedded(net: IpNet) -> Option<Ipv4Net> {
    let IpNet::V6(v6) = net else { return None };
    match [IpAddr::V6(v6.network()), IpAddr::V6(v6.broadcast())].map(Canonical::of) {
        [Canonical::V4 { address, lead }, Canonical::V4 { lead: last, .. }] if lead == last => {
            let len = v6.prefix_len().checked_sub(lead)?.min(32);
            Ipv4Net::new(address.into(), len).ok().map(|net| net.trunc())
        }
        _ => None,
    }
}

/// The sets of a group, else the set itself.
pub(super) fn opened(set: &ClientSet) -> &[ClientSet] {
    match set {
        ClientSet::Group(group) => &group.sets,
        _ => std::slice::from_ref(set),
    }
}

/// Whether every client of `set` is in `other`, whatever the databases say.
pub(super) fn covers(other: &ClientSet, set: &ClientSet) -> bool {
    match (other, set) {
        (ClientSet::Net(other), ClientSet::Net(net)) => other.contains(net),
        _ => other == set,
    }
}

/// Whether every client of `set` is in `other` where databases place countries on the continents that
/// the table of countries does.
fn covers_by_table(other: &ClientSet, set: &ClientSet) -> bool {
    let country = match set {
        ClientSet::Country(country) => Some(*country),
        ClientSet::Subdivision(subdivision) => Some(subdivision.country()),
        ClientSet::Continent(_) | ClientSet::Asn(_) | ClientSet::Net(_) | ClientSet::Group(_) => {
            None
        }
    };
    covers(other, set)
        || country.is_some_and(|country| match other {
            ClientSet::Country(other) => *other == country,
            ClientSet::Continent(other) => Some(*other) == country.continent(),
            ClientSet::Subdivision(_)
            | ClientSet::Asn(_)
            | ClientSet::Net(_)
            | ClientSet::Group(_) => false,
        })
}

/// The member states (Treaty on European Union, Article 52), by ISO 3166-1 code.
const EU: &str = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK";

/// Parts of member states with codes of their own (Treaty on the Functioning of the European Union,
/// Article 355 (1) and (4)): Åland, French Guiana, Guadeloupe, Martinique, Mayotte, Réunion and Saint
/// Martin.
const EU_PARTS: &str = "AX GF GP MF MQ RE YT";

/// Iceland, Liechtenstein and Norway (Agreement on the European Economic Area, Article 2).
const EFTA_IN_EEA: &str = "IS LI NO";

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, String> {
        net(text).map(|net| net.to_string()).map_err(|refusal| refusal.remedy)
    }

    #[test]
    fn networks_are_whole_and_no_longer_than_clients_count_by() {
        for text in ["198.51.100.0/24", "10.0.0.1/32", "0.0.0.0/0", "2001:db8::/64", "::/0"] {
            assert_eq!(parsed(text), Ok(text.to_owned()));
        }
        for (text, remedy) in [
            ("198.51.100.7", "write \"net:198.51.100.7/32\""),
            ("198.51.100.7/24", "write \"net:198.51.100.0/24\""),
            ("2001:db8::1", "write \"net:2001:db8::/64\""),
            ("2001:db8::1/128", "write \"net:2001:db8::/64\""),
            ("2001:db8::/72", "write \"net:2001:db8::/64\""),
            ("198.51.100", "for example \"net:198.51.100.0/24\""),
        ] {
            assert_eq!(parsed(text), Err(remedy.to_owned()));
        }
    }

    #[test]
    fn networks_that_embed_ipv4_are_written_as_ipv4() {
        for (text, ipv4) in [
            ("::ffff:198.51.100.0/120", "198.51.100.0/24"),
            ("64:ff9b::198.51.100.7/128", "198.51.100.7/32"),
            ("2002:c633:6400::/40", "198.51.100.0/24"),
            ("2002:c633:6407:1::/64", "198.51.100.7/32"),
            ("2002::/16", "0.0.0.0/0"),
        ] {
            assert_eq!(parsed(text), Err(format!("write \"net:{ipv4}\"")));
        }
    }

    #[test]
    fn the_countries_of_built_in_groups_exist() {
        let Groups(groups) = Groups::default();
        let count = |name: &str| groups[name].group.sets.len();
        assert_eq!((count("eu"), count("eea")), (27 + 7, 27 + 7 + 3));
        for set in groups.values().flat_map(|entry| &entry.group.sets) {
            let ClientSet::Country(country) = set else { panic!("{set}") };
            assert!(country.name().is_some(), "{country}");
        }
    }
}
