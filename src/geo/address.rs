//! The canonical client address: what a client is looked up by, whatever form its address came in.
//!
//! An IPv4 address embedded in IPv6 is unwrapped first; any other IPv6 address counts by its /64.
//! Here is also what can't be on the Internet: whoever asks for a client with such an address is
//! placed by the address the query came from.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;

/// What a client is looked up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Canonical {
    /// An IPv4 address, whether it came as such or embedded in an IPv6 address.
    V4 {
        /// The address.
        address: u32,
        /// The bits that stood before it: 96 or 16 where it was embedded, else 0.
        lead: u8,
    },
    /// The /64 of an IPv6 address.
    V6 {
        /// Its 64 bits.
        network: u64,
    },
}

impl Canonical {
    /// The canonical form of `ip`.
    pub fn of(ip: IpAddr) -> Self {
        let bits = match ip {
            IpAddr::V4(ip) => return Self::V4 { address: ip.to_bits(), lead: 0 },
            IpAddr::V6(ip) => ip.to_bits(),
        };
        let network = (bits >> 64) as u64;
        if bits >> 32 == MAPPED || bits >> 32 == NAT64 {
            Self::V4 { address: bits as u32, lead: 96 }
        } else if SIX_TO_FOUR.contains(&network) {
            Self::V4 { address: (network >> 16) as u32, lead: 16 }
        } else {
            Self::V6 { network }
        }
    }
}

/// Whether a client can have this address on the Internet: it is in none of the ranges that the
/// IANA special-purpose address registries (RFC 6890) call not globally reachable and, if IPv6, a
/// global unicast address. Where an IPv4 address is embedded, that one decides.
pub fn is_routable(ip: IpAddr) -> bool {
    match Canonical::of(ip) {
        Canonical::V4 { address, .. } => !UNROUTABLE_V4.iter().any(|r| r.contains(&address)),
        Canonical::V6 { network } => !UNROUTABLE_V6.iter().any(|r| r.contains(&network)),
    }
}

/// Whether any client of `network` may have an address that [`is_routable`].
pub fn holds_routable(network: IpNet) -> bool {
    let ends = [network.network(), network.broadcast()];
    match ends.map(Canonical::of) {
        [Canonical::V4 { address: first, .. }, Canonical::V4 { address: last, .. }] => {
            !UNROUTABLE_V4.iter().any(|r| r.contains(&first) && r.contains(&last))
        }
        [Canonical::V6 { network: first }, Canonical::V6 { network: last }] => {
            MIXED.iter().any(|mixed| (first..=last).contains(mixed))
                || !UNROUTABLE_V6.iter().any(|r| r.contains(&first) && r.contains(&last))
        }
        _ => true,
    }
}

/// IPv4 addresses that no client has on the Internet, ascending.
pub(crate) const UNROUTABLE_V4: [RangeInclusive<u32>; 13] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 3),
];

/// IPv6 /64s that no client has on the Internet, ascending.
pub(crate) const UNROUTABLE_V6: [RangeInclusive<u64>; 12] = [
    0..=(0x2000 << 48) - 1,
    // 2001::/23 but for Teredo (2001::/32), AMT (2001:3::/32) and the identifiers of ORCHIDv2 and
    // drones (2001:20::/28, 2001:30::/28).
    v6([0x2001, 1, 0, 0], 32),
    v6([0x2001, 2, 0, 0], 32),
    v6([0x2001, 4, 0, 0], 30),
    v6([0x2001, 8, 0, 0], 29),
    v6([0x2001, 0x10, 0, 0], 28),
    v6([0x2001, 0x40, 0, 0], 26),
    v6([0x2001, 0x80, 0, 0], 25),
    v6([0x2001, 0x100, 0, 0], 24),
    v6([0x2001, 0xdb8, 0, 0], 32),
    v6([0x3fff, 0, 0, 0], 20),
    0x4000 << 48..=u64::MAX,
];

/// 2002::/16 (RFC 3056): the IPv4 address is in bits 16 to 47.
pub(crate) const SIX_TO_FOUR: RangeInclusive<u64> = v6([0x2002, 0, 0, 0], 16);

