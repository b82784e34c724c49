//! The data of records: one table says what fields each type has, and one parser, one check of
//! generic data (RFC 3597) and one canonical form go over that table.
//!
//! A type is added by a row. All names are written uncompressed, as RFC 3597 section 4 wants of
//! every type that is not in RFC 1035, and as is right for those that are.

use thiserror::Error;

use crate::span::Span;
use crate::wire::{NameError, RecordType};

use super::fault::{FaultKind, Faults};
use super::field::{self, Field};
use super::scan::{Form, Word};
use super::svcb;

/// A type's fields, in order; only the last may take all that remains.
struct Format {
    rtype: RecordType,
    fields: &'static [(&'static str, Field)],
}

const FORMATS: &[Format] = &[
    Format { rtype: RecordType::A, fields: &[("address", Field::Ip4)] },
    Format { rtype: RecordType::AAAA, fields: &[("address", Field::Ip6)] },
    Format { rtype: RecordType::NS, fields: &[("server", Field::Name)] },
    Format { rtype: RecordType::CNAME, fields: &[("target", Field::Name)] },
    Format { rtype: RecordType::DNAME, fields: &[("target", Field::Name)] },
    Format { rtype: RecordType::PTR, fields: &[("target", Field::Name)] },
    Format { rtype: RecordType::TXT, fields: &[("text", Field::Strings)] },
    Format {
        rtype: RecordType::SOA,
        fields: &[
            ("primary", Field::Name),
            ("mailbox", Field::Name),
            ("serial", Field::U32),
            ("refresh", Field::Seconds),
            ("retry", Field::Seconds),
            ("expire", Field::Seconds),
            ("minimum", Field::Seconds),
        ],
    },
    Format {
        rtype: RecordType::MX,
        fields: &[("preference", Field::U16), ("exchange", Field::Name)],
    },
    Format {
        rtype: RecordType::SRV,
        fields: &[
            ("priority", Field::U16),
            ("weight", Field::U16),
            ("port", Field::U16),
            ("target", Field::Name),
        ],
    },
    Format {
        rtype: RecordType::NAPTR,
        fields: &[
            ("order", Field::U16),
            ("preference", Field::U16),
            ("flags", Field::String),
            ("services", Field::String),
            ("regexp", Field::String),
            ("replacement", Field::Name),
        ],
    },
    Format {
        rtype: RecordType::CAA,
        fields: &[("flags", Field::U8), ("tag", Field::Tag), ("value", Field::Text)],
    },
    Format {
        rtype: RecordType::DS,
        fields: &[
            ("key-tag", Field::U16),
            ("algorithm", Field::Algorithm),
            ("digest-type", Field::U8),
            ("digest", Field::Digest(&[(1, 20), (2, 32), (4, 48)])),
        ],
    },
    Format {
        rtype: RecordType::SSHFP,
        fields: &[
            ("algorithm", Field::U8),
            ("type", Field::U8),
            ("fingerprint", Field::Digest(&[(1, 20), (2, 32)])),
        ],
    },
    Format {
        rtype: RecordType::TLSA,
        fields: &[
            ("usage", Field::U8),
            ("selector", Field::U8),
            ("matching-type", Field::U8),
            ("data", Field::Digest(&[(1, 32), (2, 64)])),
        ],
    },
    Format { rtype: RecordType::SVCB, fields: SERVICE },
    Format { rtype: RecordType::HTTPS, fields: SERVICE },
];

const SERVICE: &[(&str, Field)] =
    &[("priority", Field::U16), ("target", Field::Name), ("parameters", Field::Parameters)];

