//! Every fault that the files of a load can have, as an operator sees it: one case for each code,
//! rendered into tests/snapshots. A case must have no other fault.
#![allow(clippy::unwrap_used, reason = "files that can't be arranged have failed the test")]

use std::collections::BTreeSet;
use std::fs;

use insta::assert_snapshot;
use meridian::config::{Code, Environment, Load, load};
use meridian::diag::{Style, render};

/// A code and the files that differ from [`WHOLE`].
type Case = (Code, &'static [File<'static>]);
/// A path and a text.
type File<'f> = (&'f str, &'f str);

#[test]
fn every_fault_is_shown_with_its_place_and_remedy() {
    let mut others = vec![];
    for (code, files) in CASES {
        let (load, text) = load_files(files);
        let codes: BTreeSet<_> = load.diagnostics.iter().map(|fault| fault.code).collect();
        others.extend(
            codes.iter().filter(|other| **other != code.text()).map(|other| (*code, *other)),
        );
        let mut settings = insta::Settings::clone_current();
        settings.set_omit_expression(true);
        settings.set_description(
            files.iter().map(|(path, text)| format!("{path}:\n{text}")).collect::<String>(),
        );
        settings.bind(|| assert_snapshot!(code.text().replace('/', "_"), text));
    }
    assert_eq!(others, [], "cases with other faults than their own");
}

#[test]
fn every_code_has_a_case() {
    let rare =
        [Code::TooManyAzs, Code::TooManyRules, Code::KeptAz, Code::KeptShared, Code::KeptGroup];
    // Found after these files are read: tests/e2e/ has them.
    let later = [
        Code::BadDatabase,
        Code::OlderDatabase,
        Code::OldDatabase,
        Code::HeldDatabase,
        Code::Unprobeable,
        Code::StaleAuthorities,
        Code::UntoldClients,
        Code::MovesTooMany,
        Code::CannotListen,
    ];
    // Found in changes of files: src/config/accident.rs and tests/e2e/watch.rs have them.
    let watched = [Code::ZoneGone, Code::PolicyGone, Code::ZoneShrunk, Code::Changing];
    let covered = CASES.iter().map(|(code, _)| *code).chain(rare).chain(later).chain(watched);
    let covered: BTreeSet<_> = covered.collect();
    assert_eq!(covered, Code::ALL.iter().copied().collect());
}

#[test]
fn whole_files_have_no_fault() {
    let (load, text) = load_files(&[]);
    assert_eq!(text, "");
    assert!(load.build(None).0.is_some());
}

#[test]
fn what_tells_the_load_of_an_az_makes_its_capacity_count() {
    let limited = SERVER.replacen("\n\n", "\ncapacity = 1000\n\n", 1);
    let stated = format!("[server]\ndemand = \"demand.csv\"\n{limited}");
    let codes = |server: &str, policy: &str, demand: &str| {
        let files =
            [("meridian.toml", server), ("zones/app.example.toml", policy), ("demand.csv", demand)];
        let (load, _) = load_files(&files);
        load.diagnostics.iter().map(|fault| fault.code).collect::<Vec<_>>()
    };
    let none = [""; 0];
    let telling = POLICY.replace("\"http\"", "\"http\"\nload = \"$.load\"");
    assert_eq!(codes(&limited, POLICY, ""), [Code::UnknownLoad.text()]);
    assert_eq!(codes(&limited, &telling, ""), none);
    assert_eq!(codes(&stated, POLICY, "az:mumbai,800\n"), none);
    assert_eq!(codes(&stated, POLICY, "country:IN,800\n"), none);
    assert_eq!(codes(&stated, POLICY, "az:singapore,800\n"), [Code::UnknownLoad.text()]);
}

