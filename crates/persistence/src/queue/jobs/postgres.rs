//! Jobs on PostgreSQL: each call is one statement, which is its own transaction.

use std::collections::{HashMap, HashSet};

use codeflow_core::JobId;
use codeflow_engine::{Enqueued, JobEnds, NewJob, NewTask, Session};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, SmallInt, Text};
use diesel_async::RunQueryDsl;

use super::SCOPE;
use crate::Database;
use crate::conn::PgConn;
use crate::error::{Fault, lease_lost};
use crate::probe::Moment;
use crate::rows::{JOB, pack_work, signed};
use crate::schema::dedup;
use crate::sql_types::{DbUuid, Id};
use crate::statement::Statement;

/// One job without a key that is due at once. The transaction has its number before the position is drawn: floors rely on
/// that.
const ONE: &str = "
WITH put AS MATERIALIZED (
  SELECT ?::UUID AS id, ?::TEXT AS lane, ?::SMALLINT AS priority, ?::INTEGER AS fair, pg_current_xact_id()
), task_in AS (
  INSERT INTO task
    (id, execution_id, generation, kind, path, attempt, lane, priority, deaths, suspect, fair)
  SELECT id, id, 0, ?, ?, ?, lane, priority, 0, FALSE, fair FROM put
), group_in AS (
  INSERT INTO ready_group (lane, priority, fair) SELECT lane, priority, fair FROM put
  WHERE NOT EXISTS (SELECT FROM ready_group WHERE lane = ? AND priority = ? AND fair = ?)
  ON CONFLICT DO NOTHING
)
INSERT INTO ready (task_id, lane, priority, suspect, fair) SELECT id, lane, priority, FALSE, fair FROM put";

/// Jobs without a key that are due at once, as most are. The transaction has its number before the first position is
/// drawn: floors rely on that.
const PLAIN: &str = "
WITH put AS MATERIALIZED (
  SELECT *, pg_current_xact_id() FROM unnest(?, ?, ?, ?, ?, ?) AS n (id, path, attempt, lane, priority, fair)
), task_in AS (
  INSERT INTO task
    (id, execution_id, generation, kind, path, attempt, lane, priority, deaths, suspect, fair)
  SELECT id, id, 0, ?, path, attempt, lane, priority, 0, FALSE, fair FROM put
), group_in AS (
  INSERT INTO ready_group (lane, priority, fair)
  SELECT DISTINCT lane, priority, fair FROM put
  WHERE NOT EXISTS (SELECT FROM ready_group r
    WHERE r.lane = put.lane AND r.priority = put.priority AND r.fair = put.fair)
  ON CONFLICT DO NOTHING
)
INSERT INTO ready (task_id, lane, priority, suspect, fair) SELECT id, lane, priority, FALSE, fair FROM put";

/// The others. Here as well, the number comes before the first position.
const ENQUEUE: &str = "
WITH new AS MATERIALIZED (
  SELECT *, pg_current_xact_id() FROM unnest(?, ?, ?, ?, ?, ?, ?, ?) AS n
    (id, path, attempt, lane, priority, fair, after_us, key)
), keyed AS (
  INSERT INTO dedup (scope, key, execution_id, created_at)
  SELECT ?, key, id, clock_timestamp() FROM new WHERE key IS NOT NULL ORDER BY key, id
  ON CONFLICT DO NOTHING
  RETURNING execution_id
), put AS MATERIALIZED (
  SELECT * FROM new WHERE key IS NULL OR id IN (SELECT execution_id FROM keyed)
), task_in AS (
  INSERT INTO task
    (id, execution_id, generation, kind, path, attempt, lane, priority, deaths, suspect, fair)
  SELECT id, id, 0, ?, path, attempt, lane, priority, 0, FALSE, fair FROM put
), group_in AS (
  INSERT INTO ready_group (lane, priority, fair) SELECT DISTINCT lane, priority, fair FROM put
  ON CONFLICT DO NOTHING
), ready_in AS (
  INSERT INTO ready (task_id, lane, priority, suspect, fair)
  SELECT id, lane, priority, FALSE, fair FROM put WHERE after_us IS NULL
), timer_in AS (
  INSERT INTO timer (task_id, due)
  SELECT id, clock_timestamp() + after_us * INTERVAL '1 microsecond' FROM put WHERE after_us IS NOT NULL
)
SELECT ARRAY (SELECT id FROM put WHERE key IS NOT NULL) AS keyed";

