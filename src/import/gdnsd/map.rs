//! Maps of the geoip plugin: which datacenters a client prefers, to the order and rules of a pool.
//!
//! The first rule that matches counts in Meridian, the most specific place in gdnsd: so networks
//! come first, the longest foremost, then subdivisions, countries and continents.

use std::collections::BTreeSet;

use super::super::Note;
use super::super::draft::{Order, Pool, Rule};
use super::Importer;
use super::pool::{Scope, is_true, parameter};
use super::vscf::{self, Data, Table, Value, get};

/// What a map says, from the most to the least specific.
#[derive(Default)]
struct Places<'a> {
    subdivisions: Vec<(String, &'a Value)>,
    countries: Vec<(String, &'a Value)>,
    continents: Vec<(String, &'a Value)>,
}

impl<'a> Importer<'a> {
    /// Gives `pool`, a resource of the geoip plugin, the azs, order and rules of its map.
    pub(super) fn mapped(&mut self, pool: &mut Pool, scope: &Scope<'a>) -> Result<(), String> {
        let name = parameter(scope, "map").and_then(Value::text).unwrap_or_default();
        let value = self.maps().and_then(|maps| get(maps, name));
        let value = value.ok_or_else(|| format!("there is no map `{name}`"))?;
        let map = value.table().ok_or_else(|| format!("map `{name}` is no table"))?;
        let listed = get(map, "datacenters").map(Value::texts).unwrap_or_default();
        self.datacenters(pool, scope, &listed);
        let listed = match &pool.order {
            Order::Failover(order) => order.clone(),
            Order::Nearest(_) | Order::Weighted(_) => vec![],
        };
        if is_true(scope, "skip_first") {
            pool.notes.push(Note::new(&pool.place, "`skip_first` of geoip has no counterpart"));
        }
        if is_true(&vec![map], "ignore_ecs") {
            pool.keys.push("ecs = false".to_owned());
        }
        let places = get(map, "map").and_then(Value::table);
        let default = places.and_then(|places| get(places, "default"));
        let coordinates = get(map, "auto_dc_coords").and_then(Value::table);
        let is_auto = coordinates.is_some() && default.is_none_or(is_automatic);
        match (coordinates.filter(|_| is_auto), default) {
            (Some(coordinates), _) => self.nearest(pool, coordinates, listed),
            (None, Some(default)) if !is_auto => {
                let order = default.texts().iter().map(|az| self.az(az)).collect();
                pool.order = Order::Failover(order);
            }
            (None, _) => {}
        }
        let mut rules = self.networks(pool, map)?;
        if let Some(places) = places {
            let mut found = Places::default();
            found.read_continents(places, pool);
            for (client, value) in
                found.subdivisions.iter().chain(&found.countries).chain(&found.continents)
            {
                if is_automatic(value) {
                    if !is_auto || found.is_within_a_list(client) {
                        let text = format!("`auto` for {client} within a list does not map");
                        pool.notes.push(Note::new(&value.place, text));
                    }
                    continue;
                }
                self.prefer(&mut rules, client.clone(), value, pool);
            }
        }
        self.name_short_lists(pool, value, &rules);
        pool.rules = rules;
        Ok(())
    }

    /// Orders by distance, with the coordinates that the map has.
    fn nearest(&mut self, pool: &mut Pool, coordinates: &Table, listed: Vec<String>) {
        for (datacenter, value) in coordinates {
            let number = |text: &&str| text.parse::<f64>().ok();
            let numbers: Vec<_> = value.texts().iter().filter_map(number).collect();
            let az = self.az(datacenter);
            let az = self.draft.azs.entry(az).or_default();
            match (numbers.as_slice(), az.location) {
                ([latitude, longitude], None) => az.location = Some((*latitude, *longitude)),
                ([latitude, longitude], Some(known)) if known == (*latitude, *longitude) => {}
                _ => {
                    let text = format!("an az has one location; {datacenter} keeps its first");
                    pool.notes.push(Note::new(&value.place, text));
                }
            }
        }
        let azs = &self.draft.azs;
        let has_location = |az: &str| azs.get(az).is_some_and(|az| az.location.is_some());
        for (az, endpoints) in &mut pool.endpoints {
            if !has_location(az) {
                let text = format!("az {az} has no coordinates, which `nearest` needs; left out");
                pool.notes.push(Note::new(&pool.place, text));
                endpoints.clear();
            }
        }
        pool.order = Order::Nearest(listed);
    }

    /// Rules for `nets`, in the map or in a file of its own.
    fn networks(&mut self, pool: &mut Pool, map: &Table) -> Result<Vec<Rule>, String> {
        let mut rules = vec![];
        let Some(value) = get(map, "nets") else { return Ok(rules) };
        let read;
        let table = match &value.data {
            Data::Table(table) => table,
            _ => {
                let path = vscf::beside("geoip/", value.text().unwrap_or_default());
                read = vscf::read(self.files, &path).map_err(|note| note.to_string())?;
                read.table().ok_or_else(|| format!("{path} has no networks"))?
            }
        };
        let mut networks = vec![];
        for (network, value) in table {
            let length = network.split_once('/').and_then(|(_, length)| length.parse::<u8>().ok());
            match length {
                Some(length) if !network.contains(':') || length <= 64 => {
                    networks.push((length, value.texts(), network, value));
                }
                _ => {
                    let text = format!("{network} does not map: IPv6 clients count by their /64");
                    pool.notes.push(Note::new(&value.place, text));
                }
            }
        }
        // Networks of one length are apart, so those with one list can share a rule.
        networks.sort_by(|a, b| (b.0, &a.1, a.2).cmp(&(a.0, &b.1, b.2)));
        for (_, _, network, value) in networks {
            self.prefer(&mut rules, format!("net:{network}"), value, pool);
        }
        Ok(rules)
    }

    /// Adds a rule, or clients to the last one if it prefers the same.
    fn prefer(&mut self, rules: &mut Vec<Rule>, client: String, value: &Value, pool: &mut Pool) {
        let prefer: Vec<_> = value.texts().iter().map(|az| self.az(az)).collect();
        if prefer.is_empty() {
            let text = format!("an empty list for {client} has no counterpart; it gets answers");
            pool.notes.push(Note::new(&value.place, text));
            return;
        }
        match rules.last_mut() {
            Some(last) if last.prefer == prefer => last.clients.push(client),
            _ => rules.push(Rule { clients: vec![client], prefer }),
        }
    }

    /// gdnsd never leaves a list; Meridian goes on to the pool's other azs.
    fn name_short_lists(&self, pool: &mut Pool, map: &Value, rules: &[Rule]) {
        let all: BTreeSet<_> = pool.endpoints.iter().map(|(az, _)| az).collect();
        let is_short = |list: &Vec<String>| list.iter().collect::<BTreeSet<_>>() != all;
        let order = match &pool.order {
            Order::Failover(order) => Some(order),
            Order::Nearest(_) | Order::Weighted(_) => None,
        };
        if rules.iter().map(|rule| &rule.prefer).chain(order).any(is_short) {
            let text = "lists without some datacenters: when all of a list are down, clients go to \
                        the others too";
            pool.notes.push(Note::new(&map.place, text));
        }
    }
}

impl<'a> Places<'a> {
    fn read_continents(&mut self, places: &'a Table, pool: &mut Pool) {
        for (code, value) in places.iter().filter(|(code, _)| code != "default") {
            let Some(table) = value.table() else {
                self.continents.push((format!("continent:{code}"), value));
                continue;
            };
            for (key, value) in table {
                match (key.as_str(), value.table()) {
                    ("default", _) => self.continents.push((format!("continent:{code}"), value)),
                    (country, None) => self.countries.push((format!("country:{country}"), value)),
                    (country, Some(below)) => self.read_country(country, below, pool),
                }
            }
        }
    }

    fn read_country(&mut self, country: &str, table: &'a Table, pool: &mut Pool) {
        for (key, value) in table {
            let is_code = key.len() <= 3 && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
            match (key.as_str(), value.table()) {
                ("default", _) => self.countries.push((format!("country:{country}"), value)),
                (code, None) if is_code => {
                    self.subdivisions.push((format!("subdivision:{country}-{code}"), value));
                }
                (code, Some(below)) if is_code => {
                    for (key, value) in below {
                        if key == "default" {
                            let client = format!("subdivision:{country}-{code}");
                            self.subdivisions.push((client, value));
                        } else {
                            let text = format!("`{key}` below {country}-{code} does not map");
                            pool.notes.push(Note::new(&value.place, text));
                        }
                    }
                }
                (city, _) => {
                    let text = format!("city `{city}` does not map: rules go down to subdivisions");
                    pool.notes.push(Note::new(&value.place, text));
                }
            }
        }
    }

    /// Whether a list of the country or continent around `client` holds for it where it has none.
    fn is_within_a_list(&self, client: &str) -> bool {
        let code = client.split_once(':').map_or("", |(_, code)| code);
        let country = code.split('-').next().unwrap_or(code);
        let is_list = |places: &[(String, &Value)], of: &str| {
            places.iter().any(|(client, value)| client == of && !is_automatic(value))
        };
        let continent = crate::geo::Country::from_code(country).and_then(|of| of.continent());
        let continent = continent.map_or("", |of| of.code());
        let within_country = client.starts_with("subdivision:")
            && is_list(&self.countries, &format!("country:{country}"));
        within_country || is_list(&self.continents, &format!("continent:{continent}"))
    }
}

fn is_automatic(value: &Value) -> bool {
    value.text() == Some("auto")
}
