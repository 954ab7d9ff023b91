//! Steps of executions as they are told.

use std::sync::Arc;

use codeflow_actions::model_use;
use codeflow_core::Usd;
use codeflow_core::execution::{Settled, StepStatus};
use codeflow_engine::{Phase, StepView as Step};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::views::StepErrorView;
use crate::manage::ports::Sight;

/// Where a step stands.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PhaseView {
    /// It waits for other steps.
    Pending,
    /// An attempt is due or runs.
    Running,
    /// An attempt failed, and the next one comes after a pause.
    Retrying,
    /// It waits for a time, a signal or a decision.
    Waiting,
    /// It waits for executions that it called.
    Calling,
    /// Workers died of it, so it was put aside.
    Quarantined,
    Succeeded,
    Failed,
    Skipped,
    Cancelled,
    TimedOut,
}

impl From<StepStatus> for PhaseView {
    fn from(status: StepStatus) -> Self {
        match status {
            StepStatus::Pending | StepStatus::Ready => Self::Pending,
            StepStatus::Running => Self::Running,
            StepStatus::Succeeded => Self::Succeeded,
            StepStatus::Failed => Self::Failed,
            StepStatus::Skipped => Self::Skipped,
            StepStatus::Cancelled => Self::Cancelled,
            StepStatus::TimedOut => Self::TimedOut,
        }
    }
}

/// How many iterations of a repeated step are done.
#[derive(Serialize, ToSchema)]
pub(crate) struct IterationsView {
    /// So many are done.
    #[schema(example = 3)]
    done: usize,
    /// So many there are; `null` when the list of them is larger than 8 KiB.
    #[schema(example = 12)]
    all: Option<usize>,
}

/// How a step was undone.
#[derive(Serialize, ToSchema)]
pub(crate) struct UndoneView {
    /// How that ended.
    status: PhaseView,
    /// The attempt that ended it.
    #[schema(example = 1)]
    attempt: u32,
    /// When it ended.
    #[schema(format = "date-time", example = "2026-11-25T10:00:03.000Z")]
    ended_at: String,
    /// Why it could not be undone.
    error: Option<StepErrorView>,
}

/// A step of an execution.
#[derive(Serialize, ToSchema)]
pub(crate) struct StepView {
    /// Its name.
    #[schema(example = "test")]
    name: String,
    /// What it does: the name of an action, `run`, `approval`, `wait`, `sleep`, or `workflow/` and a name.
    #[schema(example = "run")]
    uses: String,
    /// Where it stands.
    status: PhaseView,
    /// The attempt that runs, comes next or ended it, counted from one; nought when none began.
    #[schema(example = 1)]
    attempt: Option<u32>,
    /// Since when it waits for a time, a signal or a decision.
    #[schema(format = "date-time", example = "2026-11-25T10:00:00.000Z")]
    waiting_since: Option<String>,
    /// When the attempt began that ended it.
    #[schema(format = "date-time", example = "2026-11-25T10:00:01.000Z")]
    began_at: Option<String>,
    /// When it ended.
    #[schema(format = "date-time", example = "2026-11-25T10:00:03.000Z")]
    ended_at: Option<String>,
    /// Why it did not succeed.
    error: Option<StepErrorView>,
    /// How many iterations are done, if it repeats.
    iterations: Option<IterationsView>,
    /// The executions that it, or its iterations, called.
    #[schema(example = json!(["exec_01933b1e0000700080000000000000ab"]))]
    called: Vec<String>,
    /// How it was undone, if it was.
    undone: Option<UndoneView>,
    /// Whether what it gave is left out, because it is larger than 8 KiB, or than 1 MiB when it is asked for alone.
    is_cut: bool,
    /// The model that it asked, if it asked one; `null` if `is_cut`.
    #[schema(example = "openai/gpt-5")]
    model: Option<String>,
    /// What the models that it asked cost, in millionths of a US dollar; `null` when it asked none or nobody
    /// knows, or if `is_cut`.
    #[schema(example = 80)]
    cost_microusd: Option<u64>,
}

/// A step of an execution, with what it gave.
#[derive(Serialize, ToSchema)]
pub(crate) struct StepDetail {
    /// The step.
    step: StepView,
    /// What it gave; a failed step may say something, too. `null` if `is_cut`.
    #[schema(value_type = Option<Object>)]
    outputs: Option<Value>,
}

