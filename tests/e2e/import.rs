//! What another server is configured with, imported by the binary.

use std::fs;
use std::path::Path;

use super::host::Host;

fn fixture(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/import");
    root.join(path).to_str().unwrap().to_owned()
}

/// A host whose directory `imported` has a database and nothing else.
fn host() -> Host {
    let host = Host::new();
    fs::create_dir_all(host.path("imported/geoip")).unwrap();
    let database = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mmdb/globe.mmdb");
    fs::copy(database, host.path("imported/geoip/world.mmdb")).unwrap();
    host
}

#[test]
fn what_gdnsd_had_passes_check() {
    let host = host();
    let shown =
        host.meridian(&["import", "gdnsd", &fixture("gdnsd"), "--to", "imported"]).success();
    assert!(shown.starts_with("4 files in imported, 5 things did not map\n"), "{shown}");
    let checked = host.meridian(&["check", "--config", "imported/meridian.toml"]).success();
    assert!(checked.contains("2 zones, 8 azs, 7 pools, "), "{checked}");
    assert!(checked.contains(": 0 errors, "), "{checked}");
}

#[test]
fn what_route53_had_passes_check() {
    let host = host();
    let (zone, checks) = (fixture("route53/shop.example.json"), fixture("route53/checks.json"));
    let arguments = ["import", "route53", &zone, "--health-checks", &checks, "--to", "imported"];
    host.meridian(&arguments).success();
    let checked = host.meridian(&["check", "--config", "imported/meridian.toml"]).success();
    assert!(checked.contains(": 0 errors, "), "{checked}");
}

#[test]
fn with_strict_an_import_that_is_not_whole_fails_and_is_written() {
    let host = host();
    let arguments = ["import", "gdnsd", &fixture("gdnsd"), "--to", "imported", "--strict"];
    let shown = host.meridian(&arguments).failure(1);
    assert!(shown.contains("not imported: config:5: option `udp_threads`"), "{shown}");
    assert!(host.path("imported/meridian.toml").exists());
}

#[test]
fn an_import_that_fails_leaves_no_file_behind() {
    let host = host();
    host.write("imported/zones", "mine");
    let shown =
        host.meridian(&["import", "gdnsd", &fixture("gdnsd"), "--to", "imported"]).failure(1);
    assert!(shown.contains("can't write imported/zones/"), "{shown}");
    assert!(!host.path("imported/meridian.toml").exists());
    assert_eq!(fs::read_to_string(host.path("imported/zones")).unwrap(), "mine");
}

#[test]
fn an_import_overwrites_no_file_and_writes_none_then() {
    let host = host();
    host.write("imported/meridian.toml", "mine");
    let shown =
        host.meridian(&["import", "gdnsd", &fixture("gdnsd"), "--to", "imported"]).failure(1);
    assert!(shown.contains("imported/meridian.toml is there already"), "{shown}");
    assert_eq!(fs::read_to_string(host.path("imported/meridian.toml")).unwrap(), "mine");
    assert!(!host.path("imported/zones").exists());
}
