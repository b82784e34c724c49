//! Health checks, as `aws route53 list-health-checks` prints them, to checks.

use std::net::{IpAddr, SocketAddr};

use serde::Deserialize;

use super::super::draft::quoted;

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HealthChecks {
    pub(super) health_checks: Vec<HealthCheck>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HealthCheck {
    pub(super) id: String,
    pub(super) health_check_config: Config,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Config {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(rename = "IPAddress")]
    address: Option<IpAddr>,
    port: Option<u16>,
    resource_path: Option<String>,
    fully_qualified_domain_name: Option<String>,
    search_string: Option<String>,
    #[serde(default)]
    inverted: bool,
    #[serde(default)]
    disabled: bool,
    request_interval: Option<u32>,
    failure_threshold: Option<u32>,
}

/// What a health check is in Meridian.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mapped {
    /// The lines of the check's table.
    pub(super) lines: Vec<String>,
    /// What it probes, if it says that itself.
    pub(super) probe: Option<SocketAddr>,
}

impl Config {
    /// The check that does the same; else why there is none.
    pub(super) fn map(&self) -> Result<Mapped, String> {
        if self.inverted {
            return Err("it is inverted".to_owned());
        }
        if self.disabled {
            return Err("it is disabled, which counts as healthy".to_owned());
        }
        let host = self.fully_qualified_domain_name.as_deref();
        let (kind, port, timeout) = match self.kind.as_str() {
            "HTTP" | "HTTP_STR_MATCH" => ("http", 80, 6),
            "HTTPS" | "HTTPS_STR_MATCH" if host.is_none() => {
                return Err("an HTTPS check needs a host name, and it has none".to_owned());
            }
            "HTTPS" | "HTTPS_STR_MATCH" => ("https", 443, 6),
            "TCP" => ("tcp", 80, 10),
            kind => return Err(format!("type {kind} has no counterpart")),
        };
        let port = self.port.unwrap_or(port);
        let interval = self.request_interval.unwrap_or(30);
        let threshold = self.failure_threshold.unwrap_or(3);
        let mut lines = vec![format!("type = \"{kind}\""), format!("port = {port}")];
        if kind != "tcp" {
            lines.extend(host.map(|host| format!("host = {}", quoted(host))));
            let path = self.resource_path.as_deref().filter(|path| !path.is_empty());
            let path = path.map(|path| format!("/{}", path.trim_start_matches('/')));
            lines.extend(path.map(|path| format!("path = {}", quoted(&path))));
            lines.push("status = [\"2xx\", \"3xx\"]".to_owned());
            let body = self.search_string.as_deref();
            lines.extend(body.map(|body| format!("body = {}", quoted(body))));
        }
        lines.extend([
            format!("interval = \"{interval}s\""),
            format!("timeout = \"{timeout}s\""),
            format!("fast_interval = \"{interval}s\""),
            format!("rise = {threshold}"),
            format!("fall = {threshold}"),
        ]);
        Ok(Mapped { lines, probe: self.address.map(|address| SocketAddr::new(address, port)) })
    }
}
