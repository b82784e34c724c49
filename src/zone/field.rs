//! The kinds of fields that record data is made of, from text and in wire form.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::wire::NameError;
use crate::wire::name::{self, MAX_LABEL, MAX_NAME, unescape};

use super::rdata::Problem;
use super::svcb;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    U8,
    U16,
    U32,
    /// 32 bits, as a number or a duration.
    Seconds,
    Name,
    /// One string of up to 255 octets (RFC 1035 section 3.3).
    String,
    /// All the strings that remain, at least one.
    Strings,
    /// One string that reaches to the end, without a length.
    Text,
    /// A CAA property's tag (RFC 8659 section 4.1).
    Tag,
    /// A DNSSEC algorithm's number or mnemonic (RFC 4034 section 5.3).
    Algorithm,
    Ip4,
    Ip6,
    /// The hex that remains; how many octets by the octet before, where it is fixed.
    Digest(&'static [(u8, usize)]),
    /// Service parameters (RFC 9460 section 2.1), perhaps none.
    Parameters,
}

impl Field {
    /// Whether all the words that remain belong to it.
    pub(super) fn takes_rest(self) -> bool {
        matches!(self, Self::Strings | Self::Digest(_) | Self::Parameters)
    }

    pub(super) fn may_be_quoted(self) -> bool {
        matches!(self, Self::String | Self::Strings | Self::Text)
    }
}

/// Appends what the word `text` of a field spells; `origin`, in wire form, completes names.
pub(super) fn write(
    kind: Field,
    text: &[u8],
    origin: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    match kind {
        Field::Name => name::write_text(text, origin, out).map_err(Problem::Name)?,
        Field::U8 => out.push(number(text, u32::from(u8::MAX))? as u8),
        Field::U16 => {
            let value = number(text, u32::from(u16::MAX))? as u16;
            out.extend_from_slice(&value.to_be_bytes());
        }
        Field::U32 => out.extend_from_slice(&number(text, u32::MAX)?.to_be_bytes()),
        Field::Seconds => {
            let seconds = seconds(text).and_then(|seconds| u32::try_from(seconds).ok());
            out.extend_from_slice(&seconds.ok_or(Problem::Seconds)?.to_be_bytes());
        }
        Field::Ip4 => {
            let ip: Option<Ipv4Addr> = parse(text);
            out.extend_from_slice(&ip.ok_or(Problem::Ip4)?.octets());
        }
        Field::Ip6 => {
            let ip: Option<Ipv6Addr> = parse(text);
            out.extend_from_slice(&ip.ok_or(Problem::Ip6)?.octets());
        }
        Field::Algorithm => out.push(algorithm(text)?),
        Field::Tag => {
            if !is_tag(text) {
                return Err(Problem::Tag);
            }
            out.push(text.len() as u8);
            out.extend_from_slice(text);
        }
        Field::String | Field::Strings => write_string(text, out)?,
        Field::Text => write_unescaped(text, out)?,
        // What these spell shows only when all their words are together.
        Field::Digest(_) | Field::Parameters => out.extend_from_slice(text),
    }
    Ok(())
}

/// Appends the string that `text` spells, its length before it.
pub(super) fn write_string(text: &[u8], out: &mut Vec<u8>) -> Result<(), Problem> {
    let start = out.len();
    out.push(0);
    write_unescaped(text, out)?;
    out[start] = u8::try_from(out.len() - start - 1).map_err(|_| Problem::LongString)?;
    Ok(())
}

/// Appends the octets that `text` stands for.
pub(super) fn write_unescaped(text: &[u8], out: &mut Vec<u8>) -> Result<(), Problem> {
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'\\' => unescape(&mut bytes).map_err(|_| Problem::Escape)?,
            byte => byte,
        });
    }
    Ok(())
}

