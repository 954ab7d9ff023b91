//! What can happen to an execution, and the facts that follow from it.

use std::sync::Arc;

use codeflow_core::execution::{ExecutionEvent, Fact, Progress, Reason, StepEvent, StepPath};
use codeflow_core::workflow::{Step, StepKind, StepName};
use codeflow_core::{ActionError, ActionErrorKind, ExecutionId, Timestamp, format_duration};

use super::restart::steps_to_restart;
use super::{End, Plan, decision};
use crate::ports::{Message, MessageBody, SlotMove, Task, Work};
use crate::slots::slot;
use crate::worker::Verdict;

/// Something that happened to an execution.
#[derive(Debug)]
pub(crate) enum Happening {
    /// An attempt ended.
    Ended {
        /// The task that made it due.
        task: Task,
        /// When it began.
        began: Timestamp,
        /// How it ended.
        verdict: Verdict,
    },
    /// A time came: the end of a wait, or of the execution.
    Due(Task),
    /// An attempt fell due while the execution was paused.
    Held(Task),
    /// A step started the execution that it calls.
    Called {
        /// The task that made it due.
        task: Task,
        /// The execution that was started.
        child: ExecutionId,
    },
    /// Messages were read.
    Read(Task, Vec<Message>),
}

impl Happening {
    pub(crate) fn task(&self) -> &Task {
        match self {
            Self::Ended { task, .. } | Self::Called { task, .. } => task,
            Self::Due(task) | Self::Held(task) | Self::Read(task, _) => task,
        }
    }
}

