//! Zones that are valid and full of corners, and questions about them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use hickory_proto::rr::{Name, Record};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use proptest::collection::{btree_map, vec};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::{Index, select, subsequence};

pub(crate) const A: u16 = 1;
pub(crate) const NS: u16 = 2;
pub(crate) const CNAME: u16 = 5;
pub(crate) const SOA: u16 = 6;
pub(crate) const MX: u16 = 15;
pub(crate) const TXT: u16 = 16;
pub(crate) const AAAA: u16 = 28;
pub(crate) const DNAME: u16 = 39;
pub(crate) const DS: u16 = 43;
pub(crate) const QTYPES: [u16; 9] = [A, AAAA, NS, CNAME, SOA, MX, TXT, DNAME, DS];
/// Of the SOA record: longer than its own TTL.
const MINIMUM: u32 = 3600;

/// The TTL of the sets of a type: each has another.
pub(crate) fn ttl(rtype: u16) -> u32 {
    1000 + u32::from(rtype)
}

/// The labels of a name from the left, in lower case.
pub(crate) type Labels = Vec<Vec<u8>>;

/// A zone's records, in order of their owners; what hides behind a DNAME is left out.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    pub(crate) origin: Labels,
    pub(crate) records: Vec<Entry>,
}

/// A record, and the name in its data.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) owner: Labels,
    pub(crate) rtype: u16,
    pub(crate) target: Option<Labels>,
    /// Uncompressed.
    pub(crate) data: Vec<u8>,
}

impl Entry {
    pub(crate) fn record(&self) -> Record {
        record(&self.owner, self.rtype, ttl(self.rtype), &self.data)
    }
}

/// A name in some zone: the zone's place in the list, counted round, and labels before its own.
type Somewhere = (Index, Labels);

/// What is at a name.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Address,
    Text,
    All,
    Mail(Somewhere),
    Alias(Somewhere),
    AliasOut,
    Redirection(Somewhere),
    /// With servers at these names, and whether it is signed.
    Delegation(Vec<Somewhere>, bool),
}

/// For each origin, the names below it and what is there, and the length of a chain of aliases.
pub(crate) type Plan = Vec<(&'static str, BTreeMap<Labels, Kind>, u8)>;

/// A question before it is known which zones there are.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// The name begins with these...
    prefix: Labels,
    /// ... and ends as an owner in this zone, or the zone's own name.
    zone: Index,
    owner: Option<Index>,
    qtype: u16,
    is_upper: bool,
}

/// A question.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) name: Labels,
    pub(crate) qtype: u16,
    is_upper: bool,
}

pub(crate) fn zones() -> impl Strategy<Value = Plan> {
    let origins = vec!["", "example", "a.example", "b.a.example", "solo"];
    subsequence(origins, 1..=4).prop_flat_map(|origins| {
        let zones: Vec<_> = origins
            .into_iter()
            .map(|origin| (Just(origin), btree_map(labels(1..5), kind(), 0..12), chain()))
            .collect();
        zones
    })
}

pub(crate) fn question() -> impl Strategy<Value = Draft> {
    let owner = proptest::option::weighted(0.6, any::<Index>());
    let prefix = prop_oneof![1 => Just(vec![]), 2 => labels(0..4)];
    let qtype = select(QTYPES.to_vec());
    (prefix, any::<Index>(), owner, qtype, any::<bool>()).prop_map(
        |(prefix, zone, owner, qtype, is_upper)| Draft { prefix, zone, owner, qtype, is_upper },
    )
}

fn labels(count: std::ops::Range<usize>) -> impl Strategy<Value = Labels> {
    let label = prop_oneof![
        60 => select(vec!["a", "b", "ns", "*"]).prop_map(|label| label.as_bytes().to_vec()),
        1 => Just(vec![b'l'; 63]),
        1 => vec(any::<u8>(), 1..4).prop_map(|label| label.to_ascii_lowercase()),
    ];
    vec(label, count)
}

fn chain() -> impl Strategy<Value = u8> {
    prop_oneof![3 => Just(0), 1 => 1..20_u8]
}

fn somewhere() -> impl Strategy<Value = Somewhere> {
    (any::<Index>(), labels(0..4))
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        3 => select(vec![Kind::Address, Kind::Text, Kind::All, Kind::AliasOut]),
        1 => somewhere().prop_map(Kind::Mail),
        2 => somewhere().prop_map(Kind::Alias),
        1 => somewhere().prop_map(Kind::Redirection),
        1 => (vec(somewhere(), 1..3), any::<bool>())
            .prop_map(|(servers, signed)| Kind::Delegation(servers, signed)),
    ]
}

impl Draft {
    pub(crate) fn of(&self, zones: &[Zone]) -> Question {
        let zone = self.zone.get(zones);
        let owner = self.owner.map_or(&zone.origin, |owner| &owner.get(&zone.records).owner);
        let name = [self.prefix.clone(), owner.clone()].concat();
        let name = if is_name(&name) { name } else { owner.clone() };
        Question { name, qtype: self.qtype, is_upper: self.is_upper }
    }
}

impl Question {
    pub(crate) fn message(&self) -> Vec<u8> {
        let name = wire(&self.name);
        let name = if self.is_upper { name.to_ascii_uppercase() } else { name };
        let qtype = self.qtype.to_be_bytes();
        [&[0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0], &name[..], &qtype, &[0, 1]].concat()
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} TYPE{}", text(&self.name), self.qtype)
    }
}

/// The zones of a plan, the root's before others.
pub(crate) fn build(plan: &Plan) -> Vec<Zone> {
    let origins: Vec<Labels> = plan.iter().map(|(origin, ..)| split(origin)).collect();
    let zones = plan.iter().zip(&origins);
    zones.map(|((_, names, chain), origin)| zone(&origins, origin, names, *chain)).collect()
}

