//! The locator against brute force, over the shipped database: places by `maxminddb`'s own
//! look-up, orders by a distance computed another way, and scopes by trying every prefix length.
#![allow(clippy::unwrap_used, reason = "data that can't be read has failed the test")]

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use ipnet::IpNet;
use maxminddb::{LookupResult, Reader, WithinOptions, path};
use meridian::geo::{Continent, Country, Database, Places, Point, View};
use meridian::id::IdVec;
use meridian::route::compile::compile;
use meridian::route::{Az, AzId, ClientSet, Policy, Preferences, Rule, ViewSpec};

#[test]
fn every_client_has_the_preference_of_its_place() {
    let mut checked = 0;
    for ip in clients() {
        let located = COMPILED.view.find(ip);
        let order = COMPILED.preferences.order(located.preference);
        assert_eq!(order, reference_order(ip), "{ip}");
        checked += 1;
    }
    println!("{checked} clients have the preference of their place");
    assert!(checked >= 20_000);
}

#[test]
fn every_scope_is_the_widest_prefix_of_one_preference() {
    let mut checked = 0;
    for ip in clients() {
        assert_eq!(COMPILED.view.find(ip).scope, reference_scope(ip), "{ip}");
        checked += 1;
    }
    println!("{checked} clients have the widest scope");
    assert!(checked >= 20_000);
}

#[test]
fn networks_hold_their_client_and_one_place() {
    for ip in clients().step_by(10) {
        let found = COMPILED.places.find(ip);
        assert!(found.network.contains(&ip), "{ip}");
        for end in [found.network.network(), found.network.broadcast()] {
            let place = COMPILED.places.place(COMPILED.places.find(end).place);
            assert_eq!(place, COMPILED.places.place(found.place), "{ip}");
        }
    }
}

/// What the locator says.
static COMPILED: LazyLock<Compiled> = LazyLock::new(|| {
    let database = Database::read("world".into(), world()).unwrap();
    let places = Places::build(&[database]);
    let (view, preferences) = compile(&spec(), &AZS, &places);
    Compiled { places, view, preferences }
});

struct Compiled {
    places: Places,
    view: View,
    preferences: Preferences,
}

/// What brute force says.
static REFERENCE: LazyLock<Reference> = LazyLock::new(Reference::walk);

/// The database as `maxminddb` iterates over it: where in each family the order of azs changes.
struct Reference {
    reader: Reader<Vec<u8>>,
    ipv4: Vec<(u64, usize)>,
    ipv6: Vec<(u64, usize)>,
}

impl Reference {
    fn walk() -> Self {
        let reader = Reader::from_source(world()).unwrap();
        let (mut ipv4, mut ipv6) = (Vec::new(), Vec::new());
        let mut orders: HashMap<Vec<AzId>, usize> = HashMap::new();
        let mut by_record: HashMap<(Option<usize>, bool), usize> = HashMap::new();
        let options = WithinOptions::default().include_networks_without_data();
        for found in reader.networks(options).unwrap() {
            let found = found.unwrap();
            let network = found.network().unwrap();
            let network = IpNet::new(network.ip(), network.prefix()).unwrap();
            let changes = if network.addr().is_ipv4() { &mut ipv4 } else { &mut ipv6 };
            for start in parts(network) {
                let in_net = is_in_net(start);
                let order = *by_record.entry((found.offset(), in_net)).or_insert_with(|| {
                    let next = orders.len();
                    *orders.entry(order_of_record(&found, in_net)).or_insert(next)
                });
                let start = key(start);
                match changes.last() {
                    Some(&(last, _)) if last == start => {}
                    Some(&(_, last)) if last == order => {}
                    _ => changes.push((start, order)),
                }
            }
        }
        Self { reader, ipv4, ipv6 }
    }
}

