//! The queue on SQLite: each call is one immediate transaction on one blocking thread.

use std::cmp::Reverse;

use codeflow_core::{BatchId, ExecutionId, TaskId, Timestamp};
use codeflow_engine::{Claim, Claimed, Promoted, Renewal, Session};
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::Database;
use crate::conn::LiteConn;
use crate::error::{Fault, lease_lost};
use crate::payload::to_text;
use crate::rows::{ClaimedRow, GroupRow, ReadyRow};
use crate::schema::{
    claim as claims, ready, ready_group, session, task, timer, workflow_executions as executions,
};
use crate::sql_types::{At, DbUuid, Id};

/// A call takes no more tasks than this, whatever it is asked for.
const MOST: u32 = 1_000;

/// Several moves of one commit may take tasks as one batch.
const INSERT_CLAIM: &str = "INSERT INTO claim (batch, session_id, epoch, ids) VALUES (?, ?, ?, ?) \
    ON CONFLICT (batch) DO UPDATE SET ids = (SELECT json_group_array(value) FROM \
    (SELECT value FROM json_each(claim.ids) UNION ALL SELECT value FROM json_each(excluded.ids)))";

/// How many values one statement takes: SQLite has a limit.
const VALUES: usize = 500;

/// Takes a task out of the claim that names it.
const LEFT_OVER: &str = "UPDATE claim SET ids = (SELECT json_group_array(value) FROM json_each(claim.ids) \
    WHERE value <> ?) WHERE session_id = ? AND EXISTS (SELECT 1 FROM json_each(claim.ids) WHERE value = ?)";

const READY_AGAIN: &str = "INSERT INTO ready (task_id, lane, priority, suspect, fair) \
    SELECT id, lane, priority, suspect, fair FROM task WHERE id = ?";

/// What is left of a batch, in the order of a claim.
const KEPT: &str = "SELECT task.* FROM claim, json_each(claim.ids) AS held JOIN task ON task.id = held.value \
    WHERE claim.batch = ? ORDER BY task.priority DESC, task.id";

/// Refuses a session that is over.
pub(crate) fn fence(conn: &mut SqliteConnection, session: Session, now: Timestamp) -> Result<(), Fault> {
    let alive = session::table
        .filter(session::id.eq(Id::from(session.id)))
        .filter(session::epoch.eq(session.epoch))
        .filter(session::ended_at.is_null())
        .filter(session::expires_at.gt(At(now)));
    let alive: Option<Id> = alive.select(session::id).first(conn).optional()?;
    alive.map(|_| ()).ok_or_else(|| lease_lost().into())
}

pub(super) async fn renew(
    db: &Database,
    conn: &mut LiteConn,
    session: Session,
    renewal: Renewal,
) -> Result<Vec<ExecutionId>, Fault> {
    let body = move |conn: &mut SqliteConnection, now: Timestamp| {
        fence(conn, session, now)?;
        let id = Id::from(session.id);
        diesel::update(session::table.find(id))
            .set(session::expires_at.eq(At(now.after(renewal.ttl))))
            .execute(conn)?;
        let over: Vec<Id> = renewal.over.into_iter().map(Id::from).collect();
        for some in over.chunks(VALUES) {
            diesel::delete(claims::table.filter(claims::batch.eq_any(some))).execute(conn)?;
        }
        for (execution, since) in renewal.began {
            run(conn, execution, At(now.before(since)))?;
        }
        let working: Vec<Id> = renewal.working.into_iter().map(Id::from).collect();
        let mut stopping: Vec<Id> = Vec::new();
        for some in working.chunks(VALUES) {
            let told = executions::table.filter(executions::id.eq_any(some)).filter(executions::stopping);
            stopping.extend(told.select(executions::id).load::<Id>(conn)?);
        }
        Ok(stopping)
    };
    let stopping = db.write_on_sqlite(conn, "renew", body).await?;
    Ok(stopping.into_iter().map(ExecutionId::from).collect())
}

pub(super) async fn give_back(
    db: &Database,
    conn: &mut LiteConn,
    session: Session,
    tasks: &[TaskId],
) -> Result<(), Fault> {
    let tasks: Vec<Id> = tasks.iter().copied().map(Id::from).collect();
    let body = move |conn: &mut SqliteConnection, now: Timestamp| {
        fence(conn, session, now)?;
        for id in tasks {
            let text = id.0.to_string();
            let left = diesel::sql_query(LEFT_OVER);
            let left =
                left.bind::<Text, _>(&text).bind::<DbUuid, _>(Id::from(session.id)).bind::<Text, _>(&text);
            // Only what a claim of this session still names is given back.
            if left.execute(conn)? > 0 {
                diesel::sql_query(READY_AGAIN).bind::<DbUuid, _>(id).execute(conn)?;
            }
        }
        Ok(())
    };
    db.write_on_sqlite(conn, "give_back", body).await
}

pub(super) async fn claim(
    db: &Database,
    conn: &mut LiteConn,
    session: Session,
    claim: Claim,
) -> Result<Claimed, Fault> {
    let body = move |conn: &mut SqliteConnection, now: Timestamp| {
        fence(conn, session, now)?;
        let batch = claim.batch;
        let (rows, more) = match kept(conn, session, batch)? {
            Some(rows) => (rows, false),
            None => take(conn, session, &claim)?,
        };
        let suspects = ready::table.filter(ready::lane.eq_any(&claim.lanes)).filter(ready::suspect.eq(true));
        let suspects_waiting = diesel::select(diesel::dsl::exists(suspects)).get_result(conn)?;
        let tasks = rows.into_iter().map(|row| row.into_task(batch)).collect::<Result<_, _>>()?;
        Ok(Claimed { tasks, suspects_waiting, more })
    };
    db.write_on_sqlite(conn, "claim", body).await
}

