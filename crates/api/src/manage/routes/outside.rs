//! `/api/v1/auth/outside/…` and `/api/v1/auth/callback/…`: sign-ins with other services.

use axum::Json;
use axum::extract::State;
use axum::response::{AppendHeaders, IntoResponse, Response};
use codeflow_auth::{CodeTicket, OutsideSignIn, SignInAnswer, SignInProviders};
use codeflow_ratelimit::EndpointClass;
use http::{HeaderMap, StatusCode, header};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::sign_in::TokensView;
use crate::manage::extract::{self, FromWhere, Path, Query};
use crate::manage::guard::{BodyRule, Guard};
use crate::manage::office::{Desk, Office};
use crate::manage::problem::{Problem, ProblemBody};
use crate::refusal::Refusal;

/// What the browser keeps until the sign-in is finished.
const COOKIE: &str = "codeflow_sign_in";
/// Other sites cannot read it, and send it only when a person follows the way back here.
const COOKIE_RULES: &str = "HttpOnly; Secure; SameSite=Lax; Path=/api/v1/auth";

pub(super) fn routes(desk: Desk) -> Desk {
    let open = |reason| Guard::public(reason, EndpointClass::SignIn);
    desk.route(open("whoever wants to sign in has to see with what"), routes!(sign_in_services))
        .route(open("whoever signs in has no credential yet").takes(BodyRule::SMALL), routes!(begin_sign_in))
        .route(open("the state, the code and the cookie are the credential"), routes!(finish_sign_in))
}

/// The services with which people sign in.
#[derive(Serialize, ToSchema)]
pub(crate) struct Services {
    /// Their names.
    #[schema(example = json!(["github"]))]
    data: Vec<String>,
}

/// Which service.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
struct OfService {
    /// The name of the service.
    #[param(pattern = "^[A-Za-z0-9_-]{1,64}$", example = "github")]
    service: String,
}

/// A sign-in to begin.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BeginSignIn {
    /// A path of this installation to which the browser goes afterwards.
    #[schema(min_length = 1, max_length = 1024, example = "/console")]
    redirect_after: Option<String>,
}

/// A sign-in that has begun.
#[derive(Serialize, ToSchema)]
pub(crate) struct BegunView {
    /// Where the browser goes.
    #[schema(example = "https://github.com/login/oauth/authorize?client_id=x")]
    url: String,
    /// Until when it can be finished.
    #[schema(format = "date-time", example = "2026-11-25T10:10:00.000Z")]
    expires_at: String,
}

/// What comes back. Services add what they like to it, which is not read.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct ComeBack {
    /// What was handed out at the beginning.
    #[param(min_length = 1, max_length = 1024, example = "c3RhdGU")]
    state: String,
    /// The code.
    #[param(max_length = 4096, example = "Y29kZQ")]
    code: Option<String>,
    /// Why there is none.
    #[param(max_length = 256, example = "access_denied")]
    error: Option<String>,
    /// From whom it comes.
    #[param(max_length = 1024, example = "https://accounts.example.org")]
    iss: Option<String>,
}

/// A sign-in that went well.
#[derive(Serialize, ToSchema)]
pub(crate) struct FinishedView {
    /// The tokens.
    tokens: TokensView,
    /// The path that was named at the beginning.
    #[schema(example = "/console")]
    redirect_after: Option<String>,
}

/// A sign-in that lacks a code of the second factor.
#[derive(Serialize, ToSchema)]
pub(crate) struct CodeNeededView {
    /// What finishes the sign-in, with a code, at `/api/v1/auth/second-factor`; once.
    #[schema(example = "cfc_ticket")]
    ticket: String,
    /// Until when it can be finished.
    #[schema(format = "date-time", example = "2026-11-25T10:05:00.000Z")]
    expires_at: String,
    /// The path that was named at the beginning.
    #[schema(example = "/console")]
    redirect_after: Option<String>,
}

/// How a sign-in with another service ends.
enum Ending {
    Finished(FinishedView),
    CodeNeeded(CodeNeededView),
}

