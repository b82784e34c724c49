//! Configurations of other servers, imported. Whatever comes out must load without an error.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod gdnsd;
mod route53;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use meridian::config::{Environment, load};
use meridian::diag::{Style, render};
use meridian::import::{Files, Import};
use meridian::span::Severity;

/// What an import wrote, found to load.
struct Imported {
    files: Files,
    notes: Vec<String>,
}

impl Imported {
    fn new(import: Import) -> Self {
        let errors = errors(&import.files);
        assert_eq!(errors, "", "{}", shown(&import.files));
        let notes = import.notes.iter().map(ToString::to_string).collect();
        Self { files: import.files, notes }
    }

    fn has(self, file: &str, expected: &str) -> Self {
        assert!(
            self.files[file].contains(expected),
            "{expected:?} is not in\n{}",
            self.files[file]
        );
        self
    }

    fn lacks(self, file: &str, unexpected: &str) -> Self {
        assert!(!self.files[file].contains(unexpected), "{}", self.files[file]);
        self
    }

    /// All was mapped.
    fn whole(self) -> Self {
        assert_eq!(self.notes, [""; 0], "{}", shown(&self.files));
        self
    }

    /// These and no other things did not map, and the files say so too.
    fn names(self, expected: &[&str]) -> Self {
        assert_eq!(self.notes, expected, "{}", shown(&self.files));
        for note in expected {
            assert!(self.files.values().any(|text| text.contains(note)), "{note}");
        }
        self
    }
}

/// The errors of files that are loaded as the server would.
fn errors(files: &Files) -> String {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let load = load(&directory.path().join("meridian.toml"), &Environment::default());
    let faults = load.diagnostics.iter().filter(|fault| fault.severity == Severity::Error);
    faults.map(|fault| render(fault, &load.sources, Style::Plain) + "\n").collect()
}

fn shown(files: &Files) -> String {
    files.iter().map(|(name, text)| format!("--- {name}\n{text}\n")).collect()
}

/// The texts below a directory of fixtures.
fn fixture(directory: &str) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/import").join(directory);
    let mut files = BTreeMap::new();
    let mut open: Vec<PathBuf> = vec![root.clone()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    files
}
