//! Response rate limiting: how many responses of one kind a network may get in a second, so that this
//! server is of no use to whoever asks in a victim's name.
//!
//! The table has a fixed size, and all workers share it: the kernel spreads the packets of a flood over
//! all sockets by their ports, so that a table for each worker would multiply the limit by their number,
//! while one client stays with one socket and so touches what is near its core anyway. Counts are atomic and
//! nothing waits: two workers that meet may lose a count. Time is an argument, and so is the key of the
//! hash, which nobody outside may know: else networks could be made to share a bucket.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use siphasher::sip::SipHasher13;

use super::{Answer, Kind};
use crate::time::Monotonic;

/// What the configuration says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Responses of one class to one network, per second; at least 1. So many may come at once.
    pub responses_per_second: u32,
    /// Of so many responses over the limit one is sent short; 0 for none.
    pub slip: u32,
    /// The length of the prefix that makes IPv4 clients one network, 1 to 32.
    pub ipv4_prefix: u8,
    /// The same for IPv6, 1 to 64.
    pub ipv6_prefix: u8,
    /// Who is never limited.
    pub allow: Vec<IpNet>,
    /// Whether limits are only counted and logged.
    pub log_only: bool,
}

/// What becomes of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is sent.
    Within,
    /// What is sent instead is no longer than the query, and tells an honest client how to come through.
    Short,
    /// Nothing is sent.
    Drop,
}

/// Counts responses by network and class.
#[derive(Debug)]
pub struct Limiter {
    settings: RateLimit,
    key: [u8; 16],
    /// Nanoseconds in which one more response may be sent.
    interval: u64,
    sets: Box<[Set]>,
}

/// The buckets that a network and class may be in.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Set([Bucket; WAYS]);

#[derive(Debug, Default)]
struct Bucket {
    /// The hash of network and class; its lowest bit tells the family.
    tag: AtomicU64,
    /// When it is full again, in nanoseconds; with nothing taken out, in the past.
    full_at: AtomicU64,
    /// The first 64 bits of the network's IPv6 address, or its IPv4 address.
    network: AtomicU64,
    /// Responses over the limit since the bucket is this network's.
    limited: AtomicU32,
    /// How many of them were told.
    told: AtomicU32,
}

/// So many networks and classes are counted at a time; the table takes 32 octets for each.
const BUCKETS: usize = 1 << 16;
const WAYS: usize = 4;
/// What a bucket holds when it is full: the responses of a second.
const SECOND: u64 = 1_000_000_000;

impl Limiter {
    /// Has seen nobody. The `key` should be random.
    pub fn new(settings: RateLimit, key: [u8; 16]) -> Self {
        let interval = SECOND / u64::from(settings.responses_per_second.max(1));
        let sets = (0..BUCKETS / WAYS).map(|_| Set::default()).collect();
        Self { settings, key, interval, sets }
    }

    /// What it goes by.
    pub fn settings(&self) -> &RateLimit {
        &self.settings
    }

    /// What becomes of an `answer` to `peer` over UDP.
    pub fn judge(&self, answer: &Answer, peer: IpAddr, now: Monotonic) -> Verdict {
        // What was not answered costs nobody anything.
        if answer.is_proven || answer.len == 0 {
            return Verdict::Within;
        }
        let (network, family) = self.network(peer);
        let tag = self.tag(network, family, answer);
        let now = nanoseconds(now);
        let Some(bucket) = self.bucket(tag, network, now) else { return Verdict::Within };
        if bucket.take(self.interval, now)
            || self.settings.allow.iter().any(|network| network.contains(&peer))
        {
            return Verdict::Within;
        }
        let count = bucket.limited.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        match count.checked_rem(self.settings.slip) {
            Some(0) => Verdict::Short,
            Some(_) | None => Verdict::Drop,
        }
    }

    /// Calls `tell` with each network, and how many responses to it were over the limit since the last
    /// call; once for each class. Only one thread may call it.
    pub fn take_news(&self, mut tell: impl FnMut(IpNet, u32)) {
        for bucket in self.sets.iter().flat_map(|set| &set.0) {
            let limited = bucket.limited.load(Ordering::Relaxed);
            let more = limited.wrapping_sub(bucket.told.swap(limited, Ordering::Relaxed));
            if more > 0 {
                let tag = bucket.tag.load(Ordering::Relaxed);
                tell(self.net(bucket.network.load(Ordering::Relaxed), tag & 1), more);
            }
        }
    }

