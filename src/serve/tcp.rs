//! TCP (RFC 7766): each connection is a task that reads all that waits, answers every complete
//! query in it into one buffer, and writes once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener as StdTcpListener};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::answer::{Request, Transport, answer};
use crate::clock;

use super::listen::BACKLOG;
use super::{Shared, Tally};

/// What connections may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A connection is closed this long after its last complete query, however much of the next one
    /// has come; a client that does not take its answers, as long after they were ready.
    pub idle: Duration,
    /// Connections in all.
    pub connections: usize,
    /// Connections of one client: an IPv4 address or an IPv6 /64.
    pub per_client: usize,
}

/// Accepts on one listener for as long as it is told to.
pub struct Acceptor {
    /// The listener, in non-blocking mode.
    pub listener: StdTcpListener,
    /// Where the answers come from.
    pub shared: Shared,
    /// What is counted, by whichever thread of the runtime.
    pub tally: Arc<Mutex<Arc<Tally>>>,
    /// The bounds, shared by all listeners.
    pub admission: Admission,
    /// What is to be done. A sender that is gone means [`Phase::Ending`].
    pub phase: watch::Receiver<Phase>,
}

/// How far the end of a listener has come; it only goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Connections are accepted.
    Serving,
    /// No more are, once those that wait have been; each lives until it is idle.
    Leaving,
    /// Each ends once what it has sent is answered.
    Ending,
}

/// Who is connected, over all listeners.
#[derive(Clone, Debug)]
pub struct Admission {
    limits: Arc<ArcSwap<Limits>>,
    clients: Arc<Mutex<Clients>>,
}

#[derive(Debug, Default)]
struct Clients {
    connections: usize,
    /// By [`network`].
    by_network: HashMap<IpAddr, usize>,
}

/// A connection's place; given back when dropped.
struct Place {
    admission: Admission,
    address: IpAddr,
}

/// Pending answers are written once they are this long, in octets.
const FLUSH: usize = 64 * 1024;
/// The first read buffer of a connection, in octets.
const READ: usize = 2048;
/// How long a client that was told of the end may take to close its own side.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long to wait when the process is out of descriptors.
const BACK_OFF: Duration = Duration::from_millis(50);

thread_local! {
    /// Room for one response. Answering never waits, so one for each thread is enough.
    static RESPONSE: RefCell<Box<[u8]>> = RefCell::new(vec![0; usize::from(u16::MAX)].into());
}

impl Admission {
    /// Nobody is connected.
    pub fn new(limits: Limits) -> Self {
        Self { limits: Arc::new(ArcSwap::from_pointee(limits)), clients: Arc::default() }
    }

    /// Holds who connects from now on to these bounds, and who is connected from its next query.
    pub fn limit(&self, limits: Limits) {
        self.limits.store(Arc::new(limits));
    }

    /// How long a connection may be idle.
    pub(super) fn idle(&self) -> Duration {
        self.limits.load().idle
    }

    /// The connections now open.
    pub fn connections(&self) -> usize {
        self.lock().connections
    }

    fn admit(&self, address: IpAddr) -> Option<Place> {
        let limits = self.limits.load();
        let mut clients = self.lock();
        if clients.connections >= limits.connections {
            return None;
        }
        let own = clients.by_network.entry(network(address)).or_default();
        if *own >= limits.per_client {
            return None;
        }
        *own += 1;
        clients.connections += 1;
        Some(Place { admission: self.clone(), address })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut clients = self.admission.lock();
        clients.connections -= 1;
        let network = network(self.address);
        if let Some(own) = clients.by_network.get_mut(&network) {
            *own -= 1;
            if *own == 0 {
                clients.by_network.remove(&network);
            }
        }
    }
}

impl Acceptor {
    /// Runs until it has ended, or has left and the last client too. Must be called within a tokio
    /// runtime.
    pub async fn run(mut self) -> io::Result<()> {
        let listener = TcpListener::from_std(self.listener.try_clone()?)?;
        let mut connections = JoinSet::new();
        let mut failing = false;
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        failing = false;
                        self.admit(stream, peer, &mut connections);
                    }
                    Err(error) => {
                        if !std::mem::replace(&mut failing, true) {
                            tracing::warn!(%error, "can't accept a TCP connection: {error}");
                        }
                        tokio::time::sleep(BACK_OFF).await;
                    }
                },
                Some(_) = connections.join_next() => {}
                () = reached(&mut self.phase, Phase::Leaving) => break,
            }
        }
        if *self.phase.borrow() == Phase::Leaving {
            // Closing a listener resets those that wait. New ones must not hold up the end.
            for _ in 0..BACKLOG {
                let waiting = self.listener.accept();
                let Ok((stream, peer)) = waiting else { break };
                if let Ok(stream) =
                    stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream))
                {
                    self.admit(stream, peer, &mut connections);
                }
            }
        }
        drop(listener);
        drop(self.listener);
        while connections.join_next().await.is_some() {}
        Ok(())
    }

    /// One too many is closed at once, which tells its client to come back.
    fn admit(&self, stream: TcpStream, peer: SocketAddr, connections: &mut JoinSet<()>) {
        let Some(place) = self.admission.admit(peer.ip().to_canonical()) else { return };
        let connection = Connection {
            stream,
            shared: self.shared.clone(),
            tally: self.tally.clone(),
            phase: self.phase.clone(),
            place,
        };
        connections.spawn(connection.run());
    }
}

