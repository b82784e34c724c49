//! Entries to records (RFC 1035 section 5.1, RFC 2308 section 4): directives, and what a record
//! may leave out.
//!
//! A fault is reported and the next entry read, so that one load tells all. `$INCLUDE` is as if
//! the file's text stood there, but for the origin and the last owner, which it doesn't change.

use crate::span::{FileId, Span};
use crate::wire::{Name, RecordType, name};

use super::fault::{self, FaultKind, Faults};
use super::rdata::{self, Context};
use super::scan::{Entry, Form, Scanner, Word};
use super::tree::{Full, Tree};
use super::{Include, Source, field, svcb};

/// What the files of a zone say, before it is checked.
pub(super) struct Draft {
    pub(super) tree: Tree,
    pub(super) records: Vec<Record>,
    /// The data of the records.
    pub(super) rdata: Vec<u8>,
    /// A SOA record was lost to a fault.
    pub(super) lost_soa: bool,
}

/// One record, its data apart.
#[derive(Clone, Copy)]
pub(super) struct Record {
    pub(super) node: u32,
    pub(super) rtype: RecordType,
    pub(super) ttl: u32,
    pub(super) start: u32,
    pub(super) len: u16,
    pub(super) span: Span,
}

impl Draft {
    /// The data of `record`.
    pub(super) fn rdata(&self, record: &Record) -> &[u8] {
        &self.rdata[record.start as usize..][..usize::from(record.len)]
    }
}

/// Reads `source` and what it includes.
pub(super) fn read(source: &Source<'_>, include: Include<'_>, faults: &mut Faults) -> Draft {
    let draft = Draft {
        tree: Tree::new(source.origin.clone()),
        records: vec![],
        rdata: vec![],
        lost_soa: false,
    };
    let mut reader = Reader {
        draft,
        include,
        faults,
        octets: 0,
        open: vec![],
        included: 0,
        is_endless: false,
        default_ttl: None,
        last_ttl: None,
    };
    let origin = source.origin.clone();
    if reader.read_file(source.file, source.text, origin).is_err() {
        reader.faults.push(FaultKind::LargeZone, Span::new(source.file, 0, 0));
    }
    reader.draft
}

struct Reader<'a> {
    draft: Draft,
    include: Include<'a>,
    faults: &'a mut Faults,
    /// By `$TTL`, or by the SOA record where there is none.
    default_ttl: Option<u32>,
    /// The octets of all files, one that is included twice counted twice.
    octets: usize,
    /// From the first file to the one that is being read.
    open: Vec<FileId>,
    /// How often a file was included.
    included: usize,
    /// Files include each other without end, so no more are read: with two in each file, the
    /// bound on depth alone would let 2^16 through.
    is_endless: bool,
    /// The last that a record gave (RFC 1035 section 5.1).
    last_ttl: Option<u32>,
}

/// Where reading stands in one file.
struct Place<'a> {
    scanner: Scanner<'a>,
    origin: Name,
    owner: Owner,
    /// The last owner in wire form; unless [`Owner::Known`], of no meaning.
    name: Vec<u8>,
}

/// The last owner that was written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    /// None yet.
    Missing,
    /// A fault was reported, so that records of it are only checked.
    Faulty,
    /// Within the zone, at this node once a record has needed it.
    Known(Option<u32>),
}

/// A record's TTL, class and type.
struct Head {
    ttl: Option<u32>,
    rtype: Option<(RecordType, Span)>,
    is_sound: bool,
}

