//! Faults for people: a code, the place with the line itself, and what to do about it.
//!
//! Whoever finds a fault builds a [`Diagnostic`]; whoever has a terminal or a log renders it with
//! the [`Sources`] of the load, or makes a [`Record`] of it for a program. Nothing here knows what
//! the files mean.

mod record;
mod render;
mod sources;

pub use record::{Record, Related};
pub use render::{Style, one_line, render};
pub use sources::{Position, Sources};

use crate::span::{Severity, Span};

/// One fault of a load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable, as `area/claim`; what docs/diagnostics.md lists.
    pub code: &'static str,
    /// Whether the file can still be used.
    pub severity: Severity,
    /// What is wrong, in one line without a final stop.
    pub message: String,
    /// Where; `None` when no line of a file is to blame.
    pub span: Option<Span>,
    /// What the underlined text is; empty for nothing.
    pub label: String,
    /// Other places that belong to the fault, each with what it is.
    pub related: Vec<(Span, String)>,
    /// What to do; empty where the message says it.
    pub remedy: String,
}

impl Diagnostic {
    /// Whether the file that it is about can't be used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// With what the underlined text is.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With another place that belongs to the fault.
    #[must_use]
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related.push((span, label.into()));
        self
    }

    /// With what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}
