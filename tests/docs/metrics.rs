//! docs/metrics.md against what is exported.

use std::collections::{BTreeMap, BTreeSet};

use meridian::serve::Totals;
use meridian::telemetry::metrics::{METRICS, render};

use super::{sample, table, words};

const PAGE: &str = include_str!("../../docs/metrics.md");

/// A metric as a scrape shows it: its type, labels and help text.
type Metric = (String, BTreeSet<String>, String);

#[test]
fn every_metric_is_documented_as_it_is_exported() {
    let documented: BTreeMap<_, _> = table(PAGE, "# Metrics")
        .into_iter()
        .map(|row| {
            let [name, kind, labels, meaning] = row[..] else { panic!("{row:?}") };
            (name.to_owned(), (kind.to_owned(), labels_of(labels), meaning.to_owned()))
        })
        .collect();
    let exported: BTreeMap<_, _> =
        exported().into_iter().map(|(name, (of, _))| (name, of)).collect();
    assert_eq!(exported, documented);
    assert_eq!(exported.len(), METRICS.len());
}

#[test]
fn every_value_of_a_closed_label_is_documented() {
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, samples) in exported().into_values() {
        for (label, value) in samples {
            values.entry(label).or_default().insert(value);
        }
    }
    let rows = table(PAGE, "`meridian_transitions_total` yet.");
    assert!(rows.len() > 3);
    for row in rows {
        let [label, documented] = row[..] else { panic!("{row:?}") };
        let documented: BTreeSet<_> = words(documented).into_iter().collect();
        assert_eq!(values[label], documented, "{label}");
    }
}

#[test]
fn alerts_are_on_metrics_that_exist() {
    let exported = exported();
    for row in table(PAGE, "## What to alert on") {
        let names = row[0].split(|c: char| !(c.is_ascii_lowercase() || c == '_'));
        let names: Vec<_> = names.filter(|word| word.starts_with("meridian_")).collect();
        assert!(!names.is_empty(), "{row:?}");
        assert!(names.iter().all(|name| exported.contains_key(*name)), "{row:?}");
    }
}

/// Every metric by its name, with the label values of its samples.
fn exported() -> BTreeMap<String, (Metric, Vec<(String, String)>)> {
    let text = render(sample::status(), Totals::default());
    let mut metrics = BTreeMap::new();
    let mut family = (String::new(), String::new(), String::new());
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            family = (name.to_owned(), String::new(), help.to_owned());
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            family.1 = kind.split_once(' ').unwrap().1.to_owned();
        } else if !line.starts_with('#') {
            let (name, rest) = line.split_once('{').unwrap();
            assert!(name.starts_with(&family.0), "{line}");
            let labels = rest.split_once('}').unwrap().0;
            let pairs = labels.split(',').filter_map(|pair| pair.split_once('='));
            let pairs =
                pairs.map(|(key, value)| (key.to_owned(), value.trim_matches('"').to_owned()));
            let pairs: Vec<_> = pairs.collect();
            let keys = pairs.iter().map(|(key, _)| key.clone()).collect();
            let metric = (family.1.clone(), keys, family.2.clone());
            let entry = metrics.entry(name.to_owned()).or_insert_with(|| (metric.clone(), vec![]));
            assert_eq!(entry.0, metric, "{line}");
            entry.1.extend(pairs);
        }
    }
    metrics
}

fn labels_of(cell: &str) -> BTreeSet<String> {
    words(cell).into_iter().collect()
}
