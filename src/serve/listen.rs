//! Opens the sockets: for each address one TCP listener and, by SO_REUSEPORT, one UDP socket for
//! each worker.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

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
pub(super) const RECEIVE_BUFFER: usize = 4 << 20;
/// The send buffer asked for, in octets: responses for neighbours that don't answer fill it.
const SEND_BUFFER: usize = 4 << 20;
/// How long a worker waits before it looks for a new snapshot although nobody asks.
const IDLE: Duration = Duration::from_secs(1);
/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Opens every one of `addresses`, all or nothing.
pub fn bind(addresses: &[SocketAddr], workers: usize) -> Result<Vec<Listener>, ListenError> {
    addresses.iter().map(|&address| bind_one(address, workers.max(1))).collect()
}

fn bind_one(address: SocketAddr, workers: usize) -> Result<Listener, ListenError> {
    let error = |address, transport| move |error| ListenError { address, transport, error };
    // TCP first: with port 0 the kernel chooses one that UDP is then given too.
    let tcp = tcp(address).map_err(error(address, "TCP"))?;
    let address = tcp.local_addr().map_err(error(address, "TCP"))?;
    let udp = (0..workers).map(|_| udp(address)).collect::<io::Result<_>>();
    Ok(Listener { address, udp: udp.map_err(error(address, "UDP"))?, tcp })
}

fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(true)?;
    prepare(&socket, address)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_read_timeout(Some(IDLE))?;
    if address.ip().is_unspecified() {
        match address.ip() {
            IpAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?,
            IpAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?,
        }
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    prepare(&socket, address)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
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
