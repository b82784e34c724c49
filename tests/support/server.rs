//! An HTTP or HTTPS server that behaves as told, and remembers what it was asked.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::{HandshakeKind, ServerConnection, StreamOwned};
use socket2::{Domain, SockRef, Socket, Type};

use super::authority::Identity;

/// A server on one address for as long as it lives, whether it runs or was killed: the port stays
/// its own.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    socket: Arc<Socket>,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

/// What a server does with a connection.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// Reads the request, sends these bytes, closes.
    Reply(Vec<u8>),
    /// Sends these bytes without reading, closes once the client has.
    Banner(Vec<u8>),
    /// Reads the request, then sends the head of a reply byte by byte, without an end.
    Dribble,
    /// Reads and never says a word.
    Silent,
    /// Closes at once.
    Close,
    /// Resets at once.
    Reset,
}

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The client's address; another port is another connection.
    pub peer: SocketAddr,
    /// The name the client asked for in the TLS handshake.
    pub sni: Option<String>,
    /// Whether the client saw the certificate in this handshake.
    pub full_handshake: bool,
    /// The head of the request, up to the empty line.
    pub head: String,
}

impl Request {
    /// The value of the first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Behaviour {
    /// A whole reply.
    pub fn reply(status: u16, body: &str) -> Self {
        Self::reply_with(status, "", body.as_bytes())
    }

    /// A whole reply with further headers, each ending in CRLF.
    pub fn reply_with(status: u16, headers: &str, body: &[u8]) -> Self {
        let head = format!(
            "HTTP/1.1 {status} -\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n",
            body.len()
        );
        Self::Reply([head.as_bytes(), body].concat())
    }
}

impl Server {
    /// An HTTP server on a free port of 127.0.0.1.
    pub fn http(behaviour: Behaviour) -> Self {
        Self::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), behaviour, None)
    }

    /// An HTTP server on this address; port 0 is a free one.
    pub fn http_at(address: SocketAddr, behaviour: Behaviour) -> Self {
        Self::start(address, behaviour, None)
    }

    /// An HTTPS server on a free port of 127.0.0.1.
    pub fn https(identity: Identity, behaviour: Behaviour) -> Self {
        Self::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), behaviour, Some(identity))
    }

    fn start(address: SocketAddr, behaviour: Behaviour, identity: Option<Identity>) -> Self {
        let socket = Arc::new(reserve(address));
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(behaviour),
            identity: Mutex::new(identity),
            requests: Mutex::new(Vec::new()),
            open: Mutex::new(HashMap::new()),
            accepted: AtomicUsize::new(0),
        });
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        let mut server = Self { address, socket, shared, acceptor: None };
        server.restart();
        server
    }

    /// Where it listens, or did before it was killed.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Treats every further connection like this.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().unwrap() = behaviour;
    }

    /// Shows this in every further handshake.
    pub fn show(&self, identity: Identity) {
        *self.shared.identity.lock().unwrap() = Some(identity);
    }

    /// What it was asked, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// How many connections it has accepted.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// Stops listening and closes every connection: further ones are refused.
    pub fn kill(&mut self) {
        let Some(acceptor) = self.acceptor.take() else { return };
        self.socket.shutdown(Shutdown::Both).unwrap();
        acceptor.join().unwrap();
        for (_, stream) in self.shared.open.lock().unwrap().drain() {
            // The client may have closed it already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Listens again, on the same address and port.
    pub fn restart(&mut self) {
        if self.acceptor.is_some() {
            return;
        }
        self.socket.listen(128).unwrap();
        let (socket, shared) = (Arc::clone(&self.socket), Arc::clone(&self.shared));
        self.acceptor = Some(thread::spawn(move || accept(&socket, &shared)));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

#[derive(Debug)]
struct Shared {
    behaviour: Mutex<Behaviour>,
    identity: Mutex<Option<Identity>>,
    requests: Mutex<Vec<Request>>,
    /// By number of acceptance.
    open: Mutex<HashMap<usize, TcpStream>>,
    accepted: AtomicUsize,
}

/// A bound socket that keeps its port while it does not listen. The kernel frees a port that it
/// chose itself when listening ends, so the chosen one is asked for by number.
fn reserve(address: SocketAddr) -> Socket {
    let bound = |address: SocketAddr| {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.bind(&address.into()).unwrap();
        socket
    };
    let chosen = bound(address);
    bound(chosen.local_addr().unwrap().as_socket().unwrap())
}

fn accept(socket: &Socket, shared: &Arc<Shared>) {
    // An error is the end of listening.
    while let Ok((stream, _)) = socket.accept() {
        let stream = TcpStream::from(stream);
        let number = shared.accepted.fetch_add(1, Ordering::SeqCst);
        let behaviour = shared.behaviour.lock().unwrap().clone();
        if let Behaviour::Reset = behaviour {
            SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
            continue;
        }
        shared.open.lock().unwrap().insert(number, stream.try_clone().unwrap());
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // A client that goes away in the middle is none of the server's business.
            let _ = serve(&stream, behaviour, &shared);
            // Not before the client has read it all: closing over unread bytes would reset.
            let _ = stream.shutdown(Shutdown::Write);
            let _ = io::copy(&mut &stream, &mut io::sink());
            shared.open.lock().unwrap().remove(&number);
        });
    }
}

fn serve(stream: &TcpStream, behaviour: Behaviour, shared: &Shared) -> io::Result<()> {
    if let Behaviour::Close = behaviour {
        return Ok(());
    }
    let mut request = Request {
        peer: stream.peer_addr()?,
        sni: None,
        full_handshake: false,
        head: String::new(),
    };
    let mut plain = stream;
    let identity = shared.identity.lock().unwrap().clone();
    let Some(identity) = identity else {
        return converse(&mut plain, behaviour, request, shared);
    };
    let mut connection = ServerConnection::new(identity.config()).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut plain)?;
    }
    request.sni = connection.server_name().map(str::to_owned);
    request.full_handshake = connection.handshake_kind() != Some(HandshakeKind::Resumed);
    let mut session = StreamOwned::new(connection, plain);
    converse(&mut session, behaviour, request, shared)?;
    session.conn.send_close_notify();
    session.flush()
}

fn converse(
    stream: &mut (impl Read + Write),
    behaviour: Behaviour,
    request: Request,
    shared: &Shared,
) -> io::Result<()> {
    match behaviour {
        Behaviour::Reply(reply) => {
            read_request(stream, request, shared)?;
            stream.write_all(&reply)?;
            stream.flush()
        }
        Behaviour::Dribble => {
            read_request(stream, request, shared)?;
            stream.write_all(b"HTTP/1.1 200 OK\r\nX-Endless: ")?;
            // The client's patience ends it: writing fails once it has closed.
            loop {
                stream.write_all(b"x")?;
                stream.flush()?;
                thread::park_timeout(Duration::from_millis(20));
            }
        }
        Behaviour::Banner(bytes) => {
            stream.write_all(&bytes)?;
            stream.flush()
        }
        Behaviour::Silent => io::copy(stream, &mut io::sink()).map(drop),
        Behaviour::Close | Behaviour::Reset => Ok(()),
    }
}

/// Reads up to the empty line that ends a request without a body, and remembers it.
fn read_request(stream: &mut impl Read, mut request: Request, shared: &Shared) -> io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    request.head = String::from_utf8_lossy(&head).into_owned();
    shared.requests.lock().unwrap().push(request);
    Ok(())
}
