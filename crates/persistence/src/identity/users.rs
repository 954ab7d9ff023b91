//! Users. What a list or a second factor holds is JSON in a column of its own.

use async_trait::async_trait;
use codeflow_auth::{Error, Page, SecondFactor, User, UserStore};
use codeflow_core::{Tenant, UserId};
use codeflow_engine::Error as StorageError;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_async::RunQueryDsl;

use super::tables::app_user;
use super::{Count, call, check_text, counted, has_zero, limit, read, read_tenant, refused, write};
use crate::Database;
use crate::error::Fault;
use crate::payload::{from_text, to_text};
use crate::sql_types::{At, Id};

/// What never changes, and how often the rest did.
#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = app_user)]
struct UserRow {
    id: Id,
    tenant: String,
    created_at: At,
    version: i64,
    #[diesel(embed)]
    rest: UserColumns,
}

#[derive(Insertable, Queryable, Selectable, AsChangeset)]
#[diesel(table_name = app_user, treat_none_as_null = true)]
struct UserColumns {
    name: String,
    display_name: String,
    email: Option<String>,
    password: Option<String>,
    roles: String,
    disabled: bool,
    factor_secret: Option<Vec<u8>>,
    factor_confirmed: bool,
    factor_step: i64,
    factor_recovery: String,
    issuer: Option<String>,
    subject: Option<String>,
}

impl UserColumns {
    fn of(user: &User) -> Result<Self, Fault> {
        let User { name, display_name, email, password, roles, identity, .. } = user;
        let optional = [email, password].into_iter().flatten();
        let voucher = identity.iter().flat_map(|(issuer, subject)| [issuer, subject]);
        let texts = [name, display_name].into_iter().chain(roles).chain(optional).chain(voucher);
        check_text(texts.map(String::as_str))?;
        let factor = user.second_factor.as_ref();
        let recovery = factor.map(|factor| factor.recovery.as_slice()).unwrap_or_default();
        Ok(Self {
            name: name.clone(),
            display_name: display_name.clone(),
            email: email.clone(),
            password: password.clone(),
            roles: to_text(roles)?,
            disabled: user.disabled,
            factor_secret: factor.map(|factor| factor.secret.clone()),
            factor_confirmed: factor.is_some_and(|factor| factor.confirmed),
            factor_step: factor.map(|factor| factor.last_step).unwrap_or_default(),
            factor_recovery: to_text(&recovery)?,
            issuer: identity.as_ref().map(|(issuer, _)| issuer.clone()),
            subject: identity.as_ref().map(|(_, subject)| subject.clone()),
        })
    }
}

impl TryFrom<UserRow> for User {
    type Error = StorageError;

    fn try_from(row: UserRow) -> Result<Self, StorageError> {
        let UserRow { id, tenant, created_at, version, rest } = row;
        let recovery = from_text(&rest.factor_recovery)?;
        let factor = |secret| SecondFactor {
            secret,
            confirmed: rest.factor_confirmed,
            last_step: rest.factor_step,
            recovery,
        };
        Ok(Self {
            id: id.into(),
            tenant: read_tenant(&tenant)?,
            name: rest.name,
            display_name: rest.display_name,
            email: rest.email,
            password: rest.password,
            roles: from_text(&rest.roles)?,
            disabled: rest.disabled,
            second_factor: rest.factor_secret.map(factor),
            identity: rest.issuer.zip(rest.subject),
            created_at: created_at.0,
            version,
        })
    }
}

#[async_trait]
impl UserStore for Database {
    async fn add_user(&self, user: &User) -> Result<(), Error> {
        let user = user.clone();
        call(self, "could not add a user", |db| async move { add(&db, user).await }).await
    }

    async fn find_user(&self, id: UserId) -> Result<Option<User>, Error> {
        let by_id = move |db: Self| async move {
            let row: Option<UserRow> = read!(db, conn => {
                let users = app_user::table.find(Id::from(id)).select(UserRow::as_select());
                users.first(conn).await.optional()
            })?;
            user(row)
        };
        call(self, FIND, by_id).await
    }

    async fn find_user_by_name(&self, name: &str) -> Result<Option<User>, Error> {
        let name = name.to_owned();
        let by_name = |db: Self| async move {
            if has_zero(&name) {
                return Ok(None);
            }
            let row: Option<UserRow> = read!(db, conn => {
                let users = app_user::table.filter(app_user::name.eq(&name)).select(UserRow::as_select());
                users.first(conn).await.optional()
            })?;
            user(row)
        };
        call(self, FIND, by_name).await
    }

