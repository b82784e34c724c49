//! docs/commands.md against the command line and the HTTP API.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::{bare, sample, table};

const PAGE: &str = include_str!("../../docs/commands.md");
const OPERATIONS: &str = include_str!("../../docs/operations.md");
/// Routers don't tell their routes; the files that add them do.
const API: &str =
    concat!(include_str!("../../src/admin/api.rs"), include_str!("../../src/cli/upgrade.rs"));

#[test]
fn every_command_and_option_is_documented_and_exists() {
    let headings = PAGE.lines().filter_map(|line| Some(bare(line.strip_prefix("## ")?)));
    let headings = headings.filter(|heading| heading.starts_with("meridian "));
    let documented: BTreeMap<_, _> = headings
        .map(|command| {
            let rows = table(PAGE, &format!("## `{command}`"));
            (command.to_owned(), rows.iter().map(|row| row[0].to_owned()).collect())
        })
        .collect();
    let mut known = BTreeMap::new();
    collect(&meridian::cli::command(), "", &mut known);
    assert_eq!(known, documented);
}

#[test]
fn every_route_is_documented_and_exists() {
    let known: BTreeSet<_> = API
        .split(".route(\"")
        .skip(1)
        .map(|call| {
            let (path, rest) = call.split_once("\", ").unwrap();
            let method = rest.split_once('(').unwrap().0;
            format!("{} {path}", method.to_uppercase())
        })
        .collect();
    let documented: BTreeSet<_> =
        table(PAGE, "## HTTP API").iter().map(|row| row[0].to_owned()).collect();
    assert!(known.len() > 3, "{known:?}");
    assert_eq!(known, documented);
}

#[test]
fn every_field_of_the_api_is_documented_with_its_type() {
    assert_fields("### Status", &sample::status());
    assert_fields("### Explanation", &sample::explanation());
    assert_fields("### Reload", &sample::reload());
    assert_fields("### Plan", &sample::plan());
    assert_fields("### Override", &sample::given());
    assert_fields("### Order", &sample::wanted());
    assert_fields("### Ordered", &sample::ordered());
    assert_fields("### Released", &sample::released());
    assert_fields("### Check", &sample::checked());
    assert_fields("### Simulation", &sample::simulated());
    assert_fields("### Wait", &sample::waited());
    assert_fields("### Diagnostic", &sample::record());
}

#[test]
fn every_field_of_the_audit_log_is_documented_with_its_type() {
    assert_fields_on(OPERATIONS, "### The audit log", &sample::entry());
}

#[test]
fn every_exit_code_is_documented() {
    let documented = table(PAGE, "## Exit codes");
    let rows = meridian::cli::EXIT_CODES.map(|(code, means)| vec![code.to_string(), means.into()]);
    assert_eq!(documented, rows);
}

/// The commands below `command` that do something, with their arguments.
fn collect(command: &clap::Command, parents: &str, into: &mut BTreeMap<String, BTreeSet<String>>) {
    let name = format!("{parents}{}", command.get_name());
    let does_something = !command.is_subcommand_required_set();
    if does_something {
        let arguments = command.get_arguments().map(|argument| match argument.get_long() {
            Some(long) => format!("--{long}"),
            None => argument.get_id().as_str().to_uppercase(),
        });
        into.insert(name.clone(), arguments.collect());
    }
    for below in command.get_subcommands() {
        let mut below = below.clone();
        // An option of the whole command is one of each part.
        for global in command.get_arguments().filter(|argument| argument.is_global_set()) {
            if below.get_arguments().all(|own| own.get_id() != global.get_id()) {
                below = below.arg(global.clone());
            }
        }
        collect(&below, &format!("{name} "), into);
    }
}

fn assert_fields(heading: &str, value: &impl Serialize) {
    assert_fields_on(PAGE, heading, value);
}

fn assert_fields_on(page: &str, heading: &str, value: &impl Serialize) {
    let mut known = BTreeMap::new();
    flatten("", &serde_json::to_value(value).unwrap(), &mut known);
    let rows = table(page, heading).into_iter();
    // What has a table of its own.
    let (linked, rows): (Vec<_>, Vec<_>) = rows.partition(|row| row[1].starts_with('['));
    let (objects, fields): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| row[1].starts_with("object"));
    for row in linked {
        let below = format!("{}.", row[0]);
        let before = known.len();
        known.retain(|field, _| !field.starts_with(&below));
        assert!(known.len() < before, "{row:?}");
    }
    let documented: BTreeMap<_, _> = fields
        .iter()
        .map(|row| {
            let kind = row[1].split(" or null").next().unwrap();
            let kind = match kind {
                "number" | "boolean" | "time" => kind,
                _ => "text",
            };
            (row[0].to_owned(), kind)
        })
        .collect();
    assert_eq!(known, documented, "{heading}");
    for object in objects {
        let below = format!("{}.", object[0]);
        assert!(known.keys().any(|field| field.starts_with(&below)), "{object:?}");
    }
}

/// The paths of all values in `value`, with their types.
fn flatten(path: &str, value: &Value, into: &mut BTreeMap<String, &'static str>) {
    let kind = match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                flatten(&format!("{path}{dot}{name}"), field, into);
            }
            return;
        }
        Value::Array(items) => {
            items.iter().for_each(|item| flatten(&format!("{path}[]"), item, into));
            return;
        }
        Value::String(text) if humantime::parse_rfc3339(text).is_ok() => "time",
        Value::String(_) => "text",
        Value::Number(_) => "number",
        Value::Bool(_) => "boolean",
        Value::Null => panic!("{path} has no made-up value"),
    };
    into.insert(path.to_owned(), kind);
}
