//! Beginnings on SQLite: one immediate transaction on one blocking thread.

use std::collections::HashMap;

use codeflow_core::workflow::Overlap;
use codeflow_core::{ExecutionId, Timestamp};
use codeflow_engine::{FIRST_SEQ, Session, Started};
use diesel::prelude::*;

use super::{Beginning, Place, Taken, find_places, unknown_version};
use crate::Database;
use crate::conn::LiteConn;
use crate::error::Fault;
use crate::queue::{fence_on_sqlite, hold_on_sqlite as hold};
use crate::rows::{BlobRow, QueueRows, signed};
use crate::schema::{
    blob, dedup, ready, ready_group, slot_holder, slot_waiter, step_result, task, timer,
    workflow_executions as executions, workflow_versions, workflows,
};
use crate::sql_types::{At, Id};

#[derive(Insertable)]
#[diesel(table_name = executions)]
struct ExecutionRow {
    id: Id,
    tenant: String,
    workflow_id: Id,
    version_id: String,
    status: &'static str,
    generation: i32,
    seq: i64,
    stopping: bool,
    inputs: Option<String>,
    inputs_hash: Option<Vec<u8>>,
    outputs: Option<String>,
    outputs_hash: Option<Vec<u8>>,
    error: Option<String>,
    idempotency_key: Option<String>,
    created_at: At,
    started_at: Option<At>,
    finished_at: Option<At>,
}

pub(super) async fn start(
    db: &Database,
    conn: &mut LiteConn,
    all: Vec<Beginning>,
    taker: Option<Session>,
) -> Result<Vec<Started>, Fault> {
    let body = move |conn: &mut SqliteConnection, now: Timestamp| {
        if let Some(taker) = taker {
            fence_on_sqlite(conn, taker, now)?;
        }
        all.into_iter().map(|one| begin(conn, one, taker, now)).collect()
    };
    db.write_on_sqlite(conn, "start", body).await
}

fn begin(
    conn: &mut SqliteConnection,
    mut one: Beginning,
    taker: Option<Session>,
    now: Timestamp,
) -> Result<Started, Fault> {
    let workflow_id = find_workflow(conn, &one)?;
    if let Some(first) = first_with_key(conn, &one, At(now))? {
        return Ok(Started::Existing(first));
    }
    let id = one.new.id;
    find_place(conn, &mut one)?;
    if let Place::Skips(other) = one.place {
        forget_key(conn, &one)?;
        return Ok(Started::Skipped(other));
    }
    let waits = one.place == Place::Waits;
    let row = execution_row(&one, workflow_id, At(now));
    for row in BlobRow::all(one.blobs) {
        diesel::insert_into(blob::table).values(row).on_conflict_do_nothing().execute(conn)?;
    }
    diesel::insert_into(executions::table).values(row).execute(conn)?;
    diesel::insert_into(step_result::table).values(one.facts).execute(conn)?;
    let mut queue = QueueRows::default();
    queue.add(id, 0, one.tasks, now);
    let groups = queue.groups();
    for (batch, ids) in queue.taken {
        if let Some(taker) = taker {
            hold(conn, taker, batch, &ids)?;
        }
    }
    for group in groups {
        diesel::insert_into(ready_group::table).values(group).on_conflict_do_nothing().execute(conn)?;
    }
    diesel::insert_into(task::table).values(queue.tasks).execute(conn)?;
    if !waits {
        diesel::insert_into(ready::table).values(queue.ready).execute(conn)?;
    }
    diesel::insert_into(timer::table).values(queue.timers).execute(conn)?;
    Ok(Started::Created)
}

