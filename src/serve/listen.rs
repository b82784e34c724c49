//! Opens the sockets: for each address one TCP listener and, by SO_REUSEPORT, one UDP socket for
//! each worker.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// One address of `listen`, open.
#[derive(Debug)]
pub struct Listener {
    /// The address, with the port that the kernel chose where 0 was asked for.
    pub address: SocketAddr,
    /// One socket for each worker.
    pub udp: Vec<UdpSocket>,
    /// The listener for TCP.
    pub tcp: TcpListener,
}

/// An address that could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("can't listen on {address} ({transport}): {error}{}", remedy(error))]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    /// `UDP` or `TCP`.
    pub transport: &'static str,
    /// What the system said.
    pub error: io::Error,
}

/// The receive buffer asked for, in octets: at the default of 208 KiB, bursts lose up to 1.6 %.
const RECEIVE_BUFFER: usize = 4 << 20;
/// The send buffer asked for, in octets: responses for neighbours that don't answer fill it.
const SEND_BUFFER: usize = 4 << 20;
/// How long a worker waits before it looks for a new snapshot although nobody asks.
const IDLE: Duration = Duration::from_secs(1);
/// Connections that wait to be accepted.
pub(super) const BACKLOG: i32 = 1024;

/// Opens every one of `addresses`, all or nothing.
pub fn bind(addresses: &[SocketAddr], workers: usize) -> Result<Vec<Listener>, ListenError> {
    addresses.iter().map(|&address| bind_beside(address, workers.max(1), &[])).collect()
}

/// Opens one address beside those of `others` that this process listens on.
pub(super) fn bind_beside(
    address: SocketAddr,
    workers: usize,
    others: &[&TcpListener],
) -> Result<Listener, ListenError> {
    let error = |address, transport| move |error| ListenError { address, transport, error };
    // TCP first: with port 0 the kernel chooses one that UDP is then given too.
    let tcp = tcp_beside(address, others).map_err(error(address, "TCP"))?;
    let address = tcp.local_addr().map_err(error(address, "TCP"))?;
    let udp = (0..workers).map(|_| udp(address)).collect::<io::Result<_>>();
    Ok(Listener { address, udp: udp.map_err(error(address, "UDP"))?, tcp })
}

/// One more UDP socket of `address`.
pub(super) fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(true)?;
    prepare(&socket, address)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    fit_for_worker(&socket, address)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Makes a UDP socket that another process has opened what a worker needs. Its buffers stay: whoever
/// opened it may have been allowed larger ones.
pub(super) fn fit_for_worker(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(IDLE))?;
    if address.ip().is_unspecified() {
        match address.ip() {
            IpAddr::V4(_) => setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?,
            IpAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?,
        }
    }
    Ok(())
}

/// Takes a UDP socket out of what the kernel may give datagrams to, while those that it has remain.
/// Connected to itself it hears nobody else, and no longer counts among the sockets of its
/// address. Closing it would lose what it has, and the kernel would go on choosing it until then.
pub(super) fn deafen(socket: &UdpSocket, address: SocketAddr) -> io::Result<()> {
    let own = match address {
        SocketAddr::V4(any) if any.ip().is_unspecified() => {
            (Ipv4Addr::LOCALHOST, any.port()).into()
        }
        SocketAddr::V6(any) if any.ip().is_unspecified() => {
            (Ipv6Addr::LOCALHOST, any.port()).into()
        }
        own => own,
    };
    socket.connect(own)
}

/// The TCP listener of `address`. Those of one port can't be open together when one of them is of all
/// addresses, unless all say that they may: then they say so for a moment. For longer they must not,
/// since a second server is to be refused.
pub(super) fn tcp_beside(address: SocketAddr, others: &[&TcpListener]) -> io::Result<TcpListener> {
    let alone = tcp(address, &[]);
    let has_port =
        |other: &&TcpListener| other.local_addr().is_ok_and(|other| other.port() == address.port());
    let others: Vec<_> = others.iter().copied().filter(has_port).collect();
    match alone {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && !others.is_empty() => {
            tcp(address, &others)
        }
        alone => alone,
    }
}

fn tcp(address: SocketAddr, sharing: &[&TcpListener]) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    prepare(&socket, address)?;
    socket.set_nonblocking(true)?;
    let listen = || {
        if !sharing.is_empty() {
            socket.set_reuse_port(true)?;
        }
        sharing.iter().try_for_each(|other| SockRef::from(*other).set_reuse_port(true))?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)
    };
    let listening = listen();
    if !sharing.is_empty() {
        socket.set_reuse_port(false)?;
        sharing.iter().try_for_each(|other| SockRef::from(*other).set_reuse_port(false))?;
    }
    listening?;
    Ok(socket.into())
}

fn prepare(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // An address that the host does not have yet (a floating one, or before the network is up) can
    // be listened on all the same.
    if !address.ip().is_unspecified() {
        setsockopt(socket, sockopt::IpFreebind, &true)?;
    }
    Ok(())
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; another server has it (see `ss -lnup`)",
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need CAP_NET_BIND_SERVICE, as the systemd unit gives it"
        }
        _ if error.raw_os_error() == Some(Errno::EAFNOSUPPORT as i32) => {
            "; this host is without IPv6: leave its addresses out of `listen`"
        }
        _ => "",
    }
}
