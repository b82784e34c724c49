//! Who asks, and which az is theirs: the path from an address to a choice.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::geo::{Located, PreferenceId, Salt, Slot, View, holds_routable, is_routable};
use crate::route::{AllDown, AzId, AzRoute, Choice, Family, Pool, PoolId};
use crate::wire::ClientSubnet;

use super::snapshot::Snapshot;
use super::window::Window;

/// The address that decides, and where it came from (RFC 7871 section 7.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) address: IpAddr,
    pub(super) from: ClientFrom,
}

/// What told the client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientFrom {
    /// The query's Client Subnet.
    Subnet,
    /// The peer, since there is no Client Subnet, it reveals nothing, or it is not honoured.
    Peer,
    /// The peer, since the Client Subnet's first address can't be routed and no rule names it: for all
    /// clients in the subnet, or as many of them around that address as hold none that can be routed
    /// or is named.
    PeerForUnroutable { scope: u8 },
}

impl Client {
    /// The client of a query from `peer` for a name of `pool`, whose view is `view`, with the
    /// `subnet` that the server honours.
    pub(super) fn of(
        peer: IpAddr,
        subnet: Option<ClientSubnet<'_>>,
        pool: &Pool,
        view: &View,
    ) -> Self {
        let subnet = subnet.filter(|subnet| pool.ecs && subnet.source > 0);
        match subnet.and_then(|subnet| Some((subnet.address?, subnet.source))) {
            Some((address, _)) if is_routable(address) || view.has_net_in(address.into()) => {
                Self { address, from: ClientFrom::Subnet }
            }
            Some((address, source)) => {
                let scope = unplaced_prefix_len(address, source, view);
                Self { address: peer, from: ClientFrom::PeerForUnroutable { scope } }
            }
            None => Self { address: peer, from: ClientFrom::Peer },
        }
    }
}

/// What was decided for one client and pool.
#[derive(Clone, Copy, Debug)]
pub(super) struct Steered<'s> {
    pub(super) pool_id: PoolId,
    pub(super) pool: &'s Pool,
    pub(super) client: Client,
    pub(super) located: Located,
    /// The order of azs: that of the client's place or, where a slot decides, of its slot there.
    pub(super) preference: PreferenceId,
    /// The slot that decided the order, if one did.
    pub(super) slot: Option<Slot>,
    /// The slot that decided whether azs that admit a share of clients admit this one, if it did.
    pub(super) share_slot: Option<Slot>,
    pub(super) choice: Choice,
    /// The chosen az, with its addresses; `None` where no az may be given.
    pub(super) az: Option<&'s AzRoute>,
    /// Which az that is.
    pub(super) az_id: Option<AzId>,
    /// The TTL of what is answered, in seconds.
    pub(super) ttl: u32,
    /// The pool that was asked for, where this is its fallback.
    pub(super) asked: Option<Asked<'s>>,
}

/// The decision of a pool that leaves the answer to its fallback.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'s> {
    pool_id: PoolId,
    pool: &'s Pool,
    client: Client,
    located: Located,
    preference: PreferenceId,
    slot: Option<Slot>,
    share_slot: Option<Slot>,
    choice: Choice,
}

impl<'s> Steered<'s> {
    /// Decides: for the pool or, where nothing of it may be given, for its fallback.
    pub(super) fn decide(
        snapshot: &'s Snapshot,
        pool_id: PoolId,
        peer: IpAddr,
        subnet: Option<ClientSubnet<'_>>,
    ) -> Option<Self> {
        let decided = Self::in_pool(snapshot, pool_id, peer, subnet)?;
        match (decided.choice.az, decided.pool.all_down) {
            (None, AllDown::Fallback(fallback)) => {
                decided.fall_back(snapshot, fallback, peer, subnet)
            }
            (None, AllDown::Open | AllDown::Closed | AllDown::Last) | (Some(_), _) => Some(decided),
        }
    }

    fn in_pool(
        snapshot: &'s Snapshot,
        pool_id: PoolId,
        peer: IpAddr,
        subnet: Option<ClientSubnet<'_>>,
    ) -> Option<Self> {
        let pool = snapshot.routing.topology.pools.get(pool_id)?;
        let routes = snapshot.routes.pools.get(pool_id)?;
        let view = snapshot.views.get(pool.view)?;
        let client = Client::of(peer, subnet, pool, view);
        let located = view.find(client.address);
        let preferences = snapshot.routing.preferences.get(pool.view)?;
        let slot = || Slot::of(Salt::Weights, client.address);
        let (preference, slot) = preferences.in_slot(located.preference, slot);
        let share_slot = || Slot::of(Salt::Ramps, client.address);
        let (choice, share_slot) = routes.row.choice(preference, share_slot);
        let az = choice.az.map(usize::from);
        let ttl = if choice.short_ttl { pool.min_ttl } else { pool.ttl };
        Some(Self {
            pool_id,
            pool,
            client,
            located,
            preference,
            slot,
            share_slot,
            choice,
            az: az.and_then(|index| routes.azs.get(index)),
            az_id: az.and_then(|index| Some(pool.azs.get(index)?.az)),
            ttl: whole_seconds(ttl),
            asked: None,
        })
    }

