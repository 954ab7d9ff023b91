//! The queue on PostgreSQL: each call is one statement, which is its own transaction and waits for nobody.

use std::time::Duration;

use codeflow_core::{ExecutionId, TaskId};
use codeflow_engine::{Claim, Claimed, Promoted, Renewal, Session};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, SmallInt, Text};
use diesel_async::RunQueryDsl;

use crate::Database;
use crate::conn::PgConn;
use crate::error::{Fault, lease_lost};
use crate::probe::Moment;
use crate::rows::{ClaimedRow, GroupRow};
use crate::sql_types::{DbUuid, Id};
use crate::statement::Statement;

use super::floors::Seen;

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

/// Each group, which is a lane, a priority and a key, is read in the order of its index, from its floor on; then the
/// groups of one priority take turns. Rows are found by arrays of ids: those are few to the planner, whereas of a pick
/// it expects a tenth of all that waits, and would read whole tables to join it. The pick is materialised: the planner
/// might run it twice and take too much. Everything that others may hold is skipped, so a claim never waits and cannot
/// deadlock. A batch that exists is given out again. What is looked at and not taken goes untouched. The commit does
/// not wait for the disk: a claim that is lost with the server is only made again.
const CLAIM: &str = "
WITH asked AS MATERIALIZED (
  SELECT ?::UUID AS session_id, ?::BIGINT AS epoch, ?::UUID AS batch, ?::TEXT[] AS lanes,
         ?::BIGINT AS most, ?::BOOLEAN AS suspect, ?::BIGINT AS share, ?::INTEGER AS start,
         set_config('synchronous_commit', 'off', TRUE) AS lazily
), fence AS MATERIALIZED (
  SELECT session.id FROM session, asked
  WHERE session.id = asked.session_id AND session.epoch = asked.epoch
    AND session.ended_at IS NULL AND session.expires_at > clock_timestamp()
  FOR KEY SHARE OF session
), again AS MATERIALIZED (
  SELECT claim.ids FROM claim, asked, fence
  WHERE claim.batch = asked.batch AND claim.session_id = fence.id AND claim.epoch = asked.epoch
), floor AS MATERIALIZED (
  SELECT * FROM unnest(?, ?, ?, ?, ?) WITH ORDINALITY AS f (lane, priority, fair, position, next, n)
), grouped AS MATERIALIZED (
  SELECT g.lane, g.priority, g.fair, greatest(g.floor, (
    SELECT f.position FROM floor f WHERE f.lane = g.lane AND f.priority = g.priority AND f.fair = g.fair)) AS floor
  FROM asked CROSS JOIN unnest(asked.lanes) AS wanted (lane) JOIN ready_group g ON g.lane = wanted.lane
  WHERE EXISTS (SELECT FROM fence) AND NOT EXISTS (SELECT FROM again) AND asked.most > 0
  ORDER BY g.priority DESC, g.fair < asked.start, g.fair
), found AS MATERIALIZED (
  SELECT g.lane, g.priority, g.fair, row.task_id, row.position
  FROM grouped g CROSS JOIN asked CROSS JOIN LATERAL (
    SELECT ready.task_id, ready.position FROM ready
    WHERE ready.lane = g.lane AND ready.suspect = asked.suspect AND ready.priority = g.priority
      AND ready.fair = g.fair AND ready.position > CASE WHEN asked.suspect THEN 0 ELSE g.floor END
    ORDER BY ready.position LIMIT asked.share FOR UPDATE SKIP LOCKED
  ) AS row
  LIMIT (SELECT 4 * most FROM asked)
), turn AS (
  SELECT found.*, row_number() OVER (PARTITION BY lane, priority, fair ORDER BY position) AS turn FROM found
), pick AS MATERIALIZED (
  SELECT * FROM turn ORDER BY priority DESC, turn, position LIMIT (SELECT most FROM asked)
), taken AS (
  DELETE FROM ready WHERE task_id = ANY (ARRAY (SELECT task_id FROM pick))
), body AS MATERIALIZED (
  SELECT task.*, o.n FROM unnest(ARRAY (SELECT task_id FROM pick)) WITH ORDINALITY AS o (id, n)
  JOIN task ON task.id = o.id
  UNION ALL
  SELECT task.*, 0 FROM again JOIN task ON task.id = ANY (again.ids)
), held AS (
  INSERT INTO claim (batch, session_id, epoch, ids)
  SELECT batch, session_id, epoch, ARRAY (SELECT id FROM body) FROM asked
  WHERE EXISTS (SELECT FROM body) AND NOT EXISTS (SELECT FROM again)
), top AS MATERIALIZED (
  SELECT lane, priority, fair, max(position) AS position FROM pick GROUP BY lane, priority, fair
)
SELECT
  EXISTS (SELECT FROM fence) AS alive,
  EXISTS (SELECT FROM ready, asked WHERE ready.suspect AND ready.lane = ANY (asked.lanes)
          AND ready.task_id NOT IN (SELECT task_id FROM pick)) AS suspects_waiting,
  EXISTS (SELECT FROM turn, asked WHERE turn.turn >= asked.share)
    OR (SELECT count(*) FROM found) > (SELECT most FROM asked) AS more,
  CASE WHEN n <= 1 THEN ARRAY (
    SELECT NOT EXISTS (SELECT FROM ready WHERE ready.lane = floor.lane AND ready.suspect = FALSE
      AND ready.priority = floor.priority AND ready.fair = floor.fair
      AND ready.position > floor.position AND ready.position <= floor.next)
    FROM floor ORDER BY floor.n) END AS empty,
  CASE WHEN n <= 1 THEN ARRAY (SELECT lane FROM top) END AS top_lanes,
  CASE WHEN n <= 1 THEN ARRAY (SELECT priority FROM top) END AS top_priorities,
  CASE WHEN n <= 1 THEN ARRAY (SELECT fair FROM top) END AS top_keys,
  CASE WHEN n <= 1 THEN ARRAY (SELECT position FROM top) END AS top_positions,
  pg_snapshot_xmin(pg_current_snapshot())::TEXT::BIGINT AS xmin,
  pg_snapshot_xmax(pg_current_snapshot())::TEXT::BIGINT AS xmax,
  body.*
