//! Answering allocates nothing, by a global allocator that counts for each thread.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "a global allocator is; it only counts and hands on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use meridian::answer::{
    Kind, Limiter, RateLimit, Request, Snapshot, Transport, Verdict, answer, shorten,
};
use meridian::serve::udp::Worker;
use meridian::serve::{Totals, bind};
use meridian::time::{Monotonic, Wall};
use meridian::wire::{CLASS_CH, CLASS_IN, Name, Rcode, RecordType, Secret, Secrets};

#[path = "support/world.rs"]
mod world;

use world::World;

const FILES: &str = r#"
=== meridian.toml
geoip.databases = ["FIXTURES/city.mmdb"]
server.minimal_responses = false
server.any = "subset"
az.sydney.location = [-33.87, 151.21]
az.tokyo.location = [35.68, 139.69]
=== zones/example.zone
$TTL 3600
@ SOA ns.test. host.test. 1 7200 3600 1209600 30
@ NS ns.test.
@ NS ns
ns A 192.0.2.53
mx MX 1 www
mx MX 2 ns
service HTTPS 0 many
here CNAME there
there CNAME here
many HTTPS 1 . mandatory=ipv4hint alpn=h2 ipv4hint=192.0.2.1
*.wild TXT x
alias CNAME www
moved DNAME wild
sub NS ns.sub
ns.sub A 192.0.2.54
large TXT "0123456789012345678901234567890123456789012345678901234567890123456789"
large TXT "1123456789012345678901234567890123456789012345678901234567890123456789"
large TXT "2123456789012345678901234567890123456789012345678901234567890123456789"
large TXT "3123456789012345678901234567890123456789012345678901234567890123456789"
large TXT "4123456789012345678901234567890123456789012345678901234567890123456789"
large TXT "5123456789012345678901234567890123456789012345678901234567890123456789"
=== zones/example.toml
names = { www = "web", shop = "shop", many = "many", lb = "lb" }
[pool.web]
endpoints.sydney = ["203.0.113.50", "203.0.113.51"]
endpoints.tokyo = ["203.0.113.60", "203.0.113.61"]
[pool.shop]
policy = "weighted"
endpoints.sydney = ["203.0.113.52"]
endpoints.tokyo = ["203.0.113.62"]
[pool.many]
max_answers = 1
endpoints.sydney = ["203.0.113.53", "203.0.113.54"]
[pool.lb]
endpoints.tokyo = "www"
"#;

/// Questions, each for another kind of answer or another way to it.
const QUESTIONS: [(&str, RecordType, Kind); 23] = [
    ("ns.example.", RecordType::A, Kind::Static),
    ("a.wild.example.", RecordType::TXT, Kind::Static),
    ("a.moved.example.", RecordType::TXT, Kind::Static),
    ("ns.example.", RecordType::ANY, Kind::Static),
    ("www.example.", RecordType::ANY, Kind::Steered),
    ("example.", RecordType::NS, Kind::Static),
    ("mx.example.", RecordType::MX, Kind::Static),
    ("service.example.", RecordType::HTTPS, Kind::Static),
    ("here.example.", RecordType::A, Kind::Static),
    ("ns.example.", RecordType(253), Kind::Error),
    ("www.example.", RecordType::A, Kind::Steered),
    ("alias.example.", RecordType::A, Kind::Steered),
    ("shop.example.", RecordType::A, Kind::Steered),
    ("many.example.", RecordType::A, Kind::Steered),
    ("many.example.", RecordType::HTTPS, Kind::Steered),
    ("lb.example.", RecordType::A, Kind::Steered),
    ("www.example.", RecordType::AAAA, Kind::NoData),
    ("ns.example.", RecordType::TXT, Kind::NoData),
    ("gone.example.", RecordType::A, Kind::NoName),
    ("www.sub.example.", RecordType::A, Kind::Referral),
    ("sub.example.", RecordType::DS, Kind::NoData),
    ("large.example.", RecordType::TXT, Kind::Truncated),
    ("other.test.", RecordType::A, Kind::Error),
];

