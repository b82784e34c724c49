//! Every key, default, range and code that the code has, the pages have too, and every example
//! loads.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use meridian::config::key::{Default, KeyTable, TABLES};
use meridian::config::{Code, Config, Environment, Load, load};
use meridian::diag::{Style, render};
use meridian::span::Severity;
use meridian::zone::FaultKind;

const CONFIGURATION: &str = include_str!("../../docs/configuration.md");
const DIAGNOSTICS: &str = include_str!("../../docs/diagnostics.md");

#[test]
fn every_key_is_documented_and_every_documented_key_exists() {
    let known: BTreeSet<_> = TABLES.iter().flat_map(|table| keys(table)).collect();
    let documented = rows().into_iter().map(|row| (row.section, row.key)).collect();
    assert_eq!(known, documented);
}

#[test]
fn documented_defaults_are_what_an_absent_key_means() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    for Row { section, key, default, .. } in rows() {
        match table(&section).key(&key).map(|known| (known.default, known.example)) {
            Some((Default::Example, example)) => {
                assert_eq!(default, format!("`{example}`"), "{section} {key}");
                let absent = configured(directory, &files(&section, ""));
                let line = format!("{key} = {example}");
                let present = configured(directory, &files(&section, &line));
                assert_eq!(absent.settings, present.settings, "{section} {key}");
                assert_eq!(absent.topology, present.topology, "{section} {key}");
            }
            Some((Default::Required, _)) => assert_eq!(default, "required", "{section} {key}"),
            Some((Default::Other, _)) => assert!(!default.is_empty(), "{section} {key}"),
            Some((Default::Table, _)) | None => panic!("{section} {key} is no key"),
        }
    }
}

#[test]
fn documented_ranges_are_exact() {
    let directory = tempfile::tempdir().unwrap();
    let mut ranges = 0;
    for Row { section, key, kind, range, .. } in rows() {
        let Some((low, high)) = range.split_once(" to ") else { continue };
        let (quote, above) = match kind.as_str() {
            "whole number" => ("", (high.parse::<u64>().unwrap() + 1).to_string()),
            "duration" | "TTL" => ("\"", format!("{high} 1s")),
            _ => continue,
        };
        let is_refused = |value: &str| {
            let line = format!("{key} = {quote}{value}{quote}");
            let (load, _) = load_files(directory.path(), &files(&section, &line));
            let of_key = |message: &str| message.starts_with(&format!("`{key}` must be from"));
            let mut faults = load.diagnostics.iter();
            faults.any(|fault| fault.code == Code::OutOfRange.text() && of_key(&fault.message))
        };
        assert!(!is_refused(low), "{section} {key} from {low}");
        assert!(!is_refused(high), "{section} {key} to {high}");
        assert!(is_refused(&above), "{section} {key} to {high}, not {above}");
        if !low.starts_with('0') {
            assert!(is_refused(if quote.is_empty() { "0" } else { "1ms" }), "{section} {key}");
        }
        ranges += 1;
    }
    assert!(ranges > 12, "only {ranges} ranges were found");
}

#[test]
fn the_examples_load_and_show_every_key() {
    let (server, policy) = CONFIGURATION.split_once("## zones/ORIGIN.toml").unwrap();
    let [server, policy] = [server, policy].map(examples);
    let authority = rcgen::generate_simple_self_signed(vec![]).unwrap().cert.pem();
    let files = BTreeMap::from([
        ("meridian.toml", server.clone()),
        ("fleet.toml", String::new()),
        ("demand.csv", "country:IN,1200\n".to_owned()),
        ("cookie.secrets", "0123456789abcdef0123456789abcdef\n".to_owned()),
        ("zones/app.example.toml", policy.clone()),
        ("zones/authorities.pem", authority),
        ("zones/app.example.zone", ZONE.to_owned()),
    ]);
    let directory = tempfile::tempdir().unwrap();
    let (load, text) = load_files(directory.path(), &files);
    assert!(!load.has_errors(), "{text}");
    for row in rows() {
        let is_shown = |text: &str| text.contains(&format!("{} = ", row.key));
        assert!(is_shown(&server) || is_shown(&policy), "{} {}", row.section, row.key);
    }
}

