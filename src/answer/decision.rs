//! What a client of a pool gets, by the function that answers queries, without a query.

use std::net::IpAddr;

use super::Snapshot;
use super::steer::Steered;
use crate::route::{AzId, PoolId, Tier};

/// What was decided for a client of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The az that the client is given, of the pool or of its fallback; `None`: nothing.
    pub az: Option<AzId>,
    /// Which tier the az is of.
    pub tier: Tier,
    /// The length of the widest prefix around the client in which the same is decided for all
    /// clients or, where a slot has a say, for all of a slot. Of full length where the client's address
    /// can't be routed.
    pub extent: u8,
    /// Whether a slot has a say.
    pub goes_by_slot: bool,
}

/// Decides for a client that asks for itself; `None` if the snapshot has no such pool.
pub fn decide(snapshot: &Snapshot, pool: PoolId, client: IpAddr) -> Option<Decision> {
    let steered = Steered::decide(snapshot, pool, client, None)?;
    Some(Decision {
        az: steered.az_id,
        tier: steered.choice.tier,
        extent: steered.extent(),
        goes_by_slot: steered.goes_by_slot(),
    })
}
