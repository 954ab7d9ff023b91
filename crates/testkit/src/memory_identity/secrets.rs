//! Signing keys, the installation's secrets, and tokens for other services in memory.

use async_trait::async_trait;
use codeflow_auth::{Connection, ConnectionStore, Error, SecretStore, SigningKey, SigningKeyStore};
use codeflow_core::{Tenant, Timestamp};

use super::{MOST, MemoryIdentity, check_text};

#[async_trait]
impl SigningKeyStore for MemoryIdentity {
    async fn add_signing_key(&self, key: &SigningKey) -> Result<bool, Error> {
        check_text([key.id.as_str(), &key.algorithm, &key.public])?;
        let mut model = self.open()?;
        let signs_then =
            |other: &SigningKey| other.signs_from <= key.signs_from && key.signs_from < other.signs_until;
        if model.signing_keys.iter().any(|other| other.id == key.id || signs_then(other)) {
            return Ok(false);
        }
        model.signing_keys.push(key.clone());
        Ok(true)
    }

    async fn signing_keys(&self, now: Timestamp) -> Result<Vec<SigningKey>, Error> {
        let model = self.open()?;
        let accepted = model.signing_keys.iter().filter(|key| key.accepted_until > now);
        let mut keys: Vec<SigningKey> = accepted.cloned().collect();
        keys.sort_by(|one, two| (one.signs_from, &one.id).cmp(&(two.signs_from, &two.id)));
        keys.truncate(MOST);
        Ok(keys)
    }

    async fn withdraw_signing_key(&self, id: &str, at: Timestamp) -> Result<bool, Error> {
        let mut model = self.open()?;
        let Some(key) = model.signing_keys.iter_mut().find(|key| key.id == id) else { return Ok(false) };
        key.signs_until = key.signs_until.min(at);
        key.accepted_until = key.accepted_until.min(at);
        Ok(true)
    }
}

#[async_trait]
impl SecretStore for MemoryIdentity {
    async fn secret(&self, name: &str, value: &[u8]) -> Result<Vec<u8>, Error> {
        check_text([name])?;
        let mut model = self.open()?;
        Ok(model.secrets.entry(name.to_owned()).or_insert_with(|| value.to_vec()).clone())
    }

    async fn take_secret(&self, name: &str, value: &[u8]) -> Result<bool, Error> {
        let mut model = self.open()?;
        let is_it = model.secrets.get(name).is_some_and(|kept| kept == value);
        if is_it {
            model.secrets.remove(name);
        }
        Ok(is_it)
    }
}

#[async_trait]
impl ConnectionStore for MemoryIdentity {
    async fn put_connection(&self, connection: &Connection) -> Result<bool, Error> {
        let Connection { tenant, service, name, scopes, .. } = connection;
        check_text([service, name].into_iter().chain(scopes).map(String::as_str))?;
        let mut model = self.open()?;
        let key = (tenant.clone(), service.clone(), name.clone());
        let before = model.connections.get(&key).map_or(0, |kept| kept.version);
        if connection.version != before + 1 {
            return Ok(false);
        }
        model.connections.insert(key, connection.clone());
        Ok(true)
    }

    async fn find_connection(
        &self,
        tenant: &Tenant,
        service: &str,
        name: &str,
    ) -> Result<Option<Connection>, Error> {
        let key = (tenant.clone(), service.to_owned(), name.to_owned());
        Ok(self.open()?.connections.get(&key).cloned())
    }

    async fn connections(&self, tenant: &Tenant) -> Result<Vec<Connection>, Error> {
        let model = self.open()?;
        Ok(model.connections.values().filter(|one| one.tenant == *tenant).take(MOST).cloned().collect())
    }

    async fn remove_connection(&self, tenant: &Tenant, service: &str, name: &str) -> Result<bool, Error> {
        let key = (tenant.clone(), service.to_owned(), name.to_owned());
        Ok(self.open()?.connections.remove(&key).is_some())
    }
}
