//! The kinds of fields that record data is made of, from text and in wire form.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::wire::name::{self, MAX_LABEL, MAX_NAME, unescape};
use crate::wire::{NameError, RecordType};

use super::rdata::Problem;
use super::{address, bitmap, gateway, host_identity, location, prefixes, svcb};

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
    /// A string that may be left out at the end.
    OptionalString,
    /// A string of at least four decimal digits (RFC 1183 section 3.1).
    Digits,
    /// One string that reaches to the end, without a length.
    Text,
    /// A CAA property's tag (RFC 8659 section 4.1).
    Tag,
    /// A number of 8 bits, some of which have mnemonics.
    Named8(&'static [(u16, &'static str)]),
    /// A number of 16 bits, some of which have mnemonics.
    Named16(&'static [(u16, &'static str)]),
    /// A record type's mnemonic or number.
    Type,
    /// A number of 8 bits up to this.
    Max8(u8),
    /// The highest bit of an octet, whose other bits are the next field's.
    TopBit,
    /// A number up to this in the octet that the field before began.
    LowBits(u8),
    /// What the octet that ends so many before says (`gateway`).
    Gateway {
        behind: usize,
    },
    Ip4,
    Ip6,
    /// The hex that remains; how many octets by the octet before, where it is fixed, and how many at
    /// least elsewhere.
    Digest(&'static [(u8, usize)], usize),
    /// The base64 that remains.
    Base64,
    /// The base64 that remains, perhaps none.
    OptionalBase64,
    /// The base64 that remains, or `-` for none.
    DashOrBase64,
    /// As many octets, as pairs of hex digits between hyphens.
    Eui(usize),
    /// 64 bits, as the half of an IPv6 address.
    Locator,
    Nsap,
    Atm,
    /// Service parameters (RFC 9460 section 2.1), perhaps none.
    Parameters,
    /// Record types as bits, perhaps none.
    Types,
    /// Ports as bits, perhaps none.
    Ports,
    /// Address prefixes, perhaps none.
    Prefixes,
    Location,
    HostIdentity,
}

impl Field {
    /// Whether all the words that remain belong to it.
    pub(super) fn takes_rest(self) -> bool {
        matches!(
            self,
            Self::Strings
                | Self::Digest(..)
                | Self::Base64
                | Self::OptionalBase64
                | Self::DashOrBase64
                | Self::Parameters
                | Self::Types
                | Self::Ports
                | Self::Prefixes
                | Self::Location
                | Self::HostIdentity
        )
    }

    /// Whether a record may end before it.
    pub(super) fn may_be_missing(self) -> bool {
        matches!(
            self,
            Self::OptionalString
                | Self::OptionalBase64
                | Self::Parameters
                | Self::Types
                | Self::Ports
                | Self::Prefixes
        )
    }

