//! The checked topology: azs, pools, endpoints and monitors as the files state them.
//!
//! A `Topology` exists only if it passed every check of a load, so whoever holds one need not look
//! for dangling names, empty pools or azs without a needed family. Ids are positions in it.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Capacities, Failback, GuardSettings, Safety};
use crate::geo::{Asn, Continent, Country, Point, Subdivision};
use crate::health::{MonitorId, MonitorSpec};
use crate::id::{Id, IdVec};

/// Everything that steering is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topology {
    /// Availability zones, sorted by name.
    pub azs: IdVec<AzId, Az>,
    /// Pools, sorted by full name.
    pub pools: IdVec<PoolId, Pool>,
    /// What is probed; each once, however many endpoints share it.
    pub monitors: IdVec<MonitorId, MonitorSpec>,
    /// The distinct ways in which pools order azs.
    pub views: IdVec<ViewId, ViewSpec>,
    /// How much load azs take.
    pub capacities: Capacities,
    /// When this host suspects its own network.
    pub guard: GuardSettings,
    /// What is probed only to know whether this host's own network works. An endpoint may share one.
    pub references: Vec<MonitorId>,
}

impl Topology {
    /// Whether any endpoint of a pool or of its fallback has an address of `family`, whatever its
    /// health.
    pub fn has_family(&self, pool: PoolId, family: Family) -> bool {
        let Some(pool) = self.pools.get(pool) else { return false };
        let has_fallback_family = || match pool.all_down {
            AllDown::Fallback(id) => self.pools.get(id).is_some_and(|it| it.has_family(family)),
            AllDown::Open | AllDown::Closed | AllDown::Last => false,
        };
        pool.has_family(family) || has_fallback_family()
    }
}

/// A place that serves traffic.
#[derive(Clone, Debug, PartialEq)]
pub struct Az {
    /// The name, as in `[az.NAME]`.
    pub name: String,
    /// Where it is; required where a pool with policy `nearest` uses it.
    pub location: Option<Point>,
    /// The country it is in.
    pub country: Option<Country>,
    /// Multiplies distances to it; finite and above 0.
    pub bias: f64,
}

/// The endpoints that serve one or more names.
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// The full name: `app.example:web` for a pool of a zone's file.
    pub name: String,
    /// How azs are ordered for a client. Pools of one view have the same azs.
    pub view: ViewId,
    /// The endpoints by az, in the order of the azs' names, also of azs outside the fence. Never
    /// empty.
    pub azs: Vec<PoolAz>,
    /// TTL of answers when calm.
    pub ttl: Duration,
    /// TTL of answers while things are moving; at most `ttl`.
    pub min_ttl: Duration,
    /// What is answered when no az is up.
    pub all_down: AllDown,
    /// How long an az must be up again before it becomes eligible.
    pub hold: Duration,
    /// How it comes back then.
    pub failback: Failback,
    /// How many of an az's endpoints must be up.
    pub min_up: MinUp,
    /// What a lost address family means for its az.
    pub family_down: FamilyDown,
    /// Which azs must stay in service whatever happens; `None`: it has no such rules.
    pub safety: Option<Safety>,
    /// Whether EDNS Client Subnet is honoured.
    pub ecs: bool,
    /// The most addresses in an answer. No az has more than [`MAX_WINDOWS`] times as many of a
    /// family.
    pub max_answers: NonZeroUsize,
}

/// Into how many windows an az's addresses are dealt out at most.
pub const MAX_WINDOWS: usize = 16;

impl Pool {
    /// Whether any endpoint of any az has an address of `family`, whatever its health.
    pub fn has_family(&self, family: Family) -> bool {
        let mut endpoints = self.azs.iter().flat_map(|az| &az.endpoints);
        endpoints.any(|endpoint| endpoint.family() == Some(family))
    }

    /// Whether its azs have names in place of addresses.
    pub fn is_cname(&self) -> bool {
        self.azs.first().is_some_and(|az| az.target().is_some())
    }
}

/// An address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Family {
    /// IPv4, asked for by type A.
    #[serde(rename = "ipv4")]
    V4,
    /// IPv6, asked for by type AAAA.
    #[serde(rename = "ipv6")]
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// One az of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolAz {
    /// The az.
    pub az: AzId,
    /// Its endpoints, without duplicates, in the order of the file. Never empty; one in a CNAME
    /// pool.
    pub endpoints: Vec<Endpoint>,
}

impl PoolAz {
    /// Its name in a CNAME pool.
    pub fn target(&self) -> Option<&TargetName> {
        match self.endpoints.first().map(|endpoint| &endpoint.address) {
            Some(Address::Target(target)) => Some(target),
            Some(Address::Ip(_)) | None => None,
        }
    }
}

/// One address of an az, or the name that it has in a CNAME pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// What is given to clients.
    pub address: Address,
    /// What tells whether it is up; `None` where nothing probes it: always up.
    pub monitor: Option<MonitorId>,
}

impl Endpoint {
    /// Its address; `None` for a name.
    pub fn ip(&self) -> Option<IpAddr> {
        match self.address {
            Address::Ip(ip) => Some(ip),
            Address::Target(_) => None,
        }
    }

    /// The family of its address; `None` for a name.
    pub fn family(&self) -> Option<Family> {
        self.ip().map(Family::of)
    }
}

/// What an endpoint gives to clients. Displays as it is written in a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// An A or AAAA record.
    Ip(IpAddr),
    /// A CNAME record.
    Target(TargetName),
}

/// The name that an az has in a CNAME pool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetName {
    wire: Arc<[u8]>,
    text: Arc<str>,
}

