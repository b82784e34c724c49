//! Addresses and interfaces of the host that go and come back under a server that listens on them.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use hickory_proto::op::Message;

use super::client::{Connection, answer, framed, query};
use super::daemon::{Daemon, eventually};
use super::host::Host;
use super::listening::listen;
use super::namespace::{in_namespaces, run};
use super::other_host::OtherHost;
use super::witness::{Answers, Witness};

#[test]
fn an_address_that_goes_away_and_comes_back_is_served_again() {
    in_namespaces(|| {
        let Served { other, daemon, steady, .. } = Served::on(&["198.18.1.53:0"]);
        other.ip("address add 198.18.1.53/24 dev far");
        let address = daemon.addresses[1];
        let mut connection = Connection::to(address);
        for _ in 0..3 {
            assert_serves(address);
            assert_eq!(answer(&connection.ask(TEXT)), "first");
            other.ip("address del 198.18.1.53/24 dev far");
            assert_silent(address);
            other.ip("address add 198.18.1.53/24 dev far");
        }
        assert_serves(address);
        // A connection that nobody used meanwhile knows nothing of it.
        assert_eq!(answer(&connection.ask(TEXT)), "first");
        assert_nothing_told(&daemon, steady);
    });
}

#[test]
fn an_interface_that_goes_down_and_comes_up_is_served_again() {
    in_namespaces(|| {
        let Served { other, daemon, steady, .. } = Served::on(&["198.18.1.53:0"]);
        other.ip("address add 198.18.1.53/24 dev far");
        let address = daemon.addresses[1];
        for _ in 0..3 {
            assert_serves(address);
            other.ip("link set far down");
            assert_silent(address);
            other.ip("link set far up");
        }
        assert_serves(address);
        assert_nothing_told(&daemon, steady);
    });
}

#[test]
fn answers_that_can_not_leave_hold_up_no_others() {
    in_namespaces(|| {
        let Served { other, daemon, steady, .. } = Served::on(&["0.0.0.0:0"]);
        other.ip("address add 198.18.1.53/24 dev far");
        let address = SocketAddr::from(([198, 18, 1, 53], daemon.addresses[1].port()));
        assert_serves(address);
        let client = UdpSocket::bind("198.18.1.1:0").unwrap();
        let question = query(TEXT).to_vec().unwrap();
        // Queries go there, and there is no way back.
        other.ip("route del 198.18.1.0/24 dev far");
        for _ in 0..1000 {
            client.send_to(&question, address).unwrap();
        }
        steady.wait();
        other.ip("route add 198.18.1.0/24 dev far");
        assert_serves(address);
        assert_nothing_told(&daemon, steady);
    });
}

#[test]
fn an_address_that_appears_after_the_start_is_served() {
    in_namespaces(|| {
        let Served { other, daemon, steady, .. } = Served::on(&["198.18.1.53:0"]);
        assert_silent(daemon.addresses[1]);
        other.ip("address add 198.18.1.53/24 dev far");
        assert_serves(daemon.addresses[1]);
        assert_nothing_told(&daemon, steady);
    });
}

#[test]
fn an_ipv6_address_is_served_once_it_is_no_longer_tentative() {
    in_namespaces(|| {
        if UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
            // A kernel without IPv6 has nothing to ask.
            return;
        }
        let Served { other, daemon, steady, .. } = Served::on(&["[2001:db8::53]:0"]);
        let address = daemon.addresses[1];
        run("ip", &["address", "add", "2001:db8::1/64", "dev", "near", "nodad"]);
        // The kernel asks its neighbours so often, once a second, whether they have the address.
        for (asked, is_had) in [(1000, false), (1, true), (1000, false), (1, true)] {
            other.set("net/ipv6/conf/far/dad_transmits", asked);
            other.ip("address add 2001:db8::53/64 dev far");
            if is_had {
                assert_serves(address);
            } else {
                assert_silent(address);
            }
            other.ip("address del 2001:db8::53/64 dev far");
        }
        assert_nothing_told(&daemon, steady);
    });
}

/// A server on another host, which has one address throughout, on a cable of its own, where somebody asks.
/// The other cable is joined at both ends, and has an address at the near one.
struct Served {
    daemon: Daemon,
    steady: Witness,
    other: OtherHost,
    _host: Host,
}

impl Served {
    /// Listens on these too, which the host does not have yet.
    fn on(addresses: &[&str]) -> Self {
        let other = OtherHost::new();
        other.join("beside", "steady");
        other.join("near", "far");
        run("ip", &["address", "add", "198.18.0.1/24", "dev", "beside"]);
        run("ip", &["address", "add", "198.18.1.1/24", "dev", "near"]);
        other.ip("address add 198.18.0.53/24 dev steady");
        let host = Host::new();
        listen(&host, &[&["198.18.0.53:0"], addresses].concat());
        let mut daemon = Daemon::serving(other.there(&host.command(&["run"])));
        for _ in addresses {
            daemon.listening();
        }
        let steady = Witness::of(daemon.address(), OTHERS);
        Self { daemon, steady, other, _host: host }
    }
}

const TEXT: &str = "text.app.example TXT";
const OTHERS: Answers = &[("text.other.example TXT", "first"), ("none.app.example A", "NXDOMAIN")];

/// Waits until it answers over UDP and TCP: neighbours are looked for first.
#[track_caller]
fn assert_serves(address: SocketAddr) {
    let over_udp = eventually("an answer over UDP", || over_udp(address));
    assert_eq!(answer(&over_udp), "first");
    let mut connection = eventually("a TCP connection", || {
        let stream = TcpStream::connect_timeout(&address, MOMENT).ok()?;
        stream.set_read_timeout(Some(super::daemon::PATIENCE)).unwrap();
        Some(Connection { stream })
    });
    connection.send(&framed(&query(TEXT)));
    assert_eq!(answer(&connection.receive()), "first");
}

#[track_caller]
fn assert_silent(address: SocketAddr) {
    assert!(over_udp(address).is_none());
    assert!(TcpStream::connect_timeout(&address, MOMENT).is_err());
}

/// What comes within a moment.
fn over_udp(address: SocketAddr) -> Option<Message> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => [0; 4].into(),
        SocketAddr::V6(_) => [0; 16].into(),
    };
    let socket = UdpSocket::bind((any, 0)).unwrap();
    socket.set_read_timeout(Some(MOMENT)).unwrap();
    socket.connect(address).ok()?;
    socket.send(&query(TEXT).to_vec().unwrap()).ok()?;
    let mut response = [0; 1232];
    let len = socket.recv(&mut response).ok()?;
    Message::from_vec(&response[..len]).ok()
}

/// Long enough between neighbours.
const MOMENT: Duration = Duration::from_millis(100);

/// Others were answered throughout, and the log has nothing of it.
#[track_caller]
fn assert_nothing_told(daemon: &Daemon, steady: Witness) {
    steady.wait();
    steady.assert_all_right();
    assert!(!daemon.log().contains("ERROR"), "{}", daemon.log());
}
