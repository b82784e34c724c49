//! Batches of datagrams: the system calls of the UDP path, and all of the crate's `unsafe`.
//!
//! Why not a safe wrapper: nix's `sendmmsg` gives every message of a call the same control data, so
//! that a wildcard listener could not answer each client from the address it asked, and does not
//! tell how many messages went out. The pointers in the headers lead into boxes that the batch
//! owns and never resizes; each header is pointed at its own slot before every call.
#![allow(unsafe_code, reason = "recvmmsg and sendmmsg with per-message control data; see above")]

use std::io;
use std::mem::{size_of, size_of_val, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::libc;

/// Datagrams per system call: 32 take 5 % off single calls, more take nothing off.
pub(super) const BATCH: usize = 32;
/// The longest query that is read; longer ones are cut and so malformed.
const QUERY: usize = 2048;
/// Room for a response: the largest that `udp_payload` allows.
const RESPONSE: usize = 4096;
/// Room for one IP_PKTINFO or IPV6_PKTINFO message, header included.
const CONTROL: usize = 64;

/// Up to [`BATCH`] datagrams, with where they came from and which of our addresses they came to.
pub(super) struct Batch {
    headers: Box<[libc::mmsghdr]>,
    vectors: Box<[libc::iovec]>,
    slots: Box<[Slot]>,
    /// How many of `headers` are to be sent.
    pending: usize,
}

/// What one datagram needs.
struct Slot {
    query: [u8; QUERY],
    response: [u8; RESPONSE],
    peer: libc::sockaddr_storage,
    control: Control,
}

/// Control messages are aligned as the kernel's headers are.
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

// SAFETY: the raw pointers in the headers and vectors lead into the batch's own boxes.
unsafe impl Send for Batch {}

impl Batch {
    pub(super) fn new() -> Self {
        // SAFETY: all of these are plain C structures, for which zeros are a value.
        let (headers, vectors, slots) = unsafe {
            (
                (0..BATCH).map(|_| zeroed()).collect(),
                (0..BATCH).map(|_| zeroed()).collect(),
                (0..BATCH).map(|_| zeroed()).collect(),
            )
        };
        Self { headers, vectors, slots, pending: 0 }
    }

    /// Waits for a datagram and takes all that are there, at most [`BATCH`]. `WouldBlock` after the
    /// socket's receive timeout.
    pub(super) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        for ((header, vector), slot) in
            self.headers.iter_mut().zip(&mut self.vectors).zip(&mut self.slots)
        {
            vector.iov_base = slot.query.as_mut_ptr().cast();
            vector.iov_len = QUERY;
            let message = &mut header.msg_hdr;
            message.msg_name = (&raw mut slot.peer).cast();
            message.msg_namelen = size_of_val(&slot.peer) as libc::socklen_t;
            message.msg_iov = vector;
            message.msg_iovlen = 1;
            message.msg_control = slot.control.0.as_mut_ptr().cast();
            message.msg_controllen = CONTROL as _;
        }
        // SAFETY: each header was just pointed at storage of the stated length, owned by `self`.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_WAITFORONE,
                std::ptr::null_mut(),
            )
        };
        usize::try_from(received).map_err(|_| io::Error::last_os_error())
    }

    /// Calls `answer` for the first `received` datagrams with each one's octets, its sender and
    /// room for a response, whose length it returns; 0 for none.
    pub(super) fn answer(
        &mut self,
        received: usize,
        mut answer: impl FnMut(&[u8], IpAddr, &mut [u8]) -> usize,
    ) {
        self.pending = 0;
        for index in 0..received.min(BATCH) {
            let slot = &mut self.slots[index];
            let Some(peer) = address(&slot.peer) else { continue };
            if peer.port() == 0 {
                continue;
            }
            let len = (self.headers[index].msg_len as usize).min(QUERY);
            let len = answer(&slot.query[..len], peer.ip().to_canonical(), &mut slot.response);
            if len == 0 {
                continue;
            }
            self.vectors[index].iov_base = slot.response.as_mut_ptr().cast();
            self.vectors[index].iov_len = len.min(RESPONSE);
            let header = &mut self.headers[index].msg_hdr;
            answer_from_where_it_came(header, &mut slot.control);
            self.headers.swap(self.pending, index);
            self.pending += 1;
        }
    }

    /// Sends the responses without waiting: those for neighbours that don't answer would fill the
    /// send buffer and hold up everybody else's. Returns how many the kernel refused.
    pub(super) fn send(&mut self, socket: BorrowedFd<'_>) -> usize {
        let mut refused = 0;
        let mut done = 0;
        while done < self.pending {
            let rest = &mut self.headers[done..self.pending];
            // SAFETY: `receive` and `answer` pointed these headers at storage owned by `self`.
            let sent = unsafe {
                libc::sendmmsg(
                    socket.as_raw_fd(),
                    rest.as_mut_ptr(),
                    rest.len() as libc::c_uint,
                    libc::MSG_DONTWAIT,
                )
            };
            match usize::try_from(sent) {
                Ok(sent) if sent > 0 => done += sent,
                // The first of the rest is at fault.
                _ if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
                _ => {
                    refused += 1;
                    done += 1;
                }
            }
        }
        self.pending = 0;
        refused
    }
}

/// Turns the control data of a received datagram into that of its response, so that it leaves
/// from the address that was asked. The kernel chooses the interface, but for link-local addresses.
fn answer_from_where_it_came(header: &mut libc::msghdr, control: &mut Control) {
    let len = header.msg_controllen;
    if len == 0 {
        header.msg_control = std::ptr::null_mut();
        return;
    }
    // SAFETY: `control` holds `len` octets of control messages that the kernel wrote, and is aligned
    // for their headers; the lengths are checked before the data behind a header is touched.
    unsafe {
        let message = control.0.as_mut_ptr().cast::<libc::cmsghdr>();
        let data = libc::CMSG_DATA(message);
        let has = |size: usize| {
            len >= libc::CMSG_SPACE(size as _) as usize
                && (*message).cmsg_len == libc::CMSG_LEN(size as _) as usize
        };
        match ((*message).cmsg_level, (*message).cmsg_type) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) if has(size_of::<libc::in_pktinfo>()) => {
                (*data.cast::<libc::in_pktinfo>()).ipi_ifindex = 0;
                header.msg_controllen = libc::CMSG_SPACE(size_of::<libc::in_pktinfo>() as _) as _;
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) if has(size_of::<libc::in6_pktinfo>()) => {
                let info = data.cast::<libc::in6_pktinfo>();
                let local = Ipv6Addr::from((*info).ipi6_addr.s6_addr);
                if !local.is_unicast_link_local() {
                    (*info).ipi6_ifindex = 0;
                }
                header.msg_controllen = libc::CMSG_SPACE(size_of::<libc::in6_pktinfo>() as _) as _;
            }
            _ => {
                header.msg_control = std::ptr::null_mut();
                header.msg_controllen = 0;
            }
        }
    }
}

fn address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that this is a `sockaddr_in`, which is no larger.
            let v4 = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that this is a `sockaddr_in6`, which is no larger.
            let v6 = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), 0, v6.sin6_scope_id).into())
        }
        _ => None,
    }
}
