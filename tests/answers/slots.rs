//! Pools whose answers go by slots: weights, and windows of more addresses than an answer holds.
//!
//! docs/slots.md is the contract; the expected slots are those of tests/fixtures/slots/slots.txt.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use meridian::answer::{Question, Snapshot, explain};

use super::cname::CNAMES;
use super::rfc9460::SERVICES;
use super::steered::{AZS, POOL, ZONE};
use super::{Ask, World, check, show};

/// More names for [`POOL`].
const NAMES: &str = r#"
even = "even"
heavy = "heavy"
pinned = "pinned"
many = "many"
cdn = "cdn"
"*.edge" = "cdn"
inner = "inner"
ping = "ping"
pong = "pong"
"#;

/// More pools for [`POOL`].
const POOLS: &str = r#"
[pool.even]
policy = "weighted"
check = "web"
endpoints.frankfurt = ["203.0.113.32"]
endpoints.sydney = ["203.0.113.52"]
endpoints.tokyo = ["203.0.113.62"]

[pool.heavy]
policy = "weighted"
weights = { frankfurt = 3, sydney = 1, tokyo = 0 }
check = "web"
endpoints.frankfurt = ["203.0.113.33"]
endpoints.sydney = ["203.0.113.53"]
endpoints.tokyo = ["203.0.113.63"]

[pool.pinned]
policy = "weighted"
check = "web"
endpoints.frankfurt = ["203.0.113.34"]
endpoints.sydney = ["203.0.113.54"]
endpoints.tokyo = ["203.0.113.64"]
[[pool.pinned.rules]]
clients = ["country:FR"]
prefer = ["frankfurt"]

[pool.many]
check = "web"
max_answers = 4
endpoints.frankfurt = ["203.0.113.35"]
endpoints.sydney = [
    "203.0.113.101", "203.0.113.102", "203.0.113.103", "203.0.113.104", "203.0.113.105",
    "203.0.113.106", "203.0.113.107", "203.0.113.108", "203.0.113.109",
]
"#;

/// The world of [`super::steered`] and more: all that pools can do.
pub(crate) fn world(zone: &str) -> World {
    world_with("", zone)
}

/// As [`world`], on a server with these settings.
pub(crate) fn world_with(server: &str, zone: &str) -> World {
    let policy = POOL.replacen("[names]\n", &format!("[names]\n{NAMES}"), 1);
    let mut world = World::new(&format!(
        "=== meridian.toml\n[server]\n{server}\n{AZS}=== zones/example.zone\n{ZONE}{SERVICES}{zone}\
         === zones/example.toml\n{policy}{POOLS}{CNAMES}"
    ));
    world.settle();
    world
}

/// How often each last octet is the first address for the /24s of 5.0.0.0/10.
fn shares(snapshot: &Snapshot, name: &str) -> BTreeMap<u8, usize> {
    let mut shares = BTreeMap::new();
    for third in 0..16_384_u32 {
        let client = Ipv4Addr::from_bits(0x0500_0000 + (third << 8));
        let (_, response) = Ask::new(&format!("{name} A +from={client}")).of(snapshot);
        *shares.entry(*response.last().unwrap()).or_default() += 1;
    }
    shares
}

#[test]
fn clients_are_shared_out_by_weight() {
    let shares = shares(&world("").snapshot(), "heavy.example.");
    let share = shares[&33] as f64 / 16_384.0;
    assert!((share - 0.75).abs() < 0.03, "{shares:?}");
    assert_eq!(shares.keys().collect::<Vec<_>>(), [&33, &53], "weight 0 is for need");
}

#[test]
fn an_az_of_weight_0_answers_when_the_others_are_gone() {
    let mut world = world("");
    world.fail("frankfurt");
    world.fail("sydney");
    check(
        &world.snapshot(),
        "heavy.example. A +from=5.0.0.1",
        "NOERROR aa\nan heavy.example. 30 A 203.0.113.63",
    );
}

