//! The two forms of a diagnostic: with the lines it is about, for people at a terminal, and in one
//! line, for logs. Neither lets a file's control characters through.

use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{Diagnostic, Position, Sources};
use crate::span::{FileId, Severity, Span};

/// How a rendered diagnostic looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Text alone: for files, pipes and logs.
    Plain,
    /// With ANSI colours: for a terminal.
    Coloured,
}

/// The diagnostic with its lines, the faults in them underlined, and the remedy.
pub fn render(diagnostic: &Diagnostic, sources: &Sources, style: Style) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let message = visible(&diagnostic.message);
    let title = level.primary_title(&message).id(diagnostic.code);
    let mut group = Group::with_title(title).elements(snippets(diagnostic, sources));
    group = group.elements(unshown(diagnostic, sources));
    let remedy = visible(&diagnostic.remedy);
    if !remedy.is_empty() {
        group = group.element(Level::HELP.message(&remedy));
    }
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    renderer.render(&[group])
}

/// `file:line:column: error[code]: message`, without the place when it has none.
pub fn one_line(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let Diagnostic { code, severity, message, span, .. } = diagnostic;
    let severity = match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let place = span
        .and_then(|span| sources.line_column(span))
        .map(|(path, position)| format!("{}:{position}: ", path.display()))
        .unwrap_or_default();
    visible(&format!("{place}{severity}[{code}]: {message}"))
}

/// One excerpt for the places of a file that are near each other, the fault's own file first.
fn snippets<'a>(
    diagnostic: &'a Diagnostic,
    sources: &'a Sources,
) -> Vec<Snippet<'a, Annotation<'a>>> {
    let own = diagnostic.span.map(|span| (span, &diagnostic.label, AnnotationKind::Primary));
    let related = diagnostic.related.iter().map(|(span, label)| (*span, label));
    let related = related.map(|(span, label)| (span, label, AnnotationKind::Context));

    let mut excerpts: Vec<Excerpt<'a>> = vec![];
    for (span, label, kind) in own.into_iter().chain(related) {
        let line = sources.line(span).filter(|line| line.len() <= MAX_LINE);
        let Some(line) = line else { continue };
        let place = Place { span, line: line.clone(), label, kind };
        match excerpts.iter_mut().find(|excerpt| excerpt.can_hold(&place)) {
            Some(excerpt) => excerpt.add(place),
            None => excerpts.push(Excerpt { file: span.file, bytes: line, places: vec![place] }),
        }
    }
    excerpts.into_iter().filter_map(|excerpt| excerpt.snippet(sources)).collect()
}

/// Where the fault is, if its line is too long to be shown.
fn unshown<'a>(diagnostic: &Diagnostic, sources: &Sources) -> Option<Origin<'a>> {
    let span = diagnostic.span?;
    sources.line(span).filter(|line| line.len() > MAX_LINE)?;
    let (path, Position { line, column }) = sources.line_column(span)?;
    Some(Origin::path(path.display().to_string()).line(line).char_column(column))
}

/// Whole lines of one file.
struct Excerpt<'a> {
    file: FileId,
    bytes: Range<usize>,
    places: Vec<Place<'a>>,
}

/// What is marked in an excerpt.
struct Place<'a> {
    span: Span,
    /// The line in which the span starts.
    line: Range<usize>,
    label: &'a str,
    kind: AnnotationKind,
}

impl<'a> Excerpt<'a> {
    fn can_hold(&self, place: &Place<'_>) -> bool {
        self.file == place.span.file && self.with(&place.line).len() <= MAX_EXCERPT
    }

    fn add(&mut self, place: Place<'a>) {
        self.bytes = self.with(&place.line);
        self.places.push(place);
    }

    fn with(&self, line: &Range<usize>) -> Range<usize> {
        self.bytes.start.min(line.start)..self.bytes.end.max(line.end)
    }

