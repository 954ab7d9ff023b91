//! `/api/v1/workflows/{name}/versions`: every version of a workflow that was kept.

use axum::Json;
use axum::extract::State;
use codeflow_auth::Permission;
use codeflow_core::workflow::{VersionId, WorkflowName};
use codeflow_engine::ListedVersion;
use codeflow_ratelimit::EndpointClass;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::lists::{self, Page};
use super::views::WorkflowDocument;
use super::workflows::OfWorkflow;
use crate::manage::extract::{Caller, Path, Query};
use crate::manage::guard::Guard;
use crate::manage::office::{Desk, Office};
use crate::manage::problem::Problem;

pub(super) fn routes(desk: Desk) -> Desk {
    let reads = Guard::needs(Permission::WorkflowsRead, EndpointClass::Read);
    desk.route(reads, routes!(list_versions)).route(reads, routes!(get_version))
}

/// Which versions.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct VersionsQuery {
    /// How many rows; 50 if absent.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    #[param(value_type = Option<String>, pattern = "^[0-9a-f]{64}$",
        example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    after: Option<VersionId>,
}

/// One version of a workflow.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
struct OfVersion {
    /// The name of the workflow.
    #[param(value_type = String, pattern = "^[A-Za-z_][A-Za-z0-9_-]{0,63}$", example = "review")]
    name: WorkflowName,
    /// The version.
    #[param(value_type = String, pattern = "^[0-9a-f]{64}$",
        example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    version: VersionId,
}

/// A version of a workflow.
#[derive(Serialize, ToSchema)]
pub(crate) struct VersionView {
    /// The version: a hash of the document.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    version: String,
    /// When it was first kept.
    #[schema(format = "date-time", example = "2026-11-25T10:00:00.000Z")]
    created_at: String,
    /// Whether it is the one that new executions run.
    latest: bool,
}

impl From<ListedVersion> for VersionView {
    fn from(listed: ListedVersion) -> Self {
        let ListedVersion { version, created_at, is_latest } = listed;
        Self { version: version.to_string(), created_at: created_at.to_string(), latest: is_latest }
    }
}

/// Lists the versions of a workflow, the youngest first. An older one may be the latest again.
#[utoipa::path(get, path = "/api/v1/workflows/{name}/versions", tag = "workflows",
    params(OfWorkflow, VersionsQuery),
    responses((status = 200, description = "The versions", body = Page<VersionView>)))]
async fn list_versions(
    State(office): State<Office>,
    Caller(caller): Caller,
    Path(of): Path<OfWorkflow>,
    Query(query): Query<VersionsQuery>,
) -> Result<Json<Page<VersionView>>, Problem> {
    let limit = query.limit.unwrap_or(lists::USUAL);
    let page = (query.after.as_ref(), limit);
    let rows = office.workflows()?.versions(&caller.tenant, &of.name, page).await?;
    Ok(Json(Page::of(rows, limit, |row| row.version.to_string())))
}

/// Shows a version of a workflow, with its document.
#[utoipa::path(get, path = "/api/v1/workflows/{name}/versions/{version}", tag = "workflows", params(OfVersion),
    responses((status = 200, description = "The workflow at that version", body = WorkflowDocument)))]
async fn get_version(
    State(office): State<Office>,
    Caller(caller): Caller,
    Path(of): Path<OfVersion>,
) -> Result<Json<WorkflowDocument>, Problem> {
    Ok(Json(office.workflows()?.version(&caller.tenant, &of.name, &of.version).await?.into()))
}
