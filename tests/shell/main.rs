//! The shell from outside: control over real files and probes, and how a server starts and ends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod control;
mod orders;
mod running;
mod server;
mod start;
mod stop;
mod supervised;
