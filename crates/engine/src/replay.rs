//! Runs the journal of an execution again, without storage: results, messages and times come from the journal, and
//! everything that the engine decides from them is decided anew and compared.

mod anew;
mod compare;
mod diff;
mod driver;

use std::collections::BTreeSet;
use std::sync::Arc;

use codeflow_core::ExecutionId;
use codeflow_core::execution::{ExecutionStatus, Fact, StepError, StepStatus};
use codeflow_core::workflow::{StepName, Workflow};
use serde_json::Value;

use crate::ports::Snapshot;
use crate::{Engine, Error, ErrorKind};

pub use anew::Anew;
pub use diff::Change;
use driver::Driver;

/// What to replay, and what is to be different.
#[derive(Clone, Debug)]
pub struct ReplayRequest {
    /// Whose journal.
    pub id: ExecutionId,
    /// The workflow to follow instead of the version that the execution keeps.
    pub workflow: Option<Arc<Workflow>>,
    /// What is not answered from the journal.
    pub anew: Anew,
}

/// A journal and its replay, side by side.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The execution.
    pub id: ExecutionId,
    /// What the journal says.
    pub recorded: Outcome,
    /// What the replay came to.
    pub replayed: Outcome,
    /// How the execution as a whole differs: its status, error and outputs, and the order in which its steps ended.
    pub changes: Vec<Change>,
    /// The steps of either workflow, those of the replayed one first.
    pub steps: Vec<ReplayedStep>,
    /// How the steps stood differently whenever the execution was taken up again, by generation.
    pub earlier: Vec<(u32, Vec<Change>)>,
}

/// How an execution ended, or how far it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Where it stands.
    pub status: ExecutionStatus,
    /// What it gave.
    pub outputs: Option<Arc<Value>>,
    /// Why it did not succeed.
    pub error: Option<StepError>,
}

/// A step of the journal and of the replay.
#[derive(Clone, Debug)]
pub struct ReplayedStep {
    /// The step.
    pub name: StepName,
    /// How it ended in the journal.
    pub recorded: Option<StepStatus>,
    /// How it ended in the replay.
    pub replayed: Option<StepStatus>,
    /// What it gave in the journal.
    pub recorded_outputs: Option<Arc<Value>>,
    /// What it gave in the replay.
    pub replayed_outputs: Option<Arc<Value>>,
    /// Where the results of its attempts, iterations and calls came from; empty when it made none.
    pub answered: BTreeSet<Answered>,
    /// What differs.
    pub changes: Vec<Change>,
}

/// Where a result came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answered {
    /// From the journal.
    Journal,
    /// From the journal, although its inputs would be others now.
    OtherInputs,
    /// It was asked for anew.
    Anew,
    /// From nowhere: the journal has none.
    Missing,
}

impl Answered {
    /// A word for it that never changes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::OtherInputs => "journal_with_other_inputs",
            Self::Anew => "anew",
            Self::Missing => "missing",
        }
    }
}

impl Replay {
    /// Whether the replay came to what the journal says.
    pub fn is_equal(&self) -> bool {
        self.changes.is_empty()
            && self.earlier.is_empty()
            && self.steps.iter().all(|step| step.changes.is_empty())
            && self.missing().next().is_none()
    }

    /// The steps that the journal has no result for.
    pub fn missing(&self) -> impl Iterator<Item = &StepName> {
        let missing = |step: &&ReplayedStep| step.answered.contains(&Answered::Missing);
        self.steps.iter().filter(missing).map(|step| &step.name)
    }
}

impl Engine {
    /// Runs the journal of an execution again and compares. Nothing is written; actions are run only for what
    /// [`Anew`] says. Attempts that were followed by another one leave no results in the journal, so whether to try
    /// again is not decided anew for what the journal answers.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when the execution, its version or the step to begin with does not exist,
    /// [`InvalidInput`](ErrorKind::InvalidInput) for the workflow of another name.
    pub async fn replay(&self, request: ReplayRequest) -> Result<Replay, Error> {
        let ReplayRequest { id, workflow, anew } = request;
        let snapshot = self.get(id, None).await?;
        let kept = self.workflow(&snapshot.record.version).await?;
        let workflow = workflow.unwrap_or_else(|| Arc::clone(&kept));
        check(&snapshot, &workflow, &anew)?;
        let seqs = self.parts.store.commits(id).await?;
        let commits = commits(&snapshot, seqs)?;
        let plain = anew == Anew::default() && workflow.version == kept.version;
        let driver = Driver::new(&self.parts, (kept, &snapshot), workflow, &anew);
        let run = driver.run(commits).await;
        Ok(compare::report(&snapshot, &run, plain))
    }
}

fn check(snapshot: &Snapshot, workflow: &Workflow, anew: &Anew) -> Result<(), Error> {
    let record = &snapshot.record;
    if workflow.name != record.workflow {
        let text = format!(
            "execution `{}` is one of workflow `{}`, and cannot be replayed with `{}`",
            record.id, record.workflow, workflow.name
        );
        return Err(Error::new(ErrorKind::InvalidInput, text));
    }
    match &anew.from {
        Some(from) if workflow.step(from).is_none() => {
            let text = format!("workflow `{}` has no step `{from}`", workflow.name);
            Err(Error::new(ErrorKind::NotFound, text))
        }
        Some(_) | None => Ok(()),
    }
}

/// What was decided together, with its sequence number.
struct Commit {
    seq: i64,
    facts: Vec<Fact>,
}

/// The journal may have grown since the snapshot was read, but never changes.
fn commits(snapshot: &Snapshot, seqs: Vec<i64>) -> Result<Vec<Commit>, Error> {
    if seqs.len() < snapshot.facts.len() {
        let text = format!("the journal of execution `{}` lost facts while it was read", snapshot.record.id);
        return Err(Error::new(ErrorKind::Corrupt, text));
    }
    let mut commits: Vec<Commit> = Vec::new();
    for (seq, (_, fact)) in seqs.into_iter().zip(&snapshot.facts) {
        match commits.last_mut() {
            Some(last) if last.seq == seq => last.facts.push(fact.clone()),
            Some(_) | None => commits.push(Commit { seq, facts: vec![fact.clone()] }),
        }
    }
    Ok(commits)
}
