//! EDNS(0), RFC 6891, and its options, as they stand in queries.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::cookie::{Cookie, OPTION_COOKIE};
use super::rr::RecordType;

/// OPTION-CODE of Client Subnet (RFC 7871 section 6).
pub const OPTION_CLIENT_SUBNET: u16 = 8;
/// OPTION-CODE of NSID (RFC 5001 section 2.3).
pub const OPTION_NSID: u16 = 3;
/// OPTION-CODE of TCP keepalive (RFC 7828 section 3.1).
pub const OPTION_KEEPALIVE: u16 = 11;
/// OPTION-CODE of Extended DNS Errors (RFC 8914 section 2).
pub const OPTION_EXTENDED_ERROR: u16 = 15;
/// OPTION-CODE of the report channel (RFC 9567 section 5).
pub const OPTION_REPORT_CHANNEL: u16 = 18;

/// The OPT record of a query.
#[derive(Clone, Copy, Debug)]
pub struct Edns<'a> {
    /// The largest datagram that the sender can take, as stated.
    pub udp_payload: u16,
    /// The version; only 0 is defined.
    pub version: u8,
    /// DNSSEC OK (RFC 3225).
    pub dnssec_ok: bool,
    /// The Client Subnet option.
    pub client_subnet: Option<ClientSubnet<'a>>,
    /// Whether there is one that is malformed, or more than one: a format error for those who honour
    /// it (RFC 7871 section 7.2.1), nothing to others.
    pub bad_client_subnet: bool,
    /// Whether the server's identity is asked for (RFC 5001), however often.
    pub nsid: bool,
    /// What the TCP keepalive option holds, which is nothing in a query over TCP (RFC 7828 section
    /// 3.2.1); of several the first that holds anything.
    pub keepalive: Option<&'a [u8]>,
    /// The Cookie option; of several the first (RFC 7873 section 5.2).
    pub cookie: Option<Cookie<'a>>,
    /// Whether that one is malformed: a format error where cookies are on, nothing where they are off.
    pub bad_cookie: bool,
    /// Whether the options can't be told apart.
    pub malformed: bool,
}

/// Client Subnet as a query carries it: well-formed by construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientSubnet<'a> {
    /// FAMILY, SOURCE PREFIX-LENGTH, SCOPE PREFIX-LENGTH (0) and ADDRESS, as received.
    pub wire: &'a [u8],
    /// The address, zeros beyond the prefix; `None` for the family 0 that some resolvers send with
    /// source length 0.
    pub address: Option<IpAddr>,
    /// SOURCE PREFIX-LENGTH: how many bits of the address the sender reveals.
    pub source: u8,
}

/// A record section that can't be read, or an OPT record where or as none may be (RFC 6891 section
/// 6.1.1): out of the additional section, not owned by the root, or a second one.
#[derive(Clone, Copy, Debug)]
pub struct Malformed<'a> {
    /// The OPT record that was read before.
    pub edns: Option<Edns<'a>>,
}

