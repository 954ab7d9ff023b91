//! Supervised tasks: all are known, all are told to stop, and shutdown waits for them.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tasks of one process, or of one part of it.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task. A panic in it is logged and ends that task alone; the handle then yields `None`.
    #[expect(clippy::disallowed_methods, reason = "this is the door that everybody else takes")]
    pub fn spawn<F>(&self, name: &'static str, task: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let guarded = async move {
            let outcome = AssertUnwindSafe(task).catch_unwind().await;
            if outcome.is_err() {
                tracing::error!(task.name = name, "task panicked");
            }
            outcome.ok()
        };
        tokio::spawn(self.tracker.track_future(guarded))
    }

    /// A token that is cancelled when these tasks should end.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Tells the tasks to end without waiting for them.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Tells the tasks to end and waits for them. Returns whether all did within `grace`.
    pub async fn shut_down(&self, grace: Duration) -> bool {
        self.stop.cancel();
        self.tracker.close();
        tokio::time::timeout(grace, self.tracker.wait()).await.is_ok()
    }
}
