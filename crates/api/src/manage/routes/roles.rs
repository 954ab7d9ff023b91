//! `/api/v1/roles`: named sets of permissions.

use axum::Json;
use axum::extract::State;
use codeflow_auth::{NewRole, Permission, Role};
use codeflow_core::Tenant;
use codeflow_ratelimit::EndpointClass;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::permissions::{self, PermissionName};
use crate::manage::extract::{self, By, Path, Query};
use crate::manage::guard::{BodyRule, Guard};
use crate::manage::office::{Desk, Office};
use crate::manage::problem::{Problem, ProblemBody};

pub(super) fn routes(desk: Desk) -> Desk {
    let writes = Guard::needs(Permission::RolesWrite, EndpointClass::Admin);
    desk.route(Guard::needs(Permission::RolesRead, EndpointClass::Admin), routes!(list_roles))
        .route(writes.takes(BodyRule::SMALL), routes!(put_role))
        .route(writes, routes!(remove_role))
}

/// The name of a role.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
struct OfRole {
    /// The name of the role.
    #[param(min_length = 1, max_length = 64, example = "reviewer")]
    name: String,
}

/// In which tenant.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct InTenant {
    /// In this tenant; the caller's if absent.
    #[param(value_type = Option<String>, pattern = "^[A-Za-z0-9._-]{1,64}$", example = "default")]
    tenant: Option<Tenant>,
}

/// What is in a role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutRole {
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 500, example = "Decides about what others wrote.")]
    description: String,
    /// What is in it.
    #[schema(max_items = 64)]
    permissions: Vec<PermissionName>,
}

/// A role.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoleView {
    /// Whose it is.
    #[schema(example = "default")]
    tenant: String,
    /// Its name.
    #[schema(example = "reviewer")]
    name: String,
    /// What it is for.
    #[schema(example = "Decides about what others wrote.")]
    description: String,
    /// What is in it.
    permissions: Vec<PermissionName>,
    /// When it was changed last; 1970 for those that are built in.
    #[schema(format = "date-time", example = "2026-11-25T10:00:00.000Z")]
    changed_at: String,
}

/// All roles.
#[derive(Serialize, ToSchema)]
pub(crate) struct Roles {
    /// Those that are built in first. There are at most 1,000.
    data: Vec<RoleView>,
}

impl From<Role> for RoleView {
    fn from(role: Role) -> Self {
        Self {
            tenant: role.tenant.to_string(),
            name: role.name,
            description: role.description,
            permissions: permissions::names(role.permissions),
            changed_at: role.changed_at.to_string(),
        }
    }
}

/// Lists the roles of a tenant.
#[utoipa::path(get, path = "/api/v1/roles", tag = "roles", params(InTenant),
    responses((status = 200, description = "All of them", body = Roles),
        (status = 404, description = "There is no such tenant here", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn list_roles(
    State(office): State<Office>,
    By(caller): By,
    Query(query): Query<InTenant>,
) -> Result<Json<Roles>, Problem> {
    let roles = office.identity()?.list_roles(&caller, query.tenant).await?;
    Ok(Json(Roles { data: roles.into_iter().map(Into::into).collect() }))
}

/// Adds or replaces a role. Nobody puts into a role what they may not do themselves.
#[utoipa::path(put, path = "/api/v1/roles/{name}", tag = "roles", params(OfRole, InTenant), request_body = PutRole,
    responses((status = 200, description = "The role", body = RoleView)))]
async fn put_role(
    State(office): State<Office>,
    By(caller): By,
    Path(of): Path<OfRole>,
    Query(query): Query<InTenant>,
    extract::Json(body): extract::Json<PutRole>,
) -> Result<Json<RoleView>, Problem> {
    let wish = NewRole {
        tenant: query.tenant,
        name: of.name,
        description: body.description,
        permissions: permissions::of(&body.permissions),
    };
    Ok(Json(office.identity()?.put_role(&caller, wish).await?.into()))
}

/// Removes a role that nobody has.
#[utoipa::path(delete, path = "/api/v1/roles/{name}", tag = "roles", params(OfRole, InTenant),
    responses((status = 204, description = "It is gone"),
        (status = 409, description = "A user has it", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn remove_role(
    State(office): State<Office>,
    By(caller): By,
    Path(of): Path<OfRole>,
    Query(query): Query<InTenant>,
) -> Result<StatusCode, Problem> {
    office.identity()?.remove_role(&caller, query.tenant, &of.name).await?;
    Ok(StatusCode::NO_CONTENT)
}
