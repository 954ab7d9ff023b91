//! Group commit on PostgreSQL: one statement, which is its own transaction.

use std::collections::HashSet;

use codeflow_core::ExecutionId;
use codeflow_engine::Session;
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, SmallInt, Text};
use diesel_async::RunQueryDsl;

use super::Move;
use crate::Database;
use crate::conn::PgConn;
use crate::error::{Fault, lease_lost};
use crate::probe::Moment;
use crate::rows::{FactRow, LogRow, pack_work, signed};
use crate::sql_types::{At, DbTime, DbUuid, Id};
use crate::statement::Statement;

/// Locks in one order for everybody: the session, executions by id, blobs by hash, tasks by id. What
/// comes later waits for `moved`, and `moved` for all the executions. A row of `ready` or `timer` that
/// another statement has in hand is waited for; those statements wait for nobody.
const FLUSH: &str = "
WITH fence AS MATERIALIZED (
  SELECT id FROM session
  WHERE id = ? AND epoch = ? AND ended_at IS NULL AND expires_at > clock_timestamp()
  FOR KEY SHARE
), move AS MATERIALIZED (
  SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?) AS m
    (execution_id, seq, generation, status, stopping, ended, outputs, outputs_hash, error)
), locked AS MATERIALIZED (
  SELECT e.id, e.seq FROM workflow_executions e
  WHERE e.id IN (SELECT execution_id FROM move) AND EXISTS (SELECT FROM fence)
  ORDER BY e.id FOR NO KEY UPDATE OF e
), moved AS (
  UPDATE workflow_executions e SET
    seq = m.seq + 1, generation = m.generation, status = m.status, stopping = m.stopping,
    outputs = m.outputs, outputs_hash = m.outputs_hash, error = m.error,
    started_at = CASE WHEN m.status = 'queued' THEN e.started_at
                      ELSE coalesce(e.started_at, clock_timestamp()) END,
    finished_at = CASE WHEN m.ended THEN coalesce(e.finished_at, clock_timestamp()) END
  FROM move m JOIN locked l ON l.id = m.execution_id AND l.seq = m.seq
  WHERE e.id = m.execution_id
  RETURNING e.id, e.generation, e.outputs_hash
), fact AS MATERIALIZED (
  SELECT f.* FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?) AS f
    (execution_id, generation, path, kind, seq, ordinal, fact, payload, payload_hash)
  JOIN moved ON moved.id = f.execution_id
), blob_in AS (
  INSERT INTO blob (hash, body)
  SELECT b.hash, b.body FROM unnest(?, ?) AS b (hash, body)
  WHERE b.hash IN (SELECT payload_hash FROM fact UNION ALL SELECT outputs_hash FROM moved)
  ORDER BY b.hash
  ON CONFLICT (hash) DO NOTHING
), fact_in AS (
  INSERT INTO step_result
    (execution_id, generation, path, kind, seq, ordinal, fact, payload, payload_hash)
  SELECT * FROM fact
  ON CONFLICT (execution_id, generation, path, kind) DO NOTHING
), done AS MATERIALIZED (
  SELECT d.task_id FROM unnest(?, ?) AS d (execution_id, task_id) JOIN moved ON moved.id = d.execution_id
), task_out AS (
  DELETE FROM task WHERE id IN
    (SELECT t.id FROM task t WHERE t.id IN (SELECT task_id FROM done) ORDER BY t.id FOR UPDATE)
), ready_out AS (
  DELETE FROM ready WHERE task_id IN (SELECT task_id FROM done)
), timer_out AS (
  DELETE FROM timer WHERE task_id IN (SELECT task_id FROM done)
), new AS MATERIALIZED (
  SELECT n.*, moved.generation FROM unnest(?, ?, ?, ?, ?, ?, ?, ?) AS n
    (execution_id, id, kind, path, attempt, lane, priority, after_us)
  JOIN moved ON moved.id = n.execution_id
), task_in AS (
  INSERT INTO task
    (id, execution_id, generation, kind, path, attempt, lane, priority, deaths, suspect)
  SELECT id, execution_id, generation, kind, path, attempt, lane, priority, 0, FALSE FROM new
), ready_in AS (
  INSERT INTO ready (task_id, lane, priority, suspect)
  SELECT id, lane, priority, FALSE FROM new WHERE after_us IS NULL
), timer_in AS (
  INSERT INTO timer (task_id, due)
  SELECT id, clock_timestamp() + after_us * INTERVAL '1 microsecond' FROM new WHERE after_us IS NOT NULL
), read_out AS (
  DELETE FROM inbox WHERE id IN
    (SELECT r.message_id FROM unnest(?, ?) AS r (execution_id, message_id)
     JOIN moved ON moved.id = r.execution_id)
), log_in AS (
  INSERT INTO execution_logs (execution_id, logged_at, path, message)
  SELECT l.execution_id, l.logged_at, l.path, l.message
  FROM unnest(?, ?, ?, ?) WITH ORDINALITY AS l (execution_id, logged_at, path, message, n)
  JOIN moved ON moved.id = l.execution_id
  ORDER BY l.n
)
SELECT EXISTS (SELECT FROM fence) AS alive, ARRAY (SELECT id FROM moved) AS moved";

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    alive: bool,
    #[diesel(sql_type = Array<DbUuid>)]
    moved: Vec<Id>,
}

