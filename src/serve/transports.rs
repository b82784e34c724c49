//! Every open address with its threads and tasks, and how addresses and workers come and go while
//! queries do: new sockets are read before old ones stop, and a socket that goes is first taken out
//! of the kernel's choice and then read until it is empty.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, timeout_at};

use crate::answer::{Answer, Queries, RateLimit, Transport};
use crate::systemd::{self, Keeper, Passed, SocketName};

use super::limiting::{self, Limited, Limiting};
use super::listen::{self, ListenError, deafen};
use super::passed::{self, Sockets};
use super::tcp::{Acceptor, Admission, Limits, Phase};
use super::udp::Worker;
use super::{Shared, Tally, Totals};

/// All that serves DNS.
#[derive(Debug)]
pub struct Transports {
    shared: Shared,
    totals: Totals,
    limiting: Limiting,
    /// The tasks that tell of the limit and of those before it; they end with this.
    tellers: JoinSet<()>,
    admission: Admission,
    /// Of all TCP connections.
    tally: Arc<Mutex<Arc<Tally>>>,
    open: Vec<Open>,
    leaving: Leaving,
    /// Tallies whose workers have ended: their counts stay, and another worker counts on.
    spare: Vec<Arc<Tally>>,
    /// Whether systemd is to keep copies of the sockets.
    outlives: bool,
    /// The limit of open files when it began to serve.
    files: u64,
}

/// What is to be served, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where; with port 0 on a port that the kernel chooses.
    pub listen: Vec<SocketAddr>,
    /// Threads for each address.
    pub workers: usize,
    /// What TCP connections may take.
    pub limits: Limits,
    /// How many UDP responses a network gets; `None`: any number.
    pub rate_limit: Option<RateLimit>,
    /// File descriptors that TCP connections must leave to everything else.
    pub reserved: usize,
}

/// An address of `listen`.
#[derive(Debug)]
struct Open {
    /// As it was asked for.
    asked: SocketAddr,
    address: SocketAddr,
    /// Never empty. Where sockets are fewer than workers, some share one.
    udp: Vec<Served>,
    tcp: TcpListener,
    keeper: Keeper,
    accepting: Accepting,
}

/// A UDP socket and who reads it.
#[derive(Debug)]
struct Served {
    socket: Arc<UdpSocket>,
    keeper: Keeper,
    reader: Reader,
}

/// A worker and what it counts by.
#[derive(Debug)]
struct Reader(Worker, Arc<Tally>);

/// A task that accepts, and what it is told.
#[derive(Debug)]
struct Accepting(watch::Sender<Phase>, JoinHandle<io::Result<()>>);

/// What has been told to end.
#[derive(Debug, Default)]
pub struct Leaving {
    readers: Vec<Reader>,
    accepting: Vec<Accepting>,
}

