//! Any master file: read in bounded memory, and either refused with a fault that has a place or
//! served whole.
//!
//! The first octet of an input chooses the origin; the rest is the file and, behind a line `=== `,
//! another. `$INCLUDE main` and `$INCLUDE more` name them.

use std::cell::Cell;
use std::sync::{Arc, LazyLock};

use hickory_proto::op::Message;
use hickory_proto::rr::RecordType as Type;
use meridian::answer::{Request, Snapshot, Transport, Zones};
use meridian::id::IdVec;
use meridian::route::PoolId;
use meridian::span::{FileId, Severity, Span};
use meridian::time::Wall;
use meridian::wire::{Name, RecordType};
use meridian::zone::{self, Binding, Fault, Found, Node, RrSet, Source, Zone, ZoneSet};

use super::memory::most_held;
use super::response::ask;
use super::world::World;

/// Reads a zone and asks for everything in it.
pub fn check(input: &[u8]) {
    let Some((&first, text)) = input.split_first() else { return };
    let origin = name(ORIGINS[usize::from(first) % ORIGINS.len()]);
    let files = Files::of(text);
    let ((zone, faults), most) = most_held(|| files.read(&origin));
    let size = files.size.get();
    assert!(most < (64 << 10) + 2048 * size, "{most} octets were held for {size}");
    assert_eq!(zone.is_none(), faults.iter().any(is_error), "a zone or an error");
    for fault in &faults {
        files.check_fault(fault);
    }
    let Some(zone) = zone else { return };
    check_round_trip(&origin, &zone);
    let zone = Arc::new(zone);
    let snapshot = serving(&zone);
    for node in zone.nodes() {
        check_node(&snapshot, &zone, node);
    }
}

/// What is asked for is what is there; what is below it gets an answer, too.
fn check_node(snapshot: &Snapshot, zone: &Zone, node: Node<'_>) {
    let owner = node.name();
    let asked = |rtype, transport| {
        let message = query(&owner, rtype);
        ask(snapshot, &Request { message: &message, peer: PEER.into(), transport, now: NOW })
            .unwrap()
    };
    let is_itself = match zone.find(owner.to_lowercase().as_wire()) {
        Found::Exact(found) => {
            assert_eq!(found.name(), owner);
            true
        }
        Found::Delegation(_) | Found::Dname(_) => false,
        Found::Wildcard { .. } | Found::NoName { .. } => panic!("{owner} is not found"),
    };
    for set in node.sets().filter(|set| is_readable(*set)) {
        let answered = asked(set.rtype(), Transport::Tcp);
        if is_itself && node.binding().is_none() {
            let rtype = Type::from(set.rtype().0);
            let of_type = answered.message.answers.iter().filter(|r| r.record_type() == rtype);
            assert_eq!(of_type.count(), set.len(), "{owner} {}", set.rtype());
        }
        asked(set.rtype(), Transport::Udp);
    }
    for rtype in [RecordType::A, RecordType::AAAA, RecordType::ANY, RecordType::DS] {
        asked(rtype, Transport::Udp);
    }
    let below = [b"\x01x", owner.as_wire()].concat();
    if let Ok(below) = Name::from_wire(&below) {
        let message = query(&below, RecordType::A);
        let transport = Transport::Udp;
        ask(snapshot, &Request { message: &message, peer: PEER.into(), transport, now: NOW });
    }
}

/// Whether the other library takes the data by itself: it refuses empty data, and names of protocols
/// that are not UTF-8.
fn is_readable(set: RrSet<'_>) -> bool {
    let [high, low] = (set.len() as u16).to_be_bytes();
    let head = [0, 7, 0x80, 0, 0, 0, high, low, 0, 0, 0, 0];
    let records: Vec<_> = set.bodies().flat_map(|body| [&[0], body].concat()).collect();
    Message::from_vec(&[&head, &records[..]].concat()).is_ok()
}

/// A zone written without any shorthand is the same zone.
fn check_round_trip(origin: &Name, zone: &Zone) {
    let printed = print(zone);
    let files = Files { main: printed.as_bytes(), more: b"", size: Cell::new(0) };
    let (again, faults) = files.read(origin);
    let Some(again) = again else {
        let errors = faults.iter().filter(|fault| is_error(fault));
        panic!("{:?}\n{printed}", errors.map(|fault| fault.kind.to_string()).collect::<Vec<_>>());
    };
    assert_eq!(printed, print(&again));
}

