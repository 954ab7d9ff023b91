//! What the server counts on its own side.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Uri;
use tokio::sync::watch;

/// Of how many paths the requests are counted apart.
const MOST_PATHS: usize = 1000;

/// How many clients that hung up are remembered.
const MOST_HUNG_UP: usize = 1000;

/// What happened until now, as the server saw it.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Connections that were ever made.
    pub connections: u64,
    /// Connections that are open.
    pub open_connections: u64,
    /// Requests whose head and body came.
    pub requests: u64,
    /// The same for each path.
    pub paths: BTreeMap<String, u64>,
    /// Requests that are not over: no answer has begun, or its body goes on.
    pub open_requests: u64,
    /// Of these, the ones in which nothing more will come.
    pub stalled: u64,
    /// Requests whose answer was given to its end.
    pub finished: u64,
    /// Requests that the server broke off because it was told to.
    pub broken_off: u64,
    /// Requests whose client hung up before the end.
    pub hung_up: u64,
    /// The first thousand of these.
    pub hang_ups: Vec<HungUp>,
}

/// A client that did not wait for the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HungUp {
    /// What it had asked for.
    pub path: String,
    /// How many bytes of the body had been sent; none when there was not even a head.
    pub sent: Option<u64>,
    /// How long after its request it was seen to be gone.
    pub after: Duration,
    /// When it was seen to be gone.
    pub at: Instant,
}

impl Counters {
    /// How many requests came to paths that end so.
    pub fn requests_to(&self, suffix: &str) -> u64 {
        self.paths.iter().filter(|(path, _)| path.ends_with(suffix)).map(|(_, count)| count).sum()
    }
}

/// Keeps the counters.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    counters: watch::Sender<Counters>,
}

impl Ledger {
    pub(super) fn read(&self) -> Counters {
        self.counters.borrow().clone()
    }

    /// Waits until the counters are as wanted, or time is up.
    pub(super) async fn wait(
        &self,
        within: Duration,
        condition: impl FnMut(&Counters) -> bool,
    ) -> Result<Counters, Counters> {
        let mut watched = self.counters.subscribe();
        match tokio::time::timeout(within, watched.wait_for(condition)).await {
            Ok(Ok(counters)) => Ok(counters.clone()),
            Ok(Err(_)) | Err(_) => Err(self.read()),
        }
    }

    pub(super) fn connect(&self) {
        self.counters.send_modify(|counters| {
            counters.connections += 1;
            counters.open_connections += 1;
        });
    }

    pub(super) fn disconnect(&self) {
        self.counters.send_modify(|counters| counters.open_connections -= 1);
    }

    pub(super) fn begin(self: &Arc<Self>, uri: Uri) -> Call {
        self.counters.send_modify(|counters| {
            counters.requests += 1;
            counters.open_requests += 1;
            if let Some(count) = counters.paths.get_mut(uri.path()) {
                *count += 1;
            } else if counters.paths.len() < MOST_PATHS {
                counters.paths.insert(uri.path().to_owned(), 1);
            }
        });
        let began = Instant::now();
        Call { ledger: Arc::clone(self), uri, began, sent: None, is_stalled: false, is_over: false }
    }
}

/// One request from its arrival to its end. Dropped before the end, it was the client that hung up.
pub(super) struct Call {
    ledger: Arc<Ledger>,
    uri: Uri,
    began: Instant,
    sent: Option<u64>,
    is_stalled: bool,
    is_over: bool,
}

impl Call {
    /// The head goes out.
    pub(super) fn answer(&mut self) {
        self.sent = Some(0);
    }

    /// So many bytes of the body go out.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.sent = Some(self.sent.unwrap_or(0) + bytes as u64);
    }

    /// Nothing more will come.
    pub(super) fn stall(&mut self) {
        if !std::mem::replace(&mut self.is_stalled, true) {
            self.ledger.counters.send_modify(|counters| counters.stalled += 1);
        }
    }

    /// The answer was given to its end.
    pub(super) fn finish(&mut self) {
        self.end(|counters| counters.finished += 1);
    }

    /// The server breaks it off.
    pub(super) fn break_off(&mut self) {
        self.end(|counters| counters.broken_off += 1);
    }

    fn end(&mut self, count: impl FnOnce(&mut Counters)) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let stalled = u64::from(self.is_stalled);
        self.ledger.counters.send_modify(|counters| {
            counters.open_requests -= 1;
            counters.stalled -= stalled;
            count(counters);
        });
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let (path, sent) = (self.uri.path().to_owned(), self.sent);
        let hung_up = HungUp { path, sent, after: self.began.elapsed(), at: Instant::now() };
        self.end(|counters| {
            counters.hung_up += 1;
            if counters.hang_ups.len() < MOST_HUNG_UP {
                counters.hang_ups.push(hung_up);
            }
        });
    }
}
