//! Which az answers whom: the checked topology, the order of azs for a place, and the director
//! that turns health into a routing table. It knows no wire format and no I/O.

pub mod policy;
pub mod preference;
pub mod topology;

pub use policy::Order;
pub use preference::Preferences;
pub use topology::{
    AllDown, Az, AzId, ClientSet, Endpoint, Family, FamilyDown, MinUp, Policy, Pool, PoolAz, PoolId, Rule,
    Topology, ViewId, ViewSpec,
};
