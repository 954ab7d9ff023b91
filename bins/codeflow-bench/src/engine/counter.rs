//! A count that somebody waits for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::tell;

/// How often it is said how far the count is.
const REPORT: Duration = Duration::from_secs(5);

/// How many reports in a row may show no progress.
const PATIENCE: u32 = 12;

/// Counts up. One waits for it at a time.
#[derive(Default)]
pub(super) struct Counter {
    count: AtomicU64,
    wanted: AtomicU64,
    changed: Notify,
}

impl Counter {
    /// One more.
    pub(super) fn add(&self) {
        let count = self.count.fetch_add(1, Ordering::SeqCst) + 1;
        if count >= self.wanted.load(Ordering::SeqCst) {
            self.changed.notify_waiters();
        }
    }

    pub(super) fn get(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Waits until it has come to `wanted`.
    pub(super) async fn reach(&self, wanted: u64, what: &str) -> Result<()> {
        self.wanted.store(wanted, Ordering::SeqCst);
        let (mut seen, mut idle) = (self.get(), 0);
        loop {
            let changed = self.changed.notified();
            if self.get() >= wanted {
                return Ok(());
            }
            if timeout(REPORT, changed).await.is_ok() {
                continue;
            }
            let count = self.get();
            tell(&format!("{what}: {count} of {wanted}"));
            idle = if count == seen { idle + 1 } else { 0 };
            seen = count;
            if idle == PATIENCE {
                bail!("{what} came to a stop at {count} of {wanted}");
            }
        }
    }
}
