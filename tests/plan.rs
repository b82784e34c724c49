//! What a plan says moves, against full dumps: the az of every client, decided by the function that
//! answers queries, under the files before and after an edit.
#![allow(clippy::unwrap_used, reason = "files that can't be arranged have failed the test")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::net::IpAddr;

use ipnet::IpNet;
use meridian::answer::{Generation, Snapshot, decide};
use meridian::config::Environment;
use meridian::control::Plan;
use meridian::control::load::{Loaded, Occasion, load};
use meridian::diag::Style;
use meridian::geo::demand::split;
use meridian::geo::{Place, is_routable};
use meridian::route::{PoolId, Rehearsal};
use proptest::prelude::{ProptestConfig, Strategy, prop_assert_eq, prop_oneof, proptest};
use proptest::{option, sample};

const NAMES: [&str; 4] = ["sydney", "paris", "saopaulo", "tokyo"];

/// Everything that clients are not in but 1.0.0.0/8 and IPv6: what the dump of slots can be afforded in.
const ELSEWHERE: &str = "\"net:2.0.0.0/7\", \"net:4.0.0.0/6\", \"net:8.0.0.0/5\", \"net:16.0.0.0/4\", \
                         \"net:32.0.0.0/3\", \"net:64.0.0.0/2\", \"net:128.0.0.0/1\", \"net:2000::/3\"";