/// Why a field is not what its type takes. Displays as the end of the fault's message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "the message of each variant says what it is")]
pub enum Problem {
    #[error("expected a number from 0 to {max}")]
    Number { max: u32 },
    #[error("expected seconds or a duration such as 1h30m")]
    Seconds,
    #[error("expected an IPv4 address")]
    Ip4,
    #[error("expected an IPv6 address")]
    Ip6,
    #[error("{0}")]
    Name(NameError),
    #[error("expected it without quotes")]
    Quoted,
    #[error("a backslash must be followed by a character or by three digits up to 255")]
    Escape,
    #[error("a string is longer than 255 octets")]
    LongString,
    #[error("expected pairs of hex digits")]
    Hex,
    #[error("expected base64")]
    Base64,
    #[error("expected 1 to 255 letters and digits")]
    Tag,
    #[error("expected a number from 0 to 255 or an algorithm's mnemonic")]
    Algorithm,
    #[error("expected {octets} octets for this kind of digest")]
    Digest { octets: usize },
    #[error("the octets end early")]
    Short,
    #[error("`{0}` is not a parameter")]
    Key(String),
    #[error("{0} is there twice")]
    RepeatedKey(svcb::Key),
    #[error("the keys are not in ascending order")]
    KeyOrder,
    #[error("{0} takes a value")]
    NoValue(svcb::Key),
    #[error("{0} takes no value")]
    Value(svcb::Key),
    #[error("{key} takes {expected}")]
    BadValue { key: svcb::Key, expected: &'static str },
    #[error("{0} is mandatory, but missing")]
    MandatoryMissing(svcb::Key),
    #[error("no-default-alpn needs alpn beside it")]
    AlpnMissing,
}

impl Problem {
    /// What to do, where that is more than to write the fields that the type takes.
    pub(super) fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::LongString => Some("split it into strings of up to 255 octets: \"…\" \"…\""),
            Self::Name(
                NameError::EmptyLabel
                | NameError::LongLabel
                | NameError::LongName
                | NameError::BadWire,
            ) => Some("a name is labels of up to 63 octets, 255 in all, joined by dots"),
            Self::Escape | Self::Name(NameError::BadEscape) => {
                Some("write \\\\ for a literal backslash (RFC 1035 section 5.1)")
            }
            Self::Key(_) => Some(
                "the parameters are mandatory, alpn, no-default-alpn, port, ipv4hint, ech, \
                 ipv6hint, dohpath, and any other as key12345 (RFC 9460 section 2.1)",
            ),
            Self::RepeatedKey(_)
            | Self::KeyOrder
            | Self::NoValue(_)
            | Self::Value(_)
            | Self::BadValue { .. } => Some("see RFC 9460 sections 2 and 7"),
            Self::MandatoryMissing(_) => {
                Some("add it, or don't call it mandatory (RFC 9460 section 8)")
            }
            Self::AlpnMissing => Some("add alpn (RFC 9460 section 7.1.1)"),
            _ => None,
        }
    }
}

/// The types whose records have a format here.
pub(super) fn types() -> impl Iterator<Item = RecordType> {
    FORMATS.iter().map(|format| format.rtype)
}

/// What the type takes, for people.
pub(super) fn usage(rtype: RecordType) -> String {
    let mut usage = format!("{rtype} takes:");
    for (name, kind) in fields(rtype).unwrap_or(&[]) {
        match kind {
            Field::Strings => usage.extend([" ", name, "…"]),
            Field::Parameters => usage.extend([" [", name, "…]"]),
            _ => usage.extend([" ", name]),
        }
    }
    usage
}

/// Text that records are read from: its words' text, and what completes relative names.
pub(super) struct Context<'a> {
    pub(super) text: &'a dyn Fn(Word) -> &'a [u8],
    /// In wire form.
    pub(super) origin: &'a [u8],
}

/// Appends the wire form of the data that `words` spell to `rdata`. `before` is the place of the
/// last word before them. Each fault is reported; what is appended then has no meaning.
pub(super) fn parse(
    rtype: RecordType,
    words: &[Word],
    before: Span,
    context: &Context<'_>,
    rdata: &mut Vec<u8>,
    faults: &mut Faults,
) {
    let start = rdata.len();
    if let [first, rest @ ..] = words
        && first.form == Form::Bare
        && (context.text)(*first) == b"\\#"
    {
        return parse_generic(rtype, *first, rest, context, rdata, faults);
    }
    let Some(fields) = fields(rtype) else {
        let span = words.first().map_or(before, |word| word.span);
        return faults.push(FaultKind::NotGeneric(rtype), span);
    };
    let (mut words, mut last, mut is_sound) = (words, before, true);
    for &(name, kind) in fields {
        let taken = match words {
            [] if kind != Field::Parameters => {
                return faults.push(FaultKind::MissingField { rtype, field: name }, after(last));
            }
            [first, ..] if !kind.takes_rest() => std::slice::from_ref(first),
            words => words,
        };
        words = &words[taken.len()..];
        last = taken.last().map_or(last, |word| word.span);
        let kind = match kind {
            // The octet that says which digest it is may be the one at fault.
            Field::Digest(_) if !is_sound => Field::Digest(&[]),
            kind => kind,
        };
        if let Err((span, problem)) = parse_field(kind, taken, context, rdata) {
            is_sound = false;
            faults.push(FaultKind::Field { rtype, field: name, problem }, span);
        }
    }
    if let [first, .., last] | [first @ last] = words {
        faults.push(FaultKind::ExtraField { rtype }, first.span.to(last.span));
    }
    check_length(start, before.to(last), rdata, faults);
}

