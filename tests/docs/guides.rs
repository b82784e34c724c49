//! docs/guides: what they tell to type can be typed, and what they tell to write loads.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use meridian::diag::{Style, render};
use meridian::import::{Files, gdnsd};
use meridian::span::Severity;
use toml::{Table, Value};

use super::configuration::load_files;

#[test]
fn every_block_is_of_a_kind_that_is_tested() {
    let mut kinds = BTreeSet::new();
    for (_, text) in guides() {
        kinds.extend(blocks(&text).into_iter().map(|(kind, _)| kind.to_owned()));
    }
    let known = ["", "gdnsd", "sh", "toml", "zone"].map(str::to_owned);
    assert_eq!(kinds, BTreeSet::from(known));
}

#[test]
fn every_command_is_understood() {
    let mut count = 0;
    for (guide, text) in guides() {
        for (kind, block) in blocks(&text) {
            let typed = block.lines().filter_map(|line| match kind {
                "" => line.strip_prefix("$ "),
                "sh" => Some(line.trim()),
                _ => None,
            });
            for line in typed {
                let Some(at) = line.find("meridian ") else { continue };
                let command = line[at..].split(['|', '>', '&', '#']).next().unwrap();
                let parsed = meridian::cli::command().try_get_matches_from(words(command));
                assert!(parsed.is_ok(), "{guide}: {command}: {}", parsed.unwrap_err());
                count += 1;
            }
        }
    }
    assert!(count > 20, "{count}");
}

#[test]
fn every_command_in_a_sentence_exists_with_its_options() {
    let mut commands = meridian::cli::command();
    commands.build();
    let mut count = 0;
    for (guide, text) in guides() {
        let sentences: String = text.split("```").step_by(2).collect();
        let pieces = sentences.split('`').skip(1).step_by(2);
        for piece in pieces.filter(|piece| piece.starts_with("meridian ")) {
            let mut command = &commands;
            for word in words(piece).iter().skip(1) {
                if let Some(option) = word.strip_prefix("--") {
                    let mut known = command.get_arguments().filter_map(clap::Arg::get_long);
                    assert!(known.any(|long| long == option), "{guide}: {piece}");
                } else if let Some(below) = command.find_subcommand(word) {
                    command = below;
                } else {
                    assert!(!command.has_subcommands(), "{guide}: {piece}");
                }
            }
            count += 1;
        }
    }
    assert!(count > 10, "{count}");
}

#[test]
fn every_piece_of_configuration_loads() {
    let mut count = 0;
    for (guide, text) in guides() {
        for (kind, block) in blocks(&text) {
            let mut files = base();
            match kind {
                "toml" => {
                    for (key, value) in block.parse::<Table>().unwrap() {
                        let is_servers = SERVERS.contains(&key.as_str());
                        let file = if is_servers { "meridian.toml" } else { POLICY };
                        let mut table: Table = files[file].parse().unwrap();
                        merge(&mut table, Table::from_iter([(key, value)]));
                        files.insert(file, table.to_string());
                    }
                }
                // A whole zone, or lines of the one above.
                "zone" if block.contains("SOA") => drop(files.insert(ZONE, block.to_owned())),
                "zone" => drop(files.insert(PARENT, files[PARENT].clone() + block)),
                _ => continue,
            }
            let directory = tempfile::tempdir().unwrap();
            let (load, _) = load_files(directory.path(), &files);
            let errors = load.diagnostics.iter().filter(|fault| fault.severity == Severity::Error);
            let errors: String =
                errors.map(|fault| render(fault, &load.sources, Style::Plain) + "\n").collect();
            assert_eq!(errors, "", "{guide}:\n{block}");
            count += 1;
        }
    }
    assert!(count > 5, "{count}");
}

#[test]
fn the_example_of_an_import_is_what_comes_of_it() {
    let page = guides().remove("from-gdnsd.md").unwrap();
    let block = |kind: &str| {
        let blocks = blocks(&page);
        blocks.into_iter().find(|(of, _)| *of == kind).unwrap().1.to_owned()
    };
    let (_, record) = page.split_once("Of a record `").unwrap();
    let record = record.split('`').next().unwrap();
    let zone = format!("@ SOA ns1 h 1 2H 30M 2W 30\n  NS ns1\nns1 A 192.0.2.53\n{record}\n");
    let files = Files::from([
        ("config".to_owned(), block("gdnsd")),
        ("zones/app.example".to_owned(), zone),
    ]);
    let import = gdnsd::import(&files, &BTreeMap::new()).unwrap();
    let written: Table = import.files["meridian.toml"].parse().unwrap();
    for (key, value) in block("toml").parse::<Table>().unwrap() {
        assert_eq!(written[&key], value, "{key}");
    }
    let notes: Vec<_> = import.notes.iter().map(|note| format!("not imported: {note}\n")).collect();
    assert_eq!(notes.len(), 1);
    assert!(page.contains(&notes[0]), "{notes:?}");
}

/// The guides by their files' names.
fn guides() -> BTreeMap<String, String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guides");
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let guides: BTreeMap<_, _> = entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    assert_eq!(guides.len(), 7);
    guides
}

/// The fenced blocks of a page, each with what it says it is.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let blocks = page.split("```").skip(1).step_by(2);
    blocks.map(|block| block.split_once('\n').unwrap()).collect()
}

/// The words of a line of shell; quotes of either kind hold words together.
fn words(line: &str) -> Vec<String> {
    let line = line.replace('"', "'");
    let parts = line.split('\'').enumerate();
    parts
        .flat_map(|(position, part)| match position % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}

/// What pieces of configuration are pieces of.
fn base() -> BTreeMap<&'static str, String> {
    let server = "
        [az.mumbai]
        location = [19.08, 72.88]
        [az.singapore]
        location = [1.35, 103.82]
        [az.frankfurt]
        location = [50.11, 8.68]
    ";
    let policy = "
        [names]
        www = 'web'
        [check.web]
        type = 'http'
        [pool.web]
        check = 'web'
        endpoints.mumbai = ['203.0.113.10']
        endpoints.singapore = ['203.0.113.20']
    ";
    let zone = "$TTL 1h\n@ IN SOA ns1 hostmaster 1 2h 30m 2w 30\n  IN NS ns1\nns1 IN A 192.0.2.9\n";
    BTreeMap::from([
        ("meridian.toml", server.to_owned()),
        (ZONE, zone.to_owned()),
        (POLICY, policy.to_owned()),
        (PARENT, zone.to_owned()),
    ])
}

fn merge(table: &mut Table, more: Table) {
    for (key, value) in more {
        match (table.get_mut(&key), value) {
            (Some(Value::Table(known)), Value::Table(more)) => merge(known, more),
            (_, value) => drop(table.insert(key, value)),
        }
    }
}

/// Tables of `meridian.toml`.
const SERVERS: [&str; 8] = ["admin", "az", "geoip", "group", "include", "log", "probe", "server"];
const PARENT: &str = "zones/example.com.zone";
const ZONE: &str = "zones/app.example.com.zone";
const POLICY: &str = "zones/app.example.com.toml";
