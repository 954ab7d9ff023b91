//! What a client is told when a request fails, in the shape of its SDK, and with which status. No other code chooses
//! a status for an error, or decides which words of an error go outside.

use std::time::Duration;

use codeflow_core::Coded;
use codeflow_gateway::BudgetError;
use codeflow_model::{ApiClientError, ErrorKind, Reach, WireFormat};
use serde::Serialize;

use crate::{Error, sse};

/// A failure as a client may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The HTTP status. Anthropic's own 529 is written for a 503 where the client speaks that format.
    pub status: u16,
    /// Our stable code.
    pub code: &'static str,
    /// What the client is told: a sentence of ours.
    pub message: String,
    /// The field of the request that is wrong.
    pub param: Option<String>,
    /// How long the client should wait.
    pub retry_after: Option<Duration>,
    /// Whether the SDKs may send it again by themselves; `None` leaves it to them and the status.
    pub may_retry: Option<bool>,
}

#[derive(Serialize)]
struct OpenAiBody<'a> {
    error: OpenAiError<'a>,
}

#[derive(Serialize)]
struct OpenAiError<'a> {
    message: &'a str,
    r#type: &'static str,
    param: Option<&'a str>,
    code: &'static str,
}

#[derive(Serialize)]
struct AnthropicBody<'a> {
    r#type: &'static str,
    error: AnthropicError<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct AnthropicError<'a> {
    r#type: &'static str,
    message: &'a str,
}

impl Failure {
    /// A failure of which nothing else is known.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { status, code, message, param: None, retry_after: None, may_retry: None }
    }

    /// The body in the shape that the SDKs of `format` expect.
    pub fn body(&self, format: WireFormat, request_id: &str) -> Vec<u8> {
        let mut out = Vec::new();
        match format {
            WireFormat::ChatCompletions => sse::json(
                &mut out,
                &OpenAiBody {
                    error: OpenAiError {
                        message: &self.message,
                        r#type: self.openai_type(),
                        param: self.param.as_deref(),
                        code: self.openai_code(),
                    },
                },
            ),
            WireFormat::Messages => sse::json(
                &mut out,
                &AnthropicBody {
                    r#type: "error",
                    error: AnthropicError { r#type: self.anthropic_type(), message: &self.message },
                    request_id: (!request_id.is_empty()).then_some(request_id),
                },
            ),
        }
        out
    }

    /// The status to answer with in this format.
    pub fn status(&self, format: WireFormat) -> u16 {
        match (format, self.status) {
            (WireFormat::Messages, 503) => 529,
            (WireFormat::ChatCompletions | WireFormat::Messages, status) => status,
        }
    }

    /// The headers that the SDKs heed: how long to wait, in whole seconds rounded up, and whether to try again at all.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("x-codeflow-error", self.code.to_owned())];
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.push(("retry-after", seconds.to_string()));
        }
        if let Some(may_retry) = self.may_retry {
            headers.push(("x-should-retry", may_retry.to_string()));
        }
        headers
    }

    fn openai_type(&self) -> &'static str {
        match self.status {
            401 => "authentication_error",
            403 => "permission_error",
            429 if self.is_budget() => "insufficient_quota",
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        }
    }

    /// OpenAI's own word where it has one, because programs look for it; our code elsewhere.
    fn openai_code(&self) -> &'static str {
        let is = |kind: ErrorKind| self.code == kind.code();
        match self.status {
            401 => "invalid_api_key",
            429 if self.is_budget() => "insufficient_quota",
            429 => "rate_limit_exceeded",
            _ if is(ErrorKind::ContextTooLong) => "context_length_exceeded",
            _ if is(ErrorKind::ContentFiltered) => "content_filter",
            _ if is(ErrorKind::ModelNotAvailable) => "model_not_found",
            _ => self.code,
        }
    }

    fn anthropic_type(&self) -> &'static str {
        match self.status {
            401 => "authentication_error",
            402 => "billing_error",
            403 => "permission_error",
            404 => "not_found_error",
            413 => "request_too_large",
            429 => "rate_limit_error",
            503 | 529 => "overloaded_error",
            504 => "timeout_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        }
    }

    fn is_budget(&self) -> bool {
        self.code == ErrorKind::BudgetExceeded.code()
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        let param = error.path().map(str::to_owned);
        Self { param, ..Self::new(400, error.code(), error.to_string()) }
    }
}

