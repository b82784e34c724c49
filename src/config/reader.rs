//! Typed reading of TOML that goes on after a fault, so that one run finds them all.
//!
//! Every reading function returns `None` for a value at fault, after noting the fault; the caller
//! goes on with a stand-in. Whether the result counts is decided at the end, by the noted faults.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue};

use super::Code;
use super::key::{Default, Key, KeyTable, TABLES};
use super::suggestion::{did_you_mean, list};
use crate::diag::Diagnostic;
use crate::span::{FileId, Span};

/// The faults of a file, or of several that are read as one, as they are found.
#[derive(Debug)]
pub(super) struct Faults {
    /// Places of values count through all files, one behind the other. Never empty when a value
    /// has been read.
    files: Vec<Part>,
    found: Vec<Diagnostic>,
    is_whole: bool,
}

/// One of the files.
#[derive(Debug)]
struct Part {
    /// The place of its first byte.
    start: usize,
    /// The place behind its end.
    end: usize,
    id: FileId,
    directory: PathBuf,
}

/// A value of a file with the place that it was read from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

/// A table whose keys are known.
#[derive(Clone, Debug)]
pub(super) struct Table<'a> {
    /// `None` for a table that is not there.
    entries: Option<&'a DeTable<'a>>,
    known: &'static KeyTable,
    /// What messages call it.
    header: String,
    /// The header, or what stands for it.
    pub(super) span: Span,
}

/// What a key or an element of a list holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value<'a> {
    /// The key; for an element, that of its list.
    pub(super) key: &'a str,
    /// Where the key stands; for an element, the element itself.
    pub(super) key_span: Span,
    /// Where the value stands.
    pub(super) span: Span,
    value: &'a DeValue<'a>,
    known: Option<&'static Key>,
}

impl Faults {
    pub(super) fn new() -> Self {
        Self { files: vec![], found: vec![], is_whole: true }
    }

    pub(super) fn push(&mut self, fault: Diagnostic) {
        self.found.push(fault);
    }

    pub(super) fn span(&self, range: Range<usize>) -> Span {
        let of = self.files.partition_point(|file| file.start <= range.start);
        match of.checked_sub(1).and_then(|of| self.files.get(of)) {
            Some(file) => Span::new(file.id, range.start - file.start, range.end - file.start),
            None => Span::new(FileId::default(), 0, 0),
        }
    }

    /// What a relative path at `span` is relative to.
    pub(super) fn directory(&self, span: Span) -> &Path {
        let file = self.files.iter().find(|file| file.id == span.file);
        file.map_or(Path::new(""), |file| &file.directory)
    }

    /// Whether all of the file was understood, so that what is missing is not there.
    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    pub(super) fn into_found(self) -> Vec<Diagnostic> {
        self.found
    }

    /// Reads the file, which lies in `directory`, as far as it goes, noting what is not UTF-8 or not
    /// TOML. What a syntax fault has touched is left out, so that nobody reports it again.
    pub(super) fn parse<'a>(
        &mut self,
        text: &'a [u8],
        id: FileId,
        directory: &Path,
    ) -> DeTable<'a> {
        let start = self.files.last().map_or(0, |file| file.end);
        let end = start + text.len() + 1;
        self.files.push(Part { start, end, id, directory: directory.to_owned() });
        let text = match std::str::from_utf8(text) {
            Ok(text) => text,
            Err(error) => {
                let at = error.valid_up_to();
                let at = start + at;
                let span = self.span(at..at + error.error_len().unwrap_or(1));
                let fault = Code::NotUtf8.at(span, "the file is not UTF-8");
                self.is_whole = false;
                self.push(fault.label("not UTF-8").remedy("save the file as UTF-8"));
                return DeTable::new();
            }
        };
        let (table, errors) = DeTable::parse_recoverable(text);
        let places: Vec<_> = errors.iter().filter_map(toml::de::Error::span).collect();
        self.is_whole &= errors.is_empty();
        for error in errors {
            let place = error.span().unwrap_or(text.len()..text.len());
            let span = self.span(start + place.start..start + place.end);
            let (message, remedy) = syntax_words(error.message(), span);
            self.push(Code::Syntax.at(span, message).remedy(remedy));
        }
        let table = without_touched(table.into_inner(), &places);
        if start == 0 { table } else { shifted(table, start) }
    }
}