impl Reader<'_> {
    fn read_file(&mut self, file: FileId, text: &[u8], origin: Name) -> Result<(), Full> {
        self.octets = self.octets.saturating_add(text.len());
        if u32::try_from(self.octets).is_err() {
            return Err(Full);
        }
        let scanner = Scanner::new(file, text);
        let mut place = Place { scanner, origin, owner: Owner::Missing, name: vec![] };
        self.open.push(file);
        let mut entry = Entry::default();
        while place.scanner.read(&mut entry, self.faults) {
            match entry.words.as_slice() {
                [first, ..] if !entry.omits_owner && place.text(*first).starts_with(b"$") => {
                    if !entry.is_broken {
                        self.read_directive(&mut place, &entry.words)?;
                    }
                }
                _ => self.read_record(&mut place, &entry)?,
            }
        }
        self.open.pop();
        Ok(())
    }

    fn read_directive(&mut self, place: &mut Place<'_>, words: &[Word]) -> Result<(), Full> {
        let directive = place.text(words[0]).to_ascii_uppercase();
        let whole = words[0].span.to(words[words.len() - 1].span);
        match (directive.as_slice(), &words[1..]) {
            (b"$ORIGIN", &[word]) => {
                if let Some(origin) = self.name(place, word) {
                    place.origin = origin;
                }
            }
            (b"$TTL", &[word]) => {
                if let Some(ttl) = self.ttl(place, word) {
                    self.default_ttl = Some(ttl);
                }
            }
            (b"$INCLUDE", &[path]) => {
                let origin = place.origin.clone();
                return self.read_include(place, path, origin);
            }
            (b"$INCLUDE", &[path, word]) => {
                if let Some(origin) = self.name(place, word) {
                    return self.read_include(place, path, origin);
                }
            }
            (b"$ORIGIN", _) => self.incomplete("$ORIGIN name", whole),
            (b"$TTL", _) => self.incomplete("$TTL ttl", whole),
            (b"$INCLUDE", _) => self.incomplete("$INCLUDE file [origin]", whole),
            _ => {
                let text = fault::excerpt(place.text(words[0]));
                self.faults.push(FaultKind::UnknownDirective(text), words[0].span);
            }
        }
        Ok(())
    }

    fn incomplete(&mut self, usage: &'static str, span: Span) {
        self.faults.push(FaultKind::Directive { usage }, span);
    }

    fn read_include(&mut self, place: &Place<'_>, path: Word, origin: Name) -> Result<(), Full> {
        if self.is_endless {
            return Ok(());
        }
        if self.open.len() > MAX_DEPTH {
            return self.end_includes(FaultKind::DeepInclude { limit: MAX_DEPTH }, path);
        }
        if self.included == MAX_INCLUDED {
            return self.end_includes(FaultKind::ManyIncludes { limit: MAX_INCLUDED }, path);
        }
        self.included += 1;
        let included = match std::str::from_utf8(place.text(path)) {
            Ok(written) => (self.include)(written, path.span),
            Err(_) => Err("the path is not UTF-8".to_owned()),
        };
        match included {
            Ok((file, _)) if self.open.contains(&file) => {
                self.end_includes(FaultKind::IncludeLoop, path)
            }
            Ok((file, text)) => self.read_file(file, &text, origin),
            Err(reason) => {
                self.faults.push(FaultKind::Include(reason), path.span);
                Ok(())
            }
        }
    }

    fn end_includes(&mut self, fault: FaultKind, path: Word) -> Result<(), Full> {
        self.is_endless = true;
        self.faults.push(fault, path.span);
        Ok(())
    }

    fn read_record(&mut self, place: &mut Place<'_>, entry: &Entry) -> Result<(), Full> {
        let mut words = entry.words.as_slice();
        let first = words[0];
        if entry.omits_owner {
            if place.owner == Owner::Missing && !entry.is_broken {
                self.faults.push(FaultKind::NoOwner, Span { end: first.span.start, ..first.span });
                place.owner = Owner::Faulty;
            }
        } else {
            self.read_owner(place, first, entry.is_broken);
            words = &words[1..];
        }
        if entry.is_broken {
            return Ok(());
        }
        let head = self.read_head(place, &mut words, first.span);
        match head.rtype {
            Some((rtype, at)) => self.read_data(place, &head, rtype, first.span.to(at), words),
            None => Ok(()),
        }
    }

    /// Reads the data behind the type, at which `head_span` ends, and keeps the record.
    fn read_data(
        &mut self,
        place: &mut Place<'_>,
        head: &Head,
        rtype: RecordType,
        head_span: Span,
        words: &[Word],
    ) -> Result<(), Full> {
        let errors = self.faults.error_count();
        let start = self.draft.rdata.len();
        let text = |word| place.scanner.text(word);
        let context = Context { text: &text, origin: place.origin.as_wire() };
        let rdata = &mut self.draft.rdata;
        rdata::parse(rtype, words, head_span, &context, rdata, self.faults);
        let span = words.last().map_or(head_span, |last| head_span.to(last.span));
        let is_sound = head.is_sound && self.faults.error_count() == errors;
        let ttl = if is_sound { self.effective_ttl(head.ttl, rtype, start, span) } else { None };
        let Some(ttl) = ttl else {
            self.lose(head.ttl, rtype, start);
            return Ok(());
        };
        if svcb::is_alias_with_parameters(rtype, &self.draft.rdata[start..]) {
            self.faults.push(FaultKind::AliasParameters(rtype), span);
        }
        self.keep(place, rtype, ttl, start, span)
    }

    /// Drops a record's data, but not what it means for those behind it.
    fn lose(&mut self, ttl: Option<u32>, rtype: RecordType, start: usize) {
        self.draft.rdata.truncate(start);
        self.last_ttl = ttl.or(self.last_ttl);
        if rtype == RecordType::SOA {
            self.draft.lost_soa = true;
            // Its minimum would have been the TTL of those that have none.
            self.last_ttl = self.last_ttl.or(Some(0));
        }
    }

    /// Keeps the record whose data begins at `start`, if its owner is known.
    fn keep(
        &mut self,
        place: &mut Place<'_>,
        rtype: RecordType,
        ttl: u32,
        start: usize,
        span: Span,
    ) -> Result<(), Full> {
        let is_apex = place.name.len() == self.draft.tree.origin().as_wire().len();
        let Owner::Known(known) = place.owner else {
            self.draft.rdata.truncate(start);
            return Ok(());
        };
        if rtype == RecordType::SOA && !is_apex {
            self.faults.push(FaultKind::SoaBelowApex, span);
            self.draft.rdata.truncate(start);
            return Ok(());
        }
        let node = match known {
            Some(node) => node,
            None => self.draft.tree.intern(&place.name)?,
        };
        place.owner = Owner::Known(Some(node));
        let len = self.draft.rdata.len() - start;
        let start = u32::try_from(start).map_err(|_| Full)?;
        // `rdata::parse` reports what does not fit.
        let len = u16::try_from(len).unwrap_or(u16::MAX);
        self.draft.records.push(Record { node, rtype, ttl, start, len, span });
        Ok(())
    }

    fn read_owner(&mut self, place: &mut Place<'_>, word: Word, in_broken_entry: bool) {
        place.owner = Owner::Faulty;
        if word.form == Form::Quoted {
            if !in_broken_entry {
                self.faults.push(FaultKind::QuotedName, word.span);
            }
            return;
        }
        place.name.clear();
        let text = place.scanner.text(word);
        if let Err(error) = name::write_text(text, place.origin.as_wire(), &mut place.name) {
            return self.faults.push(FaultKind::Name(error), word.span);
        }
        if self.draft.tree.holds(&place.name) {
            place.owner = Owner::Known(None);
        } else if let Ok(owner) = Name::from_wire(&place.name) {
            let origin = self.draft.tree.origin().clone();
            self.faults.push(FaultKind::OutOfZone { owner, origin }, word.span);
        }
    }

    /// Takes TTL, class and type from the front of `words`: the first two in any order, or not at
    /// all.
    fn read_head(&mut self, place: &Place<'_>, words: &mut &[Word], before: Span) -> Head {
        let mut head = Head { ttl: None, rtype: None, is_sound: true };
        let (mut has_ttl, mut has_class, mut last) = (false, false, before);
        while let Some((&word, rest)) = words.split_first() {
            *words = rest;
            last = word.span;
            let text = if word.form == Form::Bare { place.text(word) } else { b"\"" };
            if !has_ttl && text.first().is_some_and(u8::is_ascii_digit) {
                has_ttl = true;
                head.ttl = self.ttl(place, word);
                head.is_sound &= head.ttl.is_some();
            } else if let Some(is_served) = class(text).filter(|_| !has_class) {
                has_class = true;
                if !is_served {
                    head.is_sound = false;
                    let class = fault::excerpt(text).to_ascii_uppercase();
                    self.faults.push(FaultKind::Class(class), word.span);
                }
            } else {
                head.rtype = self.rtype(place, word).map(|rtype| (rtype, word.span));
                return head;
            }
        }
        self.faults.push(FaultKind::NoType, Span { start: last.end, ..last });
        head
    }

    fn rtype(&mut self, place: &Place<'_>, word: Word) -> Option<RecordType> {
        let text = place.text(word);
        let rtype = std::str::from_utf8(text).ok().and_then(RecordType::from_text);
        let kind = match rtype.filter(|_| word.form == Form::Bare) {
            None => FaultKind::UnknownType { text: fault::excerpt(text) },
            Some(rtype) if rtype.is_meta() => FaultKind::MetaType(rtype),
            Some(rtype) if SIGNED.contains(&rtype) => FaultKind::SignedType(rtype),
            Some(rtype) => return Some(rtype),
        };
        self.faults.push(kind, word.span);
        None
    }

    /// The TTL of a record whose data begins at `start`: its own, by `$TTL`, the last one given,
    /// or the SOA record's minimum.
    fn effective_ttl(
        &mut self,
        own: Option<u32>,
        rtype: RecordType,
        start: usize,
        span: Span,
    ) -> Option<u32> {
        self.last_ttl = own.or(self.last_ttl);
        if let Some(ttl) = own.or(self.default_ttl).or(self.last_ttl) {
            return Some(ttl);
        }
        let minimum = self.draft.rdata[start..].last_chunk();
        let Some(minimum) = minimum.filter(|_| rtype == RecordType::SOA) else {
            // Once is enough: those behind it lack the same.
            self.last_ttl = Some(0);
            self.faults.push(FaultKind::NoTtl, span);
            return None;
        };
        let minimum = u32::from_be_bytes(*minimum).min(MAX_TTL);
        self.default_ttl = Some(minimum);
        self.faults.push(FaultKind::SoaTtl(minimum), span);
        Some(minimum)
    }

    fn ttl(&mut self, place: &Place<'_>, word: Word) -> Option<u32> {
        let kind = match field::seconds(place.text(word)) {
            Some(seconds) if seconds <= u64::from(MAX_TTL) => return Some(seconds as u32),
            Some(_) => FaultKind::LargeTtl,
            None => FaultKind::Ttl,
        };
        self.faults.push(kind, word.span);
        None
    }

    fn name(&mut self, place: &Place<'_>, word: Word) -> Option<Name> {
        if word.form == Form::Quoted {
            self.faults.push(FaultKind::QuotedName, word.span);
            return None;
        }
        match Name::from_text(place.text(word), &place.origin) {
            Ok(name) => Some(name),
            Err(error) => {
                self.faults.push(FaultKind::Name(error), word.span);
                None
            }
        }
    }
}

