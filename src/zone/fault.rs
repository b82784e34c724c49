//! What can be wrong with a master file or a zone, in words for the operator.
//!
//! A fault is plain data: its kind, the place, and other places that explain it. The rendering
//! belongs to the shell. Errors are what can't be served; all else is a warning.

use thiserror::Error;

use crate::span::{Severity, Span};
use crate::wire::{Name, NameError, RecordType};

use super::format;
use super::rdata::{self, Problem};

/// One fault at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// Where.
    pub span: Span,
    /// Other places that belong to it, each with a word on why.
    pub related: Vec<(Span, &'static str)>,
}

/// What is wrong. Displays as the message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub enum FaultKind {
    #[error("the quoted string does not end on its line")]
    UnclosedQuote,
    #[error("the parenthesis is never closed")]
    UnclosedParenthesis,
    #[error("no parenthesis is open here")]
    UnopenedParenthesis,
    #[error("a quote begins inside a word")]
    QuoteInWord,
    #[error("`{0}` is not a directive")]
    UnknownDirective(String),
    #[error("the directive is not complete: it reads `{usage}`")]
    Directive { usage: &'static str },
    #[error("the file can't be included: {0}")]
    Include(String),
    #[error("more than {limit} files include each other")]
    DeepInclude { limit: usize },
    #[error("files are included more than {limit} times")]
    ManyIncludes { limit: usize },
    #[error("the file includes itself, at once or by others")]
    IncludeLoop,
    #[error("the first record has no owner")]
    NoOwner,
    #[error("{0}")]
    Name(NameError),
    #[error("the entry ends before the record's type")]
    NoType,
    #[error("class {0} is not served")]
    Class(String),
    #[error("`{text}` is not a record type known here{}", did_you_mean(.text))]
    UnknownType { text: String },
    #[error("{0} exists in queries only")]
    MetaType(RecordType),
    #[error("{0} records come from signing, which is not in this version")]
    SignedType(RecordType),
    #[error("the TTL is neither seconds nor a duration such as 1h30m")]
    Ttl,
    #[error("the TTL is above 2147483647 seconds, which counts as 0")]
    LargeTtl,
    #[error("the record has no TTL, and none is set before it")]
    NoTtl,
    #[error("the SOA record has no TTL, so its minimum ({0}) is taken")]
    SoaTtl(u32),
    #[error("the zone is too large: its names or its records take more than 4 GiB")]
    LargeZone,
    #[error("a name stands in quotes")]
    QuotedName,
    #[error("the entry has more than {limit} words")]
    LongEntry { limit: usize },
    #[error("{count} more like these")]
    More { count: usize, severity: Severity },

    #[error("{rtype} {field}: {problem}")]
    Field { rtype: RecordType, field: &'static str, problem: Problem },
    #[error("{rtype} {field} is missing")]
    MissingField { rtype: RecordType, field: &'static str },
    #[error("{rtype} has data behind its last field")]
    ExtraField { rtype: RecordType },
    #[error("{0} has no format here, so its data must be in the generic form")]
    NotGeneric(RecordType),
    #[error("the generic data is not `\\# length hex`, or not of that length")]
    Generic,
    #[error("the record's data takes {0} octets, more than 65535")]
    LongRdata(usize),
    #[error("{0} with priority 0 is an alias, whose parameters clients ignore")]
    AliasParameters(RecordType),

    #[error("the zone has no SOA record at {0}")]
    NoSoa(Name),
    #[error("the zone has another SOA record")]
    SeveralSoas,
    #[error("{owner} has a CNAME record beside {other}")]
    CnameAndOther { owner: Name, other: RecordType },
    #[error("{0} has another CNAME record")]
    SeveralCnames(Name),
    #[error("{0} has another DNAME record")]
    SeveralDnames(Name),
    #[error("the {rtype} records of {owner} don't fit in a message")]
    LargeSet { owner: Name, rtype: RecordType },
    #[error("a SOA record below the apex is left out")]
    SoaBelowApex,
    #[error("the zone has no NS record at {0}")]
    NoApexNs(Name),
    #[error("{owner} is not within {origin} and is left out")]
    OutOfZone { owner: Name, origin: Name },
    #[error("the {rtype} target {target} is in this zone and has no address")]
    NoAddress { rtype: RecordType, target: Name },
    #[error("the {rtype} target {target} is an alias")]
    TargetIsAlias { rtype: RecordType, target: Name },
    #[error("the TTLs of this set differ; {0} is taken for all")]
    DifferentTtls(u32),
    #[error("the record is there twice; one is kept")]
    Duplicate,
    #[error("the {rtype} record is hidden by the delegation of {cut} and is left out")]
    Hidden { rtype: RecordType, cut: Name },
    #[error("the {rtype} record is below the DNAME of {owner} and is left out")]
    BelowDname { rtype: RecordType, owner: Name },
    #[error("{0} at a wildcard has no defined meaning")]
    Wildcard(RecordType),
    #[error("the zone has keys, but is served unsigned")]
    UnsignedKey,

    #[error("{owner} is not within {origin}")]
    PoolOutside { owner: Name, origin: Name },
    #[error("{0} already has a pool")]
    PoolTwice(Name),
    #[error("{owner} has a pool and a static {rtype} record")]
    PoolBesideStatic { owner: Name, rtype: RecordType },
    #[error("{owner} has a pool, but {cut} is delegated")]
    PoolAtDelegation { owner: Name, cut: Name },
    #[error("{owner} has a pool, but is below the DNAME of {dname}")]
    PoolBelowDname { owner: Name, dname: Name },
    #[error("{0} has a pool and is a name server")]
    PoolIsNameServer(Name),
}

impl FaultKind {
    /// Every code and what it stands for, for the documentation.
    pub const CODES: &'static [(&'static str, &'static str)] = &[
        ("Z101", "a quoted string does not end on its line"),
        ("Z102", "a parenthesis is never closed"),
        ("Z103", "a closing parenthesis that none opens"),
        ("Z104", "a quote inside a word"),
        ("Z105", "an unknown directive"),
        ("Z106", "a directive without its arguments"),
        ("Z107", "an included file can't be read"),
        ("Z108", "files include each other without end, too deeply or too often"),
        ("Z109", "the first record has no owner"),
        ("Z110", "text that is not a domain name"),
        ("Z111", "an entry without a type"),
        ("Z112", "a class other than IN"),
        ("Z113", "an unknown type"),
        ("Z114", "a type that exists in queries only"),
        ("Z115", "a type that signing makes"),
        ("Z116", "text that is not a TTL"),
        ("Z117", "a TTL above 2^31 - 1"),
        ("Z118", "a record without a TTL"),
        ("Z119", "a SOA record without a TTL (warning)"),
        ("Z120", "a zone of more than 4 GiB"),
        ("Z121", "a name in quotes"),
        ("Z122", "an entry of more words than any record has"),
        ("Z199", "more faults than are listed"),
        ("Z201", "a field of a record is not what its type takes"),
        ("Z202", "a field of a record is missing"),
        ("Z203", "a record with data behind its last field"),
        ("Z204", "a type without a format here and data that is not generic"),
        ("Z205", "generic data that is malformed"),
        ("Z206", "record data of more than 65535 octets"),
        ("Z207", "an alias with parameters (warning)"),
        ("Z301", "no SOA record at the apex"),
        ("Z302", "two SOA records"),
        ("Z303", "a CNAME record beside other data"),
        ("Z304", "two CNAME records at a name"),
        ("Z305", "two DNAME records at a name"),
        ("Z306", "a set that no message can carry"),
        ("Z311", "a SOA record below the apex (warning)"),
        ("Z312", "no NS record at the apex (warning)"),
        ("Z313", "a record outside the zone (warning)"),
        ("Z314", "a target in the zone without an address (warning)"),
        ("Z315", "a target that is an alias (warning)"),
        ("Z316", "a set with different TTLs (warning)"),
        ("Z317", "a record that is there twice (warning)"),
        ("Z318", "a record hidden by a delegation (warning)"),
        ("Z319", "a record below a DNAME (warning)"),
        ("Z320", "NS or DNAME at a wildcard (warning)"),
        ("Z321", "DNSKEY records, though the zone is served unsigned (warning)"),
        ("Z401", "a pool's name outside the zone"),
        ("Z402", "a name with two pools"),
        ("Z403", "a pool beside static address or CNAME records"),
        ("Z404", "a pool at or below a delegation"),
        ("Z405", "a pool below a DNAME"),
        ("Z406", "a pool at a name server's name"),
    ];

    /// The code, which stays the same from version to version.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnclosedQuote => "Z101",
            Self::UnclosedParenthesis => "Z102",
            Self::UnopenedParenthesis => "Z103",
            Self::QuoteInWord => "Z104",
            Self::UnknownDirective(_) => "Z105",
            Self::Directive { .. } => "Z106",
            Self::Include(_) => "Z107",
            Self::DeepInclude { .. } | Self::ManyIncludes { .. } | Self::IncludeLoop => "Z108",
            Self::NoOwner => "Z109",
            Self::Name(_) => "Z110",
            Self::NoType => "Z111",
            Self::Class(_) => "Z112",
            Self::UnknownType { .. } => "Z113",
            Self::MetaType(_) => "Z114",
            Self::SignedType(_) => "Z115",
            Self::Ttl => "Z116",
            Self::LargeTtl => "Z117",
            Self::NoTtl => "Z118",
            Self::SoaTtl(_) => "Z119",
            Self::LargeZone => "Z120",
            Self::QuotedName => "Z121",
            Self::LongEntry { .. } => "Z122",
            Self::More { .. } => "Z199",
            Self::Field { .. } => "Z201",
            Self::MissingField { .. } => "Z202",
            Self::ExtraField { .. } => "Z203",
            Self::NotGeneric(_) => "Z204",
            Self::Generic => "Z205",
            Self::LongRdata(_) => "Z206",
            Self::AliasParameters(_) => "Z207",
            Self::NoSoa(_) => "Z301",
            Self::SeveralSoas => "Z302",
            Self::CnameAndOther { .. } => "Z303",
            Self::SeveralCnames(_) => "Z304",
            Self::SeveralDnames(_) => "Z305",
            Self::LargeSet { .. } => "Z306",
            Self::SoaBelowApex => "Z311",
            Self::NoApexNs(_) => "Z312",
            Self::OutOfZone { .. } => "Z313",
            Self::NoAddress { .. } => "Z314",
            Self::TargetIsAlias { .. } => "Z315",
            Self::DifferentTtls(_) => "Z316",
            Self::Duplicate => "Z317",
            Self::Hidden { .. } => "Z318",
            Self::BelowDname { .. } => "Z319",
            Self::Wildcard(_) => "Z320",
            Self::UnsignedKey => "Z321",
            Self::PoolOutside { .. } => "Z401",
            Self::PoolTwice(_) => "Z402",
            Self::PoolBesideStatic { .. } => "Z403",
            Self::PoolAtDelegation { .. } => "Z404",
            Self::PoolBelowDname { .. } => "Z405",
            Self::PoolIsNameServer(_) => "Z406",
        }
    }

    /// Whether the zone can still be served.
    pub fn severity(&self) -> Severity {
        match self {
            Self::More { severity, .. } => *severity,
            Self::SoaTtl(_)
            | Self::AliasParameters(_)
            | Self::SoaBelowApex
            | Self::NoApexNs(_)
            | Self::OutOfZone { .. }
            | Self::NoAddress { .. }
            | Self::TargetIsAlias { .. }
            | Self::DifferentTtls(_)
            | Self::Duplicate
            | Self::Hidden { .. }
            | Self::BelowDname { .. }
            | Self::Wildcard(_)
            | Self::UnsignedKey => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        let remedy = match self {
            Self::Field { rtype, problem, .. } => {
                return match problem.remedy() {
                    Some(remedy) => remedy.to_owned(),
                    None => rdata::usage(*rtype),
                };
            }
            Self::MissingField { rtype, .. } | Self::ExtraField { rtype } => {
                return rdata::usage(*rtype);
            }
            Self::UnclosedQuote => "end the string with a quote on the same line",
            Self::UnclosedParenthesis => "close it behind the record's last field",
            Self::UnopenedParenthesis => "remove it, or open one before",
            Self::QuoteInWord => "quote the whole string, or write \\\" for a literal quote",
            Self::UnknownDirective(directive) if directive == "$GENERATE" => {
                "write the records out, or have named-compilezone do it: few servers read it"
            }
            Self::UnknownDirective(_) => "the directives are $ORIGIN, $TTL and $INCLUDE",
            Self::Directive { .. } => "complete it; a comment begins with a semicolon",
            Self::Include(_) => "the path is relative to the file that includes",
            Self::DeepInclude { .. } => "look for a file that includes itself",
            Self::ManyIncludes { .. } => "join some of the files",
            Self::IncludeLoop => "remove the directive",
            Self::NoOwner => "begin the line with a name, or with @ for the origin",
            Self::Name(NameError::BadEscape) => "write \\\\ for a literal backslash",
            Self::Name(_) => "a name is labels of up to 63 octets, 255 in all, joined by dots",
            Self::NoType => "a record reads: owner [ttl] [class] type data",
            Self::Class(_) => "write IN, or leave the class out",
            Self::UnknownType { .. } => {
                "write a type without a name here as TYPEnnn \\# length hex (RFC 3597)"
            }
            Self::MetaType(_) => "remove it: no zone can hold it (RFC 6895 section 3.1)",
            Self::SignedType(_) => {
                "remove it: serve the zone unsigned, and have its parent remove the DS records first"
            }
            Self::Ttl => "write seconds, or numbers with the units w, d, h, m and s",
            Self::LargeTtl => "write at most 2147483647 (RFC 2181 section 8)",
            Self::NoTtl | Self::SoaTtl(_) => "begin the file with $TTL (RFC 2308 section 4)",
            Self::LargeZone => "split the zone by delegating parts of it",
            Self::QuotedName => "write it without; a backslash is for what is special in a name",
            Self::LongEntry { .. } => "is a parenthesis closed too late? A record has 65535 octets",
            Self::More { .. } => "repair those that are listed first",
            Self::NotGeneric(_) => "write \\# length hex (RFC 3597 section 5)",
            Self::Generic => "the length is in octets, two hex digits each (RFC 3597 section 5)",
            Self::LongRdata(_) => "no message can carry it; split it",
            Self::AliasParameters(_) => {
                "remove them, or give a priority from 1 up (RFC 9460 section 2.4.2)"
            }
            Self::NoSoa(_) => {
                "add one: @ SOA primary mailbox 1 2h 30m 2w 30 (RFC 1035 section 5.2)"
            }
            Self::SeveralSoas => "keep one of the two (RFC 2181 section 6.1)",
            Self::CnameAndOther { .. } => {
                "remove one of the two (RFC 1034 section 3.6.2, RFC 6672 section 2.4)"
            }
            Self::SeveralCnames(_) => "keep one of the two (RFC 2181 section 10.1)",
            Self::SeveralDnames(_) => "keep one of the two (RFC 6672 section 2.4)",
            Self::LargeSet { .. } => "a message holds 65535 octets in all; remove some",
            Self::SoaBelowApex => "remove it: it belongs to the zone of that name",
            Self::NoApexNs(_) => "add the zone's name servers (RFC 1035 section 5.2)",
            Self::OutOfZone { .. } => {
                "did the name miss its final dot, or gain one? Else move it to its own zone"
            }
            Self::NoAddress { .. } => "add an A or AAAA record for it (RFC 1034 section 4.2.1)",
            Self::TargetIsAlias { .. } => "name the host itself (RFC 2181 section 10.3)",
            Self::DifferentTtls(_) => "give all of them one TTL (RFC 2181 section 5.2)",
            Self::Duplicate => "remove one (RFC 2181 section 5)",
            Self::Hidden { .. } => {
                "move it to the delegated zone: only DS and glue belong here (RFC 2181 section 6.1)"
            }
            Self::BelowDname { .. } => "remove it, or the DNAME (RFC 6672 section 2.4)",
            Self::UnsignedKey => {
                "see that the parent has no DS record of the zone: validators would refuse every \
                 answer (RFC 4035 section 5)"
            }
            Self::Wildcard(_) => "write the names out (RFC 4592 section 4.2, RFC 6672 section 3.3)",
            Self::PoolOutside { .. } => "move it to the TOML file of its own zone",
            Self::PoolTwice(_) => "keep one of the two",
            Self::PoolBesideStatic { .. } => {
                "remove the record: the pool gives the addresses, or the CNAME, of this name"
            }
            Self::PoolAtDelegation { .. } => {
                "remove one of the two: the delegated zone answers for the name \
                 (RFC 1034 section 4.2)"
            }
            Self::PoolBelowDname { .. } => "remove one of the two (RFC 6672 section 2.4)",
            Self::PoolIsNameServer(_) => {
                "give the name server a name with static addresses: resolvers must reach it always"
            }
        };
        remedy.to_owned()
    }
}