/// The number of the decimal digits in `text`.
pub(super) fn number(text: &[u8], max: u32) -> Result<u32, Problem> {
    let digits = text.iter().all(u8::is_ascii_digit);
    let number: Option<u32> = if digits { parse(text) } else { None };
    number.filter(|&number| number <= max).ok_or(Problem::Number { max })
}

/// Seconds from `3600` or `1h30m`: each unit with its number, in any case and order.
pub(super) fn seconds(text: &[u8]) -> Option<u64> {
    if text.iter().all(u8::is_ascii_digit) {
        return parse(text);
    }
    let (mut total, mut number) = (0u64, None);
    for &byte in text {
        let unit = match byte.to_ascii_lowercase() {
            digit @ b'0'..=b'9' => {
                let tens = number.unwrap_or(0u64).checked_mul(10)?;
                number = Some(tens.checked_add(u64::from(digit - b'0'))?);
                continue;
            }
            b's' => 1,
            b'm' => 60,
            b'h' => 3_600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    number.is_none().then_some(total)
}

/// Decodes the hex digits from `start` on in place.
pub(super) fn decode_hex(start: usize, out: &mut Vec<u8>) -> Result<(), Problem> {
    let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(Problem::Hex);
    let len = out.len() - start;
    if !len.is_multiple_of(2) {
        return Err(Problem::Hex);
    }
    for octet in 0..len / 2 {
        let pair = start + 2 * octet;
        out[start + octet] = (digit(out[pair])? << 4 | digit(out[pair + 1])?) as u8;
    }
    out.truncate(start + len / 2);
    Ok(())
}

/// Appends what `text` stands for in base64 with its padding (RFC 4648 section 4).
pub(super) fn decode_base64(text: &[u8], out: &mut Vec<u8>) -> Result<(), Problem> {
    let (quads, rest) = text.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(Problem::Base64);
    }
    for (index, quad) in quads.iter().enumerate() {
        let padding = quad.iter().rev().take_while(|&&byte| byte == b'=').count();
        if padding > 2 || (padding > 0 && index + 1 < quads.len()) {
            return Err(Problem::Base64);
        }
        let mut bits = 0;
        for &byte in &quad[..4 - padding] {
            bits = bits << 6 | base64_digit(byte).ok_or(Problem::Base64)?;
        }
        let octets = (bits << (6 * padding)).to_be_bytes();
        if octets[4 - padding..].iter().any(|&octet| octet != 0) {
            return Err(Problem::Base64);
        }
        out.extend_from_slice(&octets[1..4 - padding]);
    }
    Ok(())
}

fn base64_digit(byte: u8) -> Option<u32> {
    Some(match byte {
        b'A'..=b'Z' => u32::from(byte - b'A'),
        b'a'..=b'z' => u32::from(byte - b'a') + 26,
        b'0'..=b'9' => u32::from(byte - b'0') + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

/// Checks the length of a digest of the kind `selector`.
pub(super) fn check_digest(
    lengths: &[(u8, usize)],
    selector: Option<u8>,
    len: usize,
) -> Result<(), Problem> {
    match lengths.iter().find(|(kind, _)| Some(*kind) == selector) {
        Some(&(_, octets)) if octets != len => Err(Problem::Digest { octets }),
        None if len == 0 => Err(Problem::Short),
        _ => Ok(()),
    }
}

/// The length of the field that begins at `at` in `rdata`, once its content is found to be valid.
pub(super) fn measure(kind: Field, rdata: &[u8], at: usize) -> Result<usize, Problem> {
    let rest = &rdata[at..];
    let fixed = |len: usize| if rest.len() < len { Err(Problem::Short) } else { Ok(len) };
    match kind {
        Field::U8 | Field::Algorithm => fixed(1),
        Field::U16 => fixed(2),
        Field::U32 | Field::Seconds | Field::Ip4 => fixed(4),
        Field::Ip6 => fixed(16),
        Field::Name => measure_name(rest),
        Field::String => measure_string(rest),
        Field::Strings => {
            let mut len = measure_string(rest)?;
            while len < rest.len() {
                len += measure_string(&rest[len..])?;
            }
            Ok(len)
        }
        Field::Tag => {
            let len = measure_string(rest)?;
            if is_tag(&rest[1..len]) { Ok(len) } else { Err(Problem::Tag) }
        }
        Field::Text => Ok(rest.len()),
        Field::Digest(lengths) => {
            let selector = at.checked_sub(1).map(|before| rdata[before]);
            check_digest(lengths, selector, rest.len()).map(|()| rest.len())
        }
        Field::Parameters => svcb::check(rest).map(|()| rest.len()),
    }
}

/// The length of the uncompressed name at the start of `wire`.
pub(super) fn measure_name(wire: &[u8]) -> Result<usize, Problem> {
    let bad = Problem::Name(NameError::BadWire);
    let mut at = 0;
    loop {
        match wire.get(at).copied().map(usize::from) {
            Some(0) => break,
            Some(len) if len <= MAX_LABEL => at += 1 + len,
            _ => return Err(bad),
        }
    }
    if at < MAX_NAME { Ok(at + 1) } else { Err(Problem::Name(NameError::LongName)) }
}

fn measure_string(rest: &[u8]) -> Result<usize, Problem> {
    let len = 1 + usize::from(*rest.first().ok_or(Problem::Short)?);
    if len <= rest.len() { Ok(len) } else { Err(Problem::Short) }
}

fn is_tag(text: &[u8]) -> bool {
    (1..=255).contains(&text.len()) && text.iter().all(u8::is_ascii_alphanumeric)
}

fn algorithm(text: &[u8]) -> Result<u8, Problem> {
    let known = ALGORITHMS.iter().find(|(_, name)| name.as_bytes().eq_ignore_ascii_case(text));
    match known {
        Some(&(number, _)) => Ok(number),
        None => match number(text, u32::from(u8::MAX)) {
            Ok(number) => Ok(number as u8),
            Err(_) => Err(Problem::Algorithm),
        },
    }
}

/// Mnemonics of the DNSSEC algorithms (IANA, DNS Security Algorithm Numbers).
const ALGORITHMS: &[(u8, &str)] = &[
    (1, "RSAMD5"),
    (3, "DSA"),
    (5, "RSASHA1"),
    (6, "DSA-NSEC3-SHA1"),
    (7, "RSASHA1-NSEC3-SHA1"),
    (8, "RSASHA256"),
    (10, "RSASHA512"),
    (12, "ECC-GOST"),
    (13, "ECDSAP256SHA256"),
    (14, "ECDSAP384SHA384"),
    (15, "ED25519"),
    (16, "ED448"),
];

fn parse<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_sums_of_units() {
        assert_eq!(seconds(b"3600"), Some(3_600));
        assert_eq!(seconds(b"1h30m"), Some(5_400));
        assert_eq!(seconds(b"1W2D3h4M5s"), Some(788_645));
    }

    #[test]
    fn text_that_is_no_duration_is_refused() {
        for text in ["", "h", "1h30", "1x", "1hh", "-1", "99999999999999999999", "1.5h"] {
            assert_eq!(seconds(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn base64_decodes_as_in_rfc_4648() {
        // RFC 4648 section 10
        for (text, octets) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmFy", "foobar"),
        ] {
            let mut decoded = vec![];
            assert_eq!(decode_base64(text.as_bytes(), &mut decoded), Ok(()), "{text}");
            assert_eq!(decoded, octets.as_bytes(), "{text}");
        }
    }

    #[test]
    fn base64_that_is_not_canonical_is_refused() {
        for text in ["Zg", "Zg=", "Zh==", "Z===", "====", "Zg==Zg==", "Zm9\u{e9}"] {
            let mut decoded = vec![];
            assert_eq!(
                decode_base64(text.as_bytes(), &mut decoded),
                Err(Problem::Base64),
                "{text}"
            );
        }
    }
}
