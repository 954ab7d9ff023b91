//! A picture of an execution: each step and where it stands, for whoever shows it to people.

use std::sync::Arc;

use codeflow_core::execution::{Caller, Child, ExecutionStatus, Pause, Settled, State};
use codeflow_core::workflow::{Step, StepKind, Workflow};
use codeflow_core::{ExecutionId, Timestamp};
use codeflow_engine::{ExecutionRecord, OpenTask, Snapshot, Work};

/// An execution at one moment.
#[derive(Clone, Debug)]
pub struct View {
    /// The workflow version that it keeps.
    pub workflow: Arc<Workflow>,
    /// The execution.
    pub record: ExecutionRecord,
    state: State,
    tasks: Vec<OpenTask>,
}

/// A step at one moment.
#[derive(Clone, Debug)]
pub struct StepView<'v> {
    /// The step.
    pub step: &'v Step,
    /// Where it stands.
    pub phase: Phase<'v>,
    /// How many iterations are done, and of how many, for a step that repeats.
    pub iterations: Option<(usize, usize)>,
    /// The executions that it, or its iterations, called: also those that have ended.
    pub called: Vec<ExecutionId>,
    /// How it was undone, if it was.
    pub compensated: Option<&'v Settled>,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Phase<'v> {
    /// It waits for other steps.
    Pending,
    /// An attempt is due or runs.
    Running {
        /// The attempt, counted from one.
        attempt: u32,
    },
    /// An attempt failed, and the next one comes after a pause.
    Retrying {
        /// The next attempt.
        attempt: u32,
    },
    /// It waits for a time, a signal or a decision.
    Waiting {
        /// Since when.
        since: Timestamp,
    },
    /// It waits for executions that it called.
    Calling,
    /// Workers died of it, so it was put aside.
    Quarantined,
    /// It is done with.
    Settled(&'v Settled),
}

impl View {
    pub(crate) fn new(workflow: Arc<Workflow>, snapshot: Snapshot) -> Self {
        let Snapshot { record, facts, tasks } = snapshot;
        Self { workflow, record, state: State::replay(&facts), tasks }
    }

    /// Brings the picture up to date. Returns whether that changed anything.
    pub(crate) fn take_in(&mut self, newer: Snapshot) -> bool {
        let Snapshot { record, facts, tasks } = newer;
        if record == self.record && tasks == self.tasks {
            return false;
        }
        for (generation, fact) in &facts {
            self.state.apply(*generation, fact);
        }
        self.record = record;
        self.tasks = tasks;
        true
    }

    /// The steps, in an order in which each comes after its needs.
    pub fn steps(&self) -> impl Iterator<Item = StepView<'_>> {
        self.workflow.steps.iter().map(|step| StepView {
            step,
            phase: self.phase(step),
            iterations: self.iterations(step),
            called: self.called(step),
            compensated: self.state.step(&step.name).and_then(|known| known.compensated.as_ref()),
        })
    }

    /// Whether something was sent to it that no engine has read yet; it may change all the rest.
    pub fn has_unread_messages(&self) -> bool {
        self.tasks.iter().any(|task| task.work == Work::Inbox)
    }

    /// Why it is paused, if it is.
    pub fn pause(&self) -> Option<&Pause> {
        self.state.pause()
    }

    /// The steps that wait for somebody, when nothing of this execution can go on without them.
    pub fn waits_for_somebody(&self) -> Vec<&Step> {
        if self.moves_on() { Vec::new() } else { self.waiting().collect() }
    }

    /// The executions that steps called and wait for, when nothing of this execution can go on without them.
    pub fn waits_for_others(&self) -> Vec<ExecutionId> {
        if self.moves_on() { Vec::new() } else { self.open_calls().map(|child| child.execution).collect() }
    }

    /// The execution that started this one, if one did, with its step.
    pub fn caller(&self) -> Option<&Caller> {
        self.state.caller()
    }

    fn waiting(&self) -> impl Iterator<Item = &Step> {
        self.steps().filter(|view| matches!(view.phase, Phase::Waiting { .. })).map(|view| view.step)
    }

    fn open_calls(&self) -> impl Iterator<Item = Child> {
        let known = self.workflow.steps.iter().filter_map(|step| self.state.step(&step.name));
        known.flat_map(|known| known.open_calls()).map(|(_, child)| child)
    }

    fn moves_on(&self) -> bool {
        let by_time = |step: &Step| matches!(step.kind, StepKind::Sleep { .. });
        self.record.status != ExecutionStatus::Waiting
            || self.waiting().any(by_time)
            || self.tasks.iter().any(goes_on_alone)
    }

    fn called(&self, step: &Step) -> Vec<ExecutionId> {
        let known = self.state.step(&step.name).into_iter();
        known.flat_map(|known| known.children.values()).map(|child| child.execution).collect()
    }

    /// Whether it is paused, and nothing of it runs any more.
    pub fn is_held(&self) -> bool {
        let runs = |task: &OpenTask| {
            matches!(task.work, Work::Attempt(_) | Work::Compensate(_)) && !task.delayed && !task.quarantined
        };
        self.record.status == ExecutionStatus::Paused && !self.tasks.iter().any(runs)
    }

    fn phase(&self, step: &Step) -> Phase<'_> {
        let known = self.state.step(&step.name);
        if let Some(settled) = known.and_then(|known| known.settled.as_ref()) {
            return Phase::Settled(settled);
        }
        if let Some(since) = known.and_then(|known| known.waiting_since) {
            return Phase::Waiting { since };
        }
        let of_step = |task: &&OpenTask| matches!(&task.work, Work::Attempt(path) if path.step == step.name);
        let tasks = || self.tasks.iter().filter(of_step);
        if let Some(task) = tasks().find(|task| !task.delayed && !task.quarantined) {
            return Phase::Running { attempt: task.attempt };
        }
        let calls = known.is_some_and(|known| known.open_calls().next().is_some());
        match tasks().next() {
            Some(task) if task.quarantined => Phase::Quarantined,
            Some(task) => Phase::Retrying { attempt: task.attempt },
            None if calls => Phase::Calling,
            None => Phase::Pending,
        }
    }

    fn iterations(&self, step: &Step) -> Option<(usize, usize)> {
        let known = self.state.step(&step.name)?;
        Some((known.iterations.len(), known.items.as_ref()?.len()))
    }
}

/// Whether a task needs nobody from outside. A deadline is no progress.
fn goes_on_alone(task: &OpenTask) -> bool {
    match task.work {
        Work::Attempt(_) | Work::Compensate(_) => !task.quarantined,
        Work::Inbox | Work::Recall(_) => true,
        Work::Expire(_) | Work::Deadline | Work::Answer | Work::Job(_) => false,
    }
}
