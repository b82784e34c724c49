//! `meridian status --wait`: asks again and again until what a script waits for is so.
//!
//! The command asks, not the server, so that it waits through a restart too: a server that is not
//! there yet is one more thing that is not so yet.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use hyper::{Method, StatusCode};
use serde::Serialize;
use tokio::time::{Instant, sleep, timeout_at};

use crate::admin::client::{self, ClientError};
use crate::config::suggestion::{did_you_mean, list};
use crate::control::Status;
use crate::route::status::PoolStatus;
use crate::route::{AzStatus, ShownAzState};

use super::Printed;
use super::output::{Exit, Failure};

/// What is waited for: `ready`, `POOL/AZ=STATE`, or `AZ=STATE` for the az in every pool that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// Every endpoint has been judged, or `startup_wait` has passed.
    Ready,
    /// An az of a pool, or of every pool, is in a state.
    Az { pool: Option<String>, az: String, state: State },
}

/// What an az can be waited for to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Enough of its endpoints are up, whether clients are sent there or not.
    Up,
    /// Too few are.
    Down,
    /// It may be given to clients.
    Eligible,
    /// It may not, while another is eligible.
    Ineligible,
}

/// What came of waiting.
#[derive(Debug, Serialize)]
pub struct Waited {
    /// Whether all conditions held at once.
    pub met: bool,
    /// How long that took.
    pub seconds: f64,
    /// The conditions, as they were at the end.
    pub conditions: Vec<Awaited>,
}

/// A condition, as it was at the end.
#[derive(Debug, Serialize)]
pub struct Awaited {
    /// As it was typed.
    pub condition: String,
    /// Whether it held.
    pub met: bool,
    /// What was so instead; `None` where it held.
    pub instead: Option<String>,
}

/// How often the server is asked.
const EVERY: Duration = Duration::from_millis(200);
/// How long the first answer may take, however short the patience.
const FIRST_ANSWER: Duration = Duration::from_secs(1);

/// Waits until all `conditions` hold at once, and tells how long that took.
pub(super) fn wait(
    arguments: &Printed,
    conditions: &[Condition],
    patience: Duration,
) -> Result<(), Failure> {
    let Printed { format, config } = arguments;
    let socket = config.socket()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (standing, seconds) = runtime.block_on(async {
        let start = Instant::now();
        let deadline = start + patience;
        let asked_at_least = start + FIRST_ANSWER;
        let mut standing = Standing::Silent;
        loop {
            let asked = client::ask(&socket, Method::GET, "/v1/status", None);
            // What is so already is told also to who does not want to wait.
            let until = deadline.max(asked_at_least);
            if let Ok(answer) = timeout_at(until, asked).await {
                standing = Standing::of(answer, conditions)?;
            }
            if standing.is_met() || Instant::now() >= deadline {
                return Ok::<_, Failure>((standing, start.elapsed().as_secs_f64()));
            }
            sleep(EVERY.min(deadline.saturating_duration_since(Instant::now()))).await;
        }
    })?;
    let met = standing.is_met();
    let conditions = match standing {
        Standing::Known(conditions) => conditions,
        Standing::Unreachable(error) => return Err(Failure::of_client(&error)),
        Standing::Silent => {
            let message = "the server takes requests and does not answer them";
            return Err(Failure::Message(Exit::TimedOut, message.into()));
        }
    };
    let waited = Waited { met, seconds, conditions };
    format.show(&waited, text)?;
    if met { Ok(()) } else { Err(Failure::Message(Exit::TimedOut, missing(&waited))) }
}

/// What is known of the conditions.
enum Standing {
    /// Each was looked at.
    Known(Vec<Awaited>),
    /// Nobody was there to ask.
    Unreachable(ClientError),
    /// Somebody was, and time was over before the first answer.
    Silent,
}

