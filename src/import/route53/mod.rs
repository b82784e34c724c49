//! Amazon Route 53: what `aws route53 list-resource-record-sets` prints for each hosted zone, and
//! optionally `list-health-checks` and `list-cidr-blocks`.
//!
//! A, AAAA and CNAME sets of one name and a routing policy become one pool of the zone; an alias
//! of a name in the zone becomes what that is.

mod check;
mod pool;
mod record;
mod region;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::draft::{Draft, Zone};
use super::{Files, Import, Names, Note};

use check::HealthChecks;
use record::{RecordSet, RecordSets, absolute};

/// The files to import: name and text.
#[derive(Debug, Default)]
pub struct Source {
    /// The record sets of each hosted zone.
    pub zones: Files,
    /// The health checks that they name.
    pub health_checks: Option<(String, String)>,
    /// The networks of the CIDR collections that they name.
    pub cidr_blocks: Option<(String, String)>,
}

/// The import of hosted zones.
pub fn import(source: &Source) -> Result<Import, Note> {
    let health_checks = match &source.health_checks {
        Some((name, text)) => Some(parse::<HealthChecks>(name, text)?),
        None => None,
    };
    let blocks = match &source.cidr_blocks {
        Some((name, text)) => Some(parse::<CidrBlocks>(name, text)?.cidr_blocks),
        None => None,
    };
    let mut importer =
        Importer { health_checks, blocks, draft: Draft::default(), names: Names::default() };
    for (name, text) in &source.zones {
        let sets = parse::<RecordSets>(name, text)?.resource_record_sets;
        let zone = importer.zone(name, &sets)?;
        importer.draft.zones.push(zone);
    }
    Ok(importer.draft.finish("Imported from Route 53."))
}

fn parse<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, Note> {
    let at =
        |error: serde_json::Error| Note::new(format!("{name}:{}", error.line()), error.to_string());
    let parsed = serde_json::from_str(text).map_err(at)?;
    match serde_json::from_str(text).map_err(at)? {
        Page { is_truncated: false, next_token: None, next_record_name: None } => Ok(parsed),
        _ => Err(Note::new(name, "this is not all of it: export it without --max-items")),
    }
}

/// What says that more follows.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Page {
    is_truncated: bool,
    next_token: Option<IgnoredAny>,
    next_record_name: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CidrBlocks {
    cidr_blocks: Vec<CidrBlock>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CidrBlock {
    cidr_block: String,
    location_name: String,
}

struct Importer {
    health_checks: Option<HealthChecks>,
    blocks: Option<Vec<CidrBlock>>,
    draft: Draft,
    /// Of azs.
    names: Names,
}

/// The record sets of a zone by name, and its origin.
struct Hosted<'a> {
    origin: String,
    sets: BTreeMap<String, Vec<&'a RecordSet>>,
    /// The pools of names.
    pools: BTreeMap<String, String>,
}

impl Importer {
    fn zone(&mut self, file: &str, sets: &[RecordSet]) -> Result<Zone, Note> {
        let soa = sets.iter().find(|set| set.rtype == "SOA");
        let soa =
            soa.ok_or_else(|| Note::new(file, "there is no SOA record, so no zone's name"))?;
        let origin = absolute(&soa.name);
        let stem = match origin.as_str() {
            "." => "@".to_owned(),
            origin => origin.trim_end_matches('.').replace('/', "\\047"),
        };
        let mut hosted = Hosted { origin, sets: BTreeMap::new(), pools: BTreeMap::new() };
        for set in sets {
            hosted.sets.entry(absolute(&set.name)).or_default().push(set);
        }
        let mut zone = Zone { stem, text: HEADING.to_owned(), ..Zone::default() };
        self.pools(&mut hosted, &mut zone);
        zone.text += &records(soa);
        for (name, sets) in &hosted.sets {
            for set in sets {
                hosted.write(name, set, &mut zone);
            }
        }
        Ok(zone)
    }
}

