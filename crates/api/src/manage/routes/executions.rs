//! `/api/v1/executions`: they are started, listed and shown.

use axum::Json;
use axum::extract::State;
use codeflow_auth::Permission;
use codeflow_core::workflow::WorkflowName;
use codeflow_core::{ExecutionId, Timestamp};
use codeflow_engine::{ExecutionFilter, ExecutionRecord};
use codeflow_ratelimit::EndpointClass;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::lists::{self, Page};
use super::views::{ExecutionView, LogLineView, StatusView};
use crate::manage::deeds::Deed;
use crate::manage::extract::{self, By, Caller, Headers, Path, Query};
use crate::manage::guard::{BodyRule, Guard};
use crate::manage::office::{Desk, Office};
use crate::manage::ports::NewStart;
use crate::manage::problem::Problem;

pub(super) fn routes(desk: Desk) -> Desk {
    let starts = Guard::needs(Permission::ExecutionsStart, EndpointClass::Write).takes(BodyRule::LARGE);
    let reads = Guard::needs(Permission::ExecutionsRead, EndpointClass::Read);
    desk.route(starts, routes!(start_execution))
        .route(reads, routes!(list_executions))
        .route(reads, routes!(get_execution))
        .route(reads, routes!(execution_logs))
}

/// Which executions.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct ExecutionsQuery {
    /// Of this workflow.
    #[param(value_type = Option<String>, pattern = "^[A-Za-z_][A-Za-z0-9_-]{0,63}$", example = "review")]
    workflow: Option<WorkflowName>,
    /// With this status.
    #[param(inline)]
    status: Option<StatusView>,
    /// Stored at this time or later.
    #[param(value_type = Option<String>, format = "date-time", max_length = 40, example = "2026-11-25T10:00:00Z")]
    since: Option<Timestamp>,
    /// Stored before this time.
    #[param(value_type = Option<String>, format = "date-time", max_length = 40, example = "2026-11-26T10:00:00Z")]
    until: Option<Timestamp>,
    /// How many rows; 50 if absent.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    #[param(value_type = Option<String>, pattern = "^exec_[0-9a-f]{32}$",
        example = "exec_01933b1e0000700080000000000000aa")]
    before: Option<ExecutionId>,
}

/// The id of an execution.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct OfExecution {
    /// The id of the execution.
    #[param(value_type = String, pattern = "^exec_[0-9a-f]{32}$",
        example = "exec_01933b1e0000700080000000000000aa")]
    pub(super) id: ExecutionId,
}

/// Which lines of a log.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct LogQuery {
    /// How many lines; 50 if absent.
    #[param(minimum = 1, maximum = 1000, example = 50)]
    limit: Option<u32>,
    /// The `next` of the page before: how many lines to pass over.
    #[param(minimum = 0, maximum = 1_000_000_000, example = 50)]
    after: Option<u32>,
}

/// What makes a second start find the first.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
pub(super) struct StartHeaders {
    /// A second start of the workflow with the same key finds the execution of the first.
    #[serde(rename = "Idempotency-Key")]
    #[param(rename = "Idempotency-Key", min_length = 1, max_length = 255, example = "order-17")]
    pub(super) key: Option<String>,
}

/// An execution to start.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartExecution {
    /// The workflow, whose latest version runs.
    #[schema(value_type = String, pattern = "^[A-Za-z_][A-Za-z0-9_-]{0,63}$", example = "review")]
    workflow: WorkflowName,
    /// Its inputs, as the workflow declares them.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({ "path": "." }))]
    inputs: Map<String, Value>,
}

/// Starts an execution of the latest version of a workflow.
#[utoipa::path(post, path = "/api/v1/executions", tag = "executions", params(StartHeaders),
    request_body = StartExecution,
    responses(
        (status = 201, description = "It is stored, and survives anything", body = ExecutionView),
        (status = 200, description = "An earlier start had the same key, or has its place", body = ExecutionView),
        (status = 404, description = "There is no such workflow", body = super::super::problem::ProblemBody<'static>,
            content_type = "application/problem+json"),
    ))]
async fn start_execution(
    State(office): State<Office>,
    By(caller): By,
    Headers(headers): Headers<StartHeaders>,
    extract::Json(body): extract::Json<StartExecution>,
) -> Result<(StatusCode, Json<ExecutionView>), Problem> {
    let start = NewStart { workflow: body.workflow, inputs: body.inputs, key: headers.key };
    let (record, is_new) = office.executions()?.start(&caller.principal.tenant, start).await?;
    office.done(&caller, begun("execution.start", &record, is_new)).await;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(record.into())))
}

/// What the audit log says of a start.
pub(super) fn begun(action: &'static str, record: &ExecutionRecord, is_new: bool) -> Deed {
    Deed::new(action, record.id)
        .with("workflow", record.workflow.as_str())
        .with("version", record.version.as_str())
        .with("new", is_new)
}

/// Lists executions, newest first.
#[utoipa::path(get, path = "/api/v1/executions", tag = "executions", params(ExecutionsQuery),
    responses((status = 200, description = "The executions of the caller's tenant", body = Page<ExecutionView>)))]
async fn list_executions(
    State(office): State<Office>,
    Caller(caller): Caller,
    Query(query): Query<ExecutionsQuery>,
) -> Result<Json<Page<ExecutionView>>, Problem> {
    let limit = query.limit.unwrap_or(lists::USUAL);
    let filter = ExecutionFilter {
        tenant: Some(caller.tenant.clone()),
        workflow: query.workflow,
        status: query.status.map(Into::into),
        before: query.before,
        since: query.since,
        until: query.until,
    };
    let rows = office.executions()?.list(&caller.tenant, filter, limit).await?;
    Ok(Json(Page::of(rows, limit, |row| row.id.to_string())))
}

/// Shows an execution.
#[utoipa::path(get, path = "/api/v1/executions/{id}", tag = "executions", params(OfExecution),
    responses((status = 200, description = "The execution", body = ExecutionView)))]
async fn get_execution(
    State(office): State<Office>,
    Caller(caller): Caller,
    Path(of): Path<OfExecution>,
) -> Result<Json<ExecutionView>, Problem> {
    let snapshot = office.executions()?.get(&caller.tenant, of.id).await?;
    Ok(Json(snapshot.record.into()))
}

/// Shows the log of an execution, oldest first.
#[utoipa::path(get, path = "/api/v1/executions/{id}/logs", tag = "executions", params(OfExecution, LogQuery),
    responses((status = 200, description = "The lines", body = Page<LogLineView>)))]
async fn execution_logs(
    State(office): State<Office>,
    Caller(caller): Caller,
    Path(of): Path<OfExecution>,
    Query(query): Query<LogQuery>,
) -> Result<Json<Page<LogLineView>>, Problem> {
    let (limit, skip) = (query.limit.unwrap_or(lists::USUAL), query.after.unwrap_or(0));
    let lines = office.executions()?.logs(&caller.tenant, of.id, skip, limit).await?;
    let next = skip.saturating_add(u32::try_from(lines.len()).unwrap_or(u32::MAX));
    Ok(Json(Page::of(lines, limit, |_| next.to_string())))
}
