//! What a limit is: so much at once, and so much again over time.

use std::num::NonZeroU32;
use std::time::Duration;

/// So much at once, and so much again over time.
///
/// What was used comes back steadily, not at the start of a new minute. So in any stretch of time no more is allowed than
/// the burst and what came back meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What headers call it, such as `requests`. Limits of one subject are told apart by it.
    pub name: &'static str,
    /// How much comes back in a window.
    pub quota: NonZeroU32,
    /// The time in which that much comes back. At least a microsecond.
    pub window: Duration,
    /// How much may be used at once, by a subject that used nothing for long.
    pub burst: NonZeroU32,
}

impl Limit {
    /// So much in a minute, and all of it at once if need be.
    pub const fn per_minute(name: &'static str, quota: NonZeroU32) -> Self {
        Self { name, quota, window: Duration::from_secs(60), burst: quota }
    }

    /// The window in microseconds, which is what one unit weighs in a [`Bucket`](crate::bucket::Bucket).
    pub(crate) fn weight(&self) -> u128 {
        self.window.as_micros().max(1)
    }

    /// What a bucket holds.
    pub(crate) fn capacity(&self) -> u128 {
        u128::from(self.burst.get()) * self.weight()
    }

    pub(crate) fn rate(&self) -> u128 {
        u128::from(self.quota.get())
    }
}
