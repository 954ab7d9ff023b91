//! The versions of one workflow, without their documents.

use codeflow_core::workflow::VersionId;
use codeflow_engine::{Error, ListedVersion};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::error::Fault;
use crate::schema::{workflow_versions, workflows};
use crate::sql_types::At;

/// No list is longer than this, whatever is asked for.
const MOST: u32 = 1_000;

type Row = (String, At, String);

/// Lists the versions of the workflow that all tenants together call `name`.
pub(super) async fn list(
    db: &Database,
    name: &str,
    after: Option<VersionId>,
    limit: u32,
) -> Result<Vec<ListedVersion>, Error> {
    let mut conn = db.reader().await?;
    let rows = page(&mut conn.tx(), name, after, limit).await;
    let rows =
        rows.map_err(|error| Fault::from(error).into_error("could not list the versions of a workflow"))?;
    let listed = rows.into_iter().map(|(version, created_at, latest)| ListedVersion {
        is_latest: version == latest,
        version: VersionId::from_hash(version),
        created_at: created_at.0,
    });
    Ok(listed.collect())
}

async fn page(tx: &mut Tx<'_>, name: &str, after: Option<VersionId>, limit: u32) -> QueryResult<Vec<Row>> {
    let after = match after {
        Some(version) => match begun(tx, name, &version).await? {
            Some(at) => Some((at, version)),
            None => return Ok(Vec::new()),
        },
        None => None,
    };
    on_conn!(tx, conn => {
        let mut query = workflow_versions::table
            .inner_join(workflows::table.on(workflows::id.eq(workflow_versions::workflow_id)))
            .filter(workflows::name.eq(name))
            .order((workflow_versions::created_at.desc(), workflow_versions::id.desc()))
            .limit(limit.min(MOST).into())
            .select((workflow_versions::id, workflow_versions::created_at, workflows::latest_version))
            .into_boxed();
        if let Some((at, version)) = &after {
            let same = workflow_versions::created_at.eq(*at).and(workflow_versions::id.lt(version.as_str()));
            query = query.filter(workflow_versions::created_at.lt(*at).or(same));
        }
        query.load(conn).await
    })
}

/// When a version of the workflow was first kept.
async fn begun(tx: &mut Tx<'_>, name: &str, version: &VersionId) -> QueryResult<Option<At>> {
    on_conn!(tx, conn => {
        workflow_versions::table
            .inner_join(workflows::table.on(workflows::id.eq(workflow_versions::workflow_id)))
            .filter(workflows::name.eq(name))
            .filter(workflow_versions::id.eq(version.as_str()))
            .select(workflow_versions::created_at)
            .first(conn)
            .await
            .optional()
    })
}