pub(super) async fn flush(
    db: &Database,
    conn: &mut PgConn,
    session: Session,
    mut moves: Vec<Move>,
) -> Result<HashSet<ExecutionId>, Fault> {
    let statement =
        Statement::new(FLUSH).bind::<DbUuid, _>(Id::from(session.id)).bind::<BigInt, _>(session.epoch);
    let statement = bind_moves(statement, &mut moves);
    let statement = bind_facts(statement, &mut moves);
    let statement = bind_pairs(statement, &moves);
    let statement = bind_tasks(statement, &mut moves);
    let statement = bind_inbox_and_logs(statement, moves);
    db.tell("flush", Moment::Before);
    let answer: Answer = statement.get_result(conn).await?;
    db.tell("flush", Moment::After);
    if !answer.alive {
        return Err(lease_lost().into());
    }
    Ok(answer.moved.into_iter().map(ExecutionId::from).collect())
}

/// One column of all rows.
fn column<'m, T>(moves: &'m [Move], value: impl Fn(&'m Move) -> T) -> Vec<T> {
    moves.iter().map(value).collect()
}

fn bind_moves<'a>(statement: Statement<'a>, moves: &mut [Move]) -> Statement<'a> {
    let outputs: Vec<_> = moves.iter_mut().map(|one| one.outputs.text.take()).collect();
    let hashes: Vec<_> = moves.iter_mut().map(|one| one.outputs.hash.take()).collect();
    let errors: Vec<_> = moves.iter_mut().map(|one| one.error.take()).collect();
    statement
        .bind::<Array<DbUuid>, _>(column(moves, |one| Id::from(one.execution)))
        .bind::<Array<BigInt>, _>(column(moves, |one| one.expected_seq))
        .bind::<Array<Integer>, _>(column(moves, |one| one.generation))
        .bind::<Array<Text>, _>(column(moves, |one| one.status.as_str()))
        .bind::<Array<Bool>, _>(column(moves, |one| one.stopping))
        .bind::<Array<Bool>, _>(column(moves, |one| one.ended))
        .bind::<Array<Nullable<Text>>, _>(outputs)
        .bind::<Array<Nullable<Binary>>, _>(hashes)
        .bind::<Array<Nullable<Text>>, _>(errors)
}

