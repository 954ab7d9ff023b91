//! Pages of executions, without their journals.

use codeflow_engine::{Error, ExecutionFilter, ExecutionRecord};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
#[cfg(feature = "postgres")]
use diesel_async::{AsyncConnection, SimpleAsyncConnection};

use super::read::{RecordRow, records};
use crate::Database;
#[cfg(feature = "postgres")]
use crate::conn::PgConn;
use crate::conn::{Conn, Tx, on_conn};
use crate::error::Fault;
use crate::payload::Blobs;
use crate::schema::{workflow_executions, workflows};
use crate::sql_types::{At, Id};

/// Which index finds a page soonest depends on what is asked for: a tenant has ten executions or a million, and a time
/// leaves out few or nearly all. A plan that is made once for all of them would read the whole table for some.
#[cfg(feature = "postgres")]
const PLANNED_ANEW: &str = "SET LOCAL plan_cache_mode = force_custom_plan";

pub(super) async fn list(
    db: &Database,
    filter: ExecutionFilter,
    limit: u32,
) -> Result<Vec<ExecutionRecord>, Error> {
    let page = match db.reader().await? {
        #[cfg(feature = "postgres")]
        Conn::Postgres(mut conn) => {
            let planned = async |conn: &mut PgConn| {
                conn.batch_execute(PLANNED_ANEW).await?;
                page(&mut Tx::Postgres(conn), filter, limit).await
            };
            let conn: &mut PgConn = &mut conn;
            conn.transaction(planned).await
        }
        #[cfg(feature = "sqlite")]
        Conn::Sqlite(mut conn) => page(&mut Tx::Sqlite(&mut conn), filter, limit).await,
    };
    page.map_err(|fault| fault.into_error("could not list executions"))
}

async fn page(tx: &mut Tx<'_>, filter: ExecutionFilter, limit: u32) -> Result<Vec<ExecutionRecord>, Fault> {
    let rows: Vec<RecordRow> = on_conn!(tx, conn => {
        let mut query = records().order(workflow_executions::id.desc()).limit(limit.into()).into_boxed();
        if let Some(tenant) = &filter.tenant {
            query = query.filter(workflow_executions::tenant.eq(tenant.as_str()));
        }
        if let Some(name) = &filter.workflow {
            let tenant = filter.tenant.clone().unwrap_or_default();
            query = query.filter(workflows::name.eq(tenant.scoped(name.as_str())));
        }
        if let Some(status) = filter.status {
            query = query.filter(workflow_executions::status.eq(status.as_str()));
        }
        if let Some(before) = filter.before {
            query = query.filter(workflow_executions::id.lt(Id::from(before)));
        }
        if let Some(since) = filter.since {
            query = query.filter(workflow_executions::created_at.ge(At(since)));
        }
        if let Some(until) = filter.until {
            query = query.filter(workflow_executions::created_at.lt(At(until)));
        }
        query.load(conn).await
    })?;
    let records = rows.into_iter().map(RecordRow::without_blobs).map(|row| row.unpack(&Blobs::new()));
    Ok(records.collect::<Result<_, _>>()?)
}
