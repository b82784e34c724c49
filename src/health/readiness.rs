//! Whether an endpoint that answers is fit to serve: conditions on the JSON body of its reply.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;

use serde_json::{Number, Value};

use super::Cause;
use super::json_path::{JsonPath, PathError, PathFault, Quoted, quoted_prefix};

/// What must be true of one value of the body, as in `$.replication.lag_seconds < 5`.
///
/// ```text
/// condition = path [ operator literal ]        without them: `== true`
/// operator  = "==" / "!=" / "<" / "<=" / ">" / ">="
/// literal   = number / quoted string / "true" / "false" / "null"
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Condition {
    path: JsonPath,
    operator: Operator,
    wanted: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What is wrong with a condition, and which bytes of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionError {
    /// Which bytes; empty at the end of the text.
    pub at: Range<usize>,
    /// What.
    pub fault: ConditionFault,
}

/// What is wrong with a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionFault {
    /// Its path or its string.
    #[error(transparent)]
    Path(#[from] PathFault),
    /// Something else than an operator follows the path.
    #[error("one of `==`, `!=`, `<`, `<=`, `>`, `>=` follows the path")]
    BadOperator,
    /// Something else than a literal follows the operator.
    #[error("a number, a quoted string, `true`, `false` or `null` follows the operator")]
    BadLiteral,
    /// What has no order is compared by it.
    #[error("only numbers are less or greater")]
    NoOrder,
    /// Something follows the literal.
    #[error("the condition ends before this")]
    Trailing,
}

impl Condition {
    /// The condition that `text` is.
    pub fn parse(text: &str) -> Result<Self, ConditionError> {
        let start = text.len() - text.trim_start().len();
        let (path, length) =
            JsonPath::parse_prefix(&text[start..]).map_err(|error| error.shifted(start))?;
        let at = skip_spaces(text, start + length);
        if at == text.len() {
            return Ok(Self { path, operator: Operator::Equal, wanted: Value::Bool(true) });
        }
        let Some(&(sign, operator)) =
            OPERATORS.iter().find(|(sign, _)| text[at..].starts_with(sign))
        else {
            return Err(fault(word(text, at), ConditionFault::BadOperator));
        };
        let literal_at = skip_spaces(text, at + sign.len());
        let (wanted, length) = literal(&text[literal_at..])
            .map_err(|error| error.shifted(literal_at))?
            .ok_or_else(|| fault(word(text, literal_at), ConditionFault::BadLiteral))?;
        if operator.is_order() && !wanted.is_number() {
            return Err(fault(at..at + sign.len(), ConditionFault::NoOrder));
        }
        let end = skip_spaces(text, literal_at + length);
        if end < text.len() {
            return Err(fault(end..text.trim_end().len(), ConditionFault::Trailing));
        }
        Ok(Self { path, operator, wanted })
    }

    /// Whether it holds; if not, why. A value that is missing, or of another type than the condition's,
    /// doesn't make it hold, whatever the operator.
    pub fn judge(&self, json: &Value) -> Result<(), Cause> {
        let found = self.path.find(json);
        if found.is_some_and(|found| self.operator.holds(found, &self.wanted)) {
            return Ok(());
        }
        Err(Cause::NotReady {
            path: self.path.to_string(),
            found: found.map_or_else(|| "missing".to_owned(), shown),
            wanted: format!("{} {}", self.operator, Literal(&self.wanted)),
        })
    }
}

/// As it is parsed.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, operator, wanted } = self;
        write!(f, "{path} {operator} {}", Literal(wanted))
    }
}

impl Operator {
    fn is_order(self) -> bool {
        match self {
            Self::Equal | Self::NotEqual => false,
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => true,
        }
    }

    fn holds(self, found: &Value, wanted: &Value) -> bool {
        let ordering = match (found, wanted) {
            (Value::Number(found), Value::Number(wanted)) => compare(found, wanted),
            (Value::String(found), Value::String(wanted)) => Some(found.cmp(wanted)),
            (Value::Bool(found), Value::Bool(wanted)) => Some(found.cmp(wanted)),
            (Value::Null, Value::Null) => Some(Ordering::Equal),
            // Null is nothing's type: a value of any other differs from it.
            (_, Value::Null) => return self == Self::NotEqual,
            _ => None,
        };
        ordering.is_some_and(|ordering| match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        })
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = OPERATORS.iter().find(|(_, operator)| operator == self);
        f.write_str(sign.map_or("", |(sign, _)| sign))
    }
}

/// A literal as conditions write it.
struct Literal<'a>(&'a Value);

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::String(string) => Quoted(string).fmt(f),
            other => other.fmt(f),
        }
    }
}

/// The longer before those that they begin with.
const OPERATORS: [(&str, Operator); 6] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

