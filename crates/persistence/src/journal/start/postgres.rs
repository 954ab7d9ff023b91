//! Beginnings on PostgreSQL: one statement for all of them, which is its own transaction.

mod one;

use std::collections::{BTreeSet, HashMap, HashSet};

use codeflow_core::ExecutionId;
use codeflow_core::workflow::Overlap;
use codeflow_engine::{NewTask, Session, Started};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Integer, Nullable, SmallInt, Text};
use diesel_async::RunQueryDsl;

use super::{Beginning, Place, Taken, find_places, unknown_version};
use crate::Database;
use crate::conn::{PgConn, Tx, on_conn};
use crate::error::{Fault, lease_lost};
use crate::payload::Payload;
use crate::probe::Moment;
use crate::rows::{FactRow, pack_work, signed};
use crate::schema::dedup;
use crate::sql_types::{DbUuid, Id};
use crate::statement::Statement;

/// Nothing is written when a version is unknown or the taker's session is over. Of several starts with one key the
/// first has it; whoever comes second waits here until the first has committed.
const START: &str = "
WITH fence AS MATERIALIZED (
  SELECT id, epoch FROM session
  WHERE id = ? AND epoch = ? AND ended_at IS NULL AND expires_at > clock_timestamp()
  FOR KEY SHARE
), new AS MATERIALIZED (
  SELECT n.*, w.id AS workflow_id, w.tenant
  FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS n
    (id, workflow, version_id, status, begun, ended, inputs, inputs_hash, outputs, outputs_hash, error, scope, key,
     slot, waits, most, replaces)
  LEFT JOIN workflow_versions v ON v.id = n.version_id
  LEFT JOIN workflows w ON w.id = v.workflow_id AND w.name = n.workflow
), go AS MATERIALIZED (
  SELECT fenced, fenced AND NOT EXISTS (SELECT FROM new WHERE workflow_id IS NULL) AS ok
  FROM (SELECT NOT ?::BOOLEAN OR EXISTS (SELECT FROM fence) AS fenced) AS taker
), keyed AS (
  INSERT INTO dedup (scope, key, execution_id, created_at)
  SELECT scope, key, id, clock_timestamp() FROM new, go WHERE go.ok AND key IS NOT NULL
  ORDER BY scope, key, id
  ON CONFLICT DO NOTHING
  RETURNING execution_id
), begun AS MATERIALIZED (
  SELECT new.*, clock_timestamp() AS moment FROM new, go
  WHERE go.ok AND (new.key IS NULL OR new.id IN (SELECT execution_id FROM keyed))
), execution_in AS (
  INSERT INTO workflow_executions
    (id, tenant, workflow_id, version_id, status, generation, seq, stopping, inputs, inputs_hash, outputs,
     outputs_hash, error, idempotency_key, created_at, started_at, finished_at)
  SELECT id, tenant, workflow_id, version_id, status, 0, 1, FALSE, inputs, inputs_hash, outputs,
    outputs_hash, error, key, moment, CASE WHEN begun THEN moment END, CASE WHEN ended THEN moment END
  FROM begun
), holder_in AS (
  INSERT INTO slot_holder (execution_id, key) SELECT id, slot FROM begun WHERE slot IS NOT NULL AND NOT waits
), waiter_in AS (
  INSERT INTO slot_waiter (execution_id, key, most, replaces)
  SELECT id, slot, most, replaces FROM begun WHERE slot IS NOT NULL AND waits
), blob_in AS (
  INSERT INTO blob (hash, body)
  SELECT b.hash, b.body FROM unnest(?, ?, ?) AS b (execution_id, hash, body)
  WHERE (b.execution_id IN (SELECT id FROM begun)) IS TRUE
  ORDER BY b.hash
  ON CONFLICT (hash) DO NOTHING
), fact_in AS (
  INSERT INTO step_result
    (execution_id, generation, path, kind, seq, ordinal, fact, payload, payload_hash)
  SELECT f.execution_id, 0, f.path, f.kind, 1, f.ordinal, f.fact, f.payload, f.payload_hash
  FROM unnest(?, ?, ?, ?, ?, ?, ?) AS f
    (execution_id, path, kind, ordinal, fact, payload, payload_hash)
  WHERE (f.execution_id IN (SELECT id FROM begun)) IS TRUE
), due AS MATERIALIZED (
  SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS t
    (execution_id, id, kind, path, attempt, lane, priority, fair, after_us, batch, waits)
  WHERE (t.execution_id IN (SELECT id FROM begun)) IS TRUE
), task_in AS (
  INSERT INTO task
    (id, execution_id, generation, kind, path, attempt, lane, priority, deaths, suspect, fair)
  SELECT id, execution_id, 0, kind, path, attempt, lane, priority, 0, FALSE, fair FROM due
), group_in AS (
  INSERT INTO ready_group (lane, priority, fair)
  SELECT g.lane, g.priority, g.fair FROM (SELECT DISTINCT lane, priority, fair FROM due) AS g
  WHERE NOT EXISTS (SELECT FROM ready_group r WHERE r.lane = g.lane AND r.priority = g.priority AND r.fair = g.fair)
  ON CONFLICT DO NOTHING
), claim_in AS (
  INSERT INTO claim (batch, session_id, epoch, ids)
  SELECT due.batch, fence.id, fence.epoch, array_agg(due.id) FROM due, fence
  WHERE due.batch IS NOT NULL GROUP BY due.batch, fence.id, fence.epoch
), ready_in AS (
  INSERT INTO ready (task_id, lane, priority, suspect, fair)
  SELECT id, lane, priority, FALSE, fair FROM due WHERE after_us IS NULL AND batch IS NULL AND NOT waits
), timer_in AS (
  INSERT INTO timer (task_id, due)
  SELECT id, clock_timestamp() + after_us * INTERVAL '1 microsecond' FROM due WHERE after_us IS NOT NULL
)
SELECT go.fenced, ARRAY (SELECT id FROM new WHERE workflow_id IS NULL) AS unknown,
  ARRAY (SELECT id FROM begun) AS begun
