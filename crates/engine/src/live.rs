//! One execution as a worker holds it in memory: the fold of its journal and its open tasks.

use std::sync::Arc;

use codeflow_core::execution::{Child, Fact, Progress, State, StepPath, StepStatus};
use codeflow_core::workflow::{StepName, Workflow};
use codeflow_core::{Ids, TaskId, Timestamp, Usd};
use serde_json::{Value, json};

use crate::ports::{ExecutionRecord, OpenTask, Snapshot, Work};
use crate::steady::Map;

/// An execution in memory. It may be behind storage; the compare-and-set on `seq` finds that out.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) workflow: Arc<Workflow>,
    pub(crate) record: ExecutionRecord,
    pub(crate) state: State,
    pub(crate) open: Map<TaskId, OpenTask>,
    /// What expressions see as `execution`.
    pub(crate) about: Value,
}

/// What planning is given from outside.
#[derive(Clone, Copy)]
pub(crate) struct Given<'g> {
    pub(crate) ids: &'g dyn Ids,
    pub(crate) now: Timestamp,
}

impl Live {
    /// The execution as storage has it.
    pub(crate) fn new(workflow: Arc<Workflow>, snapshot: Snapshot) -> Self {
        let open = snapshot.tasks.into_iter().map(|task| (task.id, task)).collect();
        let about = json!({
            "id": snapshot.record.id,
            "workflow": snapshot.record.workflow,
            "version": snapshot.record.version,
        });
        Self { workflow, state: State::replay(&snapshot.facts), record: snapshot.record, open, about }
    }

    pub(crate) fn apply(&mut self, fact: &Fact) {
        self.state.apply(self.record.generation, fact);
    }

    pub(crate) fn progress(&self) -> Progress {
        self.state.progress()
    }

    /// What the execution may spend, if that is bounded.
    pub(crate) fn budget(&self) -> Option<Usd> {
        self.state.budget().or(self.workflow.budget.usd)
    }

    /// Whether an attempt of the step, or of an iteration of it, is due or being made.
    pub(crate) fn has_attempt(&self, step: &StepName) -> bool {
        self.open.values().any(|task| matches!(&task.work, Work::Attempt(path) if path.step == *step))
    }

    /// Whether the step, or an iteration of it, waits for an execution that it called.
    pub(crate) fn has_call(&self, step: &StepName) -> bool {
        self.state.step(step).is_some_and(|known| known.open_calls().next().is_some())
    }

    /// The execution that a step, or an iteration, called and has not heard of yet.
    pub(crate) fn call_of(&self, path: &StepPath) -> Option<Child> {
        let known = self.state.step(&path.step)?;
        known.open_calls().find(|(iteration, _)| *iteration == path.iteration).map(|(_, child)| child)
    }

    /// The iterations of a step that are due, being made, or wait for an execution that they called.
    pub(crate) fn open_iterations(&self, step: &StepName) -> Vec<u32> {
        let iteration = |task: &OpenTask| match &task.work {
            Work::Attempt(path) if path.step == *step => path.iteration,
            Work::Attempt(_)
            | Work::Expire(_)
            | Work::Deadline
            | Work::Inbox
            | Work::Answer
            | Work::Recall(_)
            | Work::Compensate(_)
            | Work::Job(_) => None,
        };
        let known = self.state.step(step);
        let called = known.into_iter().flat_map(|known| known.open_calls()).filter_map(|(number, _)| number);
        self.open.values().filter_map(iteration).chain(called).collect()
    }

    /// Where a step, or an iteration of it, stands.
    pub(crate) fn status_of(&self, path: &StepPath) -> StepStatus {
        let step = self.state.step(&path.step);
        let settled = step.and_then(|step| match path.iteration {
            None => step.settled.as_ref(),
            Some(iteration) => step.iterations.get(&iteration),
        });
        let began = step.is_some_and(|step| step.waiting_since.is_some() || step.items.is_some())
            || self.call_of(path).is_some()
            || self.open.values().any(|task| task.work == Work::Attempt(path.clone()));
        match settled {
            Some(settled) => settled.status,
            None if began => StepStatus::Running,
            None => StepStatus::Pending,
        }
    }
}
