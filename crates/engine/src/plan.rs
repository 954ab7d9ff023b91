//! Decides, without touching anything outside, what one execution does next.
//!
//! Something happened (an attempt ended, a time came, messages were read); [`Plan`] turns it into facts,
//! and then walks the steps once, in the order of their needs, for what those facts make due.

mod abandoning;
mod calls;
mod compensation;
mod happening;
mod pausing;
mod recorded;
mod restart;
mod steps;

use std::sync::Arc;

use codeflow_core::execution::{
    ExecutionEvent, Fact, Progress, Reason, Settled, StepError, StepEvent, StepPath, StepStatus,
};
use codeflow_core::workflow::{OnError, Step, Workflow};
use codeflow_core::{MessageId, TaskId, Timestamp};
use serde_json::{Map, Value, json};

use crate::live::{Given, Live};
use crate::ports::{Advance, Ending, LogLine, NewTask, OpenTask, SlotMove, Work, fair_key};
use crate::scope::{Steps, roots};

pub(crate) use happening::Happening;
pub(crate) use restart::steps_to_restart;

/// The lane that steps wait in when nothing else is said.
pub(crate) const DEFAULT_LANE: &str = "default";

/// The moves of one execution that go into one commit.
pub(crate) struct Plan<'p> {
    live: &'p mut Live,
    given: Given<'p>,
    facts: Vec<Fact>,
    done: Vec<TaskId>,
    dropped: Vec<TaskId>,
    tasks: Vec<NewTask>,
    read: Vec<MessageId>,
    logs: Vec<LogLine>,
    ending: Option<Ending>,
    slot: Option<SlotMove>,
}

impl<'p> Plan<'p> {
    /// No moves yet.
    pub(crate) fn new(live: &'p mut Live, given: Given<'p>) -> Self {
        Self {
            live,
            given,
            facts: Vec::new(),
            done: Vec::new(),
            dropped: Vec::new(),
            tasks: Vec::new(),
            read: Vec::new(),
            logs: Vec::new(),
            ending: None,
            slot: None,
        }
    }

    /// The first moves of a new execution.
    pub(crate) fn begin(mut self) -> Advance {
        self.start_clock();
        self.finish()
    }

    /// Takes the happenings in, looks for what they make due, and hands out the moves.
    pub(crate) fn take(mut self, happenings: impl IntoIterator<Item = Happening>) -> Advance {
        for happening in happenings {
            self.happen(happening);
        }
        self.finish()
    }

    fn start_clock(&mut self) {
        if let Some(wall) = self.live.workflow.budget.wall {
            self.schedule(Work::Deadline, 1, Some(wall));
        }
    }

    fn finish(mut self) -> Advance {
        if self.live.record.status.is_final() {
            let record = &self.live.record;
            self.ending = Some(Ending { outputs: record.outputs.clone(), error: record.error.clone() });
        } else {
            if !self.live.state.is_paused() {
                self.walk();
            }
            self.conclude();
        }
        Advance {
            execution: self.live.record.id,
            expected_seq: self.live.record.seq,
            generation: self.live.record.generation,
            status: self.live.record.status,
            stopping: self.is_stopping(),
            ending: self.ending,
            facts: self.facts,
            began: None,
            done: self.done,
            dropped: self.dropped,
            tasks: self.tasks,
            slot: self.slot,
            read: self.read,
            logs: self.logs,
        }
    }

    /// Whether what runs is to be told to stop. What undoes a step runs on.
    fn is_stopping(&self) -> bool {
        let over = self.live.record.status.is_final() || self.live.state.is_compensating();
        self.live.progress() != Progress::Open && !over
    }

