//! From the health of an az's endpoints to whether the az may be given to clients.
//!
//! Three stages: the local verdict on the endpoints (`judge`); what other observers say (there
//! are none: the local verdict stands); and eligibility (`AzState::next`), which adds what the
//! verdict can't know: that an az coming back waits. What operators say is added in `super::standing`.

use std::time::Duration;

use super::failback::{Failback, Ramp};
use super::{Family, FamilyDown, Pool, PoolAz};
use crate::geo::Slot;
use crate::health::{HealthState, Monitor};
use crate::time::{Monotonic, Now};

/// Whether an az of a pool may be given to clients, and why not.
///
/// ```text
///                first success                       loss
///    Awaited ───────────────────────▶ Eligible ──────────────▶ Down, UnderMinUp, Unfit
///     ▲    │                           │  ▲  ▲                   ▲     │ up again, as the
///     │    └─────────── loss ──────────┼──┼──┼───────────────────┤     ▼ pool's failback says
///     └─ a reload leaves only new ─────┘  │  └── until passes ───┼── Held, Suppressed
///                endpoints                └─ ramp ends, release ─┴── Ramping, AwaitingRelease
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AzState {
    /// It may be given.
    Eligible,
    /// It is up again after a loss, and waits to show that it stays so.
    Held {
        /// When it becomes eligible.
        until: Monotonic,
        /// How long it will have been up by then.
        hold: Duration,
    },
    /// Enough endpoints are up, but some were lost too often of late to be trusted.
    Suppressed {
        /// Since when enough are up.
        since: Monotonic,
        /// When enough are trusted again, if none is lost until then.
        until: Monotonic,
    },
    /// Its clients come back slot by slot.
    Ramping(Ramp),
    /// It is up again, and waits for an operator's word.
    AwaitingRelease {
        /// Slots below this one have it even so: those that a drain had left it.
        admits: u16,
    },
    /// Endpoints answer, but of a family that it can't be without none is fit to serve.
    Unfit,
    /// Endpoints are up, but fewer than `min_up` or none of a family that it can't be without.
    UnderMinUp,
    /// No endpoint is up.
    Down,
    /// A reload brought its endpoints and their first results are not there.
    Awaited,
}

impl AzState {
    /// The state that a judgement leads to. An az that was lost and is up again comes back as
    /// `failback` says, once it has been up for `hold`.
    pub(crate) fn next(
        self,
        judgement: &Judgement,
        (failback, hold): (Failback, Duration),
        now: Now,
    ) -> Self {
        if failback == Failback::Manual && self.awaits_or_is_lost() && judgement.is_alive {
            return match self {
                Self::AwaitingRelease { .. } if judgement.verdict == LocalVerdict::Up => self,
                _ => Self::AwaitingRelease { admits: 0 },
            };
        }
        match judgement.verdict {
            LocalVerdict::Up => match self {
                Self::Eligible | Self::Awaited => Self::Eligible,
                Self::Held { until, .. } if until <= now.mono => failback.begin(now.wall),
                Self::Held { until, hold } => Self::Held { until, hold },
                Self::Suppressed { since, .. } => held(since, (failback, hold), now),
                Self::Ramping(ramp) => failback.go_on(ramp, now.wall),
                Self::AwaitingRelease { .. } | Self::UnderMinUp | Self::Down | Self::Unfit => {
                    held(now.mono, (failback, hold), now)
                }
            },
            LocalVerdict::Suppressed { until } => match self {
                Self::Suppressed { since, .. } => Self::Suppressed { since, until },
                Self::Eligible
                | Self::Held { .. }
                | Self::Ramping(_)
                | Self::AwaitingRelease { .. }
                | Self::Unfit
                | Self::UnderMinUp
                | Self::Down
                | Self::Awaited => Self::Suppressed { since: now.mono, until },
            },
            LocalVerdict::Unfit => Self::Unfit,
            LocalVerdict::Awaited => match self {
                Self::Awaited => Self::Awaited,
                Self::Eligible if judgement.down == 0 => Self::Awaited,
                _ => judgement.lost(),
            },
            LocalVerdict::Down => judgement.lost(),
        }
    }