impl Standing {
    /// What an answer says of `conditions`. An error that waiting does not mend is one.
    fn of(answer: Result<Status, ClientError>, conditions: &[Condition]) -> Result<Self, Failure> {
        match answer {
            Ok(status) => {
                let judged = conditions.iter().map(|condition| condition.judge(&status));
                judged.collect::<Result<_, _>>().map(Self::Known).map_err(Failure::usage)
            }
            Err(error) if is_passing(&error) => Ok(Self::Unreachable(error)),
            Err(error) => Err(Failure::of_client(&error)),
        }
    }

    fn is_met(&self) -> bool {
        match self {
            Self::Known(conditions) => conditions.iter().all(|condition| condition.met),
            Self::Unreachable(_) | Self::Silent => false,
        }
    }
}

/// Whether an error may be that of a server which stops or starts.
fn is_passing(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { error, .. } => {
            error.kind() != std::io::ErrorKind::PermissionDenied
        }
        ClientError::Refused { status, .. } => *status == StatusCode::SERVICE_UNAVAILABLE,
        ClientError::Garbled(_) => true,
    }
}

impl Condition {
    /// Whether it holds. An error says that there is no such pool or az.
    fn judge(&self, status: &Status) -> Result<Awaited, String> {
        let instead = match self {
            Self::Ready => (!status.health.ready).then(|| "some endpoint is not judged yet".into()),
            Self::Az { pool, az, state } => {
                let azs = named(&status.health.pools, pool.as_deref(), az)?;
                let others = azs.iter().filter(|(_, az)| !state.is_of(az));
                let others = others
                    .map(|(pool, az)| format!("{} is {} in {}", az.name, word(az), pool.name));
                let others: Vec<_> = others.collect();
                (!others.is_empty()).then(|| list(others))
            }
        };
        Ok(Awaited { condition: self.to_string(), met: instead.is_none(), instead })
    }
}

/// The az of the pool, or of every pool.
fn named<'s>(
    pools: &'s [PoolStatus],
    pool: Option<&str>,
    az: &str,
) -> Result<Vec<(&'s PoolStatus, &'s AzStatus)>, String> {
    let pools: Vec<_> = match pool {
        Some(name) => vec![pool_named(pools, name)?],
        None => pools.iter().collect(),
    };
    let all = || pools.iter().flat_map(|pool| pool.azs.iter().map(move |az| (*pool, az)));
    let found: Vec<_> = all().filter(|(_, of)| of.name == az).collect();
    if found.is_empty() {
        let of = pool.map_or_else(|| "no pool".into(), |pool| format!("the pool {pool}"));
        let verb = if pool.is_some() { "has no az" } else { "has an az" };
        let meant = did_you_mean(az, all().map(|(_, az)| az.name.as_str()));
        return Err(unknown(&format!("{of} {verb} {az}"), meant));
    }
    Ok(found)
}

/// The pool of this full name, or the only one whose full name ends with it.
fn pool_named<'s>(pools: &'s [PoolStatus], name: &str) -> Result<&'s PoolStatus, String> {
    if let Some(pool) = pools.iter().find(|pool| pool.name == name) {
        return Ok(pool);
    }
    let last = |pool: &'s PoolStatus| pool.name.rsplit(':').next().unwrap_or(&pool.name);
    let found: Vec<_> = pools.iter().filter(|pool| last(pool) == name).collect();
    match found[..] {
        [pool] => Ok(pool),
        [] => {
            let names = pools.iter().flat_map(|pool| [pool.name.as_str(), last(pool)]);
            Err(unknown(&format!("there is no pool {name}"), did_you_mean(name, names)))
        }
        _ => {
            let names = list(found.iter().map(|pool| &pool.name));
            Err(format!("more than one pool is named {name}: write one of {names}"))
        }
    }
}

fn unknown(message: &str, meant: Option<String>) -> String {
    let meant = meant.unwrap_or_else(|| "`meridian status` shows what there is".into());
    format!("{message}: {meant}")
}

impl State {
    const WORDS: [(&str, Self); 4] = [
        ("up", Self::Up),
        ("down", Self::Down),
        ("eligible", Self::Eligible),
        ("ineligible", Self::Ineligible),
    ];

