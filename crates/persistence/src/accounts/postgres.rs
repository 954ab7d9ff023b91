//! Accounts on PostgreSQL: a batch is one statement, which is its own transaction.

mod columns;

use codeflow_core::SessionId;
use codeflow_gateway::{Answer, Batch, Committed, Ending, Outcome};
use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, SmallInt};
use diesel_async::{AsyncConnection, RunQueryDsl};

use super::usd;
use crate::Database;
use crate::conn::PgConn;
use crate::error::Fault;
use crate::probe::Moment;
use crate::sql_types::{DbUuid, Id};
use crate::statement::Statement;
use columns::{bind_calls, bind_entries, bind_keys};

/// The rows of budgets that nobody has spent from yet. They stand before the batch begins, so that it can lock them.
const CREATE: &str = "
INSERT INTO budget (rule, tenant, subject, since, spent, unknown, leased, recall)
SELECT k.rule, k.tenant, k.subject, k.since, 0, 0, 0, 0 FROM unnest(?, ?, ?, ?) AS k (rule, tenant, subject, since)
ORDER BY 1, 2, 3, 4
ON CONFLICT DO NOTHING";

/// The locks of a batch, in its own order: the session, then the budgets by key.
const LOCK: &str = "
WITH mine AS MATERIALIZED (
  SELECT id FROM account_session WHERE id = ? FOR NO KEY UPDATE
), locked AS MATERIALIZED (
  SELECT b.rule FROM budget b
  JOIN unnest(?, ?, ?, ?) AS k (rule, tenant, subject, since) USING (rule, tenant, subject, since)
  WHERE EXISTS (SELECT FROM mine)
  ORDER BY b.rule, b.tenant, b.subject, b.since FOR NO KEY UPDATE OF b
)
SELECT count(*) AS n FROM locked";

/// `judged` decides as `codeflow_gateway::decide` does; the conformance suite holds both to the same answers.
const COMMIT: &str = "
WITH mine AS MATERIALIZED (
  SELECT id, seq, ended_at IS NULL AND expires_at > clock_timestamp() AS alive
  FROM account_session WHERE id = ? FOR NO KEY UPDATE
), go AS MATERIALIZED (
  SELECT id FROM mine WHERE alive AND seq = ? - 1
), renewed AS (
  UPDATE account_session s SET seq = s.seq + 1, expires_at = clock_timestamp() + ? * INTERVAL '1 microsecond'
  FROM go WHERE s.id = go.id
), entry AS MATERIALIZED (
  SELECT e.* FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WITH ORDINALITY AS e
    (rule, tenant, subject, since, cap, spent, shrink, held, need, asks, spare, asked, answers, retire, n)
), locked AS MATERIALIZED (
  SELECT e.n, b.spent, b.leased, b.recall, coalesce(b.tight_until > clock_timestamp(), FALSE) AS tight
  FROM entry e JOIN budget b USING (rule, tenant, subject, since)
  WHERE EXISTS (SELECT FROM go)
  ORDER BY b.rule, b.tenant, b.subject, b.since FOR NO KEY UPDATE OF b
), weighed AS MATERIALIZED (
  SELECT e.*, l.recall, l.tight, l.spent + e.spent AS spent_now, greatest(l.leased - e.shrink, 0) AS leased_now,
    greatest(coalesce(own.amount, 0) - e.shrink, 0) AS own_now,
    CASE WHEN e.asked = 0 THEN 0 ELSE (
      SELECT coalesce(sum(s.amount), 0) FROM budget_slice s
      WHERE s.rule = e.rule AND s.tenant = e.tenant AND s.subject = e.subject AND s.since = e.since
        AND s.session_id <> go.id AND s.answered >= e.asked
    )::BIGINT END AS answered
  FROM go CROSS JOIN entry e JOIN locked l USING (n)
  LEFT JOIN budget_slice own ON own.rule = e.rule AND own.tenant = e.tenant AND own.subject = e.subject
    AND own.since = e.since AND own.session_id = go.id
), judged AS MATERIALIZED (
  SELECT w.*,
    CASE WHEN w.need > w.free THEN 0
         ELSE greatest(least(w.free, w.asks), CASE WHEN w.tight THEN 0 ELSE least(w.free / 8, w.asks + w.spare) END)
    END AS grown,
    CASE WHEN w.need <= w.free THEN 0
         WHEN greatest(w.cap - w.spent_now - w.own_now, 0) < w.need THEN 1
         WHEN w.asked = 0 THEN 2
         WHEN w.answered >= w.leased_now - w.own_now THEN 1
         ELSE 2 END AS outcome,
    CASE WHEN w.asked = 0 THEN w.recall + 1 ELSE w.asked END AS number
  FROM (SELECT *, greatest(cap - spent_now - leased_now, 0) AS free FROM weighed) AS w
), paid AS (
  UPDATE budget b SET spent = j.spent_now, leased = j.leased_now + j.grown,
    recall = CASE WHEN j.outcome = 2 THEN greatest(b.recall, j.number) ELSE b.recall END,
    tight_until = CASE WHEN j.outcome = 2 THEN clock_timestamp() + ? * INTERVAL '1 microsecond'
                       ELSE b.tight_until END
  FROM judged j
  WHERE b.rule = j.rule AND b.tenant = j.tenant AND b.subject = j.subject AND b.since = j.since
), kept AS (
  INSERT INTO budget_slice AS s (rule, tenant, subject, since, session_id, amount, held, answered)
  SELECT j.rule, j.tenant, j.subject, j.since, go.id, j.own_now + j.grown, j.held, j.answers
  FROM judged j CROSS JOIN go WHERE NOT (j.retire AND j.own_now + j.grown = 0)
  ON CONFLICT (rule, tenant, subject, since, session_id) DO UPDATE
  SET amount = excluded.amount, held = excluded.held, answered = greatest(s.answered, excluded.answered)
), gone AS (
  DELETE FROM budget_slice s USING judged j, go
  WHERE s.rule = j.rule AND s.tenant = j.tenant AND s.subject = j.subject AND s.since = j.since
    AND s.session_id = go.id AND j.retire AND j.own_now + j.grown = 0
), call_in AS (
  INSERT INTO model_call
  SELECT c.* FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) AS c
  WHERE EXISTS (SELECT FROM go)
  ON CONFLICT (id) DO NOTHING
)
SELECT coalesce((SELECT alive FROM mine), FALSE) AS alive, coalesce((SELECT seq FROM mine), 0) AS seq,
  ARRAY (SELECT own_now + grown FROM judged ORDER BY n) AS slices,
  ARRAY (SELECT spent_now FROM judged ORDER BY n) AS spent,
  ARRAY (SELECT outcome::SMALLINT FROM judged ORDER BY n) AS outcomes,
  ARRAY (SELECT number FROM judged ORDER BY n) AS numbers,
  ARRAY (SELECT tight OR outcome = 2 FROM judged ORDER BY n) AS tight";

