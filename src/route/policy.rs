//! The order of azs for a place: rules first, then the policy. Pure: whether an az may be given to
//! anyone is not asked here.

use super::{Az, AzId, ClientSet, Policy, Preferences, Rule, ViewSpec};
use crate::geo::{Place, Places, Point, PreferenceId, View};
use crate::id::{Id, IdVec};

/// Azs in order, and what put them so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// All azs of the spec, each once, first to last.
    pub azs: Vec<AzId>,
    /// The position of the rule that matched the place.
    pub rule: Option<usize>,
}

impl ViewSpec {
    /// The order for clients at `place`: the azs that the first matching rule prefers, then the
    /// rest as the policy orders them.
    ///
    /// `nearest` orders by distance from the place up to the fourth, and from there by distance
    /// from the first, so that few orders arise and prefixes of equal order are wide.
    pub fn order(&self, azs: &IdVec<AzId, Az>, place: &Place) -> Order {
        self.order_to(DEPTH, azs, place)
    }

    fn order_to(&self, depth: usize, azs: &IdVec<AzId, Az>, place: &Place) -> Order {
        let rule = self.rules.iter().position(|rule| rule.matches(place));
        let mut order = Vec::with_capacity(self.azs.len());
        if let Some(rule) = rule {
            append(&mut order, &self.rules[rule].prefer);
        }
        match (&self.policy, place.point.filter(|_| depth > 0)) {
            (Policy::Nearest { .. }, Some(point)) => {
                let rest = self.azs.iter().copied().filter(|az| !order.contains(az)).collect();
                order.extend(nearest(depth, rest, azs, point));
            }
            (Policy::Nearest { order: given }, None) | (Policy::Failover { order: given }, _) => {
                append(&mut order, given);
                append(&mut order, &self.azs);
            }
        }
        Order { azs: order, rule }
    }
}

impl Rule {
    /// Whether the rule is for clients at `place`.
    pub fn matches(&self, place: &Place) -> bool {
        self.clients.iter().any(|set| set.contains(place))
    }
}

impl ClientSet {
    /// Whether clients at `place` are in the set.
    pub fn contains(self, place: &Place) -> bool {
        match self {
            Self::Country(country) => place.country == Some(country),
            Self::Continent(continent) => place.continent == Some(continent),
        }
    }
}

impl Az {
    /// The great-circle distance from `point` in kilometres times the az's bias, by which
    /// `nearest` goes; `None` for an az without a location.
    pub fn biased_distance_km(&self, point: Point) -> Option<f64> {
        self.location.map(|location| point.distance_km(location) * self.bias)
    }
}

/// The view of a spec and the preferences that its ids name.
///
/// A view tells at most 65,535 preferences apart. Where `nearest` makes more, azs are ordered by
/// distance from the place only up to the third, second or first, or not at all: then clients at
/// all places that the same rule matches, or none, have one order.
pub fn compile(spec: &ViewSpec, azs: &IdVec<AzId, Az>, places: &Places) -> (View, Preferences) {
    let (ids, preferences) = intern(spec, azs, places, Preferences::MAX);
    let mut ids = ids.into_iter();
    let view = View::build(places, |_| ids.next().expect("there is one for each place"));
    (view, preferences)
}

/// The preference of each place, with the greatest depth that makes no more than `limit`.
fn intern(
    spec: &ViewSpec,
    azs: &IdVec<AzId, Az>,
    places: &Places,
    limit: usize,
) -> (Vec<PreferenceId>, Preferences) {
    let to_depth = |depth| {
        let mut preferences = Preferences::new();
        let intern = |place| {
            let id = preferences.intern(&spec.order_to(depth, azs, place).azs)?;
            (id.index() < limit).then_some(id)
        };
        let ids = places.places().values().map(intern).collect::<Option<_>>()?;
        Some((ids, preferences))
    };
    (0..=DEPTH)
        .rev()
        .find_map(to_depth)
        .expect("without distances there are fewer orders than pairs of country and continent")
}

