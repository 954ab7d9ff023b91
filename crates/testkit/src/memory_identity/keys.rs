//! API keys in memory.

use async_trait::async_trait;
use codeflow_auth::{ApiKey, Error, KeyFilter, KeyStore, Page};
use codeflow_core::{KeyId, Tenant, Timestamp, UserId};

use super::{MemoryIdentity, check_text, conflict, page};

#[async_trait]
impl KeyStore for MemoryIdentity {
    async fn add_key(&self, key: &ApiKey, replaces: Option<(KeyId, Timestamp)>) -> Result<(), Error> {
        check_text([key.name.as_str()].into_iter().chain(key.tier.as_deref()))?;
        let mut model = self.open()?;
        if model.keys.contains_key(&key.id) {
            return Err(conflict("there is a key with this id"));
        }
        if key.owner.is_some_and(|owner| !model.users.contains_key(&owner)) {
            return Err(conflict("the owner of the key is gone"));
        }
        if let Some((id, until)) = replaces {
            let is_current = |old: &&mut ApiKey| {
                old.tenant == key.tenant && old.revoked_at.is_none() && old.replaced_by.is_none()
            };
            let Some(old) = model.keys.get_mut(&id).filter(is_current) else {
                return Err(conflict("the key to replace is gone, revoked or replaced"));
            };
            old.replaced_by = Some(key.id);
            old.expires_at = Some(old.expires_at.map_or(until, |known| known.min(until)));
        }
        model.keys.insert(key.id, key.clone());
        Ok(())
    }

    async fn find_key(&self, id: KeyId) -> Result<Option<ApiKey>, Error> {
        Ok(self.open()?.keys.get(&id).cloned())
    }

    async fn list_keys(&self, filter: &KeyFilter, wanted: Page<KeyId>) -> Result<Vec<ApiKey>, Error> {
        let KeyFilter { tenant, owner } = filter;
        let model = self.open()?;
        let keys = model.keys.iter().map(|(id, key)| (*id, key));
        Ok(page(keys, &wanted, |key| {
            tenant.as_ref().is_none_or(|tenant| key.tenant == *tenant)
                && owner.is_none_or(|owner| key.owner == Some(owner))
        }))
    }

    async fn revoke_key(&self, id: KeyId, at: Timestamp) -> Result<bool, Error> {
        let mut model = self.open()?;
        let Some(key) = model.keys.get_mut(&id).filter(|key| key.revoked_at.is_none()) else {
            return Ok(false);
        };
        key.revoked_at = Some(at);
        Ok(true)
    }

    async fn revoke_keys_of(&self, owner: UserId, at: Timestamp) -> Result<Vec<KeyId>, Error> {
        let mut model = self.open()?;
        let is_meant = |key: &&mut ApiKey| key.owner == Some(owner) && key.revoked_at.is_none();
        let revoke = |key: &mut ApiKey| {
            key.revoked_at = Some(at);
            key.id
        };
        Ok(model.keys.values_mut().filter(is_meant).map(revoke).collect())
    }

    async fn count_keys(
        &self,
        (tenant, owner): (&Tenant, Option<UserId>),
        now: Timestamp,
        most: u32,
    ) -> Result<u32, Error> {
        let model = self.open()?;
        let lasts = |key: &&ApiKey| {
            let is_over = key.revoked_at.is_some() || key.expires_at.is_some_and(|until| until <= now);
            key.tenant == *tenant && key.owner == owner && !is_over
        };
        Ok(u32::try_from(model.keys.values().filter(lasts).count()).unwrap_or(u32::MAX).min(most))
    }

    async fn touch_keys(&self, used: &[(KeyId, Timestamp)]) -> Result<(), Error> {
        let mut model = self.open()?;
        for (id, at) in used {
            if let Some(key) = model.keys.get_mut(id) {
                key.last_used_at = key.last_used_at.max(Some(*at));
            }
        }
        Ok(())
    }
}
