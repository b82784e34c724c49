//! `meridian.toml`: this server's settings and the availability zones.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use toml::de::DeTable;

use super::capacity::capacity;
use super::check::{CheckEntry, check};
use super::clients::Groups;
use super::country;
use super::fence::{Ground, check_fences};
use super::guard::{GuardEntry, sources};
use super::key;
use super::max_move::max_move;
use super::policy::{authorities, check_azs};
use super::pool::{PoolEntry, pool};
use super::reader::{Faults, Placed, Table, Value, report_duplicates};
use super::settings::{LogFormat, LogLevel, LogSettings, Settings, TcpSettings};
use super::shared::{Scope, Shared};
use super::{Code, DatabaseFile, DemandFile, Environment};
use crate::answer::{AnyAnswer, ChaosName, EcsTrust, RateLimit};
use crate::diag::Diagnostic;
use crate::geo::{Country, Point};
use crate::route::Az;
use crate::route::spill::Capacity;
use crate::span::{FileId, Span};
use crate::wire::{Name, Secrets};

/// A checked `meridian.toml`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ServerFile {
    /// This server.
    pub(super) settings: Settings,
    /// The availability zones, by name.
    pub(super) azs: BTreeMap<String, AzEntry>,
    /// The pools and checks of every zone.
    pub(super) shared: Shared,
    /// The groups of clients.
    pub(super) groups: Groups,
    /// When this host suspects its own network.
    pub(super) guard: GuardEntry,
    /// Where the directory of the zones is named, if it is.
    pub(super) zones_span: Option<Span>,
    /// Where it is said where to listen, if it is.
    pub(super) listen_span: Option<Span>,
    /// Where the demand file is named, if it is.
    pub(super) demand_span: Option<Span>,
    /// What that file says, once it is read.
    pub(super) demand: DemandFile,
    /// Where the file of cookie secrets is named, if it is.
    pub(super) cookie_secrets_span: Option<Span>,
    /// What that file holds, once it is read.
    pub(super) cookie_secrets: Option<Arc<Secrets>>,
    /// Whether all of the file was understood, so that what is not here is not there.
    pub(super) is_whole: bool,
}

/// One availability zone of the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AzEntry {
    /// The az.
    pub(super) az: Az,
    /// The region, as the file words it.
    pub(super) region: Option<String>,
    /// How much load it takes, if that is limited.
    pub(super) capacity: Option<Placed<Capacity>>,
    /// Where its table begins.
    pub(super) span: Span,
}

/// Reads a `meridian.toml`, which lies in `directory`, as if it included nothing.
pub(super) fn server(
    text: &[u8],
    file: FileId,
    directory: &Path,
    environment: &Environment,
) -> (ServerFile, Vec<Diagnostic>) {
    let mut faults = Faults::new();
    let entries = faults.parse(text, file, directory);
    server_of(&entries, directory, environment, faults)
}

/// Reads the entries of `meridian.toml`, which lies in `directory`, and of what it includes. With
/// an error among the faults it must not be used; it then still names every az, check and pool
/// that the files do, for the checks of other files.
pub(super) fn server_of(
    entries: &DeTable<'_>,
    directory: &Path,
    environment: &Environment,
    mut faults: Faults,
) -> (ServerFile, Vec<Diagnostic>) {
    let start = faults.span(0..0);
    let top = Table::new(entries, &key::SERVER_FILE, start, &mut faults);
    let server = top.table("server", &key::SERVER, &mut faults);
    let settings = Reader { directory, faults: &mut faults }.settings(&top, &server, environment);
    let azs = azs(&top, &mut faults);
    let shared = shared(&top, &mut faults);
    let groups = Groups::read(&top, &mut faults);
    let guard = GuardEntry::read(&top, &mut faults);
    let zones_span = server.get("zones", &faults).map(|value| value.span);
    let listen_span = server.get("listen", &faults).map(|value| value.span);
    let cookie_secrets_span = server.get("cookie_secrets", &faults).map(|value| value.span);
    let demand_span = server.get("demand", &faults).map(|value| value.span);
    let is_whole = faults.is_whole() && shared.is_some();
    let shared = shared.unwrap_or_default();
    if is_whole {
        let pools = || shared.pools.values().map(|pool| &**pool);
        let of_azs = check_azs(pools(), &azs).into_iter();
        let of_groups = groups.check(pools()).into_iter();
        let of_names = Scope::of_server(&shared).check_names().into_iter();
        let ground = Ground { azs: &azs, groups: &groups };
        let of_fences = check_fences(Scope::of_server(&shared).pools(), ground).into_iter();
        let of_all = of_azs.chain(of_groups).chain(of_names).chain(of_fences);
        of_all.for_each(|fault| faults.push(fault));
    }
    let server = ServerFile {
        settings,
        azs,
        shared,
        groups,
        guard,
        zones_span,
        listen_span,
        demand_span,
        demand: DemandFile::default(),
        cookie_secrets_span,
        cookie_secrets: None,
        is_whole,
    };
    (server, faults.into_found())
}

