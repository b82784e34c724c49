//! Every key that the files may hold, once: what is known, what is suggested for a mistyped one,
//! and what docs/configuration.md is held against.

/// A table and its keys.
#[derive(Clone, Copy, Debug)]
pub struct KeyTable {
    /// The header, with `NAME` for what the operator names.
    pub header: &'static str,
    /// The keys that it may hold.
    pub keys: &'static [Key],
}

/// A key of a table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What counts when it is not there.
    pub default: Default,
    /// A value as it may stand in the file; for a table, its header.
    pub example: &'static str,
}

/// What an absent key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Default {
    /// The same as the key's example.
    Example,
    /// Something that depends on other keys or the host, or nothing.
    Other,
    /// A fault.
    Required,
    /// Nothing; the key holds a table of its own.
    Table,
}

/// Every table of every file, in the order of the documentation.
pub const TABLES: &[&KeyTable] = &[
    &SERVER_FILE,
    &SERVER,
    &TCP,
    &RATE_LIMIT,
    &ADMIN,
    &GEOIP,
    &LOG,
    &PROBE,
    &GUARD,
    &AZ,
    &GROUP,
    &NAMES,
    &CHECK,
    &POOL,
    &ENDPOINTS,
    &ENDPOINT,
    &RULE,
    &SAFETY,
    &NEED,
];

