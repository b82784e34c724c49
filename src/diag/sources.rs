//! The files of a load, kept for as long as its faults may be shown.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use crate::span::{FileId, Span};

/// The files of a load, by [`FileId`]. A file that did not change has the same id in the next load,
/// and no other file of any load has it.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// In the order in which they were read.
    files: Vec<File>,
    positions: HashMap<FileId, usize>,
    next: u32,
}

/// A line and column, both counted from 1; columns are characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column. A byte that is not UTF-8 counts as one character.
    pub column: usize,
}

#[derive(Clone, Debug)]
struct File {
    id: FileId,
    path: PathBuf,
    /// `None` once it is forgotten.
    text: Option<Arc<[u8]>>,
    /// The offset of each line's first byte; filled when first asked for.
    line_starts: OnceLock<Vec<u32>>,
}

impl Sources {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// No files; new ones get the ids from `next` on.
    pub fn from(next: FileId) -> Self {
        Self { next: next.0, ..Self::default() }
    }

    /// The id of the next new file.
    pub fn next(&self) -> FileId {
        FileId(self.next)
    }

    /// Adds a new file, which need not be UTF-8.
    pub fn add(&mut self, path: impl Into<PathBuf>, text: impl Into<Arc<[u8]>>) -> FileId {
        let id = self.next();
        self.next = self.next.checked_add(1).expect("2^32 files would take years to read");
        self.add_known(id, path, text);
        id
    }

    /// Adds a file that an earlier load had under this id, with the same text.
    pub fn add_known(&mut self, id: FileId, path: impl Into<PathBuf>, text: impl Into<Arc<[u8]>>) {
        let (path, text) = (path.into(), Some(text.into()));
        self.positions.insert(id, self.files.len());
        self.files.push(File { id, path, text, line_starts: OnceLock::new() });
    }

    /// Forgets the texts of files that `is_shown` is not true of; their lines can't be shown then.
    pub fn forget_texts(&mut self, is_shown: impl Fn(FileId) -> bool) {
        for file in self.files.iter_mut().filter(|file| !is_shown(file.id)) {
            file.text = None;
        }
    }

    /// How many files were read before this one.
    pub fn position(&self, file: FileId) -> Option<usize> {
        self.positions.get(&file).copied()
    }

    /// Where the file was read from.
    pub fn path(&self, file: FileId) -> Option<&Path> {
        self.file(file).map(|file| &*file.path)
    }

    /// Where every file was read from.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| &*file.path)
    }

    /// The file, line and column at which `span` starts; `None` for a file of another load.
    pub fn line_column(&self, span: Span) -> Option<(&Path, Position)> {
        let file = self.file(span.file)?;
        let text = file.text.as_ref()?;
        let line = file.line_number(span.start);
        let start = file.line_starts()[line - 1] as usize;
        let end = (span.start as usize).clamp(start, text.len());
        let column = 1 + String::from_utf8_lossy(&text[start..end]).chars().count();
        Some((&file.path, Position { line, column }))
    }

    /// The bytes of the line in which `span` starts, without the line's end.
    pub(super) fn line(&self, span: Span) -> Option<Range<usize>> {
        let file = self.file(span.file)?;
        let text = file.text.as_ref()?;
        let number = file.line_number(span.start);
        let start = file.line_starts()[number - 1] as usize;
        let next = file.line_starts().get(number);
        let end = next.map_or(text.len(), |&next| next as usize - 1);
        let line = &text[start..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Some(start..start + line.len())
    }

    pub(super) fn bytes(&self, file: FileId) -> Option<&[u8]> {
        self.file(file)?.text.as_deref()
    }

    fn file(&self, id: FileId) -> Option<&File> {
        self.files.get(self.position(id)?)
    }
}

impl File {
    /// The line that holds the byte at `offset`, counted from 1.
    fn line_number(&self, offset: u32) -> usize {
        self.line_starts().partition_point(|&start| start <= offset)
    }

    /// Never empty: the first line starts at 0.
    fn line_starts(&self) -> &[u32] {
        self.line_starts.get_or_init(|| {
            let text = self.text.as_deref().unwrap_or_default();
            let ends = text.iter().enumerate().filter(|&(_, &byte)| byte == b'\n');
            let starts = ends.map_while(|(at, _)| u32::try_from(at + 1).ok());
            std::iter::once(0).chain(starts).collect()
        })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(text: &[u8], start: usize) -> (usize, usize) {
        let mut sources = Sources::new();
        let file = sources.add("a.toml", text);
        let (_, at) = sources.line_column(Span::new(file, start, start)).unwrap();
        (at.line, at.column)
    }

    #[test]
    fn lines_and_columns_count_from_1() {
        assert_eq!(position(b"ab\ncd", 0), (1, 1));
        assert_eq!(position(b"ab\ncd", 4), (2, 2));
        assert_eq!(position(b"ab\r\ncd", 4), (2, 1));
    }

    #[test]
    fn the_end_of_a_file_is_a_place() {
        assert_eq!(position(b"", 0), (1, 1));
        assert_eq!(position(b"ab\n", 3), (2, 1));
        assert_eq!(position(b"ab", 99), (1, 3));
    }

    #[test]
    fn columns_count_characters_not_bytes() {
        assert_eq!(position("\"ö\" x".as_bytes(), 5), (1, 5));
        assert_eq!(position(b"\xff\xfe x", 3), (1, 4));
    }

    #[test]
    fn a_file_of_another_load_has_no_place() {
        assert!(Sources::new().line_column(Span::new(FileId(0), 0, 0)).is_none());
    }

    #[test]
    fn a_new_file_never_has_the_id_of_one_that_was_read_before() {
        let mut first = Sources::new();
        let old = first.add("a.toml", *b"a");
        let mut second = Sources::from(first.next());
        let new = second.add("a.toml", *b"b");
        assert_ne!(old, new);
        assert!(second.line_column(Span::new(old, 0, 0)).is_none());
    }

    #[test]
    fn a_forgotten_text_has_no_place_but_its_file_is_known_to_have_been_read() {
        let mut sources = Sources::new();
        let [gone, kept] = ["a.zone", "b.zone"].map(|path| sources.add(path, *b"a"));
        sources.forget_texts(|file| file == kept);
        let has_place = |file| sources.line_column(Span::new(file, 0, 0)).is_some();
        assert_eq!((has_place(gone), has_place(kept)), (false, true));
        assert_eq!(sources.paths().count(), 2);
    }
}
