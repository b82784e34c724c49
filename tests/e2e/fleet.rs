//! The servers of the availability zones, and the pool of their endpoints.

use std::net::SocketAddr;

use super::host::Host;
use super::support::authority::Identity;
use super::support::server::{Behaviour, Server};

/// A server in each az.
#[derive(Debug)]
pub struct Fleet {
    pub sydney: Server,
    pub paris: Server,
    pub saopaulo: Server,
}

/// A name in each az's order of preference: the client's own az, then what follows when it is lost.
/// (client, its az, the next)
pub const CLIENTS: [(&str, &str, &str); 4] = [
    ("1.0.0.0/24", SYDNEY, SAOPAULO),
    ("2400:1::/48", SYDNEY, PARIS),
    ("2.0.0.0/24", PARIS, SAOPAULO),
    ("7.0.0.0/24", SAOPAULO, PARIS),
];

/// The addresses that clients are given.
pub const SYDNEY: &str = "192.0.2.1";
pub const PARIS: &str = "192.0.2.2";
pub const SAOPAULO: &str = "192.0.2.3";

/// The policy of app.example; names of azs in capitals stand for where their servers are.
pub const POLICY: &str = r#"
[names]
www = "web"

[check.web]
type = "http"
path = "/healthz"
interval = "50ms"
fast_interval = "20ms"
timeout = "5s"

[pool.web]
check = "web"
hold = "100ms"

[pool.web.endpoints]
sydney   = [{ address = "192.0.2.1", probe = "SYDNEY" }]
paris    = [{ address = "192.0.2.2", probe = "PARIS" }]
saopaulo = [{ address = "192.0.2.3", probe = "SAOPAULO" }]
"#;

impl Fleet {
    /// HTTP servers that all are well.
    pub fn new() -> Self {
        Self::of(|| Server::http(Behaviour::reply(200, "ready")))
    }

    /// HTTPS servers that all are well and show `identity`.
    pub fn https(identity: &Identity) -> Self {
        Self::of(|| Server::https(identity.clone(), Behaviour::reply(200, "ready")))
    }

    fn of(server: impl Fn() -> Server) -> Self {
        Self { sydney: server(), paris: server(), saopaulo: server() }
    }

    /// A host whose zone app.example has this policy.
    pub fn host(&self, policy: &str) -> Host {
        let host = Host::new();
        self.steer(&host, policy);
        host
    }

    /// Writes the policy of app.example.
    pub fn steer(&self, host: &Host, policy: &str) {
        let Self { sydney, paris, saopaulo } = self;
        let azs = [("SYDNEY", sydney), ("PARIS", paris), ("SAOPAULO", saopaulo)];
        let mut policy = policy.to_owned();
        for (az, server) in azs {
            policy = policy.replace(az, &server.address().to_string());
        }
        host.write("zones/app.example.toml", &policy);
    }
}

/// [`POLICY`] with one az probed elsewhere.
pub fn with_probe(az: &str, address: SocketAddr) -> String {
    assert!(POLICY.contains(az));
    POLICY.replace(az, &address.to_string())
}
