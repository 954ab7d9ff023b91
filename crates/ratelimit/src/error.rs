//! The one error of this crate and of the ports it declares.

use codeflow_core::{Class, Coded};

use crate::RuleProblem;

/// A cause from another library.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Something could not be done with limits.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct Error {
    kind: ErrorKind,
    context: String,
    problems: Vec<RuleProblem>,
    #[source]
    source: Option<BoxError>,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Limits that make no sense; [`Error::problems`] names each.
    InvalidRules,
    /// Somebody else changed the limits meanwhile.
    Conflict,
    /// Storage, or what processes share, is away or too slow; trying again may help.
    Unavailable,
    /// What is kept cannot be read.
    Corrupt,
}

impl ErrorKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::InvalidRules, Self::Conflict, Self::Unavailable, Self::Corrupt];

    /// Never changes once released; `docs/errors/<code>.md` explains each.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidRules => "limits.invalid_rules",
            Self::Conflict => "limits.conflict",
            Self::Unavailable => "limits.unavailable",
            Self::Corrupt => "limits.corrupt",
        }
    }
}

impl Error {
    /// An error without a cause.
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), problems: Vec::new(), source: None }
    }

    /// An error with its cause.
    pub fn with_source(kind: ErrorKind, context: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self { source: Some(source.into()), ..Self::new(kind, context) }
    }

    pub(crate) fn invalid(problems: Vec<RuleProblem>) -> Self {
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Self { problems, ..Self::new(ErrorKind::InvalidRules, texts.join("; ")) }
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Everything that is wrong with limits that were handed in.
    pub fn problems(&self) -> &[RuleProblem] {
        &self.problems
    }
}

impl Coded for Error {
    fn code(&self) -> &'static str {
        self.kind.code()
    }

    fn class(&self) -> Class {
        match self.kind {
            ErrorKind::InvalidRules => Class::Invalid,
            ErrorKind::Conflict => Class::Conflict,
            ErrorKind::Unavailable => Class::Unavailable,
            ErrorKind::Corrupt => Class::Internal,
        }
    }
}
