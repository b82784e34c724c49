//! RFC 9210: TCP as an operator of the DNS needs it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use meridian::answer::Transport;
use meridian::serve::tally::ConnectionSums;
use meridian::serve::tcp::{Acceptor, Admission, Limits, Phase};
use meridian::serve::{Totals, bind};
use socket2::{Domain, Socket, Type};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::server::{PATIENCE, Server, framed, read_message};
use super::{Ask, World, show};

/// What serves over TCP within limits; ends when dropped.
struct Limited {
    address: SocketAddr,
    totals: Totals,
    _phase: watch::Sender<Phase>,
    _runtime: Runtime,
}

const LIMITS: Limits =
    Limits { idle: PATIENCE, lifetime: PATIENCE, connections: 100, per_client: 100 };

impl Limited {
    fn to(limits: Limits) -> Self {
        let snapshot = World::of_zone("example", "www A 192.0.2.1\n").snapshot();
        let listener = bind(&[(Ipv4Addr::LOCALHOST, 0).into()], 1).unwrap().remove(0);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (phase, is_phase) = watch::channel(Phase::Serving);
        let totals = Totals::default();
        let acceptor = Acceptor {
            listener: listener.tcp,
            shared: Arc::new(ArcSwap::from_pointee(snapshot)),
            tally: Arc::new(Mutex::new(totals.tally(Transport::Tcp))),
            admission: Admission::new(limits, totals.connections()),
            phase: is_phase,
        };
        runtime.spawn(acceptor.run());
        Self { address: listener.address, totals, _phase: phase, _runtime: runtime }
    }

    /// A connection of the client 127.0.0.`client`.
    fn connect(&self, client: u8) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, client], 0)).into()).unwrap();
        socket.connect(&self.address.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn sums(&self) -> ConnectionSums {
        self.totals.connections().sums()
    }
}

/// Whether a query is answered.
fn is_served(stream: &mut TcpStream) -> bool {
    let sent = stream.write_all(&framed(&Ask::new("www.example. A").message()));
    sent.is_ok() && matches!(stream.read(&mut [0; 512]), Ok(1..))
}

fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0]), Ok(0))
}

#[test]
fn section_3_what_does_not_fit_over_udp_is_whole_over_tcp() {
    let records: String = (0..100).map(|n| format!("many A 192.0.2.{n}\n")).collect();
    let server = Server::start(World::of_zone("example", &records).snapshot());
    let query = Ask::new("many.example. A").message();
    assert!(show(&server.ask(&query)).starts_with("NOERROR aa tc"));
    let whole = show(&server.tcp(&query));
    assert_eq!((whole.lines().next(), whole.lines().count()), (Some("NOERROR aa"), 101));
}

#[test]
fn section_4_2_at_the_limit_an_idle_connection_is_closed_for_a_new_one() {
    let server = Limited::to(Limits { connections: 4, ..LIMITS });
    let mut open: Vec<_> = (1..=4).map(|client| server.connect(client)).collect();
    assert!(open.iter_mut().all(is_served));
    assert!(is_served(&mut open[0]));
    let mut newcomer = server.connect(5);
    assert!(is_served(&mut newcomer));
    assert!(is_closed(&mut open[1]));
    assert!([0, 2, 3].into_iter().all(|at| is_served(&mut open[at])));
    let sums = server.sums();
    assert_eq!((sums.open, sums.accepted, sums.evicted, sums.refused), (4, 5, [1, 0, 0], 0));
}

#[test]
fn section_4_2_one_client_can_not_consume_all_connections() {
    let server = Limited::to(Limits { connections: 4, ..LIMITS });
    let mut greedy: Vec<_> = (0..4).map(|_| server.connect(1)).collect();
    assert!(greedy.iter_mut().all(is_served));
    let mut others: Vec<_> = (2..=4).map(|client| server.connect(client)).collect();
    assert!(others.iter_mut().all(is_served));
    // Whatever it does, it has its share.
    for _ in 0..20 {
        assert!(is_served(&mut server.connect(1)));
    }
    assert!(others.iter_mut().all(is_served));
}

#[test]
fn section_4_2_a_client_at_its_own_limit_takes_nobody_else_s_place() {
    let server = Limited::to(Limits { per_client: 2, ..LIMITS });
    let mut other = server.connect(2);
    assert!(is_served(&mut other));
    let mut own: Vec<_> = (0..2).map(|_| server.connect(1)).collect();
    assert!(own.iter_mut().all(is_served));
    assert!(is_served(&mut server.connect(1)));
    assert!(is_closed(&mut own[0]));
    assert!(is_served(&mut own[1]) && is_served(&mut other));
    assert_eq!(server.sums().evicted, [0, 1, 0]);
}

#[test]
fn section_4_2_an_idle_connection_is_closed() {
    let server = Limited::to(Limits { idle: Duration::from_millis(100), ..LIMITS });
    let mut stream = server.connect(1);
    assert!(is_served(&mut stream));
    assert!(is_closed(&mut stream));
}

#[test]
fn section_4_2_a_busy_connection_is_closed_between_two_answers_when_its_time_is_over() {
    let server = Limited::to(Limits { lifetime: Duration::from_millis(200), ..LIMITS });
    let mut stream = server.connect(1);
    let mut answers = vec![];
    let (mut asking, query) =
        (stream.try_clone().unwrap(), framed(&Ask::new("www.example. A").message()));
    let asked = std::thread::spawn(move || while asking.write_all(&query).is_ok() {});
    // A client that goes on after the end may see a reset.
    let _ = stream.read_to_end(&mut answers);
    drop(stream);
    asked.join().unwrap();
    let answer_len = 2 + usize::from(u16::from_be_bytes([answers[0], answers[1]]));
    assert_eq!(answers.len() % answer_len, 0);
}

#[test]
fn section_4_3_a_client_may_close_at_any_time() {
    let server = Limited::to(LIMITS);
    let query = framed(&Ask::new("www.example. A").message());
    for sent in 0..query.len() {
        let mut stream = server.connect(1);
        stream.write_all(&query[..sent]).unwrap();
    }
    let mut stream = server.connect(2);
    stream.write_all(&query).unwrap();
    assert_eq!(show(&read_message(&mut stream)), "NOERROR aa\nan www.example. 3600 A 192.0.2.1");
    let is_left = || server.sums().open == 1;
    let deadline = std::iter::repeat_with(|| {
        std::thread::park_timeout(Duration::from_millis(10));
        is_left()
    });
    assert!(deadline.take(3000).any(|is_left| is_left), "{:?}", server.sums());
}
