//! The beginning of an execution: its row, its first facts and tasks, in one transaction.

use codeflow_core::ExecutionId;
use codeflow_core::execution::ExecutionStatus;
use codeflow_engine::{Error, ErrorKind, NewExecution, Started};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Database;
use crate::conn::{Tx, insert_all, on_conn};
use crate::error::Fault;
use crate::payload::{Blobs, Payload, to_text};
use crate::rows::{BlobRow, FactRow, QueueRows};
use crate::schema::{
    blob, dedup, ready, step_result, task, timer, workflow_executions, workflow_versions, workflows,
};
use crate::sql_types::{At, Id};

/// The sequence number of an execution that has not moved yet.
const FIRST_SEQ: i64 = 1;

#[derive(Insertable)]
#[diesel(table_name = workflow_executions)]
struct ExecutionRow {
    id: Id,
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

pub(super) async fn start(db: &Database, execution: NewExecution) -> Result<Started, Error> {
    if execution.idempotency_key.as_ref().is_some_and(|key| key.contains('\0')) {
        let context = "an idempotency key cannot hold the zero character";
        return Err(Error::new(ErrorKind::InvalidInput, context));
    }
    let context = format!("could not start execution `{}`", execution.id);
    let body = async |mut tx: Tx<'_>| begin(db, &mut tx, execution).await;
    db.transaction("start", body).await.map_err(|fault| fault.into_error(context))
}

async fn begin(db: &Database, tx: &mut Tx<'_>, new: NewExecution) -> Result<Started, Fault> {
    let workflow_id = find_workflow(tx, &new).await?;
    let now = At(db.now(tx).await?);
    if let Some(first) = first_with_key(tx, &new, now).await? {
        return Ok(Started::Existing(first));
    }
    let mut blobs = Blobs::new();
    let row = execution_row(&new, workflow_id, now, &mut blobs)?;
    let facts = FactRow::all(new.id, 0, FIRST_SEQ, &new.facts, &mut blobs)?;
    let mut queue = QueueRows::default();
    queue.add(new.id, 0, new.tasks, now.0);
    insert_blobs(tx, blobs).await?;
    on_conn!(tx, conn => {
        diesel::insert_into(workflow_executions::table).values(row).execute(conn).await
    })?;
    insert_all!(tx, step_result::table, facts)?;
    insert_queue(tx, queue).await?;
    Ok(Started::Created)
}

async fn find_workflow(tx: &mut Tx<'_>, new: &NewExecution) -> Result<Id, Fault> {
    let found: Option<Id> = on_conn!(tx, conn => {
        workflow_versions::table
            .inner_join(workflows::table.on(workflows::id.eq(workflow_versions::workflow_id)))
            .filter(workflow_versions::id.eq(new.version.as_str()))
            .filter(workflows::name.eq(new.workflow.as_str()))
            .select(workflows::id)
            .first(conn)
            .await
            .optional()
    })?;
    found.ok_or_else(|| {
        let context = format!("workflow `{}` has no version `{}`", new.workflow, new.version);
        Error::new(ErrorKind::NotFound, context).into()
    })
}

/// Takes the idempotency key, or finds the execution that has it. Whoever comes second waits here
/// until the first has committed.
async fn first_with_key(tx: &mut Tx<'_>, new: &NewExecution, now: At) -> Result<Option<ExecutionId>, Fault> {
    let Some(key) = &new.idempotency_key else {
        return Ok(None);
    };
    let scope = format!("start:{}", new.workflow);
    let taken: usize = on_conn!(tx, conn => {
        diesel::insert_into(dedup::table)
            .values((
                dedup::scope.eq(&scope),
                dedup::key.eq(key),
                dedup::execution_id.eq(Id::from(new.id)),
                dedup::created_at.eq(now),
            ))
            .on_conflict_do_nothing()
            .execute(conn)
            .await
    })?;
    if taken > 0 {
        return Ok(None);
    }
    let first: Id = on_conn!(tx, conn => {
        dedup::table
            .filter(dedup::scope.eq(&scope))
            .filter(dedup::key.eq(key))
            .select(dedup::execution_id)
            .first(conn)
            .await
    })?;
    Ok(Some(first.into()))
}

fn execution_row(
    new: &NewExecution,
    workflow_id: Id,
    now: At,
    blobs: &mut Blobs,
) -> Result<ExecutionRow, Error> {
    let inputs = Payload::pack(&new.inputs, blobs)?;
    let ending = new.ending.as_ref();
    let outputs = Payload::pack_option(ending.and_then(|ending| ending.outputs.as_deref()), blobs)?;
    let error = ending.and_then(|ending| ending.error.as_ref()).map(to_text).transpose()?;
    Ok(ExecutionRow {
        id: new.id.into(),
        workflow_id,
        version_id: new.version.as_str().to_owned(),
        status: new.status.as_str(),
        generation: 0,
        seq: FIRST_SEQ,
        stopping: false,
        inputs: inputs.text,
        inputs_hash: inputs.hash,
        outputs: outputs.text,
        outputs_hash: outputs.hash,
        error,
        idempotency_key: new.idempotency_key.clone(),
        created_at: now,
        started_at: (new.status != ExecutionStatus::Queued).then_some(now),
        finished_at: ending.map(|_| now),
    })
}

async fn insert_blobs(tx: &mut Tx<'_>, blobs: Blobs) -> QueryResult<()> {
    for row in BlobRow::all(blobs) {
        on_conn!(tx, conn => {
            diesel::insert_into(blob::table).values(row).on_conflict_do_nothing().execute(conn).await
        })?;
    }
    Ok(())
}

pub(super) async fn insert_queue(tx: &mut Tx<'_>, queue: QueueRows) -> QueryResult<()> {
    insert_all!(tx, task::table, queue.tasks)?;
    insert_all!(tx, ready::table, queue.ready)?;
    insert_all!(tx, timer::table, queue.timers)?;
    Ok(())
}
