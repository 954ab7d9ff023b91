//! Why a call to a model failed, the same for every provider.

use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

use codeflow_core::{Class, Coded};

/// Any cause.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// A call to a model failed.
#[derive(Clone, Debug)]
pub struct ApiClientError {
    kind: ErrorKind,
    message: String,
    details: Box<Details>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// What is known about a failed call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// Who was asked; empty when nobody was yet.
    pub provider: String,
    /// Which model; empty when none was chosen yet.
    pub model: String,
    /// The provider's HTTP status.
    pub status: Option<u16>,
    /// The provider's own word for the failure.
    pub provider_code: Option<String>,
    /// How long the provider wants to be left alone.
    pub retry_after: Option<Duration>,
    /// Whether the caller had already seen part of the reply.
    pub phase: Phase,
    /// How far the request had come, and so whether the provider may bill it.
    pub reach: Reach,
}

/// How far a request came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// Nothing of it was sent.
    #[default]
    NotSent,
    /// The provider said that it does not do it, so it bills nothing.
    Refused,
    /// It was sent, and nobody can say what the provider made of it: it may be billed.
    Unknown,
}

/// How far a call got before it failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The caller has seen nothing, so that somebody else may answer.
    #[default]
    BeforeFirstToken,
    /// The caller has seen part of a reply.
    AfterFirstToken,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The provider could not be reached, or the connection broke.
    ProviderConnection,
    /// A deadline passed.
    Timeout,
    /// Too many requests or tokens.
    RateLimited,
    /// The provider is overloaded, or fails on its side.
    Overloaded,
    /// The provider does not accept the key.
    Authentication,
    /// The account may not do this, or has no credit left.
    PermissionDenied,
    /// The provider does not accept the request.
    InvalidRequest,
    /// The conversation does not fit into the model.
    ContextTooLong,
    /// The provider refuses the content.
    ContentFiltered,
    /// The provider does not have the model.
    ModelNotAvailable,
    /// A policy of ours forbids the call, or is itself wrong.
    InvalidPolicy,
    /// A budget of ours is used up.
    BudgetExceeded,
    /// The caller gave up.
    Cancelled,
    /// The reply makes no sense, or ends too early.
    BadResponse,
    /// A fault of ours.
    Internal,
}

impl ApiClientError {
    /// An error of which nothing else is known yet.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), details: Box::default(), source: None }
    }

    /// The same error with what is known about the call.
    #[must_use]
    pub fn about(self, details: Details) -> Self {
        Self { details: Box::new(details), ..self }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn because(self, source: impl Into<BoxError>) -> Self {
        Self { source: Some(source.into().into()), ..self }
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What is known about the call.
    pub fn details(&self) -> &Details {
        &self.details
    }

    /// Whether the same request to the same model may succeed later. Never so once the caller has seen part of a reply.
    pub fn may_retry(&self) -> bool {
        self.details.phase == Phase::BeforeFirstToken && self.kind.is_passing()
    }

    /// Whether another model may succeed. Never so once the caller has seen part of a reply.
    pub fn may_fall_back(&self) -> bool {
        self.details.phase == Phase::BeforeFirstToken
            && (self.kind.is_passing() || self.kind.is_of_this_model())
    }
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: [Self; 15] = [
        Self::ProviderConnection,
        Self::Timeout,
        Self::RateLimited,
        Self::Overloaded,
        Self::Authentication,
        Self::PermissionDenied,
        Self::InvalidRequest,
        Self::ContextTooLong,
        Self::ContentFiltered,
        Self::ModelNotAvailable,
        Self::InvalidPolicy,
        Self::BudgetExceeded,
        Self::Cancelled,
        Self::BadResponse,
        Self::Internal,
    ];

    /// Never changes once released; `docs/errors/<code>.md` explains each.
    pub fn code(self) -> &'static str {
        match self {
            Self::ProviderConnection => "model.connection",
            Self::Timeout => "model.timeout",
            Self::RateLimited => "model.rate_limited",
            Self::Overloaded => "model.overloaded",
            Self::Authentication => "model.authentication",
            Self::PermissionDenied => "model.permission_denied",
            Self::InvalidRequest => "model.invalid_request",
            Self::ContextTooLong => "model.context_too_long",
            Self::ContentFiltered => "model.content_filtered",
            Self::ModelNotAvailable => "model.not_available",
            Self::InvalidPolicy => "model.invalid_policy",
            Self::BudgetExceeded => "model.budget_exceeded",
            Self::Cancelled => "model.cancelled",
            Self::BadResponse => "model.bad_response",
            Self::Internal => "model.internal",
        }
    }

    fn class(self) -> Class {
        match self {
            Self::InvalidRequest | Self::ContextTooLong => Class::Invalid,
            Self::ModelNotAvailable => Class::NotFound,
            Self::Cancelled => Class::Conflict,
            Self::Authentication | Self::PermissionDenied | Self::ContentFiltered | Self::InvalidPolicy => {
                Class::Denied
            }
            Self::RateLimited | Self::BudgetExceeded => Class::Limited,
            Self::ProviderConnection | Self::Timeout | Self::Overloaded | Self::BadResponse => {
                Class::Unavailable
            }
            Self::Internal => Class::Internal,
        }
    }

    /// It may be different in a moment.
    fn is_passing(self) -> bool {
        matches!(
            self,
            Self::ProviderConnection
                | Self::Timeout
                | Self::RateLimited
                | Self::Overloaded
                | Self::BadResponse
        )
    }

    /// It may be different with another model, provider or key.
    fn is_of_this_model(self) -> bool {
        matches!(
            self,
            Self::Authentication | Self::PermissionDenied | Self::ContextTooLong | Self::ModelNotAvailable
        )
    }
}

impl fmt::Display for ApiClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for ApiClientError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}

impl Coded for ApiClientError {
    fn code(&self) -> &'static str {
        self.kind.code()
    }

    fn class(&self) -> Class {
        self.kind.class()
    }
}
