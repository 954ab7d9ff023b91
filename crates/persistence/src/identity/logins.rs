//! Sign-ins, and those with other services that have begun.

use async_trait::async_trait;
use codeflow_auth::{Attempt, AttemptStore, Error, Login, LoginStore, Page, Rotation};
use codeflow_core::{LoginId, Tenant, Timestamp, UserId};
use codeflow_engine::Error as StorageError;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::tables::{login, login_attempt};
use super::{call, check_text, limit, read, read_tenant, refused, sweeps, write};
use crate::Database;
use crate::error::Fault;
use crate::sql_types::{At, Id};

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = login)]
struct LoginRow {
    id: Id,
    user_id: Id,
    tenant: String,
    generation: i64,
    digest: Vec<u8>,
    created_at: At,
    used_at: At,
    expires_at: At,
    ended_at: Option<At>,
    address: Option<String>,
    agent: Option<String>,
}

impl From<Login> for LoginRow {
    fn from(login: Login) -> Self {
        Self {
            id: login.id.into(),
            user_id: login.user.into(),
            tenant: login.tenant.as_str().to_owned(),
            generation: login.generation,
            digest: login.digest,
            created_at: At(login.created_at),
            used_at: At(login.used_at),
            expires_at: At(login.expires_at),
            ended_at: login.ended_at.map(At),
            address: login.address,
            agent: login.agent,
        }
    }
}

impl TryFrom<LoginRow> for Login {
    type Error = StorageError;

    fn try_from(row: LoginRow) -> Result<Self, StorageError> {
        Ok(Self {
            id: row.id.into(),
            user: row.user_id.into(),
            tenant: read_tenant(&row.tenant)?,
            generation: row.generation,
            digest: row.digest,
            created_at: row.created_at.0,
            used_at: row.used_at.0,
            expires_at: row.expires_at.0,
            ended_at: row.ended_at.map(|at| at.0),
            address: row.address,
            agent: row.agent,
        })
    }
}

#[async_trait]
impl LoginStore for Database {
    async fn add_login(&self, login: &Login) -> Result<(), Error> {
        let login = login.clone();
        call(self, "could not add a sign-in", |db| async move { add(&db, login).await }).await
    }

    async fn find_login(&self, id: LoginId) -> Result<Option<Login>, Error> {
        let find = move |db: Self| async move {
            let row: Option<LoginRow> = read!(db, conn => {
                let login = login::table.find(Id::from(id)).select(LoginRow::as_select());
                login.first(conn).await.optional()
            })?;
            Ok(row.map(Login::try_from).transpose()?)
        };
        call(self, "could not look for a sign-in", find).await
    }

    async fn rotate(&self, rotation: &Rotation) -> Result<bool, Error> {
        let rotation = rotation.clone();
        call(self, "could not renew a sign-in", |db| async move { rotate(&db, rotation).await }).await
    }

    async fn list_logins(
        &self,
        (tenant, user): (Option<&Tenant>, Option<UserId>),
        now: Timestamp,
        page: Page<LoginId>,
    ) -> Result<Vec<Login>, Error> {
        let of = (tenant.cloned(), user);
        call(self, "could not list sign-ins", |db| async move { list(&db, of, now, page).await }).await
    }

    async fn end_login(&self, id: LoginId, at: Timestamp) -> Result<bool, Error> {
        let end = move |db: Self| async move {
            let ended: usize = write!(db, "end_login", conn => {
                diesel::update(login::table.find(Id::from(id)))
                    .filter(login::ended_at.is_null())
                    .set(login::ended_at.eq(At(at)))
                    .execute(conn)
                    .await
            })?;
            Ok(ended > 0)
        };
        call(self, "could not end a sign-in", end).await
    }

    async fn end_logins(
        &self,
        user: UserId,
        but: Option<LoginId>,
        at: Timestamp,
    ) -> Result<Vec<LoginId>, Error> {
        call(self, "could not end sign-ins", move |db| async move { end_all(&db, user, but, at).await }).await
    }

    async fn sweep_logins(&self, before: Timestamp, most: u32) -> Result<u32, Error> {
        let sweep = move |db: Self| async move { sweeps::logins(&db, before, most).await };
        call(self, "could not remove old sign-ins", sweep).await
    }
}

async fn add(db: &Database, new: Login) -> Result<(), Fault> {
    check_text([&new.address, &new.agent].into_iter().flatten().map(String::as_str))?;
    let row = LoginRow::from(new);
    let added: QueryResult<usize> = write!(db, "add_login", conn => {
        diesel::insert_into(login::table).values(row).execute(conn).await
    });
    let taken = "there is a sign-in with this id";
    added.map(|_| ()).map_err(|error| refused(error, taken, "the user is gone"))
}

