//! Walks the steps in the order of their needs: what is due begins, what cannot run is settled.

use std::sync::Arc;
use std::time::Duration;

use codeflow_core::execution::{Fact, Progress, Reason, StepError, StepEvent, StepPath, StepStatus};
use codeflow_core::workflow::{ForEach, Limits, OnError, Step, StepKind, StepName};
use serde_json::{Value, json};

use super::{End, Plan, evaluation};
use crate::ports::Work;

impl Plan<'_> {
    /// One pass is enough: a step comes after all of its needs.
    pub(super) fn walk(&mut self) {
        let workflow = Arc::clone(&self.live.workflow);
        for step in &workflow.steps {
            if self.live.state.settled(&step.name).is_none() {
                self.consider(step);
            }
        }
    }

    fn consider(&mut self, step: &Step) {
        if self.live.progress() != Progress::Open {
            self.stop(step);
            return;
        }
        let known = self.live.state.step(&step.name);
        let waiting = known.is_some_and(|step| step.waiting_since.is_some());
        let items = known.and_then(|step| step.items.clone());
        if waiting {
            self.answered(step);
        } else if let (Some(items), Some(for_each)) = (items, &step.for_each) {
            self.iterate(step, for_each, &items);
        } else if !self.live.has_attempt(&step.name) && !self.live.has_call(&step.name) {
            self.open(step);
        }
    }

    /// Settles what has not begun, and leaves what runs to its worker, which is told.
    fn stop(&mut self, step: &Step) {
        self.drop_tasks(|task| match &task.work {
            Work::Attempt(path) => path.step == step.name && (task.delayed || task.quarantined),
            Work::Expire(name) => *name == step.name,
            Work::Deadline
            | Work::Inbox
            | Work::Answer
            | Work::Recall(_)
            | Work::Compensate(_)
            | Work::Job(_) => false,
        });
        if self.live.has_attempt(&step.name) || self.live.has_call(&step.name) {
            return;
        }
        let message = match self.live.progress() {
            Progress::TimedOut => "the execution's time was up",
            Progress::Cancelled | Progress::Open => "the execution was cancelled",
        };
        self.settle(
            StepPath::step(step.name.clone()),
            StepEvent::Cancelled,
            End::because(Reason::NotBegun, message),
        );
    }

    fn open(&mut self, step: &Step) {
        let ready = step.needs.iter().all(|need| self.live.state.settled(need).is_some());
        if !ready {
            return;
        }
        let path = StepPath::step(step.name.clone());
        if let Some(blocker) = self.blocker(step).filter(|_| !step.always) {
            let message = format!("step `{blocker}` did not succeed");
            let reason = StepError { blocked_by: Some(blocker), ..StepError::new(Reason::Blocked, message) };
            self.settle(path, StepEvent::Skipped, End { error: Some(reason), ..End::default() });
            return;
        }
        match self.condition(step) {
            Ok(true) => self.begin_step(step),
            Ok(false) => {
                self.settle(path, StepEvent::Skipped, End::because(Reason::Condition, "its `if` said no"));
            }
            Err(cause) => {
                let end = End { error: Some(evaluation("`if`", &cause)), ..End::default() };
                self.settle(path, StepEvent::Failed, end);
            }
        }
    }

    fn condition(&self, step: &Step) -> Result<bool, codeflow_expr::Error> {
        match &step.condition {
            None => Ok(true),
            Some(condition) => self.with_scope(step, |scope| condition.test(scope)),
        }
    }

    /// The step that keeps this one from running: one that failed and was not to be passed over.
    fn blocker(&self, step: &Step) -> Option<StepName> {
        step.needs.iter().find_map(|need| {
            let settled = self.live.state.settled(need)?;
            match settled.status {
                StepStatus::Skipped => settled.error.as_ref()?.blocked_by.clone(),
                StepStatus::Failed | StepStatus::Cancelled | StepStatus::TimedOut => {
                    let passed_over = self.live.workflow.step(need)?.on_error == OnError::Continue;
                    (!passed_over).then(|| need.clone())
                }
                StepStatus::Succeeded | StepStatus::Pending | StepStatus::Ready | StepStatus::Running => None,
            }
        })
    }

    fn begin_step(&mut self, step: &Step) {
        match (&step.kind, &step.for_each) {
            (StepKind::Action { .. } | StepKind::Workflow { .. } | StepKind::Run(_), Some(for_each)) => {
                self.expand(step, for_each);
            }
            (StepKind::Action { .. } | StepKind::Workflow { .. } | StepKind::Run(_), None) => {
                self.schedule(Work::Attempt(StepPath::step(step.name.clone())), 1, None);
            }
            (StepKind::Approval { expires: wait, .. } | StepKind::Wait { timeout: wait, .. }, _)
            | (StepKind::Sleep { duration: wait }, _) => self.wait(step, *wait),
        }
    }

    fn wait(&mut self, step: &Step, wait: Duration) {
        self.record(Fact::Waiting { step: step.name.clone(), since: self.given.now });
        if !self.answered(step) {
            self.schedule(Work::Expire(step.name.clone()), 1, Some(wait));
        }
    }

    fn expand(&mut self, step: &Step, for_each: &ForEach) {
        let path = StepPath::step(step.name.clone());
        let rendered = self.with_scope(step, |scope| for_each.items.render(scope));
        let reason = match rendered {
            Ok(Value::Array(items)) if items.len() <= Limits::FOR_EACH_ITEMS => {
                let items = Arc::new(items);
                self.record(Fact::Expanded { step: step.name.clone(), items: Arc::clone(&items) });
                self.iterate(step, for_each, &items);
                return;
            }
            Ok(Value::Array(items)) => {
                let most = Limits::FOR_EACH_ITEMS;
                let text = format!("`for_each` has {} items; {most} are allowed", items.len());
                StepError::new(Reason::TooManyItems, text)
            }
            Ok(_) => StepError::new(Reason::NotAList, "`for_each` must give a list"),
            Err(cause) => evaluation("`for_each`", &cause),
        };
        self.settle(path, StepEvent::Failed, End { error: Some(reason), ..End::default() });
    }

    /// Starts as many iterations as may run at once; settles the step when all are done with.
    fn iterate(&mut self, step: &Step, for_each: &ForEach, items: &[Value]) {
        let running = self.live.open_iterations(&step.name);
        let known = self.live.state.step(&step.name);
        let settled = known.map(|step| &step.iterations);
        let failed = settled.map_or(0, |all| all.values().filter(|one| !is_fine(one.status)).count());
        let halted = failed > 0 && step.on_error == OnError::Fail;
        let room = (for_each.parallel as usize).saturating_sub(running.len());
        // Iterations begin in order, so those that began are the first ones.
        let begun = settled.map_or(0, |all| all.len()) + running.len();
        let next = if halted { 0..0 } else { begun..items.len().min(begun + room) };
        if running.is_empty() && next.is_empty() {
            self.gather(step, items.len(), failed);
            return;
        }
        for index in next.filter_map(|index| u32::try_from(index).ok()) {
            self.schedule(Work::Attempt(StepPath::iteration(step.name.clone(), index)), 1, None);
        }
    }

    fn gather(&mut self, step: &Step, items: usize, failed: usize) {
        let known = self.live.state.step(&step.name).cloned().unwrap_or_default();
        let output = |index| {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let outputs = known.iterations.get(&index).and_then(|one| one.outputs.as_deref());
            outputs.cloned().unwrap_or(Value::Null)
        };
        let outputs: Vec<Value> = (0..items).map(output).collect();
        let end = End::with(json!({ "items": outputs, "failed": failed }));
        let path = StepPath::step(step.name.clone());
        if failed == 0 {
            self.settle(path, StepEvent::Succeeded, end);
            return;
        }
        let first = known.iterations.iter().find(|(_, one)| !is_fine(one.status));
        let cause = first.and_then(|(index, one)| Some((index, one.error.as_ref()?)));
        let reason = match cause {
            Some((index, cause)) => StepError {
                message: format!("{failed} of {items} failed; number {index}: {}", cause.message),
                ..cause.clone()
            },
            None => StepError::new(Reason::Unexplained, format!("{failed} of {items} failed")),
        };
        self.settle(path, StepEvent::Failed, End { error: Some(reason), ..end });
    }
}

pub(super) fn is_fine(status: StepStatus) -> bool {
    match status {
        StepStatus::Succeeded | StepStatus::Skipped => true,
        StepStatus::Failed | StepStatus::Cancelled | StepStatus::TimedOut => false,
        StepStatus::Pending | StepStatus::Ready | StepStatus::Running => false,
    }
}
