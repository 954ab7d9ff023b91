//! Makes the call of one attempt from the state of its execution: inputs rendered, upstream steps listed.

use std::time::Duration;

use codeflow_core::execution::{Progress, StepPath};
use codeflow_core::workflow::{Step, StepKind};
use codeflow_core::{ActionCall, ActionError, ActionErrorKind, ActionName, Upstream};
use codeflow_expr::{Scope, Template};
use serde_json::{Map, Value, json};

use crate::command;
use crate::live::Live;
use crate::scope::{Steps, roots};

/// Makes the call, or says why it cannot be made.
pub(crate) fn call(live: &Live, path: &StepPath, attempt: u32) -> Result<ActionCall, ActionError> {
    match live.progress() {
        Progress::Open => {}
        Progress::Cancelled => {
            return Err(ActionError::new(ActionErrorKind::Cancelled, "the execution was cancelled"));
        }
        Progress::TimedOut => {
            return Err(ActionError::new(ActionErrorKind::Cancelled, "the execution's time was up"));
        }
    }
    let step = live.workflow.step(&path.step).ok_or_else(|| internal("the step is not in the workflow"))?;
    let item = item(live, step, path)?;
    let steps = Steps::of(&live.state, &step.ancestors);
    let mut scope = roots(&live.record.inputs, &steps, &live.about);
    if let Some((item, index)) = &item {
        scope = scope.value("item", item).value("index", index);
    }
    let (uses, inputs) = match &step.kind {
        StepKind::Action { uses, with } => {
            let render = |(name, template)| Ok((String::clone(name), render(name, template, &scope)?));
            (uses.clone(), with.iter().map(render).collect::<Result<Map<_, _>, _>>()?)
        }
        StepKind::Run(run) => (ActionName::run(), command::inputs(run, &scope)?),
        StepKind::Workflow { .. }
        | StepKind::Approval { .. }
        | StepKind::Wait { .. }
        | StepKind::Sleep { .. } => return Err(internal("the step has no action")),
    };
    Ok(ActionCall {
        execution: live.record.id,
        path: path.clone(),
        attempt,
        uses,
        inputs,
        upstream: upstream(live, step),
        timeout: timeout(step),
        budget: live.workflow.budget.usd,
    })
}

/// Evaluates one input.
pub(crate) fn render(name: &str, template: &Template, scope: &dyn Scope) -> Result<Value, ActionError> {
    template.render(scope).map_err(|cause| {
        ActionError::new(ActionErrorKind::InvalidInput, format!("input `{name}`: {cause}"))
            .with_code(cause.kind().code())
    })
}

fn timeout(step: &Step) -> Duration {
    step.timeout
}

fn item(live: &Live, step: &Step, path: &StepPath) -> Result<Option<(Value, Value)>, ActionError> {
    let Some(index) = path.iteration else { return Ok(None) };
    let items = live.state.step(&step.name).and_then(|step| step.items.as_ref());
    let item = items.and_then(|items| items.get(index as usize));
    let item = item.ok_or_else(|| internal("the iteration is not in the list"))?;
    Ok(Some((item.clone(), json!(index))))
}

fn upstream(live: &Live, step: &Step) -> Vec<Upstream> {
    let view = |name| {
        let settled = live.state.settled(name)?;
        Some(Upstream {
            step: settled.path.step.clone(),
            status: settled.status,
            outputs: settled.outputs.clone(),
            error: settled.error.clone(),
        })
    };
    step.ancestors.iter().filter_map(view).collect()
}

fn internal(message: &str) -> ActionError {
    ActionError::new(ActionErrorKind::Internal, message)
}
