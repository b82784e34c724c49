//! Finding and reading the files: `meridian.toml`, and the zones in their directory.

use std::collections::HashSet;
use std::io;
use std::iter::successors;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::accident::hold_back;
use super::authorities::Authorities;
use super::content::{Contents, KnownContents};
use super::cookie_secrets::cookie_secrets;
use super::demand::read_demand;
use super::fence::{Ground, check_fences};
use super::files::{self, Found, ZoneFiles};
use super::include::{Texts, read_included};
use super::load_sources::unknown_loads;
use super::policy::{BoundName, PolicyFile, authorities, check_azs};
use super::reader::Faults;
use super::readings::{Readings, ZoneReading};
use super::server::{ServerFile, server, server_of};
use super::shared::Scope;
use super::survey::{Still, Stillness, Survey};
use super::{Code, Config, DatabaseFile, Environment};
use crate::diag::{Diagnostic, Sources};
use crate::span::FileId;
use crate::wire::Name;
use crate::zone::{Fault, Found as FoundName, Zone};

/// The files of a directory, read and checked, each zone for itself.
pub struct Load {
    /// What was read, to show faults with.
    pub sources: Sources,
    /// Every fault of every file, by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// The databases that `meridian.toml` names, as far as it is understood: whoever reads them tells
    /// their faults in the same run.
    pub databases: Vec<DatabaseFile>,
    /// What was looked at.
    pub survey: Survey,
    /// Whether what everything depends on was being changed, so that there is nothing to say.
    pub is_void: bool,
    /// `None` if `meridian.toml` is at fault.
    pub(super) server: Option<ServerFile>,
    /// By origin, in canonical order.
    pub(super) zones: Vec<LoadedZone>,
    pub(super) memory: Arc<Memory>,
}

/// A zone that there are files for.
pub(super) struct LoadedZone {
    pub(super) origin: Name,
    /// `None` if one of its files is at fault, or what they say waits.
    pub(super) content: Option<ZoneContent>,
    /// Why it stays as it is although its files are not at fault.
    pub(super) hold: Option<Hold>,
    /// Its files.
    pub(super) paths: Vec<PathBuf>,
}

/// Why a zone stays as it is although its files are not at fault: nobody asked for a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// One of its files is gone.
    Gone,
    /// It would lose many of its names.
    Shrunk,
    /// Its files are being changed.
    Changing,
}

/// What a zone's two files say. They belong together: bindings of the one are pools of the other.
#[derive(Clone)]
pub(super) struct ZoneContent {
    pub(super) zone: Arc<Zone>,
    pub(super) policy: Arc<PolicyFile>,
    reading: Arc<ZoneReading>,
}

/// What a load leaves to the next, so that this reads only what changed.
#[derive(Default)]
pub(super) struct Memory {
    contents: KnownContents,
    readings: Readings,
}

/// Reads `meridian.toml` at `path`, what it includes, and the zones that it names. Nothing is
/// refused here: what is at fault is in the diagnostics and missing in what [`Load::build`] makes
/// of the rest.
pub fn load(path: &Path, environment: &Environment) -> Load {
    load_after(path, environment, None, None)
}

/// As [`load()`]; what is as it was when `last` was read is not read anew but shared with it.
pub fn reload(path: &Path, environment: &Environment, last: &Config) -> Load {
    load_after(path, environment, Some(last), None)
}

/// As [`reload()`], for files that were seen to change and then to be `still`: a zone of which that is
/// not true stays as it is in `last`, and so does one whose change looks like an accident.
pub fn reload_still(
    path: &Path,
    environment: &Environment,
    last: &Config,
    still: Arc<Still>,
) -> Load {
    load_after(path, environment, Some(last), Some(still))
}

