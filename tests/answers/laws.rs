//! Laws that hold for every message, client and health.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use hickory_proto::op::Message;
use hickory_proto::rr::RecordType::SOA;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use ipnet::IpNet;
use meridian::answer::explain::{Steering, Verdict};
use meridian::answer::{Question, Request, Snapshot, Transport, answer, explain};
use meridian::geo::{Salt, Slot, is_routable};
use meridian::route::{AllDown, Family, Pool};
use meridian::time::Wall;
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::sample::{Index, select};
use proptest::{prop_assert, prop_assert_eq};

use super::slots::world_with;
use super::{Ask, show};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn any_octets_get_silence_or_a_response_that_can_be_read(
        message in prop_oneof![vec(any::<u8>(), 0..64), damaged()],
        peer in client(),
        transport in select(vec![Transport::Udp, Transport::Tcp]),
        snapshot in any_snapshot(),
        room in prop_oneof![Just(4096_usize), 0..600_usize],
    ) {
        let mut out = vec![0xa5; room];
        let request = Request { message: &message, peer, transport, now: Wall::default() };
        let answered = answer(snapshot, &request, &mut out);
        prop_assert!(answered.len <= room);
        if answered.len == 0 {
            return Ok(());
        }
        let response = &out[..answered.len];
        let decoded = Message::from_vec(response).unwrap();
        let limit = match (transport, &decoded.edns) {
            (Transport::Tcp, _) => 65_535,
            (Transport::Udp, Some(_)) => 1232,
            (Transport::Udp, None) => 512,
        };
        prop_assert!(response.len() <= limit);
        prop_assert_eq!(&response[..2], &message[..2], "the id");
        prop_assert_eq!(response[2] & 0xf9, message[2] & 0x79 | 0x80, "QR, OPCODE and RD");
        for question in &decoded.queries {
            let end = 12 + question.name.iter().map(|label| label.len() + 1).sum::<usize>() + 5;
            prop_assert_eq!(&response[12..end], &message[12..end], "the question");
        }
    }

    #[test]
    fn what_is_explained_is_what_is_sent(
        name in name(),
        rtype in rtype(),
        client in client(),
        snapshot in snapshot(),
    ) {
        let question = Question::from_text(&name, rtype, client).unwrap();
        let explained = explain(snapshot, &question, None);
        let ask = Ask {
            id: 0,
            peer: client,
            subnet: Some(IpNet::from(client)),
            transport: Transport::Tcp,
            ..Ask::new(&format!("{name} {rtype} +edns=65535"))
        };
        let (_, response) = ask.of(snapshot);
        let sent = Message::from_vec(&response).unwrap();
        let records = |records: &[hickory_proto::rr::Record]| -> Vec<String> {
            records.iter().map(ToString::to_string).collect()
        };
        prop_assert_eq!(&explained.answer, &records(&sent.answers));
        prop_assert_eq!(&explained.authority, &records(&sent.authorities));
        prop_assert_eq!(explained.scope, scope(&response));
        let shown = show(&response);
        prop_assert_eq!(&explained.rcode, shown.split([' ', '\n']).next().unwrap());
        let Some(steering) = explained.steering else { return Ok(()) };

        // The reasons agree with the policy and the view, asked anew.
        let topology = &snapshot.routing.topology;
        let pool = pool_of(snapshot, &steering);
        let place = snapshot.places.place(snapshot.places.find(client).place);
        let view = &topology.views[pool.view];
        let rule = view.matching(place, client).map(|found| found.rule);
        let order = view.order(&topology.azs, place, rule);
        let azs: Vec<_> = steering.azs.iter().map(|az| az.name.clone()).collect();
        let preferences = &snapshot.routing.preferences[pool.view];
        let located = snapshot.views[pool.view].find(client).preference;
        let (preference, slot) = preferences.in_slot(located, || Slot::of(Salt::Weights, client));
        let in_slot = preferences.order(preference);
        let ordered: Vec<_> = in_slot.iter().map(|az| topology.azs[*az].name.clone()).collect();
        prop_assert_eq!(azs, ordered);
        prop_assert_eq!(steering.slot, slot.map(Slot::index));
        prop_assert!(in_slot.starts_with(&order));
        prop_assert_eq!(steering.rule.as_ref().map(|rule| rule.number - 1), rule);
        let country = place.country.map(|country| country.to_string());
        prop_assert_eq!(&steering.place.country, &country);
        let steps: Vec<_> = explained.earlier.iter().chain([&steering]).collect();
        let is_by_client = |step: &Steering| {
            pools_of_name(snapshot, step, &steps).any(|pool| is_by_client(pool, rtype))
        };
        let scopes = steps.iter().map(|step| match is_by_client(step) {
            true => expected_scope(snapshot, step, client),
            false => 0,
        });
        prop_assert_eq!(explained.scope, scopes.max());
        // The TTL is that of what is sent, where the SOA's own is not shorter.
        let mut records = sent.answers.iter().chain(&sent.authorities);
        let cname = sent.answers.last().filter(|_| pool.is_cname());
        let last = cname.or_else(|| records.next_back()).unwrap();
        let longest = if last.data.record_type() == SOA { 30 } else { u32::MAX };
        prop_assert_eq!(last.ttl, steering.ttl.min(longest));
        // The chosen az is the first that is eligible, if any is.
        let eligible = steering.azs.iter().find(|az| az.state == "eligible");
        let chosen = steering.azs.iter().find(|az| az.verdict == Verdict::Chosen);
        if let Some(eligible) = eligible {
            prop_assert_eq!(steering.tier, 1);
            prop_assert_eq!(chosen.map(|az| &az.name), Some(&eligible.name));
        } else {
            prop_assert!(steering.tier > 1);
            prop_assert_eq!(steering.ttl_is_short, is_by_client(&steering));
        }
    }

    #[test]
    fn every_client_within_an_answers_scope_gets_that_answer(
        name in name(),
        rtype in rtype(),
        client in client(),
        source in prop_oneof![Just(24_u8), Just(32_u8), 1..=32_u8],
        others in vec(any::<u128>(), 8),
        snapshot in any_snapshot(),
    ) {
        let source = if client.is_ipv4() { source } else { source * 4 };
        let subnet = IpNet::new(client, source).unwrap().trunc();
        let ask = Ask {
            subnet: Some(subnet),
            ..Ask::new(&format!("{name} {rtype} +edns"))
        };
        let (_, response) = ask.of(snapshot);
        let Some(scope) = scope(&response) else { return Ok(()) };
        let records = |response: &[u8]| show(response).split_once('\n').map(|(_, rest)| rest.to_owned());
        let ends = [u128::MIN, u128::MAX];
        for random in others.into_iter().chain(ends) {
            let other = within(subnet.addr(), scope, random);
            let ask = Ask { subnet: Some(other.into()), ..ask.clone() };
            let (_, answer) = ask.of(snapshot);
            prop_assert_eq!(records(&answer), records(&response), "{} in {}/{}", other, subnet, scope);
        }
    }
}

