//! Where the file of an entry of `databases` may be.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::Environment;
use crate::span::Span;

/// An entry of `databases`.
#[derive(Clone, Debug)]
pub struct DatabaseFile {
    candidates: Vec<PathBuf>,
    span: Option<Span>,
}

/// Where databases are found that are not beside the configuration: where geoipupdate and the
/// packages of distributions put them, and last what comes with Meridian.
pub const DATABASE_DIRECTORIES: [&str; 4] =
    ["/var/lib/GeoIP", "/usr/share/GeoIP", "/usr/local/share/GeoIP", "/usr/share/meridian"];

/// What `databases` is without a word about it, as an entry.
const DEFAULT: &str = "geoip/world.mmdb";

impl DatabaseFile {
    /// The one of a `meridian.toml` in `directory` that names none.
    pub fn by_default(directory: &Path, environment: &Environment) -> Self {
        Self::new(DEFAULT, None, directory, environment)
    }

    /// What `entry`, of a file in `directory`, stands for: that path; and unless it is absolute, the
    /// file of its name in the directories where databases are. `.mmdb` may be left out.
    pub(crate) fn new(
        entry: &str,
        span: Option<Span>,
        directory: &Path,
        environment: &Environment,
    ) -> Self {
        let path = directory.join(entry);
        let full = with_extension(&path);
        let mut candidates = vec![path];
        if full != candidates[0] {
            candidates.push(full.clone());
        }
        if let (true, Some(name)) = (Path::new(entry).is_relative(), full.file_name()) {
            candidates.extend(environment.database_directories.iter().map(|at| at.join(name)));
        }
        Self { candidates, span }
    }

    /// The paths, of which the first that exists counts; never empty.
    pub fn candidates(&self) -> &[PathBuf] {
        &self.candidates
    }

    /// The path to read: the first candidate that exists, else the first.
    pub fn path(&self) -> &Path {
        let exists = |path: &&PathBuf| path.try_exists().unwrap_or(true);
        self.candidates.iter().find(exists).unwrap_or(&self.candidates[0])
    }

    /// Where it is named; `None` for the default.
    pub fn span(&self) -> Option<Span> {
        self.span
    }
}

/// Two are equal that stand for the same, wherever they are named.
impl PartialEq for DatabaseFile {
    fn eq(&self, other: &Self) -> bool {
        self.candidates == other.candidates
    }
}

impl Eq for DatabaseFile {}

fn with_extension(path: &Path) -> PathBuf {
    if path.extension().is_some_and(|extension| extension == "mmdb") {
        return path.into();
    }
    let mut full = OsString::from(path);
    full.push(".mmdb");
    full.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(entry: &str, directory: &Path, search: &[&Path]) -> DatabaseFile {
        let database_directories = search.iter().map(|path| path.to_path_buf()).collect();
        let environment = Environment { database_directories, ..Environment::default() };
        DatabaseFile::new(entry, None, directory, &environment)
    }

    fn candidates(entry: &str) -> Vec<String> {
        let search = DATABASE_DIRECTORIES.map(Path::new);
        let file = file(entry, Path::new("/etc/meridian"), &search[..2]);
        file.candidates().iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn a_name_is_looked_up_where_databases_are() {
        assert_eq!(
            candidates("GeoLite2-City"),
            [
                "/etc/meridian/GeoLite2-City",
                "/etc/meridian/GeoLite2-City.mmdb",
                "/var/lib/GeoIP/GeoLite2-City.mmdb",
                "/usr/share/GeoIP/GeoLite2-City.mmdb",
            ]
        );
    }

    #[test]
    fn a_relative_path_is_looked_up_by_its_name() {
        assert_eq!(
            candidates("geoip/world.mmdb"),
            [
                "/etc/meridian/geoip/world.mmdb",
                "/var/lib/GeoIP/world.mmdb",
                "/usr/share/GeoIP/world.mmdb",
            ]
        );
    }

    #[test]
    fn an_absolute_path_is_looked_up_nowhere_else() {
        assert_eq!(candidates("/data/city.mmdb"), ["/data/city.mmdb"]);
    }

    #[test]
    fn the_first_that_exists_counts() {
        let [beside, first, second] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let file = file("city.mmdb", beside.path(), &[first.path(), second.path()]);
        assert_eq!(file.path(), beside.path().join("city.mmdb"));
        for directory in [&second, &first, &beside] {
            let path = directory.path().join("city.mmdb");
            std::fs::write(&path, "").unwrap();
            assert_eq!(file.path(), path);
        }
    }
}
