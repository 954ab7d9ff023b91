//! Workflow versions: each kept once under its hash, with the steps and triggers that people query.

mod versions;

use async_trait::async_trait;
use codeflow_core::Tenant;
use codeflow_core::workflow::{VersionId, WorkflowName};
use codeflow_engine::{Error, ListedVersion, NewVersion, StoredVersion, WorkflowStore};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Database;
use crate::conn::{Tx, insert_all, on_conn};
use crate::error::Fault;
use crate::rows::{tenant, workflow_name};
use crate::schedules::{self, Owner};
use crate::schema::{workflow_actions, workflow_triggers, workflow_versions, workflows};
use crate::sql_types::{At, Id, Queryable as QueryableJson};

#[derive(Insertable)]
#[diesel(table_name = workflow_actions)]
struct ActionRow {
    version_id: String,
    order_index: i32,
    name: String,
    uses: String,
}

#[derive(Insertable)]
#[diesel(table_name = workflow_triggers)]
struct TriggerRow {
    version_id: String,
    order_index: i32,
    kind: String,
    config: QueryableJson,
}

#[derive(Queryable)]
struct VersionRow {
    workflow_id: Id,
    tenant: String,
    name: String,
    version: String,
    document: String,
    created_at: At,
}

impl TryFrom<VersionRow> for StoredVersion {
    type Error = Error;

    fn try_from(row: VersionRow) -> Result<Self, Error> {
        Ok(Self {
            workflow_id: row.workflow_id.into(),
            tenant: tenant(row.tenant)?,
            name: workflow_name(&row.name)?,
            version: VersionId::from_hash(row.version),
            document: row.document,
            created_at: row.created_at.0,
        })
    }
}

#[async_trait]
impl WorkflowStore for Database {
    async fn put_version(&self, version: NewVersion) -> Result<(), Error> {
        self.run(|db| async move { keep(&db, version).await }).await
    }

    async fn find_version(&self, version: &VersionId) -> Result<Option<StoredVersion>, Error> {
        let version = version.clone();
        self.run(|db| async move { find(&db, &version).await }).await
    }

    async fn latest_version(
        &self,
        tenant: &Tenant,
        name: &WorkflowName,
    ) -> Result<Option<StoredVersion>, Error> {
        let (tenant, name) = (tenant.clone(), name.clone());
        self.run(|db| async move { latest(&db, &tenant, &name).await }).await
    }

    async fn list_workflows(
        &self,
        tenant: &Tenant,
        after: Option<&WorkflowName>,
        limit: u32,
    ) -> Result<Vec<StoredVersion>, Error> {
        let (tenant, after) = (tenant.clone(), after.cloned());
        self.run(|db| async move { list(&db, &tenant, after, limit).await }).await
    }

    async fn list_versions(
        &self,
        tenant: &Tenant,
        name: &WorkflowName,
        after: Option<&VersionId>,
        limit: u32,
    ) -> Result<Vec<ListedVersion>, Error> {
        let (name, after) = (tenant.scoped(name.as_str()), after.cloned());
        self.run(|db| async move { versions::list(&db, &name, after, limit).await }).await
    }
}

async fn find(db: &Database, version: &VersionId) -> Result<Option<StoredVersion>, Error> {
    let mut conn = db.reader().await?;
    let row: QueryResult<Option<VersionRow>> = on_conn!(&mut conn.tx(), conn => {
        versions().filter(workflow_versions::id.eq(version.as_str())).first(conn).await.optional()
    });
    let context = format!("could not load workflow version `{version}`");
    row.map_err(|error| Fault::from(error).into_error(context))?.map(TryInto::try_into).transpose()
}

