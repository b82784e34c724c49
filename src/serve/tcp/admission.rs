//! Who may connect: limits shared by all listeners, and what a connection holds while it lives.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::time::Instant;

use crate::serve::tally::{Cause, Connections};
use crate::time::Monotonic;

use super::Limits;
use super::seats::{Full, Seat, Seats};

/// Who is connected, over all listeners.
#[derive(Clone, Debug)]
pub struct Admission {
    limits: Arc<ArcSwap<Limits>>,
    seats: Arc<Mutex<Seats<oneshot::Sender<()>>>>,
    counts: Arc<Connections>,
    /// What time is counted from.
    start: Instant,
}

/// A connection's claim to its seat, which is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    admission: Admission,
    seat: Seat,
}

/// How a connection hears that its seat is taken away.
#[derive(Debug)]
pub(super) struct Eviction(oneshot::Receiver<()>);

impl Admission {
    /// Nobody is connected yet; who is will be counted in `counts`. Must be called within a tokio
    /// runtime.
    pub fn new(limits: Limits, counts: Arc<Connections>) -> Self {
        Self {
            limits: Arc::new(ArcSwap::from_pointee(limits)),
            seats: Arc::new(Mutex::new(Seats::new())),
            counts,
            start: Instant::now(),
        }
    }

    /// Holds who connects from now on to these bounds. Who is connected is held to `idle` and
    /// `lifetime` from the next that it sends, or else from when it would be closed by those before:
    /// longer ones keep it, shorter ones don't close it sooner. Too many make way for the next
    /// newcomer: of its client for `per_client`, of anybody for `connections`.
    pub fn limit(&self, limits: Limits) {
        self.limits.store(Arc::new(limits));
    }

    /// The bounds.
    pub(in crate::serve) fn limits(&self) -> Limits {
        **self.limits.load()
    }

    /// A seat for a newcomer from `address`, which may be another's until now. `None`: all that it
    /// could have have an answer under way.
    pub(super) fn admit(&self, address: IpAddr) -> Option<(Claim, Eviction)> {
        let (limits, now) = (self.limits(), self.now());
        let most = (limits.connections, limits.per_client);
        let (tell, told) = oneshot::channel();
        let mut seats = self.lock();
        // A connection hears of it by the end of what is dropped here.
        let evicted = |full, _| self.counts.evicted(cause(full));
        match seats.admit(network(address), most, tell, now, evicted) {
            Ok(seat) => {
                self.counts.accepted(seats.taken());
                Some((Claim { admission: self.clone(), seat }, Eviction(told)))
            }
            Err(Full::Client | Full::All) => {
                self.counts.refused();
                None
            }
        }
    }

    /// Takes a seat away for a newcomer that can't even be asked who it is, since there is no
    /// descriptor for it. Whether there was one to take.
    pub(super) fn make_room(&self) -> bool {
        let now = self.now();
        let is_freed = self.lock().free_any(now).is_some();
        if is_freed {
            self.counts.evicted(Cause::Descriptors);
        }
        is_freed
    }

    fn now(&self) -> Monotonic {
        Monotonic::from_start(self.start.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, Seats<oneshot::Sender<()>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// The bounds now.
    pub(super) fn limits(&self) -> Limits {
        self.admission.limits()
    }

    /// Says that the connection has nothing to do from `at` on. Until then it keeps its seat.
    pub(super) fn rest_from(&self, at: Instant) {
        let since_start = at.saturating_duration_since(self.admission.start);
        self.seat.rest_from(Monotonic::from_start(since_start));
    }
}

impl Eviction {
    /// Waits for it. Must not be called after it has returned.
    pub(super) async fn come(&mut self) {
        // Nothing is ever sent.
        let _ = (&mut self.0).await;
    }

    /// Whether it has come.
    pub(super) fn has_come(&mut self) -> bool {
        self.0.try_recv() == Err(TryRecvError::Closed)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut seats = self.admission.lock();
        seats.leave(&self.seat);
        self.admission.counts.left(seats.taken());
    }
}

/// What one client has: an IPv4 address, or the /64 of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

fn cause(full: Full) -> Cause {
    match full {
        Full::Client => Cause::PerClient,
        Full::All => Cause::Connections,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn admission(connections: usize, per_client: usize) -> Admission {
        let (idle, lifetime) = (Duration::from_secs(10), Duration::from_secs(3600));
        Admission::new(Limits { idle, lifetime, connections, per_client }, Arc::default())
    }

    fn admit(admission: &Admission, addresses: &[&str]) -> Vec<(Claim, Eviction)> {
        let admit = |address: &&str| admission.admit(address.parse().unwrap()).unwrap();
        addresses.iter().map(admit).collect()
    }

    fn evicted(connections: &mut [(Claim, Eviction)]) -> Vec<bool> {
        connections.iter_mut().map(|(_, eviction)| eviction.has_come()).collect()
    }

    #[test]
    fn the_addresses_of_a_64_are_one_client() {
        let admission = admission(100, 2);
        let addresses = ["2001:db8::1", "2001:db8:0:1::1", "2001:db8::2", "2001:db8::3"];
        let mut connections = admit(&admission, &addresses);
        assert_eq!(evicted(&mut connections), [true, false, false, false]);
    }

    #[test]
    fn a_connection_that_ends_leaves_its_place_to_another() {
        let admission = admission(2, 2);
        let mut connections = admit(&admission, &["192.0.2.1", "192.0.2.2"]);
        drop(connections.pop());
        connections.extend(admit(&admission, &["192.0.2.3"]));
        assert_eq!(evicted(&mut connections), [false, false]);
        drop(connections);
        let sums = admission.counts.sums();
        assert_eq!((sums.open, sums.accepted, sums.evicted), (0, 3, [0; 3]));
    }

    #[test]
    fn an_evicted_connection_gives_back_what_is_another_s_by_now_but_once() {
        let admission = admission(1, 1);
        let first = admit(&admission, &["192.0.2.1"]);
        let mut second = admit(&admission, &["192.0.2.1"]);
        drop(first);
        assert_eq!(admission.counts.sums().open, 1);
        assert_eq!(evicted(&mut second), [false]);
    }

    #[test]
    fn a_lower_limit_is_kept_from_the_next_newcomer_on() {
        let admission = admission(4, 4);
        let mut connections = admit(&admission, &["192.0.2.1"; 4]);
        admission.limit(Limits { connections: 2, ..admission.limits() });
        assert_eq!(evicted(&mut connections), [false; 4]);
        connections.extend(admit(&admission, &["192.0.2.2"]));
        assert_eq!(evicted(&mut connections), [true, true, true, false, false]);
        assert_eq!(admission.counts.sums().evicted, [3, 0, 0]);
    }

    #[test]
    fn room_is_made_as_for_a_client_without_connections() {
        let admission = admission(10, 10);
        let mut connections = admit(&admission, &["::1", "192.0.2.1", "192.0.2.1"]);
        assert!(admission.make_room());
        assert_eq!(evicted(&mut connections), [false, true, false]);
        assert_eq!(admission.counts.sums().evicted, [0, 0, 1]);
    }
}