    /// Ends the execution when every step is settled; else says whether it works or waits.
    fn conclude(&mut self) {
        let workflow = Arc::clone(&self.live.workflow);
        let settled = workflow.steps.iter().all(|step| self.live.state.settled(&step.name).is_some());
        if settled {
            let (outputs, failure) = self.outcome(&workflow);
            if failure.is_none() || !self.compensate(&workflow) {
                self.end(outputs, failure);
                return;
            }
        }
        let works = |task: &OpenTask| match task.work {
            Work::Attempt(_) | Work::Inbox | Work::Recall(_) | Work::Compensate(_) => {
                !task.delayed && !task.quarantined
            }
            Work::Expire(_) | Work::Deadline | Work::Answer | Work::Job(_) => false,
        };
        let event = match self.live.open.values().any(works) {
            true => ExecutionEvent::Worked,
            false => ExecutionEvent::Idled,
        };
        self.become_after(event);
    }

    /// What the execution gives, and why it does not succeed.
    fn outcome(&self, workflow: &Workflow) -> (Option<Value>, Option<StepError>) {
        let failure = match self.live.progress() {
            Progress::Cancelled => {
                Some(StepError::new(Reason::ExecutionCancelled, "the execution was cancelled"))
            }
            Progress::TimedOut => {
                Some(StepError::new(Reason::ExecutionTimedOut, "the execution's time was up"))
            }
            Progress::Open => self.first_failure(workflow),
        };
        match (self.outputs(workflow, failure.is_some()), failure) {
            (Ok(outputs), failure) => (Some(outputs), failure),
            (Err(unreadable), failure) => (None, failure.or(Some(unreadable))),
        }
    }

    fn end(&mut self, outputs: Option<Value>, failure: Option<StepError>) {
        let event = match (self.live.progress(), &failure) {
            (Progress::Cancelled, _) => ExecutionEvent::Cancelled,
            (Progress::TimedOut, _) => ExecutionEvent::TimedOut,
            (Progress::Open, Some(_)) => ExecutionEvent::Failed,
            (Progress::Open, None) => ExecutionEvent::Succeeded,
        };
        self.become_after(event);
        let ending = Ending { outputs: outputs.map(Arc::new), error: failure };
        self.live.record.outputs.clone_from(&ending.outputs);
        self.live.record.error.clone_from(&ending.error);
        self.ending = Some(ending);
        self.slot = self.live.workflow.concurrency.as_ref().map(|_| SlotMove::Release);
        // A message may still come for an execution that has ended: it may be restarted.
        self.drop_tasks(|task| task.work != Work::Inbox);
        if self.live.state.caller().is_some() {
            self.schedule(Work::Answer, 1, None);
        }
    }

    fn first_failure(&self, workflow: &Workflow) -> Option<StepError> {
        workflow.steps.iter().filter(|step| step.on_error == OnError::Fail).find_map(|step| {
            let settled = self.live.state.settled(&step.name)?;
            match settled.status {
                StepStatus::Failed | StepStatus::TimedOut | StepStatus::Cancelled => {
                    let cause = settled.error.clone();
                    let cause = cause
                        .unwrap_or_else(|| StepError::new(Reason::Unexplained, "it failed without a reason"));
                    let message = format!("step `{}`: {}", step.name, cause.message);
                    Some(StepError { message, ..cause })
                }
                StepStatus::Succeeded | StepStatus::Skipped => None,
                StepStatus::Pending | StepStatus::Ready | StepStatus::Running => None,
            }
        })
    }

    /// Evaluates the outputs. For an execution that failed, what cannot be evaluated is null.
    fn outputs(&self, workflow: &Workflow, failed: bool) -> Result<Value, StepError> {
        let names: Vec<_> = workflow.steps.iter().map(|step| step.name.clone()).collect();
        let steps = Steps::of(&self.live.state, &names);
        let scope = roots(&self.live.record.inputs, &steps, &self.live.about);
        let mut outputs = Map::new();
        for (name, template) in &workflow.outputs {
            let value = match template.render(&scope) {
                Ok(value) => value,
                Err(_) if failed => Value::Null,
                Err(cause) => return Err(evaluation(&format!("output `{name}`"), &cause)),
            };
            outputs.insert(name.clone(), value);
        }
        Ok(Value::Object(outputs))
    }