impl TargetName {
    /// The name whose uncompressed wire form and whose text these are.
    pub fn new(wire: &[u8], text: &str) -> Self {
        Self { wire: wire.into(), text: text.into() }
    }

    /// The name in uncompressed wire form.
    pub fn as_wire(&self) -> &[u8] {
        &self.wire
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Target(target) => target.fmt(f),
        }
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        Self::Ip(ip)
    }
}

/// What to answer when no endpoint of any az is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AllDown {
    /// As if every az were up.
    Open,
    /// Nothing: NODATA.
    Closed,
    /// What this other pool gives, which has no fallback itself.
    Fallback(PoolId),
    /// The endpoints that were up last; as `Open` where none of them may be given.
    Last,
}

impl AllDown {
    /// Whether azs are given although nothing of them is up.
    pub(crate) fn ignores_health(self) -> bool {
        match self {
            Self::Open | Self::Last => true,
            Self::Closed | Self::Fallback(_) => false,
        }
    }
}

/// How many endpoints of an az must be up, counted per address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MinUp {
    /// This many, at least 1; all of them where an az has fewer.
    Count(u32),
    /// At least this share of them, in percent (1 to 100), rounded up.
    Percent(u8),
}

impl MinUp {
    /// How many of `endpoints` must be up: at least 1, at most all.
    pub fn of(self, endpoints: usize) -> usize {
        let wanted = match self {
            Self::Count(count) => count as usize,
            Self::Percent(percent) => (endpoints * usize::from(percent)).div_ceil(100),
        };
        wanted.clamp(1, endpoints.max(1))
    }
}

/// What the loss of one address family means in a pool that has both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyDown {
    /// A lost IPv6 ends the AAAA answers; a lost IPv4 takes the az out.
    Drop,
    /// Any lost family takes the az out.
    Az,
}

/// What decides the order of azs for a client; pools with equal specs share a view.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewSpec {
    /// The azs to order, ascending: those of the pool that its fence allows. Never empty.
    pub azs: Vec<AzId>,
    /// How.
    pub policy: Policy,
    /// What comes before the policy, first match first; at most [`ViewSpec::MAX_RULES`].
    pub rules: Vec<Rule>,
}

impl ViewSpec {
    /// Far fewer than there are preferences, and enough: a rule names as many sets as it likes.
    pub const MAX_RULES: usize = 4096;
}

/// How a pool orders its azs for a client.
#[derive(Clone, Debug, PartialEq)]
pub enum Policy {
    /// By great-circle distance times bias. A client without a place gets `order` if given, else
    /// azs by name.
    Nearest {
        /// For clients without a place. Azs of the pool only; those not named follow by name.
        order: Vec<AzId>,
    },
    /// As `order` says, for every client. Azs not named follow by name.
    Failover {
        /// First to last. Azs of the pool only.
        order: Vec<AzId>,
    },
    /// Each slot has an order of its own, in which an az is first as often as its weight says.
    Weighted {
        /// Parallel to the spec's azs, each at most [`MAX_WEIGHT`]. An az of weight 0 stands behind
        /// the others.
        weights: Vec<u32>,
    },
}

/// The greatest weight.
pub const MAX_WEIGHT: u32 = 1_000_000;

/// Clients that get certain azs first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Any of these matches.
    pub clients: Vec<ClientSet>,
    /// The azs that come first, in this order. Azs that the rule allows only; may be empty.
    pub prefer: Vec<AzId>,
    /// The fence of these clients, within the pool's: the only azs that they may be given, ascending
    /// and never none. `None`: all of the spec's.
    pub allow: Option<Vec<AzId>>,
}

/// A set of clients that a rule can name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ClientSet {
    /// `country:IN`
    Country(Country),
    /// `continent:AS`
    Continent(Continent),
    /// `subdivision:US-CA`
    Subdivision(Subdivision),
    /// `asn:64500`
    Asn(Asn),
    /// `net:198.51.100.0/24`. An IPv6 network is no longer than /64, since clients count by their
    /// /64, and none is within the ranges that embed IPv4.
    Net(IpNet),
    /// `group:eu`
    Group(Arc<Group>),
}

/// Sets of clients by one name, for rules to share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    /// The name, as in `[group]`.
    pub name: String,
    /// Clients in any of these are in it. No groups.
    pub sets: Vec<ClientSet>,
}

impl fmt::Display for ClientSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Country(country) => write!(f, "country:{country}"),
            Self::Continent(continent) => write!(f, "continent:{}", continent.code()),
            Self::Subdivision(subdivision) => write!(f, "subdivision:{subdivision}"),
            Self::Asn(Asn(number)) => write!(f, "asn:{number}"),
            Self::Net(net) => write!(f, "net:{net}"),
            Self::Group(group) => write!(f, "group:{}", group.name),
        }
    }
}

/// One of a topology's azs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AzId(pub u16);

/// One of a topology's pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId(pub u32);

/// One of a topology's views.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewId(pub u32);

impl Id for AzId {
    fn from_index(index: usize) -> Self {
        Self(u16::try_from(index).expect("a load holds at most 65,535 azs"))
    }

    fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl Id for PoolId {
    fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).expect("a load holds fewer than 2^32 pools"))
    }

    fn index(self) -> usize {
        self.0 as usize
    }
}

impl Id for ViewId {
    fn from_index(index: usize) -> Self {
        Self(u32::try_from(index).expect("a load holds fewer than 2^32 views"))
    }

    fn index(self) -> usize {
        self.0 as usize
    }
}
