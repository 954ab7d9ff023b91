//! `/api/v1/me/second-factor`: codes by time, and codes for the day on which the device is lost.

use axum::Json;
use axum::extract::State;
use codeflow_auth::Permission;
use codeflow_ratelimit::EndpointClass;
use http::StatusCode;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::manage::extract::{self, By};
use crate::manage::guard::{BodyRule, Guard};
use crate::manage::office::{Desk, Office};
use crate::manage::problem::{Problem, ProblemBody};

pub(super) fn routes(desk: Desk) -> Desk {
    let own = Guard::needs(Permission::AccountManage, EndpointClass::SignIn);
    desk.route(own.takes(BodyRule::SMALL), routes!(begin_second_factor))
        .route(own.takes(BodyRule::SMALL), routes!(confirm_second_factor))
        .route(own.takes(BodyRule::SMALL), routes!(disable_second_factor))
}

/// Who wants to set up a second factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BeginSecondFactor {
    /// The caller's password. Who has none needs a sign-in of the last five minutes instead.
    #[schema(
        min_length = 1,
        max_length = 1024,
        format = "password",
        example = "correct horse battery staple"
    )]
    password: Option<String>,
}

/// A second factor that waits to be confirmed.
#[derive(Serialize, ToSchema)]
pub(crate) struct EnrolmentView {
    /// The secret in base 32, to be typed.
    #[schema(example = "JBSWY3DPEHPK3PXP")]
    secret: String,
    /// The secret as an address, to be shown as a picture.
    #[schema(example = "otpauth://totp/CodeFlow:ana?secret=JBSWY3DPEHPK3PXP")]
    uri: String,
}

/// A code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Code {
    /// A code of the second factor, or a recovery code where one is taken.
    #[schema(min_length = 1, max_length = 64, example = "123456")]
    code: String,
}

/// Codes, each of which signs in once.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecoveryCodes {
    /// The codes, which nobody can show again.
    #[schema(example = json!(["abcd-efgh"]))]
    recovery_codes: Vec<String>,
}

/// Begins to set up the caller's second factor, with the password. It holds when a code confirms it.
#[utoipa::path(post, path = "/api/v1/me/second-factor", tag = "me", request_body = BeginSecondFactor,
    responses((status = 201, description = "The secret for the device", body = EnrolmentView),
        (status = 409, description = "There is one already", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn begin_second_factor(
    State(office): State<Office>,
    By(caller): By,
    extract::Json(body): extract::Json<BeginSecondFactor>,
) -> Result<(StatusCode, Json<EnrolmentView>), Problem> {
    let password = body.password.map(Into::into);
    let begun = office.identity()?.begin_second_factor(&caller, password.as_ref()).await?;
    let view = EnrolmentView {
        secret: begun.secret.expose_secret().to_owned(),
        uri: begun.uri.expose_secret().to_owned(),
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Confirms the caller's second factor with a code of the device, and ends all their other sign-ins. The access token at
/// hand is void as well.
#[utoipa::path(post, path = "/api/v1/me/second-factor/confirm", tag = "me", request_body = Code,
    responses((status = 200, description = "Codes for the day on which the device is lost", body = RecoveryCodes),
        (status = 409, description = "None waits to be confirmed", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn confirm_second_factor(
    State(office): State<Office>,
    By(caller): By,
    extract::Json(body): extract::Json<Code>,
) -> Result<Json<RecoveryCodes>, Problem> {
    let codes = office.identity()?.confirm_second_factor(&caller, &body.code).await?;
    let recovery_codes = codes.iter().map(|code| code.expose_secret().to_owned()).collect();
    Ok(Json(RecoveryCodes { recovery_codes }))
}

/// Takes the caller's second factor away.
#[utoipa::path(post, path = "/api/v1/me/second-factor/disable", tag = "me", request_body = Code,
    responses((status = 204, description = "It is gone"),
        (status = 409, description = "There is none", body = ProblemBody<'static>,
            content_type = "application/problem+json")))]
async fn disable_second_factor(
    State(office): State<Office>,
    By(caller): By,
    extract::Json(body): extract::Json<Code>,
) -> Result<StatusCode, Problem> {
    office.identity()?.disable_second_factor(&caller, &body.code).await?;
    Ok(StatusCode::NO_CONTENT)
}