    /// What the fallback decides for the same query. The answer holds for no longer than this pool's
    /// `min_ttl`.
    fn fall_back(
        self,
        snapshot: &'s Snapshot,
        fallback: PoolId,
        peer: IpAddr,
        subnet: Option<ClientSubnet<'_>>,
    ) -> Option<Self> {
        let decided = Self::in_pool(snapshot, fallback, peer, subnet)?;
        let Self {
            pool_id, pool, client, located, preference, slot, share_slot, choice, ttl, ..
        } = self;
        let short_ttl = decided.choice.short_ttl || ttl < decided.ttl;
        Some(Self {
            choice: Choice { short_ttl, ..decided.choice },
            ttl: decided.ttl.min(ttl),
            asked: Some(Asked {
                pool_id,
                pool,
                client,
                located,
                preference,
                slot,
                share_slot,
                choice,
            }),
            ..decided
        })
    }

    /// The order of azs in the pool that was asked for.
    pub(super) fn first_preference(&self) -> PreferenceId {
        self.asked.map_or(self.preference, |asked| asked.preference)
    }

    /// The decision before this one, where this is a fallback's.
    pub(super) fn before(&self) -> Option<Self> {
        let Asked { pool_id, pool, client, located, preference, slot, share_slot, choice } =
            self.asked?;
        let ttl = whole_seconds(pool.min_ttl);
        Some(Self {
            pool_id,
            pool,
            client,
            located,
            preference,
            slot,
            share_slot,
            choice,
            az: None,
            az_id: None,
            ttl,
            asked: None,
        })
    }

    /// Takes the TTL of a calm pool, whatever moves.
    pub(super) fn calm(&mut self) {
        let pool = self.asked.map_or(self.pool, |asked| asked.pool);
        self.choice.short_ttl = false;
        self.ttl = whole_seconds(pool.ttl);
    }

    /// Which of the chosen az's addresses of a family the client is given.
    pub(super) fn window(&self, family: Family) -> Window {
        let addresses = self.az.map_or(0, |az| match family {
            Family::V4 => az.addresses_v4.len(),
            Family::V6 => az.addresses_v6.len(),
        });
        Window::new(addresses, self.pool.max_answers, self.client.address)
    }

    /// The length of the widest prefix around the client whose clients all have this decision and the one
    /// before it, slots apart.
    pub(super) fn extent(&self) -> u8 {
        self.located.scope.max(self.asked.map_or(0, |asked| asked.located.scope))
    }

    /// Whether a slot had a say in this decision or the one before it.
    pub(super) fn goes_by_slot(&self) -> bool {
        let [by_weights, by_share] = self.slots();
        by_weights.or(by_share).is_some()
    }

    /// The slots that had a say in this decision or the one before it: which decides the order of azs, and
    /// which decides whether azs admit the client.
    pub(super) fn slots(&self) -> [Option<Slot>; 2] {
        let before = self.asked.map_or([None; 2], |asked| [asked.slot, asked.share_slot]);
        [self.slot.or(before[0]), self.share_slot.or(before[1])]
    }

    /// SCOPE PREFIX-LENGTH of an answer that holds this decision and goes by the slot of a window,
    /// where there is one: it holds for no more clients than the decision before this one.
    pub(super) fn scope(&self, window: Option<Slot>) -> u8 {
        let before = self.before().map_or(0, |before| before.scope(None));
        let own = match self.client.from {
            ClientFrom::Subnet if self.slot.or(self.share_slot).or(window).is_some() => {
                self.located.scope.max(Slot::prefix_len(self.client.address))
            }
            ClientFrom::Subnet => self.located.scope,
            ClientFrom::Peer => 0,
            ClientFrom::PeerForUnroutable { scope } => scope,
        };
        own.max(before)
    }
}

/// The length, `source` or more, of the widest prefix around `address` of whose clients none is placed
/// by its own address: what is so of a prefix is so of all within it.
fn unplaced_prefix_len(address: IpAddr, source: u8, view: &View) -> u8 {
    let is_unplaced = |net| !holds_routable(net) && !view.has_net_in(net);
    let (mut low, mut high) = (source, IpNet::from(address).prefix_len());
    while low < high {
        let middle = low.midpoint(high);
        if IpNet::new(address, middle).is_ok_and(is_unplaced) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    high
}

/// A TTL as records have it.
fn whole_seconds(ttl: Duration) -> u32 {
    u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX)
}
