//! Group commit on PostgreSQL: one statement, which is its own transaction.

mod one;

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

/// What every commit has. Locks in one order for everybody: the session, executions by id, then what is theirs. The
/// moves come sorted and the connection's plans take rows in the order of the array that names them. Membership in
/// `moved` is asked as `(… IN …) IS TRUE`, which the planner hashes instead of comparing all with all. Only the held
/// tasks are here: those are in no queue, and nobody else may touch them while the fence stands.
macro_rules! moves {
    () => {
        "
WITH fence AS MATERIALIZED (
  SELECT id, epoch FROM session
  WHERE id = ? AND epoch = ? AND ended_at IS NULL AND expires_at > clock_timestamp()
  FOR KEY SHARE
), move AS MATERIALIZED (
  SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS m
    (execution_id, seq, generation, status, stopping, ended, began_us, outputs, outputs_hash, error)
  WHERE EXISTS (SELECT FROM fence)
), moved AS (
  UPDATE workflow_executions e SET
    seq = m.seq + 1, generation = m.generation, status = m.status, stopping = m.stopping,
    outputs = m.outputs, outputs_hash = m.outputs_hash, error = m.error,
    started_at = CASE WHEN m.status = 'queued' THEN e.started_at
      ELSE coalesce(e.started_at, clock_timestamp() - m.began_us * INTERVAL '1 microsecond') END,
    finished_at = CASE WHEN m.ended THEN coalesce(e.finished_at, clock_timestamp()) END
  FROM move m
  WHERE e.id = m.execution_id AND e.seq = m.seq
  RETURNING e.id
), fact_in AS (
  INSERT INTO step_result
    (execution_id, generation, path, kind, seq, ordinal, fact, payload, payload_hash)
  SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?) AS f
    (execution_id, generation, path, kind, seq, ordinal, fact, payload, payload_hash)
  WHERE (f.execution_id IN (SELECT id FROM moved)) IS TRUE
  ON CONFLICT (execution_id, generation, path, kind) DO NOTHING
), task_out AS (
  DELETE FROM task WHERE id = ANY (ARRAY (
    SELECT d.task_id FROM unnest(?, ?) AS d (execution_id, task_id)
    WHERE (d.execution_id IN (SELECT id FROM moved)) IS TRUE))
), new AS MATERIALIZED (
  SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS n
    (execution_id, generation, id, kind, path, attempt, lane, priority, fair, after_us, batch)
  WHERE (n.execution_id IN (SELECT id FROM moved)) IS TRUE
), task_in AS (
  INSERT INTO task
    (id, execution_id, generation, kind, path, attempt, lane, priority, deaths, suspect, fair)
  SELECT id, execution_id, generation, kind, path, attempt, lane, priority, 0, FALSE, fair FROM new
), group_in AS (
  INSERT INTO ready_group (lane, priority, fair)
  SELECT g.lane, g.priority, g.fair FROM (SELECT DISTINCT lane, priority, fair FROM new) AS g
  WHERE NOT EXISTS (SELECT FROM ready_group r WHERE r.lane = g.lane AND r.priority = g.priority AND r.fair = g.fair)
  ON CONFLICT DO NOTHING
), claim_in AS (
  INSERT INTO claim (batch, session_id, epoch, ids)
  SELECT new.batch, fence.id, fence.epoch, array_agg(new.id) FROM new, fence
  WHERE new.batch IS NOT NULL GROUP BY new.batch, fence.id, fence.epoch
), ready_in AS (
  INSERT INTO ready (task_id, lane, priority, suspect, fair)
  SELECT id, lane, priority, FALSE, fair FROM new WHERE after_us IS NULL AND batch IS NULL
)"
    };
}

