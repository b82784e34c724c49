//! Laws that hold for every zone, name and text.

use std::collections::BTreeMap;

use meridian::span::Severity;
use meridian::wire::Name;
use meridian::zone::{Found, Zone};
use proptest::collection::{btree_map, vec};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof, proptest};
use proptest::sample::select;
use proptest::{prop_assert, prop_assert_eq};

use super::lookup::small;
use super::{name, read, show};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_look_up_finds_what_a_search_through_the_list_finds(
        zone in btree_map(labels(1), select(vec![Data::Address, Data::Delegation, Data::Alias]), 0..8),
        qnames in vec(labels(0), 8),
    ) {
        let lines: String = zone.iter().map(|(owner, data)| data.line(owner)).collect();
        let (compiled, faults) = read("example.", small(&lines).as_bytes(), &[]);
        let compiled = compiled.ok_or_else(|| {
            proptest::test_runner::TestCaseError::fail(show(&small(&lines), &faults))
        })?;
        for qname in qnames {
            prop_assert_eq!(found(&compiled, &qname), searched(&zone, &qname), "{:?}", qname);
        }
    }

    #[test]
    fn any_bytes_are_read_to_a_zone_or_an_error(bytes in vec(any::<u8>(), 0..200)) {
        let (zone, faults) = read("example.", &bytes, &["www.example."]);
        prop_assert_eq!(zone.is_none(), faults.iter().any(is_error));
    }

    #[test]
    fn a_damaged_zone_is_read_to_a_zone_or_an_error(
        edits in vec((any::<proptest::sample::Index>(), edit()), 1..6),
    ) {
        let mut text = EVERY_TYPE.as_bytes().to_vec();
        for (place, edit) in edits {
            let at = place.index(text.len());
            match edit {
                Edit::Set(byte) => text[at] = byte,
                Edit::Insert(byte) => text.insert(at, byte),
                Edit::Cut => text.truncate(at.max(1)),
                Edit::Remove => {
                    text.drain(at..(at + 5).min(text.len()));
                    text.push(b'\n');
                }
            }
        }
        let (zone, faults) = read("example.", &text, &["pool.example."]);
        prop_assert_eq!(zone.is_none(), faults.iter().any(is_error));
        for fault in &faults {
            prop_assert!(fault.span.start <= fault.span.end);
            prop_assert!(fault.span.file.0 == 9 || fault.span.end as usize <= text.len());
        }
    }

    #[test]
    fn octets_in_names_and_strings_survive_being_printed_and_read(
        label in vec(any::<u8>(), 1..20),
        string in vec(any::<u8>(), 0..200),
    ) {
        let mut wire = vec![label.len() as u8];
        wire.extend_from_slice(&label);
        wire.extend_from_slice(name("example.").as_wire());
        let owner = Name::from_wire(&wire).unwrap();
        let spelled: String = string.iter().map(|byte| format!("\\{byte:03}")).collect();
        let text = small(&format!("{owner} TXT \"{spelled}\""));
        let zone = super::zone("example.", &text, &[]);
        let Found::Exact(node) = zone.find(owner.to_lowercase().as_wire()) else { panic!() };
        let rdata = node.sets().next().unwrap().rdatas().next().unwrap();
        prop_assert_eq!(&rdata[1..], &string[..]);
    }
}

#[test]
fn a_zone_printed_in_generic_form_reads_as_the_same_zone() {
    let first = super::zone("example.", EVERY_TYPE, &["pool.example."]);
    let printed = print(&first);
    let second = super::zone("example.", &printed, &["pool.example."]);
    assert_eq!(printed, print(&second));
    assert_eq!(first.records(), second.records());
}

pub(super) const EVERY_TYPE: &str = include_str!("../fixtures/zones/every_type.zone");

/// All records as RFC 3597 writes those of unknown types.
pub(super) fn print(zone: &Zone) -> String {
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

pub(super) fn is_error(fault: &meridian::zone::Fault) -> bool {
    fault.kind.severity() == Severity::Error
}

/// What a name of a generated zone has.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Data {
    Address,
    Delegation,
    Alias,
}

impl Data {
    fn line(self, owner: &[String]) -> String {
        let data = match self {
            Self::Address => "A 192.0.2.1",
            Self::Delegation => "NS ns.test.",
            Self::Alias => "DNAME other.test.",
        };
        format!("{} {data}\n", owner.join("."))
    }
}

#[derive(Clone, Debug)]
enum Edit {
    Set(u8),
    Insert(u8),
    Cut,
    Remove,
}

fn edit() -> impl Strategy<Value = Edit> {
    let byte = || select(b"\"();\\$ \n\t@.=,09az*\0\xff".to_vec());
    prop_oneof![
        byte().prop_map(Edit::Set),
        byte().prop_map(Edit::Insert),
        Just(Edit::Remove),
        Just(Edit::Cut),
    ]
}

/// Labels of a name below the origin, from the left.
fn labels(least: usize) -> impl Strategy<Value = Vec<String>> {
    vec(select(vec!["a", "b", "*"]).prop_map(str::to_owned), least..5)
}

fn found(zone: &Zone, qname: &[String]) -> (&'static str, Vec<String>) {
    let qname = qname.iter().map(|label| format!("{label}.")).collect::<String>() + "example.";
    let below = |node: meridian::zone::Node<'_>| {
        let name = node.name();
        let labels = name.labels().map(|label| String::from_utf8(label.to_vec()).unwrap());
        let labels: Vec<_> = labels.collect();
        labels[..labels.len() - 1].to_vec()
    };
    match zone.find(name(&qname).as_wire()) {
        Found::Exact(node) => ("exact", below(node)),
        Found::Wildcard { node, .. } => ("wildcard", below(node)),
        Found::Delegation(node) => ("delegation", below(node)),
        Found::Dname(node) => ("dname", below(node)),
        Found::NoName { encloser } => ("no name", below(encloser)),
    }
}

/// The same by going through all names of the zone.
fn searched(zone: &BTreeMap<Vec<String>, Data>, qname: &[String]) -> (&'static str, Vec<String>) {
    for skip in (0..qname.len()).rev() {
        let above = &qname[skip..];
        match zone.get(above) {
            Some(Data::Delegation) => return ("delegation", above.to_vec()),
            Some(Data::Alias) if skip > 0 => return ("dname", above.to_vec()),
            _ => {}
        }
    }
    let exists =
        |name: &[String]| name.is_empty() || zone.keys().any(|owner| owner.ends_with(name));
    if exists(qname) {
        return ("exact", qname.to_vec());
    }
    let encloser =
        (1..=qname.len()).map(|skip| &qname[skip..]).find(|above| exists(above)).unwrap();
    let wildcard = [&["*".to_owned()], encloser].concat();
    if exists(&wildcard) { ("wildcard", wildcard) } else { ("no name", encloser.to_vec()) }
}
