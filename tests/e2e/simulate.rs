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
    let all = host.meridian(&["simulate", "--all"]).success();
    assert!(!all.contains("-0.0"), "{all}");
}

#[test]
fn a_lost_az_that_a_rule_keeps_is_a_broken_limit_with_the_rule() {
    let fleet = Fleet::new();
    let host = fleet.host(&POLICY.replace("hold =", "min_live = 3\nhold ="));
    let ended = host.meridian(&["simulate", "--lose", "paris"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let told = "99.6 % of demand is given paris, which is lost: \
                rule `min_live` needs paris, saopaulo and sydney";
    assert!(ended.out.contains(told), "{ended:?}");
}

#[test]
fn lost_azs_that_the_last_resort_gives_are_a_broken_limit() {
    let fleet = Fleet::new();
    let host = fleet.host(POLICY);
    let all = ["simulate", "--lose", "sydney", "--lose", "paris", "--lose", "saopaulo"];
    let ended = host.meridian(&all);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.out.contains("which is lost: `all_down` of pool app.example:web"), "{ended:?}");
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

/// A host whose azs Sao Paulo and Sydney have these capacities.
fn limited(fleet: &Fleet, policy: &str, [saopaulo, sydney]: [u32; 2]) -> Host {
    let host = fleet.host(policy);
    for (az, capacity) in [("saopaulo", saopaulo), ("sydney", sydney)] {
        let table = format!("[az.{az}]\n");
        host.edit("meridian.toml", &table, &format!("{table}capacity = {capacity}\n"));
    }
    host
}

#[test]
fn who_finds_no_room_spills_on_by_slot() {
    let fleet = Fleet::new();
    let host = limited(&fleet, POLICY, [300, 10_000]);
    // They are of Paris, and Sao Paulo is next.
    host.write("demand.csv", "2.0.0.0/16,1000\n");
    let asked = ["simulate", "--lose", "paris", "--demand", "demand.csv", "--format", "json"];
    let simulated: Value = serde_json::from_str(&host.meridian(&asked).success()).unwrap();
    let loss = &simulated["losses"][0];
    let capacity = &loss["capacity"].as_array().unwrap()[..];
    let load = |az: &str, when: &str| {
        let of = capacity.iter().find(|of| of["name"] == az).unwrap();
        of[when].as_f64().unwrap()
    };
    assert_eq!((load("saopaulo", "before"), load("sydney", "before")), (0.0, 0.0));
    assert!((299.0..=300.0).contains(&load("saopaulo", "after")), "{loss:#}");
    assert!((700.0..=701.0).contains(&load("sydney", "after")), "{loss:#}");
    // 256 networks have few slots: their share is about that of all slots.
    let azs = loss["pools"][0]["azs"].as_array().unwrap();
    let saopaulo = azs.iter().find(|az| az["name"] == "saopaulo").unwrap();
    assert!((200.0..400.0).contains(&saopaulo["after"].as_f64().unwrap()), "{loss:#}");
}

#[test]
fn a_capacity_that_displaced_clients_break_is_a_broken_limit() {
    let fleet = Fleet::new();
    let host = limited(&fleet, POLICY, [300, 200]);
    host.write("demand.csv", "2.0.0.0/16,1000\n");
    let ended = host.meridian(&["simulate", "--lose", "paris", "--demand", "demand.csv"]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.out.contains("above its hard limit"), "{ended:?}");
    let all = host.meridian(&["simulate", "--all", "--demand", "demand.csv"]);
    assert_eq!(all.code, Some(1), "{all:?}");
    assert!(all.out.contains("\nparis: saopaulo is expected "), "{all:?}");
}

#[test]
fn an_az_that_is_above_its_limit_without_a_loss_is_not_broken_by_one() {
    let fleet = Fleet::new();
    let host = limited(&fleet, POLICY, [300, 10_000]);
    host.write("demand.csv", "az:saopaulo,400\n");
    let told = host.meridian(&["simulate", "--lose", "paris", "--demand", "demand.csv"]).success();
    assert!(told.contains("demand    uniform"), "{told}");
    assert!(told.contains("saopaulo   400    400    300    300"), "{told}");
}

#[test]
fn the_fence_that_keeps_clients_from_a_nearer_az_is_named() {
    let rule = "[[pool.web.rules]]\nclients = [\"net:2.0.0.0/16\"]\nallow = [\"az:sydney\", \"az:paris\"]\n";
    let fleet = Fleet::new();
    let host = fleet.host(&format!("{POLICY}{rule}"));
    host.write("demand.csv", "2.0.0.0/16,300\n7.0.0.0/16,100\n");
    let told = host.meridian(&["simulate", "--lose", "paris", "--demand", "demand.csv"]).success();
    assert!(told.contains("the fence of rule 1 keeps 75.0 % of demand from saopaulo\n"), "{told}");
    let fence = "hold = \"100ms\"\nallow = [\"az:sydney\", \"az:paris\"]\n";
    let host = fleet.host(&POLICY.replace("hold = \"100ms\"\n", fence));
    host.write("demand.csv", "2.0.0.0/16,300\n7.0.0.0/16,100\n");
    let told = host.meridian(&["simulate", "--lose", "paris", "--demand", "demand.csv"]).success();
    assert!(
        told.contains("the fence of the pool keeps 100.0 % of demand from saopaulo\n"),
        "{told}"
    );
}
