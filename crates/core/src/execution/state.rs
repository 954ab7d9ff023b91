//! The state of an execution: a fold over its journal, and nothing else.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use crate::execution::{Caller, Fact, Settled, StepPath, StepStatus};
use crate::workflow::StepName;
use crate::{ExecutionId, Timestamp, Usd};

/// What the journal says so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    generation: u32,
    steps: HashMap<StepName, StepState>,
    signals: Vec<Signal>,
    answers: HashMap<StepName, Answer>,
    cancelled: bool,
    deadline_passed: bool,
    pause: Option<Pause>,
    held: Vec<(StepPath, u32)>,
    budget: Option<Usd>,
    caller: Option<Caller>,
    compensating: bool,
    /// How many steps have been settled so far.
    ended: u64,
}

/// What the journal says about one step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepState {
    /// How it ended.
    pub settled: Option<Settled>,
    /// When it began to wait.
    pub waiting_since: Option<Timestamp>,
    /// What it repeats over.
    pub items: Option<Arc<Vec<Value>>>,
    /// How its iterations ended.
    pub iterations: BTreeMap<u32, Settled>,
    /// What it, or its iterations, called.
    pub children: BTreeMap<Option<u32>, Child>,
    /// How it was undone.
    pub compensated: Option<Settled>,
    /// Its place in the order in which steps were settled.
    pub order: u64,
}

/// An execution that a step, or an iteration, started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child {
    /// The execution.
    pub execution: ExecutionId,
    /// When it was started.
    pub since: Timestamp,
}

impl StepState {
    /// How the step ended, if it did.
    pub fn status(&self) -> Option<StepStatus> {
        self.settled.as_ref().map(|settled| settled.status)
    }

    /// What it called and has not heard of yet, with the iteration.
    pub fn open_calls(&self) -> impl Iterator<Item = (Option<u32>, Child)> {
        let settled = |iteration: Option<u32>| match iteration {
            None => self.settled.is_some(),
            Some(number) => self.iterations.contains_key(&number),
        };
        self.children.iter().map(|(iteration, child)| (*iteration, *child)).filter(move |one| !settled(one.0))
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Signal {
    event: String,
    payload: Arc<Value>,
}

/// What a person decided about an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was decided.
    pub approved: bool,
    /// Who decided.
    pub by: String,
    /// Why.
    pub comment: Option<String>,
}

/// Why nothing begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Who paused it; [`Pause::BUDGET`] when its budget was used up.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

impl Pause {
    /// Who pauses an execution whose budget is used up.
    pub const BUDGET: &str = "budget";
}

/// Why an execution goes on or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It goes on.
    Open,
    /// It was cancelled.
    Cancelled,
    /// Its time is up.
    TimedOut,
}