impl Transports {
    /// Opens what is `wanted`, with the sockets in `passed` where they fit; those that were used are
    /// then gone from it. Another process may still read them: none is closed for it. Must be called within a tokio runtime.
    pub fn open(
        wanted: &Wanted,
        passed: &mut Passed,
        shared: Shared,
        totals: Totals,
    ) -> Result<Self, Vec<ListenError>> {
        let files = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft);
        let limits = affordable(wanted, files, None);
        let mut transports = Self {
            shared,
            admission: Admission::new(limits, totals.connections()),
            tally: Arc::new(Mutex::new(totals.tally(Transport::Tcp))),
            totals,
            limiting: Limiting::default(),
            tellers: JoinSet::new(),
            open: vec![],
            leaving: Leaving::default(),
            spare: vec![],
            outlives: false,
            files,
        };
        let fixed: Vec<_> =
            wanted.listen.iter().filter(|asked| asked.port() != 0).copied().collect();
        let sockets = wanted.listen.iter().map(|&asked| {
            let sockets = passed::take(passed, asked, &fixed);
            (asked, passed::complete(sockets, asked, wanted.workers))
        });
        // Nothing is read before all are there: what a process that fails has read is lost.
        let (sockets, errors) = separate(sockets);
        if !errors.is_empty() {
            return Err(errors);
        }
        transports.limit(wanted.rate_limit.as_ref());
        transports.add(sockets, wanted.workers)?;
        Ok(transports)
    }

    /// Makes what is open what is `wanted`, without losing a query. With an error all addresses
    /// stay as they were. Must be called within a tokio runtime.
    pub fn change(&mut self, wanted: &Wanted) -> Result<(), Vec<ListenError>> {
        self.reap();
        let mut before = std::mem::take(&mut self.open);
        let (mut stay, mut missing) = (vec![], vec![]);
        for &asked in &wanted.listen {
            match before.iter().position(|open| open.asked == asked) {
                Some(at) => stay.push(before.remove(at)),
                None => missing.push(asked),
            }
        }
        self.open = stay;
        let others: Vec<_> = self.open.iter().chain(&before).map(|open| &open.tcp).collect();
        let sockets = missing.into_iter().map(|asked| {
            let sockets = passed::open(asked, wanted.workers, &others);
            (asked, sockets)
        });
        let (sockets, mut errors) = separate(sockets);
        if errors.is_empty() {
            errors = self.add(sockets, wanted.workers).err().unwrap_or_default();
        } else {
            self.discard(sockets);
        }
        if !errors.is_empty() {
            self.open.append(&mut before);
            return Err(errors);
        }
        for open in before {
            tracing::info!(address = %open.address, "no longer listening on {}", open.address);
            self.remove(open);
        }
        let place = |open: &Open| wanted.listen.iter().position(|&asked| asked == open.asked);
        self.open.sort_by_key(place);
        for index in 0..self.open.len() {
            self.resize(index, wanted.workers);
        }
        self.admission.limit(affordable(wanted, self.files, Some(self.admission.limits())));
        self.limit(wanted.rate_limit.as_ref());
        if self.outlives {
            self.outlive();
        }
        Ok(())
    }

    /// Has systemd keep a copy of each socket from now on, so that what comes while no process runs
    /// waits in it.
    pub fn outlive(&mut self) {
        self.outlives = true;
        for open in &mut self.open {
            if open.keeper == Keeper::Nobody {
                systemd::keep(&name("TCP", open.address, &open.tcp), open.tcp.as_fd());
                open.keeper = Keeper::Store;
            }
            // A socket that is shared is kept once.
            for served in open.udp.iter_mut().filter(|served| served.keeper == Keeper::Nobody) {
                systemd::keep(&name("UDP", open.address, &served.socket), served.socket.as_fd());
                served.keeper = Keeper::Store;
            }
        }
    }

    /// Copies of all sockets, and the names by which another process knows them.
    pub fn copies(&self) -> io::Result<Vec<(OwnedFd, String)>> {
        let mut copies = vec![];
        for open in &self.open {
            let tcp = open.keeper.name(name("TCP", open.address, &open.tcp));
            copies.push((open.tcp.as_fd().try_clone_to_owned()?, tcp));
            for (index, served) in open.udp.iter().enumerate() {
                let before = open.udp.iter().take(index);
                if before.into_iter().all(|other| !Arc::ptr_eq(&other.socket, &served.socket)) {
                    let udp = served.keeper.name(name("UDP", open.address, &served.socket));
                    copies.push((served.socket.as_fd().try_clone_to_owned()?, udp));
                }
            }
        }
        Ok(copies)
    }

    /// How long a TCP connection may be idle.
    pub fn idle(&self) -> Duration {
        self.admission.limits().idle
    }

    /// Where it listens, in the order of `listen`.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.open.iter().map(|open| open.address).collect()
    }

    /// What each thread counted by pool and preference.
    pub fn queries(&self) -> Vec<Arc<Queries>> {
        self.totals.queries()
    }

    /// How many rounds each worker has made.
    pub fn beats(&self) -> Vec<u64> {
        let served = self.open.iter().flat_map(|open| &open.udp);
        served.map(|served| served.reader.0.beats()).collect()
    }

    /// Gives up everything, for the caller to end.
    pub fn take(&mut self) -> Leaving {
        let mut leaving = std::mem::take(&mut self.leaving);
        for open in self.open.drain(..) {
            leaving.readers.extend(open.udp.into_iter().map(|served| served.reader));
            leaving.accepting.push(open.accepting);
        }
        leaving
    }

    /// Has UDP responses be limited like this from the next batch of each worker on. Counts begin anew
    /// where that is not how they are.
    fn limit(&mut self, settings: Option<&RateLimit>) {
        let current = self.limiting.load_full();
        if current.as_deref().map(Limited::settings) == settings {
            return;
        }
        let limited = settings.map(|settings| Arc::new(Limited::new(settings.clone())));
        self.limiting.store(limited.clone());
        while self.tellers.try_join_next().is_some() {}
        if let Some(limited) = limited {
            self.tellers.spawn(limiting::tell(limited, self.limiting.clone()));
        }
    }

    /// Serves on all sockets.
    fn add(
        &mut self,
        sockets: Vec<(SocketAddr, Sockets)>,
        workers: usize,
    ) -> Result<(), Vec<ListenError>> {
        let mut new = vec![];
        for (asked, sockets) in sockets {
            new.push(self.serve(asked, sockets, workers).map_err(|error| vec![error])?);
        }
        for open in &new {
            tracing::info!(address = %open.address, "listening on {}", open.address);
        }
        self.open.extend(new);
        Ok(())
    }

    fn serve(
        &mut self,
        asked: SocketAddr,
        sockets: Sockets,
        workers: usize,
    ) -> Result<Open, ListenError> {
        let Sockets { address, tcp, keeper, udp } = sockets;
        let failed = |transport| move |error| ListenError { address, transport, error };
        let (phase, is_phase) = watch::channel(Phase::Serving);
        let acceptor = Acceptor {
            listener: tcp.try_clone().map_err(failed("TCP"))?,
            shared: self.shared.clone(),
            tally: self.tally.clone(),
            admission: self.admission.clone(),
            phase: is_phase,
        };
        let shared: Vec<_> = udp.into_iter().map(|(udp, keeper)| (Arc::new(udp), keeper)).collect();
        let mut served = vec![];
        for (socket, keeper) in shared.iter().cycle().take(shared.len().max(workers)) {
            let reader = self.read(socket).map_err(failed("UDP"))?;
            served.push(Served { socket: Arc::clone(socket), keeper: *keeper, reader });
        }
        let accepting = Accepting(phase, tokio::spawn(acceptor.run()));
        Ok(Open { asked, address, udp: served, tcp, keeper, accepting })
    }

    fn read(&mut self, socket: &Arc<UdpSocket>) -> io::Result<Reader> {
        let tally = self.spare.pop().unwrap_or_else(|| self.totals.tally(Transport::Udp));
        let (shared, limiting) = (self.shared.clone(), self.limiting.clone());
        let seen = |_: &[u8], _: &Answer| ();
        let worker = Worker::spawn_limited(socket.clone(), shared, limiting, tally.clone(), seen)?;
        Ok(Reader(worker, tally))
    }

    /// Has an address be read by so many workers. Where the system refuses one more socket (those
    /// there are may be another user's), workers share.
    fn resize(&mut self, index: usize, workers: usize) {
        while let Some(open) = self.open.get(index).filter(|open| open.udp.len() < workers) {
            let address = open.address;
            let (socket, keeper) = match listen::udp(address) {
                Ok(socket) => (Arc::new(socket), Keeper::Nobody),
                Err(error) => {
                    tracing::debug!(%address, %error, "workers share a socket of {address}: {error}");
                    let Some(served) = open.udp.get(open.udp.len() % sockets(open)) else { return };
                    (served.socket.clone(), served.keeper)
                }
            };
            let reader = match self.read(&socket) {
                Ok(reader) => reader,
                Err(error) => {
                    tracing::error!(%address, %error, "can't start a worker on {address}: {error}");
                    // It is in the kernel's choice already.
                    let _ = deafen(&socket, address);
                    return;
                }
            };
            if let Some(open) = self.open.get_mut(index) {
                open.udp.push(Served { socket, keeper, reader });
            }
        }
        while let Some(open) = self.open.get_mut(index).filter(|open| open.udp.len() > workers) {
            let Some(served) = open.udp.pop() else { return };
            let is_shared = open.udp.iter().any(|other| Arc::ptr_eq(&other.socket, &served.socket));
            let address = open.address;
            match served.keeper {
                _ if is_shared => {
                    served.reader.0.stop();
                    self.leaving.readers.push(served.reader);
                }
                // The kernel goes on choosing it for as long as the unit holds it.
                Keeper::Unit => {
                    open.udp.push(served);
                    return;
                }
                Keeper::Nobody | Keeper::Store => self.retire(served, address),
            }
        }
    }

    /// Ends an address: what has come is answered, and connections end when they are idle.
    fn remove(&mut self, open: Open) {
        let Open { address, udp, tcp, keeper, accepting, .. } = open;
        if keeper == Keeper::Store {
            systemd::release(&name("TCP", address, &tcp));
        }
        accepting.0.send_replace(Phase::Leaving);
        self.leaving.accepting.push(accepting);
        for served in udp {
            self.retire(served, address);
        }
    }

    /// Closes new sockets once what came to them is answered: they may be in the place of others of
    /// ours.
    fn discard(&mut self, sockets: Vec<(SocketAddr, Sockets)>) {
        for (asked, sockets) in sockets {
            if let Ok(open) = self.serve(asked, sockets, 1) {
                self.remove(open);
            }
        }
    }

    fn retire(&mut self, served: Served, address: SocketAddr) {
        let Served { socket, keeper, reader } = served;
        match keeper {
            // It is the unit's, and may be wanted again.
            Keeper::Unit => {
                tracing::warn!(%address, "a socket unit still holds {address}: nobody answers there");
                reader.0.stop();
            }
            Keeper::Nobody | Keeper::Store => {
                if keeper == Keeper::Store {
                    systemd::release(&name("UDP", address, &socket));
                }
                match deafen(&socket, address) {
                    Ok(()) => reader.0.run_dry(),
                    // The host does not have the address, so nobody asks there.
                    Err(_) => reader.0.stop(),
                }
            }
        }
        self.leaving.readers.push(reader);
    }

    /// Forgets who has ended.
    fn reap(&mut self) {
        let readers = std::mem::take(&mut self.leaving.readers);
        for reader in readers {
            if reader.0.has_ended() {
                reader.0.join();
                self.spare.push(reader.1);
            } else {
                self.leaving.readers.push(reader);
            }
        }
        self.leaving.accepting.retain(|accepting| !accepting.1.is_finished());
    }
}

