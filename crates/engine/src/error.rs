//! The one error of this crate and of the ports it declares.

use codeflow_core::{Class, Coded};

/// A cause from another library.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Something could not be done with an execution, a workflow or the queue.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct Error {
    kind: ErrorKind,
    context: String,
    #[source]
    source: Option<BoxError>,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The execution, workflow or task does not exist.
    NotFound,
    /// It is in a state that forbids what was asked.
    Conflict,
    /// Whoever asks may not do that.
    Forbidden,
    /// An input is missing, unknown or of the wrong type.
    InvalidInput,
    /// This worker's lease has ended; nothing it writes is accepted any more.
    LeaseLost,
    /// The data folder is in use by another engine.
    Locked,
    /// Storage is away or too slow; trying again may help.
    Unavailable,
    /// What storage holds cannot be read.
    Corrupt,
    /// A fault of ours.
    Internal,
}

impl ErrorKind {
    /// Never changes once released; `docs/errors/<code>.md` explains each.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotFound => "engine.not_found",
            Self::Conflict => "engine.conflict",
            Self::Forbidden => "engine.forbidden",
            Self::InvalidInput => "engine.invalid_input",
            Self::LeaseLost => "engine.lease_lost",
            Self::Locked => "engine.locked",
            Self::Unavailable => "engine.unavailable",
            Self::Corrupt => "engine.corrupt",
            Self::Internal => "engine.internal",
        }
    }
}

impl Error {
    /// An error without a cause.
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    /// An error with its cause.
    pub fn with_source(kind: ErrorKind, context: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self { kind, context: context.into(), source: Some(source.into()) }
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl Coded for Error {
    fn code(&self) -> &'static str {
        self.kind.code()
    }

    fn class(&self) -> Class {
        match self.kind {
            ErrorKind::NotFound => Class::NotFound,
            ErrorKind::Conflict | ErrorKind::LeaseLost | ErrorKind::Locked => Class::Conflict,
            ErrorKind::Forbidden => Class::Denied,
            ErrorKind::InvalidInput => Class::Invalid,
            ErrorKind::Unavailable => Class::Unavailable,
            ErrorKind::Corrupt | ErrorKind::Internal => Class::Internal,
        }
    }
}
