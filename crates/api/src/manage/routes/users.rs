//! `/api/v1/users`: the users of a tenant.

use axum::Json;
use axum::extract::State;
use codeflow_auth::{NewUser, OwnKeys, Page as Part, Permission, UserChange};
use codeflow_core::{Tenant, UserId};
use codeflow_ratelimit::EndpointClass;
use http::StatusCode;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::lists::{self, Page};
use super::people::UserView;
use crate::manage::extract::{self, By, Path, Query};
use crate::manage::guard::{BodyRule, Guard};
use crate::manage::office::{Desk, Office};
use crate::manage::problem::{Problem, ProblemBody};

pub(super) fn routes(desk: Desk) -> Desk {
    let reads = Guard::needs(Permission::UsersRead, EndpointClass::Admin);
    let writes = Guard::needs(Permission::UsersWrite, EndpointClass::Admin);
    desk.route(reads, routes!(list_users))
        .route(writes.takes(BodyRule::SMALL), routes!(create_user))
        .route(reads, routes!(get_user))
        .route(writes.takes(BodyRule::SMALL), routes!(change_user))
        .route(writes, routes!(remove_user))
        .route(writes.takes(BodyRule::SMALL), routes!(set_password))
        .route(writes, routes!(unlock_user))
        .route(writes, routes!(reset_second_factor))
}

/// The id of a user.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct OfUser {
    /// The id of the user.
    #[param(value_type = String, pattern = "^user_[0-9a-f]{32}$", example = "user_01933b1e0000700080000000000000aa")]
    pub(super) id: UserId,
}

/// Which users.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct UsersQuery {
    /// Of this tenant; the caller's if absent.
    #[param(value_type = Option<String>, pattern = "^[A-Za-z0-9._-]{1,64}$", example = "default")]
    tenant: Option<Tenant>,
    /// How many rows; 50 if absent.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    #[param(value_type = Option<String>, pattern = "^user_[0-9a-f]{32}$",
        example = "user_01933b1e0000700080000000000000aa")]
    after: Option<UserId>,
}

/// A user to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateUser {
    /// Whose data it sees; the caller's tenant if absent.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._-]{1,64}$", example = "default")]
    tenant: Option<Tenant>,
    /// What it signs in with. Letters are made small.
    #[schema(min_length = 1, max_length = 128, example = "ana")]
    name: String,
    /// What people call it; its name if absent.
    #[serde(default)]
    #[schema(max_length = 200, example = "Ana Lima")]
    display_name: String,
    /// Where it is written to.
    #[schema(max_length = 320, example = "ana@example.org")]
    email: Option<String>,
    /// Its password; without one it signs in with another service.
    #[schema(
        min_length = 1,
        max_length = 1024,
        format = "password",
        example = "correct horse battery staple"
    )]
    password: Option<String>,
    /// The names of its roles.
    #[serde(default)]
    #[schema(max_items = 32, example = json!(["user"]))]
    roles: Vec<String>,
    /// Who vouches for it at another service.
    identity: Option<IdentityAt>,
}

/// Somebody at another service.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentityAt {
    /// The service.
    #[schema(min_length = 1, max_length = 512, example = "https://accounts.example.org")]
    issuer: String,
    /// What it calls them.
    #[schema(min_length = 1, max_length = 512, example = "248289761001")]
    subject: String,
}

/// What is to be changed of a user; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeUser {
    /// The version that was seen: if it is another by now, nothing is changed.
    #[schema(minimum = 1, example = 1)]
    version: Option<i64>,
    /// What people call it.
    #[schema(min_length = 1, max_length = 200, example = "Ana Lima")]
    display_name: Option<String>,
    /// Where it is written to; `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 320, example = "ana@example.org")]
    email: Option<Option<String>>,
    /// The names of its roles.
    #[schema(max_items = 32, example = json!(["user"]))]
    roles: Option<Vec<String>>,
    /// Whether it may not sign in.
    disabled: Option<bool>,
}

/// Another password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetPassword {
    /// The password from now on.
    #[schema(
        min_length = 1,
        max_length = 1024,
        format = "password",
        example = "correct horse battery staple"
    )]
    password: String,
    /// Whether the API keys of the user are revoked as well; they are unless this is `false`.
    revoke_keys: Option<bool>,
}

/// What becomes of the keys of whoever gets another password.
pub(super) fn own_keys(revoke: bool) -> OwnKeys {
    if revoke { OwnKeys::Revoke } else { OwnKeys::Keep }
}

/// `null` is something else than nothing.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(deserializer).map(Some)
}

impl From<CreateUser> for NewUser {
    fn from(body: CreateUser) -> Self {
        Self {
            tenant: body.tenant,
            name: body.name,
            display_name: body.display_name,
            email: body.email,
            password: body.password.map(Into::into),
            roles: body.roles,
            identity: body.identity.map(|at| (at.issuer, at.subject)),
        }
    }
}

