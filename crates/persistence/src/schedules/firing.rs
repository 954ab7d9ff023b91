//! Decisions about slots: each is one transaction that holds the row of its schedule.

use codeflow_core::execution::ExecutionStatus;
use codeflow_core::schedule::Overlap;
use codeflow_core::workflow::VersionId;
use codeflow_core::{ExecutionId, ScheduleId, Timestamp};
use codeflow_engine::{Error, Fired, Firing, PendingSlot, SlotOutcome};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::MOST;
use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::error::{Fault, corrupt};
use crate::schema::{schedule, schedule_slot, workflow_executions as executions};
use crate::sql_types::{At, Id};

#[derive(Insertable)]
#[diesel(table_name = schedule_slot)]
struct SlotRow {
    schedule_id: Id,
    slot: At,
    version_id: String,
    overlap: &'static str,
    settled: bool,
}

/// Takes the row of a schedule, and tells whether it is enabled; nothing when there is none.
pub(super) async fn lock(tx: &mut Tx<'_>, id: ScheduleId) -> QueryResult<Option<bool>> {
    on_conn!(tx, conn => {
        diesel::update(schedule::table.find(Id::from(id)))
            .set(schedule::enabled.eq(schedule::enabled))
            .returning(schedule::enabled)
            .get_result(conn)
            .await
            .optional()
    })
}

pub(super) async fn fire(db: &Database, firing: Firing) -> Result<Fired, Error> {
    let body = async |mut tx: Tx<'_>| decide(&mut tx, firing).await;
    let fired = db.transaction("fire_schedule", body).await;
    fired.map_err(|fault| fault.into_error(format!("could not fire schedule `{}`", firing.id)))
}

async fn decide(tx: &mut Tx<'_>, Firing { id, expected, turn }: Firing) -> Result<Fired, Fault> {
    let slot = At(turn.slot.unwrap_or(expected));
    let held: Option<(String, String)> = on_conn!(tx, conn => {
        diesel::update(schedule::table.find(Id::from(id)))
            .filter(schedule::enabled)
            .filter(schedule::next_at.eq(At(expected)))
            .set((schedule::next_at.eq(turn.next.map(At)), schedule::last_slot.eq(slot)))
            .returning((schedule::version_id, schedule::overlap))
            .get_result(conn)
            .await
            .optional()
    })?;
    let Some((version_id, overlap)) = held else {
        return Ok(Fired::Lost);
    };
    let overlap = read_overlap(&overlap)?;
    let unfinished = unfinished(tx, id).await?;
    forget_others(tx, id, &unfinished).await?;
    let outcome = match (turn.slot, overlap) {
        (None, _) => SlotOutcome::Missed,
        (Some(_), Overlap::Skip) if !unfinished.is_empty() => SlotOutcome::Skipped,
        (Some(_), Overlap::Allow | Overlap::Skip | Overlap::Replace) => SlotOutcome::Pending,
    };
    if outcome == SlotOutcome::Pending {
        let row =
            SlotRow { schedule_id: id.into(), slot, version_id, overlap: overlap.as_str(), settled: false };
        on_conn!(tx, conn => diesel::insert_into(schedule_slot::table).values(row).execute(conn).await)?;
    }
    note(tx, id, slot, outcome).await?;
    Ok(Fired::Decided(outcome))
}

/// Writes down what became of the last slot, if it is this one.
async fn note(tx: &mut Tx<'_>, id: ScheduleId, slot: At, outcome: SlotOutcome) -> QueryResult<usize> {
    on_conn!(tx, conn => {
        diesel::update(schedule::table.find(Id::from(id)))
            .filter(schedule::last_slot.eq(slot))
            .set(schedule::last_outcome.eq(outcome.as_str()))
            .execute(conn)
            .await
    })
}

/// The statuses of executions that are not over.
fn live() -> Vec<&'static str> {
    ExecutionStatus::ALL.iter().filter(|status| !status.is_final()).map(|status| status.as_str()).collect()
}

/// The slots that are pending or have an execution that is not over, up to the longest list.
async fn unfinished(tx: &mut Tx<'_>, id: ScheduleId) -> QueryResult<Vec<At>> {
    on_conn!(tx, conn => {
        schedule_slot::table
            .left_join(executions::table.on(executions::id.nullable().eq(schedule_slot::execution_id)))
            .filter(schedule_slot::schedule_id.eq(Id::from(id)))
            .filter(schedule_slot::settled.eq(false).or(executions::status.nullable().eq_any(live())))
            .order(schedule_slot::slot)
            .limit(MOST.into())
            .select(schedule_slot::slot)
            .load(conn)
            .await
    })
}