    /// What a client is counted by, and 1 for IPv6.
    fn network(&self, peer: IpAddr) -> (u64, u64) {
        let RateLimit { ipv4_prefix, ipv6_prefix, .. } = self.settings;
        match peer {
            IpAddr::V4(address) => {
                let spare = 32 - u32::from(ipv4_prefix.min(32));
                (u64::from(address.to_bits()) >> spare << spare, 0)
            }
            IpAddr::V6(address) => {
                let spare = 64 - u32::from(ipv6_prefix.clamp(1, 64));
                (((address.to_bits() >> 64) as u64) >> spare << spare, 1)
            }
        }
    }

    fn net(&self, network: u64, family: u64) -> IpNet {
        let RateLimit { ipv4_prefix, ipv6_prefix, .. } = self.settings;
        if family == 0 {
            let address = (network as u32).into();
            Ipv4Net::new_assert(address, ipv4_prefix.min(32)).into()
        } else {
            let address = (u128::from(network) << 64).into();
            Ipv6Net::new_assert(address, ipv6_prefix.clamp(1, 64)).into()
        }
    }

    fn tag(&self, network: u64, family: u64, answer: &Answer) -> u64 {
        let (class, zone, node) = class(answer);
        let mut octets = [0; 18];
        let parts = network.to_be_bytes().into_iter().chain(zone.to_be_bytes());
        let parts = parts.chain(node.to_be_bytes()).chain([class, family as u8]);
        octets.iter_mut().zip(parts).for_each(|(octet, part)| *octet = part);
        let hash = SipHasher13::new_with_key(&self.key).hash(&octets);
        hash & !1 | family
    }

    /// The bucket of this tag, put in the place of the idlest of its set if it has none. `None` where
    /// others take those that are chosen.
    fn bucket(&self, tag: u64, network: u64, now: u64) -> Option<&Bucket> {
        let Set(set) = self.sets.get((tag >> 1) as usize % self.sets.len())?;
        for _ in 0..WAYS {
            if let Some(bucket) = set.iter().find(|bucket| bucket.is_of(tag)) {
                return Some(bucket);
            }
            let idlest = set.iter().min_by_key(|b| b.full_at.load(Ordering::Relaxed))?;
            if idlest.claim(tag, network, now) {
                return Some(idlest);
            }
        }
        None
    }
}

impl Bucket {
    fn is_of(&self, tag: u64) -> bool {
        self.tag.load(Ordering::Relaxed) == tag
    }

    /// Makes it full and `tag`'s, unless another worker is at it.
    fn claim(&self, tag: u64, network: u64, now: u64) -> bool {
        let order = Ordering::Relaxed;
        let before = self.tag.load(order);
        let is_ours = self.tag.compare_exchange(before, tag, order, order).is_ok();
        if is_ours && before != tag {
            self.full_at.store(now, order);
            self.network.store(network, order);
            self.limited.store(0, order);
            self.told.store(0, order);
        }
        is_ours
    }

    /// Takes one response out, which is back after `interval`; `false` for an empty bucket.
    fn take(&self, interval: u64, now: u64) -> bool {
        let order = Ordering::Relaxed;
        let taken = self.full_at.fetch_update(order, order, |full_at| {
            let full_at = full_at.max(now).saturating_add(interval);
            (full_at <= now.saturating_add(SECOND)).then_some(full_at)
        });
        taken.is_ok()
    }
}

/// What counts as one, whatever the names: an error for the network alone, what a zone does not have for
/// that zone, and everything else by where in the zone the name was found.
fn class(answer: &Answer) -> (u8, u32, u32) {
    let zone = answer.zone.map_or(u32::MAX, |zone| zone.0);
    let node = answer.node.map_or(u32::MAX, |node| node.0);
    match answer.kind {
        Kind::Dropped | Kind::Error => (0, 0, 0),
        Kind::NoName => (1, zone, 0),
        Kind::NoData => (2, zone, 0),
        Kind::Static | Kind::Steered | Kind::Referral | Kind::Truncated => (3, zone, node),
    }
}

fn nanoseconds(now: Monotonic) -> u64 {
    // They last for 584 years.
    u64::try_from(now.since_start().as_nanos()).unwrap_or(u64::MAX)
}
