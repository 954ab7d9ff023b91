//! An execution as it is stored, with its journal.

use std::collections::BTreeSet;
use std::sync::Arc;

use codeflow_core::ExecutionId;
use codeflow_core::execution::Fact;
use codeflow_core::workflow::VersionId;
use codeflow_engine::{Error, ExecutionRecord, OpenTask, Snapshot};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::error::{Fault, corrupt};
use crate::payload::{Blobs, Payload, from_text, unpack_fact};
use crate::rows::{tenant, unpack_work, unsigned, workflow_name};
use crate::schema::{blob, slot_waiter, step_result, task, timer, workflow_executions, workflows};
use crate::sql_types::{At, Id};

/// How many blobs one query fetches: SQLite has a limit to the values that a statement may take.
const BLOBS_AT_ONCE: usize = 500;

#[derive(Queryable)]
pub(super) struct RecordRow {
    pub(super) id: Id,
    tenant: String,
    workflow: String,
    version: String,
    status: String,
    generation: i32,
    pub(super) seq: i64,
    inputs: Option<String>,
    inputs_hash: Option<Vec<u8>>,
    outputs: Option<String>,
    outputs_hash: Option<Vec<u8>>,
    error: Option<String>,
    created_at: At,
    started_at: Option<At>,
    finished_at: Option<At>,
}

#[derive(Queryable)]
pub(super) struct FactRow {
    generation: i32,
    fact: String,
    payload: Option<String>,
    pub(super) payload_hash: Option<Vec<u8>>,
}

#[derive(Queryable)]
pub(super) struct OpenRow {
    id: Id,
    kind: i16,
    path: String,
    attempt: i32,
    quarantined_at: Option<At>,
    due: Option<At>,
    waits_under: Option<String>,
    pub(super) seq: i64,
}

#[diesel::dsl::auto_type(no_type_alias)]
pub(super) fn records() -> _ {
    workflow_executions::table
        .inner_join(workflows::table.on(workflows::id.eq(workflow_executions::workflow_id)))
        .select((
            workflow_executions::id,
            workflow_executions::tenant,
            workflows::name,
            workflow_executions::version_id,
            workflow_executions::status,
            workflow_executions::generation,
            workflow_executions::seq,
            workflow_executions::inputs,
            workflow_executions::inputs_hash,
            workflow_executions::outputs,
            workflow_executions::outputs_hash,
            workflow_executions::error,
            workflow_executions::created_at,
            workflow_executions::started_at,
            workflow_executions::finished_at,
        ))
}

pub(super) async fn read(
    db: &Database,
    id: ExecutionId,
    after: Option<i64>,
) -> Result<Option<Snapshot>, Error> {
    let mut conn = db.reader().await?;
    let snapshot = snapshot(&mut conn.tx(), id, after).await;
    snapshot.map_err(|fault| fault.into_error(format!("could not load execution `{id}`")))
}

/// The facts of a number never change, but tasks come and go: each tells which number its execution has by
/// then. If that is a later one, all is read again: an attempt is made from what is found here, and a
/// task that is ahead of the facts would be made without the results that it needs.
pub(super) async fn snapshot(
    tx: &mut Tx<'_>,
    id: ExecutionId,
    after: Option<i64>,
) -> Result<Option<Snapshot>, Fault> {
    loop {
        let Some(row) = load_record(tx, id).await? else {
            return Ok(None);
        };
        let open = load_open(tx, id).await?;
        if open.iter().any(|task| task.seq != row.seq) {
            continue;
        }
        let facts = load_facts(tx, id, after.unwrap_or(0), row.seq).await?;
        let hashes = facts.iter().filter_map(|fact| fact.payload_hash.as_ref());
        let blobs = load_blobs(tx, hashes.chain(row.hashes())).await?;
        let facts = facts.into_iter().map(|fact| fact.unpack(&blobs)).collect::<Result<_, _>>()?;
        let tasks = open.into_iter().map(OpenRow::unpack).collect::<Result<_, _>>()?;
        return Ok(Some(Snapshot { record: row.unpack(&blobs)?, facts, tasks }));
    }
}

async fn load_record(tx: &mut Tx<'_>, id: ExecutionId) -> QueryResult<Option<RecordRow>> {
    on_conn!(tx, conn => {
        records().filter(workflow_executions::id.eq(Id::from(id))).first(conn).await.optional()
    })
}