/// Appends the field that `words` spell.
fn parse_field(
    kind: Field,
    words: &[Word],
    context: &Context<'_>,
    rdata: &mut Vec<u8>,
) -> Result<(), (Span, Problem)> {
    if kind == Field::Parameters {
        return svcb::parse(words, context, rdata);
    }
    let start = rdata.len();
    let selector = rdata.last().copied();
    for word in words {
        if word.form == Form::Quoted && !kind.may_be_quoted() {
            return Err((word.span, Problem::Quoted));
        }
        field::write(kind, (context.text)(*word), context.origin, rdata)
            .map_err(|problem| (word.span, problem))?;
    }
    if let (Field::Digest(lengths), [first, .., last] | [first @ last]) = (kind, words) {
        field::decode_hex(start, rdata)
            .and_then(|()| field::check_digest(lengths, selector, rdata.len() - start))
            .map_err(|problem| (first.span.to(last.span), problem))?;
    }
    Ok(())
}

/// `\# length hex…` for any type (RFC 3597 section 5); data of a known type is checked.
fn parse_generic(
    rtype: RecordType,
    mark: Word,
    words: &[Word],
    context: &Context<'_>,
    rdata: &mut Vec<u8>,
    faults: &mut Faults,
) {
    let start = rdata.len();
    let whole = words.last().map_or(mark.span, |last| mark.span.to(last.span));
    let is_bare = words.iter().all(|word| word.form == Form::Bare);
    let [length, hex @ ..] = words else { return faults.push(FaultKind::Generic, whole) };
    for word in hex {
        rdata.extend_from_slice((context.text)(*word));
    }
    let decoded = field::decode_hex(start, rdata).is_ok();
    let length = field::number((context.text)(*length), u32::from(u16::MAX));
    if !is_bare || !decoded || length.map(|length| length as usize) != Ok(rdata.len() - start) {
        return faults.push(FaultKind::Generic, whole);
    }
    if let Err((field, problem)) = check(rtype, &rdata[start..]) {
        let kind = match field {
            Some(field) => FaultKind::Field { rtype, field, problem },
            None => FaultKind::ExtraField { rtype },
        };
        faults.push(kind, whole);
    }
}

/// Checks data that came in wire form; `None` for a field is data behind the last.
fn check(rtype: RecordType, rdata: &[u8]) -> Result<(), (Option<&'static str>, Problem)> {
    let Some(fields) = fields(rtype) else { return Ok(()) };
    let mut at = 0;
    for &(name, kind) in fields {
        at += field::measure(kind, rdata, at).map_err(|problem| (Some(name), problem))?;
    }
    if at == rdata.len() { Ok(()) } else { Err((None, Problem::Short)) }
}

/// Appends the form in which equal data is equal octets: names in lower case (RFC 4343).
pub(super) fn write_canonical(rtype: RecordType, rdata: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(rdata);
    let mut at = 0;
    for &(_, kind) in fields(rtype).unwrap_or(&[]) {
        let Ok(len) = field::measure(kind, rdata, at) else { return };
        if kind == Field::Name {
            out[start + at..start + at + len].make_ascii_lowercase();
        }
        at += len;
    }
}

fn check_length(start: usize, span: Span, rdata: &[u8], faults: &mut Faults) {
    let len = rdata.len() - start;
    if len > usize::from(u16::MAX) {
        faults.push(FaultKind::LongRdata(len), span);
    }
}

fn fields(rtype: RecordType) -> Option<&'static [(&'static str, Field)]> {
    FORMATS.iter().find(|format| format.rtype == rtype).map(|format| format.fields)
}

/// The point behind `span`.
fn after(span: Span) -> Span {
    Span { start: span.end, ..span }
}
