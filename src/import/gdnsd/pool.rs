//! Resources of gdnsd's plugins to pools.

use super::super::Note;
use super::super::draft::{Endpoint, Order, Pool, Target};
use super::Importer;
use super::vscf::{Data, Table, Value, get};

/// Where a parameter is looked for: innermost first.
pub(super) type Scope<'a> = Vec<&'a Table>;

/// The endpoints of one az, and how they are monitored.
struct Group {
    targets: Vec<Target>,
    check: Option<String>,
    /// The share that must be up, as a key of the pool.
    min_up: Option<String>,
}

/// An item of a weighted resource.
#[derive(Clone)]
struct Item {
    label: String,
    targets: Vec<Target>,
    weight: u32,
}

impl<'a> Importer<'a> {
    /// The pool of a resource with these TTLs; else why there is none.
    pub(super) fn pool(
        &mut self,
        plugin: &str,
        resource: &str,
        ttl: u32,
        min_ttl: u32,
    ) -> Result<String, String> {
        let key = (plugin.to_owned(), resource.to_owned(), ttl, min_ttl);
        if let Some(known) = self.pools.get(&key) {
            return known.clone().ok_or_else(|| format!("{plugin}!{resource} does not map"));
        }
        let pool = match self.resource(plugin, resource) {
            Ok(pool) if pool.is_empty() => Err(format!("nothing of {plugin}!{resource} maps")),
            pool => pool,
        };
        let name = pool.map(|mut pool| {
            pool.name = self.pool_names.of(&format!("{key:?}"), resource);
            let ttls = [format!("ttl = \"{ttl}s\""), format!("min_ttl = \"{min_ttl}s\"")];
            pool.keys.splice(0..0, ttls);
            pool.keys.push("hold = \"0s\"".to_owned());
            let name = pool.name.clone();
            self.draft.shared.pools.push(pool);
            name
        });
        self.pools.insert(key, name.clone().ok());
        name
    }

    fn resource(&mut self, plugin: &str, resource: &str) -> Result<Pool, String> {
        // `name/datacenter` is one datacenter of a meta-plugin's resource.
        let (name, only) = match (plugin, resource.split_once('/')) {
            ("geoip" | "metafo", Some((name, datacenter))) => (name, Some(datacenter)),
            _ => (resource, None),
        };
        let (value, scope) = self.find(plugin, name)?;
        let mut pool = Pool { place: value.place.to_string(), ..Pool::default() };
        match (plugin, only) {
            ("geoip" | "metafo", Some(datacenter)) => {
                self.datacenters(&mut pool, &scope, &[datacenter]);
            }
            ("metafo", None) => {
                let listed = parameter(&scope, "datacenters").map(Value::texts).unwrap_or_default();
                let skipped = usize::from(is_true(&scope, "skip_first") && listed.len() > 1);
                self.datacenters(&mut pool, &scope, &listed[skipped..]);
            }
            ("geoip", None) => self.mapped(&mut pool, &scope)?,
            ("multifo", None) => {
                let group = self.group(plugin, value, &scope, &mut pool.notes)?;
                let az = self.az(name);
                pool.order = Order::Failover(vec![az.clone()]);
                add(&mut pool, az, group);
            }
            ("simplefo", None) => self.primary_and_secondary(&mut pool, value, &scope, name),
            ("weighted", None) => self.weighted(&mut pool, value, &scope, name),
            (plugin, _) => return Err(format!("plugin {plugin} gives no pool")),
        }
        Ok(pool)
    }

    /// A resource as it is written, and where its parameters are.
    fn find(&mut self, plugin: &str, resource: &str) -> Result<(&'a Value, Scope<'a>), String> {
        if !PLUGINS.contains(&plugin) {
            return Err(format!("plugin {plugin} has no counterpart"));
        }
        self.used.insert((plugin.to_owned(), resource.to_owned()));
        let plugins = self.plugins;
        let all = get(plugins, plugin).and_then(Value::table);
        let all = all.ok_or_else(|| format!("plugin {plugin} is not configured"))?;
        let resources = match plugin {
            "geoip" | "metafo" => get(all, "resources").and_then(Value::table),
            _ => Some(all),
        };
        let value = resources.and_then(|resources| get(resources, resource));
        let value = value.ok_or_else(|| format!("there is no resource {plugin}!{resource}"))?;
        Ok((value, value.table().into_iter().chain([all]).collect()))
    }