impl Leaving {
    /// Has connections end once what they sent is answered, at most until `deadline`, and then the
    /// workers, all at once, when they have answered what has arrived: so UDP clients wait the
    /// shortest for another process.
    pub async fn end(self, deadline: Instant) {
        let Self { readers, accepting } = self;
        readers.iter().for_each(|reader| reader.0.prepare());
        for Accepting(phase, _) in &accepting {
            phase.send_replace(Phase::Ending);
        }
        for Accepting(_, mut task) in accepting {
            if timeout_at(deadline, &mut task).await.is_err() {
                tracing::warn!("clients that did not take their answers are cut off");
                task.abort();
                let _ = task.await;
            }
        }
        while readers.iter().any(|reader| !reader.0.is_prepared()) && Instant::now() < deadline {
            tokio::time::sleep(PREPARING).await;
        }
        join(readers).await;
    }

    /// Leaves the sockets to another process at once, and lets connections go on until they are
    /// idle; what is left of them after `patience`, or when `hurry` is done, ends once what it sent is
    /// answered.
    pub async fn leave(self, patience: Duration, hurry: impl Future<Output = ()>, last: Duration) {
        let Self { readers, accepting } = self;
        for Accepting(phase, _) in &accepting {
            phase.send_replace(Phase::Leaving);
        }
        join(readers).await;
        let mut accepting = accepting;
        let idle = async {
            for Accepting(_, task) in &mut accepting {
                let _ = task.await;
            }
        };
        tokio::select! {
            () = idle => return,
            () = tokio::time::sleep(patience) => {}
            () = hurry => {}
        }
        accepting.retain(|accepting| !accepting.1.is_finished());
        Self { readers: vec![], accepting }.end(Instant::now() + last).await;
    }
}