/// `rest` by distance from `point`, and behind the first `depth` by distance from the first.
fn nearest(depth: usize, mut rest: Vec<AzId>, azs: &IdVec<AzId, Az>, point: Point) -> Vec<AzId> {
    sort_by_distance(&mut rest, azs, point);
    let first = rest.first().and_then(|first| azs[*first].location);
    if let (Some(first), Some(far)) = (first, rest.get_mut(depth..)) {
        sort_by_distance(far, azs, first);
    }
    rest
}

/// Sorts by biased distance, and by id, that is by name, where distances are equal.
fn sort_by_distance(order: &mut [AzId], azs: &IdVec<AzId, Az>, from: Point) {
    let distance = |az: AzId| azs[az].biased_distance_km(from).unwrap_or(f64::INFINITY);
    let mut measured: Vec<_> = order.iter().map(|&az| (distance(az), az)).collect();
    measured.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    for (slot, (_, az)) in order.iter_mut().zip(measured) {
        *slot = az;
    }
}

/// Appends the azs that are not there yet.
fn append(order: &mut Vec<AzId>, azs: &[AzId]) {
    for az in azs {
        if !order.contains(az) {
            order.push(*az);
        }
    }
}

/// How many azs are ordered by their distance from the place itself.
const DEPTH: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::{Continent, Country, Database};

    const NAMES: [&str; 6] = ["dublin", "frankfurt", "mumbai", "ohio", "singapore", "tokyo"];

    fn point(latitude: f64, longitude: f64) -> Point {
        Point::new(latitude, longitude).unwrap()
    }

    fn azs() -> IdVec<AzId, Az> {
        let az = |name: &str, latitude, longitude| Az {
            name: name.into(),
            location: Some(point(latitude, longitude)),
            country: None,
            bias: 1.0,
        };
        IdVec::from_iter([
            az("dublin", 53.35, -6.26),
            az("frankfurt", 50.11, 8.68),
            az("mumbai", 19.08, 72.88),
            az("ohio", 40.0, -83.0),
            az("singapore", 1.35, 103.82),
            az("tokyo", 35.68, 139.69),
        ])
    }

    fn id(name: &str) -> AzId {
        AzId(NAMES.iter().position(|known| *known == name).unwrap() as u16)
    }

    fn ids(names: &str) -> Vec<AzId> {
        names.split_whitespace().map(id).collect()
    }

    fn spec(policy: Policy) -> ViewSpec {
        ViewSpec { azs: azs().ids().collect(), policy, rules: vec![] }
    }

    fn nearest_first() -> ViewSpec {
        spec(Policy::Nearest { order: vec![] })
    }

    fn place(latitude: f64, longitude: f64) -> Place {
        Place { point: Some(point(latitude, longitude)), ..Place::default() }
    }

    fn names(spec: &ViewSpec, azs: &IdVec<AzId, Az>, place: &Place) -> String {
        let order = spec.order(azs, place);
        order.azs.iter().map(|az| &*azs[*az].name).collect::<Vec<_>>().join(" ")
    }

    const DELHI: (f64, f64) = (28.6, 77.2);

    #[test]
    fn nearest_orders_by_distance_then_from_the_first() {
        // From Delhi, Dublin is nearer than Ohio, as it is from Mumbai.
        let delhi = place(DELHI.0, DELHI.1);
        assert_eq!(
            names(&nearest_first(), &azs(), &delhi),
            "mumbai singapore tokyo frankfurt dublin ohio"
        );
    }

    #[test]
    fn azs_beyond_the_fourth_go_by_distance_from_the_first() {
        // Singapore is nearer to Gabon than Tokyo is; Tokyo is nearer to Frankfurt.
        let gabon = place(0.0, 10.0);
        let from_gabon = |az: &str| azs()[id(az)].biased_distance_km(gabon.point.unwrap());
        assert!(from_gabon("singapore") < from_gabon("tokyo"));
        assert_eq!(
            names(&nearest_first(), &azs(), &gabon),
            "frankfurt dublin mumbai ohio tokyo singapore"
        );
    }

    #[test]
    fn bias_makes_an_az_farther() {
        let mut azs = azs();
        azs[id("mumbai")].bias = 10.0;
        let order = names(&nearest_first(), &azs, &place(DELHI.0, DELHI.1));
        assert_eq!(order, "singapore tokyo frankfurt dublin ohio mumbai");
    }

    #[test]
    fn equal_distances_go_by_name() {
        let mut azs = azs();
        let middle = azs[id("dublin")].location;
        azs.values_mut().for_each(|az| az.location = middle);
        assert_eq!(names(&nearest_first(), &azs, &place(0.0, 0.0)), NAMES.join(" "));
    }

    #[test]
    fn clients_without_a_point_get_the_given_order_then_names() {
        let nowhere = Place::default();
        assert_eq!(names(&nearest_first(), &azs(), &nowhere), NAMES.join(" "));
        let given = spec(Policy::Nearest { order: ids("tokyo mumbai") });
        assert_eq!(names(&given, &azs(), &nowhere), "tokyo mumbai dublin frankfurt ohio singapore");
    }

    #[test]
    fn failover_is_the_same_everywhere() {
        let failover = spec(Policy::Failover { order: ids("ohio dublin") });
        for place in [Place::default(), place(DELHI.0, DELHI.1)] {
            let order = names(&failover, &azs(), &place);
            assert_eq!(order, "ohio dublin frankfurt mumbai singapore tokyo");
        }
    }

    #[test]
    fn the_first_matching_rule_goes_before_the_policy() {
        let india = Country::from_code("IN").unwrap();
        let rule = |set, prefer| Rule { clients: vec![set], prefer: ids(prefer) };
        let mut spec = nearest_first();
        spec.rules = vec![
            rule(ClientSet::Continent(Continent::Europe), "ohio"),
            rule(ClientSet::Country(india), "tokyo ohio"),
            rule(ClientSet::Continent(Continent::Asia), "dublin"),
        ];
        let delhi = Place {
            country: Some(india),
            continent: Some(Continent::Asia),
            ..place(DELHI.0, DELHI.1)
        };
        assert_eq!(spec.order(&azs(), &delhi).rule, Some(1));
        assert_eq!(names(&spec, &azs(), &delhi), "tokyo ohio mumbai singapore frankfurt dublin");
    }

    #[test]
    fn only_the_azs_of_the_spec_are_ordered() {
        let mut spec = nearest_first();
        spec.azs = ids("dublin tokyo");
        assert_eq!(names(&spec, &azs(), &place(DELHI.0, DELHI.1)), "tokyo dublin");
    }

    #[test]
    fn fewer_azs_go_by_the_place_where_there_would_be_too_many_preferences() {
        let places = Places::build(&[city()]);
        let (ids, all) = intern(&nearest_first(), &azs(), &places, Preferences::MAX);
        let (fewer_ids, fewer) = intern(&nearest_first(), &azs(), &places, all.len() - 1);
        assert!(fewer.len() < all.len());
        for (id, fewer_id) in ids.into_iter().zip(fewer_ids) {
            assert_eq!(all.order(id).first(), fewer.order(fewer_id).first());
        }
        let (_, one) = intern(&nearest_first(), &azs(), &places, 1);
        assert_eq!(one.len(), 1);
    }

    #[test]
    fn a_compiled_view_leads_to_the_order_of_the_place() {
        let places = Places::build(&[city()]);
        let (view, preferences) = compile(&nearest_first(), &azs(), &places);
        for ip in ["1.0.0.1", "2.0.1.1", "7.0.0.1", "9.0.0.1", "2400:1::1", "10.0.0.1"] {
            let ip = ip.parse().unwrap();
            let place = places.place(places.find(ip).place);
            let order = preferences.order(view.find(ip).preference);
            assert_eq!(order, nearest_first().order(&azs(), place).azs, "{ip}");
        }
    }

    fn city() -> Database {
        let bytes = include_bytes!("../../tests/fixtures/mmdb/city.mmdb");
        Database::read("city".into(), bytes.to_vec()).unwrap()
    }

    #[test]
    fn without_databases_every_client_has_one_preference_and_scope_0() {
        let (view, preferences) = compile(&nearest_first(), &azs(), &Places::none());
        assert_eq!(preferences.len(), 1);
        for ip in ["1.1.1.1", "10.0.0.1", "2a00::1", "::ffff:1.1.1.1", "::1"] {
            let located = view.find(ip.parse().unwrap());
            assert_eq!(located.scope, 0, "{ip}");
            assert_eq!(preferences.order(located.preference), azs().ids().collect::<Vec<_>>());
        }
    }
}
