//! The queue of due work: sessions with leases, claims, timers, recovery, quarantine.

mod admission;
#[cfg(feature = "postgres")]
mod floors;
mod jobs;
#[cfg(feature = "postgres")]
mod postgres;
mod quarantine;
mod recovery;
mod sessions;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::{ExecutionId, SessionId, TaskId};
use codeflow_engine::{
    Admitted, Claim, Claimed, Dead, Error, Promoted, QuarantinedTask, Recovered, Renewal, Session, TaskQueue,
};

use crate::Database;
use crate::conn::on_conn;

#[cfg(feature = "postgres")]
pub(crate) use floors::Floors;
#[cfg(feature = "sqlite")]
pub(crate) use sqlite::{fence as fence_on_sqlite, hold as hold_on_sqlite};

#[async_trait]
impl TaskQueue for Database {
    async fn open_session(&self, id: SessionId, ttl: Duration) -> Result<Session, Error> {
        self.run(|db| async move { sessions::open(&db, id, ttl).await }).await
    }

    async fn renew(&self, session: Session, renewal: Renewal) -> Result<Vec<ExecutionId>, Error> {
        self.run(|db| async move { renew(&db, session, renewal).await }).await
    }

    async fn close_session(&self, session: Session) -> Result<(), Error> {
        self.run(|db| async move { recovery::close(&db, session).await }).await
    }

    async fn claim(&self, session: Session, wanted: Claim) -> Result<Claimed, Error> {
        self.run(|db| async move { claim(&db, session, wanted).await }).await
    }

    async fn give_back(&self, session: Session, tasks: &[TaskId]) -> Result<(), Error> {
        let tasks = tasks.to_vec();
        self.run(|db| async move { give_back(&db, session, &tasks).await }).await
    }

    async fn admit(&self, limit: u32) -> Result<Admitted, Error> {
        self.run(|db| async move { admission::admit(&db, limit).await }).await
    }

    async fn promote(&self, limit: u32) -> Result<Promoted, Error> {
        self.run(|db| async move { promote(&db, limit).await }).await
    }

    async fn recover(&self, dead: Dead) -> Result<Recovered, Error> {
        self.run(|db| async move { recovery::recover(&db, dead).await }).await
    }

    async fn quarantined(&self, after: Option<TaskId>, limit: u32) -> Result<Vec<QuarantinedTask>, Error> {
        self.run(|db| async move { quarantine::list(&db, after, limit).await }).await
    }

    async fn release(&self, task: TaskId) -> Result<String, Error> {
        self.run(|db| async move { quarantine::release(&db, task).await }).await
    }
}

async fn renew(db: &Database, session: Session, renewal: Renewal) -> Result<Vec<ExecutionId>, Error> {
    let mut conn = db.writer().await?;
    let stopping = on_conn!(&mut conn.tx(),
        postgres conn => postgres::renew(db, conn, session, renewal).await,
        sqlite conn => sqlite::renew(db, conn, session, renewal).await
    );
    stopping.map_err(|fault| fault.into_error("could not extend the lease of a session"))
}

async fn claim(db: &Database, session: Session, claim: Claim) -> Result<Claimed, Error> {
    let mut conn = db.writer().await?;
    let claimed = on_conn!(&mut conn.tx(),
        postgres conn => postgres::claim(db, conn, session, claim).await,
        sqlite conn => sqlite::claim(db, conn, session, claim).await
    );
    claimed.map_err(|fault| fault.into_error("could not claim tasks"))
}

async fn give_back(db: &Database, session: Session, tasks: &[TaskId]) -> Result<(), Error> {
    let mut conn = db.writer().await?;
    let given = on_conn!(&mut conn.tx(),
        postgres conn => postgres::give_back(db, conn, session, tasks).await,
        sqlite conn => sqlite::give_back(db, conn, session, tasks).await
    );
    given.map_err(|fault| fault.into_error("could not give tasks back"))
}

async fn promote(db: &Database, limit: u32) -> Result<Promoted, Error> {
    let mut conn = db.writer().await?;
    let promoted = on_conn!(&mut conn.tx(),
        postgres conn => postgres::promote(db, conn, limit).await,
        sqlite conn => sqlite::promote(db, conn, limit).await
    );
    promoted.map_err(|fault| fault.into_error("could not move due tasks into the queue"))
}
