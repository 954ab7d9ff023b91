//! Group commit on SQLite: one immediate transaction on one blocking thread.

use std::collections::HashSet;
use std::time::Duration;

use codeflow_core::execution::ExecutionStatus;
use codeflow_core::{ExecutionId, Timestamp};
use codeflow_engine::Session;
use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable};

use super::Move;
use crate::Database;
use crate::conn::LiteConn;
use crate::error::Fault;
use crate::queue::{fence_on_sqlite, hold_on_sqlite as hold};
use crate::rows::{BlobRow, QueueRows};
use crate::schema::{
    blob, execution_logs, inbox, ready, ready_group, slot_holder, slot_waiter, step_result, task, timer,
    workflow_executions,
};
use crate::sql_types::{At, DbTime, Id};

#[diesel::declare_sql_function]
extern "SQL" {
    /// The first of two moments that there is.
    fn coalesce(first: Nullable<DbTime>, second: Nullable<DbTime>) -> Nullable<DbTime>;
}

pub(super) async fn flush(
    db: &Database,
    conn: &mut LiteConn,
    session: Session,
    moves: Vec<Move>,
) -> Result<HashSet<ExecutionId>, Fault> {
    let body = move |conn: &mut SqliteConnection, now: Timestamp| {
        fence_on_sqlite(conn, session, now)?;
        let mut moved = HashSet::with_capacity(moves.len());
        for one in moves {
            let execution = one.execution;
            if apply(conn, one, session, now)? {
                moved.insert(execution);
            }
        }
        Ok(moved)
    };
    db.write_on_sqlite(conn, "flush", body).await
}

/// Applies one move, unless the execution has moved since.
fn apply(conn: &mut SqliteConnection, one: Move, session: Session, now: Timestamp) -> Result<bool, Fault> {
    if !advance(conn, &one, At(now))? {
        return Ok(false);
    }
    for row in BlobRow::all(one.blobs) {
        diesel::insert_into(blob::table).values(row).on_conflict_do_nothing().execute(conn)?;
    }
    for row in one.facts {
        diesel::insert_into(step_result::table).values(row).on_conflict_do_nothing().execute(conn)?;
    }
    for id in one.done {
        diesel::delete(task::table.find(id)).execute(conn)?;
    }
    for id in one.dropped {
        diesel::delete(task::table.find(id)).execute(conn)?;
        diesel::delete(ready::table.find(id)).execute(conn)?;
        diesel::delete(timer::table.find(id)).execute(conn)?;
    }
    for id in one.read {
        diesel::delete(inbox::table.filter(inbox::id.eq(id))).execute(conn)?;
    }
    if let Some(slot) = one.slot {
        let id = Id::from(one.execution);
        match slot.key() {
            None => {
                diesel::delete(slot_holder::table.find(id)).execute(conn)?;
                diesel::delete(slot_waiter::table.filter(slot_waiter::execution_id.eq(id))).execute(conn)?;
            }
            Some(key) => {
                let row = (slot_holder::execution_id.eq(id), slot_holder::key.eq(key));
                diesel::insert_into(slot_holder::table).values(row).on_conflict_do_nothing().execute(conn)?;
            }
        }
    }
    let mut queue = QueueRows::default();
    queue.add(one.execution, one.generation, one.tasks, now);
    let groups = queue.groups();
    for (batch, ids) in queue.taken {
        hold(conn, session, batch, &ids)?;
    }
    for group in groups {
        diesel::insert_into(ready_group::table).values(group).on_conflict_do_nothing().execute(conn)?;
    }
    diesel::insert_into(task::table).values(queue.tasks).execute(conn)?;
    diesel::insert_into(ready::table).values(queue.ready).execute(conn)?;
    diesel::insert_into(timer::table).values(queue.timers).execute(conn)?;
    diesel::insert_into(execution_logs::table).values(one.logs).execute(conn)?;
    Ok(true)
}

fn advance(conn: &mut SqliteConnection, one: &Move, now: At) -> QueryResult<bool> {
    use workflow_executions as executions;

    let began = now.0.before(Duration::from_micros(one.began_us.unsigned_abs()));
    let began = (one.status != ExecutionStatus::Queued).then_some(At(began));
    let finished = coalesce(executions::finished_at, Some(now));
    let target = executions::table
        .filter(executions::id.eq(Id::from(one.execution)))
        .filter(executions::seq.eq(one.expected_seq));
    let moved = diesel::update(target)
        .set((
            executions::seq.eq(one.expected_seq + 1),
            executions::generation.eq(one.generation),
            executions::status.eq(one.status.as_str()),
            executions::stopping.eq(one.stopping),
            executions::outputs.eq(&one.outputs.text),
            executions::outputs_hash.eq(&one.outputs.hash),
            executions::error.eq(&one.error),
            executions::started_at.eq(coalesce(executions::started_at, began)),
            executions::finished_at.eq(case_when(one.ended.into_sql::<Bool>(), finished)),
        ))
        .execute(conn)?;
    Ok(moved > 0)
}
