//! Where a value lies in a JSON text: the singular queries of RFC 9535, which name at most one value.

use std::fmt;
use std::iter::Peekable;
use std::ops::Range;
use std::str::CharIndices;

use serde_json::Value;

/// As in `$.replication.lag_seconds`, `$['a name'][0]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    Member(String),
    Element(usize),
}

/// What is wrong with a path, and which bytes of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError {
    /// Which bytes; empty at the end of the text.
    pub at: Range<usize>,
    /// What.
    pub fault: PathFault,
}

/// What is wrong with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// It does not begin with `$`.
    #[error("a path begins with `$`")]
    NoRoot,
    /// Neither a name nor a bracket follows a dot.
    #[error("a name follows a `.`: letters, digits and `_`, no digit first")]
    BadName,
    /// Brackets hold something else.
    #[error("brackets hold a quoted name or the number of an element")]
    BadBracket,
    /// A quoted name does not end.
    #[error("the quote does not end")]
    NoEndOfQuote,
    /// A backslash before something else than a quote or a backslash.
    #[error("a backslash stands only before a quote or a backslash")]
    BadEscape,
}

impl JsonPath {
    /// The path at the front of `text`, and how many bytes it takes.
    pub fn parse_prefix(text: &str) -> Result<(Self, usize), PathError> {
        let mut scan = Scan { text, rest: text.char_indices().peekable() };
        if !scan.take('$') {
            return Err(PathError { at: scan.next_char(), fault: PathFault::NoRoot });
        }
        let mut steps = Vec::new();
        loop {
            if scan.take('.') {
                steps.push(Step::Member(scan.name()?));
            } else if scan.take('[') {
                steps.push(scan.bracket()?);
            } else {
                return Ok((Self { steps }, scan.position()));
            }
        }
    }

    /// The value that lies there.
    pub fn find<'a>(&self, json: &'a Value) -> Option<&'a Value> {
        self.steps.iter().try_fold(json, |value, step| match step {
            Step::Member(name) => value.as_object()?.get(name),
            Step::Element(index) => value.as_array()?.get(*index),
        })
    }
}

/// As it is parsed.
impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for step in &self.steps {
            match step {
                Step::Member(name) if is_plain(name) => write!(f, ".{name}")?,
                Step::Member(name) => write!(f, "[{}]", Quoted(name))?,
                Step::Element(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A string in single quotes.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.replace('\\', r"\\").replace('\'', r"\'"))
    }
}

/// The quoted string at the front of `text`, which begins with its quote, and how many bytes it takes.
pub(super) fn quoted_prefix(text: &str) -> Result<(String, usize), PathError> {
    let mut scan = Scan { text, rest: text.char_indices().peekable() };
    let string = scan.quoted()?;
    Ok((string, scan.position()))
}

fn is_plain(name: &str) -> bool {
    let starts = name.chars().next().is_some_and(|c| is_name_char(c) && !c.is_ascii_digit());
    starts && name.chars().all(is_name_char)
}

/// RFC 9535 section 2.5.1.1.
fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()
}

struct Scan<'a> {
    text: &'a str,
    rest: Peekable<CharIndices<'a>>,
}

