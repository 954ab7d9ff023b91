//! Executions that ended long ago.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use codeflow_core::ExecutionId;
use codeflow_core::execution::ExecutionStatus;
use codeflow_engine::{LogLine, Old, OldExecutions};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::count;
use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::doctor::load;
use crate::error::Fault;
use crate::schema::{execution_logs, inbox, step_result, task, workflow_executions as executions};
use crate::sql_types::{At, DbTime, DbUuid, Id};

/// Ids are in the order of starts: after a piece in which nothing was started before the moment, all is younger.
const OUTLIVED: &str = "
WITH chunk AS MATERIALIZED (
  SELECT id, seq, created_at, finished_at FROM workflow_executions
  WHERE status = ? AND id > ? ORDER BY id LIMIT ?
)
SELECT id, seq,
  COALESCE(finished_at <= ?, FALSE) AND NOT EXISTS (SELECT 1 FROM task WHERE task.execution_id = chunk.id) AS old,
  created_at <= ? AS early
FROM chunk ORDER BY id";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = DbUuid)]
    id: Id,
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Bool)]
    old: bool,
    #[diesel(sql_type = Bool)]
    early: bool,
}

pub(super) async fn outlived(
    db: &Database,
    status: ExecutionStatus,
    keep: Duration,
    (after, limit): (Option<ExecutionId>, u32),
) -> Result<OldExecutions, Fault> {
    let mut conn = db.reader().await?;
    let mut tx = conn.tx();
    let before = At(db.now(&mut tx).await?.before(keep));
    let after = after.map_or(Id(Uuid::nil()), Id::from);
    let rows: Vec<Row> = load!(
        &mut tx,
        OUTLIVED,
        OUTLIVED,
        [Text, status.as_str()],
        [DbUuid, after],
        [BigInt, i64::from(limit)],
        [DbTime, before],
        [DbTime, before]
    )?;
    let next = rows.last().filter(|_| rows.iter().any(|row| row.early)).map(|last| last.id.into());
    let found = rows.iter().filter(|row| row.old).map(|row| Old { id: row.id.into(), seq: row.seq });
    Ok(OldExecutions { found: found.collect(), next })
}

pub(super) async fn logs_of(
    db: &Database,
    ids: &[ExecutionId],
) -> Result<BTreeMap<ExecutionId, Vec<LogLine>>, Fault> {
    let ids: Vec<Id> = ids.iter().copied().map(Id::from).collect();
    let mut conn = db.reader().await?;
    let rows: Vec<(Id, At, String, String)> = on_conn!(&mut conn.tx(), conn => {
        execution_logs::table
            .filter(execution_logs::execution_id.eq_any(&ids))
            .order((execution_logs::execution_id, execution_logs::position))
            .select((
                execution_logs::execution_id,
                execution_logs::logged_at,
                execution_logs::path,
                execution_logs::message,
            ))
            .load(conn)
            .await
    })?;
    let mut logs: BTreeMap<ExecutionId, Vec<LogLine>> = BTreeMap::new();
    for (id, at, path, message) in rows {
        logs.entry(id.into()).or_default().push(LogLine { at: at.0, path, message });
    }
    Ok(logs)
}

pub(super) async fn remove(db: &Database, old: Vec<Old>) -> Result<u32, Fault> {
    let body = async move |mut tx: Tx<'_>| {
        let locked = lock(&mut tx, &old).await?;
        let busy = busy(&mut tx, &locked).await?;
        let ids: Vec<Id> = locked.into_iter().filter(|id| !busy.contains(id)).collect();
        on_conn!(&mut tx, conn => {
            let logs = execution_logs::table.filter(execution_logs::execution_id.eq_any(&ids));
            diesel::delete(logs).execute(conn).await
        })?;
        on_conn!(&mut tx, conn => {
            let facts = step_result::table.filter(step_result::execution_id.eq_any(&ids));
            diesel::delete(facts).execute(conn).await
        })?;
        let removed: usize = on_conn!(&mut tx, conn => {
            diesel::delete(executions::table.filter(executions::id.eq_any(&ids))).execute(conn).await
        })?;
        Ok(count(removed))
    };
    db.transaction("remove", body).await
}

/// Locks those that are as they were found. Whoever moves one at the moment, or leaves a message for it, has it.
async fn lock(tx: &mut Tx<'_>, old: &[Old]) -> QueryResult<Vec<Id>> {
    let ids: Vec<Id> = old.iter().map(|old| old.id.into()).collect();
    let over: Vec<&str> = ExecutionStatus::ALL
        .iter()
        .filter(|status| status.is_final())
        .map(|status| status.as_str())
        .collect();
    let rows = executions::table
        .filter(executions::id.eq_any(ids))
        .filter(executions::status.eq_any(over))
        .order(executions::id)
        .select((executions::id, executions::seq));
    let rows: Vec<(Id, i64)> = on_conn!(tx,
        postgres conn => rows.for_update().skip_locked().load(conn).await,
        sqlite conn => rows.load(conn).await
    )?;
    let same = |(id, seq): &(Id, i64)| old.contains(&Old { id: (*id).into(), seq: *seq });
    Ok(rows.into_iter().filter(same).map(|(id, _)| id).collect())
}

/// Those that have a task or a message: this statement sees everything that came before the lock.
async fn busy(tx: &mut Tx<'_>, ids: &[Id]) -> QueryResult<HashSet<Id>> {
    let tasks: Vec<Id> = on_conn!(tx, conn => {
        task::table.filter(task::execution_id.eq_any(ids)).select(task::execution_id).load(conn).await
    })?;
    let messages: Vec<Id> = on_conn!(tx, conn => {
        inbox::table.filter(inbox::execution_id.eq_any(ids)).select(inbox::execution_id).load(conn).await
    })?;
    Ok(tasks.into_iter().chain(messages).collect())
}
