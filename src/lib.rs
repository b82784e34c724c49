//! Meridian: an authoritative DNS server that answers each client with the address of its nearest
//! healthy availability zone.
//!
//! The layers, from the bottom (`tests/architecture.rs` holds every import to them): [`id`],
//! [`time`] and [`span`]; the core of [`wire`], [`zone`], [`geo`], [`health`], [`route`] and
//! [`answer`], which knows no file, socket or clock; and the shell around it.

pub mod admin;
pub mod answer;
pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod diag;
pub mod geo;
pub mod health;
pub mod id;
pub mod import;
pub mod probe;
pub mod random;
pub mod route;
pub mod serve;
pub mod span;
pub mod store;
pub mod systemd;
pub mod telemetry;
pub mod time;
pub mod wire;
pub mod zone;
