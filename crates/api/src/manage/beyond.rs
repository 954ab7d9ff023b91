//! Who went beyond limits lately: it is said once a minute for each, so that a flood of requests is no flood of entries.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use codeflow_core::Timestamp;

/// How often it is said of one principal.
const EVERY: Duration = Duration::from_secs(60);
/// From so many names on, those of whom it was said long ago are forgotten.
const MANY: usize = 1_000;

/// Who went beyond limits lately.
#[derive(Debug, Default)]
pub(crate) struct Beyond {
    said: Mutex<HashMap<String, Said>>,
}

#[derive(Debug)]
struct Said {
    /// When it may be said again.
    again: Timestamp,
    /// How often it has happened since it was said.
    unsaid: u64,
}

impl Beyond {
    /// Counts one more time. Whether it is to be said, and how often it was not since the last time.
    pub(crate) fn is_news(&self, name: &str, now: Timestamp) -> Option<u64> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let unsaid = match said.get_mut(name) {
            Some(known) if now < known.again => {
                known.unsaid += 1;
                return None;
            }
            Some(known) => known.unsaid,
            None => 0,
        };
        if said.len() >= MANY {
            said.retain(|_, known| now < known.again);
        }
        said.insert(name.to_owned(), Said { again: now.after(EVERY), unsaid: 0 });
        Some(unsaid)
    }
}
