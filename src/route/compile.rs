//! From a spec to its view: the preference of every place, and of the clients that networks name.
//!
//! A load compiles many views over the same places. What depends on the places alone is worked out
//! once, and of an order only what tells it apart from the others: the rule and the nearest azs.

use std::collections::HashMap;

use ipnet::IpNet;

use super::nearest::{Candidates, DEPTH, NONE, Nearest};
use super::preference::Interner;
use super::weighted::Ways;
use super::{Az, AzId, ClientSet, Policy, Preferences, ViewSpec, weighted};
use crate::geo::{
    Asn, Continent, Country, Direction, Place, PlaceId, Places, PreferenceId, Subdivision, View,
};
use crate::id::IdVec;

/// Compiles views of these azs and places.
pub struct Compiler<'a> {
    azs: &'a IdVec<AzId, Az>,
    places: &'a Places,
    /// Where each place is.
    directions: IdVec<PlaceId, Option<Direction>>,
}

impl<'a> Compiler<'a> {
    /// For views of these azs and places.
    pub fn new(azs: &'a IdVec<AzId, Az>, places: &'a Places) -> Self {
        let direction = |place: &Place| place.point.map(Direction::of);
        let directions = places.places().values().map(direction).collect();
        Self { azs, places, directions }
    }

    /// The view of a spec and the preferences that its ids name.
    ///
    /// A view tells at most 65,535 preferences apart. Where `nearest` makes more, azs are ordered by
    /// distance from the place only up to the third, second or first, or not at all: then all
    /// clients that the same rule matches, or none, have one order. A load refuses a `weighted` spec
    /// that makes more.
    pub fn compile(&self, spec: &ViewSpec) -> (View, Preferences) {
        self.compile_within(Preferences::MAX, spec)
    }

    /// The same with fewer preferences, but no fewer than rules and one more.
    fn compile_within(&self, limit: usize, spec: &ViewSpec) -> (View, Preferences) {
        let rules = RuleIndex::of(spec);
        let to_depth = |depth| {
            let mut orders = Orders::new(spec, self, depth, limit);
            let preference = |place: PlaceId, net: Option<usize>| {
                let of_place = rules.first(self.places.place(place));
                let rule = [of_place, net].into_iter().flatten().min();
                orders.preference(self.directions[place], rule)
            };
            let view = View::build(self.places, &rules.nets, preference)?;
            let preferences = match spec.policy {
                Policy::Nearest { .. } | Policy::Failover { .. } => orders.interner.finish(),
                Policy::Weighted { .. } => weighted::by_slot(spec, self.azs, limit, &orders.ways)?,
            };
            Some((view, preferences))
        };
        (0..=DEPTH)
            .rev()
            .find_map(to_depth)
            .expect("a load refuses too many rules, and too many orders of a weighted pool")
    }
}

/// The view of a spec and the preferences that its ids name, by a [`Compiler`] of its own.
pub fn compile(spec: &ViewSpec, azs: &IdVec<AzId, Az>, places: &Places) -> (View, Preferences) {
    Compiler::new(azs, places).compile(spec)
}

/// For each thing that rules name, the first rule that does.
#[derive(Default)]
struct RuleIndex {
    countries: HashMap<Country, usize>,
    continents: HashMap<Continent, usize>,
    subdivisions: HashMap<Subdivision, usize>,
    asns: HashMap<Asn, usize>,
    nets: Vec<(IpNet, usize)>,
}

impl RuleIndex {
    fn of(spec: &ViewSpec) -> Self {
        let mut index = Self::default();
        for (rule, of) in spec.rules.iter().enumerate() {
            for (set, _) in of.sets() {
                match *set {
                    ClientSet::Country(country) => first(&mut index.countries, country, rule),
                    ClientSet::Continent(continent) => {
                        first(&mut index.continents, continent, rule)
                    }
                    ClientSet::Subdivision(of) => first(&mut index.subdivisions, of, rule),
                    ClientSet::Asn(asn) => first(&mut index.asns, asn, rule),
                    ClientSet::Net(net) => index.nets.push((net, rule)),
                    // Opened by the iterator.
                    ClientSet::Group(_) => {}
                }
            }
        }
        index
    }

