//! The result of one probe, and the words for why it failed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::MonitorId;

/// What one probe of one monitor found.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The monitor that was probed.
    pub monitor: MonitorId,
    /// How long the probe took.
    pub duration: Duration,
    /// What it found.
    pub verdict: Verdict,
    /// The load that the endpoint reports of its part of its az, if it does: finite, 0 or more.
    pub load: Option<f64>,
}

/// What a probe says of the endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The endpoint answered as its check asks.
    Success,
    /// It did not.
    Failure(Cause),
    /// It answered as its check asks, and said that it is not fit to serve.
    Unfit(Cause),
    /// The probe could not even be sent (no route from here, out of descriptors), or nobody was there
    /// to hear of it: says nothing of the endpoint, and is never a failure.
    NotProbed(Cause),
}

/// Why a probe failed or could not be made. Its `Display` is what operators read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// RST or ICMP port unreachable in answer to the connection request.
    #[error("connection refused")]
    Refused,
    /// The connection was made and then closed or reset before the reply was whole.
    #[error("connection closed before the reply was complete")]
    Closed,
    /// No connection within the check's timeout.
    #[error("timeout while connecting")]
    ConnectTimeout,
    /// Connected, but no TLS session within the timeout.
    #[error("timeout in the TLS handshake")]
    TlsTimeout,
    /// Connected, but no complete reply within the timeout.
    #[error("timeout waiting for the reply")]
    ReplyTimeout,
    /// The network says that there is no way to the host.
    #[error("host unreachable")]
    Unreachable,
    /// The reply has a status that the check does not list.
    #[error("status {0}")]
    Status(u16),
    /// The body lacks what the check looks for.
    #[error("body lacks {0:?}")]
    Body(String),
    /// The body is not the JSON that the check has conditions for.
    #[error("body is not JSON")]
    NotJson,
    /// The body is longer than what is read of it, and conditions are for all of it.
    #[error("body is longer than 64 KiB")]
    LongBody,
    /// A condition of the check does not hold.
    #[error("not ready: {path} is {found}, wanted {wanted}")]
    NotReady {
        /// Of what value.
        path: String,
        /// What the body has there, in few words.
        found: String,
        /// The operator and literal of the condition.
        wanted: String,
    },
    /// The TLS session failed.
    #[error("{0}")]
    Tls(TlsFault),
    /// What came back is not HTTP.
    #[error("reply is not valid HTTP")]
    Protocol,
    /// No route from this host to the endpoint's network.
    #[error("no route from this host")]
    NoRoute,
    /// This host has no descriptor, port or memory left for a probe.
    #[error("out of {0} on this host")]
    Exhausted(String),
    /// Anything else, as the system words it.
    #[error("{0}")]
    Other(String),
}

impl Cause {
    /// Whether nothing came back at all, as when the way there is lost. Anything else proves the way.
    pub fn is_silence(&self) -> bool {
        matches!(
            self,
            Self::ConnectTimeout | Self::TlsTimeout | Self::ReplyTimeout | Self::Unreachable
        )
    }
}

/// Why a TLS session failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum TlsFault {
    /// The certificate's time is over.
    #[error("certificate has expired")]
    Expired,
    /// The certificate's time has not come.
    #[error("certificate is not valid yet")]
    NotYetValid,
    /// No trusted authority stands behind the certificate.
    #[error("certificate is not issued by a trusted authority")]
    Untrusted,
    /// The certificate is for other names.
    #[error("certificate is not for {0}")]
    WrongName(String),
    /// What came back is not TLS.
    #[error("reply is not TLS")]
    NotTls,
    /// The server sent an alert.
    #[error("TLS alert: {0}")]
    Alert(String),
    /// Anything else, in rustls' words.
    #[error("TLS: {0}")]
    Other(String),
}
