//! Endpoints that come and go.

use super::failover::{assert_all_home, assert_back, assert_lost};
use super::fleet::{Fleet, POLICY, SAOPAULO, SYDNEY};

#[test]
fn what_is_lost_too_often_is_passed_over_and_status_and_explain_say_so() {
    let mut fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let mut daemon = host.start();
    for _ in 0..2 {
        fleet.sydney.kill();
        assert_lost(&mut daemon, &host, "connection refused");
        fleet.sydney.restart();
        assert_back(&mut daemon);
    }
    fleet.sydney.kill();
    let told = daemon.wait("sydney is out of app.example:web");
    assert!(told.contains("; lost too often: penalty ") && told.contains(", suppressed until 20"));
    fleet.sydney.restart();
    host.meridian(&["status", "--wait", "app.example:web/sydney=up"]).success();
    let status = host.meridian(&["status"]).success();
    let sydney = status.lines().find(|line| line.trim().starts_with("192.0.2.1 ")).unwrap();
    assert!(sydney.contains(" up for ") && sydney.contains(", suppressed for 2"), "{sydney}");
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SAOPAULO);
    let explained = host.meridian(&["explain", "www.app.example", "--client", "1.0.0.1"]).success();
    let line = explained.lines().find(|line| line.contains("sydney")).unwrap();
    assert!(line.contains("suppressed") && line.contains("lost too often"), "{explained}");
    let force_up = ["force-up", "app.example:web/sydney", "--for", "1m", "--reason", "mended"];
    host.meridian(&force_up).success();
    assert_eq!(daemon.ask("www.app.example A from 1.0.0.0/24"), SYDNEY);
    assert_all_home(&daemon);
}
