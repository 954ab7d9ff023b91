//! Schedules: which are due, and the lists that people read. Decisions about slots are one module down.

mod firing;
mod replacement;

use async_trait::async_trait;
use codeflow_core::schedule::Schedule;
use codeflow_core::workflow::{VersionId, WorkflowName};
use codeflow_core::{ExecutionId, ScheduleId, Timestamp};
use codeflow_engine::{
    BoxError, DueSchedules, Error, ErrorKind, Fired, Firing, PendingSlot, ScheduleRecord, ScheduleStore,
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::error::{Fault, corrupt};
use crate::rows::workflow_name;
use crate::schema::{schedule, workflows};
use crate::sql_types::{At, Id};

pub(crate) use replacement::{Owner, replace};

/// No list is longer than this, whatever is asked for.
const MOST: u32 = 1_000;

#[derive(Queryable)]
struct ScheduleRow {
    id: Id,
    workflow: String,
    version: String,
    cron: String,
    timezone: String,
    catch_up: String,
    overlap: String,
    enabled: bool,
    next_at: Option<At>,
    last_slot: Option<At>,
    last_outcome: Option<String>,
}

impl ScheduleRow {
    fn schedule(&self) -> Result<Schedule, BoxError> {
        Ok(Schedule {
            cron: self.cron.parse()?,
            timezone: self.timezone.parse()?,
            catch_up: self.catch_up.parse()?,
            overlap: self.overlap.parse()?,
        })
    }

    fn read(self) -> Result<ScheduleRecord, BoxError> {
        let outcome = self.last_outcome.as_deref().map(str::parse).transpose()?;
        Ok(ScheduleRecord {
            schedule: self.schedule()?,
            id: self.id.into(),
            workflow: workflow_name(&self.workflow)?,
            version: VersionId::from_hash(self.version),
            enabled: self.enabled,
            next_at: self.next_at.map(|at| at.0),
            last: self.last_slot.map(|at| at.0).zip(outcome),
        })
    }
}

/// Those that can be read; one that cannot must not keep the others from firing.
fn readable(rows: Vec<ScheduleRow>) -> Vec<ScheduleRecord> {
    let mut records = Vec::new();
    for row in rows {
        let id = ScheduleId::from(row.id);
        match row.read() {
            Ok(record) => records.push(record),
            Err(error) => {
                tracing::error!(schedule.id = %id, error = %error, "a stored schedule cannot be read")
            }
        }
    }
    records
}

#[async_trait]
impl ScheduleStore for Database {
    async fn due_schedules(&self, limit: u32) -> Result<DueSchedules, Error> {
        self.run(|db| async move { due(&db, limit).await }).await
    }

    async fn fire(&self, wanted: Firing) -> Result<Fired, Error> {
        self.run(move |db| async move { firing::fire(&db, wanted).await }).await
    }

    async fn pending_slots(&self, limit: u32) -> Result<Vec<PendingSlot>, Error> {
        self.run(move |db| async move { firing::pending(&db, limit).await }).await
    }

    async fn settle_slot(
        &self,
        schedule: ScheduleId,
        slot: Timestamp,
        execution: Option<ExecutionId>,
    ) -> Result<(), Error> {
        self.run(move |db| async move { firing::settle(&db, schedule, slot, execution).await }).await
    }

    async fn unfinished_before(
        &self,
        schedule: ScheduleId,
        before: Timestamp,
    ) -> Result<Vec<ExecutionId>, Error> {
        self.run(move |db| async move { firing::unfinished_before(&db, schedule, before).await }).await
    }

    async fn list_schedules(
        &self,
        workflow: Option<&WorkflowName>,
        after: Option<ScheduleId>,
        limit: u32,
    ) -> Result<Vec<ScheduleRecord>, Error> {
        let workflow = workflow.cloned();
        self.run(move |db| async move { list(&db, workflow, after, limit).await }).await
    }

    async fn enable_schedule(&self, id: ScheduleId, enabled: bool) -> Result<(), Error> {
        self.run(move |db| async move { enable(&db, id, enabled).await }).await
    }
}

#[diesel::dsl::auto_type(no_type_alias)]
fn schedules() -> _ {
    schedule::table.inner_join(workflows::table.on(workflows::id.eq(schedule::workflow_id))).select((
        schedule::id,
        workflows::name,
        schedule::version_id,
        schedule::cron,
        schedule::timezone,
        schedule::catch_up,
        schedule::overlap,
        schedule::enabled,
        schedule::next_at,
        schedule::last_slot,
        schedule::last_outcome,
    ))
}

async fn due(db: &Database, limit: u32) -> Result<DueSchedules, Error> {
    let failed = |fault: Fault| fault.into_error("could not look for schedules that are due");
    let mut conn = db.reader().await?;
    let now = db.now(&mut conn.tx()).await.map_err(failed)?;
    let rows: QueryResult<Vec<ScheduleRow>> = on_conn!(&mut conn.tx(), conn => {
        schedules()
            .filter(schedule::enabled)
            .filter(schedule::next_at.le(At(now)))
            .order((schedule::next_at, schedule::id))
            .limit(limit.min(MOST).into())
            .load(conn)
            .await
    });
    let next: QueryResult<Option<Option<At>>> = on_conn!(&mut conn.tx(), conn => {
        schedule::table
            .filter(schedule::enabled)
            .filter(schedule::next_at.gt(At(now)))
            .order(schedule::next_at)
            .select(schedule::next_at)
            .first(conn)
            .await
            .optional()
    });
    let next = next.map_err(|error| failed(error.into()))?.flatten();
    let schedules = readable(rows.map_err(|error| failed(error.into()))?);
    Ok(DueSchedules { now, schedules, next: next.map(|next| next.0.since(now)) })
}

async fn list(
    db: &Database,
    workflow: Option<WorkflowName>,
    after: Option<ScheduleId>,
    limit: u32,
) -> Result<Vec<ScheduleRecord>, Error> {
    let mut conn = db.reader().await?;
    let rows: QueryResult<Vec<ScheduleRow>> = on_conn!(&mut conn.tx(), conn => {
        let mut query = schedules().order(schedule::id).limit(limit.min(MOST).into()).into_boxed();
        if let Some(workflow) = &workflow {
            query = query.filter(workflows::name.eq(workflow.as_str()));
        }
        if let Some(after) = after {
            query = query.filter(schedule::id.gt(Id::from(after)));
        }
        query.load(conn).await
    });
    Ok(readable(rows.map_err(|error| Fault::from(error).into_error("could not list schedules"))?))
}

async fn enable(db: &Database, id: ScheduleId, enabled: bool) -> Result<(), Error> {
    let body = async |mut tx: Tx<'_>| switch(db, &mut tx, id, enabled).await;
    let switched = db.transaction("enable_schedule", body).await;
    switched.map_err(|fault| fault.into_error(format!("could not pause or resume schedule `{id}`")))
}

async fn switch(db: &Database, tx: &mut Tx<'_>, id: ScheduleId, enabled: bool) -> Result<(), Fault> {
    // The row is locked first: a firing that began before has ended when it is read.
    let was_enabled = firing::lock(tx, id).await?;
    let Some(was_enabled) = was_enabled else {
        return Err(Error::new(ErrorKind::NotFound, format!("schedule `{id}` does not exist")).into());
    };
    if was_enabled == enabled {
        return Ok(());
    }
    let row: ScheduleRow = on_conn!(tx, conn => {
        schedules().filter(schedule::id.eq(Id::from(id))).first(conn).await
    })?;
    let unreadable = |error| corrupt(format!("schedule `{id}` cannot be read"), error);
    let next_at = match enabled {
        true => row.schedule().map_err(unreadable)?.next(db.now(tx).await?).map(At),
        false => row.next_at,
    };
    on_conn!(tx, conn => {
        diesel::update(schedule::table.find(Id::from(id)))
            .set((schedule::enabled.eq(enabled), schedule::next_at.eq(next_at)))
            .execute(conn)
            .await
    })?;
    Ok(())
}