#[test]
fn answering_allocates_nothing() {
    let snapshot = World::new(FILES).snapshot();
    let mut out = vec![0; 4096];
    for (name, rtype, kind) in QUESTIONS {
        for message in [query(name, rtype, false), query(name, rtype, true)] {
            let peer = IpAddr::from(Ipv4Addr::new(1, 0, 0, 1));
            let request = Request {
                message: &message,
                peer,
                transport: Transport::Udp,
                now: Wall::default(),
            };
            let before = ALLOCATIONS.get();
            let answered = answer(&snapshot, &request, &mut out);
            let allocations = ALLOCATIONS.get() - before;
            assert_eq!(allocations, 0, "{name} {rtype}");
            // With EDNS what is large fits.
            let is_whole = kind == Kind::Truncated && answered.kind == Kind::Static;
            assert!(answered.kind == kind || is_whole, "{name} {rtype}: {:?}", answered.kind);
        }
    }
}

#[test]
fn what_a_server_tells_of_itself_allocates_nothing() {
    let files = FILES.replace(
        "geoip.databases",
        "server.identity = \"ns1\"\nserver.report_channel = \"reports.test\"\ngeoip.databases",
    );
    let snapshot = World::new(&files).snapshot();
    // Client Subnet, NSID and TCP keepalive.
    let options = b"\0\x08\0\x07\0\x01\x18\0\x01\0\0\0\x03\0\0\0\x0b\0\0";
    let mut out = vec![0; 4096];
    for (name, rtype, class) in [
        ("www.example.", RecordType::A, CLASS_IN),
        ("other.test.", RecordType::A, CLASS_IN),
        ("x.reports.test.", RecordType::TXT, CLASS_IN),
        ("id.server.", RecordType::TXT, CLASS_CH),
        ("version.bind.", RecordType::A, CLASS_CH),
        ("other.bind.", RecordType::TXT, CLASS_CH),
    ] {
        let mut message = query(name, rtype, false);
        let class_at = message.len() - 1;
        (message[11], message[class_at]) = (1, class as u8);
        message.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, options.len() as u8]);
        message.extend(options);
        let request = Request {
            message: &message,
            peer: Ipv4Addr::new(1, 0, 0, 1).into(),
            transport: Transport::Tcp,
            now: Wall::default(),
        };
        let before = ALLOCATIONS.get();
        let answered = answer(&snapshot, &request, &mut out);
        assert_eq!(ALLOCATIONS.get() - before, 0, "{name} {rtype}");
        assert!(out[..answered.len].windows(7).any(|octets| octets == b"\0\x03\0\x03ns1"));
    }
}

#[test]
fn cookies_and_the_rate_limit_allocate_nothing() {
    let mut snapshot = World::new(FILES).snapshot();
    let secret = |octet| Secret::new([octet; 16]);
    snapshot.cookies = Some(Arc::new(Secrets::new(secret(1), vec![secret(2), secret(3)])));
    let settings = RateLimit {
        responses_per_second: 1,
        slip: 1,
        ipv4_prefix: 24,
        ipv6_prefix: 56,
        allow: vec!["192.0.2.0/24".parse().unwrap()],
        log_only: false,
    };
    let limiter = Limiter::new(settings, [7; 16]);
    let mut out = vec![0; 4096];
    for (name, rtype, _) in QUESTIONS {
        let mut message = query(name, rtype, true);
        let options = message.len() - 12;
        message[options] += 20;
        message.extend([0, 10, 0, 16]);
        message.extend([1; 16]);
        let peer = IpAddr::from(Ipv4Addr::new(1, 0, 0, 1));
        let transport = Transport::Udp;
        let request = Request { message: &message, peer, transport, now: Wall::default() };
        let before = ALLOCATIONS.get();
        let answered = answer(&snapshot, &request, &mut out);
        let verdicts = [0; 2].map(|_| limiter.judge(&answered, peer, Monotonic::START));
        let short = shorten(&snapshot, &request, &mut out);
        assert_eq!(ALLOCATIONS.get() - before, 0, "{name} {rtype}");
        assert_eq!(short.rcode, Rcode::BadCookie, "{name} {rtype}");
        assert_eq!(verdicts[1], Verdict::Short, "{name} {rtype}");
    }
}

