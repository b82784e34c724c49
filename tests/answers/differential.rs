//! Static zones against an implementation of RFC 1034 section 4.3.2, with wildcards by RFC 4592 and
//! DNAME by RFC 6672, that searches through the list of records.
//!
//! Nothing is excepted: the code, AA, and every record of each section with its owner, TTL and data
//! are compared. What both take as given: ANY is left to RFC 8482, a chain ends where it comes back to
//! a name, glue is what the zone has at the servers' names.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::{btree_map, vec};
use proptest::prelude::{ProptestConfig, Strategy, prop_oneof, proptest};
use proptest::prop_assert_eq;
use proptest::sample::select;

use super::{Ask, World, show};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn static_zones_answer_as_a_search_through_their_records_does(
        names in btree_map(labels(1), kind(), 0..10),
        questions in vec((labels(0), select(QTYPES.to_vec())), 24),
    ) {
        let list = List::new(&names);
        let snapshot = World::of_zone("example", &list.zone_file()).snapshot();
        for (qname, qtype) in questions {
            let question = format!("{} {qtype} +tcp", text(&qname));
            let response = show(&Ask::new(&question).of(&snapshot).1);
            let (head, records) = response.split_once('\n').unwrap_or((&response, ""));
            let lines = records.lines().count();
            let records: BTreeSet<_> = records.lines().map(str::to_owned).collect();
            prop_assert_eq!(records.len(), lines, "no record stands twice: {}", response);
            let expected = list.answer(qname, qtype);
            prop_assert_eq!((head.to_owned(), records), expected, "{} of\n{}", question, list.zone_file());
        }
    }
}

const QTYPES: [&str; 8] = ["A", "AAAA", "TXT", "CNAME", "DNAME", "NS", "DS", "SOA"];
const TTL: u32 = 3600;
const DS: &str = "\\# 24 ec4505012bb183af5f22588179a53b0a98631fad1a292118";

/// Labels of a name in the zone, from the left; none for its own name.
type Labels = Vec<String>;

/// What is at a name.
#[derive(Clone, Debug)]
enum Kind {
    Address,
    Text,
    Both,
    Alias(Labels),
    AliasOut,
    Redirection(Labels),
    /// With servers at these names, and whether it is signed.
    Delegation(Vec<Labels>, bool),
}

fn labels(least: usize) -> impl Strategy<Value = Labels> {
    vec(select(vec!["a", "b", "ns", "*"]).prop_map(str::to_owned), least..4)
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        2 => select(vec![Kind::Address, Kind::Text, Kind::Both, Kind::AliasOut]),
        1 => labels(0).prop_map(Kind::Alias),
        1 => labels(1).prop_map(Kind::Redirection),
        1 => (vec(labels(1), 1..3), proptest::bool::ANY)
            .prop_map(|(servers, signed)| Kind::Delegation(servers, signed)),
    ]
}