/// The one place where a kind of failure becomes a status, and where it is decided whose words the client reads.
///
/// A provider's words reach the client only where they are about the client's own request. What a provider says about
/// our key, our account or its own state may hold a part of a key or a name of a host, so the client reads a sentence
/// of ours instead.
///
/// A used-up budget is 429, as OpenAI does it, and tells the SDKs not to repeat the call, which they would else do.
/// A provider that refuses *our* key is 502: a 401 would make the client doubt its own.
///
/// Where the cause is one of ours that says more, the client reads that: which field is wrong, or that nobody knows what
/// is left of a budget.
impl From<&ApiClientError> for Failure {
    fn from(error: &ApiClientError) -> Self {
        let cause = std::error::Error::source(error);
        if let Some(field) = cause.and_then(|cause| cause.downcast_ref::<Error>()) {
            return Self::from(field);
        }
        if let Some(budget @ BudgetError::Unavailable) = cause.and_then(|cause| cause.downcast_ref()) {
            return Self::new(503, budget.code(), budget.to_string());
        }
        let (status, words, may_retry) = told(error.kind());
        let message = match words {
            Words::Said => error.to_string(),
            Words::SaidByUs(_) if nobody_was_asked(error) => error.to_string(),
            Words::SaidByUs(sentence) | Words::Fixed(sentence) => sentence.to_owned(),
        };
        let retry_after = error.details().retry_after.filter(|_| may_retry != Some(false));
        Self { retry_after, may_retry, ..Self::new(status, error.code(), message) }
    }
}

/// Which words of an error go outside.
#[derive(Clone, Copy)]
enum Words {
    /// Its own.
    Said,
    /// Its own, unless they came from a provider.
    SaidByUs(&'static str),
    /// None of them.
    Fixed(&'static str),
}

fn nobody_was_asked(error: &ApiClientError) -> bool {
    let details = error.details();
    details.reach == Reach::NotSent && details.status.is_none() && details.provider_code.is_none()
}

/// The status, whose words, and whether to try again.
fn told(kind: ErrorKind) -> (u16, Words, Option<bool>) {
    use Words::{Fixed, Said, SaidByUs};
    match kind {
        ErrorKind::InvalidRequest | ErrorKind::ContextTooLong | ErrorKind::ContentFiltered => {
            (400, Said, None)
        }
        ErrorKind::ModelNotAvailable => (404, SaidByUs("the model is not available"), None),
        ErrorKind::InvalidPolicy => (403, SaidByUs("a policy forbids the call"), None),
        ErrorKind::BudgetExceeded => (429, SaidByUs("the budget for this call is used up"), Some(false)),
        ErrorKind::RateLimited => (429, SaidByUs("too many requests or tokens for now"), None),
        ErrorKind::Overloaded => (503, Fixed("the provider is overloaded or fails for now"), None),
        ErrorKind::Cancelled => (503, Fixed("the call ended before it was done"), None),
        ErrorKind::ProviderConnection => (502, Fixed("the provider could not be reached"), None),
        ErrorKind::BadResponse => (502, Fixed("the provider's reply makes no sense or ends too early"), None),
        ErrorKind::Authentication => {
            (502, Fixed("the provider does not accept the gateway's key"), Some(false))
        }
        ErrorKind::PermissionDenied => {
            (502, Fixed("the gateway's account may not do this at the provider"), Some(false))
        }
        ErrorKind::Timeout => (504, Fixed("the provider did not answer in time"), None),
        ErrorKind::Internal => (500, Fixed("something went wrong inside the gateway"), None),
    }
}