/// Where the parts of `network` begin into which the networks of the rules cut it.
fn parts(network: IpNet) -> impl Iterator<Item = IpAddr> {
    let (first, last) = (network.network(), network.broadcast());
    let inside = EDGES.partition_point(|edge| *edge <= first);
    let inside = EDGES[inside..].iter().copied().take_while(move |edge| *edge <= last);
    std::iter::once(first).chain(inside)
}

/// The first address of each network of the rules, and the first behind it, ascending.
static EDGES: LazyLock<Vec<IpAddr>> = LazyLock::new(|| {
    let after = |ip| match ip {
        IpAddr::V4(ip) => IpAddr::from(Ipv4Addr::from_bits(ip.to_bits() + 1)),
        IpAddr::V6(ip) => IpAddr::from(Ipv6Addr::from_bits(ip.to_bits() + 1)),
    };
    let edges = NETS.iter().flat_map(|net| [net.network(), after(net.broadcast())]);
    let mut edges: Vec<_> = edges.collect();
    edges.sort_unstable();
    edges
});

fn is_in_net(ip: IpAddr) -> bool {
    NETS.iter().any(|net| net.contains(&ip))
}

fn key(ip: IpAddr) -> u64 {
    match ip {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => (ip.to_bits() >> 64) as u64,
    }
}

/// The order of azs for the client at `ip`.
fn reference_order(ip: IpAddr) -> Vec<AzId> {
    let ip = match placed_by(ip) {
        (IpAddr::V6(ip), _) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        (ip, _) => ip,
    };
    order_of_record(&REFERENCE.reader.lookup(ip).unwrap(), is_in_net(ip))
}

/// The length of the widest prefix around `ip` in which all have its order and none is placed by
/// another address.
fn reference_scope(ip: IpAddr) -> u8 {
    let (placed_by, lead) = placed_by(ip);
    let key = key(placed_by);
    let (changes, width) = match placed_by {
        IpAddr::V4(_) => (&REFERENCE.ipv4, 32),
        IpAddr::V6(_) => (&REFERENCE.ipv6, 64),
    };
    let is_good = |len: u8| {
        let rest = u64::MAX.checked_shr(u32::from(64 - width + len)).unwrap_or(0);
        let (first, last) = (key & !rest, key | rest);
        let change = |key| changes.partition_point(|(start, _)| *start <= key);
        change(first) == change(last)
            && !BARRIERS.iter().any(|barrier| overlaps(barrier, placed_by, first, last))
    };
    match (0..=width).find(|len| is_good(*len)) {
        Some(len) => lead + len,
        // In a barrier.
        None if ["::/64", "64:ff9b::/64"].iter().any(|mixed| net(mixed).contains(&placed_by)) => {
            128
        }
        None => lead + width,
    }
}

/// The address that decides for `ip`, and how many bits stand before it.
fn placed_by(ip: IpAddr) -> (IpAddr, u8) {
    let IpAddr::V6(v6) = ip else { return (ip, 0) };
    let octets = v6.octets();
    let embedded = |at: usize| IpAddr::from([0, 1, 2, 3].map(|index| octets[at + index]));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => (embedded(12), 96),
        [0x2002, ..] => (embedded(2), 16),
        _ => (ip, 0),
    }
}

/// Whether a barrier of the family of `ip` has keys in common with `first` to `last`.
fn overlaps(barrier: &IpNet, ip: IpAddr, first: u64, last: u64) -> bool {
    match (barrier, ip) {
        (IpNet::V4(net), IpAddr::V4(_)) => {
            u64::from(net.network().to_bits()) <= last
                && first <= u64::from(net.broadcast().to_bits())
        }
        (IpNet::V6(net), IpAddr::V6(_)) => {
            (net.network().to_bits() >> 64) as u64 <= last
                && first <= (net.broadcast().to_bits() >> 64) as u64
        }
        _ => false,
    }
}

