//! Removes what nobody needs any more, in pieces by key. Whatever moves in the meantime stays.

mod executions;
mod litter;
mod payloads;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::ExecutionId;
use codeflow_core::execution::ExecutionStatus;
use codeflow_engine::{Error, Litter, LogLine, Old, OldExecutions, Swept, Upkeep};

use crate::Database;
use crate::error::Fault;

/// A piece is not longer than this, whatever is asked for: nothing may keep others waiting.
const MOST: u32 = 500;

#[async_trait]
impl Upkeep for Database {
    async fn outlived(
        &self,
        status: ExecutionStatus,
        keep: Duration,
        after: Option<ExecutionId>,
        limit: u32,
    ) -> Result<OldExecutions, Error> {
        let limit = limit.clamp(1, MOST);
        self.run(move |db| async move {
            let found = executions::outlived(&db, status, keep, (after, limit)).await;
            found.map_err(|fault| fault.into_error("could not look for executions that ended long ago"))
        })
        .await
    }

    async fn logs_of(&self, ids: &[ExecutionId]) -> Result<BTreeMap<ExecutionId, Vec<LogLine>>, Error> {
        let ids = ids.to_vec();
        self.run(move |db| async move {
            let logs = executions::logs_of(&db, &ids).await;
            logs.map_err(|fault| fault.into_error("could not load the logs of executions"))
        })
        .await
    }

    async fn remove(&self, old: Vec<Old>) -> Result<u32, Error> {
        self.run(move |db| async move {
            let mut removed = 0;
            for some in old.chunks(MOST as usize) {
                let some = executions::remove(&db, some.to_vec()).await;
                removed += some.map_err(|fault| fault.into_error("could not remove executions"))?;
            }
            Ok(removed)
        })
        .await
    }

    async fn sweep(
        &self,
        litter: Litter,
        keep: Duration,
        after: Option<String>,
        limit: u32,
    ) -> Result<Swept, Error> {
        let limit = limit.clamp(1, MOST);
        self.run(move |db| async move {
            let after = after.as_deref();
            let swept: Result<Swept, Fault> = match litter {
                Litter::Payloads => payloads::sweep(&db, after, limit).await,
                Litter::Keys => litter::keys(&db, litter::Keys::Starts, keep, (after, limit)).await,
                Litter::JobKeys => litter::keys(&db, litter::Keys::Jobs, keep, (after, limit)).await,
                Litter::Sessions => litter::sessions(&db, keep, limit).await,
                Litter::Slots => litter::slots(&db, keep, limit).await,
            };
            swept.map_err(|fault| fault.into_error("could not remove what is left over"))
        })
        .await
    }
}

/// A number of rows.
fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}
