//! Every task is in exactly one place, and belongs to what it says.

use codeflow_core::TaskId;
use codeflow_engine::{Disorder, Examined, Finding};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, SmallInt};

use super::{Window, id_after, load};
use crate::conn::Tx;
use crate::error::Fault;
use crate::rows::JOB;
use crate::sql_types::{DbUuid, Id};

/// Claims of sessions that are over are no place. An attempt (kind 1) may be kept back until its execution has a place
/// under its key. The last task of the piece is always among the rows: from there it
/// goes on.
macro_rules! looked {
    ($id:literal, $members:literal) => {
        concat!(
            "WITH chunk AS MATERIALIZED (
  SELECT id, execution_id, kind, CASE WHEN quarantined_at IS NULL THEN 0 ELSE 1 END AS dead,
    reason IS NOT NULL AS given_up
  FROM task WHERE id > ? ORDER BY id LIMIT ?
), held AS MATERIALIZED (
  SELECT ", $id, " AS id, count(*) AS n FROM claim
  JOIN session ON session.id = claim.session_id AND session.epoch = claim.epoch AND session.ended_at IS NULL
  CROSS JOIN ", $members, " AS held GROUP BY 1
), looked AS (
  SELECT id, execution_id, kind, dead, given_up,
    CAST(dead + (SELECT count(*) FROM ready WHERE ready.task_id = chunk.id)
      + (SELECT count(*) FROM timer WHERE timer.task_id = chunk.id)
      + (SELECT count(*) FROM slot_waiter w WHERE w.execution_id = chunk.execution_id AND chunk.kind = 1)
      + CASE WHEN id IN (SELECT id FROM held) THEN 1 ELSE 0 END
      + CASE WHEN id IN (SELECT id FROM held WHERE n > 1) THEN 1 ELSE 0 END AS BIGINT) AS places,
    EXISTS (SELECT 1 FROM workflow_executions e WHERE e.id = chunk.execution_id) AS known
  FROM chunk
)
SELECT id, execution_id, kind, given_up AND dead = 0 AS astray, places, known FROM looked
WHERE places <> 1 OR (kind = ? AND known) OR (kind <> ? AND NOT known) OR (given_up AND dead = 0)
  OR id = (SELECT id FROM chunk ORDER BY id DESC LIMIT 1)
ORDER BY id"
        )
    };
}

#[cfg(feature = "postgres")]
const POSTGRES: &str = looked!("held.held", "unnest(claim.ids)");
#[cfg(feature = "sqlite")]
const SQLITE: &str = looked!("held.value", "json_each(claim.ids)");

#[derive(QueryableByName)]
struct Looked {
    #[diesel(sql_type = DbUuid)]
    id: Id,
    #[diesel(sql_type = DbUuid)]
    execution_id: Id,
    #[diesel(sql_type = SmallInt)]
    kind: i16,
    #[diesel(sql_type = Bool)]
    astray: bool,
    #[diesel(sql_type = BigInt)]
    places: i64,
    #[diesel(sql_type = Bool)]
    known: bool,
}

impl Looked {
    fn disorders(&self) -> impl Iterator<Item = Disorder> {
        let job = self.kind == JOB;
        let wrong = [
            (self.places == 0, Disorder::LostTask),
            (self.places > 1, Disorder::DoubledTask),
            (!job && !self.known, Disorder::OrphanedTask),
            (job && self.known || self.astray, Disorder::MisplacedJob),
        ];
        wrong.into_iter().filter(|(wrong, _)| *wrong).map(|(_, disorder)| disorder)
    }
}

pub(super) async fn examine(tx: &mut Tx<'_>, (after, limit): Window<'_>) -> Result<Examined, Fault> {
    let after = id_after(after)?;
    let rows: Vec<Looked> = load!(
        tx,
        POSTGRES,
        SQLITE,
        [DbUuid, after],
        [BigInt, i64::from(limit)],
        [SmallInt, JOB],
        [SmallInt, JOB]
    )?;
    let finding = |row: &Looked, disorder| {
        let task = TaskId::from(row.id);
        Finding {
            disorder,
            subject: task.to_string(),
            execution: Some(row.execution_id.into()),
            task: Some(task),
        }
    };
    let findings = rows.iter().flat_map(|row| row.disorders().map(|disorder| finding(row, disorder)));
    Ok(Examined { findings: findings.collect(), next: rows.last().map(|row| row.id.0.to_string()) })
}