impl<'a> Table<'a> {
    /// The table, after noting every key that it may not hold.
    pub(super) fn new(
        entries: &'a DeTable<'a>,
        known: &'static KeyTable,
        span: Span,
        faults: &mut Faults,
    ) -> Self {
        let table = Self { entries: Some(entries), known, header: known.header_in_text(), span };
        table.report_unknown_keys(faults);
        table
    }

    fn report_unknown_keys(&self, faults: &mut Faults) {
        for (key, _) in self.entries.into_iter().flatten() {
            let name = key.get_ref();
            let elsewhere = TABLES.iter().find(|table| table.key(name).is_some());
            // A header at fault leaves its keys to the table before.
            let is_stranded = !faults.is_whole && elsewhere.is_some();
            if self.known.key(name).is_none() && !is_stranded {
                faults.push(self.unknown_key(name, elsewhere, faults.span(key.span())));
            }
        }
    }

    fn unknown_key(&self, key: &str, elsewhere: Option<&&KeyTable>, span: Span) -> Diagnostic {
        let header = &self.header;
        let names = self.known.keys.iter().map(|key| key.name);
        let remedy = match (did_you_mean(key, names.clone()), elsewhere) {
            (Some(suggestion), _) => suggestion,
            (None, Some(table)) => format!("`{key}` is a key of {}", table.header_in_text()),
            (None, None) => format!("{header} takes {}", list(names.map(|n| format!("`{n}`")))),
        };
        let message = format!("unknown key `{}` in {header}", key.escape_debug());
        Code::UnknownKey.at(span, message).label("not a key of this table").remedy(remedy)
    }

    /// What the key holds, if it is there.
    pub(super) fn get(&self, key: &'static str, faults: &Faults) -> Option<Value<'a>> {
        let known = self.known.key(key).is_some();
        debug_assert!(known, "{key} is not a key of {}", self.known.header);
        let (key, value) = self.entries?.get_key_value(key)?;
        Some(Value::of(key, value, self.known, faults))
    }

    /// What the key holds; its absence is a fault.
    pub(super) fn required(&self, key: &'static str, faults: &mut Faults) -> Option<Value<'a>> {
        let value = self.get(key, faults);
        if value.is_none() && faults.is_whole {
            let message = format!("{} lacks `{key}`", self.header);
            let known = self.known.key(key).map(Key::assignment).unwrap_or_default();
            let fault = Code::MissingKey.at(self.span, message).label(format!("needs `{key}`"));
            faults.push(fault.remedy(format!("add `{known}`")));
        }
        value
    }

    /// The table that the key holds, empty when it is not there.
    pub(super) fn table(
        &self,
        key: &'static str,
        known: &'static KeyTable,
        faults: &mut Faults,
    ) -> Self {
        let table = self.get(key, faults).and_then(|value| value.table(known, faults));
        let header = known.header_in_text();
        table.unwrap_or(Self { entries: None, known, header, span: self.span })
    }

    /// What the table that the key holds has, by the operator's own names, each like `example`.
    pub(super) fn entries(
        &self,
        key: &'static str,
        example: &'static Key,
        faults: &mut Faults,
    ) -> Vec<Value<'a>> {
        self.get(key, faults).and_then(|value| value.entries(example, faults)).unwrap_or_default()
    }
}

impl<'a> Value<'a> {
    /// What an entry holds whose key is one of `known`'s, if it is a key at all.
    pub(super) fn of(
        key: &'a Spanned<DeString<'a>>,
        value: &'a Spanned<DeValue<'a>>,
        known: &'static KeyTable,
        faults: &Faults,
    ) -> Self {
        Self { known: known.key(key.get_ref()), ..Self::new(key, value, faults) }
    }

