//! The door to executions: start them, look at them, send them messages. Running them is [`Worker`].

use std::sync::Arc;

use codeflow_core::execution::{Answer, ExecutionStatus};
use codeflow_core::workflow::{StepKind, StepName, VersionId, Workflow};
use codeflow_core::{Clock, ExecutionId, Ids, MessageId, TaskId, WorkflowId};
use serde_json::Value;
use tokio::sync::Notify;

use crate::cache::Workflows;
use crate::plan::DEFAULT_LANE;
use crate::ports::{
    ActionRunner, ExecutionFilter, ExecutionRecord, LogLine, Message, MessageBody, NewTask, NewVersion,
    QuarantinedTask, Snapshot, StepSummary, Store, Work,
};
use crate::worker::Workers;
use crate::{Error, ErrorKind, Observer, Worker, WorkerSettings};

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
}

impl Engine {
    /// An engine over these parts.
    pub fn new(parts: Parts) -> Self {
        let workflows = Arc::new(Workflows::new(Arc::clone(&parts.store)));
        Self { parts, workflows, wake: Arc::new(Notify::new()), workers: Arc::default() }
    }

    /// A worker that runs what this engine starts, and whatever else is due in the same storage.
    pub fn worker(&self, settings: WorkerSettings) -> Worker {
        Worker::new(self.clone(), settings)
    }

    /// Keeps a version of a workflow; `document` is the text that `workflow` was parsed from.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn register(&self, workflow: &Workflow, document: &str) -> Result<(), Error> {
        let summary = |step: &codeflow_core::workflow::Step| StepSummary {
            name: step.name.to_string(),
            uses: uses(&step.kind),
        };
        let version = NewVersion {
            workflow_id: WorkflowId::generate(self.parts.ids.as_ref()),
            name: workflow.name.clone(),
            version: workflow.version.clone(),
            document: document.to_owned(),
            steps: workflow.steps.iter().map(summary).collect(),
            triggers: workflow.triggers.iter().map(|(kind, value)| (kind.clone(), value.clone())).collect(),
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

    /// Asks an execution to stop. Running work is told; what does not stop in time is dropped.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), [`Conflict`](ErrorKind::Conflict) when it has ended.
    pub async fn cancel(&self, id: ExecutionId, by: &str, reason: Option<String>) -> Result<(), Error> {
        self.must_be(id, "cancelled", |status| !status.is_final()).await?;
        self.send(id, MessageBody::Cancel { by: by.to_owned(), reason }).await
    }

    /// Sends a signal. One that comes before its step waits for it.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), [`Conflict`](ErrorKind::Conflict) when the execution has ended.
    pub async fn signal(&self, id: ExecutionId, event: &str, payload: Value) -> Result<(), Error> {
        self.must_be(id, "signalled", |status| !status.is_final()).await?;
        self.send(id, MessageBody::Signal { event: event.to_owned(), payload }).await
    }

    /// Decides about an approval. The first decision stands.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) also for a step that is no approval,
    /// [`Conflict`](ErrorKind::Conflict) when the execution has ended.
    pub async fn decide(&self, id: ExecutionId, step: &StepName, answer: Answer) -> Result<(), Error> {
        let record = self.must_be(id, "decided about", |status| !status.is_final()).await?;
        let workflow = self.workflows.get(&record.version).await?;
        let approval = |step: &codeflow_core::workflow::Step| matches!(step.kind, StepKind::Approval { .. });
        if !workflow.step(step).is_some_and(approval) {
            let text = format!("workflow `{}` has no approval `{step}`", workflow.name);
            return Err(Error::new(ErrorKind::NotFound, text));
        }
        let Answer { approved, by, comment } = answer;
        let body = MessageBody::Decide { step: step.clone(), approved, by, comment };
        self.send(id, body).await
    }

    /// Takes an execution that has ended up again: from `from` on, or from every step that did not succeed.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) also for an unknown step, [`Conflict`](ErrorKind::Conflict) when
    /// the execution has not ended.
    pub async fn restart(&self, id: ExecutionId, from: Option<StepName>, by: &str) -> Result<(), Error> {
        let record = self.must_be(id, "retried", ExecutionStatus::is_final).await?;
        if let Some(from) = &from {
            let workflow = self.workflows.get(&record.version).await?;
            if workflow.step(from).is_none() {
                let text = format!("workflow `{}` has no step `{from}`", workflow.name);
                return Err(Error::new(ErrorKind::NotFound, text));
            }
        }
        self.send(id, MessageBody::Restart { from, by: by.to_owned() }).await
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
        self.parts.store.release(task).await?;
        self.wake.notify_one();
        Ok(())
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
        let message = Message { id: MessageId::generate(self.parts.ids.as_ref()), body };
        let task = NewTask {
            id: TaskId::generate(self.parts.ids.as_ref()),
            work: Work::Inbox,
            attempt: 1,
            lane: DEFAULT_LANE.to_owned(),
            priority: MESSAGE_PRIORITY,
            after: None,
            taken: None,
        };
        self.parts.store.send(id, message, task).await?;
        self.wake.notify_one();
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