    pub(super) fn may_be_quoted(self) -> bool {
        matches!(
            self,
            Self::String | Self::Strings | Self::OptionalString | Self::Digits | Self::Text
        )
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
        Field::Named8(names) => out.push(named(names, text, u32::from(u8::MAX))? as u8),
        Field::Named16(names) => {
            let value = named(names, text, u32::from(u16::MAX))?;
            out.extend_from_slice(&value.to_be_bytes());
        }
        Field::Type => {
            let rtype = std::str::from_utf8(text).ok().and_then(RecordType::from_text);
            let number = match rtype {
                Some(rtype) => rtype.0,
                None => named(&[], text, u32::from(u16::MAX))?,
            };
            out.extend_from_slice(&number.to_be_bytes());
        }
        Field::Max8(max) => out.push(number(text, u32::from(max))? as u8),
        Field::TopBit => out.push((number(text, 1)? as u8) << 7),
        Field::LowBits(max) => {
            let bits = number(text, u32::from(max))? as u8;
            if let Some(octet) = out.last_mut() {
                *octet |= bits;
            }
        }
        Field::Gateway { behind } => {
            let kind = out[out.len() - behind];
            gateway::write(kind, text, origin, out)?;
        }
        Field::Eui(octets) => address::write_eui(text, octets, out)?,
        Field::Locator => address::write_locator(text, out)?,
        Field::Nsap => address::write_nsap(text, out)?,
        Field::Atm => address::write_atm(text, out)?,
        Field::Tag => {
            if !is_tag(text) {
                return Err(Problem::Tag);
            }
            out.push(text.len() as u8);
            out.extend_from_slice(text);
        }
        Field::Digits if !is_digits(text) => return Err(DIGITS),
        Field::String | Field::Strings | Field::OptionalString | Field::Digits => {
            write_string(text, out)?;
        }
        Field::Text => write_unescaped(text, out)?,
        // What these spell shows only when all their words are together.
        Field::Digest(..)
        | Field::Base64
        | Field::OptionalBase64
        | Field::DashOrBase64
        | Field::Parameters
        | Field::Types
        | Field::Ports
        | Field::Prefixes
        | Field::Location
        | Field::HostIdentity => out.extend_from_slice(text),
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

/// Appends the octets that `text`, all that remains of a record, stands for.
pub(super) fn write_base64(kind: Field, text: &[u8], out: &mut Vec<u8>) -> Result<(), Problem> {
    if kind == Field::DashOrBase64 && text == b"-" {
        return Ok(());
    }
    decode_base64(text, out)
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
    least: usize,
    selector: Option<u8>,
    len: usize,
) -> Result<(), Problem> {
    match lengths.iter().find(|(kind, _)| Some(*kind) == selector) {
        Some(&(_, octets)) if octets != len => Err(Problem::Digest { octets }),
        None if len == 0 => Err(Problem::Short),
        None if len < least => Err(Problem::ShortDigest { least }),
        _ => Ok(()),
    }
}

/// The length of the field that begins at `at` in `rdata`, once its content is found to be valid.
pub(super) fn measure(kind: Field, rdata: &[u8], at: usize) -> Result<usize, Problem> {
    let rest = &rdata[at..];
    let fixed = |len: usize| if rest.len() < len { Err(Problem::Short) } else { Ok(len) };
    match kind {
        Field::U8 | Field::Named8(_) | Field::TopBit => fixed(1),
        Field::Max8(max) => match rest.first() {
            Some(&value) if value > max => Err(Problem::Number { max: u32::from(max) }),
            _ => fixed(1),
        },
        // Its octet was counted with the field before.
        Field::LowBits(max) => match at.checked_sub(1).map(|before| rdata[before] & 0x7f) {
            Some(bits) if bits <= max => Ok(0),
            _ => Err(Problem::Number { max: u32::from(max) }),
        },
        Field::U16 | Field::Named16(_) | Field::Type => fixed(2),
        Field::U32 | Field::Seconds | Field::Ip4 => fixed(4),
        Field::Locator => fixed(8),
        Field::Ip6 => fixed(16),
        Field::Eui(octets) => fixed(octets),
        Field::Name => measure_name(rest),
        Field::Gateway { behind } => gateway::measure(rdata[at - behind], rest),
        Field::OptionalString if rest.is_empty() => Ok(0),
        Field::String | Field::OptionalString => measure_string(rest),
        Field::Digits => {
            let len = measure_string(rest)?;
            if is_digits(&rest[1..len]) { Ok(len) } else { Err(DIGITS) }
        }
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
        Field::Base64 | Field::Nsap if rest.is_empty() => Err(Problem::Short),
        Field::Text | Field::Base64 | Field::OptionalBase64 | Field::DashOrBase64 | Field::Nsap => {
            Ok(rest.len())
        }
        Field::Atm => address::check_atm(rest).map(|()| rest.len()),
        Field::Types => bitmap::check_types(rest).map(|()| rest.len()),
        Field::Ports => bitmap::check_ports(rest).map(|()| rest.len()),
        Field::Prefixes => prefixes::check(rest).map(|()| rest.len()),
        Field::Location => location::check(rest).map(|()| location::LEN),
        Field::HostIdentity => host_identity::check(rest).map(|()| rest.len()),
        Field::Digest(lengths, least) => {
            let selector = at.checked_sub(1).map(|before| rdata[before]);
            check_digest(lengths, least, selector, rest.len()).map(|()| rest.len())
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

fn is_digits(text: &[u8]) -> bool {
    text.len() >= 4 && text.iter().all(u8::is_ascii_digit)
}

/// The number of a mnemonic, in any case, or of digits.
fn named(names: &[(u16, &str)], text: &[u8], max: u32) -> Result<u16, Problem> {
    let known = names.iter().find(|(_, name)| name.as_bytes().eq_ignore_ascii_case(text));
    match known {
        Some(&(number, _)) => Ok(number),
        None => match number(text, max) {
            Ok(number) => Ok(number as u16),
            Err(_) => Err(Problem::Named { max }),
        },
    }
}

const DIGITS: Problem = Problem::Expected("at least four digits");

pub(super) fn parse<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
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
