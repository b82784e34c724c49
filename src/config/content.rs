//! Which files are what they were: each is read once a load, and known again by its text.
//!
//! A file whose text did not change keeps its [`FileId`] from load to load, so what was made of
//! files holds as long as their ids are the same. Texts are compared by their fingerprints, times of
//! change by nobody. Whatever is looked at is noted, to be watched.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::read_file;
use super::fingerprint::{Fingerprint, PathKind};
use super::survey::Survey;
use crate::diag::{Diagnostic, Sources};
use crate::span::{FileId, Span};

/// The files of one load.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) sources: Sources,
    /// What was looked at.
    pub(super) survey: Survey,
    known: KnownContents,
    read: HashMap<PathBuf, Content>,
}

/// What a later load needs to know the same files again.
#[derive(Clone, Default)]
pub(super) struct KnownContents {
    next: FileId,
    files: HashMap<PathBuf, (FileId, Fingerprint)>,
}

/// A file that was read.
#[derive(Clone)]
pub(super) struct Content {
    pub(super) id: FileId,
    pub(super) text: Arc<[u8]>,
    fingerprint: Fingerprint,
}

impl Contents {
    /// No files yet, after a load that knew the files of `known`. What is looked at gets noted in
    /// `survey`.
    pub(super) fn after(known: KnownContents, survey: Survey) -> Self {
        Self { sources: Sources::from(known.next), survey, known, read: HashMap::new() }
    }

    /// The file at `path`, as one of the group; it is read at most once if it can be.
    pub(super) fn read(&mut self, path: &Path) -> io::Result<Content> {
        let content = self.content(path);
        let fingerprint = match &content {
            Ok(content) => content.fingerprint,
            Err(error) => Fingerprint::of_error(error),
        };
        self.survey.note(path, PathKind::File, fingerprint);
        content
    }

    /// The id of a file that was read.
    pub(super) fn id(&self, path: &Path) -> Option<FileId> {
        self.read.get(path).map(|content| content.id)
    }

    fn content(&mut self, path: &Path) -> io::Result<Content> {
        if let Some(content) = self.read.get(path) {
            return Ok(content.clone());
        }
        let text: Arc<[u8]> = read_file(path)?.into();
        let fingerprint = Fingerprint::of_bytes(&text);
        let id = match self.known.files.get(path) {
            Some(&(id, known)) if known == fingerprint => {
                self.sources.add_known(id, path, Arc::clone(&text));
                id
            }
            _ => self.sources.add(path, Arc::clone(&text)),
        };
        let content = Content { id, text, fingerprint };
        self.read.insert(path.to_owned(), content.clone());
        Ok(content)
    }

    /// What the files were, with the texts that `diagnostics` show and `later` ones may; what the next
    /// load needs; and what was looked at.
    pub(super) fn finish(
        self,
        diagnostics: &[Diagnostic],
        later: impl Iterator<Item = Span>,
    ) -> (Sources, KnownContents, Survey) {
        let Self { mut sources, survey, known: _, read } = self;
        let spans = diagnostics.iter().flat_map(|fault| {
            fault.span.into_iter().chain(fault.related.iter().map(|(span, _)| *span))
        });
        let shown: HashSet<_> = spans.chain(later).map(|span| span.file).collect();
        sources.forget_texts(|file| shown.contains(&file));
        let files = read.into_iter();
        let files = files.map(|(path, Content { id, fingerprint, .. })| (path, (id, fingerprint)));
        let files = files.collect();
        let next = sources.next();
        (sources, KnownContents { next, files }, survey)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The ids of a file over loads between which its text becomes that of each element.
    fn ids(texts: &[&str]) -> Vec<u32> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.zone");
        let mut known = KnownContents::default();
        let mut load = |text: &&str| {
            fs::write(&path, text).unwrap();
            let mut contents = Contents::after(known.clone(), Survey::default());
            let id = contents.read(&path).unwrap().id;
            known = contents.finish(&[], [].into_iter()).1;
            id.0
        };
        texts.iter().map(&mut load).collect()
    }

    #[test]
    fn a_file_keeps_its_id_while_its_text_is_the_same() {
        assert_eq!(ids(&["a", "a", "b", "b", "a"]), [0, 0, 1, 1, 2]);
    }

    #[test]
    fn a_file_that_changes_during_a_load_is_what_was_read_first() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.zone");
        let mut contents = Contents::default();
        fs::write(&path, "a").unwrap();
        let first = contents.read(&path).unwrap();
        fs::write(&path, "b").unwrap();
        let second = contents.read(&path).unwrap();
        assert_eq!((first.id, first.text), (second.id, second.text));
    }
}
