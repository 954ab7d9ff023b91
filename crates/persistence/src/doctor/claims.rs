//! Every claim is of a session that is alive, and names something that is not done; and slots of schedules do not
//! wait for ever.

use std::time::Duration;

use codeflow_core::{BatchId, ScheduleId, Timestamp};
use codeflow_engine::{Disorder, Examined, Finding};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use super::{LONG, Window, id_after, load};
use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::error::Fault;
use crate::schema::schedule_slot;
use crate::sql_types::{At, DbTime, DbUuid, Id};

macro_rules! claims {
    ($id:literal, $members:literal) => {
        concat!(
            "WITH chunk AS MATERIALIZED (
  SELECT batch, session_id, epoch, ids FROM claim WHERE batch > ? ORDER BY batch LIMIT ?
), looked AS (
  SELECT batch,
    NOT EXISTS (SELECT 1 FROM session WHERE session.id = chunk.session_id AND session.epoch = chunk.epoch
      AND session.ended_at IS NULL AND session.expires_at > ?) AS stale,
    NOT EXISTS (SELECT 1 FROM ",
            $members,
            " AS held JOIN task ON task.id = ",
            $id,
            ") AS finished
  FROM chunk
)
SELECT batch, stale, finished FROM looked
WHERE stale OR finished OR batch = (SELECT batch FROM chunk ORDER BY batch DESC LIMIT 1)
ORDER BY batch"
        )
    };
}

#[cfg(feature = "postgres")]
const POSTGRES: &str = claims!("held.held", "unnest(chunk.ids)");
#[cfg(feature = "sqlite")]
const SQLITE: &str = claims!("held.value", "json_each(chunk.ids)");

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = DbUuid)]
    batch: Id,
    #[diesel(sql_type = Bool)]
    stale: bool,
    #[diesel(sql_type = Bool)]
    finished: bool,
}

pub(super) async fn examine(
    db: &Database,
    tx: &mut Tx<'_>,
    (after, limit): Window<'_>,
) -> Result<Examined, Fault> {
    let after = id_after(after)?;
    let long_ago = db.now(tx).await?.before(LONG);
    let rows: Vec<Row> =
        load!(tx, POSTGRES, SQLITE, [DbUuid, after], [BigInt, i64::from(limit)], [DbTime, At(long_ago)])?;
    let finding = |row: &Row, disorder| Finding {
        disorder,
        subject: BatchId::from(row.batch).to_string(),
        execution: None,
        task: None,
    };
    let mut findings = Vec::new();
    for row in &rows {
        if row.stale {
            findings.push(finding(row, Disorder::StaleClaim));
        } else if row.finished && is_older(row.batch, long_ago) {
            findings.push(finding(row, Disorder::FinishedClaim));
        }
    }
    Ok(Examined { findings, next: rows.last().map(|row| row.batch.0.to_string()) })
}

/// Workers forget such a claim with their next sign of life. How old it is, its id tells.
fn is_older(batch: Id, than: Timestamp) -> bool {
    let Some(made) = batch.0.get_timestamp() else { return true };
    let (seconds, nanos) = made.to_unix();
    let micros = Duration::new(seconds, nanos).as_micros();
    i64::try_from(micros).is_ok_and(|micros| micros < than.micros())
}

/// Only the oldest are told, and not page by page: one is too many.
pub(super) async fn examine_slots(db: &Database, tx: &mut Tx<'_>, limit: u32) -> Result<Examined, Fault> {
    let long_ago = At(db.now(tx).await?.before(LONG));
    let rows: Vec<(Id, At)> = on_conn!(tx, conn => {
        let pending = schedule_slot::table
            .filter(diesel::dsl::not(schedule_slot::settled))
            .filter(schedule_slot::slot.lt(long_ago))
            .order((schedule_slot::slot, schedule_slot::schedule_id))
            .limit(limit.into())
            .select((schedule_slot::schedule_id, schedule_slot::slot));
        diesel_async::RunQueryDsl::load(pending, conn).await
    })?;
    let finding = |(schedule, slot): (Id, At)| Finding {
        disorder: Disorder::UnsettledSlot,
        subject: format!("{} at {}", ScheduleId::from(schedule), slot.0),
        execution: None,
        task: None,
    };
    Ok(Examined { findings: rows.into_iter().map(finding).collect(), next: None })
}
