//! Answers that are given again for the very same request.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks::Checks;
use crate::values::Amount;

/// The bounds of the cache of answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// Whether there is one.
    pub enabled: bool,
    /// How long an answer is given again.
    pub ttl: Duration,
    /// How many bytes of answers are kept.
    pub max_bytes: usize,
    /// How many bytes one answer may have to be kept.
    pub max_entry_bytes: usize,
}

/// See [`CacheSettings`].
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawCache {
    /// Whether answers are kept. They never pass from one tenant to another.
    enabled: bool,
    /// How long an answer is given again.
    ttl: Amount,
    /// How many bytes of answers are kept.
    max_bytes: Amount,
    /// How many bytes one answer may have to be kept.
    max_entry_bytes: Amount,
}

impl Default for RawCache {
    fn default() -> Self {
        Self {
            enabled: false,
            ttl: Amount::text("10m"),
            max_bytes: Amount::text("64 MiB"),
            max_entry_bytes: Amount::text("1 MiB"),
        }
    }
}

impl RawCache {
    pub(crate) fn settle(self, checks: &mut Checks) -> CacheSettings {
        CacheSettings {
            enabled: self.enabled,
            ttl: checks.duration("cache.ttl", &self.ttl),
            max_bytes: checks.bytes("cache.max_bytes", &self.max_bytes),
            max_entry_bytes: checks.bytes("cache.max_entry_bytes", &self.max_entry_bytes),
        }
    }
}
