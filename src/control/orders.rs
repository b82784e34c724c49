//! Overrides, from being asked for to being in force: an order is judged, written down with its line
//! of the audit log, and only then takes effect and is confirmed. So what was confirmed survives a
//! crash, and what can't be written down never happened.
//!
//! One order at a time, since each writes the whole list: the others wait, and steering goes on. The
//! disk is the saver's thread's.

use std::collections::VecDeque;
use std::future::pending;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::route::{
    Eligibility, Event, NotOverridden, Override, OverrideChange, OverrideKind, Overrides, Refusal,
    Share, Target, TargetError, Transition, Unsafe,
};
use crate::time::{Now, Wall};

use super::Control;
use super::release::{self, Release};
use super::saver::{NotWritten, Saver};

/// An override as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// What is ordered.
    pub kind: OverrideKind,
    /// Of what: a target, which may have globs.
    pub target: String,
    /// For how long, as in `2h`.
    #[serde(rename = "for")]
    pub duration: String,
    /// Why.
    pub reason: String,
    /// The share of clients that a drain leaves to it, as in `20%`; absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Whether a pool may be left without an eligible az.
    #[serde(default)]
    pub even_if_last: bool,
}

/// What came of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ordered {
    /// The override that was given, or cleared.
    #[serde(rename = "override")]
    pub order: Override,
    /// The one for the same targets that it took the place of.
    pub replaced: Option<Override>,
    /// The azs that became eligible or ceased to be.
    pub changes: Vec<Change>,
    /// The generation that serves since.
    pub generation: u64,
}

/// An az of a pool that became eligible or ceased to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The pool's full name.
    pub pool: String,
    /// The az.
    pub az: String,
    /// What it is now.
    pub eligible: bool,
}

/// Why an order is not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// It lasts too short or too long.
    #[error("{0:?} is no duration from 1s to 30d: write for example 2h or 1h30m")]
    Duration(String),
    /// Nobody would know why.
    #[error("the reason must be 1 to {MAX_REASON} characters on one line")]
    Reason,
    /// What a drain leaves is no share, or what it is to be left of has none.
    #[error("{0}")]
    Share(ShareError),
    /// Its target is nothing.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Pools would be left with nothing eligible.
    #[error("{0}; --even-if-last does it even so")]
    Last(Refusal),
    /// Safety rules would break.
    #[error("{0}; --even-if-last is no way round a safety rule")]
    Unsafe(Unsafe),
    /// There is nothing to clear.
    #[error(transparent)]
    NotOverridden(#[from] NotOverridden),
    /// It can't be written down, so a restart would forget it.
    #[error("an override is kept on disk before it takes effect, and this one can't be: {0}")]
    NotWritten(String),
}

/// Why an order can't leave a share of clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// It is no share.
    #[error(
        "{0:?} is no share from 0% to 99%: write for example 20%, or clear the drain to end it"
    )]
    Text(String),
    /// Only a drain can.
    #[error("only a drain leaves a share of clients; a {0} is of all")]
    Kind(OverrideKind),
    /// Only an az can be left one.
    #[error("a share is of an az's clients: {0} is an endpoint")]
    Endpoint(Target),
}

/// Somebody who waits for what comes of an order.
pub(super) type Reply = oneshot::Sender<Result<Ordered, OrderError>>;

/// Something that is to be written down.
#[derive(Debug)]
pub(super) enum Task {
    /// An override is asked for.
    Give { order: Order, by: String, reply: Reply },
    /// One is to end early.
    Clear { target: String, by: String, reply: Reply },
    /// Azs are to be let back.
    Release { target: String, by: String, reply: release::Reply },
    /// What is in force changed by itself.
    Note,
}

/// A line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// When.
    pub at: Wall,
    /// Who did it; `meridian` for what ends by itself.
    pub by: String,
    /// What happened.
    pub what: Deed,
    /// The override's kind; absent for a release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<OverrideKind>,
    /// The share of clients that a drain leaves.
    #[serde(skip_serializing_if = "Share::is_none")]
    pub to: Share,
    /// Its target, as the operator wrote it.
    pub target: String,
    /// What that came to.
    pub targets: Vec<Target>,
    /// Why it was given; absent for a release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was to end; absent for a release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Wall>,
    /// Why it was refused, or not cleared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
}

/// What happens to overrides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// It was given.
    Given,
    /// Another one took its place.
    Replaced,
    /// It was ended early.
    Cleared,
    /// Its time was over.
    Expired,
    /// It was asked for and not given.
    Refused,
    /// It was to end early, and stays in force.
    NotCleared,
    /// Azs that waited for it were let back.
    Released,
}