impl From<ChangeUser> for UserChange {
    fn from(body: ChangeUser) -> Self {
        let ChangeUser { version, display_name, email, roles, disabled } = body;
        Self { version, display_name, email, roles, disabled }
    }
}

/// Lists the users of a tenant.
#[utoipa::path(get, path = "/api/v1/users", tag = "users", params(UsersQuery),
    responses((status = 200, description = "By id", body = Page<UserView>),
        (status = 404, description = "There is no such tenant here", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn list_users(
    State(office): State<Office>,
    By(caller): By,
    Query(query): Query<UsersQuery>,
) -> Result<Json<Page<UserView>>, Problem> {
    let limit = query.limit.unwrap_or(lists::USUAL);
    let part = Part { after: query.after, limit };
    let rows = office.identity()?.list_users(&caller, query.tenant, part).await?;
    Ok(Json(Page::of(rows, limit, |row| row.user.id.to_string())))
}

/// Adds a user. Nobody gives roles that reach further than they do.
#[utoipa::path(post, path = "/api/v1/users", tag = "users", request_body = CreateUser,
    responses((status = 201, description = "The user", body = UserView),
        (status = 404, description = "There is no such tenant here", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
        (status = 409, description = "Another has the name or the identity, or the tenant has too many users", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn create_user(
    State(office): State<Office>,
    By(caller): By,
    extract::Json(body): extract::Json<CreateUser>,
) -> Result<(StatusCode, Json<UserView>), Problem> {
    let user = office.identity()?.create_user(&caller, body.into()).await?;
    Ok((StatusCode::CREATED, Json(user.into())))
}

/// Shows a user.
#[utoipa::path(get, path = "/api/v1/users/{id}", tag = "users", params(OfUser),
    responses((status = 200, description = "The user", body = UserView)))]
async fn get_user(
    State(office): State<Office>,
    By(caller): By,
    Path(of): Path<OfUser>,
) -> Result<Json<UserView>, Problem> {
    Ok(Json(office.identity()?.get_user(&caller, of.id).await?.into()))
}

/// Changes a user. New roles void its tokens; a disabling ends its sign-ins.
#[utoipa::path(patch, path = "/api/v1/users/{id}", tag = "users", params(OfUser), request_body = ChangeUser,
    responses((status = 200, description = "The user as it is now", body = UserView),
        (status = 409, description = "It changed meanwhile, or is the last administrator", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn change_user(
    State(office): State<Office>,
    By(caller): By,
    Path(of): Path<OfUser>,
    extract::Json(body): extract::Json<ChangeUser>,
) -> Result<Json<UserView>, Problem> {
    Ok(Json(office.identity()?.change_user(&caller, of.id, body.into()).await?.into()))
}

/// Removes a user with its keys and sign-ins.
#[utoipa::path(delete, path = "/api/v1/users/{id}", tag = "users", params(OfUser),
    responses((status = 204, description = "It is gone"),
        (status = 409, description = "It is the last administrator", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn remove_user(
    State(office): State<Office>,
    By(caller): By,
    Path(of): Path<OfUser>,
) -> Result<StatusCode, Problem> {
    office.identity()?.remove_user(&caller, of.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a user another password, ends its sign-ins, revokes its API keys and forgets its failures.
#[utoipa::path(post, path = "/api/v1/users/{id}/password", tag = "users", params(OfUser), request_body = SetPassword,
    responses((status = 204, description = "It is changed"),
        (status = 409, description = "It changed meanwhile", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn set_password(
    State(office): State<Office>,
    By(caller): By,
    Path(of): Path<OfUser>,
    extract::Json(body): extract::Json<SetPassword>,
) -> Result<StatusCode, Problem> {
    let keys = own_keys(body.revoke_keys.unwrap_or(true));
    office.identity()?.set_password(&caller, of.id, &body.password.into(), keys).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a user try to sign in again at once.
#[utoipa::path(post, path = "/api/v1/users/{id}/unlock", tag = "users", params(OfUser),
    responses((status = 204, description = "It may")))]
async fn unlock_user(
    State(office): State<Office>,
    By(caller): By,
    Path(of): Path<OfUser>,
) -> Result<StatusCode, Problem> {
    office.identity()?.unlock_user(&caller, of.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the second factor of a user away who lost the device and the codes.
#[utoipa::path(delete, path = "/api/v1/users/{id}/second-factor", tag = "users", params(OfUser),
    responses((status = 204, description = "It is gone"),
        (status = 409, description = "There is none, or it changed meanwhile", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn reset_second_factor(
    State(office): State<Office>,
    By(caller): By,
    Path(of): Path<OfUser>,
) -> Result<StatusCode, Problem> {
    office.identity()?.reset_second_factor(&caller, of.id).await?;
    Ok(StatusCode::NO_CONTENT)
}