impl State {
    /// The state that a journal leads to.
    pub fn replay<'a>(facts: impl IntoIterator<Item = &'a (u32, Fact)>) -> Self {
        let mut state = Self::default();
        for (generation, fact) in facts {
            state.apply(*generation, fact);
        }
        state
    }

    /// Applies one more fact. A fact whose place is taken changes nothing: the first one stands.
    pub fn apply(&mut self, generation: u32, fact: &Fact) {
        match fact {
            Fact::Settled(settled) => self.settle(settled),
            Fact::Expanded { step, items } => {
                self.step_mut(step).items.get_or_insert_with(|| Arc::clone(items));
            }
            Fact::Waiting { step, since } => {
                self.step_mut(step).waiting_since.get_or_insert(*since);
            }
            Fact::Signalled { event, payload, .. } => {
                self.signals.push(Signal { event: event.clone(), payload: Arc::clone(payload) });
            }
            Fact::Decided { step, approved, by, comment, .. } => {
                let answer = Answer { approved: *approved, by: by.clone(), comment: comment.clone() };
                self.answers.entry(step.clone()).or_insert(answer);
            }
            Fact::Cancelled { .. } => {
                self.cancelled = true;
                self.go_on();
            }
            Fact::DeadlinePassed => {
                self.deadline_passed = true;
                self.go_on();
            }
            Fact::Restarted { steps } => self.restart(generation, steps),
            Fact::Paused { by, reason, .. } => {
                self.pause = Some(Pause { by: by.clone(), reason: reason.clone() });
            }
            Fact::Resumed { budget, .. } => {
                self.budget = budget.or(self.budget);
                self.go_on();
            }
            Fact::Held { path, attempt, .. } => self.held.push((path.clone(), *attempt)),
            Fact::Called { path, child, since } => {
                let child = Child { execution: *child, since: *since };
                self.step_mut(&path.step).children.entry(path.iteration).or_insert(child);
            }
            Fact::Compensating => self.compensating = true,
            Fact::Compensated(settled) => {
                self.step_mut(&settled.path.step).compensated.get_or_insert_with(|| settled.clone());
            }
            Fact::CalledBy(caller) => {
                self.caller.get_or_insert_with(|| caller.clone());
            }
        }
    }

    fn settle(&mut self, settled: &Settled) {
        let order = self.ended;
        let step = self.step_mut(&settled.path.step);
        match settled.path.iteration {
            None if step.settled.is_none() => {
                step.settled = Some(settled.clone());
                step.order = order;
                self.ended += 1;
            }
            None => {}
            Some(iteration) => {
                step.iterations.entry(iteration).or_insert_with(|| settled.clone());
            }
        }
    }

    fn restart(&mut self, generation: u32, steps: &[StepName]) {
        self.generation = generation;
        self.cancelled = false;
        self.deadline_passed = false;
        self.compensating = false;
        self.go_on();
        for name in steps {
            self.steps.remove(name);
            self.answers.remove(name);
        }
    }

    fn go_on(&mut self) {
        self.pause = None;
        self.held.clear();
    }

    fn step_mut(&mut self, name: &StepName) -> &mut StepState {
        self.steps.entry(name.clone()).or_default()
    }

    /// How often the execution was taken up again.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// What is known about a step.
    pub fn step(&self, name: &StepName) -> Option<&StepState> {
        self.steps.get(name)
    }

    /// How a step ended, if it did.
    pub fn settled(&self, name: &StepName) -> Option<&Settled> {
        self.steps.get(name).and_then(|step| step.settled.as_ref())
    }

    /// What was decided about an approval.
    pub fn answer(&self, step: &StepName) -> Option<&Answer> {
        self.answers.get(step)
    }

    /// The first signal of this name that came.
    pub fn signal(&self, event: &str) -> Option<&Arc<Value>> {
        self.signals.iter().find(|signal| signal.event == event).map(|signal| &signal.payload)
    }

    /// Whether the execution undoes what it did, and then ends without success.
    pub fn is_compensating(&self) -> bool {
        self.compensating
    }

    /// Whether nothing may begin until somebody resumes the execution.
    pub fn is_paused(&self) -> bool {
        self.pause.is_some()
    }

    /// Why nothing may begin, if that is so.
    pub fn pause(&self) -> Option<&Pause> {
        self.pause.as_ref()
    }

    /// The attempts that fell due since it was paused: where, and which.
    pub fn held(&self) -> &[(StepPath, u32)] {
        &self.held
    }

    /// What the execution may spend, if somebody said something else than its workflow does.
    pub fn budget(&self) -> Option<Usd> {
        self.budget
    }

    /// Every execution that steps called, also those that have ended.
    pub fn calls(&self) -> impl Iterator<Item = Child> {
        self.steps.values().flat_map(|step| step.children.values().copied())
    }

    /// Who started the execution, if another one did.
    pub fn caller(&self) -> Option<&Caller> {
        self.caller.as_ref()
    }

    /// Whether the execution goes on.
    pub fn progress(&self) -> Progress {
        match (self.cancelled, self.deadline_passed) {
            (true, _) => Progress::Cancelled,
            (false, true) => Progress::TimedOut,
            (false, false) => Progress::Open,
        }
    }
}
