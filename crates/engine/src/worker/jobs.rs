//! Attempts of jobs, and the commits that end many of them at once.

use std::sync::Arc;
use std::time::Duration;

use codeflow_core::{ActionError, ActionErrorKind, ActionOutcome, RetryPolicy, TaskId};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Boot, MAX_COMMIT};
use crate::jobs::{call, job_of};
use crate::observer::JobEnd;
use crate::ports::{JobEnds, NewTask, Task, Work};
use crate::{ErrorKind, Event};

/// The pause before storage is asked again.
const PAUSE: Duration = Duration::from_millis(200);

/// How an attempt of a job ended.
pub(super) struct JobReport {
    task: Task,
    end: End,
}

enum End {
    Done,
    Again(Duration),
    Dead(String),
}

impl Boot {
    /// Makes an attempt of a job.
    pub(super) async fn do_job(&self, task: Task, text: &str, stop: CancellationToken) -> JobReport {
        let (outcome, retry) = match call(&task, text) {
            Ok((call, retry)) => (self.act(call, stop).await, retry),
            Err(error) => (Err(error), RetryPolicy::default()),
        };
        let end = match outcome {
            Ok(ActionOutcome::Done(_) | ActionOutcome::Skipped(_)) => End::Done,
            Err(error) => after_failure(&task, &retry, &error),
        };
        JobReport { task, end }
    }

    /// What is reported when we broke down, not the action.
    pub(super) fn broken_job(task: Task) -> JobReport {
        JobReport { task, end: End::Dead("the attempt broke down [action.internal]".to_owned()) }
    }

    /// Commits the ends of jobs until every sender is gone or told to end.
    pub(super) async fn finish_jobs(self: Arc<Self>, mut queue: mpsc::Receiver<JobReport>) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                biased;
                () = self.abandon.cancelled() => return,
                taken = queue.recv_many(&mut batch, MAX_COMMIT) => if taken == 0 { return },
            }
            self.finish(&batch).await;
            batch.clear();
        }
    }

    /// Tries until everything is durable or the lease is lost.
    async fn finish(&self, batch: &[JobReport]) {
        let ends = self.ends(batch);
        while !self.lost.is_cancelled() {
            match self.engine.parts.store.finish(self.session, ends.clone()).await {
                Ok(()) => return self.finished(batch, &ends),
                Err(error) if error.kind() == ErrorKind::LeaseLost => self.lose(),
                Err(error) => {
                    tracing::warn!(error = %error, "could not commit the ends of jobs; trying again");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    fn ends(&self, batch: &[JobReport]) -> JobEnds {
        let mut ends = JobEnds::default();
        for report in batch {
            let task = &report.task;
            match &report.end {
                End::Done => ends.done.push(task.id),
                End::Again(wait) => ends.again.push((task.id, self.next_attempt(task, *wait))),
                End::Dead(reason) => ends.dead.push((task.id, reason.clone())),
            }
        }
        ends
    }

    fn next_attempt(&self, task: &Task, wait: Duration) -> NewTask {
        NewTask {
            id: TaskId::generate(self.engine.parts.ids.as_ref()),
            work: task.work.clone(),
            attempt: task.attempt + 1,
            lane: task.lane.clone(),
            priority: task.priority,
            fair: task.fair,
            after: Some(wait),
            taken: None,
        }
    }

    fn finished(&self, batch: &[JobReport], ends: &JobEnds) {
        self.flight.remove(batch.iter().map(|report| report.task.id));
        self.room.notify_one();
        if let Some(after) = ends.again.iter().filter_map(|(_, next)| next.after).min() {
            self.due_in(after);
        }
        for report in batch {
            let end = match &report.end {
                End::Done => JobEnd::Done,
                End::Again(_) => JobEnd::Again,
                End::Dead(_) => JobEnd::Dead,
            };
            let job = job_of(&report.task);
            self.engine.parts.observer.notice(Event::Job { job, attempt: report.task.attempt, end });
        }
    }
}

/// Another attempt, or the dead letters.
fn after_failure(task: &Task, retry: &RetryPolicy, error: &ActionError) -> End {
    // Whoever stops a worker does not mean the job.
    let again = retry.next(task.attempt, error.kind);
    match (again, error.kind) {
        (Some(wait), _) => End::Again(wait),
        (None, ActionErrorKind::Cancelled) => End::Again(retry.initial),
        (None, _) => End::Dead(format!("{} [{}]", error.message, error.code)),
    }
}

/// The text of a job's call, if the task is one.
pub(super) fn text(task: &Task) -> Option<Arc<str>> {
    match &task.work {
        Work::Job(text) => Some(Arc::clone(text)),
        Work::Attempt(_)
        | Work::Expire(_)
        | Work::Deadline
        | Work::Inbox
        | Work::Answer
        | Work::Recall(_)
        | Work::Compensate(_) => None,
    }
}
