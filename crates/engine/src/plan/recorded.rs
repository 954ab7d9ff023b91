//! Takes in what a journal recorded from outside: results, messages, times. What follows from it is decided anew.

use codeflow_core::MessageId;
use codeflow_core::execution::{Fact, Progress, Reason, Settled, StepEvent, StepPath, StepStatus};
use codeflow_core::workflow::{StepKind, StepName, Workflow};

use super::{End, Plan, steps_to_restart};
use crate::ports::{Advance, Message, MessageBody, OpenTask, Work};

impl Plan<'_> {
    /// Takes the facts of one commit in, looks for what they make due, and hands back the results that nothing asks
    /// for yet.
    pub(crate) fn relive(mut self, facts: Vec<Fact>) -> (Vec<Fact>, Advance) {
        let left = facts.into_iter().filter_map(|fact| self.take_fact(fact)).collect();
        (left, self.finish())
    }

    fn take_fact(&mut self, fact: Fact) -> Option<Fact> {
        let over = self.live.record.status.is_final();
        match fact {
            Fact::Settled(end) if over => is_result(&end).then_some(Fact::Settled(end)),
            Fact::Settled(end) => self.take_end(end).map(Fact::Settled),
            Fact::Compensated(end) => self.take_undoing(end).map(Fact::Compensated),
            Fact::Called { path, child, since } => match self.attempt_of(&path) {
                Some(task) => {
                    self.called(path, child);
                    self.complete(task.id);
                    None
                }
                None => Some(Fact::Called { path, child, since }),
            },
            Fact::Held { path, attempt, .. } => {
                if let Some(task) = self.attempt_of(&path) {
                    self.hold(task.id, path, attempt);
                    self.complete(task.id);
                }
                None
            }
            Fact::DeadlinePassed => {
                if !over && !self.live.state.is_compensating() {
                    self.drop_tasks(|task| task.work == Work::Deadline);
                    self.cut_short(Fact::DeadlinePassed);
                }
                None
            }
            Fact::Restarted { steps } => {
                if over {
                    self.take_restart(steps);
                }
                None
            }
            said @ (Fact::Signalled { .. }
            | Fact::Decided { .. }
            | Fact::Cancelled { .. }
            | Fact::Paused { .. }
            | Fact::Resumed { .. }) => {
                self.take_message(said);
                None
            }
            // These are decisions.
            Fact::Expanded { .. } | Fact::Waiting { .. } | Fact::Compensating | Fact::CalledBy(_) => None,
        }
    }

    fn take_message(&mut self, said: Fact) {
        let (id, body) = match said {
            Fact::Signalled { message, event, payload } => {
                (message, MessageBody::Signal { event, payload: payload.as_ref().clone() })
            }
            Fact::Decided { message, step, approved, by, comment } => {
                (message, MessageBody::Decide { step, approved, by, comment })
            }
            Fact::Cancelled { by, reason } => {
                (MessageId::generate(self.given.ids), MessageBody::Cancel { by, reason })
            }
            Fact::Paused { message, by, reason } => (message, MessageBody::Pause { by, reason }),
            Fact::Resumed { message, by, budget } => (message, MessageBody::Resume { by, budget }),
            Fact::Settled(_)
            | Fact::Expanded { .. }
            | Fact::Waiting { .. }
            | Fact::DeadlinePassed
            | Fact::Restarted { .. }
            | Fact::Held { .. }
            | Fact::Called { .. }
            | Fact::CalledBy(_)
            | Fact::Compensating
            | Fact::Compensated(_) => return,
        };
        self.receive(Message { id, body });
    }

    /// Takes the recorded end of an attempt, of a call or of a wait. An end that was a decision is left out: it is
    /// made anew.
    fn take_end(&mut self, end: Settled) -> Option<Settled> {
        if is_up(&end, &self.live.workflow) {
            return self.take_time(end);
        }
        if !is_result(&end) && !self.never_begun(&end) && !is_given_up(&end) {
            return None;
        }
        let path = end.path.clone();
        if self.attempt_of(&path).is_none() && self.live.call_of(&path).is_none() {
            return is_result(&end).then_some(end);
        }
        let attempt = end.began.map(|began| (end.attempt, began));
        let event = event_of(end.status);
        self.settle(path.clone(), event, End { outputs: end.outputs, error: end.error, attempt });
        self.drop_tasks(|task| match &task.work {
            Work::Attempt(other) | Work::Recall(other) => *other == path,
            Work::Expire(_)
            | Work::Deadline
            | Work::Inbox
            | Work::Answer
            | Work::Compensate(_)
            | Work::Job(_) => false,
        });
        None
    }

    /// An attempt that was due again when its execution was cut short has no result, and is not made any more.
    fn never_begun(&self, end: &Settled) -> bool {
        let code = end.error.as_ref().map(|error| error.code.as_str());
        code == Some(Reason::NotBegun.code()) && self.live.progress() != Progress::Open
    }

    fn take_time(&mut self, end: Settled) -> Option<Settled> {
        let name = &end.path.step;
        let known = self.live.state.step(name);
        if known.is_none_or(|known| known.waiting_since.is_none() || known.settled.is_some()) {
            return Some(end);
        }
        self.drop_tasks(|task| task.work == Work::Expire(name.clone()));
        self.wait_ended(name);
        None
    }

    fn take_undoing(&mut self, end: Settled) -> Option<Settled> {
        let step = end.path.step.clone();
        let undoes = |task: &&OpenTask| task.work == Work::Compensate(step.clone());
        let Some(task) = self.live.open.values().find(undoes).map(|task| task.id) else {
            return Some(end);
        };
        let ended = self.given.now;
        self.record(Fact::Compensated(Settled { ended, ..end }));
        self.complete(task);
        None
    }

    /// The steps that a restart names are decided anew; what it was asked for is what leads to the steps it named.
    fn take_restart(&mut self, recorded: Vec<StepName>) {
        let workflow = std::sync::Arc::clone(&self.live.workflow);
        let asked = workflow.steps.iter().map(|step| Some(&step.name));
        let decided = std::iter::once(None)
            .chain(asked)
            .map(|from| steps_to_restart(&workflow, &self.live.state, from))
            .find(|steps| *steps == recorded);
        let known = |name: &StepName| workflow.step(name).is_some();
        let steps = decided.unwrap_or_else(|| recorded.into_iter().filter(known).collect());
        if !steps.is_empty() {
            self.restart_steps(steps);
        }
    }

    fn attempt_of(&self, path: &StepPath) -> Option<OpenTask> {
        self.live.open.values().find(|task| task.work == Work::Attempt(path.clone())).cloned()
    }
}

