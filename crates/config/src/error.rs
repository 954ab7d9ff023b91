//! The one error of this crate: it names the setting and where it was made, and never shows a value.

use codeflow_core::{Class, Coded};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct Error {
    kind: ErrorKind,
    context: String,
    #[source]
    source: Option<BoxError>,
}

/// What is wrong with the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The file cannot be read, or is not TOML.
    UnreadableFile,
    /// There is no such setting.
    UnknownKey,
    /// A setting has a value that it cannot have.
    InvalidValue,
}

impl ErrorKind {
    /// Never changes once released; `docs/errors/<code>.md` explains each.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnreadableFile => "config.unreadable_file",
            Self::UnknownKey => "config.unknown_key",
            Self::InvalidValue => "config.invalid_value",
        }
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    pub(crate) fn with_source(self, source: impl Into<BoxError>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// What is wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl Coded for Error {
    fn code(&self) -> &'static str {
        self.kind.code()
    }

    fn class(&self) -> Class {
        Class::Invalid
    }
}
