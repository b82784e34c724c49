//! The slot of a client: 1 of 4,096, from a hash of its network.
//!
//! Slots are what weights, ramps and windows go by, so that clients of one network fare alike and
//! keep what they have. Every server that answers for a zone must agree on them: how they are
//! computed is part of the contract between servers and written in docs/slots.md, from which
//! tests/fixtures/slots/slots.py computes them a second time.

use std::net::IpAddr;

use siphasher::sip::SipHasher24;

use super::Canonical;

/// One of the [`Slot::COUNT`] shares of all clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

/// What a slot is for. Clients that share one of a kind are spread over all of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Salt {
    /// The order of azs by weight.
    Weights = 1,
    /// Which clients a ramping or draining az has.
    Ramps = 2,
    /// Which addresses of an az are given.
    Windows = 3,
}

impl Slot {
    /// How many slots there are.
    pub const COUNT: usize = 1 << BITS;

    /// The slot of the client with address `ip`: that of its /24, where it is an IPv4 address or
    /// embeds one, else that of its /48.
    pub fn of(salt: Salt, ip: IpAddr) -> Self {
        let salt = salt as u8;
        let hash = match Canonical::of(ip) {
            Canonical::V4 { address, .. } => {
                let [a, b, c, _] = address.to_be_bytes();
                hash(&[salt, a, b, c])
            }
            Canonical::V6 { network } => {
                let [a, b, c, d, e, f, _, _] = network.to_be_bytes();
                hash(&[salt, a, b, c, d, e, f])
            }
        };
        Self((hash >> (64 - BITS)) as u16)
    }

    /// The first of all.
    pub const FIRST: Self = Self(0);

    /// Every slot, ascending.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        (0..1_u16 << BITS).map(Self)
    }

    /// The position among [`Self::all`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The length of the prefix around `ip` whose clients share all of their slots.
    pub fn prefix_len(ip: IpAddr) -> u8 {
        match Canonical::of(ip) {
            Canonical::V4 { lead, .. } => lead + 24,
            Canonical::V6 { .. } => 48,
        }
    }

    /// What `name` draws in this slot: 64 bits, as good as random, and the same everywhere.
    pub fn draw(self, name: &str) -> u64 {
        let [high, low] = self.0.to_be_bytes();
        hash(&[&[DRAW, high, low], name.as_bytes()].concat())
    }
}

const BITS: u32 = 12;

/// Before what is drawn in a slot; no [`Salt`].
const DRAW: u8 = 4;

/// The hash of all servers. Its key is no secret: whoever picks an address picks a slot.
fn hash(bytes: &[u8]) -> u64 {
    SipHasher24::new_with_key(b"meridian slot v1").hash(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTORS: &str = include_str!("../../tests/fixtures/slots/slots.txt");

    #[test]
    fn slots_are_those_of_a_second_implementation() {
        let mut tried = 0;
        for line in VECTORS.lines().filter_map(|line| line.strip_prefix("slots ")) {
            let (ip, expected) = line.split_once(' ').unwrap();
            let ip = ip.parse().unwrap();
            let salts = [Salt::Weights, Salt::Ramps, Salt::Windows];
            let slots = salts.map(|salt| Slot::of(salt, ip).index().to_string());
            assert_eq!(slots.join(" "), expected, "{ip}");
            tried += 1;
        }
        assert_eq!(tried, 19);
    }

    #[test]
    fn clients_of_the_prefix_share_a_slot_and_its_length_counts_what_embeds_them() {
        for (ip, len, last) in [
            ("198.51.100.0", 24, "198.51.100.255"),
            ("2001:db8:1::", 48, "2001:db8:1:ffff:ffff:ffff:ffff:ffff"),
            ("::ffff:198.51.100.0", 120, "::ffff:198.51.100.255"),
            ("64:ff9b::198.51.100.0", 120, "64:ff9b::198.51.100.255"),
            ("2002:c633:6400::", 40, "2002:c633:64ff:ffff::1"),
        ] {
            let [ip, last] = [ip, last].map(|ip| ip.parse().unwrap());
            assert_eq!(Slot::prefix_len(ip), len, "{ip}");
            for salt in [Salt::Weights, Salt::Ramps, Salt::Windows] {
                assert_eq!(Slot::of(salt, ip), Slot::of(salt, last), "{ip}");
            }
        }
    }
}
