//! Why a client gets the answer it gets: the same function that answers it, watched.
//!
//! The question is put to [`super::respond`] as a message, and the response is decoded with another
//! library, so that what is explained is what is sent.

use std::net::IpAddr;

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use serde::{Deserialize, Serialize};

use crate::geo::{Place, PointSource, Slot};
use crate::route::{
    self, AllDown, AzState, ClientSet, Family, Match, Policy, ShownKept, ShownOverride, ViewSpec,
};
use crate::time::Wall;
use crate::wire::edns::OPTION_CLIENT_SUBNET;
use crate::wire::{CLASS_IN, Name, NameError, RecordType};

use super::respond::{Observer, Request, Transport, answer_observed};
use super::snapshot::Snapshot;
use super::steer::{ClientFrom, Steered};

mod fence;

pub use fence::{FenceOf, FencedOut};

/// What is asked, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name.
    pub name: Name,
    /// The type.
    pub rtype: RecordType,
    /// The client.
    pub client: IpAddr,
}

/// Why text is no question.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// The name is none.
    #[error("{0:?} is not a domain name: {1}")]
    Name(String, NameError),
    /// The type is none.
    #[error("{0:?} is not a record type: use a mnemonic such as A or AAAA, or TYPEnnn")]
    Type(String),
}

/// Where a client is sent, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The name that was asked for.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub rtype: String,
    /// Who asked.
    pub client: IpAddr,
    /// The generation that answered.
    pub generation: u64,
    /// The response code.
    pub rcode: String,
    /// How the az was chosen, where the name is steered.
    pub steering: Option<Steering>,
    /// Where one pool led to another, those before, first to last.
    pub earlier: Vec<Steering>,
    /// The records of the answer section.
    pub answer: Vec<String>,
    /// The records of the authority section.
    pub authority: Vec<String>,
    /// SCOPE PREFIX-LENGTH (RFC 7871); `None` where Client Subnet is not honoured.
    pub scope: Option<u8>,
}

/// How an az was chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Steering {
    /// The pool's full name.
    pub pool: String,
    /// Its policy.
    pub policy: String,
    /// The address that decided, and what it was taken from.
    pub decided_by: String,
    /// Where that is.
    pub place: ExplainedPlace,
    /// The rule that matched.
    pub rule: Option<ExplainedRule>,
    /// The client's slot, where that decides the order.
    pub slot: Option<usize>,
    /// The client's slot among the shares of azs that ramp, are drained in part or are full, where that
    /// decides.
    pub share_slot: Option<usize>,
    /// The azs in the client's order.
    pub azs: Vec<ExplainedAz>,
    /// The pool's azs that a fence keeps from this client.
    pub fenced_out: Vec<FencedOut>,
    /// Of the asked types of addresses, those of which the az has more than an answer holds.
    pub windows: Vec<ExplainedWindow>,
    /// Which tier of azs answered: 1 eligible, 2 alive, 3 what `all_down` says, 4 drained.
    pub tier: u8,
    /// What the pool does when nothing of it is up.
    pub all_down: String,
    /// The TTL of the answer, in seconds.
    pub ttl: u32,
    /// Whether that is `min_ttl`, since something is moving.
    pub ttl_is_short: bool,
}

/// Some of an az's addresses, by the client's slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedWindow {
    /// `A` or `AAAA`.
    #[serde(rename = "type")]
    pub rtype: String,
    /// The slot.
    pub slot: usize,
    /// The first address that is given, counted from 1 in the order of the file.
    pub first: usize,
    /// The last one.
    pub last: usize,
    /// How many addresses could be given.
    pub of: usize,
}

/// Where a client is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplainedPlace {
    /// Latitude and longitude in degrees.
    pub point: Option<(f64, f64)>,
    /// What the point was taken from: a database, or the country.
    pub point_from: Option<String>,
    /// ISO 3166-1 code.
    pub country: Option<String>,
    /// Two-letter code.
    pub continent: Option<String>,
    /// ISO 3166-2 code.
    pub subdivision: Option<String>,
    /// The autonomous system's number.
    pub asn: Option<u32>,
    /// The widest network around the client that the databases place the same.
    pub network: String,
}