/// What one client has: an IPv4 address, or the /64 of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

/// Waits until the end has come this far.
async fn reached(phase: &mut watch::Receiver<Phase>, far: Phase) {
    let _ = phase.wait_for(|phase| *phase >= far).await;
}

struct Connection {
    stream: TcpStream,
    shared: Shared,
    tally: Arc<Mutex<Arc<Tally>>>,
    phase: watch::Receiver<Phase>,
    place: Place,
}

impl Connection {
    /// Serves until the client leaves, is idle for too long, or the server drains. Errors end the
    /// connection and are nobody's news.
    async fn run(mut self) {
        let _ = self.stream.set_nodelay(true);
        let admission = self.place.admission.clone();
        let mut input = Vec::with_capacity(READ);
        let mut output = Vec::new();
        let mut deadline = Instant::now() + admission.idle();
        loop {
            let read = tokio::select! {
                // What has arrived is answered before a drain ends the connection.
                biased;
                read = timeout_at(deadline, self.stream.read_buf(&mut input)) => read,
                () = reached(&mut self.phase, Phase::Ending) => break,
            };
            let Ok(Ok(1..)) = read else { break };
            while let Some(used) = self.answer_waiting(&input, &mut output) {
                input.drain(..used);
                deadline = Instant::now() + admission.idle();
                let written = timeout_at(deadline, self.stream.write_all(&output)).await;
                output.clear();
                if !matches!(written, Ok(Ok(()))) {
                    return;
                }
            }
        }
        self.part(input).await;
    }

    /// Closes so that the client gets all of its answers. Closing over bytes that were not read would
    /// be a reset, which throws away what the client has not read either: so they are read first.
    async fn part(mut self, mut input: Vec<u8>) {
        let _ = self.stream.shutdown().await;
        let deadline = Instant::now() + FAREWELL;
        loop {
            input.clear();
            let read = timeout_at(deadline, self.stream.read_buf(&mut input)).await;
            let Ok(Ok(1..)) = read else { return };
        }
    }

    /// Answers complete queries at the start of `input` into `output` until it is worth a write.
    /// Returns how much of `input` they were; `None` if there was not one.
    fn answer_waiting(&self, input: &[u8], output: &mut Vec<u8>) -> Option<usize> {
        let snapshot = self.shared.load();
        let (peer, transport, now) = (self.place.address, Transport::Tcp, clock::wall());
        let tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rest = input;
        while output.len() < FLUSH
            && let Some((message, tail)) = take_message(rest)
        {
            rest = tail;
            let request = Request { message, peer, transport, now };
            RESPONSE.with_borrow_mut(|response| {
                let answered =
                    catch_unwind(AssertUnwindSafe(|| answer(&snapshot, &request, response)));
                let Ok(answer) = answered else { return tally.count_panic() };
                tally.count(&answer);
                if let Some(written @ [_, ..]) = response.get(..answer.len) {
                    output.extend_from_slice(&(written.len() as u16).to_be_bytes());
                    output.extend_from_slice(written);
                }
            });
        }
        let used = input.len() - rest.len();
        (used > 0).then_some(used)
    }
}

/// One message with its length before it (RFC 1035 section 4.2.2), and what follows; `None` until
/// all of it has come.
pub fn take_message(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = input.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission() -> Admission {
        Admission::new(Limits { idle: Duration::from_secs(10), connections: 3, per_client: 2 })
    }

    fn places(admission: &Admission, addresses: &[&str]) -> Vec<Option<Place>> {
        addresses.iter().map(|address| admission.admit(address.parse().unwrap())).collect()
    }

    #[test]
    fn the_addresses_of_a_64_are_one_client() {
        let admission = admission();
        let places =
            places(&admission, &["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"]);
        let are_admitted: Vec<_> = places.iter().map(Option::is_some).collect();
        assert_eq!(are_admitted, [true, true, false, true]);
    }

    #[test]
    fn a_connection_that_ends_leaves_its_place_to_another() {
        let admission = admission();
        let all = places(&admission, &["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]);
        assert_eq!((all.iter().flatten().count(), admission.connections()), (3, 3));
        drop(all);
        assert_eq!(admission.connections(), 0);
        assert!(admission.admit("192.0.2.4".parse().unwrap()).is_some());
    }
}