/// All records as RFC 3597 writes those of unknown types.
fn print(zone: &Zone) -> String {
    let mut text = String::new();
    for node in zone.nodes() {
        for set in node.sets() {
            for rdata in set.rdatas() {
                let hex: String = rdata.iter().map(|octet| format!("{octet:02x}")).collect();
                let (owner, ttl, rtype) = (node.name(), set.ttl(), set.rtype().0);
                text += &format!("{owner} {ttl} TYPE{rtype} \\# {} {hex}\n", rdata.len());
            }
        }
    }
    text
}

struct Files<'i> {
    main: &'i [u8],
    more: &'i [u8],
    /// How many octets were read, a file as often as it is included.
    size: Cell<usize>,
}

impl<'i> Files<'i> {
    fn of(text: &'i [u8]) -> Self {
        let line = b"\n=== \n";
        let at = text.windows(line.len()).position(|window| window == line);
        let (main, more) = match at {
            Some(at) => (&text[..at + 1], &text[at + line.len()..]),
            None => (text, &b""[..]),
        };
        Self { main, more, size: Cell::new(0) }
    }

    fn read(&self, origin: &Name) -> (Option<Zone>, Vec<Fault>) {
        let source = Source { origin: origin.clone(), file: MAIN, text: self.main };
        self.size.set(self.main.len());
        zone::read(source, &[bound(origin)], &mut |path, _| {
            let (file, text) = match path {
                "main" => (MAIN, self.main),
                "more" => (MORE, self.more),
                _ => return Err("there is none".into()),
            };
            self.size.update(|size| size + text.len());
            Ok((file, text.to_vec()))
        })
    }

    /// A fault has a place in its file, and words.
    fn check_fault(&self, Fault { kind, span, related }: &Fault) {
        assert!(!kind.to_string().is_empty() && !kind.code().is_empty());
        let _ = kind.remedy();
        for span in related.iter().map(|(span, _)| span).chain([span]) {
            let len = match span.file {
                MAIN => self.main.len(),
                MORE => self.more.len(),
                _ => BOUND_AT,
            };
            assert!(span.start <= span.end && span.end as usize <= len, "{span:?} of {len}");
        }
    }
}

/// The name that is steered.
fn bound(origin: &Name) -> Binding {
    let owner = Name::from_text(b"pool", origin).unwrap();
    Binding { owner, span: Span::new(FileId(9), BOUND_AT, BOUND_AT) }
}

/// A generation that serves `zone` alone.
fn serving(zone: &Arc<Zone>) -> Snapshot {
    static BASE: LazyLock<Snapshot> = LazyLock::new(|| World::new(WORLD).snapshot());
    let set = ZoneSet::new([Arc::clone(zone)], []);
    let pools = IdVec::from_iter([Box::from([PoolId(0)])]);
    Snapshot { zones: Arc::new(Zones { set, pools }), ..BASE.clone() }
}

/// A query with an OPT record.
fn query(owner: &Name, rtype: RecordType) -> Vec<u8> {
    let head = [0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    let [high, low] = rtype.0.to_be_bytes();
    let opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
    [&head, owner.as_wire(), &[high, low, 0, 1], &opt].concat()
}

fn name(text: &str) -> Name {
    Name::from_text(text.as_bytes(), &Name::root()).unwrap()
}

fn is_error(fault: &Fault) -> bool {
    fault.kind.severity() == Severity::Error
}

const ORIGINS: [&str; 3] = ["example.", ".", "a.b.example."];
const MAIN: FileId = FileId(0);
const MORE: FileId = FileId(1);
const BOUND_AT: usize = 5;
const PEER: [u8; 4] = [192, 0, 2, 1];
const NOW: Wall = Wall::from_epoch(std::time::Duration::from_secs(1_800_000_000));

const WORLD: &str = r#"
=== meridian.toml
geoip.databases = []
az.tokyo.location = [35.68, 139.69]
=== zones/test.zone
$TTL 60
@ SOA ns host 1 2 3 4 5
@ NS ns
ns A 192.0.2.53
=== zones/test.toml
names.www = "web"
[pool.web]
endpoints.tokyo = ["203.0.113.60", "2001:db8::60"]
"#;
