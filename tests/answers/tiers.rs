//! Which az answers, for every combination of what azs can be and every `all_down`: as the tables of
//! docs/failover.md say, which are read here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use meridian::answer::explain::Verdict::Chosen;
use meridian::answer::{Generation, Question, explain};
use meridian::control::load::Loaded;
use meridian::health::{Cause, Outcome, Verdict};
use meridian::route::{Director, Event, Override, OverrideKind, Overrides, Saved, Target};
use meridian::time::{Now, Wall};

use super::World;

const PAGE: &str = include_str!("../../docs/failover.md");

/// The azs whose states are combined, in the client's order.
const AZS: [&str; 3] = ["a", "b", "c"];

/// Pools by their `all_down`, in the order of the table.
const POOLS: [&str; 4] = ["open", "last", "closed", "fallback"];

/// What an az can be, as the page words it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Eligible,
    ForcedUp,
    Held,
    Ramping,
    AwaitingRelease,
    Suppressed,
    UnderMinUp,
    Unfit,
    Awaited,
    Down,
    UpLast,
    DrainedUp,
    DrainedDown,
    ForcedDown,
}

const STATES: [(State, &str); 14] = [
    (State::Eligible, "eligible"),
    (State::ForcedUp, "forced up"),
    (State::Held, "up, but held"),
    (State::Ramping, "ramping, for clients not back yet"),
    (State::AwaitingRelease, "awaiting its release"),
    (State::Suppressed, "suppressed: lost too often of late"),
    (State::UnderMinUp, "under `min_up`"),
    (State::Unfit, "unfit: it answers, and says that it is not ready"),
    (State::Awaited, "awaiting its first probe"),
    (State::Down, "down"),
    (State::UpLast, "down, and up last"),
    (State::DrainedUp, "drained, and up"),
    (State::DrainedDown, "drained, and down"),
    (State::ForcedDown, "forced down"),
];

#[test]
fn the_best_tier_that_has_an_az_answers() {
    let elsewhere = [State::Ramping, State::AwaitingRelease];
    let states = STATES.map(|(state, _)| state).into_iter();
    answers_are_those_of_the_page("auto", states.filter(|it| !elsewhere.contains(it)));
}

#[test]
fn an_az_that_ramps_answers_for_those_not_back_yet_as_one_that_is_held() {
    use State::{Down, DrainedUp, Eligible, Ramping, Suppressed, UnderMinUp, Unfit};
    let states = [Eligible, Ramping, Suppressed, UnderMinUp, Unfit, Down, DrainedUp];
    answers_are_those_of_the_page("ramp\"\nramp = \"1d", states.into_iter());
}

#[test]
fn an_az_that_awaits_its_release_answers_as_one_that_is_down() {
    use State::{AwaitingRelease, Down, DrainedUp, Eligible, ForcedUp, UnderMinUp, Unfit, UpLast};
    let states = [Eligible, AwaitingRelease, ForcedUp, UnderMinUp, Unfit, Down, UpLast, DrainedUp];
    answers_are_those_of_the_page("manual", states.into_iter());
}

/// Each combination of these states, in pools with this `failback`.
fn answers_are_those_of_the_page(failback: &str, states: impl Iterator<Item = State>) {
    let table = Table::of_page();
    let mut world = Tiers::new(failback);
    let states: Vec<State> = states.collect();
    for &a in &states {
        for &b in &states {
            for &c in &states {
                let states = [a, b, c];
                world.arrange(states);
                for pool in POOLS {
                    let expected = table.answer(pool, states);
                    assert_eq!(world.answer(pool), expected, "{pool}: {states:?}");
                }
            }
        }
    }
}

/// Who answers, and from which tier; an empty az: no address.
type Answer = (Option<u8>, String);

/// A cell of the table: a tier, and whether an az goes first in it.
type Place = Option<(u8, bool)>;

struct Table {
    /// By state, then parallel to [`POOLS`].
    places: BTreeMap<State, [Place; 4]>,
    /// What answers where there is no tier.
    without: [String; 4],
}

impl Table {
    fn of_page() -> Self {
        let (_, section) = PAGE.split_once("## Nothing is up").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| "));
        let rows: Vec<Vec<&str>> =
            rows.map(|row| row.trim_end_matches('|').split('|').map(str::trim).collect()).collect();
        let columns: Vec<_> = rows[0][1..].iter().map(|word| word.trim_matches('`')).collect();
        assert_eq!(columns, POOLS);
        let mut places = BTreeMap::new();
        let (last, states) = rows[2..].split_last().unwrap();
        for row in states {
            let state = STATES.iter().find(|(_, words)| *words == row[0]);
            let (state, _) = state.unwrap_or_else(|| panic!("what is {:?}?", row[0]));
            let cells: Vec<Place> = row[1..].iter().map(|cell| place(cell)).collect();
            places.insert(*state, cells.try_into().unwrap());
        }
        assert_eq!(places.len(), STATES.len(), "states without a row");
        assert_eq!(last[0], "what answers if no az is in a tier");
        let without = last[1..].iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
        Self { places, without: without.try_into().unwrap() }
    }