impl ServerFile {
    /// The files of authorities that its checks name.
    pub(super) fn authorities(&self) -> impl Iterator<Item = (&Path, Span)> {
        authorities(self.shared.checks.values().map(|check| &**check))
    }
}

struct Reader<'r> {
    directory: &'r Path,
    faults: &'r mut Faults,
}

impl Reader<'_> {
    fn settings(
        &mut self,
        top: &Table<'_>,
        server: &Table<'_>,
        environment: &Environment,
    ) -> Settings {
        let state = environment.state_directory.as_deref().map(first_directory);
        let control = environment.runtime_directory.as_deref().map(first_directory);
        let ecs = server.get("ecs", self.faults).and_then(|value| self.ecs(value));
        let watch = server.get("watch", self.faults).and_then(|value| value.boolean(self.faults));
        let cookies = server.get("cookies", self.faults);
        let cookies = cookies.and_then(|value| value.boolean(self.faults));
        let any = server.get("any", self.faults).and_then(|v| v.choice(&ANY_ANSWERS, self.faults));
        let minimal = server.get("minimal_responses", self.faults);
        let minimal = minimal.and_then(|value| value.boolean(self.faults));
        Settings {
            listen: self.listen(server),
            zones: self.path(server, "zones").unwrap_or_else(|| self.directory.join("zones")),
            watch: watch.unwrap_or(true),
            max_move: max_move(server, self.faults),
            demand: self.path(server, "demand"),
            workers: self.count(server, "workers", MAX_WORKERS).and_then(NonZeroUsize::new),
            state: self
                .path(server, "state")
                .unwrap_or_else(|| state.unwrap_or_else(|| self.directory.join("state"))),
            control: self.path(server, "control").unwrap_or_else(|| {
                control.unwrap_or_else(|| self.directory.to_owned()).join("control.sock")
            }),
            udp_payload: self.udp_payload(server),
            ecs: ecs.unwrap_or(EcsTrust::Everyone),
            identity: self.identity(server, environment),
            chaos: self.chaos(server),
            report_channel: self.report_channel(server),
            any: any.unwrap_or(AnyAnswer::Hinfo),
            minimal_responses: minimal.unwrap_or(true),
            startup_wait: self
                .duration(server, "startup_wait", Duration::ZERO, MAX_STARTUP_WAIT)
                .unwrap_or(Duration::from_secs(3)),
            cookies: cookies.unwrap_or(true),
            cookie_secrets: self.path(server, "cookie_secrets"),
            rate_limit: self.rate_limit(server),
            tcp: self.tcp(server),
            admin: self.admin(top),
            databases: self.databases(top, environment),
            log: self.log(top),
            outstanding_probes: self.outstanding_probes(top),
            probe_sources: sources(&top.table("probe", &key::PROBE, self.faults), self.faults),
        }
    }

    fn listen(&mut self, server: &Table<'_>) -> Vec<SocketAddr> {
        let Some(listen) = server.get("listen", self.faults) else {
            return vec![
                (Ipv4Addr::UNSPECIFIED, DNS_PORT).into(),
                (Ipv6Addr::UNSPECIFIED, DNS_PORT).into(),
            ];
        };
        let elements = listen.filled_array(self.faults).unwrap_or_default();
        let mut addresses = vec![];
        for element in elements {
            if let Some(value) = element.socket_address(self.faults) {
                addresses.push(Placed { value, span: element.span });
            }
        }
        // Port 0 is a new port each time.
        let fixed: Vec<_> = addresses.iter().filter(|a| a.value.port() != 0).cloned().collect();
        report_duplicates(&fixed, "the address", self.faults);
        addresses.into_iter().map(|address| address.value).collect()
    }

    fn udp_payload(&mut self, server: &Table<'_>) -> u16 {
        let value = server.get("udp_payload", self.faults);
        let payload = value.and_then(|value| value.integer(512..=4096, self.faults));
        payload.and_then(|payload| payload.try_into().ok()).unwrap_or(1232)
    }

    fn ecs(&mut self, value: Value<'_>) -> Option<EcsTrust> {
        if value.is_boolean() {
            let everyone = value.boolean(self.faults)?;
            return Some(if everyone { EcsTrust::Everyone } else { EcsTrust::Nobody });
        }
        if !value.is_array() {
            return value.wrong_type("true, false or a list of networks", self.faults);
        }
        let networks = value.filled_array(self.faults)?;
        self.networks(networks).map(EcsTrust::From)
    }

    /// `None` if one is not even a string.
    fn networks(&mut self, elements: Vec<Value<'_>>) -> Option<Vec<IpNet>> {
        let mut networks = vec![];
        for element in elements {
            let text = element.string(self.faults)?;
            match text.parse::<IpNet>() {
                Ok(network) if network == network.trunc() => {
                    networks.push(Placed { value: network, span: element.span });
                }
                Ok(network) => {
                    let message = format!("`{text}` has bits set behind its prefix");
                    let fault = Code::BadValue.at(element.span, message).label("not a network");
                    self.faults.push(fault.remedy(format!("write \"{}\"", network.trunc())));
                }
                Err(_) => {
                    let message = format!("`{text}` is not a network");
                    let fault = Code::BadValue.at(element.span, message).label("not a network");
                    self.faults.push(fault.remedy("for example \"192.0.2.0/24\""));
                }
            }
        }
        report_duplicates(&networks, "the network", self.faults);
        Some(networks.into_iter().map(|network| network.value).collect())
    }

    /// `None` without the table.
    fn rate_limit(&mut self, server: &Table<'_>) -> Option<RateLimit> {
        server.get("rate_limit", self.faults)?;
        let table = server.table("rate_limit", &key::RATE_LIMIT, self.faults);
        let mut number = |key, range: RangeInclusive<u32>| {
            table.get(key, self.faults)?.integer(range, self.faults)
        };
        let responses_per_second = number("responses_per_second", 1..=MAX_RESPONSES);
        let slip = number("slip", 0..=MAX_SLIP);
        let mut prefix = |key, longest| u8::try_from(number(key, 1..=longest)?).ok();
        let (ipv4_prefix, ipv6_prefix) = (prefix("ipv4_prefix", 32), prefix("ipv6_prefix", 64));
        let allow = table.get("allow", self.faults).and_then(|value| value.array(self.faults));
        let allow = allow.and_then(|elements| self.networks(elements));
        let log_only = table.get("log_only", self.faults);
        let log_only = log_only.and_then(|value| value.boolean(self.faults));
        Some(RateLimit {
            responses_per_second: responses_per_second.unwrap_or(200),
            slip: slip.unwrap_or(2),
            ipv4_prefix: ipv4_prefix.unwrap_or(24),
            ipv6_prefix: ipv6_prefix.unwrap_or(56),
            allow: allow.unwrap_or_default(),
            log_only: log_only.unwrap_or(false),
        })
    }

    /// The file's, where the empty one is none, else the host's.
    fn identity(&mut self, server: &Table<'_>, environment: &Environment) -> Option<String> {
        let Some(value) = server.get("identity", self.faults) else {
            return environment.host_name.clone().filter(|name| is_identity(name));
        };
        let text = value.string(self.faults)?;
        if text.is_empty() || is_identity(text) {
            return Some(text.to_owned()).filter(|text| !text.is_empty());
        }
        value.bad_value("a text of at most 255 octets", self.faults)
    }

    fn chaos(&mut self, server: &Table<'_>) -> Vec<ChaosName> {
        let Some(value) = server.get("chaos", self.faults) else {
            return CHAOS_NAMES.map(|(_, name)| name).to_vec();
        };
        let mut names = vec![];
        for element in value.array(self.faults).unwrap_or_default() {
            if let Some(value) = element.choice(&CHAOS_NAMES, self.faults) {
                names.push(Placed { value, span: element.span });
            }
        }
        report_duplicates(&names, "the name", self.faults);
        names.into_iter().map(|name| name.value).collect()
    }

    fn report_channel(&mut self, server: &Table<'_>) -> Option<Name> {
        let value = server.get("report_channel", self.faults)?;
        let name = Name::from_text(value.string(self.faults)?.as_bytes(), &Name::root());
        match name {
            Ok(name) if name.label_count() > 0 => Some(name),
            _ => value.bad_value("a domain below the root", self.faults),
        }
    }

    fn tcp(&mut self, server: &Table<'_>) -> TcpSettings {
        let tcp = server.table("tcp", &key::TCP, self.faults);
        let shortest = Duration::from_millis(100);
        let idle = self.duration(&tcp, "idle", shortest, MAX_IDLE);
        let lifetime = self.duration(&tcp, "lifetime", Duration::from_secs(1), MAX_LIFETIME);
        let settings = TcpSettings {
            idle: idle.unwrap_or(Duration::from_secs(10)),
            lifetime: lifetime.unwrap_or(Duration::from_secs(60 * 60)),
            connections: self.count(&tcp, "connections", MAX_CONNECTIONS).unwrap_or(10_000),
            per_client: self.count(&tcp, "per_client", MAX_CONNECTIONS).unwrap_or(100),
        };
        let TcpSettings { idle, lifetime, connections, per_client } = settings;
        if idle > lifetime {
            let limits =
                [idle, lifetime].map(|limit| humantime::format_duration(limit).to_string());
            self.report_unreachable(&tcp, ["idle", "lifetime"], limits);
        }
        if per_client > connections {
            let limits = [per_client, connections].map(|limit| limit.to_string());
            self.report_unreachable(&tcp, ["per_client", "connections"], limits);
        }
        settings
    }

    /// Warns of a limit that the file sets so high that another comes first.
    fn report_unreachable(
        &mut self,
        tcp: &Table<'_>,
        keys: [&'static str; 2],
        limits: [String; 2],
    ) {
        let ([high, low], [above, below]) = (keys, limits);
        let Some(value) = tcp.get(high, self.faults) else { return };
        let message = format!("`{high}` {above} is above `{low}` {below}");
        let mut fault = Code::UnreachableLimit.at(value.span, message).label("never reached");
        if let Some(other) = tcp.get(low, self.faults) {
            fault = fault.related(other.span, "comes first");
        }
        self.faults.push(fault.remedy(format!("lower `{high}`, or raise `{low}`")));
    }

    fn admin(&mut self, top: &Table<'_>) -> Option<SocketAddr> {
        let admin = top.table("admin", &key::ADMIN, self.faults);
        admin.get("listen", self.faults)?.socket_address(self.faults)
    }

    fn databases(&mut self, top: &Table<'_>, environment: &Environment) -> Vec<DatabaseFile> {
        let geoip = top.table("geoip", &key::GEOIP, self.faults);
        let Some(value) = geoip.get("databases", self.faults) else {
            return vec![DatabaseFile::by_default(self.directory, environment)];
        };
        let elements = value.array(self.faults).unwrap_or_default();
        let path = |path: Value<'_>, faults: &mut Faults| match path.as_str() {
            Some("") => path.bad_value("a path", faults),
            _ => path.placed_string(faults),
        };
        let paths: Vec<_> =
            elements.into_iter().filter_map(|element| path(element, self.faults)).collect();
        report_duplicates(&paths, "the database", self.faults);
        let file = |path: Placed<String>| {
            let directory = self.faults.directory(path.span);
            DatabaseFile::new(&path.value, Some(path.span), directory, environment)
        };
        paths.into_iter().map(file).collect()
    }

    fn log(&mut self, top: &Table<'_>) -> LogSettings {
        let log = top.table("log", &key::LOG, self.faults);
        let level = log.get("level", self.faults).and_then(|v| v.choice(&LEVELS, self.faults));
        let format = log.get("format", self.faults).and_then(|v| v.choice(&FORMATS, self.faults));
        LogSettings {
            level: level.unwrap_or(LogLevel::Info),
            format: format.unwrap_or(LogFormat::Auto),
        }
    }

    fn outstanding_probes(&mut self, top: &Table<'_>) -> usize {
        let probe = top.table("probe", &key::PROBE, self.faults);
        self.count(&probe, "outstanding", MAX_OUTSTANDING).unwrap_or(512)
    }

    fn path(&mut self, table: &Table<'_>, key: &'static str) -> Option<PathBuf> {
        let path = table.get(key, self.faults)?;
        let text = path.string(self.faults)?;
        if text.is_empty() {
            return path.bad_value("a path", self.faults);
        }
        Some(self.faults.directory(path.span).join(text))
    }

    fn count(&mut self, table: &Table<'_>, key: &'static str, most: u32) -> Option<usize> {
        let count = table.get(key, self.faults)?.integer(1..=most, self.faults)?;
        usize::try_from(count).ok()
    }

    fn duration(
        &mut self,
        table: &Table<'_>,
        key: &'static str,
        shortest: Duration,
        longest: Duration,
    ) -> Option<Duration> {
        table.get(key, self.faults)?.duration(shortest..=longest, self.faults)
    }
}

