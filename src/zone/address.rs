//! Addresses written in hex with marks between: EUI48 and EUI64 (RFC 7043), NID and L64
//! (RFC 6742), NSAP (RFC 1706) and ATMA (the ATM Forum's af-saa-0069).

use super::rdata::Problem;

/// Appends `octets` octets, two digits each, between hyphens.
pub(super) fn write_eui(text: &[u8], octets: usize, out: &mut Vec<u8>) -> Result<(), Problem> {
    let expected = Problem::Expected("pairs of hex digits such as 00-00-5e-00-53-2a");
    let start = out.len();
    for pair in text.split(|&byte| byte == b'-') {
        let [high, low] = *pair else { return Err(expected) };
        let (Some(high), Some(low)) = (digit(high), digit(low)) else { return Err(expected) };
        out.push(high << 4 | low);
    }
    match out.len() - start {
        len if len == octets => Ok(()),
        _ if octets == 6 => Err(Problem::Expected("six pairs of hex digits between hyphens")),
        _ => Err(Problem::Expected("eight pairs of hex digits between hyphens")),
    }
}

/// Appends 64 bits written as the half of an IPv6 address: four groups of up to four digits.
pub(super) fn write_locator(text: &[u8], out: &mut Vec<u8>) -> Result<(), Problem> {
    let start = out.len();
    for group in text.split(|&byte| byte == b':') {
        let value =
            group.iter().try_fold(0u16, |value, &byte| Some(value << 4 | u16::from(digit(byte)?)));
        let value = value.filter(|_| (1..=4).contains(&group.len())).ok_or(LOCATOR)?;
        out.extend_from_slice(&value.to_be_bytes());
    }
    if out.len() - start == 8 { Ok(()) } else { Err(LOCATOR) }
}

/// Appends the octets behind `0x`, between which dots may stand (RFC 1706 section 7).
pub(super) fn write_nsap(text: &[u8], out: &mut Vec<u8>) -> Result<(), Problem> {
    let expected = Problem::Expected("hex digits behind 0x, between which dots may stand");
    match text {
        [b'0', b'x' | b'X', digits @ ..] => write_dotted(digits, out).ok_or(expected),
        _ => Err(expected),
    }
}

/// Appends an ATM address: an octet for its kind, then E.164 digits behind `+`, or the octets of
/// an end system's address, with dots between where one likes.
pub(super) fn write_atm(text: &[u8], out: &mut Vec<u8>) -> Result<(), Problem> {
    let expected = Problem::Expected("hex digits, or decimal ones behind +, in groups by dots");
    let digits = text.strip_prefix(b"+");
    let groups = digits.unwrap_or(text).split(|&byte| byte == b'.');
    if groups.clone().any(<[u8]>::is_empty) {
        return Err(expected);
    }
    out.push(if digits.is_some() { E164 } else { AESA });
    match digits {
        None => write_dotted(text, out).ok_or(expected),
        Some(_) if groups.clone().flatten().all(u8::is_ascii_digit) => {
            out.extend(groups.flatten());
            Ok(())
        }
        Some(_) => Err(expected),
    }
}

/// Checks an ATM address in wire form.
pub(super) fn check_atm(wire: &[u8]) -> Result<(), Problem> {
    match wire {
        [] | [_] => Err(Problem::Short),
        [AESA, ..] => Ok(()),
        [E164, digits @ ..] if digits.iter().all(u8::is_ascii_digit) => Ok(()),
        _ => Err(Problem::Expected("an address of kind 0 or 1")),
    }
}

/// Appends the octets, at least one, of hex digits among dots.
fn write_dotted(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut digits = text.iter().filter(|&&byte| byte != b'.').map(|&byte| digit(byte)).peekable();
    digits.peek()?;
    while let Some(high) = digits.next() {
        out.push(high? << 4 | digits.next()??);
    }
    Some(())
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

const LOCATOR: Problem = Problem::Expected("four groups of hex digits such as 14:4fff:ff20:ee64");
const AESA: u8 = 0;
const E164: u8 = 1;
