//! The README, and what concerns all pages.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::configuration::load_files;

const README: &str = include_str!("../../README.md");
const LICENCES: &str = include_str!("../../geoip/LICENSE.md");

#[test]
fn the_three_files_of_the_readme_have_no_fault() {
    let (_, part) = README.split_once("## The three files").unwrap();
    let (part, _) = part.split_once("\n## ").unwrap();
    let blocks =
        part.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap().1);
    let files: BTreeMap<_, _> = blocks
        .map(|text| {
            (text.lines().next().unwrap().trim_start_matches(['#', ';', ' ']), text.to_owned())
        })
        .collect();
    assert_eq!(files.len(), 3);
    let directory = tempfile::tempdir().unwrap();
    let (_, faults) = load_files(directory.path(), &files);
    assert_eq!(faults, "");
}

#[test]
fn the_attribution_that_the_data_asks_for_is_in_help_and_readme() {
    let help = meridian::cli::command().render_long_help().to_string();
    for source in ["https://db-ip.com", "https://www.geonames.org", "CC BY 4.0"] {
        assert!(LICENCES.contains(source), "{source}");
        assert!(README.contains(source), "{source}");
        assert!(help.contains(source), "{source}");
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let markdown = |directory: &Path| {
        let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.extension().is_some_and(|of| of == "md")).collect::<Vec<_>>()
    };
    let pages = [root.to_owned(), root.join("docs"), root.join("docs/guides")];
    let pages = pages.map(|directory| markdown(&directory)).concat();
    assert!(pages.len() > 7, "{pages:?}");
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if link.starts_with("https://") {
                continue;
            }
            let (file, part) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.with_file_name(file) };
            assert!(target.exists(), "{} links to {link}", page.display());
            if !part.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let mut headings = text.lines().filter(|line| line.starts_with('#'));
                let is_there = headings.any(|heading| anchor(heading) == part);
                assert!(is_there, "{} links to {link}", page.display());
            }
        }
    }
}

/// What a link to a heading is written as.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
