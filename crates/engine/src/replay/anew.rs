//! Which steps are asked for anew, and how their actions run.

use std::collections::BTreeSet;
use std::time::Duration;

use codeflow_core::workflow::{Step, StepKind, StepName, Workflow};
use codeflow_core::{ActionCall, ActionError, ActionErrorKind, format_duration};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::ActionRunner;
use crate::worker::Verdict;

/// What a replay does not answer from the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anew {
    /// The actions and commands of this step and of all that follow it are run.
    pub from: Option<StepName>,
    /// The `llm/*` steps ask on this route. Without [`from`](Self::from), what follows from their answers without an
    /// effect, which is the `core/*` actions, is run as well.
    pub route: Option<String>,
}

impl Anew {
    /// The steps whose actions are run. Executions that steps call, approvals, waits and what undoes a step are never
    /// made again.
    pub(super) fn steps(&self, workflow: &Workflow) -> BTreeSet<StepName> {
        let mut again: BTreeSet<StepName> = BTreeSet::new();
        for step in &workflow.steps {
            let follows = step.ancestors.iter().any(|before| again.contains(before));
            let wanted = match (&self.from, &self.route) {
                (Some(from), _) => step.name == *from || step.ancestors.contains(from),
                (None, Some(_)) => asks(step) || (follows && is_pure(step)),
                (None, None) => false,
            };
            let runs = match &step.kind {
                StepKind::Action { .. } | StepKind::Run(_) => true,
                StepKind::Workflow { .. }
                | StepKind::Approval { .. }
                | StepKind::Wait { .. }
                | StepKind::Sleep { .. } => false,
            };
            if wanted && runs {
                again.insert(step.name.clone());
            }
        }
        again
    }

    /// Makes an attempt.
    pub(super) async fn act(&self, actions: &dyn ActionRunner, mut call: ActionCall) -> Verdict {
        if let Some(route) = self.route.as_ref().filter(|_| call.uses.as_str().starts_with(ASKING)) {
            call.inputs.insert("route".to_owned(), route.clone().into());
        }
        let (limit, uses) = (call.timeout, call.uses.clone());
        let late = |limit: Duration| {
            let text = format!("action `{uses}` took longer than {}", format_duration(limit));
            Err(ActionError::new(ActionErrorKind::Timeout, text))
        };
        let run = actions.run(call, CancellationToken::new());
        Verdict::from(timeout(limit, run).await.unwrap_or_else(|_| late(limit)))
    }
}

const ASKING: &str = "llm/";

fn asks(step: &Step) -> bool {
    uses(step).is_some_and(|uses| uses.starts_with(ASKING))
}

/// Whether the action of a step reads nothing but its inputs, and changes nothing.
fn is_pure(step: &Step) -> bool {
    uses(step).is_some_and(|uses| uses.starts_with("core/"))
}

fn uses(step: &Step) -> Option<&str> {
    match &step.kind {
        StepKind::Action { uses, .. } => Some(uses.as_str()),
        StepKind::Run(_)
        | StepKind::Workflow { .. }
        | StepKind::Approval { .. }
        | StepKind::Wait { .. }
        | StepKind::Sleep { .. } => None,
    }
}
