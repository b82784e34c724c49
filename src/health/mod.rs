//! What probes say: outcomes, and the state machine of one monitor. It knows neither how a probe
//! is made nor which pools depend on it.

pub mod check;
pub mod outcome;

pub use check::{Check, CheckKind, MonitorId, MonitorSpec, Thresholds};
pub use outcome::{Cause, Outcome, TlsFault, Verdict};
