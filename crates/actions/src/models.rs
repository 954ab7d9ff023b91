//! The port to models: what an `llm/*` action asks, what it gets, and the ways in which that fails. Which model answers,
//! what it may cost and how often it is tried is decided behind it.

use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::execution::StepPath;
use codeflow_core::{ActionError, ActionErrorKind, ExecutionId, Tenant, Usd};
use codeflow_model::{ApiClientError, ChatRequest, ChatResponse, Details, ErrorKind, Reach, Usage};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Answers questions, each from the first model of a route that can.
#[async_trait]
pub trait Models: Send + Sync {
    /// Asks once. Nobody who calls this repeats it, so all repeating and falling back is done inside.
    ///
    /// It ends within [`ModelAsk::within`]. A dropped future cancels the call; what was used until then is paid for.
    ///
    /// # Errors
    /// See [`ModelError::kind`].
    async fn complete(&self, ask: ModelAsk) -> Result<ModelReply, ModelError>;

    /// Whether anybody is there who could answer on this route. A provider that is down counts as there: that may
    /// pass, and the call says so.
    fn availability(&self, route: &str) -> Availability;
}

/// Whether anybody could answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Availability {
    /// Somebody is configured.
    Ready,
    /// Nobody is, for this reason: a sentence without a full stop.
    Missing(String),
}

/// A question, and on whose account.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelAsk {
    /// The route, such as `review`; a model's own name works as well.
    pub route: String,
    /// The question. Its `model` is empty.
    pub request: ChatRequest,
    /// Whose execution it is.
    pub tenant: Tenant,
    /// The execution that pays.
    pub execution: ExecutionId,
    /// The step, or the iteration of it, that asks.
    pub path: StepPath,
    /// The attempt of the step, counted from one.
    pub attempt: u32,
    /// The call within the attempt, counted from one.
    pub call: u32,
    /// What all calls of the execution may cost together.
    pub budget: Option<Usd>,
    /// How long it may take, fallbacks and waits included.
    pub within: Duration,
}

/// An answer, and what it took.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelReply {
    /// The answer.
    pub response: ChatResponse,
    /// Who answered.
    pub provider: String,
    /// The model that answered, by the provider's own name for it.
    pub model: String,
    /// The route that led there.
    pub route: String,
    /// What was used, as it was paid for.
    pub usage: Usage,
    /// What it cost; none when nobody knows.
    pub cost: Option<Usd>,
    /// Whether usage or cost is an estimate.
    pub estimated: bool,
    /// How many calls were made to providers.
    pub attempts: u32,
    /// Whether the answer came from a cache, and cost nothing.
    pub cached: bool,
}

/// No model answered.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct ModelError {
    kind: ErrorKind,
    retry_later: bool,
    context: String,
    #[source]
    source: Option<BoxError>,
}

impl ModelError {
    /// An error that would come again, with a sentence that says what happened. It is journalled, so it quotes nobody.
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { kind, retry_later: false, context: context.into(), source: None }
    }

    /// The same error, for a call that was not made and may be made later.
    #[must_use]
    pub fn for_later(self) -> Self {
        Self { retry_later: true, ..self }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn with_source(self, source: impl Into<BoxError>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether a step may ask again: nothing was done, so nothing is paid for twice.
    pub fn is_for_later(&self) -> bool {
        self.retry_later
    }
}

impl From<ApiClientError> for ModelError {
    /// Keeps what kind of failure it is and who failed. What the provider said stays in the cause: it may quote the
    /// question.
    fn from(error: ApiClientError) -> Self {
        let details = error.details();
        let untouched = match details.reach {
            Reach::NotSent | Reach::Refused => true,
            Reach::Unknown => false,
        };
        let retry_later = error.may_retry() && untouched;
        let context = format!("{}{}", describe(error.kind()), about(details));
        Self { kind: error.kind(), retry_later, context, source: Some(error.into()) }
    }
}

fn describe(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ProviderConnection => "the provider could not be reached",
        ErrorKind::Timeout => "the model did not answer in time",
        ErrorKind::RateLimited => "too many requests or tokens",
        ErrorKind::Overloaded => "the provider is overloaded or fails",
        ErrorKind::Authentication => "the provider does not accept the key",
        ErrorKind::PermissionDenied => "the account may not do this",
        ErrorKind::InvalidRequest => "the provider does not accept the request",
        ErrorKind::ContextTooLong => "the text does not fit into the model",
        ErrorKind::ContentFiltered => "the provider refuses the content",
        ErrorKind::ModelNotAvailable => "the provider does not have the model",
        ErrorKind::InvalidPolicy => "a policy forbids the call",
        ErrorKind::BudgetExceeded => "the budget does not cover the call",
        ErrorKind::Cancelled => "the call was cancelled",
        ErrorKind::BadResponse => "the provider's reply makes no sense",
        ErrorKind::Internal => "the call broke down",
    }
}

/// Who failed, as far as that is known.
fn about(details: &Details) -> String {
    let name = match (details.provider.as_str(), details.model.as_str()) {
        ("", "") => String::new(),
        (one, "") | ("", one) => one.to_owned(),
        (provider, model) => format!("{provider}/{model}"),
    };
    match (name.as_str(), details.status) {
        ("", None) => String::new(),
        ("", Some(status)) => format!(" (status {status})"),
        (name, None) => format!(" ({name})"),
        (name, Some(status)) => format!(" ({name}, status {status})"),
    }
}

impl From<ModelError> for ActionError {
    /// Only what may be asked again gets a kind that a step's `retry` knows.
    fn from(error: ModelError) -> Self {
        let passing = |kind| if error.retry_later { kind } else { ActionErrorKind::Failed };
        let kind = match error.kind {
            ErrorKind::RateLimited => passing(ActionErrorKind::RateLimited),
            ErrorKind::Timeout => passing(ActionErrorKind::Timeout),
            ErrorKind::ProviderConnection | ErrorKind::Overloaded | ErrorKind::BadResponse => {
                passing(ActionErrorKind::Unavailable)
            }
            ErrorKind::InvalidRequest | ErrorKind::ContextTooLong => ActionErrorKind::InvalidInput,
            ErrorKind::Authentication
            | ErrorKind::PermissionDenied
            | ErrorKind::ContentFiltered
            | ErrorKind::ModelNotAvailable => ActionErrorKind::Failed,
            ErrorKind::BudgetExceeded => ActionErrorKind::BudgetExceeded,
            ErrorKind::InvalidPolicy => ActionErrorKind::Denied,
            ErrorKind::Cancelled => ActionErrorKind::Cancelled,
            ErrorKind::Internal => ActionErrorKind::Internal,
        };
        Self::new(kind, error.context).with_code(error.kind.code())
    }
}

/// Nobody who could answer: every `llm/*` step stands aside.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoModels;

impl NoModels {
    const REASON: &str = "no model provider is configured, so no model was asked";
}

#[async_trait]
impl Models for NoModels {
    async fn complete(&self, _: ModelAsk) -> Result<ModelReply, ModelError> {
        Err(ModelError::new(ErrorKind::ModelNotAvailable, Self::REASON))
    }

    fn availability(&self, _: &str) -> Availability {
        Availability::Missing(Self::REASON.to_owned())
    }
}
