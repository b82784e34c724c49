//! What each file of a zone says, made anew only where its text changed.
//!
//! A reading depends on nothing but the texts that it names, so it holds for as long as their ids
//! do, with its faults. What a file says of azs, pools and checks of others is not in it.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::content::Contents;
use super::load::{directory_of, from_zone_fault, why};
use super::policy::{PolicyFile, policy};
use crate::diag::Diagnostic;
use crate::span::{FileId, Span};
use crate::wire::{Name, RecordType};
use crate::zone::{self, Binding, RrSet, Zone};

/// The readings of one load, by the files' paths.
#[derive(Clone, Default)]
pub(super) struct Readings {
    policies: HashMap<PathBuf, Arc<PolicyReading>>,
    zones: HashMap<PathBuf, Arc<ZoneReading>>,
}

/// A zone's TOML file.
pub(super) struct PolicyReading {
    file: FileId,
    pub(super) policy: Arc<PolicyFile>,
    pub(super) faults: Vec<Diagnostic>,
}

/// A zone's master file, and what it includes.
pub(super) struct ZoneReading {
    files: Vec<(PathBuf, FileId)>,
    /// What it was read with.
    bindings: Vec<Binding>,
    /// `None` if a fault is an error.
    pub(super) zone: Option<Arc<Zone>>,
    pub(super) faults: Vec<Diagnostic>,
    name_servers: OnceLock<Vec<Name>>,
}

impl Readings {
    /// What the TOML file at `path` says of the zone `origin`; that of `last` if it is the same.
    pub(super) fn policy(
        &mut self,
        path: &Path,
        origin: &Name,
        contents: &mut Contents,
        last: &Self,
    ) -> io::Result<Arc<PolicyReading>> {
        let content = contents.read(path)?;
        let same = last.policies.get(path).filter(|last| last.file == content.id);
        let reading = same.cloned().unwrap_or_else(|| {
            let (policy, faults) = policy(&content.text, content.id, origin, directory_of(path));
            Arc::new(PolicyReading { file: content.id, policy: Arc::new(policy), faults })
        });
        self.policies.insert(path.to_owned(), Arc::clone(&reading));
        Ok(reading)
    }

    /// What the master file at `path` says of the zone `origin`, whose steered names are
    /// `bindings`; that of `last` if it is the same.
    pub(super) fn zone(
        &mut self,
        path: &Path,
        origin: &Name,
        bindings: Vec<Binding>,
        contents: &mut Contents,
        last: &Self,
    ) -> io::Result<Arc<ZoneReading>> {
        let content = contents.read(path)?;
        let same = last.zones.get(path).filter(|last| last.is_of(&bindings, contents));
        if let Some(reading) = same {
            self.zones.insert(path.to_owned(), Arc::clone(reading));
            return Ok(Arc::clone(reading));
        }
        let source = zone::Source { origin: origin.clone(), file: content.id, text: &content.text };
        let mut files = vec![(path.to_owned(), content.id)];
        let mut is_complete = true;
        let mut include = |path: &str, span: Span| {
            let directory = contents.sources.path(span.file).map(directory_of);
            let path = directory.unwrap_or(Path::new("")).join(path);
            match contents.read(&path) {
                Ok(content) => {
                    files.push((path, content.id));
                    Ok((content.id, content.text.to_vec()))
                }
                Err(error) => {
                    is_complete = false;
                    Err(why(&error))
                }
            }
        };
        let (zone, faults) = zone::read(source, &bindings, &mut include);
        let reading = Arc::new(ZoneReading {
            files,
            bindings,
            zone: zone.map(Arc::new),
            faults: faults.into_iter().map(from_zone_fault).collect(),
            name_servers: OnceLock::new(),
        });
        // A file that can't be read may be there next time.
        if is_complete {
            self.zones.insert(path.to_owned(), Arc::clone(&reading));
        }
        Ok(reading)
    }
}

impl ZoneReading {
    /// The targets of its NS records.
    pub(super) fn name_servers(&self) -> &[Name] {
        self.name_servers.get_or_init(|| {
            let nodes = self.zone.iter().flat_map(|zone| zone.nodes());
            let targets = nodes.filter_map(|node| node.set(RecordType::NS)).flat_map(RrSet::rdatas);
            let mut names: Vec<_> = targets.filter_map(|name| Name::from_wire(name).ok()).collect();
            names.sort();
            names.dedup();
            names
        })
    }

    /// Whether reading again, now with `bindings`, would give the same. Where a name is bound is
    /// told in faults alone.
    fn is_of(&self, bindings: &[Binding], contents: &mut Contents) -> bool {
        let is_same = |(known, bound): (&Binding, &Binding)| {
            *known == Binding { span: known.span, ..bound.clone() }
        };
        let are_same = self.bindings.len() == bindings.len()
            && self.bindings.iter().zip(bindings).all(is_same)
            && (self.faults.is_empty() || self.bindings == bindings);
        are_same
            && self
                .files
                .iter()
                .all(|(path, id)| contents.read(path).is_ok_and(|content| content.id == *id))
    }
}
