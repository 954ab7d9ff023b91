//! What a client of `/api` is told when a request fails: problem details after RFC 9457. Which words of an error go
//! outside is decided where kinds become statuses, in `kinds`.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::ledger::Blame;

/// Where each code has its page; relative, so that it holds wherever the documentation is served.
pub(crate) const PAGES: &str = "/docs/errors/";

pub(crate) const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A failure on its way out. It becomes bytes where the request's name is known.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    /// A sentence of ours.
    pub(crate) message: String,
    pub(crate) errors: Vec<FieldError>,
    pub(crate) retry_after: Option<Duration>,
    /// Whether the rest of the request is left unread, so that the connection cannot serve again.
    pub(crate) closes: bool,
    /// Whether a credential was there that is not accepted.
    pub(crate) credential_refused: bool,
    /// Whether it stands for a panic.
    pub(crate) panicked: bool,
}

/// One thing that is wrong with what was sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// Where: a JSON pointer into the body, such as `/inputs/name`, or the name of a parameter or header.
    #[schema(example = "/inputs/name")]
    pub(crate) field: String,
    /// What is wrong, in a sentence.
    #[schema(example = "has more than 64 characters")]
    pub(crate) message: String,
    /// A stable code.
    #[schema(example = "api.invalid_field")]
    pub(crate) code: String,
}

/// What is wrong with one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not what it should be.
    Invalid,
    /// It is not there.
    Missing,
    /// It is not known here.
    Unknown,
    /// The parameter is not known here.
    UnknownParameter,
    /// It stands there twice.
    Duplicate,
}

impl Fault {
    /// Never changes once released; `docs/errors/<code>.md` explains each.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Invalid => "api.invalid_field",
            Self::Missing => "api.missing_field",
            Self::Unknown => "api.unknown_field",
            Self::UnknownParameter => "api.unknown_parameter",
            Self::Duplicate => "api.duplicate_member",
        }
    }
}

/// A failure, told as problem details (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// The page that explains the code, relative to the documentation.
    #[schema(example = "/docs/errors/api.no_such_path")]
    r#type: String,
    /// The meaning of the status, in a few words.
    #[schema(example = "Not Found")]
    title: &'a str,
    /// The status of the answer.
    #[schema(example = 404, minimum = 400, maximum = 599)]
    status: u16,
    /// What happened, in a sentence.
    #[schema(example = "there is nothing at this path")]
    detail: &'a str,
    /// The stable code.
    #[schema(example = "api.no_such_path")]
    code: &'a str,
    /// The same sentence as `detail`.
    #[schema(example = "there is nothing at this path")]
    message: &'a str,
    /// Names the request, for whoever has to ask about it.
    #[schema(example = "req_01933b1e0000700080000000000000aa")]
    request_id: &'a str,
    /// Everything that is wrong with what was sent; empty when that is not what failed.
    errors: &'a [FieldError],
}

impl FieldError {
    pub(crate) fn new(field: impl Into<String>, code: &str, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), code: code.to_owned() }
    }

    pub(crate) fn of(field: impl Into<String>, fault: Fault, message: impl Into<String>) -> Self {
        Self::new(field, fault.code(), message)
    }
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            errors: Vec::new(),
            retry_after: None,
            closes: false,
            credential_refused: false,
            panicked: false,
        }
    }

    /// Somebody broke a promise.
    pub(crate) fn panicked() -> Self {
        Self { panicked: true, ..crate::refusal::Refusal::Internal.into() }
    }

    /// Whose fault it is, if it is not the client's.
    pub(crate) fn blame(&self) -> Option<Blame> {
        if self.panicked { Some(Blame::Panic) } else { Blame::of(self.status.as_u16()) }
    }

    /// One parameter is wrong, in a way that no schema can tell.
    pub(crate) fn parameter(name: &str, message: &str) -> Self {
        let error = FieldError::of(name, Fault::Invalid, message);
        Self::from(crate::refusal::Refusal::InvalidParameter).with(vec![error])
    }

    pub(crate) fn with(self, errors: Vec<FieldError>) -> Self {
        Self { errors, ..self }
    }

    pub(crate) fn after(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..self }
    }

    /// The answer that tells it, to the request of this name. Headers that are there already stay.
    pub(crate) fn tell(&self, request_id: &str, response: &mut Response) {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let body = ProblemBody {
            r#type: format!("{PAGES}{}", self.code),
            title,
            status: self.status.as_u16(),
            detail: &self.message,
            code: self.code,
            message: &self.message,
            request_id,
            errors: &self.errors,
        };
        *response.body_mut() = Body::from(serde_json::to_vec(&body).unwrap_or_default());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        headers.insert("x-codeflow-error", HeaderValue::from_static(self.code));
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = if self.credential_refused {
                "Bearer realm=\"codeflow\", error=\"invalid_token\""
            } else {
                "Bearer realm=\"codeflow\""
            };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if self.closes {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }
}
