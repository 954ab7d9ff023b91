//! One claimed task: an attempt of an action with a deadline and a way to stop it, or a mere notice.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use codeflow_core::execution::StepPath;
use codeflow_core::{ActionCall, ActionError, ActionErrorKind, ActionOutcome, format_duration};
use futures_util::FutureExt;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::committer::{Report, Verdict};
use super::slots::Slot;
use super::{Boot, jobs};
use crate::cache::{Shared, lock};
use crate::ports::{Task, Work};
use crate::{Error, ErrorKind, Event, brief};

/// How long an action may go on after it was told to stop.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// The pause before storage is asked again.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

impl Boot {
    /// Does a task and reports it, unless the worker gives it up.
    pub(super) async fn run(self: Arc<Self>, task: Task, stop: CancellationToken) {
        let slot = tokio::select! {
            biased;
            () = self.abandon.cancelled() => return,
            slot = self.slots.take(&task) => slot,
        };
        let Some(slot) = slot else { return };
        if let Some(text) = jobs::text(&task) {
            return self.run_job(task, &text, (stop, slot)).await;
        }
        let (id, execution) = (task.id, task.execution);
        let made = AssertUnwindSafe(self.make(&task, stop)).catch_unwind();
        let made = tokio::select! {
            biased;
            () = self.abandon.cancelled() => return,
            made = made => made,
        };
        drop(slot);
        match made.unwrap_or_else(|_| Ok(Some(self.broken(task)))) {
            Ok(Some(report)) => {
                let _ = self.committer_of(execution).send(report).await;
            }
            Ok(None) => {
                self.flight.remove([id]);
                if !self.flight.holds(execution) {
                    self.executions.forget(execution);
                }
                self.room.notify_one();
            }
            // It stays claimed until this session ends, so that nobody fails with it again and again.
            Err(error) => {
                tracing::error!(task.id = %id, error = %error, "a task cannot be done by this worker");
                self.flight.give_up([id]);
            }
        }
    }

    async fn run_job(&self, task: Task, text: &str, (stop, slot): (CancellationToken, Slot<'_>)) {
        let done = AssertUnwindSafe(self.do_job(task.clone(), text, stop)).catch_unwind();
        let done = tokio::select! {
            biased;
            () = self.abandon.cancelled() => return,
            done = done => done,
        };
        drop(slot);
        let _ = self.job_reports.send(done.unwrap_or_else(|_| Self::broken_job(task))).await;
    }

    /// Makes an attempt, if it is still wanted.
    async fn make(&self, task: &Task, stop: CancellationToken) -> Result<Option<Report>, Error> {
        let path = match &task.work {
            Work::Attempt(path) => path,
            Work::Expire(_) | Work::Deadline => return Ok(Some(Report::Due(task.clone()))),
            Work::Inbox => return Ok(Some(Report::Inbox(task.clone()))),
            Work::Compensate(step) => return self.compensate(task, step, stop).await,
            Work::Answer => return self.answer_caller(task).await,
            Work::Recall(path) => return self.recall(task, path).await,
            Work::Job(_) => return Ok(None),
        };
        self.flight.messages_read(task.execution).await;
        let Some(live) = self.known(task).await? else { return Ok(None) };
        if brief::is_call(&lock(&live), path) {
            return self.call_workflow(task, path, &live).await;
        }
        if lock(&live).state.is_paused() {
            return Ok(Some(Report::Held(task.clone())));
        }
        let began = self.engine.parts.clock.now();
        let call = match stop.is_cancelled() {
            // It was told to stop while it waited for its turn; what is known here may be older than that.
            true => Err(ActionError::new(ActionErrorKind::Cancelled, "it was told to stop before it began")),
            false => brief::call(&lock(&live), path, task.attempt),
        };
        let verdict = match call {
            Ok(call) => {
                self.tell_began(task, path);
                Verdict::from(self.act(call, stop).await)
            }
            Err(error) => Verdict::Failed(error),
        };
        Ok(Some(Report::Ended { task: task.clone(), began, verdict }))
    }

    /// What is reported when we broke down, not the action.
    fn broken(&self, task: Task) -> Report {
        tracing::error!(task.id = %task.id, "an attempt broke down before its action was asked");
        let error = ActionError::new(ActionErrorKind::Internal, "the attempt broke down");
        Report::Ended { task, began: self.engine.parts.clock.now(), verdict: Verdict::Failed(error) }
    }

    fn tell_began(&self, task: &Task, path: &StepPath) {
        let event = Event::Began { execution: task.execution, path: path.clone(), attempt: task.attempt };
        self.engine.parts.observer.notice(event);
    }

    /// The execution, at least as new as this task; nothing when the task was dropped since it was claimed.
    pub(super) async fn known(&self, task: &Task) -> Result<Option<Shared>, Error> {
        let open = |live: &Shared| lock(live).open.contains_key(&task.id);
        let live = self.executions.get(task.execution).await;
        if let Ok(live) = live
            && open(&live)
        {
            return Ok(Some(live));
        }
        loop {
            match self.executions.load(task.execution).await {
                Ok(live) => return Ok(open(&live).then_some(live)),
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    tracing::warn!(error = %error, "could not load an execution; trying again");
                    sleep(PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) async fn act(
        &self,
        call: ActionCall,
        stop: CancellationToken,
    ) -> Result<ActionOutcome, ActionError> {
        let limit = call.timeout;
        let uses = call.uses.clone();
        let action = AssertUnwindSafe(self.engine.parts.actions.run(call, stop.clone())).catch_unwind();
        let overstayed = async {
            stop.cancelled().await;
            sleep(STOP_GRACE).await;
        };
        tokio::select! {
            biased;
            ended = timeout(limit, action) => match ended {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => {
                    tracing::error!(action = %uses, "an action panicked");
                    Err(ActionError::new(ActionErrorKind::Internal, format!("action `{uses}` broke down")))
                }
                Err(_) => {
                    let text = format!("action `{uses}` took longer than {}", format_duration(limit));
                    Err(ActionError::new(ActionErrorKind::Timeout, text))
                }
            },
            () = overstayed => {
                let text = format!("action `{uses}` was told to stop, did not, and was dropped");
                Err(ActionError::new(ActionErrorKind::Cancelled, text))
            }
        }
    }
}