/// What a claim that is repeated still holds; nothing when it is made for the first time.
fn kept(
    conn: &mut SqliteConnection,
    session: Session,
    batch: BatchId,
) -> QueryResult<Option<Vec<ClaimedRow>>> {
    let batch = Id::from(batch);
    let made = claims::table
        .filter(claims::batch.eq(batch))
        .filter(claims::session_id.eq(Id::from(session.id)))
        .filter(claims::epoch.eq(session.epoch));
    if !diesel::select(diesel::dsl::exists(made)).get_result(conn)? {
        return Ok(None);
    }
    diesel::sql_query(KEPT).bind::<DbUuid, _>(batch).load(conn).map(Some)
}

fn take(
    conn: &mut SqliteConnection,
    session: Session,
    claim: &Claim,
) -> Result<(Vec<ClaimedRow>, bool), Fault> {
    let (rows, more) = pick(conn, claim)?;
    if !rows.is_empty() {
        let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
        hold(conn, session, claim.batch.into(), &ids)?;
    }
    Ok((rows, more))
}

/// The groups of one priority take turns, whose order changes from claim to claim.
fn pick(conn: &mut SqliteConnection, claim: &Claim) -> QueryResult<(Vec<ClaimedRow>, bool)> {
    let limit = if claim.suspect { claim.limit.min(1) } else { claim.limit.min(MOST) };
    let groups: Vec<GroupRow> =
        ready_group::table.filter(ready_group::lane.eq_any(&claim.lanes)).load(conn)?;
    let mut found: Vec<(Reverse<i16>, usize, i64, ClaimedRow)> = Vec::new();
    for group in groups {
        let rows: Vec<(i64, ClaimedRow)> = waiting(conn, &group, claim.suspect, limit)?;
        let turns = rows.into_iter().enumerate();
        found.extend(turns.map(|(turn, (position, row))| (Reverse(group.priority), turn, position, row)));
    }
    found.sort_unstable_by_key(|(priority, turn, position, _)| (*priority, *turn, *position));
    let more = found.len() > limit as usize;
    let rows: Vec<ClaimedRow> = found.into_iter().map(|(.., row)| row).take(limit as usize).collect();
    let ids: Vec<Id> = rows.iter().map(|row| row.id).collect();
    diesel::delete(ready::table.filter(ready::task_id.eq_any(ids))).execute(conn)?;
    Ok((rows, more))
}

fn waiting(
    conn: &mut SqliteConnection,
    group: &GroupRow,
    suspect: bool,
    limit: u32,
) -> QueryResult<Vec<(i64, ClaimedRow)>> {
    ready::table
        .inner_join(task::table.on(task::id.eq(ready::task_id)))
        .filter(ready::lane.eq(&group.lane))
        .filter(ready::suspect.eq(suspect))
        .filter(ready::priority.eq(group.priority))
        .filter(ready::fair.eq(group.fair))
        .order(ready::position)
        .limit(limit.into())
        .select((
            ready::position,
            (
                task::id,
                task::execution_id,
                task::generation,
                task::kind,
                task::path,
                task::attempt,
                task::lane,
                task::priority,
                task::deaths,
                task::fair,
            ),
        ))
        .load(conn)
}

/// Writes that a session holds these tasks as one batch.
pub(crate) fn hold(
    conn: &mut SqliteConnection,
    session: Session,
    batch: Id,
    ids: &[Id],
) -> Result<(), Fault> {
    let ids: Vec<String> = ids.iter().map(|id| id.0.to_string()).collect();
    diesel::sql_query(INSERT_CLAIM)
        .bind::<DbUuid, _>(batch)
        .bind::<DbUuid, _>(Id::from(session.id))
        .bind::<diesel::sql_types::BigInt, _>(session.epoch)
        .bind::<Text, _>(to_text(&ids)?)
        .execute(conn)?;
    Ok(())
}

/// An execution that was queued is running once somebody works on it.
fn run(conn: &mut SqliteConnection, execution: ExecutionId, since: At) -> QueryResult<()> {
    let queued = executions::table
        .filter(executions::id.eq(Id::from(execution)))
        .filter(executions::status.eq("queued"));
    diesel::update(queued)
        .set((executions::status.eq("running"), executions::started_at.eq(since)))
        .execute(conn)?;
    Ok(())
}

pub(super) async fn promote(db: &Database, conn: &mut LiteConn, limit: u32) -> Result<Promoted, Fault> {
    let body = move |conn: &mut SqliteConnection, now: Timestamp| {
        let due: Vec<(Id, String, i16, bool, i32)> = timer::table
            .inner_join(task::table.on(task::id.eq(timer::task_id)))
            .filter(timer::due.le(At(now)))
            .order((timer::due, timer::task_id))
            .limit(limit.min(MOST).into())
            .select((task::id, task::lane, task::priority, task::suspect, task::fair))
            .load(conn)?;
        let ids: Vec<Id> = due.iter().map(|row| row.0).collect();
        let moved = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let rows: Vec<ReadyRow> = due
            .into_iter()
            .map(|(task_id, lane, priority, suspect, fair)| ReadyRow {
                task_id,
                lane,
                priority,
                suspect,
                fair,
            })
            .collect();
        diesel::delete(timer::table.filter(timer::task_id.eq_any(ids))).execute(conn)?;
        diesel::insert_into(ready::table).values(rows).execute(conn)?;
        let next: Option<At> = timer::table.order(timer::due).select(timer::due).first(conn).optional()?;
        Ok(Promoted { moved, next: next.map(|due| due.0.since(now)) })
    };
    db.write_on_sqlite(conn, "promote", body).await
}