#[test]
fn the_files_of_the_demonstration_have_no_fault() {
    let load = load(Path::new("meridian.toml"), &Environment::default());
    let rendered = load.diagnostics.iter().map(|f| render(f, &load.sources, Style::Plain));
    assert_eq!(rendered.collect::<String>(), "");
}

#[test]
fn every_code_is_documented_with_its_severity_and_every_documented_code_exists() {
    let word = |severity| match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let own = Code::ALL.iter().map(|code| (code.text(), word(code.severity())));
    let known: BTreeMap<_, _> = own.chain(FaultKind::CODES.iter().copied()).collect();
    let rows = DIAGNOSTICS.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let documented: BTreeMap<_, _> =
        rows.filter_map(|(code, rest)| Some((code, rest.split(" |").next()?))).collect();
    assert_eq!(known, documented);
}

/// One line of a table of keys.
struct Row {
    section: String,
    key: String,
    kind: String,
    default: String,
    range: String,
}

fn rows() -> Vec<Row> {
    let mut section = String::new();
    let mut rows = vec![];
    for line in CONFIGURATION.lines() {
        if let Some(header) = line.strip_prefix("### `") {
            section = header.trim_end_matches('`').to_owned();
        } else if line.starts_with("| `") && !section.is_empty() {
            let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [key, kind, default, range, meaning] = cells[..] else { panic!("{line}") };
            assert!(!meaning.is_empty(), "{line}");
            let key = key.trim_matches('`').to_owned();
            let [kind, default, range] = [kind, default, range].map(str::to_owned);
            rows.push(Row { section: section.clone(), key, kind, default, range });
        }
    }
    rows
}

/// The keys that hold values, with the section that documents them.
fn keys(table: &KeyTable) -> Vec<(String, String)> {
    let section = match table.header {
        "an endpoint" => "[pool.NAME.endpoints]",
        "a safety rule" => "[pool.NAME.safety]",
        header => header,
    };
    let values = table.keys.iter().filter(|key| key.default != Default::Table);
    values.map(|key| (section.to_owned(), key.name.to_owned())).collect()
}

fn table(section: &str) -> &'static KeyTable {
    let header = match section {
        "[pool.NAME.endpoints]" => "an endpoint",
        "[pool.NAME.safety]" => "a safety rule",
        section => section,
    };
    TABLES.iter().find(|table| table.header == header).unwrap()
}

/// The examples of a part of the page, one behind the other.
fn examples(page: &str) -> String {
    let blocks = page.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap());
    blocks.collect()
}

/// Whole files in which `section` has `line` besides what it needs.
fn files(section: &str, line: &str) -> BTreeMap<&'static str, String> {
    let own = |table: &str| if section == table { line } else { "" };
    let [az, check, pool] = ["[az.NAME]", "[check.NAME]", "[pool.NAME]"].map(own);
    let is_plain = section.starts_with('[') && !section.contains("NAME");
    let server = if is_plain { format!("{section}\n{line}\n") } else { String::new() };
    BTreeMap::from([
        ("meridian.toml", format!("{server}[az.mumbai]\nlocation = [19.08, 72.88]\n{az}\n")),
        (
            "zones/app.example.toml",
            format!(
                "[names]\nwww = \"web\"\n[check.web]\ntype = \"http\"\n{check}\n\
                 [pool.web]\ncheck = \"web\"\nendpoints.mumbai = [\"203.0.113.10\"]\n{pool}\n"
            ),
        ),
        ("zones/app.example.zone", ZONE.to_owned()),
    ])
}

fn configured(directory: &Path, files: &BTreeMap<&'static str, String>) -> Config {
    let (load, text) = load_files(directory, files);
    assert!(!load.has_errors(), "{text}");
    load.build(None).0.unwrap()
}

/// Loads the files from `directory`, and renders what is wrong.
pub(crate) fn load_files(
    directory: &Path,
    files: &BTreeMap<&'static str, String>,
) -> (Load, String) {
    for (path, text) in files {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let load = load(&directory.join("meridian.toml"), &Environment::default());
    let rendered = load.diagnostics.iter().map(|f| render(f, &load.sources, Style::Plain) + "\n");
    let text = rendered.collect();
    (load, text)
}

const ZONE: &str = "\
$TTL 1h
@   IN SOA ns1 hostmaster 2026112401 2h 30m 2w 30
    IN NS  ns1
ns1 IN A   192.0.2.53
";