/// Takes a place under the key of the execution, or a place among those who wait for one.
fn find_place(conn: &mut SqliteConnection, one: &mut Beginning) -> QueryResult<()> {
    let Some(slot) = one.new.slot.clone() else { return Ok(()) };
    let holders = slot_holder::table.filter(slot_holder::key.eq(&slot.key));
    let waiters = slot_waiter::table.filter(slot_waiter::key.eq(&slot.key));
    let count: i64 = holders.count().get_result(conn)?;
    let holder = holders.order(slot_holder::execution_id).select(slot_holder::execution_id);
    let holder: Option<Id> = holder.first(conn).optional()?;
    let waiter = waiters.order(slot_waiter::position).select(slot_waiter::execution_id);
    let waiter: Option<Id> = waiter.first(conn).optional()?;
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    let first = holder.or(waiter).map(ExecutionId::from);
    let known = Taken { count, first, waiting: waiter.is_some() };
    find_places(std::slice::from_mut(one), HashMap::from([(slot.key.clone(), known)]));
    let id = Id::from(one.new.id);
    match one.place {
        Place::Held => {
            let row = (slot_holder::execution_id.eq(id), slot_holder::key.eq(slot.key));
            diesel::insert_into(slot_holder::table).values(row).execute(conn)?;
        }
        Place::Waits => {
            let row = (
                slot_waiter::execution_id.eq(id),
                slot_waiter::key.eq(slot.key),
                slot_waiter::most.eq(signed(slot.most)),
                slot_waiter::replaces.eq(slot.on_new == Overlap::Replace),
            );
            diesel::insert_into(slot_waiter::table).values(row).execute(conn)?;
        }
        Place::Free | Place::Skips(_) => {}
    }
    Ok(())
}

/// One that is not started does not keep its key of idempotency.
fn forget_key(conn: &mut SqliteConnection, one: &Beginning) -> QueryResult<()> {
    if let Some(key) = &one.new.idempotency_key {
        let taken = dedup::table.filter(dedup::scope.eq(one.scope())).filter(dedup::key.eq(key));
        diesel::delete(taken).execute(conn)?;
    }
    Ok(())
}

fn find_workflow(conn: &mut SqliteConnection, one: &Beginning) -> Result<Id, Fault> {
    let found: Option<Id> = workflow_versions::table
        .inner_join(workflows::table.on(workflows::id.eq(workflow_versions::workflow_id)))
        .filter(workflow_versions::id.eq(one.new.version.as_str()))
        .filter(workflows::name.eq(one.new.tenant.scoped(one.new.workflow.as_str())))
        .select(workflows::id)
        .first(conn)
        .optional()?;
    found.ok_or_else(|| unknown_version(&one.new).into())
}

/// Takes the idempotency key, or finds the execution that has it.
fn first_with_key(conn: &mut SqliteConnection, one: &Beginning, now: At) -> QueryResult<Option<ExecutionId>> {
    let Some(key) = &one.new.idempotency_key else {
        return Ok(None);
    };
    let scope = one.scope();
    let taken = diesel::insert_into(dedup::table)
        .values((
            dedup::scope.eq(&scope),
            dedup::key.eq(key),
            dedup::execution_id.eq(Id::from(one.new.id)),
            dedup::created_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(conn)?;
    if taken > 0 {
        return Ok(None);
    }
    let same = dedup::table.filter(dedup::scope.eq(&scope)).filter(dedup::key.eq(key));
    let first: Id = same.select(dedup::execution_id).first(conn)?;
    Ok(Some(first.into()))
}

fn execution_row(one: &Beginning, workflow_id: Id, now: At) -> ExecutionRow {
    let new = &one.new;
    ExecutionRow {
        id: new.id.into(),
        tenant: new.tenant.as_str().to_owned(),
        workflow_id,
        version_id: new.version.as_str().to_owned(),
        status: new.status.as_str(),
        generation: 0,
        seq: FIRST_SEQ,
        stopping: false,
        inputs: one.inputs.text.clone(),
        inputs_hash: one.inputs.hash.clone(),
        outputs: one.outputs.text.clone(),
        outputs_hash: one.outputs.hash.clone(),
        error: one.error.clone(),
        idempotency_key: new.idempotency_key.clone(),
        created_at: now,
        started_at: one.begun().then_some(now),
        finished_at: new.ending.as_ref().map(|_| now),
    }
}