fn load_after(
    path: &Path,
    environment: &Environment,
    last: Option<&Config>,
    still: Option<Arc<Still>>,
) -> Load {
    let nothing = Memory::default();
    let memory = last.map_or(&nothing, Config::memory);
    let held_to = last.filter(|_| still.is_some());
    let mut loader = Loader {
        contents: Contents::after(memory.contents.clone(), Survey::of(still)),
        last: &memory.readings,
        readings: Readings::default(),
        authorities: Authorities::default(),
        diagnostics: vec![],
        server_is_at_fault: false,
    };
    let server = loader.server(path, environment);
    let is_changing = loader.contents.survey.end_group() == Stillness::Changing;
    let found = server.as_ref().map(|server| loader.find_zones(server)).unwrap_or_default();
    loader.contents.survey.end_group();
    let directory = server.as_ref().map(|server| &server.settings.zones);
    if is_changing || directory.is_some_and(|path| loader.contents.survey.is_caught_changing(path))
    {
        return Load::void(loader.contents.survey);
    }
    // Of a file that is not understood nobody knows what it has for the zones.
    let whole = server.as_ref().filter(|server| server.is_whole);
    let zones = found.zones.into_iter().map(|(origin, files)| {
        let faults = loader.diagnostics.len();
        let content = loader.zone(&origin, &files, whole);
        let paths = [files.zones, files.policies].concat();
        match loader.contents.survey.end_group() {
            Stillness::Still => LoadedZone { origin, content, hold: None, paths },
            Stillness::Changing => {
                loader.diagnostics.truncate(faults);
                LoadedZone { origin, content: None, hold: Some(Hold::Changing), paths }
            }
        }
    });
    let mut zones: Vec<_> = zones.collect();
    if let (Some(last), false) = (held_to, server.is_none() || loader.server_is_at_fault) {
        let faults = hold_back(&mut zones, last, &mut loader.contents);
        loader.diagnostics.extend(faults);
    }
    loader.refuse_name_servers(&mut zones);
    loader.report_strays(&found.strays);
    let databases = whole.map(|server| server.settings.databases.clone()).unwrap_or_default();
    let server = server.filter(|_| !loader.server_is_at_fault);
    if let Some(server) = &server {
        loader.report_unused(server, &zones);
    }
    loader.report_names_of_other_zones(&zones);
    let Loader { contents, readings, mut diagnostics, .. } = loader;
    let of_sources = &contents.sources;
    diagnostics
        .sort_by_key(|fault| fault.span.map(|span| (of_sources.position(span.file), span.start)));
    let (sources, contents, survey) =
        contents.finish(&diagnostics, databases.iter().filter_map(DatabaseFile::span));
    let memory = Arc::new(Memory { contents, readings });
    Load { sources, diagnostics, databases, survey, is_void: false, server, zones, memory }
}

/// Where commands reach a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlSocket {
    /// The socket.
    pub path: PathBuf,
    /// Whether the configuration names it.
    pub is_named: bool,
}

/// The control socket that `meridian.toml` at `path` says, whatever faults it has.
pub fn control_socket(path: &Path, environment: &Environment) -> io::Result<ControlSocket> {
    let (directory, texts, mut faults) = (directory_of(path), Texts::default(), Faults::new());
    let entries = read_included(path, &mut Contents::default(), &texts, &mut faults)?;
    let (configured, _) = server_of(&entries, directory, environment, faults);
    let (default, _) = server(b"", FileId(0), directory, environment);
    let is_named = configured.settings.control != default.settings.control;
    Ok(ControlSocket { path: configured.settings.control, is_named })
}

impl Load {
    /// Of files that were being changed, so that nothing can be said of them.
    fn void(survey: Survey) -> Self {
        Self {
            sources: Sources::new(),
            diagnostics: vec![],
            databases: vec![],
            survey,
            is_void: true,
            server: None,
            zones: vec![],
            memory: Arc::default(),
        }
    }

    /// Whether a file can't be used.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

impl ZoneContent {
    /// Whether `server` is a name that a bound wildcard of this zone stands for, in a load with zones
    /// of these names.
    fn answers_by_wildcard(
        &self,
        bound: &BoundName,
        server: &Name,
        origins: &HashSet<Name>,
    ) -> bool {
        let mut above = successors(Some(server.clone()), Name::parent);
        bound.owner.is_wildcard()
            && above.find(|name| origins.contains(name)).as_ref() == Some(self.zone.origin())
            && match self.zone.find(server.to_lowercase().as_wire()) {
                FoundName::Wildcard { node, .. } => node.name() == bound.owner,
                FoundName::Exact(_)
                | FoundName::Dname(_)
                | FoundName::Delegation(_)
                | FoundName::NoName { .. } => false,
            }
    }
}

struct Loader<'l> {
    contents: Contents,
    last: &'l Readings,
    readings: Readings,
    authorities: Authorities,
    diagnostics: Vec<Diagnostic>,
    server_is_at_fault: bool,
}