    /// Whether nothing of it was to be had, and nobody has let it back.
    fn awaits_or_is_lost(self) -> bool {
        match self {
            Self::AwaitingRelease { .. } | Self::Down | Self::Unfit => true,
            Self::Eligible
            | Self::Held { .. }
            | Self::Suppressed { .. }
            | Self::Ramping(_)
            | Self::UnderMinUp
            | Self::Awaited => false,
        }
    }

    /// Whether it may be given to clients, to those in some slots at least.
    pub fn is_eligible(self) -> bool {
        self.admits() > 0
    }

    /// The slots below this one may be given to clients.
    pub fn admits(self) -> u16 {
        match self {
            Self::Eligible => Slot::COUNT as u16,
            Self::Ramping(ramp) => ramp.admits(),
            Self::AwaitingRelease { admits } => admits,
            Self::Held { .. }
            | Self::Suppressed { .. }
            | Self::Unfit
            | Self::UnderMinUp
            | Self::Down
            | Self::Awaited => 0,
        }
    }

    /// Whether it is on its way back.
    pub(crate) fn is_returning(self) -> bool {
        match self {
            Self::Held { .. } | Self::Suppressed { .. } | Self::Ramping(_) => true,
            Self::Eligible
            | Self::AwaitingRelease { .. }
            | Self::Unfit
            | Self::UnderMinUp
            | Self::Down
            | Self::Awaited => false,
        }
    }

    /// Whether it is given before azs that are down, if it is alive and there is no better one.
    pub(crate) fn may_be_alive(self) -> bool {
        match self {
            Self::AwaitingRelease { .. } => false,
            Self::Eligible
            | Self::Unfit
            | Self::Held { .. }
            | Self::Suppressed { .. }
            | Self::Ramping(_)
            | Self::UnderMinUp
            | Self::Down
            | Self::Awaited => true,
        }
    }

    /// When time alone makes it another state.
    pub(crate) fn ends_at(self, now: Now) -> Option<Monotonic> {
        match self {
            Self::Held { until, .. } | Self::Suppressed { until, .. } => Some(until),
            Self::Ramping(ramp) => Some(ramp.next_step(now)),
            Self::Eligible
            | Self::AwaitingRelease { .. }
            | Self::Unfit
            | Self::UnderMinUp
            | Self::Down
            | Self::Awaited => None,
        }
    }
}

/// The state of an az that has been up since then, after a loss.
fn held(since: Monotonic, (failback, hold): (Failback, Duration), now: Now) -> AzState {
    let until = since + hold;
    match failback {
        Failback::Manual => AzState::AwaitingRelease { admits: 0 },
        Failback::Auto | Failback::Ramp(_) if until <= now.mono => failback.begin(now.wall),
        Failback::Auto | Failback::Ramp(_) => AzState::Held { until, hold },
    }
}

/// What an endpoint counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counted {
    Up,
    /// Up, and lost too often of late to make its az eligible before then.
    Suppressed(Monotonic),
    /// It answers, and is not fit to serve.
    Unfit,
    Down,
    /// Not up before its first success.
    Awaited,
}

/// What an endpoint counts as while its monitor is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhileUnknown {
    /// It was given to clients before anything was known: at a start, and in a new pool.
    Up,
    /// A reload added it to a pool that serves without it.
    Awaited,
}

impl Counted {
    /// What an endpoint with this monitor counts as; without one, it is always up.
    pub(crate) fn of(monitor: Option<&Monitor>, unknown: WhileUnknown) -> Self {
        match (monitor.map(Monitor::state), unknown) {
            (None, _) => Self::Up,
            (Some(HealthState::Up), _) => {
                monitor.and_then(Monitor::suppressed_until).map_or(Self::Up, Self::Suppressed)
            }
            (Some(HealthState::Unfit), _) => Self::Unfit,
            (Some(HealthState::Unknown), WhileUnknown::Up) => Self::Up,
            (Some(HealthState::Unknown), WhileUnknown::Awaited) => Self::Awaited,
            (Some(HealthState::Down), _) => Self::Down,
        }
    }

