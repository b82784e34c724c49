//! Man pages and shell completions against the command line.

use std::collections::BTreeSet;

use clap::ValueEnum;
use clap_complete::Shell;
use meridian::cli::{EXIT_CODES, completions, pages};

#[test]
fn every_command_has_a_page_with_its_options_and_exit_codes() {
    let mut commands = vec![];
    collect(&built(), &mut commands);
    let pages = pages().unwrap();
    let files: BTreeSet<_> = pages.iter().map(|page| page.file.clone()).collect();
    let expected = commands.iter().map(|command| format!("{}.1", page_name(command)));
    assert_eq!(files, expected.collect());
    for command in commands {
        let file = format!("{}.1", page_name(&command));
        let page = plain(&pages.iter().find(|page| page.file == file).unwrap().text);
        // What clap adds has two texts, and the page the longer one.
        let own =
            |argument: &&clap::Arg| !["help", "version"].contains(&argument.get_id().as_str());
        for argument in command.get_arguments().filter(own) {
            let name = match argument.get_long() {
                Some(long) => format!("--{long}"),
                None => argument.get_id().to_string().to_uppercase(),
            };
            assert!(page.contains(&name), "{file} lacks {name}:\n{page}");
            let help = argument.get_help().unwrap().to_string();
            assert!(page.contains(&help), "{file} lacks {help:?}:\n{page}");
        }
        for (code, means) in EXIT_CODES {
            assert!(page.contains(&format!("{code}\n{means}")), "{file}:\n{page}");
        }
    }
}

#[test]
fn pages_have_the_examples_of_the_help() {
    let pages = pages().unwrap();
    let mut commands = vec![];
    collect(&built(), &mut commands);
    let mut shown = 0;
    for command in commands {
        let Some(after) = command.get_after_help() else { continue };
        let after = after.to_string();
        let file = format!("{}.1", page_name(&command));
        let page = plain(&pages.iter().find(|page| page.file == file).unwrap().text);
        for line in after.lines().filter(|line| *line != "Examples:") {
            assert!(page.contains(line.trim()), "{file} lacks {line:?}:\n{page}");
            shown += usize::from(line.starts_with("  meridian "));
        }
    }
    assert!(shown > 10);
}

#[test]
fn every_example_is_understood() {
    let mut commands = vec![];
    collect(&built(), &mut commands);
    let examples: Vec<_> = commands
        .iter()
        .filter_map(clap::Command::get_after_help)
        .flat_map(|after| after.to_string().lines().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|line| line.strip_prefix("  ").map(str::to_owned))
        .collect();
    for example in &examples {
        // Up to what is the shell's.
        let typed = example.split(['|', '>', '&']).next().unwrap();
        let words = split(typed);
        let parsed = meridian::cli::command().try_get_matches_from(words);
        assert!(parsed.is_ok(), "{example}: {}", parsed.unwrap_err());
    }
    assert!(examples.len() > 10);
}

#[test]
fn every_shell_is_told_every_command_and_option() {
    let mut commands = vec![];
    collect(&built(), &mut commands);
    for shell in Shell::value_variants() {
        let script = completions(*shell);
        for command in &commands {
            assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            for long in command.get_arguments().filter_map(clap::Arg::get_long) {
                assert!(script.contains(long), "{shell}: {long}");
            }
        }
    }
}

/// The words of a line, where only single quotes hold words together.
fn split(line: &str) -> Vec<String> {
    let mut words = vec![];
    for (position, part) in line.split('\'').enumerate() {
        if position % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

fn built() -> clap::Command {
    let mut command = meridian::cli::command().disable_help_subcommand(true);
    command.build();
    command
}

fn collect(command: &clap::Command, into: &mut Vec<clap::Command>) {
    into.push(command.clone());
    command.get_subcommands().for_each(|below| collect(below, into));
}

fn page_name(command: &clap::Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

/// A page without what roff makes of letters and fonts.
fn plain(page: &str) -> String {
    let mut text = page.to_owned();
    for (from, to) in
        [("\\-", "-"), ("\\fB", ""), ("\\fI", ""), ("\\fR", ""), ("\\*(Aq", "'"), ("\\&", "")]
    {
        text = text.replace(from, to);
    }
    text
}