/// Whoever comes second waits for the row, and finds another hash in it.
async fn rotate(db: &Database, rotation: Rotation) -> Result<bool, Fault> {
    let Rotation { id, generation, from, to, at, expires_at } = rotation;
    let rotated: usize = write!(db, "rotate", conn => {
        diesel::update(login::table.find(Id::from(id)))
            .filter(login::generation.eq(generation))
            .filter(login::digest.eq(from))
            .filter(login::ended_at.is_null())
            .filter(login::expires_at.gt(At(at)))
            .set((
                login::generation.eq(login::generation + 1),
                login::digest.eq(to),
                login::used_at.eq(At(at)),
                login::expires_at.eq(At(expires_at)),
            ))
            .execute(conn)
            .await
    })?;
    Ok(rotated > 0)
}

async fn list(
    db: &Database,
    (tenant, user): (Option<Tenant>, Option<UserId>),
    now: Timestamp,
    page: Page<LoginId>,
) -> Result<Vec<Login>, Fault> {
    let rows: Vec<LoginRow> = read!(db, conn => {
        let mut logins = login::table
            .select(LoginRow::as_select())
            .filter(login::ended_at.is_null())
            .filter(login::expires_at.gt(At(now)))
            .order(login::id)
            .limit(limit(page.limit))
            .into_boxed();
        if let Some(tenant) = &tenant {
            logins = logins.filter(login::tenant.eq(tenant.as_str()));
        }
        if let Some(user) = user {
            logins = logins.filter(login::user_id.eq(Id::from(user)));
        }
        if let Some(after) = page.after {
            logins = logins.filter(login::id.gt(Id::from(after)));
        }
        logins.load(conn).await
    })?;
    rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
}

/// The rows are locked in the order of their ids, so that two who end the same sign-ins never wait for each other. One
/// that is renewed meanwhile is waited for, and ended.
#[cfg(feature = "postgres")]
const END_ON_POSTGRES: &str = "
WITH locked AS MATERIALIZED (
  SELECT id FROM login WHERE user_id = ? AND ended_at IS NULL AND id <> ?
  ORDER BY id FOR NO KEY UPDATE
)
UPDATE login SET ended_at = ? FROM locked WHERE login.id = locked.id AND login.ended_at IS NULL
RETURNING login.id";

#[derive(QueryableByName)]
#[cfg(feature = "postgres")]
struct Ended {
    #[diesel(sql_type = crate::sql_types::DbUuid)]
    id: Id,
}

async fn end_all(
    db: &Database,
    user: UserId,
    but: Option<LoginId>,
    at: Timestamp,
) -> Result<Vec<LoginId>, Fault> {
    // No sign-in has the id of zeros.
    let (user, but, at) = (Id::from(user), but.map_or(Id(Uuid::nil()), Id::from), At(at));
    let ended: QueryResult<Vec<Id>> = write!(db, "end_logins",
        postgres conn => {
            use crate::sql_types::{DbTime, DbUuid};
            let end = crate::statement::Statement::new(END_ON_POSTGRES)
                .bind::<DbUuid, _>(user)
                .bind::<DbUuid, _>(but)
                .bind::<DbTime, _>(at);
            let rows: QueryResult<Vec<Ended>> = end.load(conn).await;
            rows.map(|rows| rows.into_iter().map(|row| row.id).collect())
        },
        sqlite conn => {
            diesel::update(login::table)
                .filter(login::user_id.eq(user))
                .filter(login::ended_at.is_null())
                .filter(login::id.ne(but))
                .set(login::ended_at.eq(at))
                .returning(login::id)
                .get_results(conn)
                .await
        }
    );
    let mut ended: Vec<LoginId> = ended?.into_iter().map(LoginId::from).collect();
    ended.sort_unstable();
    Ok(ended)
}

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = login_attempt)]
struct AttemptRow {
    state: Vec<u8>,
    secret: Vec<u8>,
    expires_at: At,
}

#[async_trait]
impl AttemptStore for Database {
    async fn add_attempt(&self, attempt: &Attempt, now: Timestamp) -> Result<(), Error> {
        let Attempt { state, secret, expires_at } = attempt.clone();
        let row = AttemptRow { state, secret, expires_at: At(expires_at) };
        let add = move |db: Self| async move {
            sweeps::attempts(&db, now).await?;
            let added: QueryResult<usize> = write!(db, "add_attempt", conn => {
                diesel::insert_into(login_attempt::table).values(row).execute(conn).await
            });
            let taken = "a sign-in with this state has begun";
            added.map(|_| ()).map_err(|error| refused(error, taken, taken))
        };
        call(self, "could not begin a sign-in", add).await
    }

    async fn take_attempt(&self, state: &[u8], now: Timestamp) -> Result<Option<Attempt>, Error> {
        let state = state.to_vec();
        let take = move |db: Self| async move {
            let row: Option<AttemptRow> = write!(db, "take_attempt", conn => {
                diesel::delete(login_attempt::table.find(state))
                    .filter(login_attempt::expires_at.gt(At(now)))
                    .returning(AttemptRow::as_returning())
                    .get_result(conn)
                    .await
                    .optional()
            })?;
            Ok(row.map(|row| Attempt { state: row.state, secret: row.secret, expires_at: row.expires_at.0 }))
        };
        call(self, "could not finish a sign-in", take).await
    }
}
