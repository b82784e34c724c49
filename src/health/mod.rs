//! What probes say: outcomes, and the state machine of one monitor. It knows neither how a probe
//! is made nor which pools depend on it.

pub mod check;
pub mod damping;
pub mod json_path;
pub mod monitor;
pub mod outcome;
pub mod readiness;
pub mod schedule;

pub use check::{Check, CheckKind, MonitorId, MonitorSpec, Thresholds};
pub use damping::{Damping, Penalty, Points, SavedPenalty};
pub use json_path::{JsonPath, PathError, PathFault};
pub use monitor::{HealthState, Monitor, Setback};
pub use outcome::{Cause, Outcome, TlsFault, Verdict};
pub use readiness::{Condition, ConditionError, ConditionFault};
pub use schedule::Schedule;
