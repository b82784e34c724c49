//! What an override is given for. Azs and pools are named, so that a target stays true when files
//! change; what the names stand for at a moment is looked up in the topology.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Endpoint, Pool, Topology};

/// An az everywhere, an az of a pool, or one of its endpoints. In text, also in JSON: `AZ`, `POOL/AZ`,
/// `POOL/AZ/ADDRESS`, the pool by its full name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// The az of this name in every pool, also in those that come later.
    Az(String),
    /// An az of a pool.
    PoolAz {
        /// The pool's full name.
        pool: String,
        /// The az's name.
        az: String,
    },
    /// An endpoint of an az of a pool.
    Endpoint {
        /// The pool's full name.
        pool: String,
        /// The az's name.
        az: String,
        /// The address that is given to clients.
        address: IpAddr,
    },
}

/// Why a text names nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It has not the form of a target.
    #[error(
        "{0:?} is no target: write AZ, POOL/AZ or POOL/AZ/ADDRESS, with * for any part of a name"
    )]
    Malformed(String),
    /// Nothing in the files has this name.
    #[error("{given:?} matches nothing{}", did_you_mean(.near.as_deref()))]
    Nothing {
        /// The text.
        given: String,
        /// What may be meant by the part that is unknown.
        near: Option<String>,
    },
    /// Several pools have this name in their zones.
    #[error("pool {name:?} may be {}: write the full name", .pools.join(" or "))]
    Ambiguous {
        /// The last part of the pools' names.
        name: String,
        /// Their full names.
        pools: Vec<String>,
    },
}

impl Target {
    /// The az's name.
    pub fn az(&self) -> &str {
        match self {
            Self::Az(az) | Self::PoolAz { az, .. } | Self::Endpoint { az, .. } => az,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Az(az) => f.write_str(az),
            Self::PoolAz { pool, az } => write!(f, "{pool}/{az}"),
            Self::Endpoint { pool, az, address } => write!(f, "{pool}/{az}/{address}"),
        }
    }
}

/// The target of this text, without globs and with the pool's full name.
impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let pattern = Pattern::of(text)?;
        let owned = str::to_owned;
        Ok(match pattern {
            _ if text.contains('*') => return Err(TargetError::Malformed(text.into())),
            Pattern::Az(az) => Self::Az(owned(az)),
            Pattern::PoolAz(pool, az) => Self::PoolAz { pool: owned(pool), az: owned(az) },
            Pattern::Endpoint(pool, az, address) => Self::Endpoint {
                pool: owned(pool),
                az: owned(az),
                address: address.parse().map_err(|_| TargetError::Malformed(text.into()))?,
            },
        })
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The targets that `given` comes to in `topology`, in order, each once; never none. In each part,
/// `*` stands for any letters. A pool has its full name, or the part behind the colon where that
/// is one pool's alone; a glob goes by either.
pub(super) fn expand(topology: &Topology, given: &str) -> Result<Vec<Target>, TargetError> {
    let pattern = Pattern::of(given)?;
    let targets = matching(topology, given, &pattern);
    match (&targets, given.rsplit_once('/')) {
        // What looks like an address may be an az, behind a pool whose name holds a slash.
        (Err(TargetError::Nothing { .. }), Some((pool, az)))
            if matches!(pattern, Pattern::Endpoint(..)) =>
        {
            matching(topology, given, &Pattern::PoolAz(pool, az)).or(targets)
        }
        (Ok(_) | Err(_), _) => targets,
    }
}

fn matching(
    topology: &Topology,
    given: &str,
    pattern: &Pattern<'_>,
) -> Result<Vec<Target>, TargetError> {
    let name = |pool_az: &super::PoolAz| topology.azs[pool_az.az].name.clone();
    let mut targets = Vec::new();
    match pattern {
        Pattern::Az(az) => {
            let azs = topology.azs.values().filter(|known| is_like(az, &known.name));
            targets.extend(azs.map(|known| Target::Az(known.name.clone())));
        }
        Pattern::PoolAz(pool, az) => {
            for pool in pools(topology, pool)? {
                let azs = pool.azs.iter().map(name).filter(|name| is_like(az, name));
                targets.extend(azs.map(|az| Target::PoolAz { pool: pool.name.clone(), az }));
            }
        }
        Pattern::Endpoint(pool, az, address) => {
            let address = EndpointPattern::of(address)
                .ok_or_else(|| TargetError::Malformed(given.to_owned()))?;
            for pool in pools(topology, pool)? {
                for pool_az in pool.azs.iter().filter(|known| is_like(az, &name(known))) {
                    let addresses = pool_az.endpoints.iter().filter_map(Endpoint::ip);
                    let addresses = addresses.filter(|known| address.matches(*known));
                    targets.extend(addresses.map(|address| Target::Endpoint {
                        pool: pool.name.clone(),
                        az: name(pool_az),
                        address,
                    }));
                }
            }
        }
    }
    targets.sort();
    targets.dedup();
    if targets.is_empty() {
        let near = pattern.near(topology);
        return Err(TargetError::Nothing { given: given.to_owned(), near });
    }
    Ok(targets)
}

