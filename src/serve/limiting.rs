//! The rate limit as it is now, which reloads change and every UDP worker asks, and who tells of it: a
//! task, so that no worker writes a log line.

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use ipnet::IpNet;

use crate::answer::{Answer, Limiter, RateLimit, Request, Snapshot, Verdict, shorten};
use crate::clock::Clock;
use crate::time::Monotonic;

use super::Tally;

/// Where workers find the limit; `None`: there is none.
pub type Limiting = Arc<ArcSwapOption<Limited>>;

/// A limit in force.
#[derive(Debug)]
pub struct Limited {
    limiter: Limiter,
    clock: Clock,
}

impl Limited {
    /// Nobody has been answered yet.
    pub fn new(settings: RateLimit) -> Self {
        // Random keys are what it has for tables such as this one.
        let random = RandomState::new();
        let halves = [random.hash_one(0), random.hash_one(1)].map(u64::to_le_bytes);
        let mut key = [0; 16];
        key.iter_mut().zip(halves.as_flattened()).for_each(|(octet, from)| *octet = *from);
        Self { limiter: Limiter::new(settings, key), clock: Clock::start() }
    }

    /// What it goes by.
    pub fn settings(&self) -> &RateLimit {
        self.limiter.settings()
    }

    /// The time that it counts by.
    pub(super) fn now(&self) -> Monotonic {
        self.clock.now().mono
    }

    /// What goes out in place of `answer`, which is in `out`: mostly itself.
    pub(super) fn apply(
        &self,
        answer: Answer,
        snapshot: &Snapshot,
        request: &Request<'_>,
        out: &mut [u8],
        tally: &Tally,
        now: Monotonic,
    ) -> Answer {
        let verdict = self.limiter.judge(&answer, request.peer, now);
        match verdict {
            Verdict::Within => answer,
            Verdict::Short | Verdict::Drop if self.settings().log_only => {
                tally.count_over_limit();
                answer
            }
            Verdict::Short => {
                tally.count_shortened();
                shorten(snapshot, request, out)
            }
            Verdict::Drop => {
                tally.count_dropped();
                Answer::none(snapshot.generation)
            }
        }
    }
}

/// Tells of a limit, once a second, for as long as it is the one in force, and then of the ends.
pub(super) async fn tell(limited: Arc<Limited>, limiting: Limiting) {
    let mut reporter = Reporter::default();
    let log_only = limited.settings().log_only;
    let note = if log_only { " (log_only: nothing is withheld)" } else { "" };
    let mut is_in_force = true;
    while is_in_force {
        tokio::time::sleep(LOOK).await;
        is_in_force = limiting.load().as_ref().is_some_and(|now| Arc::ptr_eq(now, &limited));
        let mut lines = reporter.look(&limited.limiter, limited.now());
        if !is_in_force {
            lines.extend(reporter.take_rest());
        }
        for line in lines {
            match line {
                Line::Begins(network) => tracing::warn!(%network, "{line}{note}"),
                Line::Ends { network, .. } => tracing::info!(%network, "{line}{note}"),
                Line::Others(_) => tracing::warn!("{line}{note}"),
            }
        }
    }
}

/// Which networks are limited, as far as the log knows.
#[derive(Debug, Default)]
struct Reporter {
    limited: HashMap<IpNet, Episode>,
    /// When the minute began in which these lines were written.
    minute: Monotonic,
    lines: usize,
    /// Networks that began to be limited in it, beyond those that have lines; at most [`MOST_OTHERS`].
    others: HashSet<IpNet>,
}

/// A network that is limited.
#[derive(Debug)]
struct Episode {
    began: Monotonic,
    /// When it was last seen to be over the limit.
    last: Monotonic,
    responses: u64,
}

/// What the log is told.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Begins(IpNet),
    Ends { network: IpNet, responses: u64, lasted: Duration },
    Others(usize),
}

/// How often a task looks what is limited.
const LOOK: Duration = Duration::from_secs(1);
/// A network that was within the limit for so long is not limited any more.
const CALM: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);
/// Networks that begin to be limited within a minute and have a line each.
const MOST_LINES: usize = 20;
/// Networks without a line that are told apart within a minute: who forges addresses has millions.
const MOST_OTHERS: usize = 10_000;

impl Reporter {
    /// What there is to tell since the last look.
    fn look(&mut self, limiter: &Limiter, now: Monotonic) -> Vec<Line> {
        let mut told = vec![];
        if now.saturating_since(self.minute) >= MINUTE {
            told.extend(self.take_others());
            (self.minute, self.lines) = (now, 0);
        }
        limiter.take_news(|network, responses| {
            let episode = match self.limited.entry(network) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(_) if self.lines == MOST_LINES => {
                    if self.others.len() < MOST_OTHERS {
                        self.others.insert(network);
                    }
                    return;
                }
                Entry::Vacant(entry) => {
                    self.lines += 1;
                    told.push(Line::Begins(network));
                    entry.insert(Episode { began: now, last: now, responses: 0 })
                }
            };
            episode.responses += u64::from(responses);
            episode.last = now;
        });
        self.limited.retain(|&network, episode| {
            let is_over = now.saturating_since(episode.last) >= CALM;
            if is_over {
                told.push(episode.end(network));
            }
            !is_over
        });
        told
    }

    /// What there is to tell when nothing is limited any more.
    fn take_rest(&mut self) -> Vec<Line> {
        let others = self.take_others();
        let ends = self.limited.drain().map(|(network, episode)| episode.end(network));
        others.into_iter().chain(ends).collect()
    }

    fn take_others(&mut self) -> Option<Line> {
        let others = std::mem::take(&mut self.others).len();
        (others > 0).then_some(Line::Others(others))
    }
}

