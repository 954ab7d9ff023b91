//! Looks whether the tables agree with each other, in pieces by key. Each piece is looked at with one statement,
//! so that nothing is seen between two places; what is not enough for that looks wrong for a moment only.

mod claims;
mod executions;
mod payloads;
mod places;
mod repair;
mod tasks;

use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::{SessionId, TaskId};
use codeflow_engine::{BoxError, Chore, Doctor, Error, Examined, Part};
use uuid::Uuid;

use crate::Database;
use crate::conn::Tx;
use crate::error::{Fault, corrupt};
use crate::sql_types::Id;

/// A piece is not longer than this, whatever is asked for.
const MOST: u32 = 1_000;

/// After this time, what should be over in a moment is not going to be.
const LONG: Duration = Duration::from_secs(600);

/// Loads what a statement gives, which has a text for each database and the same values for both.
macro_rules! load {
    ($tx:expr, $postgres:expr, $sqlite:expr, $([$kind:ty, $value:expr]),*) => {
        $crate::conn::on_conn!($tx,
            postgres conn => {
                let statement = $crate::statement::Statement::new($postgres)$(.bind::<$kind, _>($value))*;
                diesel_async::RunQueryDsl::load(statement, conn).await
            },
            sqlite conn => {
                let statement = diesel::sql_query($sqlite)$(.bind::<$kind, _>($value))*;
                diesel_async::RunQueryDsl::load(statement, conn).await
            }
        )
    };
}

pub(crate) use load;
pub(crate) use payloads::{read_hash, write_hash};

#[async_trait]
impl Doctor for Database {
    async fn examine(&self, part: Part, after: Option<String>, limit: u32) -> Result<Examined, Error> {
        let limit = limit.clamp(1, MOST);
        self.run(move |db| async move {
            let mut conn = db.reader().await?;
            let mut tx = conn.tx();
            let after = after.as_deref();
            let examined = examine(&db, &mut tx, part, (after, limit)).await;
            examined.map_err(|fault| fault.into_error("could not look whether storage is in order"))
        })
        .await
    }

    async fn put_back(&self, task: TaskId) -> Result<bool, Error> {
        self.run(move |db| async move { repair::put_back(&db, task).await }).await
    }

    async fn take_chore(&self, chore: Chore, holder: SessionId, ttl: Duration) -> Result<bool, Error> {
        self.run(move |db| async move { repair::take_chore(&db, chore, holder, ttl).await }).await
    }
}

/// Where a piece begins, and how long it is.
type Window<'a> = (Option<&'a str>, u32);

async fn examine(db: &Database, tx: &mut Tx<'_>, part: Part, window: Window<'_>) -> Result<Examined, Fault> {
    match part {
        Part::Executions => executions::examine(tx, window).await,
        Part::Tasks => tasks::examine(tx, window).await,
        Part::Places => places::examine(tx, window).await,
        Part::Claims => claims::examine(db, tx, window).await,
        Part::Slots => claims::examine_slots(db, tx, window.1).await,
        Part::Payloads => payloads::examine(tx, window).await,
    }
}

/// The id that a piece begins after.
fn id_after(after: Option<&str>) -> Result<Id, Error> {
    after.map_or(Ok(Id(Uuid::nil())), |text| match text.parse() {
        Ok(id) => Ok(Id(id)),
        Err(error) => Err(unreadable(error)),
    })
}

pub(crate) fn unreadable(error: impl Into<BoxError>) -> Error {
    corrupt("this is no place to go on from", error)
}

/// Splits a place to go on from into the part of the part, and where in there.
fn split<'a>(after: Option<&'a str>, first: &'a str) -> (&'a str, Option<&'a str>) {
    match after {
        None => (first, None),
        Some(text) => text.split_once(' ').map_or((text, None), |(part, key)| (part, Some(key))),
    }
}
