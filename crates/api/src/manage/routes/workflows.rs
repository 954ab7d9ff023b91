//! `/api/v1/workflows`: documents are kept, listed and shown.

use axum::Json;
use axum::extract::State;
use codeflow_auth::Permission;
use codeflow_core::workflow::WorkflowName;
use codeflow_ratelimit::EndpointClass;
use http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::lists::{self, Page};
use super::views::{WorkflowDocument, WorkflowView};
use crate::manage::deeds::Deed;
use crate::manage::extract::{self, By, Caller, Path, Query};
use crate::manage::guard::{BodyRule, Guard};
use crate::manage::office::{Desk, Office};
use crate::manage::ports::PutError;
use crate::manage::problem::Problem;

pub(super) fn routes(desk: Desk) -> Desk {
    let writes = Guard::needs(Permission::WorkflowsWrite, EndpointClass::Write).takes(BodyRule::LARGE);
    let reads = Guard::needs(Permission::WorkflowsRead, EndpointClass::Read);
    desk.route(reads, routes!(list_workflows))
        .route(writes, routes!(put_workflow))
        .route(reads, routes!(get_workflow))
}

/// Which workflows.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct WorkflowsQuery {
    /// How many rows; 50 if absent.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    #[param(value_type = Option<String>, pattern = "^[A-Za-z_][A-Za-z0-9_-]{0,63}$", example = "review")]
    after: Option<WorkflowName>,
}

/// The name of a workflow.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct OfWorkflow {
    /// The name of the workflow.
    #[param(value_type = String, pattern = "^[A-Za-z_][A-Za-z0-9_-]{0,63}$", example = "review")]
    pub(super) name: WorkflowName,
}

/// A document to keep.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutWorkflow {
    /// The document, as YAML.
    #[schema(
        min_length = 1,
        max_length = 1_048_576,
        example = "version: 1\nname: nap\nsteps: { rest: { sleep: 10ms } }\n"
    )]
    pub(super) document: String,
}

/// Why a document is not kept.
pub(super) fn refused(error: PutError) -> Problem {
    match error {
        PutError::Invalid(problems) => Problem::from(problems),
        PutError::Engine(error) => Problem::from(error),
    }
}

/// Lists workflows by name, each at its latest version.
#[utoipa::path(get, path = "/api/v1/workflows", tag = "workflows", params(WorkflowsQuery),
    responses((status = 200, description = "The workflows of the caller's tenant", body = Page<WorkflowView>)))]
async fn list_workflows(
    State(office): State<Office>,
    Caller(caller): Caller,
    Query(query): Query<WorkflowsQuery>,
) -> Result<Json<Page<WorkflowView>>, Problem> {
    let limit = query.limit.unwrap_or(lists::USUAL);
    let rows = office.workflows()?.list(&caller.tenant, query.after.as_ref(), limit).await?;
    Ok(Json(Page::of(rows, limit, |row| row.name.to_string())))
}

/// Checks a document and keeps it as the latest version of its workflow.
#[utoipa::path(post, path = "/api/v1/workflows", tag = "workflows", request_body = PutWorkflow,
    responses((status = 201, description = "It is kept", body = WorkflowView)))]
async fn put_workflow(
    State(office): State<Office>,
    By(caller): By,
    extract::Json(body): extract::Json<PutWorkflow>,
) -> Result<(StatusCode, Json<WorkflowView>), Problem> {
    let put = office.workflows()?.put(&caller.principal.tenant, &body.document).await;
    let stored = put.map_err(refused)?;
    let deed = Deed::new("workflow.register", stored.workflow_id).with("name", stored.name.as_str());
    office.done(&caller, deed.with("version", stored.version.as_str())).await;
    Ok((StatusCode::CREATED, Json(stored.into())))
}

/// Shows a workflow at its latest version, with its document.
#[utoipa::path(get, path = "/api/v1/workflows/{name}", tag = "workflows", params(OfWorkflow),
    responses((status = 200, description = "The workflow", body = WorkflowDocument)))]
async fn get_workflow(
    State(office): State<Office>,
    Caller(caller): Caller,
    Path(of): Path<OfWorkflow>,
) -> Result<Json<WorkflowDocument>, Problem> {
    Ok(Json(office.workflows()?.get(&caller.tenant, &of.name).await?.into()))
}
