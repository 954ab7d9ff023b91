//! API keys.

use std::num::NonZeroU32;

use async_trait::async_trait;
use codeflow_auth::{ApiKey, Error, KeyFilter, KeyStore, Page};
use codeflow_core::{KeyId, Tenant, Timestamp, UserId};
use codeflow_engine::Error as StorageError;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;

use super::tables::api_key;
use super::{
    Count, call, check_text, conflict, counted, limit, read, read_permissions, read_tenant, refused, write,
};
use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::error::Fault;
use crate::payload::{from_text, to_text};
use crate::sql_types::{At, DbTime, DbUuid, Id};

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = api_key)]
struct KeyRow {
    id: Id,
    tenant: String,
    owner_id: Option<Id>,
    name: String,
    digest: Vec<u8>,
    scopes: String,
    models: Option<String>,
    tier: Option<String>,
    requests_per_minute: Option<i64>,
    tokens_per_minute: Option<i64>,
    created_at: At,
    expires_at: Option<At>,
    revoked_at: Option<At>,
    last_used_at: Option<At>,
    replaced_by: Option<Id>,
}

impl KeyRow {
    fn of(key: ApiKey) -> Result<Self, Fault> {
        check_text([key.name.as_str()].into_iter().chain(key.tier.as_deref()))?;
        let number = |number: NonZeroU32| i64::from(number.get());
        Ok(Self {
            id: key.id.into(),
            tenant: key.tenant.as_str().to_owned(),
            owner_id: key.owner.map(Id::from),
            name: key.name,
            digest: key.digest,
            scopes: to_text(&key.scopes)?,
            models: key.models.as_ref().map(to_text).transpose()?,
            tier: key.tier,
            requests_per_minute: key.requests_per_minute.map(number),
            tokens_per_minute: key.tokens_per_minute.map(number),
            created_at: At(key.created_at),
            expires_at: key.expires_at.map(At),
            revoked_at: key.revoked_at.map(At),
            last_used_at: key.last_used_at.map(At),
            replaced_by: key.replaced_by.map(Id::from),
        })
    }
}

impl TryFrom<KeyRow> for ApiKey {
    type Error = StorageError;

    fn try_from(row: KeyRow) -> Result<Self, StorageError> {
        let number = |number: i64| u32::try_from(number).ok().and_then(NonZeroU32::new);
        Ok(Self {
            id: row.id.into(),
            tenant: read_tenant(&row.tenant)?,
            owner: row.owner_id.map(Into::into),
            name: row.name,
            digest: row.digest,
            scopes: read_permissions(&row.scopes)?,
            models: row.models.as_deref().map(from_text).transpose()?,
            tier: row.tier,
            requests_per_minute: row.requests_per_minute.and_then(number),
            tokens_per_minute: row.tokens_per_minute.and_then(number),
            created_at: row.created_at.0,
            expires_at: row.expires_at.map(|at| at.0),
            revoked_at: row.revoked_at.map(|at| at.0),
            last_used_at: row.last_used_at.map(|at| at.0),
            replaced_by: row.replaced_by.map(Into::into),
        })
    }
}

#[async_trait]
impl KeyStore for Database {
    async fn add_key(&self, key: &ApiKey, replaces: Option<(KeyId, Timestamp)>) -> Result<(), Error> {
        let key = key.clone();
        call(self, "could not add a key", move |db| async move { add(&db, key, replaces).await }).await
    }

    async fn find_key(&self, id: KeyId) -> Result<Option<ApiKey>, Error> {
        let find = move |db: Self| async move {
            let row: Option<KeyRow> = read!(db, conn => {
                let key = api_key::table.find(Id::from(id)).select(KeyRow::as_select());
                key.first(conn).await.optional()
            })?;
            Ok(row.map(ApiKey::try_from).transpose()?)
        };
        call(self, "could not look for a key", find).await
    }

    async fn list_keys(&self, filter: &KeyFilter, page: Page<KeyId>) -> Result<Vec<ApiKey>, Error> {
        let filter = filter.clone();
        call(self, "could not list keys", |db| async move { list(&db, filter, page).await }).await
    }

    async fn revoke_key(&self, id: KeyId, at: Timestamp) -> Result<bool, Error> {
        let revoke = move |db: Self| async move {
            let revoked: usize = write!(db, "revoke_key", conn => {
                diesel::update(api_key::table.find(Id::from(id)))
                    .filter(api_key::revoked_at.is_null())
                    .set(api_key::revoked_at.eq(At(at)))
                    .execute(conn)
                    .await
            })?;
            Ok(revoked > 0)
        };
        call(self, "could not revoke a key", revoke).await
    }

