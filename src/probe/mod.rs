//! Probes: whether an endpoint answers as its check asks.
//!
//! [`Probes::compile`] turns the monitors of a topology into probes that are ready to be sent; a
//! [`Driver`] sends each at its time through the [`Prober`], which bounds how many are outstanding,
//! and passes on what each found. When the next probe is due and what an outcome means for a
//! monitor is decided elsewhere.
//!
//! Every probe is a new connection to the probed address and nowhere else: no proxy, no redirect,
//! no kept connection, no resumed TLS session. One timeout bounds it, and the phase in which the
//! time ran out is part of the outcome: connecting, TLS, waiting for the reply. A general HTTP
//! client would hide just that, and connections are used once, so hyper drives a socket that is
//! opened here.

mod cause;
mod connect;
mod driver;
mod http;
mod plan;
mod prober;
pub mod tls;

pub use driver::{Driver, Observed};
pub use plan::{PlanFault, Probe, Probes};
pub use prober::Prober;
