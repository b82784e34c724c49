//! The swap under load: workers answer on real sockets while azs fail and return a hundred times.
//!
//! Each query has a name of its own, so that what a worker says of a datagram (its generation and
//! az) and what a client reads from the wire (an address) meet. What a generation may name is not
//! read from its routes but told by a model of the rules, kept beside the director.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, HashMap};
use std::iter::repeat_n;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwap;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RData;
use meridian::answer::{Answer, Generation, Snapshot, Transport};
use meridian::health::{Cause, Verdict};
use meridian::route::Effects;
use meridian::serve::udp::Worker;
use meridian::serve::{Shared, Totals, bind};

#[path = "support/world.rs"]
mod world;

use world::World;

#[test]
fn no_datagram_is_lost_or_names_an_az_that_its_generation_excludes() {
    let mut stage = Stage::new();
    let clients = stage.start_clients();
    for flip in 0..FLIPS {
        let az = AZS[flip % AZS.len()];
        let others = AZS.into_iter().filter(|other| *other != az);
        let all_fail = flip % 10 == 9;
        stage.fail(az);
        if all_fail {
            others.clone().for_each(|other| stage.fail(other));
        }
        stage.restore(az);
        stage.end_holds();
        if all_fail {
            others.for_each(|other| stage.restore(other));
            stage.end_holds();
        }
    }
    println!("{}", stage.finish(clients));
}

const FLIPS: usize = 100;
const WORKERS: usize = 2;
const CLIENTS: usize = 4;
/// Sockets of each client, each of which the kernel gives to one of the workers.
const SOCKETS: usize = 8;
/// Queries under way on one socket; on all of them, far fewer than a socket's buffer holds.
const IN_FLIGHT: usize = 4;
/// Answers that are seen from a generation before the next change.
const ANSWERS: u64 = 50;
/// Nothing takes this long but a failure.
const PATIENCE: Duration = Duration::from_secs(30);

const AZS: [&str; 4] = ["frankfurt", "saopaulo", "sydney", "tokyo"];
const FILES: &str = r#"
=== meridian.toml
geoip.databases = ["FIXTURES/city.mmdb"]
az.frankfurt.location = [50.11, 8.68]
az.saopaulo.location = [-23.55, -46.63]
az.sydney.location = [-33.87, 151.21]
az.tokyo.location = [35.68, 139.69]
=== zones/example.zone
$TTL 3600
@ SOA ns.test. host.test. 1 7200 3600 1209600 30
@ NS ns.test.
=== zones/example.toml
[names]
"*" = "web"
[check.web]
type = "tcp"
port = 80
fall = 3
rise = 3
suppress = 0
[pool.web]
check = "web"
hold = "10s"
endpoints.frankfurt = ["203.0.113.0"]
endpoints.saopaulo = ["203.0.113.1"]
endpoints.sydney = ["203.0.113.2"]
endpoints.tokyo = ["203.0.113.3"]
"#;
/// Networks of the fixture database, as Client Subnets of 24 bits: in Australia, France, Brazil,
/// and one that nothing is known of.
const SUBNETS: [[u8; 3]; 4] = [[1, 0, 0], [2, 0, 0], [7, 0, 0], [9, 0, 0]];

/// The director, the workers, and what is recorded of both.
struct Stage {
    world: World,
    shared: Shared,
    address: SocketAddr,
    workers: Vec<Worker>,
    totals: Totals,
    ledger: Arc<Ledger>,
    stop: Arc<AtomicBool>,
    model: BTreeMap<&'static str, Model>,
    /// What each generation may name.
    allowed: BTreeMap<Generation, Vec<&'static str>>,
    /// The azs in order, for each of [`SUBNETS`].
    orders: Vec<Vec<&'static str>>,
}

/// What the rules say of an az (design: an az leaves with its third failure in a row, is up again
/// with its third success, and eligible when its hold is over).
#[derive(Clone, Copy, PartialEq)]
enum Model {
    Eligible { failures: u8 },
    Down { successes: u8 },
    Held,
}

/// What the workers say of each datagram.
#[derive(Default)]
struct Ledger {
    state: Mutex<Seen>,
    grew: Condvar,
}

#[derive(Default)]
struct Seen {
    datagrams: HashMap<u32, (usize, Generation, usize)>,
    answers: HashMap<Generation, u64>,
}

/// What a client read: for each of its sockets, queries with the last octet of the address given,
/// in the order in which the answers came.
type Read = Vec<Vec<(u32, u8)>>;