    /// What the page says that the client gets.
    fn answer(&self, pool: &str, states: [State; 3]) -> Answer {
        let column = POOLS.iter().position(|of| *of == pool).unwrap();
        // Of azs that went down together and last, all were up last.
        let is_none_last = !states.contains(&State::UpLast);
        let state = |state| match state {
            State::Down | State::Unfit | State::AwaitingRelease if is_none_last => State::UpLast,
            other => other,
        };
        let places = states.map(|it| self.places[&state(it)][column]);
        let best = (0..).zip(places).filter_map(|(at, place)| Some((place?, at)));
        // The better tier, those that go first, then the client's order.
        let best = best.min_by_key(|&((tier, goes_first), at)| (tier, !goes_first, at));
        match best {
            Some(((tier, _), at)) => (Some(tier), AZS[at as usize].to_owned()),
            None => (None, self.without[column].clone()),
        }
    }
}

fn place(cell: &str) -> Place {
    if cell == "none" {
        return None;
    }
    let (tier, goes_first) = match cell.split_once(", ") {
        Some((tier, "first")) => (tier, true),
        Some(_) => panic!("what is {cell:?}?"),
        None => (cell, false),
    };
    Some((tier.parse().unwrap(), goes_first))
}

/// A server whose azs can be put into any states.
struct Tiers {
    /// What is loaded with the azs of [`AZS`] that the bits of the index name.
    loaded: Vec<Loaded>,
    /// Which of these is in use.
    current: usize,
    director: Director,
    epoch: u64,
    now: Now,
}

impl Tiers {
    fn new(failback: &str) -> Self {
        let loaded: Vec<_> = (0..1 << AZS.len()).map(|azs| load(azs, failback)).collect();
        let (director, epoch) = start(&loaded[0]);
        Self { loaded, current: 0, director, epoch, now: Now::default() }
    }

    fn arrange(&mut self, states: [State; 3]) {
        let is_there = |at: &usize| states[*at] != State::Awaited;
        self.current = (0..AZS.len()).filter(is_there).fold(0, |there, at| there | 1 << at);
        self.now = Now::default();
        (self.director, self.epoch) = start(&self.loaded[self.current]);
        let state = |az: &str| AZS.iter().position(|of| *of == az).map(|at| states[at]);
        self.probe(|_, _| Some(Verdict::Success));
        self.pass(3600);
        self.give(OverrideKind::ForceDown, "other");
        for az in AZS {
            match state(az) {
                Some(State::ForcedUp) => self.give(OverrideKind::ForceUp, az),
                Some(State::DrainedUp | State::DrainedDown) => self.give(OverrideKind::Drain, az),
                Some(State::ForcedDown) => self.give(OverrideKind::ForceDown, az),
                _ => {}
            }
        }
        self.reload_all();
        let failure = || Some(Verdict::Failure(Cause::Refused));
        let flaps = [failure(), Some(Verdict::Success)].into_iter().flatten();
        for verdict in flaps.cycle().take(6) {
            let of_state = |state| (state == State::Suppressed).then(|| verdict.clone());
            self.probe(|az, _| of_state(state(az)?));
        }
        self.probe(|az, is_first| match state(az)? {
            State::ForcedUp | State::Held | State::Down | State::DrainedDown => failure(),
            State::Ramping | State::AwaitingRelease => failure(),
            State::Unfit => Some(Verdict::Unfit(Cause::NotJson)),
            State::UnderMinUp if is_first => failure(),
            _ => None,
        });
        let is_back = [State::Held, State::Ramping, State::AwaitingRelease];
        self.probe(|az, _| is_back.contains(&state(az)?).then_some(Verdict::Success));
        self.pass(60);
        self.probe(|az, _| if state(az)? == State::UpLast { failure() } else { None });
        self.pass(60);
    }

    /// Takes the files with all azs into use.
    fn reload_all(&mut self) {
        let all = self.loaded.len() - 1;
        if self.current != all {
            self.current = all;
            let routing = self.loaded[all].routing.clone();
            self.epoch = self.director.apply(Event::Replace(routing), self.now).epoch;
        }
    }

