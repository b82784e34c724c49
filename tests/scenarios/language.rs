//! The language of stories. A story is lines of words; `#` begins a comment, indentation says what
//! belongs to what, and whatever is not understood is an error.
//!
//! First what there is, with the defaults of the files that operators write:
//!
//! ```text
//! check NAME [port N] [path P] [interval D] [timeout D] [fast_interval D] [rise N] [fall N]
//!            [half_life D] [suppress N] [reuse N]     suppress 0: losses cost nothing
//! pool NAME [check NAME|none] [hold D] [ttl D] [min_ttl D] [min_up N|N%]
//!           [all_down open|closed|last|fallback POOL] [family_down drop|az]
//!           [failback auto|ramp D|manual] [allow AZ,AZ…] [min_live N] [max_removed N within D]
//!   AZ ADDRESS…
//!   safety NAME N of NEED…            a rule; a need is an az, or `( N of NEED… )`
//! client NAME AZ [KM]…                the azs in the order of this client's preference, and how far they
//!                                     are; each client stands for as many
//! az NAME [load N] [soft N hard N]    what a demand file states of its load, and its capacity
//! startup_wait D
//! guard [share N] [window D] [hold D]
//! reference ADDRESS                   answers probes until something else is said of it
//! phases D by D                       tells the story many times, from `at` on later by each
//!                                     multiple of the second duration below the first
//! ```
//!
//! Then what happens. Endpoints are up until something else is said of them.
//!
//! ```text
//! at T ADDRESS up|refuse|hang|unreachable|no-route|status N
//! at T ADDRESS reports N              the load of its part of its az, from its next success on
//! at T queries POOL CLIENT N…         how many were answered so far, by who asked
//! at T ADDRESS lags                   it answers, and says that its replica lags by 12 s, not 5
//! at T the [IPv4|IPv6] uplink is lost|back   all probes of the family hang meanwhile
//! at T restart [after D]              the process ends at T, and begins again D later from what
//!                                     it had saved
//! at T reload                         the checks and pools below replace those of their names
//!   check … | pool … | remove pool NAME
//! at T drain|force-up|force-down TARGET for D because "REASON" [even-if-last]
//! at T drain|force-up|force-down TARGET for D because "REASON" refused "PART"
//! at T drain TARGET to N% for D because "REASON" …
//! at T release TARGET [refused "PART"]
//! at T clear TARGET [refused "PART"]
//! at T clock jumps +D|-D              the wall clock, not the monotonic one
//! ```
//!
//! And what is expected:
//!
//! ```text
//! at T ask CLIENT POOL A|AAAA -> ADDRESS…|nothing [ttl D]
//! at T shares CLIENT POOL -> AZ N%…   of all clients with this preference, to the percent
//! at T POOL/AZ is eligible|held|suppressed|ramping|awaiting-release|unfit|under-min-up|down|awaited
//! at T AZ carries N [above soft|hard] its own load and that of displaced clients, to 1 in 100
//! at T POOL/AZ is drained|forced-up|forced-down measured eligible|held|…
//! at T ADDRESS is up|down|unfit|suppressed|unknown [because "PART"]
//! at T ADDRESS is kept|not-kept        as the guard says
//! at T POOL/AZ is kept measured held|down|… [because "PART"]
//! at T POOL breaks RULE…|no rule      what is ordered does
//! at T sockets are open|closed
//! by T POOL/AZ in|out [because "PART"]
//! between T and T POOL/AZ in|out [because "PART"]
//! by T guard suspects|trusts IPv4|IPv6 [because "PART"]
//! between T and T guard suspects|trusts IPv4|IPv6 [because "PART"]
//! from T to T ask CLIENT POOL A|AAAA -> ADDRESS…|nothing [ttl D]
//! from T to T shares CLIENT POOL -> AZ N%…
//! from T to T POOL never gives ADDRESS
//! from T to T at most N publications
//! ```
//!
//! Every transition of an az, and every change of the guard, must be expected by one line, `by` or
//! `between`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use meridian::health::{Cause, Damping, Points, Thresholds};
use meridian::route::spill::Capacity;
use meridian::route::{
    Failback, Family, FamilyDown, GuardSettings, MinUp, OverrideKind, Pace, Share,
};

use crate::words::Words;

