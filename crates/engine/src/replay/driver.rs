//! Drives the planner along a journal: what came from outside is handed in at its place, the rest is decided.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use codeflow_core::execution::{ExecutionStatus, Fact, State, StepPath};
use codeflow_core::workflow::{StepName, Workflow};
use codeflow_core::{BatchId, TaskId, Timestamp};
use tokio::time::sleep;

use super::{Anew, Answered, Commit};
use crate::brief;
use crate::engine::Parts;
use crate::live::{Given, Live};
use crate::plan::{Happening, Plan};
use crate::ports::{Advance, ExecutionRecord, FIRST_SEQ, OpenTask, Snapshot, Task, Work};

/// A replay under way.
pub(super) struct Driver<'d> {
    parts: &'d Parts,
    anew: &'d Anew,
    again: BTreeSet<StepName>,
    live: Live,
    /// The journal's own end, for comparing what a result was given for.
    kept: Live,
    now: Timestamp,
    /// The results that nothing has asked for yet.
    left: Vec<Fact>,
    waits: HashMap<TaskId, Duration>,
    answered: BTreeMap<StepName, BTreeSet<Answered>>,
    restarts: Vec<State>,
}

/// What a replay came to.
pub(super) struct Run {
    pub(super) live: Live,
    pub(super) answered: BTreeMap<StepName, BTreeSet<Answered>>,
    /// The states that were left behind when the execution was taken up again.
    pub(super) restarts: Vec<State>,
    /// The workflow that the execution keeps.
    pub(super) kept: Arc<Workflow>,
}

impl<'d> Driver<'d> {
    pub(super) fn new(
        parts: &'d Parts,
        (kept, snapshot): (Arc<Workflow>, &Snapshot),
        workflow: Arc<Workflow>,
        anew: &'d Anew,
    ) -> Self {
        let again = anew.steps(&workflow);
        let record = ExecutionRecord {
            status: ExecutionStatus::Queued,
            generation: State::default().generation(),
            seq: FIRST_SEQ,
            outputs: None,
            error: None,
            ..snapshot.record.clone()
        };
        let called = snapshot.facts.iter().filter(|(_, fact)| matches!(fact, Fact::CalledBy(_)));
        let begun = Snapshot { record, facts: called.cloned().collect(), tasks: Vec::new() };
        Self {
            parts,
            anew,
            again,
            live: Live::new(workflow, begun),
            kept: Live::new(kept, snapshot.clone()),
            now: snapshot.record.created_at,
            left: Vec::new(),
            waits: HashMap::new(),
            answered: BTreeMap::new(),
            restarts: Vec::new(),
        }
    }

    pub(super) async fn run(mut self, commits: Vec<Commit>) -> Run {
        let mut commits = commits.into_iter().peekable();
        let first = commits.next_if(|commit| commit.seq <= FIRST_SEQ);
        self.keep_time(first.iter().flat_map(|commit| &commit.facts));
        let advance = Plan::new(&mut self.live, given(self.parts, self.now)).begin();
        self.note(advance);
        self.catch_up().await;
        for commit in commits {
            self.keep_time(&commit.facts);
            let facts = commit.facts.into_iter().filter(|fact| self.is_wanted(fact)).collect();
            self.relive(facts);
            self.catch_up().await;
        }
        self.miss();
        Run { live: self.live, answered: self.answered, restarts: self.restarts, kept: self.kept.workflow }
    }