/// The orders under way.
#[derive(Debug, Default)]
pub(super) struct Orders {
    waiting: VecDeque<Task>,
    writing: Option<Writing>,
    /// For the audit log, with the next that is written.
    owed: Vec<Entry>,
    /// Why none can be taken; `None`: they can.
    closed: Option<String>,
}

/// What is on its way to the disk.
#[derive(Debug)]
struct Writing {
    written: oneshot::Receiver<Result<(), NotWritten>>,
    /// How many of the owed entries are on that way too.
    owed: usize,
    then: Then,
}

/// What is done once it is there.
#[derive(Debug)]
pub(super) enum Then {
    Give { order: Override, even_if_last: bool, reply: Reply },
    Clear { order: Override, by: String, reply: Reply },
    Refuse { error: OrderError, reply: Reply },
    Release(Release),
    Nothing,
}

/// How long an override may last.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);
/// In characters.
const MAX_REASON: usize = 200;

/// For how long `text` says that an override lasts.
pub fn duration(text: &str) -> Result<Duration, OrderError> {
    let duration = humantime::parse_duration(text).ok();
    let duration = duration.filter(|duration| (SHORTEST..=LONGEST).contains(duration));
    duration.ok_or_else(|| OrderError::Duration(text.into()))
}

/// The first whole second that is `lasts` after `start`.
fn end(start: Wall, lasts: Duration) -> Wall {
    let end = start.since_epoch() + lasts;
    let more = u64::from(end.subsec_nanos() > 0);
    Wall::from_epoch(Duration::from_secs(end.as_secs() + more))
}

/// The share that an order leaves to its targets.
fn share(order: &Order, targets: &[Target]) -> Result<Share, OrderError> {
    let Some(text) = &order.to else { return Ok(Share::NONE) };
    if order.kind != OverrideKind::Drain {
        return Err(OrderError::Share(ShareError::Kind(order.kind)));
    }
    let percent = text.trim().strip_suffix('%').and_then(|percent| percent.parse().ok());
    let share = percent.and_then(Share::percent);
    let share = share.ok_or_else(|| OrderError::Share(ShareError::Text(text.clone())))?;
    match targets.iter().find(|target| matches!(target, Target::Endpoint { .. })) {
        Some(endpoint) if !share.is_none() => {
            Err(OrderError::Share(ShareError::Endpoint(endpoint.clone())))
        }
        Some(_) | None => Ok(share),
    }
}

/// `text` without space around it, if it says why in a line.
pub fn reason(text: &str) -> Result<String, OrderError> {
    let text = text.trim();
    let is_line = !text.is_empty() && !text.chars().any(char::is_control);
    let is_short = text.chars().count() <= MAX_REASON;
    (is_line && is_short).then(|| text.to_owned()).ok_or(OrderError::Reason)
}

impl Orders {
    /// None can be taken, for this reason.
    pub(super) fn closed(reason: String) -> Self {
        Self { closed: Some(reason), ..Self::default() }
    }

    /// Waits until what is being written is on the disk, or can't be.
    pub(super) async fn written(&mut self) -> Result<(), NotWritten> {
        match &mut self.writing {
            Some(writing) => (&mut writing.written).await.unwrap_or(Err(NotWritten::Panicked)),
            None => pending().await,
        }
    }

    /// Has what is in force written down. Whoever waits is told at once if that can't be.
    fn write(
        &mut self,
        saver: Option<&Saver>,
        in_force: Overrides,
        entries: Vec<Entry>,
        then: Then,
    ) {
        let begun = match (&self.closed, saver) {
            (Some(reason), _) => Err(reason.clone()),
            (None, None) => Err(NO_STORE.into()),
            (None, Some(saver)) => {
                let entries = self.owed.iter().cloned().chain(entries).collect();
                saver.record(in_force, entries).map_err(|error| error.to_string())
            }
        };
        match begun {
            Ok(written) => {
                self.writing = Some(Writing { written, owed: self.owed.len(), then });
            }
            Err(reason) => then.fail(reason),
        }
    }
}

impl Then {
    /// What does not happen if it can't be written down, who wanted it, and what that is called.
    fn undone(&self) -> Option<(&Override, &str, Deed)> {
        match self {
            Self::Give { order, .. } => Some((order, &order.by, Deed::Refused)),
            Self::Clear { order, by, .. } => Some((order, by, Deed::NotCleared)),
            Self::Refuse { .. } | Self::Release(_) | Self::Nothing => None,
        }
    }

