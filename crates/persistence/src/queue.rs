//! The queue of due work: sessions with leases, claims, timers, recovery, quarantine.

#[cfg(feature = "postgres")]
mod postgres;
mod recovery;
mod sessions;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::{ExecutionId, SessionId, TaskId};
use codeflow_engine::{
    Claim, Claimed, Dead, Error, Promoted, QuarantinedTask, Recovered, Session, TaskQueue,
};

use crate::Database;
use crate::conn::on_conn;

#[cfg(feature = "sqlite")]
pub(crate) use sqlite::fence as fence_on_sqlite;

#[async_trait]
impl TaskQueue for Database {
    async fn open_session(&self, id: SessionId, ttl: Duration) -> Result<Session, Error> {
        sessions::open(self, id, ttl).await
    }

    async fn renew(
        &self,
        session: Session,
        ttl: Duration,
        executions: &[ExecutionId],
    ) -> Result<Vec<ExecutionId>, Error> {
        let mut conn = self.writer().await?;
        let stopping = on_conn!(&mut conn.tx(),
            postgres conn => postgres::renew(self, conn, session, ttl, executions).await,
            sqlite conn => sqlite::renew(self, conn, session, ttl, executions).await
        );
        stopping.map_err(|fault| fault.into_error("could not extend the lease of a session"))
    }

    async fn close_session(&self, session: Session) -> Result<(), Error> {
        recovery::close(self, session).await
    }

    async fn claim(&self, session: Session, claim: Claim) -> Result<Claimed, Error> {
        let mut conn = self.writer().await?;
        let claimed = on_conn!(&mut conn.tx(),
            postgres conn => postgres::claim(self, conn, session, claim).await,
            sqlite conn => sqlite::claim(self, conn, session, claim).await
        );
        claimed.map_err(|fault| fault.into_error("could not claim tasks"))
    }

    async fn promote(&self, limit: u32) -> Result<Promoted, Error> {
        let mut conn = self.writer().await?;
        let promoted = on_conn!(&mut conn.tx(),
            postgres conn => postgres::promote(self, conn, limit).await,
            sqlite conn => sqlite::promote(self, conn, limit).await
        );
        promoted.map_err(|fault| fault.into_error("could not move due tasks into the queue"))
    }

    async fn recover(&self, dead: Dead) -> Result<Recovered, Error> {
        recovery::recover(self, dead).await
    }

    async fn quarantined(&self, after: Option<TaskId>, limit: u32) -> Result<Vec<QuarantinedTask>, Error> {
        recovery::quarantined(self, after, limit).await
    }

    async fn release(&self, task: TaskId) -> Result<(), Error> {
        recovery::release(self, task).await
    }
}
