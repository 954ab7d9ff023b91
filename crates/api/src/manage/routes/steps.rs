//! `/api/v1/executions/{id}/steps`: where the steps of an execution stand, and what they gave.

use axum::Json;
use axum::extract::State;
use codeflow_auth::Permission;
use codeflow_core::ExecutionId;
use codeflow_core::workflow::StepName;
use codeflow_engine::{Error, ErrorKind};
use codeflow_ratelimit::EndpointClass;
use serde::Deserialize;
use utoipa_axum::routes;

use super::executions::OfExecution;
use super::step_views::{StepDetail, Steps};
use crate::manage::extract::{Caller, Path};
use crate::manage::guard::Guard;
use crate::manage::office::{Desk, Office};
use crate::manage::problem::Problem;

pub(super) fn routes(desk: Desk) -> Desk {
    let reads = Guard::needs(Permission::ExecutionsRead, EndpointClass::Read);
    desk.route(reads, routes!(list_steps)).route(reads, routes!(get_step))
}

/// A step of an execution.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
struct OfStep {
    /// The id of the execution.
    #[param(value_type = String, pattern = "^exec_[0-9a-f]{32}$",
        example = "exec_01933b1e0000700080000000000000aa")]
    id: ExecutionId,
    /// The name of the step.
    #[param(value_type = String, pattern = "^[A-Za-z_][A-Za-z0-9_-]{0,63}$", example = "test")]
    step: StepName,
}

/// Lists the steps of an execution, each after those that it needs. There are at most 200.
#[utoipa::path(get, path = "/api/v1/executions/{id}/steps", tag = "executions", params(OfExecution),
    responses((status = 200, description = "The steps", body = Steps)))]
async fn list_steps(
    State(office): State<Office>,
    Caller(caller): Caller,
    Path(of): Path<OfExecution>,
) -> Result<Json<Steps>, Problem> {
    Ok(Json(Steps::of(&office.executions()?.steps(&caller.tenant, of.id, None).await?)))
}

/// Shows a step of an execution, with what it gave.
#[utoipa::path(get, path = "/api/v1/executions/{id}/steps/{step}", tag = "executions", params(OfStep),
    responses((status = 200, description = "The step", body = StepDetail)))]
async fn get_step(
    State(office): State<Office>,
    Caller(caller): Caller,
    Path(of): Path<OfStep>,
) -> Result<Json<StepDetail>, Problem> {
    let sight = office.executions()?.steps(&caller.tenant, of.id, Some(&of.step)).await?;
    let none = || Error::new(ErrorKind::NotFound, format!("the execution has no step `{}`", of.step));
    Ok(Json(StepDetail::of(&sight, &sight.view.find(&of.step).ok_or_else(none)?)))
}
