//! Connections for model calls: hyper-util's client over the guarded connector, once for each thread, so that threads
//! do not wait for each other. It follows no redirect, and repeats a request only when nothing of it was sent.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::Url;

use crate::connector::Connector;
use crate::error::Error;
use crate::guard::Guard;
use crate::pieces::Pieces;

/// How many connections are kept and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    /// Connections to one host that are kept open although nobody uses them, for each thread.
    pub idle_per_host: usize,
    /// How long a connection is kept that nobody uses.
    pub idle_timeout: Duration,
}

impl Default for PoolSettings {
    /// 256 connections for 90 s.
    fn default() -> Self {
        Self { idle_per_host: 256, idle_timeout: Duration::from_secs(90) }
    }
}

/// Sends requests of model calls where a [`Guard`] allows. A clone shares the connections.
///
/// The future of a call, and the body of its answer, end the call when they are dropped.
#[derive(Clone)]
pub struct Pool {
    clients: Arc<[Client<Connector, Pieces>]>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("threads", &self.clients.len()).finish_non_exhaustive()
    }
}

impl Pool {
    /// Makes a pool without connections.
    ///
    /// # Errors
    ///
    /// [`SetUp`](crate::ErrorKind::SetUp) when no certificates can be trusted.
    pub fn new(guard: &Guard, settings: PoolSettings) -> Result<Self, Error> {
        let connector = guard.connector()?;
        let threads = available_parallelism().map_or(1, usize::from);
        let client = || {
            Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(settings.idle_per_host)
                .pool_idle_timeout(settings.idle_timeout)
                .pool_timer(TokioTimer::new())
                // A kept connection may turn out to be closed when it is wanted. What comes back untouched from
                // it was not begun, and goes out on the next one; anything else is an error.
                .retry_canceled_requests(true)
                .http2_adaptive_window(true)
                .build(connector.clone())
        };
        Ok(Self { clients: (0..threads).map(|_| client()).collect() })
    }

    /// Sends a request and returns when the head of the answer is there. `url` names the host in errors.
    ///
    /// # Errors
    ///
    /// Every kind but `SetUp`, `TooLarge` and `Redirect`; [`Error::phase`] says how far it came.
    pub async fn send(&self, url: &Url, request: Request<Pieces>) -> Result<Response<Incoming>, Error> {
        let client = &self.clients[slot() % self.clients.len()];
        client.request(request).await.map_err(|error| Error::from_client(url, error))
    }
}

/// The number of this thread.
fn slot() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SLOT: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed));
    }
    SLOT.get()
}
