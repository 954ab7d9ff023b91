//! Holds what a replay came to against the journal.

use std::collections::BTreeMap;

use codeflow_core::execution::{ExecutionStatus, Fact, Settled, State, StepState};
use codeflow_core::workflow::{StepName, Workflow};
use serde_json::{Map, Value, json};

use super::diff::diff;
use super::driver::Run;
use super::{Outcome, Replay, ReplayedStep};
use crate::ports::{ExecutionRecord, Snapshot};

/// Compares. A `plain` replay follows the same workflow and asks for nothing anew, so even the order in which steps
/// ended has to be the same.
pub(super) fn report(snapshot: &Snapshot, run: &Run, plain: bool) -> Replay {
    let recorded = State::replay(&snapshot.facts);
    let replayed = &run.live.state;
    let names = names(&run.live.workflow, &run.kept);
    let whole = |record: &ExecutionRecord, state: &State| whole(record, plain.then(|| order(&names, state)));
    let changes = diff(&whole(&snapshot.record, &recorded), &whole(&run.live.record, replayed));
    let step = |name: &StepName| {
        let (one, other) = (recorded.step(name), replayed.step(name));
        ReplayedStep {
            name: name.clone(),
            recorded: one.and_then(StepState::status),
            replayed: other.and_then(StepState::status),
            recorded_outputs: one.and_then(|one| one.settled.as_ref()?.outputs.clone()),
            replayed_outputs: other.and_then(|other| other.settled.as_ref()?.outputs.clone()),
            answered: run.answered.get(name).cloned().unwrap_or_default(),
            changes: diff(&document(one, plain), &document(other, plain)),
        }
    };
    Replay {
        id: snapshot.record.id,
        recorded: outcome(&snapshot.record),
        replayed: outcome(&run.live.record),
        changes,
        steps: names.iter().map(step).collect(),
        earlier: earlier(snapshot, run, &names, plain),
    }
}

fn names(replayed: &Workflow, kept: &Workflow) -> Vec<StepName> {
    let gone = kept.steps.iter().filter(|step| replayed.step(&step.name).is_none());
    replayed.steps.iter().chain(gone).map(|step| step.name.clone()).collect()
}

fn outcome(record: &ExecutionRecord) -> Outcome {
    let (outputs, error) = (record.outputs.clone(), record.error.clone());
    Outcome { status: record.status, outputs, error }
}

/// The execution without its steps. What is not over stands wherever its open work happens to be.
fn whole(record: &ExecutionRecord, order: Option<Vec<&StepName>>) -> Value {
    let status = match record.status {
        ExecutionStatus::Queued | ExecutionStatus::Running | ExecutionStatus::Waiting => "open",
        over @ (ExecutionStatus::Paused
        | ExecutionStatus::Succeeded
        | ExecutionStatus::Failed
        | ExecutionStatus::Cancelled
        | ExecutionStatus::TimedOut) => over.as_str(),
    };
    let mut whole = json!({
        "status": status,
        "generation": record.generation,
        "outputs": record.outputs.as_deref(),
        "error": record.error,
    });
    if let Some(order) = order {
        whole["order"] = json!(order);
    }
    whole
}

/// The steps that have ended, in the order in which they did.
fn order<'n>(names: &'n [StepName], state: &State) -> Vec<&'n StepName> {
    let ended = |name: &&StepName| state.settled(name).is_some();
    let mut ended: Vec<_> = names.iter().filter(ended).collect();
    ended.sort_by_key(|name| state.step(name).map(|step| step.order));
    ended
}

/// A step without its times.
fn document(step: Option<&StepState>, plain: bool) -> Value {
    let Some(step) = step else { return json!({}) };
    let mut document = Map::new();
    if let Some(settled) = &step.settled {
        document.extend(end(settled, plain));
    } else if step.waiting_since.is_some() {
        document.insert("status".to_owned(), json!("waiting"));
    }
    if let Some(items) = &step.items {
        document.insert("items".to_owned(), json!(items.as_ref()));
        let ends = step.iterations.iter().map(|(number, one)| (number.to_string(), end(one, plain)));
        document.insert("iterations".to_owned(), json!(ends.collect::<BTreeMap<_, _>>()));
    }
    let called: Vec<_> = step.children.values().map(|child| child.execution).collect();
    if !called.is_empty() {
        document.insert("called".to_owned(), json!(called));
    }
    if let Some(undone) = &step.compensated {
        document.insert("compensated".to_owned(), Value::Object(end(undone, plain)));
    }
    Value::Object(document)
}

fn end(settled: &Settled, plain: bool) -> Map<String, Value> {
    let mut end = Map::new();
    end.insert("status".to_owned(), json!(settled.status));
    if let Some(outputs) = &settled.outputs {
        end.insert("outputs".to_owned(), outputs.as_ref().clone());
    }
    if let Some(error) = &settled.error {
        end.insert("error".to_owned(), json!(error));
    }
    if plain {
        end.insert("attempt".to_owned(), json!(settled.attempt));
    }
    end
}

/// How the steps stood each time before the execution was taken up again.
fn earlier(
    snapshot: &Snapshot,
    run: &Run,
    names: &[StepName],
    plain: bool,
) -> Vec<(u32, Vec<super::Change>)> {
    let mut state = State::default();
    let mut recorded = Vec::new();
    for (generation, fact) in &snapshot.facts {
        if matches!(fact, Fact::Restarted { .. }) {
            recorded.push(state.clone());
        }
        state.apply(*generation, fact);
    }
    let all = |state: &State| -> Value {
        names
            .iter()
            .map(|name| (name.to_string(), document(state.step(name), plain)))
            .collect::<Map<_, _>>()
            .into()
    };
    let pairs = recorded.iter().zip(&run.restarts);
    let changes = pairs.map(|(one, other)| (one.generation(), diff(&all(one), &all(other))));
    changes.filter(|(_, changes)| !changes.is_empty()).collect()
}
