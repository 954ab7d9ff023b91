//! The beginning of one execution alone, whose task is worked on at once by a worker of the same process. It is written
//! without arrays and without what only other beginnings need.

use codeflow_core::BatchId;
use codeflow_engine::{NewTask, Session};
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, SmallInt, Text};

use super::{Beginning, Place};
use crate::rows::{pack_work, signed};
use crate::sql_types::{DbUuid, Id};
use crate::statement::Statement;

/// The task has a group although it is taken: it waits in the queue once its holder gives it up.
const ONE: &str = "
WITH fence AS MATERIALIZED (
  SELECT id, epoch FROM session
  WHERE id = ? AND epoch = ? AND ended_at IS NULL AND expires_at > clock_timestamp()
  FOR KEY SHARE
), version AS MATERIALIZED (
  SELECT w.id AS workflow_id, w.tenant, v.id, clock_timestamp() AS moment FROM workflow_versions v
  JOIN workflows w ON w.id = v.workflow_id AND w.name = ?
  WHERE v.id = ?
), execution_in AS (
  INSERT INTO workflow_executions
    (id, tenant, workflow_id, version_id, status, generation, seq, stopping, inputs, inputs_hash, created_at,
     started_at)
  SELECT ?, version.tenant, version.workflow_id, version.id, ?, 0, 1, FALSE, ?, ?, moment,
    CASE WHEN ? THEN moment END
  FROM version WHERE EXISTS (SELECT FROM fence)
  RETURNING id
), task_in AS (
  INSERT INTO task
    (id, execution_id, generation, kind, path, attempt, lane, priority, deaths, suspect, fair)
  SELECT ?, id, 0, ?, ?, ?, ?, ?, 0, FALSE, ? FROM execution_in
), group_in AS (
  INSERT INTO ready_group (lane, priority, fair) SELECT g.lane, g.priority, g.fair
  FROM execution_in CROSS JOIN (VALUES (?, ?, ?)) AS g (lane, priority, fair)
  WHERE NOT EXISTS (SELECT FROM ready_group r
    WHERE r.lane = g.lane AND r.priority = g.priority AND r.fair = g.fair)
  ON CONFLICT DO NOTHING
), claim_in AS (
  INSERT INTO claim (batch, session_id, epoch, ids)
  SELECT ?, fence.id, fence.epoch, ARRAY[?] FROM fence WHERE EXISTS (SELECT FROM execution_in)
)
SELECT EXISTS (SELECT FROM fence) AS fenced,
  CASE WHEN EXISTS (SELECT FROM version) THEN ARRAY[]::UUID[] ELSE ? END AS unknown,
  ARRAY (SELECT id FROM execution_in) AS begun";

/// The statement for such a beginning, if this is one.
pub(super) fn statement(all: &[Beginning], taker: Option<Session>) -> Option<Statement<'_>> {
    let (Some(session), [one]) = (taker, all) else { return None };
    let (task, batch) = only_task(one)?;
    let (kind, path) = pack_work(&task.work);
    let id = Id::from(one.new.id);
    let statement = Statement::new(ONE)
        .bind::<DbUuid, _>(Id::from(session.id))
        .bind::<BigInt, _>(session.epoch)
        .bind::<Text, _>(one.new.tenant.scoped(one.new.workflow.as_str()))
        .bind::<Text, _>(one.new.version.as_str())
        .bind::<DbUuid, _>(id)
        .bind::<Text, _>(one.new.status.as_str())
        .bind::<Nullable<Text>, _>(one.inputs.text.as_deref())
        .bind::<Nullable<Binary>, _>(one.inputs.hash.as_deref())
        .bind::<Bool, _>(one.begun())
        .bind::<DbUuid, _>(Id::from(task.id))
        .bind::<SmallInt, _>(kind)
        .bind::<Text, _>(path)
        .bind::<Integer, _>(signed(task.attempt))
        .bind::<Text, _>(task.lane.as_str())
        .bind::<SmallInt, _>(task.priority)
        .bind::<Integer, _>(task.fair)
        .bind::<Text, _>(task.lane.as_str())
        .bind::<SmallInt, _>(task.priority)
        .bind::<Integer, _>(task.fair)
        .bind::<DbUuid, _>(Id::from(batch))
        .bind::<DbUuid, _>(Id::from(task.id))
        .bind::<Array<DbUuid>, _>(vec![id]);
    Some(statement)
}

/// The task of a beginning that has nothing else, and the batch in which it is taken.
fn only_task(one: &Beginning) -> Option<(&NewTask, BatchId)> {
    let new = &one.new;
    let nothing_else = one.facts.is_empty()
        && one.blobs.is_empty()
        && one.place == Place::Free
        && new.ending.is_none()
        && new.idempotency_key.is_none();
    let [task] = &one.tasks[..] else { return None };
    let batch = task.taken.filter(|_| nothing_else && task.after.is_none())?;
    Some((task, batch))
}
