//! gdnsd's configuration language, vscf (gdnsd.config(5), "LOW-LEVEL SYNTAX"): text to values that
//! know their lines.

use std::fmt;
use std::rc::Rc;

use super::super::{Files, Note};

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Value {
    pub(super) place: Place,
    pub(super) data: Data,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Data {
    Text(String),
    List(Vec<Value>),
    Table(Table),
}

/// Keys and values in the order of the file; no key twice.
pub(super) type Table = Vec<(String, Value)>;

/// A line of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    file: Rc<str>,
    line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl Place {
    pub(super) fn new(file: &str, line: usize) -> Self {
        Self { file: file.into(), line }
    }
}

impl Value {
    pub(super) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            Data::List(_) | Data::Table(_) => None,
        }
    }

    pub(super) fn table(&self) -> Option<&Table> {
        match &self.data {
            Data::Table(table) => Some(table),
            Data::Text(_) | Data::List(_) => None,
        }
    }

    /// The items of a list. Where a list may stand, a single value may too.
    pub(super) fn items(&self) -> &[Value] {
        match &self.data {
            Data::List(items) => items,
            Data::Text(_) | Data::Table(_) => std::slice::from_ref(self),
        }
    }

    /// The texts of a list.
    pub(super) fn texts(&self) -> Vec<&str> {
        self.items().iter().filter_map(Value::text).collect()
    }
}

/// The value of `key` in `table`.
pub(super) fn get<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    table.iter().find(|(other, _)| other == key).map(|(_, value)| value)
}

/// Reads the file `name` and what it includes. The first fault ends it.
pub(super) fn read(files: &Files, name: &str) -> Result<Value, Note> {
    read_at(files, name, 0)
}

fn read_at(files: &Files, name: &str, depth: usize) -> Result<Value, Note> {
    let text = files.get(name).ok_or_else(|| Note::new(name, "there is no such file"))?;
    let mut parser = Parser { files, file: name.into(), text: text.as_bytes(), at: 0, depth };
    parser.skip();
    let place = parser.place();
    let data = match parser.peek() {
        Some(b'[') => parser.value()?.data,
        _ => Data::Table(parser.table(None)?),
    };
    parser.skip();
    match parser.peek() {
        None => Ok(Value { place, data }),
        Some(_) => Err(parser.fault("expected the end of the file")),
    }
}

struct Parser<'a> {
    files: &'a Files,
    file: Rc<str>,
    text: &'a [u8],
    at: usize,
    /// Of includes.
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn place(&self) -> Place {
        let line = 1 + self.text[..self.at].iter().filter(|byte| **byte == b'\n').count();
        Place { file: Rc::clone(&self.file), line }
    }

    fn fault(&self, text: &str) -> Note {
        Note::new(self.place(), text)
    }

    /// Passes over space and comments.
    fn skip(&mut self) {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                b'#' | b';' => {
                    while self.peek().is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                }
                _ => break,
            }
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    /// Entries up to `end`, which is passed over; `None` is the end of the file.
    fn table(&mut self, end: Option<u8>) -> Result<Table, Note> {
        let mut table = Table::new();
        loop {
            self.skip();
            if self.peek() == end {
                self.at += usize::from(end.is_some());
                return Ok(table);
            }
            if let Some(names) = self.include()? {
                for name in names {
                    let value = read_at(self.files, &name, self.depth + 1)?;
                    let Data::Table(entries) = value.data else {
                        return Err(Note::new(value.place, "expected keys and values, not a list"));
                    };
                    for (key, value) in entries {
                        self.add(&mut table, key, value)?;
                    }
                }
            } else {
                let key = self.word()?;
                self.skip();
                if !self.take(b'=') {
                    return Err(self.fault(&format!("expected `=>` behind `{key}`")));
                }
                self.take(b'>');
                self.skip();
                let value = self.value()?;
                self.add(&mut table, key, value)?;
            }
            self.skip();
            self.take(b',');
        }
    }

    fn add(&self, table: &mut Table, key: String, value: Value) -> Result<(), Note> {
        if get(table, &key).is_some() {
            return Err(Note::new(&value.place, format!("`{key}` stands twice")));
        }
        table.push((key, value));
        Ok(())
    }

    fn value(&mut self) -> Result<Value, Note> {
        let place = self.place();
        let data = match self.peek() {
            Some(b'{') => {
                self.at += 1;
                Data::Table(self.table(Some(b'}'))?)
            }
            Some(b'[') => {
                self.at += 1;
                let mut items = vec![];
                loop {
                    self.skip();
                    if self.take(b']') {
                        break Data::List(items);
                    }
                    items.push(self.value()?);
                    self.skip();
                    self.take(b',');
                }
            }
            _ => match self.include()?.as_deref() {
                None => Data::Text(self.word()?),
                Some([name]) => return read_at(self.files, name, self.depth + 1),
                Some(_) => return Err(self.fault("a value is included from one file")),
            },
        };
        Ok(Value { place, data })
    }

    /// The files of an `$include{…}`, if there is one here.
    fn include(&mut self) -> Result<Option<Vec<String>>, Note> {
        if !self.text[self.at..].starts_with(INCLUDE) {
            return Ok(None);
        }
        if self.depth == DEEPEST {
            return Err(self.fault("files include each other without end"));
        }
        self.at += INCLUDE.len();
        self.skip();
        let path = self.word()?;
        self.skip();
        if !self.take(b'}') {
            return Err(self.fault("expected `}` behind the path to include"));
        }
        let path = beside(&self.file, &path);
        let below = format!("{path}/");
        let (before, after) = path.split_once('*').unwrap_or((&path, ""));
        let names: Vec<_> = self.files.keys().map(String::as_str).collect();
        let found = |prefix: &str, suffix: &str| -> Vec<String> {
            let is_found = |name: &&&str| {
                let middle = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(suffix));
                middle.is_some_and(|middle| !middle.contains('/') && !middle.starts_with('.'))
            };
            names.iter().filter(is_found).map(|name| (*name).to_owned()).collect()
        };
        if self.files.contains_key(&path) {
            return Ok(Some(vec![path]));
        }
        let found = if path.contains('*') { found(before, after) } else { found(&below, "") };
        if found.is_empty() {
            return Err(self.fault(&format!("there is no file {path} to include")));
        }
        Ok(Some(found))
    }

    /// A string, quoted or not, its escapes resolved.
    fn word(&mut self) -> Result<String, Note> {
        let is_quoted = self.take(b'"');
        let mut word = vec![];
        loop {
            match self.peek() {
                Some(b'"') if is_quoted => {
                    self.at += 1;
                    break;
                }
                None if is_quoted => return Err(self.fault("a quote is not closed")),
                Some(b'\\') => word.push(self.escape()?),
                Some(byte) if is_quoted || !ENDS_WORD.contains(&byte) => {
                    self.at += 1;
                    word.push(byte);
                }
                _ => break,
            }
        }
        if word.is_empty() && !is_quoted {
            let found = self
                .peek()
                .map_or("the end of the file".to_owned(), |byte| format!("`{}`", char::from(byte)));
            return Err(self.fault(&format!("expected a word, found {found}")));
        }
        String::from_utf8(word).map_err(|_| self.fault("this is not UTF-8"))
    }

    fn escape(&mut self) -> Result<u8, Note> {
        let rest = &self.text[self.at + 1..];
        let digits = rest.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let number = digits.filter(|d| d.bytes().all(|byte| byte.is_ascii_digit()));
        match (number.map(str::parse), rest.first()) {
            (Some(Ok(byte)), _) => {
                self.at += 4;
                Ok(byte)
            }
            (None, Some(byte)) if !byte.is_ascii_digit() => {
                self.at += 2;
                Ok(*byte)
            }
            _ => Err(self.fault("a backslash without a character or three digits up to 255")),
        }
    }
}

