//! What systemd is told, under `Type=notify`, and the sockets that it passes. Without systemd nothing
//! is said, nothing is passed, and nothing fails.

mod passed;

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::warn;

pub use passed::{
    ADMIN, CONTROL, Keeper, PREDECESSOR, Passed, PassedSocket, SocketName, keep, release,
};

/// Clients are served. The text is for `systemctl status`.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(line(status))]);
}

/// Files are being read again; [`reloaded`] follows.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => warn!(%error, "can't tell systemd of a reload: {error}"),
    }
}

/// A reload is over, whether it changed anything or not.
pub fn reloaded() {
    tell(&[NotifyState::Ready]);
}

/// The way things stand, for `systemctl status`.
pub fn status(text: &str) {
    tell(&[NotifyState::Status(line(text))]);
}

/// Another process has taken over. What this one says from now on counts for nothing.
pub fn succeeded_by(process: u32) {
    tell(&[NotifyState::MainPid(process)]);
}

/// The process is about to end.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// All that must make progress has.
pub fn watchdog() {
    tell(&[NotifyState::Watchdog]);
}

/// How often to call [`watchdog`]: a third of `WatchdogSec=`, so that one late call is no death.
/// `None`: nobody watches.
pub fn watchdog_period() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 3)
}

/// A failure is logged: a deaf supervisor is no reason not to serve.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, ?states, "can't tell systemd: {error}");
    }
}

/// The first line: in this protocol each line says something of its own.
fn line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_can_say_nothing_but_itself() {
        assert_eq!(line("1 zone\nMAINPID=1"), "1 zone");
        assert_eq!(line(""), "");
    }
}