fn azs(top: &Table<'_>, faults: &mut Faults) -> BTreeMap<String, AzEntry> {
    let entries = top.entries("az", &key::AZ_ENTRY, faults);
    if let Some(first_too_many) = entries.get(MAX_AZS) {
        let message = format!("more than {MAX_AZS} availability zones");
        faults.push(Code::TooManyAzs.at(first_too_many.key_span, message));
    }
    let mut azs = BTreeMap::new();
    for entry in entries.into_iter().take(MAX_AZS) {
        entry.check_name(faults);
        azs.insert(entry.key.to_owned(), az(entry, faults));
    }
    azs
}

/// `None` if one is not even a table, so that nobody knows what names mean.
fn shared(top: &Table<'_>, faults: &mut Faults) -> Option<Shared> {
    let checks = top.entries("check", &key::CHECK_ENTRY, faults);
    let pools = top.entries("pool", &key::POOL_ENTRY, faults);
    let count = (checks.len(), pools.len());
    let checks = checks.into_iter().filter_map(|entry| check(entry, faults));
    let named = |check: CheckEntry| (check.name.clone(), Arc::new(check));
    let checks: BTreeMap<_, _> = checks.map(named).collect();
    let pools = pools.into_iter().filter_map(|entry| pool(entry, None, faults));
    let named = |pool: PoolEntry| (pool.name.clone(), Arc::new(pool));
    let pools: BTreeMap<_, _> = pools.map(named).collect();
    let is_whole = count == (checks.len(), pools.len());
    is_whole.then_some(Shared { checks, pools })
}