    fn is_of(self, az: &AzStatus) -> bool {
        match self {
            Self::Up => is_up(az.state),
            Self::Down => !is_up(az.state),
            Self::Eligible => az.is_eligible(),
            Self::Ineligible => !az.is_eligible(),
        }
    }
}

/// Whether enough endpoints are up.
fn is_up(state: ShownAzState) -> bool {
    match state {
        ShownAzState::Eligible
        | ShownAzState::Held { .. }
        | ShownAzState::Suppressed { .. }
        | ShownAzState::Ramping { .. }
        | ShownAzState::AwaitingRelease => true,
        ShownAzState::Unfit
        | ShownAzState::UnderMinUp
        | ShownAzState::Down
        | ShownAzState::Awaited => false,
    }
}

/// What probes say, and what an operator says.
fn word(az: &AzStatus) -> String {
    let measured = match az.state {
        ShownAzState::Eligible => "up",
        ShownAzState::Held { .. } => "up and held",
        ShownAzState::Suppressed { .. } => "up and suppressed",
        ShownAzState::Ramping { .. } => "up and ramping",
        ShownAzState::AwaitingRelease => "up and awaiting release",
        ShownAzState::Unfit => "unfit",
        ShownAzState::UnderMinUp => "under min_up",
        ShownAzState::Down => "down",
        ShownAzState::Awaited => "awaiting its first probe",
    };
    match &az.overridden {
        Some(order) => format!("{measured} and {}", order.kind.participle()),
        None => measured.into(),
    }
}

/// Why text is no condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ConditionError {
    /// No `=`.
    #[error("write POOL/AZ=STATE, AZ=STATE or ready")]
    Form,
    /// A word that is no state.
    #[error("`{_0}` is no state: write one of {words}", words = list(State::WORDS.map(|(word, _)| word)))]
    State(String),
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        if text == "ready" {
            return Ok(Self::Ready);
        }
        let (target, word) = text.split_once('=').ok_or(ConditionError::Form)?;
        // The name of a pool may hold a slash, as that of its zone does (RFC 2317).
        let (pool, az) = match target.rsplit_once('/') {
            Some((pool, az)) => (Some(pool), az),
            None => (None, target),
        };
        if az.is_empty() || pool.is_some_and(str::is_empty) {
            return Err(ConditionError::Form);
        }
        let state = State::WORDS.iter().find(|(of, _)| *of == word);
        let (_, state) = state.ok_or_else(|| ConditionError::State(word.into()))?;
        Ok(Self::Az { pool: pool.map(Into::into), az: az.into(), state: *state })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("ready"),
            Self::Az { pool, az, state } => {
                let word = State::WORDS.iter().find(|(_, of)| of == state);
                let word = word.map_or("", |(word, _)| word);
                match pool {
                    Some(pool) => write!(f, "{pool}/{az}={word}"),
                    None => write!(f, "{az}={word}"),
                }
            }
        }
    }
}

fn text(waited: &Waited) -> String {
    if !waited.met {
        return String::new();
    }
    let conditions = waited.conditions.iter().map(|awaited| &awaited.condition);
    format!("{} after {:.1} s\n", list(conditions), waited.seconds)
}

