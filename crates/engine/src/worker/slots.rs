//! The slots for actions: who waits for one, and what is given back because it waits too long.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use codeflow_core::{ExecutionId, TaskId};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Boot;
use crate::Error;
use crate::cache::lock;
use crate::ports::{Task, Work};

/// How long a claimed task waits for a slot here before others may have it. Tasks are claimed ahead while they are done
/// fast; when slow ones come in between, the others would wait behind them.
const PATIENCE: Duration = Duration::from_secs(1);

/// A task that is held here, and its execution.
type Held = (TaskId, ExecutionId);

pub(super) struct Slots {
    free: Semaphore,
    waiting: Mutex<Waiting>,
    /// Tasks that nobody here does any more and that storage was not told of yet.
    given_up: Mutex<Vec<Held>>,
}

/// Who waits, in the order of arrival. A task that was given back may be claimed again, and wait a second time.
#[derive(Default)]
struct Waiting {
    tickets: u64,
    by_ticket: BTreeMap<u64, (Held, Instant, CancellationToken)>,
}

/// The right to run an action, until it is dropped.
pub(super) struct Slot<'s>(#[expect(dead_code, reason = "it is held, not used")] Option<SemaphorePermit<'s>>);

impl Slots {
    pub(super) fn new(count: usize) -> Self {
        let free = Semaphore::new(count.clamp(1, Semaphore::MAX_PERMITS));
        Self { free, waiting: Mutex::default(), given_up: Mutex::default() }
    }

    /// Waits for a slot, if the task needs one; nothing when the task is given back meanwhile: then it is nobody's here
    /// any more. While a result is being written, another action may have the slot.
    pub(super) async fn take(&self, task: &Task) -> Option<Slot<'_>> {
        match task.work {
            Work::Attempt(_) | Work::Compensate(_) | Work::Job(_) => {}
            Work::Expire(_) | Work::Deadline | Work::Inbox | Work::Answer | Work::Recall(_) => {
                return Some(Slot(None));
            }
        }
        if let Ok(permit) = self.free.try_acquire() {
            return Some(Slot(Some(permit)));
        }
        let recalled = CancellationToken::new();
        let ticket = lock(&self.waiting).add((task.id, task.execution), recalled.clone());
        let permit = tokio::select! {
            biased;
            () = recalled.cancelled() => None,
            permit = self.free.acquire() => permit.ok(),
        };
        // Whoever takes it out of the list decides.
        let mine = lock(&self.waiting).by_ticket.remove(&ticket).is_some();
        permit.filter(|_| mine).map(|permit| Slot(Some(permit)))
    }
}

impl Waiting {
    fn add(&mut self, task: Held, recalled: CancellationToken) -> u64 {
        self.tickets += 1;
        self.by_ticket.insert(self.tickets, (task, Instant::now(), recalled));
        self.tickets
    }

    /// Takes away what has waited too long.
    fn recall(&mut self) -> Vec<Held> {
        let late = |(_, since, _): &(Held, Instant, CancellationToken)| since.elapsed() >= PATIENCE;
        let late: Vec<u64> =
            self.by_ticket.iter().filter(|(_, waiter)| late(waiter)).map(|(ticket, _)| *ticket).collect();
        let gone = late.into_iter().filter_map(|ticket| self.by_ticket.remove(&ticket));
        gone.map(|(task, _, recalled)| {
            recalled.cancel();
            task
        })
        .collect()
    }
}

impl Boot {
    /// Puts claimed tasks back into the queue that have waited for a slot for too long.
    pub(super) async fn give_back(&self) -> Result<(), Error> {
        let mut held = std::mem::take(&mut *lock(&self.slots.given_up));
        held.extend(lock(&self.slots.waiting).recall());
        if held.is_empty() {
            return Ok(());
        }
        let tasks: Vec<TaskId> = held.iter().map(|(task, _)| *task).collect();
        tracing::debug!(tasks = tasks.len(), "giving tasks back that wait for a slot");
        match self.engine.parts.store.give_back(self.session, &tasks).await {
            Ok(()) => {
                self.flight.remove(tasks);
                // Others work on them now: what is known here is soon out of date.
                for (_, execution) in held {
                    if !self.flight.holds(execution) {
                        self.executions.forget(execution);
                    }
                }
                self.room.notify_one();
                Ok(())
            }
            Err(error) => {
                lock(&self.slots.given_up).extend(held);
                Err(error)
            }
        }
    }
}