impl<'a> Edns<'a> {
    /// Finds the OPT record in the sections behind the question: `before` records of answer and
    /// authority, then `additional` ones. What follows them is passed over.
    pub fn find(
        mut rest: &'a [u8],
        before: u32,
        additional: u32,
    ) -> Result<Option<Self>, Malformed<'a>> {
        let mut found = None;
        for index in 0..before + additional {
            let record = Record::take(&mut rest).ok_or(Malformed { edns: found })?;
            if record.rtype != RecordType::OPT {
                continue;
            }
            if found.is_some() || record.owner != [0] || index < before {
                return Err(Malformed { edns: found });
            }
            found = Some(Self::from_record(&record));
        }
        Ok(found)
    }

    /// Whether its client has a server cookie already.
    pub fn has_server_cookie(&self) -> bool {
        self.cookie.is_some_and(|cookie| !cookie.server.is_empty())
    }

    fn from_record(record: &Record<'a>) -> Self {
        let [_, version, flags, _] = record.ttl;
        let mut edns = Self {
            udp_payload: record.class,
            version,
            dnssec_ok: flags & 0x80 != 0,
            client_subnet: None,
            bad_client_subnet: false,
            nsid: false,
            keepalive: None,
            cookie: None,
            bad_cookie: false,
            malformed: false,
        };
        // What an option means is known of version 0 alone.
        let mut rest = if version == 0 { record.rdata } else { &[] };
        while !rest.is_empty() {
            let Some((code, value)) = take_option(&mut rest) else {
                edns.malformed = true;
                break;
            };
            match code {
                OPTION_CLIENT_SUBNET => match ClientSubnet::read(value) {
                    Some(subnet) if edns.client_subnet.is_none() => {
                        edns.client_subnet = Some(subnet);
                    }
                    _ => edns.bad_client_subnet = true,
                },
                OPTION_NSID => edns.nsid = true,
                OPTION_KEEPALIVE if edns.keepalive.is_none_or(<[u8]>::is_empty) => {
                    edns.keepalive = Some(value);
                }
                OPTION_COOKIE if edns.cookie.is_none() && !edns.bad_cookie => {
                    edns.cookie = Cookie::read(value);
                    edns.bad_cookie = edns.cookie.is_none();
                }
                _ => {}
            }
        }
        edns
    }
}

impl<'a> ClientSubnet<'a> {
    /// Reads the option's value; `None` if RFC 7871 section 6 forbids it.
    fn read(wire: &'a [u8]) -> Option<Self> {
        let (&[family_high, family_low, source, scope], address) = wire.split_first_chunk::<4>()?;
        let octets = usize::from(source).div_ceil(8);
        if scope != 0 || address.len() != octets {
            return None;
        }
        // Bits beyond the prefix must be zero.
        let spare = octets * 8 - usize::from(source);
        if address.last().is_some_and(|last| last & ((1u16 << spare) - 1) as u8 != 0) {
            return None;
        }
        let address = match u16::from_be_bytes([family_high, family_low]) {
            0 if source == 0 => None,
            1 => Some(IpAddr::V4(Ipv4Addr::from(padded::<4>(address)?))),
            2 => Some(IpAddr::V6(Ipv6Addr::from(padded::<16>(address)?))),
            _ => return None,
        };
        Some(Self { wire, address, source })
    }
}

/// One resource record of a query.
pub(super) struct Record<'a> {
    /// As received, compressed or not.
    pub(super) owner: &'a [u8],
    pub(super) rtype: RecordType,
    pub(super) class: u16,
    pub(super) ttl: [u8; 4],
    pub(super) rdata: &'a [u8],
}

impl<'a> Record<'a> {
    /// The first of `rest`, which becomes what follows it.
    pub(super) fn take(rest: &mut &'a [u8]) -> Option<Self> {
        let whole = *rest;
        skip_name(rest)?;
        let owner = whole.get(..whole.len() - rest.len())?;
        let (&[t1, t0, c1, c0, ttl3, ttl2, ttl1, ttl0, l1, l0], tail) =
            rest.split_first_chunk::<10>()?;
        let (rdata, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes([l1, l0])))?;
        *rest = tail;
        Some(Self {
            owner,
            rtype: RecordType(u16::from_be_bytes([t1, t0])),
            class: u16::from_be_bytes([c1, c0]),
            ttl: [ttl3, ttl2, ttl1, ttl0],
            rdata,
        })
    }
}

/// Passes over `count` questions.
pub(super) fn skip_questions(mut rest: &[u8], count: u16) -> Option<&[u8]> {
    for _ in 0..count {
        skip_name(&mut rest)?;
        rest = rest.get(4..)?;
    }
    Some(rest)
}

