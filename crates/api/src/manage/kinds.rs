//! The one place under `/api` where a kind of failure becomes a status, and where it is decided whose words the client
//! reads. Causes never go outside; of ours, what is not for the client is a fixed sentence.

use codeflow_auth::ErrorKind as Auth;
use codeflow_core::{Coded, Problems};
use codeflow_engine::ErrorKind as Engine;
use codeflow_gateway::StoreError;
use codeflow_ratelimit::ErrorKind as Limits;
use http::StatusCode;

use super::problem::{FieldError, Problem};
use crate::refusal::Refusal;

const AWAY: &str = "something that is needed for this is away at the moment; try again";
const FAULT: &str = "something went wrong inside the server";

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let closes = matches!(refusal, Refusal::BodyLate | Refusal::BodyTooLarge);
        Self { closes, ..Self::new(status, refusal.code(), refusal.sentence()) }
    }
}

/// The status of a kind, and whether its own sentence goes outside.
fn of_auth(kind: Auth) -> (StatusCode, Option<&'static str>) {
    match kind {
        Auth::MissingCredential
        | Auth::MalformedCredential
        | Auth::BadSignature
        | Auth::UnknownSigningKey
        | Auth::ExpiredToken
        | Auth::EarlyToken
        | Auth::WrongAudience
        | Auth::WrongIssuer
        | Auth::InvalidClaims
        | Auth::Revoked
        | Auth::UnknownKey
        | Auth::ExpiredKey
        | Auth::InvalidRefreshToken
        | Auth::ReusedRefreshToken
        | Auth::WrongPassword
        | Auth::SecondFactorNeeded
        | Auth::WrongSecondFactor
        | Auth::SignInFailed => (StatusCode::UNAUTHORIZED, None),
        Auth::Forbidden => (StatusCode::FORBIDDEN, None),
        Auth::NotFound => (StatusCode::NOT_FOUND, None),
        Auth::Conflict => (StatusCode::CONFLICT, None),
        Auth::InvalidInput => (StatusCode::UNPROCESSABLE_ENTITY, None),
        Auth::LockedOut => (StatusCode::TOO_MANY_REQUESTS, None),
        Auth::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Some(AWAY)),
        Auth::Internal => (StatusCode::INTERNAL_SERVER_ERROR, Some(FAULT)),
    }
}

/// The same for what the engine says. A lease or a lock that is lost is a matter of the server's own.
fn of_engine(kind: Engine) -> (StatusCode, Option<&'static str>) {
    match kind {
        Engine::NotFound => (StatusCode::NOT_FOUND, None),
        Engine::Conflict => (StatusCode::CONFLICT, None),
        Engine::Forbidden => (StatusCode::FORBIDDEN, None),
        Engine::InvalidInput => (StatusCode::UNPROCESSABLE_ENTITY, None),
        Engine::LeaseLost | Engine::Locked | Engine::Unavailable => {
            (StatusCode::SERVICE_UNAVAILABLE, Some(AWAY))
        }
        Engine::Corrupt | Engine::Internal => (StatusCode::INTERNAL_SERVER_ERROR, Some(FAULT)),
    }
}

/// The same for limits.
fn of_limits(kind: Limits) -> (StatusCode, Option<&'static str>) {
    match kind {
        Limits::InvalidRules => (StatusCode::UNPROCESSABLE_ENTITY, None),
        Limits::Conflict => (StatusCode::CONFLICT, None),
        Limits::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Some(AWAY)),
        Limits::Corrupt => (StatusCode::INTERNAL_SERVER_ERROR, Some(FAULT)),
    }
}

/// Notes what stays inside, at the place where the error stops travelling.
fn note(status: StatusCode, error: &(dyn std::error::Error + 'static)) {
    match status {
        StatusCode::INTERNAL_SERVER_ERROR => {
            tracing::error!(critical = true, error, "a request failed by a fault of ours");
        }
        status if status.is_server_error() => tracing::error!(error, "a request failed"),
        _ => {}
    }
}

impl From<codeflow_auth::Error> for Problem {
    fn from(error: codeflow_auth::Error) -> Self {
        let (status, fixed) = of_auth(error.kind());
        note(status, &error);
        let message = fixed.map_or_else(|| error.to_string(), str::to_owned);
        let fields = error.problems().iter();
        let fields = fields.map(|(field, what)| FieldError::new(pointer(field), error.code(), what.clone()));
        let fields = fields.collect();
        let credential_refused = error.kind() != Auth::MissingCredential;
        let problem = Self::new(status, error.code(), message).after(error.retry_after());
        Self { credential_refused, ..problem.with(fields) }
    }
}

/// What use cases call a field, as the pointer into the body that it came in.
fn pointer(field: &str) -> String {
    format!("/{}", field.replace('.', "/"))
}

impl From<codeflow_ratelimit::Error> for Problem {
    fn from(error: codeflow_ratelimit::Error) -> Self {
        let (status, fixed) = of_limits(error.kind());
        note(status, &error);
        let rules = error.problems().iter();
        let fields = rules
            .map(|one| FieldError::new(format!("/rules{}", pointer(&one.field)), error.code(), one.problem));
        let fields = fields.collect();
        let message = fixed.map_or_else(|| error.to_string(), str::to_owned);
        Self::new(status, error.code(), message).with(fields)
    }
}

impl From<codeflow_engine::Error> for Problem {
    fn from(error: codeflow_engine::Error) -> Self {
        let (status, fixed) = of_engine(error.kind());
        note(status, &error);
        Self::new(status, error.code(), fixed.map_or_else(|| error.to_string(), str::to_owned))
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        note(StatusCode::SERVICE_UNAVAILABLE, &error);
        Refusal::StorageUnavailable.into()
    }
}

/// Everything that is wrong with a document.
impl From<Problems> for Problem {
    fn from(problems: Problems) -> Self {
        let errors = problems.iter().map(|one| {
            let hint = if one.hint.is_empty() { String::new() } else { format!("; {}", one.hint) };
            let message = format!("{} ({}){hint}", one.message, one.location);
            FieldError::new("/document", one.code, message)
        });
        let errors = errors.collect();
        Self::from(Refusal::InvalidBody).with(errors)
    }
}
