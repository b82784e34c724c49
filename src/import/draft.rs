//! What an importer has understood, and the files that say it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use super::{Files, Import, Note};

/// A configuration in the making.
#[derive(Default)]
pub(super) struct Draft {
    /// Lines of `[server]`.
    pub(super) server: Vec<String>,
    pub(super) databases: Vec<String>,
    pub(super) azs: BTreeMap<String, Az>,
    /// Checks and pools of `meridian.toml`.
    pub(super) shared: Policy,
    pub(super) zones: Vec<Zone>,
    /// What concerns `meridian.toml`.
    pub(super) notes: Vec<Note>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Az {
    /// Latitude and longitude in degrees.
    pub(super) location: Option<(f64, f64)>,
    pub(super) country: Option<&'static str>,
    pub(super) bias: Option<f64>,
}

/// One zone and its two files.
#[derive(Default)]
pub(super) struct Zone {
    /// The files' name without ending.
    pub(super) stem: String,
    /// The master file.
    pub(super) text: String,
    pub(super) policy: Policy,
    pub(super) notes: Vec<Note>,
}

/// What a TOML file says of names, checks and pools.
#[derive(Default)]
pub(super) struct Policy {
    /// Owner and pool.
    pub(super) names: Vec<(String, String)>,
    /// By name, the lines of its table.
    pub(super) checks: BTreeMap<String, Vec<String>>,
    pub(super) pools: Vec<Pool>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pool {
    pub(super) name: String,
    /// Where the source has it.
    pub(super) place: String,
    pub(super) order: Order,
    pub(super) check: Option<String>,
    /// Lines that are TOML already.
    pub(super) keys: Vec<String>,
    pub(super) endpoints: Vec<(String, Vec<Endpoint>)>,
    /// Clients and the azs that they prefer, the first that matches counting.
    pub(super) rules: Vec<Rule>,
    pub(super) notes: Vec<Note>,
}

/// The policy of a pool.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Order {
    /// The order is for clients whose place is not known.
    Nearest(Vec<String>),
    Failover(Vec<String>),
    Weighted(Vec<(String, u32)>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) clients: Vec<String>,
    pub(super) prefer: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Endpoint {
    pub(super) target: Target,
    pub(super) probe: Option<SocketAddr>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    Address(IpAddr),
    /// Absolute, with a final dot.
    Name(String),
}

impl Default for Order {
    fn default() -> Self {
        Self::Failover(vec![])
    }
}

impl From<Target> for Endpoint {
    fn from(target: Target) -> Self {
        Self { target, probe: None }
    }
}

impl Draft {
    /// The files, which all begin with `heading`.
    pub(super) fn finish(mut self, heading: &str) -> Import {
        let shared = self.shared.settle(&mut self.notes);
        for zone in &mut self.zones {
            let own = zone.policy.settle(&mut zone.notes);
            let is_there = |pool: &String| !own.contains(pool) && !shared.contains(pool);
            zone.policy.names.retain(|(_, pool)| is_there(pool));
        }
        let mut files = Files::new();
        let mut notes = self.notes.clone();
        files.insert("meridian.toml".to_owned(), self.server_file(heading));
        notes.extend(self.shared.notes());
        for zone in &self.zones {
            notes.extend(zone.policy.notes());
            notes.extend(zone.notes.iter().cloned());
            let mut text = comment(';', [heading]);
            text += &comment(';', zone.notes.iter().map(|note| format!("Not imported: {note}")));
            text += &zone.text;
            files.insert(format!("zones/{}.zone", zone.stem), text);
            let policy = zone.policy.render();
            if !policy.is_empty() {
                let text = comment('#', [heading]) + &policy;
                files.insert(format!("zones/{}.toml", zone.stem), text);
            }
        }
        notes.sort_by(|a, b| (natural(&a.place), &a.text).cmp(&(natural(&b.place), &b.text)));
        notes.dedup();
        Import { files, notes }
    }

