//! `GET /api/v1/usage?limit=&before=`: the calls of the caller's tenant, newest first, a page at a time.
//!
//! `limit` is between 1 and 1000, and 100 if it is absent; `before` is the `next` of the page before.
//!
//! ```json
//! {
//!   "data": [{
//!     "id": "01933b1e-...", "at": "2026-11-25T10:00:00.000Z", "request_id": "req_...", "key": "ci", "user": null,
//!     "execution": null, "step": null, "route": "fast", "provider": "openai", "model": "gpt-4o",
//!     "format": "chat_completions", "stream": false, "status": "succeeded", "code": null, "attempts": 1,
//!     "usage": { "input": 12, "output": 5 }, "cost_microusd": 80, "estimated": false,
//!     "latency_us": { "total": 812345, "upstream": 811900, "first_token": 811950 }
//!   }],
//!   "next": null
//! }
//! ```
//!
//! What is not known is `null`, or absent within `usage`; `code` is that of a failure.

use codeflow_gateway::UsageRow;
use codeflow_model::WireFormat;
use http::{Request, Response};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Failure;
use crate::body::Outgoing;
use crate::exchange::{self, Exchange};
use crate::refusal::Refusal;

/// How many rows a page has.
const USUAL: u32 = 100;
const MOST: u32 = 1_000;

pub(crate) async fn list(
    exchange: &Exchange<'_>,
    request: &Request<Incoming>,
) -> Result<Response<Outgoing>, Failure> {
    let key = exchange.key(request.headers())?;
    let page = Page::read(request.uri().query().unwrap_or_default())?;
    let listed = exchange.api.usage.list(Some(&key.caller.tenant), page.before, page.limit).await;
    let rows = listed.map_err(|error| {
        let error: &dyn std::error::Error = &error;
        tracing::error!(request.id = %exchange.request_id, error, "calls could not be listed");
        Refusal::StorageUnavailable.told("the calls cannot be looked up at the moment")
    })?;
    let is_full = rows.len() == usize::try_from(page.limit).unwrap_or(usize::MAX);
    let next = rows.last().filter(|_| is_full).map(|row| row.id.to_string());
    let data: Vec<Value> = rows.iter().map(view).collect();
    Ok(exchange::json(json!({ "data": data, "next": next }).to_string().into()))
}

/// Which rows are asked for.
struct Page {
    before: Option<Uuid>,
    limit: u32,
}

impl Page {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut page = Self { before: None, limit: USUAL };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8_lossy();
            match name {
                "limit" => page.limit = limit(&value)?,
                "before" => page.before = Some(before(&value)?),
                _ => return Err(wrong(name, "is not known here; there are `limit` and `before`")),
            }
        }
        Ok(page)
    }
}

fn limit(value: &str) -> Result<u32, Failure> {
    let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
    limit.ok_or_else(|| wrong("limit", "must be a whole number between 1 and 1000"))
}

fn before(value: &str) -> Result<Uuid, Failure> {
    value.parse().map_err(|_| wrong("before", "must be the `next` of an earlier page"))
}

fn wrong(name: &str, rest: &str) -> Failure {
    let shown: String = name.chars().take(40).collect();
    let failure = Failure::new(400, crate::ErrorKind::InvalidField.code(), format!("`{shown}` {rest}"));
    Failure { param: Some(shown), ..failure }
}

fn view(row: &UsageRow) -> Value {
    let format = row.format.map(|format| match format {
        WireFormat::ChatCompletions => "chat_completions",
        WireFormat::Messages => "messages",
    });
    json!({
        "id": row.id.to_string(),
        "at": row.at.to_string(),
        "request_id": &*row.request,
        "key": &*row.key,
        "user": row.user.as_deref(),
        "execution": row.execution.map(|execution| execution.to_string()),
        "step": row.step.as_deref(),
        "route": &*row.route,
        "provider": row.provider.as_deref(),
        "model": row.model.as_deref(),
        "format": format,
        "stream": row.stream,
        "status": row.status.as_str(),
        "code": row.status.code(),
        "attempts": row.attempts,
        "usage": row.usage,
        "cost_microusd": row.cost.map(codeflow_core::Usd::micros),
        "estimated": row.estimated,
        "latency_us": {
            "total": row.latency.total_us,
            "upstream": row.latency.upstream_us,
            "first_token": row.latency.first_token_us,
        },
    })
}
