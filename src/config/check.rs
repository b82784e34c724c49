//! `[check.NAME]`: how endpoints are probed.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::Code;
use super::damping::damping;
use super::key;
use super::load_path::load_path;
use super::reader::{Faults, Placed, Table, Value};
use super::readiness::conditions;
use crate::health::check::Tls;
use crate::health::{Check, CheckKind, Thresholds};
use crate::span::Span;

/// A check of a file, with every default filled in.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CheckEntry {
    pub(super) name: String,
    /// The name in the header.
    pub(super) span: Span,
    pub(super) check: Arc<Check>,
    /// Where an endpoint is probed that has no `probe` of its own.
    pub(super) port: u16,
    /// The authorities' file, also in `check`; here with its place.
    pub(super) authorities: Option<Placed<PathBuf>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CheckType {
    Http,
    Https,
    Tcp,
}

/// Reads one check.
pub(super) fn check(entry: Value<'_>, faults: &mut Faults) -> Option<CheckEntry> {
    entry.check_name(faults);
    let table = entry.table(&key::CHECK, faults)?;
    let check_type = table.required("type", faults);
    let check_type = check_type.and_then(|value| value.choice(&TYPES, faults));
    if let Some(check_type) = check_type {
        report_misplaced(check_type, &table, faults);
    }
    let port = port(check_type, &table, faults);
    let authorities = table.get("ca", faults).and_then(|value| value.placed_string(faults));
    let authorities = authorities.map(|Placed { value, span }| {
        let value = faults.directory(span).join(value);
        Placed { value, span }
    });
    let kind = kind(check_type, &table, authorities.as_ref(), faults);
    let thresholds = thresholds(&table, faults);
    Some(CheckEntry {
        name: entry.key.to_owned(),
        span: entry.key_span,
        check: Arc::new(Check { kind, thresholds }),
        port,
        authorities,
    })
}

fn kind(
    check_type: Option<CheckType>,
    table: &Table<'_>,
    authorities: Option<&Placed<PathBuf>>,
    faults: &mut Faults,
) -> CheckKind {
    let host = match check_type {
        Some(CheckType::Https) => table.required("host", faults),
        Some(CheckType::Http | CheckType::Tcp) | None => table.get("host", faults),
    };
    let host = host.and_then(|value| host_name(value, faults));
    let path = table.get("path", faults).and_then(|value| path(value, faults));
    let status = table.get("status", faults).and_then(|value| status(value, faults));
    let body = table.get("body", faults).and_then(|value| body(value, faults));
    let ready = conditions(table, faults);
    let load = table.get("load", faults).and_then(|value| load_path(value, faults));
    match check_type {
        Some(CheckType::Tcp) | None => CheckKind::Tcp,
        Some(CheckType::Http | CheckType::Https) => CheckKind::Http {
            tls: (check_type == Some(CheckType::Https))
                .then(|| Tls { ca: authorities.map(|ca| ca.value.clone()) }),
            path: path.unwrap_or_else(|| "/".to_owned()),
            host,
            status: status.unwrap_or_else(|| vec![(200, 200)]),
            body,
            ready,
            load,
        },
    }
}

fn report_misplaced(check_type: CheckType, table: &Table<'_>, faults: &mut Faults) {
    let (misplaced, what): (&[_], _) = match check_type {
        CheckType::Https => (&[], ""),
        CheckType::Http => (&["ca"], "an http check makes no TLS session"),
        CheckType::Tcp => (
            &["path", "host", "status", "body", "ready", "load", "ca"],
            "a tcp check connects and sends nothing",
        ),
    };
    for key in misplaced {
        if let Some(value) = table.get(key, faults) {
            let fault = Code::MisplacedCheckKey.at(value.key_span, format!("{what}: no `{key}`"));
            let fault = fault.label("says nothing here");
            faults.push(fault.remedy("remove the key, or change the check's `type`"));
        }
    }
}

fn port(check_type: Option<CheckType>, table: &Table<'_>, faults: &mut Faults) -> u16 {
    let value = match check_type {
        Some(CheckType::Tcp) => table.required("port", faults),
        Some(CheckType::Http | CheckType::Https) | None => table.get("port", faults),
    };
    let port = value.and_then(|value| value.integer(1..=65_535, faults));
    port.and_then(|port| port.try_into().ok()).unwrap_or(match check_type {
        Some(CheckType::Https) => 443,
        Some(CheckType::Http | CheckType::Tcp) | None => 80,
    })
}

