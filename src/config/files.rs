//! Which files of a directory are zones and policies, and of what origin.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use super::Code;
use super::suggestion::nearest;
use super::survey::Survey;
use super::topology::origin_text;
use crate::diag::Diagnostic;
use crate::wire::Name;

/// The files of the zones.
#[derive(Default)]
pub(super) struct Found {
    /// By origin, in canonical order.
    pub(super) zones: BTreeMap<Name, ZoneFiles>,
    /// Files that are neither a zone nor a policy.
    pub(super) strays: Vec<PathBuf>,
    /// What is wrong with the files' names.
    pub(super) faults: Vec<Diagnostic>,
}

/// The files of one origin: one of each, no policy, or there is a fault.
#[derive(Default)]
pub(super) struct ZoneFiles {
    pub(super) zones: Vec<PathBuf>,
    pub(super) policies: Vec<PathBuf>,
}

/// Looks through `directory`, whose own directories count for nothing.
pub(super) fn find(directory: &Path, survey: &mut Survey) -> io::Result<Found> {
    let mut paths = survey.list(directory)?;
    paths.sort();
    let mut found = Found::default();
    for path in paths {
        found.add(path);
    }
    if found.zones.is_empty() {
        let fault = Code::NoZones.fault(format!("no zone in {}", directory.display()));
        let remedy = "every query is refused until there is one: add `app.example.zone`";
        found.faults.push(fault.remedy(remedy));
    }
    found.report_origins();
    Ok(found)
}

impl Found {
    fn add(&mut self, path: PathBuf) {
        let name = path.file_name().map(OsStr::as_bytes).unwrap_or_default();
        if let Some(stem) = name.strip_suffix(b".zone") {
            match origin(stem) {
                Ok(origin) => self.zones.entry(origin).or_default().zones.push(path),
                Err(why) => self.report_name(&path, why),
            }
        } else if let Some(stem) = name.strip_suffix(b".toml") {
            match origin(stem) {
                Ok(origin) => self.zones.entry(origin).or_default().policies.push(path),
                Err(why) => self.report_name(&path, why),
            }
        } else if !path.is_dir() {
            self.strays.push(path);
        }
    }

    fn report_name(&mut self, path: &Path, why: String) {
        let message = format!("the name of {} is no zone: {why}", path.display());
        let remedy = "name it after the zone, such as `app.example.zone`; write \
                      internationalised names in ASCII, other octets as `\\DDD`";
        self.faults.push(Code::BadFileName.fault(message).remedy(remedy));
    }

    fn report_origins(&mut self) {
        let origins: Vec<_> = self.zones.keys().map(origin_text).collect();
        for (index, ZoneFiles { zones, policies }) in self.zones.values().enumerate() {
            for paths in [zones, policies] {
                if let [first, second, ..] = &paths[..] {
                    let (first, second) = (first.display(), second.display());
                    let message = format!("{first} and {second} are of the same zone");
                    let remedy = "upper and lower case are one; remove one of the two";
                    self.faults.push(Code::DuplicateOrigin.fault(message).remedy(remedy));
                }
            }
            if let ([], [policy, ..]) = (&zones[..], &policies[..]) {
                let own = &origins[index];
                let others = origins.iter().filter(|other| *other != own);
                let mut remedy = format!("add {}", policy.with_extension("zone").display());
                if let Some(other) = nearest(own, others.map(String::as_str)) {
                    remedy = format!("{remedy}, or name it {other}.toml if it is for {other}");
                }
                let message = format!("{} has no zone file beside it", policy.display());
                self.faults.push(Code::PolicyWithoutZone.fault(message).remedy(remedy));
            }
        }
    }
}

/// The paths in `directory`, but for those that are passed over.
pub fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path()));
    let is_counted = |path: &PathBuf| !path.file_name().is_none_or(|n| is_ignored(n.as_bytes()));
    entries.filter(|path| path.as_ref().map_or(true, is_counted)).collect()
}

/// Whether a path in the directory of the zones is one of a zone's two files.
pub fn is_of_a_zone(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "zone" || ending == "toml")
}

/// Reads a file whole.
pub(super) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = vec![];
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens a file to read. What is not a file could be read for ever.
pub fn open(path: &Path) -> io::Result<File> {
    // Else a pipe is waited for, to be opened.
    let flags = OFlag::O_NONBLOCK.bits();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if metadata.len() > u64::from(u32::MAX) {
        return Err(io::Error::other("larger than 4 GiB"));
    }
    Ok(file)
}

/// The origin that a file's name says without its ending, or why it says none.
fn origin(stem: &[u8]) -> Result<Name, String> {
    if stem == b"@" {
        return Ok(Name::root());
    }
    if !stem.iter().all(u8::is_ascii_graphic) {
        return Err("it holds other characters than printable ASCII".to_owned());
    }
    match Name::from_text(stem, &Name::root()) {
        Ok(origin) if origin.label_count() > 0 => Ok(origin.to_lowercase()),
        Ok(_) => Err("the root's files are named `@`".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Hidden files, and what editors and packages leave beside a file.
fn is_ignored(name: &[u8]) -> bool {
    let is_hidden = name.starts_with(b".") || name.starts_with(b"#");
    is_hidden || name.ends_with(b"~") || LEFTOVERS.iter().any(|ending| name.ends_with(ending))
}

const LEFTOVERS: [&[u8]; 9] = [
    b".bak",
    b".orig",
    b".rej",
    b".swp",
    b".tmp",
    b".dpkg-dist",
    b".dpkg-old",
    b".rpmnew",
    b".rpmsave",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The origins of files of these names.
    fn origins(names: &[&str]) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(directory.path().join(name), "").unwrap();
        }
        let found = find(directory.path(), &mut Survey::default()).unwrap();
        found.zones.keys().map(Name::to_string).collect()
    }

    #[test]
    fn the_name_of_a_file_is_its_origin_in_lower_case() {
        assert_eq!(origins(&["App.example.zone"]), ["app.example."]);
        assert_eq!(origins(&["@.zone"]), ["."]);
        assert_eq!(origins(&[r"a\047b\.c.example.zone"]), [r"a/b\.c.example."]);
    }

    #[test]
    fn the_two_files_of_a_zone_are_one_zone() {
        assert_eq!(origins(&["a.example.zone", "A.EXAMPLE.toml"]), ["a.example."]);
    }

    #[test]
    fn hidden_files_and_leftovers_are_passed_over() {
        let names = [".a.zone", "a.zone~", "#a.zone#", "a.zone.bak", "a.zone.swp", "a.zone.rpmnew"];
        assert_eq!(origins(&names), [""; 0]);
    }

    #[test]
    fn what_is_not_a_regular_file_is_not_read() {
        assert!(read_file(Path::new("/dev/zero")).is_err());
        assert!(read_file(Path::new("/")).is_err());
    }
}
