//! Starting the execution that a step of another one calls.

use std::sync::Arc;

use codeflow_core::execution::Reason;
use codeflow_core::{ActionError, ActionErrorKind, ExecutionId};

use super::Engine;
use crate::brief::Call;
use crate::slots::slot;
use crate::starts::Begun;
use crate::{Error, ErrorKind, inputs};

/// Why a call was not made.
pub(crate) enum CallFailed {
    /// It cannot be made, now or later.
    Refused(ActionError),
    /// Storage has something to say; trying again may help.
    Storage(Error),
}

impl From<Error> for CallFailed {
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::InvalidInput => {
                let refused = ActionError::new(ActionErrorKind::InvalidInput, error.to_string());
                Self::Refused(refused.with_code(error.kind().code()))
            }
            ErrorKind::NotFound
            | ErrorKind::Conflict
            | ErrorKind::Forbidden
            | ErrorKind::LeaseLost
            | ErrorKind::Locked
            | ErrorKind::Unavailable
            | ErrorKind::Corrupt
            | ErrorKind::Internal => Self::Storage(error),
        }
    }
}

impl Engine {
    /// Starts the latest version of the workflow that a step calls, once for each step of each generation, and
    /// says which execution that is. `id` is the id that it has if it is new.
    pub(crate) async fn call(&self, id: ExecutionId, call: Call) -> Result<ExecutionId, CallFailed> {
        let Call { tenant, workflow: name, inputs, caller } = call;
        let Some(latest) = self.parts.store.latest_version(&tenant, &name).await? else {
            let text =
                format!("there is no workflow `{name}`; it has to be registered before it can be called");
            let unknown = ActionError::new(ActionErrorKind::InvalidInput, text);
            return Err(CallFailed::Refused(unknown.with_code(Reason::UnknownWorkflow.code())));
        };
        let workflow = self.workflows.get(&latest.version).await?;
        let inputs = Arc::new(inputs::check(&workflow, inputs)?);
        let key = format!("call:{}:{}:{}", caller.execution, caller.generation, caller.path);
        let slot = slot(&workflow, &inputs)?;
        let begun = Begun { id, inputs, key: Some(key), caller: Some(caller), slot };
        Ok(self.begin(&workflow, begun).await?.0)
    }
}
