//! Makes the call of one attempt from the state of its execution: inputs rendered, upstream steps listed.

use codeflow_core::execution::{Caller, Progress, Reason, StepPath};
use codeflow_core::workflow::{Limits, Step, StepKind, StepName, WorkflowName};
use codeflow_core::{ActionCall, ActionError, ActionErrorKind, ActionName, Tenant, Upstream};
use codeflow_expr::{Roots, Scope, Template};
use serde_json::{Map, Value, json};

use crate::command;
use crate::live::Live;
use crate::scope::{Steps, roots};

/// A workflow that a step calls.
pub(crate) struct Call {
    pub(crate) tenant: Tenant,
    pub(crate) workflow: WorkflowName,
    pub(crate) inputs: Map<String, Value>,
    pub(crate) caller: Caller,
}

/// Whether the step calls a workflow.
pub(crate) fn is_call(live: &Live, path: &StepPath) -> bool {
    live.workflow.step(&path.step).is_some_and(|step| matches!(step.kind, StepKind::Workflow { .. }))
}

/// Makes the call of a workflow, or says why it cannot be made.
pub(crate) fn workflow_call(live: &Live, path: &StepPath) -> Result<Call, ActionError> {
    check_open(live)?;
    let step = live.workflow.step(&path.step).ok_or_else(|| internal("the step is not in the workflow"))?;
    let StepKind::Workflow { uses, with } = &step.kind else {
        return Err(internal("the step calls no workflow"));
    };
    let depth = live.state.caller().map_or(0, |caller| caller.depth) + 1;
    if depth > Limits::CALLS {
        let text = format!("workflow `{uses}` would be called from more than {} others", Limits::CALLS);
        return Err(ActionError::new(ActionErrorKind::Denied, text).with_code(Reason::TooDeep.code()));
    }
    let caller =
        Caller { execution: live.record.id, generation: live.record.generation, path: path.clone(), depth };
    let inputs = within(live, step, path, |scope| rendered(with, scope))?;
    let tenant = live.record.tenant.clone();
    Ok(Call { tenant, workflow: uses.clone(), inputs, caller })
}

/// Makes the call that undoes a step, or says why it cannot be made.
pub(crate) fn compensation(live: &Live, name: &StepName, attempt: u32) -> Result<ActionCall, ActionError> {
    let step = live.workflow.step(name).ok_or_else(|| internal("the step is not in the workflow"))?;
    let undo = step.compensate.as_ref().ok_or_else(|| internal("nothing undoes the step"))?;
    let names: Vec<_> = step.ancestors.iter().chain([name]).cloned().collect();
    let steps = Steps::of(&live.state, &names);
    let scope = roots(&live.record.inputs, &steps, &live.about);
    Ok(ActionCall {
        execution: live.record.id,
        tenant: live.record.tenant.clone(),
        path: StepPath::step(name.clone()),
        attempt,
        uses: undo.uses.clone(),
        inputs: rendered(&undo.with, &scope)?,
        upstream: upstream(live, &names),
        timeout: undo.timeout,
        budget: live.budget(),
    })
}

fn check_open(live: &Live) -> Result<(), ActionError> {
    let text = match live.progress() {
        Progress::Open => return Ok(()),
        Progress::Cancelled => "the execution was cancelled",
        Progress::TimedOut => "the execution's time was up",
    };
    Err(ActionError::new(ActionErrorKind::Cancelled, text))
}

/// Evaluates something of a step, or of one iteration of it.
fn within<T>(
    live: &Live,
    step: &Step,
    path: &StepPath,
    read: impl FnOnce(&Roots<'_>) -> Result<T, ActionError>,
) -> Result<T, ActionError> {
    let item = item(live, step, path)?;
    let steps = Steps::of(&live.state, &step.ancestors);
    let mut scope = roots(&live.record.inputs, &steps, &live.about);
    if let Some((item, index)) = &item {
        scope = scope.value("item", item).value("index", index);
    }
    read(&scope)
}

fn rendered<'w>(
    with: impl IntoIterator<Item = (&'w String, &'w Template)>,
    scope: &Roots<'_>,
) -> Result<Map<String, Value>, ActionError> {
    with.into_iter().map(|(name, template)| Ok((name.clone(), render(name, template, scope)?))).collect()
}

/// Evaluates one input.
pub(crate) fn render(name: &str, template: &Template, scope: &dyn Scope) -> Result<Value, ActionError> {
    template.render(scope).map_err(|cause| {
        ActionError::new(ActionErrorKind::InvalidInput, format!("input `{name}`: {cause}"))
            .with_code(cause.kind().code())
    })
}

/// Makes the call, or says why it cannot be made.
pub(crate) fn call(live: &Live, path: &StepPath, attempt: u32) -> Result<ActionCall, ActionError> {
    check_open(live)?;
    let step = live.workflow.step(&path.step).ok_or_else(|| internal("the step is not in the workflow"))?;
    let (uses, inputs) = within(live, step, path, |scope| match &step.kind {
        StepKind::Action { uses, with } => Ok((uses.clone(), rendered(with, scope)?)),
        StepKind::Run(run) => Ok((ActionName::run(), command::inputs(run, scope)?)),
        StepKind::Workflow { .. }
        | StepKind::Approval { .. }
        | StepKind::Wait { .. }
        | StepKind::Sleep { .. } => Err(internal("the step has no action")),
    })?;
    Ok(ActionCall {
        execution: live.record.id,
        tenant: live.record.tenant.clone(),
        path: path.clone(),
        attempt,
        uses,
        inputs,
        upstream: upstream(live, &step.ancestors),
        timeout: step.timeout,
        budget: live.budget(),
    })
}

fn item(live: &Live, step: &Step, path: &StepPath) -> Result<Option<(Value, Value)>, ActionError> {
    let Some(index) = path.iteration else { return Ok(None) };
    let items = live.state.step(&step.name).and_then(|step| step.items.as_ref());
    let item = items.and_then(|items| items.get(index as usize));
    let item = item.ok_or_else(|| internal("the iteration is not in the list"))?;
    Ok(Some((item.clone(), json!(index))))
}

fn upstream(live: &Live, names: &[StepName]) -> Vec<Upstream> {
    let view = |name| {
        let settled = live.state.settled(name)?;
        Some(Upstream {
            step: settled.path.step.clone(),
            status: settled.status,
            outputs: settled.outputs.clone(),
            error: settled.error.clone(),
        })
    };
    names.iter().filter_map(view).collect()
}

fn internal(message: &str) -> ActionError {
    ActionError::new(ActionErrorKind::Internal, message)
}
