//! `meridian reload`.

use hyper::{Method, StatusCode};

use crate::control::ReloadReport;

use super::Printed;
use super::output::{self, Failure, Format};

/// Has the running server load its files again, and shows what it refused.
pub(super) fn reload(arguments: &Printed) -> Result<(), Failure> {
    let Printed { format, config } = arguments;
    let refused = Some(StatusCode::UNPROCESSABLE_ENTITY);
    let report: ReloadReport = config.ask(Method::POST, "/v1/reload", refused)?;
    if *format == Format::Json {
        output::json(&report)?;
        return if report.clean { Ok(()) } else { Err(Failure::Shown) };
    }
    let ReloadReport { clean, generation, faults, diagnostics: _ } = report;
    let _ = std::io::Write::write_all(&mut std::io::stderr().lock(), faults.as_bytes());
    if clean {
        output::print(format_args!("reloaded: generation {generation}\n"));
        return Ok(());
    }
    Err(Failure::new(format!("what has errors stays as it was; generation {generation} serves")))
}
