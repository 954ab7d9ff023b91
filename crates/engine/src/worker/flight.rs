//! The tasks that a worker holds: from their claim until their result is durable.

use std::collections::HashMap;
use std::sync::Mutex;

use codeflow_core::{ExecutionId, TaskId};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::cache::lock;

/// What is in flight.
#[derive(Default)]
pub(super) struct Flight {
    tasks: Mutex<HashMap<TaskId, Entry>>,
    landed: Notify,
}

struct Entry {
    execution: ExecutionId,
    stop: CancellationToken,
}

impl Flight {
    /// Adds a task; the token is cancelled when its execution is to stop.
    pub(super) fn add(&self, task: TaskId, execution: ExecutionId) -> CancellationToken {
        let stop = CancellationToken::new();
        lock(&self.tasks).insert(task, Entry { execution, stop: stop.clone() });
        stop
    }

    pub(super) fn remove(&self, tasks: impl IntoIterator<Item = TaskId>) {
        let mut all = lock(&self.tasks);
        for task in tasks {
            all.remove(&task);
        }
        if all.is_empty() {
            self.landed.notify_waiters();
        }
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.tasks).len()
    }

    /// Waits until nothing is in flight.
    pub(super) async fn empty(&self) {
        loop {
            let landed = self.landed.notified();
            if self.len() == 0 {
                return;
            }
            landed.await;
        }
    }

    /// The executions in flight, each once.
    pub(super) fn executions(&self) -> Vec<ExecutionId> {
        let mut all: Vec<_> = lock(&self.tasks).values().map(|entry| entry.execution).collect();
        all.sort_unstable();
        all.dedup();
        all
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
