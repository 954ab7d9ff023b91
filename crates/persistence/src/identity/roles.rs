//! Roles. A role that is given to a user at the very moment of its removal leaves its name with that user, where it
//! stands for nothing: which names stand for something without being kept here is not known to storage.

use async_trait::async_trait;
use codeflow_auth::{Error, Role, RoleStore};
use codeflow_core::Tenant;
use codeflow_engine::Error as StorageError;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use diesel_async::RunQueryDsl;

use super::tables::role;
use super::{MOST, call, check_text, conflict, has_zero, read, read_permissions, read_tenant, write};
use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::error::Fault;
use crate::payload::to_text;
use crate::sql_types::At;

#[derive(Insertable, Queryable, Selectable, AsChangeset)]
#[diesel(table_name = role)]
struct RoleRow {
    tenant: String,
    name: String,
    description: String,
    permissions: String,
    changed_at: At,
}

impl TryFrom<RoleRow> for Role {
    type Error = StorageError;

    fn try_from(row: RoleRow) -> Result<Self, StorageError> {
        Ok(Self {
            tenant: read_tenant(&row.tenant)?,
            name: row.name,
            description: row.description,
            permissions: read_permissions(&row.permissions)?,
            changed_at: row.changed_at.0,
        })
    }
}

#[async_trait]
impl RoleStore for Database {
    async fn put_role(&self, role: &Role) -> Result<(), Error> {
        let role = role.clone();
        call(self, "could not keep a role", |db| async move { put(&db, role).await }).await
    }

    async fn remove_role(&self, tenant: &Tenant, name: &str) -> Result<bool, Error> {
        let (tenant, name) = (tenant.clone(), name.to_owned());
        let remove = |db: Self| async move {
            if has_zero(&name) {
                return Ok(false);
            }
            let body = async |mut tx: Tx<'_>| remove(&mut tx, &tenant, &name).await;
            db.transaction("remove_role", body).await
        };
        call(self, "could not remove a role", remove).await
    }

    async fn roles(&self, tenant: &Tenant) -> Result<Vec<Role>, Error> {
        let tenant = tenant.clone();
        let list = |db: Self| async move {
            let rows: Vec<RoleRow> = read!(db, conn => {
                role::table
                    .filter(role::tenant.eq(tenant.as_str()))
                    .order(role::name)
                    .limit(MOST.into())
                    .select(RoleRow::as_select())
                    .load(conn)
                    .await
            })?;
            rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
        };
        call(self, "could not list roles", list).await
    }
}

async fn put(db: &Database, new: Role) -> Result<(), Fault> {
    check_text([new.name.as_str(), &new.description])?;
    let row = RoleRow {
        tenant: new.tenant.as_str().to_owned(),
        name: new.name,
        description: new.description,
        permissions: to_text(&new.permissions)?,
        changed_at: At(new.changed_at),
    };
    let _kept: usize = write!(db, "put_role", conn => {
        diesel::insert_into(role::table)
            .values(&row)
            .on_conflict((role::tenant, role::name))
            .do_update()
            .set(&row)
            .execute(conn)
            .await
    })?;
    Ok(())
}

#[cfg(feature = "postgres")]
const USED_ON_POSTGRES: &str = "
SELECT EXISTS (
  SELECT FROM app_user WHERE tenant = ? AND roles::JSONB @> jsonb_build_array(?::TEXT)
) AS used";

#[cfg(feature = "sqlite")]
const USED_ON_SQLITE: &str = "
SELECT EXISTS (
  SELECT 1 FROM app_user, json_each(app_user.roles) AS one WHERE app_user.tenant = ? AND one.value = ?
) AS used";

#[derive(QueryableByName)]
struct Used {
    #[diesel(sql_type = Bool)]
    used: bool,
}

async fn remove(tx: &mut Tx<'_>, tenant: &Tenant, name: &str) -> Result<bool, Fault> {
    let tenant = tenant.as_str();
    let found: Used = on_conn!(tx,
        postgres conn => {
            let used = crate::statement::Statement::new(USED_ON_POSTGRES);
            used.bind::<Text, _>(tenant).bind::<Text, _>(name).get_result(conn).await
        },
        sqlite conn => {
            let used = diesel::sql_query(USED_ON_SQLITE);
            used.bind::<Text, _>(tenant).bind::<Text, _>(name).get_result(conn).await
        }
    )?;
    if found.used {
        return Err(conflict("a user has this role"));
    }
    let removed: usize = on_conn!(tx, conn => {
        diesel::delete(role::table.find((tenant, name))).execute(conn).await
    })?;
    Ok(removed > 0)
}
