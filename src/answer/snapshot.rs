//! All that a query needs, immutable: one generation of zones, places, views and routes.
//!
//! Control builds a snapshot aside and publishes it with one atomic swap. Parts that did not
//! change are shared with the generation before.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use serde::Serialize;

use crate::geo::{Places, View};
use crate::id::{Id, IdVec};
use crate::route::{PoolId, Routing, RoutingTable, ViewId};
use crate::wire::{Name, Secrets};
use crate::zone::{BindingId, ZoneIndex, ZoneSet};

use super::chaos::Chaos;

/// The number of a snapshot: 1 for the first that serves, then one more for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One generation.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Its number.
    pub generation: Generation,
    /// What the configuration says of answers.
    pub answering: Arc<Answering>,
    /// What makes DNS cookies and proves them; `None`: they are not answered.
    pub cookies: Option<Arc<Secrets>>,
    /// The zones, and which pool each steered name has.
    pub zones: Arc<Zones>,
    /// What the databases say of every address.
    pub places: Arc<Places>,
    /// From an address to a preference, one for each of the topology's views.
    pub views: Arc<IdVec<ViewId, Arc<View>>>,
    /// The topology, and each view's preferences.
    pub routing: Routing,
    /// From a pool and a preference to an az.
    pub routes: Arc<RoutingTable>,
}

/// What the configuration says of answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answering {
    /// The largest UDP response, and what OPT records advertise.
    pub udp_payload: u16,
    /// Whose EDNS Client Subnet is honoured.
    pub ecs: EcsTrust,
    /// What identifies this server (RFC 5001), at most 255 octets.
    pub identity: Option<Box<[u8]>>,
    /// What is answered in class CH.
    pub chaos: Chaos,
    /// The domain, in lower case and not the root, that failures may be reported to (RFC 9567).
    pub report_channel: Option<Name>,
    /// How long a TCP connection may be idle, in units of 100 ms (RFC 7828 section 3.1).
    pub keepalive: u16,
    /// What ANY gets.
    pub any: AnyAnswer,
    /// Whether addresses of hosts that an answer names are left out, but for name servers.
    pub minimal_responses: bool,
}

/// What a query for ANY gets (RFC 8482 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnyAnswer {
    /// One synthesized HINFO record.
    Hinfo,
    /// The smallest set of the name, or its pool's addresses.
    Subset,
}

/// Whose EDNS Client Subnet is honoured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EcsTrust {
    /// Everybody's.
    Everyone,
    /// Nobody's: the option is ignored and not echoed.
    Nobody,
    /// That of queries from these networks.
    From(Vec<IpNet>),
}

impl EcsTrust {
    /// Whether the option of a query from `peer` is honoured.
    pub fn covers(&self, peer: IpAddr) -> bool {
        match self {
            Self::Everyone => true,
            Self::Nobody => false,
            Self::From(networks) => networks.iter().any(|network| network.contains(&peer)),
        }
    }
}

/// The zones and what their steered names are bound to.
pub struct Zones {
    /// The zones.
    pub set: ZoneSet,
    /// For each zone, the pool of each of its bindings.
    pub pools: IdVec<ZoneIndex, Box<[PoolId]>>,
}

impl fmt::Debug for Zones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zones({})", self.set.len())
    }
}

impl Zones {
    /// The pool behind a binding of a zone.
    pub fn pool(&self, zone: ZoneIndex, binding: BindingId) -> Option<PoolId> {
        self.pools.get(zone)?.get(binding.index()).copied()
    }
}
