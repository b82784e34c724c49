//! gdnsd 3: its `config`, what that includes, and `zones/`.
//!
//! A resource becomes a pool of `meridian.toml` once for each TTL with which records ask for it,
//! because there a TTL is the pool's. Timing and thresholds are written as they were, defaults of
//! gdnsd included, so that an import changes none.

mod check;
mod map;
mod pool;
mod vscf;
mod zone;

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{Draft, Target, Zone, list};
use super::{Files, Import, Names, Note};

use vscf::{Data, Table, Value, get};
use zone::Dynamic;

/// The import of a configuration directory, whose paths are relative to it. `geoip` of the files
/// that [`Files`] can't hold, databases, are known by their names: absolute, by path in `geoip/`.
pub fn import(files: &Files, databases: &BTreeMap<String, String>) -> Result<Import, Note> {
    let config = match files.contains_key(CONFIG) {
        true => vscf::read(files, CONFIG)?,
        false => Value { place: vscf::Place::new(CONFIG, 1), data: Data::Table(vec![]) },
    };
    let table = |key| config.table().and_then(|config| get(config, key)).and_then(Value::table);
    let none = Table::new();
    let (options, service_types, plugins) = (
        table("options").unwrap_or(&none),
        table("service_types").unwrap_or(&none),
        table("plugins").unwrap_or(&none),
    );
    let mut importer = Importer {
        files,
        service_types,
        plugins,
        draft: Draft::default(),
        azs: Names::default(),
        checks: Names::default(),
        pool_names: Names::default(),
        pools: BTreeMap::new(),
        used: BTreeSet::new(),
    };
    let default_ttl = importer.options(options);
    importer.databases(databases);
    importer.zones(default_ttl);
    importer.report_unused();
    if importer.draft.zones.is_empty() {
        return Err(Note::new("zones/", "there is no zone file"));
    }
    Ok(importer.draft.finish("Imported from gdnsd."))
}

struct Importer<'a> {
    files: &'a Files,
    service_types: &'a Table,
    plugins: &'a Table,
    draft: Draft,
    azs: Names,
    checks: Names,
    pool_names: Names,
    /// The pool of a plugin, resource, TTL and shortest TTL; `None` if there could be none.
    pools: BTreeMap<(String, String, u32, u32), Option<String>>,
    /// Plugins and resources that something asks for.
    used: BTreeSet<(String, String)>,
}

impl<'a> Importer<'a> {
    /// Takes what the server listens on; names the rest. Returns the default TTL of zones.
    fn options(&mut self, options: &Table) -> u32 {
        let number = |key| get(options, key).and_then(Value::text).and_then(|n| n.parse().ok());
        let port = number("dns_port").unwrap_or(53);
        for (key, value) in options {
            match key.as_str() {
                "listen" => self.listen(value, port),
                "dns_port" | "zones_default_ttl" => {}
                _ => {
                    let text = format!("option `{key}` has no counterpart");
                    self.draft.notes.push(Note::new(&value.place, text));
                }
            }
        }
        number("zones_default_ttl").unwrap_or(86400)
    }

    fn listen(&mut self, value: &Value, port: u32) {
        let addresses = match &value.data {
            Data::Table(table) => table.iter().map(|(address, _)| address.as_str()).collect(),
            Data::Text(_) | Data::List(_) => value.texts(),
        };
        if let Some((address, with)) = value.table().and_then(|table| {
            table.iter().find(|(_, with)| with.table().is_some_and(|with| !with.is_empty()))
        }) {
            let text = format!("options of the address {address} have no counterpart");
            self.draft.notes.push(Note::new(&with.place, text));
        }
        let with_port = |address: &str| match address.parse::<std::net::IpAddr>() {
            Ok(ip) => std::net::SocketAddr::new(ip, u16::try_from(port).unwrap_or(53)).to_string(),
            Err(_) => address.to_owned(),
        };
        let addresses: Vec<_> = match addresses.as_slice() {
            ["any"] if port == 53 => return,
            ["any"] => ["0.0.0.0", "::"].map(with_port).into(),
            addresses => addresses.iter().map(|address| with_port(address)).collect(),
        };
        self.draft.server.push(format!("listen = {}", list(&addresses)));
    }