/// What only some commits have. Tasks that somebody else may hold are locked by id. A row of `ready` or `timer` that
/// another statement has in hand is waited for; those statements wait for nobody.
macro_rules! extras {
    () => {
        ", blob_in AS (
  INSERT INTO blob (hash, body)
  SELECT b.hash, b.body FROM unnest(?, ?, ?) AS b (execution_id, hash, body)
  WHERE (b.execution_id IN (SELECT id FROM moved)) IS TRUE
  ORDER BY b.hash
  ON CONFLICT (hash) DO NOTHING
), dropped AS MATERIALIZED (
  SELECT d.task_id FROM unnest(?, ?) AS d (execution_id, task_id)
  WHERE (d.execution_id IN (SELECT id FROM moved)) IS TRUE
), dropped_task_out AS (
  DELETE FROM task WHERE id = ANY (ARRAY
    (SELECT t.id FROM task t WHERE t.id = ANY (ARRAY (SELECT task_id FROM dropped)) ORDER BY t.id FOR UPDATE))
), ready_out AS (
  DELETE FROM ready WHERE task_id = ANY (ARRAY (SELECT task_id FROM dropped))
), timer_out AS (
  DELETE FROM timer WHERE task_id = ANY (ARRAY (SELECT task_id FROM dropped))
), timer_in AS (
  INSERT INTO timer (task_id, due)
  SELECT id, clock_timestamp() + after_us * INTERVAL '1 microsecond' FROM new WHERE after_us IS NOT NULL
), read_out AS (
  DELETE FROM inbox WHERE id = ANY (ARRAY
    (SELECT r.message_id FROM unnest(?, ?) AS r (execution_id, message_id)
     WHERE (r.execution_id IN (SELECT id FROM moved)) IS TRUE))
), holder_out AS (
  DELETE FROM slot_holder WHERE execution_id = ANY (ARRAY (
    SELECT s.execution_id FROM unnest(?, ?) AS s (execution_id, key)
    WHERE s.key IS NULL AND (s.execution_id IN (SELECT id FROM moved)) IS TRUE))
), waiter_out AS (
  DELETE FROM slot_waiter WHERE execution_id = ANY (ARRAY (
    SELECT s.execution_id FROM unnest(?, ?) AS s (execution_id, key)
    WHERE s.key IS NULL AND (s.execution_id IN (SELECT id FROM moved)) IS TRUE))
), holder_in AS (
  INSERT INTO slot_holder (execution_id, key)
  SELECT s.execution_id, s.key FROM unnest(?, ?) AS s (execution_id, key)
  WHERE s.key IS NOT NULL AND (s.execution_id IN (SELECT id FROM moved)) IS TRUE
  ON CONFLICT DO NOTHING
), log_in AS (
  INSERT INTO execution_logs (execution_id, logged_at, path, message)
  SELECT l.execution_id, l.logged_at, l.path, l.message
  FROM unnest(?, ?, ?, ?) WITH ORDINALITY AS l (execution_id, logged_at, path, message, n)
  WHERE (l.execution_id IN (SELECT id FROM moved)) IS TRUE
  ORDER BY l.n
)"
    };
}

macro_rules! answer {
    () => {
        "
SELECT EXISTS (SELECT FROM fence) AS alive, ARRAY (SELECT id FROM moved) AS moved"
    };
}

/// Most commits: results, and what they make due at once.
const PLAIN: &str = concat!(moves!(), answer!());
/// All the others.
const WHOLE: &str = concat!(moves!(), extras!(), answer!());

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
    moves: Vec<Move>,
) -> Result<HashSet<ExecutionId>, Fault> {
    let statement = match <[Move; 1]>::try_from(moves) {
        Ok([one]) if one.is_one() => one::statement(session, one),
        Ok(other) => many(session, other.into()),
        Err(moves) => many(session, moves),
    };
    db.tell("flush", Moment::Before);
    let answer: Answer = statement.get_result(conn).await?;
    db.tell("flush", Moment::After);
    if !answer.alive {
        return Err(lease_lost().into());
    }
    Ok(answer.moved.into_iter().map(ExecutionId::from).collect())
}

fn many(session: Session, mut moves: Vec<Move>) -> Statement<'static> {
    moves.sort_unstable_by_key(|one| one.execution);
    let plain = moves.iter().all(Move::is_plain);
    let statement = Statement::new(if plain { PLAIN } else { WHOLE })
        .bind::<DbUuid, _>(Id::from(session.id))
        .bind::<BigInt, _>(session.epoch);
    let statement = bind_moves(statement, &mut moves);
    let statement = bind_facts(statement, &mut moves);
    let statement = bind_done(statement, &moves);
    let statement = bind_tasks(statement, &mut moves);
    if plain { statement } else { bind_extras(statement, moves) }
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
        .bind::<Array<BigInt>, _>(column(moves, |one| one.began_us))
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