/// Passes over one name, compressed or not.
pub(super) fn skip_name(rest: &mut &[u8]) -> Option<()> {
    loop {
        let (&len, tail) = rest.split_first()?;
        *rest = match len {
            0 => tail,
            1..=63 => tail.get(usize::from(len)..)?,
            0xc0.. => tail.get(1..)?,
            _ => return None,
        };
        if len == 0 || len >= 0xc0 {
            return Some(());
        }
    }
}

fn take_option<'a>(rest: &mut &'a [u8]) -> Option<(u16, &'a [u8])> {
    let (&[c1, c0, l1, l0], tail) = rest.split_first_chunk::<4>()?;
    let (value, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes([l1, l0])))?;
    *rest = tail;
    Some((u16::from_be_bytes([c1, c0]), value))
}

fn padded<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let mut whole = [0; N];
    whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opt(options: &[u8]) -> Vec<u8> {
        let len = (options.len() as u16).to_be_bytes();
        [&b"\0\0\x29\x04\xd0\0\0\x80\0"[..], &len, options].concat()
    }

    fn subnet(value: &[u8]) -> Vec<u8> {
        opt(&[&[0, 8, 0, value.len() as u8], value].concat())
    }

    fn is_malformed(value: &[u8]) -> bool {
        Edns::find(&subnet(value), 0, 1).unwrap().unwrap().bad_client_subnet
    }

    #[test]
    fn the_prefix_is_read_and_padded() {
        let record = subnet(&[0, 1, 24, 0, 49, 36, 10]);
        let edns = Edns::find(&record, 0, 1).unwrap().unwrap();
        let client = edns.client_subnet.unwrap();
        assert_eq!(client.address, Some("49.36.10.0".parse().unwrap()));
        assert_eq!(client.source, 24);
        assert!(edns.dnssec_ok && !edns.malformed);
        assert_eq!(edns.udp_payload, 1232);
    }

    #[test]
    fn malformed_client_subnets_are_told() {
        assert!(!is_malformed(&[0, 1, 0, 0]));
        assert!(!is_malformed(&[0, 0, 0, 0]));
        assert!(!is_malformed(&[0, 2, 56, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 1]));
        assert!(is_malformed(&[0, 1, 24, 0, 49, 36]), "too few octets");
        assert!(is_malformed(&[0, 1, 24, 0, 49, 36, 10, 0]), "too many octets");
        assert!(is_malformed(&[0, 1, 23, 0, 49, 36, 11]), "bits beyond the prefix");
        assert!(is_malformed(&[0, 1, 33, 0, 1, 2, 3, 4, 5]), "longer than the family");
        assert!(is_malformed(&[0, 3, 8, 0, 1]), "unknown family");
        assert!(is_malformed(&[0, 0, 8, 0, 1]), "family 0 with an address");
        assert!(is_malformed(&[0, 1, 24, 24, 49, 36, 10]), "a scope in a query");
        assert!(is_malformed(&[0, 1, 0]), "no room for the lengths");
    }

    #[test]
    fn one_opt_record_at_the_root_is_allowed() {
        let one = opt(&[]);
        let two = [one.clone(), one.clone()].concat();
        assert!(Edns::find(&two, 0, 2).unwrap_err().edns.is_some(), "the first was read");
        assert!(Edns::find(&one, 1, 0).unwrap_err().edns.is_none(), "not additional");
        let owned = [b"\x01a", &one[..]].concat();
        assert!(Edns::find(&owned, 0, 1).is_err());
        assert!(Edns::find(&one[..one.len() - 1], 0, 1).is_err());
    }

    #[test]
    fn options_that_end_early_are_malformed_and_unknown_ones_ignored() {
        let edns = |options: &[u8]| {
            let record = opt(options);
            Edns::find(&record, 0, 1).unwrap().unwrap().malformed
        };
        assert!(edns(&[0, 10, 0, 8, 1]));
        assert!(edns(&[0, 10, 0]));
        assert!(!edns(&[0xfd, 0xe9, 0, 2, 1, 2]));
    }
}
