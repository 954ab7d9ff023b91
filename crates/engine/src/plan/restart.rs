//! Which steps run again when an execution that has ended is taken up again.

use codeflow_core::execution::{State, StepStatus};
use codeflow_core::workflow::{Step, StepName, Workflow};

/// The steps that run again, from `from` on or from every step that did not succeed, with all that follow them.
pub(crate) fn steps_to_restart(workflow: &Workflow, state: &State, from: Option<&StepName>) -> Vec<StepName> {
    let begins = |step: &&Step| match from {
        _ if was_undone(state, step) => true,
        Some(from) => step.name == *from,
        None => did_not_succeed(state, step),
    };
    let first: Vec<_> = workflow.steps.iter().filter(begins).map(|step| &step.name).collect();
    let again =
        |step: &&Step| first.contains(&&step.name) || step.ancestors.iter().any(|a| first.contains(&a));
    workflow.steps.iter().filter(again).map(|step| step.name.clone()).collect()
}

/// What was undone has to be done again.
fn was_undone(state: &State, step: &Step) -> bool {
    state.step(&step.name).is_some_and(|known| known.compensated.is_some())
}

fn did_not_succeed(state: &State, step: &Step) -> bool {
    state.settled(&step.name).is_none_or(|settled| match settled.status {
        StepStatus::Succeeded => false,
        // A step that was blocked runs again with the one that blocked it; one whose `if` said no does not.
        StepStatus::Skipped => settled.error.as_ref().is_some_and(|error| error.blocked_by.is_some()),
        StepStatus::Failed | StepStatus::Cancelled | StepStatus::TimedOut => true,
        StepStatus::Pending | StepStatus::Ready | StepStatus::Running => true,
    })
}
