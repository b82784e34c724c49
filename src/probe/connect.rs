//! The connection to the probed address, and whether a failed one ever left this host.
//!
//! The system call itself reports what this host could not send (no route, no descriptor, no port);
//! what the network answered comes later, as the socket's pending error. The same number means
//! different things in the two: ENETUNREACH from the call is a missing route here, and from the
//! network a router that has lost the endpoint. A client library joins them, so the socket is
//! opened here.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;

use super::cause::{self, Phase};
use crate::health::{Cause, Verdict};

/// The addresses to connect from; where there is none, the system's choice.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sources {
    v4: Option<Ipv4Addr>,
    v6: Option<Ipv6Addr>,
}

impl Sources {
    /// Of several of a family the last counts.
    pub(super) fn of(addresses: &[IpAddr]) -> Self {
        let mut sources = Self::default();
        for address in addresses {
            match address {
                IpAddr::V4(address) => sources.v4 = Some(*address),
                IpAddr::V6(address) => sources.v6 = Some(*address),
            }
        }
        sources
    }

    fn towards(self, target: SocketAddr) -> Option<IpAddr> {
        match target {
            SocketAddr::V4(_) => self.v4.map(IpAddr::V4),
            SocketAddr::V6(_) => self.v6.map(IpAddr::V6),
        }
    }
}

/// Connects. The caller bounds the time.
pub(super) async fn connect(target: SocketAddr, sources: Sources) -> Result<TcpStream, Verdict> {
    let socket = open(target).map_err(|error| cause::unsent(&error))?;
    if let Some(source) = sources.towards(target) {
        bind(&socket, source)?;
    }
    let stream = send(socket, target).map_err(|error| cause::unsent(&error))?;
    let answer = match stream.writable().await {
        Ok(()) => stream.take_error().unwrap_or_else(Some),
        Err(error) => Some(error),
    };
    match answer {
        None => Ok(stream),
        Some(error) => Err(Verdict::Failure(cause::answered(&error, Phase::Connect))),
    }
}

fn open(target: SocketAddr) -> io::Result<Socket> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(target), kind, Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket)
}

/// Has the connection come from `source`. The port is left open until the target is known, so that
/// probes of different targets can share one.
fn bind(socket: &Socket, source: IpAddr) -> Result<(), Verdict> {
    // A system without this has fewer ports for probes.
    let _ = setsockopt(socket, sockopt::IpBindAddressNoPort, &true);
    socket.bind(&SocketAddr::new(source, 0).into()).map_err(|error| {
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::EADDRNOTAVAIL) => {
                Verdict::NotProbed(Cause::Other(format!("this host has no address {source}")))
            }
            _ => cause::unsent(&error),
        }
    })
}

/// Sends the request to connect.
fn send(socket: Socket, target: SocketAddr) -> io::Result<TcpStream> {
    match socket.connect(&target.into()) {
        Err(error) if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) => {}
        result => result?,
    }
    TcpStream::from_std(socket.into())
}
