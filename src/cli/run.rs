//! `meridian run`: the daemon in the foreground, as systemd wants it.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::clock::Clock;
use crate::control::status::LoadStatus;
use crate::systemd::{self, Passed};

use super::Config;
use super::daemon::{Daemon, Options};
use super::output::Failure;
use super::upgrade::{self, Asking};

/// Serves until SIGTERM or SIGINT.
pub(super) fn run(config: &Config) -> Result<(), Failure> {
    // Before there is another thread.
    let passed = Passed::take();
    let runtime = super::daemon::runtime()?;
    runtime.block_on(async {
        // Before anything is read, so that no signal is missed or kills.
        let mut hangup = signal(SignalKind::hangup())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut options = Options::load(config)?;
        options.passed = passed;
        let (ask, mut asked) = mpsc::channel(1);
        options.routes = upgrade::routes(ask);
        let daemon = tokio::select! {
            daemon = Daemon::start(options, Clock::start()) => daemon?,
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        };
        daemon.transports().outlive();
        systemd::ready(&daemon.summary());
        let control = daemon.control();
        let successor = {
            // One future throughout: a signal must not begin its period anew.
            let mut watchdog = pin!(feed_watchdog(&daemon));
            let mut upgrade = pin!(hand_over(&daemon, &mut asked));
            loop {
                tokio::select! {
                    _ = hangup.recv() => reload(&daemon),
                    never = &mut watchdog => match never {},
                    process = &mut upgrade => break Some(process),
                    () = control.ended() => {
                        tracing::error!("steering has failed: ending, to be started anew");
                        return Err(Failure::Shown);
                    }
                    _ = terminate.recv() => break None,
                    _ = interrupt.recv() => break None,
                }
            }
        };
        match successor {
            // From now on systemd hears the other.
            Some(process) => {
                tracing::info!(process, "process {process} serves; ending when clients are idle");
                let hurry = async {
                    tokio::select! {
                        _ = terminate.recv() => {}
                        _ = interrupt.recv() => {}
                    }
                };
                daemon.leave(hurry).await;
            }
            None => {
                systemd::stopping();
                daemon.stop().await;
            }
        }
        Ok(())
    })
}

/// Waits until a hand-over that was asked for succeeds; those that fail change nothing.
async fn hand_over(daemon: &Daemon, asked: &mut mpsc::Receiver<Asking>) -> u32 {
    loop {
        let Some(Asking { reply, turn }) = asked.recv().await else { return pending().await };
        let came_to = try_to_hand_over(daemon).await;
        let process = came_to.as_ref().ok().copied();
        drop(turn);
        // Whoever asked may have left.
        let _ = reply.send(came_to);
        if let Some(process) = process {
            return process;
        }
    }
}

/// Hands over, with no load meanwhile: it would act on sockets that both have.
async fn try_to_hand_over(daemon: &Daemon) -> Result<u32, String> {
    let control = daemon.control();
    let load = control.hold_loads().await.map_err(|error| error.to_string())?;
    let came_to = match (refusal(&load), daemon.offer()) {
        (Some(refusal), _) => Err(refusal),
        (None, Ok(offer)) => offer.hand_over().await,
        (None, Err(failure)) => Err(failure.to_string()),
    };
    // Where control has ended, so does this process.
    let _ = match came_to {
        Ok(_) => control.end_loads().await,
        Err(_) => control.resume_loads().await,
    };
    came_to
}

/// Why nothing is handed over after such a load: a successor has only the files, and would lose or
/// take what this process holds back.
fn refusal(load: &LoadStatus) -> Option<String> {
    if load.clean {
        return None;
    }
    let mut lines = vec!["this process serves otherwise than its files say:"];
    lines.extend(load.errors.iter().map(|error| error.text.as_str()));
    if load.errors.is_empty() {
        lines.push("some are still being changed");
    }
    lines.push(
        "mend them, or have them taken as they are, by `meridian reload`; then upgrade again",
    );
    Some(lines.join("\n"))
}

/// Reloads aside, so that signals and the watchdog go on being served.
fn reload(daemon: &Daemon) {
    let control = daemon.control();
    tokio::spawn(async move {
        systemd::reloading();
        // What came of it is in the log.
        if let Err(error) = control.reload().await {
            tracing::warn!(%error, "nothing was reloaded: {error}");
        }
        systemd::reloaded();
    });
}

/// An idle worker beats once a second.
const STUCK: Duration = Duration::from_secs(3);

/// Feeds systemd's watchdog while every worker and control make progress.
async fn feed_watchdog(daemon: &Daemon) -> Infallible {
    let Some(period) = systemd::watchdog_period() else { return pending().await };
    let control = daemon.control();
    let (mut before, mut quiet) = (daemon.beats(), Duration::ZERO);
    loop {
        sleep(period).await;
        let beats = daemon.beats();
        quiet += period;
        if beats.iter().zip(&before).all(|(now, before)| now != before) {
            (before, quiet) = (beats, Duration::ZERO);
        }
        let answers = timeout(period, control.status()).await;
        if quiet < STUCK.max(period) && matches!(answers, Ok(Ok(_))) {
            systemd::watchdog();
        } else {
            tracing::error!("a worker or the control task makes no progress");
        }
    }
}
