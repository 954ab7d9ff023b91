//! Follows an execution until there is nothing left to do, with the engine in this process or another one.

use codeflow::core::ExecutionId;
use codeflow::{Local, Reservation, View};

use crate::progress::Progress;

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
    loop {
        let view = watch.next().await?;
        if view.has_unread_messages() {
            continue;
        }
        progress.update(view);
        if view.record.status.is_final() {
            return Ok(Ended::Final(view.clone()));
        }
        if view.is_held() || !view.waits_for_somebody().is_empty() {
            return Ok(Ended::NeedsSomebody(view.clone()));
        }
    }
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
