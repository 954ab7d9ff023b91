//! Pausing an execution, and letting it go on.

use codeflow_core::execution::ExecutionStatus;
use codeflow_core::{ExecutionId, Usd};

use super::Engine;
use crate::Error;
use crate::ports::MessageBody;

impl Engine {
    /// Asks that nothing more of an execution begins. What runs goes on to its end, and that is recorded;
    /// signals and decisions are kept. A deadline of the execution still counts.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound), [`Conflict`](crate::ErrorKind::Conflict) when it has ended
    /// or is paused already.
    pub async fn pause(&self, id: ExecutionId, by: &str, reason: Option<String>) -> Result<(), Error> {
        let may_be = |status: ExecutionStatus| !status.is_final() && status != ExecutionStatus::Paused;
        self.must_be(id, "paused", may_be).await?;
        self.send(id, MessageBody::Pause { by: by.to_owned(), reason }).await
    }

    /// Lets a paused execution go on, with everything that fell due in the meantime.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound), [`Conflict`](crate::ErrorKind::Conflict) when it is not
    /// paused.
    pub async fn resume(&self, id: ExecutionId, by: &str) -> Result<(), Error> {
        self.go_on(id, by, None).await
    }

    /// Lets a paused execution go on like [`resume`](Self::resume), and says what all of it may spend, whatever its
    /// document says: one that is used up pauses it.
    ///
    /// # Errors
    /// Those of [`resume`](Self::resume).
    pub async fn resume_with(&self, id: ExecutionId, by: &str, budget: Usd) -> Result<(), Error> {
        self.go_on(id, by, Some(budget)).await
    }

    async fn go_on(&self, id: ExecutionId, by: &str, budget: Option<Usd>) -> Result<(), Error> {
        self.must_be(id, "resumed", |status| status == ExecutionStatus::Paused).await?;
        self.send(id, MessageBody::Resume { by: by.to_owned(), budget }).await
    }
}
