//! What the rest of the process holds of control: the current snapshot, and a way to ask.

use std::sync::{Arc, Mutex};

use tokio::sync::{mpsc, oneshot, watch};

use crate::answer::Snapshot;
use crate::serve::{Shared, Transports};
use crate::store::Store;

use super::orders::Task;
use super::plan::Plan;
use super::reload::Asked;
use super::status::LoadStatus;
use super::{Order, OrderError, Ordered, ReleaseError, Released, ReloadReport, Status};

/// Asks the control task; cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    shared: Shared,
    commands: mpsc::Sender<Command>,
    ready: watch::Receiver<bool>,
}

/// What control can be asked.
#[derive(Debug)]
pub(super) enum Command {
    Status(oneshot::Sender<Status>),
    Reload(Asked, oneshot::Sender<ReloadReport>),
    Plan(oneshot::Sender<Plan>),
    HoldLoads(oneshot::Sender<LoadStatus>),
    ResumeLoads,
    EndLoads,
    Order(Task),
    Serve(Arc<Mutex<Transports>>),
    Release(oneshot::Sender<()>),
    Adopt(Store),
    Stop(oneshot::Sender<()>),
}

/// The control task has ended, or another process has taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server is stopping or has handed over: ask again")]
pub struct Stopped;

/// Why an override was neither given nor cleared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unordered {
    /// It was refused.
    #[error(transparent)]
    Refused(#[from] OrderError),
    /// Nobody was there to take it.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Why nothing was released.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreleased {
    /// It was refused.
    #[error(transparent)]
    Refused(#[from] ReleaseError),
    /// Nobody was there to take it.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl Handle {
    pub(super) fn new(
        shared: Shared,
        commands: mpsc::Sender<Command>,
        ready: watch::Receiver<bool>,
    ) -> Self {
        Self { shared, commands, ready }
    }

    /// Where workers find the current generation.
    pub fn shared(&self) -> Shared {
        Arc::clone(&self.shared)
    }

    /// The current generation.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.load_full()
    }

    /// Waits until every endpoint has been judged, or `startup_wait` has passed.
    pub async fn ready(&self) -> Result<(), Stopped> {
        self.ready.clone().wait_for(|ready| *ready).await.map(|_| ()).map_err(|_| Stopped)
    }

    /// All that is known of pools, zones, databases and the last load.
    pub async fn status(&self) -> Result<Status, Stopped> {
        self.ask(Command::Status).await
    }

    /// Loads every file again, and tells what came of it once that has taken effect.
    pub async fn reload(&self) -> Result<ReloadReport, Stopped> {
        self.ask(|reply| Command::Reload(Asked::Unconfirmed, reply)).await
    }

    /// As [`Self::reload`], however many clients move.
    pub async fn reload_confirmed(&self) -> Result<ReloadReport, Stopped> {
        self.ask(|reply| Command::Reload(Asked::Confirmed, reply)).await
    }

    /// What a reload would change now.
    pub async fn plan(&self) -> Result<Plan, Stopped> {
        self.ask(Command::Plan).await
    }

    /// Has no load begin until [`Self::resume_loads`], and tells what the last came to once none is
    /// under way.
    pub async fn hold_loads(&self) -> Result<LoadStatus, Stopped> {
        self.ask(Command::HoldLoads).await
    }

    /// Has loads begin again, first of all what was asked for meanwhile.
    pub async fn resume_loads(&self) -> Result<(), Stopped> {
        self.commands.send(Command::ResumeLoads).await.map_err(|_| Stopped)
    }

    /// Has no load begin any more: another process has taken over. Whoever waits for one is told.
    pub async fn end_loads(&self) -> Result<(), Stopped> {
        self.commands.send(Command::EndLoads).await.map_err(|_| Stopped)
    }

    /// Gives an override, in the name of `by`. It is on the disk and in force once this returns.
    pub async fn give(&self, order: Order, by: String) -> Result<Ordered, Unordered> {
        let task = |reply| Command::Order(Task::Give { order, by, reply });
        Ok(self.ask(task).await??)
    }

    /// Ends the override that was given for `target`, in the name of `by`.
    pub async fn clear(&self, target: String, by: String) -> Result<Ordered, Unordered> {
        let task = |reply| Command::Order(Task::Clear { target, by, reply });
        Ok(self.ask(task).await??)
    }

    /// Lets azs back that wait for it, in the name of `by`.
    pub async fn let_back(&self, target: String, by: String) -> Result<Released, Unreleased> {
        let task = |reply| Command::Order(Task::Release { target, by, reply });
        Ok(self.ask(task).await??)
    }

    /// Has the transports follow what later loads say of them.
    pub async fn serve(&self, transports: Arc<Mutex<Transports>>) -> Result<(), Stopped> {
        self.commands.send(Command::Serve(transports)).await.map_err(|_| Stopped)
    }

    /// Saves the state and lets go of its directory, for another process to go on from there. This one
    /// steers on, and saves no more.
    pub async fn release(&self) -> Result<(), Stopped> {
        self.ask(Command::Release).await
    }

    /// Saves the state to `store` from now on.
    pub async fn adopt(&self, store: Store) -> Result<(), Stopped> {
        self.commands.send(Command::Adopt(store)).await.map_err(|_| Stopped)
    }

    /// Ends the control task, its state saved.
    pub async fn stop(&self) -> Result<(), Stopped> {
        self.ask(Command::Stop).await
    }

    /// Waits for the control task to end, which it does unasked only by a fault of its own.
    pub async fn ended(&self) {
        self.commands.closed().await;
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }
}
