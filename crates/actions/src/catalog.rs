//! Knows every action by its name, and is the one door through which they run.

use std::collections::BTreeMap;
use std::sync::Arc;

use codeflow_core::{ActionCall, ActionCatalog, ActionError, ActionName, ActionOutcome, ActionSpec};
use tokio_util::sync::CancellationToken;

use crate::action::{cancelled, to_the_end};
use crate::builtin::{
    ChatAction, DiffAction, ExtractAction, PolicyAction, ReportAction, ReviewAction, RiskAction,
    SecretsAction,
};
use crate::fault::Fault;
use crate::{Action, Models, Repository, contract};

/// What the built-in actions need from outside.
#[derive(Clone)]
pub struct Dependencies {
    /// Where `git/diff` reads changes.
    pub repository: Arc<dyn Repository>,
    /// Whom the `llm/*` actions ask; [`NoModels`](crate::NoModels) if there is nobody.
    pub models: Arc<dyn Models>,
}

/// The actions that workflows can use.
#[derive(Clone, Default)]
pub struct Catalog {
    actions: BTreeMap<ActionName, Arc<dyn Action>>,
}

impl Catalog {
    /// A catalog without actions.
    pub fn new() -> Self {
        Self::default()
    }

    /// The actions that come with CodeFlow.
    pub fn builtin(dependencies: Dependencies) -> Self {
        let Dependencies { repository, models } = dependencies;
        let mut catalog = Self::new();
        catalog.register(Arc::new(DiffAction::new(repository)));
        catalog.register(Arc::new(SecretsAction::new()));
        catalog.register(Arc::new(RiskAction::new()));
        catalog.register(Arc::new(PolicyAction::new()));
        catalog.register(Arc::new(ReportAction::new()));
        catalog.register(Arc::new(ReviewAction::new(Arc::clone(&models))));
        catalog.register(Arc::new(ChatAction::new(Arc::clone(&models))));
        catalog.register(Arc::new(ExtractAction::new(models)));
        catalog
    }

    /// Adds an action. It takes the place of one with the same name, which is given back.
    pub fn register(&mut self, action: Arc<dyn Action>) -> Option<Arc<dyn Action>> {
        self.actions.insert(action.spec().name.clone(), action)
    }

    /// Runs one attempt of a step: finds its action, checks the inputs, runs it, checks what it gives.
    ///
    /// Outputs are bounded by [`MAX_OUTPUT_BYTES`](crate::MAX_OUTPUT_BYTES). The time is bounded by the caller,
    /// who cancels `stop` and drops this future if that does not help.
    ///
    /// # Errors
    /// `action.unknown`, `action.invalid_input`, `action.bad_output`, `action.output_too_large`, `action.cancelled`,
    /// and whatever the action itself fails with.
    pub async fn run(
        &self,
        mut call: ActionCall,
        stop: CancellationToken,
    ) -> Result<ActionOutcome, ActionError> {
        let action = Arc::clone(self.actions.get(&call.uses).ok_or_else(|| unknown(&call.uses))?);
        contract::check_inputs(action.spec(), &mut call.inputs)?;
        if stop.is_cancelled() {
            return Err(cancelled());
        }
        let outcome = action.run(call, stop).await;
        // What was done is not thrown away for a stop that came afterwards.
        to_the_end(move || contract::check_outcome(action.spec(), outcome)).await
    }
}

impl ActionCatalog for Catalog {
    fn find(&self, name: &ActionName) -> Option<&ActionSpec> {
        self.actions.get(name).map(|action| action.spec())
    }

    fn names(&self) -> Vec<ActionName> {
        self.actions.keys().cloned().collect()
    }
}

fn unknown(name: &ActionName) -> ActionError {
    if *name == ActionName::run() {
        return Fault::CommandsOff.error("this worker's settings do not allow commands".to_owned());
    }
    Fault::UnknownAction.error(format!("there is no action `{name}`"))
}
