//! No answer leaves a fence: of the pool that is asked and of the client's rule, whatever is down,
//! whatever operators say, and whatever `all_down` is.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::Duration;

use meridian::answer::explain::{FenceOf, FencedOut};
use meridian::answer::{Question, Request, Snapshot, Transport, answer, explain};
use meridian::route::{Override, OverrideKind, Share};
use meridian::time::Wall;
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, prop_oneof, proptest};
use proptest::sample::select;

use super::World;

/// Each az by what the last octet of its addresses begins with.
const AZS: [(&str, u8); 4] = [("frankfurt", 3), ("ohio", 4), ("sydney", 5), ("tokyo", 6)];

const SERVER: &str = r#"
[geoip]
databases = ["FIXTURES/city.mmdb"]
[az.frankfurt]
location = [50.11, 8.68]
country = "DE"
[az.ohio]
location = [40.0, -83.0]
country = "US"
region = "america"
[az.sydney]
location = [-33.87, 151.21]
country = "AU"
region = "pacific"
[az.tokyo]
location = [35.68, 139.69]
country = "JP"
region = "pacific"
"#;

/// Every way to be down and every policy. Of each pool all azs have endpoints: outside the fence of
/// `open` to `back` is Ohio. What is in parentheses is put in all of them.
const POOLS: &str = r#"
names = { open = "open", closed = "closed", last = "last", back = "back", heavy = "heavy", order = "order" }
check.web = { type = "tcp", port = 80 }
[pool.open]
policy = "nearest"
failback = "ramp"
ramp = "20s"
min_live = 1
(POOL)
[pool.closed]
all_down = "closed"
failback = "manual"
(POOL)
[pool.last]
all_down = "last"
failback = "ramp"
ramp = "20s"
(POOL)
[pool.back]
all_down = "fallback"
fallback = "spare"
(POOL)
[pool.heavy]
policy = "weighted"
weights = { sydney = 5, ohio = 9 }
(POOL)
[pool.order]
policy = "failover"
order = ["ohio", "tokyo"]
(POOL)
[pool.spare]
all_down = "last"
(POOL)
"#;

const POOL: &str = r#"
check = "web"
hold = "5s"
allow = ["group:eu", "region:pacific"]
endpoints.frankfurt = ["203.0.113.31", "203.0.113.32"]
endpoints.ohio = ["203.0.113.41", "203.0.113.42"]
endpoints.sydney = ["203.0.113.51", "203.0.113.52"]
endpoints.tokyo = ["203.0.113.61", "203.0.113.62"]
rules = [
    { clients = ["country:FR", "net:10.1.0.0/16"], prefer = ["tokyo"] },
    { clients = ["group:eu"], allow = ["country:DE"] },
    { clients = ["country:AU"], prefer = ["sydney"], allow = ["region:pacific"] },
    { clients = ["country:JP"], prefer = ["sydney"], allow = ["az:frankfurt", "az:sydney"] },
]
"#;

/// A client in each place, with what its fence allows by the files above.
const CLIENTS: [(&str, &[&str]); 7] = [
    ("2.0.0.9", &["frankfurt", "sydney", "tokyo"]),
    ("10.1.0.9", &["frankfurt", "sydney", "tokyo"]),
    ("5.0.0.9", &["frankfurt"]),
    ("1.0.0.9", &["sydney", "tokyo"]),
    ("2400:1::9", &["frankfurt", "sydney"]),
    ("8.0.0.9", &["frankfurt", "sydney", "tokyo"]),
    ("198.51.100.9", &["frankfurt", "sydney", "tokyo"]),
];

const NAMES: [&str; 6] = ["open", "closed", "last", "back", "heavy", "order"];

