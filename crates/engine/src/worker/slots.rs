//! The slots for actions: who waits for one, and what is given back because it waits too long.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use codeflow_core::TaskId;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Boot;
use crate::Error;
use crate::cache::lock;

/// How long a claimed task waits for a slot here before others may have it. Tasks are claimed ahead while they are done
/// fast; when slow ones come in between, the others would wait behind them.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Slots {
    free: Semaphore,
    waiting: Mutex<HashMap<TaskId, (Instant, CancellationToken)>>,
    /// Tasks that nobody here does any more and that storage was not told of yet.
    given_up: Mutex<Vec<TaskId>>,
}

impl Slots {
    pub(super) fn new(count: usize) -> Self {
        let free = Semaphore::new(count.clamp(1, Semaphore::MAX_PERMITS));
        Self { free, waiting: Mutex::default(), given_up: Mutex::default() }
    }

    /// Waits for a slot; nothing when the task is given back meanwhile. It is free again when the permit is dropped:
    /// while a result is being written, another action may run.
    pub(super) async fn take(&self, task: TaskId) -> Option<SemaphorePermit<'_>> {
        if let Ok(permit) = self.free.try_acquire() {
            return Some(permit);
        }
        let recalled = CancellationToken::new();
        lock(&self.waiting).insert(task, (Instant::now(), recalled.clone()));
        let permit = tokio::select! {
            permit = self.free.acquire() => permit.ok(),
            () = recalled.cancelled() => None,
        };
        // Whoever takes it out of the list decides.
        let mine = lock(&self.waiting).remove(&task).is_some();
        permit.filter(|_| mine)
    }

    /// Takes away what has waited too long.
    fn recall(&self) -> Vec<TaskId> {
        let mut waiting = lock(&self.waiting);
        let late: Vec<TaskId> = waiting
            .iter()
            .filter(|(_, (since, _))| since.elapsed() >= PATIENCE)
            .map(|(task, _)| *task)
            .collect();
        for task in &late {
            if let Some((_, recalled)) = waiting.remove(task) {
                recalled.cancel();
            }
        }
        late
    }
}

impl Boot {
    /// Puts claimed tasks back into the queue that have waited for a slot for too long.
    pub(super) async fn give_back(&self) -> Result<(), Error> {
        let mut tasks = std::mem::take(&mut *lock(&self.slots.given_up));
        tasks.extend(self.slots.recall());
        if tasks.is_empty() {
            return Ok(());
        }
        tracing::debug!(tasks = tasks.len(), "giving tasks back that wait for a slot");
        let given = self.engine.parts.store.give_back(self.session, &tasks).await;
        match given {
            Ok(()) => {
                self.flight.remove(tasks);
                self.room.notify_one();
                Ok(())
            }
            Err(error) => {
                lock(&self.slots.given_up).extend(tasks);
                Err(error)
            }
        }
    }
}
