//! Gateways of IPSECKEY (RFC 4025 section 2.5) and relays of AMTRELAY records (RFC 8777 section
//! 4.2): nothing, an address or a name, as an octet before says.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::wire::name;

use super::field;
use super::rdata::Problem;

/// Appends the gateway of the kind `kind` that `text` spells.
pub(super) fn write(
    kind: u8,
    text: &[u8],
    origin: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    match kind & KIND {
        NONE if text == b"." => {}
        NONE => return Err(Problem::Expected("a dot, since the type is 0")),
        IPV4 => {
            let ip: Ipv4Addr = field::parse(text).ok_or(Problem::Ip4)?;
            out.extend_from_slice(&ip.octets());
        }
        IPV6 => {
            let ip: Ipv6Addr = field::parse(text).ok_or(Problem::Ip6)?;
            out.extend_from_slice(&ip.octets());
        }
        NAME => name::write_text(text, origin, out).map_err(Problem::Name)?,
        _ => return Err(UNKNOWN),
    }
    Ok(())
}

/// The length of the gateway of the kind `kind` at the start of `wire`.
pub(super) fn measure(kind: u8, wire: &[u8]) -> Result<usize, Problem> {
    let len = match kind & KIND {
        NONE => 0,
        IPV4 => 4,
        IPV6 => 16,
        NAME => field::measure_name(wire)?,
        _ => return Err(UNKNOWN),
    };
    if wire.len() < len { Err(Problem::Short) } else { Ok(len) }
}

/// The bits of an AMTRELAY record's octet that say the kind; the other is its discovery flag.
const KIND: u8 = 0x7f;
const NONE: u8 = 0;
const IPV4: u8 = 1;
const IPV6: u8 = 2;
const NAME: u8 = 3;
const UNKNOWN: Problem = Problem::Expected("a gateway of type 0, 1, 2 or 3");