/// Who started an execution, if another execution did.
#[derive(Serialize, ToSchema)]
pub(crate) struct CalledByView {
    /// That execution.
    #[schema(example = "exec_01933b1e0000700080000000000000aa")]
    execution: String,
    /// Its step, or iteration.
    #[schema(example = "build[2]")]
    path: String,
}

/// The steps of an execution.
#[derive(Serialize, ToSchema)]
pub(crate) struct Steps {
    /// The steps.
    data: Vec<StepView>,
    /// Who started the execution, if another one did.
    called_by: Option<CalledByView>,
}

impl Steps {
    pub(super) fn of(sight: &Sight) -> Self {
        let called_by = sight.view.caller().map(|caller| CalledByView {
            execution: caller.execution.to_string(),
            path: caller.path.to_string(),
        });
        Self { data: sight.view.steps().map(|step| StepView::of(sight, &step)).collect(), called_by }
    }
}

impl StepDetail {
    pub(super) fn of(sight: &Sight, step: &Step<'_>) -> Self {
        let outputs = settled(step).and_then(|settled| settled.outputs.as_deref().cloned());
        Self { step: StepView::of(sight, step), outputs }
    }
}

impl StepView {
    fn of(sight: &Sight, step: &Step<'_>) -> Self {
        let ended = settled(step);
        let (status, attempt) = match step.phase {
            Phase::Pending => (PhaseView::Pending, None),
            Phase::Running { attempt } => (PhaseView::Running, Some(attempt)),
            Phase::Retrying { attempt } => (PhaseView::Retrying, Some(attempt)),
            Phase::Waiting { .. } => (PhaseView::Waiting, None),
            Phase::Calling => (PhaseView::Calling, None),
            Phase::Quarantined => (PhaseView::Quarantined, None),
            Phase::Settled(settled) => (settled.status.into(), Some(settled.attempt)),
        };
        let waiting_since = match step.phase {
            Phase::Waiting { since } => Some(since.to_string()),
            Phase::Pending
            | Phase::Running { .. }
            | Phase::Retrying { .. }
            | Phase::Calling
            | Phase::Quarantined
            | Phase::Settled(_) => None,
        };
        let outputs = ended.and_then(|settled| settled.outputs.as_ref());
        let counted = !sight.uncounted.contains(&step.step.name);
        Self {
            name: step.step.name.to_string(),
            uses: step.uses(),
            status,
            attempt,
            waiting_since,
            began_at: ended.and_then(|settled| settled.began).map(|at| at.to_string()),
            ended_at: ended.map(|settled| settled.ended.to_string()),
            error: ended.and_then(|settled| settled.error.clone()).map(Into::into),
            iterations: step
                .iterations
                .map(|(done, all)| IterationsView { done, all: counted.then_some(all) }),
            called: step.called.iter().map(ToString::to_string).collect(),
            undone: step.compensated.map(UndoneView::of),
            is_cut: sight.cut.contains(&step.step.name),
            model: outputs.and_then(|outputs| Some(model_use(outputs.as_object()?)?.name())),
            cost_microusd: outputs.and_then(cost).map(Usd::micros),
        }
    }
}

impl UndoneView {
    fn of(settled: &Settled) -> Self {
        Self {
            status: settled.status.into(),
            attempt: settled.attempt,
            ended_at: settled.ended.to_string(),
            error: settled.error.clone().map(Into::into),
        }
    }
}

fn settled<'v>(step: &Step<'v>) -> Option<&'v Settled> {
    match step.phase {
        Phase::Settled(settled) => Some(settled),
        Phase::Pending
        | Phase::Running { .. }
        | Phase::Retrying { .. }
        | Phase::Waiting { .. }
        | Phase::Calling
        | Phase::Quarantined => None,
    }
}

/// What the step's own call cost, or those of its iterations together. Nothing if of one that asked nobody knows.
fn cost(outputs: &Arc<Value>) -> Option<Usd> {
    let used = |outputs: &Value| model_use(outputs.as_object()?);
    if let Some(used) = used(outputs) {
        return used.cost;
    }
    let mut uses = outputs.get("items")?.as_array()?.iter().filter_map(used).peekable();
    uses.peek()?;
    uses.try_fold(Usd::ZERO, |sum, used| sum.checked_add(used.cost?))
}
