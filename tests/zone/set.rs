//! Which zone answers for a name.

use std::sync::Arc;

use meridian::wire::Name;
use meridian::zone::{Entry, ZoneSet};
use proptest::collection::vec;
use proptest::sample::select;
use proptest::{prop_assert_eq, proptest};

use super::name;

#[test]
fn the_longest_origin_that_holds_the_name_answers() {
    let zones = set(&["example.", "app.example.", "a.b.app.example."], &[]);
    for (qname, origin) in [
        ("example.", "example."),
        ("www.example.", "example."),
        ("myapp.example.", "example."),
        ("app.example.", "app.example."),
        ("b.app.example.", "app.example."),
        ("x.A.b.app.example.", "a.b.app.example."),
    ] {
        assert_eq!(closest(&zones, qname).as_deref(), Some(origin), "{qname}");
    }
}

#[test]
fn a_name_outside_all_zones_has_none() {
    let zones = set(&["app.example."], &[]);
    for qname in [".", "example.", "app.test.", "xapp.example."] {
        assert_eq!(closest(&zones, qname), None, "{qname}");
    }
    assert_eq!(closest(&set(&[], &[]), "example."), None);
}

#[test]
fn the_root_zone_answers_for_what_no_other_holds() {
    let zones = set(&[".", "example."], &[]);
    assert_eq!(closest(&zones, ".").as_deref(), Some("."));
    assert_eq!(closest(&zones, "www.test.").as_deref(), Some("."));
    assert_eq!(closest(&zones, "www.example.").as_deref(), Some("example."));
}

#[test]
fn a_broken_zone_is_never_answered_for_by_its_parent() {
    let zones = set(&["example."], &["App.example."]);
    assert_eq!(closest(&zones, "www.app.example.").as_deref(), Some("broken app.example."));
}

#[test]
fn a_zone_that_is_both_serving_and_broken_serves() {
    let zones = set(&["example."], &["example."]);
    assert_eq!((closest(&zones, "example.").as_deref(), zones.len()), (Some("example."), 1));
}

#[test]
fn zones_come_in_canonical_order() {
    let zones = set(&["b.example.", "example.", "a.test."], &["a.example."]);
    let order: Vec<_> = zones.iter().map(|(_, origin, _)| origin.to_string()).collect();
    assert_eq!(order, ["example.", "a.example.", "b.example.", "a.test."]);
}

proptest! {
    #[test]
    fn the_closest_zone_is_the_longest_match_of_all(
        origins in vec(labels(), 0..12),
        qname in labels(),
    ) {
        let origins: Vec<_> = origins.iter().map(|origin| name(origin)).collect();
        let zones = ZoneSet::new([], origins.clone());
        let within = origins.iter().filter(|origin| name(&qname).is_within(origin));
        let longest = within.max_by_key(|origin| origin.label_count());
        let found = closest(&zones, &qname);
        prop_assert_eq!(found, longest.map(|origin| format!("broken {origin}")));
    }
}

fn labels() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::strategy::Strategy;
    let labels = vec(select(vec!["a.", "b."]), 0..6);
    labels.prop_map(|labels| if labels.is_empty() { ".".to_owned() } else { labels.concat() })
}

fn set(serving: &[&str], broken: &[&str]) -> ZoneSet {
    let text = super::lookup::small("");
    let zone = |origin: &&str| Arc::new(super::read(origin, text.as_bytes(), &[]).0.unwrap());
    ZoneSet::new(serving.iter().map(zone), broken.iter().map(|origin| name(origin)))
}

/// The origin of the zone found, as the set has it.
fn closest(zones: &ZoneSet, qname: &str) -> Option<String> {
    let qname: Name = name(qname).to_lowercase();
    let (found, entry) = zones.closest(qname.as_wire())?;
    let (_, origin, _) = zones.iter().find(|(index, ..)| *index == found)?;
    Some(match entry {
        Entry::Serving(zone) => zone.origin().to_string(),
        Entry::Broken => format!("broken {origin}"),
    })
}