impl Hosted<'_> {
    /// Writes a set without a routing policy to the zone's files.
    fn write(&self, name: &str, set: &RecordSet, zone: &mut Zone) {
        if set.traffic_policy_instance_id.is_some() {
            let text = "made by a traffic policy: it is imported as it stands, without the policy";
            zone.notes.push(Note::new(set.place(), text));
        }
        if pool::is_routed(set) {
            if !pool::STEERED.contains(&set.rtype.as_str()) {
                let text = "a routing policy on this type does not map; it is left out";
                zone.notes.push(Note::new(set.place(), text));
            }
            return;
        }
        if set.rtype == "SOA" {
            return;
        }
        if self.pools.contains_key(name) && pool::STEERED.contains(&set.rtype.as_str()) {
            let text = "the name has a pool, which answers for A and AAAA; this is left out";
            zone.notes.push(Note::new(set.place(), text));
            return;
        }
        if set.health_check_id.is_some() {
            let text = "a health check without a routing policy changes nothing; it is left out";
            zone.notes.push(Note::new(set.place(), text));
        }
        match &set.alias_target {
            None => zone.text += &records(set),
            Some(alias) => self.alias(name, set, &absolute(&alias.name), zone),
        }
    }

    /// Writes what an alias stands for.
    fn alias(&self, name: &str, set: &RecordSet, target: &str, zone: &mut Zone) {
        let mut target = target.to_owned();
        for _ in 0..LONGEST_CHAIN {
            if let Some(pool) = self.pools.get(&target) {
                let bound = (self.relative(name), pool.clone());
                if !zone.policy.names.contains(&bound) {
                    zone.policy.names.push(bound);
                }
                return;
            }
            let same = |found: &&&RecordSet| found.rtype == set.rtype;
            let Some(found) = self.sets.get(&target).and_then(|sets| sets.iter().find(same)) else {
                break;
            };
            match &found.alias_target {
                Some(next) => target = absolute(&next.name),
                None => {
                    zone.text += &format!("; an alias of {target}\n");
                    for data in found.data() {
                        let ttl = found.ttl.unwrap_or(ALIAS_TTL);
                        zone.text += &format!("{name} {ttl} {} {data}\n", set.rtype);
                    }
                    return;
                }
            }
        }
        let place = set.place();
        let is_alone = self.sets.get(name).is_some_and(|sets| {
            let is_same = |other: &&RecordSet| {
                other.alias_target.as_ref().is_some_and(|of| absolute(&of.name) == target)
            };
            sets.iter().all(is_same)
        });
        if !is_alone || name == self.origin || !pool::STEERED.contains(&set.rtype.as_str()) {
            let text = format!(
                "an alias of {target}, which is not in the zone, can't be a CNAME record here; \
                 it is left out"
            );
            zone.notes.push(Note::new(place, text));
            return;
        }
        // A and AAAA aliases of one target are one CNAME record.
        let line = format!("{name} {ALIAS_TTL} CNAME {target}\n");
        if !zone.text.contains(&line) {
            let text = format!("an alias of {target}, which is not in the zone, is a CNAME record");
            zone.notes.push(Note::new(place, text));
            zone.text += &line;
        }
    }

    /// `name` as an owner of `[names]`.
    fn relative(&self, name: &str) -> String {
        if name == self.origin {
            return "@".to_owned();
        }
        let below = format!(".{}", self.origin.trim_start_matches('.'));
        name.strip_suffix(&below).unwrap_or(name).to_owned()
    }
}

/// The lines of a set.
fn records(set: &RecordSet) -> String {
    let (name, ttl) = (absolute(&set.name), set.ttl.unwrap_or(ALIAS_TTL));
    // Meridian, as most servers, knows the type by its number alone (RFC 7208 section 3.1).
    if set.rtype == "SPF" {
        return format!("; {name} SPF is obsolete and left out\n");
    }
    set.data().map(|data| format!("{name} {ttl} {} {data}\n", set.rtype)).collect()
}

const HEADING: &str = "\
; The SOA and NS records name Amazon's servers: write your own.
";
/// What Route 53 gives where an alias has no TTL of its own.
const ALIAS_TTL: u32 = 60;
const LONGEST_CHAIN: usize = 8;
