//! Writing to the terminal, and what a command fails with.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use crate::diag::Style;

/// Why a command did not do its work.
#[derive(Debug)]
pub(super) enum Failure {
    /// It is on the terminal already.
    Shown,
    /// Still to be shown.
    Message(String),
}

impl Failure {
    pub(super) fn new(message: impl Display) -> Self {
        Self::Message(message.to_string())
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Message(error.to_string())
    }
}

/// Writes to standard output. A reader that has gone, as `head` does, is no fault.
pub(super) fn print(text: impl Display) {
    let _ = write!(std::io::stdout().lock(), "{text}");
}

/// Writes a line to standard error.
pub(super) fn error(message: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "meridian: {message}");
}

/// How diagnostics are to look on standard error.
pub(super) fn style() -> Style {
    if std::io::stderr().is_terminal() { Style::Coloured } else { Style::Plain }
}

/// `s` unless there is one.
pub(super) fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