impl Plan<'_> {
    pub(super) fn happen(&mut self, happening: Happening) {
        let task = happening.task().clone();
        let known = self.live.open.contains_key(&task.id) && task.generation == self.live.record.generation;
        match (happening, &task.work) {
            (Happening::Read(_, messages), _) => {
                messages.into_iter().for_each(|message| self.receive(message))
            }
            (_, _) if !known => {}
            (Happening::Ended { began, verdict, .. }, Work::Attempt(path)) => {
                self.attempt_ended(&task, path.clone(), (task.attempt, began), verdict);
            }
            (Happening::Ended { began, verdict, .. }, Work::Compensate(step)) => {
                self.compensation_ended(step, (task.attempt, began), verdict);
            }
            // It is begun again when the execution goes on.
            (Happening::Held(_), Work::Compensate(_)) => {}
            (Happening::Called { child, .. }, Work::Attempt(path)) => self.called(path.clone(), child),
            // What the task was for is done.
            (Happening::Due(_), Work::Answer | Work::Recall(_)) => {}
            (Happening::Held(_), Work::Attempt(path)) => self.hold(task.id, path.clone(), task.attempt),
            // What waits and has no end in the queue any more is over when the execution goes on.
            (Happening::Due(_), Work::Expire(_)) if self.live.state.is_paused() => {}
            (Happening::Due(_), Work::Expire(step)) => self.wait_ended(&step.clone()),
            (Happening::Due(_), Work::Deadline) => self.cut_short(Fact::DeadlinePassed),
            (
                Happening::Ended { .. } | Happening::Due(_) | Happening::Held(_) | Happening::Called { .. },
                work,
            ) => {
                tracing::error!(execution.id = %task.execution, ?work, "a task was handled as something else");
            }
        }
        self.complete(task.id);
    }

    fn attempt_ended(&mut self, task: &Task, path: StepPath, attempt: (u32, Timestamp), verdict: Verdict) {
        let end = End { attempt: Some(attempt), ..End::default() };
        match verdict {
            Verdict::Done(outputs) => {
                self.settle(path, StepEvent::Succeeded, End { outputs: Some(outputs), ..end });
            }
            Verdict::Skipped(reason) => {
                self.settle(path, StepEvent::Skipped, End { error: Some(reason), ..end });
            }
            Verdict::Failed(failure) if self.may_be_paid_later(&path, &failure) => {
                self.run_dry(task, path, &failure);
            }
            Verdict::Failed(failure) => self.attempt_failed(path, attempt, failure),
        }
    }

    fn attempt_failed(&mut self, path: StepPath, attempt: (u32, Timestamp), failure: ActionError) {
        let open = self.live.progress() == Progress::Open;
        let retry = self.live.workflow.step(&path.step).map(|step| step.retry.clone());
        let wait = retry.filter(|_| open).and_then(|retry| retry.next(attempt.0, failure.kind));
        if let Some(wait) = wait {
            let next = attempt.0 + 1;
            let text = format!(
                "attempt {} failed: {} [{}]; attempt {next} in {}",
                attempt.0,
                failure.message,
                failure.code,
                format_duration(wait)
            );
            self.log(&path, text);
            self.schedule(Work::Attempt(path), next, Some(wait));
            return;
        }
        let event = match (self.live.progress(), failure.kind) {
            (Progress::Cancelled, _) | (Progress::Open, ActionErrorKind::Cancelled) => StepEvent::Cancelled,
            (Progress::TimedOut, _) | (Progress::Open, ActionErrorKind::Timeout) => StepEvent::TimedOut,
            (Progress::Open, _) => StepEvent::Failed,
        };
        let error = Some((&failure).into());
        let outputs = failure.outputs.map(Arc::new);
        self.settle(path, event, End { outputs, error, attempt: Some(attempt) });
    }

    pub(super) fn wait_ended(&mut self, name: &StepName) {
        let workflow = Arc::clone(&self.live.workflow);
        let Some(step) = workflow.step(name) else { return };
        let path = StepPath::step(name.clone());
        match &step.kind {
            StepKind::Sleep { .. } => {
                self.settle(path, StepEvent::Succeeded, End::with(serde_json::json!({})))
            }
            StepKind::Approval { expires, .. } => {
                let text = format!("nobody decided within {}", format_duration(*expires));
                self.settle(path, StepEvent::TimedOut, End::because(Reason::ApprovalExpired, text));
            }
            StepKind::Wait { event, timeout } => {
                let text = format!("no signal `{event}` came within {}", format_duration(*timeout));
                self.settle(path, StepEvent::TimedOut, End::because(Reason::WaitExpired, text));
            }
            StepKind::Action { .. } | StepKind::Workflow { .. } | StepKind::Run { .. } => {}
        }
    }

    pub(super) fn receive(&mut self, message: Message) {
        self.read.push(message.id);
        let over = self.live.record.status.is_final();
        match message.body {
            MessageBody::Signal { event, payload } if !over => {
                self.record(Fact::Signalled { message: message.id, event, payload: Arc::new(payload) });
            }
            MessageBody::Decide { step, approved, by, comment } if !over => {
                self.record(Fact::Decided { message: message.id, step, approved, by, comment });
            }
            MessageBody::Cancel { by, .. } if !over && self.live.state.is_compensating() => {
                self.log("", format!("a cancel by {by} was ignored: the execution ends already"));
            }
            MessageBody::Cancel { by, reason } if !over => {
                self.log("", format!("cancelled by {by}"));
                self.cut_short(Fact::Cancelled { by, reason });
            }
            MessageBody::Pause { by, reason } if !over => self.pause(message.id, by, reason),
            MessageBody::Resume { by, budget } if !over => self.resume(message.id, by, budget),
            MessageBody::Abandon { task, by } if !over => self.abandon(task, &by),
            MessageBody::Ended(end) if !over => self.child_ended(end),
            MessageBody::Restart { from, by } if over => self.restart(from.as_ref(), &by),
            late @ (MessageBody::Signal { .. }
            | MessageBody::Decide { .. }
            | MessageBody::Cancel { .. }
            | MessageBody::Pause { .. }
            | MessageBody::Resume { .. }
            | MessageBody::Ended(_)
            | MessageBody::Abandon { .. }
            | MessageBody::Restart { .. }) => {
                let text =
                    format!("ignored, because the execution is {}: {}", self.live.record.status, name(&late));
                self.log("", text);
            }
        }
    }

    fn restart(&mut self, from: Option<&StepName>, by: &str) {
        let steps = steps_to_restart(&self.live.workflow, &self.live.state, from);
        if steps.is_empty() {
            self.log("", format!("restart by {by}: no step is left to run again"));
            return;
        }
        self.log("", format!("restarted by {by}"));
        self.restart_steps(steps);
    }

    pub(super) fn restart_steps(&mut self, steps: Vec<StepName>) {
        self.become_after(ExecutionEvent::Restarted);
        self.live.record.generation += 1;
        self.live.record.outputs = None;
        self.live.record.error = None;
        self.record(Fact::Restarted { steps });
        if let Ok(Some(slot)) = slot(&self.live.workflow, &self.live.record.inputs) {
            self.slot = Some(SlotMove::Retake(slot.key));
        }
        self.start_clock();
    }

    /// Ends a wait whose decision or signal is there.
    pub(super) fn answered(&mut self, step: &Step) -> bool {
        let path = StepPath::step(step.name.clone());
        let (event, end) = match &step.kind {
            StepKind::Approval { .. } => match self.live.state.answer(&step.name) {
                Some(answer) if answer.approved => (StepEvent::Succeeded, End::with(decision(answer))),
                Some(answer) => {
                    let text = format!("{} said no", answer.by);
                    let refused = End::because(Reason::ApprovalRefused, text);
                    (StepEvent::Failed, End { outputs: End::with(decision(answer)).outputs, ..refused })
                }
                None => return false,
            },
            StepKind::Wait { event, .. } => match self.live.state.signal(event) {
                Some(payload) => {
                    (StepEvent::Succeeded, End::with(serde_json::json!({ "payload": payload.as_ref() })))
                }
                None => return false,
            },
            StepKind::Sleep { .. }
            | StepKind::Action { .. }
            | StepKind::Workflow { .. }
            | StepKind::Run { .. } => return false,
        };
        self.drop_tasks(|task| task.work == Work::Expire(step.name.clone()));
        self.settle(path, event, end);
        true
    }
}

fn name(body: &MessageBody) -> &'static str {
    match body {
        MessageBody::Signal { .. } => "a signal",
        MessageBody::Decide { .. } => "a decision",
        MessageBody::Cancel { .. } => "a cancel",
        MessageBody::Pause { .. } => "a pause",
        MessageBody::Resume { .. } => "a resume",
        MessageBody::Ended(_) => "the end of an execution that it called",
        MessageBody::Restart { .. } => "a restart",
        MessageBody::Abandon { .. } => "giving a task up",
    }
}
