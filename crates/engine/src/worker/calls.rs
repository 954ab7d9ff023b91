//! What happens between executions: a step calls a workflow, the caller hears of the end, or wants it no more.
//! All of it may be done twice, because a worker may die at any moment; only the first time counts.

use codeflow_core::execution::{State, StepPath};
use codeflow_core::{ExecutionId, MessageId};
use tokio::time::sleep;

use super::Boot;
use super::attempt::PAUSE;
use super::committer::{Report, Verdict};
use crate::cache::{Shared, lock};
use crate::engine::CallFailed;
use crate::ports::{ChildEnded, ExecutionRecord, Message, MessageBody, Snapshot, Task};
use crate::{Error, ErrorKind, brief};

impl Boot {
    /// Starts the execution that a step calls, unless that was done by whoever had the task before. It has the id of the
    /// task, so that it is found even when its caller was paused or cancelled in between.
    pub(super) async fn call_workflow(
        &self,
        task: &Task,
        path: &StepPath,
        live: &Shared,
    ) -> Result<Option<Report>, Error> {
        let id = ExecutionId::from_uuid(task.id.uuid());
        if self.record_of(id).await?.is_some() {
            return Ok(Some(Report::Called { task: task.clone(), child: id }));
        }
        if lock(live).state.is_paused() {
            return Ok(Some(Report::Held(task.clone())));
        }
        let began = self.engine.parts.clock.now();
        loop {
            let call = brief::workflow_call(&lock(live), path).map_err(CallFailed::Refused);
            let called = match call {
                Ok(call) => self.engine.call(id, call).await,
                Err(failed) => Err(failed),
            };
            match called {
                Ok(child) => return self.unless_unwanted(task, child).await,
                Err(CallFailed::Refused(error)) => {
                    let verdict = Verdict::Failed(error);
                    return Ok(Some(Report::Ended { task: task.clone(), began, verdict }));
                }
                Err(CallFailed::Storage(error)) => wait_for_storage(error).await?,
            }
        }
    }

    /// A worker that was frozen may have started what was given up meanwhile; then it is cancelled at once.
    async fn unless_unwanted(&self, task: &Task, child: ExecutionId) -> Result<Option<Report>, Error> {
        let wanted = self.snapshot_of(task.execution, None).await?.is_some_and(|caller| {
            let is_open = caller.tasks.iter().any(|open| open.id == task.id);
            is_open || State::replay(&caller.facts).calls().any(|other| other.execution == child)
        });
        if !wanted {
            let reason = "the step that called it was given up".to_owned();
            self.call_back(task, child, reason).await?;
        }
        Ok(Some(Report::Called { task: task.clone(), child }))
    }

    /// Tells the caller of this execution how it ended.
    pub(super) async fn answer_caller(&self, task: &Task) -> Result<Option<Report>, Error> {
        let Some(live) = self.known(task).await? else { return Ok(None) };
        let message = {
            let live = lock(&live);
            // It was taken up again, and will have another end.
            let over = live.record.status.is_final();
            live.state.caller().filter(|_| over).map(|caller| {
                let ended = ChildEnded {
                    generation: caller.generation,
                    path: caller.path.clone(),
                    child: live.record.id,
                    status: live.record.status,
                    outputs: live.record.outputs.clone(),
                    error: live.record.error.clone(),
                };
                (caller.execution, MessageBody::Ended(ended))
            })
        };
        if let Some((caller, body)) = message {
            self.leave(task, caller, body).await?;
        }
        Ok(Some(Report::Due(task.clone())))
    }

    /// Cancels the execution that a step called.
    pub(super) async fn recall(&self, task: &Task, path: &StepPath) -> Result<Option<Report>, Error> {
        let Some(live) = self.known(task).await? else { return Ok(None) };
        let child = lock(&live).call_of(path);
        if let Some(child) = child {
            self.call_back(task, child.execution, "the execution that called it ends".to_owned()).await?;
        }
        Ok(Some(Report::Due(task.clone())))
    }

    async fn call_back(&self, task: &Task, child: ExecutionId, reason: String) -> Result<(), Error> {
        match self.record_of(child).await? {
            Some(record) if !record.status.is_final() => {
                let by = format!("execution {}", task.execution);
                self.leave(task, child, MessageBody::Cancel { by, reason: Some(reason) }).await
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Leaves a message that is the same one however often this task is done.
    async fn leave(&self, task: &Task, to: ExecutionId, body: MessageBody) -> Result<(), Error> {
        loop {
            let message = Message { id: MessageId::from_uuid(task.id.uuid()), body: body.clone() };
            match self.engine.leave(to, message).await {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    tracing::warn!(execution.id = %to, "there is nobody any more to tell about an end");
                    return Ok(());
                }
                Err(error) => wait_for_storage(error).await?,
            }
        }
    }

    async fn record_of(&self, id: ExecutionId) -> Result<Option<ExecutionRecord>, Error> {
        Ok(self.snapshot_of(id, Some(i64::MAX)).await?.map(|snapshot| snapshot.record))
    }

    async fn snapshot_of(&self, id: ExecutionId, after: Option<i64>) -> Result<Option<Snapshot>, Error> {
        loop {
            match self.engine.parts.store.read(id, after).await {
                Ok(found) => return Ok(found),
                Err(error) => wait_for_storage(error).await?,
            }
        }
    }
}

async fn wait_for_storage(error: Error) -> Result<(), Error> {
    if error.kind() != ErrorKind::Unavailable {
        return Err(error);
    }
    tracing::warn!(error = %error, "could not reach another execution; trying again");
    sleep(PAUSE).await;
    Ok(())
}
