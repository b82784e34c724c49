//! The GeoIP databases in use: which files they are, and whether an update of them is taken.
//!
//! A file is read again when its metadata changed, and compiled again when its content did. What
//! can't be read, or is being changed, leaves the databases as they are. So does an update that was only seen to happen
//! and would send many clients elsewhere: it waits until somebody asks.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, Code, DatabaseFile, Fingerprint, PathKind, Stillness, Survey};
use crate::diag::Diagnostic;
use crate::geo::{Database, DatabaseInfo, Places};
use crate::route::Topology;
use crate::route::change::{Change, Example};
use crate::time::Wall;

use super::load::{Occasion, Report};
use super::stamp::Stamp;
use super::status::DatabaseStatus;

/// The places, and the files that they were compiled from.
#[derive(Clone)]
pub(super) struct Databases {
    entries: Vec<DatabaseFile>,
    files: Vec<Version>,
    places: Arc<Places>,
    /// The update that waits until somebody asks for it.
    held: Option<Held>,
}

#[derive(Clone)]
struct Held {
    files: Vec<Version>,
    /// Why, and the entry to blame.
    message: String,
    entry: usize,
}

/// One version of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    path: PathBuf,
    /// `None` where it does not tell versions apart: the file changed just before it was looked at.
    stamp: Option<Stamp>,
    content: Fingerprint,
}

/// What an update changes, in numbers.
pub(super) struct Update {
    change: Change,
    example: String,
    /// The entries that lose half of their networks or more, with the counts.
    shrunk: Vec<(usize, String)>,
    /// The first entry whose content changed.
    entry: usize,
}

/// An update that sends more of a family's address space elsewhere waits to be asked for.
const LARGE_SHARE: f64 = 0.2;

/// A database built longer ago is told.
const OLD: Duration = Duration::from_secs(30 * 24 * 3600);

/// The type of the database that comes with Meridian. It is as old as the release, which is known, and
/// no updater has failed where it ages.
const SHIPPED: &str = "Meridian-World-City";

impl Databases {
    /// What the entries' files say: `last` as it is if they are what they were, or were and wait to be
    /// asked for. `None` if one can't be used, or is being changed, which `report` then says.
    pub(super) fn load(
        entries: &[DatabaseFile],
        last: Option<&Self>,
        occasion: &Occasion,
        now: Wall,
        report: &mut Report,
    ) -> Option<Self> {
        let Report { diagnostics: faults, survey, .. } = report;
        let known = last.and_then(|last| last.look(entries).map(|files| (last, files)));
        let is_expected = |file: &Version| survey.expects(&file.path, file.content);
        if let Some((last, files)) = known.filter(|(_, files)| files.iter().all(is_expected)) {
            for (entry, file) in entries.iter().zip(&files) {
                note(entry, &file.path, file.content, survey);
            }
            if let Some(same) = last.unchanged(entries, files, occasion, faults) {
                survey.end_group();
                return Some(same);
            }
        }
        let read = read_all(entries, now, report)?;
        let (files, contents): (Vec<_>, Vec<_>) = read.into_iter().unzip();
        let faults = &mut report.diagnostics;
        if let Some(last) = last
            && let Some(same) = last.unchanged(entries, files.clone(), occasion, faults)
        {
            return Some(same);
        }
        let databases = entries.iter().zip(&files).zip(contents);
        let databases = databases
            .map(|((entry, file), bytes)| database(entry, &file.path, bytes, faults))
            .collect::<Vec<_>>();
        // Of each its fault is told.
        let databases: Vec<_> = databases.into_iter().collect::<Option<_>>()?;
        if let Some(last) = last {
            let in_use = last.places.databases();
            let read = databases.iter().map(Database::info);
            faults.extend(read.filter_map(|database| older(database, in_use)));
        }
        let places = Arc::new(Places::build(&databases));
        Some(Self { entries: entries.to_vec(), files, places, held: None })
    }

    /// The entries' files, if all are versions that were read before.
    fn look(&self, entries: &[DatabaseFile]) -> Option<Vec<Version>> {
        let held = self.held.iter().flat_map(|held| &held.files);
        let known: Vec<_> = self.files.iter().chain(held).collect();
        entries.iter().map(|entry| Version::look(entry, &known)).collect()
    }

    /// These databases, if `files` are those in use, or those that wait and nobody asks for.
    fn unchanged(
        &self,
        entries: &[DatabaseFile],
        files: Vec<Version>,
        occasion: &Occasion,
        faults: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let is_same = |known: &[Version]| {
            known.len() == files.len() && known.iter().zip(&files).all(|(a, b)| a.is_content_of(b))
        };
        let entries = entries.to_vec();
        if is_same(&self.files) {
            return Some(Self { entries, files, places: self.places.clone(), held: None });
        }
        let held = self.held.as_ref().filter(|held| is_same(&held.files))?;
        match occasion {
            Occasion::Asked | Occasion::Confirmed => None,
            Occasion::Watched(_) => {
                faults.push(held.fault(&entries));
                let held = Held { files, ..held.clone() };
                Some(Self { entries, held: Some(held), ..self.clone() })
            }
        }
    }

