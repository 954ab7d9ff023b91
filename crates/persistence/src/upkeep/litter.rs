//! Keys, sessions and slots that are left over.

use std::time::Duration;

use codeflow_core::Timestamp;
use codeflow_engine::Swept;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};
use diesel_async::RunQueryDsl;

use super::count;
use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::doctor::{load, unreadable};
use crate::error::Fault;
use crate::payload::to_text;
use crate::sql_types::{At, DbTime};

/// Whose keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    Starts,
    Jobs,
}

/// The last key of the piece.
const LAST: &str = "
SELECT created_at, scope, key FROM (
  SELECT created_at, scope, key FROM dedup WHERE created_at <= ? AND (created_at, scope, key) > (?, ?, ?)
  ORDER BY created_at, scope, key LIMIT ?
) AS chunk ORDER BY created_at DESC, scope DESC, key DESC LIMIT 1";

/// A key is needed as long as what it found is there: a job for as long as it has a task.
const FORGET: &str = "
DELETE FROM dedup
WHERE created_at <= ? AND (created_at, scope, key) > (?, ?, ?) AND (created_at, scope, key) <= (?, ?, ?)
  AND (scope = 'job') = ?
  AND NOT EXISTS (SELECT 1 FROM workflow_executions e WHERE e.id = dedup.execution_id)
  AND NOT EXISTS (SELECT 1 FROM task WHERE task.execution_id = dedup.execution_id)";

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = DbTime)]
    created_at: At,
    #[diesel(sql_type = Text)]
    scope: String,
    #[diesel(sql_type = Text)]
    key: String,
}

impl Place {
    fn read(text: Option<&str>) -> Result<Self, Fault> {
        let Some(text) = text else {
            let created_at = At(Timestamp::EPOCH);
            return Ok(Self { created_at, scope: String::new(), key: String::new() });
        };
        let (micros, scope, key): (i64, String, String) = serde_json::from_str(text).map_err(unreadable)?;
        Ok(Self { created_at: At(Timestamp::from_micros(micros)), scope, key })
    }

    fn write(&self) -> Result<String, Fault> {
        Ok(to_text(&(self.created_at.0.micros(), &self.scope, &self.key))?)
    }
}

/// Runs a statement with the same text for both databases.
macro_rules! execute {
    ($tx:expr, $text:expr, $([$kind:ty, $value:expr]),*) => {
        on_conn!($tx,
            postgres conn => {
                crate::statement::Statement::new($text)$(.bind::<$kind, _>($value))*.execute(conn).await
            },
            sqlite conn => diesel::sql_query($text)$(.bind::<$kind, _>($value))*.execute(conn).await
        )
    };
}

pub(super) async fn keys(
    db: &Database,
    whose: Keys,
    keep: Duration,
    (after, limit): (Option<&str>, u32),
) -> Result<Swept, Fault> {
    let after = Place::read(after)?;
    let (before, last) = {
        let mut conn = db.reader().await?;
        let mut tx = conn.tx();
        let before = At(db.now(&mut tx).await?.before(keep));
        let last: Vec<Place> = load!(
            &mut tx,
            LAST,
            LAST,
            [DbTime, before],
            [DbTime, after.created_at],
            [Text, after.scope.as_str()],
            [Text, after.key.as_str()],
            [BigInt, i64::from(limit)]
        )?;
        (before, last.into_iter().next())
    };
    let Some(last) = last else { return Ok(Swept::default()) };
    let next = Some(last.write()?);
    let body = async move |mut tx: Tx<'_>| {
        let removed: usize = execute!(
            &mut tx,
            FORGET,
            [DbTime, before],
            [DbTime, after.created_at],
            [Text, after.scope.as_str()],
            [Text, after.key.as_str()],
            [DbTime, last.created_at],
            [Text, last.scope.as_str()],
            [Text, last.key.as_str()],
            [Bool, whose == Keys::Jobs]
        )?;
        Ok(count(removed))
    };
    let removed = db.transaction("sweep", body).await?;
    Ok(Swept { removed, next })
}

/// What a process without a row tries to write is refused like that of one whose session is over.
const SESSIONS: &str = "
DELETE FROM session WHERE id IN (
  SELECT id FROM session WHERE ended_at <= ?
    AND NOT EXISTS (SELECT 1 FROM claim WHERE claim.session_id = session.id)
  ORDER BY ended_at LIMIT ?
)";

/// A schedule forgets its own when it fires; this is for those that do not any more.
const SLOTS: &str = "
DELETE FROM schedule_slot WHERE (schedule_id, slot) IN (
  SELECT s.schedule_id, s.slot FROM schedule_slot s
  LEFT JOIN workflow_executions e ON e.id = s.execution_id
  WHERE s.settled AND s.slot <= ?
    AND (e.id IS NULL OR e.status IN ('succeeded', 'failed', 'cancelled', 'timed_out'))
  ORDER BY s.slot LIMIT ?
)";

pub(super) async fn sessions(db: &Database, keep: Duration, limit: u32) -> Result<Swept, Fault> {
    sweep(db, SESSIONS, keep, limit).await
}

pub(super) async fn slots(db: &Database, keep: Duration, limit: u32) -> Result<Swept, Fault> {
    sweep(db, SLOTS, keep, limit).await
}

/// Removes the oldest: as long as there are as many as asked for, there may be more.
async fn sweep(db: &Database, text: &'static str, keep: Duration, limit: u32) -> Result<Swept, Fault> {
    let body = async move |mut tx: Tx<'_>| {
        let before = At(db.now(&mut tx).await?.before(keep));
        let removed: usize = execute!(&mut tx, text, [DbTime, before], [BigInt, i64::from(limit)])?;
        Ok(count(removed))
    };
    let removed = db.transaction("sweep", body).await?;
    Ok(Swept { removed, next: (removed >= limit).then(String::new) })
}
