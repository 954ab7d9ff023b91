//! The limits that an admin has set, in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use codeflow_ratelimit::{Error, ErrorKind, RuleStore, Rules, StoredRules};

/// Limits that are forgotten with this value. The store can be away.
#[derive(Default)]
pub struct MemoryRules(Mutex<(Option<StoredRules>, bool)>);

impl MemoryRules {
    /// From here on it answers, or it does not.
    pub fn set_away(&self, is_away: bool) {
        self.open().1 = is_away;
    }

    fn open(&self) -> MutexGuard<'_, (Option<StoredRules>, bool)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answering(&self) -> Result<MutexGuard<'_, (Option<StoredRules>, bool)>, Error> {
        match self.open() {
            open if open.1 => {
                Err(Error::with_source(ErrorKind::Unavailable, "storage is away", "for a test"))
            }
            open => Ok(open),
        }
    }
}

#[async_trait]
impl RuleStore for MemoryRules {
    async fn load(&self) -> Result<Option<StoredRules>, Error> {
        Ok(self.answering()?.0.clone())
    }

    async fn save(&self, rules: Option<&Rules>, seen: u64) -> Result<u64, Error> {
        let mut open = self.answering()?;
        if open.0.as_ref().map_or(0, |stored| stored.version) != seen {
            return Err(Error::new(ErrorKind::Conflict, "the limits were changed by somebody else"));
        }
        open.0 = Some(StoredRules { version: seen + 1, rules: rules.cloned() });
        Ok(seen + 1)
    }
}
