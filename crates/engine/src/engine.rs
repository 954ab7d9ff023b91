//! The door to executions: start them, look at them, send them messages. Running them is [`Worker`].

mod again;
mod calling;
mod holding;
mod letters;
mod talking;

use std::sync::Arc;

use codeflow_core::execution::ExecutionStatus;
use codeflow_core::workflow::{StepKind, VersionId, Workflow, WorkflowName};
use codeflow_core::{Clock, ExecutionId, Ids, MessageId, TaskId, Tenant, WorkflowId};
use tokio::sync::Notify;

use crate::cache::Workflows;
use crate::plan::DEFAULT_LANE;
use crate::ports::{
    ActionRunner, ExecutionFilter, ExecutionRecord, LogLine, Message, MessageBody, NewSchedule, NewTask,
    NewVersion, QuarantinedTask, Snapshot, StepSummary, Store, StoredVersion, Work,
};
use crate::worker::Workers;
use crate::{Error, ErrorKind, Observer, Wakeups, Worker, WorkerSettings};

pub use again::Rerun;
pub(crate) use calling::CallFailed;
pub use letters::{DeadLetter, LetterOwner};
pub use talking::{Decider, Decision};

/// Messages go before steps: they may say that the steps are not wanted any more.
const MESSAGE_PRIORITY: i16 = 100;

/// What an engine is made of.
#[derive(Clone)]
pub struct Parts {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// What `uses:` means.
    pub actions: Arc<dyn ActionRunner>,
    /// What tells the time that journals show.
    pub clock: Arc<dyn Clock>,
    /// What makes identifiers.
    pub ids: Arc<dyn Ids>,
    /// Who watches this process.
    pub observer: Arc<dyn Observer>,
}

/// Starts executions and talks to them. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) parts: Parts,
    pub(crate) workflows: Arc<Workflows>,
    pub(crate) wake: Arc<Notify>,
    pub(crate) workers: Arc<Workers>,
    pub(crate) wakeups: Wakeups,
}

impl Engine {
    /// An engine over these parts.
    pub fn new(parts: Parts) -> Self {
        let workflows = Arc::new(Workflows::new(Arc::clone(&parts.store)));
        let wakeups = Wakeups::none();
        Self { parts, workflows, wake: Arc::new(Notify::new()), workers: Arc::default(), wakeups }
    }

    /// The same engine, which tells other processes of work and hears it from them.
    #[must_use]
    pub fn with_wakeups(self, wakeups: Wakeups) -> Self {
        Self { wakeups, ..self }
    }

    /// The wake-ups across processes.
    pub fn wakeups(&self) -> &Wakeups {
        &self.wakeups
    }

    /// A worker that runs what this engine starts, and whatever else is due in the same storage.
    pub fn worker(&self, settings: WorkerSettings) -> Worker {
        Worker::new(self.clone(), settings)
    }

