//! The sockets of one address: those that were passed to this process, completed by new ones.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use socket2::Socket;

use crate::systemd::{Keeper, Passed, PassedSocket};

use super::listen::{self, ListenError, Listener};

/// What an address is served on.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) address: SocketAddr,
    pub(super) tcp: TcpListener,
    pub(super) keeper: Keeper,
    /// At least one.
    pub(super) udp: Vec<(UdpSocket, Keeper)>,
}

/// What was passed of one address.
pub(super) struct Found {
    address: SocketAddr,
    tcp: Option<(TcpListener, Keeper)>,
    udp: Vec<(UdpSocket, Keeper)>,
}

/// New sockets of an address, beside those of `others` that this process listens on.
pub(super) fn open(
    asked: SocketAddr,
    workers: usize,
    others: &[&TcpListener],
) -> Result<Sockets, ListenError> {
    let Listener { address, udp, tcp } = listen::bind_beside(asked, workers.max(1), others)?;
    let udp = udp.into_iter().map(|udp| (udp, Keeper::Nobody)).collect();
    Ok(Sockets { address, tcp, keeper: Keeper::Nobody, udp })
}

/// Takes the sockets of an address out of `passed`. Port 0 takes any port that is not in `fixed`.
pub(super) fn take(passed: &mut Passed, asked: SocketAddr, fixed: &[SocketAddr]) -> Found {
    let fits = |address: SocketAddr| {
        let any = asked.port() == 0 && address.ip() == asked.ip() && !fixed.contains(&address);
        address == asked || any
    };
    let all = passed.tcp.iter().map(|tcp| tcp.address);
    let mut all = all.chain(passed.udp.iter().map(|udp| udp.address));
    let address = all.find(|&address| fits(address)).unwrap_or(asked);
    let tcp = passed.tcp.iter().position(|tcp| tcp.address == address);
    let tcp = tcp.map(|at| passed.tcp.swap_remove(at)).map(|tcp| (tcp.socket, tcp.keeper));
    let is_ours = |udp: &mut PassedSocket<UdpSocket>| udp.address == address;
    let udp = passed.udp.extract_if(.., is_ours).map(|udp| (udp.socket, udp.keeper)).collect();
    Found { address, tcp, udp }
}

/// Opens what was not passed. Of the UDP sockets that were, none is left out, however few workers
/// there are to be: the kernel gives queries to each.
pub(super) fn complete(
    found: Found,
    asked: SocketAddr,
    workers: usize,
) -> Result<Sockets, ListenError> {
    let Found { address, tcp, udp } = found;
    if tcp.is_none() && udp.is_empty() {
        return open(asked, workers, &[]);
    }
    let failed = |transport| move |error| ListenError { address, transport, error };
    let (tcp, keeper) = match tcp {
        Some((tcp, keeper)) => {
            tcp.set_nonblocking(true).map_err(failed("TCP"))?;
            (tcp, keeper)
        }
        None => (listen::tcp_beside(address, &[]).map_err(failed("TCP"))?, Keeper::Nobody),
    };
    let mut fitted = vec![];
    for (udp, keeper) in udp {
        let socket = Socket::from(udp);
        listen::fit_for_worker(&socket, address).map_err(failed("UDP"))?;
        fitted.push((UdpSocket::from(socket), keeper));
    }
    while fitted.len() < workers.max(1) {
        match listen::udp(address) {
            Ok(udp) => fitted.push((udp, Keeper::Nobody)),
            // Of another user's sockets there can be no more: workers share them.
            Err(error) if !fitted.is_empty() && is_another_users(&error) => break,
            Err(error) => return Err(failed("UDP")(error)),
        }
    }
    Ok(Sockets { address, tcp, keeper, udp: fitted })
}

fn is_another_users(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}
