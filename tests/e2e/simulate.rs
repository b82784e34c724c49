//! `meridian simulate` against what comes of it when the az is really lost.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use super::client::{Client, answer};
use super::daemon::Daemon;
use super::fleet::{Fleet, POLICY};
use super::host::Host;

/// Clients from all over the fixture's database, and their demand.
fn clients() -> Vec<(String, u32)> {
    let v4 = |network: u32, index: u32| {
        let [a, b] = [[1, 0], [2, 0], [5, 9], [7, 0], [200, 3]][network as usize];
        format!("{a}.{b}.{}.{}", index * 7 % 256, index % 251)
    };
    let clients = (0..300).map(|index| match index % 6 {
        5 => (format!("2400:1:{index:x}::1"), 1 + index % 13),
        network => (v4(network, index), 1 + index % 13),
    });
    clients.collect()
}

/// The demand of each az, by its address, as the server answers now.
fn served(daemon: &Daemon, clients: &[(String, u32)]) -> BTreeMap<String, f64> {
    let client = Client::of(daemon.address());
    let mut served = BTreeMap::new();
    for (ip, demand) in clients {
        let len = if ip.contains(':') { 128 } else { 32 };
        let given = answer(&client.ask(&format!("www.app.example A from {ip}/{len}")));
        *served.entry(given).or_default() += f64::from(*demand);
    }
    served
}

/// The same before and after the loss of Sydney, as it is simulated.
fn simulated(host: &Host, clients: &[(String, u32)]) -> [BTreeMap<String, f64>; 2] {
    let mut file = String::from("# who asks\n");
    clients.iter().for_each(|(ip, demand)| writeln!(file, "{ip},{demand}").unwrap());
    host.write("demand.csv", &file);
    let asked = ["simulate", "--lose", "sydney", "--demand", "demand.csv", "--format", "json"];
    let simulated: Value = serde_json::from_str(&host.meridian(&asked).success()).unwrap();
    let azs = simulated["losses"][0]["pools"][0]["azs"].as_array().unwrap();
    ["before", "after"].map(|when| {
        let azs = azs.iter().map(|az| {
            let address = match az["name"].as_str().unwrap() {
                "sydney" => "192.0.2.1",
                "paris" => "192.0.2.2",
                _ => "192.0.2.3",
            };
            (address.to_owned(), az[when].as_f64().unwrap())
        });
        azs.filter(|(_, demand)| *demand > 0.0).collect()
    })
}

#[track_caller]
fn assert_same_as_served(policy: &str) {
    let mut fleet = Fleet::new();
    let host = fleet.host(policy);
    let clients = clients();
    let [before, after] = simulated(&host, &clients);
    assert!(before.len() == 3 && after.len() == 2, "{before:?} {after:?}");
    let mut daemon = host.start();
    assert_eq!(served(&daemon, &clients), before);
    fleet.sydney.kill();
    daemon.wait("sydney is out of app.example:web");
    assert_eq!(served(&daemon, &clients), after);
}

#[test]
fn a_simulated_loss_gives_the_shares_that_the_server_then_gives() {
    let rule = "[[pool.web.rules]]\nclients = [\"net:5.9.128.0/17\"]\nprefer = [\"saopaulo\"]\n";
    assert_same_as_served(&format!("{POLICY}{rule}"));
}

#[test]
fn slots_are_simulated_as_they_are_served() {
    let weights = "policy = \"weighted\"\nweights = { paris = 3 }\nhold =";
    assert_same_as_served(&POLICY.replace("hold =", weights));
}

#[test]
fn clients_who_are_left_with_nothing_are_a_broken_limit() {
    let fleet = Fleet::new();
    let host = fleet.host(&POLICY.replace("hold =", "all_down = \"closed\"\nhold ="));
    let all = ["simulate", "--lose", "sydney", "--lose", "paris", "--lose", "saopaulo"];
    let ended = host.meridian(&all);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.out.contains("breaks: 100.0 % of demand is given nothing"), "{ended:?}");
    host.meridian(&["simulate", "--all"]).success();
}

#[test]
fn what_can_not_be_simulated_is_told_with_its_place() {
    let host = Fleet::new().host(POLICY);
    let told = host.meridian(&["simulate", "--lose", "sidney"]).failure(2);
    assert!(told.contains("no az is named \"sidney\"; did you mean `sydney`?"), "{told}");
    host.write("demand.csv", "1.0.0.0/24,5\n1.0.0.0/24;5\n");
    let asked = ["simulate", "--lose", "sydney", "--demand", "demand.csv"];
    let told = host.meridian(&asked).failure(1);
    assert!(told.contains("demand.csv:2:1"), "{told}");
    host.meridian(&["simulate"]).failure(2);
}

#[test]
fn what_nothing_probes_can_not_be_lost() {
    let policy = "names.www = \"web\"\npool.web.endpoints.sydney = [\"192.0.2.1\"]\n";
    let host = Fleet::new().host(policy);
    let told = host.meridian(&["simulate", "--lose", "sydney"]).success();
    assert!(told.contains("not probed in sydney"), "{told}");
}
