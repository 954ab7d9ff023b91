//! Runs the `git` program: what it may see, how long it may run, how much it may say. What is asked is not decided here.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use codeflow_actions::{RepositoryError, RepositoryErrorKind};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How much is read at once; a pipe holds as much.
const PIECE: usize = 64 << 10;

/// How much of an answer, or of what git complains about, is kept.
const KEPT: usize = 16 << 10;

/// What git is told before every command: nothing that the repository or a setting names is run or paged.
const ALWAYS: &[&str] = &[
    "--no-pager",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.attributesFile=/dev/null",
    "-c",
    "core.bigFileThreshold=512m",
    "-c",
    "protocol.allow=never",
];

/// The settings that only exist as variables.
const VARIABLES: &[(&str, &str)] = &[
    ("LC_ALL", "C"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_TERMINAL_PROMPT", "0"),
];

/// One repository, and the rules under which git is called for one request.
pub(super) struct Git {
    folder: PathBuf,
    environment: Vec<(OsString, OsString)>,
    /// The id of the tree without entries; it differs between object formats.
    pub(super) empty_tree: String,
    deadline: Instant,
    timeout: Duration,
    stop: CancellationToken,
}

/// How a call ended.
pub(super) struct Answer {
    /// The exit code; none if a signal ended it.
    pub(super) code: Option<i32>,
    said: Vec<u8>,
    complaint: String,
}

impl Answer {
    /// What git said, provided that it succeeded.
    fn said(self) -> Result<Vec<u8>, RepositoryError> {
        if self.code == Some(0) { Ok(self.said) } else { Err(explain(self.code, &self.complaint)) }
    }

    /// As [`Answer::said`], as text without the end of the line.
    pub(super) fn success(self) -> Result<String, RepositoryError> {
        self.said().map(|said| String::from_utf8_lossy(&said).trim_end().to_owned())
    }
}

impl Git {
    /// Makes sure that there is a repository, and fixes the rules.
    pub(super) async fn open(
        folder: PathBuf,
        environment: Vec<(OsString, OsString)>,
        timeout: Duration,
        stop: CancellationToken,
    ) -> Result<Self, RepositoryError> {
        let deadline = Instant::now() + timeout;
        let mut git = Self { folder, environment, empty_tree: String::new(), deadline, timeout, stop };
        let found = git.ask(&["rev-parse", "--absolute-git-dir"]).await?.said()?;
        git.keep_attributes_out(path(found));
        git.empty_tree = git.ask(&["hash-object", "-t", "tree", "--stdin"]).await?.success()?;
        git.environment.push(("GIT_ATTR_SOURCE".into(), git.empty_tree.clone().into()));
        Ok(git)
    }

    /// Turns away from the working tree. Attributes can call a file binary and so hide it, and those in the working
    /// tree and the index belong to whoever wrote the change. Some versions of git take them from `HEAD` instead,
    /// when there is no working tree; these know `GIT_ATTR_SOURCE`, and older ones do not.
    fn keep_attributes_out(&mut self, git_folder: PathBuf) {
        self.environment.push(("GIT_DIR".into(), git_folder.clone().into()));
        self.environment.push(("GIT_WORK_TREE".into(), git_folder.clone().into()));
        self.environment.push(("GIT_INDEX_FILE".into(), git_folder.join("there-is-no-such-index").into()));
        self.folder = git_folder;
    }

    /// Asks for something short.
    pub(super) async fn ask(&self, arguments: &[&str]) -> Result<Answer, RepositoryError> {
        let mut said = Vec::new();
        let answer = self.run(arguments, &mut |piece| keep(&mut said, piece)).await?;
        Ok(Answer { said, ..answer })
    }

    /// Hands over what git says piece by piece, and fails if git does.
    pub(super) async fn stream(
        &self,
        arguments: &[&str],
        take: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<(), RepositoryError> {
        self.run(arguments, take).await?.said().map(drop)
    }

    async fn run(
        &self,
        arguments: &[&str],
        take: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<Answer, RepositoryError> {
        let child = self.command(arguments).spawn().map_err(not_started)?;
        let running = Running(child);
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {
                Err(RepositoryError::new(RepositoryErrorKind::Cancelled, "reading the repository was stopped"))
            }
            () = tokio::time::sleep_until(self.deadline) => {
                let message = format!("git needed longer than {:?}", self.timeout);
                Err(RepositoryError::new(RepositoryErrorKind::Timeout, message))
            }
            ended = running.listen(take) => ended.map_err(|error| {
                RepositoryError::new(RepositoryErrorKind::Failed, "could not read what git says").with_source(error)
            }),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .envs(VARIABLES.iter().copied())
            .arg("-C")
            .arg(&self.folder)
            .args(ALWAYS)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        command
    }
}

/// A git that runs. Whoever drops it ends it, and everything that it has started.
struct Running(Child);

impl Running {
    async fn listen(mut self, take: &mut (dyn FnMut(&[u8]) + Send)) -> io::Result<Answer> {
        let mut complaint = Vec::new();
        let (said, complained) = (self.0.stdout.take(), self.0.stderr.take());
        let mut note = |piece: &[u8]| keep_end(&mut complaint, piece);
        let (said, complained) = tokio::join!(drain(said, take), drain(complained, &mut note));
        said.and(complained)?;
        let status = self.0.wait().await?;
        let complaint = String::from_utf8_lossy(&complaint).into_owned();
        Ok(Answer { code: status.code(), said: Vec::new(), complaint })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Without an id it has ended and been waited for.
        #[cfg(unix)]
        if let Some(group) =
            self.0.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?))
        {
            // An error says that nobody is left to be killed.
            rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
        }
    }
}

async fn drain(
    source: Option<impl AsyncRead + Unpin>,
    take: &mut (dyn FnMut(&[u8]) + Send),
) -> io::Result<()> {
    let Some(mut source) = source else { return Ok(()) };
    let mut piece = vec![0; PIECE];
    loop {
        match source.read(&mut piece).await? {
            0 => return Ok(()),
            length => take(piece.get(..length).unwrap_or_default()),
        }
    }
}

fn keep(kept: &mut Vec<u8>, piece: &[u8]) {
    let room = KEPT.saturating_sub(kept.len());
    kept.extend_from_slice(piece.get(..room).unwrap_or(piece));
}

/// What git complains about last is what ended it.
fn keep_end(kept: &mut Vec<u8>, piece: &[u8]) {
    kept.extend_from_slice(piece);
    kept.drain(..kept.len().saturating_sub(KEPT));
}

/// A path as git prints it, on a line of its own.
fn path(mut line: Vec<u8>) -> PathBuf {
    line.truncate(line.strip_suffix(b"\n").unwrap_or(&line).len());
    #[cfg(unix)]
    let text = <OsString as std::os::unix::ffi::OsStringExt>::from_vec(line);
    #[cfg(not(unix))]
    let text = String::from_utf8_lossy(&line).into_owned();
    PathBuf::from(text)
}

fn not_started(error: io::Error) -> RepositoryError {
    let (kind, message) = if error.kind() == io::ErrorKind::NotFound {
        (RepositoryErrorKind::NotInstalled, "there is no `git` program on the path; install git")
    } else {
        (RepositoryErrorKind::Failed, "the `git` program could not be started")
    };
    RepositoryError::new(kind, message).with_source(error)
}

/// Git exits with the same code whatever happened, so its words, in the C locale, are all there is to go by.
fn explain(code: Option<i32>, complaint: &str) -> RepositoryError {
    if complaint.contains("dubious ownership") {
        let message = "the repository belongs to another user, so git refuses to read it; \
                       if you trust it, run `git config --global --add safe.directory FOLDER`";
        return RepositoryError::new(RepositoryErrorKind::Untrusted, message);
    }
    if complaint.contains("not a git repository") || complaint.contains("cannot change to") {
        let message = "the folder is not in a git repository; go to one, or name it";
        return RepositoryError::new(RepositoryErrorKind::NotARepository, message);
    }
    let how =
        code.map_or_else(|| "was ended by a signal".to_owned(), |code| format!("ended with code {code}"));
    let mut lines = complaint.trim_end().lines().rev();
    let last = lines.clone().find(|line| line.starts_with("fatal: ")).or_else(|| lines.next()).unwrap_or("");
    let last = codeflow_core::redact(&last.chars().take(300).collect::<String>());
    let separator = if last.is_empty() { "" } else { ": " };
    RepositoryError::new(RepositoryErrorKind::Failed, format!("git {how}{separator}{last}"))
}
