//! The documentation against the code: what the one has, the other has too.
#![allow(clippy::unwrap_used, reason = "a page that can't be read this way has failed the test")]

mod commands;
mod configuration;
mod guides;
mod manual;
mod metrics;
mod pages;
mod sample;
mod zones;

/// The rows of the first table below a heading, as their cells without backticks around them.
fn table<'a>(page: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let (_, below) = page.split_once(&format!("{heading}\n")).expect(heading);
    let rows = below.lines().skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row[1..row.len() - 1].split('|').map(|cell| bare(cell.trim())).collect())
        .collect()
}

/// A cell that is one piece of code, without its backticks.
fn bare(cell: &str) -> &str {
    let inner = cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`'));
    inner.filter(|inner| !inner.contains('`')).unwrap_or(cell)
}

/// The pieces of code in a cell.
fn words(cell: &str) -> Vec<String> {
    if !cell.contains('`') {
        return cell.split_whitespace().map(Into::into).collect();
    }
    cell.split('`').skip(1).step_by(2).map(Into::into).collect()
}
