//! The short way from a start to a free slot: a worker of the same process takes the first tasks as they are
//! written, so that nobody has to look for them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use codeflow_core::{BatchId, ExecutionId};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::claims::Taken;
use super::{Boot, taken};
use crate::cache::{Shared, lock};
use crate::ports::{NewExecution, NewTask, Session};

/// The workers of one engine in this process.
#[derive(Default)]
pub(crate) struct Workers(Mutex<Vec<Weak<Boot>>>);

/// A worker that takes what is about to be written.
pub(crate) struct Taker {
    boot: Arc<Boot>,
    batch: BatchId,
    begun: AtomicBool,
}

/// Whoever waits for a start may stop waiting: what was written by then is found by the worker itself.
impl Drop for Taker {
    fn drop(&mut self) {
        if !self.begun.load(Ordering::SeqCst) {
            lock(&self.boot.doubtful).push((self.batch, Instant::now()));
        }
    }
}

impl Workers {
    pub(super) fn add(&self, boot: &Arc<Boot>) {
        let mut workers = lock(&self.0);
        workers.retain(|known| known.strong_count() > 0);
        workers.push(Arc::downgrade(boot));
    }

    /// Marks the due tasks of these executions as taken by a worker that has room for all of them.
    pub(crate) fn take(&self, executions: &mut [NewExecution]) -> Option<Taker> {
        // Whether there is a place for it is decided when it is written.
        if executions.iter().any(|execution| execution.slot.is_some()) {
            return None;
        }
        let due = |task: &&mut NewTask| task.after.is_none();
        let mut tasks: Vec<&mut NewTask> =
            executions.iter_mut().flat_map(|execution| &mut execution.tasks).filter(due).collect();
        let boot = lock(&self.0).iter().filter_map(Weak::upgrade).find(|boot| boot.has_room(&tasks))?;
        let batch = boot.batch_id();
        for task in &mut tasks {
            task.taken = Some(batch);
        }
        (!tasks.is_empty()).then(|| Taker { boot, batch, begun: AtomicBool::new(false) })
    }
}

impl Boot {
    fn has_room(&self, tasks: &[&mut NewTask]) -> bool {
        let free = self.settings.concurrency.saturating_sub(self.flight.len());
        let open = !self.stopping.is_cancelled() && !self.lost.is_cancelled();
        let mine = |task: &&mut NewTask| self.settings.lanes.contains(&task.lane);
        open && !self.alone.load(Ordering::SeqCst) && tasks.len() <= free && tasks.iter().all(mine)
    }
}

impl Taker {
    /// The session that takes.
    pub(crate) fn session(&self) -> Session {
        self.boot.session
    }

    /// Starts the tasks of one execution that were written as taken.
    ///
    /// An attempt may start an execution, whose attempts are begun here: the box ends the circle of types.
    pub(crate) fn begin<'t>(&'t self, id: ExecutionId, live: Shared, tasks: &[NewTask]) -> BoxFuture<'t, ()> {
        let generation = lock(&live).record.generation;
        self.boot.executions.put(id, live);
        let tasks = tasks.iter().filter_map(|new| taken(id, generation, new));
        let taken: Vec<Taken> = tasks.filter_map(|task| self.boot.hold(task)).collect();
        self.boot.begin(taken).boxed()
    }

    /// Everything that was written was begun.
    pub(crate) fn done(self) {
        self.begun.store(true, Ordering::SeqCst);
    }
}
