//! Dead letters: tasks that workers died of, and jobs that were given up.

use codeflow_core::{ActionName, TaskId, redact};
use serde_json::Value;

use super::Engine;
use crate::ports::{ExecutionRecord, MessageBody, QuarantinedTask, Work};
use crate::{Error, ErrorKind};

/// What stands in place of what nobody is to see.
const MASK: &str = "[redacted]";

/// A dead letter, with what it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// The task.
    pub task: QuarantinedTask,
    /// Whose it is.
    pub owner: LetterOwner,
}

/// What a dead letter belongs to.
#[derive(Clone, Debug, PartialEq)]
pub enum LetterOwner {
    /// An execution; nothing when it does not exist.
    Execution(Option<Box<ExecutionRecord>>),
    /// A job.
    Job {
        /// The action, if the job can be read.
        uses: Option<ActionName>,
        /// Its inputs, with what looks like a secret taken out.
        inputs: Value,
    },
}

impl Engine {
    /// A dead letter, to be looked at.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound).
    pub async fn dead_letter(&self, id: TaskId) -> Result<DeadLetter, Error> {
        let before = uuid::Uuid::from_u128(id.uuid().as_u128().wrapping_sub(1));
        let next = self.parts.store.quarantined(Some(TaskId::from_uuid(before)), 1).await?;
        let found = next.into_iter().find(|task| task.id == id);
        let missing =
            || Error::new(ErrorKind::NotFound, format!("task `{id}` is not among the dead letters"));
        let task = found.ok_or_else(missing)?;
        let owner = match &task.work {
            Work::Job(call) => job(call),
            Work::Attempt(_)
            | Work::Expire(_)
            | Work::Deadline
            | Work::Inbox
            | Work::Answer
            | Work::Compensate(_)
            | Work::Recall(_) => {
                let snapshot = self.parts.store.read(task.execution, Some(i64::MAX)).await?;
                LetterOwner::Execution(snapshot.map(|snapshot| Box::new(snapshot.record)))
            }
        };
        Ok(DeadLetter { task, owner })
    }

    /// Gives a dead letter up for good. A job is removed; the step that a task belongs to fails with
    /// `step.abandoned`, and its execution goes on as its document says.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound); [`Conflict`](ErrorKind::Conflict) for what another execution waits for.
    pub async fn drop_dead_letter(&self, id: TaskId, by: &str) -> Result<(), Error> {
        let task = self.dead_letter(id).await?.task;
        match task.work {
            Work::Job(_) => self.discard(id).await,
            Work::Answer => {
                let text = format!(
                    "task `{id}` tells the caller of execution `{}` how it ended, and the caller waits for that: \
                     release it, or cancel the caller",
                    task.execution
                );
                Err(Error::new(ErrorKind::Conflict, text))
            }
            Work::Attempt(_)
            | Work::Expire(_)
            | Work::Deadline
            | Work::Inbox
            | Work::Compensate(_)
            | Work::Recall(_) => {
                let body = MessageBody::Abandon { task: id, by: by.to_owned() };
                self.send(task.execution, body).await
            }
        }
    }
}

/// What can be told of a job.
fn job(call: &str) -> LetterOwner {
    let call: Value = serde_json::from_str(call).unwrap_or_default();
    let uses = call["uses"].as_str().and_then(|name| name.parse().ok());
    LetterOwner::Job { uses, inputs: redacted("", &call["with"]) }
}

/// A value without what looks like a secret: by its name, or by what it says.
fn redacted(name: &str, value: &Value) -> Value {
    if redact(&format!("{name}: x")) != format!("{name}: x") {
        return MASK.into();
    }
    match value {
        Value::String(text) => redact(text).into(),
        Value::Array(items) => items.iter().map(|item| redacted("", item)).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (redact(name), redacted(name, value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}