impl Loader<'_> {
    fn server(&mut self, path: &Path, environment: &Environment) -> Option<ServerFile> {
        let (texts, mut faults) = (Texts::default(), Faults::new());
        let entries = match read_included(path, &mut self.contents, &texts, &mut faults) {
            Ok(entries) => entries,
            Err(error) => {
                self.report_unreadable(path, &error);
                return None;
            }
        };
        let (mut server, mut faults) = server_of(&entries, directory_of(path), environment, faults);
        if let (Some(path), Some(span)) =
            (&server.settings.cookie_secrets, server.cookie_secrets_span)
        {
            let (secrets, of_secrets) = cookie_secrets(path, span, &mut self.contents.survey);
            server.cookie_secrets = secrets.map(Arc::new);
            faults.extend(of_secrets);
        }
        if let (Some(path), Some(span)) = (&server.settings.demand, server.demand_span) {
            let (demand, of_demand) = read_demand(path, span, &server.azs, &mut self.contents);
            server.demand = demand;
            faults.extend(of_demand);
        }
        let of_authorities = server.authorities();
        faults.extend(self.authorities.faults(of_authorities, &mut self.contents));
        self.server_is_at_fault = faults.iter().any(Diagnostic::is_error);
        self.diagnostics.extend(faults);
        Some(server)
    }

    fn find_zones(&mut self, server: &ServerFile) -> Found {
        let directory = &server.settings.zones;
        match files::find(directory, &mut self.contents.survey) {
            Ok(mut found) => {
                self.diagnostics.append(&mut found.faults);
                found
            }
            Err(error) => {
                let mut fault = Code::Unreadable.fault(unreadable(directory, &error));
                fault.span = server.zones_span;
                self.diagnostics.push(fault.remedy("create it, or set `zones` in `[server]`"));
                // Zones that can't be listed are not zones that went.
                self.server_is_at_fault = true;
                Found::default()
            }
        }
    }

    /// Reads the files of one zone and checks them together; `None` if there is an error.
    fn zone(
        &mut self,
        origin: &Name,
        files: &ZoneFiles,
        server: Option<&ServerFile>,
    ) -> Option<ZoneContent> {
        let (policy, is_usable) = match &files.policies[..] {
            [] => (Some(Arc::new(PolicyFile::none(origin.clone()))), true),
            [path] => self.policy(path, origin, server),
            [_, _, ..] => (None, false),
        };
        let [path] = &files.zones[..] else { return None };
        let bindings = policy.as_ref().map(|policy| policy.bindings()).unwrap_or_default();
        let reading = self.readings.zone(path, origin, bindings, &mut self.contents, self.last);
        let reading = reading.map_err(|error| self.report_unreadable(path, &error)).ok()?;
        self.diagnostics.extend_from_slice(&reading.faults);
        let (zone, policy) = (reading.zone.clone()?, policy.filter(|_| is_usable)?);
        if let Some(server) = server {
            let faults = policy.check_cnames(&server.shared, &zone);
            let is_at_fault = faults.iter().any(Diagnostic::is_error);
            self.diagnostics.extend(faults);
            if is_at_fault {
                return None;
            }
        }
        Some(ZoneContent { zone, policy, reading })
    }

    /// What a zone's TOML file says, and whether that can be used.
    fn policy(
        &mut self,
        path: &Path,
        origin: &Name,
        server: Option<&ServerFile>,
    ) -> (Option<Arc<PolicyFile>>, bool) {
        let reading = self.readings.policy(path, origin, &mut self.contents, self.last);
        let reading = match reading {
            Ok(reading) => reading,
            Err(error) => {
                self.report_unreadable(path, &error);
                return (None, false);
            }
        };
        let policy = &reading.policy;
        let mut faults = reading.faults.clone();
        if let Some(ServerFile { azs, shared, groups, .. }) = server {
            faults.extend(check_azs(policy.pools.iter(), azs));
            faults.extend(groups.check(policy.pools.iter()));
            if policy.is_whole {
                let scope = Scope::of_zone(policy, shared);
                faults.extend(scope.check_names());
                faults.extend(check_fences(scope.pools(), Ground { azs, groups }));
            }
        }
        let authorities = authorities(policy.checks.iter());
        faults.extend(self.authorities.faults(authorities, &mut self.contents));
        let is_usable = !faults.iter().any(Diagnostic::is_error);
        self.diagnostics.extend(faults);
        (Some(Arc::clone(policy)), is_usable)
    }

    fn report_unreadable(&mut self, path: &Path, error: &io::Error) {
        let fault = Code::Unreadable.fault(unreadable(path, error));
        self.diagnostics.push(fault.remedy("check the path and who may read it"));
    }

    /// What a zone includes is no stray.
    fn report_strays(&mut self, strays: &[PathBuf]) {
        let read: HashSet<_> = self.contents.sources.paths().collect();
        for path in strays {
            if !read.contains(&**path) {
                let message = format!("{} is neither a zone nor a policy", path.display());
                let remedy =
                    "zones end in `.zone`, their policies in `.toml`; move what is neither";
                self.diagnostics.push(Code::StrayFile.fault(message).remedy(remedy));
            }
        }
    }

    /// A name server's addresses must not go by health. Within one zone its own check finds that.
    fn refuse_name_servers(&mut self, zones: &mut [LoadedZone]) {
        let contents = || zones.iter().filter_map(|zone| zone.content.as_ref());
        if contents().all(|content| content.policy.names.is_empty()) {
            return;
        }
        let readings: Vec<_> = contents().map(|content| Arc::clone(&content.reading)).collect();
        let servers = readings.iter().flat_map(|reading| reading.name_servers());
        let servers: HashSet<_> = servers.collect();
        let origins: HashSet<_> = zones.iter().map(|zone| zone.origin.clone()).collect();
        for zone in zones {
            let Some(content) = &zone.content else { continue };
            let names = content.policy.names.iter();
            let faults = names.filter_map(|bound| {
                let answers =
                    |server: &&&Name| content.answers_by_wildcard(bound, server, &origins);
                let server = servers.get(&bound.owner);
                Some((bound, server.or_else(|| servers.iter().find(answers))?))
            });
            let faults = faults.map(|(bound, server)| {
                let message = format!("{server} is a name server in another zone");
                let fault = Code::NameServer.at(bound.span, message).label("has a pool");
                fault.remedy("give the name server a name with static addresses")
            });
            let faults: Vec<_> = faults.collect();
            if !faults.is_empty() {
                self.diagnostics.extend(faults);
                zone.content = None;
            }
        }
    }

    /// A name is answered from the closest zone, also where nothing above delegates that.
    fn report_names_of_other_zones(&mut self, zones: &[LoadedZone]) {
        let origins: HashSet<_> = zones.iter().map(|zone| &zone.origin).collect();
        for LoadedZone { origin, content, .. } in zones {
            for bound in content.iter().flat_map(|content| &content.policy.names) {
                let mut above = successors(Some(bound.owner.clone()), Name::parent);
                let closest = above.find(|name| origins.contains(name));
                let Some(closest) = closest.filter(|closest| closest != origin) else { continue };
                let message = format!("{} is within the zone {}", bound.owner, closest);
                let fault = Code::OtherZone.at(bound.span, message).label("never answered by this");
                let remedy = "bind it in that zone's TOML file, or remove it";
                self.diagnostics.push(fault.remedy(remedy));
            }
        }
    }

    /// Where a zone is at fault, nobody knows what it uses.
    fn report_unused(&mut self, server: &ServerFile, zones: &[LoadedZone]) {
        let contents: Option<Vec<_>> = zones.iter().map(|zone| zone.content.as_ref()).collect();
        let Some(contents) = contents else { return };
        let policies = contents.iter().map(|content| &*content.policy);
        self.diagnostics.extend(server.shared.report_unused(policies.clone()));
        self.diagnostics.extend(unknown_loads(server, policies.clone()));
        let shared = server.shared.pools.values().map(|pool| &**pool);
        let pools = policies.flat_map(|policy| &policy.pools).chain(shared);
        let used: HashSet<_> =
            pools.flat_map(|pool| &pool.azs).map(|az| az.az.value.as_str()).collect();
        for (name, az) in &server.azs {
            if !used.contains(name.as_str()) {
                let fault = Code::UnusedAz.at(az.span, format!("no pool has az `{name}`"));
                let remedy = format!("add endpoints: `endpoints.{name} = […]` in a pool");
                self.diagnostics.push(fault.label("unused").remedy(remedy));
            }
        }
    }
}

pub(super) fn from_zone_fault(fault: Fault) -> Diagnostic {
    let Fault { kind, span, related } = fault;
    Diagnostic {
        code: kind.code(),
        severity: kind.severity(),
        message: kind.to_string(),
        span: Some(span),
        label: String::new(),
        related: related.into_iter().map(|(span, label)| (span, label.to_owned())).collect(),
        remedy: kind.remedy(),
    }
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("can't read {}: {}", path.display(), why(error))
}

/// The system's words without its number.
pub(super) fn why(error: &io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        // The system's words begin a sentence.
        Some((words, _)) => words.to_lowercase(),
        None => text,
    }
}

pub(super) fn directory_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}