/// A rule that matched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplainedRule {
    /// Its position among the pool's rules, from 1.
    pub number: usize,
    /// Whom it is for.
    pub clients: Vec<String>,
    /// Which set of clients the client is in: one of `clients`, or of the group.
    pub set: String,
    /// The group that has the set.
    pub group: Option<String>,
}

/// An az in a client's order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplainedAz {
    /// Its name.
    pub name: String,
    /// Great-circle distance in kilometres, bias not applied; `None` without both places.
    pub distance_km: Option<f64>,
    /// What distances to it are multiplied by.
    pub bias: f64,
    /// Its weight under policy `weighted`.
    pub weight: Option<u32>,
    /// What is measured of it in the pool.
    pub state: String,
    /// The strongest override of it, here or in every pool.
    #[serde(rename = "override")]
    pub overridden: Option<ShownOverride>,
    /// Why it is given as usual though it is lost: safety rules keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<ShownKept>,
    /// Why it is in that state and what is ordered of its endpoints, where that is known.
    pub cause: Option<String>,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of an az.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It answers.
    Chosen,
    /// It comes before the chosen one and may not be given.
    PassedOver,
    /// It comes after the chosen one.
    NotNeeded,
}

impl Question {
    /// The question for `name`, absolute with or without its final dot, and a type's mnemonic.
    pub fn from_text(name: &str, rtype: &str, client: IpAddr) -> Result<Self, QuestionError> {
        let parsed = Name::from_text(name.as_bytes(), &Name::root())
            .map_err(|error| QuestionError::Name(name.into(), error))?;
        let rtype =
            RecordType::from_text(rtype).ok_or_else(|| QuestionError::Type(rtype.into()))?;
        Ok(Self { name: parsed, rtype, client })
    }

    /// The query that the client's resolver would send, with the whole address as Client Subnet.
    fn message(&self) -> Vec<u8> {
        let mut message = b"\0\0\0\0\0\x01\0\0\0\0\0\x01".to_vec();
        message.extend_from_slice(self.name.as_wire());
        message.extend_from_slice(&self.rtype.0.to_be_bytes());
        message.extend_from_slice(&CLASS_IN.to_be_bytes());
        let (family, address) = match self.client {
            IpAddr::V4(address) => (1, address.octets().to_vec()),
            IpAddr::V6(address) => (2, address.octets().to_vec()),
        };
        let len = address.len() as u8;
        // The root, OPT, a payload of 65,535 octets, no extended code, version 0, no flags.
        message.extend_from_slice(&[0, 0, 41, 0xff, 0xff, 0, 0, 0, 0, 0, len + 8]);
        message.extend_from_slice(&[0, OPTION_CLIENT_SUBNET as u8, 0, len + 4]);
        message.extend_from_slice(&[0, family, len * 8, 0]);
        message.extend_from_slice(&address);
        message
    }
}

/// Explains the answer to `question`. `health` tells the causes of what is down, where it is known.
pub fn explain(
    snapshot: &Snapshot,
    question: &Question,
    health: Option<&route::Status>,
) -> Explanation {
    let message = question.message();
    let request = Request {
        message: &message,
        peer: question.client,
        transport: Transport::Tcp,
        now: Wall::default(),
    };
    let mut out = vec![0; usize::from(u16::MAX)];
    let mut recorder = Recorder { steered: vec![] };
    let answer = answer_observed(snapshot, &request, &mut out, &mut recorder);
    let response = out.get(..answer.len).and_then(|bytes| Message::from_vec(bytes).ok());
    let records = |section: fn(&Message) -> &[hickory_proto::rr::Record]| {
        let records = response.as_ref().map(section).unwrap_or_default();
        records.iter().map(ToString::to_string).collect()
    };
    let explained = |steered: &Steered<'_>| steering(snapshot, steered, question.rtype, health);
    let mut earlier: Vec<_> = recorder.steered.iter().map(explained).collect();
    let last = earlier.pop();
    Explanation {
        name: question.name.to_string(),
        rtype: question.rtype.to_string(),
        client: question.client,
        generation: snapshot.generation.0,
        rcode: answer.rcode.to_string(),
        steering: last,
        earlier,
        answer: records(|message| &message.answers),
        authority: records(|message| &message.authorities),
        scope: response.as_ref().and_then(scope),
    }
}