    /// A place that goes on over further lines is marked in its first alone.
    fn snippet(self, sources: &'a Sources) -> Option<Snippet<'a, Annotation<'a>>> {
        let bytes = sources.bytes(self.file)?.get(self.bytes.clone())?;
        let text = shown(bytes);
        // In the text, where a byte that is not shown takes three.
        let offset = |at: usize| {
            let before = &bytes[..at.saturating_sub(self.bytes.start).min(bytes.len())];
            text.floor_char_boundary(shown(before).len())
        };
        let annotation = |Place { span, line, label, kind }: Place<'a>| {
            let start = (span.start as usize).min(line.end);
            let end = (span.end as usize).clamp(start, line.end);
            kind.span(offset(start)..offset(end)).label(label)
        };
        let annotations: Vec<_> = self.places.into_iter().map(annotation).collect();
        let (path, position) = sources.line_column(Span::new(self.file, self.bytes.start, 0))?;
        let snippet = Snippet::source(text).line_start(position.line);
        Some(snippet.path(path.display().to_string()).annotations(annotations))
    }
}

/// In bytes: places further apart are shown one by one.
const MAX_EXCERPT: usize = 64 * 1024;
/// In bytes: longer lines are not shown, since cutting them takes many times their length.
const MAX_LINE: usize = 1 << 20;

/// As text. What is not UTF-8 is replaced, and so are the control characters above ASCII, which
/// terminals obey and the renderer lets through.
fn shown(bytes: &[u8]) -> String {
    let is_high_control = |c: char| matches!(c, '\u{80}'..='\u{9f}');
    String::from_utf8_lossy(bytes).replace(is_high_control, "\u{fffd}")
}

