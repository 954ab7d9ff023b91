//! The schedules of a version that becomes its workflow's latest, in the transaction that makes it so.

use codeflow_engine::NewSchedule;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::conn::{Tx, on_conn};
use crate::error::Fault;
use crate::schema::{schedule, schedule_slot};
use crate::sql_types::{At, Id};

/// Whose schedules they are, and since when.
#[derive(Clone, Copy)]
pub(crate) struct Owner<'v> {
    /// The workflow. Its row is locked.
    pub(crate) workflow_id: Id,
    /// Its latest version.
    pub(crate) version: &'v str,
    /// The moment it is for the database.
    pub(crate) now: At,
}

/// Makes these the schedules of a workflow. One that was there before keeps its state.
pub(crate) async fn replace(
    tx: &mut Tx<'_>,
    owner: Owner<'_>,
    schedules: Vec<NewSchedule>,
) -> Result<(), Fault> {
    remove_others(tx, owner, &schedules).await?;
    for new in schedules {
        put(tx, owner, new).await?;
    }
    Ok(())
}

async fn remove_others(tx: &mut Tx<'_>, owner: Owner<'_>, kept: &[NewSchedule]) -> Result<(), Fault> {
    let kept: Vec<Id> = kept.iter().map(|new| new.id.into()).collect();
    let removed: Vec<Id> = on_conn!(tx, conn => {
        diesel::delete(schedule::table)
            .filter(schedule::workflow_id.eq(owner.workflow_id))
            .filter(schedule::id.ne_all(&kept))
            .returning(schedule::id)
            .get_results(conn)
            .await
    })?;
    if !removed.is_empty() {
        // What is pending is started all the same; its slot was decided about.
        on_conn!(tx, conn => {
            diesel::delete(schedule_slot::table)
                .filter(schedule_slot::schedule_id.eq_any(&removed))
                .filter(schedule_slot::settled)
                .execute(conn)
                .await
        })?;
    }
    Ok(())
}

async fn put(
    tx: &mut Tx<'_>,
    owner: Owner<'_>,
    NewSchedule { id, schedule: new }: NewSchedule,
) -> Result<(), Fault> {
    let treated = (
        schedule::version_id.eq(owner.version),
        schedule::catch_up.eq(new.catch_up.to_string()),
        schedule::overlap.eq(new.overlap.as_str()),
    );
    on_conn!(tx, conn => {
        diesel::insert_into(schedule::table)
            .values((
                schedule::id.eq(Id::from(id)),
                schedule::workflow_id.eq(owner.workflow_id),
                treated.clone(),
                schedule::cron.eq(new.cron.to_string()),
                schedule::timezone.eq(new.timezone.to_string()),
                schedule::enabled.eq(true),
                schedule::next_at.eq(new.next(owner.now.0).map(At)),
            ))
            .on_conflict(schedule::id)
            .do_update()
            .set(treated)
            .execute(conn)
            .await
    })?;
    Ok(())
}