async fn list(
    db: &Database,
    tenant: &Tenant,
    after: Option<WorkflowName>,
    limit: u32,
) -> Result<Vec<StoredVersion>, Error> {
    let after = tenant.scoped(after.as_ref().map_or("", WorkflowName::as_str));
    let mut conn = db.reader().await?;
    let rows: QueryResult<Vec<VersionRow>> = on_conn!(&mut conn.tx(), conn => {
        versions()
            .filter(workflows::tenant.eq(tenant.as_str()))
            .filter(workflow_versions::id.eq(workflows::latest_version))
            .filter(workflows::name.gt(&after))
            .order(workflows::name)
            .limit(limit.into())
            .load(conn)
            .await
    });
    let rows = rows.map_err(|error| Fault::from(error).into_error("could not list workflows"))?;
    rows.into_iter().map(TryInto::try_into).collect()
}

async fn latest(db: &Database, tenant: &Tenant, name: &WorkflowName) -> Result<Option<StoredVersion>, Error> {
    let mut conn = db.reader().await?;
    let row: QueryResult<Option<VersionRow>> = on_conn!(&mut conn.tx(), conn => {
        versions()
            .filter(workflows::name.eq(tenant.scoped(name.as_str())))
            .filter(workflow_versions::id.eq(workflows::latest_version))
            .first(conn)
            .await
            .optional()
    });
    let context = format!("could not load workflow `{name}`");
    row.map_err(|error| Fault::from(error).into_error(context))?.map(TryInto::try_into).transpose()
}

#[diesel::dsl::auto_type(no_type_alias)]
fn versions() -> _ {
    workflow_versions::table
        .inner_join(workflows::table.on(workflows::id.eq(workflow_versions::workflow_id)))
        .select((
            workflows::id,
            workflows::tenant,
            workflows::name,
            workflow_versions::id,
            workflow_versions::document,
            workflow_versions::created_at,
        ))
}

async fn keep(db: &Database, new: NewVersion) -> Result<(), Error> {
    let context = format!("could not keep workflow `{}`", new.name);
    let body = async |mut tx: Tx<'_>| put(db, &mut tx, new).await;
    db.transaction("put_version", body).await.map_err(|fault| fault.into_error(context))
}

async fn put(db: &Database, tx: &mut Tx<'_>, mut new: NewVersion) -> Result<(), Fault> {
    let now = At(db.now(tx).await?);
    let version = new.version.clone();
    let version = version.as_str();
    let workflow_id: Id = on_conn!(tx, conn => {
        diesel::insert_into(workflows::table)
            .values((
                workflows::id.eq(Id::from(new.workflow_id)),
                workflows::tenant.eq(new.tenant.as_str()),
                workflows::name.eq(new.tenant.scoped(new.name.as_str())),
                workflows::latest_version.eq(version),
                workflows::created_at.eq(now),
            ))
            .on_conflict(workflows::name)
            .do_update()
            .set(workflows::latest_version.eq(version))
            .returning(workflows::id)
            .get_result(conn)
            .await
    })?;
    let added: usize = on_conn!(tx, conn => {
        diesel::insert_into(workflow_versions::table)
            .values((
                workflow_versions::id.eq(version),
                workflow_versions::workflow_id.eq(workflow_id),
                workflow_versions::document.eq(&new.document),
                workflow_versions::created_at.eq(now),
            ))
            .on_conflict_do_nothing()
            .execute(conn)
            .await
    })?;
    let kept = std::mem::take(&mut new.schedules);
    schedules::replace(tx, Owner { workflow_id, version, now }, kept).await?;
    if added > 0 { put_parts(tx, new).await } else { Ok(()) }
}

async fn put_parts(tx: &mut Tx<'_>, new: NewVersion) -> Result<(), Fault> {
    let version = new.version.as_str();
    let actions: Vec<ActionRow> = (0..)
        .zip(new.steps)
        .map(|(order_index, step)| ActionRow {
            version_id: version.to_owned(),
            order_index,
            name: step.name,
            uses: step.uses,
        })
        .collect();
    let triggers: Vec<TriggerRow> = (0..)
        .zip(&new.triggers)
        .map(|(order_index, (kind, config))| TriggerRow {
            version_id: version.to_owned(),
            order_index,
            kind: kind.clone(),
            config: QueryableJson::of(config),
        })
        .collect();
    insert_all!(tx, workflow_actions::table, actions)?;
    insert_all!(tx, workflow_triggers::table, triggers)?;
    Ok(())
}
