//! The beginning of a session. Its renewal is with the statements of each database, its end with recovery.

use std::time::Duration;

use codeflow_core::SessionId;
use codeflow_engine::{Error, Session};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::schema::session;
use crate::sql_types::{At, Id};

/// The epoch of a session that nobody has ended.
const FIRST_EPOCH: i64 = 1;

pub(super) async fn open(db: &Database, id: SessionId, ttl: Duration) -> Result<Session, Error> {
    let body = async |mut tx: Tx<'_>| {
        let expires = At(db.now(&mut tx).await?.after(ttl));
        let row =
            (session::id.eq(Id::from(id)), session::epoch.eq(FIRST_EPOCH), session::expires_at.eq(expires));
        on_conn!(&mut tx, conn => diesel::insert_into(session::table).values(row).execute(conn).await)?;
        Ok(Session { id, epoch: FIRST_EPOCH })
    };
    let opened = db.transaction("open_session", body).await;
    opened.map_err(|fault| fault.into_error(format!("could not open session `{id}`")))
}
