//! Joins whoever answers questions to the port of the `llm/*` actions.

use std::sync::Arc;

use codeflow_actions::{Models, NoModels};
use codeflow_config::Settings;

/// Whom the `llm/*` steps ask. The settings name no providers yet, so there is nobody.
pub(crate) fn models(_settings: &Settings) -> Arc<dyn Models> {
    Arc::new(NoModels)
}
