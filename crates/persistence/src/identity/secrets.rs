//! A few named secrets of the installation.

use async_trait::async_trait;
use codeflow_auth::{Error, SecretStore};
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;

use super::tables::installation_secret;
use super::{call, check_text, has_zero, read, write};
use crate::Database;
use crate::error::Fault;

#[async_trait]
impl SecretStore for Database {
    async fn secret(&self, name: &str, value: &[u8]) -> Result<Vec<u8>, Error> {
        let (name, value) = (name.to_owned(), value.to_vec());
        let keep = |db: Self| async move { keep(&db, name, value).await };
        call(self, "could not read a secret of the installation", keep).await
    }

    async fn take_secret(&self, name: &str, value: &[u8]) -> Result<bool, Error> {
        let (name, value) = (name.to_owned(), value.to_vec());
        let take = |db: Self| async move {
            if has_zero(&name) {
                return Ok(false);
            }
            let taken: usize = write!(db, "take_secret", conn => {
                diesel::delete(installation_secret::table.find(&name))
                    .filter(installation_secret::value.eq(&value))
                    .execute(conn)
                    .await
            })?;
            Ok(taken > 0)
        };
        call(self, "could not take a secret of the installation", take).await
    }
}

async fn keep(db: &Database, name: String, value: Vec<u8>) -> Result<Vec<u8>, Fault> {
    check_text([name.as_str()])?;
    let kept: Option<Vec<u8>> = read!(db, conn => {
        let secret = installation_secret::table.find(&name).select(installation_secret::value);
        secret.first(conn).await.optional()
    })?;
    if let Some(kept) = kept {
        return Ok(kept);
    }
    // What another process kept meanwhile stays, and comes back.
    let kept = write!(db, "secret", conn => {
        diesel::insert_into(installation_secret::table)
            .values((installation_secret::name.eq(&name), installation_secret::value.eq(&value)))
            .on_conflict(installation_secret::name)
            .do_update()
            .set(installation_secret::name.eq(excluded(installation_secret::name)))
            .returning(installation_secret::value)
            .get_result(conn)
            .await
    })?;
    Ok(kept)
}
