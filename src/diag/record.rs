//! The form of a diagnostic for programs: its places resolved to files, lines and columns.

use serde::{Deserialize, Serialize};

use super::{Diagnostic, Position, Sources};
use crate::span::{Severity, Span};

/// A fault as `--format json` and the API tell it. Where no line of a file is to blame, `file`,
/// `line`, `column` and `end` are `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// What docs/diagnostics.md lists.
    pub code: String,
    /// Whether the file can still be used.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub file: Option<String>,
    /// Where the fault begins, from 1.
    pub line: Option<usize>,
    /// Where the fault begins in the line, in characters, from 1.
    pub column: Option<usize>,
    /// The first place behind the fault.
    pub end: Option<Position>,
    /// What is there; empty for nothing.
    pub label: String,
    /// Other places that belong to the fault.
    pub related: Vec<Related>,
    /// What to do; empty where the message says it.
    pub remedy: String,
}

/// Another place that belongs to a fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Related {
    /// Where.
    pub file: String,
    /// Where it begins, from 1.
    pub line: usize,
    /// Where it begins in the line, in characters, from 1.
    pub column: usize,
    /// The first place behind it.
    pub end: Position,
    /// What is there.
    pub label: String,
}

impl Record {
    /// `diagnostic` with its places in `sources`.
    pub fn of(diagnostic: &Diagnostic, sources: &Sources) -> Self {
        let Diagnostic { code, severity, message, span, label, related, remedy } = diagnostic;
        let place = span.and_then(|span| Related::at(span, label, sources));
        Self {
            code: (*code).into(),
            severity: *severity,
            message: message.clone(),
            file: place.as_ref().map(|place| place.file.clone()),
            line: place.as_ref().map(|place| place.line),
            column: place.as_ref().map(|place| place.column),
            end: place.map(|place| place.end),
            label: label.clone(),
            related: related
                .iter()
                .filter_map(|(span, label)| Related::at(*span, label, sources))
                .collect(),
            remedy: remedy.clone(),
        }
    }
}

impl Related {
    fn at(span: Span, label: &str, sources: &Sources) -> Option<Self> {
        let (path, Position { line, column }) = sources.line_column(span)?;
        let (_, end) = sources.line_column(Span { start: span.end.max(span.start), ..span })?;
        Some(Self { file: path.display().to_string(), line, column, end, label: label.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostic(span: Option<Span>) -> Diagnostic {
        Diagnostic {
            code: "config/wrong-type",
            severity: Severity::Error,
            message: "`listen` must be a list".into(),
            span,
            label: "an integer".into(),
            related: vec![],
            remedy: String::new(),
        }
    }

    #[test]
    fn places_are_lines_and_columns_from_1() {
        let mut sources = Sources::new();
        let file = sources.add("meridian.toml", &b"[server]\nlisten = 53\n"[..]);
        let fault = diagnostic(Some(Span::new(file, 18, 20)));
        let record = Record::of(&fault.related(Span::new(file, 0, 8), "in this table"), &sources);
        assert_eq!(record.file.as_deref(), Some("meridian.toml"));
        assert_eq!((record.line, record.column), (Some(2), Some(10)));
        assert_eq!(record.end, Some(Position { line: 2, column: 12 }));
        let [table] = &record.related[..] else { panic!("{record:?}") };
        assert_eq!((table.line, table.column), (1, 1));
        assert_eq!(table.end, Position { line: 1, column: 9 });
    }

    #[test]
    fn what_has_no_place_says_so() {
        let record = serde_json::to_value(Record::of(&diagnostic(None), &Sources::new())).unwrap();
        for field in ["file", "line", "column", "end"] {
            assert!(record[field].is_null(), "{record}");
        }
        assert_eq!(record["severity"], "error");
    }
}