    /// Whether it answers as its check asks and is fit to serve, trusted or not.
    pub(crate) fn is_alive(self) -> bool {
        match self {
            Self::Up | Self::Suppressed(_) => true,
            Self::Unfit | Self::Down | Self::Awaited => false,
        }
    }

    /// What it counts as then, if it is not lost until then.
    fn at(self, then: Monotonic) -> Self {
        match self {
            Self::Suppressed(until) if until <= then => Self::Up,
            Self::Up | Self::Suppressed(_) | Self::Unfit | Self::Down | Self::Awaited => self,
        }
    }
}

/// The address families that a pool has, in whatever azs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Families {
    v4: bool,
    v6: bool,
}

impl Families {
    pub(crate) fn of(pool: &Pool) -> Self {
        Self { v4: pool.has_family(Family::V4), v6: pool.has_family(Family::V6) }
    }
}

/// What one observer's probes say of an az of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LocalVerdict {
    Up,
    /// It would be up but for endpoints that were lost too often of late.
    Suppressed {
        /// When it will be, if none is lost until then.
        until: Monotonic,
    },
    /// Endpoints answer, and of a family that it can't be without none is fit to serve.
    Unfit,
    Down,
    /// It would be up if the first results that are awaited were successes.
    Awaited,
}

/// The local verdict on an az, and what follows from the same count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) verdict: LocalVerdict,
    /// Whether any endpoint is up, suppressed or not.
    pub(crate) is_alive: bool,
    /// Whether any is of a family that the az can't be without.
    pub(crate) has_needed_family: bool,
    /// Endpoints up, of both families.
    pub(crate) up: usize,
    /// Endpoints down, of both families.
    pub(crate) down: usize,
    pub(crate) v4: Giving,
    pub(crate) v6: Giving,
}

impl Judgement {
    /// The state of an az that this is said of and that may not be given.
    fn lost(&self) -> AzState {
        if self.is_alive { AzState::UnderMinUp } else { AzState::Down }
    }
}

/// Which endpoints of a family an az gives when it is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Giving {
    Nothing,
    Up,
    /// What is up, suppressed or not.
    Alive,
    /// Health ignored.
    All,
}

/// Judges an az by what each of its endpoints counts as.
pub(crate) fn judge(
    pool: &Pool,
    families: Families,
    az: &PoolAz,
    counted: impl Iterator<Item = Counted>,
) -> Judgement {
    let counted: Vec<Counted> = counted.collect();
    let mut judgement = judge_at(Monotonic::START, (pool, families, az), &counted);
    if let LocalVerdict::Suppressed { until } = &mut judgement.verdict {
        let ends = counted.iter().filter_map(|counted| match counted {
            Counted::Suppressed(until) => Some(*until),
            Counted::Up | Counted::Unfit | Counted::Down | Counted::Awaited => None,
        });
        let is_up = |at: &Monotonic| {
            judge_at(*at, (pool, families, az), &counted).verdict == LocalVerdict::Up
        };
        *until = ends.filter(is_up).min().unwrap_or(*until);
    }
    judgement
}