/// The path and query of a request (RFC 9112 section 3.2.1).
fn path(value: Value<'_>, faults: &mut Faults) -> Option<String> {
    let path = value.string(faults)?;
    let is_visible = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if path.starts_with('/') && is_visible {
        return Some(path.to_owned());
    }
    value.bad_value("a path that begins with `/`, percent-encoded", faults)
}

/// A host name or an IP address, without a port.
fn host_name(value: Value<'_>, faults: &mut Faults) -> Option<String> {
    let host = value.string(faults)?;
    let is_label = |label: &str| {
        let plain = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        plain && (1..=63).contains(&label.len()) && !label.starts_with('-')
    };
    let is_name = host.len() <= 253 && host.split('.').all(is_label);
    if is_name || host.parse::<IpAddr>().is_ok() {
        return Some(host.to_owned());
    }
    value.bad_value("a host name without a port", faults)
}

/// Sorted ranges that neither overlap nor touch, so that equal lists make equal checks.
fn status(value: Value<'_>, faults: &mut Faults) -> Option<Vec<(u16, u16)>> {
    let mut ranges = vec![];
    for element in value.filled_array(faults)? {
        if element.is_integer() {
            let status = element.integer(100..=599, faults)?;
            let status = u16::try_from(status).ok()?;
            ranges.push((status, status));
        } else if let [class @ b'1'..=b'5', b'x', b'x'] = element.string(faults)?.as_bytes() {
            let first = u16::from(class - b'0') * 100;
            ranges.push((first, first + 99));
        } else {
            element.bad_value::<()>("a status, or a class such as \"2xx\"", faults);
        }
    }
    ranges.sort_unstable();
    ranges.dedup_by(|next, last| {
        let joins = next.0 <= last.1 + 1;
        if joins {
            last.1 = last.1.max(next.1);
        }
        joins
    });
    Some(ranges)
}

fn body(value: Value<'_>, faults: &mut Faults) -> Option<String> {
    let body = value.string(faults)?;
    if (1..=MAX_BODY).contains(&body.len()) {
        return Some(body.to_owned());
    }
    value.bad_value("1 to 65536 bytes that the reply's body holds", faults)
}

fn thresholds(table: &Table<'_>, faults: &mut Faults) -> Thresholds {
    let duration = |key, longest, faults: &mut Faults| {
        table.get(key, faults).and_then(|value| value.duration(SHORTEST..=longest, faults))
    };
    let interval = duration("interval", MAX_INTERVAL, faults).unwrap_or(Duration::from_secs(2));
    let timeout = duration("timeout", MAX_TIMEOUT, faults).unwrap_or(Duration::from_secs(2));
    let fast_interval = duration("fast_interval", MAX_INTERVAL, faults);
    if let Some(fast) = fast_interval.filter(|fast| *fast > interval) {
        report_slow_fast_interval(fast, interval, table, faults);
    }
    let count = |key, faults: &mut Faults| {
        table.get(key, faults).and_then(|value| value.integer(1..=MAX_STREAK, faults))
    };
    Thresholds {
        interval,
        timeout,
        fast_interval: fast_interval.unwrap_or(DEFAULT_FAST_INTERVAL).min(interval),
        rise: count("rise", faults).unwrap_or(3),
        fall: count("fall", faults).unwrap_or(3),
        damping: damping(table, faults),
    }
}

fn report_slow_fast_interval(
    fast: Duration,
    interval: Duration,
    table: &Table<'_>,
    faults: &mut Faults,
) {
    let [fast, interval] = [fast, interval].map(humantime::format_duration);
    let message = format!("`fast_interval` {fast} is longer than `interval` {interval}");
    let Some(value) = table.get("fast_interval", faults) else { return };
    let mut fault = Code::SlowFastInterval.at(value.span, message).label("longer");
    if let Some(interval) = table.get("interval", faults) {
        fault = fault.related(interval.span, "than this");
    }
    let remedy = "an endpoint whose state is in doubt is probed more often, not less: lower it";
    faults.push(fault.remedy(remedy));
}

const TYPES: [(&str, CheckType); 3] =
    [("http", CheckType::Http), ("https", CheckType::Https), ("tcp", CheckType::Tcp)];

const DEFAULT_FAST_INTERVAL: Duration = Duration::from_millis(500);

/// Of every duration of a check.
const SHORTEST: Duration = Duration::from_millis(10);
const MAX_INTERVAL: Duration = Duration::from_secs(60 * 60);
const MAX_TIMEOUT: Duration = Duration::from_secs(60);

/// Of `rise` and `fall`.
const MAX_STREAK: u32 = 100;

/// As much of a body as a probe reads, in bytes.
const MAX_BODY: usize = 64 * 1024;
