//! The effects of actions, noted across processes before an action does anything else: who, when, what.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use codeflow_core::{Clock, SessionId};
use codeflow_runtime::SystemClock;
use uuid::Uuid;

/// One effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// When, in microseconds.
    pub at: i64,
    /// The session of the worker; none when it had none any more.
    pub session: Option<Uuid>,
    /// The name of the worker.
    pub worker: String,
    /// `work` or `undo`.
    pub what: String,
    /// The execution, or the job.
    pub execution: Uuid,
    /// The step, or the iteration, or `job`.
    pub path: String,
    /// The attempt, counted from one.
    pub attempt: u32,
}

/// The file that holds them: it only grows, and each line is on the disk before the action goes on.
#[derive(Clone, Debug)]
pub struct Effects(PathBuf);

impl Effects {
    /// Effects in this file, which need not exist yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Where they are.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Notes an effect that happens now.
    pub fn note(&self, (worker, session): (&str, Option<SessionId>), what: &str, of: (Uuid, &str, u32)) {
        let (execution, path, attempt) = of;
        let session = session.map_or_else(|| "-".to_owned(), |session| session.uuid().to_string());
        let at = SystemClock.now().micros();
        let line = format!("{at} {session} {worker} {what} {execution} {path} {attempt}\n");
        let mut file = self.open();
        file.write_all(line.as_bytes()).expect("effects can be noted");
        file.sync_data().expect("effects can be kept");
    }

    fn open(&self) -> File {
        OpenOptions::new().create(true).append(true).open(&self.0).expect("effects can be opened")
    }

    /// All of them, in the order of their times.
    pub fn all(&self) -> Vec<Effect> {
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        let mut all: Vec<Effect> = text.lines().map(parse).collect();
        all.sort_by_key(|effect| effect.at);
        all
    }
}

fn parse(line: &str) -> Effect {
    let fields: Vec<&str> = line.split(' ').collect();
    let [at, session, worker, what, execution, path, attempt] = fields[..] else {
        panic!("`{line}` is no effect");
    };
    Effect {
        at: at.parse().expect("a time is a number"),
        session: session.parse().ok(),
        worker: worker.to_owned(),
        what: what.to_owned(),
        execution: execution.parse().expect("an execution has an id"),
        path: path.to_owned(),
        attempt: attempt.parse().expect("an attempt is a number"),
    }
}