/// The tables of meridian.toml.
pub(super) const SERVER_FILE: KeyTable = KeyTable {
    header: "meridian.toml",
    keys: &[
        table("server", "[server]"),
        table("admin", "[admin]"),
        table("geoip", "[geoip]"),
        table("log", "[log]"),
        table("probe", "[probe]"),
        table("guard", "[guard]"),
        table("az", "[az.mumbai]"),
        table("group", "[group]"),
        table("check", "[check.web]"),
        table("pool", "[pool.web]"),
        key("include", Default::Other, r#"["fleet.toml"]"#),
    ],
};

/// The tables of a zone's TOML file.
pub(super) const POLICY_FILE: KeyTable = KeyTable {
    header: "a zone's TOML file",
    keys: &[table("names", "[names]"), table("check", "[check.web]"), table("pool", "[pool.web]")],
};

pub(super) const SERVER: KeyTable = KeyTable {
    header: "[server]",
    keys: &[
        key("listen", Default::Example, r#"["0.0.0.0:53", "[::]:53"]"#),
        key("zones", Default::Example, r#""zones""#),
        key("watch", Default::Example, "true"),
        key("max_move", Default::Example, r#""100%""#),
        key("demand", Default::Other, r#""demand.csv""#),
        key("workers", Default::Other, "4"),
        key("state", Default::Other, r#""/var/lib/meridian""#),
        key("control", Default::Other, r#""/run/meridian/control.sock""#),
        key("udp_payload", Default::Example, "1232"),
        key("ecs", Default::Example, "true"),
        key("any", Default::Example, r#""hinfo""#),
        key("minimal_responses", Default::Example, "true"),
        key("startup_wait", Default::Example, r#""3s""#),
        key("identity", Default::Other, r#""ns1.example.net""#),
        key(
            "chaos",
            Default::Example,
            r#"["id.server", "hostname.bind", "version.server", "version.bind"]"#,
        ),
        key("report_channel", Default::Other, r#""reports.example.net""#),
        key("cookies", Default::Example, "true"),
        key("cookie_secrets", Default::Other, r#""cookie.secrets""#),
        table("tcp", "[server.tcp]"),
        table("rate_limit", "[server.rate_limit]"),
    ],
};

pub(super) const TCP: KeyTable = KeyTable {
    header: "[server.tcp]",
    keys: &[
        key("idle", Default::Example, r#""10s""#),
        key("lifetime", Default::Example, r#""1h""#),
        key("connections", Default::Example, "10000"),
        key("per_client", Default::Example, "100"),
    ],
};

pub(super) const RATE_LIMIT: KeyTable = KeyTable {
    header: "[server.rate_limit]",
    keys: &[
        key("responses_per_second", Default::Example, "200"),
        key("slip", Default::Example, "2"),
        key("ipv4_prefix", Default::Example, "24"),
        key("ipv6_prefix", Default::Example, "56"),
        key("allow", Default::Example, "[]"),
        key("log_only", Default::Example, "false"),
    ],
};

pub(super) const ADMIN: KeyTable =
    KeyTable { header: "[admin]", keys: &[key("listen", Default::Other, r#""127.0.0.1:9153""#)] };

pub(super) const GEOIP: KeyTable = KeyTable {
    header: "[geoip]",
    keys: &[key("databases", Default::Example, r#"["geoip/world.mmdb"]"#)],
};

pub(super) const LOG: KeyTable = KeyTable {
    header: "[log]",
    keys: &[
        key("level", Default::Example, r#""info""#),
        key("format", Default::Example, r#""auto""#),
    ],
};

pub(super) const PROBE: KeyTable = KeyTable {
    header: "[probe]",
    keys: &[
        key("outstanding", Default::Example, "512"),
        key("source", Default::Other, r#"["192.0.2.53", "2001:db8::53"]"#),
    ],
};

pub(super) const GUARD: KeyTable = KeyTable {
    header: "[guard]",
    keys: &[
        key("share", Default::Example, "0.5"),
        key("window", Default::Example, r#""10s""#),
        key("hold", Default::Example, r#""30s""#),
        key("reference", Default::Other, r#"["192.0.2.1:443", "[2001:db8::1]:443"]"#),
    ],
};

pub(super) const AZ: KeyTable = KeyTable {
    header: "[az.NAME]",
    keys: &[
        key("location", Default::Other, "[19.08, 72.88]"),
        key("country", Default::Other, r#""IN""#),
        key("region", Default::Other, r#""asia""#),
        key("bias", Default::Example, "1.0"),
        key("capacity", Default::Other, "{ soft = 800, hard = 1000 }"),
    ],
};

pub(super) const CAPACITY: KeyTable = KeyTable {
    header: "a capacity",
    keys: &[key("soft", Default::Required, "800"), key("hard", Default::Required, "1000")],
};

/// Its keys are groups, its values lists of client sets.
pub(super) const GROUP: KeyTable = KeyTable { header: "[group]", keys: &[] };

/// Its keys are owners, its values pools.
pub(super) const NAMES: KeyTable = KeyTable { header: "[names]", keys: &[] };

pub(super) const CHECK: KeyTable = KeyTable {
    header: "[check.NAME]",
    keys: &[
        key("type", Default::Required, r#""http""#),
        key("port", Default::Other, "8080"),
        key("path", Default::Example, r#""/""#),
        key("host", Default::Other, r#""www.app.example""#),
        key("status", Default::Example, "[200]"),
        key("body", Default::Other, r#""ok""#),
        key("ready", Default::Other, r#"["$.replication.lag_seconds < 5"]"#),
        key("load", Default::Other, r#""$.load""#),
        key("ca", Default::Other, r#""authorities.pem""#),
        key("interval", Default::Example, r#""2s""#),
        key("timeout", Default::Example, r#""2s""#),
        key("fast_interval", Default::Example, r#""500ms""#),
        key("rise", Default::Example, "3"),
        key("fall", Default::Example, "3"),
        key("half_life", Default::Example, r#""10m""#),
        key("suppress", Default::Example, "2"),
        key("reuse", Default::Example, "0.5"),
    ],
};

pub(super) const POOL: KeyTable = KeyTable {
    header: "[pool.NAME]",
    keys: &[
        key("policy", Default::Example, r#""nearest""#),
        key("order", Default::Other, r#"["mumbai", "singapore"]"#),
        key("weights", Default::Other, "{ mumbai = 3, singapore = 1 }"),
        key("check", Default::Other, r#""web""#),
        key("ttl", Default::Example, r#""30s""#),
        key("min_ttl", Default::Example, r#""5s""#),
        key("all_down", Default::Example, r#""open""#),
        key("fallback", Default::Other, r#""spare""#),
        key("hold", Default::Example, r#""60s""#),
        key("failback", Default::Example, r#""auto""#),
        key("ramp", Default::Other, r#""10m""#),
        key("min_up", Default::Example, "1"),
        key("family_down", Default::Example, r#""drop""#),
        key("allow", Default::Other, r#"["country:IN", "group:eu"]"#),
        key("min_live", Default::Other, r#""50%""#),
        key("max_removed", Default::Other, r#""50%""#),
        key("removed_within", Default::Other, r#""10m""#),
        key("ecs", Default::Example, "true"),
        key("max_answers", Default::Example, "8"),
        table("endpoints", "[pool.web.endpoints]"),
        table("rules", "[[pool.web.rules]]"),
        table("safety", "[pool.web.safety]"),
    ],
};

/// Its keys are azs, its values lists of endpoints.
pub(super) const ENDPOINTS: KeyTable = KeyTable { header: "[pool.NAME.endpoints]", keys: &[] };

pub(super) const ENDPOINT: KeyTable = KeyTable {
    header: "an endpoint",
    keys: &[
        key("address", Default::Required, r#""203.0.113.10""#),
        key("name", Default::Required, r#""lb.example.net.""#),
        key("probe", Default::Other, r#""10.0.0.1:8080""#),
    ],
};

pub(super) const RULE: KeyTable = KeyTable {
    header: "[[pool.NAME.rules]]",
    keys: &[
        key("clients", Default::Required, r#"["country:IN", "continent:AS"]"#),
        key("prefer", Default::Other, r#"["mumbai"]"#),
        key("allow", Default::Other, r#"["az:mumbai", "region:asia"]"#),
    ],
};

/// Its keys are rules, its values what they need.
pub(super) const SAFETY: KeyTable = KeyTable { header: "[pool.NAME.safety]", keys: &[] };

pub(super) const NEED: KeyTable = KeyTable {
    header: "a safety rule",
    keys: &[
        key("at_least", Default::Other, "1"),
        key("of", Default::Other, r#"["mumbai", "singapore"]"#),
        key("all", Default::Other, r#"["mumbai", "singapore"]"#),
        key("any", Default::Other, r#"["mumbai", "singapore"]"#),
    ],
};

/// What `az`, `group`, `check`, `pool`, `names` and `endpoints` have by the operator's own names.
pub(super) const AZ_ENTRY: Key = table("mumbai", "[az.mumbai]");
pub(super) const GROUP_ENTRY: Key =
    key("partners", Default::Other, r#"["asn:64500", "net:198.51.100.0/24"]"#);
pub(super) const CHECK_ENTRY: Key = table("web", "[check.web]");
pub(super) const POOL_ENTRY: Key = table("web", "[pool.web]");
pub(super) const NAMES_ENTRY: Key = key("www", Default::Other, r#""web""#);
pub(super) const WEIGHTS_ENTRY: Key = key("mumbai", Default::Other, "3");
pub(super) const SAFETY_ENTRY: Key =
    key("asia", Default::Other, r#"{ at_least = 1, of = ["mumbai", "singapore"] }"#);
pub(super) const ENDPOINTS_ENTRY: Key = key("mumbai", Default::Other, r#"["203.0.113.10"]"#);

impl KeyTable {
    /// The key of this name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

const fn key(name: &'static str, default: Default, example: &'static str) -> Key {
    Key { name, default, example }
}

/// A key that holds the table, or list of tables, with this header.
const fn table(name: &'static str, header: &'static str) -> Key {
    key(name, Default::Table, header)
}