FROM asked LEFT JOIN body ON TRUE
ORDER BY body.n, body.priority DESC, body.id";

const KEEP: &str = "
WITH risen AS MATERIALIZED (
  SELECT g.lane, g.priority, g.fair, f.floor
  FROM unnest(?, ?, ?, ?) AS f (lane, priority, fair, floor)
  JOIN ready_group g ON g.lane = f.lane AND g.priority = f.priority AND g.fair = f.fair AND g.floor < f.floor
  FOR NO KEY UPDATE OF g SKIP LOCKED
)
UPDATE ready_group g SET floor = risen.floor FROM risen
WHERE g.lane = risen.lane AND g.priority = risen.priority AND g.fair = risen.fair";

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
struct ClaimRow {
    #[diesel(sql_type = Bool)]
    alive: bool,
    #[diesel(sql_type = Bool)]
    suspects_waiting: bool,
    #[diesel(sql_type = Bool)]
    more: bool,
    #[diesel(sql_type = Nullable<Array<Bool>>)]
    empty: Option<Vec<bool>>,
    #[diesel(sql_type = Nullable<Array<Text>>)]
    top_lanes: Option<Vec<String>>,
    #[diesel(sql_type = Nullable<Array<SmallInt>>)]
    top_priorities: Option<Vec<i16>>,
    #[diesel(sql_type = Nullable<Array<Integer>>)]
    top_keys: Option<Vec<i32>>,
    #[diesel(sql_type = Nullable<Array<BigInt>>)]
    top_positions: Option<Vec<i64>>,
    #[diesel(sql_type = BigInt)]
    xmin: i64,
    #[diesel(sql_type = BigInt)]
    xmax: i64,
    #[diesel(embed)]
    task: Option<ClaimedRow>,
}

