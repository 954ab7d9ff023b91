//! Claims on PostgreSQL. On a queue that is idle most of the time, a claim costs what its plan costs to set up, so what
//! only some claims need is a statement of its own.

use codeflow_engine::{Claim, Claimed, Session};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Integer, SmallInt, Text};
use diesel_async::RunQueryDsl;

use super::MOST;
use crate::Database;
use crate::conn::PgConn;
use crate::error::{Fault, lease_lost};
use crate::probe::Moment;
use crate::queue::floors::{Proof, Taken, Unproved};
use crate::rows::{ClaimedRow, GroupRow};
use crate::sql_types::{DbUuid, Id};
use crate::statement::Statement;

/// Each group, which is a lane, a priority and a key, is read in the order of its index, from its floor on; then the
/// groups of one priority take turns. Rows are found by arrays of ids: those are few to the planner, whereas of a pick
/// it expects a tenth of all that waits, and would read whole tables to join it. The pick is materialised: the planner
/// might run it twice and take too much. Everything that others may hold is skipped, so a claim never waits and cannot
/// deadlock. A batch that exists takes nothing more. What is looked at and not taken goes untouched. The commit does
/// not wait for the disk: a claim that is lost with the server is only made again.
const CLAIM: &str = "
WITH fence AS MATERIALIZED (
  SELECT session.id, session.epoch, set_config('synchronous_commit', 'off', TRUE) AS lazily FROM session
  WHERE session.id = ? AND session.epoch = ?
    AND session.ended_at IS NULL AND session.expires_at > clock_timestamp()
  FOR KEY SHARE OF session
), grouped AS MATERIALIZED (
  SELECT g.lane, g.priority, g.fair, greatest(g.floor, (
    SELECT f.position FROM unnest(?, ?, ?, ?) AS f (lane, priority, fair, position)
    WHERE f.lane = g.lane AND f.priority = g.priority AND f.fair = g.fair)) AS floor
  FROM ready_group g
  WHERE g.lane = ANY (?) AND EXISTS (SELECT FROM fence) AND NOT EXISTS (SELECT FROM claim WHERE batch = ?)
  ORDER BY g.priority DESC, g.fair < ?, g.fair
), found AS MATERIALIZED (
  SELECT g.lane, g.priority, g.fair, row.task_id, row.position
  FROM grouped g CROSS JOIN LATERAL (
    SELECT ready.task_id, ready.position FROM ready
    WHERE ready.lane = g.lane AND ready.suspect = ? AND ready.priority = g.priority
      AND ready.fair = g.fair AND ready.position > CASE WHEN ? THEN 0 ELSE g.floor END
    ORDER BY ready.position LIMIT ? FOR UPDATE SKIP LOCKED
  ) AS row
  LIMIT 4 * ?
), turn AS (
  SELECT found.*, row_number() OVER (PARTITION BY lane, priority, fair ORDER BY position) AS turn FROM found
), pick AS MATERIALIZED (
  SELECT task_id, position, turn FROM turn ORDER BY priority DESC, turn, position LIMIT ?
), taken AS (
  DELETE FROM ready WHERE task_id = ANY (ARRAY (SELECT task_id FROM pick))
), held AS (
  INSERT INTO claim (batch, session_id, epoch, ids)
  SELECT ?, id, epoch, ARRAY (SELECT task_id FROM pick) FROM fence WHERE EXISTS (SELECT FROM pick)
)
SELECT
  EXISTS (SELECT FROM claim WHERE batch = ?) AS known,
  EXISTS (SELECT FROM ready WHERE ready.suspect AND ready.lane = ANY (?)
          AND ready.task_id <> ALL (ARRAY (SELECT task_id FROM pick))) AS suspects_waiting,
  pg_snapshot_xmax(pg_current_snapshot())::TEXT::BIGINT AS xmax,
  pick.position, pick.turn,
  task.id, task.execution_id, task.generation, task.kind, task.path, task.attempt, task.lane, task.priority,
  task.deaths, task.fair
FROM fence LEFT JOIN (pick JOIN task ON task.id = pick.task_id) ON TRUE";

