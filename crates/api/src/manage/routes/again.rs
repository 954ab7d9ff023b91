//! `/api/v1/executions/{id}/rerun`: an execution is started like another one.

use axum::Json;
use axum::extract::State;
use codeflow_auth::Permission;
use codeflow_core::workflow::VersionId;
use codeflow_ratelimit::EndpointClass;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::executions::{OfExecution, StartHeaders, begun};
use super::views::ExecutionView;
use crate::manage::extract::{self, By, Headers, Path};
use crate::manage::guard::{BodyRule, Guard};
use crate::manage::office::{Desk, Office};
use crate::manage::ports::{NewRerun, RerunVersion};
use crate::manage::problem::Problem;

pub(super) fn routes(desk: Desk) -> Desk {
    let starts = Guard::needs(Permission::ExecutionsStart, EndpointClass::Write).takes(BodyRule::LARGE);
    desk.route(starts, routes!(rerun_execution))
}

/// What differs from the other execution.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RerunExecution {
    /// All inputs; those of the other execution if absent.
    #[schema(value_type = Option<Object>, example = json!({ "path": "." }))]
    inputs: Option<Map<String, Value>>,
    /// The version of the same workflow, or `latest`; that of the other execution if absent.
    #[schema(pattern = "^([0-9a-f]{64}|latest)$", example = "latest")]
    version: Option<String>,
}

/// Starts an execution like another one, which stays as it is. Whose inputs are taken has to be known to whoever asks:
/// without inputs of one's own this needs `executions:read`, too.
#[utoipa::path(post, path = "/api/v1/executions/{id}/rerun", tag = "executions",
    params(OfExecution, StartHeaders), request_body = RerunExecution,
    responses(
        (status = 201, description = "It is stored, and survives anything", body = ExecutionView),
        (status = 200, description = "An earlier start had the same key, or has its place", body = ExecutionView),
    ))]
async fn rerun_execution(
    State(office): State<Office>,
    By(caller): By,
    Path(of): Path<OfExecution>,
    Headers(headers): Headers<StartHeaders>,
    extract::Json(body): extract::Json<RerunExecution>,
) -> Result<(StatusCode, Json<ExecutionView>), Problem> {
    if body.inputs.is_none() {
        caller.principal.require(Permission::ExecutionsRead)?;
    }
    let rerun = NewRerun { inputs: body.inputs, version: which(body.version), key: headers.key };
    let (record, is_new) = office.executions()?.rerun(&caller.principal.tenant, of.id, rerun).await?;
    let deed = begun("execution.rerun", &record, is_new).with("of", of.id.to_string());
    office.done(&caller, deed).await;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(record.into())))
}

fn which(version: Option<String>) -> RerunVersion {
    match version {
        None => RerunVersion::Same,
        Some(text) if text == "latest" => RerunVersion::Latest,
        Some(hash) => RerunVersion::Of(VersionId::from_hash(hash)),
    }
}
