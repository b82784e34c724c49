//! What leaves the process to be watched: log lines and metrics. It formats what others tell it and
//! decides nothing.

pub mod logs;
pub mod metrics;

mod journal;
mod lines;
