//! What a connection knows of its requests: how many began, how many are over with their answers, and since when it is
//! quiet. It does not know what they ask for.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::sending::Progress;

/// How many frames a client may send about a piece of an answer, and one more for each so many bytes of it: there are
/// clients that say of every few KiB that they have read them.
const PER_PIECE: usize = 4;
const PER_FRAME: usize = 512;

/// The requests of a connection. A clone is the same.
#[derive(Clone)]
pub(super) struct Requests(Arc<Counts>);

struct Counts {
    began: Instant,
    begun: AtomicUsize,
    over: AtomicUsize,
    /// When the last one was over, in milliseconds of this connection.
    last: AtomicU64,
    /// What the client may say about answers that were handed on to be sent, in frames.
    earned: AtomicUsize,
    /// Bytes that the system took.
    written: AtomicUsize,
    are_http_2: AtomicBool,
    /// How the answer to the request that has just begun is sent, for the task that sends it.
    next: Mutex<Option<Progress>>,
}

/// A request whose head has come, until its answer is over and this is dropped.
pub(super) struct Begun(Arc<Counts>);

impl Requests {
    pub(super) fn new() -> Self {
        Self(Arc::new(Counts {
            began: Instant::now(),
            begun: AtomicUsize::new(0),
            over: AtomicUsize::new(0),
            last: AtomicU64::new(0),
            earned: AtomicUsize::new(0),
            written: AtomicUsize::new(0),
            are_http_2: AtomicBool::new(false),
            next: Mutex::new(None),
        }))
    }

    pub(super) fn begin(&self) -> Begun {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        Begun(Arc::clone(&self.0))
    }

    pub(super) fn begun(&self) -> usize {
        self.0.begun.load(Ordering::Relaxed)
    }

    pub(super) fn are_over(&self) -> bool {
        self.begun() == self.0.over.load(Ordering::Relaxed)
    }

    /// How long nothing has been asked and nothing been answered; nothing while something is.
    pub(super) fn quiet_for(&self) -> Option<Duration> {
        let last = Duration::from_millis(self.0.last.load(Ordering::Relaxed));
        self.are_over().then(|| self.0.began.elapsed().saturating_sub(last))
    }

    /// A piece of an answer was handed on: the client may say that it has read it, and measure the way.
    pub(super) fn gave(&self, piece: &[u8]) {
        self.0.earned.fetch_add(PER_PIECE + piece.len() / PER_FRAME, Ordering::Relaxed);
    }

    /// How many frames the client may have sent about answers.
    pub(super) fn earned(&self) -> usize {
        self.0.earned.load(Ordering::Relaxed)
    }

    /// So many bytes were written.
    pub(super) fn wrote(&self, bytes: usize) {
        self.0.written.fetch_add(bytes, Ordering::Relaxed);
    }

    /// How many bytes were written.
    pub(super) fn written(&self) -> usize {
        self.0.written.load(Ordering::Relaxed)
    }

    /// From now on, they are those of HTTP/2.
    pub(super) fn become_http_2(&self) {
        self.0.are_http_2.store(true, Ordering::Relaxed);
    }

    pub(super) fn are_http_2(&self) -> bool {
        self.0.are_http_2.load(Ordering::Relaxed)
    }

    /// Leaves it to whoever starts the task of the request that has just begun.
    pub(super) fn leave(&self, progress: Progress) {
        *self.0.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
    }

    pub(super) fn take(&self) -> Option<Progress> {
        self.0.next.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let now = u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.last.store(now, Ordering::Relaxed);
        self.0.over.fetch_add(1, Ordering::Relaxed);
    }
}
