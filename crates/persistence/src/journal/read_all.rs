//! Many executions with their journals, in as many queries as one takes.

use std::collections::HashMap;

use codeflow_core::ExecutionId;
use codeflow_engine::{Error, Snapshot};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::read::{FactRow, OpenRow, RecordRow, load_blobs, records, snapshot};
use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::error::Fault;
use crate::schema::{slot_waiter, step_result, task, timer, workflow_executions};
use crate::sql_types::Id;

pub(super) async fn read_all(db: &Database, ids: &[ExecutionId]) -> Result<Vec<Snapshot>, Error> {
    let ids: Vec<Id> = ids.iter().copied().map(Id::from).collect();
    let mut conn = db.reader().await?;
    let snapshots = snapshots(&mut conn.tx(), &ids).await;
    snapshots.map_err(|fault| fault.into_error(format!("could not load {} executions", ids.len())))
}

/// What moved in the middle of this is read again by itself.
async fn snapshots(tx: &mut Tx<'_>, ids: &[Id]) -> Result<Vec<Snapshot>, Fault> {
    let rows: Vec<RecordRow> = on_conn!(tx, conn => {
        records().filter(workflow_executions::id.eq_any(ids)).load(conn).await
    })?;
    let mut open = by_execution(load_open(tx, ids).await?);
    let mut facts = by_execution(load_facts(tx, ids).await?);
    let hashes = facts.values().flatten().filter_map(|(_, fact)| fact.payload_hash.as_ref());
    let blobs = load_blobs(tx, hashes.chain(rows.iter().flat_map(RecordRow::hashes))).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let (id, seq) = (row.id, row.seq);
        let tasks = open.remove(&id).unwrap_or_default();
        if tasks.iter().any(|task| task.seq != seq) {
            found.extend(snapshot(tx, id.into(), None).await?);
            continue;
        }
        let facts = facts.remove(&id).unwrap_or_default().into_iter().filter(|(at, _)| *at <= seq);
        let facts = facts.map(|(_, fact)| fact.unpack(&blobs)).collect::<Result<_, _>>()?;
        let tasks = tasks.into_iter().map(OpenRow::unpack).collect::<Result<_, _>>()?;
        found.push(Snapshot { record: row.unpack(&blobs)?, facts, tasks });
    }
    Ok(found)
}

fn by_execution<T>(rows: Vec<(Id, T)>) -> HashMap<Id, Vec<T>> {
    let mut by_execution: HashMap<Id, Vec<T>> = HashMap::new();
    for (id, row) in rows {
        by_execution.entry(id).or_default().push(row);
    }
    by_execution
}

async fn load_facts(tx: &mut Tx<'_>, ids: &[Id]) -> QueryResult<Vec<(Id, (i64, FactRow))>> {
    on_conn!(tx, conn => {
        step_result::table
            .filter(step_result::execution_id.eq_any(ids))
            .order((step_result::execution_id, step_result::seq, step_result::ordinal))
            .select((
                step_result::execution_id,
                (
                    step_result::seq,
                    (
                        step_result::generation,
                        step_result::fact,
                        step_result::payload,
                        step_result::payload_hash,
                    ),
                ),
            ))
            .load(conn)
            .await
    })
}

async fn load_open(tx: &mut Tx<'_>, ids: &[Id]) -> QueryResult<Vec<(Id, OpenRow)>> {
    on_conn!(tx, conn => {
        task::table
            .inner_join(workflow_executions::table.on(workflow_executions::id.eq(task::execution_id)))
            .left_join(timer::table.on(timer::task_id.eq(task::id)))
            .left_join(slot_waiter::table.on(slot_waiter::execution_id.eq(task::execution_id)))
            .filter(task::execution_id.eq_any(ids))
            .order(task::id)
            .select((
                task::execution_id,
                (
                    task::id,
                    task::kind,
                    task::path,
                    task::attempt,
                    task::quarantined_at,
                    timer::due.nullable(),
                    slot_waiter::key.nullable(),
                    workflow_executions::seq,
                ),
            ))
            .load(conn)
            .await
    })
}