/// The order of azs for a record, as the rules of `spec` and of `nearest` have it.
fn order_of_record(found: &LookupResult<'_, Vec<u8>>, in_net: bool) -> Vec<AzId> {
    let code: Option<&str> = found.decode_path(&path!["country", "iso_code"]).unwrap();
    let country = code.and_then(Country::from_code);
    let latitude: Option<f64> = found.decode_path(&path!["location", "latitude"]).unwrap();
    let longitude: Option<f64> = found.decode_path(&path!["location", "longitude"]).unwrap();
    let point = latitude
        .zip(longitude)
        .or_else(|| country?.point().map(|point| (point.latitude(), point.longitude())));
    let mut rest: Vec<AzId> = AZS.ids().collect();
    let mut order = Vec::new();
    let preferred: &[&str] = match (code, country.and_then(Country::continent)) {
        _ if in_net => &["tokyo"],
        (Some("IN"), _) => &["singapore", "mumbai"],
        (_, Some(Continent::Oceania)) => &["sydney"],
        _ => &[],
    };
    for name in preferred {
        let az = az(name);
        rest.retain(|other| *other != az);
        order.push(az);
    }
    if let Some(point) = point {
        let by_distance = |azs: &mut [AzId], from: (f64, f64)| {
            azs.sort_by(|a, b| {
                biased_angle(from, *a).total_cmp(&biased_angle(from, *b)).then(a.cmp(b))
            });
        };
        by_distance(&mut rest, point);
        let first = AZS[rest[0]].location.unwrap();
        by_distance(&mut rest[4..], (first.latitude(), first.longitude()));
    }
    order.extend(rest);
    order
}

