//! What the doctor changes: a lost task goes back into the queue, and a chore has one holder.

use std::time::Duration;

use codeflow_core::{SessionId, TaskId};
use codeflow_engine::{Chore, Error};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_async::RunQueryDsl;

use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::schema::task;
use crate::sql_types::{At, DbTime, DbUuid, Id};

/// Whoever repairs the same task waits for its row, and then sees where it went: the places are looked at by a
/// statement of its own.
macro_rules! put_back {
    ($id:literal, $members:literal) => {
        concat!(
            "INSERT INTO ready (task_id, lane, priority, suspect, fair)
SELECT id, lane, priority, suspect, fair FROM task
WHERE id = ? AND quarantined_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM ready WHERE ready.task_id = task.id)
  AND NOT EXISTS (SELECT 1 FROM timer WHERE timer.task_id = task.id)
  AND NOT EXISTS (SELECT 1 FROM slot_waiter w WHERE w.execution_id = task.execution_id AND task.kind = 1)
  AND NOT EXISTS (
    SELECT 1 FROM claim
    JOIN session ON session.id = claim.session_id AND session.epoch = claim.epoch AND session.ended_at IS NULL
    CROSS JOIN ", $members, " AS held WHERE ", $id, " = task.id
  )"
        )
    };
}

#[cfg(feature = "postgres")]
const ON_POSTGRES: &str = put_back!("held.held", "unnest(claim.ids)");
#[cfg(feature = "sqlite")]
const ON_SQLITE: &str = put_back!("held.value", "json_each(claim.ids)");

pub(super) async fn put_back(db: &Database, id: TaskId) -> Result<bool, Error> {
    let body = async |mut tx: Tx<'_>| {
        let row = task::table.find(Id::from(id)).select(task::id);
        let _there: Option<Id> = on_conn!(&mut tx,
            postgres conn => row.for_update().first(conn).await.optional(),
            sqlite conn => row.first(conn).await.optional()
        )?;
        let moved: usize = on_conn!(&mut tx,
            postgres conn => {
                let statement = crate::statement::Statement::new(ON_POSTGRES);
                statement.bind::<DbUuid, _>(Id::from(id)).execute(conn).await
            },
            sqlite conn => diesel::sql_query(ON_SQLITE).bind::<DbUuid, _>(Id::from(id)).execute(conn).await
        )?;
        Ok(moved > 0)
    };
    let moved = db.transaction("put_back", body).await;
    moved.map_err(|fault| fault.into_error(format!("could not put task `{id}` back")))
}

const TAKE: &str = "INSERT INTO chore (name, holder, until) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE chore.holder = excluded.holder OR chore.until <= ?";

pub(super) async fn take_chore(
    db: &Database,
    chore: Chore,
    holder: SessionId,
    ttl: Duration,
) -> Result<bool, Error> {
    let body = async |mut tx: Tx<'_>| {
        let now = db.now(&mut tx).await?;
        let (holder, until) = (Id::from(holder), At(now.after(ttl)));
        let taken: usize = on_conn!(&mut tx,
            postgres conn => {
                let take = crate::statement::Statement::new(TAKE).bind::<Text, _>(chore.name());
                let take = take.bind::<DbUuid, _>(holder).bind::<DbTime, _>(until).bind::<DbTime, _>(At(now));
                take.execute(conn).await
            },
            sqlite conn => {
                let take = diesel::sql_query(TAKE).bind::<Text, _>(chore.name());
                let take = take.bind::<DbUuid, _>(holder).bind::<DbTime, _>(until).bind::<DbTime, _>(At(now));
                take.execute(conn).await
            }
        )?;
        Ok(taken > 0)
    };
    let taken = db.transaction("take_chore", body).await;
    taken.map_err(|fault| fault.into_error(format!("could not take the chore of {}", chore.name())))
}
