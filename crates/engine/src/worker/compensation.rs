//! An attempt to undo a step. It is an action like any other; only what it reads and what becomes of it differs.

use codeflow_core::workflow::StepName;
use tokio_util::sync::CancellationToken;

use super::Boot;
use super::committer::{Report, Verdict};
use crate::cache::lock;
use crate::ports::Task;
use crate::{Error, brief};

impl Boot {
    pub(super) async fn compensate(
        &self,
        task: &Task,
        step: &StepName,
        stop: CancellationToken,
    ) -> Result<Option<Report>, Error> {
        self.flight.messages_read(task.execution).await;
        let Some(live) = self.known(task).await? else { return Ok(None) };
        if lock(&live).state.is_paused() {
            return Ok(Some(Report::Held(task.clone())));
        }
        let began = self.engine.parts.clock.now();
        let call = brief::compensation(&lock(&live), step, task.attempt);
        let verdict = match call {
            Ok(call) => Verdict::from(self.act(call, stop).await),
            Err(error) => Verdict::Failed(error),
        };
        Ok(Some(Report::Ended { task: task.clone(), began, verdict }))
    }
}
