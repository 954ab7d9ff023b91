//! Undoing: an execution that does not succeed undoes the steps that did, the last one first, and ends then.

use std::sync::Arc;

use codeflow_core::execution::{Fact, Settled, StepError, StepPath, StepStatus};
use codeflow_core::workflow::{StepName, Workflow};
use codeflow_core::{ActionError, ActionErrorKind, Timestamp, format_duration};

use super::Plan;
use crate::ports::{OpenTask, Work};
use crate::worker::Verdict;

impl Plan<'_> {
    /// Has the next step undone. Says whether there is one, or one that is being undone.
    pub(super) fn compensate(&mut self, workflow: &Workflow) -> bool {
        let Some(next) = self.next_to_undo(workflow) else { return false };
        if !self.live.state.is_compensating() {
            self.record(Fact::Compensating);
            self.log("", "it does not succeed; what it did is undone".to_owned());
            self.drop_tasks(|task| task.work == Work::Deadline);
        }
        let undoes = |task: &OpenTask| matches!(task.work, Work::Compensate(_));
        if !self.live.state.is_paused() && !self.live.open.values().any(undoes) {
            self.schedule(Work::Compensate(next), 1, None);
        }
        true
    }

    /// The step that ended last of those that are to be undone.
    fn next_to_undo(&self, workflow: &Workflow) -> Option<StepName> {
        let open = workflow.steps.iter().filter(|step| step.compensate.is_some()).filter_map(|step| {
            let known = self.live.state.step(&step.name)?;
            let open = known.status() == Some(StepStatus::Succeeded) && known.compensated.is_none();
            open.then_some((known.order, &step.name))
        });
        open.max().map(|(_, name)| name.clone())
    }

    /// Takes the end of an attempt to undo a step. Whatever it is, the others are undone as well.
    pub(super) fn compensation_ended(
        &mut self,
        step: &StepName,
        (attempt, began): (u32, Timestamp),
        verdict: Verdict,
    ) {
        let (status, outputs, error) = match verdict {
            Verdict::Done(outputs) => (StepStatus::Succeeded, Some(outputs), None),
            Verdict::Skipped(reason) => (StepStatus::Skipped, None, Some(reason)),
            Verdict::Failed(failure) => {
                if self.undo_again(step, attempt, &failure) {
                    return;
                }
                let error = StepError::from(&failure);
                (failed_as(failure.kind), failure.outputs.map(Arc::new), Some(error))
            }
        };
        let said = match &error {
            None => "undone".to_owned(),
            Some(error) => format!("could not be undone: {} [{}]", error.message, error.code),
        };
        self.log(step, said);
        let path = StepPath::step(step.clone());
        let (began, ended) = (Some(began), self.given.now);
        self.record(Fact::Compensated(Settled { path, status, outputs, error, attempt, began, ended }));
    }

    /// Schedules another attempt if there is to be one.
    fn undo_again(&mut self, name: &StepName, attempt: u32, failure: &ActionError) -> bool {
        let undo = self.live.workflow.step(name).and_then(|step| step.compensate.as_ref());
        let Some(wait) = undo.and_then(|undo| undo.retry.next(attempt, failure.kind)) else { return false };
        let text = format!(
            "attempt {attempt} to undo it failed: {} [{}]; the next one in {}",
            failure.message,
            failure.code,
            format_duration(wait)
        );
        self.log(name, text);
        self.schedule(Work::Compensate(name.clone()), attempt + 1, Some(wait));
        true
    }
}

fn failed_as(kind: ActionErrorKind) -> StepStatus {
    match kind {
        ActionErrorKind::Timeout => StepStatus::TimedOut,
        ActionErrorKind::Cancelled => StepStatus::Cancelled,
        ActionErrorKind::RateLimited
        | ActionErrorKind::Unavailable
        | ActionErrorKind::InvalidInput
        | ActionErrorKind::Denied
        | ActionErrorKind::BudgetExceeded
        | ActionErrorKind::Failed
        | ActionErrorKind::Internal => StepStatus::Failed,
    }
}
