//! Messages to an execution that is under way: a cancel, a signal, a decision.

use codeflow_core::ExecutionId;
use codeflow_core::execution::State;
use codeflow_core::workflow::{StepKind, StepName, Workflow};
use serde_json::Value;

use super::Engine;
use crate::ports::MessageBody;
use crate::{Error, ErrorKind};

/// The role of those who may decide about every approval.
const ADMIN: &str = "admin";

/// Somebody who decides. Who that is was found out before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decider {
    /// The name, for whoever looks at it later.
    pub name: String,
    /// The roles; `admin` may decide about everything.
    pub roles: Vec<String>,
}

impl Decider {
    /// Whoever can open the storage itself, as on the command line of one's own machine, and so could change
    /// everything anyway.
    pub fn operator(name: impl Into<String>) -> Self {
        Self { name: name.into(), roles: vec![ADMIN.to_owned()] }
    }

    fn may_decide(&self, roles: &[String]) -> bool {
        roles.is_empty() || self.roles.iter().any(|role| role == ADMIN || roles.contains(role))
    }
}

/// A decision about an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Yes or no.
    pub approved: bool,
    /// Who decides.
    pub by: Decider,
    /// Why.
    pub comment: Option<String>,
}

impl Engine {
    /// Asks an execution to stop. Running work is told; what does not stop in time is dropped.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), [`Conflict`](ErrorKind::Conflict) when it has ended.
    pub async fn cancel(&self, id: ExecutionId, by: &str, reason: Option<String>) -> Result<(), Error> {
        self.must_be(id, "cancelled", |status| !status.is_final()).await?;
        self.send(id, MessageBody::Cancel { by: by.to_owned(), reason }).await
    }

    /// Sends a signal. One that comes before its step waits for it.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) also for a signal that no step of the workflow waits for,
    /// [`Conflict`](ErrorKind::Conflict) when the execution, or every step that waits for it, has ended.
    pub async fn signal(&self, id: ExecutionId, event: &str, payload: Value) -> Result<(), Error> {
        let record = self.must_be(id, "signalled", |status| !status.is_final()).await?;
        let workflow = self.workflows.get(&record.version).await?;
        let waiting: Vec<_> = waits(&workflow).filter(|(_, awaited)| *awaited == event).collect();
        if waiting.is_empty() {
            let known: Vec<_> = waits(&workflow).map(|(_, awaited)| format!("`{awaited}`")).collect();
            let known = if known.is_empty() { "none at all".to_owned() } else { known.join(", ") };
            let text =
                format!("workflow `{}` waits for no signal `{event}`; it waits for: {known}", workflow.name);
            return Err(Error::new(ErrorKind::NotFound, text));
        }
        let state = State::replay(&self.get(id, None).await?.facts);
        if waiting.iter().all(|(step, _)| state.settled(step).is_some()) {
            let text = format!("no step of execution `{id}` waits for the signal `{event}` any more");
            return Err(Error::new(ErrorKind::Conflict, text));
        }
        self.send(id, MessageBody::Signal { event: event.to_owned(), payload }).await
    }

    /// Decides about an approval. The first decision stands.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) also for a step that is no approval,
    /// [`Forbidden`](ErrorKind::Forbidden) for somebody without one of its roles,
    /// [`Conflict`](ErrorKind::Conflict) when the execution has ended.
    pub async fn decide(&self, id: ExecutionId, step: &StepName, decision: Decision) -> Result<(), Error> {
        let record = self.must_be(id, "decided about", |status| !status.is_final()).await?;
        let workflow = self.workflows.get(&record.version).await?;
        let Some(StepKind::Approval { roles, .. }) = workflow.step(step).map(|step| &step.kind) else {
            let text = format!("workflow `{}` has no approval `{step}`", workflow.name);
            return Err(Error::new(ErrorKind::NotFound, text));
        };
        let Decision { approved, by, comment } = decision;
        if !by.may_decide(roles) {
            let roles: Vec<_> = roles.iter().map(|role| format!("`{role}`")).collect();
            let text =
                format!("{} has none of the roles that decide about `{step}`: {}", by.name, roles.join(", "));
            return Err(Error::new(ErrorKind::Forbidden, text));
        }
        let body = MessageBody::Decide { step: step.clone(), approved, by: by.name, comment };
        self.send(id, body).await
    }
}

/// The steps that wait for a signal, with its name.
fn waits(workflow: &Workflow) -> impl Iterator<Item = (&StepName, &str)> {
    workflow.steps.iter().filter_map(|step| match &step.kind {
        StepKind::Wait { event, .. } => Some((&step.name, event.as_str())),
        StepKind::Action { .. }
        | StepKind::Workflow { .. }
        | StepKind::Run { .. }
        | StepKind::Approval { .. }
        | StepKind::Sleep { .. } => None,
    })
}
