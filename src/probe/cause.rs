//! From what the libraries and the system say to the words of `health`: typed, never by message.

use std::error::Error;
use std::io;

use nix::errno::Errno;

use super::tls;
use crate::health::{Cause, Verdict};

/// How far a probe has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// No connection yet.
    Connect,
    /// A connection, and no TLS session yet.
    Tls,
    /// The request goes out, the reply is awaited or read.
    Reply,
}

impl Phase {
    /// What it means when the time runs out in this phase.
    pub(super) fn timeout(self) -> Cause {
        match self {
            Self::Connect => Cause::ConnectTimeout,
            Self::Tls => Cause::TlsTimeout,
            Self::Reply => Cause::ReplyTimeout,
        }
    }
}

/// What the system call that should have sent the probe said: an answer only where it can be
/// one.
pub(super) fn unsent(error: &io::Error) -> Verdict {
    let exhausted = |what: &str| Verdict::NotProbed(Cause::Exhausted(what.to_owned()));
    match errno(error) {
        Some(Errno::ECONNREFUSED | Errno::ECONNRESET | Errno::ETIMEDOUT) => {
            Verdict::Failure(answered(error, Phase::Connect))
        }
        // In this order: none at all, one of type `unreachable`, one of type `blackhole`, no IPv6.
        Some(Errno::ENETUNREACH | Errno::EHOSTUNREACH | Errno::EINVAL | Errno::EAFNOSUPPORT) => {
            Verdict::NotProbed(Cause::NoRoute)
        }
        Some(Errno::EMFILE | Errno::ENFILE) => exhausted("file descriptors"),
        Some(Errno::EADDRNOTAVAIL) => exhausted("local ports"),
        Some(Errno::ENOBUFS | Errno::ENOMEM) => exhausted("memory"),
        _ => Verdict::NotProbed(Cause::Other(error.to_string())),
    }
}

/// What went wrong once the probe had left this host: an error of the socket, of rustls or of
/// hyper, however deep.
pub(super) fn answered(error: &(dyn Error + 'static), phase: Phase) -> Cause {
    let mut link = Some(error);
    while let Some(current) = link {
        if let Some(error) = current.downcast_ref::<rustls::Error>() {
            return Cause::Tls(tls::fault(error));
        }
        if let Some(error) = current.downcast_ref::<io::Error>() {
            return input_output(error, phase);
        }
        if let Some(error) = current.downcast_ref::<hyper::Error>()
            && (error.is_incomplete_message() || error.is_closed())
        {
            return Cause::Closed;
        }
        link = current.source();
    }
    // What hyper says beyond the connection is about the syntax of the reply, or about bytes that
    // came where no reply belongs.
    if error.is::<hyper::Error>() { Cause::Protocol } else { Cause::Other(error.to_string()) }
}

fn input_output(error: &io::Error, phase: Phase) -> Cause {
    if let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return Cause::Tls(tls::fault(inner));
    }
    match (errno(error), error.kind()) {
        (Some(Errno::ECONNREFUSED), _) => Cause::Refused,
        (Some(Errno::ECONNRESET | Errno::ECONNABORTED | Errno::EPIPE), _)
        | (None, io::ErrorKind::UnexpectedEof | io::ErrorKind::WriteZero) => Cause::Closed,
        (Some(Errno::ETIMEDOUT), _) => phase.timeout(),
        // EACCES is ICMPv6 "administratively prohibited".
        (Some(Errno::EHOSTUNREACH | Errno::ENETUNREACH | Errno::EHOSTDOWN | Errno::EACCES), _) => {
            Cause::Unreachable
        }
        (None, io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => Cause::Protocol,
        _ => Cause::Other(error.to_string()),
    }
}

fn errno(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(Errno::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno as i32)
    }

    fn exhausted(what: &str) -> Verdict {
        Verdict::NotProbed(Cause::Exhausted(what.to_owned()))
    }

    #[test]
    fn what_this_host_lacks_is_not_a_failure_of_the_endpoint() {
        assert_eq!(unsent(&system(Errno::EMFILE)), exhausted("file descriptors"));
        assert_eq!(unsent(&system(Errno::ENFILE)), exhausted("file descriptors"));
        assert_eq!(unsent(&system(Errno::EADDRNOTAVAIL)), exhausted("local ports"));
        assert_eq!(unsent(&system(Errno::ENOBUFS)), exhausted("memory"));
        assert_eq!(unsent(&system(Errno::ENOMEM)), exhausted("memory"));
    }

    #[test]
    fn a_missing_route_here_is_not_a_failure_of_the_endpoint() {
        for errno in [Errno::ENETUNREACH, Errno::EHOSTUNREACH, Errno::EINVAL, Errno::EAFNOSUPPORT] {
            assert_eq!(unsent(&system(errno)), Verdict::NotProbed(Cause::NoRoute));
        }
    }

    #[test]
    fn a_firewall_here_is_not_a_failure_of_the_endpoint() {
        for errno in [Errno::EPERM, Errno::EACCES] {
            let error = system(errno);
            assert_eq!(unsent(&error), Verdict::NotProbed(Cause::Other(error.to_string())));
        }
    }

    #[test]
    fn a_router_that_lost_the_endpoint_is_a_failure() {
        for errno in [Errno::ENETUNREACH, Errno::EHOSTUNREACH, Errno::EACCES] {
            assert_eq!(answered(&system(errno), Phase::Connect), Cause::Unreachable);
        }
    }

    #[test]
    fn a_timeout_of_the_system_is_one_of_the_phase() {
        assert_eq!(answered(&system(Errno::ETIMEDOUT), Phase::Connect), Cause::ConnectTimeout);
        assert_eq!(answered(&system(Errno::ETIMEDOUT), Phase::Reply), Cause::ReplyTimeout);
    }

    #[test]
    fn a_tls_error_is_found_inside_an_error_of_the_socket() {
        let inner = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        let error = io::Error::new(io::ErrorKind::InvalidData, inner);
        assert_eq!(answered(&error, Phase::Tls), Cause::Tls(crate::health::TlsFault::Expired));
    }
}