/// What the file says at fault, cut to what a message can hold.
pub(super) fn excerpt(text: &[u8]) -> String {
    let shown = String::from_utf8_lossy(&text[..text.len().min(MAX_EXCERPT)]);
    if text.len() > MAX_EXCERPT { format!("{shown}…") } else { shown.into_owned() }
}

/// The type that `text` may have been meant for.
fn did_you_mean(text: &str) -> String {
    let text = text.to_ascii_uppercase();
    let distance = |rtype: RecordType| strsim::damerau_levenshtein(&rtype.to_string(), &text);
    let candidates = format::types().map(|rtype| (distance(rtype), rtype));
    match candidates.min_by_key(|(distance, _)| *distance) {
        Some((distance, nearest)) if distance <= 2 && 2 * distance <= text.len() => {
            format!("; did you mean {nearest}?")
        }
        _ => String::new(),
    }
}

/// The faults of one load, as they come up: of each severity the first hundred, and a count.
pub(super) struct Faults {
    kept: Vec<Fault>,
    errors: usize,
    warnings: usize,
}

impl Faults {
    pub(super) fn new() -> Self {
        Self { kept: vec![], errors: 0, warnings: 0 }
    }

    pub(super) fn push(&mut self, kind: FaultKind, span: Span) {
        self.push_related(kind, span, vec![]);
    }

    pub(super) fn push_related(
        &mut self,
        kind: FaultKind,
        span: Span,
        related: Vec<(Span, &'static str)>,
    ) {
        let count = match kind.severity() {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        if *count <= MAX_FAULTS {
            self.kept.push(Fault { kind, span, related });
        }
    }

    pub(super) fn error_count(&self) -> usize {
        self.errors
    }

    /// The faults in the order of their places, and at the `end` how many were not kept.
    pub(super) fn finish(mut self, end: Span) -> Vec<Fault> {
        self.kept.sort_by_key(|fault| (fault.span.file, fault.span.start));
        for (count, severity) in
            [(self.errors, Severity::Error), (self.warnings, Severity::Warning)]
        {
            if count > MAX_FAULTS {
                let kind = FaultKind::More { count: count - MAX_FAULTS, severity };
                self.kept.push(Fault { kind, span: end, related: vec![] });
            }
        }
        self.kept
    }
}

/// Faults of one severity that are listed.
const MAX_FAULTS: usize = 100;
/// Octets of a word that a message repeats.
const MAX_EXCERPT: usize = 64;
