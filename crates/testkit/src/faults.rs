//! Storage that goes wrong when a test wants it to.

mod doctor;
mod schedules;
mod upkeep;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::workflow::{VersionId, WorkflowName};
use codeflow_core::{ExecutionId, SessionId, TaskId, Tenant};
use codeflow_engine::{
    Admitted, Advance, Claim, Claimed, Dead, Enqueued, Error, ErrorKind, ExecutionFilter, ExecutionRecord,
    Finding, Flushed, JobEnds, JobQueue, Journal, LogLine, Message, NewExecution, NewJob, NewTask,
    NewVersion, Promoted, QuarantinedTask, Recovered, Renewal, Session, Snapshot, Started, Store,
    StoredVersion, TaskQueue, WorkflowStore,
};
use tokio::sync::watch;

type Hook = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Another storage, in front of which calls can be refused, answers lost and writers held up.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    faults: Mutex<Faults>,
    hanging: watch::Sender<bool>,
}

#[derive(Default)]
struct Faults {
    away: bool,
    refused_flushes: u32,
    lost_answers: u32,
    largest_flush: Option<usize>,
    lost_starts: u32,
    lost_claims: u32,
    lost_returns: u32,
    holds_claim: bool,
    held_claim: Option<(Session, Claim)>,
    before_flush: Option<Hook>,
    after_renewal: Option<Hook>,
    after_claim: Option<Hook>,
    calls_left: Option<u32>,
    alarms: VecDeque<Vec<Finding>>,
}

impl FaultyStore {
    /// A storage that works as well as `inner`, for now.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, faults: Mutex::default(), hanging: watch::Sender::new(false) }
    }

    /// From now on, or until told otherwise, every call fails with `Unavailable`.
    pub fn set_away(&self, away: bool) {
        self.faults().away = away;
    }

    /// The next look at tasks finds this as well.
    pub fn alarm(&self, findings: Vec<Finding>) {
        self.faults().alarms.push_back(findings);
    }

    /// From now on, or until told otherwise, no call returns.
    pub fn set_hanging(&self, hanging: bool) {
        self.hanging.send_replace(hanging);
    }

    /// The next `count` flushes write nothing and fail with `Unavailable`.
    pub fn refuse_flushes(&self, count: u32) {
        self.faults().refused_flushes = count;
    }

    /// From now on, flushes of more than `most` moves write nothing and fail with `Unavailable`.
    pub fn refuse_flushes_over(&self, most: usize) {
        self.faults().largest_flush = Some(most);
    }

    /// The next `count` flushes are done, and reported as `Unavailable` all the same.
    pub fn lose_answers(&self, count: u32) {
        self.faults().lost_answers = count;
    }

    /// The next `count` starts are done, and reported as `Unavailable` all the same.
    pub fn lose_starts(&self, count: u32) {
        self.faults().lost_starts = count;
    }

    /// The next `count` claims are granted, and reported as `Unavailable` all the same.
    pub fn lose_claims(&self, count: u32) {
        self.faults().lost_claims = count;
    }

    /// The next `count` times that tasks are given back, they are, and it is reported as `Unavailable` all the same.
    pub fn lose_returns(&self, count: u32) {
        self.faults().lost_returns = count;
    }

    /// The next claim fails with `Unavailable`, and is under way until [`FaultyStore::land_claim`].
    pub fn hold_claim(&self) {
        self.faults().holds_claim = true;
    }

    /// Lets the claim that is under way arrive. Its answer reaches nobody.
    pub async fn land_claim(&self) {
        let held = self.faults().held_claim.take();
        if let Some((session, claim)) = held {
            let _ = self.inner.claim(session, claim).await;
        }
    }

    /// From now on, `calls` are served; the answer of the last one and all later calls are lost, as when the
    /// process that calls comes to an end there. Nothing restores it but [`FaultyStore::revive`].
    pub fn die_after(&self, calls: u32) {
        self.faults().calls_left = Some(calls);
    }

    /// Serves calls again, and tells whether there were so many that some were lost.
    pub fn revive(&self) -> bool {
        self.faults().calls_left.take() == Some(0)
    }

    /// Each flush waits for what `hook` gives.
    pub fn before_flush<F>(&self, hook: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.faults().before_flush = Some(Arc::new(move || Box::pin(hook())));
    }

    /// The answer of each renewal waits for what `hook` gives.
    pub fn after_renewal<F>(&self, hook: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.faults().after_renewal = Some(Arc::new(move || Box::pin(hook())));
    }

    /// The answer of each claim waits for what `hook` gives.
    pub fn after_claim<F>(&self, hook: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.faults().after_claim = Some(Arc::new(move || Box::pin(hook())));
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn inner(&self) -> Result<&dyn Store, Error> {
        // An error would mean that this storage is gone, and with it whoever asks.
        let _ = self.hanging.subscribe().wait_for(|hanging| !hanging).await;
        let mut faults = self.faults();
        let alive = faults.calls_left.as_mut().is_none_or(take);
        if faults.away || !alive { Err(unavailable()) } else { Ok(self.inner.as_ref()) }
    }

    /// The answer, unless whoever asked has come to an end meanwhile.
    fn heard<T>(&self, answer: Result<T, Error>) -> Result<T, Error> {
        if self.faults().calls_left == Some(0) { Err(unavailable()) } else { answer }
    }
}

/// Counts one down, and says whether there was one.
fn take(count: &mut u32) -> bool {
    let some = *count > 0;
    *count = count.saturating_sub(1);
    some
}

fn unavailable() -> Error {
    Error::new(ErrorKind::Unavailable, "storage is away, as the test wants it")
}