/// Removes the slots of a schedule that are over, so that there are only as many as there is work.
async fn forget_others(tx: &mut Tx<'_>, id: ScheduleId, unfinished: &[At]) -> QueryResult<()> {
    if unfinished.len() < MOST as usize {
        on_conn!(tx, conn => {
            diesel::delete(schedule_slot::table)
                .filter(schedule_slot::schedule_id.eq(Id::from(id)))
                .filter(schedule_slot::settled)
                .filter(schedule_slot::slot.ne_all(unfinished))
                .execute(conn)
                .await
        })?;
    }
    Ok(())
}

pub(super) async fn pending(db: &Database, limit: u32) -> Result<Vec<PendingSlot>, Error> {
    let mut conn = db.reader().await?;
    let rows: QueryResult<Vec<(Id, At, String, String)>> = on_conn!(&mut conn.tx(), conn => {
        schedule_slot::table
            .filter(diesel::dsl::not(schedule_slot::settled))
            .order((schedule_slot::slot, schedule_slot::schedule_id))
            .limit(limit.min(MOST).into())
            .select((
                schedule_slot::schedule_id,
                schedule_slot::slot,
                schedule_slot::version_id,
                schedule_slot::overlap,
            ))
            .load(conn)
            .await
    });
    let rows =
        rows.map_err(|error| Fault::from(error).into_error("could not list slots that are pending"))?;
    let slot = |(schedule, slot, version, overlap): (Id, At, String, String)| {
        let overlap = read_overlap(&overlap)?;
        Ok(PendingSlot {
            schedule: schedule.into(),
            slot: slot.0,
            version: VersionId::from_hash(version),
            overlap,
        })
    };
    rows.into_iter().map(slot).collect()
}

fn read_overlap(text: &str) -> Result<Overlap, Error> {
    text.parse().map_err(|error: codeflow_core::schedule::InvalidOverlap| {
        corrupt("a stored schedule treats overlaps in an unknown way", error)
    })
}

pub(super) async fn settle(
    db: &Database,
    id: ScheduleId,
    slot: Timestamp,
    execution: Option<ExecutionId>,
) -> Result<(), Error> {
    let outcome = if execution.is_some() { SlotOutcome::Started } else { SlotOutcome::Failed };
    let body = async |mut tx: Tx<'_>| {
        // First the row of the schedule, as everywhere.
        let schedule_is_there = lock(&mut tx, id).await?.is_some();
        let pending = schedule_slot::table
            .find((Id::from(id), At(slot)))
            .filter(diesel::dsl::not(schedule_slot::settled));
        if schedule_is_there {
            let settled: usize = on_conn!(&mut tx, conn => {
                diesel::update(pending)
                    .set((
                        schedule_slot::settled.eq(true),
                        schedule_slot::execution_id.eq(execution.map(Id::from)),
                    ))
                    .execute(conn)
                    .await
            })?;
            if settled > 0 {
                note(&mut tx, id, At(slot), outcome).await?;
            }
        } else {
            on_conn!(&mut tx, conn => diesel::delete(pending).execute(conn).await)?;
        }
        Ok(())
    };
    let settled = db.transaction("settle_slot", body).await;
    settled.map_err(|fault| fault.into_error(format!("could not settle a slot of schedule `{id}`")))
}

pub(super) async fn unfinished_before(
    db: &Database,
    id: ScheduleId,
    before: Timestamp,
) -> Result<Vec<ExecutionId>, Error> {
    let mut conn = db.reader().await?;
    let ids: QueryResult<Vec<Id>> = on_conn!(&mut conn.tx(), conn => {
        schedule_slot::table
            .inner_join(executions::table.on(executions::id.nullable().eq(schedule_slot::execution_id)))
            .filter(schedule_slot::schedule_id.eq(Id::from(id)))
            .filter(schedule_slot::slot.lt(At(before)))
            .filter(executions::status.eq_any(live()))
            .order(schedule_slot::slot)
            .limit(MOST.into())
            .select(executions::id)
            .load(conn)
            .await
    });
    let ids = ids.map_err(|error| {
        Fault::from(error).into_error(format!("could not list what schedule `{id}` started"))
    })?;
    Ok(ids.into_iter().map(ExecutionId::from).collect())
}