    fn new(
        key: &'a Spanned<DeString<'a>>,
        value: &'a Spanned<DeValue<'a>>,
        faults: &Faults,
    ) -> Self {
        Self {
            key: key.get_ref(),
            key_span: faults.span(key.span()),
            span: faults.span(value.span()),
            value: value.get_ref(),
            known: None,
        }
    }

    pub(super) fn string(self, faults: &mut Faults) -> Option<&'a str> {
        self.value.as_str().or_else(|| self.wrong_type("a string", faults))
    }

    pub(super) fn boolean(self, faults: &mut Faults) -> Option<bool> {
        self.value.as_bool().or_else(|| self.wrong_type("true or false", faults))
    }

    pub(super) fn array(self, faults: &mut Faults) -> Option<Vec<Self>> {
        let Some(array) = self.value.as_array() else { return self.wrong_type("a list", faults) };
        Some(self.elements(array, faults))
    }

    /// The elements of a list that may not be empty.
    pub(super) fn filled_array(self, faults: &mut Faults) -> Option<Vec<Self>> {
        let elements = self.array(faults)?;
        if elements.is_empty() {
            let fault = Code::EmptyList.at(self.span, format!("`{}` is empty", self.key));
            faults.push(fault.label("nothing in it").remedy(self.remedy()));
            return None;
        }
        Some(elements)
    }

    /// The table, whose keys are `known`.
    pub(super) fn table(self, known: &'static KeyTable, faults: &mut Faults) -> Option<Table<'a>> {
        match self.value.as_table() {
            Some(entries) => {
                let header = known.header_in_text().replace(".NAME]", &format!(".{}]", self.key));
                let table = Table { entries: Some(entries), known, header, span: self.span };
                table.report_unknown_keys(faults);
                Some(table)
            }
            None => self.wrong_type("a table", faults),
        }
    }

    /// What a table has whose keys are the operator's own names, each like `example`.
    pub(super) fn entries(self, example: &'static Key, faults: &mut Faults) -> Option<Vec<Self>> {
        let Some(entries) = self.value.as_table() else {
            return self.wrong_type("a table", faults);
        };
        let entry = |(key, value)| Self { known: Some(example), ..Self::new(key, value, faults) };
        Some(entries.iter().map(entry).collect())
    }

    /// A whole number within `range`.
    pub(super) fn integer(self, range: RangeInclusive<u32>, faults: &mut Faults) -> Option<u32> {
        let Some(integer) = self.value.as_integer() else {
            return self.wrong_type("a whole number", faults);
        };
        let number = u32::from_str_radix(integer.as_str(), integer.radix());
        let number = number.ok().filter(|number| range.contains(number));
        number.or_else(|| self.out_of_range(range.start(), range.end(), faults))
    }

    /// A number, with or without a fraction; it may be infinite or NaN.
    pub(super) fn number(self, faults: &mut Faults) -> Option<f64> {
        let text = match self.value {
            DeValue::Float(float) => Some(float.as_str()),
            DeValue::Integer(integer) if integer.radix() == 10 => Some(integer.as_str()),
            _ => None,
        };
        text.and_then(|text| text.parse().ok()).or_else(|| self.wrong_type("a number", faults))
    }

    pub(super) fn duration(
        self,
        range: RangeInclusive<Duration>,
        faults: &mut Faults,
    ) -> Option<Duration> {
        let Some(text) = self.value.as_str() else { return self.wrong_type("a duration", faults) };
        let Ok(duration) = humantime::parse_duration(text) else {
            return self.bad_value("a duration", faults);
        };
        if range.contains(&duration) {
            return Some(duration);
        }
        let [low, high] = [range.start(), range.end()].map(|end| humantime::format_duration(*end));
        self.out_of_range(low, high, faults)
    }

    /// A TTL (RFC 2181 section 8).
    pub(super) fn ttl(self, faults: &mut Faults) -> Option<Duration> {
        let ttl = self.duration(Duration::ZERO..=Duration::from_secs(MAX_TTL), faults)?;
        if ttl.subsec_nanos() == 0 {
            return Some(ttl);
        }
        let fault = Code::BadValue.at(self.span, format!("`{}` has a fraction", self.key));
        faults.push(fault.label("not whole seconds").remedy("a TTL counts whole seconds"));
        None
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(self, words: &[(&str, T)], faults: &mut Faults) -> Option<T> {
        let text = self.string(faults)?;
        if let Some((_, choice)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*choice);
        }
        let names = words.iter().map(|(word, _)| *word);
        let remedy = did_you_mean(text, names.clone())
            .unwrap_or_else(|| format!("write one of {}", list(names.map(|w| format!("\"{w}\"")))));
        let message = format!("`{}` can't be \"{text}\"", self.key);
        faults.push(Code::BadValue.at(self.span, message).label("unknown").remedy(remedy));
        None
    }

    /// An IP address with a port.
    pub(super) fn socket_address(self, faults: &mut Faults) -> Option<SocketAddr> {
        let text = self.string(faults)?;
        text.parse().ok().or_else(|| self.bad_value("an IP address and a port", faults))
    }

    /// An IP address.
    pub(super) fn address(self, faults: &mut Faults) -> Option<IpAddr> {
        let text = self.string(faults)?;
        text.parse().ok().or_else(|| self.bad_value("an IP address", faults))
    }

    /// The string with its place.
    pub(super) fn placed_string(self, faults: &mut Faults) -> Option<Placed<String>> {
        let value = self.string(faults)?.to_owned();
        Some(Placed { value, span: self.span })
    }

    /// The key, if it may name an az, a check or a pool; the fault is noted.
    pub(super) fn check_name(self, faults: &mut Faults) {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if !(1..=MAX_NAME).contains(&self.key.len()) || !self.key.bytes().all(is_plain) {
            let message = format!("`{}` can't be a name", self.key.escape_debug());
            let remedy = format!("use 1 to {MAX_NAME} letters, digits, `-` and `_`");
            faults.push(Code::BadName.at(self.key_span, message).remedy(remedy));
        }
    }

    /// The string, if it is one.
    pub(super) fn as_str(self) -> Option<&'a str> {
        self.value.as_str()
    }

