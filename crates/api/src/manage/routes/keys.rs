//! `/api/v1/keys`: the keys with which programs call, those of the tenant. A key is shown once, when it is made.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use codeflow_auth::{KeyFilter, MadeKey, NewKey, Page as Part, Permission};
use codeflow_core::{KeyId, Tenant, Timestamp, UserId};
use codeflow_ratelimit::EndpointClass;
use http::StatusCode;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::lists::{self, Page};
use super::people::KeyView;
use super::permissions::{self, PermissionName};
use crate::manage::extract::{self, By, Path, Query};
use crate::manage::guard::{BodyRule, Guard};
use crate::manage::office::{Desk, Office};
use crate::manage::problem::{Problem, ProblemBody};

pub(super) fn routes(desk: Desk) -> Desk {
    let reads = Guard::needs(Permission::KeysRead, EndpointClass::Admin);
    let writes = Guard::needs(Permission::KeysWrite, EndpointClass::Admin);
    desk.route(reads, routes!(list_keys))
        .route(writes.takes(BodyRule::SMALL), routes!(create_key))
        .route(reads, routes!(get_key))
        .route(writes.takes(BodyRule::SMALL), routes!(rotate_key))
        .route(writes, routes!(revoke_key))
}

/// The id of a key.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct OfKey {
    /// The id of the key.
    #[param(value_type = String, pattern = "^key_[0-9a-f]{32}$", example = "key_01933b1e0000700080000000000000aa")]
    pub(super) id: KeyId,
}

/// Which keys.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct KeysQuery {
    /// Of this owner.
    #[param(value_type = Option<String>, pattern = "^user_[0-9a-f]{32}$",
        example = "user_01933b1e0000700080000000000000aa")]
    owner: Option<UserId>,
    /// Of this tenant; the caller's if absent.
    #[param(value_type = Option<String>, pattern = "^[A-Za-z0-9._-]{1,64}$", example = "default")]
    tenant: Option<Tenant>,
    /// How many rows; 50 if absent.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    #[param(value_type = Option<String>, pattern = "^key_[0-9a-f]{32}$",
        example = "key_01933b1e0000700080000000000000aa")]
    after: Option<KeyId>,
}

/// A key to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateKey {
    /// Whose data it sees; if absent that of the owner, or of whoever makes it.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._-]{1,64}$", example = "default")]
    tenant: Option<Tenant>,
    /// The user that it acts for; a service's if absent.
    #[schema(value_type = Option<String>, pattern = "^user_[0-9a-f]{32}$",
        example = "user_01933b1e0000700080000000000000aa")]
    owner: Option<UserId>,
    /// What people call it.
    #[schema(min_length = 1, max_length = 200, example = "ci")]
    name: String,
    /// What may be done with it.
    #[schema(max_items = 64)]
    scopes: Vec<PermissionName>,
    /// The names of models and routes that it may ask for; all if absent. A `*` at the end stands for any rest.
    #[schema(max_items = 100, example = json!(["fast"]))]
    models: Option<Vec<String>>,
    /// The tier of its limits; to name one needs `limits:write`.
    #[schema(min_length = 1, max_length = 64, example = "premium")]
    tier: Option<String>,
    /// Requests to models that it may make in a minute.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 4_294_967_295_u32, example = 600)]
    requests_per_minute: Option<NonZeroU32>,
    /// Tokens of models that it may use in a minute.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 4_294_967_295_u32, example = 100_000)]
    tokens_per_minute: Option<NonZeroU32>,
    /// From when on it is refused; never if absent.
    #[schema(value_type = Option<String>, format = "date-time", max_length = 40, example = "2027-11-25T10:00:00Z")]
    expires_at: Option<Timestamp>,
}

/// How two keys overlap.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateKey {
    /// For how many seconds more the old key is accepted: at most 30 days. A day if absent.
    #[schema(minimum = 0, maximum = 2_592_000, example = 86_400)]
    overlap_seconds: Option<u32>,
}