#[test]
fn what_can_not_be_answered_allocates_nothing() {
    let snapshot = World::new(FILES).snapshot();
    let mut out = vec![0; 4096];
    let whole = query("www.example.", RecordType::A, true);
    for len in 0..whole.len() {
        let peer = IpAddr::from(Ipv4Addr::new(1, 0, 0, 1));
        let request = Request {
            message: &whole[..len],
            peer,
            transport: Transport::Udp,
            now: Wall::default(),
        };
        let before = ALLOCATIONS.get();
        let answered = answer(&snapshot, &request, &mut out);
        assert_eq!(ALLOCATIONS.get() - before, 0, "{len} octets");
        assert!(matches!(answered.kind, Kind::Dropped | Kind::Error));
    }
}

#[test]
fn a_worker_allocates_nothing_from_one_datagram_to_the_next() {
    let on_worker = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&on_worker);
    let worker = start(World::new(FILES).snapshot(), move || {
        seen.store(ALLOCATIONS.get(), Ordering::Release);
    });
    worker.ask("ns.example.", RecordType::A);
    let at_first = on_worker.load(Ordering::Acquire);
    for (name, rtype, _) in QUESTIONS {
        worker.ask(name, rtype);
    }
    assert_eq!(on_worker.load(Ordering::Acquire), at_first);
    worker.stop();
}

#[test]
fn counting_queries_by_preference_allocates_nothing() {
    let files = FILES.replace("az.sydney.", "az.tokyo.capacity = 1000\naz.sydney.");
    let on_worker = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&on_worker);
    let worker = start(World::new(&files).snapshot(), move || {
        seen.store(ALLOCATIONS.get(), Ordering::Release);
    });
    worker.ask("www.example.", RecordType::A);
    let at_first = on_worker.load(Ordering::Acquire);
    for (name, rtype, _) in QUESTIONS {
        worker.ask(name, rtype);
    }
    assert_eq!(on_worker.load(Ordering::Acquire), at_first);
    worker.stop();
}

#[test]
fn the_allocator_counts() {
    let before = ALLOCATIONS.get();
    drop(black_box(Box::new(1)));
    assert_eq!(ALLOCATIONS.get() - before, 1);
}

/// A query from Sydney, by its Client Subnet if `edns`.
fn query(name: &str, rtype: RecordType, edns: bool) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns)];
    message.extend(Name::from_text(name.as_bytes(), &Name::root()).unwrap().as_wire());
    message.extend(rtype.0.to_be_bytes());
    message.extend([0, 1]);
    if edns {
        message.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 11, 0, 8, 0, 7, 0, 1, 24, 0, 1, 0, 0]);
    }
    message
}

/// A worker and a client of it.
struct Asked {
    worker: Worker,
    socket: UdpSocket,
}

fn start(snapshot: Snapshot, mut seen: impl FnMut() + Send + 'static) -> Asked {
    let mut listener = bind(&[(Ipv4Addr::LOCALHOST, 0).into()], 1).unwrap().remove(0);
    let shared = Arc::new(ArcSwap::from_pointee(snapshot));
    let tally = Totals::default().tally(Transport::Udp);
    let worker = Worker::spawn(listener.udp.remove(0), shared, tally, move |_, _| seen()).unwrap();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    socket.connect(listener.address).unwrap();
    Asked { worker, socket }
}

impl Asked {
    fn ask(&self, name: &str, rtype: RecordType) {
        self.socket.send(&query(name, rtype, true)).unwrap();
        self.socket.recv(&mut [0; 1500]).unwrap();
    }

    fn stop(self) {
        self.worker.stop();
        self.worker.join();
    }
}

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

/// Counts what the current thread takes.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is the system's allocator's doing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller says.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller says; `alloc` got it from the same allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}
