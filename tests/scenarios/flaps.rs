//! How often answers change while an endpoint flaps: square waves of many periods, duties, phases and kinds
//! of failure, hours long, held to the bound that docs/flapping.md states.
//!
//! `cargo test --test scenarios flaps -- --nocapture` prints how often answers changed in the busiest hour of
//! any wave with a period.

use std::net::IpAddr;
use std::time::Duration;

use meridian::health::{Cause, Damping};

use crate::language::{self, Action, Ask, Behaviour, Story};
use crate::{verdict, world};

/// An endpoint that fails for a part of each period.
#[derive(Clone, Debug)]
struct Wave {
    period: Duration,
    /// How much of each period it fails.
    fails: f64,
    /// When it first fails, as part of a period.
    phase: f64,
    failure: Behaviour,
}

/// What changed in the busiest hour.
#[derive(Clone, Copy, Debug, Default)]
struct Busiest {
    losses: usize,
    changes: usize,
}

#[test]
fn answers_change_no_more_often_than_the_documented_bound() {
    println!("{}", measured("0s"));
}

#[test]
fn answers_change_no_more_often_than_the_bound_with_the_default_hold() {
    println!("{}", measured("60s"));
}

/// A line for each period, after holding all its waves to the bound.
fn measured(hold: &str) -> String {
    let Bound { losses, changes } = bound(&Damping::DEFAULT);
    assert_eq!((losses, changes), (11, 23), "the page names these");
    let lines = TIMES.map(|times| {
        let (found, wave) = busiest(times, hold, "");
        assert!(found.losses <= losses && found.changes <= changes, "{found:?} {wave:?}");
        format!("hold {hold:>3}, period {times:>5} x interval: {} changes", found.changes)
    });
    lines.join("\n")
}

#[test]
fn without_damping_the_bound_does_not_hold() {
    let (found, wave) = busiest(20.0, "0s", "suppress 0");
    println!("hold  0s, period    20 x interval, suppress 0: {} changes", found.changes);
    assert!(found.losses > bound(&Damping::DEFAULT).losses, "{found:?} {wave:?}");
}

/// In any hour.
struct Bound {
    losses: usize,
    changes: usize,
}

/// The formula of docs/flapping.md. What is out when an hour begins comes back without a loss in it.
fn bound(damping: &Damping) -> Bound {
    let (suppress, reuse) = (damping.suppress.number(), damping.reuse.number());
    let most = suppress + 1.0;
    let mean = (most - reuse) / (most / reuse).ln();
    let decay = std::f64::consts::LN_2 * HOUR.as_secs_f64() / damping.half_life.as_secs_f64();
    let losses = (most + suppress.max(mean) * decay) as usize;
    Bound { losses, changes: 2 * losses + 1 }
}

/// The busiest hour of all waves with this period, in intervals of the check, and the wave.
fn busiest(times: f64, hold: &str, check: &str) -> (Busiest, Wave) {
    let waves = waves(INTERVAL.mul_f64(times)).into_iter();
    let counted = waves.map(|wave| (count(&wave, hold, check), wave));
    counted.max_by_key(|(found, _)| found.changes).unwrap()
}

fn waves(period: Duration) -> Vec<Wave> {
    let failures = [Behaviour::Fail(Cause::Refused), Behaviour::Hang];
    let mut waves = Vec::new();
    for failure in failures {
        for fails in [0.2, 0.5, 0.8] {
            for phase in [0.0, 0.37] {
                waves.push(Wave { period, fails, phase, failure: failure.clone() });
            }
        }
    }
    waves
}

fn count(wave: &Wave, hold: &str, check: &str) -> Busiest {
    let text = format!(
        "check web interval {}ms {check}\npool web check web hold {hold}\n  mumbai {FLAPS}\n  \
         singapore 10.0.2.1\nclient india mumbai singapore\n",
        INTERVAL.as_millis()
    );
    let mut story = language::parse(&text).unwrap();
    let address: IpAddr = FLAPS.parse().unwrap();
    let mut fails_at = CALM + wave.period.mul_f64(wave.phase);
    while fails_at < CALM + LASTS {
        let ends_at = fails_at + wave.period.mul_f64(wave.fails);
        story.actions.push((fails_at, Action::Behave(address, wave.failure.clone())));
        story.actions.push((ends_at, Action::Behave(address, Behaviour::Up)));
        fails_at += wave.period;
    }
    busiest_hour(&changes(&story))
}

/// When the client's answer changed, and whether the endpoint that flaps was lost then.
fn changes(story: &Story) -> Vec<(Duration, bool)> {
    let ask = Ask { client: "india".into(), pool: "web".into(), is_v4: true };
    let flaps: IpAddr = FLAPS.parse().unwrap();
    let record = world::run(story, Duration::ZERO);
    let mut changes = Vec::new();
    let mut is_given = true;
    for (at, served) in &record.tables {
        let Some(served) = served else { continue };
        let given = verdict::answer(story, &ask, served).0 == [flaps];
        if given != is_given {
            changes.push((*at, !given));
        }
        is_given = given;
    }
    changes
}

fn busiest_hour(changes: &[(Duration, bool)]) -> Busiest {
    let hours = (0..changes.len()).map(|first| {
        let (from, _) = changes[first];
        let hour = changes[first..].iter().take_while(|(at, _)| *at <= from + HOUR);
        let losses = hour.clone().filter(|(_, is_loss)| *is_loss).count();
        Busiest { losses, changes: hour.count() }
    });
    hours.max_by_key(|it| (it.changes, it.losses)).unwrap_or_default()
}

/// Periods, in intervals of the check. At 300, a half-life, no wave is suppressed any more.
const TIMES: [f64; 18] = [
    0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 50.0, 100.0,
    300.0,
];

const INTERVAL: Duration = Duration::from_secs(2);
const FLAPS: &str = "10.0.1.1";
const CALM: Duration = Duration::from_secs(10);
const LASTS: Duration = Duration::from_secs(4500);
const HOUR: Duration = Duration::from_secs(3600);