    /// These databases, in place of `update`d ones that wait to be asked for; and the fault of that.
    pub(super) fn hold(&self, updated: Self, update: &Update) -> (Self, Diagnostic) {
        let Update { shrunk, entry, .. } = update;
        let entry = shrunk.first().map_or(*entry, |(entry, _)| *entry);
        let Self { entries, files, places, .. } = updated;
        let name = places.databases().get(entry).map_or("", |database| &database.name);
        let message = format!("the update of {name} waits to be asked for: it gives {update}");
        let held = Held { files, message, entry };
        let fault = held.fault(&entries);
        (
            Self {
                entries,
                files: self.files.clone(),
                places: self.places.clone(),
                held: Some(held),
            },
            fault,
        )
    }

    /// Whether these are the databases of the same entries as `other`, with other contents.
    pub(super) fn is_update_of(&self, other: &Self) -> bool {
        !Arc::ptr_eq(&self.places, &other.places) && self.entries == other.entries
    }

    pub(super) fn places(&self) -> &Arc<Places> {
        &self.places
    }

    pub(super) fn status(&self, now: Wall) -> Vec<DatabaseStatus> {
        let databases = self.places.databases().iter();
        databases.map(|database| DatabaseStatus::of(database, is_old(database, now))).collect()
    }

    /// The faults of databases that nobody seems to update.
    pub(super) fn aged(&self, now: Wall) -> impl Iterator<Item = Diagnostic> {
        let old = self.places.databases().iter().filter(move |database| is_old(database, now));
        old.map(move |database| {
            let days = now.saturating_since(database.built).as_secs() / (24 * 3600);
            let message = format!("{} was built {days} days ago", database.name);
            Code::OldDatabase.fault(message).remedy("check what updates the file")
        })
    }
}

impl Held {
    fn fault(&self, entries: &[DatabaseFile]) -> Diagnostic {
        let fault = at(Code::HeldDatabase, entries.get(self.entry), self.message.clone());
        fault.remedy(
            "look at the file: `meridian reload` takes it; to refuse it, put the former one back",
        )
    }
}

impl Update {
    /// From the databases in use to the `updated` ones, which differ by `change`.
    pub(super) fn new(
        in_use: &Databases,
        updated: &Databases,
        change: Change,
        topology: &Topology,
    ) -> Self {
        let both = in_use.places.databases().iter().zip(updated.places.databases());
        let shrunk = (0..).zip(both).filter(|(_, (old, new))| new.networks <= old.networks / 2);
        let shrunk = shrunk.map(|(entry, (old, new))| {
            (entry, format!("{} networks instead of {}", new.networks, old.networks))
        });
        let mut both = in_use.files.iter().zip(&updated.files);
        let entry = both.position(|(old, new)| !old.is_content_of(new)).unwrap_or(0);
        let example = change.example.map(|example| told(example, topology)).unwrap_or_default();
        Self { change, example, shrunk: shrunk.collect(), entry }
    }

    /// Whether it looks like an accident.
    pub(super) fn is_large(&self) -> bool {
        let Change { ipv4, ipv6, .. } = self.change;
        !self.shrunk.is_empty() || ipv4.fraction().max(ipv6.fraction()) > LARGE_SHARE
    }
}

/// As in `27.3 % of IPv4 and 8.0 % of IPv6 another first az, such as …`.
impl std::fmt::Display for Update {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Change { ipv4, ipv6, .. } = self.change;
        write!(f, "{ipv4} of IPv4 and {ipv6} of IPv6 another first az{}", self.example)?;
        self.shrunk.iter().try_for_each(|(_, counts)| write!(f, ", and has {counts}"))
    }
}

fn told(example: Example, topology: &Topology) -> String {
    let Example { network, view, from, to } = example;
    let (from, to) = (&topology.azs[from].name, &topology.azs[to].name);
    let pool = topology.pools.values().find(|pool| pool.view == view);
    let pool = pool.map(|pool| format!(" in {}", pool.name)).unwrap_or_default();
    format!(", such as {network} from {from} to {to}{pool}")
}

impl Version {
    /// The version of the entry's file that is known by its stamp, if it is there as that.
    fn look(entry: &DatabaseFile, known: &[&Self]) -> Option<Self> {
        let path = entry.path();
        let stamp = Stamp::of(&std::fs::metadata(path).ok()?);
        let found = known.iter().find(|of| of.path == path && of.stamp == Some(stamp))?;
        Some((*found).clone())
    }

    fn is_content_of(&self, other: &Self) -> bool {
        self.path == other.path && self.content == other.content
    }
}

/// The versions and contents of the entries' files, if all can be read and none is being changed.
fn read_all(
    entries: &[DatabaseFile],
    now: Wall,
    report: &mut Report,
) -> Option<Vec<(Version, Vec<u8>)>> {
    let Report { diagnostics: faults, survey, .. } = report;
    let told = faults.len();
    let read = entries.iter().map(|entry| read(entry, now, survey, faults));
    // Of each its fault is told.
    let read: Vec<_> = read.collect();
    if survey.end_group() == Stillness::Changing {
        faults.truncate(told);
        let fault = Code::Changing.fault("a database is being changed; those in use stay");
        faults.push(fault.remedy("they are read again once they are still"));
        return None;
    }
    read.into_iter().collect()
}

