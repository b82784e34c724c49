//! The rate limit as it is now, which reloads change and every UDP worker asks, and who tells of it: a
//! task, so that no worker writes a log line.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
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

/// Tells of a limit, once a second, for as long as it is polled.
pub(super) async fn tell(limited: Arc<Limited>) {
    let mut reporter = Reporter::new(limited.settings().log_only);
    loop {
        tokio::time::sleep(LOOK).await;
        for line in reporter.look(&limited.limiter, limited.now()) {
            match line {
                Line::Begins { .. } | Line::Others { .. } => tracing::warn!("{line}"),
                Line::Ends { .. } => tracing::info!("{line}"),
            }
        }
    }
}

/// Which networks are limited, as far as the log knows.
#[derive(Debug)]
struct Reporter {
    log_only: bool,
    limited: HashMap<IpNet, Episode>,
    /// When the minute began in which these lines were written.
    minute: Monotonic,
    lines: usize,
    /// Networks that began to be limited in it, beyond those that have lines.
    others: usize,
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
    Begins { network: IpNet, log_only: bool },
    Ends { network: IpNet, log_only: bool, responses: u64, lasted: Duration },
    Others { networks: usize, log_only: bool },
}

/// How often a task looks what is limited.
const LOOK: Duration = Duration::from_secs(1);
/// A network that was within the limit for so long is not limited any more.
const CALM: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);
/// Networks that begin to be limited within a minute and have a line each.
const MOST_LINES: usize = 20;

impl Reporter {
    fn new(log_only: bool) -> Self {
        let minute = Monotonic::START;
        Self { log_only, limited: HashMap::new(), minute, lines: 0, others: 0 }
    }

    /// What there is to tell since the last look.
    fn look(&mut self, limiter: &Limiter, now: Monotonic) -> Vec<Line> {
        let log_only = self.log_only;
        let mut told = vec![];
        if now.saturating_since(self.minute) >= MINUTE {
            if self.others > 0 {
                told.push(Line::Others { networks: self.others, log_only });
            }
            (self.minute, self.lines, self.others) = (now, 0, 0);
        }
        limiter.take_news(|network, responses| {
            let episode = match self.limited.entry(network) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(_) if self.lines == MOST_LINES => {
                    self.others += 1;
                    return;
                }
                Entry::Vacant(entry) => {
                    self.lines += 1;
                    told.push(Line::Begins { network, log_only });
                    entry.insert(Episode { began: now, last: now, responses: 0 })
                }
            };
            episode.responses += u64::from(responses);
            episode.last = now;
        });
        self.limited.retain(|&network, episode| {
            let Episode { began, last, responses } = *episode;
            let is_over = now.saturating_since(last) >= CALM;
            if is_over {
                let lasted = last.saturating_since(began) + LOOK;
                told.push(Line::Ends { network, log_only, responses, lasted });
            }
            !is_over
        });
        told
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let would = |log_only: &bool| if *log_only { "would be" } else { "is" };
        match self {
            Self::Begins { network, log_only } => {
                write!(f, "{network} {} limited: it asks for more than it may", would(log_only))
            }
            Self::Ends { network, log_only, responses, lasted } => {
                let responses = format!("responses over the limit: {responses}");
                let lasted = lasted.as_secs();
                write!(
                    f,
                    "{network} {} limited no more: {responses} in {lasted} s",
                    would(log_only)
                )
            }
            Self::Others { networks, log_only } => {
                write!(
                    f,
                    "more networks that {} limited in this minute: {networks}",
                    would(log_only)
                )
            }
        }
    }
}
