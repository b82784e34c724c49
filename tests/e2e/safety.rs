//! Safety rules, from the command and the loss to the answers and what is told.

use super::fleet::{Fleet, PARIS, POLICY, SYDNEY};

const NEAR_SYDNEY: &str = "www.app.example A from 1.0.0.0/24";
const NEAR_PARIS: &str = "www.app.example A from 2.0.0.0/24";

#[test]
fn an_order_that_would_break_a_rule_is_refused_even_if_last() {
    let fleet = Fleet::new();
    let host = fleet.host(&with_rule());
    let daemon = host.start();
    let drain = |az| {
        let arguments = ["drain", az, "--for", "2h", "--reason", "deploy 42", "--even-if-last"];
        host.meridian(&arguments)
    };
    drain("paris").success();
    let told = drain("sydney").failure(1);
    let expected = "meridian: rule `home` needs 1 of paris, sydney in pool app.example:web: bring paris \
                    back first; --even-if-last is no way round a safety rule\n";
    assert_eq!(told, expected);
    assert_eq!(daemon.ask(NEAR_SYDNEY), SYDNEY);
}

#[test]
fn a_loss_that_would_break_a_rule_is_kept_and_told() {
    let mut fleet = Fleet::new();
    let host = fleet.host(&with_rule());
    let mut daemon = host.start();
    fleet.paris.kill();
    daemon.transition("paris is out of app.example:web", "connection refused");
    fleet.sydney.kill();
    daemon.wait("app.example:web/sydney is kept in service by safety rules: rule `home` needs 1 of paris, sydney");
    assert_eq!(daemon.ask(NEAR_SYDNEY), SYDNEY);
    let why = "rule `home` needs 1 of paris, sydney; until it or paris is up";
    let status = host.meridian(&["status"]).success();
    assert!(status.contains(&format!("kept in service; measured down; {why}")), "{status}");
    let arguments = ["explain", "www.app.example", "--client", "1.0.0.1"];
    let explained = host.meridian(&arguments).success();
    assert!(
        explained.contains(&format!("chosen       down: connection refused; kept: {why}")),
        "{explained}"
    );
    fleet.paris.restart();
    daemon.wait("app.example:web/sydney is kept no more");
    assert_eq!(daemon.ask(NEAR_PARIS), PARIS);
}

/// The policy of the fleet, with a rule.
fn with_rule() -> String {
    format!("{POLICY}\n[pool.web.safety]\nhome = {{ any = [\"paris\", \"sydney\"] }}\n")
}
