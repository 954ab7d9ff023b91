//! `/api/v1/auth/…`: sign-ins, their tokens, and the keys that others verify them with.

use axum::Json;
use axum::extract::State;
use codeflow_auth::{SignIn, SignedIn};
use codeflow_ratelimit::EndpointClass;
use http::StatusCode;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::people::UserView;
use crate::manage::extract::{self, FromWhere};
use crate::manage::guard::{BodyRule, Guard};
use crate::manage::office::{Desk, Office};
use crate::manage::problem::{Problem, ProblemBody};
use crate::refusal::Refusal;

pub(super) fn routes(desk: Desk) -> Desk {
    let open = |reason| Guard::public(reason, EndpointClass::SignIn).takes(BodyRule::SMALL);
    desk.route(open("the password is the credential"), routes!(login))
        .route(open("the ticket and the code are the credential"), routes!(finish_with_code))
        .route(open("the refresh token is the credential"), routes!(refresh))
        .route(open("the refresh token is the credential"), routes!(logout))
        .route(
            open("the token that the server shows at its first start is the credential"),
            routes!(bootstrap),
        )
        .route(Guard::public("they are public keys", EndpointClass::Public), routes!(jwks))
}

/// What somebody brings who wants to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginRequest {
    /// The name of the user.
    #[schema(min_length = 1, max_length = 128, example = "ana")]
    name: String,
    /// The password.
    #[schema(
        min_length = 1,
        max_length = 1024,
        format = "password",
        example = "correct horse battery staple"
    )]
    password: String,
    /// A code of the second factor, or a recovery code, when the user has one.
    #[schema(min_length = 1, max_length = 64, example = "123456")]
    code: Option<String>,
}

/// A code that a sign-in with another service lacks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeRequest {
    /// The ticket that came instead of tokens.
    #[schema(min_length = 1, max_length = 1024, example = "cfc_ticket")]
    ticket: String,
    /// A code of the second factor, or a recovery code.
    #[schema(min_length = 1, max_length = 64, example = "123456")]
    code: String,
}

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshRequest {
    /// The refresh token, as it was handed out.
    #[schema(min_length = 1, max_length = 1024, example = "cfr_01933b1e_secret")]
    refresh_token: String,
}

/// The first administrator.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BootstrapRequest {
    /// The token that the server shows at its first start.
    #[schema(min_length = 1, max_length = 1024, example = "cff_secret")]
    token: String,
    /// What the administrator signs in with.
    #[schema(min_length = 1, max_length = 128, example = "ana")]
    name: String,
    /// The password.
    #[schema(
        min_length = 1,
        max_length = 1024,
        format = "password",
        example = "correct horse battery staple"
    )]
    password: String,
}

/// What somebody gets who signed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokensView {
    /// The user.
    #[schema(example = "user_01933b1e0000700080000000000000aa")]
    user: String,
    /// The sign-in.
    #[schema(example = "login_01933b1e0000700080000000000000aa")]
    session: String,
    /// How the access token is sent.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// The access token.
    #[schema(example = "eyJhbGciOiJFZERTQSJ9.e30.c2ln")]
    access_token: String,
    /// From when on the access token is refused.
    #[schema(format = "date-time", example = "2026-11-25T10:15:00.000Z")]
    expires_at: String,
    /// The refresh token, which is exchanged once.
    #[schema(example = "cfr_01933b1e_secret")]
    refresh_token: String,
    /// From when on the refresh token is refused.
    #[schema(format = "date-time", example = "2026-12-25T10:00:00.000Z")]
    refresh_expires_at: String,
}

impl From<SignedIn> for TokensView {
    fn from(signed: SignedIn) -> Self {
        Self {
            user: signed.user.to_string(),
            session: signed.login.to_string(),
            token_type: "Bearer",
            access_token: signed.access.token.expose_secret().to_owned(),
            expires_at: signed.access.expires_at.to_string(),
            refresh_token: signed.refresh.expose_secret().to_owned(),
            refresh_expires_at: signed.refresh_expires_at.to_string(),
        }
    }
}

/// Signs a user in.
#[utoipa::path(post, path = "/api/v1/auth/login", tag = "sign-in", request_body = LoginRequest,
    responses((status = 200, description = "The tokens", body = TokensView),
        (status = 401, description = "Name, password or code is wrong", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn login(
    State(office): State<Office>,
    FromWhere(origin): FromWhere,
    extract::Json(body): extract::Json<LoginRequest>,
) -> Result<Json<TokensView>, Problem> {
    let ask = SignIn { name: body.name, password: body.password.into(), code: body.code };
    Ok(Json(office.identity()?.sign_in(ask, &origin).await?.into()))
}

/// Finishes a sign-in with another service that lacks a code of the second factor. A ticket is good for one sign-in.
#[utoipa::path(post, path = "/api/v1/auth/second-factor", tag = "sign-in", request_body = CodeRequest,
    responses((status = 200, description = "The tokens", body = TokensView),
        (status = 401, description = "The ticket is over or used, or the code is wrong", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn finish_with_code(
    State(office): State<Office>,
    FromWhere(origin): FromWhere,
    extract::Json(body): extract::Json<CodeRequest>,
) -> Result<Json<TokensView>, Problem> {
    Ok(Json(office.identity()?.sign_in_with_code(&body.ticket, &body.code, &origin).await?.into()))
}

/// Exchanges a refresh token for new tokens. One that comes twice ends its sign-in.
#[utoipa::path(post, path = "/api/v1/auth/refresh", tag = "sign-in", request_body = RefreshRequest,
    responses((status = 200, description = "The tokens", body = TokensView),
        (status = 401, description = "The refresh token is not accepted", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn refresh(
    State(office): State<Office>,
    FromWhere(origin): FromWhere,
    extract::Json(body): extract::Json<RefreshRequest>,
) -> Result<Json<TokensView>, Problem> {
    Ok(Json(office.identity()?.refresh(&body.refresh_token, &origin).await?.into()))
}

/// Ends the sign-in of a refresh token.
#[utoipa::path(post, path = "/api/v1/auth/logout", tag = "sign-in", request_body = RefreshRequest,
    responses((status = 204, description = "It has ended"),
        (status = 401, description = "The refresh token is not accepted", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn logout(
    State(office): State<Office>,
    FromWhere(origin): FromWhere,
    extract::Json(body): extract::Json<RefreshRequest>,
) -> Result<StatusCode, Problem> {
    office.identity()?.sign_out_with(&body.refresh_token, &origin).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes the first administrator, with the token that the server shows at its first start.
#[utoipa::path(post, path = "/api/v1/auth/bootstrap", tag = "sign-in", request_body = BootstrapRequest,
    responses((status = 201, description = "The administrator", body = UserView),
        (status = 401, description = "The token is another", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
        (status = 409, description = "There are users already", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn bootstrap(
    State(office): State<Office>,
    FromWhere(origin): FromWhere,
    extract::Json(body): extract::Json<BootstrapRequest>,
) -> Result<(StatusCode, Json<UserView>), Problem> {
    let user = (body.name.as_str(), body.password.into());
    let made = office.identity()?.bootstrap_with(&body.token.into(), user, &origin).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// The public keys of access tokens, as JWKS.
#[utoipa::path(get, path = "/api/v1/auth/jwks.json", tag = "sign-in",
    responses((status = 200, description = "The keys", body = Object)))]
async fn jwks(State(office): State<Office>) -> Result<Json<Value>, Problem> {
    let tokens = office.manage.tokens.as_ref().ok_or(Refusal::NotHere)?;
    Ok(Json(tokens.jwks().await?))
}