#[test]
fn a_wildcard_s_pool_is_no_name_server_of_another_zone() {
    let other = |target: &str| {
        format!("$TTL 1h\n@ SOA ns1 host 1 2h 30m 2w 30\n@ NS {target}\nns1 A 192.0.2.1\n")
    };
    let policy = POLICY.replace("www =", "\"*.shop\" =");
    let codes = |origin: &str, target: &str| {
        let zone = other(target);
        let path = format!("zones/{origin}.zone");
        let (load, _) = load_files(&[(&path, &zone), ("zones/app.example.toml", &policy)]);
        load.diagnostics.iter().map(|fault| fault.code).collect::<Vec<_>>()
    };
    assert_eq!(codes("other.example", "Ns.Shop.app.example."), [Code::NameServer.text()]);
    // A name of its own, the closest zone's own, and nobody's.
    assert_eq!(codes("other.example", "ns1.app.example."), [""; 0]);
    assert_eq!(codes("b.shop.app.example", "ns1"), [""; 0]);
    assert_eq!(codes("other.example", "shop.app.example."), [""; 0]);
}

#[test]
fn all_faults_of_all_files_are_found_in_one_run() {
    let (_, text) = load_files(&[
        ("meridian.toml", "[server]\nlisten = 53\nlisten =\nudp_payload = 1\nworker = 2\n"),
        ("zones/app.example.toml", "[check.web]\ntype = \"ftp\"\n\n[pool.web]\nttl = 30\n"),
        ("zones/other.example.toml", ""),
    ]);
    assert_snapshot!(text, @r#"
    error[file/policy-without-zone]: zones/other.example.toml has no zone file beside it
     |
     = help: add zones/other.example.zone

    error[config/wrong-type]: `listen` must be a list
     --> meridian.toml:2:10
      |
    2 | listen = 53
      |          ^^ a whole number
      |
      = help: for example `listen = ["0.0.0.0:53", "[::]:53"]`

    error[config/syntax]: duplicate key
     --> meridian.toml:3:1
      |
    3 | listen =
      | ^^^^^^
      |
      = help: a key or table may stand once; remove one of the two

    error[config/syntax]: a value is missing
     --> meridian.toml:3:9
      |
    3 | listen =
      |         ^
      |
      = help: write one after the `=`

    error[config/out-of-range]: `udp_payload` must be from 512 to 4096
     --> meridian.toml:4:15
      |
    4 | udp_payload = 1
      |               ^ out of range

    error[config/unknown-key]: unknown key `worker` in `[server]`
     --> meridian.toml:5:1
      |
    5 | worker = 2
      | ^^^^^^ not a key of this table
      |
      = help: did you mean `workers`?

    warning[check/unused]: no pool uses check `web`
     --> zones/app.example.toml:1:8
      |
    1 | [check.web]
      |        ^^^ unused
      |
      = help: use it: `check = "web"` in a pool

    error[config/bad-value]: `type` can't be "ftp"
     --> zones/app.example.toml:2:8
      |
    2 | type = "ftp"
      |        ^^^^^ unknown
      |
      = help: write one of "http", "https" and "tcp"

    error[pool/no-endpoints]: the pool has no endpoints
     --> zones/app.example.toml:4:1
      |
    4 | [pool.web]
      | ^^^^^^^^^^ no az in it
      |
      = help: list the addresses of each az: `endpoints.mumbai = ["203.0.113.10"]`

    warning[pool/unchecked]: pool `web` has no check
     --> zones/app.example.toml:4:7
      |
    4 | [pool.web]
      |       ^^^ never found down
      |
      = help: name a check: `check = "web"`, with a table `[check.web]`

    warning[pool/unused]: no name is bound to pool `web`
     --> zones/app.example.toml:4:7
      |
    4 | [pool.web]
      |       ^^^ unused
      |
      = help: bind one: `www = "web"` in `[names]`

    error[config/wrong-type]: `ttl` must be a duration
     --> zones/app.example.toml:5:7
      |
    5 | ttl = 30
      |       ^^ a whole number
      |
      = help: for example `ttl = "30s"`
    "#);
}

/// Loads [`WHOLE`] with `files` in place of those of the same path, and renders what is wrong.
#[test]
fn of_a_file_that_was_not_meant_for_secrets_a_hundred_lines_are_told() {
    let server = format!("[server]\ncookie_secrets = \"cookie.secrets\"\n{SERVER}");
    let lines = "none\n".repeat(103);
    let (load, _) = load_files(&[("meridian.toml", &server), ("cookie.secrets", &lines)]);
    let messages: Vec<_> = load.diagnostics.iter().map(|fault| &fault.message[..]).collect();
    assert_eq!(messages.len(), 101);
    assert!(messages[99].ends_with("cookie.secrets:100: not 32 hexadecimal digits"));
    assert!(messages[100].ends_with("cookie.secrets: 3 more lines are at fault"));
}

fn load_files(files: &[File<'_>]) -> (Load, String) {
    let directory = tempfile::tempdir().unwrap();
    let replaced = |path: &str| files.iter().any(|(other, _)| *other == path);
    let kept = WHOLE.iter().filter(|(path, _)| !replaced(path));
    for (path, text) in kept.chain(files).filter(|(_, text)| *text != ABSENT) {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let bytes: Vec<u8> = if *text == LATIN_1 { b"# caf\xe9\n".into() } else { (*text).into() };
        fs::write(path, bytes).unwrap();
    }
    let load = load(&directory.path().join("meridian.toml"), &Environment::default());
    let rendered = load.diagnostics.iter().map(|f| render(f, &load.sources, Style::Plain) + "\n\n");
    let text = rendered.collect::<String>();
    let text = text.replace(&format!("{}/", directory.path().display()), "");
    (load, text)
}

/// The text of a file that is not there.
const ABSENT: &str = "(absent)";
/// The text of a file in Latin-1.
const LATIN_1: &str = "(Latin-1)";

const WHOLE: &[File<'_>] = &[
    ("meridian.toml", SERVER),
    ("zones/app.example.zone", ZONE),
    ("zones/app.example.toml", POLICY),
];

const SERVER: &str = r#"
[az.mumbai]
location = [19.08, 72.88]

[az.singapore]
location = [1.35, 103.82]
"#;

const ZONE: &str = "\
$TTL 1h
@   IN SOA ns1 hostmaster 2026112401 2h 30m 2w 30
    IN NS  ns1
    IN NS  ns2
ns1 IN A   192.0.2.53
ns2 IN A   198.51.100.53
";

const POLICY: &str = r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#;

const CASES: &[Case] = &[
    (Code::Unreadable, &[("meridian.toml", ABSENT)]),
    (Code::DuplicateOrigin, &[("zones/App.example.zone", ZONE)]),
    (Code::BadFileName, &[("zones/app..example.zone", ZONE)]),
    (Code::StrayFile, &[("zones/app.example.txt", "")]),
    (Code::PolicyWithoutZone, &[("zones/ap.example.toml", "")]),
    (
        Code::NoZones,
        &[
            ("meridian.toml", ""),
            ("zones/app.example.zone", ABSENT),
            ("zones/app.example.toml", ABSENT),
            ("zones/.hidden", ""),
        ],
    ),
    (Code::NotUtf8, &[("meridian.toml", LATIN_1)]),
    (Code::Syntax, &[("meridian.toml", "[server]\nzones = zones\n\n[log\nlevel = \"info\"\n")]),
    (
        Code::UnknownKey,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"
intervall = "2s"
startup_wait = "3s"
retries = 3

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]

[pools.api]
"#,
        )],
    ),
    (
        Code::MissingKey,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "https"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = [{ probe = "10.0.0.1:80" }]
"#,
        )],
    ),
    (
        Code::WrongType,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"
port = "80"
interval = 2

[pool.web]
check = "web"
ecs = "yes"
endpoints.mumbai = "203.0.113.10"
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::OutOfRange,
        &[(
            "meridian.toml",
            r#"
[server]
udp_payload = 400
startup_wait = "1h"

[az.mumbai]
location = [72.88, 190.08]

[az.singapore]
location = [103.82, 1.35]
bias = 0
"#,
        )],
    ),
    (
        Code::BadValue,
        &[
            (
                "meridian.toml",
                r#"
[server]
listen = ["0.0.0.0", "localhost:53"]
ecs = ["192.0.2.1/24"]
startup_wait = "3 sheep"

[log]
level = "warning"

[az.mumbai]
location = [19.08, 72.88]
country = "India"

[az.singapore]
location = [1.35]
country = "UK"

[group]
asean = ["group:eu", "asn:0x1", "asn:0", "subdivision:XX-1", "net:2001:db8::1"]
"#,
            ),
            (
                "zones/app.example.toml",
                r#"
[names]
www = "web"

[check.web]
type = "http"
ready = [
    "replication.lag < 5",
    "$.lag-seconds < 5",
    "$.role = 'primary'",
    "$.role == primary",
    "$.role < 'primary'",
    "$.lag < 5 && $.role == 'primary'",
    "$.role == 'primary",
    "$.a\u0062.* == 1",
]

[pool.web]
check = "web"
all_down = "closed"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#,
            ),
        ],
    ),
    (
        Code::Duplicate,
        &[
            (
                "meridian.toml",
                r#"
[server]
listen = ["127.0.0.1:53", "[::1]:53", "127.0.0.1:53"]

[az.mumbai]
location = [19.08, 72.88]

[az.singapore]
location = [1.35, 103.82]
"#,
            ),
            (
                "zones/app.example.toml",
                r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
order = ["mumbai", "singapore", "mumbai"]
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#,
            ),
        ],
    ),
    (
        Code::EmptyList,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"
status = []

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = []
"#,
        )],
    ),
    (
        Code::BadName,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web/1"

[check.web]
type = "http"

[pool."web/1"]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::BadSecrets,
        &[
            (
                "meridian.toml",
                "[server]\ncookie_secrets = \"cookie.secrets\"\n\
                 [az.mumbai]\nlocation = [19.08, 72.88]\n\
                 [az.singapore]\nlocation = [1.35, 103.82]\n",
            ),
            (
                "cookie.secrets",
                "# ours\n0123456789abcdef0123456789abcdef\n0123456789abcdef\nnone\n",
            ),
        ],
    ),
    (
        Code::OpenSecrets,
        &[
            (
                "meridian.toml",
                "[server]\ncookie_secrets = \"cookie.secrets\"\n\
                 [az.mumbai]\nlocation = [19.08, 72.88]\n\
                 [az.singapore]\nlocation = [1.35, 103.82]\n",
            ),
            ("cookie.secrets", "0123456789abcdef0123456789abcdef\n"),
        ],
    ),
    (
        Code::UnreachableLimit,
        &[(
            "meridian.toml",
            r#"
[server.tcp]
idle = "10m"
lifetime = "5m"
connections = 50
per_client = 100

[az.mumbai]
location = [19.08, 72.88]

[az.singapore]
location = [1.35, 103.82]
"#,
        )],
    ),
    (
        Code::ReversedCapacity,
        &[(
            "meridian.toml",
            r#"
[az.mumbai]
location = [19.08, 72.88]
capacity = { soft = 1000, hard = 800 }

[az.singapore]
location = [1.35, 103.82]
"#,
        )],
    ),
    (
        Code::UnknownLoad,
        &[(
            "meridian.toml",
            r#"
[az.mumbai]
location = [19.08, 72.88]
capacity = { soft = 800, hard = 1000 }

[az.singapore]
location = [1.35, 103.82]
"#,
        )],
    ),
    (
        Code::BadDemand,
        &[
            (
                "meridian.toml",
                "[server]\ndemand = \"demand.csv\"\n\n[az.mumbai]\nlocation = [19.08, 72.88]\n\
                 [az.singapore]\nlocation = [1.35, 103.82]\n",
            ),
            ("demand.csv", "49.36.0.0/14,1200\naz:mumbay,800\ncountry:IN\n"),
        ],
    ),
    (
        Code::UnusedAz,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
"#,
        )],
    ),
    (
        Code::MisplacedCheckKey,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "tcp"
port = 443
path = "/healthz"
suppress = 0
half_life = "5m"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::SlowFastInterval,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"
interval = "1s"
fast_interval = "2s"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::NoReuse,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"
suppress = 1
reuse = 1.5

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::NoAuthorities,
        &[
            ("zones/.authorities.pem", "to be filled in\n"),
            (
                "zones/app.example.toml",
                r#"
[names]
www = "web"

[check.web]
type = "https"
host = "www.app.example"
ca = ".authorities.pem"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#,
            ),
        ],
    ),
    (
        Code::GivenTwice,
        &[
            (
                "meridian.toml",
                r#"
include = ["fleet.toml"]

[server]
ecs = false

[az.mumbai]
location = [19.08, 72.88]
"#,
            ),
            (
                "fleet.toml",
                r#"
[server]
ecs = true
udp_payload = 1400

[az.mumbai]
country = "IN"

[az.singapore]
location = [1.35, 103.82]
"#,
            ),
        ],
    ),
    (
        Code::IncludeChain,
        &[
            ("meridian.toml", concat!("include = [\"azs.toml\"]\n", "server.ecs = false\n")),
            (
                "azs.toml",
                r#"
include = ["meridian.toml"]

[az.mumbai]
location = [19.08, 72.88]

[az.singapore]
location = [1.35, 103.82]
"#,
            ),
        ],
    ),
    (
        Code::SharedName,
        &[
            (
                "meridian.toml",
                r#"
[az.mumbai]
location = [19.08, 72.88]

[az.singapore]
location = [1.35, 103.82]

[check.web]
type = "http"

[pool.shop]
check = "web"
endpoints.mumbai = ["203.0.113.30"]
"#,
            ),
            (
                "zones/app.example.toml",
                r#"
[names]
www = "web"
shop = "shop"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#,
            ),
        ],
    ),
    (
        Code::UnusedCheck,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[check.api]
type = "tcp"
port = 8443

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::BadOwner,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"
"a..b" = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::RepeatedOrigin,
        &[(
            "zones/app.example.toml",
            r#"
[names]
"www.app.example" = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::OtherZone,
        &[
            (
                "zones/api.app.example.zone",
                "$TTL 1h\n@ SOA ns.app.example. host 1 2h 30m 2w 30\n@ NS ns1.app.example.\n",
            ),
            (
                "zones/app.example.toml",
                r#"
[names]
www = "web"
api = "web"
"a.api" = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#,
            ),
        ],
    ),
    (
        Code::NameServer,
        &[(
            "zones/other.example.zone",
            "$TTL 1h\n@ SOA ns1 host 1 2h 30m 2w 30\n@ NS www.app.example.\nns1 A 192.0.2.1\n",
        )],
    ),
    (
        Code::CnameAtApex,
        &[(
            "zones/app.example.toml",
            r#"
[names]
"@" = "cdn"

[pool.cdn]
check = "edge"
endpoints.mumbai = { name = "mumbai.cdn.example.", probe = "192.0.2.1:443" }
endpoints.singapore = { name = "singapore.cdn.example.", probe = "192.0.2.2:443" }

[check.edge]
type = "tcp"
port = 443
"#,
        )],
    ),
    (
        Code::CnameBesideData,
        &[
            (
                "zones/app.example.zone",
                "$TTL 1h\n@ SOA ns1 host 1 2h 30m 2w 30\n@ NS ns1\nns1 A 192.0.2.1\ncdn TXT \"static\"\n",
            ),
            (
                "zones/app.example.toml",
                r#"
[names]
cdn = "cdn"

[pool.cdn]
check = "edge"
endpoints.mumbai = { name = "mumbai.cdn.example.", probe = "192.0.2.1:443" }
endpoints.singapore = { name = "singapore.cdn.example.", probe = "192.0.2.2:443" }

[check.edge]
type = "tcp"
port = 443
"#,
            ),
        ],
    ),
    (
        Code::UnknownPool,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"
api = "wbe"
cdn = "static"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::UnusedPool,
        &[(
            "zones/app.example.toml",
            r#"
[names]

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::UnknownAz,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbia = ["203.0.113.10"]
endpoints.tokyo = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::ForeignAz,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
order = ["mumbay", "singapore"]
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]

[[pool.web.rules]]
clients = ["country:JP"]
prefer = ["tokyo"]
"#,
        )],
    ),
    (
        Code::UnknownGroup,
        &[
            (
                "meridian.toml",
                r#"
[az.mumbai]
location = [19.08, 72.88]

[az.singapore]
location = [1.35, 103.82]

[group]
partners = ["asn:64500"]
"#,
            ),
            (
                "zones/app.example.toml",
                r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]

[[pool.web.rules]]
clients = ["group:partner"]
prefer = ["mumbai"]

[[pool.web.rules]]
clients = ["country:JP", "group:asean"]
prefer = ["singapore"]
"#,
            ),
        ],
    ),
    (
        Code::BuiltInGroup,
        &[(
            "meridian.toml",
            r#"
[az.mumbai]
location = [19.08, 72.88]

[az.singapore]
location = [1.35, 103.82]

[group]
eu = ["country:CH"]
"#,
        )],
    ),
    (
        Code::IdleRule,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]