/// A target's parts, each with globs.
enum Pattern<'a> {
    Az(&'a str),
    PoolAz(&'a str, &'a str),
    Endpoint(&'a str, &'a str, &'a str),
}

impl<'a> Pattern<'a> {
    /// Azs and addresses hold no slash, but the name of a pool may, as a zone's does (RFC 2317).
    fn of(text: &'a str) -> Result<Self, TargetError> {
        let pattern = match text.rsplit_once('/') {
            None => Self::Az(text),
            Some((rest, last)) => match rest.rsplit_once('/') {
                Some((pool, az)) if EndpointPattern::of(last).is_some() => {
                    Self::Endpoint(pool, az, last)
                }
                Some(_) | None => Self::PoolAz(rest, last),
            },
        };
        let is_whole = !text.is_empty() && text.split('/').all(|part| !part.is_empty());
        is_whole.then_some(pattern).ok_or_else(|| TargetError::Malformed(text.to_owned()))
    }

    /// A name that differs little from the part that nothing has.
    fn near(&self, topology: &Topology) -> Option<String> {
        let azs = || topology.azs.values().map(|az| az.name.as_str());
        match *self {
            Self::Az(az) | Self::PoolAz(_, az) | Self::Endpoint(_, az, _)
                if azs().all(|known| !is_like(az, known)) =>
            {
                nearest(az, azs())
            }
            Self::Az(_) => None,
            Self::PoolAz(pool, _) | Self::Endpoint(pool, ..) => {
                let pools = || topology.pools.values().map(|pool| pool.name.as_str());
                let is_unknown = |pool| pools().all(|known| !is_like_pool(pool, known));
                let names = pools().flat_map(|name| [name, own_name(name)]);
                is_unknown(pool).then(|| nearest(pool, names)).flatten()
            }
        }
    }
}

/// An address, or a glob over addresses as they are written.
enum EndpointPattern<'a> {
    Address(IpAddr),
    Glob(&'a str),
}

impl<'a> EndpointPattern<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let is_glob = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '*');
        match text.parse() {
            Ok(address) => Some(Self::Address(address)),
            Err(_) if text.contains('*') && text.chars().all(is_glob) => Some(Self::Glob(text)),
            Err(_) => None,
        }
    }

    fn matches(&self, address: IpAddr) -> bool {
        match self {
            Self::Address(known) => *known == address,
            Self::Glob(pattern) => is_like(pattern, &address.to_string()),
        }
    }
}

/// The pools that a part of a target names; none if it names none.
fn pools<'t>(topology: &'t Topology, part: &str) -> Result<Vec<&'t Pool>, TargetError> {
    let is_named = |is_it: &dyn Fn(&str) -> bool| -> Vec<&'t Pool> {
        topology.pools.values().filter(|pool| is_it(&pool.name)).collect()
    };
    if part.contains('*') {
        return Ok(is_named(&|name| is_like_pool(part, name)));
    }
    let full = is_named(&|name| name == part);
    if !full.is_empty() {
        return Ok(full);
    }
    let own = is_named(&|name| own_name(name) == part);
    if own.len() > 1 {
        let pools = own.iter().map(|pool| pool.name.clone()).collect();
        return Err(TargetError::Ambiguous { name: part.to_owned(), pools });
    }
    Ok(own)
}

/// A pool's name in its zone: `web` of `app.example:web`.
fn own_name(full: &str) -> &str {
    full.rsplit_once(':').map_or(full, |(_, name)| name)
}

fn is_like_pool(pattern: &str, full: &str) -> bool {
    is_like(pattern, full) || is_like(pattern, own_name(full))
}

/// Whether `text` is `pattern`, in which `*` stands for any letters.
fn is_like(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(end)
}

/// The name that differs from `part` in the fewest letters, at most a third of them.
fn nearest<'n>(part: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    let distance = |name: &'n str| (strsim::damerau_levenshtein(part, name), name);
    let (distance, name) = names.map(distance).min()?;
    (3 * distance <= part.len().max(3)).then(|| name.to_owned())
}