async fn load_facts(tx: &mut Tx<'_>, id: ExecutionId, after: i64, last: i64) -> QueryResult<Vec<FactRow>> {
    on_conn!(tx, conn => {
        step_result::table
            .filter(step_result::execution_id.eq(Id::from(id)))
            .filter(step_result::seq.gt(after))
            .filter(step_result::seq.le(last))
            .order((step_result::seq, step_result::ordinal))
            .select((
                step_result::generation,
                step_result::fact,
                step_result::payload,
                step_result::payload_hash,
            ))
            .load(conn)
            .await
    })
}

pub(super) async fn commits(db: &Database, id: ExecutionId) -> Result<Vec<i64>, Error> {
    let mut conn = db.reader().await?;
    let commits: QueryResult<Vec<i64>> = on_conn!(&mut conn.tx(), conn => {
        step_result::table
            .filter(step_result::execution_id.eq(Id::from(id)))
            .order((step_result::seq, step_result::ordinal))
            .select(step_result::seq)
            .load(conn)
            .await
    });
    commits.map_err(|error| {
        Fault::from(error).into_error(format!("could not read the journal of execution `{id}`"))
    })
}

async fn load_open(tx: &mut Tx<'_>, id: ExecutionId) -> QueryResult<Vec<OpenRow>> {
    on_conn!(tx, conn => {
        task::table
            .inner_join(workflow_executions::table.on(workflow_executions::id.eq(task::execution_id)))
            .left_join(timer::table.on(timer::task_id.eq(task::id)))
            .left_join(slot_waiter::table.on(slot_waiter::execution_id.eq(task::execution_id)))
            .filter(task::execution_id.eq(Id::from(id)))
            .order(task::id)
            .select((
                task::id,
                task::kind,
                task::path,
                task::attempt,
                task::quarantined_at,
                timer::due.nullable(),
                slot_waiter::key.nullable(),
                workflow_executions::seq,
            ))
            .load(conn)
            .await
    })
}

pub(super) async fn load_blobs<'a>(
    tx: &mut Tx<'_>,
    hashes: impl Iterator<Item = &'a Vec<u8>>,
) -> Result<Blobs, Fault> {
    let hashes: Vec<&Vec<u8>> = hashes.collect::<BTreeSet<_>>().into_iter().collect();
    let mut blobs = Blobs::new();
    for some in hashes.chunks(BLOBS_AT_ONCE) {
        let rows: Vec<(Vec<u8>, String)> = on_conn!(tx, conn => {
            blob::table
                .filter(blob::hash.eq_any(some.iter().copied()))
                .select((blob::hash, blob::body))
                .load(conn)
                .await
        })?;
        blobs.extend(rows);
    }
    Ok(blobs)
}

impl RecordRow {
    /// Without payloads that are large enough to be stored by themselves: a page of those would not fit into memory.
    pub(super) fn without_blobs(self) -> Self {
        Self { inputs_hash: None, outputs_hash: None, ..self }
    }

    pub(super) fn hashes(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.inputs_hash.iter().chain(&self.outputs_hash)
    }

    pub(super) fn unpack(self, blobs: &Blobs) -> Result<ExecutionRecord, Error> {
        let inputs = Payload { text: self.inputs, hash: self.inputs_hash };
        let outputs = Payload { text: self.outputs, hash: self.outputs_hash };
        let status = |source| corrupt("a stored execution has an unreadable status", source);
        Ok(ExecutionRecord {
            id: self.id.into(),
            tenant: tenant(self.tenant)?,
            workflow: workflow_name(&self.workflow)?,
            version: VersionId::from_hash(self.version),
            status: self.status.parse().map_err(status)?,
            generation: unsigned(self.generation),
            seq: self.seq,
            inputs: Arc::new(inputs.unpack(blobs)?.unwrap_or_default()),
            outputs: outputs.unpack(blobs)?.map(Arc::new),
            error: self.error.as_deref().map(from_text).transpose()?,
            created_at: self.created_at.0,
            started_at: self.started_at.map(|at| at.0),
            finished_at: self.finished_at.map(|at| at.0),
        })
    }
}

impl FactRow {
    pub(super) fn unpack(self, blobs: &Blobs) -> Result<(u32, Fact), Error> {
        let payload = Payload { text: self.payload, hash: self.payload_hash };
        Ok((unsigned(self.generation), unpack_fact(&self.fact, payload, blobs)?))
    }
}

impl OpenRow {
    pub(super) fn unpack(self) -> Result<OpenTask, Error> {
        Ok(OpenTask {
            id: self.id.into(),
            work: unpack_work(self.kind, &self.path)?,
            attempt: unsigned(self.attempt),
            delayed: self.due.is_some() || self.waits_under.is_some(),
            quarantined: self.quarantined_at.is_some(),
        })
    }
}
