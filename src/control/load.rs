//! Reads every file and compiles what a generation is made of, apart from health.
//!
//! `run`, `check`, a reload and `explain --offline` all call [`load`]. A fault in `meridian.toml`
//! refuses the whole; one in a zone's files concerns that zone and one in a database the databases,
//! which stay what they are in the `previous` load. What did not change is shared with that.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::answer::{Answering, Generation, Snapshot, Zones};
use crate::config::{self, Code, Config, Environment, Settings};
use crate::diag::{self, Diagnostic, Sources, Style};
use crate::geo::{Database, DatabaseInfo, Places, View};
use crate::id::IdVec;
use crate::probe::Probes;
use crate::route::{Preferences, Routing, RoutingTable, ViewId, policy};
use crate::span::Severity;
use crate::wire::Name;
use crate::zone::ZoneSet;

use super::status::{DatabaseStatus, Standing, ZoneStatus};

/// What a load came to.
pub struct Loaded {
    /// The topology and its preferences.
    pub routing: Routing,
    /// What is probed.
    pub probes: Probes,
    /// What was found at fault.
    pub report: Report,
    config: Config,
    answering: Arc<Answering>,
    zones: Arc<Zones>,
    databases: Databases,
    views: Arc<IdVec<ViewId, Arc<View>>>,
}

/// The faults of a load, with the files they are in.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The files.
    pub sources: Sources,
    /// The faults.
    pub diagnostics: Vec<Diagnostic>,
}

/// The places, and the files that they were compiled from.
#[derive(Clone)]
struct Databases {
    files: Vec<FileVersion>,
    places: Arc<Places>,
}

/// What tells one version of a file from another without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FileVersion {
    path: PathBuf,
    length: u64,
    modified: Option<SystemTime>,
}

/// Why files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// Somebody asked: a start, `meridian reload`, SIGHUP, `meridian check`. What the files say counts.
    Asked,
    /// They were seen to change. What looks like an accident waits until somebody asks.
    Watched,
}

/// Loads the configuration at `path`. An error means that nothing of it can be used.
pub fn load(
    path: &Path,
    environment: &Environment,
    previous: Option<&Loaded>,
    _occasion: Occasion,
) -> Result<Loaded, Report> {
    let files = config::load(path, environment);
    let (config, more) = files.build(previous.map(|previous| &previous.config));
    let mut report = Report { sources: files.sources, diagnostics: files.diagnostics };
    report.diagnostics.extend(more);
    let last = previous.map(|previous| &previous.databases);
    let databases = Databases::load(&files.databases, last, &mut report).or_else(|| last.cloned());
    let (Some(config), Some(databases)) = (config, databases) else { return Err(report) };
    let (views, preferences) = compile_views(&config, &databases, previous);
    let unprobed = Probes::default();
    let last = previous.map_or(&unprobed, |previous| &previous.probes);
    let probes = Probes::compile(&config.topology.monitors, last);
    report.diagnostics.extend(probe_faults(&config, &probes));
    // At a start an endpoint that can't be probed is better than none; later, what is served stays.
    if previous.is_some() && !probes.faults().is_empty() {
        return Err(report);
    }
    let routing = Routing { topology: config.topology.clone(), preferences };
    let answering =
        Answering { udp_payload: config.settings.udp_payload, ecs: config.settings.ecs.clone() };
    Ok(Loaded {
        routing,
        probes,
        report,
        answering: Arc::new(answering),
        zones: Arc::new(zones(&config)),
        config,
        databases,
        views: Arc::new(views),
    })
}

impl Loaded {
    /// What `meridian.toml` says of this server.
    pub fn settings(&self) -> &Settings {
        &self.config.settings
    }

    /// The generation that answers by these files and by `routes`.
    pub fn snapshot(&self, generation: Generation, routes: Arc<RoutingTable>) -> Snapshot {
        Snapshot {
            generation,
            answering: self.answering.clone(),
            zones: self.zones.clone(),
            places: self.databases.places.clone(),
            views: self.views.clone(),
            routing: self.routing.clone(),
            routes,
        }
    }

    /// The names that pools steer.
    pub fn steered_names(&self) -> Vec<Name> {
        self.config.zones.iter().flat_map(|zone| zone.steered_names()).collect()
    }

    /// What was loaded, in a line.
    pub fn summary(&self) -> String {
        let topology = &self.config.topology;
        let endpoints: usize =
            topology.pools.values().flat_map(|pool| &pool.azs).map(|az| az.endpoints.len()).sum();
        let counts = [
            (self.config.zones.len(), "zone"),
            (topology.azs.len(), "az"),
            (topology.pools.len(), "pool"),
            (endpoints, "endpoint"),
            (self.databases.places.databases().len(), "database"),
        ];
        let counts: Vec<_> = counts
            .iter()
            .map(|(count, what)| format!("{count} {what}{}", if *count == 1 { "" } else { "s" }))
            .collect();
        counts.join(", ")
    }

    pub(super) fn zone_status(&self) -> Vec<ZoneStatus> {
        let zones = self.config.zones.iter().map(|zone| {
            let standing = match (zone.zone(), zone.is_kept) {
                (None, _) => Standing::Broken,
                (Some(_), true) => Standing::Kept,
                (Some(_), false) => Standing::Current,
            };
            ZoneStatus {
                origin: zone.origin.to_string(),
                standing,
                serial: zone.zone().map(|zone| zone.serial()),
                names: zone.zone().map_or(0, |zone| zone.names()),
                records: zone.zone().map_or(0, |zone| zone.records()),
            }
        });
        zones.collect()
    }