    /// Tells whoever waits that it can't be done. Who has left is not told.
    fn fail(self, reason: String) {
        match self {
            Self::Give { reply, .. } | Self::Clear { reply, .. } => {
                let _ = reply.send(Err(OrderError::NotWritten(reason)));
            }
            // The refusal stands, and the log of the server has it.
            Self::Refuse { error, reply } => {
                let _ = reply.send(Err(error));
            }
            Self::Release(release) => release.fail(reason),
            Self::Nothing => {}
        }
    }
}

impl Control {
    /// Does `task` as soon as those before it are done.
    pub(super) fn order(&mut self, task: Task) {
        self.orders.waiting.push_back(task);
        self.next_order();
    }

    fn next_order(&mut self) {
        while self.orders.writing.is_none()
            && let Some(task) = self.orders.waiting.pop_front()
        {
            let now = self.clock.now();
            match task {
                Task::Give { order, by, reply } => self.judge(order, by, reply, now),
                Task::Clear { target, by, reply } => self.look_up(&target, by, reply, now),
                Task::Release { target, by, reply } => {
                    self.look_for_release(target, by, reply, now);
                }
                Task::Note if self.orders.owed.is_empty() => {}
                Task::Note => self.write_order(vec![], Then::Nothing),
            }
        }
    }

    /// Has entries of the audit log written down, with what is in force as it is.
    pub(super) fn write_order(&mut self, entries: Vec<Entry>, then: Then) {
        let in_force = self.director.overrides().clone();
        self.orders.write(self.saver.as_ref(), in_force, entries, then);
    }

    /// Has an override written down, unless it must not be given.
    fn judge(&mut self, order: Order, by: String, reply: Reply, now: Now) {
        let even_if_last = order.even_if_last;
        let order = match self.understand(order, by, now) {
            Ok(order) => order,
            Err(error) => {
                let _ = reply.send(Err(error));
                return;
            }
        };
        let in_force = self.director.overrides();
        if let Err(error) = self.is_allowed(&order, even_if_last, now) {
            return self.refuse(order, error, reply, now);
        }
        let mut next = in_force.clone();
        let mut entries = vec![];
        if let Some(replaced) = next.give(order.clone()) {
            entries.push(Entry::of(&replaced, Deed::Replaced, &order.by, now));
        }
        entries.push(Entry::of(&order, Deed::Given, &order.by, now));
        let then = Then::Give { order, even_if_last, reply };
        self.orders.write(self.saver.as_ref(), next, entries, then);
    }

    fn understand(&self, order: Order, by: String, now: Now) -> Result<Override, OrderError> {
        let lasts = duration(&order.duration)?;
        let targets = self.director.expand(&order.target)?;
        Ok(Override {
            kind: order.kind,
            to: share(&order, &targets)?,
            targets,
            reason: reason(&order.reason)?,
            given: order.target,
            by,
            given_at: now.wall,
            until: end(now.wall, lasts),
        })
    }

    fn is_allowed(&self, order: &Override, even_if_last: bool, now: Now) -> Result<(), OrderError> {
        self.director.permits(order, now).map_err(OrderError::Unsafe)?;
        if even_if_last {
            return Ok(());
        }
        self.director.consider(order, now).map_err(OrderError::Last)
    }

    /// Has a refusal written into the audit log, with what is in force as it is.
    fn refuse(&mut self, order: Override, error: OrderError, reply: Reply, now: Now) {
        let Override { kind, given, by, .. } = &order;
        tracing::warn!(%kind, given, by, "{kind} of {given} by {by} is refused: {error}");
        let entry = Entry {
            refusal: Some(error.to_string()),
            ..Entry::of(&order, Deed::Refused, &order.by, now)
        };
        self.write_order(vec![entry], Then::Refuse { error, reply });
    }

    /// Has the end of an override written down.
    fn look_up(&mut self, target: &str, by: String, reply: Reply, now: Now) {
        let order = match self.director.override_of(target) {
            Ok(order) => order.clone(),
            Err(error) => {
                let _ = reply.send(Err(error.into()));
                return;
            }
        };
        let mut next = self.director.overrides().clone();
        next.clear(&order.targets);
        let entry = Entry::of(&order, Deed::Cleared, &by, now);
        let then = Then::Clear { order, by, reply };
        self.orders.write(self.saver.as_ref(), next, vec![entry], then);
    }

    /// What was being written is on the disk, or can't be.
    pub(super) fn written(&mut self, result: Result<(), NotWritten>) {
        let Some(Writing { owed, then, .. }) = self.orders.writing.take() else { return };
        match result {
            Ok(()) => {
                self.orders.owed.drain(..owed);
                self.carry_on(then);
            }
            Err(error) => {
                tracing::error!(%error, "overrides can't be written down: {error}");
                let refusal = error.to_string();
                // Half of it may be on the disk: what is in force is written once more.
                if let Some((order, by, what)) = then.undone() {
                    let entry = Entry::of(order, what, by, self.clock.now());
                    self.orders.owed.push(Entry { refusal: Some(refusal.clone()), ..entry });
                    self.orders.waiting.push_back(Task::Note);
                }
                then.fail(refusal);
            }
        }
        self.next_order();
    }

