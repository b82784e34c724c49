//! The real binary, end to end: it is started in a directory of its own on free ports, asked by real
//! packets, and its azs are real HTTP and HTTPS servers that die.
//!
//! What a test waits for is a line of the log: it is written after what it tells has taken effect.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "the modules are one test's own")]

#[path = "../support/mod.rs"]
mod support;

mod client;
mod daemon;
mod fleet;
mod host;
mod http;
mod import;
mod load;
mod namespace;
mod notify;
mod other_host;
mod queries;
mod random;
mod supervisor;
mod witness;

mod api;
mod capacity;
mod clock;
mod commands;
mod cookies;
mod demo;
mod disk;
mod failover;
mod flapping;
mod floods;
mod guard;
mod identity;
mod interfaces;
mod kills;
mod listeners;
mod listening;
mod log;
mod overrides;
mod plan;
mod pools;
mod ramp;
mod readiness;
mod reload;
mod replaced;
mod restart;
mod safety;
mod shared;
mod simulate;
mod start;
mod stop;
mod suspended;
mod tcp;
mod tls;
mod upgrade;
mod wait;
mod watch;