#[test]
fn a_lost_az_moves_its_own_clients_alone() {
    let mut world = world("");
    let az_of = |world: &World| -> Vec<u8> {
        let snapshot = world.snapshot();
        let clients = (0..500_u32).map(|third| Ipv4Addr::from_bits(0x0500_0000 + (third << 8)));
        let last = |client| {
            let (_, response) = Ask::new(&format!("even.example. A +from={client}")).of(&snapshot);
            *response.last().unwrap()
        };
        clients.map(last).collect()
    };
    let before = az_of(&world);
    world.fail("sydney");
    let after = az_of(&world);
    let mut to = BTreeMap::<u8, usize>::new();
    for (before, after) in before.into_iter().zip(after) {
        match before {
            52 => *to.entry(after).or_default() += 1,
            _ => assert_eq!(before, after),
        }
    }
    assert!(to[&32] > 50 && to[&62] > 50 && to.len() == 2, "{to:?}");
}

#[test]
fn the_scope_of_a_slot_is_its_prefix_or_a_longer_one() {
    let zone = world("").snapshot();
    let scope = |question: &str| {
        let (_, response) = Ask::new(question).of(&zone);
        let line = show(&response).lines().next().unwrap().to_owned();
        line.rsplit('/').next().unwrap().parse::<u8>().unwrap()
    };
    assert_eq!(scope("even.example. A +subnet=5.0.0.0/8"), 24);
    assert_eq!(scope("even.example. A +subnet=5.0.0.7/32"), 24);
    assert_eq!(scope("even.example. A +subnet=2a00:1::/40"), 48);
    assert_eq!(scope("even.example. A +subnet=::ffff:5.0.0.7/128"), 120);
    assert_eq!(scope("even.example. A +subnet=2002:500:7::/48"), 40);
    // 2a00:1:0:1::/64 is in London and so are its neighbours by no rule: the slot's prefix is enough.
    assert_eq!(scope("pinned.example. A +subnet=2a00:1:0:1::/64"), 48);
    // No slot decides what one az answers.
    assert_eq!(scope("first.example. A +subnet=5.0.0.0/8"), 0);
}

#[test]
fn a_rule_comes_before_weights() {
    let zone = world("").snapshot();
    for third in 0..64 {
        check(
            &zone,
            &format!("pinned.example. A +from=2.0.{third}.1"),
            "NOERROR aa\nan pinned.example. 30 A 203.0.113.34",
        );
    }
    let shares = shares(&zone, "pinned.example.");
    assert_eq!(shares.len(), 3, "{shares:?}");
}

#[test]
fn of_many_addresses_a_client_gets_the_same_window_each_time_rotated() {
    let zone = world("").snapshot();
    let lasts = |client: &str, id: u16| -> Vec<u8> {
        let (_, response) = Ask::new(&format!("many.example. A +from={client} +id={id}")).of(&zone);
        let text = show(&response);
        text.lines().skip(1).map(|line| line.rsplit('.').next().unwrap().parse().unwrap()).collect()
    };
    assert_eq!(
        lasts("1.0.0.1", 0),
        [107, 108, 109],
        "slot 3091 of 4096 falls on the seventh of nine"
    );
    assert_eq!(lasts("1.0.0.200", 1), [108, 109, 107]);
}

#[test]
fn an_answer_that_holds_all_addresses_has_no_window() {
    let zone = world("").snapshot();
    // France has Frankfurt, with one address, and the scope of its place.
    check(
        &zone,
        "many.example. A +subnet=2.0.5.0/24",
        "NOERROR aa edns=1232 subnet=2.0.5.0/24/7\nan many.example. 30 A 203.0.113.35",
    );
}

#[test]
fn explain_shows_slot_weight_and_window() {
    let zone = world("").snapshot();
    let explained = |name: &str| {
        let question = Question::from_text(name, "A", "1.0.0.1".parse().unwrap()).unwrap();
        explain(&zone, &question, None).steering.unwrap()
    };
    let heavy = explained("heavy.example.");
    assert_eq!((heavy.policy.as_str(), heavy.slot), ("weighted", Some(3361)));
    let weights: BTreeMap<_, _> = heavy.azs.iter().map(|az| (&*az.name, az.weight)).collect();
    assert_eq!(weights, [("frankfurt", Some(3)), ("sydney", Some(1)), ("tokyo", Some(0))].into());
    let many = explained("many.example.");
    assert_eq!(many.slot, None);
    let [window] = &many.windows[..] else { panic!("{:?}", many.windows) };
    assert_eq!((window.slot, window.first, window.last, window.of), (3091, 7, 9, 9));
}
