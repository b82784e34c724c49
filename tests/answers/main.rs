//! The answering function against the RFCs' text, one file for each, and against laws that hold
//! for every query. What depends on a transport goes over real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ask;
mod baker;
mod cname;
mod fallback;
mod fences;
mod laws;
mod opt;
mod queries;
mod rate_limit;
mod rfc1034;
mod rfc1035;
mod rfc2181;
mod rfc2308;
mod rfc2782;
mod rfc3597;
mod rfc4035;
mod rfc4592;
mod rfc4892;
mod rfc5001;
mod rfc6604;
mod rfc6672;
mod rfc6840;
mod rfc6891;
mod rfc7766;
mod rfc7828;
mod rfc7830;
mod rfc7871;
mod rfc7873;
mod rfc8020;
mod rfc8482;
mod rfc8914;
mod rfc8945;
mod rfc9018;
mod rfc9210;
mod rfc9460;
mod rfc9471;
mod rfc9567;
mod server;
mod shares;
mod slots;
mod steered;
mod tiers;
#[path = "../support/world.rs"]
mod world;

use ask::{Ask, check, show};
use world::World;
