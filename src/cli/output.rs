//! Writing to the terminal, and what a command fails with.

use std::fmt::{self, Display};
use std::io::{IsTerminal, Write};

use clap::ValueEnum;
use hyper::StatusCode;
use serde::Serialize;

use crate::admin::client::ClientError;
use crate::diag::Style;

/// Why a command did not do its work.
#[derive(Debug)]
pub(super) enum Failure {
    /// It is on the terminal already.
    Shown,
    /// Still to be shown.
    Message(Exit, String),
}

/// The exit codes beside 0, as docs/commands.md and the man pages list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Files have errors, or the server could not start or refused.
    Refused = 1,
    /// What was typed can't be meant; clap exits with it too.
    Usage = 2,
    /// No server was reached.
    Unreachable = 3,
    /// What was waited for did not come.
    TimedOut = 4,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs: one JSON value with the fields that docs/commands.md lists
    Json,
}

impl Exit {
    /// Every code and what it means.
    pub(super) const ALL: [(u8, &str); 5] = [
        (0, "done"),
        (
            Self::Refused as u8,
            "files have errors, a simulated loss breaks a limit, the server could not start, or it refused; \
             what it refused changed nothing",
        ),
        (Self::Usage as u8, "wrong usage, or what was named does not exist; nothing was tried"),
        (Self::Unreachable as u8, "no server was reached"),
        (Self::TimedOut as u8, "what `--wait` waited for did not come in time"),
    ];
}

impl Failure {
    pub(super) fn new(message: impl Display) -> Self {
        Self::Message(Exit::Refused, message.to_string())
    }

    pub(super) fn usage(message: impl Display) -> Self {
        Self::Message(Exit::Usage, message.to_string())
    }

    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Shown => Exit::Refused,
            Self::Message(exit, _) => *exit,
        }
    }

    /// Why a server did not do what it was asked.
    pub(super) fn of_client(error: &ClientError) -> Self {
        let exit = match error {
            ClientError::Unreachable { .. } => Exit::Unreachable,
            ClientError::Refused { status: StatusCode::BAD_REQUEST, .. } => Exit::Usage,
            ClientError::Refused { .. } | ClientError::Garbled(_) => Exit::Refused,
        };
        Self::Message(exit, error.to_string())
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shown => f.write_str("it is told already"),
            Self::Message(_, message) => f.write_str(message),
        }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

impl Format {
    /// Prints `value`, by `text` for people.
    pub(super) fn show<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        match self {
            Self::Text => print(text(value)),
            Self::Json => json(value)?,
        }
        Ok(())
    }
}

/// Prints `value` for programs.
pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    print(serde_json::to_string_pretty(value)? + "\n");
    Ok(())
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
