//! `/api/v1/sessions`: sign-ins, one's own and those of the tenant.

use axum::Json;
use axum::extract::State;
use codeflow_auth::{Caller, Error, ErrorKind, Page as Part, Permission};
use codeflow_core::{LoginId, Tenant, UserId};
use codeflow_ratelimit::EndpointClass;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::lists::{self, Page};
use super::people::SessionView;
use super::users::OfUser;
use crate::manage::extract::{By, Path, Query};
use crate::manage::guard::Guard;
use crate::manage::office::{Desk, Office};
use crate::manage::problem::Problem;

pub(super) fn routes(desk: Desk) -> Desk {
    let ends = Guard::needs(Permission::SessionsEnd, EndpointClass::Admin);
    desk.route(Guard::needs(Permission::AccountManage, EndpointClass::Read), routes!(own_sessions))
        .route(Guard::needs(Permission::SessionsRead, EndpointClass::Admin), routes!(list_sessions))
        .route(ends, routes!(end_session))
        .route(ends, routes!(end_sessions_of))
}

/// The id of a sign-in.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct OfSession {
    /// The id of the sign-in.
    #[param(value_type = String, pattern = "^login_[0-9a-f]{32}$", example = "login_01933b1e0000700080000000000000aa")]
    pub(super) id: LoginId,
}

/// Which sign-ins.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct SessionsQuery {
    /// Of this user.
    #[param(value_type = Option<String>, pattern = "^user_[0-9a-f]{32}$",
        example = "user_01933b1e0000700080000000000000aa")]
    user: Option<UserId>,
    /// Of this tenant; the caller's if absent.
    #[param(value_type = Option<String>, pattern = "^[A-Za-z0-9._-]{1,64}$", example = "default")]
    tenant: Option<Tenant>,
    /// How many rows; 50 if absent.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    #[param(value_type = Option<String>, pattern = "^login_[0-9a-f]{32}$",
        example = "login_01933b1e0000700080000000000000aa")]
    after: Option<LoginId>,
}

/// Which of one's own sign-ins.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct OwnSessionsQuery {
    /// How many rows; 50 if absent.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    #[param(value_type = Option<String>, pattern = "^login_[0-9a-f]{32}$",
        example = "login_01933b1e0000700080000000000000aa")]
    after: Option<LoginId>,
}

/// How many sign-ins have ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ended {
    /// How many.
    #[schema(example = 2)]
    pub(super) ended: u64,
}

/// The user that calls.
pub(super) fn own(caller: &Caller) -> Result<UserId, Problem> {
    let none = || Error::new(ErrorKind::Forbidden, "this needs a user, and the credential is of none");
    Ok(caller.principal.user.ok_or_else(none)?)
}

/// Lists the caller's own sign-ins.
#[utoipa::path(get, path = "/api/v1/me/sessions", tag = "me", params(OwnSessionsQuery),
    responses((status = 200, description = "Those that have not ended", body = Page<SessionView>)))]
async fn own_sessions(
    State(office): State<Office>,
    By(caller): By,
    Query(query): Query<OwnSessionsQuery>,
) -> Result<Json<Page<SessionView>>, Problem> {
    let limit = query.limit.unwrap_or(lists::USUAL);
    let part = Part { after: query.after, limit };
    let rows = office.identity()?.list_logins(&caller, (None, Some(own(&caller)?)), part).await?;
    Ok(Json(Page::of(rows, limit, |row| row.id.to_string())))
}

/// Lists the sign-ins of a tenant.
#[utoipa::path(get, path = "/api/v1/sessions", tag = "sessions", params(SessionsQuery),
    responses((status = 200, description = "Those that have not ended", body = Page<SessionView>),
        (status = 404, description = "There is no such user or tenant", body = super::super::problem::ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn list_sessions(
    State(office): State<Office>,
    By(caller): By,
    Query(query): Query<SessionsQuery>,
) -> Result<Json<Page<SessionView>>, Problem> {
    let limit = query.limit.unwrap_or(lists::USUAL);
    let part = Part { after: query.after, limit };
    let rows = office.identity()?.list_logins(&caller, (query.tenant, query.user), part).await?;
    Ok(Json(Page::of(rows, limit, |row| row.id.to_string())))
}

/// Ends a sign-in.
#[utoipa::path(delete, path = "/api/v1/sessions/{id}", tag = "sessions", params(OfSession),
    responses((status = 204, description = "It has ended")))]
async fn end_session(
    State(office): State<Office>,
    By(caller): By,
    Path(of): Path<OfSession>,
) -> Result<StatusCode, Problem> {
    office.identity()?.end_login(&caller, of.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all sign-ins of a user, and voids its access tokens.
#[utoipa::path(delete, path = "/api/v1/users/{id}/sessions", tag = "sessions", params(OfUser),
    responses((status = 200, description = "How many have ended", body = Ended)))]
async fn end_sessions_of(
    State(office): State<Office>,
    By(caller): By,
    Path(of): Path<OfUser>,
) -> Result<Json<Ended>, Problem> {
    let ended = office.identity()?.end_logins(&caller, of.id, false).await?;
    Ok(Json(Ended { ended: u64::try_from(ended).unwrap_or(u64::MAX) }))
}
