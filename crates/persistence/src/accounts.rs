//! The accounts of the gateway: slices of budgets, and the calls of models.

mod calls;
mod ending;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
mod tables;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::{SessionId, Usd};
use codeflow_engine::Error;
use codeflow_gateway::{
    AccountStore, Balance, Batch, BudgetKey, Committed, Ending, Recall, Recovered, StoreError, UsageRow,
    UsageStore,
};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::error::Fault;
use crate::sql_types::{At, Id};
use tables::{account_session, budget, budget_slice};

/// A list has at most this many rows, whatever is asked for.
const MOST: u32 = 1_000;

#[async_trait]
impl AccountStore for Database {
    async fn open(&self, session: SessionId, lease: Duration) -> Result<(), StoreError> {
        let opened = self.run(move |db| async move { open(&db, session, lease).await }).await;
        opened.map_err(|error| StoreError::new("could not open a session of accounts", error))
    }

    async fn commit(&self, batch: Arc<Batch>) -> Result<Committed, StoreError> {
        let committed = self.run(|db| async move { commit(&db, batch).await }).await;
        committed.map_err(|error| StoreError::new("could not write the accounts", error))
    }

    async fn recalls(&self, session: SessionId) -> Result<Vec<Recall>, StoreError> {
        let recalls = self.run(move |db| async move { recalls(&db, session).await }).await;
        recalls.map_err(|error| StoreError::new("could not look for recalls of slices", error))
    }

    async fn end(&self, which: Ending) -> Result<Recovered, StoreError> {
        let ended = self.run(move |db| async move { ending::end(&db, which).await }).await;
        ended.map_err(|error| StoreError::new("could not end sessions of accounts", error))
    }

    async fn balance(&self, key: &BudgetKey) -> Result<Balance, StoreError> {
        let key = Key::of(key);
        let balance = self.run(|db| async move { balance(&db, key).await }).await;
        balance.map_err(|error| StoreError::new("could not read a budget", error))
    }
}

#[async_trait]
impl UsageStore for Database {
    async fn list(
        &self,
        tenant: Option<&str>,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<UsageRow>, StoreError> {
        let tenant = tenant.map(str::to_owned);
        let call = move |db: Self| async move { calls::list(&db, tenant, before, limit.min(MOST)).await };
        self.run(call).await.map_err(|error| StoreError::new("could not list calls", error))
    }
}

/// A key in the shape of columns.
struct Key {
    rule: String,
    tenant: String,
    subject: String,
    since: At,
}

impl Key {
    fn of(key: &BudgetKey) -> Self {
        Self {
            rule: clean(&key.rule).into_owned(),
            tenant: clean(&key.tenant).into_owned(),
            subject: clean(&key.subject()).into_owned(),
            since: At(key.since),
        }
    }
}

/// Names come from outside. PostgreSQL has no zero character, and one name must not stop the accounts of all.
fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(text) }
}

/// Money as columns have it.
fn micros(amount: Usd) -> i64 {
    i64::try_from(amount.micros()).unwrap_or(i64::MAX)
}

/// Money as it was read. A column is never below zero.
fn usd(micros: i64) -> Usd {
    Usd::from_micros(u64::try_from(micros).unwrap_or_default())
}

async fn open(db: &Database, id: SessionId, lease: Duration) -> Result<(), Error> {
    let body = async |mut tx: Tx<'_>| {
        let expires = At(db.now(&mut tx).await?.after(lease));
        let row = (
            account_session::id.eq(Id::from(id)),
            account_session::seq.eq(0_i64),
            account_session::expires_at.eq(expires),
        );
        let insert = diesel::insert_into(account_session::table).values(row);
        on_conn!(&mut tx, conn => insert.execute(conn).await)?;
        Ok(())
    };
    let opened = db.transaction("open_accounts", body).await;
    opened.map_err(|fault| fault.into_error(format!("could not open session `{id}`")))
}

async fn commit(db: &Database, batch: Arc<Batch>) -> Result<Committed, Error> {
    let mut conn = db.writer().await?;
    let committed = on_conn!(&mut conn.tx(),
        postgres conn => postgres::commit(db, conn, &batch).await,
        sqlite conn => sqlite::commit(db, conn, batch).await
    );
    committed.map_err(|fault| fault.into_error("could not commit a batch of accounts"))
}

/// Which recalls a session has not answered.
#[derive(Queryable)]
struct RecallRow {
    rule: String,
    tenant: String,
    subject: String,
    since: At,
    number: i64,
}

impl From<RecallRow> for Recall {
    fn from(row: RecallRow) -> Self {
        let RecallRow { rule, tenant, subject, since, number } = row;
        Self { rule, tenant, subject, since: since.0, number }
    }
}

async fn recalls(db: &Database, session: SessionId) -> Result<Vec<Recall>, Error> {
    let mut conn = db.reader().await?;
    let same = budget::rule
        .eq(budget_slice::rule)
        .and(budget::tenant.eq(budget_slice::tenant))
        .and(budget::subject.eq(budget_slice::subject))
        .and(budget::since.eq(budget_slice::since));
    let query = budget_slice::table
        .inner_join(budget::table.on(same))
        .filter(budget_slice::session_id.eq(Id::from(session)))
        .filter(budget_slice::answered.lt(budget::recall))
        .select((budget::rule, budget::tenant, budget::subject, budget::since, budget::recall));
    let rows: Result<Vec<RecallRow>, _> = on_conn!(&mut conn.tx(), conn => query.load(conn).await);
    let rows = rows.map_err(|error| Fault::from(error).into_error("could not read recalls"))?;
    Ok(rows.into_iter().map(Recall::from).collect())
}

async fn balance(db: &Database, key: Key) -> Result<Balance, Error> {
    let mut conn = db.reader().await?;
    let query = budget::table.find((key.rule, key.tenant, key.subject, key.since)).select((
        budget::spent,
        budget::unknown,
        budget::leased,
    ));
    let row: Result<Option<(i64, i64, i64)>, _> =
        on_conn!(&mut conn.tx(), conn => query.first(conn).await.optional());
    let row = row.map_err(|error| Fault::from(error).into_error("could not read a budget"))?;
    let (spent, unknown, leased) = row.unwrap_or_default();
    Ok(Balance { spent: usd(spent), unknown: usd(unknown), leased: usd(leased) })
}
