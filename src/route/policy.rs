//! The order of azs for a client: rules first, then the policy. Pure: whether an az may be given to
//! anyone is not asked here.

use std::net::IpAddr;

use ipnet::IpNet;

use super::nearest::{Candidates, DEPTH};
use super::{Az, AzId, ClientSet, Group, Policy, Rule, ViewSpec};
use crate::geo::{Canonical, Direction, Place, Point};
use crate::id::IdVec;

/// The rule that a client goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match<'s> {
    /// Its position among the rules.
    pub rule: usize,
    /// The first of its sets that the client is in, groups opened.
    pub set: &'s ClientSet,
    /// The group that has the set, if the rule names one.
    pub group: Option<&'s Group>,
}

impl ViewSpec {
    /// The first rule for the client with address `ip` at `place`.
    pub fn matching(&self, place: &Place, ip: IpAddr) -> Option<Match<'_>> {
        let client = Canonical::of(ip);
        self.rules.iter().enumerate().find_map(|(rule, of)| {
            let mut sets = of.sets();
            let (set, group) = sets.find(|(set, _)| set.contains(place, client))?;
            Some(Match { rule, set, group })
        })
    }

    /// The order for clients at `place` that go by the rule at this position: of the azs that it
    /// allows, those that it prefers, then the rest as the policy orders them; under `weighted`,
    /// where [`super::weighted`] does that, the preferred alone.
    ///
    /// `nearest` orders by distance from the place up to the fourth, and from there by distance
    /// from the first.
    pub fn order(&self, azs: &IdVec<AzId, Az>, place: &Place, rule: Option<usize>) -> Vec<AzId> {
        let mut order = self.preferred(rule);
        match (&self.policy, place.point) {
            (Policy::Nearest { .. }, Some(point)) => {
                let candidates = self.candidates(rule, azs);
                let nearest = candidates.nearest(DEPTH, Direction::of(point));
                candidates.append_to(&mut order, nearest);
            }
            (Policy::Nearest { .. }, None)
            | (Policy::Failover { .. } | Policy::Weighted { .. }, _) => {
                self.append_given(&mut order, rule);
            }
        }
        order
    }

    /// The azs that come first by the rule at this position.
    pub(super) fn preferred(&self, rule: Option<usize>) -> Vec<AzId> {
        let allowed = self.allowed(rule);
        let mut order = Vec::with_capacity(allowed.len());
        append(&mut order, rule.map_or(&[], |rule| &self.rules[rule].prefer), allowed);
        order
    }

    /// The azs that the policy orders behind those that the rule prefers.
    pub(super) fn candidates(&self, rule: Option<usize>, azs: &IdVec<AzId, Az>) -> Candidates {
        let preferred: &[AzId] = rule.map_or(&[], |rule| &self.rules[rule].prefer);
        let rest = self.allowed(rule).iter().copied().filter(|az| !preferred.contains(az));
        Candidates::new(rest, azs)
    }

    /// Appends the azs as they are for clients of this rule whose place plays no part.
    pub(super) fn append_given(&self, order: &mut Vec<AzId>, rule: Option<usize>) {
        let allowed = self.allowed(rule);
        match &self.policy {
            Policy::Nearest { order: given } | Policy::Failover { order: given } => {
                append(order, given, allowed);
                append(order, allowed, allowed);
            }
            // Slots order them.
            Policy::Weighted { .. } => {}
        }
    }
}

impl Rule {
    /// The sets of clients that it is for, those of groups with their group.
    pub fn sets(&self) -> impl Iterator<Item = (&ClientSet, Option<&Group>)> {
        self.clients.iter().flat_map(|set| {
            let (sets, group) = match set {
                ClientSet::Group(group) => (&group.sets[..], Some(&**group)),
                ClientSet::Country(_)
                | ClientSet::Continent(_)
                | ClientSet::Subdivision(_)
                | ClientSet::Asn(_)
                | ClientSet::Net(_) => (std::slice::from_ref(set), None),
            };
            sets.iter().map(move |set| (set, group))
        })
    }
}

impl ClientSet {
    /// Whether the client, which is at `place`, is in the set.
    pub fn contains(&self, place: &Place, client: Canonical) -> bool {
        match self {
            Self::Country(country) => place.country == Some(*country),
            Self::Continent(continent) => place.continent == Some(*continent),
            Self::Subdivision(subdivision) => place.subdivision == Some(*subdivision),
            Self::Asn(asn) => place.asn == Some(*asn),
            Self::Net(net) => is_in(client, *net),
            Self::Group(group) => group.sets.iter().any(|set| set.contains(place, client)),
        }
    }
}