impl Scan<'_> {
    fn position(&mut self) -> usize {
        self.rest.peek().map_or(self.text.len(), |&(at, _)| at)
    }

    /// Where the next character lies.
    fn next_char(&mut self) -> Range<usize> {
        match self.rest.peek() {
            Some(&(at, c)) => at..at + c.len_utf8(),
            None => self.text.len()..self.text.len(),
        }
    }

    fn take(&mut self, wanted: char) -> bool {
        self.rest.next_if(|&(_, c)| c == wanted).is_some()
    }

    fn fault<T>(&mut self, fault: PathFault) -> Result<T, PathError> {
        Err(PathError { at: self.next_char(), fault })
    }

    fn name(&mut self) -> Result<String, PathError> {
        let mut name = String::new();
        while let Some((_, c)) = self.rest.next_if(|&(_, c)| is_name_char(c)) {
            if name.is_empty() && c.is_ascii_digit() {
                let end = self.position();
                return Err(PathError { at: end - 1..end, fault: PathFault::BadName });
            }
            name.push(c);
        }
        if name.is_empty() { self.fault(PathFault::BadName) } else { Ok(name) }
    }

    fn bracket(&mut self) -> Result<Step, PathError> {
        let step = match self.rest.peek() {
            Some((_, '\'' | '"')) => Step::Member(self.quoted()?),
            _ => Step::Element(self.index()?),
        };
        if self.take(']') { Ok(step) } else { self.fault(PathFault::BadBracket) }
    }

    fn index(&mut self) -> Result<usize, PathError> {
        let start = self.position();
        while self.rest.next_if(|(_, c)| c.is_ascii_digit()).is_some() {}
        let end = self.position();
        match self.text[start..end].parse() {
            Ok(index) => Ok(index),
            Err(_) if start == end => self.fault(PathFault::BadBracket),
            Err(_) => Err(PathError { at: start..end, fault: PathFault::BadBracket }),
        }
    }

    fn quoted(&mut self) -> Result<String, PathError> {
        let start = self.position();
        let Some((_, quote @ ('\'' | '"'))) = self.rest.next() else {
            return self.fault(PathFault::BadBracket);
        };
        let mut string = String::new();
        while let Some((at, c)) = self.rest.next() {
            match c {
                '\\' => match self.rest.next() {
                    Some((_, escaped @ ('\\' | '\'' | '"'))) => string.push(escaped),
                    _ => return Err(PathError { at: at..at + 1, fault: PathFault::BadEscape }),
                },
                c if c == quote => return Ok(string),
                c => string.push(c),
            }
        }
        Err(PathError { at: start..self.text.len(), fault: PathFault::NoEndOfQuote })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::proptest;
    use serde_json::json;

    use super::*;

    fn path(text: &str) -> JsonPath {
        let (path, length) = JsonPath::parse_prefix(text).unwrap();
        assert_eq!(length, text.len(), "{text}");
        path
    }

    #[test]
    fn a_path_leads_to_one_value_or_none() {
        let json = json!({ "a": [{ "b c": 1 }], "größe": true });
        let find = |text| path(text).find(&json).cloned();
        assert_eq!(find("$"), Some(json.clone()));
        assert_eq!(find("$.a[0]['b c']"), Some(json!(1)));
        assert_eq!(find(r#"$["a"][0]["b c"]"#), Some(json!(1)));
        assert_eq!(find("$.größe"), Some(json!(true)));
        for nothing in ["$.b", "$.a.b", "$.a[1]", "$[0]", "$.größe.a"] {
            assert_eq!(find(nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_fault_has_its_place() {
        use PathFault::{BadBracket, BadEscape, BadName, NoEndOfQuote, NoRoot};
        for (text, at, fault) in [
            ("", 0..0, NoRoot),
            ("role", 0..1, NoRoot),
            ("$.", 2..2, BadName),
            ("$..role", 2..3, BadName),
            ("$.1st", 2..3, BadName),
            ("$.*", 2..3, BadName),
            ("$[*]", 2..3, BadBracket),
            ("$[-1]", 2..3, BadBracket),
            ("$[1", 3..3, BadBracket),
            ("$[99999999999999999999]", 2..22, BadBracket),
            ("$['role]", 2..8, NoEndOfQuote),
            (r"$['ro\le']", 5..6, BadEscape),
        ] {
            assert_eq!(JsonPath::parse_prefix(text), Err(PathError { at, fault }), "{text}");
        }
    }

    #[test]
    fn what_is_no_part_of_a_path_is_left() {
        assert_eq!(JsonPath::parse_prefix("$.lag-seconds").unwrap().1, 5);
        assert_eq!(JsonPath::parse_prefix("$.lag < 5").unwrap().1, 5);
    }

    proptest! {
        #[test]
        fn a_path_is_parsed_as_it_is_written(names in proptest::collection::vec(".{0,8}", 0..4)) {
            let steps: Vec<_> = names.into_iter().map(Step::Member).chain([Step::Element(7)]).collect();
            let path = JsonPath { steps };
            let text = path.to_string();
            assert_eq!(JsonPath::parse_prefix(&text), Ok((path, text.len())));
        }

        #[test]
        fn no_text_panics(text in "[$.\\['\"\\\\a0ß ]{0,16}") {
            if let Err(error) = JsonPath::parse_prefix(&text) {
                assert!(text.get(error.at).is_some());
            }
        }
    }
}
