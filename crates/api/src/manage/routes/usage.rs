//! `GET /api/v1/usage`: the calls of the caller's tenant, newest first, a page at a time.

use axum::Json;
use axum::extract::State;
use codeflow_auth::Permission;
use codeflow_gateway::UsageRow;
use codeflow_model::WireFormat;
use codeflow_ratelimit::EndpointClass;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;

use super::lists::Page;
use crate::manage::extract::{Caller, Query};
use crate::manage::guard::Guard;
use crate::manage::office::{Desk, Office};
use crate::manage::problem::Problem;

/// How many rows a page has if nothing is said.
const USUAL: u32 = 100;

pub(super) fn routes(desk: Desk) -> Desk {
    desk.route(Guard::needs(Permission::UsageRead, EndpointClass::Read), routes!(usage))
}

/// Which calls.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct UsageQuery {
    /// How many rows; 100 if absent.
    #[param(minimum = 1, maximum = 1000, example = 100)]
    limit: Option<u32>,
    /// The `next` of the page before.
    #[param(value_type = Option<String>, pattern = "^[0-9a-fA-F-]{32,36}$",
        example = "01933b1e-0000-7000-8000-0000000000aa")]
    before: Option<String>,
}

/// One call of a model. What is not known is `null`, or absent within `usage`.
#[derive(Serialize, ToSchema)]
pub(crate) struct UsageView {
    /// Its id.
    #[schema(example = "01933b1e-0000-7000-8000-0000000000aa")]
    id: String,
    /// When it began.
    #[schema(format = "date-time", example = "2026-11-25T10:00:00.000Z")]
    at: String,
    /// The request that it came of.
    #[schema(example = "req_01933b1e0000700080000000000000aa")]
    request_id: String,
    /// The name of the key.
    #[schema(example = "ci")]
    key: String,
    /// The user, if the key belongs to one.
    #[schema(example = "ana")]
    user: Option<String>,
    /// The execution, if a step called.
    #[schema(example = "exec_01933b1e0000700080000000000000aa")]
    execution: Option<String>,
    /// The step that called.
    #[schema(example = "review")]
    step: Option<String>,
    /// The route or model that was asked for.
    #[schema(example = "fast")]
    route: String,
    /// Who answered.
    #[schema(example = "openai")]
    provider: Option<String>,
    /// Which model answered.
    #[schema(example = "gpt-4o")]
    model: Option<String>,
    /// In which format it was asked: `chat_completions` or `messages`.
    #[schema(example = "chat_completions")]
    format: Option<&'static str>,
    /// Whether the answer was streamed.
    stream: bool,
    /// How it ended.
    #[schema(example = "succeeded")]
    status: &'static str,
    /// The code of a failure.
    #[schema(example = "model.timeout")]
    code: Option<String>,
    /// How often a provider was asked.
    #[schema(example = 1)]
    attempts: u32,
    /// Tokens, by kind.
    #[schema(value_type = Object, example = json!({ "input": 12, "output": 5 }))]
    usage: Value,
    /// What it cost, in millionths of a US dollar.
    #[schema(example = 80)]
    cost_microusd: Option<u64>,
    /// Whether usage and cost are estimates.
    estimated: bool,
    /// How long it took, in microseconds.
    latency_us: LatencyView,
}

/// How long a call took, in microseconds.
#[derive(Serialize, ToSchema)]
pub(crate) struct LatencyView {
    /// In all.
    #[schema(example = 812_345)]
    total: u64,
    /// At the provider.
    #[schema(example = 811_900)]
    upstream: Option<u64>,
    /// Until the first token.
    #[schema(example = 811_950)]
    first_token: Option<u64>,
}

/// Lists the calls of models, newest first.
#[utoipa::path(get, path = "/api/v1/usage", tag = "models", params(UsageQuery),
    responses((status = 200, description = "The calls of the caller's tenant", body = Page<UsageView>)))]
async fn usage(
    State(office): State<Office>,
    Caller(caller): Caller,
    Query(query): Query<UsageQuery>,
) -> Result<Json<Page<UsageView>>, Problem> {
    let limit = query.limit.unwrap_or(USUAL);
    let before = query.before.as_deref().map(before).transpose()?;
    let rows = office.usage.list(Some(caller.tenant.as_str()), before, limit).await?;
    Ok(Json(Page::of(rows, limit, |row| row.id.to_string())))
}

fn before(text: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| Problem::parameter("before", "must be the `next` of an earlier page"))
}

impl From<UsageRow> for UsageView {
    fn from(row: UsageRow) -> Self {
        let format = row.format.map(|format| match format {
            WireFormat::ChatCompletions => "chat_completions",
            WireFormat::Messages => "messages",
        });
        let latency = row.latency;
        Self {
            id: row.id.to_string(),
            at: row.at.to_string(),
            request_id: row.request.to_string(),
            key: row.key.to_string(),
            user: row.user.map(|user| user.to_string()),
            execution: row.execution.map(|execution| execution.to_string()),
            step: row.step.map(|step| step.to_string()),
            route: row.route.to_string(),
            provider: row.provider.map(|provider| provider.to_string()),
            model: row.model.map(|model| model.to_string()),
            format,
            stream: row.stream,
            code: row.status.code().map(str::to_owned),
            status: row.status.as_str(),
            attempts: row.attempts,
            usage: json!(row.usage),
            cost_microusd: row.cost.map(codeflow_core::Usd::micros),
            estimated: row.estimated,
            latency_us: LatencyView {
                total: latency.total_us,
                upstream: latency.upstream_us,
                first_token: latency.first_token_us,
            },
        }
    }
}
