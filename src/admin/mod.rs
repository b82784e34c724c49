//! The HTTP API on the control socket, and its read-only part on `[admin] listen`. It asks
//! control and formats; it holds no state.

pub mod client;
pub mod server;

mod api;

pub use api::{Listed, full, read_only};
