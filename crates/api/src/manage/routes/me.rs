//! `/api/v1/me`: whoever calls, and what they may change of themselves.

use axum::Json;
use axum::extract::State;
use codeflow_auth::{Credential, Permission, Principal};
use codeflow_ratelimit::EndpointClass;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::permissions::{self, PermissionName};
use super::sessions::{self, Ended, OfSession};
use super::users::own_keys;
use crate::manage::extract::{self, By, Path};
use crate::manage::guard::{BodyRule, Guard};
use crate::manage::office::{Desk, Office};
use crate::manage::problem::Problem;

pub(super) fn routes(desk: Desk) -> Desk {
    let own = |class| Guard::needs(Permission::AccountManage, class);
    desk.route(own(EndpointClass::Read), routes!(me))
        .route(own(EndpointClass::SignIn).takes(BodyRule::SMALL), routes!(change_password))
        .route(own(EndpointClass::Write), routes!(end_own_session))
        .route(own(EndpointClass::Write), routes!(end_own_sessions))
}

/// Whoever calls.
#[derive(Serialize, ToSchema)]
pub(crate) struct MeView {
    /// What logs and limits call them.
    #[schema(example = "ana")]
    name: String,
    /// Whose data they see.
    #[schema(example = "default")]
    tenant: String,
    /// The user, or the owner of the key.
    #[schema(example = "user_01933b1e0000700080000000000000aa")]
    user: Option<String>,
    /// How they proved it: `token`, `key` or `settings`.
    #[schema(example = "token")]
    credential: &'static str,
    /// What they may do.
    permissions: Vec<PermissionName>,
    /// The names of models and routes that they may ask for; `null` allows all.
    #[schema(example = json!(["fast"]))]
    models: Option<Vec<String>>,
    /// The tier of their limits.
    #[schema(example = "authenticated")]
    tier: String,
}

impl From<&Principal> for MeView {
    fn from(principal: &Principal) -> Self {
        Self {
            name: principal.name.to_string(),
            tenant: principal.tenant.to_string(),
            user: principal.user.map(|user| user.to_string()),
            credential: match principal.credential {
                Credential::Token(_) => "token",
                Credential::Key(_) => "key",
                Credential::Settings(_) => "settings",
            },
            permissions: permissions::names(principal.permissions.iter()),
            models: principal.models.as_ref().map(|models| models.to_vec()),
            tier: principal.tier.to_string(),
        }
    }
}

/// Another password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangePassword {
    /// The password until now.
    #[schema(
        min_length = 1,
        max_length = 1024,
        format = "password",
        example = "correct horse battery staple"
    )]
    old: String,
    /// The password from now on.
    #[schema(min_length = 1, max_length = 1024, format = "password", example = "wrong pony battery clip")]
    new: String,
    /// Whether the caller's API keys are revoked as well; they are not unless this is `true`.
    revoke_keys: Option<bool>,
}

/// Shows who calls.
#[utoipa::path(get, path = "/api/v1/me", tag = "me",
    responses((status = 200, description = "Whoever calls", body = MeView)))]
async fn me(By(caller): By) -> Json<MeView> {
    Json(caller.principal.as_ref().into())
}

/// Changes the caller's password, and ends all their other sign-ins. The access token at hand is void as well. API keys go on
/// unless they are to be revoked.
#[utoipa::path(post, path = "/api/v1/me/password", tag = "me", request_body = ChangePassword,
    responses((status = 204, description = "It is changed"),
        (status = 409, description = "The user was changed meanwhile", body = super::super::problem::ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn change_password(
    State(office): State<Office>,
    By(caller): By,
    extract::Json(body): extract::Json<ChangePassword>,
) -> Result<StatusCode, Problem> {
    let keys = own_keys(body.revoke_keys.unwrap_or(false));
    office.identity()?.change_password(&caller, &body.old.into(), &body.new.into(), keys).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends one of the caller's sign-ins.
#[utoipa::path(delete, path = "/api/v1/me/sessions/{id}", tag = "me", params(OfSession),
    responses((status = 204, description = "It has ended")))]
async fn end_own_session(
    State(office): State<Office>,
    By(caller): By,
    Path(of): Path<OfSession>,
) -> Result<StatusCode, Problem> {
    office.identity()?.end_login(&caller, of.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all of the caller's sign-ins but the one with which they call.
#[utoipa::path(delete, path = "/api/v1/me/sessions", tag = "me",
    responses((status = 200, description = "How many have ended", body = Ended)))]
async fn end_own_sessions(State(office): State<Office>, By(caller): By) -> Result<Json<Ended>, Problem> {
    let user = sessions::own(&caller)?;
    let ended = office.identity()?.end_logins(&caller, user, true).await?;
    Ok(Json(Ended { ended: u64::try_from(ended).unwrap_or(u64::MAX) }))
}
