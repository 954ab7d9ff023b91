//! Tokens for other services.

use async_trait::async_trait;
use codeflow_auth::{Connection, ConnectionStore, Error};
use codeflow_core::Tenant;
use codeflow_engine::Error as StorageError;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::tables::connection;
use super::{MOST, call, check_text, has_zero, read, read_tenant, write};
use crate::Database;
use crate::error::Fault;
use crate::payload::{from_text, to_text};
use crate::sql_types::At;

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = connection)]
struct Row {
    tenant: String,
    service: String,
    name: String,
    secret: Vec<u8>,
    scopes: String,
    expires_at: Option<At>,
    version: i64,
}

impl TryFrom<Row> for Connection {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        Ok(Self {
            tenant: read_tenant(&row.tenant)?,
            service: row.service,
            name: row.name,
            secret: row.secret,
            scopes: from_text(&row.scopes)?,
            expires_at: row.expires_at.map(|at| at.0),
            version: row.version,
        })
    }
}

type Key = (String, String, String);

fn key(tenant: &Tenant, service: &str, name: &str) -> Key {
    (tenant.as_str().to_owned(), service.to_owned(), name.to_owned())
}

fn is_nobodys((_, service, name): &Key) -> bool {
    has_zero(service) || has_zero(name)
}

#[async_trait]
impl ConnectionStore for Database {
    async fn put_connection(&self, connection: &Connection) -> Result<bool, Error> {
        let connection = connection.clone();
        let put = |db: Self| async move { put(&db, connection).await };
        call(self, "could not keep a token for another service", put).await
    }

    async fn find_connection(
        &self,
        tenant: &Tenant,
        service: &str,
        name: &str,
    ) -> Result<Option<Connection>, Error> {
        let key = key(tenant, service, name);
        let find = |db: Self| async move {
            if is_nobodys(&key) {
                return Ok(None);
            }
            let row: Option<Row> = read!(db, conn => {
                connection::table.find(key).select(Row::as_select()).first(conn).await.optional()
            })?;
            Ok(row.map(Connection::try_from).transpose()?)
        };
        call(self, "could not look for a token for another service", find).await
    }

    async fn connections(&self, tenant: &Tenant) -> Result<Vec<Connection>, Error> {
        let tenant = tenant.clone();
        let list = |db: Self| async move {
            let rows: Vec<Row> = read!(db, conn => {
                connection::table
                    .filter(connection::tenant.eq(tenant.as_str()))
                    .order((connection::service, connection::name))
                    .limit(MOST.into())
                    .select(Row::as_select())
                    .load(conn)
                    .await
            })?;
            rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
        };
        call(self, "could not list tokens for other services", list).await
    }

    async fn remove_connection(&self, tenant: &Tenant, service: &str, name: &str) -> Result<bool, Error> {
        let key = key(tenant, service, name);
        let remove = |db: Self| async move {
            if is_nobodys(&key) {
                return Ok(false);
            }
            let removed: usize = write!(db, "remove_connection", conn => {
                diesel::delete(connection::table.find(key)).execute(conn).await
            })?;
            Ok(removed > 0)
        };
        call(self, "could not remove a token for another service", remove).await
    }
}

async fn put(db: &Database, new: Connection) -> Result<bool, Fault> {
    check_text([&new.service, &new.name].into_iter().chain(&new.scopes).map(String::as_str))?;
    let key = key(&new.tenant, &new.service, &new.name);
    let (expires_at, scopes) = (new.expires_at.map(At), to_text(&new.scopes)?);
    let written: usize = if new.version == 1 {
        let (tenant, service, name) = key;
        let row = Row { tenant, service, name, secret: new.secret, scopes, expires_at, version: 1 };
        write!(db, "put_connection", conn => {
            diesel::insert_into(connection::table).values(row).on_conflict_do_nothing().execute(conn).await
        })?
    } else {
        write!(db, "put_connection", conn => {
            diesel::update(connection::table.find(key))
                .filter(connection::version.eq(new.version.saturating_sub(1)))
                .set((
                    connection::secret.eq(new.secret),
                    connection::scopes.eq(scopes),
                    connection::expires_at.eq(expires_at),
                    connection::version.eq(new.version),
                ))
                .execute(conn)
                .await
        })?
    };
    Ok(written > 0)
}
