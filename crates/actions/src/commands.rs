//! The port to commands: what a `run` step asks for, and the ways in which that fails. How a command is kept in its
//! place is the business of whoever implements it.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::{ActionError, ActionErrorKind};
use tokio_util::sync::CancellationToken;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Runs commands where they can do no harm.
#[async_trait]
pub trait Commands: Send + Sync {
    /// Runs one command to its end. Soon after `stop` is cancelled, or this future is dropped, neither the command nor
    /// anything that it started runs any more.
    ///
    /// # Errors
    /// See [`CommandErrorKind`]. A command that ran and failed is not an error here.
    async fn run(&self, request: CommandRequest, stop: CancellationToken)
    -> Result<CommandEnd, CommandError>;
}

/// A command, and what it is given. None of it passes through a shell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandRequest {
    /// The program: a name that is looked for in the usual folders, or a path.
    pub program: String,
    /// Its arguments, each as it is.
    pub arguments: Vec<String>,
    /// What it reads from standard input.
    pub stdin: String,
    /// Files in its working folder, by plain names.
    pub files: BTreeMap<String, String>,
    /// Its variables, beside the few that every command has.
    pub environment: BTreeMap<String, String>,
    /// Whether it may reach the network.
    pub network: bool,
    /// What it may use.
    pub limits: CommandLimits,
    /// How long it may take.
    pub timeout: Duration,
}

/// What a command may use; what is left out is as the server's settings say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandLimits {
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Time on a processor.
    pub cpu: Option<Duration>,
    /// Processes and threads at the same time.
    pub processes: Option<u32>,
    /// Files that one process has open.
    pub open_files: Option<u32>,
    /// Bytes in one file.
    pub file_size: Option<u64>,
    /// Bytes that are kept of standard output, and as many of standard error.
    pub output: Option<u64>,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandEnd {
    /// Its exit code; none if a signal ended it.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: Captured,
    /// What it wrote to standard error.
    pub stderr: Captured,
    /// Time on a processor, of all its processes.
    pub cpu: Duration,
    /// The most memory that one of its processes had, in bytes.
    pub max_memory: u64,
    /// What all its processes together had too much of, if they were ended for it: `memory` or `cpu`.
    pub exceeded: Option<&'static str>,
    /// What kept it in its place.
    pub in_force: Vec<String>,
}

/// What was kept of an output: all of it, or its beginning and its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// The text, in which a line tells what was left out.
    pub text: String,
    /// The bytes that were left out.
    pub cut: u64,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CommandErrorKind {
    /// This machine cannot keep a command in its place as settings demand.
    Unavailable,
    /// It is not to reach the network, and this machine cannot prevent it.
    NetworkOpen,
    /// It asks for the network, which settings do not allow.
    NetworkForbidden,
    /// It asks for more than settings allow.
    TooMuch,
    /// It cannot be given what it asks for, such as a file with a path for a name.
    Invalid,
    /// There is no such program.
    NoProgram,
    /// It was told to stop.
    Cancelled,
    /// It took too long.
    Timeout,
    /// The sandbox broke down.
    Broken,
}

impl CommandErrorKind {
    /// Never changes once released; `docs/errors/<code>.md` explains each.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unavailable => "sandbox.unavailable",
            Self::NetworkOpen => "sandbox.network_open",
            Self::NetworkForbidden => "sandbox.network_forbidden",
            Self::TooMuch => "sandbox.too_much",
            Self::Invalid => "action.invalid_input",
            Self::NoProgram => "sandbox.no_program",
            Self::Cancelled => "action.cancelled",
            Self::Timeout => "action.timeout",
            Self::Broken => "sandbox.broken",
        }
    }

    fn action_kind(self) -> ActionErrorKind {
        match self {
            Self::Unavailable | Self::NetworkOpen | Self::NoProgram => ActionErrorKind::Failed,
            Self::NetworkForbidden => ActionErrorKind::Denied,
            Self::TooMuch | Self::Invalid => ActionErrorKind::InvalidInput,
            Self::Cancelled => ActionErrorKind::Cancelled,
            Self::Timeout => ActionErrorKind::Timeout,
            Self::Broken => ActionErrorKind::Internal,
        }
    }
}

/// A command could not be run to its end.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct CommandError {
    kind: CommandErrorKind,
    context: String,
    #[source]
    source: Option<BoxError>,
}

impl CommandError {
    /// An error of a kind, with a sentence of context that may be journalled.
    pub fn new(kind: CommandErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn with_source(self, source: impl Into<BoxError>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> CommandErrorKind {
        self.kind
    }
}

impl From<CommandError> for ActionError {
    fn from(error: CommandError) -> Self {
        let kind = error.kind;
        Self::new(kind.action_kind(), error.context).with_code(kind.code())
    }
}
