//! Where connections wait that nobody uses.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::client::conn::{http1, http2};
use tokio::time::Instant;

use super::PoolSettings;
use crate::pieces::Pieces;

/// A connection to send over.
pub(super) enum Line {
    /// One request at a time.
    One(http1::SendRequest<Pieces>),
    /// Many at the same time.
    Many(http2::SendRequest<Pieces>),
}

/// The connections of one thread to one host.
pub(super) struct Shelf {
    settings: PoolSettings,
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    /// The one used last is used next, so that those which are too many grow old.
    idle: Vec<(http1::SendRequest<Pieces>, Instant)>,
    shared: Option<http2::SendRequest<Pieces>>,
}

impl Shelf {
    pub(super) fn new(settings: PoolSettings) -> Self {
        Self { settings, lines: Mutex::default() }
    }

    /// A connection that stands; nothing when there is none.
    pub(super) async fn take(&self) -> Option<Line> {
        loop {
            let mut sender = match self.next()? {
                Line::One(sender) => sender,
                shared @ Line::Many(_) => return Some(shared),
            };
            // A connection whose answer was read to its end is ready as soon as its task has noticed.
            if sender.ready().await.is_ok() {
                return Some(Line::One(sender));
            }
        }
    }

    fn next(&self) -> Option<Line> {
        let mut lines = self.lines();
        if let Some(shared) = lines.shared.take_if(|shared| !shared.is_closed()) {
            lines.shared = Some(shared.clone());
            return Some(Line::Many(shared));
        }
        lines.shared = None;
        while let Some((sender, since)) = lines.idle.pop() {
            if !sender.is_closed() && since.elapsed() < self.settings.idle_timeout {
                return Some(Line::One(sender));
            }
        }
        None
    }

    /// Keeps a connection for the next request.
    pub(super) fn put(&self, sender: http1::SendRequest<Pieces>) {
        if sender.is_closed() {
            return;
        }
        let mut lines = self.lines();
        if lines.idle.len() >= self.settings.idle_per_host {
            let within = self.settings.idle_timeout;
            lines.idle.retain(|(sender, since)| !sender.is_closed() && since.elapsed() < within);
        }
        if lines.idle.len() < self.settings.idle_per_host {
            lines.idle.push((sender, Instant::now()));
        }
    }

    /// Keeps a connection that many requests share.
    pub(super) fn share(&self, sender: http2::SendRequest<Pieces>) {
        self.lines().shared = Some(sender);
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
