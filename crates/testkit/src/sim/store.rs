//! Storage as a node of a simulation reaches it. A call that was sent is done whatever becomes of its caller.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::workflow::{VersionId, WorkflowName};
use codeflow_core::{ExecutionId, ScheduleId, SessionId, TaskId, Tenant, Timestamp};
use codeflow_engine::{
    Admitted, Advance, Claim, Claimed, Dead, DueSchedules, Enqueued, Error, ErrorKind, ExecutionFilter,
    ExecutionRecord, Fired, Firing, Flushed, JobEnds, JobQueue, Journal, LogLine, Message, NewExecution,
    NewJob, NewTask, NewVersion, PendingSlot, Promoted, QuarantinedTask, Recovered, Renewal, ScheduleRecord,
    ScheduleStore, Session, Snapshot, Started, StoredVersion, TaskQueue, WorkflowStore,
};
use codeflow_runtime::Tasks;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::network::{Network, PATIENCE};
use crate::MemoryStore;

/// The way of one node to the storage.
pub(crate) struct SimStore {
    pub(super) inner: MemoryStore,
    pub(super) network: Arc<Network>,
    pub(super) node: usize,
    pub(super) tasks: Tasks,
}

impl SimStore {
    pub(super) async fn call<T, F>(
        &self,
        name: &'static str,
        work: impl FnOnce(MemoryStore) -> F + Send + 'static,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let fate = self.network.fate(self.node);
        let (answer, answered) = oneshot::channel();
        let (inner, network, node) = (self.inner.clone(), Arc::clone(&self.network), self.node);
        self.tasks.spawn("storage", async move {
            let sent = Instant::now();
            sleep(fate.before).await;
            // A statement is cut short in time for the lease: what arrives later does nothing.
            let late = fate.held.is_some_and(|until| until > sent + PATIENCE);
            if let Some(until) = fate.held.filter(|_| !fate.refused) {
                sleep_until(until.min(sent + PATIENCE)).await;
            }
            let done = match fate.refused || late || network.is_cut(node) {
                true => Err(unavailable()),
                false => work(inner).await,
            };
            let end = done.as_ref().err().map_or("done", |error| error.kind().code());
            let lost = if fate.lost { ", and the answer is lost" } else { "" };
            network.chronicle.tell(format_args!("n{node} {name}: {end}{lost}"));
            sleep(fate.after).await;
            if !fate.refused {
                network.reach(node).await;
            }
            // Nobody may be there any more.
            let _ = answer.send(if fate.lost { Err(unavailable()) } else { done });
        });
        let answer = match fate.patience {
            Some(patience) => timeout(patience, answered).await.map_err(|_| unavailable())?,
            None => answered.await,
        };
        answer.unwrap_or_else(|_| Err(unavailable()))
    }
}

fn unavailable() -> Error {
    Error::new(ErrorKind::Unavailable, "storage is away, as the seed wants it")
}

#[async_trait]
impl Journal for SimStore {
    async fn start_all(
        &self,
        executions: Vec<NewExecution>,
        taker: Option<Session>,
    ) -> Result<Vec<Started>, Error> {
        let chronicle = Arc::clone(&self.network.chronicle);
        self.call("start", move |store| async move {
            let taken =
                executions.iter().map(|one| one.tasks.iter().find_map(|task| task.taken)).collect::<Vec<_>>();
            let started = store.start_all(executions, taker).await?;
            let created = started.iter().zip(taken).filter(|(started, _)| **started == Started::Created);
            for batch in created.filter_map(|(_, batch)| batch) {
                if let Some(taker) = taker {
                    chronicle.holds(taker.id, batch);
                }
            }
            Ok(started)
        })
        .await
    }

    async fn read(&self, id: ExecutionId, after: Option<i64>) -> Result<Option<Snapshot>, Error> {
        self.call("read", move |store| async move { store.read(id, after).await }).await
    }

    async fn commits(&self, id: ExecutionId) -> Result<Vec<i64>, Error> {
        self.call("commits", move |store| async move { store.commits(id).await }).await
    }

    async fn read_all(&self, ids: &[ExecutionId]) -> Result<Vec<Snapshot>, Error> {
        let ids = ids.to_vec();
        self.call("read_all", move |store| async move { store.read_all(&ids).await }).await
    }

    async fn list(&self, filter: ExecutionFilter, limit: u32) -> Result<Vec<ExecutionRecord>, Error> {
        self.call("list", move |store| async move { store.list(filter, limit).await }).await
    }

    async fn flush(&self, session: Session, advances: Vec<Advance>) -> Result<Vec<Flushed>, Error> {
        let chronicle = Arc::clone(&self.network.chronicle);
        self.call("flush", move |store| async move {
            let flushed = store.flush(session, advances.clone()).await?;
            chronicle.flushed(session.id, &advances, &flushed);
            Ok(flushed)
        })
        .await
    }

    async fn send(&self, execution: ExecutionId, message: Message, task: NewTask) -> Result<(), Error> {
        self.call("send", move |store| async move { store.send(execution, message, task).await }).await
    }

    async fn inbox(&self, execution: ExecutionId) -> Result<Vec<Message>, Error> {
        self.call("inbox", move |store| async move { store.inbox(execution).await }).await
    }

    async fn logs(&self, execution: ExecutionId, skip: u32, limit: u32) -> Result<Vec<LogLine>, Error> {
        self.call("logs", move |store| async move { store.logs(execution, skip, limit).await }).await
    }
}

#[async_trait]
impl TaskQueue for SimStore {
    async fn open_session(&self, id: SessionId, ttl: Duration) -> Result<Session, Error> {
        self.call("open_session", move |store| async move { store.open_session(id, ttl).await }).await
    }

