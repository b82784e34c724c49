//! The single writer from outside: what it publishes, frees and saves, with real probes of ports
//! that nobody listens on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use meridian::answer::Generation;
use meridian::clock::Clock;
use meridian::config::Environment;
use meridian::control::{Control, Handle, load};
use meridian::probe::Prober;
use tempfile::TempDir;

/// A pool of one az, whose endpoint always counts as up.
const UNCHECKED: &str = r#"
[names]
www = "web"

[pool.web]
endpoints.mumbai = ["127.0.0.1"]
"#;

#[tokio::test]
async fn the_first_generation_is_1() {
    let control = Running::start(UNCHECKED);
    control.handle.ready().await.unwrap();
    assert_eq!(control.handle.snapshot().generation, Generation(1));
}

#[tokio::test]
async fn a_replaced_generation_is_freed_while_results_keep_coming() {
    let control = Running::start(&refusing("10ms"));
    control.handle.ready().await.unwrap();
    let replaced = Arc::downgrade(&control.handle.snapshot());
    assert!(control.handle.reload().await.unwrap().clean);
    until("the replaced generation is freed", || replaced.strong_count() == 0).await;
}

/// A pool of one az, whose endpoint refuses a probe every `interval`.
fn refusing(interval: &str) -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!(
        r#"
        [names]
        www = "web"

        [check.web]
        type = "tcp"
        port = {port}
        interval = "{interval}"
        fast_interval = "{interval}"

        [pool.web]
        check = "web"
        endpoints.mumbai = ["127.0.0.1"]
        "#
    )
}

/// A control task over files of its own.
struct Running {
    handle: Handle,
    _files: TempDir,
}

impl Running {
    /// Starts with this policy of the zone `app.example`.
    fn start(policy: &str) -> Self {
        let files = tempfile::tempdir().unwrap();
        let configuration = files.path().join("meridian.toml");
        write(&configuration, CONFIGURATION);
        std::fs::create_dir(files.path().join("zones")).unwrap();
        write(&files.path().join("zones/app.example.zone"), ZONE);
        write(&files.path().join("zones/app.example.toml"), policy);
        let environment = Environment::default();
        let loaded = load::load(&configuration, &environment, None)
            .unwrap_or_else(|report| panic!("{}", report.errors().join("\n")));
        assert!(!loaded.report.has_errors(), "{}", loaded.report.errors().join("\n"));
        let clock = Clock::start();
        let prober = Prober::new(16, clock);
        let handle =
            Control::spawn(configuration, environment, loaded, None, prober, clock).unwrap();
        Self { handle, _files: files }
    }
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

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

/// Waits for what has no event of its own.
async fn until(claim: &str, is_so: impl Fn() -> bool) {
    let polled = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), polled).await;
    assert!(in_time.is_ok(), "not in time: {claim}");
}