FROM go";

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    fenced: bool,
    #[diesel(sql_type = Array<DbUuid>)]
    unknown: Vec<Id>,
    #[diesel(sql_type = Array<DbUuid>)]
    begun: Vec<Id>,
}

pub(super) async fn start(
    db: &Database,
    conn: &mut PgConn,
    all: Vec<Beginning>,
    taker: Option<Session>,
) -> Result<Vec<Started>, Fault> {
    db.tell("start", Moment::Before);
    let started = write(conn, &all, taker).await?;
    db.tell("start", Moment::After);
    Ok(started)
}

/// The same where some need a place under a key. Who looks for one waits for whoever does so at the same time.
pub(super) async fn start_with_places(
    db: &Database,
    mut all: Vec<Beginning>,
    taker: Option<Session>,
) -> Result<Vec<Started>, Fault> {
    let body = async |mut tx: Tx<'_>| {
        on_conn!(&mut tx,
            postgres conn => {
                find_free(conn, &mut all).await?;
                let (skipped, all): (Vec<_>, Vec<_>) = all.into_iter().enumerate().partition(|(_, one)| is_skipped(one));
                let (at, all): (Vec<usize>, Vec<Beginning>) = all.into_iter().unzip();
                let started = if all.is_empty() { Vec::new() } else { write(conn, &all, taker).await? };
                let mut answers: Vec<(usize, Started)> = at.into_iter().zip(started).collect();
                answers.extend(skipped.into_iter().filter_map(|(at, one)| Some((at, skipped_for(&one)?))));
                answers.sort_unstable_by_key(|(at, _)| *at);
                Ok(answers.into_iter().map(|(_, started)| started).collect())
            },
            sqlite _conn => Err(Fault::Sql(diesel::result::Error::NotFound))
        )
    };
    db.transaction("start", body).await
}

fn is_skipped(one: &Beginning) -> bool {
    skipped_for(one).is_some()
}

fn skipped_for(one: &Beginning) -> Option<Started> {
    match one.place {
        Place::Skips(other) => Some(Started::Skipped(other)),
        Place::Free | Place::Held | Place::Waits => None,
    }
}

#[derive(QueryableByName)]
struct TakenRow {
    #[diesel(sql_type = Text)]
    key: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = Nullable<DbUuid>)]
    first: Option<Id>,
    #[diesel(sql_type = Bool)]
    waiting: bool,
}

/// The keys are locked in one order for everybody, before anything is looked at.
const LOCK_KEYS: &str = "
SELECT count(pg_advisory_xact_lock(hashtextextended(k.key, 0))) FROM
  (SELECT key FROM unnest(?) AS u (key) ORDER BY hashtextextended(key, 0)) AS k";

const TAKEN: &str = "
SELECT k.key, (SELECT count(*) FROM slot_holder h WHERE h.key = k.key) AS count,
  coalesce((SELECT h.execution_id FROM slot_holder h WHERE h.key = k.key ORDER BY h.execution_id LIMIT 1),
    (SELECT w.execution_id FROM slot_waiter w WHERE w.key = k.key ORDER BY w.position LIMIT 1)) AS first,
  EXISTS (SELECT FROM slot_waiter w WHERE w.key = k.key) AS waiting
FROM unnest(?) AS k (key)";

