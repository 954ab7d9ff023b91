//! The queue on PostgreSQL: each call is one statement, which is its own transaction and waits for nobody.

mod claim;

use std::time::Duration;

use codeflow_core::{ExecutionId, TaskId};
use codeflow_engine::{Promoted, Renewal, Session};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Nullable};
use diesel_async::RunQueryDsl;

use crate::Database;
use crate::conn::PgConn;
use crate::error::{Fault, lease_lost};
use crate::probe::Moment;
use crate::sql_types::{DbUuid, Id};
use crate::statement::Statement;

pub(super) use claim::claim;

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

/// Only what a claim of this session still names is given back.
const GIVE_BACK: &str = "
WITH fence AS MATERIALIZED (
  SELECT id FROM session
  WHERE id = ? AND epoch = ? AND ended_at IS NULL AND expires_at > clock_timestamp()
  FOR KEY SHARE
), mine AS MATERIALIZED (
  SELECT claim.batch, claim.ids FROM claim, fence WHERE claim.session_id = fence.id AND claim.ids && ?
), left_over AS (
  UPDATE claim SET ids = ARRAY (SELECT id FROM unnest(claim.ids) AS u (id) WHERE NOT id = ANY (?))
  FROM mine WHERE claim.batch = mine.batch
)
INSERT INTO ready (task_id, lane, priority, suspect, fair)
SELECT task.id, task.lane, task.priority, task.suspect, task.fair FROM task
WHERE task.id = ANY (ARRAY (SELECT id FROM mine CROSS JOIN unnest(mine.ids) AS u (id) WHERE id = ANY (?)))
ORDER BY task.id
RETURNING 1";

pub(super) async fn give_back(
    db: &Database,
    conn: &mut PgConn,
    session: Session,
    tasks: &[TaskId],
) -> Result<(), Fault> {
    let ids: Vec<Id> = tasks.iter().copied().map(Id::from).collect();
    let statement = Statement::new(GIVE_BACK)
        .bind::<DbUuid, _>(Id::from(session.id))
        .bind::<BigInt, _>(session.epoch)
        .bind::<Array<DbUuid>, _>(ids.clone())
        .bind::<Array<DbUuid>, _>(ids.clone())
        .bind::<Array<DbUuid>, _>(ids);
    db.tell("give_back", Moment::Before);
    let given = statement.execute(conn).await?;
    db.tell("give_back", Moment::After);
    if given > 0 { Ok(()) } else { alive(conn, session).await }
}

/// Refuses a session that is over, where a statement did nothing.
async fn alive(conn: &mut PgConn, session: Session) -> Result<(), Fault> {
    const ALIVE: &str = "SELECT EXISTS (SELECT FROM session WHERE id = ? AND epoch = ? AND ended_at IS NULL \
        AND expires_at > clock_timestamp()) AS alive, ARRAY[]::UUID[] AS ids";
    let statement =
        Statement::new(ALIVE).bind::<DbUuid, _>(Id::from(session.id)).bind::<BigInt, _>(session.epoch);
    let answer: Renewed = statement.get_result(conn).await?;
    if answer.alive { Ok(()) } else { Err(lease_lost().into()) }
}

const PROMOTE: &str = "
WITH pick AS MATERIALIZED (
  SELECT task_id FROM timer WHERE due <= clock_timestamp()
  ORDER BY due, task_id LIMIT ? FOR UPDATE SKIP LOCKED
), taken AS (
  DELETE FROM timer WHERE task_id = ANY (ARRAY (SELECT task_id FROM pick)) RETURNING task_id
), moved AS (
  INSERT INTO ready (task_id, lane, priority, suspect, fair)
  SELECT id, lane, priority, suspect, fair FROM task WHERE id = ANY (ARRAY (SELECT task_id FROM taken))
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
