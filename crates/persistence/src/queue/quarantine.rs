//! Tasks that workers died of: the list of them, and the way back into the queue.

use codeflow_core::{TaskId, Timestamp};
use codeflow_engine::{Error, ErrorKind, QuarantinedTask};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::error::Fault;
use crate::rows::{ReadyRow, unpack_work, unsigned};
use crate::schema::{ready, task};
use crate::sql_types::{At, Id};

#[derive(Queryable)]
struct QuarantinedRow {
    id: Id,
    execution_id: Id,
    kind: i16,
    path: String,
    deaths: i32,
    reason: Option<String>,
    since: Option<At>,
}

pub(super) async fn list(
    db: &Database,
    after: Option<TaskId>,
    limit: u32,
) -> Result<Vec<QuarantinedTask>, Error> {
    let mut conn = db.reader().await?;
    let rows: QueryResult<Vec<QuarantinedRow>> = on_conn!(&mut conn.tx(), conn => {
        let mut query = task::table
            .filter(task::quarantined_at.is_not_null())
            .order(task::id)
            .limit(limit.into())
            .select((
                task::id,
                task::execution_id,
                task::kind,
                task::path,
                task::deaths,
                task::reason,
                task::quarantined_at,
            ))
            .into_boxed();
        if let Some(after) = after {
            query = query.filter(task::id.gt(Id::from(after)));
        }
        query.load(conn).await
    });
    let rows = rows.map_err(|error| Fault::from(error).into_error("could not list quarantined tasks"))?;
    rows.into_iter()
        .map(|row| {
            Ok(QuarantinedTask {
                id: row.id.into(),
                execution: row.execution_id.into(),
                work: unpack_work(row.kind, &row.path)?,
                deaths: unsigned(row.deaths),
                reason: row.reason,
                since: row.since.map_or(Timestamp::EPOCH, |at| at.0),
            })
        })
        .collect()
}

pub(super) async fn release(db: &Database, id: TaskId) -> Result<String, Error> {
    let context = format!("could not release task `{id}`");
    let body = async |mut tx: Tx<'_>| set_free(&mut tx, id).await;
    db.transaction("release", body).await.map_err(|fault| fault.into_error(context))
}

/// What killed its workers may do so again, so it still runs alone. Says which lane it is in.
async fn set_free(tx: &mut Tx<'_>, id: TaskId) -> Result<String, Fault> {
    let freed: Option<(String, i16, bool, i32)> = on_conn!(tx, conn => {
        let quarantined = task::table.filter(task::id.eq(Id::from(id))).filter(task::quarantined_at.is_not_null());
        diesel::update(quarantined)
            .set((task::quarantined_at.eq(None::<At>), task::deaths.eq(0), task::reason.eq(None::<String>)))
            .returning((task::lane, task::priority, task::suspect, task::fair))
            .get_result(conn)
            .await
            .optional()
    })?;
    let (lane, priority, suspect, fair) =
        freed.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("task `{id}` is not in quarantine")))?;
    let row = ReadyRow { task_id: id.into(), lane: lane.clone(), priority, suspect, fair };
    on_conn!(tx, conn => diesel::insert_into(ready::table).values(row).execute(conn).await)?;
    Ok(lane)
}