    /// What `static!resource` says.
    pub(super) fn static_target(&mut self, resource: &str) -> Result<Target, String> {
        let (value, _) = self.find("static", resource)?;
        value.text().and_then(target).ok_or_else(|| format!("static!{resource} is no address"))
    }

    /// Gives `pool` these datacenters of `dcmap`, as azs in this order.
    pub(super) fn datacenters(&mut self, pool: &mut Pool, scope: &Scope<'a>, listed: &[&str]) {
        let dcmap = parameter(scope, "dcmap").and_then(Value::table);
        let mut order = vec![];
        for datacenter in listed {
            // Also where nothing of it maps: a pool must not go on without its first.
            let az = self.az(datacenter);
            order.push(az.clone());
            let Some(value) = dcmap.and_then(|dcmap| get(dcmap, datacenter)) else {
                let text = format!("datacenter {datacenter} is not in `dcmap`");
                pool.notes.push(Note::new(&pool.place, text));
                continue;
            };
            match self.datacenter(value, scope, &mut pool.notes) {
                Ok(group) => add(pool, az, group),
                Err(why) => {
                    let text = format!("datacenter {datacenter} is left out: {why}");
                    pool.notes.push(Note::new(&value.place, text));
                }
            }
        }
        pool.order = Order::Failover(order);
    }

    /// A value of `dcmap`: a resource of another plugin, or what would be one.
    fn datacenter(
        &mut self,
        value: &'a Value,
        scope: &Scope<'a>,
        notes: &mut Vec<Note>,
    ) -> Result<Group, String> {
        let usual = parameter(scope, "plugin").and_then(Value::text).unwrap_or("multifo");
        if let Some((plugin, resource)) = value.text().and_then(|text| text.split_once('!')) {
            let plugin = plugin.strip_prefix('%').filter(|plugin| !plugin.is_empty());
            let plugin = plugin.unwrap_or(usual);
            let (value, scope) = self.find(plugin, resource)?;
            return self.group(plugin, value, &scope, notes);
        }
        let Some(table) = value.table() else {
            return self.group("multifo", value, scope, notes);
        };
        let plugin = get(table, "plugin").and_then(Value::text).unwrap_or(usual);
        let scope: Scope<'a> = [&[table], scope.as_slice()].concat();
        self.group(plugin, value, &scope, notes)
    }

    /// All endpoints of a resource, as those of one az.
    fn group(
        &mut self,
        plugin: &str,
        value: &'a Value,
        scope: &Scope<'a>,
        notes: &mut Vec<Note>,
    ) -> Result<Group, String> {
        let families = families(value);
        let mut targets = vec![];
        for stanza in &families {
            match plugin {
                "multifo" | "static" => targets.extend(addresses(stanza, notes)),
                "simplefo" => {
                    let text = "an az's endpoints all serve, so the secondary is left out";
                    notes.push(Note::new(&stanza.place, text));
                    let primary = stanza.table().and_then(|table| get(table, "primary"));
                    targets.extend(primary.and_then(Value::text).and_then(target));
                }
                "weighted" => {
                    let items = items(stanza, notes);
                    if items.iter().any(|item| item.weight != items[0].weight) {
                        let text = "weights within an az have no counterpart: all are given alike";
                        notes.push(Note::new(&stanza.place, text));
                    }
                    targets.extend(items.into_iter().flat_map(|item| item.targets));
                    let text = "an az's endpoints are all given";
                    name_weighted_parameters(stanza, scope, text, notes);
                }
                plugin => return Err(format!("plugin {plugin} within an az has no counterpart")),
            }
        }
        let is_multifo = plugin == "multifo";
        let (check, threshold) = self.monitoring(&families, scope, notes);
        if is_multifo && is_true(scope, "ignore_health") {
            notes.push(Note::new(&value.place, "`ignore_health` has no counterpart"));
        }
        let min_up = (is_multifo && targets.len() > 1).then(|| min_up(threshold));
        Ok(Group { targets, check, min_up })
    }