/// The angle between two places seen from the centre of the Earth, times the bias of the az.
fn biased_angle((latitude, longitude): (f64, f64), az: AzId) -> f64 {
    let vector = |latitude: f64, longitude: f64| {
        let (latitude, longitude) = (latitude.to_radians(), longitude.to_radians());
        let (x, y) = (longitude.cos() * latitude.cos(), longitude.sin() * latitude.cos());
        [x, y, latitude.sin()]
    };
    let location = AZS[az].location.unwrap();
    let a = vector(latitude, longitude);
    let b = vector(location.latitude(), location.longitude());
    let chord: f64 = (0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum();
    2.0 * (chord.sqrt() / 2.0).asin() * AZS[az].bias
}

fn spec() -> ViewSpec {
    let nets = NETS.iter().copied().map(ClientSet::Net).collect();
    let rule = |clients, prefer: &[&str]| Rule {
        clients,
        prefer: prefer.iter().map(|name| az(name)).collect(),
        allow: None,
    };
    ViewSpec {
        azs: AZS.ids().collect(),
        policy: Policy::Nearest { order: vec![] },
        rules: vec![
            rule(nets, &["tokyo"]),
            rule(
                vec![ClientSet::Country(Country::from_code("IN").unwrap())],
                &["singapore", "mumbai"],
            ),
            rule(vec![ClientSet::Continent(Continent::Oceania)], &["sydney"]),
        ],
    }
}

fn az(name: &str) -> AzId {
    AZS.position(|az| az.name == name).unwrap()
}

static AZS: LazyLock<IdVec<AzId, Az>> = LazyLock::new(|| {
    let az = |&(name, latitude, longitude, bias): &(&str, f64, f64, f64)| Az {
        name: name.into(),
        location: Point::new(latitude, longitude),
        country: None,
        bias,
    };
    [
        ("capetown", -33.92, 18.42, 1.0),
        ("frankfurt", 50.11, 8.68, 1.0),
        ("london", 51.51, -0.13, 1.2),
        ("mumbai", 19.08, 72.88, 1.0),
        ("ohio", 40.0, -83.0, 1.0),
        ("oregon", 45.84, -119.7, 1.0),
        ("saopaulo", -23.55, -46.63, 0.9),
        ("singapore", 1.35, 103.82, 1.0),
        ("sydney", -33.87, 151.21, 1.0),
        ("tokyo", 35.68, 139.69, 1.0),
    ]
    .iter()
    .map(az)
    .collect()
});

/// Addresses near range boundaries, inside ranges, anywhere, around barriers, and embedded ones.
fn clients() -> impl Iterator<Item = IpAddr> {
    let ipv4 = |bits: u64| IpAddr::from(Ipv4Addr::from_bits(bits as u32));
    let ipv6 = |network: u64| IpAddr::from(Ipv6Addr::from_bits(u128::from(network) << 64 | 0xabcd));
    let embedded = |lead: u128, shift: u32| {
        move |bits: u64| {
            let ipv4 = u128::from(bits as u32);
            IpAddr::from(Ipv6Addr::from_bits(lead | ipv4 << shift))
        }
    };
    let near = |changes: &'static [(u64, usize)], stream| {
        let start = move |n: u64| changes[n as usize % changes.len()].0;
        random(stream).map(move |n| start(n).wrapping_add(n >> 48 & 3).wrapping_sub(2))
    };
    let barriers = BARRIERS.iter().flat_map(|net| {
        let ends: [IpAddr; 2] = [net.network(), net.broadcast()];
        ends.into_iter().flat_map(|end| match end {
            IpAddr::V4(ip) => [-1, 0, 1].map(|step| {
                IpAddr::from(Ipv4Addr::from_bits(ip.to_bits().wrapping_add_signed(step)))
            }),
            IpAddr::V6(ip) => [-1, 0, 1].map(|step| {
                IpAddr::from(Ipv6Addr::from_bits(ip.to_bits().wrapping_add_signed(step)))
            }),
        })
    });
    let nets = NETS.iter().flat_map(|net| [net.network(), net.broadcast()]).flat_map(move |end| {
        [-1, 0, 1].map(move |step| match end {
            IpAddr::V4(_) => ipv4(key(end).wrapping_add_signed(step)),
            IpAddr::V6(_) => ipv6(key(end).wrapping_add_signed(step)),
        })
    });
    near(&REFERENCE.ipv4, 1)
        .take(6000)
        .map(ipv4)
        .chain(near(&REFERENCE.ipv6, 2).take(6000).map(ipv6))
        .chain(random(3).map(ipv4).take(4000))
        .chain(random(4).map(|n| 0x2000 << 48 | n >> 3).map(ipv6).take(1000))
        .chain(random(5).map(|n| 0x2a00 << 48 | n >> 13).map(ipv6).take(1000))
        .chain(random(6).map(ipv6).take(500))
        .chain(near(&REFERENCE.ipv4, 7).map(embedded(0xffff << 32, 0)).take(500))
        .chain(near(&REFERENCE.ipv4, 8).map(embedded(0x64_ff9b << 96, 0)).take(500))
        .chain(near(&REFERENCE.ipv4, 9).map(embedded(0x2002 << 112, 80)).take(500))
        .chain(random(10).map(|n| 0x0200_0000 | n & 0x01ff_ffff).map(ipv4).take(500))
        .chain(random(11).map(|n| 0x2600 << 48 | n >> 24).map(ipv6).take(500))
        .chain(nets)
        .chain(barriers)
}

/// Numbers without order, the same in every run (splitmix64).
fn random(stream: u64) -> impl Iterator<Item = u64> {
    (stream << 32..).map(|n| {
        let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// What the first rule is for: around many ranges, within one, and at the ends of others.
static NETS: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    let nets = ["2.0.0.0/7", "8.8.8.128/25", "49.36.0.0/14", "2600::/24", "2a02:6b8:c00::/48"];
    nets.iter().map(|text| net(text)).collect()
});

/// What is not placed by its own address.
static BARRIERS: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    [
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "::/3",
        "2001:1::/32",
        "2001:2::/32",
        "2001:4::/30",
        "2001:8::/29",
        "2001:10::/28",
        "2001:40::/26",
        "2001:80::/25",
        "2001:100::/24",
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "4000::/2",
        "8000::/1",
    ]
    .iter()
    .map(|text| net(text))
    .collect()
});

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn world() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/geoip/world.mmdb")).unwrap()
}
