//! Jobs on SQLite: each call is one immediate transaction on one blocking thread.

use codeflow_core::{ExecutionId, JobId, Timestamp};
use codeflow_engine::{Enqueued, JobEnds, NewJob, Session};
use diesel::prelude::*;

use super::SCOPE;
use crate::Database;
use crate::conn::LiteConn;
use crate::error::Fault;
use crate::queue::fence_on_sqlite;
use crate::rows::QueueRows;
use crate::schema::{dedup, ready, ready_group, task, timer};
use crate::sql_types::{At, DbUuid, Id};

/// What is given up is not held any more: it outlives the session, and must not go back into the queue with it.
const LET_GO: &str = "
UPDATE claim SET ids = (SELECT json_group_array(value) FROM json_each(claim.ids) WHERE value <> ?1)
WHERE session_id = ?2 AND EXISTS (SELECT 1 FROM json_each(claim.ids) WHERE value = ?1)";

pub(super) async fn enqueue(
    db: &Database,
    conn: &mut LiteConn,
    jobs: Vec<NewJob>,
) -> Result<Vec<Enqueued>, Fault> {
    let body = move |conn: &mut SqliteConnection, now: Timestamp| {
        let mut queue = QueueRows::default();
        let mut answers = Vec::with_capacity(jobs.len());
        for job in jobs {
            if let Some(earlier) = first_with_key(conn, &job, now)? {
                answers.push(Enqueued::Existing(earlier));
                continue;
            }
            queue.add(ExecutionId::from_uuid(job.id.uuid()), 0, [job.task], now);
            answers.push(Enqueued::Created);
        }
        insert(conn, queue)?;
        Ok(answers)
    };
    db.write_on_sqlite(conn, "enqueue", body).await
}

fn first_with_key(conn: &mut SqliteConnection, job: &NewJob, now: Timestamp) -> QueryResult<Option<JobId>> {
    let Some(key) = &job.key else { return Ok(None) };
    let row = (
        dedup::scope.eq(SCOPE),
        dedup::key.eq(key),
        dedup::execution_id.eq(Id(job.id.uuid())),
        dedup::created_at.eq(At(now)),
    );
    let taken = diesel::insert_into(dedup::table).values(row).on_conflict_do_nothing().execute(conn)?;
    if taken > 0 {
        return Ok(None);
    }
    let same = dedup::table.filter(dedup::scope.eq(SCOPE)).filter(dedup::key.eq(key));
    let first: Id = same.select(dedup::execution_id).first(conn)?;
    Ok(Some(JobId::from_uuid(first.0)))
}

fn insert(conn: &mut SqliteConnection, queue: QueueRows) -> QueryResult<()> {
    for group in queue.groups() {
        diesel::insert_into(ready_group::table).values(group).on_conflict_do_nothing().execute(conn)?;
    }
    diesel::insert_into(task::table).values(queue.tasks).execute(conn)?;
    diesel::insert_into(ready::table).values(queue.ready).execute(conn)?;
    diesel::insert_into(timer::table).values(queue.timers).execute(conn)?;
    Ok(())
}

pub(super) async fn finish(
    db: &Database,
    conn: &mut LiteConn,
    session: Session,
    ends: JobEnds,
) -> Result<(), Fault> {
    let body = move |conn: &mut SqliteConnection, now: Timestamp| {
        fence_on_sqlite(conn, session, now)?;
        for id in ends.done {
            diesel::delete(task::table.find(Id::from(id))).execute(conn)?;
        }
        let mut queue = QueueRows::default();
        for (id, next) in ends.again {
            let failed: Option<Id> =
                task::table.find(Id::from(id)).select(task::execution_id).first(conn).optional()?;
            if let Some(job) = failed {
                diesel::delete(task::table.find(Id::from(id))).execute(conn)?;
                queue.add(job.into(), 0, [next], now);
            }
        }
        insert(conn, queue)?;
        for (id, reason) in ends.dead {
            diesel::update(task::table.find(Id::from(id)))
                .set((task::quarantined_at.eq(At(now)), task::reason.eq(reason)))
                .execute(conn)?;
            diesel::sql_query(LET_GO)
                .bind::<DbUuid, _>(Id::from(id))
                .bind::<DbUuid, _>(Id::from(session.id))
                .execute(conn)?;
        }
        Ok(())
    };
    db.write_on_sqlite(conn, "finish", body).await
}
