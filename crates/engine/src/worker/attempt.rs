//! One claimed task: an attempt of an action with a deadline and a way to stop it, or a mere notice.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use codeflow_core::execution::StepPath;
use codeflow_core::{ActionCall, ActionError, ActionErrorKind, ActionOutcome, format_duration};
use futures_util::FutureExt;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Boot;
use super::committer::{Report, Verdict};
use crate::cache::{Shared, lock};
use crate::ports::{Task, Work};
use crate::{Error, ErrorKind, Event, brief};

/// How long an action may go on after it was told to stop.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// The pause before storage is asked again.
const PAUSE: Duration = Duration::from_millis(200);

impl Boot {
    /// Does a task and reports it, unless the worker gives it up.
    pub(super) async fn run(self: Arc<Self>, task: Task, stop: CancellationToken) {
        let id = task.id;
        let report = tokio::select! {
            () = self.abandon.cancelled() => return,
            report = self.make(task, stop) => report,
        };
        match report {
            Ok(report) => {
                let _ = self.reports.send(report).await;
            }
            Err(error) => {
                tracing::error!(task.id = %id, error = %error, "a task cannot be done by this worker");
                self.flight.remove([id]);
            }
        }
    }

    async fn make(&self, task: Task, stop: CancellationToken) -> Result<Report, Error> {
        let path = match &task.work {
            Work::Attempt(path) => path.clone(),
            Work::Expire(_) | Work::Deadline => return Ok(Report::Due(task)),
            Work::Inbox => return Ok(Report::Inbox(task)),
        };
        self.flight.messages_read(task.execution).await;
        let live = self.known(&task).await?;
        let began = self.engine.parts.clock.now();
        let call = brief::call(&lock(&live), &path, task.attempt);
        let verdict = match call {
            Ok(call) => {
                self.tell_began(&task, &path);
                Verdict::from(self.act(call, stop).await)
            }
            Err(error) => Verdict::Failed(error),
        };
        Ok(Report::Ended { task, began, verdict })
    }

    fn tell_began(&self, task: &Task, path: &StepPath) {
        let event = Event::Began { execution: task.execution, path: path.clone(), attempt: task.attempt };
        self.engine.parts.observer.notice(event);
    }

    /// The execution, at least as new as this task.
    async fn known(&self, task: &Task) -> Result<Shared, Error> {
        loop {
            let live = match self.engine.cache.get(task.execution).await {
                Ok(live) if lock(&live).open.contains_key(&task.id) => Ok(live),
                Ok(_) => self.engine.cache.load(task.execution).await,
                Err(error) => Err(error),
            };
            match live {
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    tracing::warn!(error = %error, "could not load an execution; trying again");
                    sleep(PAUSE).await;
                }
                other => return other,
            }
        }
    }

    async fn act(&self, call: ActionCall, stop: CancellationToken) -> Result<ActionOutcome, ActionError> {
        let limit = call.timeout;
        let uses = call.uses.clone();
        let action = AssertUnwindSafe(self.engine.parts.actions.run(call, stop.clone())).catch_unwind();
        let overstayed = async {
            stop.cancelled().await;
            sleep(STOP_GRACE).await;
        };
        tokio::select! {
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