fn did_you_mean(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!("; did you mean {name:?}?"))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;
    use std::time::Duration;

    use super::*;
    use crate::route::{AllDown, Az, Endpoint, FamilyDown, MinUp, PoolAz, ViewId};

    /// Pools with these names, each in both azs.
    fn topology(pools: &[&str]) -> Topology {
        let mut topology = Topology::default();
        let azs = ["mumbai", "singapore"].map(|name| {
            let az = Az { name: name.into(), location: None, country: None, bias: 1.0 };
            topology.azs.push(az)
        });
        for name in pools {
            let azs = azs.map(|az| {
                let address = IpAddr::from([10, 0, 0, 1 + az.0 as u8]);
                PoolAz { az, endpoints: vec![Endpoint { address: address.into(), monitor: None }] }
            });
            topology.pools.push(Pool {
                name: (*name).into(),
                view: ViewId(0),
                azs: azs.into(),
                ttl: Duration::from_secs(30),
                min_ttl: Duration::from_secs(5),
                all_down: AllDown::Open,
                hold: Duration::from_secs(60),
                failback: crate::route::Failback::Auto,
                min_up: MinUp::Count(1),
                family_down: FamilyDown::Drop,
                safety: None,
                ecs: true,
                max_answers: NonZeroUsize::MIN,
            });
        }
        topology
    }

    fn expanded(given: &str) -> Result<Vec<String>, String> {
        let topology = topology(&["a.example:api", "a.example:web", "b.example:web", "shop"]);
        let targets = expand(&topology, given).map_err(|error| error.to_string())?;
        Ok(targets.iter().map(Target::to_string).collect())
    }

    #[test]
    fn an_az_stands_for_itself_in_every_pool() {
        assert_eq!(expanded("mumbai").unwrap(), ["mumbai"]);
        assert_eq!(expanded("*").unwrap(), ["mumbai", "singapore"]);
    }

    #[test]
    fn a_pool_has_its_full_name_or_the_last_part_that_is_its_alone() {
        assert_eq!(expanded("a.example:web/mumbai").unwrap(), ["a.example:web/mumbai"]);
        assert_eq!(expanded("api/mumbai").unwrap(), ["a.example:api/mumbai"]);
        assert_eq!(expanded("shop/mumbai").unwrap(), ["shop/mumbai"]);
        let told = "pool \"web\" may be a.example:web or b.example:web: write the full name";
        assert_eq!(expanded("web/mumbai").unwrap_err(), told);
    }

    #[test]
    fn globs_come_to_what_they_match() {
        assert_eq!(
            expanded("*/mum*").unwrap(),
            ["a.example:api/mumbai", "a.example:web/mumbai", "b.example:web/mumbai", "shop/mumbai"]
        );
        assert_eq!(
            expanded("w*b/*").unwrap(),
            [
                "a.example:web/mumbai",
                "a.example:web/singapore",
                "b.example:web/mumbai",
                "b.example:web/singapore"
            ]
        );
        assert_eq!(expanded("shop/*/10.0.0.2").unwrap(), ["shop/singapore/10.0.0.2"]);
        assert_eq!(
            expanded("shop/*/10.0.*").unwrap(),
            ["shop/mumbai/10.0.0.1", "shop/singapore/10.0.0.2"]
        );
    }

    #[test]
    fn a_pools_name_may_hold_a_slash() {
        let topology = topology(&["0/26.2.0.192.in-addr.arpa:web"]);
        let expanded = |given| {
            let targets = expand(&topology, given).unwrap();
            targets.iter().map(Target::to_string).collect::<Vec<_>>()
        };
        let azs =
            ["0/26.2.0.192.in-addr.arpa:web/mumbai", "0/26.2.0.192.in-addr.arpa:web/singapore"];
        assert_eq!(expanded("0/26.2.0.192.in-addr.arpa:web/*"), azs);
        let endpoint = "0/26.2.0.192.in-addr.arpa:web/mumbai/10.0.0.1";
        assert_eq!(expanded("0/26.2.0.192.in-addr.arpa:web/m*/*"), [endpoint]);
    }

    #[test]
    fn what_matches_nothing_may_be_a_slip() {
        let told = "\"mumbia\" matches nothing; did you mean \"mumbai\"?";
        assert_eq!(expanded("mumbia").unwrap_err(), told);
        let told = "\"wbe/mumbai\" matches nothing; did you mean \"web\"?";
        assert_eq!(expanded("wbe/mumbai").unwrap_err(), told);
        let told = "\"shop/mumbai/10.0.0.9\" matches nothing";
        assert_eq!(expanded("shop/mumbai/10.0.0.9").unwrap_err(), told);
    }

    #[test]
    fn what_has_no_form_is_no_target() {
        for text in ["", "/mumbai", "web//10.0.0.1", "web/"] {
            assert_eq!(expand(&topology(&[]), text), Err(TargetError::Malformed(text.into())));
        }
    }

    #[test]
    fn targets_are_written_and_read_back() {
        for text in [
            "mumbai",
            "a.example:web/mumbai",
            "a.example:web/mumbai/2001:db8::1",
            "0/26.2.0.192.in-addr.arpa:web/mumbai",
            "0/26.2.0.192.in-addr.arpa:web/mumbai/192.0.2.1",
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(target.to_string(), text);
            assert_eq!(target.az(), "mumbai");
        }
        assert!("web/*".parse::<Target>().is_err());
    }
}
