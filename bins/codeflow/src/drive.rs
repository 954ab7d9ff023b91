//! Follows an execution until there is nothing left to do, with the engine in this process or another one.

use std::pin::Pin;
use std::time::Duration;

use codeflow::core::ExecutionId;
use codeflow::{Local, Reservation, View};

use crate::progress::Progress;

/// How often it is looked whether called executions wait for somebody.
const OTHERS: Duration = Duration::from_secs(1);

/// Why following came to its end.
pub(crate) enum Ended {
    /// The execution ended.
    Final(View),
    /// It goes on when somebody decides, sends a signal or resumes it.
    NeedsSomebody(View),
    /// The person at the keyboard has had enough.
    Interrupted,
}

/// Runs an execution here, until it ends or waits for somebody.
pub(crate) async fn run(
    local: &Local,
    reservation: Reservation,
    id: ExecutionId,
    mut progress: Progress,
) -> anyhow::Result<Ended> {
    progress.begin(local.watch(id).next().await?);
    let mut worker = reservation.work();
    let ended = tokio::select! {
        ended = follow(local, id, &mut progress) => ended,
        error = worker.failed() => match error { Err(error) => Err(error.into()) },
        () = interrupted() => Ok(Ended::Interrupted),
    };
    if matches!(ended, Ok(Ended::Interrupted)) {
        progress.line("stopping in good order; interrupt again to stop at once");
    }
    progress.finish();
    tokio::select! {
        () = worker.stop() => {}
        () = interrupted() => {}
    }
    ended
}

/// Follows an execution that another process runs.
pub(crate) async fn watch(local: &Local, id: ExecutionId, mut progress: Progress) -> anyhow::Result<Ended> {
    tokio::select! {
        ended = follow(local, id, &mut progress) => ended,
        () = interrupted() => Ok(Ended::Interrupted),
    }
}

async fn follow(local: &Local, id: ExecutionId, progress: &mut Progress) -> anyhow::Result<Ended> {
    let mut watch = local.watch(id);
    watch.next().await?;
    loop {
        let mut calls = false;
        if let Some(view) = watch.latest().filter(|view| !view.has_unread_messages()) {
            progress.update(view);
            if view.record.status.is_final() {
                return Ok(Ended::Final(view.clone()));
            }
            if needs_somebody(local, view).await? {
                return Ok(Ended::NeedsSomebody(view.clone()));
            }
            calls = !view.waits_for_others().is_empty();
        }
        // What was called may come to wait for somebody, which is no change of this one.
        let change = watch.next();
        if !calls {
            change.await?;
        } else if let Ok(changed) = tokio::time::timeout(OTHERS, change).await {
            changed?;
        }
    }
}

/// Whether an execution, with all that it called, goes on only when somebody does something.
fn needs_somebody<'a>(
    local: &'a Local,
    view: &'a View,
) -> Pin<Box<dyn Future<Output = anyhow::Result<bool>> + Send + 'a>> {
    Box::pin(async move {
        let others = view.waits_for_others();
        if view.is_held() || others.is_empty() {
            return Ok(view.is_held() || !view.waits_for_somebody().is_empty());
        }
        for other in others {
            let mut watch = local.watch(other);
            let other = watch.next().await?;
            if other.has_unread_messages() || !needs_somebody(local, other).await? {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

/// Resolves when the process is told to stop, by the keyboard or by whoever started it.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
