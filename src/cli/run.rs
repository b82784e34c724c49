//! `meridian run`: the daemon in the foreground, as systemd wants it.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::clock::Clock;
use crate::systemd;

use super::Config;
use super::daemon::{Daemon, Options};
use super::output::Failure;

/// Serves until SIGTERM or SIGINT.
pub(super) fn run(config: &Config) -> Result<(), Failure> {
    let options = Options::load(config)?;
    let runtime = super::daemon::runtime()?;
    runtime.block_on(async {
        // Before anything is served, so that no signal is missed.
        let mut hangup = signal(SignalKind::hangup())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let daemon = tokio::select! {
            daemon = Daemon::start(options, Clock::start()) => daemon?,
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        };
        systemd::ready(&daemon.summary());
        let mut watchdog = Watchdog::start(&daemon);
        loop {
            tokio::select! {
                _ = hangup.recv() => reload(&daemon),
                () = watchdog.tick(&daemon) => {}
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
            }
        }
        systemd::stopping();
        daemon.stop().await;
        Ok(())
    })
}

/// Reloads aside, so that signals and the watchdog go on being served.
fn reload(daemon: &Daemon) {
    let control = daemon.control();
    tokio::spawn(async move {
        systemd::reloading();
        // What came of it is in the log.
        let _ = control.reload().await;
        systemd::reloaded();
    });
}

/// Feeds systemd's watchdog while every worker and control make progress.
struct Watchdog {
    period: Option<Duration>,
    beats: Vec<u64>,
}

impl Watchdog {
    fn start(daemon: &Daemon) -> Self {
        Self { period: systemd::watchdog_period(), beats: daemon.beats() }
    }

    async fn tick(&mut self, daemon: &Daemon) {
        let Some(period) = self.period else { return std::future::pending().await };
        tokio::time::sleep(period).await;
        let beats = daemon.beats();
        let moving = beats.iter().zip(&self.beats).all(|(now, before)| now != before);
        self.beats = beats;
        let control = daemon.control();
        let answers = tokio::time::timeout(period, control.status()).await;
        if moving && matches!(answers, Ok(Ok(_))) {
            systemd::watchdog();
        } else {
            tracing::error!("a worker or the control task makes no progress");
        }
    }
}