/// The judgement on what endpoints count as `at` some time, if none is lost until then.
fn judge_at(
    at: Monotonic,
    (pool, families, az): (&Pool, Families, &PoolAz),
    counted: &[Counted],
) -> Judgement {
    let (mut v4, mut v6) = (Tally::default(), Tally::default());
    for (endpoint, counted) in az.endpoints.iter().zip(counted) {
        let tally = match endpoint.family() {
            Some(Family::V4) => &mut v4,
            // The one name of an az decides as an only family does.
            Some(Family::V6) | None => &mut v6,
        };
        tally.add(counted.at(at));
    }
    let decide = |is_enough: &dyn Fn(&Tally) -> bool| match pool.family_down {
        FamilyDown::Drop if families.v4 => is_enough(&v4),
        FamilyDown::Drop => is_enough(&v6),
        FamilyDown::Az => [v4, v6].iter().all(|tally| tally.total() == 0 || is_enough(tally)),
    };
    let has_needed_family = decide(&|tally| tally.alive() > 0);
    let verdict = if decide(&|tally| tally.is_up(pool)) {
        LocalVerdict::Up
    } else if decide(&|tally| tally.may_be_trusted(pool)) {
        LocalVerdict::Suppressed { until: at }
    } else if !has_needed_family && decide(&|tally| tally.alive() + tally.unfit > 0) {
        LocalVerdict::Unfit
    } else if decide(&|tally| tally.may_be_up(pool)) {
        LocalVerdict::Awaited
    } else {
        LocalVerdict::Down
    };
    Judgement {
        verdict,
        is_alive: v4.alive() + v6.alive() > 0,
        has_needed_family,
        up: v4.alive() + v6.alive(),
        down: v4.down + v4.unfit + v6.down + v6.unfit,
        v4: v4.giving(pool, verdict, has_needed_family),
        v6: v6.giving(pool, verdict, has_needed_family),
    }
}

/// The endpoints of one family of an az.
#[derive(Clone, Copy, Default)]
struct Tally {
    up: usize,
    suppressed: usize,
    unfit: usize,
    down: usize,
    awaited: usize,
}

impl Tally {
    fn add(&mut self, counted: Counted) {
        match counted {
            Counted::Up => self.up += 1,
            Counted::Suppressed(_) => self.suppressed += 1,
            Counted::Unfit => self.unfit += 1,
            Counted::Down => self.down += 1,
            Counted::Awaited => self.awaited += 1,
        }
    }

    fn total(self) -> usize {
        self.up + self.suppressed + self.unfit + self.down + self.awaited
    }

    fn alive(self) -> usize {
        self.up + self.suppressed
    }

    fn is_up(self, pool: &Pool) -> bool {
        self.up >= pool.min_up.of(self.total())
    }

    fn may_be_trusted(self, pool: &Pool) -> bool {
        self.alive() >= pool.min_up.of(self.total())
    }

    fn may_be_up(self, pool: &Pool) -> bool {
        self.alive() + self.awaited >= pool.min_up.of(self.total())
    }

