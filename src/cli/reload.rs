//! `meridian reload`.

use hyper::{Method, StatusCode};

use crate::control::ReloadReport;

use super::output::{self, Failure, Format};
use super::{Printed, Reload};

/// Has the running server load its files again, and shows what it refused.
pub(super) fn reload(arguments: &Reload) -> Result<(), Failure> {
    let Reload { confirm, printed: Printed { format, config } } = arguments;
    let path = if *confirm { "/v1/reload?confirm=true" } else { "/v1/reload" };
    let refused = Some(StatusCode::UNPROCESSABLE_ENTITY);
    let report: ReloadReport = config.ask(Method::POST, path, refused)?;
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