/// How things stand, for a batch that came before.
const STANDING: &str = "
SELECT coalesce(s.amount, 0) AS slice, b.spent, coalesce(b.tight_until > clock_timestamp(), FALSE) AS tight
FROM unnest(?, ?, ?, ?) WITH ORDINALITY AS k (rule, tenant, subject, since, n)
JOIN budget b USING (rule, tenant, subject, since)
LEFT JOIN budget_slice s ON s.rule = k.rule AND s.tenant = k.tenant AND s.subject = k.subject
  AND s.since = k.since AND s.session_id = ?
ORDER BY k.n";

/// A session that is in the middle of a commit is not dead. What its slices hold is read as they are deleted, so that
/// it is the last that was written.
const END: &str = "
WITH dead AS MATERIALIZED (
  SELECT id FROM account_session
  WHERE ended_at IS NULL AND CASE WHEN ?::UUID IS NULL THEN expires_at <= clock_timestamp() ELSE id = ? END
  ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED
), ended AS (
  UPDATE account_session s SET ended_at = clock_timestamp() FROM dead WHERE s.id = dead.id
), forgotten AS (
  DELETE FROM account_session WHERE ended_at < clock_timestamp() - INTERVAL '1 day'
), slice AS (
  DELETE FROM budget_slice s USING dead WHERE s.session_id = dead.id RETURNING s.*
), total AS MATERIALIZED (
  SELECT rule, tenant, subject, since, sum(amount)::BIGINT AS amount, sum(least(held, amount))::BIGINT AS held
  FROM slice GROUP BY rule, tenant, subject, since
), locked AS MATERIALIZED (
  SELECT b.rule, b.tenant, b.subject, b.since, t.amount, t.held
  FROM budget b JOIN total t USING (rule, tenant, subject, since)
  ORDER BY b.rule, b.tenant, b.subject, b.since FOR NO KEY UPDATE OF b
), paid AS (
  UPDATE budget b SET spent = b.spent + l.held, unknown = b.unknown + l.held,
    leased = greatest(b.leased - l.amount, 0)
  FROM locked l
  WHERE b.rule = l.rule AND b.tenant = l.tenant AND b.subject = l.subject AND b.since = l.since
)
SELECT (SELECT count(*) FROM dead) AS sessions, (SELECT coalesce(sum(held), 0) FROM total)::BIGINT AS charged";

