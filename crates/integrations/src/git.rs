//! Reads changes from a repository on this machine by calling the `git` program.
//!
//! Nothing here writes, fetches, asks, or runs anything that a repository or a setting names.

mod process;
mod range;
mod resolve;

use std::ffi::OsString;
use std::path::PathBuf;

use async_trait::async_trait;
use codeflow_actions::{DiffRequest, RangeDiff, Repository, RepositoryError};
use codeflow_analysis::{DiffReader, GIT_DIFF_ARGS};
use tokio_util::sync::CancellationToken;

use crate::git::process::Git;
use crate::git::range::Range;
use crate::git::resolve::Ends;

/// What the reader's own options leave open. `-O` undoes `diff.orderFile`.
const FURTHER_DIFF_ARGS: &[&str] = &[
    "--patch",
    "--diff-algorithm=myers",
    "--indent-heuristic",
    "-l1000",
    "-O/dev/null",
    "--ws-error-highlight=none",
];

/// The variables that git may see. Above all no `GIT_*`: they would point it at another repository.
const PASSED_ON: &[&str] =
    &["PATH", "HOME", "XDG_CONFIG_HOME", "TMPDIR", "SYSTEMROOT", "USERPROFILE", "TEMP", "TMP"];

/// Repositories on this machine, read with the `git` program.
#[derive(Clone, Debug)]
pub struct LocalGit {
    folder: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

impl LocalGit {
    /// Reads the repository around `folder`, unless a request names another one; relative names start from `folder`.
    ///
    /// Of `environment`, which is usually that of this process, git sees only what it needs to be found and to find
    /// the settings of its user.
    pub fn new(
        folder: impl Into<PathBuf>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        let passed = |(name, _): &(OsString, OsString)| {
            name.to_str().is_some_and(|name| PASSED_ON.contains(&name.to_ascii_uppercase().as_str()))
        };
        Self { folder: folder.into(), environment: environment.into_iter().filter(passed).collect() }
    }
}

#[async_trait]
impl Repository for LocalGit {
    async fn diff(
        &self,
        request: DiffRequest,
        stop: CancellationToken,
    ) -> Result<RangeDiff, RepositoryError> {
        let range: Range = request.range.parse()?;
        let folder = request.repo.map_or_else(|| self.folder.clone(), |repo| self.folder.join(repo));
        let git = Git::open(folder, self.environment.clone(), request.timeout, stop).await?;
        let Ends { base, head, notes } = resolve::ends(&git, &range).await?;

        let mut arguments = GIT_DIFF_ARGS.to_vec();
        arguments.extend_from_slice(FURTHER_DIFF_ARGS);
        arguments.extend_from_slice(&[&base.id, &head.id, "--"]);
        // A piece is a pipe's worth: parsing one takes well under a millisecond, so it may stay on the reactor.
        let mut reader = DiffReader::new(request.limits);
        git.stream(&arguments, &mut |piece| reader.push(piece)).await?;
        let diff = reader.finish(base.label, head.label);
        Ok(RangeDiff { diff, base: base.id, head: head.id, notes })
    }
}
