//! How the calls of the last while ended, in ten buckets that are used in turn.

use std::time::Duration;

use tokio::time::Instant;

const BUCKETS: usize = 10;

/// The calls of the last while.
#[derive(Clone, Copy, Default)]
pub(super) struct Window {
    /// The start of the time that buckets are counted in.
    origin: Option<Instant>,
    buckets: [Bucket; BUCKETS],
}

#[derive(Clone, Copy, Default)]
struct Bucket {
    /// Which stretch of time it holds.
    stretch: u64,
    total: u32,
    failed: u32,
}

/// How many calls there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) total: u32,
    pub(super) failed: u32,
}

impl Window {
    /// Counts one call.
    pub(super) fn add(&mut self, length: Duration, now: Instant, failed: bool) {
        let stretch = self.stretch(length, now);
        let bucket = &mut self.buckets[(stretch % BUCKETS as u64) as usize];
        // Threads read the clock before they come here, so a late one may find a later stretch in the bucket of its own.
        if bucket.stretch < stretch {
            *bucket = Bucket { stretch, total: 0, failed: 0 };
        }
        bucket.total = bucket.total.saturating_add(1);
        bucket.failed = bucket.failed.saturating_add(u32::from(failed));
    }

    /// Counts the calls of the last `length`.
    pub(super) fn count(&mut self, length: Duration, now: Instant) -> Count {
        let stretch = self.stretch(length, now);
        let oldest = (stretch + 1).saturating_sub(BUCKETS as u64);
        let recent = self.buckets.iter().filter(|bucket| bucket.stretch >= oldest);
        recent.fold(Count::default(), |sum, bucket| Count {
            total: sum.total.saturating_add(bucket.total),
            failed: sum.failed.saturating_add(bucket.failed),
        })
    }

    fn stretch(&mut self, length: Duration, now: Instant) -> u64 {
        let since = now.saturating_duration_since(*self.origin.get_or_insert(now));
        nanos(since) / nanos(length / BUCKETS as u32).max(1)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