/// An IPv6 network is no longer than /64.
fn is_in(client: Canonical, net: IpNet) -> bool {
    match (client, net) {
        (Canonical::V4 { address, .. }, IpNet::V4(net)) => {
            (net.network().to_bits()..=net.broadcast().to_bits()).contains(&address)
        }
        (Canonical::V6 { network }, IpNet::V6(net)) => {
            let [first, last] =
                [net.network(), net.broadcast()].map(|ip| (ip.to_bits() >> 64) as u64);
            (first..=last).contains(&network)
        }
        (Canonical::V4 { .. }, IpNet::V6(_)) | (Canonical::V6 { .. }, IpNet::V4(_)) => false,
    }
}

impl Az {
    /// The great-circle distance from `point` in kilometres times the az's bias, by which
    /// `nearest` goes; `None` for an az without a location.
    pub fn biased_distance_km(&self, point: Point) -> Option<f64> {
        self.location.map(|location| point.distance_km(location) * self.bias)
    }
}

/// Appends those of `azs` that are `allowed`, ascending, and not there yet.
fn append(order: &mut Vec<AzId>, azs: &[AzId], allowed: &[AzId]) {
    for az in azs {
        if allowed.binary_search(az).is_ok() && !order.contains(az) {
            order.push(*az);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::{Asn, Continent, Country, Subdivision};

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
        let rule = spec.matching(place, CLIENT).map(|found| found.rule);
        let order = spec.order(azs, place, rule);
        order.iter().map(|az| &*azs[*az].name).collect::<Vec<_>>().join(" ")
    }

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

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
        let rule = |set, prefer| Rule { clients: vec![set], prefer: ids(prefer), allow: None };
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
        assert_eq!(spec.matching(&delhi, CLIENT).map(|found| found.rule), Some(1));
        assert_eq!(names(&spec, &azs(), &delhi), "tokyo ohio mumbai singapore frankfurt dublin");
    }

    #[test]
    fn each_set_holds_its_clients_and_no_others() {
        let place = Place {
            country: Country::from_code("US"),
            continent: Some(Continent::NorthAmerica),
            subdivision: Subdivision::from_code("US-CA"),
            asn: Some(Asn(64500)),
            ..Place::default()
        };
        let net = |text: &str| ClientSet::Net(text.parse().unwrap());
        let subdivision = |code| ClientSet::Subdivision(Subdivision::from_code(code).unwrap());
        for (ip, set, expected) in [
            ("198.51.100.7", ClientSet::Country(Country::from_code("US").unwrap()), true),
            ("198.51.100.7", ClientSet::Continent(Continent::Asia), false),
            ("198.51.100.7", subdivision("US-CA"), true),
            ("198.51.100.7", subdivision("US-NV"), false),
            ("198.51.100.7", ClientSet::Asn(Asn(64500)), true),
            ("198.51.100.7", ClientSet::Asn(Asn(64501)), false),
            ("198.51.100.7", net("198.51.100.0/24"), true),
            ("198.51.101.7", net("198.51.100.0/24"), false),
            ("::ffff:198.51.100.7", net("198.51.100.0/24"), true),
            ("64:ff9b::198.51.100.7", net("198.51.100.0/24"), true),
            ("2002:c633:6407::1", net("198.51.100.0/24"), true),
            ("2002:c633:6407::1", net("::/0"), false),
            ("2001:db8::7", net("2001:db8::/64"), true),
            ("2001:db8:0:1::7", net("2001:db8::/64"), false),
            ("198.51.100.7", net("::/0"), false),
        ] {
            let found = set.contains(&place, Canonical::of(ip.parse().unwrap()));
            assert_eq!(found, expected, "{ip} in {set}");
        }
    }

    #[test]
    fn a_match_names_the_rule_the_set_and_the_group() {
        let group = Group {
            name: "partners".into(),
            sets: vec![ClientSet::Asn(Asn(64500)), ClientSet::Net("10.0.0.0/8".parse().unwrap())],
        };
        let mut spec = nearest_first();
        let rule = |set, prefer| Rule { clients: vec![set], prefer: ids(prefer), allow: None };
        spec.rules = vec![
            rule(ClientSet::Continent(Continent::Asia), "ohio"),
            rule(ClientSet::Group(group.clone().into()), "tokyo"),
        ];
        let found = spec.matching(&Place::default(), "10.1.2.3".parse().unwrap());
        let expected = Match { rule: 1, set: &group.sets[1], group: Some(&group) };
        assert_eq!(found, Some(expected));
        assert_eq!(spec.matching(&Place::default(), CLIENT), None);
    }

    #[test]
    fn only_the_azs_of_the_spec_are_ordered() {
        let mut spec = nearest_first();
        spec.azs = ids("dublin tokyo");
        assert_eq!(names(&spec, &azs(), &place(DELHI.0, DELHI.1)), "tokyo dublin");
    }
}
