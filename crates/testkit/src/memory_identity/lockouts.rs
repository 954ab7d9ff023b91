//! Failed attempts in memory.

use async_trait::async_trait;
use codeflow_auth::{Error, Lockout, LockoutStore};
use codeflow_core::Timestamp;

use super::{MOST, MemoryIdentity};

#[async_trait]
impl LockoutStore for MemoryIdentity {
    async fn find_lockout(&self, name: &[u8]) -> Result<Option<Lockout>, Error> {
        Ok(self.open()?.lockouts.get(name).cloned())
    }

    async fn find_lockouts(&self, names: &[Vec<u8>]) -> Result<Vec<Lockout>, Error> {
        let model = self.open()?;
        let found = model.lockouts.values().filter(|one| names.contains(&one.name));
        Ok(found.take(MOST).cloned().collect())
    }

    async fn add_failures(&self, new: &[Lockout], forgotten: Timestamp) -> Result<(), Error> {
        let mut model = self.open()?;
        for new in new {
            match model.lockouts.get_mut(&new.name) {
                None => {
                    model.lockouts.insert(new.name.clone(), new.clone());
                }
                Some(known) if known.clears == new.clears => {
                    let before = if known.changed_at < forgotten { 0 } else { known.failures };
                    known.failures = before.saturating_add(new.failures);
                    known.changed_at = known.changed_at.max(new.changed_at);
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    async fn clear_lockout(&self, name: &[u8], at: Timestamp) -> Result<(), Error> {
        let mut model = self.open()?;
        let clears = model.lockouts.get(name).map_or(0, |known| known.clears) + 1;
        let cleared = Lockout { name: name.to_vec(), failures: 0, changed_at: at, clears };
        model.lockouts.insert(name.to_vec(), cleared);
        Ok(())
    }

    async fn sweep_lockouts(&self, before: Timestamp, keep: u32, most: u32) -> Result<u32, Error> {
        let mut model = self.open()?;
        let mut all: Vec<(Timestamp, Vec<u8>)> =
            model.lockouts.values().map(|one| (one.changed_at, one.name.clone())).collect();
        all.sort_unstable();
        let too_many = all.len().saturating_sub(usize::try_from(keep).unwrap_or(usize::MAX));
        let old = all.iter().filter(|(at, _)| *at < before).count().max(too_many);
        all.truncate(old.min(usize::try_from(most).unwrap_or(usize::MAX)));
        for (_, name) in &all {
            model.lockouts.remove(name);
        }
        Ok(u32::try_from(all.len()).unwrap_or(u32::MAX))
    }
}
