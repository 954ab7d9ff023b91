//! The tasks that a worker holds: from their claim until their result is durable.

use std::collections::HashMap;
use std::sync::Mutex;

use codeflow_core::{ExecutionId, TaskId};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::cache::lock;
use crate::ports::{Task, Work};

/// What is in flight.
#[derive(Default)]
pub(super) struct Flight {
    tasks: Mutex<HashMap<TaskId, Entry>>,
    changed: Notify,
}

struct Entry {
    execution: ExecutionId,
    /// Whether it brings messages, not work.
    inbox: bool,
    stop: CancellationToken,
}

impl Flight {
    /// Adds a task; the token is cancelled when its execution is to stop.
    pub(super) fn add(&self, task: &Task) -> CancellationToken {
        let stop = CancellationToken::new();
        let entry = Entry { execution: task.execution, inbox: task.work == Work::Inbox, stop: stop.clone() };
        lock(&self.tasks).insert(task.id, entry);
        stop
    }

    pub(super) fn remove(&self, tasks: impl IntoIterator<Item = TaskId>) {
        let mut all = lock(&self.tasks);
        for task in tasks {
            all.remove(&task);
        }
        self.changed.notify_waiters();
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.tasks).len()
    }

    /// Waits until nothing is in flight.
    pub(super) async fn empty(&self) {
        self.until(|tasks| tasks.is_empty()).await;
    }

    /// Waits until no messages for the execution are in flight: they may say that its work is not wanted.
    pub(super) async fn messages_read(&self, execution: ExecutionId) {
        self.until(|tasks| !tasks.values().any(|entry| entry.inbox && entry.execution == execution)).await;
    }

    async fn until(&self, holds: impl Fn(&HashMap<TaskId, Entry>) -> bool) {
        loop {
            let changed = self.changed.notified();
            if holds(&lock(&self.tasks)) {
                return;
            }
            changed.await;
        }
    }

    /// What is in flight, with the way to stop it.
    pub(super) fn stops(&self) -> Vec<(ExecutionId, CancellationToken)> {
        lock(&self.tasks).values().map(|entry| (entry.execution, entry.stop.clone())).collect()
    }

    pub(super) fn holds(&self, execution: ExecutionId) -> bool {
        lock(&self.tasks).values().any(|entry| entry.execution == execution)
    }

    /// Tells the work of an execution to stop.
    pub(super) fn stop(&self, execution: ExecutionId) {
        for entry in lock(&self.tasks).values().filter(|entry| entry.execution == execution) {
            entry.stop.cancel();
        }
    }
}