[[pool.web.rules]]
clients = ["group:eu", "net:10.0.0.0/8"]
prefer = ["mumbai"]

[[pool.web.rules]]
clients = ["continent:AS"]
prefer = ["mumbai"]

[[pool.web.rules]]
clients = ["country:DE", "net:10.1.0.0/16", "subdivision:JP-13"]
prefer = ["singapore"]
"#,
        )],
    ),
    (
        Code::UnknownCheck,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"
api = "api"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]

[pool.api]
check = "wbe"
endpoints.mumbai = ["203.0.113.30"]
"#,
        )],
    ),
    (
        Code::Unchecked,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[pool.web]
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::ProbeWithoutCheck,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[pool.web]
endpoints.mumbai = [{ address = "203.0.113.10", probe = "10.0.0.1:8080" }]
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::NoFallback,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
all_down = "fallback"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::ImpossibleSafety,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
min_live = 3
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]

[pool.web.safety]
asia = { all = ["mumbai", { at_least = 2, of = ["singapore"] }] }
"#,
        )],
    ),
    (
        Code::IdleSafety,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
max_removed = "50%"
endpoints.mumbai = ["203.0.113.10"]
"#,
        )],
    ),
    (
        Code::NoFailover,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
min_live = "51%"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::UnreachableAllDown,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
all_down = "closed"
min_live = 1
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::MisplacedRamp,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
failback = "auto"
ramp = "10m"
endpoints.mumbai = ["203.0.113.10"]
"#,
        )],
    ),
    (
        Code::FailsOpen,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
failback = "manual"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::MisplacedFallback,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
fallback = "spare"
endpoints.mumbai = ["203.0.113.10"]

[pool.spare]
check = "web"
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::ChainedFallback,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
all_down = "fallback"
fallback = "spare"
endpoints.mumbai = ["203.0.113.10"]

[pool.spare]
check = "web"
all_down = "fallback"
fallback = "spare"
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::MixedFallback,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
all_down = "fallback"
fallback = "cdn"
endpoints.mumbai = ["203.0.113.10"]

[pool.cdn]
check = "web"
endpoints.singapore = { name = "lb.example.net.", probe = "192.0.2.1:80" }
"#,
        )],
    ),
    (
        Code::UnknownRegion,
        &[
            (
                "meridian.toml",
                r#"
[az.mumbai]
location = [19.08, 72.88]
country = "IN"
region = "asia"

[az.ohio]
location = [40.0, -83.0]
country = "US"

[az.singapore]
location = [1.35, 103.82]
country = "SG"
region = "asia"
"#,
            ),
            (
                "zones/app.example.toml",
                r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
endpoints.ohio = ["203.0.113.30"]
allow = ["region:aisa", "country:US"]
"#,
            ),
        ],
    ),
    (
        Code::GroupOfClients,
        &[
            (
                "meridian.toml",
                r#"
[az.mumbai]
location = [19.08, 72.88]
country = "IN"
region = "asia"

[az.ohio]
location = [40.0, -83.0]
country = "US"

[az.singapore]
location = [1.35, 103.82]
country = "SG"
region = "asia"

[group]
partners = ["country:US", "asn:64500"]
"#,
            ),
            (
                "zones/app.example.toml",
                r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
endpoints.ohio = ["203.0.113.30"]
allow = ["group:partners", "country:IN"]
"#,
            ),
        ],
    ),
    (
        Code::EmptyFence,
        &[
            (
                "meridian.toml",
                r#"
[az.mumbai]
location = [19.08, 72.88]
country = "IN"
region = "asia"

[az.ohio]
location = [40.0, -83.0]
country = "US"

[az.singapore]
location = [1.35, 103.82]
country = "SG"
region = "asia"
"#,
            ),
            (
                "zones/app.example.toml",
                r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
endpoints.ohio = ["203.0.113.30"]
allow = ["region:asia", "country:US"]

[[pool.web.rules]]
clients = ["group:eu"]
allow = ["group:eu"]
"#,
            ),
        ],
    ),
    (
        Code::OutsideFence,
        &[
            (
                "meridian.toml",
                r#"
[az.mumbai]
location = [19.08, 72.88]
country = "IN"
region = "asia"

[az.ohio]
location = [40.0, -83.0]
country = "US"

[az.singapore]
location = [1.35, 103.82]
country = "SG"
region = "asia"
"#,
            ),
            (
                "zones/app.example.toml",
                r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
endpoints.ohio = ["203.0.113.30"]
allow = ["region:asia"]
"#,
            ),
        ],
    ),
    (
        Code::FencedAz,
        &[
            (
                "meridian.toml",
                r#"
[az.mumbai]
location = [19.08, 72.88]
country = "IN"
region = "asia"

[az.ohio]
location = [40.0, -83.0]
country = "US"

[az.singapore]
location = [1.35, 103.82]
country = "SG"
region = "asia"
"#,
            ),
            (
                "zones/app.example.toml",
                r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
endpoints.ohio = ["203.0.113.30"]

[[pool.web.rules]]
clients = ["country:IN"]
prefer = ["mumbai", "ohio"]
allow = ["region:asia"]
"#,
            ),
        ],
    ),
    (
        Code::FallbackOutsideFence,
        &[
            (
                "meridian.toml",
                r#"
[az.mumbai]
location = [19.08, 72.88]
country = "IN"
region = "asia"

[az.ohio]
location = [40.0, -83.0]
country = "US"

[az.singapore]
location = [1.35, 103.82]
country = "SG"
region = "asia"
"#,
            ),
            (
                "zones/app.example.toml",
                r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
allow = ["region:asia"]
all_down = "fallback"
fallback = "spare"

[[pool.web.rules]]
clients = ["country:IN"]
allow = ["country:IN"]

[pool.spare]
check = "web"
endpoints.ohio = ["203.0.113.39"]
endpoints.singapore = ["203.0.113.29"]
"#,
            ),
        ],
    ),
    (
        Code::Unprobed,
        &[(
            "zones/app.example.toml",
            r#"
[names]
cdn = "cdn"

[pool.cdn]
check = "edge"
endpoints.mumbai = { name = "mumbai.cdn.example.", probe = "192.0.2.1:443" }
endpoints.singapore = "singapore.cdn.example."

[check.edge]
type = "tcp"
port = 443
"#,
        )],
    ),
    (
        Code::NoOrder,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
policy = "failover"
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::MisplacedPoolKey,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"
api = "api"
cdn = "cdn"
old = "old"

[check.web]
type = "http"

[pool.web]
check = "web"
weights = { mumbai = 3 }
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]

