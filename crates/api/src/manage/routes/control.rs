//! `/api/v1/executions/{id}/…`: what an execution that is under way is told.

use axum::extract::State;
use codeflow_auth::{BuiltInRole, Credential, Permission, Principal};
use codeflow_core::ExecutionId;
use codeflow_core::workflow::StepName;
use codeflow_engine::{Decider, Decision};
use codeflow_ratelimit::EndpointClass;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::executions::OfExecution;
use crate::manage::extract::{By, Caller, Json, Path};
use crate::manage::guard::{BodyRule, Guard};
use crate::manage::office::{Desk, Office};
use crate::manage::ports::Control;
use crate::manage::problem::{Problem, ProblemBody};

pub(super) fn routes(desk: Desk) -> Desk {
    let controls = Guard::needs(Permission::ExecutionsControl, EndpointClass::Write).takes(BodyRule::SMALL);
    let signals = Guard::needs(Permission::ExecutionsControl, EndpointClass::Write).takes(BodyRule::LARGE);
    let decides = Guard::needs(Permission::ExecutionsApprove, EndpointClass::Write).takes(BodyRule::SMALL);
    desk.route(controls, routes!(cancel_execution))
        .route(controls, routes!(pause_execution))
        .route(controls, routes!(resume_execution))
        .route(signals, routes!(signal_execution))
        .route(decides, routes!(decide_in_execution))
}

/// Why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Because {
    /// Why, for whoever looks at it later.
    #[schema(max_length = 500, example = "the order was withdrawn")]
    reason: Option<String>,
}

/// Nothing more needs to be said.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// An event.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signal {
    /// The name that a step waits for.
    #[schema(min_length = 1, max_length = 128, example = "paid")]
    event: String,
    /// What comes with it.
    #[serde(default)]
    #[schema(value_type = Value, example = json!({ "amount": 12 }))]
    payload: Value,
}

/// A decision about a step that waits for one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decide {
    /// The step.
    #[schema(value_type = String, pattern = "^[A-Za-z_][A-Za-z0-9_-]{0,63}$", example = "ship")]
    step: StepName,
    /// Yes or no.
    approved: bool,
    /// Why.
    #[schema(max_length = 2000, example = "looks good")]
    comment: Option<String>,
}

/// Under which name somebody did something. People choose the names of their keys, so a key is told by its id, too.
pub(super) fn signature(who: &Principal) -> String {
    match &who.credential {
        Credential::Key(id) => format!("{} ({id})", who.name),
        Credential::Token(_) | Credential::Settings(_) => who.name.to_string(),
    }
}

async fn tell(
    office: &Office,
    who: &Principal,
    id: ExecutionId,
    what: Control,
) -> Result<StatusCode, Problem> {
    office.executions()?.control(&who.tenant, id, &signature(who), what).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Asks an execution to stop.
#[utoipa::path(post, path = "/api/v1/executions/{id}/cancel", tag = "executions", params(OfExecution),
    request_body = Because, responses((status = 202, description = "It is told"),
        (status = 409, description = "It has ended", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn cancel_execution(
    State(office): State<Office>,
    Caller(caller): Caller,
    Path(of): Path<OfExecution>,
    Json(body): Json<Because>,
) -> Result<StatusCode, Problem> {
    tell(&office, &caller, of.id, Control::Cancel(body.reason)).await
}

/// Asks that nothing more of an execution begins.
#[utoipa::path(post, path = "/api/v1/executions/{id}/pause", tag = "executions", params(OfExecution),
    request_body = Because, responses((status = 202, description = "It is told"),
        (status = 409, description = "It has ended or is paused", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn pause_execution(
    State(office): State<Office>,
    Caller(caller): Caller,
    Path(of): Path<OfExecution>,
    Json(body): Json<Because>,
) -> Result<StatusCode, Problem> {
    tell(&office, &caller, of.id, Control::Pause(body.reason)).await
}

/// Lets a paused execution go on.
#[utoipa::path(post, path = "/api/v1/executions/{id}/resume", tag = "executions", params(OfExecution),
    request_body = Nothing, responses((status = 202, description = "It is told"),
        (status = 409, description = "It is not paused", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn resume_execution(
    State(office): State<Office>,
    Caller(caller): Caller,
    Path(of): Path<OfExecution>,
    Json(Nothing {}): Json<Nothing>,
) -> Result<StatusCode, Problem> {
    tell(&office, &caller, of.id, Control::Resume).await
}

/// Tells an execution of an event. One that comes before its step waits for it.
#[utoipa::path(post, path = "/api/v1/executions/{id}/signal", tag = "executions", params(OfExecution),
    request_body = Signal, responses((status = 202, description = "It is told"),
        (status = 409, description = "Nothing waits for it any more", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn signal_execution(
    State(office): State<Office>,
    Caller(caller): Caller,
    Path(of): Path<OfExecution>,
    Json(body): Json<Signal>,
) -> Result<StatusCode, Problem> {
    tell(&office, &caller, of.id, Control::Signal(body.event, body.payload)).await
}

/// Decides about a step that waits for a decision. The first decision stands.
#[utoipa::path(post, path = "/api/v1/executions/{id}/decision", tag = "executions", params(OfExecution),
    request_body = Decide, responses((status = 202, description = "It is told"),
        (status = 409, description = "The execution has ended", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn decide_in_execution(
    State(office): State<Office>,
    By(caller): By,
    Path(of): Path<OfExecution>,
    Json(body): Json<Decide>,
) -> Result<StatusCode, Problem> {
    let by = Decider { name: signature(&caller.principal), roles: roles(&office, &caller).await? };
    let decision = Decision { approved: body.approved, by, comment: body.comment };
    tell(&office, &caller.principal, of.id, Control::Decide(body.step, decision)).await
}

/// The roles by which whoever calls may decide: those of its user. Who may do everything in its tenant is an administrator
/// to an approval, whatever the role is called, and also without a user.
async fn roles(office: &Office, caller: &codeflow_auth::Caller) -> Result<Vec<String>, Problem> {
    let admin = BuiltInRole::Admin;
    if admin.permissions().without(caller.principal.permissions).is_empty() {
        return Ok(vec![admin.as_str().to_owned()]);
    }
    match (caller.principal.user, &office.manage.identity) {
        (Some(user), Some(identity)) if caller.principal.permissions.has(Permission::AccountManage) => {
            let roles = identity.get_user(caller, user).await?.user.roles;
            // A key reaches no further than its scopes, so that it is no administrator by its owner.
            Ok(roles.into_iter().filter(|role| BuiltInRole::from_name(role).is_none()).collect())
        }
        (Some(_) | None, _) => Ok(Vec::new()),
    }
}
