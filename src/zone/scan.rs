//! Bytes of a master file to the words of its entries (RFC 1035 section 5.1).
//!
//! The scanner knows quotes, escapes, comments and parentheses; it decodes nothing. It borrows the
//! text and reuses one entry, so that a zone of a million records costs no allocation here.

use crate::span::{FileId, Span};

use super::fault::{FaultKind, Faults};

/// One file and the place up to which its entries have been read.
pub(super) struct Scanner<'a> {
    text: &'a [u8],
    file: FileId,
    at: usize,
    unclosed: usize,
}

/// A word of an entry. The span of a quoted word includes its quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    pub(super) span: Span,
    pub(super) form: Form,
}

/// How a word is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Bare,
    Quoted,
}

/// A logical line: one record or directive.
#[derive(Default)]
pub(super) struct Entry {
    pub(super) words: Vec<Word>,
    /// The line begins with a space, which stands for the owner before (RFC 1035 section 5.1).
    pub(super) omits_owner: bool,
    /// A fault was reported, so the words mean nothing beyond the owner.
    pub(super) is_broken: bool,
}

impl<'a> Scanner<'a> {
    /// `text` must be shorter than 4 GiB.
    pub(super) fn new(file: FileId, text: &'a [u8]) -> Self {
        let at = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        Self { text, file, at, unclosed: 0 }
    }

    /// The text of `word`, escapes and all, without the quotes around it.
    pub(super) fn text(&self, word: Word) -> &'a [u8] {
        let (start, end) = (word.span.start as usize, word.span.end as usize);
        match word.form {
            Form::Bare => &self.text[start..end],
            Form::Quoted => {
                let text = &self.text[start + 1..end];
                text.strip_suffix(b"\"").unwrap_or(text)
            }
        }
    }

    /// Reads the next entry into `entry`; false at the end of the file.
    pub(super) fn read(&mut self, entry: &mut Entry, faults: &mut Faults) -> bool {
        self.begin(entry);
        // Parentheses that are open, and where the first of them is.
        let (mut open, mut first_open) = (0usize, 0);
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'\n' => {
                    self.at += 1;
                    if open == 0 {
                        if !entry.words.is_empty() {
                            return true;
                        }
                        self.begin(entry);
                    }
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                b';' => self.at = self.line_end(self.at),
                b'(' => {
                    if open == 0 {
                        first_open = self.at;
                    }
                    open += 1;
                    self.at += 1;
                }
                b')' => {
                    match open.checked_sub(1) {
                        Some(outer) => open = outer,
                        None => {
                            entry.is_broken = true;
                            faults.push(FaultKind::UnopenedParenthesis, self.span(self.at, 1));
                        }
                    }
                    self.at += 1;
                }
                b'"' => self.quoted(entry, faults),
                _ => self.bare(entry, faults),
            }
        }
        if open > 0 {
            entry.is_broken = true;
            faults.push(FaultKind::UnclosedParenthesis, self.span(first_open, 1));
            self.resume_after(first_open, entry);
        }
        !entry.words.is_empty()
    }

    fn begin(&self, entry: &mut Entry) {
        entry.words.clear();
        entry.is_broken = false;
        entry.omits_owner = matches!(self.text.get(self.at), Some(b' ' | b'\t'));
    }

    /// Goes back to the first line after `at` that has an owner, for what an open parenthesis
    /// swallowed; only so often, since each time costs the rest of the file.
    fn resume_after(&mut self, at: usize, entry: &mut Entry) {
        self.unclosed += 1;
        if self.unclosed > MAX_UNCLOSED {
            return;
        }
        let mut line = self.line_end(at);
        while let Some(next) = self.text.get(line + 1) {
            if !b" \t\r\n;)\"".contains(next) {
                break;
            }
            line = self.line_end(line + 1);
        }
        self.at = (line + 1).min(self.text.len());
        entry.words.retain(|word| (word.span.start as usize) < self.at);
    }

    fn quoted(&mut self, entry: &mut Entry, faults: &mut Faults) {
        let start = self.at;
        self.skip_quoted(entry, faults);
        self.push(start, Form::Quoted, entry, faults);
    }

    fn bare(&mut self, entry: &mut Entry, faults: &mut Faults) {
        let start = self.at;
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' | b';' | b'(' | b')' => break,
                b'"' => {
                    // The value of a service parameter: key="value" (RFC 9460 section 2.1).
                    if self.text[self.at - 1] != b'=' {
                        entry.is_broken = true;
                        faults.push(FaultKind::QuoteInWord, self.span(self.at, 1));
                    }
                    self.skip_quoted(entry, faults);
                }
                b'\\' => self.skip_escape(),
                _ => self.at += 1,
            }
        }
        self.push(start, Form::Bare, entry, faults);
    }

    /// Adds the word that ends here.
    fn push(&self, start: usize, form: Form, entry: &mut Entry, faults: &mut Faults) {
        let word = self.word(start, form);
        match entry.words.len() {
            ..MAX_WORDS => entry.words.push(word),
            MAX_WORDS if !entry.is_broken => {
                entry.is_broken = true;
                faults.push(FaultKind::LongEntry { limit: MAX_WORDS }, word.span);
            }
            _ => {}
        }
    }

    /// Passes the quoted string that begins here.
    fn skip_quoted(&mut self, entry: &mut Entry, faults: &mut Faults) {
        let start = self.at;
        self.at += 1;
        loop {
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return;
                }
                Some(b'\\') => self.skip_escape(),
                Some(b'\n') | None => {
                    entry.is_broken = true;
                    let end = self.word(start, Form::Quoted).span;
                    return faults.push(FaultKind::UnclosedQuote, end);
                }
                Some(_) => self.at += 1,
            }
        }
    }

    /// Passes a backslash and what it escapes, but no end of a line.
    fn skip_escape(&mut self) {
        self.at += 1;
        if !matches!(self.text.get(self.at), Some(b'\r' | b'\n') | None) {
            self.at += 1;
        }
    }

    fn line_end(&self, at: usize) -> usize {
        let rest = &self.text[at.min(self.text.len())..];
        at + rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len())
    }

    fn word(&self, start: usize, form: Form) -> Word {
        Word { span: Span::new(self.file, start, self.at), form }
    }

    fn span(&self, start: usize, len: usize) -> Span {
        Span::new(self.file, start, start + len)
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// More than a record has: data of 65,535 octets in hex, each digit a word of its own.
const MAX_WORDS: usize = 140_000;
/// Open parentheses after which reading resumes.
const MAX_UNCLOSED: usize = 16;