[pool.api]
check = "web"
policy = "weighted"
order = ["mumbai"]
endpoints.mumbai = ["203.0.113.11"]
endpoints.singapore = ["203.0.113.21"]

[pool.cdn]
check = "web"
min_up = 2
family_down = "az"
max_answers = 1
endpoints.mumbai = { name = "mumbai.cdn.example.", probe = "192.0.2.1:443" }
endpoints.singapore = { name = "singapore.cdn.example.", probe = "192.0.2.2:443" }

[pool.old]
check = "web"
endpoints.mumbai = { address = "203.0.113.12" }
endpoints.singapore = [{ name = "singapore.cdn.example." }]
"#,
        )],
    ),
    (
        Code::TooManyOrders,
        &[
            (
                "meridian.toml",
                "az = { a = {}, b = {}, c = {}, d = {}, e = {}, f = {}, g = {}, h = {}, i = {} }\n",
            ),
            (
                "zones/app.example.toml",
                r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
policy = "weighted"
endpoints.a = ["203.0.113.1"]
endpoints.b = ["203.0.113.2"]
endpoints.c = ["203.0.113.3"]
endpoints.d = ["203.0.113.4"]
endpoints.e = ["203.0.113.5"]
endpoints.f = ["203.0.113.6"]
endpoints.g = ["203.0.113.7"]
endpoints.h = ["203.0.113.8"]
endpoints.i = ["203.0.113.9"]
rules = [
    { clients = ["country:IN"], prefer = ["a"] },
    { clients = ["country:LK"], prefer = ["b"] },
    { clients = ["country:BD"], prefer = ["c"] },
    { clients = ["country:NP"], prefer = ["d"] },
    { clients = ["country:PK"], prefer = ["e"] },
    { clients = ["country:SG"], prefer = ["f"] },
    { clients = ["country:MY"], prefer = ["g"] },
    { clients = ["country:ID"], prefer = ["h"] },
    { clients = ["country:TH"], prefer = ["i"] },
    { clients = ["country:VN"], prefer = ["a", "b"] },
    { clients = ["country:JP"], prefer = ["b", "a"] },
    { clients = ["country:KR"], prefer = ["a", "c"] },
    { clients = ["country:AU"], prefer = ["c", "a"] },
    { clients = ["country:NZ"], prefer = ["a", "d"] },
    { clients = ["country:DE"], prefer = ["d", "a"] },
]
"#,
            ),
        ],
    ),
    (
        Code::NoLocation,
        &[("meridian.toml", "[az.mumbai]\nlocation = [19.08, 72.88]\n\n[az.singapore]\n")],
    ),
    (
        Code::NoEndpoints,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"
api = "api"

[check.web]
type = "http"

[pool.web]
check = "web"

[pool.api]
check = "web"

[pool.api.endpoints]
"#,
        )],
    ),
    (
        Code::MixedPool,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = { name = "singapore.cdn.example.", probe = "192.0.2.2:443" }
"#,
        )],
    ),
    (
        Code::OwnTarget,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"
"*.shop" = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = { name = "WWW", probe = "192.0.2.1:80" }
endpoints.singapore = { name = "x.shop.app.example.", probe = "192.0.2.2:80" }
"#,
        )],
    ),
    (
        Code::MissingTarget,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = { name = "mumbai.cdn.example", probe = "192.0.2.1:80" }
endpoints.singapore = { name = "ns1", probe = "192.0.2.2:80" }
"#,
        )],
    ),
    (
        Code::NoIpv4,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10", "2001:db8:1::10"]
endpoints.singapore = ["2001:db8:2::10"]
"#,
        )],
    ),
    (
        Code::NoIpv6,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10", "2001:db8:1::10"]
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::RepeatedAddress,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20", "203.0.113.10"]
"#,
        )],
    ),
    (
        Code::UnusableAddress,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
endpoints.mumbai = ["203.0.113.10", "0.0.0.0"]
endpoints.singapore = ["203.0.113.20", "224.0.0.1", { address = "203.0.113.21", probe = "[::ffff:10.0.0.1]:80" }]
"#,
        )],
    ),
    (
        Code::TooManyEndpoints,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
max_answers = 1
endpoints.mumbai = [
    "203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4", "203.0.113.5", "203.0.113.6",
    "203.0.113.7", "203.0.113.8", "203.0.113.9", "203.0.113.10", "203.0.113.11", "203.0.113.12",
    "203.0.113.13", "203.0.113.14", "203.0.113.15", "203.0.113.16", "203.0.113.17",
]
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
    (
        Code::MinTtlAboveTtl,
        &[(
            "zones/app.example.toml",
            r#"
[names]
www = "web"

[check.web]
type = "http"

[pool.web]
check = "web"
ttl = "10s"
min_ttl = "20s"
endpoints.mumbai = ["203.0.113.10"]
endpoints.singapore = ["203.0.113.20"]
"#,
        )],
    ),
];