async fn find_free(conn: &mut PgConn, all: &mut [Beginning]) -> Result<(), Fault> {
    // Whoever was started already with the same key of idempotency needs no place again.
    let known = known_starts(conn, all).await?;
    let mut new: Vec<&mut Beginning> = Vec::new();
    for one in all.iter_mut() {
        let key = one.new.idempotency_key.clone().map(|key| (one.scope(), key));
        if key.is_none_or(|key| !known.contains_key(&key)) { new.push(one) } else { one.new.slot = None }
    }
    let keys: BTreeSet<String> =
        new.iter().filter_map(|one| Some(one.new.slot.as_ref()?.key.clone())).collect();
    let keys: Vec<String> = keys.into_iter().collect();
    Statement::new(LOCK_KEYS).bind::<Array<Text>, _>(keys.clone()).execute(conn).await?;
    let rows: Vec<TakenRow> = Statement::new(TAKEN).bind::<Array<Text>, _>(keys).load(conn).await?;
    let taken = rows.into_iter().map(|row| {
        let count = u32::try_from(row.count).unwrap_or(u32::MAX);
        (row.key, Taken { count, first: row.first.map(ExecutionId::from), waiting: row.waiting })
    });
    find_places(all, taken.collect());
    Ok(())
}

async fn write(conn: &mut PgConn, all: &[Beginning], taker: Option<Session>) -> Result<Vec<Started>, Fault> {
    let statement = one::statement(all, taker).unwrap_or_else(|| many(all, taker));
    let answer: Answer = statement.get_result(conn).await?;
    if !answer.fenced {
        return Err(lease_lost().into());
    }
    if let Some(unknown) = <[Id]>::first(&answer.unknown) {
        let new = all.iter().find(|one| Id::from(one.new.id) == *unknown);
        let error = new.map_or_else(lease_lost, |one| unknown_version(&one.new));
        return Err(error.into());
    }
    answers(conn, all, &answer.begun.into_iter().collect()).await
}

fn many(all: &[Beginning], taker: Option<Session>) -> Statement<'_> {
    let (session, epoch) = taker.map_or((Id(uuid::Uuid::nil()), 0), |taker| (taker.id.into(), taker.epoch));
    let statement = Statement::new(START).bind::<DbUuid, _>(session).bind::<BigInt, _>(epoch);
    let statement = bind_executions(statement, all);
    let statement = bind_places(statement, all).bind::<Bool, _>(taker.is_some());
    let statement = bind_blobs(statement, all);
    let statement = bind_facts(statement, all);
    bind_tasks(statement, all, taker.is_some())
}

/// The executions that have the keys of idempotency of these starts.
async fn known_starts(conn: &mut PgConn, all: &[Beginning]) -> Result<HashMap<(String, String), Id>, Fault> {
    let keys: HashSet<&str> = all.iter().filter_map(|one| one.new.idempotency_key.as_deref()).collect();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let scopes: HashSet<String> = all.iter().map(Beginning::scope).collect();
    let rows: Vec<(String, String, Id)> = dedup::table
        .filter(dedup::scope.eq_any(scopes))
        .filter(dedup::key.eq_any(keys))
        .select((dedup::scope, dedup::key, dedup::execution_id))
        .load(conn)
        .await?;
    Ok(rows.into_iter().map(|(scope, key, id)| ((scope, key), id)).collect())
}

/// Those that did not begin have a key, and another execution has it.
async fn answers(conn: &mut PgConn, all: &[Beginning], begun: &HashSet<Id>) -> Result<Vec<Started>, Fault> {
    let first = match all.len() == begun.len() {
        true => HashMap::new(),
        false => known_starts(conn, all).await?,
    };
    let answer = |one: &Beginning| {
        if begun.contains(&one.new.id.into()) {
            return Ok(Started::Created);
        }
        let key = one.new.idempotency_key.clone().unwrap_or_default();
        let earlier = first.get(&(one.scope(), key)).copied();
        // Whoever had the key was removed in between.
        let earlier = earlier.ok_or_else(|| Fault::Sql(diesel::result::Error::BrokenTransactionManager))?;
        Ok(Started::Existing(ExecutionId::from(earlier)))
    };
    all.iter().map(answer).collect()
}

fn column<'m, T>(all: &'m [Beginning], value: impl Fn(&'m Beginning) -> T) -> Vec<T> {
    all.iter().map(value).collect()
}

