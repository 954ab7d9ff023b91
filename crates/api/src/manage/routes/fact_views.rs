//! Facts of a journal as they are told. The names of kinds never change.

use codeflow_core::Usd;
use codeflow_core::execution::{Fact, Settled};
use codeflow_engine::{FactPlace, Recorded};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::step_views::PhaseView;
use super::views::StepErrorView;

/// How a step, or an iteration of one, ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndView {
    /// How.
    status: PhaseView,
    /// The attempt that ended it, counted from one; nought when none began.
    #[schema(example = 1)]
    attempt: u32,
    /// When the attempt began.
    #[schema(format = "date-time", example = "2026-11-25T10:00:01.000Z")]
    began_at: Option<String>,
    /// What it gave.
    #[schema(value_type = Option<Object>)]
    outputs: Option<Value>,
    /// Why it did not succeed.
    error: Option<StepErrorView>,
}

/// A fact of a journal. What is not said of its kind is left out.
#[derive(Default, Serialize, ToSchema)]
pub(crate) struct FactView {
    /// Its place in the journal.
    #[schema(example = "7.0")]
    place: String,
    /// Which commit recorded it: facts of one number were decided together.
    #[schema(example = 7)]
    seq: i64,
    /// How often the execution had been taken up again by then.
    #[schema(example = 0)]
    generation: u32,
    /// What happened: `settled`, `expanded`, `waiting`, `signalled`, `decided`, `cancelled`, `deadline_passed`,
    /// `restarted`, `paused`, `resumed`, `held`, `called`, `called_by`, `compensating`, `compensated`.
    #[schema(example = "settled")]
    kind: &'static str,
    /// Whether outputs, items or a payload are left out, because they are large.
    is_cut: bool,
    /// The step, or the iteration.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "test")]
    path: Option<String>,
    /// When it happened, where the journal says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "date-time", example = "2026-11-25T10:00:03.000Z")]
    at: Option<String>,
    /// How it ended, or was undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<EndView>,
    /// Over how many items it repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 12)]
    items: Option<usize>,
    /// The signal that came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "paid")]
    event: Option<String>,
    /// What came with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    payload: Option<Value>,
    /// What was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    approved: Option<bool>,
    /// Who said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ana")]
    by: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "looks good")]
    reason: Option<String>,
    /// What all of it may spend from then on, in millionths of a US dollar.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 2_500_000)]
    budget_microusd: Option<u64>,
    /// The attempt that waits until the execution goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 2)]
    attempt: Option<u32>,
    /// The execution that was called, or that called this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "exec_01933b1e0000700080000000000000ab")]
    execution: Option<String>,
    /// The steps that run again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["test"]))]
    steps: Vec<String>,
}

/// A place as pages are told it.
pub(super) fn place(place: FactPlace) -> String {
    format!("{}.{}", place.seq, place.ordinal)
}

impl From<Recorded> for FactView {
    fn from(recorded: Recorded) -> Self {
        let Recorded { place: at, generation, fact, is_cut } = recorded;
        let told = told(fact);
        Self {
            place: place(at),
            seq: at.seq,
            generation,
            is_cut,
            items: told.items.filter(|_| !is_cut),
            payload: told.payload.filter(|_| !is_cut),
            ..told
        }
    }
}

fn told(fact: Fact) -> FactView {
    let kind = |kind| FactView { kind, ..FactView::default() };
    match fact {
        Fact::Settled(settled) => ended("settled", settled),
        Fact::Compensated(settled) => ended("compensated", settled),
        Fact::Expanded { step, items } => {
            FactView { path: Some(step.to_string()), items: Some(items.len()), ..kind("expanded") }
        }
        Fact::Waiting { step, since } => {
            FactView { path: Some(step.to_string()), at: Some(since.to_string()), ..kind("waiting") }
        }
        Fact::Signalled { event, payload, .. } => {
            FactView { event: Some(event), payload: Some(payload.as_ref().clone()), ..kind("signalled") }
        }
        Fact::Decided { step, approved, by, comment, .. } => FactView {
            path: Some(step.to_string()),
            approved: Some(approved),
            ..said("decided", by, comment)
        },
        Fact::Cancelled { by, reason } => said("cancelled", by, reason),
        Fact::DeadlinePassed => kind("deadline_passed"),
        Fact::Restarted { steps } => {
            FactView { steps: steps.iter().map(ToString::to_string).collect(), ..kind("restarted") }
        }
        Fact::Paused { by, reason, .. } => said("paused", by, reason),
        Fact::Resumed { by, budget, .. } => {
            FactView { budget_microusd: budget.map(Usd::micros), ..said("resumed", by, None) }
        }
        Fact::Held { path, attempt, .. } => {
            FactView { path: Some(path.to_string()), attempt: Some(attempt), ..kind("held") }
        }
        Fact::Called { path, child, since } => FactView {
            path: Some(path.to_string()),
            execution: Some(child.to_string()),
            at: Some(since.to_string()),
            ..kind("called")
        },
        Fact::CalledBy(caller) => FactView {
            path: Some(caller.path.to_string()),
            execution: Some(caller.execution.to_string()),
            ..kind("called_by")
        },
        Fact::Compensating => kind("compensating"),
    }
}

/// Something that somebody said.
fn said(kind: &'static str, by: String, reason: Option<String>) -> FactView {
    FactView { kind, by: Some(by), reason, ..FactView::default() }
}

fn ended(kind: &'static str, settled: Settled) -> FactView {
    let end = EndView {
        status: settled.status.into(),
        attempt: settled.attempt,
        began_at: settled.began.map(|at| at.to_string()),
        outputs: settled.outputs.map(|outputs| outputs.as_ref().clone()),
        error: settled.error.map(Into::into),
    };
    let (path, at) = (Some(settled.path.to_string()), Some(settled.ended.to_string()));
    FactView { kind, path, at, end: Some(end), ..FactView::default() }
}
