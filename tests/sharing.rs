//! What a reload takes over from the load before: everything that no edit has changed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use meridian::answer::{Generation, Snapshot};
use meridian::config::Environment;
use meridian::control::load::{Loaded, Occasion, load};
use meridian::diag::Style;
use meridian::route::RoutingTable;
use meridian::zone::Entry;
use tempfile::TempDir;

#[test]
fn a_reload_of_unchanged_files_shares_zones_views_and_places() {
    let files = Files::new();
    let before = files.load(None);
    let after = files.load(Some(&before));
    assert_eq!(shared(&before, &after), Shared { zones: 2, views: 2, places: true });
}

#[test]
fn an_edited_rule_makes_one_view_anew_and_no_zone() {
    let files = Files::new();
    let before = files.load(None);
    files.write("zones/b.example.toml", &POLICY.replace("country:JP", "country:IN"));
    let after = files.load(Some(&before));
    assert_eq!(shared(&before, &after), Shared { zones: 2, views: 1, places: true });
}

#[test]
fn an_edited_zone_is_made_anew_alone() {
    let files = Files::new();
    let before = files.load(None);
    files.write("zones/a.example.zone", &ZONE.replace("192.0.2.53", "192.0.2.54"));
    let after = files.load(Some(&before));
    assert_eq!(shared(&before, &after), Shared { zones: 1, views: 2, places: true });
}

#[test]
fn a_moved_az_makes_its_views_anew_and_no_zone() {
    let files = Files::new();
    let before = files.load(None);
    files.write("meridian.toml", &SERVER.replace("139.69", "140"));
    let after = files.load(Some(&before));
    assert_eq!(shared(&before, &after), Shared { zones: 2, views: 0, places: true });
}

/// How much of two loads is the same in memory.
#[derive(Debug, PartialEq)]
struct Shared {
    zones: usize,
    views: usize,
    places: bool,
}

fn shared(before: &Loaded, after: &Loaded) -> Shared {
    let [before, after] = [before, after].map(snapshot);
    let zones = before.zones.set.iter().zip(after.zones.set.iter());
    let same_zones = zones.filter(|((.., before), (.., after))| match (before, after) {
        (Entry::Serving(before), Entry::Serving(after)) => Arc::ptr_eq(before, after),
        (Entry::Serving(_) | Entry::Broken, _) => false,
    });
    let is_known = |view| before.views.values().any(|before| Arc::ptr_eq(before, view));
    Shared {
        zones: same_zones.count(),
        views: after.views.values().filter(|view| is_known(view)).count(),
        places: Arc::ptr_eq(&before.places, &after.places),
    }
}

fn snapshot(loaded: &Loaded) -> Snapshot {
    loaded.snapshot(Generation(1), Arc::new(RoutingTable::default()))
}

/// Two zones, whose pools have a view each.
struct Files {
    directory: TempDir,
}

impl Files {
    fn new() -> Self {
        let files = Self { directory: tempfile::tempdir().unwrap() };
        fs::create_dir(files.directory.path().join("zones")).unwrap();
        files.write("meridian.toml", SERVER);
        for zone in ["a", "b"] {
            files.write(&format!("zones/{zone}.example.zone"), ZONE);
        }
        files.write("zones/a.example.toml", POLICY);
        files.write("zones/b.example.toml", &POLICY.replace("country:JP", "country:AU"));
        files
    }

    fn write(&self, path: &str, text: &str) {
        let database = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mmdb/city.mmdb");
        let text = text.replace("DATABASE", &database.display().to_string());
        fs::write(self.directory.path().join(path), text).unwrap();
    }

    fn load(&self, previous: Option<&Loaded>) -> Loaded {
        let path = self.directory.path().join("meridian.toml");
        let loaded = load(&path, &Environment::default(), previous, Occasion::Asked);
        let loaded = loaded.unwrap_or_else(|report| panic!("{}", report.render(Style::Plain)));
        assert!(!loaded.report.has_errors(), "{}", loaded.report.render(Style::Plain));
        loaded
    }
}

const SERVER: &str = r#"
geoip.databases = ["DATABASE"]
az.sydney.location = [-33.87, 151.21]
az.tokyo.location = [35.68, 139.69]
"#;

const ZONE: &str = "\
$TTL 1h
@   SOA ns1 hostmaster 1 2h 30m 2w 30
    NS  ns1
ns1 A   192.0.2.53
";

const POLICY: &str = r#"
names.www = "web"
[pool.web]
endpoints.sydney = ["203.0.113.10"]
endpoints.tokyo = ["203.0.113.20"]
[[pool.web.rules]]
clients = ["country:JP"]
prefer = ["tokyo"]
"#;