    async fn revoke_keys_of(&self, owner: UserId, at: Timestamp) -> Result<Vec<KeyId>, Error> {
        let revoke = move |db: Self| async move { revoke_all(&db, owner, at).await };
        call(self, "could not revoke the keys of a user", revoke).await
    }

    async fn count_keys(
        &self,
        (tenant, owner): (&Tenant, Option<UserId>),
        now: Timestamp,
        most: u32,
    ) -> Result<u32, Error> {
        let of = (tenant.clone(), owner);
        let count = move |db: Self| async move { count(&db, of, now, most).await };
        call(self, "could not count keys", count).await
    }

    async fn touch_keys(&self, used: &[(KeyId, Timestamp)]) -> Result<(), Error> {
        let used = used.to_vec();
        call(self, "could not note the use of keys", |db| async move { touch(&db, used).await }).await
    }
}

async fn add(db: &Database, key: ApiKey, replaces: Option<(KeyId, Timestamp)>) -> Result<(), Fault> {
    let row = KeyRow::of(key)?;
    let body = async move |mut tx: Tx<'_>| {
        let (id, tenant) = (row.id, row.tenant.clone());
        let added: QueryResult<usize> = on_conn!(&mut tx, conn => {
            diesel::insert_into(api_key::table).values(row).execute(conn).await
        });
        added
            .map_err(|error| refused(error, "there is a key with this id", "the owner of the key is gone"))?;
        match replaces {
            Some(replaces) => replace(&mut tx, (id, &tenant), replaces).await,
            None => Ok(()),
        }
    };
    db.transaction("add_key", body).await
}

/// Whoever replaces the same key at once waits for the row, and finds it replaced.
async fn replace(
    tx: &mut Tx<'_>,
    (successor, tenant): (Id, &str),
    (old, until): (KeyId, Timestamp),
) -> Result<(), Fault> {
    let until = At(until);
    let replaced: usize = on_conn!(tx, conn => {
        diesel::update(api_key::table.find(Id::from(old)))
            .filter(api_key::tenant.eq(tenant))
            .filter(api_key::revoked_at.is_null())
            .filter(api_key::replaced_by.is_null())
            .set((
                api_key::replaced_by.eq(successor),
                api_key::expires_at.eq(diesel::dsl::case_when(api_key::expires_at.le(until), api_key::expires_at)
                    .otherwise(until.into_sql::<diesel::sql_types::Nullable<DbTime>>())),
            ))
            .execute(conn)
            .await
    })?;
    if replaced == 0 { Err(conflict("the key to replace is gone, revoked or replaced")) } else { Ok(()) }
}

async fn list(db: &Database, filter: KeyFilter, page: Page<KeyId>) -> Result<Vec<ApiKey>, Fault> {
    let KeyFilter { tenant, owner } = filter;
    let rows: Vec<KeyRow> = read!(db, conn => {
        let mut keys = api_key::table
            .select(KeyRow::as_select())
            .order(api_key::id)
            .limit(limit(page.limit))
            .into_boxed();
        if let Some(tenant) = &tenant {
            keys = keys.filter(api_key::tenant.eq(tenant.as_str()));
        }
        if let Some(owner) = owner {
            keys = keys.filter(api_key::owner_id.eq(Id::from(owner)));
        }
        if let Some(after) = page.after {
            keys = keys.filter(api_key::id.gt(Id::from(after)));
        }
        keys.load(conn).await
    })?;
    rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
}

/// The rows are locked in the order of their ids, so that two who revoke the same keys never wait for each other.
#[cfg(feature = "postgres")]
const REVOKE_ON_POSTGRES: &str = "
WITH locked AS MATERIALIZED (
  SELECT id FROM api_key WHERE owner_id = ? AND revoked_at IS NULL ORDER BY id FOR NO KEY UPDATE
)
UPDATE api_key SET revoked_at = ? FROM locked WHERE api_key.id = locked.id AND api_key.revoked_at IS NULL
RETURNING api_key.id";

#[derive(QueryableByName)]
#[cfg(feature = "postgres")]
struct Revoked {
    #[diesel(sql_type = DbUuid)]
    id: Id,
}