/// With control characters escaped.
fn visible(text: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.into() };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    const TEXT: &[u8] = b"[server]\nlisten = 53\n\nzones = \"a\xffb\" \x1b[2J\n";

    fn sources() -> (Sources, impl Fn(usize, usize) -> Span) {
        let mut sources = Sources::new();
        let file = sources.add("meridian.toml", TEXT);
        (sources, move |start, end| Span::new(file, start, end))
    }

    fn fault(span: Option<Span>) -> Diagnostic {
        Diagnostic {
            code: "config/wrong-type",
            severity: Severity::Error,
            message: "`listen` must be a list".to_owned(),
            span,
            label: "an integer".to_owned(),
            related: vec![],
            remedy: "write `listen = [\"0.0.0.0:53\"]`".to_owned(),
        }
    }

    #[test]
    fn the_line_the_fault_and_the_remedy_are_shown() {
        let (sources, at) = sources();
        assert_snapshot!(render(&fault(Some(at(18, 20))), &sources, Style::Plain), @r#"
        error[config/wrong-type]: `listen` must be a list
         --> meridian.toml:2:10
          |
        2 | listen = 53
          |          ^^ an integer
          |
          = help: write `listen = ["0.0.0.0:53"]`
        "#);
    }

    #[test]
    fn a_line_too_long_to_be_shown_has_its_place_alone() {
        let mut sources = Sources::new();
        let text = format!("[server]\nlisten = {}\n", "5".repeat(MAX_LINE));
        let file = sources.add("meridian.toml", text.as_bytes());
        let shown = render(&fault(Some(Span::new(file, 18, 20))), &sources, Style::Plain);
        assert_snapshot!(shown, @r#"
        error[config/wrong-type]: `listen` must be a list
        --> meridian.toml:2:10
         = help: write `listen = ["0.0.0.0:53"]`
        "#);
    }

    #[test]
    fn related_places_are_shown_with_their_lines() {
        let (sources, at) = sources();
        let fault = fault(Some(at(18, 20))).related(at(0, 8), "in this table");
        assert_snapshot!(render(&fault, &sources, Style::Plain), @r#"
        error[config/wrong-type]: `listen` must be a list
         --> meridian.toml:2:10
          |
        1 | [server]
          | -------- in this table
        2 | listen = 53
          |          ^^ an integer
          |
          = help: write `listen = ["0.0.0.0:53"]`
        "#);
    }

    #[test]
    fn places_in_one_line_share_its_excerpt() {
        let (sources, at) = sources();
        let fault = fault(Some(at(18, 20))).related(at(9, 15), "of this key");
        assert_snapshot!(render(&fault, &sources, Style::Plain), @r#"
        error[config/wrong-type]: `listen` must be a list
         --> meridian.toml:2:10
          |
        2 | listen = 53
          | ------   ^^ an integer
          | |
          | of this key
          |
          = help: write `listen = ["0.0.0.0:53"]`
        "#);
    }

    #[test]
    fn bytes_that_are_not_utf_8_are_shown_as_replacement_characters() {
        let (sources, at) = sources();
        assert_snapshot!(render(&fault(Some(at(32, 33))), &sources, Style::Plain), @r#"
        error[config/wrong-type]: `listen` must be a list
         --> meridian.toml:4:11
          |
        4 | zones = "a�b" ␛[2J
          |           ^ an integer
          |
          = help: write `listen = ["0.0.0.0:53"]`
        "#);
    }

    #[test]
    fn a_fault_without_a_place_is_its_message() {
        let (sources, _) = sources();
        assert_snapshot!(render(&fault(None), &sources, Style::Plain), @r#"
        error[config/wrong-type]: `listen` must be a list
         |
         = help: write `listen = ["0.0.0.0:53"]`
        "#);
    }

    #[test]
    fn a_long_line_is_cut_around_the_fault() {
        let mut sources = Sources::new();
        let text = format!("key = [{}9]", "1, ".repeat(100_000));
        let file = sources.add("long.toml", text.as_bytes());
        let fault = fault(Some(Span::new(file, 150_000, 150_001)));
        assert_snapshot!(render(&fault, &sources, Style::Plain), @r#"
        error[config/wrong-type]: `listen` must be a list
         --> long.toml:1:150001
          |
        1 | ...1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1...
          |                                                               ^ an integer
          |
          = help: write `listen = ["0.0.0.0:53"]`
        "#);
    }

    #[test]
    fn colours_come_only_when_asked_for() {
        let (sources, at) = sources();
        let fault = fault(Some(at(18, 20)));
        assert!(render(&fault, &sources, Style::Coloured).contains('\x1b'));
        assert!(!render(&fault, &sources, Style::Plain).contains('\x1b'));
    }

    #[test]
    fn no_control_character_of_a_line_is_shown() {
        let mut sources = Sources::new();
        let text: String = ('\0'..='\u{a0}').filter(|c| *c != '\n').collect();
        let file = sources.add("zones/a.toml", text.as_bytes());
        let fault = fault(Some(Span::new(file, text.len() - 2, text.len())));
        let shown = render(&fault, &sources, Style::Plain);
        assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    }

    #[test]
    fn what_a_file_says_begins_no_line_of_its_own() {
        let (sources, _) = sources();
        let forged = "a\nerror[config/syntax]: b".to_owned();
        let hostile = Diagnostic { message: forged.clone(), remedy: forged, ..fault(None) };
        assert_snapshot!(render(&hostile, &sources, Style::Plain), @r"
        error[config/wrong-type]: a\nerror[config/syntax]: b
         |
         = help: a\nerror[config/syntax]: b
        ");
    }

    #[test]
    fn the_form_for_logs_is_one_line_without_control_characters() {
        let (sources, at) = sources();
        assert_snapshot!(one_line(&fault(Some(at(18, 20))), &sources), @"meridian.toml:2:10: error[config/wrong-type]: `listen` must be a list");
        let hostile = Diagnostic { message: "a\x1b[2J\nb".to_owned(), ..fault(None) };
        assert!(!render(&hostile, &sources, Style::Plain).contains('\x1b'));
        assert_snapshot!(one_line(&hostile, &sources), @r"error[config/wrong-type]: a\u{1b}[2J\nb");
    }
}