/// The records of a zone: owner, type, and data as it is shown.
struct List(Vec<(Labels, &'static str, String)>);

impl List {
    fn new(names: &BTreeMap<Labels, Kind>) -> Self {
        let mut list = vec![
            (vec![], "SOA", "ns.test. host.test. 1 7200 3600 1209600 30".to_owned()),
            (vec![], "NS", "ns.test.".to_owned()),
        ];
        for (owner, kind) in names {
            let mut add = |rtype, data: &str| list.push((owner.clone(), rtype, data.to_owned()));
            match kind {
                Kind::Address => add("A", "192.0.2.1"),
                Kind::Text => add("TXT", "text"),
                Kind::Both => {
                    add("A", "192.0.2.2");
                    add("AAAA", "2001:db8::2");
                    add("TXT", "both");
                }
                Kind::Alias(target) => add("CNAME", &text(target)),
                Kind::AliasOut => add("CNAME", "elsewhere.test."),
                Kind::Redirection(target) => add("DNAME", &text(target)),
                Kind::Delegation(servers, signed) => {
                    let servers: BTreeSet<_> = servers.iter().map(|server| text(server)).collect();
                    servers.iter().for_each(|server| add("NS", server));
                    if *signed {
                        add("DS", DS);
                    }
                }
            }
        }
        // RFC 6672 section 2.4: nothing exists below a DNAME.
        let is_redirected = |owner: &Labels| {
            let mut above = (1..=owner.len()).map(|skip| &owner[skip..]);
            above.any(|name| matches!(names.get(name), Some(Kind::Redirection(_))))
        };
        list.retain(|(owner, _, _)| !is_redirected(owner));
        Self(list)
    }

    /// As the zone file has it, behind the records that [`World::of_zone`] adds.
    fn zone_file(&self) -> String {
        let lines = self.0[2..].iter();
        let lines = lines.map(|(owner, rtype, data)| format!("{} {rtype} {data}\n", text(owner)));
        lines.collect()
    }

    /// The code with AA, and the records of each section.
    fn answer(&self, mut qname: Labels, qtype: &str) -> (String, BTreeSet<String>) {
        let mut records = BTreeSet::new();
        let mut seen = BTreeSet::new();
        while seen.insert(qname.clone()) {
            let aa = if seen.len() > 1 { "NOERROR aa" } else { "NOERROR" };
            // Step 3: label by label down from the zone's own name.
            let above = (0..=qname.len()).rev().map(|skip| qname[skip..].to_vec());
            let stop = above.into_iter().find(|name| {
                let is_cut = !name.is_empty() && self.has(name, "NS");
                is_cut || (self.has(name, "DNAME") && *name != qname)
            });
            match stop {
                // At the cut, DS is the parent's.
                Some(cut) if cut == qname && qtype == "DS" => {}
                // Step 3b.
                Some(cut) if !cut.is_empty() && self.has(&cut, "NS") => {
                    self.refer(&cut, &mut records);
                    return (aa.into(), records);
                }
                Some(owner) => {
                    let target = self.data(&owner, "DNAME").remove(0);
                    records.insert(format!("an {} {TTL} DNAME {target}", text(&owner)));
                    let kept = &qname[..qname.len() - owner.len()];
                    let next = [kept, &labels_of(&target)].concat();
                    if next.iter().map(|label| label.len() + 1).sum::<usize>() + 9 > 255 {
                        return ("YXDOMAIN aa".into(), records);
                    }
                    let (from, to) = (text(&qname), text(&next));
                    records.insert(format!("an {from} {TTL} CNAME {to}"));
                    // The synthesized record is what was asked for.
                    if qtype == "CNAME" {
                        return ("NOERROR aa".into(), records);
                    }
                    qname = next;
                    continue;
                }
                None => {}
            }
            // Step 3a, or the source of synthesis of step 3c.
            let mut source = qname.clone();
            if !self.exists(&source) {
                let above = (1..=qname.len()).map(|skip| qname[skip..].to_vec());
                let encloser = above.into_iter().find(|name| self.exists(name)).unwrap();
                source = [vec!["*".to_owned()], encloser].concat();
                if !self.exists(&source) {
                    records.insert(self.negative());
                    return ("NXDOMAIN aa".into(), records);
                }
            }
            let of_type = self.data(&source, qtype);
            for data in &of_type {
                records.insert(format!("an {} {TTL} {qtype} {data}", text(&qname)));
                if qtype == "NS" {
                    self.add_addresses(data, &mut records);
                }
            }
            let Some(alias) = self.data(&source, "CNAME").pop().filter(|_| of_type.is_empty())
            else {
                if of_type.is_empty() {
                    records.insert(self.negative());
                }
                return ("NOERROR aa".into(), records);
            };
            records.insert(format!("an {} {TTL} CNAME {alias}", text(&qname)));
            if !alias.ends_with("example.") {
                return ("NOERROR aa".into(), records);
            }
            qname = labels_of(&alias);
        }
        ("NOERROR aa".into(), records)
    }

    fn refer(&self, cut: &Labels, records: &mut BTreeSet<String>) {
        for server in self.data(cut, "NS") {
            records.insert(format!("ns {} {TTL} NS {server}", text(cut)));
            self.add_addresses(&server, records);
        }
    }

    fn add_addresses(&self, server: &str, records: &mut BTreeSet<String>) {
        if !server.ends_with("example.") {
            return;
        }
        for rtype in ["A", "AAAA"] {
            for address in self.data(&labels_of(server), rtype) {
                records.insert(format!("ar {server} {TTL} {rtype} {address}"));
            }
        }
    }

    /// RFC 2308 section 3.
    fn negative(&self) -> String {
        format!("ns example. 30 SOA {}", self.data(&vec![], "SOA")[0])
    }

    fn data(&self, owner: &Labels, rtype: &str) -> Vec<String> {
        let of = |record: &&(Labels, &str, String)| record.0 == *owner && record.1 == rtype;
        self.0.iter().filter(of).map(|record| record.2.clone()).collect()
    }

    fn has(&self, owner: &Labels, rtype: &str) -> bool {
        !self.data(owner, rtype).is_empty()
    }

    /// A name exists if it or a name below it has records (RFC 4592 section 2.2.3).
    fn exists(&self, name: &Labels) -> bool {
        self.0.iter().any(|(owner, _, _)| owner.ends_with(name))
    }
}

fn text(labels: &[String]) -> String {
    labels.iter().map(|label| format!("{label}.")).collect::<String>() + "example."
}

/// The labels of a name of the zone.
fn labels_of(name: &str) -> Labels {
    let below = name.strip_suffix("example.").expect("only names of the zone are followed");
    below.split_terminator('.').map(str::to_owned).collect()
}
