//! Reads every file and compiles what a generation is made of, apart from health.
//!
//! `run`, `check`, a reload and `explain --offline` all call [`load`]. A fault in `meridian.toml`
//! refuses the whole; one in a zone's files concerns that zone and one in a database the databases,
//! which stay what they are in the `previous` load. What did not change is shared with that.

use std::fmt;
use std::mem;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde::{Deserialize, Serialize};

use crate::answer::{Answering, Generation, Snapshot, Zones};
use crate::clock::Clock;
use crate::config::{
    self, Code, Config, ConfiguredZone, Environment, Hold, Settings, Still, Survey,
};
use crate::diag::{self, Diagnostic, Record, Sources, Style};
use crate::geo::{Demand, Places, View};
use crate::id::IdVec;
use crate::probe::Probes;
use crate::route::change::{Change, Side, Views};
use crate::route::spread::Spreader;
use crate::route::{Compiler, Preferences, Routing, RoutingTable, ViewId, ViewSpec};
use crate::span::{Severity, Span};
use crate::time::Wall;
use crate::wire::Name;
use crate::zone::ZoneSet;

use super::databases::{Databases, Update};
use super::plan::too_many;
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
    pub sources: Box<Sources>,
    /// The faults.
    pub diagnostics: Vec<Diagnostic>,
    /// What is worth a line in the log, though no fault.
    pub notes: Vec<String>,
    /// What was looked at.
    pub survey: Box<Survey>,
    /// Whether what everything depends on was being changed, so that there is nothing to say.
    pub is_void: bool,
}

/// How much a load has of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Zones, those with faults too.
    pub zones: usize,
    /// Availability zones.
    pub azs: usize,
    /// Pools.
    pub pools: usize,
    /// Endpoints of all pools.
    pub endpoints: usize,
    /// GeoIP databases.
    pub databases: usize,
}

/// Why files are read.
#[derive(Clone, Debug)]
pub enum Occasion {
    /// Somebody asked: a start, `meridian reload`, SIGHUP, `meridian check`. What the files say counts.
    Asked,
    /// Somebody asked and takes it however many clients move.
    Confirmed,
    /// They were seen to change, and those that are still to be this. What is not waits until it is,
    /// and what looks like an accident until somebody asks.
    Watched(Arc<Still>),
}

/// Loads the configuration at `path`. An error means that nothing of it can be used.
pub fn load(
    path: &Path,
    environment: &Environment,
    previous: Option<&Loaded>,
    occasion: Occasion,
) -> Result<Loaded, Report> {
    let files = match (previous, &occasion) {
        // Nothing could stay as it is.
        (None, _) => config::load(path, environment),
        (Some(last), Occasion::Asked | Occasion::Confirmed) => {
            config::reload(path, environment, &last.config)
        }
        (Some(last), Occasion::Watched(still)) => {
            config::reload_still(path, environment, &last.config, still.clone())
        }
    };
    let (config, more) = files.build(previous.map(|previous| &previous.config));
    let config::Load { sources, diagnostics, databases: entries, survey, is_void, .. } = files;
    let (sources, survey, notes) = (Box::new(sources), Box::new(survey), vec![]);
    let mut report = Report { sources, diagnostics, notes, survey, is_void };
    if is_void {
        return Err(report);
    }
    report.diagnostics.extend(more);
    let last = previous.map(|previous| &previous.databases);
    // Only how long ago files changed and databases were built is asked of it.
    let now = Clock::start().now().wall;
    let databases = Databases::load(&entries, last, &occasion, now, &mut report);
    let databases = databases.or_else(|| last.cloned());
    let (Some(config), Some(databases)) = (config, databases) else { return Err(report) };
    let placed = match last.filter(|last| databases.is_update_of(last)) {
        Some(last) => update(&config, databases, last, previous, &occasion, &mut report),
        None => Placed::by(databases, &config, previous),
    };
    let Placed { databases, views, preferences } = placed;
    report.diagnostics.extend(databases.aged(now));
    report.diagnostics.extend(config.check_places(databases.places()));
    let unprobed = Probes::default();
    let last = previous.map_or(&unprobed, |previous| &previous.probes);
    let probes = Probes::compile(&config.topology.monitors, last);
    // Those of zones at fault too, which go on being probed as they were.
    let authorities = probes.authorities().filter(|path| !report.survey.has(path));
    for path in authorities.collect::<Vec<_>>() {
        report.survey.look(path);
    }
    report.survey.end_group();
    report.diagnostics.extend(probe_faults(&config, &probes));
    // At a start an endpoint that can't be probed is better than none; later, what is served stays.
    if previous.is_some() && !probes.faults().is_empty() {
        return Err(report);
    }
    let routing = Routing { topology: config.topology.clone(), preferences };
    let mut loaded = Loaded {
        routing,
        probes,
        report,
        answering: Arc::new(config.settings.answering()),
        zones: Arc::new(zones(&config)),
        config,
        databases,
        views: Arc::new(views),
    };
    if let Some(fault) = previous.and_then(|previous| too_many(previous, &loaded, &occasion)) {
        let mut report = mem::take(&mut loaded.report);
        report.diagnostics.push(fault);
        return Err(report);
    }
    Ok(loaded)
}

