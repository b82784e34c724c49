//! The connection to the probed address, and whether a failed one ever left this host.
//!
//! The system call itself reports what this host could not send (no route, no descriptor, no port);
//! what the network answered comes later, as the socket's pending error. The same number means
//! different things in the two: ENETUNREACH from the call is a missing route here, and from the
//! network a router that has lost the endpoint. A client library joins them, so the socket is
//! opened here.

use std::io;
use std::net::SocketAddr;

use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;

use super::cause::{self, Phase};
use crate::health::Verdict;

/// Connects. The caller bounds the time.
pub(super) async fn connect(target: SocketAddr) -> Result<TcpStream, Verdict> {
    let stream = send(target).map_err(|error| cause::unsent(&error))?;
    let answer = match stream.writable().await {
        Ok(()) => stream.take_error().unwrap_or_else(Some),
        Err(error) => Some(error),
    };
    match answer {
        None => Ok(stream),
        Some(error) => Err(Verdict::Failure(cause::answered(&error, Phase::Connect))),
    }
}

/// Sends the request to connect.
fn send(target: SocketAddr) -> io::Result<TcpStream> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(target), kind, Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    match socket.connect(&target.into()) {
        Err(error) if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) => {}
        result => result?,
    }
    TcpStream::from_std(socket.into())
}