/// The content of the entry's file, and which version it is.
fn read(
    entry: &DatabaseFile,
    now: Wall,
    survey: &mut Survey,
    faults: &mut Vec<Diagnostic>,
) -> Option<(Version, Vec<u8>)> {
    let path = entry.path();
    let read = || -> io::Result<(Stamp, Vec<u8>)> {
        let mut file = config::open(path)?;
        let stamp = Stamp::of(&file.metadata()?);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok((stamp, bytes))
    };
    let read = read();
    let content = match &read {
        Ok((_, bytes)) => Fingerprint::of_bytes(bytes),
        Err(error) => Fingerprint::of_error(error),
    };
    note(entry, path, content, survey);
    let (stamp, bytes) = read.map_err(|error| faults.push(unreadable(entry, path, &error))).ok()?;
    let stamp = stamp.is_settled(now).then_some(stamp);
    Some((Version { path: path.into(), stamp, content }, bytes))
}

/// Notes what was found at one of the entry's candidates, and those before it where nothing is.
fn note(entry: &DatabaseFile, path: &Path, content: Fingerprint, survey: &mut Survey) {
    for candidate in entry.candidates() {
        let is_found = candidate == path;
        let found = if is_found { content } else { Fingerprint::NOTHING };
        survey.note(candidate, PathKind::File, found);
        if is_found && content != Fingerprint::NOTHING {
            break;
        }
    }
}

fn unreadable(entry: &DatabaseFile, path: &Path, error: &io::Error) -> Diagnostic {
    let message = format!("can't read {}: {error}", path.display());
    let looked: Vec<_> = entry.candidates()[1..].iter().map(|path| path.display()).collect();
    let remedy = "`databases` in `[geoip]` names it; `[]` does without databases";
    let remedy = match (error.kind(), &looked[..]) {
        (io::ErrorKind::NotFound, [_, ..]) => {
            let looked: Vec<_> = looked.iter().map(ToString::to_string).collect();
            format!("it is in none of {} either; {remedy}", looked.join(", "))
        }
        _ => remedy.into(),
    };
    at(Code::Unreadable, Some(entry), message).remedy(remedy)
}

fn database(
    entry: &DatabaseFile,
    path: &Path,
    bytes: Vec<u8>,
    faults: &mut Vec<Diagnostic>,
) -> Option<Database> {
    let name = path.display().to_string();
    let refuse = |error| {
        let fault = at(Code::BadDatabase, Some(entry), format!("{name}: {error}"));
        faults.push(fault.remedy("fetch the database again, or another one in MaxMind's format"));
    };
    Database::read(name.clone(), bytes).map_err(refuse).ok()
}

/// A fault of what `entry` names, at its place if it has one.
fn at(code: Code, entry: Option<&DatabaseFile>, message: String) -> Diagnostic {
    let fault = code.fault(message);
    match entry.and_then(DatabaseFile::span) {
        Some(span) => Diagnostic { span: Some(span), label: "named here".into(), ..fault },
        None => fault,
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

/// Whether nobody seems to update a database.
fn is_old(database: &DatabaseInfo, now: Wall) -> bool {
    now.saturating_since(database.built) > OLD && database.kind != SHIPPED
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::Environment;

    const COUNTRY: &[u8] = include_bytes!("../../tests/fixtures/mmdb/country.mmdb");

    /// What is read of `path` when it has been at rest for `rest`.
    fn read_after(path: &Path, rest: Duration) -> ([DatabaseFile; 1], Databases) {
        let entry = path.to_str().unwrap();
        let entry = DatabaseFile::new(entry, None, Path::new(""), &Environment::default());
        let written = Clock::start().now().wall;
        let now = Wall::from_epoch(written.since_epoch() + rest);
        let (entries, mut report) = ([entry], Report::default());
        let read = Databases::load(&entries, None, &Occasion::Asked, now, &mut report);
        assert_eq!(report.diagnostics, []);
        (entries, read.unwrap())
    }

    #[test]
    fn a_file_at_rest_is_known_by_its_metadata() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("country.mmdb");
        std::fs::write(&path, COUNTRY).unwrap();
        let (entries, read) = read_after(&path, Duration::from_secs(60));
        assert!(read.look(&entries).is_some());

        let other = directory.path().join("other");
        std::fs::write(&other, COUNTRY).unwrap();
        std::fs::rename(other, &path).unwrap();
        assert!(read.look(&entries).is_none());
    }

    #[test]
    fn a_file_that_changed_just_now_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("country.mmdb");
        std::fs::write(&path, COUNTRY).unwrap();
        let (entries, read) = read_after(&path, Duration::ZERO);
        assert!(read.look(&entries).is_none());
    }
}