/// The path `path` as it is meant in `file`.
pub(super) fn beside(file: &str, path: &str) -> String {
    let directory = file.rsplit_once('/').map_or("", |(directory, _)| directory);
    let mut parts: Vec<_> = if path.starts_with('/') {
        vec![""]
    } else {
        directory.split('/').filter(|part| !part.is_empty()).collect()
    };
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

const INCLUDE: &[u8] = b"$include{";
const DEEPEST: usize = 16;
const ENDS_WORD: &[u8] = b" \t\r\n[]{};#,\"=\\";

#[cfg(test)]
mod tests {
    use super::*;

    /// `files`, each a name and its text, and what the first says, without places.
    fn parsed(files: &[(&str, &str)]) -> Result<String, String> {
        let all = files.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
        read(&all, files[0].0).map(|value| show(&value)).map_err(|note| note.to_string())
    }

    fn show(value: &Value) -> String {
        match &value.data {
            Data::Text(text) => text.clone(),
            Data::List(items) => {
                format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" "))
            }
            Data::Table(table) => {
                let entries = table.iter().map(|(key, value)| format!("{key}={}", show(value)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(" "))
            }
        }
    }

    #[test]
    fn arrows_commas_and_space_are_a_matter_of_taste() {
        for text in
            ["a => { b => [1, 2,], c = d }", "a={b=[1 2]c=d}", "a = {b=>[1\n2] # x\nc=>d;y\n}"]
        {
            assert_eq!(parsed(&[("config", text)]).unwrap(), "{a={b=[1 2] c=d}}", "{text}");
        }
    }

    #[test]
    fn escapes_and_quotes_are_resolved() {
        let text = r#"a => "white space" b => white\ space c => \092=== d => "\\===""#;
        let text = text.replace("===", r"\=\=\=");
        let expected = r"{a=white space b=white space c=\=== d=\===}";
        assert_eq!(parsed(&[("config", &text)]).unwrap(), expected);
    }

    #[test]
    fn files_are_included_as_values_and_as_keys() {
        let config = ("config", "a => $include{x/list} $include{ \"d\" } $include{e/*.cfg}");
        let files =
            [config, ("x/list", "[1 2]"), ("d/one", "b => 3"), ("e/f.cfg", "c => 4"), ("e/g", "!")];
        assert_eq!(parsed(&files).unwrap(), "{a=[1 2] b=3 c=4}");
    }

    #[test]
    fn a_fault_is_told_with_file_and_line() {
        let told = |files: &[(&str, &str)]| parsed(files).unwrap_err();
        assert_eq!(told(&[("config", "a => 1\nb")]), "config:2: expected `=>` behind `b`");
        assert_eq!(
            told(&[("config", "\na => {")]),
            "config:2: expected a word, found the end of the file"
        );
        assert_eq!(told(&[("config", "a => 1 a => 2")]), "config:1: `a` stands twice");
        assert_eq!(told(&[("config", "$include{x}")]), "config:1: there is no file x to include");
        let endless = told(&[("config", "$include{config}")]);
        assert_eq!(endless, "config:1: files include each other without end");
    }
}