    /// Everything in a commit was decided at one moment.
    fn keep_time<'f>(&mut self, facts: impl IntoIterator<Item = &'f Fact>) {
        if let Some(at) = facts.into_iter().filter_map(moment).max() {
            self.now = at;
        }
    }

    /// What is asked for anew is not taken from the journal.
    fn is_wanted(&self, fact: &Fact) -> bool {
        match fact {
            Fact::Settled(end) => !self.again.contains(&end.path.step),
            Fact::Called { .. }
            | Fact::Held { .. }
            | Fact::Expanded { .. }
            | Fact::Waiting { .. }
            | Fact::Signalled { .. }
            | Fact::Decided { .. }
            | Fact::Cancelled { .. }
            | Fact::DeadlinePassed
            | Fact::Restarted { .. }
            | Fact::Paused { .. }
            | Fact::Resumed { .. }
            | Fact::CalledBy(_)
            | Fact::Compensating
            | Fact::Compensated(_) => true,
        }
    }

    fn relive(&mut self, facts: Vec<Fact>) {
        let restarts = facts.iter().any(|fact| matches!(fact, Fact::Restarted { .. }));
        let before = restarts.then(|| self.live.state.clone());
        let asked = self.asked_for(&facts);
        let plan = Plan::new(&mut self.live, given(self.parts, self.now));
        let (left, advance) = plan.relive(facts);
        let unused: BTreeSet<StepPath> = left.iter().filter_map(result_of).cloned().collect();
        for (path, answered) in asked.into_iter().filter(|(path, _)| !unused.contains(path)) {
            self.answered.entry(path.step).or_default().insert(answered);
        }
        if let Some(before) = before {
            // What came for an earlier generation answers nothing in a later one.
            self.left.clear();
            self.restarts.push(before);
        }
        self.left.extend(left);
        self.note(advance);
    }

    /// The open attempts and calls that these facts answer.
    fn asked_for(&self, facts: &[Fact]) -> Vec<(StepPath, Answered)> {
        let open = |path: &&StepPath| {
            let attempt = Work::Attempt((*path).clone());
            self.live.call_of(path).is_some() || self.live.open.values().any(|task| task.work == attempt)
        };
        let asked = facts.iter().filter_map(result_of).filter(open);
        asked.map(|path| (path.clone(), self.answer_for(path))).collect()
    }

    /// A result that was given for other inputs may be another one now.
    fn answer_for(&self, path: &StepPath) -> Answered {
        let inputs = |live: &Live| match brief::is_call(live, path) {
            true => brief::workflow_call(live, path).ok().map(|call| call.inputs),
            false => brief::call(live, path, 1).ok().map(|call| call.inputs),
        };
        let own = inputs(&self.live);
        match own.is_none() || own == inputs(&self.kept) {
            true => Answered::Journal,
            false => Answered::OtherInputs,
        }
    }

    /// Answers what the facts so far made due, as far as anybody can answer it.
    async fn catch_up(&mut self) {
        loop {
            let left = std::mem::take(&mut self.left);
            let before = left.len();
            if before > 0 {
                self.relive(left);
            }
            let acted = self.act().await;
            if self.left.len() == before && !acted {
                return;
            }
        }
    }

    /// Makes the attempts that are due and asked for anew. Says whether there were any.
    async fn act(&mut self) -> bool {
        if self.live.state.is_paused() {
            return false;
        }
        let due = self.due();
        for (open, path) in &due {
            if let Some(wait) = self.waits.remove(&open.id) {
                sleep(wait).await;
            }
            self.answered.entry(path.step.clone()).or_default().insert(Answered::Anew);
            let began = self.now;
            let verdict = match brief::call(&self.live, path, open.attempt) {
                Ok(call) => self.anew.act(self.parts.actions.as_ref(), call).await,
                Err(error) => crate::worker::Verdict::Failed(error),
            };
            let happening = Happening::Ended { task: self.task(open), began, verdict };
            let advance = Plan::new(&mut self.live, given(self.parts, self.now)).take([happening]);
            self.note(advance);
        }
        !due.is_empty()
    }

    /// The attempts to make, in an order that is the same each time.
    fn due(&self) -> Vec<(OpenTask, StepPath)> {
        let wanted = |task: &OpenTask| match &task.work {
            Work::Attempt(path) if self.again.contains(&path.step) => Some((task.clone(), path.clone())),
            Work::Attempt(_)
            | Work::Expire(_)
            | Work::Deadline
            | Work::Inbox
            | Work::Job(_)
            | Work::Answer
            | Work::Recall(_)
            | Work::Compensate(_) => None,
        };
        let mut due: Vec<_> = self.live.open.values().filter_map(wanted).collect();
        due.sort_by(|one, other| one.1.cmp(&other.1));
        due
    }

    fn task(&self, open: &OpenTask) -> Task {
        Task {
            id: open.id,
            execution: self.live.record.id,
            generation: self.live.record.generation,
            work: open.work.clone(),
            attempt: open.attempt,
            lane: String::new(),
            priority: 0,
            fair: 0,
            deaths: 0,
            batch: BatchId::generate(self.parts.ids.as_ref()),
        }
    }

    fn note(&mut self, advance: Advance) {
        self.waits.extend(advance.tasks.iter().filter_map(|task| Some((task.id, task.after?))));
    }

    /// Notes what is left open although the journal goes to an end.
    fn miss(&mut self) {
        let over = self.kept.record.status.is_final();
        if !over || self.live.record.status.is_final() {
            return;
        }
        let open = self.live.open.values().filter_map(|task| match &task.work {
            Work::Attempt(path) => Some(path.step.clone()),
            Work::Expire(step) | Work::Compensate(step) => Some(step.clone()),
            Work::Deadline | Work::Inbox | Work::Job(_) | Work::Answer | Work::Recall(_) => None,
        });
        let called = self.live.workflow.steps.iter().filter(|step| self.live.has_call(&step.name));
        let missing: Vec<_> = open.chain(called.map(|step| step.name.clone())).collect();
        for step in missing {
            self.answered.entry(step).or_default().insert(Answered::Missing);
        }
    }
}

fn given(parts: &Parts, now: Timestamp) -> Given<'_> {
    Given { ids: parts.ids.as_ref(), now }
}

/// When a fact was decided, if it says so.
fn moment(fact: &Fact) -> Option<Timestamp> {
    match fact {
        Fact::Settled(end) | Fact::Compensated(end) => Some(end.ended),
        Fact::Waiting { since, .. } | Fact::Called { since, .. } => Some(*since),
        Fact::Expanded { .. }
        | Fact::Signalled { .. }
        | Fact::Decided { .. }
        | Fact::Cancelled { .. }
        | Fact::DeadlinePassed
        | Fact::Restarted { .. }
        | Fact::Paused { .. }
        | Fact::Resumed { .. }
        | Fact::Held { .. }
        | Fact::CalledBy(_)
        | Fact::Compensating => None,
    }
}

/// Where the result belongs that a fact brings.
fn result_of(fact: &Fact) -> Option<&StepPath> {
    match fact {
        Fact::Settled(end) => Some(&end.path),
        Fact::Called { .. }
        | Fact::Compensated(_)
        | Fact::Expanded { .. }
        | Fact::Waiting { .. }
        | Fact::Signalled { .. }
        | Fact::Decided { .. }
        | Fact::Cancelled { .. }
        | Fact::DeadlinePassed
        | Fact::Restarted { .. }
        | Fact::Paused { .. }
        | Fact::Resumed { .. }
        | Fact::Held { .. }
        | Fact::CalledBy(_)
        | Fact::Compensating => None,
    }
}