    fn become_after(&mut self, event: ExecutionEvent) {
        match self.live.record.status.next(event) {
            Ok(status) => self.live.record.status = status,
            Err(refused) => tracing::error!(
                execution.id = %self.live.record.id,
                error = %refused,
                "an execution was about to make an impossible move",
            ),
        }
    }

    fn record(&mut self, fact: Fact) {
        self.live.apply(&fact);
        self.facts.push(fact);
    }

    /// Records how a step or an iteration ended, unless that is decided already.
    fn settle(&mut self, path: StepPath, event: StepEvent, end: End) {
        let Ok(status) = self.live.status_of(&path).next(event) else { return };
        let (attempt, began) = end.attempt.map_or((0, None), |(attempt, began)| (attempt, Some(began)));
        self.record(Fact::Settled(Settled {
            path,
            status,
            outputs: end.outputs,
            error: end.error,
            attempt,
            began,
            ended: self.given.now,
        }));
    }

    fn schedule(&mut self, work: Work, attempt: u32, after: Option<std::time::Duration>) {
        let id = TaskId::generate(self.given.ids);
        let open = OpenTask { id, work: work.clone(), attempt, delayed: after.is_some(), quarantined: false };
        self.live.open.insert(id, open);
        let fair = fair_key(self.live.workflow.name.as_str());
        self.tasks.push(NewTask {
            id,
            work,
            attempt,
            lane: DEFAULT_LANE.to_owned(),
            priority: 0,
            fair,
            after,
            taken: None,
        });
    }

    /// A task that this worker holds is done with.
    fn complete(&mut self, id: TaskId) {
        self.live.open.remove(&id);
        if !self.done.contains(&id) && !self.dropped.contains(&id) {
            self.done.push(id);
        }
    }

    /// Forgets a task, whether it is ready, delayed, claimed or only just planned.
    fn drop_task(&mut self, id: TaskId) {
        self.live.open.remove(&id);
        let planned = self.tasks.len();
        self.tasks.retain(|task| task.id != id);
        if self.tasks.len() == planned && !self.done.contains(&id) && !self.dropped.contains(&id) {
            self.dropped.push(id);
        }
    }

    fn drop_tasks(&mut self, which: impl Fn(&OpenTask) -> bool) {
        let ids: Vec<_> = self.live.open.values().filter(|task| which(task)).map(|task| task.id).collect();
        for id in ids {
            self.drop_task(id);
        }
    }

    fn log(&mut self, path: impl ToString, message: String) {
        self.logs.push(LogLine { at: self.given.now, path: path.to_string(), message });
    }

    /// Evaluates `with` under the scope of one step.
    fn with_scope<T>(&self, step: &Step, read: impl FnOnce(&codeflow_expr::Roots<'_>) -> T) -> T {
        let steps = Steps::of(&self.live.state, &step.ancestors);
        read(&roots(&self.live.record.inputs, &steps, &self.live.about))
    }
}

/// How a step or an iteration ended.
#[derive(Default)]
struct End {
    outputs: Option<Arc<Value>>,
    error: Option<StepError>,
    attempt: Option<(u32, Timestamp)>,
}

impl End {
    fn because(reason: Reason, message: impl Into<String>) -> Self {
        Self { error: Some(StepError::new(reason, message)), ..Self::default() }
    }

    fn with(outputs: Value) -> Self {
        Self { outputs: Some(Arc::new(outputs)), ..Self::default() }
    }
}

fn evaluation(place: &str, cause: &codeflow_expr::Error) -> StepError {
    StepError { code: cause.kind().code().to_owned(), message: format!("{place}: {cause}"), blocked_by: None }
}

/// What a decided approval gives.
fn decision(answer: &codeflow_core::execution::Answer) -> Value {
    json!({ "approved": answer.approved, "by": answer.by, "comment": answer.comment })
}