fn scope(response: &Message) -> Option<u8> {
    match response.edns.as_ref()?.option(EdnsCode::Subnet)? {
        EdnsOption::Subnet(subnet) => Some(subnet.scope_prefix()),
        _ => None,
    }
}

/// Keeps what was decided.
struct Recorder<'s> {
    steered: Vec<Steered<'s>>,
}

impl<'s> Observer<'s> for Recorder<'s> {
    fn steered(&mut self, steered: &Steered<'s>) {
        self.steered.extend(steered.before().into_iter().chain([*steered]));
    }
}

fn steering(
    snapshot: &Snapshot,
    steered: &Steered<'_>,
    rtype: RecordType,
    health: Option<&route::Status>,
) -> Steering {
    let topology = &snapshot.routing.topology;
    let pool = steered.pool;
    let view = &topology.views[pool.view];
    let found = snapshot.places.find(steered.client.address);
    let place = snapshot.places.place(found.place);
    let rule = view.matching(place, steered.client.address);
    Steering {
        pool: pool.name.clone(),
        policy: match view.policy {
            Policy::Nearest { .. } => "nearest",
            Policy::Failover { .. } => "failover",
            Policy::Weighted { .. } => "weighted",
        }
        .into(),
        decided_by: decided_by(steered),
        place: explained_place(snapshot, place, found.network.to_string()),
        rule: rule.map(|found| explained_rule(view, found)),
        slot: steered.slot.map(Slot::index),
        share_slot: steered.share_slot.map(Slot::index),
        azs: explained_azs(snapshot, steered, place, health),
        fenced_out: fence::fenced_out(snapshot, steered, place),
        windows: windows(steered, rtype),
        tier: steered.choice.tier as u8,
        all_down: match pool.all_down {
            AllDown::Open => "open",
            AllDown::Closed => "closed",
            AllDown::Fallback(_) => "fallback",
            AllDown::Last => "last",
        }
        .into(),
        ttl: steered.ttl,
        ttl_is_short: steered.choice.short_ttl,
    }
}

fn windows(steered: &Steered<'_>, rtype: RecordType) -> Vec<ExplainedWindow> {
    let families: &[_] = match rtype {
        RecordType::A => &[(RecordType::A, Family::V4)],
        RecordType::AAAA => &[(RecordType::AAAA, Family::V6)],
        RecordType::HTTPS | RecordType::SVCB => {
            &[(RecordType::A, Family::V4), (RecordType::AAAA, Family::V6)]
        }
        _ => &[],
    };
    let windows = families.iter().filter_map(|&(rtype, family)| {
        let window = steered.window(family);
        Some(ExplainedWindow {
            rtype: rtype.to_string(),
            slot: window.slot?.index(),
            first: window.range.start + 1,
            last: window.range.end,
            of: window.of,
        })
    });
    windows.collect()
}

fn decided_by(steered: &Steered<'_>) -> String {
    let address = steered.client.address;
    match steered.client.from {
        ClientFrom::Subnet => format!("{address}, the client subnet"),
        ClientFrom::Peer => format!("{address}, the peer"),
        ClientFrom::PeerForUnroutable { .. } => {
            format!("{address}, the peer, as the client subnet can't be routed")
        }
    }
}

fn explained_rule(view: &ViewSpec, found: Match<'_>) -> ExplainedRule {
    ExplainedRule {
        number: found.rule + 1,
        clients: view.rules[found.rule].clients.iter().map(ClientSet::to_string).collect(),
        set: found.set.to_string(),
        group: found.group.map(|group| group.name.clone()),
    }
}

