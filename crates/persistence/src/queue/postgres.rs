//! The queue on PostgreSQL: each call is one statement, which is its own transaction and waits for nobody.

use std::time::Duration;

use codeflow_core::ExecutionId;
use codeflow_engine::{Claim, Claimed, Promoted, Renewal, Session};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text};
use diesel_async::RunQueryDsl;

use crate::Database;
use crate::conn::PgConn;
use crate::error::{Fault, lease_lost};
use crate::probe::Moment;
use crate::rows::ClaimedRow;
use crate::sql_types::{DbUuid, Id};
use crate::statement::Statement;

/// A call takes no more tasks than this, whatever it is asked for.
const MOST: u32 = 1_000;

/// Extends the lease, forgets the claims of which nothing is left, and marks what is worked on. An execution that is
/// locked is being moved by somebody, who says where it stands. The commit does not wait for the disk: a renewal that
/// is lost with the server makes the lease end earlier than its holder thinks, and the fence is the server's.
const RENEW: &str = "
WITH asked AS MATERIALIZED (
  SELECT ?::UUID AS id, ?::BIGINT AS epoch, ?::BIGINT AS ttl_us,
         set_config('synchronous_commit', 'off', TRUE) AS lazily
), renewed AS (
  UPDATE session SET expires_at = clock_timestamp() + asked.ttl_us * INTERVAL '1 microsecond'
  FROM asked
  WHERE session.id = asked.id AND session.epoch = asked.epoch
    AND session.ended_at IS NULL AND session.expires_at > clock_timestamp()
  RETURNING session.id
), forgotten AS (
  DELETE FROM claim WHERE batch = ANY (?) AND session_id = (SELECT id FROM renewed)
), begun AS MATERIALIZED (
  SELECT e.id, b.since_us FROM unnest(?, ?) AS b (id, since_us)
  JOIN workflow_executions e ON e.id = b.id
  WHERE e.status = 'queued' AND EXISTS (SELECT FROM renewed)
  FOR NO KEY UPDATE OF e SKIP LOCKED
), running AS (
  UPDATE workflow_executions e
  SET status = 'running', started_at = clock_timestamp() - begun.since_us * INTERVAL '1 microsecond'
  FROM begun WHERE e.id = begun.id
)
SELECT EXISTS (SELECT FROM renewed) AS alive,
  ARRAY (SELECT id FROM workflow_executions WHERE stopping AND id = ANY (?)) AS ids";

/// Rows are found by arrays of ids: those are few to the planner, whereas of a pick it expects a tenth of
/// all that waits, and would read whole tables to join it. The pick is materialised: the planner might
/// run it twice and take too much. Everything that others may hold is skipped, so a claim never waits and
/// cannot deadlock. A batch that exists is given out again. Each lane is asked for as many as are wanted, because only one
/// lane can be read in the order of its index; what is too many goes untouched. The commit does not wait
/// for the disk: a claim that is lost with the server is only made again.
const CLAIM: &str = "
WITH asked AS MATERIALIZED (
  SELECT ?::UUID AS session_id, ?::BIGINT AS epoch, ?::UUID AS batch, ?::TEXT[] AS lanes,
         ?::BIGINT AS most, ?::BOOLEAN AS suspect,
         set_config('synchronous_commit', 'off', TRUE) AS lazily
), fence AS MATERIALIZED (
  SELECT session.id FROM session, asked
  WHERE session.id = asked.session_id AND session.epoch = asked.epoch
    AND session.ended_at IS NULL AND session.expires_at > clock_timestamp()
  FOR KEY SHARE OF session
), again AS MATERIALIZED (
  SELECT claim.ids FROM claim, asked, fence
  WHERE claim.batch = asked.batch AND claim.session_id = fence.id AND claim.epoch = asked.epoch
), pick AS MATERIALIZED (
  SELECT found.task_id FROM asked
  CROSS JOIN LATERAL unnest(asked.lanes) AS wanted (lane)
  CROSS JOIN LATERAL (
    SELECT task_id, priority FROM ready
    WHERE ready.lane = wanted.lane AND ready.suspect = asked.suspect
    ORDER BY priority DESC, task_id LIMIT asked.most FOR UPDATE SKIP LOCKED
  ) AS found
  WHERE EXISTS (SELECT FROM fence) AND NOT EXISTS (SELECT FROM again)
  ORDER BY found.priority DESC, found.task_id LIMIT (SELECT most FROM asked)
), taken AS (
  DELETE FROM ready WHERE task_id = ANY (ARRAY (SELECT task_id FROM pick)) RETURNING task_id
), body AS MATERIALIZED (
  SELECT * FROM task WHERE id = ANY (ARRAY (SELECT task_id FROM taken))
  UNION ALL
  SELECT task.* FROM again JOIN task ON task.id = ANY (again.ids)
), held AS (
  INSERT INTO claim (batch, session_id, epoch, ids)
  SELECT batch, session_id, epoch, ARRAY (SELECT id FROM body) FROM asked
  WHERE EXISTS (SELECT FROM body) AND NOT EXISTS (SELECT FROM again)
)
SELECT
  EXISTS (SELECT FROM fence) AS alive,
  EXISTS (SELECT FROM ready, asked WHERE ready.suspect AND ready.lane = ANY (asked.lanes)
          AND ready.task_id NOT IN (SELECT task_id FROM taken)) AS suspects_waiting,
  body.*
