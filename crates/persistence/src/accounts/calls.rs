//! The calls of models as rows.

use std::sync::Arc;

use codeflow_core::ExecutionId;
use codeflow_engine::{Error, ErrorKind};
use codeflow_gateway::{CallStatus, Latency, UsageRow};
use codeflow_model::{Usage, WireFormat};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use super::tables::model_call;
use super::usd;
use crate::Database;
use crate::conn::on_conn;
use crate::error::Fault;
use crate::sql_types::{At, Id};

#[derive(Queryable, Selectable)]
#[diesel(table_name = model_call)]
struct CallRow {
    id: Id,
    began_at: At,
    request: String,
    tenant: String,
    user_name: Option<String>,
    key_name: String,
    execution_id: Option<Id>,
    step: Option<String>,
    route: String,
    provider: Option<String>,
    model: Option<String>,
    format: Option<String>,
    stream: bool,
    status: String,
    error: Option<String>,
    attempts: i32,
    input_tokens: Option<i64>,
    cache_read_tokens: Option<i64>,
    cache_write_tokens: Option<i64>,
    cache_write_1h_tokens: Option<i64>,
    output_tokens: Option<i64>,
    reasoning_tokens: Option<i64>,
    cost: Option<i64>,
    estimated: bool,
    total_us: i64,
    upstream_us: Option<i64>,
    first_token_us: Option<i64>,
}

impl CallRow {
    fn into_usage(self) -> Result<UsageRow, Error> {
        Ok(UsageRow {
            id: self.id.0,
            at: self.began_at.0,
            request: self.request.into(),
            tenant: self.tenant.into(),
            user: self.user_name.map(Arc::from),
            key: self.key_name.into(),
            execution: self.execution_id.map(ExecutionId::from),
            step: self.step.map(Arc::from),
            route: self.route.into(),
            provider: self.provider.map(Arc::from),
            model: self.model.map(Arc::from),
            format: self.format.as_deref().map(format_of).transpose()?,
            stream: self.stream,
            status: status_of(&self.status, self.error)?,
            attempts: u32::try_from(self.attempts).unwrap_or_default(),
            usage: Usage {
                input: count(self.input_tokens),
                cache_read: count(self.cache_read_tokens),
                cache_write: count(self.cache_write_tokens),
                cache_write_1h: count(self.cache_write_1h_tokens),
                output: count(self.output_tokens),
                reasoning: count(self.reasoning_tokens),
            },
            cost: self.cost.map(usd),
            estimated: self.estimated,
            latency: Latency {
                total_us: u64::try_from(self.total_us).unwrap_or_default(),
                upstream_us: count(self.upstream_us),
                first_token_us: count(self.first_token_us),
            },
        })
    }
}

/// Newest first.
pub(super) async fn list(
    db: &Database,
    tenant: Option<String>,
    before: Option<Uuid>,
    limit: u32,
) -> Result<Vec<UsageRow>, Error> {
    let mut conn = db.reader().await?;
    let rows: Result<Vec<CallRow>, _> = on_conn!(&mut conn.tx(), conn => {
        let mut query = model_call::table
            .select(CallRow::as_select())
            .order(model_call::id.desc())
            .limit(i64::from(limit))
            .into_boxed();
        if let Some(tenant) = &tenant {
            query = query.filter(model_call::tenant.eq(tenant));
        }
        if let Some(before) = before {
            query = query.filter(model_call::id.lt(Id(before)));
        }
        query.load(conn).await
    });
    let rows = rows.map_err(|error| Fault::from(error).into_error("could not read calls"))?;
    rows.into_iter().map(CallRow::into_usage).collect()
}

/// The name of a format in its column. Never changes once released.
pub(super) fn format_name(format: WireFormat) -> &'static str {
    match format {
        WireFormat::ChatCompletions => "chat_completions",
        WireFormat::Messages => "messages",
    }
}

fn format_of(name: &str) -> Result<WireFormat, Error> {
    [WireFormat::ChatCompletions, WireFormat::Messages]
        .into_iter()
        .find(|format| format_name(*format) == name)
        .ok_or_else(|| unknown("wire format"))
}

fn status_of(name: &str, error: Option<String>) -> Result<CallStatus, Error> {
    let error = error.unwrap_or_default().into();
    [CallStatus::Succeeded, CallStatus::Cached, CallStatus::Cancelled, CallStatus::Failed(error)]
        .into_iter()
        .find(|status| status.as_str() == name)
        .ok_or_else(|| unknown("status"))
}

fn unknown(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("a stored call has a {what} that this program does not know"))
}

fn count(number: Option<i64>) -> Option<u64> {
    number.and_then(|number| u64::try_from(number).ok())
}

/// A number in its column.
pub(super) fn signed(number: Option<u64>) -> Option<i64> {
    number.map(|number| i64::try_from(number).unwrap_or(i64::MAX))
}
