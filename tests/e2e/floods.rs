//! Floods: others are answered right all the while, azs are probed in time, and memory stays what it was.

use std::fs;
use std::net::{TcpStream, UdpSocket};

use super::client::query;
use super::daemon::Daemon;
use super::fleet::{Fleet, PARIS, POLICY, SYDNEY};
use super::host::Host;
use super::random::Random;
use super::witness::{Answers, Witness};

#[test]
fn a_flood_of_random_names_is_no_harm_to_others() {
    assert_harmless(|random, _| {
        let label = |random: &mut Random| format!("{:x}", random.below(1 << 32));
        let labels: Vec<_> = (0..=random.below(12)).map(|_| label(random)).collect();
        let zone = ["app.example", "other.example", "www.app.example", "example"];
        let zone = zone[random.below(4) as usize];
        query(&format!("{}.{zone} A", labels.join("."))).to_vec().unwrap()
    });
}

#[test]
fn a_flood_of_random_octets_is_no_harm_to_others() {
    assert_harmless(|random, _| {
        let length = random.below(600);
        (0..length).map(|_| random.below(256) as u8).collect()
    });
}

#[test]
fn a_flood_of_damaged_queries_is_no_harm_to_others() {
    assert_harmless(|random, number| {
        let questions = ["www.app.example A from 1.0.0.0/24", "text.other.example TXT"];
        let mut bytes = query(questions[number % 2]).to_vec().unwrap();
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len() as u64) as usize;
            bytes[at] = random.below(256) as u8;
        }
        bytes.truncate(bytes.len() - random.below(8) as usize);
        bytes
    });
}

#[test]
fn a_flood_of_any_is_no_harm_to_others() {
    assert_harmless(|_, number| {
        let names = ["app.example ANY", "www.app.example ANY", "text.other.example ANY"];
        query(names[number % 3]).to_vec().unwrap()
    });
}

#[test]
fn a_flood_of_random_subnets_is_no_harm_to_others() {
    assert_harmless(|random, _| {
        let [a, b, c] = [(); 3].map(|()| random.below(256));
        query(&format!("www.app.example A from {a}.{b}.{c}.0/24")).to_vec().unwrap()
    });
}

#[test]
fn a_flood_of_connections_is_no_harm_to_others() {
    let flooded = Flooded::start();
    let address = flooded.daemon.address();
    for number in 0..CONNECTIONS {
        // More than a client may have are closed by the server.
        let connection = TcpStream::connect(address).unwrap();
        if number % 3 == 0 {
            drop(std::io::Write::write(&mut &connection, &[0, 40, 1]));
        }
    }
    flooded.assert_unharmed();
}

const DATAGRAMS: usize = 40_000;
const CONNECTIONS: usize = 3000;

/// Sends datagrams as fast as that can be done, each of its own.
#[track_caller]
fn assert_harmless(datagram: impl Fn(&mut Random, usize) -> Vec<u8>) {
    let mut random = Random::new();
    // Else making them would be most of the work.
    let datagrams: Vec<_> =
        (0..DATAGRAMS / 10).map(|number| datagram(&mut random, number)).collect();
    let flooded = Flooded::start();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(flooded.daemon.address()).unwrap();
    for datagram in datagrams.iter().cycle().take(DATAGRAMS) {
        socket.send(datagram).unwrap();
    }
    flooded.assert_unharmed();
}

/// A server whose azs are probed and whose zones are asked for by somebody else.
struct Flooded {
    daemon: Daemon,
    fleet: Fleet,
    witness: Witness,
    /// In KiB, before.
    memory: u64,
    host: Host,
}

impl Flooded {
    fn start() -> Self {
        let fleet = Fleet::new();
        let host = fleet.host(POLICY);
        let daemon = host.start();
        let witness = Witness::patient(daemon.address(), OTHERS);
        let memory = memory(&daemon);
        Self { daemon, fleet, witness, memory, host }
    }

    /// Others were and are answered, no az was taken for dead, and memory has not grown.
    #[track_caller]
    fn assert_unharmed(mut self) {
        self.witness.wait();
        let probed = self.fleet.paris.accepted();
        super::daemon::eventually("probes", || {
            (self.fleet.paris.accepted() > probed + 1).then_some(())
        });
        self.witness.assert_all_right();
        let grown = memory(&self.daemon).saturating_sub(self.memory);
        assert!(grown < MOST_GROWN, "{grown} KiB more than {} KiB", self.memory);
        self.host.meridian(&["reload"]).success();
        self.daemon.wait("reloaded");
        let log = self.daemon.log();
        assert!(!log.contains("is out of") && !log.contains("ERROR"), "{log}");
    }
}

const OTHERS: Answers = &[
    ("text.other.example TXT", "first"),
    ("none.other.example A", "NXDOMAIN"),
    ("www.app.example A from 1.0.0.0/24", SYDNEY),
    ("www.app.example A from 2.0.0.0/24", PARIS),
];

/// What connections and the allocator may keep, in KiB.
const MOST_GROWN: u64 = 8 << 10;

/// Resident, in KiB.
fn memory(daemon: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}
