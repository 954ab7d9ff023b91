//! What a workflow takes, does and gives: of one that is kept, and of a document that is only checked.

use axum::Json;
use axum::extract::State;
use codeflow_auth::Permission;
use codeflow_core::workflow::{Workflow, json_schema};
use codeflow_engine::step_uses;
use codeflow_ratelimit::EndpointClass;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::workflows::{OfWorkflow, PutWorkflow, refused};
use crate::manage::extract::{self, Caller, Path};
use crate::manage::guard::{BodyRule, Guard};
use crate::manage::office::{Desk, Office};
use crate::manage::problem::Problem;

pub(super) fn routes(desk: Desk) -> Desk {
    let reads = Guard::needs(Permission::WorkflowsRead, EndpointClass::Read);
    // It keeps nothing, and costs as much as what does.
    let checks = Guard::needs(Permission::WorkflowsRead, EndpointClass::Write).takes(BodyRule::LARGE);
    desk.route(reads, routes!(workflow_outline))
        .route(checks, routes!(check_workflow))
        .route(reads, routes!(workflow_schema))
}

/// An input of a workflow.
#[derive(Serialize, ToSchema)]
pub(crate) struct InputView {
    /// Its name.
    #[schema(example = "path")]
    name: String,
    /// Its type: `string`, `number`, `integer`, `boolean`, `list`, `object` or `any`.
    #[schema(example = "string")]
    r#type: String,
    /// Whether a start has to give it.
    required: bool,
    /// What stands in when it is not given.
    #[schema(value_type = Option<Value>)]
    default: Option<Value>,
    /// What it is.
    #[schema(example = "the folder to look into")]
    description: Option<String>,
}

/// A step of a workflow.
#[derive(Serialize, ToSchema)]
pub(crate) struct NodeView {
    /// Its name.
    #[schema(example = "test")]
    name: String,
    /// What it does: the name of an action, `run`, `approval`, `wait`, `sleep`, or `workflow/` and a name.
    #[schema(example = "run")]
    uses: String,
    /// The steps that come before it.
    #[schema(example = json!(["build"]))]
    needs: Vec<String>,
}

/// What a workflow takes, does and gives.
#[derive(Serialize, ToSchema)]
pub(crate) struct OutlineView {
    /// Its name.
    #[schema(example = "review")]
    name: String,
    /// The version: a hash of the document.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    version: String,
    /// What it takes.
    inputs: Vec<InputView>,
    /// What it does, each step after those that it needs.
    steps: Vec<NodeView>,
    /// The names of what it gives.
    #[schema(example = json!(["verdict"]))]
    outputs: Vec<String>,
    /// When it starts by itself, as cron expressions with their time zone.
    #[schema(example = json!(["0 6 * * 1-5 Europe/Berlin"]))]
    schedules: Vec<String>,
}

impl From<&Workflow> for OutlineView {
    fn from(workflow: &Workflow) -> Self {
        let inputs = workflow.inputs.iter().map(|(name, input)| InputView {
            name: name.clone(),
            r#type: input.value_type.to_string(),
            required: input.default.is_none(),
            default: input.default.clone(),
            description: input.description.clone(),
        });
        let steps = workflow.steps.iter().map(|step| NodeView {
            name: step.name.to_string(),
            uses: step_uses(step),
            needs: step.needs.iter().map(ToString::to_string).collect(),
        });
        let schedules = workflow.schedules.iter().map(|one| format!("{} {}", one.cron, one.timezone));
        Self {
            name: workflow.name.to_string(),
            version: workflow.version.to_string(),
            inputs: inputs.collect(),
            steps: steps.collect(),
            outputs: workflow.outputs.keys().cloned().collect(),
            schedules: schedules.collect(),
        }
    }
}

/// Shows what a workflow takes, does and gives at its latest version.
#[utoipa::path(get, path = "/api/v1/workflows/{name}/outline", tag = "workflows", params(OfWorkflow),
    responses((status = 200, description = "The outline", body = OutlineView)))]
async fn workflow_outline(
    State(office): State<Office>,
    Caller(caller): Caller,
    Path(of): Path<OfWorkflow>,
) -> Result<Json<OutlineView>, Problem> {
    let workflow = office.workflows()?.outline(&caller.tenant, &of.name).await?;
    Ok(Json(workflow.as_ref().into()))
}

/// Checks a document as it is checked when it is kept, and keeps nothing.
#[utoipa::path(post, path = "/api/v1/workflow-checks", tag = "workflows", request_body = PutWorkflow,
    responses((status = 200, description = "It could be kept", body = OutlineView)))]
async fn check_workflow(
    State(office): State<Office>,
    Caller(caller): Caller,
    extract::Json(body): extract::Json<PutWorkflow>,
) -> Result<Json<OutlineView>, Problem> {
    let checked = office.workflows()?.check(&caller.tenant, &body.document).await;
    Ok(Json(OutlineView::from(&checked.map_err(refused)?)))
}

/// The JSON Schema of workflow documents, with which editors complete them.
#[utoipa::path(get, path = "/api/v1/workflow-schema", tag = "workflows",
    responses((status = 200, description = "The schema", body = Object)))]
async fn workflow_schema() -> Json<Value> {
    Json(json_schema())
}
