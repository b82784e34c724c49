//! A control task over files of its own, and how to wait for what it does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use meridian::clock::Clock;
use meridian::config::Environment;
use meridian::control::{Control, Handle, Occasion, load};
use meridian::probe::Prober;
use meridian::store::Store;
use tempfile::TempDir;

/// A policy of one pool of one az, whose endpoint always counts as up.
pub(crate) const UNCHECKED: &str = r#"
[names]
www = "web"

[pool.web]
endpoints.mumbai = ["127.0.0.1"]
"#;

/// A control task over files of its own.
pub(crate) struct Running {
    pub(crate) handle: Handle,
    _files: TempDir,
}

impl Running {
    /// Starts with this policy of the zone `app.example`.
    pub(crate) fn start(policy: &str) -> Self {
        Self::start_from(policy, None)
    }

    /// Starts with this policy from what `store` holds.
    pub(crate) fn start_from(policy: &str, store: Option<Store>) -> Self {
        let files = tempfile::tempdir().unwrap();
        let configuration = configure(files.path(), "", policy);
        let environment = Environment::default();
        let loaded = load::load(&configuration, &environment, None, Occasion::Asked)
            .unwrap_or_else(|report| panic!("{}", report.errors().join("\n")));
        assert!(!loaded.report.has_errors(), "{}", loaded.report.errors().join("\n"));
        let clock = Clock::start();
        let prober = Prober::new(16, clock);
        let store = store.ok_or_else(|| "there is none".to_owned());
        let handle =
            Control::spawn(configuration, environment, loaded, store, prober, clock).unwrap();
        Self { handle, _files: files }
    }
}

/// Writes the files of a server with one az into `directory`: `more` of its configuration, and
/// this policy of the zone `app.example`. Returns the configuration's path.
pub(crate) fn configure(directory: &Path, more: &str, policy: &str) -> PathBuf {
    let configuration = directory.join("meridian.toml");
    std::fs::write(&configuration, format!("{more}{CONFIGURATION}")).unwrap();
    std::fs::create_dir(directory.join("zones")).unwrap();
    std::fs::write(directory.join("zones/app.example.zone"), ZONE).unwrap();
    std::fs::write(directory.join("zones/app.example.toml"), policy).unwrap();
    configuration
}

const CONFIGURATION: &str = r#"
[geoip]
databases = []

[az.mumbai]
location = [19.08, 72.88]
country = "IN"
"#;

const ZONE: &str = "\
$TTL 1h
@   IN SOA ns1 hostmaster 1 2h 30m 2w 30
    IN NS  ns1
ns1 IN A   192.0.2.53
";

/// Waits for what has no event of its own.
pub(crate) async fn until(claim: &str, mut is_so: impl FnMut() -> bool) {
    let polled = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), polled).await;
    assert!(in_time.is_ok(), "not in time: {claim}");
}