    pub(super) fn is_array(self) -> bool {
        self.value.is_array()
    }

    pub(super) fn is_table(self) -> bool {
        self.value.is_table()
    }

    pub(super) fn is_integer(self) -> bool {
        self.value.is_integer()
    }

    pub(super) fn is_boolean(self) -> bool {
        self.value.is_bool()
    }

    /// Notes that the value is of another type than `wanted`.
    pub(super) fn wrong_type<T>(self, wanted: &str, faults: &mut Faults) -> Option<T> {
        let message = format!("`{}` must be {wanted}", self.key);
        let fault = Code::WrongType.at(self.span, message).label(type_name(self.value));
        faults.push(fault.remedy(self.remedy()));
        None
    }

    /// Notes that the value, of the right type, is not `wanted`.
    pub(super) fn bad_value<T>(self, wanted: &str, faults: &mut Faults) -> Option<T> {
        let message = format!("`{}` must be {wanted}", self.key);
        let fault = Code::BadValue.at(self.span, message).label(format!("not {wanted}"));
        faults.push(fault.remedy(self.remedy()));
        None
    }

    /// Notes that the value is no `what` of at most `most` degrees.
    pub(super) fn degrees<T>(self, what: &str, most: u32, faults: &mut Faults) -> Option<T> {
        let message = format!("a {what} is from -{most} to {most} degrees");
        let fault = Code::OutOfRange.at(self.span, message).label(format!("not a {what}"));
        faults.push(fault.remedy("`location` is [latitude, longitude], in this order"));
        None
    }

