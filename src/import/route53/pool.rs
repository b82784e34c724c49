//! Routing policies to pools.

use std::net::IpAddr;

use super::super::Note;
use super::super::draft::{Az, Endpoint, Order, Pool, Rule, Target, Zone};
use super::check::Mapped;
use super::record::{GeoLocation, RecordSet, absolute};
use super::{ALIAS_TTL, Hosted, Importer, region};
use crate::geo::Country;

/// Types that a pool answers.
pub(super) const STEERED: [&str; 3] = ["A", "AAAA", "CNAME"];

/// Whether `set` has a routing policy.
pub(super) fn is_routed(set: &RecordSet) -> bool {
    set.set_identifier.is_some()
}

/// What tells the azs of a name apart: sets of A and AAAA that agree in it are one az.
#[derive(Clone, Debug, PartialEq)]
enum Key {
    Failover {
        is_primary: bool,
    },
    /// Subdivision, country or continent as client sets; `None` is everywhere else.
    Place(Option<String>),
    Region(String),
    Point(String),
    Weighted(String),
    Multivalue,
    /// `None` is everywhere else.
    Networks(Option<String>),
}

/// An az in the making.
struct Member<'a> {
    key: Key,
    az: String,
    sets: Vec<&'a RecordSet>,
    endpoints: Vec<Endpoint>,
}

impl Importer {
    /// Gives `zone` a pool for each name that has a routing policy.
    pub(super) fn pools(&mut self, hosted: &mut Hosted<'_>, zone: &mut Zone) {
        let mut names = super::Names::default();
        for (owner, sets) in &hosted.sets {
            let steered = |set: &&&RecordSet| is_routed(set) && STEERED.contains(&&*set.rtype);
            let sets: Vec<&RecordSet> = sets.iter().filter(steered).copied().collect();
            if sets.is_empty() {
                continue;
            }
            let relative = hosted.relative(owner);
            let wanted = if relative == "@" { "apex" } else { &relative };
            let mut pool = Pool {
                name: names.of(owner, &wanted.replace('*', "any")),
                place: owner.clone(),
                ..Pool::default()
            };
            let mut members = self.members(owner, &sets, hosted, &mut pool);
            let spare = unchecked_secondary(&mut members).map(|secondary| {
                let name = names.of(&format!("{owner} spare"), &format!("{}-spare", pool.name));
                let keys = ["all_down = \"fallback\"".to_owned(), format!("fallback = \"{name}\"")];
                pool.keys.extend(keys);
                let mut spare = Pool { name, place: owner.clone(), ..Pool::default() };
                self.fill(&mut spare, vec![secondary], zone);
                spare
            });
            self.fill(&mut pool, members, zone);
            if pool.is_empty() {
                zone.notes.append(&mut pool.notes);
                zone.notes.push(Note::new(owner, "nothing of this name's policy maps"));
                continue;
            }
            let is_alias_alone = |(_, endpoints): &(String, Vec<Endpoint>)| {
                endpoints.iter().all(|of| matches!(of.target, Target::Name(_)))
            };
            let has_others = hosted.sets[owner].len() > sets.len();
            if pool.endpoints.iter().all(is_alias_alone) && (*owner == hosted.origin || has_others)
            {
                let text = "names at the apex or beside other records can't be given; left out";
                zone.notes.push(Note::new(owner, text));
                zone.notes.append(&mut pool.notes);
                continue;
            }
            zone.policy.names.push((relative, pool.name.clone()));
            hosted.pools.insert(owner.clone(), pool.name.clone());
            zone.policy.pools.extend(spare);
            zone.policy.pools.push(pool);
        }
    }