    async fn renew(&self, session: Session, renewal: Renewal) -> Result<Vec<ExecutionId>, Error> {
        let chronicle = Arc::clone(&self.network.chronicle);
        self.call("renew", move |store| async move {
            let over = renewal.over.clone();
            let stopping = store.renew(session, renewal).await?;
            chronicle.over(session.id, &over);
            Ok(stopping)
        })
        .await
    }

    async fn close_session(&self, session: Session) -> Result<(), Error> {
        self.call("close_session", move |store| async move { store.close_session(session).await }).await
    }

    async fn claim(&self, session: Session, claim: Claim) -> Result<Claimed, Error> {
        let chronicle = Arc::clone(&self.network.chronicle);
        self.call("claim", move |store| async move {
            let batch = claim.batch;
            let claimed = store.claim(session, claim).await?;
            let ids: Vec<_> = claimed.tasks.iter().map(|task| task.id.to_string()).collect();
            chronicle.tell(format_args!("  {} takes {ids:?} as {batch}", session.id));
            if !claimed.tasks.is_empty() {
                chronicle.holds(session.id, batch);
            }
            Ok(claimed)
        })
        .await
    }

    async fn give_back(&self, session: Session, tasks: &[TaskId]) -> Result<(), Error> {
        let tasks = tasks.to_vec();
        self.call("give_back", move |store| async move { store.give_back(session, &tasks).await }).await
    }

    async fn admit(&self, limit: u32) -> Result<Admitted, Error> {
        self.call("admit", move |store| async move { store.admit(limit).await }).await
    }

    async fn promote(&self, limit: u32) -> Result<Promoted, Error> {
        self.call("promote", move |store| async move { store.promote(limit).await }).await
    }

    async fn recover(&self, dead: Dead) -> Result<Recovered, Error> {
        self.call("recover", move |store| async move { store.recover(dead).await }).await
    }

    async fn quarantined(&self, after: Option<TaskId>, limit: u32) -> Result<Vec<QuarantinedTask>, Error> {
        self.call("quarantined", move |store| async move { store.quarantined(after, limit).await }).await
    }

    async fn release(&self, task: TaskId) -> Result<String, Error> {
        self.call("release", move |store| async move { store.release(task).await }).await
    }
}

#[async_trait]
impl JobQueue for SimStore {
    async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Error> {
        self.call("enqueue", move |store| async move { store.enqueue(jobs).await }).await
    }

    async fn finish(&self, session: Session, ends: JobEnds) -> Result<(), Error> {
        self.call("finish", move |store| async move { store.finish(session, ends).await }).await
    }

    async fn discard(&self, task: TaskId) -> Result<(), Error> {
        self.call("discard", move |store| async move { store.discard(task).await }).await
    }
}

#[async_trait]
impl WorkflowStore for SimStore {
    async fn put_version(&self, version: NewVersion) -> Result<(), Error> {
        self.call("put_version", move |store| async move { store.put_version(version).await }).await
    }

    async fn find_version(&self, version: &VersionId) -> Result<Option<StoredVersion>, Error> {
        let version = version.clone();
        self.call("find_version", move |store| async move { store.find_version(&version).await }).await
    }

    async fn latest_version(
        &self,
        tenant: &Tenant,
        name: &WorkflowName,
    ) -> Result<Option<StoredVersion>, Error> {
        let (tenant, name) = (tenant.clone(), name.clone());
        let latest = move |store: MemoryStore| async move { store.latest_version(&tenant, &name).await };
        self.call("latest_version", latest).await
    }

    async fn list_workflows(
        &self,
        tenant: &Tenant,
        after: Option<&WorkflowName>,
        limit: u32,
    ) -> Result<Vec<StoredVersion>, Error> {
        let (tenant, after) = (tenant.clone(), after.cloned());
        let list = move |store: MemoryStore| async move {
            store.list_workflows(&tenant, after.as_ref(), limit).await
        };
        self.call("list_workflows", list).await
    }
}

#[async_trait]
impl ScheduleStore for SimStore {
    async fn due_schedules(&self, limit: u32) -> Result<DueSchedules, Error> {
        self.call("due_schedules", move |store| async move { store.due_schedules(limit).await }).await
    }

    async fn fire(&self, firing: Firing) -> Result<Fired, Error> {
        self.call("fire", move |store| async move { store.fire(firing).await }).await
    }

    async fn pending_slots(&self, limit: u32) -> Result<Vec<PendingSlot>, Error> {
        self.call("pending_slots", move |store| async move { store.pending_slots(limit).await }).await
    }

    async fn settle_slot(
        &self,
        schedule: ScheduleId,
        slot: Timestamp,
        execution: Option<ExecutionId>,
    ) -> Result<(), Error> {
        let settle =
            move |store: MemoryStore| async move { store.settle_slot(schedule, slot, execution).await };
        self.call("settle_slot", settle).await
    }

    async fn unfinished_before(
        &self,
        schedule: ScheduleId,
        before: Timestamp,
    ) -> Result<Vec<ExecutionId>, Error> {
        self.call("unfinished", move |store| async move { store.unfinished_before(schedule, before).await })
            .await
    }

    async fn list_schedules(
        &self,
        workflow: Option<&WorkflowName>,
        after: Option<ScheduleId>,
        limit: u32,
    ) -> Result<Vec<ScheduleRecord>, Error> {
        let workflow = workflow.cloned();
        let list = move |store: MemoryStore| async move {
            store.list_schedules(workflow.as_ref(), after, limit).await
        };
        self.call("list_schedules", list).await
    }

    async fn enable_schedule(&self, id: ScheduleId, enabled: bool) -> Result<(), Error> {
        self.call("enable_schedule", move |store| async move { store.enable_schedule(id, enabled).await })
            .await
    }
}