/// The /64s that hold ::ffff:0:0/96 and 64:ff9b::/96. Their other addresses are IPv6.
pub(crate) const MIXED: [u64; 2] = [(MAPPED >> 32) as u64, (NAT64 >> 32) as u64];

/// The upper 96 bits of ::ffff:0:0/96 (RFC 4291 section 2.5.5.2).
const MAPPED: u128 = 0xffff;

/// The upper 96 bits of 64:ff9b::/96 (RFC 6052 section 2.1).
const NAT64: u128 = 0x0064_ff9b << 64;

const fn v4(octets: [u8; 4], len: u32) -> RangeInclusive<u32> {
    let first = u32::from_be_bytes(octets);
    first..=first | u32::MAX >> len
}

const fn v6(groups: [u16; 4], len: u32) -> RangeInclusive<u64> {
    let [a, b, c, d] = groups;
    let first = (a as u64) << 48 | (b as u64) << 32 | (c as u64) << 16 | d as u64;
    first..=first | u64::MAX >> len
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn embedded_ipv4_is_unwrapped() {
        let address = 0xc633_6407;
        let of = |text| Canonical::of(ip(text));
        assert_eq!(of("198.51.100.7"), Canonical::V4 { address, lead: 0 });
        assert_eq!(of("::ffff:198.51.100.7"), Canonical::V4 { address, lead: 96 });
        assert_eq!(of("64:ff9b::198.51.100.7"), Canonical::V4 { address, lead: 96 });
        assert_eq!(of("2002:c633:6407:1:2:3:4:5"), Canonical::V4 { address, lead: 16 });
    }

    #[test]
    fn other_ipv6_counts_by_its_64() {
        let of = |text| Canonical::of(ip(text));
        assert_eq!(of("2400:1:2:3::9"), Canonical::V6 { network: 0x2400_0001_0002_0003 });
        assert_eq!(of("::198.51.100.7"), Canonical::V6 { network: 0 });
        assert_eq!(of("64:ff9b::1:0:0"), Canonical::V6 { network: MIXED[1] });
        assert_eq!(of("64:ff9b:1::1"), Canonical::V6 { network: 0x0064_ff9b_0001_0000 });
    }

    #[test]
    fn special_purpose_addresses_are_not_routable() {
        for text in [
            "0.1.2.3",
            "10.255.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.1.1",
            "172.31.255.255",
            "192.0.0.9",
            "192.0.2.1",
            "192.168.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "2001:2::1",
            "2001:10::1",
            "2001:1ff::1",
            "2001:db8::1",
            "2002:a00:1::1",
            "3fff:fff::1",
            "4000::",
            "5f00::1",
            "fd00::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!is_routable(ip(text)), "{text}");
        }
    }

    #[test]
    fn everything_else_is_routable() {
        for text in [
            "1.0.0.0",
            "9.255.255.255",
            "100.128.0.0",
            "172.32.0.0",
            "192.0.1.0",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2000::",
            "2001:0:808:808::1",
            "2001:200::1",
            "2001:db9::1",
            "2002:808:808::1",
            "2a00::1",
            "3fff:1000::",
        ] {
            assert!(is_routable(ip(text)), "{text}");
        }
    }

    #[test]
    fn networks_beyond_a_special_purpose_range_hold_routable_addresses() {
        let holds = |text: &str| holds_routable(text.parse().unwrap());
        for text in [
            "10.0.0.0/8",
            "192.168.0.0/16",
            "198.51.100.0/24",
            "fd00::/8",
            "2001:db8:1::/48",
            "::ffff:10.0.0.0/104",
            "2002:a00::/24",
        ] {
            assert!(!holds(text), "{text}");
        }
        for text in [
            "0.0.0.0/1",
            "10.0.0.0/7",
            "192.168.0.0/15",
            "198.51.100.0/22",
            "8.8.8.0/24",
            "::/64",
            "::/3",
            "2002::/15",
            "::ffff:10.0.0.0/103",
            "2a00::/12",
        ] {
            assert!(holds(text), "{text}");
        }
    }

    #[test]
    fn unroutable_ranges_ascend_without_overlap() {
        assert!(UNROUTABLE_V4.windows(2).all(|pair| pair[0].end() < pair[1].start()));
        assert!(UNROUTABLE_V6.windows(2).all(|pair| pair[0].end() < pair[1].start()));
    }
}