    async fn find_user_by_identity(&self, issuer: &str, subject: &str) -> Result<Option<User>, Error> {
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        let by_identity = |db: Self| async move {
            if has_zero(&issuer) || has_zero(&subject) {
                return Ok(None);
            }
            let row: Option<UserRow> = read!(db, conn => {
                let is_it = app_user::issuer.eq(&issuer).and(app_user::subject.eq(&subject));
                app_user::table.filter(is_it).select(UserRow::as_select()).first(conn).await.optional()
            })?;
            user(row)
        };
        call(self, FIND, by_identity).await
    }

    async fn list_users(&self, tenant: Option<&Tenant>, page: Page<UserId>) -> Result<Vec<User>, Error> {
        let tenant = tenant.cloned();
        call(self, "could not list users", |db| async move { list(&db, tenant, page).await }).await
    }

    async fn replace_user(&self, user: &User) -> Result<bool, Error> {
        let user = user.clone();
        call(self, "could not change a user", |db| async move { replace(&db, user).await }).await
    }

    async fn remove_user(&self, id: UserId) -> Result<bool, Error> {
        // Its keys and sign-ins go with it, also those that are added at this moment: the foreign keys see to that.
        let remove = move |db: Self| async move {
            let removed: usize = write!(db, "remove_user", conn => {
                diesel::delete(app_user::table.find(Id::from(id))).execute(conn).await
            })?;
            Ok(removed > 0)
        };
        call(self, "could not remove a user", remove).await
    }

    async fn count_users(&self, tenant: Option<&Tenant>, most: u32) -> Result<u32, Error> {
        let tenant = tenant.cloned();
        let count = move |db: Self| async move { count(&db, tenant, most).await };
        call(self, "could not count users", count).await
    }
}

const FIND: &str = "could not look for a user";
const TAKEN: &str = "there is a user with this name or this identity";

fn user(row: Option<UserRow>) -> Result<Option<User>, Fault> {
    Ok(row.map(User::try_from).transpose()?)
}

async fn add(db: &Database, user: User) -> Result<(), Fault> {
    let row = UserRow {
        id: user.id.into(),
        tenant: user.tenant.as_str().to_owned(),
        created_at: At(user.created_at),
        version: user.version,
        rest: UserColumns::of(&user)?,
    };
    let added: QueryResult<usize> = write!(db, "add_user", conn => {
        diesel::insert_into(app_user::table).values(row).execute(conn).await
    });
    added.map(|_| ()).map_err(|error| refused(error, TAKEN, TAKEN))
}

async fn list(db: &Database, tenant: Option<Tenant>, page: Page<UserId>) -> Result<Vec<User>, Fault> {
    let rows: Vec<UserRow> = read!(db, conn => {
        let mut users = app_user::table
            .select(UserRow::as_select())
            .order(app_user::id)
            .limit(limit(page.limit))
            .into_boxed();
        if let Some(tenant) = &tenant {
            users = users.filter(app_user::tenant.eq(tenant.as_str()));
        }
        if let Some(after) = page.after {
            users = users.filter(app_user::id.gt(Id::from(after)));
        }
        users.load(conn).await
    })?;
    rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
}

async fn replace(db: &Database, user: User) -> Result<bool, Fault> {
    let columns = UserColumns::of(&user)?;
    let replaced: QueryResult<usize> = write!(db, "replace_user", conn => {
        diesel::update(app_user::table.find(Id::from(user.id)))
            .filter(app_user::version.eq(user.version))
            .set((columns, app_user::version.eq(app_user::version + 1)))
            .execute(conn)
            .await
    });
    replaced.map(|rows| rows > 0).map_err(|error| refused(error, TAKEN, TAKEN))
}

const COUNT: &str = "SELECT count(*) AS n FROM (SELECT 1 FROM app_user LIMIT ?) AS counted";
const COUNT_OF_TENANT: &str =
    "SELECT count(*) AS n FROM (SELECT 1 FROM app_user WHERE tenant = ? LIMIT ?) AS counted";

async fn count(db: &Database, tenant: Option<Tenant>, most: u32) -> Result<u32, Fault> {
    let mut conn = db.reader().await?;
    let mut tx = conn.tx();
    let limit = i64::from(most);
    let count: Vec<Count> = match &tenant {
        None => crate::doctor::load!(&mut tx, COUNT, COUNT, [BigInt, limit])?,
        Some(tenant) => {
            let tenant = tenant.as_str();
            crate::doctor::load!(&mut tx, COUNT_OF_TENANT, COUNT_OF_TENANT, [Text, tenant], [BigInt, limit])?
        }
    };
    Ok(counted(&count, most))
}