    fn server_file(&self, heading: &str) -> String {
        let mut text = comment('#', [heading]);
        text += &comment('#', self.notes.iter().map(|note| format!("Not imported: {note}")));
        if !self.server.is_empty() {
            text += &format!("\n[server]\n{}\n", self.server.join("\n"));
        }
        if !self.databases.is_empty() {
            let databases: Vec<_> = self.databases.iter().map(|path| quoted(path)).collect();
            text += &format!("\n[geoip]\ndatabases = [{}]\n", databases.join(", "));
        }
        for (name, Az { location, country, bias }) in &self.azs {
            text += &format!("\n[az.{name}]\n");
            if let Some((latitude, longitude)) = location {
                text += &format!("location = [{latitude:?}, {longitude:?}]\n");
            }
            if let Some(country) = country {
                text += &format!("country = \"{country}\"\n");
            }
            if let Some(bias) = bias {
                text += &format!("bias = {bias:?}\n");
            }
        }
        text + &self.shared.render()
    }
}

impl Policy {
    /// Settles the pools. Returns the names of those that are left out, whose notes join `notes`.
    fn settle(&mut self, notes: &mut Vec<Note>) -> Vec<String> {
        let mut left_out = vec![];
        self.pools.retain_mut(|pool| {
            let Some(az) = pool.settle() else { return true };
            notes.append(&mut pool.notes);
            let text = format!(
                "without az {az} pool {} would send clients elsewhere: it is left out, with the \
                 names that it answers",
                pool.name
            );
            notes.push(Note::new(&pool.place, text));
            left_out.push(pool.name.clone());
            false
        });
        left_out
    }

    fn notes(&self) -> impl Iterator<Item = Note> {
        self.pools.iter().flat_map(|pool| pool.notes.iter().cloned())
    }

    fn render(&self) -> String {
        let mut text = String::new();
        if !self.names.is_empty() {
            text += "\n[names]\n";
        }
        for (owner, pool) in &self.names {
            text += &format!("{} = {}\n", quoted(owner), quoted(pool));
        }
        for (name, lines) in &self.checks {
            text += &format!("\n[check.{name}]\n{}\n", lines.join("\n"));
        }
        self.pools.iter().for_each(|pool| text += &pool.render());
        text
    }
}

impl Pool {
    /// Whether it has nothing to give.
    pub(super) fn is_empty(&self) -> bool {
        self.endpoints.iter().all(|(_, endpoints)| endpoints.is_empty())
    }

    fn render(&self) -> String {
        let mut text = format!("\n# {}\n", self.place);
        text += &comment('#', self.notes.iter().map(|note| format!("Not imported: {note}")));
        text += &format!("[pool.{}]\n", self.name);
        match &self.order {
            Order::Nearest(order) => {
                text += "policy = \"nearest\"\n";
                if !order.is_empty() {
                    text += &format!("order = {}\n", list(order));
                }
            }
            Order::Failover(order) => {
                text += &format!("policy = \"failover\"\norder = {}\n", list(order));
            }
            Order::Weighted(weights) => {
                let weights: Vec<_> =
                    weights.iter().map(|(az, weight)| format!("{az} = {weight}")).collect();
                text += "policy = \"weighted\"\n";
                if !weights.is_empty() {
                    text += &format!("weights = {{ {} }}\n", weights.join(", "));
                }
            }
        }
        if let Some(check) = &self.check {
            text += &format!("check = \"{check}\"\n");
        }
        self.keys.iter().for_each(|key| text += &format!("{key}\n"));
        for (az, endpoints) in &self.endpoints {
            let written: Vec<_> = endpoints.iter().map(Endpoint::render).collect();
            let written = match endpoints.as_slice() {
                [Endpoint { target: Target::Name(_), .. }] => written.concat(),
                _ => format!("[{}]", written.join(", ")),
            };
            text += &format!("endpoints.{az} = {written}\n");
        }
        for Rule { clients, prefer } in &self.rules {
            let (clients, prefer) = (list(clients), list(prefer));
            text += &format!("\n[[pool.{}.rules]]\n", self.name);
            text += &format!("clients = {clients}\nprefer = {prefer}\n");
        }
        text
    }
}

impl Endpoint {
    fn render(&self) -> String {
        let (key, target) = match &self.target {
            Target::Address(address) => ("address", quoted(&address.to_string())),
            Target::Name(name) => ("name", quoted(name)),
        };
        match self.probe {
            None => target,
            Some(probe) => format!("{{ {key} = {target}, probe = \"{probe}\" }}"),
        }
    }
}

/// `text` as a string of TOML.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Strings as a list of TOML.
pub(super) fn list<S: AsRef<str>>(items: &[S]) -> String {
    let items: Vec<_> = items.iter().map(|item| quoted(item.as_ref())).collect();
    format!("[{}]", items.join(", "))
}

/// Lines behind `mark`; a line break in one does not end the comment.
fn comment<S: AsRef<str>>(mark: char, lines: impl IntoIterator<Item = S>) -> String {
    let mut text = String::new();
    for line in lines {
        let line = line.as_ref().replace(|c: char| c.is_control(), " ");
        let _ = writeln!(text, "{mark} {line}");
    }
    text
}

/// Places in the order of the source: the line counts as a number.
fn natural(place: &str) -> (&str, usize) {
    match place.rsplit_once(':').map(|(file, line)| (file, line.parse())) {
        Some((file, Ok(line))) => (file, line),
        _ => (place, 0),
    }
}
