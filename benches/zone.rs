//! What a zone of 1,000,000 names costs beside one of 100: to load it, to hold it, to find a name
//! and to miss one, and to load it again after one line was edited.
//!
//! `cargo bench --bench zone`. Times are of the thread on the CPU, so that other work on the machine
//! counts for little; memory is what the allocator hands out, without its own overhead.
#![allow(clippy::unwrap_used, reason = "what can't be set up has failed the benchmark")]
#![allow(clippy::print_stdout, reason = "the table is the result")]
#![allow(unsafe_code, reason = "a global allocator is; it only counts and hands on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write;
use std::fs;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use meridian::answer::{Generation, Kind, Request, Snapshot, Transport, answer};
use meridian::config::Environment;
use meridian::control::load::{Loaded, Occasion, load};
use meridian::diag::Style;
use meridian::route::{Director, Overrides, Saved};
use meridian::span::FileId;
use meridian::time::{Now, Wall};
use meridian::wire::{Name, RecordType};
use meridian::zone::{self, Source};
use nix::time::{ClockId, clock_gettime};

/// The records of the two zones.
const SMALL: usize = 100;
const LARGE: usize = 1_000_000;
const ROUNDS: usize = 5;
/// Questions for each figure, of names in no order.
const QUESTIONS: usize = 200_000;

fn main() {
    // `cargo test --benches` only wants to know that it builds.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let [small, large] = [SMALL, LARGE].map(measure);
    println!("| | {SMALL} names | {LARGE} names | ratio |");
    println!("|---|---|---|---|");
    for (figure, (small, large)) in FIGURES.iter().zip(small.into_iter().zip(large)) {
        println!("| {figure} | {small:.0} | {large:.0} | {:.2} |", large / small);
    }
}

const FIGURES: [&str; 8] = [
    "read and build, ns a record",
    "read and build: highest memory, bytes a record",
    "zone: memory, bytes a record",
    "load of the files, ns a record",
    "load of the files: highest memory, bytes a record",
    "load after an edit of one line: highest memory beside the first, bytes a record",
    "answer, hit, ns",
    "answer, NXDOMAIN, ns",
];

fn measure(names: usize) -> [f64; 8] {
    let text = text(names, "192.0.2.1");
    let each = |bytes: usize| bytes as f64 / names as f64;
    let (mut read, mut read_peak, mut held) = (Duration::MAX, 0, 0);
    for _ in 0..ROUNDS {
        let before = Memory::begin();
        let begun = cpu_time();
        let zone = read_zone(&text);
        read = read.min(cpu_time() - begun);
        (read_peak, held) = (before.highest(), before.held());
        drop(black_box(zone));
    }
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    fs::create_dir(directory.path().join("zones")).unwrap();
    write("meridian.toml", "geoip.databases = []\n");
    write("zones/example.zone", &text);
    let load = |last: Option<&Loaded>| {
        let path = directory.path().join("meridian.toml");
        let (before, begun) = (Memory::begin(), cpu_time());
        let loaded = load(&path, &Environment::default(), last, Occasion::Asked);
        let took = cpu_time() - begun;
        let loaded = loaded.unwrap_or_else(|report| panic!("{}", report.render(Style::Plain)));
        assert!(!loaded.report.has_errors());
        (loaded, took, before.highest())
    };
    let (first, first_took, first_peak) = load(None);
    write("zones/example.zone", &self::text(names, "192.0.2.2"));
    let (_, _, again_peak) = load(Some(&first));
    let snapshot = snapshot(&first);
    let hit = time(&snapshot, Kind::Static, |random| owner(random as usize % names));
    let miss =
        time(&snapshot, Kind::NoName, |random| format!("no{}", owner(random as usize % names)));
    let nanoseconds = |time: Duration| 1e9 * time.as_secs_f64() / names as f64;
    [
        nanoseconds(read),
        each(read_peak),
        each(held),
        nanoseconds(first_took),
        each(first_peak),
        each(again_peak),
        hit,
        miss,
    ]
}

/// The master file of `names` names, each with an address; the last has `address`.
fn text(names: usize, address: &str) -> String {
    let mut text = "$TTL 1h\n@ SOA ns.test. host.test. 1 2h 30m 2w 30\n@ NS ns.test.\n".to_owned();
    for index in 0..names - 1 {
        let address = Ipv4Addr::from_bits(0x0a00_0000 | index as u32);
        writeln!(text, "{} A {address}", owner(index)).unwrap();
    }
    writeln!(text, "{} A {address}", owner(names - 1)).unwrap();
    text
}

fn owner(index: usize) -> String {
    format!("host{index:07}")
}

fn read_zone(text: &str) -> zone::Zone {
    let origin = Name::from_text(b"example", &Name::root()).unwrap();
    let source = Source { origin, file: FileId(0), text: text.as_bytes() };
    let (zone, faults) = zone::read(source, &[], &mut |_, _| Err(String::new()));
    assert!(faults.is_empty());
    zone.unwrap()
}

fn snapshot(loaded: &Loaded) -> Snapshot {
    let (saved, overrides) = (Saved::default(), Overrides::default());
    let (wait, now) = (Duration::ZERO, Now::default());
    let (director, _) = Director::start(loaded.routing.clone(), &saved, overrides, 1, wait, now);
    loaded.snapshot(Generation(1), director.routes())
}

/// Nanoseconds for an answer of `kind` about each of the names, the least of all rounds.
fn time(snapshot: &Snapshot, kind: Kind, name: impl Fn(u64) -> String) -> f64 {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let messages: Vec<Vec<u8>> = (0..QUESTIONS)
        .map(|_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            query(&format!("{}.example.", name(random >> 33)))
        })
        .collect();
    let mut out = vec![0; 4096];
    let mut least = Duration::MAX;
    for _ in 0..ROUNDS {
        let begun = cpu_time();
        for message in &messages {
            let request = Request {
                message,
                peer: Ipv4Addr::LOCALHOST.into(),
                transport: Transport::Udp,
                now: Wall::default(),
            };
            let answer = black_box(answer(snapshot, &request, &mut out));
            assert_eq!(answer.kind, kind);
        }
        least = least.min(cpu_time() - begun);
    }
    1e9 * least.as_secs_f64() / QUESTIONS as f64
}

fn query(name: &str) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend(Name::from_text(name.as_bytes(), &Name::root()).unwrap().as_wire());
    message.extend(RecordType::A.0.to_be_bytes());
    message.extend([0, 1]);
    message
}

/// What this thread has had of the CPU.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

/// What was held at a point, from which on the highest is noted.
struct Memory(usize);

impl Memory {
    fn begin() -> Self {
        let held = HELD.load(Ordering::Relaxed);
        HIGHEST.store(held, Ordering::Relaxed);
        Self(held)
    }

    /// The bytes beside those, at their highest.
    fn highest(&self) -> usize {
        HIGHEST.load(Ordering::Relaxed) - self.0
    }

    /// The bytes beside those, now.
    fn held(&self) -> usize {
        HELD.load(Ordering::Relaxed) - self.0
    }
}

static HELD: AtomicUsize = AtomicUsize::new(0);
static HIGHEST: AtomicUsize = AtomicUsize::new(0);

/// Counts the bytes that are held.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: everything is the system's allocator's doing. What grows is counted as held twice while it
// is moved, as it may be.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        HIGHEST.fetch_max(held, Ordering::Relaxed);
        // SAFETY: as the caller says.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller says; `alloc` got it from the same allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}