fn pool_of<'s>(snapshot: &'s Snapshot, steering: &Steering) -> &'s Pool {
    let mut pools = snapshot.routing.topology.pools.values();
    pools.find(|pool| pool.name == steering.pool).unwrap()
}

/// Whether what a pool's name gives for a type can differ from client to client.
fn is_by_client(pool: &Pool, rtype: &str) -> bool {
    match rtype {
        _ if pool.is_cname() => true,
        // All hints are of IPv4, but for those at the one name: no client gets these.
        "HTTPS" => pool.name != "example:first",
        "AAAA" => pool.has_family(Family::V6),
        _ => pool.has_family(Family::V4),
    }
}

/// The pool of a step and what it falls back to or, of the pools of all `steps`, what fell back to it:
/// all are of one name.
fn pools_of_name<'s>(
    snapshot: &'s Snapshot,
    step: &Steering,
    steps: &[&Steering],
) -> impl Iterator<Item = &'s Pool> {
    let own = pool_of(snapshot, step);
    let fallback = |pool: &Pool| match pool.all_down {
        AllDown::Fallback(id) => Some(&snapshot.routing.topology.pools[id]),
        AllDown::Open | AllDown::Closed | AllDown::Last => None,
    };
    let fallen = steps.iter().map(|step| pool_of(snapshot, step));
    let fallen = fallen.filter(move |pool| fallback(pool).is_some_and(|to| to.name == own.name));
    let pools: Vec<_> = fallen.chain([own]).chain(fallback(own)).collect();
    pools.into_iter()
}

/// The scope of a step that a client decides.
fn expected_scope(snapshot: &Snapshot, steering: &Steering, client: IpAddr) -> u8 {
    let pool = pool_of(snapshot, steering);
    let whole = if client.is_ipv4() { 32 } else { 128 };
    let is_by_slot = steering.slot.is_some() || !steering.windows.is_empty();
    let located = snapshot.views[pool.view].find(client).scope;
    let is_placed = is_routable(client) || snapshot.views[pool.view].has_net_in(client.into());
    match (pool.ecs, is_placed) {
        (false, _) => 0,
        (true, false) => whole,
        (true, true) if is_by_slot => located.max(Slot::prefix_len(client)),
        (true, true) => located,
    }
}

/// The address whose first `len` bits are those of `ip` and the rest those of `random`.
fn within(ip: IpAddr, len: u8, random: u128) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => {
            let rest = u32::MAX.checked_shr(len.into()).unwrap_or(0);
            Ipv4Addr::from_bits(ip.to_bits() & !rest | random as u32 & rest).into()
        }
        IpAddr::V6(ip) => {
            let rest = u128::MAX.checked_shr(len.into()).unwrap_or(0);
            Ipv6Addr::from_bits(ip.to_bits() & !rest | random & rest).into()
        }
    }
}

