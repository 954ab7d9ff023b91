//! Every execution that is not over has something that will move it: a task, or an execution that it called. One that
//! is paused waits for somebody.

use std::collections::{HashMap, HashSet};

use codeflow_core::ExecutionId;
use codeflow_core::execution::{ExecutionStatus, Fact, FactKind};
use codeflow_engine::{Disorder, Examined, Finding};
use diesel::QueryableByName;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use super::{Window, id_after, load, split};
use crate::conn::{Tx, on_conn};
use crate::error::Fault;
use crate::payload::from_text;
use crate::schema::{step_result, task, workflow_executions as executions};
use crate::sql_types::{DbUuid, Id};

/// The statuses in which something has to be due.
const MOVING: [ExecutionStatus; 3] =
    [ExecutionStatus::Queued, ExecutionStatus::Running, ExecutionStatus::Waiting];

/// How many values one statement takes: SQLite has a limit.
const VALUES: usize = 500;

const IDLE: &str = "
WITH chunk AS MATERIALIZED (
  SELECT id FROM workflow_executions WHERE status = ? AND id > ? ORDER BY id LIMIT ?
)
SELECT id, NOT EXISTS (SELECT 1 FROM task WHERE task.execution_id = chunk.id) AS idle FROM chunk
WHERE NOT EXISTS (SELECT 1 FROM task WHERE task.execution_id = chunk.id)
  OR id = (SELECT id FROM chunk ORDER BY id DESC LIMIT 1)
ORDER BY id";

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = DbUuid)]
    id: Id,
    #[diesel(sql_type = Bool)]
    idle: bool,
}

pub(super) async fn examine(tx: &mut Tx<'_>, (after, limit): Window<'_>) -> Result<Examined, Fault> {
    let (status, key) = split(after, MOVING[0].as_str());
    let (key, limit) = (id_after(key)?, i64::from(limit));
    let rows: Vec<Row> = load!(tx, IDLE, IDLE, [Text, status], [DbUuid, key], [BigInt, limit])?;
    let idle: Vec<Id> = rows.iter().filter(|row| row.idle).map(|row| row.id).collect();
    let answered = answered(tx, &idle).await?;
    let stuck = idle.into_iter().filter(|id| !answered.contains(id)).map(|id| {
        let id = ExecutionId::from(id);
        Finding {
            disorder: Disorder::StuckExecution,
            subject: id.to_string(),
            execution: Some(id),
            task: None,
        }
    });
    let at = MOVING.iter().position(|moving| moving.as_str() == status).unwrap_or_default();
    let next = match rows.last() {
        Some(last) => Some(format!("{status} {}", last.id.0)),
        None => MOVING.get(at + 1).map(|status| status.as_str().to_owned()),
    };
    Ok(Examined { findings: stuck.collect(), next })
}

/// Those that called an execution which is not over, or has something to do still: its end is told to them.
async fn answered(tx: &mut Tx<'_>, idle: &[Id]) -> Result<HashSet<Id>, Fault> {
    let mut callers: HashMap<Id, Vec<Id>> = HashMap::new();
    for some in idle.chunks(VALUES) {
        let calls: Vec<(Id, String)> = on_conn!(tx, conn => {
            let calls = step_result::table
                .filter(step_result::execution_id.eq_any(some))
                .filter(step_result::kind.eq(FactKind::Called as i16))
                .select((step_result::execution_id, step_result::fact));
            diesel_async::RunQueryDsl::load(calls, conn).await
        })?;
        for (caller, fact) in calls {
            if let Fact::Called { child, .. } = from_text(&fact)? {
                callers.entry(child.into()).or_default().push(caller);
            }
        }
    }
    let children: Vec<Id> = callers.keys().copied().collect();
    let mut alive: Vec<Id> = Vec::new();
    for some in children.chunks(VALUES) {
        alive.extend(at_work(tx, some).await?);
    }
    Ok(alive.iter().filter_map(|child| callers.get(child)).flatten().copied().collect())
}

async fn at_work(tx: &mut Tx<'_>, ids: &[Id]) -> QueryResult<Vec<Id>> {
    let live: Vec<&str> = ExecutionStatus::ALL
        .iter()
        .filter(|status| !status.is_final())
        .map(|status| status.as_str())
        .collect();
    let mut found: Vec<Id> = on_conn!(tx, conn => {
        let live = executions::table
            .filter(executions::id.eq_any(ids))
            .filter(executions::status.eq_any(&live))
            .select(executions::id);
        diesel_async::RunQueryDsl::load(live, conn).await
    })?;
    let busy: Vec<Id> = on_conn!(tx, conn => {
        let busy = task::table.filter(task::execution_id.eq_any(ids)).select(task::execution_id);
        diesel_async::RunQueryDsl::load(busy, conn).await
    })?;
    found.extend(busy);
    Ok(found)
}
