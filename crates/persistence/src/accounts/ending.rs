//! The end of sessions: calls in flight are charged at their estimates, the rest of the slices goes back.

use codeflow_engine::Error;
use codeflow_gateway::{Ending, Recovered};

use super::usd;
use crate::Database;
use crate::conn::on_conn;

pub(super) async fn end(db: &Database, which: Ending) -> Result<Recovered, Error> {
    let mut conn = db.writer().await?;
    let ended = on_conn!(&mut conn.tx(),
        postgres conn => super::postgres::end(db, conn, which).await,
        sqlite conn => super::sqlite::end(db, conn, which).await
    );
    let (sessions, charged) = ended.map_err(|fault| fault.into_error("could not end sessions"))?;
    Ok(Recovered { sessions: u32::try_from(sessions).unwrap_or(u32::MAX), charged: usd(charged) })
}
