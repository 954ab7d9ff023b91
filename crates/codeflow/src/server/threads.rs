//! The threads that answer: each has a runtime, an accepting loop and connections to providers of its own, so that a call
//! never waits for another thread.

use std::net::TcpListener;
use std::thread::{self, JoinHandle, available_parallelism};
use std::time::Duration;

use codeflow_api::Serving;
use tokio::runtime::Builder;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Error, ErrorKind};

/// A timer that is always due soon. Without it, every request that sets one of half a minute would wake the runtime's
/// driver by a system call, only to be told to sleep a little less.
const PULSE: Duration = Duration::from_millis(500);

/// The threads of a server.
pub(super) struct Threads {
    threads: Vec<JoinHandle<()>>,
    serving: Serving,
    /// Ends the threads, whatever they are at.
    end: CancellationToken,
}

impl Threads {
    /// Starts `count` threads, or one for each core.
    pub(super) fn start(
        listener: &TcpListener,
        serving: &Serving,
        count: Option<usize>,
    ) -> Result<Self, Error> {
        let count = count.unwrap_or_else(|| available_parallelism().map_or(1, usize::from));
        let end = CancellationToken::new();
        let mut threads = Vec::with_capacity(count);
        for number in 0..count {
            let failed = |error: std::io::Error| {
                Error::new(ErrorKind::Listen, "could not start a thread that answers").with_source(error)
            };
            let listener = listener.try_clone().map_err(failed)?;
            let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
            let (mut serving, end) = (serving.clone(), end.clone());
            // Each thread counts its own connections.
            serving.limits.connections = serving.limits.connections.div_ceil(count.max(1));
            let name = format!("serve-{number}");
            let body = move || runtime.block_on(answer(listener, serving, end));
            threads.push(thread::Builder::new().name(name).spawn(body).map_err(failed)?);
        }
        Ok(Self { threads, serving: serving.clone(), end })
    }

    /// Accepts nobody new, and waits for the requests there are, and for changes that go on without theirs: they run on
    /// these threads. Returns whether all ended in time.
    pub(super) async fn drain(self, within: Duration) -> bool {
        let until = Instant::now() + within;
        let answered = self.serving.tasks.shut_down(within).await;
        let settled = self.serving.api.settle(until.saturating_duration_since(Instant::now())).await;
        let drained = answered && settled;
        self.end.cancel();
        let joined =
            tokio::task::spawn_blocking(move || self.threads.into_iter().all(|thread| thread.join().is_ok()));
        joined.await.unwrap_or(false) && drained
    }
}

async fn answer(listener: TcpListener, serving: Serving, end: CancellationToken) {
    let tasks = serving.tasks.clone();
    let stop = serving.stop.clone();
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(critical = true, %error, "a thread cannot accept connections");
            return;
        }
    };
    tasks.spawn("pulse", async move {
        let mut pulse = tokio::time::interval(PULSE);
        while !stop.is_cancelled() {
            pulse.tick().await;
        }
    });
    codeflow_api::serve(listener, serving).await;
    end.cancelled().await;
}
