//! `/api/v1/me/keys`: the caller's own keys.

use axum::Json;
use axum::extract::State;
use codeflow_auth::{KeyFilter, NewKey, Page as Part, Permission};
use codeflow_core::KeyId;
use codeflow_ratelimit::EndpointClass;
use http::StatusCode;
use serde::Deserialize;
use utoipa_axum::routes;

use super::keys::{CreateKey, MadeKeyView, OfKey, RotateKey};
use super::lists::{self, Page};
use super::people::KeyView;
use super::sessions::own;
use crate::manage::extract::{self, By, Path, Query};
use crate::manage::guard::{BodyRule, Guard};
use crate::manage::office::{Desk, Office};
use crate::manage::problem::{Problem, ProblemBody};

pub(super) fn routes(desk: Desk) -> Desk {
    let reads = Guard::needs(Permission::AccountManage, EndpointClass::Read);
    let writes = Guard::needs(Permission::AccountManage, EndpointClass::Write);
    desk.route(reads, routes!(own_keys))
        .route(writes.takes(BodyRule::SMALL), routes!(create_own_key))
        .route(writes.takes(BodyRule::SMALL), routes!(rotate_own_key))
        .route(writes, routes!(revoke_own_key))
}

/// Which of one's own keys.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct OwnKeysQuery {
    /// How many rows; 50 if absent.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    #[param(value_type = Option<String>, pattern = "^key_[0-9a-f]{32}$",
        example = "key_01933b1e0000700080000000000000aa")]
    after: Option<KeyId>,
}

/// Lists the caller's own keys.
#[utoipa::path(get, path = "/api/v1/me/keys", tag = "me", params(OwnKeysQuery),
    responses((status = 200, description = "By id", body = Page<KeyView>)))]
async fn own_keys(
    State(office): State<Office>,
    By(caller): By,
    Query(query): Query<OwnKeysQuery>,
) -> Result<Json<Page<KeyView>>, Problem> {
    let limit = query.limit.unwrap_or(lists::USUAL);
    let filter = KeyFilter { tenant: None, owner: Some(own(&caller)?) };
    let rows = office.identity()?.list_keys(&caller, filter, Part { after: query.after, limit }).await?;
    Ok(Json(Page::of(rows, limit, |row| row.id.to_string())))
}

/// Makes a key for the caller, who is its owner whatever the body says.
#[utoipa::path(post, path = "/api/v1/me/keys", tag = "me", request_body = CreateKey,
    responses((status = 201, description = "The key, shown this once", body = MadeKeyView),
        (status = 404, description = "There is no such tenant here", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
        (status = 409, description = "There are as many keys as there may be", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn create_own_key(
    State(office): State<Office>,
    By(caller): By,
    extract::Json(body): extract::Json<CreateKey>,
) -> Result<(StatusCode, Json<MadeKeyView>), Problem> {
    let wish = NewKey { owner: Some(own(&caller)?), ..body.into() };
    let made = office.identity()?.create_key(&caller, wish).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Makes a key that takes the place of one of the caller's own.
#[utoipa::path(post, path = "/api/v1/me/keys/{id}/rotate", tag = "me", params(OfKey), request_body = RotateKey,
    responses((status = 201, description = "The new key, shown this once", body = MadeKeyView),
        (status = 409, description = "The key is over, revoked or replaced", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn rotate_own_key(
    State(office): State<Office>,
    By(caller): By,
    Path(of): Path<OfKey>,
    extract::Json(body): extract::Json<RotateKey>,
) -> Result<(StatusCode, Json<MadeKeyView>), Problem> {
    let made = office.identity()?.rotate_key(&caller, of.id, body.overlap()).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Revokes one of the caller's own keys, for ever.
#[utoipa::path(delete, path = "/api/v1/me/keys/{id}", tag = "me", params(OfKey),
    responses((status = 204, description = "It is revoked"),
        (status = 409, description = "It was revoked before", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn revoke_own_key(
    State(office): State<Office>,
    By(caller): By,
    Path(of): Path<OfKey>,
) -> Result<StatusCode, Problem> {
    office.identity()?.revoke_key(&caller, of.id).await?;
    Ok(StatusCode::NO_CONTENT)
}
