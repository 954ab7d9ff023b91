//! What happened in a simulation, as a trace for people and as a ledger for checks. It knows storage's side, also of
//! what was done while nobody heard of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use codeflow_core::execution::{Fact, StepPath};
use codeflow_core::{BatchId, ExecutionId, SessionId};
use codeflow_engine::{Advance, Flushed};
use tokio::time::Instant;

/// One attempt: the execution, its generation, the path, and the number.
pub(crate) type Attempt = (ExecutionId, u32, StepPath, u32);

/// The trace, the ledger, and what was wrong.
pub(crate) struct Chronicle {
    began: Instant,
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    trace: Vec<String>,
    violations: Vec<String>,
    results: BTreeSet<(ExecutionId, u32, StepPath)>,
    starts: BTreeMap<Attempt, SessionId>,
    running: BTreeMap<SessionId, usize>,
    cancelled: BTreeMap<(ExecutionId, u32), Instant>,
    batches: BTreeSet<(SessionId, BatchId)>,
    troubled: BTreeMap<usize, Instant>,
}

impl Chronicle {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now(), pages: Mutex::default() }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line to the trace.
    pub(crate) fn tell(&self, line: fmt::Arguments<'_>) {
        let at = self.began.elapsed().as_millis();
        self.pages().trace.push(short(&format!("{at:>7} {line}")));
    }

    /// Something is not as it must be.
    pub(crate) fn wrong(&self, what: fmt::Arguments<'_>) {
        self.tell(format_args!("WRONG {what}"));
        self.pages().violations.push(short(&what.to_string()));
    }

    pub(crate) fn close(&self) -> (Vec<String>, Vec<String>) {
        let mut pages = self.pages();
        (std::mem::take(&mut pages.trace), std::mem::take(&mut pages.violations))
    }

    /// Storage wrote these moves.
    pub(crate) fn flushed(&self, session: SessionId, advances: &[Advance], answers: &[Flushed]) {
        let committed = advances.iter().zip(answers).filter(|(_, answer)| **answer == Flushed::Committed);
        for (advance, _) in committed {
            for fact in &advance.facts {
                self.recorded(advance, fact);
            }
            for task in &advance.tasks {
                let (id, work, after) = (task.id, &task.work, task.after);
                let taken = task.taken.map(|batch| batch.to_string()).unwrap_or_default();
                self.tell(format_args!(
                    "  {} has {id} {work:?} after {after:?}, taken {taken}",
                    advance.execution
                ));
            }
            let taken = advance.tasks.iter().filter(|task| task.after.is_none());
            self.pages().batches.extend(taken.filter_map(|task| Some((session, task.taken?))));
        }
    }

    fn recorded(&self, advance: &Advance, fact: &Fact) {
        match fact {
            Fact::Settled(settled) => {
                let (execution, path) = (advance.execution, settled.path.clone());
                self.tell(format_args!("  {execution} {path} is {}", settled.status.as_str()));
                let first = self.pages().results.insert((execution, advance.generation, path.clone()));
                if !first {
                    self.wrong(format_args!("the result of {path} of {execution} was committed twice"));
                }
            }
            Fact::Cancelled { .. } => {
                let key = (advance.execution, advance.generation);
                self.pages().cancelled.entry(key).or_insert_with(Instant::now);
            }
            Fact::Expanded { .. }
            | Fact::Waiting { .. }
            | Fact::Signalled { .. }
            | Fact::Decided { .. }
            | Fact::DeadlinePassed
            | Fact::Restarted { .. }
            | Fact::Paused { .. }
            | Fact::Resumed { .. }
            | Fact::Held { .. }
            | Fact::Called { .. }
            | Fact::CalledBy(_)
            | Fact::Compensating
            | Fact::Compensated(_) => {}
        }
    }

    /// A session holds something of a batch.
    pub(crate) fn holds(&self, session: SessionId, batch: BatchId) {
        self.pages().batches.insert((session, batch));
    }

    /// A session said that nothing is left of these batches.
    pub(crate) fn over(&self, session: SessionId, batches: &[BatchId]) {
        let mut pages = self.pages();
        for batch in batches {
            pages.batches.remove(&(session, *batch));
        }
    }

    /// The batches of which a session never said that nothing is left.
    pub(crate) fn open_batches(&self, session: SessionId) -> Vec<BatchId> {
        let pages = self.pages();
        pages.batches.iter().filter(|(holder, _)| *holder == session).map(|(_, batch)| *batch).collect()
    }

    /// An attempt begins. Gives the session that began the same one before, and how many run now.
    pub(crate) fn begins(&self, attempt: Attempt, session: SessionId) -> (Option<SessionId>, usize) {
        let mut pages = self.pages();
        let before = pages.starts.insert(attempt, session);
        let running = pages.running.entry(session).or_default();
        *running += 1;
        (before, *running)
    }

    pub(crate) fn ends(&self, session: SessionId) {
        if let Some(running) = self.pages().running.get_mut(&session) {
            *running -= 1;
        }
    }

    /// How long ago the execution was cancelled in this generation.
    pub(crate) fn cancelled_for(&self, execution: ExecutionId, generation: u32) -> Option<Duration> {
        self.pages().cancelled.get(&(execution, generation)).map(Instant::elapsed)
    }

    /// A call of a node goes wrong or takes long.
    pub(crate) fn trouble(&self, node: usize, until: Instant) {
        let mut pages = self.pages();
        let known = pages.troubled.entry(node).or_insert(until);
        *known = until.max(*known);
    }

    /// Whether a node had no trouble in the last `period`.
    pub(crate) fn calm(&self, node: usize, period: Duration) -> bool {
        self.pages().troubled.get(&node).is_none_or(|last| *last + period < Instant::now())
    }
}

/// Identifiers of a simulation count up from one; their zeros say nothing.
fn short(line: &str) -> String {
    line.replace("_000000000000000000000000", "_")
}
