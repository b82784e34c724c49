//! The transports on sockets of loopback addresses, with ports that the kernel chooses.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use meridian::answer::{Snapshot, Transport};
use meridian::serve::tcp::{Acceptor, Admission, Limits, Phase};
use meridian::serve::udp::Worker;
use meridian::serve::{Totals, bind};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// What serves a snapshot over UDP and TCP; ends when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shared: Arc<ArcSwap<Snapshot>>,
    stop: watch::Sender<Phase>,
    worker: Option<Worker>,
    _runtime: Runtime,
}

/// Connections that one client may have.
pub(crate) const PER_CLIENT: usize = 10;
/// Nothing takes this long but a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

impl Server {
    pub(crate) fn start(snapshot: Snapshot) -> Self {
        Self::start_on(Ipv4Addr::LOCALHOST.into(), snapshot)
    }

    /// Listens on `ip`, which may stand for every address.
    pub(crate) fn start_on(ip: IpAddr, snapshot: Snapshot) -> Self {
        let shared = Arc::new(ArcSwap::from_pointee(snapshot));
        let totals = Totals::default();
        let mut listeners = bind(&[(ip, 0).into()], 1).unwrap();
        let listener = listeners.remove(0);
        let tally = totals.tally(Transport::Udp);
        let udp = listener.udp.into_iter().next().unwrap();
        let worker = Worker::spawn(udp, shared.clone(), tally, |_, _| ()).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (idle, lifetime) = (PATIENCE, PATIENCE * 10);
        let limits = Limits { idle, lifetime, connections: 100, per_client: PER_CLIENT };
        let (stop, phase) = watch::channel(Phase::Serving);
        let acceptor = Acceptor {
            listener: listener.tcp,
            shared: shared.clone(),
            tally: Arc::new(Mutex::new(totals.tally(Transport::Tcp))),
            admission: Admission::new(limits, totals.connections()),
            phase,
        };
        runtime.spawn(acceptor.run());
        Self { address: listener.address, shared, stop, worker: Some(worker), _runtime: runtime }
    }

    /// Serves `snapshot` to whoever asks from now on.
    fn publish(&self, snapshot: Snapshot) {
        self.shared.store(Arc::new(snapshot));
    }

    /// Sends `messages` as datagrams from one socket and returns the first `count` responses.
    pub(crate) fn udp(&self, messages: &[Vec<u8>], count: usize) -> Vec<Vec<u8>> {
        let socket = UdpSocket::bind((IpAddr::from(Ipv4Addr::LOCALHOST), 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.connect(self.address).unwrap();
        for message in messages {
            socket.send(message).unwrap();
        }
        let receive = || {
            let mut response = vec![0; 65_535];
            let len = socket.recv(&mut response).unwrap();
            response.truncate(len);
            response
        };
        (0..count).map(|_| receive()).collect()
    }

    /// Sends one datagram and returns the response.
    pub(crate) fn ask(&self, message: &[u8]) -> Vec<u8> {
        self.udp(&[message.to_vec()], 1).remove(0)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Sends one message over a connection of its own and returns the response, the only one.
    pub(crate) fn tcp(&self, message: &[u8]) -> Vec<u8> {
        let mut stream = self.connect();
        stream.write_all(&framed(message)).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let response = read_message(&mut stream);
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "nothing comes after the response");
        response
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.stop.send(Phase::Ending);
        if let Some(worker) = self.worker.take() {
            worker.stop();
            // Wakes it: it looks up once a datagram has come.
            let waker = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let _ = waker.send_to(&[], self.address);
            worker.join();
        }
    }
}

/// The response of a server of `snapshot` to 127.0.0.1.
pub(crate) fn ask_over_a_socket(
    snapshot: &Snapshot,
    transport: Transport,
    message: &[u8],
) -> Vec<u8> {
    /// Servers that nobody uses: one for each test that runs is enough.
    static IDLE: Mutex<Vec<Server>> = Mutex::new(vec![]);
    let idle = IDLE.lock().unwrap().pop();
    let server = idle.unwrap_or_else(|| Server::start(snapshot.clone()));
    server.publish(snapshot.clone());
    let response = match transport {
        Transport::Udp => server.ask(message),
        Transport::Tcp => server.tcp(message),
    };
    IDLE.lock().unwrap().push(server);
    response
}

/// A message behind its length (RFC 1035 section 4.2.2).
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes()[..], message].concat()
}

pub(crate) fn read_message(stream: &mut TcpStream) -> Vec<u8> {
    let mut len = [0; 2];
    stream.read_exact(&mut len).unwrap();
    let mut message = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut message).unwrap();
    message
}