#[async_trait]
impl Journal for FaultyStore {
    async fn start_all(
        &self,
        executions: Vec<NewExecution>,
        taker: Option<Session>,
    ) -> Result<Vec<Started>, Error> {
        let started = self.heard(self.inner().await?.start_all(executions, taker).await)?;
        if take(&mut self.faults().lost_starts) { Err(unavailable()) } else { Ok(started) }
    }

    async fn read(&self, id: ExecutionId, after: Option<i64>) -> Result<Option<Snapshot>, Error> {
        self.inner().await?.read(id, after).await
    }

    async fn commits(&self, id: ExecutionId) -> Result<Vec<i64>, Error> {
        self.inner().await?.commits(id).await
    }

    async fn read_all(&self, ids: &[ExecutionId]) -> Result<Vec<Snapshot>, Error> {
        self.inner().await?.read_all(ids).await
    }

    async fn list(&self, filter: ExecutionFilter, limit: u32) -> Result<Vec<ExecutionRecord>, Error> {
        self.inner().await?.list(filter, limit).await
    }

    async fn flush(&self, session: Session, advances: Vec<Advance>) -> Result<Vec<Flushed>, Error> {
        let hook = self.faults().before_flush.clone();
        if let Some(hook) = hook {
            hook().await;
        }
        if take(&mut self.faults().refused_flushes) {
            return Err(unavailable());
        }
        if self.faults().largest_flush.is_some_and(|most| advances.len() > most) {
            return Err(unavailable());
        }
        let flushed = self.inner().await?.flush(session, advances).await?;
        if take(&mut self.faults().lost_answers) { Err(unavailable()) } else { Ok(flushed) }
    }

    async fn send(&self, execution: ExecutionId, message: Message, task: NewTask) -> Result<(), Error> {
        self.heard(self.inner().await?.send(execution, message, task).await)
    }

    async fn inbox(&self, execution: ExecutionId) -> Result<Vec<Message>, Error> {
        self.inner().await?.inbox(execution).await
    }

    async fn logs(&self, execution: ExecutionId, skip: u32, limit: u32) -> Result<Vec<LogLine>, Error> {
        self.inner().await?.logs(execution, skip, limit).await
    }
}

#[async_trait]
impl TaskQueue for FaultyStore {
    async fn open_session(&self, id: SessionId, ttl: Duration) -> Result<Session, Error> {
        self.inner().await?.open_session(id, ttl).await
    }

    async fn renew(&self, session: Session, renewal: Renewal) -> Result<Vec<ExecutionId>, Error> {
        let answer = self.inner().await?.renew(session, renewal).await;
        let hook = self.faults().after_renewal.clone();
        if let Some(hook) = hook {
            hook().await;
        }
        answer
    }

    async fn close_session(&self, session: Session) -> Result<(), Error> {
        self.inner().await?.close_session(session).await
    }

    async fn claim(&self, session: Session, claim: Claim) -> Result<Claimed, Error> {
        if std::mem::take(&mut self.faults().holds_claim) {
            self.faults().held_claim = Some((session, claim));
            return Err(unavailable());
        }
        let claimed = self.inner().await?.claim(session, claim).await?;
        let hook = self.faults().after_claim.clone();
        if let Some(hook) = hook {
            hook().await;
        }
        if take(&mut self.faults().lost_claims) { Err(unavailable()) } else { Ok(claimed) }
    }

    async fn give_back(&self, session: Session, tasks: &[TaskId]) -> Result<(), Error> {
        self.inner().await?.give_back(session, tasks).await?;
        if take(&mut self.faults().lost_returns) { Err(unavailable()) } else { Ok(()) }
    }

    async fn admit(&self, limit: u32) -> Result<Admitted, Error> {
        self.inner().await?.admit(limit).await
    }

    async fn promote(&self, limit: u32) -> Result<Promoted, Error> {
        self.inner().await?.promote(limit).await
    }

    async fn recover(&self, dead: Dead) -> Result<Recovered, Error> {
        self.inner().await?.recover(dead).await
    }

    async fn quarantined(&self, after: Option<TaskId>, limit: u32) -> Result<Vec<QuarantinedTask>, Error> {
        self.inner().await?.quarantined(after, limit).await
    }

    async fn release(&self, task: TaskId) -> Result<String, Error> {
        self.inner().await?.release(task).await
    }
}

#[async_trait]
impl JobQueue for FaultyStore {
    async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Error> {
        self.inner().await?.enqueue(jobs).await
    }

    async fn finish(&self, session: Session, ends: JobEnds) -> Result<(), Error> {
        if take(&mut self.faults().refused_flushes) {
            return Err(unavailable());
        }
        self.inner().await?.finish(session, ends).await?;
        if take(&mut self.faults().lost_answers) { Err(unavailable()) } else { Ok(()) }
    }

    async fn discard(&self, task: TaskId) -> Result<(), Error> {
        self.inner().await?.discard(task).await
    }
}

#[async_trait]
impl WorkflowStore for FaultyStore {
    async fn put_version(&self, version: NewVersion) -> Result<(), Error> {
        self.inner().await?.put_version(version).await
    }

    async fn find_version(&self, version: &VersionId) -> Result<Option<StoredVersion>, Error> {
        self.inner().await?.find_version(version).await
    }

    async fn latest_version(
        &self,
        tenant: &Tenant,
        name: &WorkflowName,
    ) -> Result<Option<StoredVersion>, Error> {
        self.inner().await?.latest_version(tenant, name).await
    }

    async fn list_workflows(
        &self,
        tenant: &Tenant,
        after: Option<&WorkflowName>,
        limit: u32,
    ) -> Result<Vec<StoredVersion>, Error> {
        self.inner().await?.list_workflows(tenant, after, limit).await
    }
}