impl Stage {
    fn new() -> Self {
        let mut world = World::new(FILES);
        world.settle();
        let snapshot = world.snapshot();
        let orders = SUBNETS.map(|[a, b, c]| order(&snapshot, Ipv4Addr::new(a, b, c, 0)));
        let generation = snapshot.generation;
        let shared: Shared = Arc::new(ArcSwap::from_pointee(snapshot));
        let listener = bind(&[(Ipv4Addr::LOCALHOST, 0).into()], WORKERS).unwrap().remove(0);
        let totals = Totals::default();
        let ledger = Arc::new(Ledger::default());
        let spawn = |(index, socket)| {
            let ledger = Arc::clone(&ledger);
            let seen = move |message: &[u8], answer: &Answer| ledger.record(index, message, answer);
            Worker::spawn(socket, shared.clone(), totals.tally(Transport::Udp), seen).unwrap()
        };
        Self {
            workers: listener.udp.into_iter().enumerate().map(spawn).collect(),
            world,
            address: listener.address,
            totals,
            ledger,
            stop: Arc::default(),
            model: AZS.map(|az| (az, Model::Eligible { failures: 0 })).into(),
            allowed: [(generation, AZS.to_vec())].into(),
            orders: orders.into(),
            shared,
        }
    }

    fn start_clients(&self) -> Vec<thread::JoinHandle<Read>> {
        let client = |index| {
            let (address, stop) = (self.address, Arc::clone(&self.stop));
            thread::spawn(move || client(index, address, &stop))
        };
        (0..CLIENTS as u32).map(client).collect()
    }

    fn fail(&mut self, az: &'static str) {
        for _ in 0..3 {
            self.probe(az, &Verdict::Failure(Cause::Refused));
        }
    }

    fn restore(&mut self, az: &'static str) {
        for _ in 0..3 {
            self.probe(az, &Verdict::Success);
        }
    }

    fn probe(&mut self, az: &'static str, verdict: &Verdict) {
        let state = self.model.get_mut(az).unwrap();
        *state = match (*state, verdict) {
            (Model::Eligible { failures: 2 }, Verdict::Failure(_)) => Model::Down { successes: 0 },
            (Model::Eligible { failures }, Verdict::Failure(_)) => {
                Model::Eligible { failures: failures + 1 }
            }
            (Model::Down { successes: 2 }, Verdict::Success) => Model::Held,
            (Model::Down { successes }, Verdict::Success) => {
                Model::Down { successes: successes + 1 }
            }
            _ => unreachable!("the stage fails what is eligible and restores what is down"),
        };
        for effects in self.world.probe(az, verdict) {
            self.carry_out(effects);
        }
        let effects = self.world.pass(Duration::from_millis(500));
        self.carry_out(effects);
    }

    fn end_holds(&mut self) {
        for state in self.model.values_mut().filter(|state| **state == Model::Held) {
            *state = Model::Eligible { failures: 0 };
        }
        let effects = self.world.pass(Duration::from_secs(10));
        self.carry_out(effects);
    }

    /// Publishes as control does, then waits until the generation has answered.
    fn carry_out(&mut self, effects: Effects) {
        let Some(routes) = effects.routes else { return };
        let current = self.shared.load_full();
        let generation = Generation(current.generation.0 + 1);
        self.allowed.insert(generation, self.best_tier());
        let next = Snapshot { routes, generation, ..(*current).clone() };
        self.shared.swap(Arc::new(next));
        self.ledger.wait_for(generation);
    }

    /// The azs of the best tier that has any: eligible; up and held; all, as `all_down` is open.
    fn best_tier(&self) -> Vec<&'static str> {
        let tier = |is_in: fn(Model) -> bool| -> Vec<_> {
            self.model.iter().filter(|(_, state)| is_in(**state)).map(|(az, _)| *az).collect()
        };
        let eligible = tier(|state| matches!(state, Model::Eligible { .. }));
        let alive = tier(|state| state == Model::Held);
        [eligible, alive].into_iter().find(|tier| !tier.is_empty()).unwrap_or(AZS.to_vec())
    }

    /// Stops everything and compares what was recorded with what was read. Returns how much it was.
    fn finish(self, clients: Vec<thread::JoinHandle<Read>>) -> String {
        self.stop.store(true, Ordering::Release);
        let read: Vec<_> = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
        self.workers.iter().for_each(Worker::stop);
        self.workers.into_iter().for_each(Worker::join);
        let seen = self.ledger.state.lock().unwrap();
        let mut by_worker = [0; WORKERS];
        for socket in &read {
            let mut last = Generation(0);
            for (key, octet) in socket {
                let (worker, generation, az) = seen.datagrams[key];
                by_worker[worker] += 1;
                assert_eq!(AZS[az], AZS[usize::from(*octet)], "the az said and the one sent");
                let allowed = &self.allowed[&generation];
                let order = &self.orders[*key as usize % SUBNETS.len()];
                let expected = order.iter().find(|az| allowed.contains(az)).unwrap();
                assert_eq!(AZS[az], *expected, "generation {generation} allows {allowed:?}");
                assert!(generation >= last, "generation {generation} after {last} on one socket");
                last = generation;
            }
        }
        let sums = self.totals.sums(Transport::Udp);
        let answers: usize = read.iter().map(Vec::len).sum();
        assert_eq!(seen.datagrams.len(), answers, "each datagram was answered and read once");
        assert_eq!(sums.rcodes[0], answers as u64);
        assert_eq!((sums.panics, sums.unsent), (0, 0));
        assert!(by_worker.iter().all(|answers| *answers > 0), "both workers were asked");
        let generations = self.allowed.len();
        assert!(generations > 3 * FLIPS);
        format!("{answers} answers {by_worker:?} from {generations} generations, {FLIPS} flips")
    }
}