/// What a batch still holds.
const AGAIN: &str = "
SELECT EXISTS (SELECT FROM ready WHERE ready.suspect AND ready.lane = ANY (?)) AS suspects_waiting,
  task.id, task.execution_id, task.generation, task.kind, task.path, task.attempt, task.lane, task.priority,
  task.deaths, task.fair
FROM session LEFT JOIN (
  claim CROSS JOIN LATERAL unnest(claim.ids) AS u (id) JOIN task ON task.id = u.id
) ON claim.batch = ? AND claim.session_id = session.id AND claim.epoch = session.epoch
WHERE session.id = ? AND session.epoch = ? AND session.ended_at IS NULL AND session.expires_at > clock_timestamp()
ORDER BY task.priority DESC, task.id";

/// Whether nothing is left from floors up to the next ones.
const PROVE: &str = "
SELECT pg_snapshot_xmin(pg_current_snapshot())::TEXT::BIGINT AS xmin, ARRAY (
  SELECT NOT EXISTS (SELECT FROM ready WHERE ready.lane = f.lane AND ready.suspect = FALSE
    AND ready.priority = f.priority AND ready.fair = f.fair
    AND ready.position > f.position AND ready.position <= f.next)
  FROM unnest(?, ?, ?, ?, ?) WITH ORDINALITY AS f (lane, priority, fair, position, next, n)
  ORDER BY f.n) AS empty";

const KEEP: &str = "
WITH risen AS MATERIALIZED (
  SELECT g.lane, g.priority, g.fair, f.floor
  FROM unnest(?, ?, ?, ?) AS f (lane, priority, fair, floor)
  JOIN ready_group g ON g.lane = f.lane AND g.priority = f.priority AND g.fair = f.fair AND g.floor < f.floor
  FOR NO KEY UPDATE OF g SKIP LOCKED
)
UPDATE ready_group g SET floor = risen.floor FROM risen
WHERE g.lane = risen.lane AND g.priority = risen.priority AND g.fair = risen.fair";

#[derive(QueryableByName)]
struct ClaimRow {
    /// The batch was made before, so nothing was taken for it.
    #[diesel(sql_type = Bool)]
    known: bool,
    #[diesel(sql_type = Bool)]
    suspects_waiting: bool,
    #[diesel(sql_type = BigInt)]
    xmax: i64,
    #[diesel(embed)]
    picked: Option<Picked>,
}

/// A task that was taken: its place in the queue, and its turn within its group.
#[derive(QueryableByName)]
struct Picked {
    #[diesel(sql_type = BigInt)]
    position: i64,
    #[diesel(sql_type = BigInt)]
    turn: i64,
    #[diesel(embed)]
    task: ClaimedRow,
}

#[derive(QueryableByName)]
struct AgainRow {
    #[diesel(sql_type = Bool)]
    suspects_waiting: bool,
    #[diesel(embed)]
    task: Option<ClaimedRow>,
}

#[derive(QueryableByName)]
struct ProofRow {
    #[diesel(sql_type = BigInt)]
    xmin: i64,
    #[diesel(sql_type = Array<Bool>)]
    empty: Vec<bool>,
}

