//! The one error of the facade. What the engine says passes through with its own code.

use codeflow_auth as auth;
use codeflow_config as config;
use codeflow_core::{Class, Coded, Problems};
use codeflow_engine as engine;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// CodeFlow could not be opened, or could not do what was asked.
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
    /// There is no such folder.
    NoFolder,
    /// The folder for CodeFlow's data cannot be made or written.
    DataFolder,
    /// The address is of no database that CodeFlow knows.
    DatabaseAddress,
    /// The database cannot be opened.
    Database,
    /// The workflow document has problems.
    Workflow,
    /// The worker stopped by itself.
    Worker,
    /// The model gateway cannot be put together from the settings.
    Gateway,
    /// The server cannot listen.
    Listen,
    /// The database is one that only one process may work on.
    NotShared,
    /// What the settings say of wake-ups cannot be used.
    Wakeups,
    /// The file is no backup that could be restored, or the database none that could be backed up.
    BadBackup,
    /// There is something where a backup or its data should go.
    NotEmpty,
    /// A backup could not be made, proven or restored.
    BackupFailed,
    /// The settings cannot be used; their own kind is inside.
    Config(config::ErrorKind),
    /// The engine refused; its own kind is inside.
    Engine(engine::ErrorKind),
    /// Identity refused; its own kind is inside.
    Identity(auth::ErrorKind),
}

impl ErrorKind {
    /// Never changes once released; `docs/errors/<code>.md` explains each.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoFolder => "codeflow.no_folder",
            Self::DataFolder => "codeflow.data_folder",
            Self::DatabaseAddress => "codeflow.database_address",
            Self::Database => "codeflow.database",
            Self::Workflow => "workflow.invalid",
            Self::Worker => "codeflow.worker",
            Self::Gateway => "codeflow.gateway",
            Self::Listen => "codeflow.listen",
            Self::NotShared => "codeflow.not_shared",
            Self::Wakeups => "codeflow.wakeups",
            Self::BadBackup => "codeflow.bad_backup",
            Self::NotEmpty => "codeflow.not_empty",
            Self::BackupFailed => "codeflow.backup_failed",
            Self::Config(kind) => kind.code(),
            Self::Engine(kind) => kind.code(),
            Self::Identity(kind) => kind.code(),
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

    pub(crate) fn with_kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The problems of the workflow document, if that is what it is about.
    pub fn problems(&self) -> Option<&Problems> {
        self.source.as_deref()?.downcast_ref()
    }
}

impl Coded for Error {
    fn code(&self) -> &'static str {
        self.kind.code()
    }

    fn class(&self) -> Class {
        match self.kind {
            ErrorKind::NoFolder
            | ErrorKind::DatabaseAddress
            | ErrorKind::Workflow
            | ErrorKind::Gateway
            | ErrorKind::NotShared
            | ErrorKind::Wakeups
            | ErrorKind::BadBackup
            | ErrorKind::Config(_) => Class::Invalid,
            ErrorKind::NotEmpty => Class::Conflict,
            ErrorKind::DataFolder | ErrorKind::Database | ErrorKind::Listen | ErrorKind::BackupFailed => {
                Class::Unavailable
            }
            ErrorKind::Worker => Class::Internal,
            ErrorKind::Engine(kind) => engine::Error::new(kind, "").class(),
            ErrorKind::Identity(kind) => auth::Error::new(kind, "").class(),
        }
    }
}

impl From<engine::Error> for Error {
    fn from(error: engine::Error) -> Self {
        let context = error.to_string();
        let kind = ErrorKind::Engine(error.kind());
        // The engine's own sentence is the context; only what caused it is worth telling in addition.
        match std::error::Error::source(&error) {
            Some(_) => Self::new(kind, context).with_source(Cause(error)),
            None => Self::new(kind, context),
        }
    }
}

impl From<auth::Error> for Error {
    fn from(error: auth::Error) -> Self {
        let (kind, context) = (ErrorKind::Identity(error.kind()), error.to_string());
        let problems: Vec<String> =
            error.problems().iter().map(|(field, text)| format!("`{field}`: {text}")).collect();
        match problems.len() {
            0 | 1 => Self::new(kind, context),
            _ => Self::new(kind, problems.join("\n")),
        }
    }
}

impl From<codeflow_ratelimit::Error> for Error {
    fn from(error: codeflow_ratelimit::Error) -> Self {
        Self::new(ErrorKind::Config(config::ErrorKind::InvalidValue), error.to_string())
    }
}

impl From<config::Error> for Error {
    fn from(error: config::Error) -> Self {
        let (kind, context) = (ErrorKind::Config(error.kind()), error.to_string());
        Self::new(kind, context)
    }
}

impl From<Problems> for Error {
    fn from(problems: Problems) -> Self {
        let count = problems.iter().count();
        let context = format!("the workflow has {count} {}", if count == 1 { "problem" } else { "problems" });
        Self::new(ErrorKind::Workflow, context).with_source(problems)
    }
}

/// What stands behind an error of the engine.
#[derive(Debug)]
struct Cause(engine::Error);

impl Cause {
    fn inner(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0)
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner().map_or(Ok(()), |inner| std::fmt::Display::fmt(inner, f))
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner()?.source()
    }
}
