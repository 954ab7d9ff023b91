//! The tasks that a worker holds: from their claim until their result is durable.

use std::sync::Mutex;
use std::time::Duration;

use codeflow_core::{BatchId, ExecutionId, TaskId};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cache::lock;
use crate::ports::{Task, Work};
use crate::steady::{Map, Set};

/// What is in flight.
#[derive(Default)]
pub(super) struct Flight {
    held: Mutex<Held>,
    changed: Notify,
}

#[derive(Default)]
struct Held {
    tasks: Map<TaskId, Entry>,
    executions: Map<ExecutionId, Busy>,
    batches: Map<BatchId, usize>,
    /// Batches of which nothing is left, until storage has forgotten them too.
    over: Vec<BatchId>,
    /// How many tasks were done with since the beginning.
    finished: u64,
}

struct Entry {
    execution: ExecutionId,
    batch: BatchId,
    stop: CancellationToken,
}

/// An execution that this worker works on.
struct Busy {
    tasks: Set<TaskId>,
    /// Those of them that bring messages, not work.
    inboxes: Set<TaskId>,
    /// Since when it has been worked on without a pause.
    since: Instant,
    /// Whether storage was told that it is running.
    told: bool,
}

impl Flight {
    /// Adds a task, unless it is held already; the token is cancelled when its execution is to stop.
    pub(super) fn add(&self, task: &Task) -> Option<CancellationToken> {
        let stop = CancellationToken::new();
        let mut held = lock(&self.held);
        if held.tasks.contains_key(&task.id) {
            return None;
        }
        let busy = held.executions.entry(task.execution).or_insert_with(|| Busy {
            tasks: Set::default(),
            inboxes: Set::default(),
            since: Instant::now(),
            told: false,
        });
        busy.tasks.insert(task.id);
        if task.work == Work::Inbox {
            busy.inboxes.insert(task.id);
        }
        *held.batches.entry(task.batch).or_default() += 1;
        let entry = Entry { execution: task.execution, batch: task.batch, stop: stop.clone() };
        held.tasks.insert(task.id, entry);
        Some(stop)
    }

    pub(super) fn remove(&self, tasks: impl IntoIterator<Item = TaskId>) {
        let mut held = lock(&self.held);
        for task in tasks {
            held.remove(task);
        }
        drop(held);
        self.changed.notify_waiters();
    }

    /// Gives tasks up that stay claimed, so that nobody fails with them again and again while this session lasts.
    pub(super) fn give_up(&self, tasks: impl IntoIterator<Item = TaskId>) {
        let mut held = lock(&self.held);
        for task in tasks {
            if let Some(left) = held.tasks.get(&task).map(|entry| entry.batch) {
                *held.batches.entry(left).or_default() += 1;
            }
            held.remove(task);
        }
        drop(held);
        self.changed.notify_waiters();
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.held).tasks.len()
    }

    /// How many tasks were done with since the beginning.
    pub(super) fn finished(&self) -> u64 {
        lock(&self.held).finished
    }

    /// Waits until nothing is in flight.
    pub(super) async fn empty(&self) {
        self.until(|held| held.tasks.is_empty()).await;
    }

    /// Waits until no messages for the execution are in flight: they may say that its work is not wanted.
    pub(super) async fn messages_read(&self, execution: ExecutionId) {
        self.until(|held| held.executions.get(&execution).is_none_or(|busy| busy.inboxes.is_empty())).await;
    }

    async fn until(&self, holds: impl Fn(&Held) -> bool) {
        loop {
            let changed = self.changed.notified();
            if holds(&lock(&self.held)) {
                return;
            }
            changed.await;
        }
    }

    /// What is in flight, with the way to stop it.
    pub(super) fn stops(&self) -> Vec<(ExecutionId, CancellationToken)> {
        lock(&self.held).tasks.values().map(|entry| (entry.execution, entry.stop.clone())).collect()
    }

    pub(super) fn holds(&self, execution: ExecutionId) -> bool {
        lock(&self.held).executions.contains_key(&execution)
    }

    /// How long the execution has been worked on without a pause.
    pub(super) fn busy_for(&self, execution: ExecutionId) -> Duration {
        lock(&self.held).executions.get(&execution).map_or(Duration::ZERO, |busy| busy.since.elapsed())
    }

    /// The executions that storage was not told of yet, with how long they have been worked on.
    pub(super) fn untold(&self) -> Vec<(ExecutionId, Duration)> {
        let held = lock(&self.held);
        let untold = held.executions.iter().filter(|(_, busy)| !busy.told);
        untold.map(|(execution, busy)| (*execution, busy.since.elapsed())).collect()
    }

    /// Storage knows that these are running.
    pub(super) fn told(&self, executions: impl IntoIterator<Item = ExecutionId>) {
        let mut held = lock(&self.held);
        for execution in executions {
            if let Some(busy) = held.executions.get_mut(&execution) {
                busy.told = true;
            }
        }
    }

    /// The batches of which nothing is left; they are not named again.
    pub(super) fn take_over(&self) -> Vec<BatchId> {
        std::mem::take(&mut lock(&self.held).over)
    }

    /// Storage did not hear of these batches.
    pub(super) fn still_over(&self, batches: Vec<BatchId>) {
        lock(&self.held).over.extend(batches);
    }

    /// Tells the work of an execution to stop.
    pub(super) fn stop(&self, execution: ExecutionId) {
        let held = lock(&self.held);
        let tasks = held.executions.get(&execution).map(|busy| busy.tasks.iter());
        for entry in tasks.unwrap_or_default().filter_map(|task| held.tasks.get(task)) {
            entry.stop.cancel();
        }
    }
}

impl Held {
    fn remove(&mut self, task: TaskId) {
        let Some(entry) = self.tasks.remove(&task) else { return };
        self.finished += 1;
        if let Some(busy) = self.executions.get_mut(&entry.execution) {
            busy.tasks.remove(&task);
            busy.inboxes.remove(&task);
            if busy.tasks.is_empty() {
                self.executions.remove(&entry.execution);
            }
        }
        if let Some(left) = self.batches.get_mut(&entry.batch) {
            *left -= 1;
            if *left == 0 {
                self.batches.remove(&entry.batch);
                self.over.push(entry.batch);
            }
        }
    }
}