    /// Notes that the value is not from `low` to `high`.
    pub(super) fn out_of_range<T>(
        self,
        low: impl Display,
        high: impl Display,
        faults: &mut Faults,
    ) -> Option<T> {
        let message = format!("`{}` must be from {low} to {high}", self.key);
        faults.push(Code::OutOfRange.at(self.span, message).label("out of range"));
        None
    }

    fn elements(self, array: &'a DeArray<'a>, faults: &Faults) -> Vec<Self> {
        let element = |element: &'a Spanned<DeValue<'a>>| {
            let span = faults.span(element.span());
            Self { key_span: span, span, value: element.get_ref(), ..self }
        };
        array.iter().map(element).collect()
    }

    /// How the key may be written.
    fn remedy(self) -> String {
        match self.known {
            Some(Key { default: Default::Table, example, .. }) => {
                format!("write it as `{example}`")
            }
            Some(known) => format!("for example `{}`", known.assignment()),
            None => String::new(),
        }
    }
}

impl Key {
    fn assignment(&self) -> String {
        format!("{} = {}", self.name, self.example)
    }
}

impl KeyTable {
    fn header_in_text(&self) -> String {
        if self.header.starts_with('[') { format!("`{}`", self.header) } else { self.header.into() }
    }
}

/// Notes what stands twice in a list.
pub(super) fn report_duplicates<T: PartialEq>(
    items: &[Placed<T>],
    what: &str,
    faults: &mut Faults,
) {
    for (index, item) in items.iter().enumerate() {
        if let Some(first) = items[..index].iter().find(|first| first.value == item.value) {
            let fault = Code::Duplicate.at(item.span, format!("{what} stands twice in the list"));
            let fault = fault.label("again").related(first.span, "first here");
            faults.push(fault.remedy("remove one of the two"));
        }
    }
}

/// A message and remedy from the parser's message.
fn syntax_words(message: &str, span: Span) -> (&str, &'static str) {
    match message {
        "duplicate key" => (message, "a key or table may stand once; remove one of the two"),
        _ if !message.starts_with("string values must be quoted") => (message, ""),
        _ if span.start == span.end => ("a value is missing", "write one after the `=`"),
        _ => ("a string is not quoted", "write it as \"…\""),
    }
}

fn without_touched<'a>(table: DeTable<'a>, places: &[Range<usize>]) -> DeTable<'a> {
    let is_touched = |value: &Spanned<_>| {
        let span = value.span();
        places.iter().any(|place| place.start <= span.end && span.start <= place.end)
    };
    let rest = table.into_iter().filter_map(|(key, value)| {
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(inner) => {
                let inner = DeValue::Table(without_touched(inner, places));
                Some((key, Spanned::new(span, inner)))
            }
            value => Some((key, Spanned::new(span, value))).filter(|(_, value)| !is_touched(value)),
        }
    });
    rest.collect()
}

/// The table as it is when its text is `by` bytes further on.
fn shifted(table: DeTable<'_>, by: usize) -> DeTable<'_> {
    let further = |span: Range<usize>| span.start + by..span.end + by;
    let entry = |(key, value): (Spanned<_>, Spanned<_>)| {
        (Spanned::new(further(key.span()), key.into_inner()), shifted_value(value, by))
    };
    table.into_iter().map(entry).collect()
}

fn shifted_value(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let span = value.span();
    let value = match value.into_inner() {
        DeValue::Table(table) => DeValue::Table(shifted(table, by)),
        DeValue::Array(mut array) => {
            for element in array.iter_mut() {
                let nothing = Spanned::new(0..0, DeValue::Boolean(false));
                *element = shifted_value(std::mem::replace(element, nothing), by);
            }
            DeValue::Array(array)
        }
        value @ (DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)) => value,
    };
    Spanned::new(span.start + by..span.end + by, value)
}

fn type_name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The longest name of an az, check or pool.
const MAX_NAME: usize = 63;

/// In seconds (RFC 2181 section 8).
const MAX_TTL: u64 = (1 << 31) - 1;
