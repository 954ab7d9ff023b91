//! Joins the catalog of actions to the engine's port.

use async_trait::async_trait;
use codeflow_actions::Catalog;
use codeflow_core::{ActionCall, ActionCatalog, ActionError, ActionOutcome};
use codeflow_engine::ActionRunner;
use tokio_util::sync::CancellationToken;

pub(crate) struct Actions(pub(crate) Catalog);

#[async_trait]
impl ActionRunner for Actions {
    fn catalog(&self) -> &dyn ActionCatalog {
        &self.0
    }

    async fn run(&self, call: ActionCall, stop: CancellationToken) -> Result<ActionOutcome, ActionError> {
        self.0.run(call, stop).await
    }
}