    /// The azs of a name with their endpoints.
    fn members<'a>(
        &mut self,
        owner: &str,
        sets: &[&'a RecordSet],
        hosted: &Hosted<'_>,
        pool: &mut Pool,
    ) -> Vec<Member<'a>> {
        let mut members: Vec<Member<'a>> = vec![];
        for set in sets {
            let Some(key) = key(set) else {
                pool.notes.push(Note::new(set.place(), "this routing policy is not known"));
                continue;
            };
            let is_other = |member: &Member<'_>| policy_of(&member.key) != policy_of(&key);
            if members.first().is_some_and(is_other) {
                let text = "a name has one policy; this set, of another, is left out";
                pool.notes.push(Note::new(set.place(), text));
                continue;
            }
            let endpoints = self.endpoints(set, hosted, pool);
            if let Some(member) = members.iter_mut().find(|member| member.key == key) {
                member.sets.push(set);
                member.endpoints.extend(endpoints);
            } else if let Some(az) = self.az(owner, set, &key, pool) {
                members.push(Member { key, az, sets: vec![set], endpoints });
            }
        }
        members
    }

    /// What a set gives.
    fn endpoints(&self, set: &RecordSet, hosted: &Hosted<'_>, pool: &mut Pool) -> Vec<Endpoint> {
        let probe = self.check(set).and_then(Result::ok).and_then(|mapped| mapped.probe);
        let endpoint = |data: &str| {
            let target = match data.parse::<IpAddr>() {
                Ok(address) => Target::Address(address),
                Err(_) => Target::Name(absolute(data)),
            };
            let is_itself = matches!((&target, probe),
                (Target::Address(address), Some(probe)) if *address == probe.ip());
            Endpoint { target, probe: probe.filter(|_| !is_itself) }
        };
        let Some(alias) = &set.alias_target else {
            return set.data().map(|data| endpoint(&data)).collect();
        };
        let name = absolute(&alias.name);
        let of_type = |found: &&&RecordSet| found.rtype == set.rtype;
        let found: Vec<_> = hosted.sets.get(&name).into_iter().flatten().filter(of_type).collect();
        match found.as_slice() {
            [] => {
                let text =
                    format!("an alias of {name}, which is not in the zone, is given as a name");
                pool.notes.push(Note::new(set.place(), text));
                vec![endpoint(&name)]
            }
            [found] if found.alias_target.is_none() && !is_routed(found) => {
                found.data().map(|data| endpoint(&data)).collect()
            }
            _ => {
                let text = format!(
                    "an alias of {name}, which has a policy or alias of its own, does not map; \
                     it is left out"
                );
                pool.notes.push(Note::new(set.place(), text));
                vec![]
            }
        }
    }

    /// The az that `set` stands for; `None` if it can't be one.
    fn az(&mut self, owner: &str, set: &RecordSet, key: &Key, pool: &mut Pool) -> Option<String> {
        let identifier = set.set_identifier.as_deref().unwrap_or_default();
        let (wanted, mut az) = match key {
            Key::Multivalue => (owner, Az::default()),
            Key::Region(name) => match region::az(name) {
                Some(az) => (name.as_str(), az),
                None => {
                    let text = format!("where region {name} is is not known; the set is left out");
                    pool.notes.push(Note::new(set.place(), text));
                    return None;
                }
            },
            Key::Point(_) => {
                let proximity = set.geo_proximity_location.as_ref()?;
                let coordinates = proximity.coordinates.as_ref();
                let point = coordinates
                    .and_then(|of| Some((of.latitude.parse().ok()?, of.longitude.parse().ok()?)));
                if point.is_none() {
                    let what = match &proximity.local_zone_group {
                        Some(group) => format!("local zone group {group}"),
                        None => "the place".to_owned(),
                    };
                    let text = format!("where {what} is is not known; the set is left out");
                    pool.notes.push(Note::new(set.place(), text));
                    return None;
                }
                (identifier, Az { location: point, ..Az::default() })
            }
            Key::Failover { .. } | Key::Place(_) | Key::Weighted(_) | Key::Networks(_) => {
                (identifier, Az::default())
            }
        };
        let bias = set.geo_proximity_location.as_ref().map_or(0, |of| of.bias);
        if bias != 0 {
            az.bias = Some(distance_factor(bias));
        }
        // An az has one place and bias, so what differs in them is another.
        let name = self.names.of(&format!("{wanted} {az:?}"), wanted);
        self.draft.azs.entry(name.clone()).or_insert(az);
        Some(name)
    }

    /// Fills in policy, check, TTL and endpoints.
    fn fill(&mut self, pool: &mut Pool, members: Vec<Member<'_>>, zone: &mut Zone) {
        self.policy(pool, &members);
        self.checks(pool, &members, zone);
        // An alias has the TTL of what it stands for.
        let ttls = members.iter().flat_map(|member| &member.sets).filter_map(|set| set.ttl);
        let ttl = ttls.min().unwrap_or(ALIAS_TTL);
        pool.keys.extend([format!("ttl = \"{ttl}s\""), "hold = \"0s\"".to_owned()]);
        for Member { az, endpoints, sets, .. } in members {
            if let Some(set) = sets.iter().find(|set| set.ttl.is_some_and(|other| other != ttl)) {
                pool.notes.push(Note::new(set.place(), format!("a pool has one TTL, here {ttl}")));
            }
            pool.endpoints.push((az, endpoints));
        }
    }

    fn policy(&mut self, pool: &mut Pool, members: &[Member<'_>]) {
        let azs = || members.iter().map(|member| member.az.clone());
        let with = |key: &Key| members.iter().find(|member| member.key == *key);
        let Some(first) = members.first() else { return };
        match &first.key {
            Key::Region(_) | Key::Point(_) => pool.order = Order::Nearest(vec![]),
            Key::Weighted(_) => {
                let weights: Vec<_> = members
                    .iter()
                    .map(|of| (of.az.clone(), of.sets[0].weight.unwrap_or_default()))
                    .collect();
                // With no weight above 0 all are alike.
                let is_weighed = weights.iter().any(|(_, weight)| *weight > 0);
                pool.order = Order::Weighted(if is_weighed { weights } else { vec![] });
            }
            Key::Multivalue => {
                pool.order = Order::Failover(azs().collect());
                pool.keys.push("max_answers = 8".to_owned());
            }
            Key::Failover { .. } => {
                let order = [true, false].map(|is_primary| with(&Key::Failover { is_primary }));
                pool.order =
                    Order::Failover(order.into_iter().flatten().map(|of| of.az.clone()).collect());
            }
            Key::Place(_) | Key::Networks(_) => {
                let default = members
                    .iter()
                    .find(|of| matches!(of.key, Key::Place(None) | Key::Networks(None)));
                if default.is_none() {
                    let text = "no default: clients elsewhere got no answer, here they get the \
                                first az";
                    pool.notes.push(Note::new(&pool.place, text));
                }
                let default = default.map(|of| of.az.clone());
                let others = azs().filter(|az| Some(az) != default.as_ref());
                pool.order = Order::Failover(default.iter().cloned().chain(others).collect());
                pool.rules = self.rules(members, default.as_ref(), &mut pool.notes);
            }
        }
    }

    /// The most specific place first. Behind a place's az come those of the places around it.
    fn rules(
        &self,
        members: &[Member<'_>],
        default: Option<&String>,
        notes: &mut Vec<Note>,
    ) -> Vec<Rule> {
        let mut rules = vec![];
        for Member { key, az, sets, .. } in members {
            let (clients, around) = match key {
                Key::Place(Some(place)) => (vec![place.clone()], around(place)),
                Key::Networks(Some(location)) => {
                    let blocks = self.blocks.iter().flatten();
                    let of_location = blocks.filter(|block| block.location_name == *location);
                    let clients: Vec<_> =
                        of_location.map(|block| format!("net:{}", block.cidr_block)).collect();
                    if clients.is_empty() {
                        let text = format!(
                            "the networks of location {location} are not known; give them with \
                             --cidr-blocks"
                        );
                        notes.push(Note::new(sets[0].place(), text));
                        continue;
                    }
                    (clients, vec![])
                }
                _ => continue,
            };
            let mut prefer = vec![az.clone()];
            for place in around {
                let found = members.iter().find(|of| of.key == Key::Place(Some(place.clone())));
                prefer.extend(found.map(|of| of.az.clone()));
            }
            prefer.extend(default.cloned());
            let mut seen = std::collections::BTreeSet::new();
            prefer.retain(|az| seen.insert(az.clone()));
            rules.push(Rule { clients, prefer });
        }
        let rank = |rule: &Rule| match rule.clients[0].split(':').next() {
            Some("subdivision" | "net") => 0,
            Some("country") => 1,
            _ => 2,
        };
        rules.sort_by_key(rank);
        rules
    }

    /// One check for the pool; what is otherwise checked, named.
    fn checks(&mut self, pool: &mut Pool, members: &[Member<'_>], zone: &mut Zone) {
        let mut first: Option<Vec<String>> = None;
        let mut unchecked = vec![];
        for set in members.iter().flat_map(|member| &member.sets) {
            match self.check(set) {
                None => unchecked.push(set),
                Some(Err(why)) => pool.notes.push(Note::new(set.place(), why)),
                Some(Ok(Mapped { lines, .. })) => match &first {
                    None => first = Some(lines),
                    Some(known) if *known == lines => {}
                    Some(_) => {
                        let text = "a pool has one check; this set has that of the first";
                        pool.notes.push(Note::new(set.place(), text));
                    }
                },
            }
        }
        let Some(lines) = first else { return };
        for set in unchecked {
            let text = "a set without a health check is probed as the others of its name are";
            pool.notes.push(Note::new(set.place(), text));
        }
        let known = zone.policy.checks.iter().find(|(_, known)| **known == lines);
        let check = known.map_or_else(|| pool.name.clone(), |(name, _)| name.clone());
        zone.policy.checks.insert(check.clone(), lines);
        pool.check = Some(check);
    }

    /// The check of a set, if it has one; else why there is none.
    fn check(&self, set: &RecordSet) -> Option<Result<Mapped, String>> {
        let id = set.health_check_id.as_ref()?;
        let Some(checks) = &self.health_checks else {
            return Some(Err(format!("health check {id}: give it with --health-checks")));
        };
        let check = checks.health_checks.iter().find(|check| check.id == *id);
        Some(match check {
            None => Err(format!("health check {id} is not in the file")),
            Some(check) => check.health_check_config.map().map_err(|why| {
                format!("health check {id} does not map, so this counts as up: {why}")
            }),
        })
    }
}

/// Takes out the secondary that is always healthy while the primary is checked: what answers when
/// all else is down, and is never probed.
fn unchecked_secondary<'a>(members: &mut Vec<Member<'a>>) -> Option<Member<'a>> {
    let is_checked = |of: &Member<'_>| of.sets.iter().any(|set| set.health_check_id.is_some());
    let is_named = |of: &Member<'_>| {
        of.endpoints.iter().all(|endpoint| matches!(endpoint.target, Target::Name(_)))
    };
    let find = |is_primary| members.iter().position(|of| of.key == Key::Failover { is_primary });
    let (primary, secondary) = (find(true)?, find(false)?);
    let (first, second) = (&members[primary], &members[secondary]);
    // A pool and its fallback both have addresses, or both names.
    let fits = !second.endpoints.is_empty()
        && is_checked(first)
        && !is_checked(second)
        && is_named(first) == is_named(second);
    fits.then(|| members.remove(secondary))
}