/// With a stand-in for what is at fault, so that pools that use the az report nothing of it again.
fn az(entry: Value<'_>, faults: &mut Faults) -> AzEntry {
    let table = entry.table(&key::AZ, faults);
    let location = match table.as_ref().map(|table| table.get("location", faults)) {
        Some(None) => None,
        Some(Some(value)) => location(value, faults).or(Point::new(0.0, 0.0)),
        None => Point::new(0.0, 0.0),
    };
    let get = |key, faults: &Faults| table.as_ref()?.get(key, faults);
    let bias = get("bias", faults).and_then(|value| bias(value, faults));
    let country = get("country", faults).and_then(|value| country(value, faults));
    let region = get("region", faults).and_then(|value| value.string(faults));
    let capacity = get("capacity", faults)
        .and_then(|value| Some(Placed { span: value.span, value: capacity(value, faults)? }));
    AzEntry {
        az: Az { name: entry.key.to_owned(), location, country, bias: bias.unwrap_or(1.0) },
        region: region.map(str::to_owned),
        capacity,
        span: table.map_or(entry.key_span, |table| table.span),
    }
}

fn location(value: Value<'_>, faults: &mut Faults) -> Option<Point> {
    let elements = value.array(faults)?;
    let [latitude, longitude] = elements[..] else {
        return value.bad_value("a latitude and a longitude", faults);
    };
    let (north, east) = (latitude.number(faults)?, longitude.number(faults)?);
    if !(-90.0..=90.0).contains(&north) {
        return latitude.degrees("latitude", 90, faults);
    }
    if !(-180.0..=180.0).contains(&east) {
        return longitude.degrees("longitude", 180, faults);
    }
    Point::new(north, east)
}

