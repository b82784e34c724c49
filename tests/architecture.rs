//! Holds every import to the layers that ARCHITECTURE.md draws, and the core to purity.
#![allow(clippy::unwrap_used, reason = "a test that can't read its sources has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What each module may use of the crate, beside itself and the base.
const LAYERS: [(&str, &[&str]); 20] = [
    // The base: words that everybody shares.
    ("id", &[]),
    ("time", &[]),
    ("span", &[]),
    // The core.
    ("wire", &[]),
    ("zone", &["wire"]),
    ("geo", &[]),
    ("health", &[]),
    ("route", &["geo", "health"]),
    ("answer", &["wire", "zone", "geo", "route"]),
    // The shell.
    ("clock", &[]),
    ("random", &[]),
    ("diag", &[]),
    ("store", &[]),
    ("systemd", &[]),
    ("import", &["geo"]),
    ("probe", &["clock", "health"]),
    ("serve", &["answer", "clock", "systemd", "wire"]),
    ("config", &["answer", "diag", "wire", "zone", "geo", "health", "route"]),
    (
        "control",
        &[
            "answer", "clock", "config", "diag", "geo", "health", "probe", "random", "route",
            "serve", "store", "wire", "zone",
        ],
    ),
    ("telemetry", &["answer", "config", "control", "route", "serve", "wire"]),
];
/// The shell's upper end: the API sees control and telemetry, the command line sees everything.
const TOP: [(&str, &[&str]); 1] =
    [("admin", &["answer", "control", "route", "serve", "telemetry"])];
const BASE: [&str; 3] = ["id", "time", "span"];
const CORE: [&str; 5] = ["wire", "zone", "geo", "health", "route"];

/// What the core never does: wait, touch the world, read a clock or throw dice.
const IMPURE: [&str; 13] = [
    "tokio::",
    "std::fs",
    "std::io",
    "std::thread",
    "std::process",
    "std::env",
    "std::os",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "Instant",
    "SystemTime",
    "rand::",
];

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The code of each file of `src` without its comments and tests, by top-level module.
fn modules() -> BTreeMap<String, Vec<(PathBuf, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![];
    sources(&root, &mut files);
    let mut modules: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for path in files {
        let relative = path.strip_prefix(&root).unwrap();
        let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
        let module = first.strip_suffix(".rs").unwrap_or(first).to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let code: Vec<_> = text
            .split("#[cfg(test)]")
            .next()
            .unwrap()
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        modules.entry(module).or_default().push((relative.to_owned(), code.join("\n")));
    }
    modules
}

/// The top-level modules that `code` names by `crate::`, in nested braces too.
fn uses(code: &str) -> BTreeSet<String> {
    let word = |text: &str| -> String {
        text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => {
                found.insert(word(rest));
            }
            Some(list) => {
                let mut depth = 0;
                let mut start = true;
                for (index, c) in list.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' => start = depth == 0,
                        c if start && c.is_alphabetic() => {
                            found.insert(word(&list[index..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found
}

#[test]
fn imports_point_only_left_or_down() {
    let allowed: BTreeMap<_, _> = LAYERS.into_iter().chain(TOP).collect();
    let mut faults = vec![];
    for (module, files) in modules() {
        if ["lib", "main", "cli"].contains(&&*module) {
            continue;
        }
        let Some(allowed) = allowed.get(&*module) else {
            faults.push(format!("{module} has no place in the layers"));
            continue;
        };
        for (path, code) in files {
            for used in uses(&code) {
                if used != module && !BASE.contains(&&*used) && !allowed.contains(&&*used) {
                    faults.push(format!("{} may not use crate::{used}", path.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_core_is_pure() {
    let mut faults = vec![];
    for (module, files) in modules() {
        if !CORE.contains(&&*module) && module != "answer" && !BASE.contains(&&*module) {
            continue;
        }
        for (path, code) in files {
            for impure in IMPURE {
                if code.contains(impure) {
                    faults.push(format!("{} has {impure}", path.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn nested_imports_are_seen() {
    let code = "use crate::{geo::{Point, place}, route, wire::Name};\nlet x = crate::zone::read();";
    let expected = ["geo", "route", "wire", "zone"].map(str::to_owned);
    assert_eq!(uses(code), BTreeSet::from(expected));
}

#[test]
fn files_stay_readable() {
    let mut long = vec![];
    for files in modules().into_values() {
        for (path, code) in files {
            let lines = code.lines().count();
            if lines > 600 {
                long.push(format!("{} has {lines} lines of code", path.display()));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}
