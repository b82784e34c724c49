//! `meridian init`: a starter configuration, to be changed into one's own.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::config::DatabaseFile;

use super::output::{self, Failure};
use super::socket::environment;

/// What is written where, relative to the directory.
const FILES: [(&str, &str); 3] = [
    ("meridian.toml", include_str!("../../starter/meridian.toml")),
    ("zones/app.example.zone", include_str!("../../starter/zones/app.example.zone")),
    ("zones/app.example.toml", include_str!("../../starter/zones/app.example.toml")),
];

/// What stands in `meridian.toml` where the default database is found, and what where it isn't, which
/// would be an error.
const DATABASES: [&str; 2] = [
    "# [geoip]\n# databases = [\"GeoLite2-City\", \"world\"]\n",
    "# None was found when this was written, so that every client gets the azs by their names.\n\
     [geoip]\ndatabases = []\n",
];

/// Writes the starter configuration into `directory`, which is made if it is not there. A file
/// that exists is never written over, and then nothing is.
pub(super) fn init(directory: &Path) -> Result<(), Failure> {
    for (name, _) in FILES {
        let path = directory.join(name);
        if path.symlink_metadata().is_ok() {
            return Err(Failure::new(format!("{} exists; nothing was written", path.display())));
        }
    }
    let is_located = DatabaseFile::by_default(directory, &environment()).path().exists();
    for (name, text) in FILES {
        let path = directory.join(name);
        let [found, none] = DATABASES;
        let text = if is_located { text.into() } else { text.replace(found, none) };
        write(&path, &text)
            .map_err(|error| Failure::new(format!("can't write {}: {error}", path.display())))?;
        output::print(format_args!("{}\n", path.display()));
    }
    if !is_located {
        let path = directory.join("geoip/world.mmdb");
        output::print(format_args!(
            "\nThere is no GeoIP database at {}: get one and name it in [geoip].\n",
            path.display()
        ));
    }
    let configuration = directory.join("meridian.toml");
    let configuration = configuration.display();
    output::print(format_args!(
        "\nNext: make them yours, and see what they do:\n\
         meridian check -c {configuration}\n\
         meridian explain www.app.example --client 49.36.10.1 --offline -c {configuration}\n\
         meridian run -c {configuration}\n"
    ));
    Ok(())
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::File::create_new(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_starter_has_a_place_for_databases() {
        assert!(FILES[0].1.contains(DATABASES[0]));
    }
}