/// Which policy a key is of.
fn policy_of(key: &Key) -> &'static str {
    match key {
        Key::Failover { .. } => "failover",
        Key::Place(_) => "geolocation",
        Key::Region(_) | Key::Point(_) => "nearest",
        Key::Weighted(_) => "weighted",
        Key::Multivalue => "multivalue",
        Key::Networks(_) => "networks",
    }
}

fn key(set: &RecordSet) -> Option<Key> {
    if let Some(role) = &set.failover {
        return Some(Key::Failover { is_primary: role == "PRIMARY" });
    }
    if let Some(location) = &set.geo_location {
        return Some(Key::Place(client_set(location)));
    }
    if let Some(proximity) = &set.geo_proximity_location {
        return Some(match &proximity.region {
            Some(region) => Key::Region(region.clone()),
            None => Key::Point(set.set_identifier.clone()?),
        });
    }
    if let Some(cidr) = &set.cidr_routing_config {
        let location = &cidr.location_name;
        return Some(Key::Networks((location != "*").then(|| location.clone())));
    }
    if let Some(region) = &set.region {
        return Some(Key::Region(region.clone()));
    }
    if set.multi_value_answer == Some(true) {
        return Some(Key::Multivalue);
    }
    set.weight.and_then(|_| Some(Key::Weighted(set.set_identifier.clone()?)))
}