fn explained_place(snapshot: &Snapshot, place: &Place, network: String) -> ExplainedPlace {
    let Place { point, point_source, country, continent, subdivision, asn } = *place;
    let point_from = point_source.map(|source| match source {
        PointSource::Database(index) => snapshot
            .places
            .databases()
            .get(usize::from(index))
            .map_or_else(String::new, |database| database.name.clone()),
        PointSource::Country => {
            let name = country.and_then(|country| country.name()).unwrap_or_default();
            format!("the point of {name}")
        }
    });
    ExplainedPlace {
        point: point.map(|point| (point.latitude(), point.longitude())),
        point_from,
        country: country.map(|country| country.to_string()),
        continent: continent.map(|continent| continent.code().into()),
        subdivision: subdivision.map(|subdivision| subdivision.to_string()),
        asn: asn.map(|asn| asn.0),
        network,
    }
}

/// The azs in the order that the answer went by, which is that of the interned preference.
fn explained_azs(
    snapshot: &Snapshot,
    steered: &Steered<'_>,
    place: &Place,
    health: Option<&route::Status>,
) -> Vec<ExplainedAz> {
    let topology = &snapshot.routing.topology;
    let pool = steered.pool;
    let order = snapshot.routing.preferences[pool.view].order(steered.preference);
    let routes = &snapshot.routes.pools[steered.pool_id];
    let health = health.and_then(|health| health.pools.iter().find(|of| of.name == pool.name));
    let mut chosen_seen = false;
    let explained = order.iter().filter_map(|&az_id| {
        let position = pool.azs.iter().position(|of| of.az == az_id)?;
        let az = &topology.azs[az_id];
        let chosen = steered.az_id == Some(az_id);
        let verdict = match (chosen, chosen_seen) {
            (true, _) => Verdict::Chosen,
            (false, true) => Verdict::NotNeeded,
            (false, false) => Verdict::PassedOver,
        };
        chosen_seen |= chosen;
        let distance = place.point.zip(az.location).map(|(from, to)| from.distance_km(to));
        let az_health = health.and_then(|pool| pool.azs.iter().find(|of| of.name == az.name));
        Some(ExplainedAz {
            name: az.name.clone(),
            distance_km: distance,
            bias: az.bias,
            weight: topology.views[pool.view].weight(az_id),
            state: state(routes.azs[position].state).into(),
            overridden: az_health.and_then(|az| az.overridden.clone()),
            kept: az_health.and_then(|az| az.kept.clone()),
            cause: az_health.and_then(cause),
            verdict,
        })
    });
    explained.collect()
}

fn state(state: AzState) -> &'static str {
    match state {
        AzState::Eligible => "eligible",
        AzState::Held { .. } => "held",
        AzState::Suppressed { .. } => "suppressed",
        AzState::Ramping(_) => "ramping",
        AzState::AwaitingRelease { .. } => "awaiting release",
        AzState::Unfit => "unfit",
        AzState::UnderMinUp => "under min_up",
        AzState::Down => "down",
        AzState::Awaited => "awaiting its first probe",
    }
}

/// The causes of the endpoints that are not up, each once, the overrides of endpoints, and what the
/// guard keeps up.
fn cause(az: &route::AzStatus) -> Option<String> {
    let free = az.endpoints.iter().filter(|it| it.overridden.is_none() && !it.counts_as_up);
    let failures = free.filter_map(|it| it.monitor.as_ref()?.why_not_up());
    let orders = az
        .endpoints
        .iter()
        .filter_map(|it| it.overridden.as_ref().map(|order| format!("{} {order}", it.address)));
    let mut causes: Vec<String> = failures.collect();
    causes.sort_unstable();
    causes.dedup();
    causes.extend(orders);
    let kept = az.endpoints.iter().filter(|it| it.kept_until.is_some());
    causes.extend(kept.map(|it| format!("{} is silent, and kept by the guard", it.address)));
    (!causes.is_empty()).then(|| causes.join("; "))
}