    /// The check of a resource, of its first family, and its `up_thresh`.
    fn monitoring(
        &mut self,
        families: &[&'a Value],
        scope: &Scope<'a>,
        notes: &mut Vec<Note>,
    ) -> (Option<String>, Option<&'a Value>) {
        let of = |family: &'a Value, key: &str| {
            let own = family.table().and_then(|table| get(table, key));
            own.or_else(|| parameter(scope, key))
        };
        let mut found = families.iter().map(|family| of(family, "service_types"));
        let first = found.next().flatten();
        if let Some(other) =
            found.flatten().find(|other| Some(other.texts()) != first.map(Value::texts))
        {
            let text = "a pool has one check, so this family has that of the other";
            notes.push(Note::new(&other.place, text));
        }
        let check = self.check(first, notes);
        (check, families.first().and_then(|family| of(family, "up_thresh")))
    }

    /// Active and passive, each an az of this resource alone.
    fn primary_and_secondary(
        &mut self,
        pool: &mut Pool,
        value: &'a Value,
        scope: &Scope<'a>,
        name: &str,
    ) {
        let families = families(value);
        let (check, _) = self.monitoring(&families, scope, &mut pool.notes);
        let mut order = vec![];
        for label in ["primary", "secondary"] {
            let of = |family: &&Value| target(get(family.table()?, label)?.text()?);
            let targets = families.iter().filter_map(of).collect();
            let az = self.az(&format!("{name}-{label}"));
            order.push(az.clone());
            add(pool, az, Group { targets, check: check.clone(), min_up: None });
        }
        pool.order = Order::Failover(order);
    }

    /// Each item, or group of items, an az of this resource alone.
    fn weighted(&mut self, pool: &mut Pool, value: &'a Value, scope: &Scope<'a>, name: &str) {
        let families = families(value);
        let (check, _) = self.monitoring(&families, scope, &mut pool.notes);
        let mut all: Vec<Item> = vec![];
        for family in families {
            let text = "a client gets one item, not several";
            name_weighted_parameters(family, scope, text, &mut pool.notes);
            for item in items(family, &mut pool.notes) {
                match all.iter_mut().find(|known| known.label == item.label) {
                    None => all.push(item),
                    Some(known) => {
                        if known.weight != item.weight {
                            let text = format!("an az has one weight; {} has two", item.label);
                            pool.notes.push(Note::new(&family.place, text));
                        }
                        known.targets.extend(item.targets);
                    }
                }
            }
        }
        let mut weights = vec![];
        for Item { label, targets, weight } in all {
            let az = self.az(&format!("{name}-{label}"));
            weights.push((az.clone(), weight));
            add(pool, az, Group { targets, check: check.clone(), min_up: None });
        }
        pool.order = Order::Weighted(weights);
    }
}

/// Names what a weighted stanza says of health and of answers; what those are here, `instead`.
fn name_weighted_parameters(
    stanza: &Value,
    scope: &Scope<'_>,
    instead: &str,
    notes: &mut Vec<Note>,
) {
    let scope = stanza.table().into_iter().chain(scope.iter().copied()).collect();
    if let Some(threshold) = parameter(&scope, "up_thresh") {
        let text = "`up_thresh` of weights has no counterpart";
        notes.push(Note::new(&threshold.place, text));
    }
    if let Some(multi) = parameter(&scope, "multi").filter(|_| is_true(&scope, "multi")) {
        let text = format!("`multi` has no counterpart: {instead}");
        notes.push(Note::new(&multi.place, text));
    }
}

/// Gives `pool` an az.
fn add(pool: &mut Pool, az: String, Group { targets, check, min_up }: Group) {
    let is_monitored = targets.iter().any(|target| matches!(target, Target::Address(_)));
    if pool.endpoints.is_empty() {
        pool.check = check;
    } else if is_monitored && pool.check != check {
        let text = format!("a pool has one check, so az {az} has that of the first");
        pool.notes.push(Note::new(&pool.place, text));
    }
    match (min_up, pool.keys.iter().find(|key| key.starts_with("min_up"))) {
        (Some(min_up), None) => {
            for (other, _) in pool.endpoints.iter().filter(|(_, of)| of.len() > 1) {
                let text = format!("a pool has one {min_up}, which az {other} has too");
                pool.notes.push(Note::new(&pool.place, text));
            }
            pool.keys.push(min_up);
        }
        (None, Some(first)) if targets.len() > 1 => {
            let text = format!("a pool has one {first}, which az {az} has too");
            pool.notes.push(Note::new(&pool.place, text));
        }
        (Some(min_up), Some(first)) if *first != min_up => {
            let text = format!("a pool has one {first}, not {min_up} for az {az}");
            pool.notes.push(Note::new(&pool.place, text));
        }
        _ => {}
    }
    pool.endpoints.push((az, targets.into_iter().map(Endpoint::from).collect()));
}