impl Ledger {
    /// Called by the workers.
    fn record(&self, worker: usize, message: &[u8], answer: &Answer) {
        let az = answer.az.unwrap().0.into();
        let mut seen = self.state.lock().unwrap();
        let before = seen.datagrams.insert(key_of(message), (worker, answer.generation, az));
        assert!(before.is_none(), "a query was answered twice");
        let answers = seen.answers.entry(answer.generation).or_default();
        *answers += 1;
        if *answers >= ANSWERS {
            self.grew.notify_one();
        }
    }

    fn wait_for(&self, generation: Generation) {
        let seen = self.state.lock().unwrap();
        let too_few = |seen: &mut Seen| seen.answers.get(&generation) < Some(&ANSWERS);
        let (_seen, result) = self.grew.wait_timeout_while(seen, PATIENCE, too_few).unwrap();
        assert!(!result.timed_out(), "generation {generation} has not answered {ANSWERS} queries");
    }
}

/// Asks until it is stopped, and then until all that it asked is answered.
fn client(index: u32, address: SocketAddr, stop: &AtomicBool) -> Read {
    let sockets: Vec<_> = repeat_n((), SOCKETS)
        .map(|()| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket.connect(address).unwrap();
            socket
        })
        .collect();
    let mut read: Read = vec![vec![]; SOCKETS];
    let mut next = index << 24;
    let mut buffer = [0; 1500];
    while !stop.load(Ordering::Acquire) {
        let first = next;
        for socket in repeat_n(&sockets, IN_FLIGHT).flatten() {
            socket.send(&query(next)).unwrap();
            next += 1;
        }
        let mut waiting: Vec<_> = (first..next).collect();
        for (socket, read) in sockets.iter().zip(&mut read) {
            for _ in 0..IN_FLIGHT {
                let len = socket.recv(&mut buffer).expect("each query gets its answer");
                let (key, octet) = decode(&buffer[..len]);
                let at = waiting.iter().position(|waiting| *waiting == key);
                waiting.swap_remove(at.expect("only what was asked is answered, and once"));
                read.push((key, octet));
            }
        }
    }
    read
}

/// A question for a name of its own, from one of [`SUBNETS`].
fn query(key: u32) -> Vec<u8> {
    let mut message = (key as u16).to_be_bytes().to_vec();
    message.extend(b"\0\0\0\x01\0\0\0\0\0\x01\x08");
    message.extend(format!("{key:08x}").bytes());
    message
        .extend(b"\x07example\0\0\x01\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\x0b\0\x08\0\x07\0\x01\x18\0");
    message.extend(SUBNETS[key as usize % SUBNETS.len()]);
    message
}

/// The key in the question's name.
fn key_of(message: &[u8]) -> u32 {
    u32::from_str_radix(std::str::from_utf8(&message[13..21]).unwrap(), 16).unwrap()
}

/// The key of a well-formed answer, and the last octet of the address that it gives.
fn decode(response: &[u8]) -> (u32, u8) {
    let key = key_of(response);
    let message = Message::from_vec(response).unwrap();
    let expected = query(key);
    let question = 12..expected.len() - 22;
    assert_eq!(response[question.clone()], expected[question], "the question");
    assert_eq!(message.metadata.id, key as u16);
    assert_eq!(message.metadata.response_code, ResponseCode::NoError);
    assert!(message.metadata.authoritative && !message.metadata.truncation);
    assert!(message.edns.is_some() && message.authorities.is_empty());
    let [record] = &message.answers[..] else { panic!("{message}") };
    assert_eq!(record.name, message.queries[0].name);
    let RData::A(address) = &record.data else { panic!("{record}") };
    let [203, 0, 113, octet] = address.octets() else { panic!("{record}") };
    (key, octet)
}

/// The azs in the order of a client's place.
fn order(snapshot: &Snapshot, client: Ipv4Addr) -> Vec<&'static str> {
    let topology = &snapshot.routing.topology;
    let place = snapshot.places.place(snapshot.places.find(client.into()).place);
    let order = topology.views.values().next().unwrap().order(&topology.azs, place, None);
    order.iter().map(|az| AZS[usize::from(az.0)]).collect()
}
