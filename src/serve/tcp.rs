//! TCP (RFC 7766, RFC 9210): a task for each listener that accepts, and one for each connection.
//! Connections are answered in order, each read by one write, and which of them stay when there are
//! too many is decided by [`Admission`].

mod admission;
mod connection;
mod seats;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdTcpListener};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::answer::{Request, Transport, answer};
use crate::clock;

use super::listen::BACKLOG;
use super::{Shared, Tally};

pub use admission::Admission;
pub use connection::take_message;

use connection::{Answered, Connection, End, answer_each, reached};

/// What connections may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A connection is closed this long after its last message that had a response, however much of
    /// the next one has come (RFC 7766 section 6.2.3); a client that does not take its answers, as
    /// long after they were ready.
    pub idle: Duration,
    /// A connection is closed between two answers this long after it was accepted, however busy it
    /// is (RFC 9210 section 4.2).
    pub lifetime: Duration,
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

/// Between attempts to accept that fail.
const BACK_OFF: Duration = Duration::from_millis(10);
/// Accepting works again when it has not failed for so long.
const CALM: Duration = Duration::from_secs(3);

impl Acceptor {
    /// Runs until it has ended, or has left and the last client too. Must be called within a tokio
    /// runtime.
    pub async fn run(mut self) -> io::Result<()> {
        let listener = TcpListener::from_std(self.listener.try_clone()?)?;
        let mut connections = JoinSet::new();
        let mut failed = None;
        let mut has_made_room = false;
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        has_made_room = false;
                        self.admit(stream, peer, &mut connections);
                    }
                    Err(error) => {
                        if failed.replace(Instant::now()).is_none() {
                            self.tell_failure(&error);
                        }
                        // Once for each that is accepted: where another takes the descriptor it is no use.
                        if !has_made_room {
                            has_made_room = self.make_room(&error);
                        }
                        tokio::time::sleep(BACK_OFF).await;
                    }
                },
                Some(_) = connections.join_next() => {}
                () = calm(failed), if failed.is_some() => {
                    failed = None;
                    tracing::info!("TCP connections are accepted again{}", self.place());
                }
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

    fn tell_failure(&self, error: &io::Error) {
        let remedy = if is_out_of_descriptors(error) {
            "; raise the limit of open files (LimitNOFILE) or lower [server.tcp] connections"
        } else {
            ""
        };
        tracing::warn!(%error, "can't accept TCP connections{}: {error}{remedy}", self.place());
    }

    /// Where it listens, for people.
    fn place(&self) -> String {
        self.listener.local_addr().map_or_else(|_| String::new(), |at| format!(" on {at}"))
    }

    /// Ends a connection that has nothing to do for one that waits, if only descriptors are lacking.
    fn make_room(&self, error: &io::Error) -> bool {
        let mut listener = [PollFd::new(self.listener.as_fd(), PollFlags::POLLIN)];
        // Without descriptors accepting fails whether or not somebody waits.
        is_out_of_descriptors(error)
            && poll(&mut listener, PollTimeout::ZERO) == Ok(1)
            && self.admission.make_room()
    }

    /// One for which nobody can make way is closed at once, which tells its client to come back.
    fn admit(&self, stream: TcpStream, peer: SocketAddr, connections: &mut JoinSet<()>) {
        let peer = peer.ip().to_canonical();
        let Some((claim, eviction)) = self.admission.admit(peer) else { return };
        let _ = stream.set_nodelay(true);
        let (shared, tally) = (self.shared.clone(), self.tally.clone());
        let answer = move |input: &[u8], output: &mut [u8]| {
            answer_waiting(&shared, &tally, peer, input, output)
        };
        let phase = self.phase.clone();
        let mut connection = Connection { stream, answer, claim, eviction, phase };
        connections.spawn(async move {
            match connection.run().await {
                // The kernel keeps no answers for who does not want them.
                End::NotTaken => {
                    let _ = connection.stream.set_zero_linger();
                }
                End::Parted | End::GivenUp | End::Broken => {}
            }
        });
    }
}

/// The process' own limit, or the system's.
fn is_out_of_descriptors(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EMFILE | Errno::ENFILE))
}

/// Waits until nothing has failed for a while.
async fn calm(failed: Option<Instant>) {
    if let Some(at) = failed {
        sleep_until(at + CALM).await;
    }
}

/// Answers what has come of a connection from `peer`, all of it from one generation.
fn answer_waiting(
    shared: &Shared,
    tally: &Mutex<Arc<Tally>>,
    peer: IpAddr,
    input: &[u8],
    output: &mut [u8],
) -> Answered {
    let (snapshot, transport, now) = (shared.load(), Transport::Tcp, clock::wall());
    let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    let queries = tally.queries(&snapshot);
    answer_each(input, output, |message, response| {
        let request = Request { message, peer, transport, now };
        let answered = catch_unwind(AssertUnwindSafe(|| answer(&snapshot, &request, response)));
        let Ok(answer) = answered else {
            tally.count_panic();
            return 0;
        };
        tally.count(&answer);
        if let Some(queries) = &queries {
            queries.count(&answer);
        }
        answer.len
    })
}
