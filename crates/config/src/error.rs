//! The one error of this crate: it names the setting and where it was made, and never shows a value.

use codeflow_core::{Class, Coded};

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct Error {
    kind: ErrorKind,
    context: String,
    problems: Vec<String>,
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
    /// A secret is not where the settings say, or cannot be one.
    UnreadableSecret,
}

impl ErrorKind {
    /// Never changes once released; `docs/errors/<code>.md` explains each.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnreadableFile => "config.unreadable_file",
            Self::UnknownKey => "config.unknown_key",
            Self::InvalidValue => "config.invalid_value",
            Self::UnreadableSecret => "config.unreadable_secret",
        }
    }
}

/// One of the things that are wrong.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) kind: ErrorKind,
    pub(crate) context: String,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        let context = context.into();
        Self { kind, problems: vec![context.clone()], context, source: None }
    }

    /// One error for everything that is wrong. Its kind is that of the first problem.
    pub(crate) fn several(problems: Vec<Problem>) -> Self {
        let kind = problems.first().map_or(ErrorKind::InvalidValue, |problem| problem.kind);
        let problems: Vec<String> = problems.into_iter().map(|problem| problem.context).collect();
        let context = match problems.as_slice() {
            [only] => only.clone(),
            many => format!("the settings have {} problems:\n- {}", many.len(), many.join("\n- ")),
        };
        Self { kind, context, problems, source: None }
    }

    pub(crate) fn with_source(self, source: impl Into<BoxError>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// A secret that some other [`SecretSource`](crate::SecretSource) does not find. `context` names the place and
    /// shows nothing of the secret.
    pub fn unreadable_secret(context: impl Into<String>) -> Self {
        Self::new(ErrorKind::UnreadableSecret, context)
    }

    /// What is wrong; of several problems, the first.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Everything that is wrong, one sentence each.
    pub fn problems(&self) -> &[String] {
        &self.problems
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