/// No more TCP connections than there can be beside everything else with so many files open; where those
/// are fewer than wanted, and others than `before`, that is told. A flood of them must not end probes.
fn affordable(wanted: &Wanted, files: u64, before: Option<Limits>) -> Limits {
    let Wanted { limits, reserved, .. } = *wanted;
    let room = usize::try_from(files).unwrap_or(usize::MAX).saturating_sub(reserved).max(1);
    let affordable = Limits { connections: limits.connections.min(room), ..limits };
    if affordable != limits && before != Some(affordable) {
        tracing::warn!(
            files,
            "the limit of open files, {files}, has room for {room} TCP connections and not {}: raise \
             it (LimitNOFILE), or lower [server.tcp] connections",
            limits.connections
        );
    }
    affordable
}

/// The sockets that could be opened, and why others could not.
fn separate(
    all: impl Iterator<Item = (SocketAddr, Result<Sockets, ListenError>)>,
) -> (Vec<(SocketAddr, Sockets)>, Vec<ListenError>) {
    let (mut sockets, mut errors) = (vec![], vec![]);
    for (asked, opened) in all {
        match opened {
            Ok(opened) => sockets.push((asked, opened)),
            Err(error) => errors.push(error),
        }
    }
    (sockets, errors)
}

/// Between looks at workers that prepare to stop.
const PREPARING: Duration = Duration::from_millis(5);

async fn join(readers: Vec<Reader>) {
    readers.iter().for_each(|reader| reader.0.stop());
    let joined =
        tokio::task::spawn_blocking(|| readers.into_iter().for_each(|reader| reader.0.join()));
    let _ = joined.await;
}

/// How many sockets an address has.
fn sockets(open: &Open) -> usize {
    let is_first = |(index, served): (usize, &Served)| {
        open.udp.iter().take(index).all(|other| !Arc::ptr_eq(&other.socket, &served.socket))
    };
    open.udp.iter().enumerate().filter(|&served| is_first(served)).count().max(1)
}

fn name(transport: &str, address: SocketAddr, socket: &impl AsFd) -> SocketName {
    SocketName::of(transport, address, socket)
}
