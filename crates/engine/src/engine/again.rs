//! Once more: an execution that has ended goes on, or another one is made like it.

use codeflow_core::ExecutionId;
use codeflow_core::execution::{ExecutionStatus, State};
use codeflow_core::workflow::{StepName, VersionId};
use serde_json::{Map, Value};

use super::Engine;
use crate::plan::steps_to_restart;
use crate::ports::{MessageBody, Started};
use crate::{Error, ErrorKind, StartRequest};

/// What differs in an execution that is made like another one.
#[derive(Clone, Debug, Default)]
pub struct Rerun {
    /// Its inputs; those of the other one if not given.
    pub inputs: Option<Map<String, Value>>,
    /// The version of the same workflow; that of the other one if not given.
    pub version: Option<VersionId>,
    /// As of any start.
    pub idempotency_key: Option<String>,
}

impl Engine {
    /// Takes an execution that has ended up again: from `from` on, or from every step that did not succeed.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) also for an unknown step, [`Conflict`](ErrorKind::Conflict) when
    /// the execution has not ended, or no step is left to run again.
    pub async fn restart(&self, id: ExecutionId, from: Option<StepName>, by: &str) -> Result<(), Error> {
        let record = self.must_be(id, "retried", ExecutionStatus::is_final).await?;
        let workflow = self.workflows.get(&record.version).await?;
        if let Some(from) = from.as_ref().filter(|from| workflow.step(from).is_none()) {
            let text = format!("workflow `{}` has no step `{from}`", workflow.name);
            return Err(Error::new(ErrorKind::NotFound, text));
        }
        let state = State::replay(&self.get(id, None).await?.facts);
        if steps_to_restart(&workflow, &state, from.as_ref()).is_empty() {
            let text = format!("every step of execution `{id}` is done; name the one to run again from");
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        self.send(id, MessageBody::Restart { from, by: by.to_owned() }).await
    }

    /// Starts an execution like another one, which may have ended or not and stays as it is.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), [`InvalidInput`](ErrorKind::InvalidInput) also for a version of
    /// another workflow.
    pub async fn rerun(&self, id: ExecutionId, rerun: Rerun) -> Result<(ExecutionId, Started), Error> {
        let record = self.get(id, Some(i64::MAX)).await?.record;
        let version = rerun.version.unwrap_or(record.version);
        let workflow = self.workflows.get(&version).await?;
        if workflow.name != record.workflow {
            let text = format!(
                "version `{version}` is one of workflow `{}`, and execution `{id}` is one of `{}`",
                workflow.name, record.workflow
            );
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        let inputs = rerun.inputs.or_else(|| record.inputs.as_object().cloned()).unwrap_or_default();
        self.start(StartRequest { version, inputs, idempotency_key: rerun.idempotency_key }).await
    }
}
