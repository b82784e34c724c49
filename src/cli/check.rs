//! `meridian check`.

use crate::control::load::{self, Occasion, Report};

use super::Config;
use super::output::{self, Failure, plural};
use super::socket::environment;

/// Loads everything as `run` would, opens no socket, and shows every fault.
pub(super) fn check(config: &Config) -> Result<(), Failure> {
    let (report, summary) = match load::load(&config.path()?, &environment(), None, Occasion::Asked)
    {
        Ok(loaded) => (loaded.report.clone(), Some(loaded.summary())),
        Err(report) => (report, None),
    };
    show(&report);
    let errors = report.errors().len();
    let warnings = report.warnings();
    let counts =
        format!("{errors} error{}, {warnings} warning{}", plural(errors), plural(warnings));
    match summary {
        Some(summary) if errors == 0 => {
            output::print(format_args!("{summary}: {counts}\n"));
            Ok(())
        }
        _ => {
            output::error(counts);
            Err(Failure::Shown)
        }
    }
}

/// Shows a report's faults on standard error.
pub(super) fn show(report: &Report) {
    let text = report.render(output::style());
    let _ = std::io::Write::write_all(&mut std::io::stderr().lock(), text.as_bytes());
}