    /// Keeps a version of a workflow, whose schedules fire from now on; `document` is the text that `workflow` was parsed
    /// from. It becomes the tenant's that [`Workflow::of`] made it.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn register(&self, workflow: &Workflow, document: &str) -> Result<(), Error> {
        let summary = |step: &codeflow_core::workflow::Step| StepSummary {
            name: step.name.to_string(),
            uses: uses(&step.kind),
        };
        let schedule = |schedule: &codeflow_core::schedule::Schedule| NewSchedule {
            id: schedule.id(&workflow.tenant, &workflow.name),
            schedule: schedule.clone(),
        };
        let version = NewVersion {
            workflow_id: WorkflowId::generate(self.parts.ids.as_ref()),
            tenant: workflow.tenant.clone(),
            name: workflow.name.clone(),
            version: workflow.version.clone(),
            document: document.to_owned(),
            steps: workflow.steps.iter().map(summary).collect(),
            triggers: workflow.triggers.iter().map(|(kind, value)| (kind.clone(), value.clone())).collect(),
            schedules: workflow.schedules.iter().map(schedule).collect(),
        };
        self.parts.store.put_version(version).await
    }

    /// An execution with its journal, or the part of it after sequence number `after`.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound).
    pub async fn get(&self, id: ExecutionId, after: Option<i64>) -> Result<Snapshot, Error> {
        let found = self.parts.store.read(id, after).await?;
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("execution `{id}` does not exist")))
    }

    /// Executions, newest first.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn list(&self, filter: ExecutionFilter, limit: u32) -> Result<Vec<ExecutionRecord>, Error> {
        self.parts.store.list(filter, limit).await
    }

    /// The log of an execution, oldest first.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn logs(&self, id: ExecutionId, skip: u32, limit: u32) -> Result<Vec<LogLine>, Error> {
        self.parts.store.logs(id, skip, limit).await
    }

    /// The workflow version that an execution keeps.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), [`Corrupt`](ErrorKind::Corrupt).
    pub async fn workflow(&self, version: &VersionId) -> Result<Arc<Workflow>, Error> {
        self.workflows.get(version).await
    }

    /// The latest version of a tenant's workflow.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound).
    pub async fn latest(&self, tenant: &Tenant, name: &WorkflowName) -> Result<StoredVersion, Error> {
        let found = self.parts.store.latest_version(tenant, name).await?;
        found.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("workflow `{name}` does not exist")))
    }

    /// The workflows of a tenant by name, each with its latest version.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn list_workflows(
        &self,
        tenant: &Tenant,
        after: Option<&WorkflowName>,
        limit: u32,
    ) -> Result<Vec<StoredVersion>, Error> {
        self.parts.store.list_workflows(tenant, after, limit).await
    }

    /// Tasks that workers died of, oldest first.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn quarantined(
        &self,
        after: Option<TaskId>,
        limit: u32,
    ) -> Result<Vec<QuarantinedTask>, Error> {
        self.parts.store.quarantined(after, limit).await
    }

    /// Puts a quarantined task back into the queue.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound).
    pub async fn release(&self, task: TaskId) -> Result<(), Error> {
        let lane = self.parts.store.release(task).await?;
        self.work_is_due(&lane);
        Ok(())
    }

    /// Wakes a worker of this process, and those of others that take work from this lane.
    pub(crate) fn work_is_due(&self, lane: &str) {
        self.wake.notify_one();
        self.wakeups.ring(lane);
    }

    async fn must_be(
        &self,
        id: ExecutionId,
        what: &str,
        allowed: impl Fn(ExecutionStatus) -> bool,
    ) -> Result<ExecutionRecord, Error> {
        let record = self.get(id, Some(i64::MAX)).await?.record;
        if allowed(record.status) {
            return Ok(record);
        }
        let text = format!("execution `{id}` is {} and cannot be {what}", record.status);
        Err(Error::new(ErrorKind::Conflict, text))
    }

    async fn send(&self, id: ExecutionId, body: MessageBody) -> Result<(), Error> {
        self.leave(id, Message { id: MessageId::generate(self.parts.ids.as_ref()), body }).await
    }

    /// Leaves a message. One that is left again before it was read is the same message.
    pub(crate) async fn leave(&self, id: ExecutionId, message: Message) -> Result<(), Error> {
        let task = NewTask {
            id: TaskId::generate(self.parts.ids.as_ref()),
            work: Work::Inbox,
            attempt: 1,
            lane: DEFAULT_LANE.to_owned(),
            priority: MESSAGE_PRIORITY,
            fair: 0,
            after: None,
            taken: None,
        };
        self.parts.store.send(id, message, task).await?;
        self.work_is_due(DEFAULT_LANE);
        Ok(())
    }
}

fn uses(kind: &StepKind) -> String {
    match kind {
        StepKind::Action { uses, .. } => uses.to_string(),
        StepKind::Workflow { uses, .. } => format!("workflow/{uses}"),
        StepKind::Run { .. } => "run".to_owned(),
        StepKind::Approval { .. } => "approval".to_owned(),
        StepKind::Wait { .. } => "wait".to_owned(),
        StepKind::Sleep { .. } => "sleep".to_owned(),
    }
}