pub(super) async fn claim(
    db: &Database,
    conn: &mut PgConn,
    session: Session,
    claim: Claim,
) -> Result<Claimed, Fault> {
    let most = i64::from(if claim.suspect { claim.limit.min(1) } else { claim.limit.min(MOST) });
    let (asked, share, risen) = {
        let mut floors = lock(&db.floors);
        (floors.of(&claim.lanes), floors.share(most), floors.unwritten())
    };
    keep(conn, risen).await?;
    // Every claim begins with another key, so that in the end each has its turn.
    let start = claim.batch.uuid().as_u128().to_le_bytes();
    let start = i32::from_le_bytes([start[0], start[1], start[2], start[3]]);
    let statement = Statement::new(CLAIM)
        .bind::<DbUuid, _>(Id::from(session.id))
        .bind::<BigInt, _>(session.epoch)
        .bind::<DbUuid, _>(Id::from(claim.batch))
        .bind::<Array<Text>, _>(claim.lanes)
        .bind::<BigInt, _>(most)
        .bind::<Bool, _>(claim.suspect)
        .bind::<BigInt, _>(share)
        .bind::<Integer, _>(start)
        .bind::<Array<Text>, _>(asked.iter().map(|one| one.group.lane.clone()).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(asked.iter().map(|one| one.group.priority).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(asked.iter().map(|one| one.group.fair).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(asked.iter().map(|one| one.floor).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(asked.iter().map(|one| one.next).collect::<Vec<_>>());
    db.tell("claim", Moment::Before);
    let mut rows: Vec<ClaimRow> = statement.load(conn).await?;
    db.tell("claim", Moment::After);
    if !rows.iter().any(|row| row.alive) {
        return Err(lease_lost().into());
    }
    if let Some(first) = rows.first_mut().filter(|_| !claim.suspect) {
        lock(&db.floors).learn(asked, first.seen());
    }
    let suspects_waiting = rows.iter().any(|row| row.suspects_waiting);
    let more = rows.iter().any(|row| row.more);
    let tasks = rows.into_iter().filter_map(|row| row.task);
    let tasks = tasks.map(|row| row.into_task(claim.batch)).collect::<Result<_, _>>()?;
    Ok(Claimed { tasks, suspects_waiting, more })
}

impl ClaimRow {
    fn seen(&mut self) -> Seen {
        let lanes = self.top_lanes.take().unwrap_or_default();
        let priorities = self.top_priorities.take().unwrap_or_default();
        let keys = self.top_keys.take().unwrap_or_default();
        let positions = self.top_positions.take().unwrap_or_default();
        let groups = lanes.into_iter().zip(priorities).zip(keys);
        let groups = groups.map(|((lane, priority), fair)| GroupRow { lane, priority, fair });
        let taken = groups.zip(positions).collect();
        Seen { empty: self.empty.take().unwrap_or_default(), taken, xmin: self.xmin, xmax: self.xmax }
    }
}

/// Writes floors down for processes that start later; whoever writes one at that moment does it for all.
async fn keep(conn: &mut PgConn, risen: Vec<(GroupRow, i64)>) -> Result<(), Fault> {
    if risen.is_empty() {
        return Ok(());
    }
    let statement = Statement::new(KEEP)
        .bind::<Array<Text>, _>(risen.iter().map(|(group, _)| group.lane.clone()).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(risen.iter().map(|(group, _)| group.priority).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(risen.iter().map(|(group, _)| group.fair).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(risen.iter().map(|(_, floor)| *floor).collect::<Vec<_>>());
    statement.execute(conn).await?;
    Ok(())
}

/// A panic elsewhere leaves nothing half-done that matters: what is remembered here is a help for speed.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
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
