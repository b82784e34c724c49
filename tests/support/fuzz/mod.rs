//! What fuzzing looks for: one function a target, from any octets to a panic where a promise is
//! broken. `fuzz/` feeds them what it invents; `tests/replay.rs` what was worth keeping of that.

#![allow(dead_code, unreachable_pub, reason = "each target includes all and uses one")]
#![allow(clippy::unwrap_used, reason = "a target fails by panicking")]

pub mod api;
pub mod config;
pub mod memory;
pub mod mmdb;
pub mod policy;
pub mod query;
mod response;
mod serving;
pub mod zone;

#[path = "../world.rs"]
mod world;
