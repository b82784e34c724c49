//! `meridian import`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::import::{Files, Import, Note, gdnsd, route53};

use super::examples;
use super::output::{self, Failure, plural};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    source: Source,
}

#[derive(Debug, Subcommand)]
enum Source {
    /// Import the configuration directory of gdnsd 3: config and zones/
    #[command(after_help = examples::IMPORT_GDNSD)]
    Gdnsd {
        /// The directory with `config` and `zones`
        directory: PathBuf,
        #[command(flatten)]
        into: Into,
    },
    /// Import hosted zones of Amazon Route 53, as the command aws prints them
    #[command(after_help = examples::IMPORT_ROUTE53)]
    Route53 {
        /// What `aws route53 list-resource-record-sets` printed, of one zone each
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// What `aws route53 list-health-checks` printed
        #[arg(long, value_name = "FILE")]
        health_checks: Option<PathBuf>,
        /// What `aws route53 list-cidr-blocks` printed
        #[arg(long, value_name = "FILE")]
        cidr_blocks: Option<PathBuf>,
        #[command(flatten)]
        into: Into,
    },
}

/// Where the files go.
#[derive(Debug, Args)]
struct Into {
    /// Where to write meridian.toml and zones/; no file there is overwritten
    #[arg(long, value_name = "DIRECTORY")]
    to: PathBuf,
    /// Exit with 1 if anything does not map
    #[arg(long)]
    strict: bool,
}

/// Writes what maps, and names on standard error what does not.
pub(super) fn import(arguments: &Arguments) -> Result<(), Failure> {
    let (import, into) = match &arguments.source {
        Source::Gdnsd { directory, into } => {
            let (mut files, mut databases) = (Files::new(), BTreeMap::new());
            gather(directory, "", &mut files, &mut databases)?;
            (gdnsd::import(&files, &databases), into)
        }
        Source::Route53 { files, health_checks, cidr_blocks, into } => {
            let source = route53::Source {
                zones: files.iter().map(|file| read(file)).collect::<Result<_, _>>()?,
                health_checks: health_checks.as_deref().map(read).transpose()?,
                cidr_blocks: cidr_blocks.as_deref().map(read).transpose()?,
            };
            (route53::import(&source), into)
        }
    };
    let Import { files, notes } = import.map_err(Failure::new)?;
    write(&into.to, &files)?;
    show(&notes);
    let (written, count) = (files.len(), notes.len());
    let (to, many) = (into.to.display(), plural(written));
    let next = into.to.join("meridian.toml");
    output::print(format_args!(
        "{written} file{many} in {to}, {count} thing{} did not map\n\
         next: meridian check --config {}\n",
        plural(count),
        next.display()
    ));
    if into.strict && count > 0 { Err(Failure::Shown) } else { Ok(()) }
}

/// Reads the texts below `directory`, and where its databases are.
fn gather(
    directory: &Path,
    below: &str,
    files: &mut Files,
    databases: &mut BTreeMap<String, String>,
) -> Result<(), Failure> {
    let failed = |error| Failure::new(format!("can't read {}: {error}", directory.display()));
    for entry in fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let relative = format!("{below}{name}");
        if path.is_dir() {
            gather(&path, &format!("{relative}/"), files, databases)?;
        } else if name.ends_with(".mmdb") {
            let path = path.canonicalize().map_err(failed)?;
            databases.insert(relative, path.to_string_lossy().into_owned());
        } else if path.is_file() {
            match read(&path) {
                Ok((_, text)) => drop(files.insert(relative, text)),
                Err(failure) if relative.starts_with("zones/") => return Err(failure),
                // Whatever else lies there; what the configuration names is missed by its name.
                Err(_) => {}
            }
        }
    }
    Ok(())
}

/// A file's name and text.
fn read(path: &Path) -> Result<(String, String), Failure> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path);
    let text = text.map_err(|error| Failure::new(format!("can't read {name}: {error}")))?;
    Ok((name, text))
}

/// Writes `files` below `directory`, all of them or none: what is there already stays as it is.
fn write(directory: &Path, files: &Files) -> Result<(), Failure> {
    if let Some(there) = files.keys().map(|file| directory.join(file)).find(|path| path.exists()) {
        return Err(Failure::new(format!(
            "{} is there already; nothing was written: give a new directory",
            there.display()
        )));
    }
    let mut made = vec![];
    let written = files.iter().try_for_each(|(file, text)| {
        let path = directory.join(file);
        create(&path, text, &mut made)
            .map_err(|error| Failure::new(format!("can't write {}: {error}", path.display())))
    });
    if written.is_err() {
        for path in made.iter().rev() {
            let _ = if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) };
        }
    }
    written
}

/// Writes a new file; it and the directories that it needed join `made`.
fn create(path: &Path, text: &str, made: &mut Vec<PathBuf>) -> io::Result<()> {
    let is_missing = |of: &&Path| !of.as_os_str().is_empty() && !of.exists();
    let missing: Vec<_> = path.ancestors().skip(1).take_while(is_missing).collect();
    for directory in missing.into_iter().rev() {
        fs::create_dir(directory)?;
        made.push(directory.to_owned());
    }
    let mut file = fs::File::create_new(path)?;
    made.push(path.to_owned());
    file.write_all(text.as_bytes())
}

fn show(notes: &[Note]) {
    let mut error = io::stderr().lock();
    for note in notes {
        let _ = writeln!(error, "not imported: {note}");
    }
}