impl Episode {
    fn end(&self, network: IpNet) -> Line {
        let lasted = self.last.saturating_since(self.began) + LOOK;
        Line::Ends { network, responses: self.responses, lasted }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begins(network) => {
                write!(f, "{network} is limited: it asks for more than it may")
            }
            Self::Ends { network, responses, lasted } => {
                let lasted = lasted.as_secs();
                write!(f, "{network} is limited no more: {responses} over the limit in {lasted} s")
            }
            Self::Others(networks) => {
                let at_least = if *networks < MOST_OTHERS { "" } else { "at least " };
                write!(
                    f,
                    "more networks that are limited, without a line each: {at_least}{networks}"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::answer::{Generation, Kind};

    /// A limit that each network is over at once, and what it says in the log.
    struct World {
        limiter: Limiter,
        reporter: Reporter,
    }

    impl World {
        fn new() -> Self {
            let settings = RateLimit {
                responses_per_second: 1,
                slip: 0,
                ipv4_prefix: 24,
                ipv6_prefix: 56,
                allow: vec![],
                log_only: false,
            };
            Self { limiter: Limiter::new(settings, [7; 16]), reporter: Reporter::default() }
        }

        /// So many queries from the network of this number, at a second.
        fn ask(&self, network: u8, queries: usize, second: u64) {
            self.ask_from([192, 0, network, 1].into(), queries, second);
        }

        fn ask_from(&self, peer: IpAddr, queries: usize, second: u64) {
            let error = Answer { len: 12, kind: Kind::Error, ..Answer::none(Generation(1)) };
            for _ in 0..queries {
                self.limiter.judge(&error, peer, at(second));
            }
        }

        fn told(&mut self, second: u64) -> Vec<String> {
            let lines = self.reporter.look(&self.limiter, at(second));
            lines.iter().map(Line::to_string).collect()
        }
    }

    fn at(second: u64) -> Monotonic {
        Monotonic::from_start(Duration::from_secs(second))
    }

    #[test]
    fn the_log_has_a_line_when_a_network_begins_to_be_limited_and_one_at_the_end() {
        let mut world = World::new();
        world.ask(2, 1, 1);
        assert_eq!(world.told(1), [""; 0]);
        world.ask(2, 4, 1);
        assert_eq!(world.told(2), ["192.0.2.0/24 is limited: it asks for more than it may"]);
        for second in 3..8 {
            world.ask(2, 3, second);
            assert_eq!(world.told(second), [""; 0]);
        }
        assert_eq!(world.told(16), [""; 0]);
        let end = "192.0.2.0/24 is limited no more: 14 over the limit in 6 s";
        assert_eq!(world.told(17), [end]);
        assert_eq!(world.told(18), [""; 0]);
    }

    #[test]
    fn at_most_twenty_networks_a_minute_have_lines_and_the_others_are_counted() {
        let mut world = World::new();
        for network in 0..50 {
            world.ask(network, 2, 100);
        }
        assert_eq!(world.told(101).len(), 20);
        world.ask(200, 2, 120);
        let ends = world.told(121);
        assert!(ends.len() == 20 && ends.iter().all(|line| line.contains("limited no more")));
        assert_eq!(world.told(161), ["more networks that are limited, without a line each: 31"]);
        world.ask(201, 2, 162);
        assert_eq!(world.told(163).len(), 1);
        assert_eq!(world.told(300).len(), 1);
    }

    #[test]
    fn what_is_limited_when_the_limit_goes_is_told_at_once() {
        let mut world = World::new();
        for network in 0..25 {
            world.ask(network, 3, 100);
        }
        assert_eq!(world.told(101).len(), 20);
        let rest: Vec<_> = world.reporter.take_rest().iter().map(Line::to_string).collect();
        assert_eq!(rest[0], "more networks that are limited, without a line each: 5");
        let ends = rest.iter().filter(|line| line.ends_with("no more: 2 over the limit in 1 s"));
        assert_eq!((ends.count(), rest.len()), (20, 21));
    }

    #[test]
    fn of_a_flood_from_everywhere_ten_thousand_networks_without_a_line_are_counted() {
        let mut world = World::new();
        for network in 0..10_100u32 {
            world.ask_from(IpAddr::from((network << 8).to_be_bytes()), 2, 100);
        }
        assert_eq!((world.told(101).len(), world.told(121).len()), (20, 20));
        let told = "more networks that are limited, without a line each: at least 10000";
        assert_eq!(world.told(161), [told]);
    }

    #[test]
    fn a_network_without_a_line_is_counted_once_a_minute_however_long_it_is_limited() {
        let mut world = World::new();
        assert_eq!(world.told(60), [""; 0]);
        for second in 60..85 {
            for network in 0..25 {
                world.ask(network, 3, second);
            }
            assert_eq!(world.told(second).len(), if second == 60 { 20 } else { 0 });
        }
        let told = world.told(120);
        assert_eq!(told[0], "more networks that are limited, without a line each: 5");
    }
}