impl Ending {
    fn of(signed: OutsideSignIn, redirect_after: Option<String>) -> Self {
        match signed {
            OutsideSignIn::Done(signed) => {
                Self::Finished(FinishedView { tokens: signed.into(), redirect_after })
            }
            OutsideSignIn::CodeNeeded(CodeTicket { ticket, expires_at }) => {
                let (ticket, expires_at) = (ticket.expose_secret().to_owned(), expires_at.to_string());
                Self::CodeNeeded(CodeNeededView { ticket, expires_at, redirect_after })
            }
        }
    }
}

impl IntoResponse for Ending {
    fn into_response(self) -> Response {
        match self {
            Self::Finished(view) => Json(view).into_response(),
            Self::CodeNeeded(view) => (StatusCode::ACCEPTED, Json(view)).into_response(),
        }
    }
}

fn providers(office: &Office) -> Result<&SignInProviders, Problem> {
    office.manage.sign_ins.as_deref().ok_or_else(|| Refusal::NotHere.into())
}

/// The value of our cookie, if the browser sends one.
fn kept(headers: &HeaderMap) -> String {
    let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value.to_owned()).unwrap_or_default()
}

/// Lists the services with which people sign in.
#[utoipa::path(get, path = "/api/v1/auth/outside", tag = "sign-in",
    responses((status = 200, description = "Their names", body = Services)))]
async fn sign_in_services(State(office): State<Office>) -> Json<Services> {
    let names =
        office.manage.sign_ins.iter().flat_map(|all| all.names().map(str::to_owned).collect::<Vec<_>>());
    Json(Services { data: names.collect() })
}

/// Begins a sign-in with another service. The answer sets a cookie that the browser has to send at the end.
#[utoipa::path(post, path = "/api/v1/auth/outside/{service}", tag = "sign-in", params(OfService),
    request_body = BeginSignIn,
    responses((status = 200, description = "Where the browser goes", body = BegunView),
        (status = 401, description = "The service is not what it should be", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn begin_sign_in(
    State(office): State<Office>,
    Path(of): Path<OfService>,
    extract::Json(body): extract::Json<BeginSignIn>,
) -> Result<impl IntoResponse, Problem> {
    let begun = providers(&office)?.begin(&of.service, body.redirect_after.as_deref()).await?;
    let cookie = format!("{COOKIE}={}; Max-Age=600; {COOKIE_RULES}", begun.browser.expose_secret());
    let view = BegunView { url: begun.url, expires_at: begun.expires_at.to_string() };
    Ok((AppendHeaders([(header::SET_COOKIE, cookie)]), Json(view)))
}

/// Finishes a sign-in with what the other service sent back, or says that a code of the second factor is needed as well.
#[utoipa::path(get, path = "/api/v1/auth/callback/{service}", tag = "sign-in", params(OfService, ComeBack),
    extensions(("x-codeflow-open-query" = json!(true))),
    responses((status = 200, description = "The tokens", body = FinishedView),
        (status = 202, description = "The user has a second factor, of which a code is needed", body = CodeNeededView),
        (status = 401, description = "Nobody is vouched for", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
        (status = 403, description = "Who it is may not sign in here", body = ProblemBody<'static>,
            content_type = "application/problem+json"),
        (status = 409, description = "The tenant has too many users, or all names are taken", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn finish_sign_in(
    State(office): State<Office>,
    FromWhere(origin): FromWhere,
    headers: HeaderMap,
    Path(of): Path<OfService>,
    Query(query): Query<ComeBack>,
) -> Result<impl IntoResponse, Problem> {
    let ComeBack { state, code, error, iss } = query;
    let answer = SignInAnswer { state, code, error, iss, browser: kept(&headers) };
    let finished = providers(&office)?.finish(&of.service, &answer).await?;
    let signed = office.identity()?.sign_in_with(&finished.identity, &origin).await?;
    let forget = format!("{COOKIE}=; Max-Age=0; {COOKIE_RULES}");
    Ok((AppendHeaders([(header::SET_COOKIE, forget)]), Ending::of(signed, finished.redirect_after)))
}