/// Each az overridden in each way and, meanwhile, every subset of azs down, the others up or held.
#[test]
fn no_answer_leaves_the_fence() {
    let mut world = world();
    let mut given = BTreeMap::new();
    for ways in 0..4_usize.pow(AZS.len() as u32) {
        world.restart();
        world.settle();
        for (at, (az, _)) in AZS.into_iter().enumerate() {
            let way = ways / 4_usize.pow(at as u32) % 4;
            if way > 0 {
                // In each pool and in all, by turns.
                let target =
                    if (way + at).is_multiple_of(2) { format!("*/{az}") } else { az.into() };
                world.give(order(&world, KINDS[way - 1], &target));
            }
        }
        all_stay_within(&world.snapshot(), &mut given);
        // From one subset to the next, one az goes down or comes up.
        for step in 1..1_usize << AZS.len() {
            let [down, before] = [step, step - 1].map(|number| number ^ number >> 1);
            let (az, _) = AZS[(down ^ before).trailing_zeros() as usize];
            if down > before {
                world.fail(az);
            } else {
                world.restore(az);
            }
            all_stay_within(&world.snapshot(), &mut given);
        }
    }
    // The fences let through what they allow.
    for name in NAMES {
        for (client, allowed) in CLIENTS {
            let given: BTreeSet<_> = given[&(name, client)].iter().copied().collect();
            assert_eq!(given, allowed.iter().copied().collect(), "{name} from {client}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_answer_leaves_the_fence_whatever_happens(happened in vec(happening(), 1..24)) {
        let mut world = world();
        world.settle();
        for happening in happened {
            happening.happen(&mut world);
            all_stay_within(&world.snapshot(), &mut BTreeMap::new());
        }
    }
}

#[test]
fn an_explanation_says_whose_fence_leaves_an_az_out() {
    let mut world = world();
    world.settle();
    let fenced_out = |client: &str| {
        let question = Question::from_text("open.example", "A", client.parse().unwrap()).unwrap();
        let explained = explain(&world.snapshot(), &question, None).steering.unwrap();
        let fenced_out = explained.fenced_out.into_iter();
        fenced_out.map(|FencedOut { name, fence, .. }| (name, fence)).collect::<Vec<_>>()
    };
    let [ohio, sydney, tokyo] = ["ohio", "sydney", "tokyo"].map(str::to_owned);
    assert_eq!(fenced_out("8.0.0.9"), [(ohio.clone(), FenceOf::Pool)]);
    let rule = FenceOf::Rule;
    assert_eq!(fenced_out("5.0.0.9"), [(ohio, FenceOf::Pool), (sydney, rule), (tokyo, rule)]);
}

#[test]
fn an_az_outside_the_fence_is_probed_and_never_eligible() {
    let mut world = world();
    world.settle();
    let status = world.status();
    let ohio = status.pools[0].azs.iter().find(|az| az.name == "ohio").unwrap();
    assert!(ohio.outside_fence && !ohio.eligible);
    assert!(ohio.endpoints.iter().all(|it| it.counts_as_up && it.monitor.is_some()));
    assert_eq!(status.pools[0].azs.iter().filter(|az| az.outside_fence).count(), 1);
}

#[test]
fn an_override_that_empties_the_fence_of_a_rule_is_refused() {
    let mut world = world();
    world.settle();
    let drained = order(&world, OverrideKind::Drain, "open/frankfurt");
    let refused = world.consider(&drained).unwrap_err().to_string();
    let told = "frankfurt is the last that rule 2 of example:open allows";
    assert!(refused.ends_with(told), "{refused}");
    assert_eq!(world.consider(&order(&world, OverrideKind::Drain, "open/tokyo")), Ok(()));
}

/// Something that changes what is given.
#[derive(Clone, Debug)]
enum Happening {
    Fails(&'static str),
    Restored(&'static str),
    Given(OverrideKind, &'static str),
    DrainedTo(u8, &'static str),
    Passes(u64),
    Restarts,
}

impl Happening {
    fn happen(self, world: &mut World) {
        match self {
            Self::Fails(az) => world.fail(az),
            Self::Restored(az) => world.restore(az),
            Self::Given(kind, target) => world.give(order(world, kind, target)),
            Self::DrainedTo(percent, target) => {
                let to = Share::percent(percent).unwrap();
                world.give(Override { to, ..order(world, OverrideKind::Drain, target) });
            }
            Self::Passes(seconds) => drop(world.pass(Duration::from_secs(seconds))),
            Self::Restarts => world.restart(),
        }
    }
}

fn happening() -> impl Strategy<Value = Happening> {
    let az = || select(AZS.map(|(az, _)| az).to_vec());
    let targets = [
        "frankfurt",
        "ohio",
        "sydney",
        "tokyo",
        "*",
        "open/ohio",
        "*/sydney",
        "back/*",
        "spare/tokyo",
        "*/frankfurt/203.0.113.31",
        "*/*/203.0.113.4*",
    ];
    prop_oneof![
        4 => az().prop_map(Happening::Fails),
        2 => az().prop_map(Happening::Restored),
        4 => (select(KINDS.to_vec()), select(targets.to_vec()))
            .prop_map(|(kind, target)| Happening::Given(kind, target)),
        2 => (1..100_u8, select(targets[..9].to_vec()))
            .prop_map(|(percent, target)| Happening::DrainedTo(percent, target)),
        2 => (1..12_u64).prop_map(Happening::Passes),
        1 => Just(Happening::Restarts),
    ]
}

const KINDS: [OverrideKind; 3] =
    [OverrideKind::Drain, OverrideKind::ForceDown, OverrideKind::ForceUp];

/// Asks every name from every client, and adds the azs that were given to `given`.
fn all_stay_within(
    snapshot: &Snapshot,
    given: &mut BTreeMap<(&'static str, &'static str), Vec<&'static str>>,
) {
    for (name, client, allowed, message) in &*QUERIES {
        let request =
            Request { message, peer: *client, transport: Transport::Udp, now: Wall::default() };
        let mut out = [0; 512];
        let answered = answer(snapshot, &request, &mut out);
        // The answer section is the last, and each A record has 16 octets, of which the last tells the az.
        let addresses = usize::from(u16::from_be_bytes([out[6], out[7]]));
        let records = out[..answered.len].rchunks_exact(16).take(addresses);
        for octet in records.map(|record| record[15]) {
            let (az, _) = AZS.into_iter().find(|(_, tens)| octet / 10 == *tens).unwrap();
            assert!(allowed.contains(&az), "{name} from {client}: {az}");
            let key = CLIENTS.iter().find(|(of, _)| of.parse() == Ok(*client)).unwrap().0;
            let known = given.entry((name, key)).or_default();
            if !known.contains(&az) {
                known.push(az);
            }
        }
    }
}

type Query = (&'static str, IpAddr, &'static [&'static str], Vec<u8>);

static QUERIES: LazyLock<Vec<Query>> = LazyLock::new(|| {
    let query = |(name, (client, allowed)): (&'static str, (&str, &'static [&'static str]))| {
        let ask = super::Ask::new(&format!("{name}.example. A"));
        (name, client.parse().unwrap(), allowed, ask.message())
    };
    NAMES.into_iter().flat_map(|name| CLIENTS.map(|client| (name, client))).map(query).collect()
});

fn order(world: &World, kind: OverrideKind, target: &str) -> Override {
    Override {
        kind,
        to: Share::NONE,
        given: target.into(),
        targets: world.director.expand(target).unwrap(),
        reason: "a test".into(),
        by: "a test".into(),
        given_at: Wall::default(),
        until: Wall::from_epoch(Duration::from_secs(1_000_000)),
    }
}

fn world() -> World {
    let pools = POOLS.replace("(POOL)", POOL);
    let head = super::world::HEAD;
    World::new(&format!(
        "=== meridian.toml\n{SERVER}=== zones/example.zone\n{head}=== zones/example.toml\n{pools}"
    ))
}
