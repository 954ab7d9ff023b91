//! The port to repositories: what `git/diff` asks for, and the ways in which that fails.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_analysis::{Diff, DiffLimits};
use codeflow_core::{ActionError, ActionErrorKind};
use tokio_util::sync::CancellationToken;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Reads changes out of repositories.
#[async_trait]
pub trait Repository: Send + Sync {
    /// Compares two revisions. It ends soon after `stop` is cancelled.
    ///
    /// # Errors
    /// See [`RepositoryErrorKind`].
    async fn diff(&self, request: DiffRequest, stop: CancellationToken)
    -> Result<RangeDiff, RepositoryError>;
}

/// Which change is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffRequest {
    /// The folder of the repository; without one, the folder that the implementation was given.
    pub repo: Option<PathBuf>,
    /// `A..B`, `A...B` for what happened on `B` since it left `A`, or one commit for what that commit did.
    pub range: String,
    /// How much of the diff is kept.
    pub limits: DiffLimits,
    /// How long it may take.
    pub timeout: Duration,
}

/// A change between two revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeDiff {
    /// What changed; its `base` and `head` are short names for people.
    pub diff: Diff,
    /// The full id of what was compared from: a commit, or the empty tree.
    pub base: String,
    /// The full id of the commit that was compared to.
    pub head: String,
    /// What is unusual about the comparison, a sentence each.
    pub notes: Vec<String>,
}

/// A repository could not give what was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct RepositoryError {
    kind: RepositoryErrorKind,
    context: String,
    #[source]
    source: Option<BoxError>,
}

/// What went wrong, for callers who act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RepositoryErrorKind {
    /// The folder belongs to no repository, or does not exist.
    NotARepository,
    /// The repository belongs to another user, and git refuses it for that reason.
    Untrusted,
    /// The repository has no commit yet.
    NoCommits,
    /// The text is no range.
    InvalidRange,
    /// A revision in the range names no commit.
    UnknownRevision,
    /// The two revisions have no ancestor in common.
    NoMergeBase,
    /// There is no `git` program.
    NotInstalled,
    /// It took too long.
    Timeout,
    /// It was told to stop.
    Cancelled,
    /// Git failed in a way that has no name here.
    Failed,
}

impl RepositoryErrorKind {
    /// Never changes once released; `docs/errors/<code>.md` explains each.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotARepository => "git.not_a_repository",
            Self::Untrusted => "git.untrusted_repository",
            Self::NoCommits => "git.no_commits",
            Self::InvalidRange => "git.invalid_range",
            Self::UnknownRevision => "git.unknown_revision",
            Self::NoMergeBase => "git.no_merge_base",
            Self::NotInstalled => "git.not_installed",
            Self::Timeout => "git.timeout",
            Self::Cancelled => "action.cancelled",
            Self::Failed => "git.failed",
        }
    }

    /// As which kind the action fails.
    fn as_action(self) -> ActionErrorKind {
        match self {
            Self::NotARepository | Self::InvalidRange | Self::UnknownRevision | Self::NoMergeBase => {
                ActionErrorKind::InvalidInput
            }
            Self::Untrusted | Self::NoCommits | Self::NotInstalled | Self::Failed => ActionErrorKind::Failed,
            Self::Timeout => ActionErrorKind::Timeout,
            Self::Cancelled => ActionErrorKind::Cancelled,
        }
    }
}

impl RepositoryError {
    /// An error with a sentence that says what happened and, where that helps, what to do.
    pub fn new(kind: RepositoryErrorKind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn with_source(self, source: impl Into<BoxError>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// What went wrong.
    pub fn kind(&self) -> RepositoryErrorKind {
        self.kind
    }

    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        self.kind.code()
    }
}

impl From<RepositoryError> for ActionError {
    fn from(error: RepositoryError) -> Self {
        Self::new(error.kind.as_action(), error.context).with_code(error.kind.code())
    }
}
