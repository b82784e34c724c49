//! The data of records: one table (`format`) says what fields each type has, and one parser, one
//! check of generic data (RFC 3597) and one canonical form go over that table.
//!
//! All names are written uncompressed, as RFC 3597 section 4 wants of
//! every type that is not in RFC 1035, and as is right for those that are.

use thiserror::Error;

use crate::span::Span;
use crate::wire::{NameError, RecordType};

use super::fault::{FaultKind, Faults};
use super::field::{self, Field};
use super::format::fields;
use super::scan::{Form, Word};
use super::{bitmap, host_identity, location, prefixes, svcb};

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
    #[error("expected {0}")]
    Expected(&'static str),
    #[error("expected a number from 0 to {max} or a mnemonic")]
    Named { max: u32 },
    #[error("expected {octets} octets for this kind of digest")]
    Digest { octets: usize },
    #[error("expected at least {least} octets")]
    ShortDigest { least: usize },
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
    #[error("{} takes the wire form of {key}", .key.number())]
    BadOctets { key: svcb::Key },
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
            Self::BadOctets { .. } => {
                Some("write it by name, or its octets as \\DDD (RFC 9460 section 2.1)")
            }
            Self::MandatoryMissing(_) => {
                Some("add it, or don't call it mandatory (RFC 9460 section 8)")
            }
            Self::AlpnMissing => Some("add alpn (RFC 9460 section 7.1.1)"),
            _ => None,
        }
    }
}

/// What the type takes, for people.
pub(super) fn usage(rtype: RecordType) -> String {
    let mut usage = format!("{rtype} takes:");
    for (name, kind) in fields(rtype).unwrap_or(&[]) {
        match kind {
            Field::Location => usage.push_str(LOCATION),
            Field::HostIdentity => usage.push_str(" algorithm tag key [server…]"),
            Field::Strings => usage.extend([" ", name, "…"]),
            Field::Parameters | Field::Types | Field::Prefixes | Field::Ports => {
                usage.extend([" [", name, "…]"]);
            }
            Field::OptionalString | Field::OptionalBase64 => usage.extend([" [", name, "]"]),
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
            [] if !kind.may_be_missing() => {
                return faults.push(FaultKind::MissingField { rtype, field: name }, after(last));
            }
            [first, ..] if !kind.takes_rest() => std::slice::from_ref(first),
            words => words,
        };
        words = &words[taken.len()..];
        last = taken.last().map_or(last, |word| word.span);
        let kind = match kind {
            // The octet that says which digest it is, or what the gateway, may be the one at fault.
            Field::Digest(_, least) if !is_sound => Field::Digest(&[], least),
            Field::Gateway { .. } | Field::LowBits(_) if !is_sound => continue,
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
    if let Some(word) = words.iter().find(|word| word.form == Form::Quoted)
        && !kind.may_be_quoted()
    {
        return Err((word.span, Problem::Quoted));
    }
    let start = rdata.len();
    match (kind, words) {
        (Field::Parameters, _) => svcb::parse(words, context, rdata),
        (Field::Types, _) => bitmap::parse_types(words, context, rdata),
        (Field::Ports, _) => bitmap::parse_ports(words, context, rdata),
        (Field::Prefixes, _) => prefixes::parse(words, context, rdata),
        (Field::Location, _) => location::parse(words, context, rdata),
        (Field::HostIdentity, _) => host_identity::parse(words, context, rdata),
        (Field::Digest(lengths, least), [first, .., last] | [first @ last]) => {
            let selector = rdata.last().copied();
            join(words, context, rdata);
            field::decode_hex(start, rdata)
                .and_then(|()| field::check_digest(lengths, least, selector, rdata.len() - start))
                .map_err(|problem| (first.span.to(last.span), problem))
        }
        (
            Field::Base64 | Field::OptionalBase64 | Field::DashOrBase64,
            [first, .., last] | [first @ last],
        ) => {
            join(words, context, rdata);
            let text = rdata.split_off(start);
            field::write_base64(kind, &text, rdata)
                .map_err(|problem| (first.span.to(last.span), problem))
        }
        _ => words.iter().try_for_each(|word| {
            field::write(kind, (context.text)(*word), context.origin, rdata)
                .map_err(|problem| (word.span, problem))
        }),
    }
}

/// Appends the text of `words`, as if nothing stood between them.
fn join(words: &[Word], context: &Context<'_>, rdata: &mut Vec<u8>) {
    for word in words {
        rdata.extend_from_slice((context.text)(*word));
    }
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
    join(hex, context, rdata);
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

/// The point behind `span`.
fn after(span: Span) -> Span {
    Span { start: span.end, ..span }
}

/// What a LOC record takes (RFC 1876 section 3).
const LOCATION: &str = " degrees [minutes [seconds]] N|S degrees [minutes [seconds]] E|W \
    altitude [size [horizontal-precision [vertical-precision]]]";