impl<'a> Place<'a> {
    fn text(&self, word: Word) -> &'a [u8] {
        self.scanner.text(word)
    }
}

/// Whether the class that `text` names is served; `None` if it names none.
fn class(text: &[u8]) -> Option<bool> {
    if text.eq_ignore_ascii_case(b"IN") || text.eq_ignore_ascii_case(b"CLASS1") {
        return Some(true);
    }
    let is_class = CLASSES.iter().any(|class| class.as_bytes().eq_ignore_ascii_case(text))
        || text.split_at_checked(5).is_some_and(|(class, digits)| {
            class.eq_ignore_ascii_case(b"CLASS")
                && field::number(digits, u32::from(u16::MAX)).is_ok()
        });
    is_class.then_some(false)
}

/// Classes that are not served (RFC 6895 section 3.2).
const CLASSES: &[&str] = &["CH", "CHAOS", "CS", "CSNET", "HS", "HESIOD", "NONE"];
/// Types that signing makes.
const SIGNED: &[RecordType] =
    &[RecordType::RRSIG, RecordType::NSEC, RecordType::NSEC3, RecordType::NSEC3PARAM];
/// RFC 2181 section 8.
const MAX_TTL: u32 = i32::MAX as u32;
/// Files that may include each other, the first left out.
const MAX_DEPTH: usize = 16;
/// How often files may be included in all: with nine in each file, depth alone would allow 9^16.
const MAX_INCLUDED: usize = 4096;
