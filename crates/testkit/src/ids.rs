//! Identifiers that come in a known order.

use std::sync::atomic::{AtomicU64, Ordering};

use codeflow_core::Ids;
use uuid::Uuid;

/// Identifiers counted from one. Two sources with different numbers never give the same one.
#[derive(Debug, Default)]
pub struct SequentialIds {
    source: u64,
    given: AtomicU64,
}

impl SequentialIds {
    /// The source with this number.
    pub fn new(source: u64) -> Self {
        Self { source, given: AtomicU64::new(0) }
    }
}

impl Ids for SequentialIds {
    fn next(&self) -> Uuid {
        let count = self.given.fetch_add(1, Ordering::Relaxed) + 1;
        // Sorted by the count first, as identifiers of a real process are sorted by their time.
        Uuid::from_u64_pair(count, self.source)
    }
}