/// Whole numbers exactly, others as the nearest number of 64 bits.
fn compare(found: &Number, wanted: &Number) -> Option<Ordering> {
    match (found.as_i128(), wanted.as_i128()) {
        (Some(found), Some(wanted)) => Some(found.cmp(&wanted)),
        _ => found.as_f64()?.partial_cmp(&wanted.as_f64()?),
    }
}

/// A value of a body, in few words.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::String(string) if string.chars().count() > LONGEST_SHOWN => {
            let start: String = string.chars().take(LONGEST_SHOWN).collect();
            format!("{start:?}…")
        }
        Value::String(string) => format!("{string:?}"),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// In characters.
const LONGEST_SHOWN: usize = 64;

/// The literal at the front of `text` and how many bytes it takes, if there is one.
fn literal(text: &str) -> Result<Option<(Value, usize)>, PathError> {
    if text.starts_with(['\'', '"']) {
        let (string, length) = quoted_prefix(text)?;
        return Ok(Some((Value::String(string), length)));
    }
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
    let word = &text[..end.unwrap_or(text.len())];
    let value = serde_json::from_str(word).ok();
    Ok(value.map(|value| (value, word.len())))
}

fn skip_spaces(text: &str, from: usize) -> usize {
    text.len() - text[from..].trim_start().len()
}

/// The bytes of the word that begins at `from`.
fn word(text: &str, from: usize) -> Range<usize> {
    let end = text[from..].find(char::is_whitespace);
    from..end.map_or(text.len(), |end| from + end)
}

fn fault(at: Range<usize>, fault: ConditionFault) -> ConditionError {
    ConditionError { at, fault }
}

impl PathError {
    fn shifted(self, by: usize) -> ConditionError {
        fault(self.at.start + by..self.at.end + by, self.fault.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{ "replication": { "lag_seconds": 12, "peers": ["a", "b"] },
        "role": "replica", "ready": true, "error": null, "load": 0.5, "big": 9007199254740993 }"#;

    /// Whether a condition holds for the body, and what is said if not.
    fn judged(text: &str) -> Result<(), String> {
        let condition = Condition::parse(text).unwrap();
        let judged = condition.judge(&serde_json::from_str(BODY).unwrap());
        judged.map_err(|cause| cause.to_string())
    }

    #[test]
    fn conditions_hold_as_they_read() {
        for text in [
            "$.replication.lag_seconds < 13",
            "$.replication.lag_seconds <= 12",
            "$.replication.lag_seconds == 12.0",
            "$.replication.lag_seconds != 5",
            "$.load > 0.25",
            "$.load >= 5e-1",
            "$.role == 'replica'",
            r#"  $.role!="primary"  "#,
            "$.replication.peers[1] == 'b'",
            "$.ready",
            "$['ready'] == true",
            "$.error == null",
            "$.role != null",
            "$.big > 9007199254740992",
        ] {
            assert_eq!(judged(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn one_that_does_not_hold_says_what_was_found_and_wanted() {
        let told = |text| judged(text).unwrap_err();
        let lag = "not ready: $.replication.lag_seconds is 12, wanted < 5";
        assert_eq!(told("$.replication.lag_seconds < 5"), lag);
        assert_eq!(
            told("$.role=='primary'"),
            "not ready: $.role is \"replica\", wanted == 'primary'"
        );
        assert_eq!(told("$.fit"), "not ready: $.fit is missing, wanted == true");
        assert_eq!(told("$.replication > 0"), "not ready: $.replication is an object, wanted > 0");
    }

    #[test]
    fn another_type_never_holds() {
        for text in
            ["$.role != 5", "$.role < 5", "$.ready != 'x'", "$.error != 5", "$.role == null"]
        {
            assert!(judged(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_missing_never_holds() {
        assert!(judged("$.fit != 5").is_err());
        assert!(judged("$.fit == null").is_err());
    }

    #[test]
    fn a_fault_has_its_place() {
        use ConditionFault::{BadLiteral, BadOperator, NoOrder, Path, Trailing};
        for (text, at, expected) in [
            ("lag < 5", 0..1, Path(PathFault::NoRoot)),
            ("  $. < 5", 4..5, Path(PathFault::BadName)),
            ("$.lag-seconds < 5", 5..13, BadOperator),
            ("$.lag = 5", 6..7, BadOperator),
            ("$.lag < five", 8..12, BadLiteral),
            ("$.lag <", 7..7, BadLiteral),
            ("$.role == 'a", 10..12, Path(PathFault::NoEndOfQuote)),
            ("$.role < 'a'", 7..8, NoOrder),
            ("$.lag < 5 && $.ready", 10..20, Trailing),
            ("$.lag < 05", 8..10, BadLiteral),
        ] {
            assert_eq!(Condition::parse(text), Err(fault(at, expected)), "{text}");
        }
    }

    #[test]
    fn conditions_are_parsed_as_they_are_written() {
        for text in ["$.a < 5", "$.a[0] == 'it\\'s'", "$['b c'] != null", "$.ok == true"] {
            assert_eq!(Condition::parse(text).unwrap().to_string(), text);
        }
    }
}