FROM asked LEFT JOIN body ON TRUE
ORDER BY body.priority DESC, body.id";

const PROMOTE: &str = "
WITH pick AS MATERIALIZED (
  SELECT task_id FROM timer WHERE due <= clock_timestamp()
  ORDER BY due, task_id LIMIT ? FOR UPDATE SKIP LOCKED
), taken AS (
  DELETE FROM timer WHERE task_id = ANY (ARRAY (SELECT task_id FROM pick)) RETURNING task_id
), moved AS (
  INSERT INTO ready (task_id, lane, priority, suspect)
  SELECT id, lane, priority, suspect FROM task WHERE id = ANY (ARRAY (SELECT task_id FROM taken))
  RETURNING task_id
)
SELECT (SELECT count(*) FROM moved) AS moved,
  (SELECT (extract(epoch FROM due - clock_timestamp()) * 1000000)::BIGINT
   FROM timer WHERE task_id NOT IN (SELECT task_id FROM pick) ORDER BY due LIMIT 1) AS next_us";

#[derive(QueryableByName)]
struct Renewed {
    #[diesel(sql_type = Bool)]
    alive: bool,
    #[diesel(sql_type = Array<DbUuid>)]
    ids: Vec<Id>,
}

pub(super) async fn renew(
    db: &Database,
    conn: &mut PgConn,
    session: Session,
    renewal: Renewal,
) -> Result<Vec<ExecutionId>, Fault> {
    let (mut began, mut since) = (Vec::new(), Vec::new());
    for (execution, ago) in renewal.began {
        began.push(Id::from(execution));
        since.push(micros(ago));
    }
    let statement = Statement::new(RENEW)
        .bind::<DbUuid, _>(Id::from(session.id))
        .bind::<BigInt, _>(session.epoch)
        .bind::<BigInt, _>(micros(renewal.ttl))
        .bind::<Array<DbUuid>, _>(renewal.over.into_iter().map(Id::from).collect::<Vec<_>>())
        .bind::<Array<DbUuid>, _>(began)
        .bind::<Array<BigInt>, _>(since)
        .bind::<Array<DbUuid>, _>(renewal.working.into_iter().map(Id::from).collect::<Vec<_>>());
    db.tell("renew", Moment::Before);
    let renewed: Renewed = statement.get_result(conn).await?;
    db.tell("renew", Moment::After);
    if !renewed.alive {
        return Err(lease_lost().into());
    }
    Ok(renewed.ids.into_iter().map(ExecutionId::from).collect())
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[derive(QueryableByName)]
struct ClaimRow {
    #[diesel(sql_type = Bool)]
    alive: bool,
    #[diesel(sql_type = Bool)]
    suspects_waiting: bool,
    #[diesel(embed)]
    task: Option<ClaimedRow>,
}

pub(super) async fn claim(
    db: &Database,
    conn: &mut PgConn,
    session: Session,
    claim: Claim,
) -> Result<Claimed, Fault> {
    let most = if claim.suspect { claim.limit.min(1) } else { claim.limit.min(MOST) };
    let statement = Statement::new(CLAIM)
        .bind::<DbUuid, _>(Id::from(session.id))
        .bind::<BigInt, _>(session.epoch)
        .bind::<DbUuid, _>(Id::from(claim.batch))
        .bind::<Array<Text>, _>(claim.lanes)
        .bind::<BigInt, _>(i64::from(most))
        .bind::<Bool, _>(claim.suspect);
    db.tell("claim", Moment::Before);
    let rows: Vec<ClaimRow> = statement.load(conn).await?;
    db.tell("claim", Moment::After);
    if !rows.iter().any(|row| row.alive) {
        return Err(lease_lost().into());
    }
    let suspects_waiting = rows.iter().any(|row| row.suspects_waiting);
    let tasks = rows.into_iter().filter_map(|row| row.task);
    let tasks = tasks.map(|row| row.into_task(claim.batch)).collect::<Result<_, _>>()?;
    Ok(Claimed { tasks, suspects_waiting })
}

#[derive(QueryableByName)]
struct PromoteRow {
    #[diesel(sql_type = BigInt)]
    moved: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    next_us: Option<i64>,
}

pub(super) async fn promote(db: &Database, conn: &mut PgConn, limit: u32) -> Result<Promoted, Fault> {
    let statement = Statement::new(PROMOTE).bind::<BigInt, _>(i64::from(limit.min(MOST)));
    db.tell("promote", Moment::Before);
    let row: PromoteRow = statement.get_result(conn).await?;
    db.tell("promote", Moment::After);
    Ok(Promoted {
        moved: u32::try_from(row.moved).unwrap_or(u32::MAX),
        next: row.next_us.map(|us| Duration::from_micros(u64::try_from(us).unwrap_or_default())),
    })
}
