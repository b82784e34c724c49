//! Pools that are not nearest and not of addresses, from their files to what is asked and shown.

use super::daemon::eventually;
use super::fleet::{Fleet, POLICY};

/// [`POLICY`] with names in place of addresses, probed where those would be.
fn cname_policy() -> String {
    let (before, _) = POLICY.split_once("[pool.web.endpoints]").unwrap();
    format!(
        "{before}
[pool.web.endpoints]
sydney   = {{ name = \"syd.cdn.test.\", probe = \"SYDNEY\" }}
paris    = {{ name = \"par.cdn.test.\", probe = \"PARIS\" }}
saopaulo = {{ name = \"sao.cdn.test.\", probe = \"SAOPAULO\" }}
"
    )
}

#[test]
fn a_cname_pool_fails_over_and_status_shows_its_names() {
    let mut fleet = Fleet::new();
    let host = fleet.host(&cname_policy());
    let daemon = host.start();
    assert_eq!(daemon.ask("www.app.example TXT from 1.0.0.0/24"), "syd.cdn.test.");
    fleet.sydney.kill();
    let asked = || daemon.ask("www.app.example TXT from 1.0.0.0/24");
    eventually("another name", || (asked() == "sao.cdn.test.").then_some(()));
    let status = host.meridian(&["status"]).success();
    let line = status.lines().find(|line| line.contains("syd.cdn.test.")).unwrap();
    assert!(line.contains("down"), "{status}");
}

#[test]
fn explain_tells_the_slot_of_weights_and_the_window_of_addresses() {
    let fleet = Fleet::new();
    let addresses: Vec<_> = (1..=5).map(|last| format!("\"192.0.2.{last}\"")).collect();
    let host = fleet.host(&format!(
        "names.www = \"web\"\n[pool.web]\npolicy = \"weighted\"\nweights = {{ paris = 3 }}\n\
         max_answers = 2\nendpoints.paris = [{0}]\nendpoints.sydney = [{1}]\n",
        addresses.join(", "),
        addresses.join(", ").replace(".2.", ".3."),
    ));
    let asked = ["explain", "www.app.example", "--client", "49.36.10.1", "--offline"];
    let told = host.meridian(&asked).success();
    for part in [
        "pool      app.example:web, policy weighted\n",
        "slot      1063 of 4096, by weight\n",
        " weight 3  ",
        "window    A 4 to 5 of 5, by slot 3367\n",
        "scope     /24\n",
    ] {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
}