pub(in crate::queue) async fn claim(
    db: &Database,
    conn: &mut PgConn,
    session: Session,
    claim: Claim,
) -> Result<Claimed, Fault> {
    if claim.limit == 0 {
        return again(conn, session, claim).await;
    }
    let most = i64::from(if claim.suspect { 1 } else { claim.limit.min(MOST) });
    let (unproved, risen) = {
        let mut floors = lock(&db.floors);
        (floors.unproved(), floors.unwritten())
    };
    prove(db, conn, unproved).await?;
    keep(conn, risen).await?;
    let (floors, share) = {
        let floors = lock(&db.floors);
        (floors.of(&claim.lanes), floors.share(most))
    };
    let statement = Statement::new(CLAIM)
        .bind::<DbUuid, _>(Id::from(session.id))
        .bind::<BigInt, _>(session.epoch)
        .bind::<Array<Text>, _>(floors.iter().map(|(group, _)| group.lane.clone()).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(floors.iter().map(|(group, _)| group.priority).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(floors.iter().map(|(group, _)| group.fair).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(floors.iter().map(|(_, floor)| *floor).collect::<Vec<_>>())
        .bind::<Array<Text>, _>(claim.lanes.clone())
        .bind::<DbUuid, _>(Id::from(claim.batch))
        .bind::<Integer, _>(first_key(&claim))
        .bind::<Bool, _>(claim.suspect)
        .bind::<Bool, _>(claim.suspect)
        .bind::<BigInt, _>(share)
        .bind::<BigInt, _>(most)
        .bind::<BigInt, _>(most)
        .bind::<DbUuid, _>(Id::from(claim.batch))
        .bind::<DbUuid, _>(Id::from(claim.batch))
        .bind::<Array<Text>, _>(claim.lanes.clone());
    db.tell("claim", Moment::Before);
    let rows: Vec<ClaimRow> = statement.load(conn).await?;
    db.tell("claim", Moment::After);
    let Some(ClaimRow { known, suspects_waiting, xmax, .. }) = <[ClaimRow]>::first(&rows) else {
        return Err(lease_lost().into());
    };
    if *known {
        return again(conn, session, claim).await;
    }
    let (suspects_waiting, xmax) = (*suspects_waiting, *xmax);
    let mut picked: Vec<Picked> = rows.into_iter().filter_map(|row| row.picked).collect();
    picked.sort_unstable_by_key(|one| (std::cmp::Reverse(one.task.priority), one.turn, one.position));
    if !claim.suspect {
        lock(&db.floors).learn(picked.iter().map(Picked::taken), xmax);
    }
    let full = usize::try_from(most).is_ok_and(|most| picked.len() >= most);
    let more = full || picked.iter().any(|one| one.turn >= share);
    let tasks = picked.into_iter().map(|one| one.task.into_task(claim.batch)).collect::<Result<_, _>>()?;
    Ok(Claimed { tasks, suspects_waiting, more })
}

/// Every claim begins with another key, so that in the end each has its turn.
fn first_key(claim: &Claim) -> i32 {
    let bytes = claim.batch.uuid().as_u128().to_le_bytes();
    i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

impl Picked {
    fn taken(&self) -> Taken {
        let ClaimedRow { lane, priority, fair, .. } = &self.task;
        let group = GroupRow { lane: lane.clone(), priority: *priority, fair: *fair };
        Taken { group, position: self.position }
    }
}

async fn again(conn: &mut PgConn, session: Session, claim: Claim) -> Result<Claimed, Fault> {
    let statement = Statement::new(AGAIN)
        .bind::<Array<Text>, _>(claim.lanes)
        .bind::<DbUuid, _>(Id::from(claim.batch))
        .bind::<DbUuid, _>(Id::from(session.id))
        .bind::<BigInt, _>(session.epoch);
    let rows: Vec<AgainRow> = statement.load(conn).await?;
    let Some(suspects_waiting) = <[AgainRow]>::first(&rows).map(|row| row.suspects_waiting) else {
        return Err(lease_lost().into());
    };
    let tasks = rows.into_iter().filter_map(|row| row.task);
    let tasks = tasks.map(|row| row.into_task(claim.batch)).collect::<Result<_, _>>()?;
    Ok(Claimed { tasks, suspects_waiting, more: false })
}

/// Lets floors rise, where it is time to see whether they may.
async fn prove(db: &Database, conn: &mut PgConn, unproved: Vec<Unproved>) -> Result<(), Fault> {
    if unproved.is_empty() {
        return Ok(());
    }
    let statement = Statement::new(PROVE)
        .bind::<Array<Text>, _>(unproved.iter().map(|one| one.group.lane.clone()).collect::<Vec<_>>())
        .bind::<Array<SmallInt>, _>(unproved.iter().map(|one| one.group.priority).collect::<Vec<_>>())
        .bind::<Array<Integer>, _>(unproved.iter().map(|one| one.group.fair).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(unproved.iter().map(|one| one.floor).collect::<Vec<_>>())
        .bind::<Array<BigInt>, _>(unproved.iter().map(|one| one.next).collect::<Vec<_>>());
    let ProofRow { xmin, empty } = statement.get_result(conn).await?;
    lock(&db.floors).rise(unproved, &Proof { empty, xmin });
    Ok(())
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
