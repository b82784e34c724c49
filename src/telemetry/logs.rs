//! Log lines by `tracing`: text for people, JSON for machines, entries for the journal; one for each
//! event and none for a query.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, format};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{LogFormat, LogLevel, LogSettings};

use super::journal::{self, Entries, Journal};
use super::lines::Lines;

pub use super::lines::Flush;

/// Starts logging to standard error for the whole process; where `errors`, which that is or will be,
/// is the stream to the journal which `journal_stream` tells of, as entries with fields unless
/// `settings` want otherwise. A second call changes nothing.
pub fn start(
    settings: LogSettings,
    errors: &impl AsFd,
    journal_stream: Option<&str>,
) -> io::Result<Flush> {
    if settings.format == LogFormat::Auto
        && journal_stream.is_some_and(|stream| journal::is_led_to_by(errors, stream))
        && let Ok(journal) = Journal::at(Path::new(journal::SOCKET))
    {
        let (lines, flush) = Lines::spawn(journal)?;
        let filter = Targets::new().with_target("meridian", filter(settings.level));
        let registry = tracing_subscriber::registry().with(filter);
        // An error says that logging has already started.
        let _ = registry.with(Entries(Arc::new(lines))).try_init();
        return Ok(flush);
    }
    let (lines, flush) = Lines::spawn(io::stderr())?;
    let lines = Arc::new(lines);
    let terminal = io::stderr().is_terminal();
    let text = match settings.format {
        LogFormat::Auto => terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let filter = Targets::new().with_target("meridian", filter(settings.level));
    let registry = tracing_subscriber::registry().with(filter);
    // An error says that logging has already started.
    let _ = if text {
        // Messages are whole sentences; the fields repeat their parts for machines.
        let message = format::debug_fn(|writer, field, value| match field.name() {
            "message" => write!(writer, "{value:?}"),
            _ => Ok(()),
        });
        let layer = fmt::layer()
            .fmt_fields(message)
            .with_writer(lines)
            .with_ansi(terminal)
            .with_target(false);
        registry.with(layer).try_init()
    } else {
        let layer = fmt::layer().json().flatten_event(true).with_writer(lines);
        registry.with(layer).try_init()
    };
    Ok(flush)
}

/// Lines of at least this importance.
fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
