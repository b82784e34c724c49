//! Sets of numbers as bits: the types of a CSYNC record (RFC 4034 section 4.1.2) and the ports of
//! a WKS record (RFC 1035 section 3.4.2), from text and in wire form.

use crate::span::Span;
use crate::wire::RecordType;

use super::field;
use super::rdata::{Context, Problem};
use super::scan::Word;

/// Appends the types that `words` name, by windows of 256.
pub(super) fn parse_types(
    words: &[Word],
    context: &Context<'_>,
    rdata: &mut Vec<u8>,
) -> Result<(), (Span, Problem)> {
    let types = numbers(words, context, |text| {
        let rtype = std::str::from_utf8(text).ok().and_then(RecordType::from_text);
        rtype.map(|rtype| rtype.0).ok_or(Problem::Expected("a record type"))
    })?;
    for window in types.chunk_by(|a, b| a >> 8 == b >> 8) {
        rdata.extend_from_slice(&[(window[0] >> 8) as u8, 0]);
        let start = rdata.len();
        write_bits(window.iter().map(|rtype| rtype & 0xff), rdata);
        rdata[start - 1] = (rdata.len() - start) as u8;
    }
    Ok(())
}

/// Appends the ports that `words` name.
pub(super) fn parse_ports(
    words: &[Word],
    context: &Context<'_>,
    rdata: &mut Vec<u8>,
) -> Result<(), (Span, Problem)> {
    let ports = numbers(words, context, |text| {
        let service = SERVICES.iter().find(|(_, name)| name.as_bytes().eq_ignore_ascii_case(text));
        match service {
            Some(&(port, _)) => Ok(port),
            None => field::number(text, u32::from(u16::MAX)).map(|port| port as u16),
        }
    })?;
    write_bits(ports.into_iter(), rdata);
    Ok(())
}

/// Checks types in wire form: windows in ascending order, none of which ends in an octet of 0.
pub(super) fn check_types(mut wire: &[u8]) -> Result<(), Problem> {
    let mut last = None;
    while !wire.is_empty() {
        let (&[window, len], rest) = wire.split_first_chunk::<2>().ok_or(Problem::Short)?;
        let (bits, rest) = rest.split_at_checked(usize::from(len)).ok_or(Problem::Short)?;
        let is_ascending = last.is_none_or(|last| last < window);
        if !is_ascending || bits.len() > 32 || bits.last().is_none_or(|&octet| octet == 0) {
            return Err(Problem::Expected("types by ascending windows of 1 to 32 octets"));
        }
        (wire, last) = (rest, Some(window));
    }
    Ok(())
}

/// Checks ports in wire form.
pub(super) fn check_ports(wire: &[u8]) -> Result<(), Problem> {
    if wire.len() > 8_192 { Err(Problem::Expected("at most 65536 ports")) } else { Ok(()) }
}

/// What `read` makes of each word, in ascending order and once.
fn numbers(
    words: &[Word],
    context: &Context<'_>,
    read: impl Fn(&[u8]) -> Result<u16, Problem>,
) -> Result<Vec<u16>, (Span, Problem)> {
    let read = |word: &Word| read((context.text)(*word)).map_err(|problem| (word.span, problem));
    let mut numbers = words.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

/// Appends a bit for each of `numbers`, which ascend: the first octet holds 0 to 7, 0 highest.
fn write_bits(numbers: impl Iterator<Item = u16>, out: &mut Vec<u8>) {
    let start = out.len();
    for number in numbers {
        let octet = start + usize::from(number / 8);
        out.resize(octet + 1, 0);
        out[octet] |= 0x80 >> (number % 8);
    }
}

/// Names of the well-known services of old (RFC 1010) that a WKS record may still hold.
const SERVICES: &[(u16, &str)] = &[
    (7, "echo"),
    (9, "discard"),
    (13, "daytime"),
    (20, "ftp-data"),
    (21, "ftp"),
    (22, "ssh"),
    (23, "telnet"),
    (25, "smtp"),
    (37, "time"),
    (53, "domain"),
    (69, "tftp"),
    (79, "finger"),
    (80, "http"),
    (110, "pop3"),
    (119, "nntp"),
    (123, "ntp"),
    (143, "imap"),
    (443, "https"),
];