#[derive(QueryableByName)]
struct Put {
    #[diesel(sql_type = Array<DbUuid>)]
    keyed: Vec<Id>,
}

pub(super) async fn enqueue(
    db: &Database,
    conn: &mut PgConn,
    jobs: Vec<NewJob>,
) -> Result<Vec<Enqueued>, Fault> {
    let plain = jobs.iter().all(|job| job.key.is_none() && job.task.after.is_none());
    let statement = match &jobs[..] {
        [one] if plain => bind_one(Statement::new(ONE), one),
        all if plain => bind_tasks(Statement::new(PLAIN), all).bind::<SmallInt, _>(JOB),
        all => bind_tasks(Statement::new(ENQUEUE), all),
    };
    if plain {
        db.tell("enqueue", Moment::Before);
        statement.execute(conn).await?;
        db.tell("enqueue", Moment::After);
        return Ok(vec![Enqueued::Created; jobs.len()]);
    }
    let statement = statement
        .bind::<Array<Nullable<BigInt>>, _>(jobs.iter().map(|job| micros(&job.task)).collect::<Vec<_>>())
        .bind::<Array<Nullable<Text>>, _>(jobs.iter().map(|job| job.key.as_deref()).collect::<Vec<_>>())
        .bind::<Text, _>(SCOPE)
        .bind::<SmallInt, _>(JOB);
    db.tell("enqueue", Moment::Before);
    let put: Put = statement.get_result(conn).await?;
    db.tell("enqueue", Moment::After);
    answers(conn, &jobs, &put.keyed.into_iter().collect()).await
}

fn bind_one<'a>(statement: Statement<'a>, job: &'a NewJob) -> Statement<'a> {
    let task = &job.task;
    statement
        .bind::<DbUuid, _>(Id(job.id.uuid()))
        .bind::<Text, _>(task.lane.as_str())
        .bind::<SmallInt, _>(task.priority)
        .bind::<Integer, _>(task.fair)
        .bind::<SmallInt, _>(JOB)
        .bind::<Text, _>(pack_work(&task.work).1)
        .bind::<Integer, _>(signed(task.attempt))
        .bind::<Text, _>(task.lane.as_str())
        .bind::<SmallInt, _>(task.priority)
        .bind::<Integer, _>(task.fair)
}