#[derive(QueryableByName)]
struct Reply {
    #[diesel(sql_type = Bool)]
    alive: bool,
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Array<BigInt>)]
    slices: Vec<i64>,
    #[diesel(sql_type = Array<BigInt>)]
    spent: Vec<i64>,
    #[diesel(sql_type = Array<SmallInt>)]
    outcomes: Vec<i16>,
    #[diesel(sql_type = Array<BigInt>)]
    numbers: Vec<i64>,
    #[diesel(sql_type = Array<Bool>)]
    tight: Vec<bool>,
}

impl Reply {
    fn answers(self) -> Vec<Answer> {
        let outcome = |(code, number): (i16, i64)| match code {
            0 => Outcome::Granted,
            1 => Outcome::Refused,
            _ => Outcome::Recalling(number),
        };
        let outcomes = self.outcomes.into_iter().zip(self.numbers).map(outcome);
        let amounts = self.slices.into_iter().zip(self.spent);
        let all = amounts.zip(outcomes).zip(self.tight);
        all.map(|(((slice, spent), outcome), tight)| Answer {
            slice: usd(slice),
            spent: usd(spent),
            outcome,
            tight,
        })
        .collect()
    }
}

#[derive(QueryableByName)]
struct Standing {
    #[diesel(sql_type = BigInt)]
    slice: i64,
    #[diesel(sql_type = BigInt)]
    spent: i64,
    #[diesel(sql_type = Bool)]
    tight: bool,
}

#[derive(QueryableByName)]
struct Ended {
    #[diesel(sql_type = BigInt)]
    sessions: i64,
    #[diesel(sql_type = BigInt)]
    charged: i64,
}

pub(super) async fn commit(db: &Database, conn: &mut PgConn, batch: &Batch) -> Result<Committed, Fault> {
    if batch.entries.iter().any(|entry| entry.fresh) {
        bind_keys(Statement::new(CREATE), batch).execute(conn).await?;
    }
    db.tell("commit_accounts", Moment::Before);
    let reply: Reply = if batch.entries.iter().any(|entry| entry.asked > 0) {
        locked(conn, batch).await?
    } else {
        statement(batch).get_result(conn).await?
    };
    db.tell("commit_accounts", Moment::After);
    if reply.alive && reply.seq + 1 == batch.seq {
        return Ok(Committed::Done(reply.answers()));
    }
    if reply.alive && reply.seq == batch.seq {
        return Ok(Committed::Done(standing(conn, batch).await?));
    }
    Ok(Committed::Lost { seq: reply.seq })
}

/// Whether all others have answered a recall is only known under the lock: a statement that waits for its locks sees
/// the slices of others as they were before it waited. So here, and only here, the locks come first.
async fn locked(conn: &mut PgConn, batch: &Batch) -> Result<Reply, Fault> {
    let body = async |conn: &mut PgConn| {
        let lock = Statement::new(LOCK).bind::<DbUuid, _>(Id::from(batch.session));
        bind_keys(lock, batch).execute(conn).await?;
        Ok(statement(batch).get_result(conn).await?)
    };
    conn.transaction(body).await
}

fn statement(batch: &Batch) -> Statement<'_> {
    let statement = Statement::new(COMMIT)
        .bind::<DbUuid, _>(Id::from(batch.session))
        .bind::<BigInt, _>(batch.seq)
        .bind::<BigInt, _>(i64::try_from(batch.lease.as_micros()).unwrap_or(i64::MAX));
    let statement = bind_entries(statement, batch)
        .bind::<BigInt, _>(i64::try_from(batch.tight.as_micros()).unwrap_or(i64::MAX));
    bind_calls(statement, &batch.rows)
}

async fn standing(conn: &mut PgConn, batch: &Batch) -> Result<Vec<Answer>, Fault> {
    let statement = bind_keys(Statement::new(STANDING), batch).bind::<DbUuid, _>(Id::from(batch.session));
    let rows: Vec<Standing> = statement.load(conn).await?;
    let answer = |row: Standing| Answer {
        slice: usd(row.slice),
        spent: usd(row.spent),
        outcome: Outcome::Granted,
        tight: row.tight,
    };
    Ok(rows.into_iter().map(answer).collect())
}

pub(super) async fn end(db: &Database, conn: &mut PgConn, which: Ending) -> Result<(i64, i64), Fault> {
    let only: Option<SessionId> = match which {
        Ending::Expired => None,
        Ending::Closed(session) => Some(session),
    };
    let only = only.map(Id::from);
    db.tell("end_accounts", Moment::Before);
    let statement = Statement::new(END).bind::<Nullable<DbUuid>, _>(only).bind::<Nullable<DbUuid>, _>(only);
    let ended: Ended = statement.get_result(conn).await?;
    db.tell("end_accounts", Moment::After);
    Ok((ended.sessions, ended.charged))
}