    pub(super) fn database_status(&self) -> Vec<DatabaseStatus> {
        self.databases.places.databases().iter().map(DatabaseStatus::of).collect()
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loaded({})", self.summary())
    }
}

impl Report {
    /// Whether anything was refused.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// The errors, a line each.
    pub fn errors(&self) -> Vec<String> {
        let errors = self.diagnostics.iter().filter(|diagnostic| diagnostic.is_error());
        errors.map(|diagnostic| diag::one_line(diagnostic, &self.sources)).collect()
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.diagnostics.iter().filter(|fault| fault.severity == Severity::Warning).count()
    }

    /// Every fault with its lines.
    pub fn render(&self, style: Style) -> String {
        let mut text = String::new();
        for diagnostic in &self.diagnostics {
            text.push_str(&diag::render(diagnostic, &self.sources, style));
            text.push_str("\n\n");
        }
        text
    }
}

impl Databases {
    /// The places of the configured databases: those of `last` if no file changed; `None` if one
    /// can't be used, which the report then says.
    fn load(paths: &[PathBuf], last: Option<&Self>, report: &mut Report) -> Option<Self> {
        let versions = paths.iter().map(|path| FileVersion::of(path));
        let files: Option<Vec<_>> = versions.collect();
        if let (Some(files), Some(last)) = (&files, last)
            && *files == last.files
        {
            return Some(last.clone());
        }
        let databases: Vec<_> = paths.iter().map(|path| database(path, report)).collect();
        let databases: Vec<_> = databases.into_iter().collect::<Option<_>>()?;
        if let Some(last) = last {
            let in_use = last.places.databases();
            let read = databases.iter().map(Database::info);
            report.diagnostics.extend(read.filter_map(|database| older(database, in_use)));
        }
        let places = Arc::new(Places::build(&databases));
        Some(Self { files: files.unwrap_or_default(), places })
    }
}

impl FileVersion {
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self { path: path.into(), length: metadata.len(), modified: metadata.modified().ok() })
    }
}

fn database(path: &Path, report: &mut Report) -> Option<Database> {
    let name = path.display().to_string();
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let fault = Code::Unreadable.fault(format!("can't read {name}: {error}"));
            let remedy = "`databases` in `[geoip]` names it; `[]` does without databases";
            report.diagnostics.push(fault.remedy(remedy));
            return None;
        }
    };
    match Database::read(name.clone(), bytes) {
        Ok(database) => Some(database),
        Err(error) => {
            let fault = Code::BadDatabase.fault(format!("{name}: {error}"));
            let remedy = "fetch the database again, or another one in MaxMind's format";
            report.diagnostics.push(fault.remedy(remedy));
            None
        }
    }
}

/// That a database is older than the one of its name that is in use.
fn older(database: &DatabaseInfo, in_use: &[DatabaseInfo]) -> Option<Diagnostic> {
    let last = in_use.iter().find(|last| last.name == database.name)?;
    (database.built < last.built).then(|| {
        let message = format!("{} is older than the one that it replaces", database.name);
        Code::OlderDatabase.fault(message).remedy("check what updates the file")
    })
}

/// A view for each of the topology's specs; those whose spec, azs and places are what they were are
/// taken over.
fn compile_views(
    config: &Config,
    databases: &Databases,
    previous: Option<&Loaded>,
) -> (IdVec<ViewId, Arc<View>>, IdVec<ViewId, Arc<Preferences>>) {
    let topology = &config.topology;
    let previous = previous.filter(|previous| {
        Arc::ptr_eq(&previous.databases.places, &databases.places)
            && previous.routing.topology.azs == topology.azs
    });
    let mut views = IdVec::new();
    let mut preferences = IdVec::new();
    for spec in topology.views.values() {
        let same = previous.and_then(|previous| {
            let id = previous.routing.topology.views.position(|of| of == spec)?;
            Some((previous.views[id].clone(), previous.routing.preferences[id].clone()))
        });
        let (view, orders) = same.unwrap_or_else(|| {
            let (view, orders) = policy::compile(spec, &topology.azs, &databases.places);
            (Arc::new(view), Arc::new(orders))
        });
        views.push(view);
        preferences.push(orders);
    }
    (views, preferences)
}

fn zones(config: &Config) -> Zones {
    let serving = config.zones.iter().filter_map(|zone| zone.zone().cloned());
    let broken = config.zones.iter().filter(|zone| zone.zone().is_none());
    let set = ZoneSet::new(serving, broken.map(|zone| zone.origin.clone()));
    let pools = set.iter().map(|(_, origin, _)| {
        let zone = config.zones.iter().find(|zone| zone.origin == *origin);
        zone.map(|zone| zone.pools.clone().into()).unwrap_or_default()
    });
    let pools = pools.collect();
    Zones { set, pools }
}

/// Monitors that can't be probed as they stand. What a check says was judged with its file; this
/// is what its authorities turned out to be.
fn probe_faults(config: &Config, probes: &Probes) -> Vec<Diagnostic> {
    let faults = probes.faults().iter().map(|(monitor, fault)| {
        let target = config.topology.monitors[*monitor].target;
        Code::Unprobeable.fault(format!("{target} can't be probed: {fault}"))
    });
    let stale = probes
        .stale()
        .iter()
        .map(|error| Code::StaleAuthorities.fault(format!("{error}; those read before go on")));
    faults.chain(stale).collect()
}