/// The stanzas of address families, or the whole if there are none.
fn families(value: &Value) -> Vec<&Value> {
    let of = |key| value.table().and_then(|table| get(table, key));
    let families: Vec<_> = ["addrs_v4", "addrs_v6"].into_iter().filter_map(of).collect();
    if families.is_empty() { vec![value] } else { families }
}

/// The addresses of a multifo stanza.
fn addresses(stanza: &Value, notes: &mut Vec<Note>) -> Vec<Target> {
    let values: Vec<&Value> = match &stanza.data {
        Data::Text(_) | Data::List(_) => stanza.items().iter().collect(),
        Data::Table(table) => entries(table).map(|(_, value)| value).collect(),
    };
    let mut targets = vec![];
    for value in values {
        match value.text().and_then(target) {
            Some(target) => targets.push(target),
            None => notes.push(Note::new(&value.place, "this is no address")),
        }
    }
    targets
}

/// The items of a weighted stanza.
fn items(stanza: &Value, notes: &mut Vec<Note>) -> Vec<Item> {
    let mut items = vec![];
    for (label, value) in stanza.table().into_iter().flat_map(entries) {
        let label = label.clone();
        match (&value.data, weighed(value)) {
            (_, Some((target, weight))) => {
                items.push(Item { label, targets: vec![target], weight });
            }
            (Data::Table(group), _) => {
                let members: Vec<_> =
                    entries(group).filter_map(|(_, value)| weighed(value)).collect();
                if members.iter().any(|(_, weight)| *weight != members[0].1) {
                    let text = format!("weights within group {label} have no counterpart");
                    notes.push(Note::new(&value.place, text));
                }
                let weight = members.iter().map(|(_, weight)| weight).sum();
                let targets = members.into_iter().map(|(target, _)| target).collect();
                items.push(Item { label, targets, weight });
            }
            _ => notes.push(Note::new(&value.place, "this is no address with a weight")),
        }
    }
    items
}

/// `[ 192.0.2.1, 10 ]`.
fn weighed(value: &Value) -> Option<(Target, u32)> {
    match value.texts().as_slice() {
        [text, weight] => Some((target(text)?, weight.parse().ok()?)),
        _ => None,
    }
}

/// The entries of a table that are no parameters.
pub(super) fn entries(table: &Table) -> impl Iterator<Item = &(String, Value)> {
    table.iter().filter(|(key, _)| !PARAMETERS.contains(&key.as_str()))
}

fn target(text: &str) -> Option<Target> {
    match text.parse() {
        Ok(address) => Some(Target::Address(address)),
        Err(_) => text.ends_with('.').then(|| Target::Name(text.to_owned())),
    }
}

/// The innermost `key`.
pub(super) fn parameter<'a>(scope: &Scope<'a>, key: &str) -> Option<&'a Value> {
    scope.iter().find_map(|table| get(table, key))
}

pub(super) fn is_true(scope: &Scope<'_>, key: &str) -> bool {
    let value = parameter(scope, key).and_then(Value::text);
    value.is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// `min_up` of an `up_thresh`, in whole percents; half where there is none.
fn min_up(threshold: Option<&Value>) -> String {
    let share = threshold.and_then(Value::text).and_then(|text| text.parse::<f64>().ok());
    // 0.3 is a little more than 30 % in binary.
    let percent = (share.unwrap_or(0.5) * 100.0 - 1e-6).ceil().clamp(1.0, 100.0);
    format!("min_up = \"{percent:.0}%\"")
}

/// Plugins that have a counterpart.
pub(super) const PLUGINS: [&str; 6] =
    ["geoip", "metafo", "multifo", "simplefo", "static", "weighted"];

/// Keys beside which others are labels or resources.
const PARAMETERS: [&str; 12] = [
    "addrs_v4",
    "addrs_v6",
    "datacenters",
    "dcmap",
    "ignore_health",
    "map",
    "multi",
    "plugin",
    "resources",
    "service_types",
    "skip_first",
    "up_thresh",
];