fn bias(value: Value<'_>, faults: &mut Faults) -> Option<f64> {
    let bias = value.number(faults)?;
    if BIAS.contains(&bias) {
        return Some(bias);
    }
    value.out_of_range(BIAS.start(), BIAS.end(), faults)
}

fn country(value: Value<'_>, faults: &mut Faults) -> Option<Country> {
    let text = value.string(faults)?;
    let country = country::assigned(text);
    if country.is_none() {
        let fault = Code::BadValue.at(value.span, format!("`{text}` is not a country"));
        faults.push(fault.label("not an ISO 3166-1 code").remedy(country::remedy(text)));
    }
    country
}

/// Of several directories, which systemd separates by colons, the first.
fn first_directory(directories: &Path) -> PathBuf {
    let bytes = directories.as_os_str().as_bytes();
    let first = bytes.split(|&byte| byte == b':').next().unwrap_or(bytes);
    PathBuf::from(OsStr::from_bytes(first))
}

/// Whether a TXT record's one string can hold it (RFC 1035 section 3.3).
fn is_identity(text: &str) -> bool {
    (1..=usize::from(u8::MAX)).contains(&text.len())
}

const DNS_PORT: u16 = 53;

const CHAOS_NAMES: [(&str, ChaosName); 4] = [
    ("id.server", ChaosName::IdServer),
    ("hostname.bind", ChaosName::HostnameBind),
    ("version.server", ChaosName::VersionServer),
    ("version.bind", ChaosName::VersionBind),
];