fn bind_facts<'a>(statement: Statement<'a>, moves: &mut [Move]) -> Statement<'a> {
    let mut facts: Vec<FactRow> = moves.iter_mut().flat_map(|one| std::mem::take(&mut one.facts)).collect();
    let paths: Vec<_> = facts.iter_mut().map(|fact| std::mem::take(&mut fact.path)).collect();
    let texts: Vec<_> = facts.iter_mut().map(|fact| std::mem::take(&mut fact.fact)).collect();
    let payloads: Vec<_> = facts.iter_mut().map(|fact| fact.payload.take()).collect();
    let hashes: Vec<_> = facts.iter_mut().map(|fact| fact.payload_hash.take()).collect();
    statement
        .bind::<Array<DbUuid>, _>(facts.iter().map(|fact| fact.execution_id).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(facts.iter().map(|fact| fact.generation).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(paths)
        .bind::<Array<SmallInt>, _>(facts.iter().map(|fact| fact.kind).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(facts.iter().map(|fact| fact.seq).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(facts.iter().map(|fact| fact.ordinal).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(texts)
        .bind::<Array<Nullable<Text>>, _>(payloads)
        .bind::<Array<Nullable<Binary>>, _>(hashes)
}

/// The blobs, each once, and what is done.
fn bind_pairs<'a>(statement: Statement<'a>, moves: &[Move]) -> Statement<'a> {
    let blobs: crate::payload::Blobs = moves.iter().flat_map(|one| one.blobs.clone()).collect();
    let (hashes, bodies): (Vec<_>, Vec<_>) = blobs.into_iter().unzip();
    let done = moves.iter().flat_map(|one| one.done.iter().map(|id| (Id::from(one.execution), *id)));
    let (owners, done): (Vec<Id>, Vec<Id>) = done.unzip();
    statement
        .bind::<Array<Binary>, _>(hashes)
        .bind::<Array<Text>, _>(bodies)
        .bind::<Array<DbUuid>, _>(owners)
        .bind::<Array<DbUuid>, _>(done)
}

fn bind_tasks<'a>(statement: Statement<'a>, moves: &mut [Move]) -> Statement<'a> {
    let mut owners = Vec::new();
    let mut tasks = Vec::new();
    for one in moves {
        owners.resize(owners.len() + one.tasks.len(), Id::from(one.execution));
        tasks.append(&mut one.tasks);
    }
    let (kinds, paths): (Vec<_>, Vec<_>) = tasks.iter().map(|task| pack_work(&task.work)).unzip();
    let afters: Vec<Option<i64>> = tasks
        .iter()
        .map(|task| task.after.map(|after| i64::try_from(after.as_micros()).unwrap_or(i64::MAX)))
        .collect();
    statement
        .bind::<Array<DbUuid>, _>(owners)
        .bind::<Array<DbUuid>, _>(tasks.iter().map(|task| Id::from(task.id)).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(kinds)
        .bind::<Array<Text>, _>(paths)
        .bind::<Array<Integer>, _>(tasks.iter().map(|task| signed(task.attempt)).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(tasks.iter().map(|task| task.lane.clone()).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(tasks.iter().map(|task| task.priority).collect::<Vec<_>>())
        .bind::<Array<Nullable<BigInt>>, _>(afters)
}

fn bind_inbox_and_logs(statement: Statement<'_>, moves: Vec<Move>) -> Statement<'_> {
    let read = moves.iter().flat_map(|one| one.read.iter().map(|id| (Id::from(one.execution), *id)));
    let (readers, read): (Vec<Id>, Vec<Id>) = read.unzip();
    let logs: Vec<LogRow> = moves.into_iter().flat_map(|one| one.logs).collect();
    let owners: Vec<Id> = logs.iter().map(|line| line.execution_id).collect();
    let times: Vec<At> = logs.iter().map(|line| line.logged_at).collect();
    let (paths, messages): (Vec<_>, Vec<_>) = logs.into_iter().map(|line| (line.path, line.message)).unzip();
    statement
        .bind::<Array<DbUuid>, _>(readers)
        .bind::<Array<DbUuid>, _>(read)
        .bind::<Array<DbUuid>, _>(owners)
        .bind::<Array<DbTime>, _>(times)
        .bind::<Array<Text>, _>(paths)
        .bind::<Array<Text>, _>(messages)
}