/// A key that was made just now.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeKeyView {
    /// What is kept of it.
    key: KeyView,
    /// The key itself, which nobody can show again.
    #[schema(example = "cf_live_01933b1e_secret")]
    secret: String,
}

const USUAL_OVERLAP: Duration = Duration::from_secs(86_400);

impl From<MadeKey> for MadeKeyView {
    fn from(made: MadeKey) -> Self {
        Self { key: made.key.into(), secret: made.secret.expose_secret().to_owned() }
    }
}

impl From<CreateKey> for NewKey {
    fn from(body: CreateKey) -> Self {
        Self {
            tenant: body.tenant,
            owner: body.owner,
            name: body.name,
            scopes: permissions::of(&body.scopes),
            models: body.models,
            tier: body.tier,
            requests_per_minute: body.requests_per_minute,
            tokens_per_minute: body.tokens_per_minute,
            expires_at: body.expires_at,
        }
    }
}

impl RotateKey {
    pub(super) fn overlap(&self) -> Duration {
        self.overlap_seconds.map_or(USUAL_OVERLAP, |seconds| Duration::from_secs(seconds.into()))
    }
}

/// Lists the keys of a tenant.
#[utoipa::path(get, path = "/api/v1/keys", tag = "keys", params(KeysQuery),
    responses((status = 200, description = "By id", body = Page<KeyView>),
        (status = 404, description = "There is no such tenant here", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn list_keys(
    State(office): State<Office>,
    By(caller): By,
    Query(query): Query<KeysQuery>,
) -> Result<Json<Page<KeyView>>, Problem> {
    let limit = query.limit.unwrap_or(lists::USUAL);
    let filter = KeyFilter { tenant: query.tenant, owner: query.owner };
    let rows = office.identity()?.list_keys(&caller, filter, Part { after: query.after, limit }).await?;
    Ok(Json(Page::of(rows, limit, |row| row.id.to_string())))
}

/// Makes a key. Nobody makes one that reaches further than they do.
#[utoipa::path(post, path = "/api/v1/keys", tag = "keys", request_body = CreateKey,
    responses((status = 201, description = "The key, shown this once", body = MadeKeyView),
        (status = 404, description = "There is no such owner or tenant", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
        (status = 409, description = "There are as many keys as there may be", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn create_key(
    State(office): State<Office>,
    By(caller): By,
    extract::Json(body): extract::Json<CreateKey>,
) -> Result<(StatusCode, Json<MadeKeyView>), Problem> {
    let made = office.identity()?.create_key(&caller, body.into()).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Shows what is kept of a key.
#[utoipa::path(get, path = "/api/v1/keys/{id}", tag = "keys", params(OfKey),
    responses((status = 200, description = "The key", body = KeyView)))]
async fn get_key(
    State(office): State<Office>,
    By(caller): By,
    Path(of): Path<OfKey>,
) -> Result<Json<KeyView>, Problem> {
    Ok(Json(office.identity()?.get_key(&caller, of.id).await?.into()))
}

/// Makes a key that takes the place of another.
#[utoipa::path(post, path = "/api/v1/keys/{id}/rotate", tag = "keys", params(OfKey), request_body = RotateKey,
    responses((status = 201, description = "The new key, shown this once", body = MadeKeyView),
        (status = 409, description = "The key is over, revoked or replaced", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn rotate_key(
    State(office): State<Office>,
    By(caller): By,
    Path(of): Path<OfKey>,
    extract::Json(body): extract::Json<RotateKey>,
) -> Result<(StatusCode, Json<MadeKeyView>), Problem> {
    let made = office.identity()?.rotate_key(&caller, of.id, body.overlap()).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Revokes a key, for ever.
#[utoipa::path(delete, path = "/api/v1/keys/{id}", tag = "keys", params(OfKey),
    responses((status = 204, description = "It is revoked"),
        (status = 409, description = "It was revoked before", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn revoke_key(
    State(office): State<Office>,
    By(caller): By,
    Path(of): Path<OfKey>,
) -> Result<StatusCode, Problem> {
    office.identity()?.revoke_key(&caller, of.id).await?;
    Ok(StatusCode::NO_CONTENT)
}