impl Loaded {
    /// What `meridian.toml` says of this server.
    pub fn settings(&self) -> &Settings {
        &self.config.settings
    }

    /// What it routes by, without health.
    pub(super) fn side(&self) -> Side<'_> {
        let Self { routing: Routing { topology, preferences }, databases, views, .. } = self;
        Side { topology, views: Views { places: databases.places(), views, preferences } }
    }

    /// The zones.
    pub(super) fn zones(&self) -> &[ConfiguredZone] {
        &self.config.zones
    }

    /// Where `meridian.toml` says where to listen, if it does.
    pub(super) fn listen_span(&self) -> Option<Span> {
        self.config.listen_span
    }

    /// The generation that answers by these files and by `routes`.
    pub fn snapshot(&self, generation: Generation, routes: Arc<RoutingTable>) -> Snapshot {
        Snapshot {
            generation,
            answering: self.answering.clone(),
            cookies: self.config.cookie_secrets.clone().filter(|_| self.settings().cookies),
            zones: self.zones.clone(),
            places: self.databases.places().clone(),
            views: self.views.clone(),
            routing: self.routing.clone(),
            routes,
        }
    }

    /// The names that pools steer.
    pub fn steered_names(&self) -> Vec<Name> {
        self.config.zones.iter().flat_map(|zone| zone.steered_names()).collect()
    }

    /// How much was loaded.
    pub fn counts(&self) -> Counts {
        let topology = &self.config.topology;
        let azs = topology.pools.values().flat_map(|pool| &pool.azs);
        Counts {
            zones: self.config.zones.len(),
            azs: topology.azs.len(),
            pools: topology.pools.len(),
            endpoints: azs.map(|az| az.endpoints.len()).sum(),
            databases: self.databases.places().databases().len(),
        }
    }

    pub(super) fn zone_status(&self) -> Vec<ZoneStatus> {
        let zones = self.config.zones.iter().map(|zone| {
            let standing = match (zone.zone(), zone.is_kept, zone.hold) {
                (None, _, _) => Standing::Broken,
                (Some(_), false, _) => Standing::Current,
                (Some(_), true, None) => Standing::Kept,
                (Some(_), true, Some(Hold::Gone)) => Standing::Gone,
                (Some(_), true, Some(Hold::Shrunk)) => Standing::Shrunk,
                (Some(_), true, Some(Hold::Changing)) => Standing::Changing,
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

    pub(super) fn database_status(&self, now: Wall) -> Vec<DatabaseStatus> {
        self.databases.status(now)
    }

    /// Databases that nobody seems to update, a line each.
    pub(super) fn aged_databases(&self, now: Wall) -> Vec<String> {
        let sources = Sources::default();
        self.databases.aged(now).map(|fault| diag::one_line(&fault, &sources)).collect()
    }
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Loaded({})", self.counts())
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

    /// Whether everything in the files took effect.
    pub fn is_clean(&self) -> bool {
        let is_changing = |fault: &Diagnostic| fault.code == Code::Changing.text();
        !self.is_void && !self.has_errors() && !self.diagnostics.iter().any(is_changing)
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.diagnostics.iter().filter(|fault| fault.severity == Severity::Warning).count()
    }

    /// Every fault, for programs.
    pub fn records(&self) -> Vec<Record> {
        self.diagnostics.iter().map(|fault| Record::of(fault, &self.sources)).collect()
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

/// Databases with the views of their places.
struct Placed {
    databases: Databases,
    views: IdVec<ViewId, Arc<View>>,
    preferences: IdVec<ViewId, Arc<Preferences>>,
}

impl Placed {
    fn by(databases: Databases, config: &Config, previous: Option<&Loaded>) -> Self {
        let (views, preferences) = compile_views(config, &databases, previous);
        Self { databases, views, preferences }
    }

    fn views(&self) -> Views<'_> {
        let Self { databases, views, preferences } = self;
        Views { places: databases.places(), views, preferences }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { zones, azs, pools, endpoints, databases } = *self;
        let counts = [
            (zones, "zone"),
            (azs, "az"),
            (pools, "pool"),
            (endpoints, "endpoint"),
            (databases, "database"),
        ];
        let counts = counts
            .map(|(count, what)| format!("{count} {what}{}", if count == 1 { "" } else { "s" }));
        f.write_str(&counts.join(", "))
    }
}

/// The updated databases; or the `last` ones, if it looks like an accident and nobody asked for it.
fn update(
    config: &Config,
    updated: Databases,
    last: &Databases,
    previous: Option<&Loaded>,
    occasion: &Occasion,
    report: &mut Report,
) -> Placed {
    let mut before = Placed::by(last.clone(), config, previous);
    let after = Placed::by(updated, config, previous);
    let change = Change::between(before.views(), after.views());
    let update = Update::new(last, &after.databases, change, &config.topology);
    match occasion {
        Occasion::Watched(_) if update.is_large() => {
            let (held, fault) = last.hold(after.databases, &update);
            report.diagnostics.push(fault);
            before.databases = held;
            before
        }
        Occasion::Asked | Occasion::Confirmed | Occasion::Watched(_) => {
            report.notes.push(format!("an update of the databases gives {update}"));
            after
        }
    }
}

/// A view for each of the topology's specs; those whose spec, azs, places and demand are what they were are
/// taken over.
fn compile_views(
    config: &Config,
    databases: &Databases,
    previous: Option<&Loaded>,
) -> (IdVec<ViewId, Arc<View>>, IdVec<ViewId, Arc<Preferences>>) {
    let topology = &config.topology;
    let previous = previous.filter(|previous| {
        Arc::ptr_eq(previous.databases.places(), databases.places())
            && previous.routing.topology.azs == topology.azs
            && spreads(&previous.config) == spreads(config)
            && (!spreads(config) || previous.config.demand == config.demand)
    });
    let kept = topology.views.values().map(|spec| {
        let previous = previous?;
        let id = previous.routing.topology.views.position(|of| of == spec)?;
        Some((previous.views[id].clone(), previous.routing.preferences[id].clone()))
    });
    let kept: Vec<_> = kept.collect();
    let new = topology.views.values().zip(&kept).filter(|(_, kept)| kept.is_none());
    let new: Vec<_> = new.map(|(spec, _)| spec).collect();
    let mut compiled = compile_new_views(&new, config, databases.places()).into_iter();
    let all = kept.into_iter().filter_map(|kept| kept.or_else(|| compiled.next()));
    let (views, preferences): (Vec<_>, Vec<_>) = all.unzip();
    (views.into_iter().collect(), preferences.into_iter().collect())
}

/// The views of `specs`, by as many threads as there are cores.
fn compile_new_views(
    specs: &[&ViewSpec],
    config: &Config,
    places: &Places,
) -> Vec<(Arc<View>, Arc<Preferences>)> {
    let azs = &config.topology.azs;
    let compiler = Compiler::new(azs, places);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = vec![];
        while let index = next.fetch_add(1, Ordering::Relaxed)
            && let Some(spec) = specs.get(index)
        {
            let (view, mut preferences) = compiler.compile(spec);
            if spreads(config) {
                let mut spreader = Spreader::new(spec, (&view, &preferences), places, azs);
                match &config.demand {
                    Demand::Uniform => spreader.add_everybody(),
                    demand @ Demand::Recorded(_) => {
                        demand.visit(places, |network, clients| spreader.add(network, clients));
                    }
                }
                let spread = spreader.finish();
                preferences = preferences.with_spread(spread);
            }
            done.push((index, (Arc::new(view), Arc::new(preferences))));
        }
        done
    };
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut done = thread::scope(|scope| {
        let helpers: Vec<_> = (1..cores.min(specs.len())).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for helper in helpers {
            done.extend(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, view)| view).collect()
}

/// Whether it matters how clients are spread over preferences.
fn spreads(config: &Config) -> bool {
    !config.topology.capacities.limits.is_empty()
}

fn zones(config: &Config) -> Zones {
    let serving = config.zones.iter().filter_map(|zone| zone.zone().cloned());
    let broken = config.zones.iter().filter(|zone| zone.zone().is_none());
    let set = ZoneSet::new(serving, broken.map(|zone| zone.origin.clone()));
    let pools = set.iter().map(|(_, origin, _)| {
        config.zone(origin).map(|zone| zone.pools.clone().into()).unwrap_or_default()
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
