//! Real servers on loopback addresses, for tests that probe them or run the binary against them.
//!
//! They run on threads of their own, so a test may use any runtime or none, and they end when they
//! are dropped.

#![allow(dead_code, unreachable_pub, reason = "each test binary includes it and uses a part")]

pub mod authority;
pub mod black_hole;
pub mod server;
