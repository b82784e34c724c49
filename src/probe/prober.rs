//! One probe, from waiting for a place to its outcome.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time;

use super::cause::Phase;
use super::connect::Sources;
use super::plan::{Kind, Probe};
use super::{connect, http, tls};
use crate::clock::Clock;
use crate::health::{Cause, MonitorId, Outcome, Verdict};

/// Makes probes, a bounded number at a time. Clones share the bound.
#[derive(Clone, Debug)]
pub struct Prober {
    places: Arc<Semaphore>,
    clock: Clock,
    sources: Sources,
}

impl Prober {
    /// A prober with at most `outstanding` probes under way (at least 1); others wait, first come
    /// first served.
    pub fn new(outstanding: usize, clock: Clock) -> Self {
        let places = outstanding.clamp(1, Semaphore::MAX_PERMITS);
        Self { places: Arc::new(Semaphore::new(places)), clock, sources: Sources::default() }
    }

    /// The same, probing from these addresses.
    pub fn probing_from(self, sources: &[IpAddr]) -> Self {
        Self { sources: Sources::of(sources), ..self }
    }

    /// Probes once. Waiting for a place counts neither into the timeout nor into the duration.
    pub async fn probe(&self, monitor: MonitorId, probe: &Probe) -> Outcome {
        let _place = self.places.acquire().await.expect("the semaphore is never closed");
        let began = self.clock.now().mono;
        let limit = probe.spec.check.thresholds.timeout;
        let mut phase = Phase::Connect;
        // On the heap, so that the thousands that wait for a place are small.
        let attempt = Box::pin(attempt(probe, self.sources, &mut phase));
        let (verdict, load) = match time::timeout(limit, attempt).await {
            Ok(Ok(load)) => (Verdict::Success, load),
            Ok(Err(verdict)) => (verdict, None),
            Err(_elapsed) => (Verdict::Failure(phase.timeout()), None),
        };
        let duration = self.clock.now().mono.saturating_since(began);
        let verdict = match verdict {
            // What came in time was not heard: this host was suspended, or has no time for probes.
            Verdict::Failure(_) if duration > limit + LATE => {
                Verdict::NotProbed(Cause::Other("this host stood still meanwhile".to_owned()))
            }
            verdict => verdict,
        };
        Outcome { monitor, duration, verdict, load }
    }
}

/// By how much a probe that is watched may outlive its timeout.
const LATE: Duration = Duration::from_secs(1);

/// The whole probe, and the load that is reported; `phase` tells how far it came when it is dropped by
/// the timeout. An error is never `Success`.
async fn attempt(
    probe: &Probe,
    sources: Sources,
    phase: &mut Phase,
) -> Result<Option<f64>, Verdict> {
    let check = match &probe.kind {
        Kind::Tcp => None,
        Kind::Http(check) => Some(check),
        Kind::Unprobeable(fault) => {
            return Err(Verdict::NotProbed(Cause::Other(fault.to_string())));
        }
    };
    let stream = connect::connect(probe.spec.target, sources).await?;
    let Some(check) = check else { return Ok(None) };
    let Some(session) = &check.session else {
        *phase = Phase::Reply;
        return http::exchange(stream, check).await;
    };
    *phase = Phase::Tls;
    let stream = tls::handshake(stream, session).await.map_err(Verdict::Failure)?;
    *phase = Phase::Reply;
    http::exchange(stream, check).await
}