    /// Gives endpoints enough of the same result, by their az and whether it is the first of it.
    fn probe(&mut self, result: impl Fn(&str, bool) -> Option<Verdict>) {
        let topology = Arc::clone(&self.loaded[self.current].routing.topology);
        // The others' monitors are the same.
        let pool = topology.pools.values().find(|pool| pool.name == "example:open").unwrap();
        for az in &pool.azs {
            for (at, endpoint) in az.endpoints.iter().enumerate() {
                let Some(verdict) = result(&topology.azs[az.az].name, at == 0) else { continue };
                let monitor = endpoint.monitor.unwrap();
                let outcome = Outcome { monitor, duration: Duration::ZERO, verdict, load: None };
                for _ in 0..3 {
                    let outcome = outcome.clone();
                    let event = Event::Outcome { epoch: self.epoch, outcome };
                    let _ = self.director.apply(event, self.now);
                }
            }
        }
    }

    fn give(&mut self, kind: OverrideKind, az: &str) {
        let order = Override {
            kind,
            to: meridian::route::Share::NONE,
            given: az.into(),
            targets: vec![Target::Az(az.into())],
            reason: "a test".into(),
            by: "a test".into(),
            given_at: self.now.wall,
            until: Wall::from_epoch(Duration::from_secs(1_000_000)),
        };
        let _ = self.director.apply(Event::Override(order), self.now);
    }

    fn pass(&mut self, seconds: u64) {
        let time = Duration::from_secs(seconds);
        self.now.mono = self.now.mono + time;
        self.now.wall = Wall::from_epoch(self.now.wall.since_epoch() + time);
        let _ = self.director.apply(Event::Clock, self.now);
    }

    fn answer(&self, pool: &str) -> Answer {
        let snapshot = self.loaded[self.current].snapshot(Generation(1), self.director.routes());
        let name = format!("{pool}.example");
        let question = Question::from_text(&name, "A", [192, 0, 2, 1].into()).unwrap();
        let explained = explain(&snapshot, &question, None);
        let steering = explained.steering.unwrap();
        let chosen = steering.azs.iter().find(|az| az.verdict == Chosen);
        assert_eq!(chosen.is_some(), !explained.answer.is_empty());
        match chosen {
            Some(_) if !explained.earlier.is_empty() => (None, "the fallback".to_owned()),
            Some(az) => (Some(steering.tier), az.name.clone()),
            None => (None, "no address".to_owned()),
        }
    }
}

fn start(loaded: &Loaded) -> (Director, u64) {
    let (saved, overrides) = (Saved::default(), Overrides::default());
    let (routing, wait) = (loaded.routing.clone(), Duration::ZERO);
    let (director, effects) = Director::start(routing, &saved, overrides, 1, wait, Now::default());
    (director, effects.epoch)
}

/// The files of a server whose pools have those azs that the bits name, and one that is no choice.
fn load(there: usize, failback: &str) -> Loaded {
    let hold = if failback == "auto" { "1d" } else { "0s" };
    let azs = (1..).zip(AZS).filter(|(number, _)| there >> (number - 1) & 1 == 1);
    let endpoints: String = azs
        .map(|(number, az)| {
            format!("endpoints.{az} = [\"192.0.2.{number}\", \"198.51.100.{number}\"]\n")
        })
        .collect();
    let pools = POOLS.map(|name| {
        let fallback = if name == "fallback" { "fallback = \"spare\"\n" } else { "" };
        format!(
            "[pool.{name}]\nall_down = \"{name}\"\n{fallback}check = \"web\"\nmin_up = 2\nhold = \"{hold}\"\n\
             failback = \"{failback}\"\n\
             policy = \"failover\"\norder = [\"other\"]\n\
             endpoints.other = [\"192.0.2.9\", \"198.51.100.9\"]\n{endpoints}"
        )
    });
    let names = POOLS.map(|name| format!("{name} = \"{name}\"\n")).concat();
    let server = "az = { a = {}, b = {}, c = {}, other = {}, spare = {} }\ngeoip.databases = []\n";
    let head = super::world::HEAD;
    World::new(&format!(
        "=== meridian.toml\n{server}=== zones/example.zone\n{head}=== zones/example.toml\n\
         [names]\n{names}[check.web]\ntype = \"tcp\"\nport = 80\n{}\
         [pool.spare]\npolicy = \"failover\"\norder = [\"spare\"]\nendpoints.spare = [\"203.0.113.1\"]\n",
        pools.concat()
    ))
    .loaded
}
