//! Steps that call another workflow: the execution that was started, its end, and calling it back.

use codeflow_core::ExecutionId;
use codeflow_core::execution::{ExecutionStatus, Fact, Progress, Reason, StepError, StepEvent, StepPath};
use codeflow_core::workflow::StepKind;

use super::{End, Plan};
use crate::ports::{ChildEnded, Work};

impl Plan<'_> {
    /// A step started the execution that it calls. When the own one is over by now, so is that.
    pub(super) fn called(&mut self, path: StepPath, child: ExecutionId) {
        self.record(Fact::Called { path: path.clone(), child, since: self.given.now });
        if self.live.progress() != Progress::Open {
            self.schedule(Work::Recall(path), 1, None);
        }
    }

    /// Has everything cancelled that steps called and that has not ended.
    pub(super) fn recall_all(&mut self) {
        let workflow = std::sync::Arc::clone(&self.live.workflow);
        for step in &workflow.steps {
            let known = self.live.state.step(&step.name);
            let calls: Vec<_> = known.into_iter().flat_map(|known| known.open_calls()).collect();
            for (iteration, _) in calls {
                let path = StepPath { step: step.name.clone(), iteration };
                if !self.live.open.values().any(|task| task.work == Work::Recall(path.clone())) {
                    self.schedule(Work::Recall(path), 1, None);
                }
            }
        }
    }

    /// Takes the end of a called execution as the end of its step. The news may be faster than that it was started.
    pub(super) fn child_ended(&mut self, end: ChildEnded) {
        let ChildEnded { generation, path, child, status, outputs, error } = end;
        let known = self.live.state.step(&path.step);
        let other = known.and_then(|known| known.children.get(&path.iteration));
        if generation != self.live.record.generation || other.is_some_and(|other| other.execution != child) {
            self.log(
                &path,
                format!("ignored: the end of execution `{child}`, which nobody waits for any more"),
            );
            return;
        }
        if other.is_none() {
            self.record(Fact::Called { path: path.clone(), child, since: self.given.now });
        }
        let began = self.live.call_of(&path).map(|child| child.since);
        let event = match status {
            ExecutionStatus::Succeeded => StepEvent::Succeeded,
            ExecutionStatus::Cancelled => StepEvent::Cancelled,
            ExecutionStatus::TimedOut => StepEvent::TimedOut,
            ExecutionStatus::Failed
            | ExecutionStatus::Queued
            | ExecutionStatus::Running
            | ExecutionStatus::Waiting
            | ExecutionStatus::Paused => StepEvent::Failed,
        };
        let fails = event != StepEvent::Succeeded;
        let error = fails.then(|| self.child_failed(&path, child, status, error));
        let attempt = began.map(|began| (1, began));
        self.settle(path.clone(), event, End { outputs, error, attempt });
        self.drop_tasks(|task| match &task.work {
            Work::Attempt(other) | Work::Recall(other) => *other == path,
            Work::Expire(_)
            | Work::Deadline
            | Work::Inbox
            | Work::Answer
            | Work::Compensate(_)
            | Work::Job(_) => false,
        });
    }

    fn child_failed(
        &self,
        path: &StepPath,
        child: ExecutionId,
        status: ExecutionStatus,
        error: Option<StepError>,
    ) -> StepError {
        let mut workflow = String::new();
        if let Some(StepKind::Workflow { uses, .. }) =
            self.live.workflow.step(&path.step).map(|step| &step.kind)
        {
            workflow = format!(" of workflow `{uses}`");
        }
        let cause =
            error.unwrap_or_else(|| StepError::new(Reason::Unexplained, "it failed without a reason"));
        let message = format!("execution `{child}`{workflow} is {status}: {}", cause.message);
        StepError { code: cause.code, message, blocked_by: None }
    }
}
