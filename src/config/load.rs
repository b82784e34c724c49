//! Finding and reading the files: `meridian.toml`, and the zones in their directory.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::iter::successors;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::files::{self, Found, ZoneFiles, read_file};
use super::policy::{PolicyFile, policy};
use super::server::{AzEntry, ServerFile, server};
use super::{Code, DatabaseFile, Environment};
use crate::diag::{Diagnostic, Sources};
use crate::span::{FileId, Span};
use crate::wire::{Name, RecordType};
use crate::zone::{self, Binding, Fault, RrSet, Zone};

/// The files of a directory, read and checked, each zone for itself.
pub struct Load {
    /// What was read, to show faults with.
    pub sources: Sources,
    /// Every fault of every file, by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// The databases that `meridian.toml` names, as far as it is understood: whoever reads them tells
    /// their faults in the same run.
    pub databases: Vec<DatabaseFile>,
    /// `None` if `meridian.toml` is at fault.
    pub(super) server: Option<ServerFile>,
    /// By origin, in canonical order.
    pub(super) zones: Vec<LoadedZone>,
}

/// A zone that there are files for.
pub(super) struct LoadedZone {
    pub(super) origin: Name,
    /// `None` if one of its files is at fault.
    pub(super) content: Option<ZoneContent>,
}

/// What a zone's two files say. They belong together: bindings of the one are pools of the other.
#[derive(Clone)]
pub(super) struct ZoneContent {
    pub(super) zone: Arc<Zone>,
    pub(super) policy: Arc<PolicyFile>,
}

/// Reads `meridian.toml` at `path` and the zones that it names. Nothing is refused here: what is
/// at fault is in the diagnostics and missing in what [`Load::build`] makes of the rest.
pub fn load(path: &Path, environment: &Environment) -> Load {
    let mut loader = Loader::default();
    let server = loader.server(path, environment);
    let found = server.as_ref().map(|server| loader.find_zones(server)).unwrap_or_default();
    // Of a file that is not understood nobody knows what azs it has.
    let azs = server.as_ref().filter(|server| server.is_whole).map(|server| &server.azs);
    let zones = found.zones.into_iter().map(|(origin, files)| {
        let content = loader.zone(&origin, &files, azs);
        LoadedZone { origin, content }
    });
    let mut zones: Vec<_> = zones.collect();
    loader.refuse_name_servers(&mut zones);
    loader.report_strays(&found.strays);
    let known = server.as_ref().filter(|server| server.is_whole);
    let databases = known.map(|server| server.settings.databases.clone()).unwrap_or_default();
    let server = server.filter(|_| !loader.server_is_at_fault);
    if let Some(server) = &server {
        loader.report_unused_azs(server, &zones);
    }
    loader.report_names_of_other_zones(&zones);
    let Loader { sources, mut diagnostics, .. } = loader;
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.map(|span| (span.file, span.start)));
    Load { sources, diagnostics, databases, server, zones }
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
    let text = std::fs::read(path)?;
    let (server, _) = server(&text, FileId(0), directory_of(path), environment);
    let default = super::server::server(b"", FileId(0), directory_of(path), environment).0;
    let is_named = server.settings.control != default.settings.control;
    Ok(ControlSocket { path: server.settings.control, is_named })
}

impl Load {
    /// Whether a file can't be used.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(Diagnostic::is_error)
    }
}

#[derive(Default)]
struct Loader {
    sources: Sources,
    diagnostics: Vec<Diagnostic>,
    server_is_at_fault: bool,
}

impl Loader {
    fn server(&mut self, path: &Path, environment: &Environment) -> Option<ServerFile> {
        let (file, text) = self.read(path)?;
        let (server, faults) = server(&text, file, directory_of(path), environment);
        self.server_is_at_fault = faults.iter().any(Diagnostic::is_error);
        self.diagnostics.extend(faults);
        Some(server)
    }