    /// The first rule for clients at `place`, networks apart.
    fn first(&self, place: &Place) -> Option<usize> {
        let Place { country, continent, subdivision, asn, .. } = place;
        let rules = [
            country.and_then(|country| self.countries.get(&country)),
            continent.and_then(|continent| self.continents.get(&continent)),
            subdivision.and_then(|subdivision| self.subdivisions.get(&subdivision)),
            asn.and_then(|asn| self.asns.get(&asn)),
        ];
        rules.into_iter().flatten().min().copied()
    }
}

/// Notes the rule for `key`, unless an earlier one has it.
fn first<K: Eq + std::hash::Hash>(rules: &mut HashMap<K, usize>, key: K, rule: usize) {
    rules.entry(key).or_insert(rule);
}

/// The orders of a spec, as far as they were asked for.
struct Orders<'a> {
    spec: &'a ViewSpec,
    azs: &'a IdVec<AzId, Az>,
    /// How many azs go by distance from the place.
    depth: usize,
    /// How many preferences there may be.
    limit: usize,
    /// What the policy orders, for clients that no rule matches and for those of each rule.
    candidates: Vec<Option<Candidates>>,
    /// By the rule and the nearest azs; these are none where the place plays no part.
    known: HashMap<(Option<usize>, Nearest), PreferenceId>,
    interner: Interner,
    /// In place of that where slots order azs.
    ways: Ways,
}

impl<'a> Orders<'a> {
    fn new(spec: &'a ViewSpec, of: &Compiler<'a>, depth: usize, limit: usize) -> Self {
        let candidates = (0..=spec.rules.len()).map(|_| None).collect();
        let (known, interner, ways) = (HashMap::new(), Interner::default(), Ways::default());
        Self { spec, azs: of.azs, depth, limit, candidates, known, interner, ways }
    }

    /// The preference of clients there that go by this rule; `None` if it would be one too many.
    fn preference(
        &mut self,
        place: Option<Direction>,
        rule: Option<usize>,
    ) -> Option<PreferenceId> {
        let depth = self.depth;
        let by_distance = matches!(self.spec.policy, Policy::Nearest { .. }) && depth > 0;
        let nearest = match place.filter(|_| by_distance) {
            Some(place) => self.candidates(rule).nearest(depth, place),
            None => [NONE; DEPTH],
        };
        if let Some(&known) = self.known.get(&(rule, nearest)) {
            return Some(known);
        }
        let preference = match self.spec.policy {
            Policy::Nearest { .. } | Policy::Failover { .. } => {
                let mut order = self.spec.preferred(rule);
                // With nothing left to order there is no nearest either.
                if nearest == [NONE; DEPTH] {
                    self.spec.append_given(&mut order, rule);
                } else {
                    self.candidates(rule).append_to(&mut order, nearest);
                }
                self.interner.intern(&order, self.limit)?
            }
            Policy::Weighted { .. } => self.ways.intern(self.spec, rule),
        };
        self.known.insert((rule, nearest), preference);
        Some(preference)
    }

