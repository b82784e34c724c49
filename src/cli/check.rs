//! `meridian check`.

use serde::Serialize;

use crate::control::load::{self, Counts, Occasion, Report};
use crate::diag::Record;

use super::Printed;
use super::output::{self, Failure, Format, plural};
use super::socket::environment;

/// What came of a check, for programs.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// How much there is of what.
    pub summary: Summary,
    /// Every fault, in the order in which they were found.
    pub diagnostics: Vec<Record>,
}

/// How much there is of what.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// Faults that keep a file from being used.
    pub errors: usize,
    /// Faults that do not.
    pub warnings: usize,
    /// What the files hold; `None` where nothing of them can be used.
    pub loaded: Option<Counts>,
}

/// Loads everything as `run` would, opens no socket, and shows every fault.
pub(super) fn check(arguments: &Printed) -> Result<(), Failure> {
    let Printed { format, config } = arguments;
    let (report, loaded) = match load::load(&config.path()?, &environment(), None, Occasion::Asked)
    {
        Ok(loaded) => (loaded.report.clone(), Some(loaded.counts())),
        Err(report) => (report, None),
    };
    let (errors, warnings) = (report.errors().len(), report.warnings());
    let is_whole = loaded.is_some() && errors == 0;
    match format {
        Format::Json => {
            let summary = Summary { errors, warnings, loaded };
            output::json(&Checked { summary, diagnostics: report.records() })?;
        }
        Format::Text => {
            show(&report);
            let counts =
                format!("{errors} error{}, {warnings} warning{}", plural(errors), plural(warnings));
            match loaded {
                Some(loaded) if is_whole => output::print(format_args!("{loaded}: {counts}\n")),
                _ => output::error(counts),
            }
        }
    }
    if is_whole { Ok(()) } else { Err(Failure::Shown) }
}

/// Shows a report's faults on standard error.
pub(super) fn show(report: &Report) {
    let text = report.render(output::style());
    let _ = std::io::Write::write_all(&mut std::io::stderr().lock(), text.as_bytes());
}