async fn revoke_all(db: &Database, owner: UserId, at: Timestamp) -> Result<Vec<KeyId>, Fault> {
    let (owner, at) = (Id::from(owner), At(at));
    let revoked: QueryResult<Vec<Id>> = write!(db, "revoke_keys_of",
        postgres conn => {
            let revoke = crate::statement::Statement::new(REVOKE_ON_POSTGRES);
            let revoke = revoke.bind::<DbUuid, _>(owner).bind::<DbTime, _>(at);
            let rows: QueryResult<Vec<Revoked>> = revoke.load(conn).await;
            rows.map(|rows| rows.into_iter().map(|row| row.id).collect())
        },
        sqlite conn => {
            diesel::update(api_key::table)
                .filter(api_key::owner_id.eq(owner))
                .filter(api_key::revoked_at.is_null())
                .set(api_key::revoked_at.eq(at))
                .returning(api_key::id)
                .get_results(conn)
                .await
        }
    );
    let mut revoked: Vec<KeyId> = revoked?.into_iter().map(KeyId::from).collect();
    revoked.sort_unstable();
    Ok(revoked)
}

const COUNT_OF_USER: &str = "
SELECT count(*) AS n FROM (
  SELECT 1 FROM api_key WHERE tenant = ? AND owner_id = ? AND revoked_at IS NULL
    AND (expires_at IS NULL OR expires_at > ?) LIMIT ?
) AS counted";
const COUNT_OF_SERVICES: &str = "
SELECT count(*) AS n FROM (
  SELECT 1 FROM api_key WHERE tenant = ? AND owner_id IS NULL AND revoked_at IS NULL
    AND (expires_at IS NULL OR expires_at > ?) LIMIT ?
) AS counted";

async fn count(
    db: &Database,
    (tenant, owner): (Tenant, Option<UserId>),
    now: Timestamp,
    most: u32,
) -> Result<u32, Fault> {
    let mut conn = db.reader().await?;
    let (mut tx, tenant) = (conn.tx(), tenant.as_str());
    let (now, limit) = (At(now), i64::from(most));
    let count: Vec<Count> = match owner.map(Id::from) {
        Some(owner) => crate::doctor::load!(
            &mut tx,
            COUNT_OF_USER,
            COUNT_OF_USER,
            [Text, tenant],
            [DbUuid, owner],
            [DbTime, now],
            [BigInt, limit]
        )?,
        None => crate::doctor::load!(
            &mut tx,
            COUNT_OF_SERVICES,
            COUNT_OF_SERVICES,
            [Text, tenant],
            [DbTime, now],
            [BigInt, limit]
        )?,
    };
    Ok(counted(&count, most))
}

/// The rows are locked in the order of their ids, so that two who touch the same keys never wait for each other.
#[cfg(feature = "postgres")]
const TOUCH_ON_POSTGRES: &str = "
WITH used AS MATERIALIZED (
  SELECT u.id, max(u.at) AS at FROM unnest(?, ?) AS u (id, at) GROUP BY u.id
), locked AS MATERIALIZED (
  SELECT k.id, used.at FROM used JOIN api_key k USING (id)
  WHERE k.last_used_at IS NULL OR k.last_used_at < used.at
  ORDER BY k.id FOR NO KEY UPDATE OF k
)
UPDATE api_key k SET last_used_at = locked.at FROM locked
WHERE k.id = locked.id AND (k.last_used_at IS NULL OR k.last_used_at < locked.at)";

#[cfg(feature = "sqlite")]
const TOUCH_ON_SQLITE: &str = "
UPDATE api_key SET last_used_at = used.at
FROM (
  SELECT json_extract(value, '$[0]') AS id, max(json_extract(value, '$[1]')) AS at FROM json_each(?) GROUP BY 1
) AS used
WHERE api_key.id = used.id AND (last_used_at IS NULL OR last_used_at < used.at)";

async fn touch(db: &Database, used: Vec<(KeyId, Timestamp)>) -> Result<(), Fault> {
    if used.is_empty() {
        return Ok(());
    }
    let _touched: usize = write!(db, "touch_keys",
        postgres conn => {
            use diesel::sql_types::Array;
            let (ids, times): (Vec<Id>, Vec<At>) = used.into_iter().map(|(id, at)| (Id::from(id), At(at))).unzip();
            let touch = crate::statement::Statement::new(TOUCH_ON_POSTGRES);
            touch.bind::<Array<DbUuid>, _>(ids).bind::<Array<DbTime>, _>(times).execute(conn).await
        },
        sqlite conn => {
            let used: Vec<_> = used.into_iter().map(|(id, at)| (id.uuid().to_string(), at.micros())).collect();
            let touch = diesel::sql_query(TOUCH_ON_SQLITE);
            touch.bind::<Text, _>(to_text(&used)?).execute(conn).await
        }
    )?;
    Ok(())
}
