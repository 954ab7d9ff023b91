//! The limits on requests that an admin has set while servers run. What they mean is the business of `codeflow-ratelimit`.

use async_trait::async_trait;
use codeflow_engine::{Error as StoreError, ErrorKind as StoreErrorKind};
use codeflow_ratelimit::{Error, ErrorKind, RuleStore, Rules, StoredRules};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::error::{Fault, corrupt};
use crate::schema::limit_rules;

/// The only row.
const ROW: i32 = 1;

#[async_trait]
impl RuleStore for Database {
    async fn load(&self) -> Result<Option<StoredRules>, Error> {
        self.run(|db| async move { load(&db).await }).await.map_err(translated)
    }

    async fn save(&self, rules: Option<&Rules>, seen: u64) -> Result<u64, Error> {
        let text = rules.map(serde_json::to_string).transpose();
        let text = text.map_err(|error| {
            Error::with_source(ErrorKind::InvalidRules, "the limits cannot be written as text", error)
        })?;
        self.run(move |db| async move { save(&db, text, seen).await }).await.map_err(translated)
    }
}

async fn load(db: &Database) -> Result<Option<StoredRules>, StoreError> {
    let mut conn = db.reader().await?;
    let row: QueryResult<Option<(i64, Option<String>)>> = on_conn!(&mut conn.tx(), conn => {
        limit_rules::table
            .select((limit_rules::version, limit_rules::rules))
            .filter(limit_rules::id.eq(ROW))
            .first(conn)
            .await
            .optional()
    });
    let row = row.map_err(|error| Fault::from(error).into_error("could not load the limits"))?;
    row.map(|(version, text)| {
        let rules = text.map(|text| serde_json::from_str(&text)).transpose();
        let unreadable = |error| corrupt("the stored limits cannot be read", error);
        Ok(StoredRules { version: version.unsigned_abs(), rules: rules.map_err(unreadable)? })
    })
    .transpose()
}

async fn save(db: &Database, rules: Option<String>, seen: u64) -> Result<u64, StoreError> {
    let known = i64::try_from(seen).unwrap_or(i64::MAX);
    let body = async |mut tx: Tx<'_>| replace(&mut tx, rules, known).await;
    let written = db.transaction("limit_rules", body).await;
    match written.map_err(|fault| fault.into_error("could not save the limits"))? {
        0 => Err(StoreError::new(StoreErrorKind::Conflict, "the limits were changed by somebody else")),
        _ => Ok(seen + 1),
    }
}

/// How many rows were written: none when the version is another one by now.
async fn replace(tx: &mut Tx<'_>, rules: Option<String>, seen: i64) -> Result<usize, Fault> {
    let written: QueryResult<usize> = match seen {
        0 => on_conn!(tx, conn => {
            let row = (limit_rules::id.eq(ROW), limit_rules::version.eq(1_i64), limit_rules::rules.eq(rules));
            diesel::insert_into(limit_rules::table).values(row).on_conflict_do_nothing().execute(conn).await
        }),
        _ => on_conn!(tx, conn => {
            diesel::update(limit_rules::table.filter(limit_rules::version.eq(seen)))
                .set((limit_rules::version.eq(seen.saturating_add(1)), limit_rules::rules.eq(rules)))
                .execute(conn)
                .await
        }),
    };
    Ok(written?)
}

fn translated(error: StoreError) -> Error {
    let (kind, context) = match error.kind() {
        StoreErrorKind::Conflict => (ErrorKind::Conflict, "the limits were changed by somebody else"),
        StoreErrorKind::Corrupt => (ErrorKind::Corrupt, "the stored limits cannot be read"),
        StoreErrorKind::NotFound
        | StoreErrorKind::Forbidden
        | StoreErrorKind::InvalidInput
        | StoreErrorKind::LeaseLost
        | StoreErrorKind::Locked
        | StoreErrorKind::Unavailable
        | StoreErrorKind::Internal => (ErrorKind::Unavailable, "the stored limits cannot be reached"),
    };
    Error::with_source(kind, context, error)
}