/// Files that steer www.app.example.
#[derive(Clone, Debug)]
struct Files {
    database: &'static str,
    /// The longitude of each az, where it has an endpoint.
    azs: [Option<i16>; 4],
    policy: Policy,
    /// Clients of this set prefer this az, if it has an endpoint.
    rule: Option<(&'static str, usize)>,
}

#[derive(Clone, Debug)]
enum Policy {
    Nearest,
    Failover(usize),
    Weighted([u32; 4]),
}

fn files() -> impl Strategy<Value = Files> {
    let database = sample::select(&["city", "country"][..]);
    // The first az always has one.
    let longitude = || -170..170_i16;
    let azs =
        (longitude(), option::of(longitude()), option::of(longitude()), option::of(longitude()));
    let policy = prop_oneof![
        3 => sample::select(&[Policy::Nearest][..]),
        1 => (0..4_usize).prop_map(Policy::Failover),
        2 => proptest::array::uniform4(0..4_u32).prop_map(Policy::Weighted),
    ];
    let sets =
        ["country:AU", "continent:EU", "net:2.0.3.0/25", "net:1.0.0.128/26", "net:2400:1:8::/45"];
    let rule = option::of((sample::select(sets.to_vec()), 0..4_usize));
    (database, azs, policy, rule).prop_map(|(database, (a, b, c, d), policy, rule)| Files {
        database,
        azs: [Some(a), b, c, d],
        policy,
        rule,
    })
}

impl Files {
    fn load(&self, previous: Option<&Loaded>) -> Loaded {
        let directory = tempfile::tempdir().unwrap();
        let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/mmdb");
        let mut server = format!("geoip.databases = [\"{fixtures}/{}.mmdb\"]\n", self.database);
        let mut policy = "names.www = \"web\"\n[pool.web]\n".to_owned();
        let azs = NAMES.iter().zip(self.azs).filter_map(|(name, at)| Some((name, at?)));
        let azs: Vec<_> = azs.collect();
        for (name, longitude) in &azs {
            writeln!(server, "az.{name}.location = [10.0, {longitude}]").unwrap();
            writeln!(policy, "endpoints.{name} = [\"192.0.2.{}\"]", name.as_bytes()[2]).unwrap();
        }
        let present = |index: usize| azs.iter().find(|(name, _)| **name == NAMES[index]);
        let first = |index| present(index).unwrap_or(&azs[0]).0;
        let mut rules = String::new();
        if let Some((set, index)) = self.rule {
            let prefer = first(index);
            writeln!(rules, "[[pool.web.rules]]\nclients = [\"{set}\"]\nprefer = [\"{prefer}\"]")
                .unwrap();
        }
        match &self.policy {
            Policy::Nearest => policy += "policy = \"nearest\"\n",
            Policy::Failover(index) => {
                writeln!(policy, "policy = \"failover\"\norder = [\"{}\"]", first(*index)).unwrap();
            }
            Policy::Weighted(weights) => {
                policy += "policy = \"weighted\"\n";
                for (name, _) in &azs {
                    let index = NAMES.iter().position(|of| of == *name).unwrap();
                    writeln!(policy, "weights.{name} = {}", weights[index]).unwrap();
                }
                let all: Vec<_> = azs.iter().map(|(name, _)| format!("\"{name}\"")).collect();
                let all = all.join(", ");
                let elsewhere =
                    format!("[[pool.web.rules]]\nclients = [{ELSEWHERE}]\nprefer = [{all}]\n");
                rules.insert_str(0, &elsewhere);
            }
        }
        let zone = "$TTL 1h\n@ SOA ns1 host 1 2h 30m 2w 30\n@ NS ns1\nns1 A 192.0.2.53\n";
        fs::create_dir(directory.path().join("zones")).unwrap();
        fs::write(directory.path().join("zones/app.example.zone"), zone).unwrap();
        fs::write(directory.path().join("zones/app.example.toml"), policy + &rules).unwrap();
        let path = directory.path().join("meridian.toml");
        fs::write(&path, server).unwrap();
        let loaded = load(&path, &Environment::default(), previous, Occasion::Confirmed);
        let loaded = loaded.unwrap_or_else(|report| panic!("{}", report.render(Style::Plain)));
        assert!(!loaded.report.has_errors(), "{}", loaded.report.render(Style::Plain));
        loaded
    }
}

/// From one az to another: IPv4 addresses and IPv6 /64s.
type Moves = BTreeMap<(String, String), [u64; 2]>;

fn snapshot(loaded: &Loaded) -> Snapshot {
    loaded.snapshot(Generation(0), Rehearsal::calm(loaded.routing.clone()).routes())
}

/// What moves between two dumps, and of how many clients.
fn dumped(before: &Loaded, after: &Loaded) -> (Moves, [u64; 2]) {
    let sides = [before, after].map(snapshot);
    let (mut moves, mut whole) = (Moves::new(), [0; 2]);
    for (family, space) in ["0.0.0.0/0", "2000::/3"].into_iter().enumerate() {
        let look = |client: IpAddr| {
            let mut len = 0;
            let mut is_known = false;
            let azs = sides.each_ref().map(|side| {
                let decision = decide(side, PoolId(0), client).unwrap();
                let found = side.places.find(client);
                is_known |= *side.places.place(found.place) != Place::default();
                let slots = match (decision.goes_by_slot, client) {
                    (true, IpAddr::V4(_)) => 24,
                    (true, IpAddr::V6(_)) => 48,
                    (false, _) => 0,
                };
                // Others are none of the dump's.
                let extent = if is_counted(client) { decision.extent.max(slots) } else { 0 };
                len = len.max(extent).max(found.network.prefix_len());
                side.routing.topology.azs[decision.az.unwrap()].name.clone()
            });
            (len, (azs, is_known || client.is_ipv4()))
        };
        let space: IpNet = space.parse().unwrap();
        let widest = if family == 0 { 32 } else { 64 };
        split(space, look, |part, ([from, to], counts)| {
            if !counts || !is_counted(part.network()) {
                return;
            }
            let size = 1_u64 << (widest - part.prefix_len().min(widest));
            whole[family] += size;
            if from != to {
                moves.entry((from, to)).or_default()[family] += size;
            }
        });
    }
    (moves, whole)
}

/// Whether a client can have this address, and has it for its own: in 2002::/16 it has an IPv4 address.
fn is_counted(ip: IpAddr) -> bool {
    let is_6to4 = matches!(ip, IpAddr::V6(ip) if ip.segments()[0] == 0x2002);
    is_routable(ip) && !is_6to4
}

fn planned(plan: &Plan) -> Moves {
    let moves = plan.pools.iter().flat_map(|pool| &pool.moves);
    moves.map(|of| ((of.from.clone(), of.to.clone()), [of.ipv4, of.ipv6])).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_plan_is_the_difference_of_full_dumps(before in files(), after in files()) {
        let before = before.load(None);
        let after = Ok(after.load(Some(&before)));
        let plan = Plan::between(&before, &after);
        let (moves, whole) = dumped(&before, after.as_ref().unwrap());
        prop_assert_eq!(planned(&plan), moves.clone());
        let total = |family: usize| moves.values().map(|sizes| sizes[family]).sum::<u64>();
        let shares = plan.pools.first().map_or([0.0; 2], |pool| [pool.ipv4, pool.ipv6]);
        for family in 0..2 {
            let share = total(family) as f64 / (whole[family].max(1)) as f64;
            assert!((shares[family] - share).abs() < 1e-12, "{shares:?} {share}");
        }
        for of in plan.pools.iter().flat_map(|pool| &pool.moves) {
            let sum = |size: fn(&meridian::control::plan::CountryPlan) -> u64| {
                of.countries.iter().map(size).sum::<u64>()
            };
            assert_eq!((sum(|it| it.ipv4), sum(|it| it.ipv6)), (of.ipv4, of.ipv6));
        }
    }
}