const LEVELS: [(&str, LogLevel); 5] = [
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];

const ANY_ANSWERS: [(&str, AnyAnswer); 2] =
    [("hinfo", AnyAnswer::Hinfo), ("subset", AnyAnswer::Subset)];

const FORMATS: [(&str, LogFormat); 3] =
    [("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)];

/// As many as there are ids.
pub(super) const MAX_AZS: usize = 65_535;

/// Further apart, and the order of azs would be that of their biases alone.
const BIAS: RangeInclusive<f64> = 0.01..=100.0;

const MAX_WORKERS: u32 = 1024;
const MAX_STARTUP_WAIT: Duration = Duration::from_secs(5 * 60);
const MAX_IDLE: Duration = Duration::from_secs(60 * 60);
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
const MAX_CONNECTIONS: u32 = 1_000_000;
const MAX_OUTSTANDING: u32 = 100_000;
const MAX_RESPONSES: u32 = 1_000_000;
const MAX_SLIP: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    /// The settings of a file in /etc/meridian.
    fn settings(text: &str, environment: &Environment) -> Settings {
        let directory = Path::new("/etc/meridian");
        let (server, faults) = server(text.as_bytes(), FileId(0), directory, environment);
        assert_eq!(faults, []);
        server.settings
    }

    fn systemd() -> Environment {
        Environment {
            state_directory: Some("/var/lib/meridian:/var/lib/other".into()),
            runtime_directory: Some("/run/meridian".into()),
            ..Environment::default()
        }
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let settings = settings("[server]\nzones = \"../zones\"\n", &Environment::default());
        assert_eq!(settings.zones, Path::new("/etc/meridian/../zones"));
        assert_eq!(settings.state, Path::new("/etc/meridian/state"));
        assert_eq!(settings.control, Path::new("/etc/meridian/control.sock"));
        let databases = settings.databases.iter().flat_map(DatabaseFile::candidates);
        assert_eq!(databases.collect::<Vec<_>>(), ["/etc/meridian/geoip/world.mmdb"]);
    }

    #[test]
    fn the_service_manager_s_directories_come_before_the_defaults() {
        let settings = settings("", &systemd());
        assert_eq!(settings.state, Path::new("/var/lib/meridian"));
        assert_eq!(settings.control, Path::new("/run/meridian/control.sock"));
    }

    #[test]
    fn the_file_comes_before_the_service_manager() {
        let text = "[server]\nstate = \"/srv/state\"\ncontrol = \"/srv/control\"\n";
        let settings = settings(text, &systemd());
        assert_eq!(settings.state, Path::new("/srv/state"));
        assert_eq!(settings.control, Path::new("/srv/control"));
    }

    #[test]
    fn ecs_is_for_everyone_nobody_or_some() {
        let ecs = |value: &str| {
            settings(&format!("[server]\necs = {value}\n"), &Environment::default()).ecs
        };
        assert_eq!(ecs("true"), EcsTrust::Everyone);
        assert_eq!(ecs("false"), EcsTrust::Nobody);
        let networks = vec!["192.0.2.0/24".parse().unwrap()];
        assert_eq!(ecs("[\"192.0.2.0/24\"]"), EcsTrust::From(networks));
    }

    #[test]
    fn the_identity_is_the_file_s_or_the_host_s_or_none() {
        let host = Environment { host_name: Some("host".into()), ..Environment::default() };
        let identity = |text: &str, environment: &Environment| {
            settings(text, environment).identity.unwrap_or_default()
        };
        assert_eq!(identity("", &host), "host");
        assert_eq!(identity("server.identity = \"ns1\"\n", &host), "ns1");
        assert_eq!(identity("server.identity = \"\"\n", &host), "");
        assert_eq!(identity("", &Environment::default()), "");
    }

    #[test]
    fn responses_are_limited_where_the_table_is_there_though_it_be_empty() {
        let limit = |text: &str| settings(text, &Environment::default()).rate_limit;
        assert_eq!(limit("[server]\n"), None);
        let default = limit("[server.rate_limit]\n").unwrap();
        assert_eq!((default.responses_per_second, default.slip), (200, 2));
        let allow = limit("[server.rate_limit]\nallow = [\"192.0.2.0/24\"]\n").unwrap().allow;
        assert_eq!(allow, ["192.0.2.0/24".parse().unwrap()]);
    }

    #[test]
    fn a_limit_that_nobody_set_is_no_fault_though_another_comes_first() {
        let text = "[server.tcp]\nlifetime = \"5s\"\nconnections = 50\n";
        let tcp = settings(text, &Environment::default()).tcp;
        assert!(tcp.idle > tcp.lifetime && tcp.per_client > tcp.connections, "{tcp:?}");
    }

    #[test]
    fn any_gets_a_hinfo_or_a_subset() {
        let any = |value: &str| {
            settings(&format!("[server]\nany = {value}\n"), &Environment::default()).any
        };
        assert_eq!(any("\"hinfo\""), AnyAnswer::Hinfo);
        assert_eq!(any("\"subset\""), AnyAnswer::Subset);
    }

    #[test]
    fn new_ports_may_be_asked_for_more_than_once() {
        let text = "[server]\nlisten = [\"127.0.0.1:0\", \"127.0.0.1:0\"]\n";
        assert_eq!(settings(text, &Environment::default()).listen.len(), 2);
    }

    #[test]
    fn who_gives_a_table_s_key_a_value_is_told_the_table_s_header() {
        let directory = Path::new("");
        for (text, header) in [
            ("admin = true", "[admin]"),
            ("az = [19.08, 72.88]", "[az.mumbai]"),
            ("az.mumbai = [19.08, 72.88]", "[az.mumbai]"),
            ("[server]\ntcp = 5", "[server.tcp]"),
            ("[server]\nrate_limit = 100", "[server.rate_limit]"),
            ("[pool.web]\nendpoints = [\"192.0.2.1\"]", "[pool.web.endpoints]"),
            ("[pool.web]\nrules = 1", "[[pool.web.rules]]"),
        ] {
            let (_, faults) =
                server(text.as_bytes(), FileId(0), directory, &Environment::default());
            let fault = faults.iter().find(|fault| fault.code == Code::WrongType.text()).unwrap();
            assert_eq!(fault.remedy, format!("write it as `{header}`"), "{text}");
        }
    }

    #[test]
    fn more_azs_than_there_are_ids_are_refused() {
        let text: String = (0..=MAX_AZS).map(|az| format!("[az.a{az}]\n")).collect();
        let directory = Path::new("");
        let (server, faults) =
            server(text.as_bytes(), FileId(0), directory, &Environment::default());
        let codes: Vec<_> = faults.iter().map(|fault| fault.code).collect();
        assert_eq!(codes, [Code::TooManyAzs.text()]);
        assert_eq!(server.azs.len(), MAX_AZS);
    }
}
