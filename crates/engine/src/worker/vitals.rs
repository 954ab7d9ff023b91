//! How a worker is, for those who watch it: whether it has a session, keeps its lease, commits, and takes work.

use std::sync::Arc;
use std::time::Duration;

use codeflow_core::SessionId;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Why a worker takes no work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReady {
    /// It has been told to stop.
    Draining,
    /// It has no session: it has not begun, or lost its lease and has not got another one.
    NoSession,
    /// The lease was not renewed in time.
    LeaseExpired,
    /// What writes results has ended.
    CommitterGone,
}

impl NotReady {
    /// Never changes once released.
    pub fn code(self) -> &'static str {
        match self {
            Self::Draining => "draining",
            Self::NoSession => "no_session",
            Self::LeaseExpired => "lease_expired",
            Self::CommitterGone => "committer_gone",
        }
    }
}

/// How a worker is. A clone looks at the same worker.
#[derive(Clone)]
pub struct WorkerVitals(Arc<watch::Sender<State>>);

#[derive(Default)]
struct State {
    stop: CancellationToken,
    session: Option<Open>,
    running: usize,
}

struct Open {
    id: SessionId,
    lease: Duration,
    renewed: Instant,
    commits: bool,
}

impl WorkerVitals {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(State::default())))
    }

    /// Whether it takes work and can finish it.
    ///
    /// # Errors
    /// The reason why not.
    pub fn ready(&self) -> Result<(), NotReady> {
        let state = self.0.borrow();
        if state.stop.is_cancelled() {
            return Err(NotReady::Draining);
        }
        match &state.session {
            None => Err(NotReady::NoSession),
            Some(open) if open.renewed.elapsed() >= open.lease => Err(NotReady::LeaseExpired),
            Some(open) if !open.commits => Err(NotReady::CommitterGone),
            Some(_) => Ok(()),
        }
    }

    /// Its session, if it has one.
    pub fn session(&self) -> Option<SessionId> {
        self.0.borrow().session.as_ref().map(|open| open.id)
    }

    /// How long ago its lease was renewed.
    pub fn renewed(&self) -> Option<Duration> {
        self.0.borrow().session.as_ref().map(|open| open.renewed.elapsed())
    }

    /// How many tasks it held when it last renewed its lease.
    pub fn running(&self) -> usize {
        self.0.borrow().running
    }

    /// Waits until it has a session.
    pub async fn opened(&self) -> SessionId {
        let mut states = self.0.subscribe();
        loop {
            if let Some(open) = &states.borrow_and_update().session {
                return open.id;
            }
            if states.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    pub(super) fn open(&self, id: SessionId, lease: Duration, renewed: Instant) {
        let open = Open { id, lease, renewed, commits: true };
        self.0.send_modify(|state| state.session = Some(open));
    }

    pub(super) fn close(&self) {
        self.0.send_modify(|state| state.session = None);
    }

    /// From here on it works until `stop` is cancelled.
    pub(super) fn begin(&self, stop: CancellationToken) {
        self.0.send_modify(|state| state.stop = stop);
    }

    pub(super) fn renew(&self, at: Instant, running: usize) {
        self.0.send_modify(|state| {
            state.running = running;
            if let Some(open) = &mut state.session {
                open.renewed = at;
            }
        });
    }

    /// Notes the end of the committer when it is dropped.
    pub(super) fn committing(&self, session: SessionId) -> Committing {
        Committing { vitals: self.clone(), session }
    }
}

/// Lives as long as the committer.
pub(super) struct Committing {
    vitals: WorkerVitals,
    session: SessionId,
}

impl Drop for Committing {
    fn drop(&mut self) {
        self.vitals.0.send_modify(|state| {
            if let Some(open) = state.session.as_mut().filter(|open| open.id == self.session) {
                open.commits = false;
            }
        });
    }
}
