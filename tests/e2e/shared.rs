//! What all servers share: an included file, with a pool and a check that two zones use.

use super::fleet::{Fleet, PARIS, POLICY, SYDNEY};
use super::host::{Host, SERVER};

#[test]
fn zones_share_a_pool_of_an_included_file() {
    let mut fleet = Fleet::new();
    let host = host(&fleet);
    let mut daemon = host.start();
    let ask = |zone: &str| format!("www.{zone}.example A from 1.0.0.0/24");
    assert_eq!([daemon.ask(&ask("app")), daemon.ask(&ask("other"))], [SYDNEY; 2]);
    fleet.sydney.kill();
    daemon.transition("sydney is out of web", "connection refused");
    let moved = [daemon.ask(&ask("app")), daemon.ask(&ask("other"))];
    assert_eq!(moved[0], moved[1]);
    assert_ne!(moved[0], SYDNEY);
}

#[test]
fn commands_go_by_an_included_file() {
    let fleet = Fleet::new();
    let host = host(&fleet);
    let counts = "2 zones, 3 azs, 1 pool, 3 endpoints, 1 database: 0 errors, 0 warnings\n";
    assert_eq!(host.meridian(&["check"]).success(), counts);
    let question = ["explain", "--offline", "www.other.example", "--client", "2.0.0.1"];
    let told = host.meridian(&question).success();
    assert!(told.contains("pool      web, policy nearest\n") && told.contains(PARIS), "{told}");
    let _daemon = host.start();
    assert!(host.meridian(&["status"]).success().contains("web"));
}

#[test]
fn a_fault_in_an_included_file_leaves_everything() {
    let fleet = Fleet::new();
    let host = host(&fleet);
    let daemon = host.start();
    host.edit("fleet/all.toml", "hold =", "holt =");
    host.edit("zones/other.example.zone", "first", "second");
    let shown = host.meridian(&["reload"]).failure(1);
    assert!(shown.contains("--> fleet/all.toml:") && shown.contains("`hold`"), "{shown}");
    assert_eq!(daemon.ask("text.other.example TXT"), "first");
}

#[test]
fn a_zone_keeps_a_pool_that_went_until_it_is_mended() {
    let fleet = Fleet::new();
    let host = host(&fleet);
    let daemon = host.start();
    let pools = std::fs::read_to_string(host.path("fleet/all.toml")).unwrap();
    host.write("fleet/all.toml", &pools[..pools.find("[check.web]").unwrap()]);
    host.write("zones/other.example.toml", "");
    let shown = host.meridian(&["reload"]).failure(1);
    assert!(shown.contains("error[names/unknown-pool]: no pool `web` in"), "{shown}");
    assert!(shown.contains("warning[reload/kept-shared]: zone app.example is kept"), "{shown}");
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SYDNEY);
    assert_eq!(daemon.ask("www.other.example A from 1.0.0.0/24"), "NXDOMAIN");
    host.write("zones/app.example.toml", "");
    host.meridian(&["reload"]).success();
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), "NXDOMAIN");
}

/// A host whose azs, check and pool stand in an included file, and whose zones both use the pool.
fn host(fleet: &Fleet) -> Host {
    let host = fleet.host(&POLICY.replace("[names]\nwww = \"web\"\n", ""));
    let shared = std::fs::read_to_string(host.path("zones/app.example.toml")).unwrap();
    let azs = SERVER.find("[az.sydney]").unwrap();
    host.write("meridian.toml", &format!("include = [\"fleet/all.toml\"]\n{}", &SERVER[..azs]));
    std::fs::create_dir(host.path("fleet")).unwrap();
    host.write("fleet/all.toml", &format!("{}{shared}", &SERVER[azs..]));
    for zone in ["app", "other"] {
        host.write(&format!("zones/{zone}.example.toml"), "names.www = \"web\"\n");
    }
    host
}
