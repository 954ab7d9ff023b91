//! The port to jobs: calls of an action that belong to no execution. They wait, are claimed and recovered as tasks.

use async_trait::async_trait;
use codeflow_core::{JobId, TaskId};

use crate::Error;
use crate::ports::{NewTask, Session};

/// A job to put into the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Its id, which is the same for all of its attempts.
    pub id: JobId,
    /// A second job with the same key finds the first, also when that has ended.
    pub key: Option<String>,
    /// Its first attempt.
    pub task: NewTask,
}

/// What became of a job that was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enqueued {
    /// It is new.
    Created,
    /// An earlier job had the same key.
    Existing(JobId),
}

/// How attempts of jobs ended, all of them held by the session that says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobEnds {
    /// These did their work; nothing is kept of them.
    pub done: Vec<TaskId>,
    /// These are tried again: the attempt that failed, and the next one.
    pub again: Vec<(TaskId, NewTask)>,
    /// These are given up, and why: they go to the dead letters.
    pub dead: Vec<(TaskId, String)>,
}

/// Keeps jobs.
#[async_trait]
pub trait JobQueue: Send + Sync {
    /// Puts jobs in, all of them or none, and answers in their order.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a key with a zero character.
    async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Error>;

    /// Writes how attempts ended, in one commit. What is not there any more changes nothing.
    ///
    /// # Errors
    /// [`LeaseLost`](crate::ErrorKind::LeaseLost) when the session is over: then nothing was written.
    async fn finish(&self, session: Session, ends: JobEnds) -> Result<(), Error>;

    /// Removes a job that is among the dead letters.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when it is not, or is the task of an execution.
    async fn discard(&self, task: TaskId) -> Result<(), Error>;
}
