//! What `meridian.toml` says of this server, with every default filled in.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::DatabaseFile;
use crate::answer::{Answering, AnyAnswer, Chaos, ChaosName, EcsTrust, RateLimit};
use crate::wire::Name;

/// How this server runs; docs/configuration.md tells what each key means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where DNS is served, over UDP and TCP. Never empty.
    pub listen: Vec<SocketAddr>,
    /// The directory of the zones' files.
    pub zones: PathBuf,
    /// Whether files that change are read unasked.
    pub watch: bool,
    /// The most clients of a pool that a reload may send to another az unconfirmed, in percent.
    pub max_move: u8,
    /// The file of how many ask from where, or of which az, if one is named.
    pub demand: Option<PathBuf>,
    /// Threads that answer over UDP; `None`: one for each core.
    pub workers: Option<NonZeroUsize>,
    /// The directory of what outlives a restart.
    pub state: PathBuf,
    /// The Unix socket for commands.
    pub control: PathBuf,
    /// The most bytes of a UDP answer, 512 to 4,096.
    pub udp_payload: u16,
    /// Whose EDNS Client Subnet options are honoured.
    pub ecs: EcsTrust,
    /// What identifies this server to whoever asks, at most 255 octets.
    pub identity: Option<String>,
    /// The names that are answered in class CH.
    pub chaos: Vec<ChaosName>,
    /// The domain, not the root, that resolvers may report failures to.
    pub report_channel: Option<Name>,
    /// What a query for ANY gets.
    pub any: AnyAnswer,
    /// Whether addresses of hosts that an answer names are left out, but for name servers.
    pub minimal_responses: bool,
    /// How long sockets stay closed at most for monitors to become up or down.
    pub startup_wait: Duration,
    /// Whether DNS cookies are answered.
    pub cookies: bool,
    /// The file of the secrets that they are made with; `None`: random ones of this process.
    pub cookie_secrets: Option<PathBuf>,
    /// How many responses a network gets; `None`: any number.
    pub rate_limit: Option<RateLimit>,
    /// DNS over TCP.
    pub tcp: TcpSettings,
    /// Where metrics and pages are served over HTTP.
    pub admin: Option<SocketAddr>,
    /// GeoIP databases; later ones fill what earlier ones lack.
    pub databases: Vec<DatabaseFile>,
    /// What is logged and how.
    pub log: LogSettings,
    /// The most probes under way at a time; at least 1.
    pub outstanding_probes: usize,
    /// The addresses that probes are sent from, at most one of each family; any address for a family
    /// without.
    pub probe_sources: Vec<IpAddr>,
}

impl Settings {
    /// What they say of answers.
    pub fn answering(&self) -> Answering {
        let identity = self.identity.as_deref().map(str::as_bytes);
        Answering {
            udp_payload: self.udp_payload,
            ecs: self.ecs.clone(),
            any: self.any,
            minimal_responses: self.minimal_responses,
            identity: identity.map(Into::into),
            chaos: Chaos::new(&self.chaos, identity),
            report_channel: self.report_channel.as_ref().map(Name::to_lowercase),
            keepalive: tenths(self.tcp.idle.min(self.tcp.lifetime)),
        }
    }

    /// The keys that differ from those of `running` and are read only at a start.
    pub fn restart_needed(&self, running: &Self) -> Vec<&'static str> {
        let changed = [
            ("`state`", self.state != running.state),
            ("`control`", self.control != running.control),
            ("`[admin]`", self.admin != running.admin),
            ("`[log]`", self.log != running.log),
            (
                "`[probe]`",
                self.outstanding_probes != running.outstanding_probes
                    || self.probe_sources != running.probe_sources,
            ),
        ];
        changed.into_iter().filter(|(_, is_changed)| *is_changed).map(|(key, _)| key).collect()
    }
}

/// A duration in units of 100 ms, rounded down: a client must not rely on more.
fn tenths(duration: Duration) -> u16 {
    u16::try_from(duration.as_millis() / 100).unwrap_or(u16::MAX)
}

/// The bounds of DNS over TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpSettings {
    /// A connection without a query for so long is closed (RFC 7766 section 6.2.3).
    pub idle: Duration,
    /// A connection is closed so long after it was accepted.
    pub lifetime: Duration,
    /// The most connections at a time.
    pub connections: usize,
    /// The most connections at a time from one client: an IPv4 address or an IPv6 /64.
    pub per_client: usize,
}

/// What is logged and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The least important lines that are written.
    pub level: LogLevel,
    /// How a line looks.
    pub format: LogFormat,
}

/// How important a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Something failed.
    Error,
    /// Somebody should look.
    Warn,
    /// What happened.
    Info,
    /// Why it happened.
    Debug,
    /// Everything.
    Trace,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, entries with fields in the systemd journal, JSON elsewhere.
    Auto,
    /// Text for people.
    Text,
    /// One JSON object a line.
    Json,
}