    /// An az that is up ends the family that is not. One that is not up is named only for want of
    /// a better one: it gives what is up of a family, and where nothing is and the pool fails
    /// open, all of it; but not what is unfit beside a family that does without.
    fn giving(self, pool: &Pool, verdict: LocalVerdict, has_needed_family: bool) -> Giving {
        match verdict {
            LocalVerdict::Up if self.is_up(pool) => Giving::Up,
            LocalVerdict::Up => Giving::Nothing,
            LocalVerdict::Suppressed { .. }
            | LocalVerdict::Unfit
            | LocalVerdict::Down
            | LocalVerdict::Awaited => {
                if self.alive() > 0 || !pool.all_down.ignores_health() {
                    Giving::Alive
                } else if self.unfit > 0 && has_needed_family {
                    Giving::Nothing
                } else {
                    Giving::All
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{AllDown, AzId, Endpoint, MinUp, ViewId};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
    use std::num::NonZeroUsize;

    /// A pool whose one az has `v4` and `v6` endpoints.
    fn pool(v4: usize, v6: usize) -> Pool {
        let v4 = std::iter::repeat_n(IpAddr::V4(Ipv4Addr::LOCALHOST), v4);
        let v6 = std::iter::repeat_n(IpAddr::V6(Ipv6Addr::LOCALHOST), v6);
        let endpoint = |address: IpAddr| Endpoint { address: address.into(), monitor: None };
        Pool {
            name: "web".into(),
            view: ViewId(0),
            azs: vec![PoolAz { az: AzId(0), endpoints: v4.chain(v6).map(endpoint).collect() }],
            ttl: Duration::from_secs(30),
            min_ttl: Duration::from_secs(5),
            all_down: AllDown::Open,
            hold: Duration::from_secs(60),
            failback: Failback::Auto,
            min_up: MinUp::Count(1),
            family_down: FamilyDown::Drop,
            safety: None,
            ecs: true,
            max_answers: NonZeroUsize::MIN,
        }
    }

    fn at(seconds: u32) -> Monotonic {
        Monotonic::from_start(Duration::from_secs(seconds.into()))
    }

    /// The judgement on endpoints drawn as `+` up, `-` down, `?` awaited, `!` unfit, and suppressed until
    /// so many seconds.
    fn judged(pool: &Pool, endpoints: &str) -> Judgement {
        let counted = endpoints.chars().map(|drawn| match drawn {
            '+' => Counted::Up,
            '1'..='9' => Counted::Suppressed(at(drawn.to_digit(10).unwrap())),
            '!' => Counted::Unfit,
            '-' => Counted::Down,
            _ => Counted::Awaited,
        });
        judge(pool, Families::of(pool), &pool.azs[0], counted)
    }

    #[test]
    fn lost_ipv6_ends_aaaa_only() {
        let judgement = judged(&pool(1, 1), "+-");
        assert_eq!(judgement.verdict, LocalVerdict::Up);
        assert_eq!((judgement.v4, judgement.v6), (Giving::Up, Giving::Nothing));
    }

    #[test]
    fn lost_ipv4_takes_the_az_out() {
        assert_eq!(judged(&pool(1, 1), "-+").verdict, LocalVerdict::Down);
    }

    #[test]
    fn any_lost_family_takes_the_az_out_where_the_pool_says_so() {
        let strict = Pool { family_down: FamilyDown::Az, ..pool(1, 1) };
        assert_eq!(judged(&strict, "+-").verdict, LocalVerdict::Down);
    }

    #[test]
    fn a_family_that_the_az_never_had_is_not_lost() {
        let strict = Pool { family_down: FamilyDown::Az, ..pool(1, 0) };
        let families = Families { v4: true, v6: true };
        let judgement = judge(&strict, families, &strict.azs[0], [Counted::Up].into_iter());
        assert_eq!(judgement.verdict, LocalVerdict::Up);
    }

    #[test]
    fn ipv6_decides_where_it_is_alone() {
        assert_eq!(judged(&pool(0, 2), "--").verdict, LocalVerdict::Down);
        assert_eq!(judged(&pool(0, 2), "-+").verdict, LocalVerdict::Up);
    }

    #[test]
    fn min_up_is_counted_per_family() {
        let sixty = Pool { min_up: MinUp::Percent(60), ..pool(3, 3) };
        assert_eq!(judged(&sixty, "++-+++").verdict, LocalVerdict::Up);
        assert_eq!(judged(&sixty, "+--+++").verdict, LocalVerdict::Down);
        assert_eq!(judged(&sixty, "+++--+").v6, Giving::Nothing);
    }

    #[test]
    fn a_family_without_any_endpoint_up_fails_open_once_its_az_is_not_up() {
        let judgement = judged(&pool(1, 1), "-+");
        assert_eq!((judgement.v4, judgement.v6), (Giving::All, Giving::Alive));
        let closed = Pool { all_down: AllDown::Closed, ..pool(1, 1) };
        assert_eq!(judged(&closed, "-+").v4, Giving::Alive);
    }

    #[test]
    fn an_az_that_was_never_lost_comes_in_without_hold() {
        let web = pool(2, 0);
        let awaited = judged(&web, "-?");
        assert_eq!(awaited.verdict, LocalVerdict::Awaited);
        let state = AzState::Awaited.next(&awaited, (Failback::Auto, web.hold), Now::default());
        assert_eq!(state, AzState::Awaited);
        let state = state.next(&judged(&web, "-+"), (Failback::Auto, web.hold), Now::default());
        assert_eq!(state, AzState::Eligible);
    }

    #[test]
    fn a_new_endpoint_does_not_spare_a_lost_az_its_hold() {
        let web = pool(2, 0);
        let lost =
            AzState::Eligible.next(&judged(&web, "-?"), (Failback::Auto, web.hold), Now::default());
        assert_eq!(lost, AzState::Down);
        let back = lost.next(&judged(&web, "-+"), (Failback::Auto, web.hold), Now::default());
        let until = Monotonic::START + web.hold;
        assert_eq!(back, AzState::Held { until, hold: web.hold });
    }

    #[test]
    fn a_loss_during_the_hold_starts_it_anew() {
        let web = pool(1, 0);
        let now = |mono| Now { mono, ..Now::default() };
        let held = AzState::Down.next(&judged(&web, "+"), (Failback::Auto, web.hold), now(at(0)));
        let lost = held.next(&judged(&web, "-"), (Failback::Auto, web.hold), now(at(30)));
        let back = lost.next(&judged(&web, "+"), (Failback::Auto, web.hold), now(at(31)));
        assert_eq!(back, AzState::Held { until: at(91), hold: web.hold });
    }

    #[test]
    fn suppressed_endpoints_are_out_where_others_are_enough() {
        let judgement = judged(&pool(2, 0), "+5");
        assert_eq!((judgement.verdict, judgement.v4), (LocalVerdict::Up, Giving::Up));
    }

    #[test]
    fn an_az_is_suppressed_until_enough_are_trusted() {
        let two = Pool { min_up: MinUp::Count(2), ..pool(3, 0) };
        let until = |endpoints| judged(&two, endpoints).verdict;
        assert_eq!(until("+73"), LocalVerdict::Suppressed { until: at(3) });
        assert_eq!(until("573"), LocalVerdict::Suppressed { until: at(5) });
        assert_eq!(until("57-"), LocalVerdict::Suppressed { until: at(7) });
        assert_eq!(until("--7"), LocalVerdict::Down);
    }

    #[test]
    fn a_suppressed_az_gives_all_that_is_up() {
        let judgement = judged(&Pool { min_up: MinUp::Count(2), ..pool(3, 0) }, "+5-");
        assert_eq!(judgement.v4, Giving::Alive);
        assert!(judgement.is_alive && judgement.has_needed_family);
    }

    #[test]
    fn the_hold_after_a_suppression_counts_from_when_the_az_was_up() {
        let web = pool(1, 0);
        let now = |mono| Now { mono, ..Now::default() };
        let suppressed =
            AzState::Down.next(&judged(&web, "9"), (Failback::Auto, web.hold), now(at(1)));
        assert_eq!(suppressed, AzState::Suppressed { since: at(1), until: at(9) });
        let held = suppressed.next(&judged(&web, "+"), (Failback::Auto, web.hold), now(at(9)));
        assert_eq!(held, AzState::Held { until: at(61), hold: web.hold });
        let back = suppressed.next(&judged(&web, "+"), (Failback::Auto, web.hold), now(at(61)));
        assert_eq!(back, AzState::Eligible);
    }

    #[test]
    fn an_az_is_unfit_when_it_answers_and_nothing_that_it_needs_is_fit() {
        assert_eq!(judged(&pool(2, 0), "!-").verdict, LocalVerdict::Unfit);
        assert_eq!(judged(&pool(2, 0), "!+").verdict, LocalVerdict::Up);
        assert_eq!(judged(&pool(1, 1), "!+").verdict, LocalVerdict::Unfit);
        assert_eq!(judged(&pool(1, 1), "-!").verdict, LocalVerdict::Down);
        let two = Pool { min_up: MinUp::Count(2), ..pool(2, 0) };
        assert_eq!(judged(&two, "!+").verdict, LocalVerdict::Down);
        assert_eq!(judged(&two, "!+").v4, Giving::Alive);
    }

    #[test]
    fn an_unfit_family_is_not_given_beside_a_fit_one() {
        let two = Pool { min_up: MinUp::Count(2), ..pool(2, 1) };
        let judgement = judged(&two, "+-!");
        assert_eq!((judgement.v4, judgement.v6), (Giving::Alive, Giving::Nothing));
    }
}
