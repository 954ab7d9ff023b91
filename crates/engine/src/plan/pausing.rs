//! A paused execution: what runs ends and is recorded, messages are taken, and nothing begins until it is resumed.

use std::sync::Arc;

use codeflow_core::execution::{ExecutionEvent, Fact, Pause, Progress, StepPath};
use codeflow_core::workflow::{OnError, Step, StepName};
use codeflow_core::{ActionError, ActionErrorKind, MessageId, TaskId, Usd};

use super::Plan;
use super::steps::is_fine;
use crate::ports::{Task, Work};

impl Plan<'_> {
    pub(super) fn pause(&mut self, message: MessageId, by: String, reason: Option<String>) {
        if self.live.state.is_paused() || self.live.progress() != Progress::Open {
            self.log("", format!("a pause by {by} was ignored: the execution is held or ends already"));
            return;
        }
        self.log("", format!("paused by {by}"));
        self.record(Fact::Paused { message, by, reason });
        self.become_after(ExecutionEvent::Paused);
    }

    /// Lets the execution go on: with the attempts and the ends of waits that fell due in the meantime.
    pub(super) fn resume(&mut self, message: MessageId, by: String, budget: Option<Usd>) {
        if !self.live.state.is_paused() {
            match budget {
                // Somebody else was faster. What it may spend counts all the same.
                Some(given) => {
                    self.log("", format!("given a budget of {given} by {by}"));
                    self.record(Fact::Resumed { message, by, budget });
                }
                None => self.log("", format!("a resume by {by} was ignored: the execution is not paused")),
            }
            return;
        }
        let held = self.live.state.held().to_vec();
        let budgeted = budget.map(|budget| format!(" with a budget of {budget}")).unwrap_or_default();
        self.log("", format!("resumed by {by}{budgeted}"));
        self.record(Fact::Resumed { message, by, budget });
        self.become_after(ExecutionEvent::Resumed);
        for (path, attempt) in held {
            self.schedule(Work::Attempt(path), attempt, None);
        }
        let workflow = Arc::clone(&self.live.workflow);
        for step in &workflow.steps {
            if self.waits_no_longer(step) && !self.answered(step) {
                self.wait_ended(&step.name);
            }
        }
    }

    /// Keeps an attempt for later. The execution may have been resumed since its task was claimed.
    pub(super) fn hold(&mut self, task: TaskId, path: StepPath, attempt: u32) {
        if self.live.state.is_paused() {
            self.record(Fact::Held { task, path, attempt });
        } else {
            self.schedule(Work::Attempt(path), attempt, None);
        }
    }

    /// Whether an attempt that found a budget used up is better made later: when the document says what the execution may
    /// spend, the attempt has nothing to show for what it spent, and nothing but this would take the execution down.
    pub(super) fn may_be_paid_later(&self, path: &StepPath, failure: &ActionError) -> bool {
        let step = self.live.workflow.step(&path.step);
        failure.kind == ActionErrorKind::BudgetExceeded
            && failure.outputs.is_none()
            && self.live.progress() == Progress::Open
            && self.live.budget().is_some()
            && step.is_some_and(|step| step.on_error == OnError::Fail)
            && self.first_failure(&self.live.workflow).is_none()
            && !self.has_failed_iteration(&path.step)
    }

    fn has_failed_iteration(&self, step: &StepName) -> bool {
        let known = self.live.state.step(step);
        known.is_some_and(|known| known.iterations.values().any(|one| !is_fine(one.status)))
    }

    /// Pauses the execution until somebody raises its budget, or another one is there again.
    pub(super) fn run_dry(&mut self, task: &Task, path: StepPath, failure: &ActionError) {
        self.log(&path, format!("held: {} [{}]", failure.message, failure.code));
        if !self.live.state.is_paused() {
            let (message, by) = (MessageId::from_uuid(task.id.uuid()), Pause::BUDGET.to_owned());
            self.record(Fact::Paused { message, by, reason: Some(failure.message.clone()) });
            self.become_after(ExecutionEvent::Paused);
        }
        self.record(Fact::Held { task: task.id, path, attempt: task.attempt });
    }

    /// Ends the execution before its steps are done; a pause does not keep it from that.
    pub(super) fn cut_short(&mut self, fact: Fact) {
        if self.live.state.is_paused() {
            self.become_after(ExecutionEvent::Resumed);
        }
        self.record(fact);
        self.recall_all();
    }

    /// Whether the step began to wait, and the time for that has run out.
    fn waits_no_longer(&self, step: &Step) -> bool {
        let expires = Work::Expire(step.name.clone());
        let known = self.live.state.step(&step.name);
        known.is_some_and(|known| known.settled.is_none() && known.waiting_since.is_some())
            && !self.live.open.values().any(|task| task.work == expires)
    }
}