    fn carry_on(&mut self, then: Then) {
        let now = self.clock.now();
        match then {
            Then::Give { order, even_if_last, reply } => {
                // Azs may have been lost while the disk wrote.
                if let Err(error) = self.is_allowed(&order, even_if_last, now) {
                    return self.refuse(order, error, reply, now);
                }
                let Override { kind, to, given, by, reason, until, .. } = &order;
                let share = to.clause();
                tracing::info!(
                    %kind, given, by, %until,
                    "{kind} of {given}{share} by {by} until {until}: {reason}"
                );
                let ordered = self.put_in_force(Event::Override(order.clone()), order, now);
                let _ = reply.send(Ok(ordered));
            }
            Then::Clear { order, by, reply } => {
                let Override { kind, given, .. } = &order;
                tracing::info!(%kind, given, by, "{kind} of {given} cleared by {by}");
                let event = Event::Clear(order.targets.clone());
                let ordered = self.put_in_force(event, order, now);
                let _ = reply.send(Ok(ordered));
            }
            Then::Refuse { error, reply } => {
                let _ = reply.send(Err(error));
            }
            Then::Release(release) => self.carry_out_release(release, now),
            Then::Nothing => {}
        }
    }

    fn put_in_force(&mut self, event: Event, order: Override, now: Now) -> Ordered {
        let effects = self.director.apply(event, now);
        let replaced = effects.overrides.iter().find_map(|change| match change {
            OverrideChange::Replaced(replaced) => Some(replaced.clone()),
            OverrideChange::Given(_) | OverrideChange::Cleared(_) | OverrideChange::Expired(_) => {
                None
            }
        });
        let changes = effects.transitions.iter().map(Change::of).collect();
        self.carry_out(effects, now);
        Ordered { order, replaced, changes, generation: self.shared.load().generation.0 }
    }

    /// Takes note of what came to its end. What was given or cleared is on the disk already.
    pub(super) fn note(&mut self, changes: &[OverrideChange], now: Now) {
        let before = self.orders.owed.len();
        for change in changes {
            let OverrideChange::Expired(order) = change else { continue };
            let Override { kind, given, by, .. } = order;
            tracing::info!(%kind, given, "{kind} of {given} by {by} has come to its end");
            self.orders.owed.push(Entry::of(order, Deed::Expired, "meridian", now));
        }
        if self.orders.owed.len() > before {
            self.order(Task::Note);
        }
    }
}

impl Entry {
    fn of(order: &Override, what: Deed, by: &str, now: Now) -> Self {
        let Override { kind, to, given, targets, reason, by: _, given_at: _, until } = order;
        Self {
            at: now.wall,
            by: by.into(),
            what,
            kind: Some(*kind),
            to: *to,
            target: given.clone(),
            targets: targets.clone(),
            reason: Some(reason.clone()),
            until: Some(*until),
            refusal: None,
        }
    }
}

impl Change {
    pub(super) fn of(transition: &Transition) -> Self {
        let Transition { pool_name, az_name, to, .. } = transition;
        let eligible = match to {
            Eligibility::Eligible => true,
            Eligibility::NotEligible => false,
        };
        Self { pool: pool_name.clone(), az: az_name.clone(), eligible }
    }
}

/// What is told where there is no state directory.
const NO_STORE: &str = "the state directory could not be used when the server started, as its log \
                        says; mend that and restart";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_lasts_from_a_second_to_30_days() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert!(duration("1s").is_ok() && duration("30d").is_ok());
        for text in ["0s", "999ms", "31d", "2", "soon", ""] {
            assert_eq!(duration(text), Err(OrderError::Duration(text.into())));
        }
    }

    #[test]
    fn the_end_is_a_whole_second_and_never_early() {
        let at = |millis| Wall::from_epoch(Duration::from_millis(millis));
        assert_eq!(end(at(1_000), Duration::from_secs(2)), at(3_000));
        assert_eq!(end(at(1_001), Duration::from_secs(2)), at(4_000));
    }

    #[test]
    fn a_reason_is_a_line() {
        assert_eq!(reason(" deploy 42 "), Ok("deploy 42".into()));
        for text in ["", "  ", "a\nb", "a\x1b[2J", &"x".repeat(201)] {
            assert_eq!(reason(text), Err(OrderError::Reason));
        }
    }
}