/// A whole story.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) setting: Setting,
    pub(crate) clients: BTreeMap<String, Vec<String>>,
    /// By client, parallel to its azs, in kilometres; empty where none is given.
    pub(crate) distances: BTreeMap<String, Vec<u32>>,
    pub(crate) startup_wait: Duration,
    pub(crate) guard: GuardSettings,
    pub(crate) references: Vec<IpAddr>,
    phases: Option<(Duration, Duration)>,
    pub(crate) actions: Vec<(Duration, Action)>,
    pub(crate) expectations: Vec<Expectation>,
}

/// What the files of the moment say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setting {
    pub(crate) checks: BTreeMap<String, StoryCheck>,
    pub(crate) pools: BTreeMap<String, StoryPool>,
    pub(crate) azs: BTreeMap<String, StoryAz>,
}

/// What is said of an az's load.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StoryAz {
    pub(crate) load: Option<f64>,
    pub(crate) capacity: Option<Capacity>,
}

#[derive(Clone, Debug)]
pub(crate) struct StoryCheck {
    pub(crate) port: u16,
    pub(crate) path: String,
    pub(crate) thresholds: Thresholds,
}

#[derive(Clone, Debug)]
pub(crate) struct StoryPool {
    pub(crate) check: Option<String>,
    pub(crate) hold: Duration,
    pub(crate) failback: Failback,
    pub(crate) ttl: Duration,
    pub(crate) min_ttl: Duration,
    pub(crate) min_up: MinUp,
    pub(crate) all_down: StoryAllDown,
    pub(crate) family_down: FamilyDown,
    /// Its fence; all azs where it is empty.
    pub(crate) allow: Vec<String>,
    pub(crate) min_live: Option<usize>,
    pub(crate) pace: Option<Pace>,
    /// Rules by their names.
    pub(crate) safety: BTreeMap<String, StoryNeed>,
    pub(crate) azs: BTreeMap<String, Vec<IpAddr>>,
}

/// What a safety rule needs; azs by their names.
#[derive(Clone, Debug)]
pub(crate) enum StoryNeed {
    Az(String),
    AtLeast(usize, Vec<StoryNeed>),
}

/// What a pool without anything up gives; a fallback by its name.
#[derive(Clone, Debug)]
pub(crate) enum StoryAllDown {
    Open,
    Closed,
    Last,
    Fallback(String),
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    Behave(IpAddr, Behaviour),
    Report(IpAddr, f64),
    /// So many queries for a pool were answered, by client.
    Queries(String, BTreeMap<String, u64>),
    /// What happens to this host's way out.
    Uplink(Vec<Family>, Uplink),
    Restart(Duration),
    Reload(Reload),
    Order(Order),
    Clear(Clear),
    Release(Clear),
    Jump(Jump),
}

/// An operator gives an override.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) line: usize,
    pub(crate) kind: OverrideKind,
    pub(crate) to: Share,
    pub(crate) target: String,
    pub(crate) lasts: Duration,
    pub(crate) reason: String,
    pub(crate) answer: OperatorAnswer,
}

/// An operator ends one.
#[derive(Clone, Debug)]
pub(crate) struct Clear {
    pub(crate) line: usize,
    pub(crate) target: String,
    pub(crate) answer: OperatorAnswer,
}

/// What an operator is to be told.
#[derive(Clone, Debug)]
pub(crate) enum OperatorAnswer {
    Done,
    /// Done without asking whether it takes the last az.
    EvenIfLast,
    /// Refused, with these words among others.
    Refused(String),
}

/// What becomes of the way from this host to everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Uplink {
    Lost,
    Back,
}

/// How the wall clock is set.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Jump {
    Forward(Duration),
    Back(Duration),
}

/// What a reload changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reload {
    pub(crate) setting: Setting,
    pub(crate) removed: Vec<String>,
}

/// How an endpoint answers probes.
#[derive(Clone, Debug)]
pub(crate) enum Behaviour {
    Up,
    Hang,
    Fail(Cause),
    Unfit(Cause),
    NotProbed(Cause),
}

/// A line that must come true.
#[derive(Clone, Debug)]
pub(crate) struct Expectation {
    pub(crate) line: usize,
    pub(crate) from: Duration,
    pub(crate) to: Duration,
    pub(crate) what: Expected,
}

