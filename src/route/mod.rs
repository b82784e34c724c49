//! Which az answers whom: the checked topology, the order of azs for a place, and the director
//! that turns health into a routing table. It knows no wire format and no I/O.

mod capacity;
pub mod change;
pub mod compile;
pub mod director;
pub mod eligibility;
pub mod event;
pub mod failback;
mod fence;
pub mod guard;
mod guarding;
mod keeping;
mod last_up;
#[cfg(test)]
mod laws;
mod loads;
mod nearest;
mod operator;
pub mod overrides;
pub mod policy;
mod pool_health;
pub mod preference;
mod publication;
mod refused;
pub mod rehearsal;
mod reload;
mod routes;
mod row;
pub mod safety;
pub mod saved;
mod shown_kept;
pub mod spill;
pub mod spread;
mod standing;
mod stated;
pub mod status;
pub mod table;
pub mod target;
pub mod topology;
pub mod transition;
pub mod weighted;

pub use compile::Compiler;
pub use director::Director;
pub use eligibility::AzState;
pub use event::{BrokenLimit, Effects, Event, ProbeAt, Routing};
pub use failback::{Failback, Ramp};
pub use guard::{GuardChange, GuardEnd, GuardSettings};
pub use guarding::{GuardStatus, ReferenceStatus, SuspicionStatus};
pub use keeping::{Keeping, KeepingChange};
pub use loads::Capacities;
pub use operator::{NotAwaiting, WhyNot};
pub use overrides::{
    LastAzs, NotOverridden, Override, OverrideChange, OverrideKind, Overrides, Refusal, Share,
};
pub use policy::Match;
pub use preference::Preferences;
pub use refused::{BrokenRule, Remedy, Unsafe};
pub use rehearsal::Rehearsal;
pub use row::Row;
pub use safety::{Need, Pace, Safety, SafetyRule};
pub use saved::Saved;
pub use shown_kept::{NeededRule, ShownKept};
pub use status::{AzStatus, EndpointStatus, ShownAzState, ShownOverride, Status};
pub use table::{AzRoute, Choice, PoolRoutes, RoutingTable, Tier};
pub use target::{Target, TargetError};
pub use topology::{
    Address, AllDown, Az, AzId, ClientSet, Endpoint, Family, FamilyDown, Group, MAX_WEIGHT,
    MAX_WINDOWS, MinUp, Policy, Pool, PoolAz, PoolId, Rule, TargetName, Topology, ViewId, ViewSpec,
};
pub use transition::{Eligibility, Reason, Transition};
