//! An az is lost, and the next would have more clients than it takes.

use std::collections::BTreeMap;

use super::client::{Client, answer};
use super::daemon::{Daemon, eventually};
use super::failover::assert_back;
use super::fleet::{CLIENTS, Fleet, PARIS, POLICY, SAOPAULO, SYDNEY};
use super::host::Host;
use super::support::server::Behaviour;

#[test]
fn only_as_many_clients_go_farther_as_the_next_az_has_no_room_for() {
    let mut fleet = Fleet::new();
    let loads = [(&fleet.sydney, 600), (&fleet.paris, 300), (&fleet.saopaulo, 100)];
    loads.iter().for_each(|(server, load)| server.behave(reporting(*load)));
    let policy = POLICY.replace("path =", "load = \"$.load\"\npath =");
    let host = limited(&fleet, &policy, CLIENT_LINES);
    let mut daemon = host.start();
    shows(
        &host,
        &[("sydney", "own load 600, expected 600"), ("paris", "own load 300, expected 300")],
    );
    assert_eq!(near_sydney(&daemon), [(SYDNEY.to_owned(), NETWORKS)].into());
    fleet.sydney.kill();
    daemon.transition("sydney is out of app.example:web", "connection refused");
    let shares = near_sydney(&daemon);
    assert_half_goes_on(&shares);
    shows(
        &host,
        &[("sydney", "own load 600, expected 0"), ("paris", "own load 300, expected 600")],
    );
    // What Paris reports now is not of its own clients alone, and moves nobody.
    fleet.paris.behave(reporting(590));
    assert_others_are_at_home(&daemon);
    shows(&host, &[("paris", "own load 300, expected 600")]);
    assert_eq!(near_sydney(&daemon), shares);
    fleet.sydney.restart();
    assert_back(&mut daemon);
    assert_eq!(near_sydney(&daemon), [(SYDNEY.to_owned(), NETWORKS)].into());
}

#[test]
fn a_demand_file_states_the_load_and_counts_anew_when_it_changes() {
    let mut fleet = Fleet::new();
    let stated = format!("az:sydney,600\naz:paris,300\n{CLIENT_LINES}");
    let host = limited(&fleet, POLICY, &stated).watched();
    let mut daemon = host.start();
    fleet.sydney.kill();
    daemon.transition("sydney is out of app.example:web", "connection refused");
    let shares = near_sydney(&daemon);
    assert_half_goes_on(&shares);
    assert_others_are_at_home(&daemon);
    host.write("demand.csv", &stated.replace("az:paris", "az:pariss"));
    let refused = daemon.wait("demand/bad-line");
    assert!(refused.contains("demand.csv:2:1") && refused.contains("no az `pariss`"), "{refused}");
    assert_eq!(near_sydney(&daemon), shares);
    // Most who had Sydney are elsewhere and prefer another: there is room in Paris for the rest.
    host.write("demand.csv", &format!("{stated}1.0.0.0/24,3\n"));
    eventually("all of the rest are in Paris", || {
        (near_sydney(&daemon) == [(PARIS.to_owned(), NETWORKS)].into()).then_some(())
    });
}

/// As many clients near Sydney, whose next az is Paris, as are asked for below; and others.
const CLIENT_LINES: &str = "2400:1::/32,1\n2.0.0.0/16,1\n7.0.0.0/16,1\n";

/// A host whose az Paris takes a load of 600 gladly, and that has this demand file.
fn limited(fleet: &Fleet, policy: &str, demand: &str) -> Host {
    let host = fleet.host(policy);
    host.write("demand.csv", demand);
    host.edit("meridian.toml", "workers = 2", "workers = 2\ndemand = \"demand.csv\"");
    host.edit("meridian.toml", "\"AU\"", "\"AU\"\ncapacity = 1000");
    host.edit("meridian.toml", "\"FR\"", "\"FR\"\ncapacity = { soft = 600, hard = 800 }");
    host
}

/// What the endpoint of an az with this load says.
fn reporting(load: u32) -> Behaviour {
    Behaviour::reply(200, &format!(r#"{{"load": {load}}}"#))
}

/// Waits until the status of azs begins so.
fn shows(host: &Host, azs: &[(&str, &str)]) {
    eventually("the status is so", || {
        let status = host.meridian(&["status"]).success();
        let is_shown =
            |(az, text): &(&str, &str)| status.contains(&format!("az {az:<16} {text}, "));
        azs.iter().all(is_shown).then_some(())
    });
}

/// How many networks near Sydney are given each address.
fn near_sydney(daemon: &Daemon) -> BTreeMap<String, usize> {
    let client = Client::of(daemon.address());
    let mut given = BTreeMap::new();
    for network in 0..NETWORKS {
        let asked = format!("www.app.example A from 2400:1:{network:x}::/48");
        *given.entry(answer(&client.ask(&asked))).or_default() += 1;
    }
    given
}

const NETWORKS: usize = 256;

/// Of 600, Paris has room for 300. Networks are few: a part of them is only about so large.
#[track_caller]
fn assert_half_goes_on(shares: &BTreeMap<String, usize>) {
    assert_eq!(shares.keys().collect::<Vec<_>>(), [PARIS, SAOPAULO]);
    assert!((96..=160).contains(&shares[PARIS]), "{shares:?}");
}

#[track_caller]
fn assert_others_are_at_home(daemon: &Daemon) {
    for (client, home, _) in CLIENTS.iter().filter(|(_, home, _)| *home != SYDNEY) {
        assert_eq!(daemon.ask(&format!("www.app.example A from {client}")), *home);
    }
}
