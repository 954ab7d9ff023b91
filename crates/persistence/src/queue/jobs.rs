//! Jobs: tasks without an execution.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use async_trait::async_trait;
use codeflow_core::TaskId;
use codeflow_engine::{Enqueued, Error, ErrorKind, JobEnds, JobQueue, NewJob, Session};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::rows::JOB;
use crate::schema::task;
use crate::sql_types::Id;

/// The scope of the keys of jobs.
const SCOPE: &str = "job";

#[async_trait]
impl JobQueue for Database {
    async fn enqueue(&self, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Error> {
        self.run(|db| async move { enqueue(&db, jobs).await }).await
    }

    async fn finish(&self, session: Session, ends: JobEnds) -> Result<(), Error> {
        self.run(|db| async move { finish(&db, session, ends).await }).await
    }

    async fn discard(&self, task: TaskId) -> Result<(), Error> {
        self.run(|db| async move { discard(&db, task).await }).await
    }
}

async fn enqueue(db: &Database, jobs: Vec<NewJob>) -> Result<Vec<Enqueued>, Error> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    if jobs.iter().any(|job| job.key.as_ref().is_some_and(|key| key.contains('\0'))) {
        return Err(Error::new(ErrorKind::InvalidInput, "the key of a job cannot hold the zero character"));
    }
    let mut conn = db.writer().await?;
    let enqueued = on_conn!(&mut conn.tx(),
        postgres conn => postgres::enqueue(db, conn, jobs).await,
        sqlite conn => sqlite::enqueue(db, conn, jobs).await
    );
    enqueued.map_err(|fault| fault.into_error("could not put jobs into the queue"))
}

async fn finish(db: &Database, session: Session, ends: JobEnds) -> Result<(), Error> {
    let mut conn = db.writer().await?;
    let finished = on_conn!(&mut conn.tx(),
        postgres conn => postgres::finish(db, conn, session, ends).await,
        sqlite conn => sqlite::finish(db, conn, session, ends).await
    );
    finished.map_err(|fault| fault.into_error("could not commit the ends of jobs"))
}

async fn discard(db: &Database, id: TaskId) -> Result<(), Error> {
    let body = async |mut tx: Tx<'_>| {
        let removed = on_conn!(&mut tx, conn => {
            let dead = task::table
                .filter(task::id.eq(Id::from(id)))
                .filter(task::kind.eq(JOB))
                .filter(task::quarantined_at.is_not_null());
            diesel::delete(dead).execute(conn).await
        })?;
        if removed == 0 {
            let text = format!("task `{id}` is no job among the dead letters");
            return Err(Error::new(ErrorKind::NotFound, text).into());
        }
        Ok(())
    };
    let discarded = db.transaction("discard", body).await;
    discarded.map_err(|fault| fault.into_error(format!("could not discard task `{id}`")))
}