/// Pairs of an execution and something of its own, as two columns.
fn pairs<'m>(moves: &'m [Move], of: impl Fn(&'m Move) -> &'m [Id]) -> (Vec<Id>, Vec<Id>) {
    moves.iter().flat_map(|one| of(one).iter().map(|id| (Id::from(one.execution), *id))).unzip()
}

fn bind_done<'a>(statement: Statement<'a>, moves: &[Move]) -> Statement<'a> {
    let (owners, done) = pairs(moves, |one| &one.done);
    statement.bind::<Array<DbUuid>, _>(owners).bind::<Array<DbUuid>, _>(done)
}

fn bind_tasks<'a>(statement: Statement<'a>, moves: &mut [Move]) -> Statement<'a> {
    let (mut owners, mut generations, mut tasks) = (Vec::new(), Vec::new(), Vec::new());
    for one in moves {
        owners.resize(owners.len() + one.tasks.len(), Id::from(one.execution));
        generations.resize(owners.len(), one.generation);
        tasks.append(&mut one.tasks);
    }
    let batches: Vec<Option<Id>> =
        tasks.iter().map(|task| task.taken.filter(|_| task.after.is_none()).map(Id::from)).collect();
    let (kinds, paths): (Vec<_>, Vec<_>) = tasks.iter().map(|task| pack_work(&task.work)).unzip();
    let afters: Vec<Option<i64>> = tasks
        .iter()
        .map(|task| task.after.map(|after| i64::try_from(after.as_micros()).unwrap_or(i64::MAX)))
        .collect();
    statement
        .bind::<Array<DbUuid>, _>(owners)
        .bind::<Array<Integer>, _>(generations)
        .bind::<Array<DbUuid>, _>(tasks.iter().map(|task| Id::from(task.id)).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(kinds)
        .bind::<Array<Text>, _>(paths)
        .bind::<Array<Integer>, _>(tasks.iter().map(|task| signed(task.attempt)).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(tasks.iter().map(|task| task.lane.clone()).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(tasks.iter().map(|task| task.priority).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(tasks.iter().map(|task| task.fair).collect::<Vec<_>>())
        .bind::<Array<Nullable<BigInt>>, _>(afters)
        .bind::<Array<Nullable<DbUuid>>, _>(batches)
}

/// The blobs, what is dropped, what was read, and the log.
fn bind_extras(statement: Statement<'_>, mut moves: Vec<Move>) -> Statement<'_> {
    let (mut holders, mut hashes, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
    for one in &mut moves {
        for (hash, body) in std::mem::take(&mut one.blobs) {
            holders.push(Id::from(one.execution));
            hashes.push(hash);
            bodies.push(body);
        }
    }
    let (droppers, dropped) = pairs(&moves, |one| &one.dropped);
    let (readers, read) = pairs(&moves, |one| &one.read);
    let slots = moves.iter_mut().filter_map(|one| Some((Id::from(one.execution), one.slot.take()?.key())));
    let (placed, keys): (Vec<Id>, Vec<Option<String>>) = slots.unzip();
    let logs: Vec<LogRow> = moves.into_iter().flat_map(|one| one.logs).collect();
    let owners: Vec<Id> = logs.iter().map(|line| line.execution_id).collect();
    let times: Vec<At> = logs.iter().map(|line| line.logged_at).collect();
    let (paths, messages): (Vec<_>, Vec<_>) = logs.into_iter().map(|line| (line.path, line.message)).unzip();
    statement
        .bind::<Array<DbUuid>, _>(holders)
        .bind::<Array<Binary>, _>(hashes)
        .bind::<Array<Text>, _>(bodies)
        .bind::<Array<DbUuid>, _>(droppers)
        .bind::<Array<DbUuid>, _>(dropped)
        .bind::<Array<DbUuid>, _>(readers)
        .bind::<Array<DbUuid>, _>(read)
        .bind::<Array<DbUuid>, _>(placed.clone())
        .bind::<Array<Nullable<Text>>, _>(keys.clone())
        .bind::<Array<DbUuid>, _>(placed.clone())
        .bind::<Array<Nullable<Text>>, _>(keys.clone())
        .bind::<Array<DbUuid>, _>(placed)
        .bind::<Array<Nullable<Text>>, _>(keys)
        .bind::<Array<DbUuid>, _>(owners)
        .bind::<Array<DbTime>, _>(times)
        .bind::<Array<Text>, _>(paths)
        .bind::<Array<Text>, _>(messages)
}