/// Whether somebody dropped the dead letter of the step.
fn is_given_up(end: &Settled) -> bool {
    end.error.as_ref().is_some_and(|error| error.code == Reason::Abandoned.code())
}

/// Whether an attempt or a call gave this.
fn is_result(end: &Settled) -> bool {
    end.attempt > 0
}

/// Whether a time gave this: a sleep was over, or nobody answered.
fn is_up(end: &Settled, workflow: &Workflow) -> bool {
    let why = end.error.as_ref().map(|error| error.code.as_str());
    workflow.step(&end.path.step).is_some_and(|step| match step.kind {
        StepKind::Sleep { .. } => end.status == StepStatus::Succeeded,
        StepKind::Approval { .. } => why == Some(Reason::ApprovalExpired.code()),
        StepKind::Wait { .. } => why == Some(Reason::WaitExpired.code()),
        StepKind::Action { .. } | StepKind::Workflow { .. } | StepKind::Run { .. } => false,
    })
}

fn event_of(status: StepStatus) -> StepEvent {
    match status {
        StepStatus::Succeeded => StepEvent::Succeeded,
        StepStatus::Skipped => StepEvent::Skipped,
        StepStatus::Cancelled => StepEvent::Cancelled,
        StepStatus::TimedOut => StepEvent::TimedOut,
        StepStatus::Failed | StepStatus::Pending | StepStatus::Ready | StepStatus::Running => {
            StepEvent::Failed
        }
    }
}