    fn find_zones(&mut self, server: &ServerFile) -> Found {
        let directory = &server.settings.zones;
        match files::find(directory) {
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
        azs: Option<&BTreeMap<String, AzEntry>>,
    ) -> Option<ZoneContent> {
        let policy = match &files.policies[..] {
            [] => Some(PolicyFile::none(origin.clone())),
            [path] => self.policy(path, origin, azs),
            [_, _, ..] => None,
        };
        let [path] = &files.zones[..] else { return None };
        let bindings = policy.as_ref().map(PolicyFile::bindings).unwrap_or_default();
        let zone = self.zone_file(path, origin, &bindings)?;
        let policy = policy.filter(|policy| !policy.is_at_fault)?;
        Some(ZoneContent { zone: Arc::new(zone), policy: Arc::new(policy) })
    }

    fn policy(
        &mut self,
        path: &Path,
        origin: &Name,
        azs: Option<&BTreeMap<String, AzEntry>>,
    ) -> Option<PolicyFile> {
        let (file, text) = self.read(path)?;
        let (mut policy, mut faults) = policy(&text, file, origin, directory_of(path));
        faults.extend(azs.map(|azs| policy.check_azs(azs)).unwrap_or_default());
        faults
            .extend(policy.authorities().filter_map(|(path, span)| check_authorities(path, span)));
        policy.is_at_fault = faults.iter().any(Diagnostic::is_error);
        self.diagnostics.extend(faults);
        Some(policy)
    }

    fn zone_file(&mut self, path: &Path, origin: &Name, bindings: &[Binding]) -> Option<Zone> {
        let (file, text) = self.read(path)?;
        let source = zone::Source { origin: origin.clone(), file, text: &text };
        let sources = &mut self.sources;
        let mut include = |path: &str, span: Span| {
            let directory = sources.path(span.file).map(directory_of).unwrap_or(Path::new(""));
            let path = directory.join(path);
            let text = read_file(&path).map_err(|error| why(&error))?;
            Ok((sources.add(path, text.clone()), text))
        };
        let (zone, faults) = zone::read(source, bindings, &mut include);
        self.diagnostics.extend(faults.into_iter().map(from_zone_fault));
        zone
    }

    fn read(&mut self, path: &Path) -> Option<(FileId, Arc<[u8]>)> {
        match read_file(path) {
            Ok(text) => {
                let text: Arc<[u8]> = text.into();
                Some((self.sources.add(path, Arc::clone(&text)), text))
            }
            Err(error) => {
                let fault = Code::Unreadable.fault(unreadable(path, &error));
                self.diagnostics.push(fault.remedy("check the path and who may read it"));
                None
            }
        }
    }

    /// What a zone includes is no stray.
    fn report_strays(&mut self, strays: &[PathBuf]) {
        for path in strays {
            if !self.sources.paths().any(|read| read == path) {
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
        let sets = contents().flat_map(|content| content.zone.nodes());
        let targets = sets.filter_map(|node| node.set(RecordType::NS)).flat_map(RrSet::rdatas);
        let servers: HashSet<_> = targets.filter_map(|name| Name::from_wire(name).ok()).collect();
        for zone in zones {
            let Some(content) = &zone.content else { continue };
            let names = content.policy.names.iter();
            let faults = names.filter(|bound| servers.contains(&bound.owner)).map(|bound| {
                let message = format!("{} is a name server in another zone", bound.owner);
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
        for LoadedZone { origin, content } in zones {
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
    fn report_unused_azs(&mut self, server: &ServerFile, zones: &[LoadedZone]) {
        let contents: Option<Vec<_>> = zones.iter().map(|zone| zone.content.as_ref()).collect();
        let Some(contents) = contents else { return };
        let used: HashSet<_> = contents.iter().flat_map(|content| content.policy.azs()).collect();
        for (name, az) in &server.azs {
            if !used.contains(name.as_str()) {
                let fault = Code::UnusedAz.at(az.span, format!("no pool has az `{name}`"));
                let remedy = format!("add endpoints: `endpoints.{name} = […]` in a pool");
                self.diagnostics.push(fault.label("unused").remedy(remedy));
            }
        }
    }
}

fn from_zone_fault(fault: Fault) -> Diagnostic {
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

/// That the file at `path` holds the certificate of an authority.
fn check_authorities(path: &Path, span: Span) -> Option<Diagnostic> {
    let pem = match read_file(path) {
        Ok(pem) => pem,
        Err(error) => {
            let fault = Code::Unreadable.at(span, unreadable(path, &error));
            return Some(fault.remedy("check the path and who may read it"));
        }
    };
    let fault = |why: String| {
        let message = format!("{}: {why}", path.display());
        let fault = Code::NoAuthorities.at(span, message).label("no authority to trust");
        Some(fault.remedy("it must hold certificates in PEM, at least one"))
    };
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        match certificate.map(|certificate| store.add(certificate)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return fault(error.to_string()),
            Err(error) => return fault(error.to_string()),
        }
    }
    if store.is_empty() { fault("no certificate".to_owned()) } else { None }
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    format!("can't read {}: {}", path.display(), why(error))
}

/// The system's words without its number.
fn why(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

fn directory_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}