    /// Names the databases that maps use, in front of Meridian's own.
    fn databases(&mut self, databases: &BTreeMap<String, String>) {
        for (_, map) in self.maps().into_iter().flatten() {
            let Some(value) = map.table().and_then(|map| get(map, "geoip2_db")) else { continue };
            let name = value.text().unwrap_or_default();
            let path = match name.starts_with('/') {
                true => Some(name.to_owned()),
                false => databases.get(&vscf::beside("geoip/", name)).cloned(),
            };
            match path {
                Some(path) if self.draft.databases.contains(&path) => {}
                Some(path) => self.draft.databases.push(path),
                None => {
                    let text = format!("there is no {name} in geoip/; add it to [geoip] databases");
                    self.draft.notes.push(Note::new(&value.place, text));
                }
            }
        }
        if !self.draft.databases.is_empty() {
            self.draft.databases.push("geoip/world.mmdb".to_owned());
        }
    }

    fn zones(&mut self, default_ttl: u32) {
        for file in self.files.keys() {
            let Some(name) = file.strip_prefix("zones/") else { continue };
            if name.contains('/') || name.starts_with('.') {
                continue;
            }
            // In names of files `@` stands for `/` (RFC 2317).
            let (stem, origin) = match name {
                "ROOT_ZONE" => ("@".to_owned(), ".".to_owned()),
                name => {
                    let name = name.trim_end_matches('.');
                    (name.replace('@', "\\047"), name.replace('@', "/") + ".")
                }
            };
            let plain = zone::read(self.files, file, &origin, default_ttl);
            let zone = Zone { stem, text: plain.text, notes: plain.notes, ..Zone::default() };
            self.bind(zone, &plain.dynamic);
        }
    }

    /// Binds the dynamic records of `zone`. Records stand in for resources that always say one
    /// thing.
    fn bind(&mut self, mut zone: Zone, dynamic: &[Dynamic]) {
        let mut inserted = vec![];
        for record in dynamic {
            let Dynamic { place, owner, plugin, resource, ttl, min_ttl, at } = record;
            if plugin == "static" {
                match self.static_target(resource) {
                    Ok(target) => {
                        let (rtype, target) = match target {
                            Target::Address(ip) if ip.is_ipv4() => ("A", ip.to_string()),
                            Target::Address(ip) => ("AAAA", ip.to_string()),
                            Target::Name(name) => ("CNAME", name),
                        };
                        let origin = if zone.stem == "@" { "." } else { &zone.stem };
                        let owner = match owner.as_str() {
                            "@" => format!("{}.", origin.trim_end_matches('.')),
                            owner if owner.ends_with('.') => owner.to_owned(),
                            owner => format!("{owner}.{}.", origin.trim_end_matches('.')),
                        };
                        inserted.push((*at, format!("{owner} {ttl} {rtype} {target}\n")));
                    }
                    Err(why) => zone.notes.push(Note::new(place, why)),
                }
                continue;
            }
            match self.pool(plugin, resource, *ttl, *min_ttl) {
                Ok(pool) => zone.policy.names.push((owner.clone(), pool)),
                Err(why) => zone.notes.push(Note::new(place, why)),
            }
        }
        for (at, line) in inserted.into_iter().rev() {
            zone.text.insert_str(at, &line);
        }
        self.draft.zones.push(zone);
    }

    /// Names what no record asks for.
    fn report_unused(&mut self) {
        for (plugin, value) in self.plugins {
            let table = value.table();
            let resources = match plugin.as_str() {
                "geoip" | "metafo" => table.and_then(|table| get(table, "resources")?.table()),
                plugin if pool::PLUGINS.contains(&plugin) => table,
                plugin => {
                    let text = format!("plugin {plugin} has no counterpart");
                    self.draft.notes.push(Note::new(&value.place, text));
                    continue;
                }
            };
            for (resource, value) in resources.into_iter().flat_map(pool::entries) {
                if !self.used.contains(&(plugin.clone(), resource.clone())) {
                    let text = format!("no record asks for {plugin}!{resource}; it is left out");
                    self.draft.notes.push(Note::new(&value.place, text));
                }
            }
        }
    }

    fn maps(&self) -> Option<&'a Table> {
        get(get(self.plugins, "geoip")?.table()?, "maps")?.table()
    }

    /// The az of a datacenter, or of a label within a resource.
    fn az(&mut self, name: &str) -> String {
        let az = self.azs.of(name, name);
        self.draft.azs.entry(az.clone()).or_default();
        az
    }
}

const CONFIG: &str = "config";