    fn candidates(&mut self, rule: Option<usize>) -> &Candidates {
        let (spec, azs) = (self.spec, self.azs);
        let slot = &mut self.candidates[rule.map_or(0, |rule| rule + 1)];
        slot.get_or_insert_with(|| spec.candidates(rule, azs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::{Database, Point};
    use crate::route::Rule;

    const NAMES: [(&str, f64, f64); 6] = [
        ("dublin", 53.35, -6.26),
        ("frankfurt", 50.11, 8.68),
        ("mumbai", 19.08, 72.88),
        ("ohio", 40.0, -83.0),
        ("singapore", 1.35, 103.82),
        ("tokyo", 35.68, 139.69),
    ];

    fn azs() -> IdVec<AzId, Az> {
        let az = |(name, latitude, longitude): (&str, f64, f64)| Az {
            name: name.into(),
            location: Point::new(latitude, longitude),
            country: None,
            bias: 1.0,
        };
        NAMES.into_iter().map(az).collect()
    }

    fn nearest(rules: Vec<Rule>) -> ViewSpec {
        let policy = Policy::Nearest { order: vec![] };
        ViewSpec { azs: azs().ids().collect(), policy, rules }
    }

    fn rule(clients: &[ClientSet], prefer: &[u16]) -> Rule {
        let prefer = prefer.iter().copied().map(AzId).collect();
        Rule { clients: clients.to_vec(), prefer, allow: None }
    }

    fn net(text: &str) -> ClientSet {
        ClientSet::Net(text.parse().unwrap())
    }

    fn country(code: &str) -> ClientSet {
        ClientSet::Country(Country::from_code(code).unwrap())
    }

    fn city() -> Places {
        let bytes = include_bytes!("../../tests/fixtures/mmdb/city.mmdb");
        Places::build(&[Database::read("city".into(), bytes.to_vec()).unwrap()])
    }

    const CLIENTS: [&str; 8] = [
        "1.0.0.1",
        "2.0.1.1",
        "7.0.0.1",
        "9.0.0.1",
        "5.1.2.3",
        "2400:1::1",
        "10.0.0.1",
        "::ffff:1.0.0.77",
    ];

    /// The order that the view leads to is that of the rule and place.
    fn leads_to_its_orders(spec: &ViewSpec) {
        let (azs, places) = (azs(), city());
        let (view, preferences) = compile(spec, &azs, &places);
        for ip in CLIENTS {
            let ip = ip.parse().unwrap();
            let place = places.place(places.find(ip).place);
            let rule = spec.matching(place, ip).map(|found| found.rule);
            let order = preferences.order(view.find(ip).preference);
            assert_eq!(order, spec.order(&azs, place, rule), "{ip}");
        }
    }

    #[test]
    fn a_compiled_view_leads_to_the_order_of_the_place() {
        leads_to_its_orders(&nearest(vec![]));
    }

    #[test]
    fn a_compiled_view_leads_to_the_order_of_the_first_rule() {
        let rules = vec![
            rule(&[net("1.0.0.64/26"), net("10.0.0.0/8")], &[5]),
            rule(&[country("AU"), country("GB")], &[3, 2]),
            rule(&[net("1.0.0.0/8"), net("2400:1::/32"), country("DE")], &[0]),
        ];
        leads_to_its_orders(&nearest(rules.clone()));
        let policy = Policy::Failover { order: vec![AzId(4)] };
        leads_to_its_orders(&ViewSpec { policy, ..nearest(rules) });
    }

    #[test]
    fn a_rule_that_prefers_every_az_leaves_nothing_to_order() {
        leads_to_its_orders(&nearest(vec![rule(&[country("AU")], &[3, 2, 1, 0, 5, 4])]));
    }

    #[test]
    fn fewer_azs_go_by_the_place_where_there_would_be_too_many_preferences() {
        let (azs, places) = (azs(), city());
        let compiler = Compiler::new(&azs, &places);
        let spec = nearest(vec![rule(&[net("1.0.0.0/8")], &[5])]);
        let (view, all) = compiler.compile(&spec);
        let (fewer_view, fewer) = compiler.compile_within(all.len() - 1, &spec);
        assert!(fewer.len() < all.len());
        for ip in CLIENTS.map(|ip| ip.parse().unwrap()) {
            let first = all.order(view.find(ip).preference).first();
            assert_eq!(first, fewer.order(fewer_view.find(ip).preference).first(), "{ip}");
        }
        assert_eq!(compiler.compile_within(2, &spec).1.len(), 2);
    }

    #[test]
    fn without_databases_every_client_has_one_preference_and_scope_0() {
        let (view, preferences) = compile(&nearest(vec![]), &azs(), &Places::none());
        assert_eq!(preferences.len(), 1);
        for ip in ["1.1.1.1", "10.0.0.1", "2a00::1", "::ffff:1.1.1.1", "::1"] {
            let located = view.find(ip.parse().unwrap());
            assert_eq!(located.scope, 0, "{ip}");
            assert_eq!(preferences.order(located.preference), azs().ids().collect::<Vec<_>>());
        }
    }
}
