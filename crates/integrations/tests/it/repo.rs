//! Throw-away repositories for tests, cut off from the settings of whoever runs them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use codeflow_actions::{DiffRequest, RangeDiff, Repository, RepositoryError};
use codeflow_analysis::DiffLimits;
use codeflow_integrations::LocalGit;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A repository in a folder of its own.
pub(crate) struct TestRepo {
    folder: TempDir,
}

impl TestRepo {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// An empty one, made with further options of `git init`.
    pub(crate) fn with(options: &[&str]) -> Self {
        let repo = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(repo.home()).unwrap();
        fs::create_dir_all(repo.path()).unwrap();
        repo.git(&[&["init", "--quiet", "--initial-branch=main"], options].concat());
        repo
    }

    /// The working tree.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// A place beside the working tree.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Runs git in the working tree and returns what it says.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        self.git_in(&self.path(), arguments)
    }

    pub(crate) fn git_in(&self, folder: &Path, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .env_clear()
            .envs(self.environment())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Test")
            .env("GIT_AUTHOR_EMAIL", "test@example.com")
            .env("GIT_COMMITTER_NAME", "Test")
            .env("GIT_COMMITTER_EMAIL", "test@example.com")
            .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
            .env("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
            .current_dir(folder)
            .args(["-c", "commit.gpgSign=false", "-c", "core.autocrlf=false"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Writes a file of the working tree.
    pub(crate) fn write(&self, path: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Commits everything and returns the id.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Writes one file and commits it.
    pub(crate) fn commit_file(&self, path: &str, content: &str) -> String {
        self.write(path, content);
        self.commit(path)
    }

    /// What a reader of this repository is given of the environment.
    #[expect(clippy::disallowed_methods, reason = "tests have no configuration but this")]
    pub(crate) fn environment(&self) -> Vec<(OsString, OsString)> {
        let path = std::env::vars_os().find(|(name, _)| name == "PATH");
        path.into_iter().chain([("HOME".into(), self.home().into())]).collect()
    }

    pub(crate) fn reader(&self) -> LocalGit {
        LocalGit::new(self.path(), self.environment())
    }

    /// Reads a range of this repository.
    pub(crate) async fn diff(&self, range: &str) -> Result<RangeDiff, RepositoryError> {
        self.diff_at(&self.path(), range).await
    }

    pub(crate) async fn diff_at(&self, folder: &Path, range: &str) -> Result<RangeDiff, RepositoryError> {
        self.reader().diff(request(Some(folder), range), CancellationToken::new()).await
    }
}

/// Asks for a range with the usual limits.
pub(crate) fn request(folder: Option<&Path>, range: &str) -> DiffRequest {
    DiffRequest {
        repo: folder.map(Path::to_owned),
        range: range.to_owned(),
        limits: DiffLimits::default(),
        timeout: Duration::from_secs(60),
    }
}

/// The paths of the changed files.
pub(crate) fn paths(found: &RangeDiff) -> Vec<&str> {
    found.diff.files.iter().map(|file| file.path.as_str()).collect()
}
