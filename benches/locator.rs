//! What placing clients costs: reading a database, compiling it and many views, in time and memory,
//! and each look-up.
#![allow(clippy::print_stdout, reason = "figures are what a benchmark is for")]
#![allow(clippy::disallowed_methods, reason = "it measures the real clock")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use divan::Bencher;
use divan::counter::ItemsCount;
use ipnet::{IpNet, Ipv4Net};
use meridian::geo::{Continent, Country, Database, Places, Point, Salt, Slot};
use meridian::id::IdVec;
use meridian::route::change::{Change, Views};
use meridian::route::compile::compile;
use meridian::route::{Az, AzId, Choice, ClientSet, Compiler, Policy, Rule, ViewId, ViewSpec};

fn main() {
    print_sizes();
    divan::main();
}

/// What views of their own for many pools take.
fn print_sizes() {
    let azs = fleet().0;
    let compiler = Compiler::new(&azs, &PLACES);
    let begun = Instant::now();
    let compiled: Vec<_> = views(VIEWS).iter().map(|spec| compiler.compile(spec)).collect();
    let took = begun.elapsed();
    let views: usize = compiled.iter().map(|(view, _)| view.size()).sum();
    let preferences: usize = compiled.iter().map(|(_, preferences)| preferences.size()).sum();
    let counts: Vec<_> = compiled.iter().map(|(_, preferences)| preferences.len()).collect();
    let rows = counts.iter().sum::<usize>() * size_of::<Choice>();
    let (ipv4, ipv6) = PLACES.ranges();
    println!("places     {} in {ipv4} IPv4 and {ipv6} IPv6 ranges", PLACES.places().len());
    println!("views      {VIEWS} in {took:.1?} on one core: {:.1} MB", megabytes(views));
    println!(
        "orders     {} to {} a view, {:.1} MB; {:.1} MB in a row for each view",
        counts.iter().min().unwrap_or(&0),
        counts.iter().max().unwrap_or(&0),
        megabytes(preferences),
        megabytes(rows),
    );
}

fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn read_and_verify(bencher: Bencher<'_, '_>) {
    let bytes = std::fs::read(world()).expect("the shipped database");
    bencher
        .with_inputs(|| bytes.clone())
        .bench_local_values(|bytes| Database::read("world".into(), bytes));
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn build_places(bencher: Bencher<'_, '_>) {
    let databases = [database()];
    bencher.bench_local(|| Places::build(black_box(&databases)));
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn compile_view_of_20_azs(bencher: Bencher<'_, '_>) {
    let ((azs, spec), places) = (fleet(), &*PLACES);
    bencher.bench_local(|| compile(black_box(&spec), &azs, places));
}

/// What an update of the database costs beside being read and compiled.
#[divan::bench(sample_count = 5, sample_size = 1, args = [1, 20, 200])]
fn measure_change_of_views(bencher: Bencher<'_, '_>, count: usize) {
    let ((azs, spec), places) = (fleet(), &*PLACES);
    let (view, preferences) = compile(&spec, &azs, places);
    let (view, preferences) = (Arc::new(view), Arc::new(preferences));
    let views: IdVec<ViewId, _> = (0..count).map(|_| view.clone()).collect();
    let preferences: IdVec<ViewId, _> = (0..count).map(|_| preferences.clone()).collect();
    let views = Views { places, views: &views, preferences: &preferences };
    bencher.bench_local(|| Change::between(black_box(views), black_box(views)));
}

/// One view after an edit of a rule.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn compile_view_with_rules(bencher: Bencher<'_, '_>) {
    let (azs, specs, places) = (fleet().0, views(1), &*PLACES);
    bencher.bench_local(|| compile(black_box(&specs[0]), &azs, places));
}

#[divan::bench(sample_count = 20, sample_size = 1, counters = [ItemsCount::new(LOOKUPS)])]
fn find_ipv4(bencher: Bencher<'_, '_>) {
    bench_find(bencher, &fleet().1, |random| Ipv4Addr::from_bits(random as u32).into());
}

/// The same in a view with networks.
#[divan::bench(sample_count = 20, sample_size = 1, counters = [ItemsCount::new(LOOKUPS)])]
fn find_ipv4_beside_nets(bencher: Bencher<'_, '_>) {
    bench_find(bencher, &views(1)[0], |random| Ipv4Addr::from_bits(random as u32).into());
}

/// In the parts of 2000::/3 that registries have given out.
#[divan::bench(sample_count = 20, sample_size = 1, counters = [ItemsCount::new(LOOKUPS)])]
fn find_ipv6(bencher: Bencher<'_, '_>) {
    bench_find(bencher, &fleet().1, |random| {
        let block = [0x2001, 0x2400, 0x2600, 0x2800, 0x2a00, 0x2c00][random as usize % 6];
        let network = block << 48 | random >> 13;
        Ipv6Addr::from_bits(u128::from(network) << 64 | 1).into()
    });
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn compile_weighted_view_of_20_azs(bencher: Bencher<'_, '_>) {
    let ((azs, spec), places) = (fleet(), &*PLACES);
    let spec = ViewSpec { policy: Policy::Weighted { weights: vec![1; azs.len()] }, ..spec };
    bencher.bench_local(|| compile(black_box(&spec), &azs, places));
}

#[divan::bench(sample_count = 20, sample_size = 1, counters = [ItemsCount::new(LOOKUPS)])]
fn slot_of_ipv4(bencher: Bencher<'_, '_>) {
    bench_slot(bencher, |random| Ipv4Addr::from_bits(random as u32).into());
}

#[divan::bench(sample_count = 20, sample_size = 1, counters = [ItemsCount::new(LOOKUPS)])]
fn slot_of_ipv6(bencher: Bencher<'_, '_>) {
    bench_slot(bencher, |random| Ipv6Addr::from_bits(u128::from(random) << 64).into());
}

fn bench_slot(bencher: Bencher<'_, '_>, address: impl Fn(u64) -> IpAddr) {
    let addresses: Vec<_> = random().map(address).take(LOOKUPS).collect();
    bencher.bench_local(|| {
        for &address in &addresses {
            black_box(Slot::of(Salt::Weights, black_box(address)));
        }
    });
}

fn bench_find(bencher: Bencher<'_, '_>, spec: &ViewSpec, address: impl Fn(u64) -> IpAddr) {
    let (view, _) = compile(spec, &fleet().0, &PLACES);
    let addresses: Vec<_> = random().map(address).take(LOOKUPS).collect();
    bencher.bench_local(|| {
        for &address in &addresses {
            black_box(view.find(black_box(address)));
        }
    });
}

const LOOKUPS: usize = 1 << 20;

static PLACES: LazyLock<Places> = LazyLock::new(|| Places::build(&[database()]));

fn database() -> Database {
    let bytes = std::fs::read(world()).expect("the shipped database");
    Database::read("world".into(), bytes).expect("the shipped database is valid")
}

fn world() -> impl AsRef<Path> {
    concat!(env!("CARGO_MANIFEST_DIR"), "/geoip/world.mmdb")
}

/// 20 azs where clouds have theirs, ordered by distance.
fn fleet() -> (IdVec<AzId, Az>, ViewSpec) {
    let azs: IdVec<AzId, Az> = LOCATIONS
        .iter()
        .map(|&(name, latitude, longitude)| Az {
            name: name.into(),
            location: Point::new(latitude, longitude),
            country: None,
            bias: 1.0,
        })
        .collect();
    let policy = Policy::Nearest { order: vec![] };
    let spec = ViewSpec { azs: azs.ids().collect(), policy, rules: vec![] };
    (azs, spec)
}

/// Views of the fleet that differ in a rule: each prefers two azs for some countries, a continent and
/// 100 networks.
fn views(count: usize) -> Vec<ViewSpec> {
    let mut random = random();
    let mut next = |most: usize| random.next().map_or(0, |number| number as usize % most);
    let countries: Vec<_> = Country::all().collect();
    let mut spec = || {
        let mut clients = vec![ClientSet::Continent(Continent::ALL[next(7)].1)];
        clients.extend((0..5).map(|_| ClientSet::Country(countries[next(countries.len())].0)));
        let (first, second) = (next(20) as u16, next(20) as u16);
        let mut prefer = vec![AzId(first), AzId(second)];
        prefer.dedup();
        let nets = (0..100).map(|_| {
            let network = Ipv4Addr::from_bits((next(1 << 24) as u32) << 8);
            IpNet::from(Ipv4Net::new_assert(network, 24))
        });
        let nets = nets.map(ClientSet::Net).collect();
        let rule = |clients, prefer| Rule { clients, prefer, allow: None };
        let rules = vec![rule(nets, vec![AzId(second)]), rule(clients, prefer)];
        ViewSpec { rules, ..fleet().1 }
    };
    (0..count).map(|_| spec()).collect()
}

const VIEWS: usize = 200;

const LOCATIONS: [(&str, f64, f64); 20] = [
    ("bahrain", 26.07, 50.56),
    ("capetown", -33.92, 18.42),
    ("dublin", 53.35, -6.26),
    ("frankfurt", 50.11, 8.68),
    ("hongkong", 22.32, 114.17),
    ("jakarta", -6.21, 106.85),
    ("london", 51.51, -0.13),
    ("milan", 45.46, 9.19),
    ("montreal", 45.5, -73.57),
    ("mumbai", 19.08, 72.88),
    ("ohio", 40.0, -83.0),
    ("oregon", 45.84, -119.7),
    ("paris", 48.86, 2.35),
    ("saopaulo", -23.55, -46.63),
    ("seoul", 37.57, 126.98),
    ("singapore", 1.35, 103.82),
    ("stockholm", 59.33, 18.07),
    ("sydney", -33.87, 151.21),
    ("tokyo", 35.68, 139.69),
    ("virginia", 38.9, -77.4),
];

/// Numbers without order, the same in every run (splitmix64).
fn random() -> impl Iterator<Item = u64> {
    (1_u64..).map(|n| {
        let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}