/// The clients of a location; `None` for all.
fn client_set(location: &GeoLocation) -> Option<String> {
    let GeoLocation { continent_code, country_code, subdivision_code } = location;
    match (continent_code, country_code.as_deref(), subdivision_code) {
        (Some(continent), _, _) => Some(format!("continent:{continent}")),
        (None, None | Some("*"), _) => None,
        (None, Some(country), None) => Some(format!("country:{country}")),
        (None, Some(country), Some(part)) => Some(format!("subdivision:{country}-{part}")),
    }
}

/// The places around a place, the smallest first.
fn around(place: &str) -> Vec<String> {
    let (kind, code) = place.split_once(':').unwrap_or((place, ""));
    let country = code.split('-').next().unwrap_or(code);
    let continent = Country::from_code(country).and_then(Country::continent);
    let continent = continent.map(|of| format!("continent:{}", of.code()));
    match kind {
        "subdivision" => [format!("country:{country}")].into_iter().chain(continent).collect(),
        "country" => continent.into_iter().collect(),
        _ => vec![],
    }
}

/// What a bias multiplies distances with (Route 53 Developer Guide, "Geoproximity routing").
fn distance_factor(bias: i32) -> f64 {
    let share = f64::from(bias.clamp(-99, 99)) / 100.0;
    let factor = if bias > 0 { 1.0 - share } else { 1.0 / (1.0 + share) };
    (factor * 10000.0).round() / 10000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bias_shrinks_distances_or_stretches_them() {
        assert_eq!([50, 99, -50, -99].map(distance_factor), [0.5, 0.01, 2.0, 100.0]);
    }
}