/// What is still not so.
fn missing(waited: &Waited) -> String {
    let conditions = waited.conditions.iter().filter_map(|awaited| {
        Some(format!("{} is not so: {}", awaited.condition, awaited.instead.as_ref()?))
    });
    format!("after {:.1} s {}", waited.seconds, conditions.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{OverrideKind, Share, ShownOverride};
    use crate::time::Wall;

    fn read(text: &str) -> Result<Condition, String> {
        text.parse().map_err(|error: ConditionError| error.to_string())
    }

    fn pools() -> Vec<PoolStatus> {
        let az = |name: &str, state| AzStatus {
            name: name.into(),
            eligible: state == ShownAzState::Eligible,
            outside_fence: false,
            kept: None,
            queries: None,
            state,
            overridden: None,
            endpoints: vec![],
        };
        let pool = |name: &str, azs| PoolStatus { name: name.into(), azs, broken_rules: vec![] };
        let held = ShownAzState::Held { until: Wall::default() };
        let of = |mumbai, paris| vec![az("mumbai", mumbai), az("paris", paris)];
        vec![
            pool("app.example:api", of(held, ShownAzState::Down)),
            pool("app.example:web", of(ShownAzState::Eligible, ShownAzState::UnderMinUp)),
            pool("shop.example:web", of(ShownAzState::Eligible, ShownAzState::Eligible)),
        ]
    }

    #[test]
    fn conditions_are_shown_as_they_are_read() {
        for text in [
            "ready",
            "mumbai=down",
            "web/mumbai=up",
            "app.example:web/mumbai=ineligible",
            "0/26.2.0.192.in-addr.arpa:web/mumbai=up",
        ] {
            assert_eq!(read(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_condition_is_told() {
        for text in ["", "mumbai", "/a=up", "a/=up", "=up"] {
            assert_eq!(read(text).unwrap_err(), "write POOL/AZ=STATE, AZ=STATE or ready", "{text}");
        }
        let told = "`gone` is no state: write one of up, down, eligible and ineligible";
        assert_eq!(read("a=gone").unwrap_err(), told);
    }

    #[test]
    fn a_pool_has_its_full_name_or_the_last_part_of_it_alone() {
        let of = |pool| named(&pools(), Some(pool), "mumbai").map(|found| found.len());
        assert_eq!(of("app.example:web"), Ok(1));
        assert_eq!(of("api"), Ok(1));
        let both = "app.example:web and shop.example:web";
        let told = format!("more than one pool is named web: write one of {both}");
        assert_eq!(of("web"), Err(told));
        assert_eq!(of("apo"), Err("there is no pool apo: did you mean `api`?".into()));
    }

    #[test]
    fn an_az_alone_is_that_of_every_pool() {
        assert_eq!(named(&pools(), None, "mumbai").unwrap().len(), 3);
        let told = "no pool has an az mumbay: did you mean `mumbai`?";
        assert_eq!(named(&pools(), None, "mumbay").unwrap_err(), told);
        let told = "the pool api has no az rome: `meridian status` shows what there is";
        assert_eq!(named(&pools(), Some("api"), "rome").unwrap_err(), told);
    }

    #[test]
    fn an_az_that_is_held_is_up_and_not_eligible() {
        let pools = pools();
        let (_, mumbai) = named(&pools, Some("api"), "mumbai").unwrap()[0];
        let words = State::WORDS.iter().filter(|(_, state)| state.is_of(mumbai));
        assert_eq!(words.map(|(word, _)| *word).collect::<Vec<_>>(), ["up", "ineligible"]);
    }

    #[test]
    fn a_drained_az_that_probes_find_up_is_up_and_not_eligible() {
        let mut pools = pools();
        let mumbai = &mut pools[1].azs[0];
        let order = ShownOverride {
            kind: OverrideKind::Drain,
            to: Share::NONE,
            given: "mumbai".into(),
            reason: "deploy 42".into(),
            by: "uid 0 (root)".into(),
            given_at: Wall::default(),
            until: Wall::default(),
        };
        (mumbai.eligible, mumbai.overridden) = (false, Some(order));
        let words = State::WORDS.iter().filter(|(_, state)| state.is_of(mumbai));
        assert_eq!(words.map(|(word, _)| *word).collect::<Vec<_>>(), ["up", "ineligible"]);
        assert_eq!(word(mumbai), "up and drained");
    }

    #[test]
    fn an_az_under_min_up_is_down() {
        let pools = pools();
        let (_, paris) = named(&pools, Some("app.example:web"), "paris").unwrap()[0];
        assert!(State::Down.is_of(paris) && !State::Up.is_of(paris));
    }
}