#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// At each moment from one time to the other.
    Answer {
        ask: Ask,
        given: Vec<IpAddr>,
        ttl: Option<Duration>,
    },
    Az {
        pool: String,
        az: String,
        /// In an operator's words; `None`: it is under no override.
        overridden: Option<String>,
        state: String,
        because: Option<String>,
    },
    Breaks {
        pool: String,
        rules: Vec<String>,
    },
    Endpoint {
        address: IpAddr,
        state: String,
        because: Option<String>,
    },
    /// What share of the slots of a client's network each az has, in percent, at each moment.
    Shares {
        client: String,
        pool: String,
        shares: BTreeMap<String, f64>,
    },
    Sockets {
        are_open: bool,
    },
    Load {
        az: String,
        load: f64,
        above: Option<String>,
    },
    Transition {
        pool: String,
        az: String,
        is_in: bool,
        because: Option<String>,
    },
    NeverGives {
        pool: String,
        address: IpAddr,
    },
    /// Whether the guard keeps it up.
    Kept {
        address: IpAddr,
        is_kept: bool,
    },
    /// This host begins to suspect its own network, or no longer does.
    Guard {
        suspects: bool,
        family: Family,
        because: Option<String>,
    },
    Publications {
        at_most: usize,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) client: String,
    pub(crate) pool: String,
    pub(crate) is_v4: bool,
}

impl Story {
    /// By how much what happens is delayed, each time the story is told.
    pub(crate) fn phases(&self) -> Vec<Duration> {
        let Some((end, step)) = self.phases else { return vec![Duration::ZERO] };
        let times = (0u32..).map(|index| step * index).take_while(|&phase| phase < end);
        times.collect()
    }
}