fn scope(response: &[u8]) -> Option<u8> {
    match Message::from_vec(response).unwrap().edns?.option(EdnsCode::Subnet)? {
        EdnsOption::Subnet(subnet) => Some(subnet.scope_prefix()),
        _ => None,
    }
}

/// The pools of [`super::steered`], each az eligible, down or held.
static SNAPSHOTS: LazyLock<Vec<Snapshot>> = LazyLock::new(|| every_health(""));

/// As [`SNAPSHOTS`], on a server that leaves nothing out.
static FULL: LazyLock<Vec<Snapshot>> =
    LazyLock::new(|| every_health("minimal_responses = false\nany = \"subset\""));

fn every_health(server: &str) -> Vec<Snapshot> {
    let mut world = world_with(server, MORE);
    let snapshots = (0..81_u32).map(|states| {
        world.settle();
        let azs = ["frankfurt", "saopaulo", "sydney", "tokyo"];
        for (az, state) in azs.into_iter().zip([1, 3, 9, 27].map(|digit| states / digit % 3)) {
            if state > 0 {
                world.fail(az);
            }
            if state > 1 {
                world.restore(az);
            }
        }
        world.snapshot()
    });
    snapshots.collect()
}

const MORE: &str = "
big TXT \"0123456789012345678901234567890123456789012345678901234567890123456789\"
to.sub CNAME x.sub
moved DNAME shop
mx MX 1 www
mx MX 2 even
mx MX 3 many
service HTTPS 0 four
";

fn snapshot() -> impl Strategy<Value = &'static Snapshot> {
    any::<Index>().prop_map(|index| index.get(&SNAPSHOTS))
}

fn any_snapshot() -> impl Strategy<Value = &'static Snapshot> {
    prop_oneof![snapshot(), any::<Index>().prop_map(|index| index.get(&FULL))]
}

fn name() -> impl Strategy<Value = String> {
    let names = [
        "example.",
        "www.example.",
        "WwW.eXample.",
        "a.shop.example.",
        "shop.example.",
        "four.example.",
        "blind.example.",
        "first.example.",
        "ruled.example.",
        "netted.example.",
        "even.example.",
        "heavy.example.",
        "pinned.example.",
        "many.example.",
        "cdn.example.",
        "a.edge.example.",
        "inner.example.",
        "fallen.example.",
        "alias.example.",
        "mx.example.",
        "service.example.",
        "a.moved.example.",
        "ns.example.",
        "sub.example.",
        "x.sub.example.",
        "to.sub.example.",
        "gone.example.",
        "a.gone.example.",
        "other.test.",
        ".",
    ];
    select(names.map(str::to_owned).to_vec())
}

fn rtype() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        4 => select(vec!["A", "AAAA", "HTTPS"]),
        1 => select(vec!["MX", "TXT", "NS", "SOA", "DS", "CNAME", "ANY", "AXFR", "TYPE65280"]),
    ]
}

/// Addresses that the fixture database knows, embedded ones, ones that can't be routed, and any.
fn client() -> impl Strategy<Value = IpAddr> {
    let known = [
        "1.0.0.0/24",
        "2.0.0.0/16",
        "5.0.0.0/8",
        "7.0.0.0/16",
        "8.0.0.0/16",
        "2400:1::/32",
        "2a00:1:0:1::/64",
        "2a00:1::/40",
        "::ffff:1.0.0.0/120",
        "64:ff9b::700:0/112",
        "2002:200::/32",
        "10.0.0.0/8",
        "10.0.0.0/15",
        "192.168.0.0/15",
        "1.0.0.128/25",
        "2400:1:8000::/32",
        "fd00:1::/47",
        "fd00::/8",
        "0.0.0.0/0",
        "2000::/3",
        "::/0",
    ];
    let known: Vec<IpNet> = known.iter().map(|net| net.parse().unwrap()).collect();
    (select(known), any::<u128>())
        .prop_map(|(net, random)| within(net.addr(), net.prefix_len(), random))
}

/// Queries of which a few octets are others.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let edits = vec((any::<Index>(), any::<u8>()), 0..3);
    let cut = prop_oneof![3 => Just(None), 1 => any::<Index>().prop_map(Some)];
    let asked = (name(), rtype(), client(), any::<(bool, u16)>());
    (asked, edits, cut).prop_map(|((name, rtype, client, (edns, payload)), edits, cut)| {
        let mut ask = Ask::new(&format!("{name} {rtype} +edns={payload}"));
        ask.subnet = Some(IpNet::new(client, 24).unwrap().trunc());
        if !edns {
            ask.edns = None;
        }
        let mut message = ask.message();
        for (at, octet) in edits {
            *at.get_mut(&mut message) = octet;
        }
        if let Some(cut) = cut {
            message.truncate(cut.index(message.len()));
        }
        message
    })
}
