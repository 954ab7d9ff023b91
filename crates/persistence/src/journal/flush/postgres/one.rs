//! The move of one execution alone. Where little else is to do, a commit costs what its statement costs to set up: this one is
//! written without arrays and without what only other moves need, and takes three quarters of the time.

use codeflow_core::execution::ExecutionStatus;
use codeflow_engine::{NewTask, Session};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, SmallInt, Text};

use super::Move;
use crate::rows::{FactRow, pack_work, signed};
use crate::sql_types::{DbUuid, Id};
use crate::statement::Statement;

/// The same locks in the same order as for many moves. The task that is taken has a group as well: it waits in the queue once its
/// holder gives it up.
const ONE: &str = "
WITH fence AS MATERIALIZED (
  SELECT id, epoch FROM session
  WHERE id = ? AND epoch = ? AND ended_at IS NULL AND expires_at > clock_timestamp()
  FOR KEY SHARE
), moved AS (
  UPDATE workflow_executions e SET
    seq = e.seq + 1, generation = ?, status = ?, stopping = ?, outputs = ?, outputs_hash = ?, error = ?,
    started_at = CASE WHEN ?
      THEN coalesce(e.started_at, clock_timestamp() - ? * INTERVAL '1 microsecond') ELSE e.started_at END,
    finished_at = CASE WHEN ? THEN coalesce(e.finished_at, clock_timestamp()) END
  WHERE e.id = ? AND e.seq = ? AND EXISTS (SELECT FROM fence)
  RETURNING e.id
), fact_in AS (
  INSERT INTO step_result
    (execution_id, generation, path, kind, seq, ordinal, fact, payload, payload_hash)
  SELECT moved.id, ?, ?, ?, ?, ?, ?, ?, ? FROM moved WHERE ?
  ON CONFLICT (execution_id, generation, path, kind) DO NOTHING
), task_out AS (
  DELETE FROM task WHERE id = ANY (?) AND EXISTS (SELECT FROM moved)
), task_in AS (
  INSERT INTO task
    (id, execution_id, generation, kind, path, attempt, lane, priority, deaths, suspect, fair)
  SELECT ?, moved.id, ?, ?, ?, ?, ?, ?, 0, FALSE, ? FROM moved WHERE ?
), group_in AS (
  INSERT INTO ready_group (lane, priority, fair) SELECT g.lane, g.priority, g.fair
  FROM moved CROSS JOIN (VALUES (?, ?, ?)) AS g (lane, priority, fair)
  WHERE ? AND NOT EXISTS (SELECT FROM ready_group r
    WHERE r.lane = g.lane AND r.priority = g.priority AND r.fair = g.fair)
  ON CONFLICT DO NOTHING
), claim_in AS (
  INSERT INTO claim (batch, session_id, epoch, ids)
  SELECT ?, fence.id, fence.epoch, ARRAY[?] FROM fence WHERE ? AND EXISTS (SELECT FROM moved)
)
SELECT EXISTS (SELECT FROM fence) AS alive, ARRAY (SELECT id FROM moved) AS moved";

pub(super) fn statement(session: Session, mut one: Move) -> Statement<'static> {
    let statement = Statement::new(ONE)
        .bind::<DbUuid, _>(Id::from(session.id))
        .bind::<BigInt, _>(session.epoch)
        .bind::<Integer, _>(one.generation)
        .bind::<Text, _>(one.status.as_str())
        .bind::<Bool, _>(one.stopping)
        .bind::<Nullable<Text>, _>(one.outputs.text.take())
        .bind::<Nullable<Binary>, _>(one.outputs.hash.take())
        .bind::<Nullable<Text>, _>(one.error.take())
        .bind::<Bool, _>(one.status != ExecutionStatus::Queued)
        .bind::<BigInt, _>(one.began_us)
        .bind::<Bool, _>(one.ended)
        .bind::<DbUuid, _>(Id::from(one.execution))
        .bind::<BigInt, _>(one.expected_seq);
    let statement = bind_fact(statement, one.generation, one.facts.pop());
    let statement = statement.bind::<Array<DbUuid>, _>(one.done);
    bind_task(statement, one.generation, one.tasks.pop().as_ref())
}

/// Without a fact, what is bound in its place is not looked at.
fn bind_fact(statement: Statement<'static>, generation: i32, fact: Option<FactRow>) -> Statement<'static> {
    let there = fact.is_some();
    let fact = fact.unwrap_or_else(|| FactRow {
        execution_id: Id(uuid::Uuid::nil()),
        generation,
        path: String::new(),
        kind: 0,
        seq: 0,
        ordinal: 0,
        fact: String::new(),
        payload: None,
        payload_hash: None,
    });
    statement
        .bind::<Integer, _>(fact.generation)
        .bind::<Text, _>(fact.path)
        .bind::<SmallInt, _>(fact.kind)
        .bind::<BigInt, _>(fact.seq)
        .bind::<Integer, _>(fact.ordinal)
        .bind::<Text, _>(fact.fact)
        .bind::<Nullable<Text>, _>(fact.payload)
        .bind::<Nullable<Binary>, _>(fact.payload_hash)
        .bind::<Bool, _>(there)
}

/// The same for a task, which this session takes with the commit.
fn bind_task(statement: Statement<'static>, generation: i32, task: Option<&NewTask>) -> Statement<'static> {
    let nobody = Id(uuid::Uuid::nil());
    let id = task.map_or(nobody, |task| task.id.into());
    let batch = task.and_then(|task| task.taken).map_or(nobody, Id::from);
    let (kind, path) = task.map(|task| pack_work(&task.work)).unwrap_or_default();
    let lane = task.map_or_else(String::new, |task| task.lane.clone());
    let (priority, fair) = task.map_or((0, 0), |task| (task.priority, task.fair));
    statement
        .bind::<DbUuid, _>(id)
        .bind::<Integer, _>(generation)
        .bind::<SmallInt, _>(kind)
        .bind::<Text, _>(path)
        .bind::<Integer, _>(task.map_or(0, |task| signed(task.attempt)))
        .bind::<Text, _>(lane.clone())
        .bind::<SmallInt, _>(priority)
        .bind::<Integer, _>(fair)
        .bind::<Bool, _>(task.is_some())
        .bind::<Text, _>(lane)
        .bind::<SmallInt, _>(priority)
        .bind::<Integer, _>(fair)
        .bind::<Bool, _>(task.is_some())
        .bind::<DbUuid, _>(batch)
        .bind::<DbUuid, _>(id)
        .bind::<Bool, _>(task.is_some())
}
