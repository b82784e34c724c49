//! Man pages and shell completions, from what clap knows of the commands: for packages to install.

use std::fs;
use std::io;
use std::path::Path;

use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::output::{self, Exit, Failure};
use super::{command, examples};

/// A man page of section 1.
#[derive(Debug)]
pub struct Page {
    /// As in `meridian-status.1`.
    pub file: String,
    /// In roff.
    pub text: String,
}

/// The page of every command.
pub fn pages() -> io::Result<Vec<Page>> {
    let mut all = command().disable_help_subcommand(true);
    all.build();
    let mut pages = vec![];
    let mut commands = vec![&all];
    while let Some(command) = commands.pop() {
        pages.push(page(command)?);
        commands.extend(command.get_subcommands());
    }
    Ok(pages)
}

/// What makes `shell` complete commands, options and their values.
pub fn completions(shell: Shell) -> String {
    let mut script = vec![];
    clap_complete::generate(shell, &mut command(), "meridian", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes the pages into `directory`, which is made if there is none.
pub(super) fn write(directory: &Path) -> Result<(), Failure> {
    let failed =
        |path: &Path, error| Failure::new(format!("can't write {}: {error}", path.display()));
    fs::create_dir_all(directory).map_err(|error| failed(directory, error))?;
    for Page { file, text } in pages()? {
        let path = directory.join(file);
        fs::write(&path, text).map_err(|error| failed(&path, error))?;
        output::print(format_args!("{}\n", path.display()));
    }
    Ok(())
}

fn page(command: &clap::Command) -> io::Result<Page> {
    let man = Man::new(command.clone())
        .source(concat!("meridian ", env!("CARGO_PKG_VERSION")))
        .manual("Meridian");
    let mut text = vec![];
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    let mut rest = Roff::default();
    if let Some(after) = command.get_after_help() {
        let after = after.to_string();
        match after.strip_prefix(examples::HEADING) {
            Some(examples) => verbatim(&mut rest, "EXAMPLES", examples),
            None => verbatim(&mut rest, "NOTES", &after),
        }
    }
    exit_status(&mut rest);
    see_also(&mut rest, command);
    rest.to_writer(&mut text)?;
    Ok(Page { file: man.get_filename(), text: String::from_utf8_lossy(&text).into_owned() })
}

fn verbatim(page: &mut Roff, heading: &str, text: &str) {
    page.control("SH", [heading]).control("EX", []);
    for line in text.trim_matches('\n').lines() {
        page.text([roman(line.trim())]);
    }
    page.control("EE", []);
}

fn exit_status(page: &mut Roff) {
    page.control("SH", ["EXIT STATUS"]);
    for (code, means) in Exit::ALL {
        page.control("TP", []).text([bold(code.to_string())]).text([roman(means)]);
    }
}

fn see_also(page: &mut Roff, command: &clap::Command) {
    let own = command.get_display_name().unwrap_or_else(|| command.get_name());
    let above = own.rsplit_once('-').map(|(above, _)| format!("{above}(1)"));
    let below = command.get_subcommands().map(|below| format!("{own}-{}(1)", below.get_name()));
    let named: Vec<_> = above.into_iter().chain(below).collect();
    if !named.is_empty() {
        page.control("SH", ["SEE ALSO"]).text([roman(named.join(", "))]);
    }
}
