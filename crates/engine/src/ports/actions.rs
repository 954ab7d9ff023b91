//! The port to the code behind `uses:`.

use async_trait::async_trait;
use codeflow_core::{ActionCall, ActionCatalog, ActionError, ActionOutcome};
use tokio_util::sync::CancellationToken;

/// Runs actions.
#[async_trait]
pub trait ActionRunner: Send + Sync {
    /// What there is to run.
    fn catalog(&self) -> &dyn ActionCatalog;

    /// Runs one attempt. It should end soon after `stop` is cancelled; it is dropped if it does not.
    ///
    /// # Errors
    /// When the attempt fails; the kind decides whether another one is made.
    async fn run(&self, call: ActionCall, stop: CancellationToken) -> Result<ActionOutcome, ActionError>;
}