fn bind_tasks<'a>(statement: Statement<'a>, jobs: &'a [NewJob]) -> Statement<'a> {
    let tasks: Vec<&'a NewTask> = jobs.iter().map(|job| &job.task).collect();
    statement
        .bind::<Array<DbUuid>, _>(jobs.iter().map(|job| Id(job.id.uuid())).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(tasks.iter().map(|task| pack_work(&task.work).1).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(tasks.iter().map(|task| signed(task.attempt)).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(tasks.iter().map(|task| task.lane.as_str()).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(tasks.iter().map(|task| task.priority).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(tasks.iter().map(|task| task.fair).collect::<Vec<_>>())
}

fn micros(task: &NewTask) -> Option<i64> {
    task.after.map(|after| i64::try_from(after.as_micros()).unwrap_or(i64::MAX))
}

/// Those that were not put in have a key, and another job has it.
async fn answers(conn: &mut PgConn, jobs: &[NewJob], put: &HashSet<Id>) -> Result<Vec<Enqueued>, Fault> {
    let keyed = jobs.iter().filter(|job| !put.contains(&Id(job.id.uuid())));
    let keys: HashSet<&str> = keyed.filter_map(|job| job.key.as_deref()).collect();
    let mut first: HashMap<String, Id> = HashMap::new();
    if !keys.is_empty() {
        let same = dedup::table.filter(dedup::scope.eq(SCOPE)).filter(dedup::key.eq_any(keys));
        first.extend(same.select((dedup::key, dedup::execution_id)).load::<(String, Id)>(conn).await?);
    }
    let answer = |job: &NewJob| match &job.key {
        Some(key) if !put.contains(&Id(job.id.uuid())) => {
            let earlier = first.get(key);
            // Whoever had the key was removed in between.
            let earlier = earlier.ok_or(Fault::Sql(diesel::result::Error::BrokenTransactionManager))?;
            Ok(Enqueued::Existing(JobId::from_uuid(earlier.0)))
        }
        Some(_) | None => Ok(Enqueued::Created),
    };
    jobs.iter().map(answer).collect()
}

/// Those that did their work, which are nearly all.
const DONE: &str = "
WITH fence AS MATERIALIZED (
  SELECT id FROM session
  WHERE id = ? AND epoch = ? AND ended_at IS NULL AND expires_at > clock_timestamp()
  FOR KEY SHARE
), done AS (
  DELETE FROM task WHERE id = ANY (?) AND EXISTS (SELECT FROM fence)
)
SELECT EXISTS (SELECT FROM fence) AS alive";

/// An attempt that is not there any more has no next one. What is given up is not held any more: it outlives the session,
/// and must not go back into the queue with it.
const ENDS: &str = "
WITH fence AS MATERIALIZED (
  SELECT id FROM session
  WHERE id = ? AND epoch = ? AND ended_at IS NULL AND expires_at > clock_timestamp()
  FOR KEY SHARE
), done AS (
  DELETE FROM task WHERE id = ANY (?) AND EXISTS (SELECT FROM fence)
), again AS MATERIALIZED (
  SELECT * FROM unnest(?, ?, ?, ?) AS a (failed, id, attempt, after_us)
), failed AS (
  DELETE FROM task WHERE id = ANY (ARRAY (SELECT failed FROM again)) AND EXISTS (SELECT FROM fence)
  RETURNING id, execution_id, kind, path, lane, priority, fair
), next AS MATERIALIZED (
  SELECT again.id, again.attempt, again.after_us, failed.execution_id, failed.kind, failed.path, failed.lane,
    failed.priority, failed.fair
  FROM again JOIN failed ON failed.id = again.failed
), task_in AS (
  INSERT INTO task
    (id, execution_id, generation, kind, path, attempt, lane, priority, deaths, suspect, fair)
  SELECT id, execution_id, 0, kind, path, attempt, lane, priority, 0, FALSE, fair FROM next
), timer_in AS (
  INSERT INTO timer (task_id, due)
  SELECT id, clock_timestamp() + after_us * INTERVAL '1 microsecond' FROM next
), given_up AS MATERIALIZED (
  SELECT * FROM unnest(?, ?) AS d (id, reason)
), dead AS (
  UPDATE task SET quarantined_at = clock_timestamp(), reason = d.reason
  FROM given_up d WHERE task.id = d.id AND EXISTS (SELECT FROM fence)
), let_go AS (
  UPDATE claim SET ids = ARRAY (SELECT held FROM unnest(ids) AS held WHERE held NOT IN (SELECT id FROM given_up))
  WHERE session_id = (SELECT id FROM fence) AND ids && ARRAY (SELECT id FROM given_up)
)
SELECT EXISTS (SELECT FROM fence) AS alive";

#[derive(QueryableByName)]
struct Finished {
    #[diesel(sql_type = Bool)]
    alive: bool,
}

pub(super) async fn finish(
    db: &Database,
    conn: &mut PgConn,
    session: Session,
    ends: JobEnds,
) -> Result<(), Fault> {
    let plain = ends.again.is_empty() && ends.dead.is_empty();
    let statement = Statement::new(if plain { DONE } else { ENDS })
        .bind::<DbUuid, _>(Id::from(session.id))
        .bind::<BigInt, _>(session.epoch)
        .bind::<Array<DbUuid>, _>(ends.done.iter().copied().map(Id::from).collect::<Vec<_>>());
    let statement = if plain { statement } else { bind_failures(statement, &ends) };
    db.tell("finish", Moment::Before);
    let finished: Finished = statement.get_result(conn).await?;
    db.tell("finish", Moment::After);
    if finished.alive { Ok(()) } else { Err(lease_lost().into()) }
}

fn bind_failures<'a>(statement: Statement<'a>, ends: &'a JobEnds) -> Statement<'a> {
    let again = &ends.again;
    let visible = |reason: &String| reason.replace('\0', "\u{2400}");
    statement
        .bind::<Array<DbUuid>, _>(again.iter().map(|(failed, _)| Id::from(*failed)).collect::<Vec<_>>())
        .bind::<Array<DbUuid>, _>(again.iter().map(|(_, next)| Id::from(next.id)).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(again.iter().map(|(_, next)| signed(next.attempt)).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(
            again.iter().map(|(_, next)| micros(next).unwrap_or_default()).collect::<Vec<_>>(),
        )
        .bind::<Array<DbUuid>, _>(ends.dead.iter().map(|(id, _)| Id::from(*id)).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(ends.dead.iter().map(|(_, reason)| visible(reason)).collect::<Vec<_>>())
}
