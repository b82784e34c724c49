//! Lists of address prefixes: the data of APL records (RFC 3123), from text and in wire form.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::span::Span;

use super::field;
use super::rdata::{Context, Problem};
use super::scan::Word;

/// Appends the prefixes that `words` spell, each as `[!]family:address/length`.
pub(super) fn parse(
    words: &[Word],
    context: &Context<'_>,
    rdata: &mut Vec<u8>,
) -> Result<(), (Span, Problem)> {
    for word in words {
        write((context.text)(*word), rdata).ok_or((word.span, Problem::Expected(PREFIX)))?;
    }
    Ok(())
}

/// Checks prefixes in wire form. Those of other families than IPv4 and IPv6 are octets.
pub(super) fn check(mut wire: &[u8]) -> Result<(), Problem> {
    while !wire.is_empty() {
        let (&[high, low, bits, length], rest) =
            wire.split_first_chunk::<4>().ok_or(Problem::Short)?;
        let length = length & !NEGATED;
        let (address, rest) = rest.split_at_checked(usize::from(length)).ok_or(Problem::Short)?;
        let max_bits = match u16::from_be_bytes([high, low]) {
            IPV4 => 32,
            IPV6 => 128,
            _ => u8::MAX,
        };
        let is_bounded = bits <= max_bits && (max_bits == u8::MAX || length <= max_bits / 8);
        if !is_bounded || address.last() == Some(&0) {
            return Err(Problem::Expected(PREFIX));
        }
        wire = rest;
    }
    Ok(())
}

fn write(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let text = std::str::from_utf8(text).ok()?;
    let (text, negated) = match text.strip_prefix('!') {
        Some(text) => (text, NEGATED),
        None => (text, 0),
    };
    let (family, prefix) = text.split_once(':')?;
    let (address, bits) = prefix.rsplit_once('/')?;
    let family = field::number(family.as_bytes(), u32::from(u16::MAX)).ok()? as u16;
    let address = match family {
        IPV4 => IpAddr::from(address.parse::<Ipv4Addr>().ok()?),
        IPV6 => IpAddr::from(address.parse::<Ipv6Addr>().ok()?),
        _ => return None,
    };
    let (octets, max_bits) = match address {
        IpAddr::V4(address) => (address.octets().to_vec(), 32),
        IpAddr::V6(address) => (address.octets().to_vec(), 128),
    };
    let bits = field::number(bits.as_bytes(), max_bits).ok()? as u8;
    // Zeros at the end are left out (RFC 3123 section 4).
    let len = octets.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1);
    out.extend_from_slice(&family.to_be_bytes());
    out.extend_from_slice(&[bits, len as u8 | negated]);
    out.extend_from_slice(&octets[..len]);
    Some(())
}

const PREFIX: &str = "prefixes such as 1:192.0.2.0/24 and !2:2001:db8::/32";
/// Numbers of address families (IANA).
const IPV4: u16 = 1;
const IPV6: u16 = 2;
/// The bit beside an address' length that says `!`.
const NEGATED: u8 = 0x80;
