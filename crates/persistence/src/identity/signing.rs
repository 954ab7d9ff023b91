//! Signing keys.

use async_trait::async_trait;
use codeflow_auth::{Error, SigningKey, SigningKeyStore};
use codeflow_core::Timestamp;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::tables::signing_key;
use super::{MOST, call, check_text, has_zero, read, write};
use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::error::Fault;
use crate::sql_types::{At, DbTime};

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = signing_key)]
struct KeyRow {
    id: String,
    algorithm: String,
    public: String,
    secret: Vec<u8>,
    signs_from: At,
    signs_until: At,
    accepted_until: At,
}

impl From<SigningKey> for KeyRow {
    fn from(key: SigningKey) -> Self {
        let SigningKey { id, algorithm, public, secret, signs_from, signs_until, accepted_until } = key;
        let (signs_from, signs_until) = (At(signs_from), At(signs_until));
        Self { id, algorithm, public, secret, signs_from, signs_until, accepted_until: At(accepted_until) }
    }
}

impl From<KeyRow> for SigningKey {
    fn from(row: KeyRow) -> Self {
        let KeyRow { id, algorithm, public, secret, signs_from, signs_until, accepted_until } = row;
        let (signs_from, signs_until) = (signs_from.0, signs_until.0);
        Self { id, algorithm, public, secret, signs_from, signs_until, accepted_until: accepted_until.0 }
    }
}

#[async_trait]
impl SigningKeyStore for Database {
    async fn add_signing_key(&self, key: &SigningKey) -> Result<bool, Error> {
        let key = key.clone();
        let add = |db: Self| async move {
            check_text([key.id.as_str(), &key.algorithm, &key.public])?;
            let row = KeyRow::from(key);
            let body = async move |mut tx: Tx<'_>| add(&mut tx, row).await;
            db.transaction("add_signing_key", body).await
        };
        call(self, "could not add a signing key", add).await
    }

    async fn signing_keys(&self, now: Timestamp) -> Result<Vec<SigningKey>, Error> {
        let list = move |db: Self| async move {
            let rows: Vec<KeyRow> = read!(db, conn => {
                signing_key::table
                    .filter(signing_key::accepted_until.gt(At(now)))
                    .order((signing_key::signs_from, signing_key::id))
                    .limit(MOST.into())
                    .select(KeyRow::as_select())
                    .load(conn)
                    .await
            })?;
            Ok(rows.into_iter().map(SigningKey::from).collect())
        };
        call(self, "could not read the signing keys", list).await
    }

    async fn withdraw_signing_key(&self, id: &str, at: Timestamp) -> Result<bool, Error> {
        let id = id.to_owned();
        let withdraw = move |db: Self| async move {
            if has_zero(&id) {
                return Ok(false);
            }
            let withdrawn: usize = write!(db, "withdraw_signing_key", conn => {
                let at = || At(at).into_sql::<DbTime>();
                let until = diesel::dsl::case_when(signing_key::signs_until.le(at()), signing_key::signs_until);
                let accepted =
                    diesel::dsl::case_when(signing_key::accepted_until.le(at()), signing_key::accepted_until);
                diesel::update(signing_key::table.find(&id))
                    .set((
                        signing_key::signs_until.eq(until.otherwise(at())),
                        signing_key::accepted_until.eq(accepted.otherwise(at())),
                    ))
                    .execute(conn)
                    .await
            })?;
            Ok(withdrawn > 0)
        };
        call(self, "could not withdraw a signing key", withdraw).await
    }
}

/// Whoever holds it is the only one that adds a key.
#[cfg(feature = "postgres")]
const LOCK: &str = "SELECT pg_advisory_xact_lock(7104112306170923)";

async fn add(tx: &mut Tx<'_>, row: KeyRow) -> Result<bool, Fault> {
    let locked: QueryResult<()> = on_conn!(tx,
        postgres conn => diesel::sql_query(LOCK).execute(conn).await.map(|_| ()),
        sqlite _conn => Ok(()) // One writes at a time.
    );
    locked?;
    // A statement of its own, so that it sees what was committed while this one waited.
    let others: i64 = on_conn!(tx, conn => {
        signing_key::table
            .filter(signing_key::signs_from.le(row.signs_from))
            .filter(signing_key::signs_until.gt(row.signs_from))
            .count()
            .get_result(conn)
            .await
    })?;
    if others > 0 {
        return Ok(false);
    }
    let added: usize = on_conn!(tx, conn => {
        diesel::insert_into(signing_key::table).values(row).on_conflict_do_nothing().execute(conn).await
    })?;
    Ok(added > 0)
}