/// The story in `text`, or the first line that can't be understood.
pub(crate) fn parse(text: &str) -> Result<Story, String> {
    let mut story = Story {
        setting: Setting::default(),
        clients: BTreeMap::new(),
        distances: BTreeMap::new(),
        startup_wait: Duration::from_secs(3),
        guard: GuardSettings::default(),
        references: Vec::new(),
        phases: None,
        actions: Vec::new(),
        expectations: Vec::new(),
    };
    let mut place = Place::Top;
    for (index, raw) in text.lines().enumerate() {
        let line = raw.split('#').next().unwrap_or_default();
        if line.trim().is_empty() {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let mut words = Words::of(line).map_err(|error| format!("line {}: {error}", index + 1))?;
        let result = story.line(index + 1, indent, &mut words, &mut place);
        result
            .and_then(|()| words.end())
            .map_err(|error| format!("line {}: {error}: {}", index + 1, line.trim()))?;
    }
    Ok(story)
}

/// What an indented line belongs to.
enum Place {
    Top,
    Pool(String),
    Reload,
    ReloadedPool(String),
}

impl Story {
    fn line(
        &mut self,
        number: usize,
        indent: usize,
        words: &mut Words,
        place: &mut Place,
    ) -> Result<(), String> {
        match (indent, &*place) {
            (0, _) => *place = self.top(number, words)?,
            (2, Place::Pool(name)) => self.setting.az(name, words)?,
            (2, Place::Reload | Place::ReloadedPool(_)) => {
                let reload = self.last_reload();
                *place = match words.next()? {
                    "remove" => {
                        words.expect("pool")?;
                        reload.removed.push(words.next()?.to_owned());
                        Place::Reload
                    }
                    word => match reload.setting.define(word, words)? {
                        Some(pool) => Place::ReloadedPool(pool),
                        None => Place::Reload,
                    },
                };
            }
            (4, Place::ReloadedPool(name)) => {
                let name = name.clone();
                self.last_reload().setting.az(&name, words)?;
            }
            _ => return Err("belongs to nothing".into()),
        }
        Ok(())
    }

    fn last_reload(&mut self) -> &mut Reload {
        match self.actions.last_mut() {
            Some((_, Action::Reload(reload))) => reload,
            _ => unreachable!("a place in a reload follows a reload"),
        }
    }

    fn top(&mut self, line: usize, words: &mut Words) -> Result<Place, String> {
        match words.next()? {
            "client" => {
                let name = words.next()?.to_owned();
                let (km, azs): (Vec<_>, Vec<_>) =
                    words.rest().into_iter().partition(|word| word.parse::<u32>().is_ok());
                let km = km.iter().filter_map(|km| km.parse().ok()).collect();
                self.distances.insert(name.clone(), km);
                self.clients.insert(name, azs);
            }
            "guard" => guard(&mut self.guard, words)?,
            "reference" => self.references.push(words.number()?),
            "startup_wait" => self.startup_wait = words.duration()?,
            "phases" => {
                let end = words.duration()?;
                words.expect("by")?;
                self.phases = Some((end, words.duration()?));
            }
            "at" => return self.at(line, words),
            "by" => {
                let to = words.duration()?;
                self.transition(line, Duration::ZERO, to, words)?;
            }
            "between" => {
                let from = words.duration()?;
                words.expect("and")?;
                let to = words.duration()?;
                self.transition(line, from, to, words)?;
            }
            "from" => {
                let from = words.duration()?;
                words.expect("to")?;
                let to = words.duration()?;
                self.throughout(line, from, to, words)?;
            }
            word => {
                let pool = self.setting.define(word, words)?;
                return Ok(pool.map_or(Place::Top, Place::Pool));
            }
        }
        Ok(Place::Top)
    }

    fn at(&mut self, line: usize, words: &mut Words) -> Result<Place, String> {
        let at = words.duration()?;
        let subject = words.next()?;
        let what = match subject {
            "restart" => {
                let pause = if words.take("after") { words.duration()? } else { Duration::ZERO };
                self.actions.push((at, Action::Restart(pause)));
                return Ok(Place::Top);
            }
            "reload" => {
                self.actions.push((at, Action::Reload(Reload::default())));
                return Ok(Place::Reload);
            }
            "drain" | "force-up" | "force-down" => {
                let order = order(line, subject, words)?;
                self.actions.push((at, Action::Order(order)));
                return Ok(Place::Top);
            }
            "clear" => {
                let target = words.next()?.to_owned();
                let answer = operator_answer(words)?;
                self.actions.push((at, Action::Clear(Clear { line, target, answer })));
                return Ok(Place::Top);
            }
            "the" => {
                let families = words.families();
                words.expect("uplink")?;
                words.expect("is")?;
                let what = words.one_of(&[("lost", Uplink::Lost), ("back", Uplink::Back)])?;
                self.actions.push((at, Action::Uplink(families, what)));
                return Ok(Place::Top);
            }
            "clock" => {
                words.expect("jumps")?;
                self.actions.push((at, Action::Jump(words.jump()?)));
                return Ok(Place::Top);
            }
            "queries" => {
                let (pool, mut queries) = (words.next()?.to_owned(), BTreeMap::new());
                while words.peek().is_some() {
                    queries.insert(words.next()?.to_owned(), words.number()?);
                }
                self.actions.push((at, Action::Queries(pool, queries)));
                return Ok(Place::Top);
            }
            "ask" => answer(words)?,
            "shares" => shares(words)?,
            "release" => {
                let target = words.next()?.to_owned();
                let answer = operator_answer(words)?;
                self.actions.push((at, Action::Release(Clear { line, target, answer })));
                return Ok(Place::Top);
            }
            "sockets" => {
                words.expect("are")?;
                let are_open = words.one_of(&[("open", true), ("closed", false)])?;
                Expected::Sockets { are_open }
            }
            _ => match (subject.parse(), subject.split_once('/')) {
                (Ok(address), _) if words.take("is") => {
                    if let Some(is_kept) = words.is_kept() {
                        let what = Expected::Kept { address, is_kept };
                        self.expectations.push(Expectation { line, from: at, to: at, what });
                        return Ok(Place::Top);
                    }
                    let states = ["up", "down", "unfit", "suppressed", "unknown"]
                        .map(|state| (state, state.to_owned()));
                    let state = words.one_of(&states)?;
                    Expected::Endpoint { address, state, because: words.because()? }
                }
                (Ok(address), _) if words.take("reports") => {
                    self.actions.push((at, Action::Report(address, words.number()?)));
                    return Ok(Place::Top);
                }
                (Ok(address), _) => {
                    self.actions.push((at, Action::Behave(address, behaviour(words)?)));
                    return Ok(Place::Top);
                }
                (Err(_), Some((pool, az))) => {
                    words.expect("is")?;
                    let orders = ["drained", "forced-up", "forced-down", "kept"];
                    let overridden = orders.into_iter().find(|order| words.take(order));
                    if overridden.is_some() {
                        words.expect("measured")?;
                    }
                    let states = [
                        "eligible",
                        "held",
                        "suppressed",
                        "ramping",
                        "awaiting-release",
                        "unfit",
                        "under-min-up",
                        "down",
                        "awaited",
                    ];
                    let state = words.one_of(&states.map(|state| (state, state.to_owned())))?;
                    let overridden = overridden.map(str::to_owned);
                    let because = words.because()?;
                    let (pool, az) = (pool.to_owned(), az.to_owned());
                    Expected::Az { pool, az, overridden, state, because }
                }
                (Err(_), None) if words.take("breaks") => {
                    let rules = if words.take("no") { vec![] } else { words.rest() };
                    if rules.is_empty() {
                        words.expect("rule")?;
                    }
                    Expected::Breaks { pool: subject.to_owned(), rules }
                }
                (Err(_), None) if words.take("carries") => {
                    let (az, load) = (subject.to_owned(), words.number()?);
                    let limits = ["soft", "hard"].map(|limit| (limit, limit.to_owned()));
                    let above = words.take("above").then(|| words.one_of(&limits)).transpose()?;
                    Expected::Load { az, load, above }
                }
                (Err(_), None) => return Err(format!("{subject:?} is not understood")),
            },
        };
        self.expectations.push(Expectation { line, from: at, to: at, what });
        Ok(Place::Top)
    }

    fn transition(
        &mut self,
        line: usize,
        from: Duration,
        to: Duration,
        words: &mut Words,
    ) -> Result<(), String> {
        if words.take("guard") {
            let suspects = words.one_of(&[("suspects", true), ("trusts", false)])?;
            let family = words.one_of(&[("IPv4", Family::V4), ("IPv6", Family::V6)])?;
            let what = Expected::Guard { suspects, family, because: words.because()? };
            self.expectations.push(Expectation { line, from, to, what });
            return Ok(());
        }
        let subject = words.next()?;
        let (pool, az) = subject.split_once('/').ok_or("POOL/AZ is missing")?;
        let is_in = words.one_of(&[("in", true), ("out", false)])?;
        let because = words.because()?;
        let what =
            Expected::Transition { pool: pool.to_owned(), az: az.to_owned(), is_in, because };
        self.expectations.push(Expectation { line, from, to, what });
        Ok(())
    }

    fn throughout(
        &mut self,
        line: usize,
        from: Duration,
        to: Duration,
        words: &mut Words,
    ) -> Result<(), String> {
        let what = match words.next()? {
            "ask" => answer(words)?,
            "shares" => shares(words)?,
            "at" => {
                words.expect("most")?;
                let at_most = words.number()?;
                words.expect("publications")?;
                Expected::Publications { at_most }
            }
            pool => {
                let pool = pool.to_owned();
                words.expect("never")?;
                words.expect("gives")?;
                Expected::NeverGives { pool, address: words.number()? }
            }
        };
        self.expectations.push(Expectation { line, from, to, what });
        Ok(())
    }
}

impl Setting {
    /// A check or a pool; the name of the pool.
    fn define(&mut self, word: &str, words: &mut Words) -> Result<Option<String>, String> {
        match word {
            "az" => {
                let name = words.next()?.to_owned();
                self.azs.insert(name, az(words)?);
                Ok(None)
            }
            "check" => {
                let name = words.next()?.to_owned();
                self.checks.insert(name, check(words)?);
                Ok(None)
            }
            "pool" => {
                let name = words.next()?.to_owned();
                self.pools.insert(name.clone(), pool(words)?);
                Ok(Some(name))
            }
            _ => Err(format!("{word:?} is not understood")),
        }
    }

    fn az(&mut self, pool: &str, words: &mut Words) -> Result<(), String> {
        if words.take("safety") {
            let name = words.next()?.to_owned();
            let need = need(words)?;
            self.pools.get_mut(pool).ok_or("no such pool")?.safety.insert(name, need);
            return Ok(());
        }
        let az = words.next()?.to_owned();
        let mut addresses = Vec::new();
        for word in words.rest() {
            addresses.push(word.parse().map_err(|_| format!("{word:?} is no address"))?);
        }
        self.pools.get_mut(pool).ok_or("no such pool")?.azs.insert(az, addresses);
        Ok(())
    }
}

fn need(words: &mut Words) -> Result<StoryNeed, String> {
    let count = words.number()?;
    words.expect("of")?;
    let mut of = Vec::new();
    while words.peek().is_some_and(|word| word != ")") {
        if words.take("(") {
            of.push(need(words)?);
            words.expect(")")?;
        } else {
            of.push(StoryNeed::Az(words.next()?.to_owned()));
        }
    }
    Ok(StoryNeed::AtLeast(count, of))
}

fn answer(words: &mut Words) -> Result<Expected, String> {
    let client = words.next()?.to_owned();
    let pool = words.next()?.to_owned();
    let is_v4 = words.one_of(&[("A", true), ("AAAA", false)])?;
    words.expect("->")?;
    let mut given = Vec::new();
    if !words.take("nothing") {
        given.push(words.number()?);
        while let Some(Ok(address)) = words.peek().map(str::parse) {
            given.push(address);
            words.next()?;
        }
    }
    let ttl = if words.take("ttl") { Some(words.duration()?) } else { None };
    Ok(Expected::Answer { ask: Ask { client, pool, is_v4 }, given, ttl })
}

fn order(line: usize, kind: &str, words: &mut Words) -> Result<Order, String> {
    let kind = match kind {
        "drain" => OverrideKind::Drain,
        "force-up" => OverrideKind::ForceUp,
        _ => OverrideKind::ForceDown,
    };
    let target = words.next()?.to_owned();
    let to = if words.take("to") { words.percent()? } else { 0 };
    let to = Share::percent(to).ok_or("a share is below 100%")?;
    words.expect("for")?;
    let lasts = words.duration()?;
    let reason = words.because()?.ok_or("an override needs a reason")?;
    Ok(Order { line, kind, to, target, lasts, reason, answer: operator_answer(words)? })
}

fn shares(words: &mut Words) -> Result<Expected, String> {
    let (client, pool) = (words.next()?.to_owned(), words.next()?.to_owned());
    words.expect("->")?;
    let mut shares = BTreeMap::new();
    while words.peek().is_some() {
        shares.insert(words.next()?.to_owned(), f64::from(words.percent()?));
    }
    Ok(Expected::Shares { client, pool, shares })
}

fn operator_answer(words: &mut Words) -> Result<OperatorAnswer, String> {
    if words.take("refused") {
        return Ok(OperatorAnswer::Refused(words.quoted()?));
    }
    let is_even_if_last = words.take("even-if-last");
    Ok(if is_even_if_last { OperatorAnswer::EvenIfLast } else { OperatorAnswer::Done })
}

fn behaviour(words: &mut Words) -> Result<Behaviour, String> {
    Ok(match words.next()? {
        "up" => Behaviour::Up,
        "hang" => Behaviour::Hang,
        "refuse" => Behaviour::Fail(Cause::Refused),
        "unreachable" => Behaviour::Fail(Cause::Unreachable),
        "status" => Behaviour::Fail(Cause::Status(words.number()?)),
        "lags" => Behaviour::Unfit(Cause::NotReady {
            path: "$.replication.lag_seconds".into(),
            found: "12".into(),
            wanted: "< 5".into(),
        }),
        "no-route" => Behaviour::NotProbed(Cause::NoRoute),
        word => return Err(format!("{word:?} is no behaviour")),
    })
}

impl Default for StoryCheck {
    fn default() -> Self {
        let thresholds = Thresholds {
            interval: Duration::from_secs(2),
            timeout: Duration::from_secs(2),
            fast_interval: Duration::from_millis(500),
            rise: 3,
            fall: 3,
            damping: Some(Damping::DEFAULT),
        };
        Self { port: 80, path: "/".into(), thresholds }
    }
}

fn az(words: &mut Words) -> Result<StoryAz, String> {
    let mut az = StoryAz::default();
    while words.peek().is_some() {
        match words.next()? {
            "load" => az.load = Some(words.number()?),
            "soft" => {
                let soft = words.number()?;
                words.expect("hard")?;
                az.capacity = Some(Capacity { soft, hard: words.number()? });
            }
            word => return Err(format!("{word:?} is nothing of an az")),
        }
    }
    Ok(az)
}

fn guard(guard: &mut GuardSettings, words: &mut Words) -> Result<(), String> {
    while words.peek().is_some() {
        match words.next()? {
            "share" => guard.share = words.number()?,
            "window" => guard.window = words.duration()?,
            "hold" => guard.hold = words.duration()?,
            word => return Err(format!("{word:?} is no key of the guard")),
        }
    }
    Ok(())
}

fn check(words: &mut Words) -> Result<StoryCheck, String> {
    let mut check = StoryCheck::default();
    let mut damping = Damping::DEFAULT;
    let mut suppress = damping.suppress.number();
    while words.peek().is_some() {
        match words.next()? {
            "port" => check.port = words.number()?,
            "path" => check.path = words.next()?.to_owned(),
            "interval" => check.thresholds.interval = words.duration()?,
            "timeout" => check.thresholds.timeout = words.duration()?,
            "fast_interval" => check.thresholds.fast_interval = words.duration()?,
            "rise" => check.thresholds.rise = words.number()?,
            "fall" => check.thresholds.fall = words.number()?,
            "half_life" => damping.half_life = words.duration()?,
            "suppress" => suppress = words.number()?,
            "reuse" => damping.reuse = points(words.number()?)?,
            word => return Err(format!("{word:?} is no key of a check")),
        }
    }
    check.thresholds.damping = match suppress {
        0.0 => None,
        suppress => Some(Damping { suppress: points(suppress)?, ..damping }),
    };
    Ok(check)
}

fn points(number: f64) -> Result<Points, String> {
    Points::of(number).ok_or_else(|| format!("{number} is no number of points"))
}

fn pool(words: &mut Words) -> Result<StoryPool, String> {
    let mut pool = StoryPool {
        check: Some("default".into()),
        hold: Duration::from_secs(60),
        failback: Failback::Auto,
        ttl: Duration::from_secs(30),
        min_ttl: Duration::from_secs(5),
        min_up: MinUp::Count(1),
        all_down: StoryAllDown::Open,
        family_down: FamilyDown::Drop,
        allow: Vec::new(),
        min_live: None,
        pace: None,
        safety: BTreeMap::new(),
        azs: BTreeMap::new(),
    };
    while words.peek().is_some() {
        match words.next()? {
            "check" if words.take("none") => pool.check = None,
            "check" => pool.check = Some(words.next()?.to_owned()),
            "hold" => pool.hold = words.duration()?,
            "failback" => {
                pool.failback = match words.next()? {
                    "auto" => Failback::Auto,
                    "ramp" => Failback::Ramp(words.duration()?),
                    "manual" => Failback::Manual,
                    word => return Err(format!("{word:?} is no way to come back")),
                };
            }
            "ttl" => pool.ttl = words.duration()?,
            "min_ttl" => pool.min_ttl = words.duration()?,
            "min_up" => {
                pool.min_up = match words.peek().and_then(|word| word.strip_suffix('%')) {
                    Some(share) => MinUp::Percent(share.parse().map_err(|_| "no share")?),
                    None => {
                        MinUp::Count(words.peek().unwrap_or("").parse().map_err(|_| "no count")?)
                    }
                };
                words.next()?;
            }
            "all_down" => {
                pool.all_down = match words.next()? {
                    "open" => StoryAllDown::Open,
                    "closed" => StoryAllDown::Closed,
                    "last" => StoryAllDown::Last,
                    "fallback" => StoryAllDown::Fallback(words.next()?.to_owned()),
                    word => return Err(format!("{word:?} is no way to be down")),
                };
            }
            "min_live" => pool.min_live = Some(words.number()?),
            "max_removed" => {
                let most = words.number()?;
                words.expect("within")?;
                pool.pace = Some(Pace { most, within: words.duration()? });
            }
            "family_down" => {
                let ways = [("drop", FamilyDown::Drop), ("az", FamilyDown::Az)];
                pool.family_down = words.one_of(&ways)?;
            }
            "allow" => pool.allow = words.next()?.split(',').map(Into::into).collect(),
            word => return Err(format!("{word:?} is no key of a pool")),
        }
    }
    Ok(pool)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_an_error() {
        for (text, error) in [
            ("frobnicate", "line 1: \"frobnicate\" is not understood: frobnicate"),
            ("pool web colour red", "line 1: \"colour\" is no key of a pool: pool web colour red"),
            ("\n  mumbai 10.0.0.1", "line 2: belongs to nothing: mumbai 10.0.0.1"),
            ("at 3 restart", "line 1: \"3\" is no duration: at 3 restart"),
            (
                "at 3s drain mumbai for 2h",
                "line 1: an override needs a reason: at 3s drain mumbai for 2h",
            ),
            ("at 3s restart now", "line 1: \"now\" is too much: at 3s restart now"),
            ("by 3s web/mumbai out because \"x", "line 1: a quote is not closed"),
        ] {
            assert_eq!(parse(text).unwrap_err(), error);
        }
    }

    #[test]
    fn phases_are_multiples_of_the_step() {
        let story = parse("phases 1s by 400ms").unwrap();
        assert_eq!(story.phases(), [0, 400, 800].map(Duration::from_millis));
    }
}
