//! Giving up what nobody could do: a task that workers died of is settled as failed by somebody's word.

use codeflow_core::TaskId;
use codeflow_core::execution::{Fact, Reason, Settled, StepError, StepEvent, StepPath, StepStatus};
use codeflow_core::workflow::StepName;

use super::{End, Plan};
use crate::ports::Work;

impl Plan<'_> {
    /// Settles what the task was for as failed. One that is done by now is left alone.
    pub(super) fn abandon(&mut self, id: TaskId, by: &str) {
        let Some(task) = self.live.open.get(&id).cloned() else {
            self.log("", format!("{by} gave a task up that is done by now"));
            return;
        };
        self.drop_task(id);
        let end = || End::because(Reason::Abandoned, format!("{by} gave it up"));
        match task.work {
            Work::Attempt(path) => {
                self.log(&path, format!("given up by {by}"));
                self.settle(path, StepEvent::Failed, end());
            }
            Work::Expire(step) => {
                self.log(&step, format!("its wait was given up by {by}"));
                self.settle(StepPath::step(step), StepEvent::Failed, end());
            }
            Work::Compensate(step) => self.leave_undone(step, task.attempt, by),
            Work::Deadline | Work::Inbox | Work::Answer | Work::Recall(_) | Work::Job(_) => {
                self.log("", format!("a task was given up by {by}"));
            }
        }
    }

    /// The others are undone as well.
    fn leave_undone(&mut self, step: StepName, attempt: u32, by: &str) {
        self.log(&step, format!("could not be undone, and was given up by {by}"));
        self.record(Fact::Compensated(Settled {
            path: StepPath::step(step),
            status: StepStatus::Failed,
            outputs: None,
            error: Some(StepError::new(Reason::Abandoned, format!("{by} gave it up"))),
            attempt,
            began: None,
            ended: self.given.now,
        }));
    }
}