fn zone(origins: &[Labels], origin: &Labels, names: &BTreeMap<Labels, Kind>, chain: u8) -> Zone {
    let within = |labels: &Labels, origin: &Labels| {
        let name = [labels.clone(), origin.clone()].concat();
        if is_name(&name) { name } else { origin.clone() }
    };
    let name = |(zone, labels): &Somewhere| within(labels, zone.get(origins));
    let mut records = vec![];
    let mut add = |owner: &Labels, rtype: u16, head: &[u8], target: Option<Labels>, rest: &[u8]| {
        let data = [head, &target.as_ref().map(|name| wire(name)).unwrap_or_default(), rest];
        records.push(Entry { owner: owner.clone(), rtype, target, data: data.concat() });
    };
    let server = split("ns.test");
    let numbers = [1, 7200, 3600, 1_209_600, MINIMUM].map(u32::to_be_bytes).concat();
    let rest = [wire(&split("host.test")), numbers].concat();
    add(origin, SOA, &[], Some(server.clone()), &rest);
    add(origin, NS, &[], Some(server), &[]);
    for link in 0..chain {
        let alias = |link: u8| within(&vec![vec![b'c', b'a' + link]], origin);
        let next = if link + 1 < chain { alias(link + 1) } else { within(&split("a"), origin) };
        add(&alias(link), CNAME, &[], Some(next), &[]);
    }
    let mut redirected = vec![];
    for (labels, kind) in names {
        let owner = within(labels, origin);
        if owner == *origin {
            continue;
        }
        match kind {
            Kind::Address => add(&owner, A, &[192, 0, 2, 1], None, &[]),
            Kind::Text => add(&owner, TXT, b"\x04text", None, &[]),
            Kind::All => {
                add(&owner, A, &[192, 0, 2, 2], None, &[]);
                add(&owner, A, &[192, 0, 2, 3], None, &[]);
                add(
                    &owner,
                    AAAA,
                    &[0x20, 1, 13, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
                    None,
                    &[],
                );
                add(&owner, TXT, b"\x03all", None, &[]);
            }
            Kind::Mail(host) => add(&owner, MX, &[0, 10], Some(name(host)), &[]),
            Kind::Alias(target) => add(&owner, CNAME, &[], Some(name(target)), &[]),
            Kind::AliasOut => add(&owner, CNAME, &[], Some(split("out.test")), &[]),
            Kind::Redirection(target) => {
                add(&owner, DNAME, &[], Some(name(target)), &[]);
                redirected.push(owner);
            }
            Kind::Delegation(servers, signed) => {
                let servers: BTreeSet<_> = servers.iter().map(name).collect();
                servers.into_iter().for_each(|server| add(&owner, NS, &[], Some(server), &[]));
                if *signed {
                    let ds = [&[0xec, 0x45, 5, 1][..], &[0x2b; 20]].concat();
                    add(&owner, DS, &ds, None, &[]);
                }
            }
        }
    }
    // RFC 6672 section 2.4: nothing exists below a DNAME.
    records.retain(|entry| {
        redirected.iter().all(|above| entry.owner == *above || !entry.owner.ends_with(above))
    });
    Zone { origin: origin.clone(), records }
}

/// The zones as a server's files.
pub(crate) fn files(zones: &[Zone]) -> String {
    let mut files = String::new();
    for Zone { origin, records } in zones {
        let file = text(origin);
        let file = file.strip_suffix('.').filter(|file| !file.is_empty()).unwrap_or("@");
        files += &format!("=== zones/{file}.zone\n");
        for Entry { owner, rtype, data, .. } in records {
            let hex: String = data.iter().map(|octet| format!("{octet:02x}")).collect();
            let len = data.len();
            files += &format!("{} {} IN TYPE{rtype} \\# {len} {hex}\n", text(owner), ttl(*rtype));
        }
    }
    files
}

/// The labels of a name whose labels are plain text.
pub(crate) fn split(name: &str) -> Labels {
    name.split_terminator('.').map(|label| label.as_bytes().to_vec()).collect()
}

pub(crate) fn labels_of(name: &Name) -> Labels {
    name.iter().map(<[u8]>::to_ascii_lowercase).collect()
}

pub(crate) fn wire(labels: &[Vec<u8>]) -> Vec<u8> {
    let labels = labels.iter().map(|label| [&[label.len() as u8], &label[..]].concat());
    [labels.collect::<Vec<_>>().concat(), vec![0]].concat()
}

pub(crate) fn is_name(labels: &[Vec<u8>]) -> bool {
    wire(labels).len() <= 255
}

/// As a zone file has it, with a final dot.
pub(crate) fn text(labels: &[Vec<u8>]) -> String {
    if labels.is_empty() {
        return ".".to_owned();
    }
    let octet = |octet: &u8| match octet {
        b'a'..=b'z' | b'0'..=b'9' | b'*' => char::from(*octet).to_string(),
        octet => format!("\\{octet:03}"),
    };
    let label = |label: &Vec<u8>| label.iter().map(octet).collect::<String>() + ".";
    labels.iter().map(label).collect()
}

pub(crate) fn record(owner: &[Vec<u8>], rtype: u16, ttl: u32, data: &[u8]) -> Record {
    let fixed = [&rtype.to_be_bytes()[..], &[0, 1], &ttl.to_be_bytes()];
    let len = (data.len() as u16).to_be_bytes();
    let octets = [&wire(owner)[..], &fixed.concat(), &len, data].concat();
    Record::read(&mut BinDecoder::new(&octets)).unwrap()
}