fn bind_executions<'a>(statement: Statement<'a>, all: &'a [Beginning]) -> Statement<'a> {
    let text = |payload: &'a Payload| payload.text.as_deref();
    let hash = |payload: &'a Payload| payload.hash.as_deref();
    statement
        .bind::<Array<DbUuid>, _>(column(all, |one| Id::from(one.new.id)))
        .bind::<Array<Text>, _>(column(all, |one| one.new.tenant.scoped(one.new.workflow.as_str())))
        .bind::<Array<Text>, _>(column(all, |one| one.new.version.as_str()))
        .bind::<Array<Text>, _>(column(all, |one| one.new.status.as_str()))
        .bind::<Array<Bool>, _>(column(all, Beginning::begun))
        .bind::<Array<Bool>, _>(column(all, |one| one.new.ending.is_some()))
        .bind::<Array<Nullable<Text>>, _>(column(all, |one| text(&one.inputs)))
        .bind::<Array<Nullable<Binary>>, _>(column(all, |one| hash(&one.inputs)))
        .bind::<Array<Nullable<Text>>, _>(column(all, |one| text(&one.outputs)))
        .bind::<Array<Nullable<Binary>>, _>(column(all, |one| hash(&one.outputs)))
        .bind::<Array<Nullable<Text>>, _>(column(all, |one| one.error.as_deref()))
        .bind::<Array<Text>, _>(column(all, Beginning::scope))
        .bind::<Array<Nullable<Text>>, _>(column(all, |one| one.new.idempotency_key.as_deref()))
}

fn bind_places<'a>(statement: Statement<'a>, all: &'a [Beginning]) -> Statement<'a> {
    let placed = |one: &'a Beginning| one.new.slot.as_ref().filter(|_| one.place != Place::Free);
    statement
        .bind::<Array<Nullable<Text>>, _>(column(all, |one| placed(one).map(|slot| slot.key.as_str())))
        .bind::<Array<Bool>, _>(column(all, |one| one.place == Place::Waits))
        .bind::<Array<Integer>, _>(column(all, |one| placed(one).map_or(0, |slot| signed(slot.most))))
        .bind::<Array<Bool>, _>(column(all, |one| {
            placed(one).is_some_and(|slot| slot.on_new == Overlap::Replace)
        }))
}

fn bind_blobs<'a>(statement: Statement<'a>, all: &'a [Beginning]) -> Statement<'a> {
    let (mut owners, mut hashes, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
    for one in all {
        for (hash, body) in &one.blobs {
            owners.push(Id::from(one.new.id));
            hashes.push(hash.as_slice());
            bodies.push(body.as_str());
        }
    }
    statement.bind::<Array<DbUuid>, _>(owners).bind::<Array<Binary>, _>(hashes).bind::<Array<Text>, _>(bodies)
}

fn bind_facts<'a>(statement: Statement<'a>, all: &'a [Beginning]) -> Statement<'a> {
    let facts: Vec<&'a FactRow> = all.iter().flat_map(|one| &one.facts).collect();
    let payloads: Vec<Option<&str>> = facts.iter().map(|fact| fact.payload.as_deref()).collect();
    let hashes: Vec<Option<&[u8]>> = facts.iter().map(|fact| fact.payload_hash.as_deref()).collect();
    statement
        .bind::<Array<DbUuid>, _>(facts.iter().map(|fact| fact.execution_id).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(facts.iter().map(|fact| fact.path.as_str()).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(facts.iter().map(|fact| fact.kind).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(facts.iter().map(|fact| fact.ordinal).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(facts.iter().map(|fact| fact.fact.as_str()).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(payloads)
        .bind::<Array<Nullable<Binary>>, _>(hashes)
}

fn bind_tasks<'a>(statement: Statement<'a>, all: &'a [Beginning], taken: bool) -> Statement<'a> {
    let (owners, tasks): (Vec<Id>, Vec<&NewTask>) =
        all.iter().flat_map(|one| one.tasks.iter().map(|task| (Id::from(one.new.id), task))).unzip();
    let waits = all.iter().flat_map(|one| one.tasks.iter().map(|_| one.place == Place::Waits));
    let (kinds, paths): (Vec<_>, Vec<_>) = tasks.iter().map(|task| pack_work(&task.work)).unzip();
    let after = |after: std::time::Duration| i64::try_from(after.as_micros()).unwrap_or(i64::MAX);
    let batch = |task: &&NewTask| task.taken.filter(|_| taken && task.after.is_none()).map(Id::from);
    statement
        .bind::<Array<DbUuid>, _>(owners)
        .bind::<Array<DbUuid>, _>(tasks.iter().map(|task| Id::from(task.id)).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(kinds)
        .bind::<Array<Text>, _>(paths)
        .bind::<Array<Integer>, _>(tasks.iter().map(|task| signed(task.attempt)).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(tasks.iter().map(|task| task.lane.as_str()).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(tasks.iter().map(|task| task.priority).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(tasks.iter().map(|task| task.fair).collect::<Vec<_>>())
        .bind::<Array<Nullable<BigInt>>, _>(
            tasks.iter().map(|task| task.after.map(after)).collect::<Vec<_>>(),
        )
        .bind::<Array<Nullable<DbUuid>>, _>(tasks.iter().map(batch).collect::<Vec<_>>())
        .bind::<Array<Bool>, _>(waits.collect::<Vec<_>>())
}
