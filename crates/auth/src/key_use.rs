//! Keys as they come with requests: whose they are, what may be done with them, and when they were used.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use codeflow_core::{KeyId, Timestamp, UserId};

use crate::secret_text::KeyText;
use crate::{ApiKey, Credential, Error, ErrorKind, Identity, Permissions, Principal, Vault};

/// A key that was found lately, or was found to be none.
#[derive(Clone)]
pub(crate) enum KnownKey {
    /// There is none with this id.
    None,
    /// It is this one.
    Found(Arc<Found>),
}

pub(crate) struct Found {
    digest: Vec<u8>,
    over: bool,
    expires_at: Option<Timestamp>,
    principal: Arc<Principal>,
}

impl KnownKey {
    pub(crate) fn owner(&self) -> Option<UserId> {
        match self {
            Self::None => None,
            Self::Found(found) => found.principal.user,
        }
    }
}

/// When keys were used, until storage knows.
#[derive(Default)]
pub(crate) struct KeyUses(Mutex<HashMap<KeyId, Timestamp>>);

impl KeyUses {
    fn note(&self, key: KeyId, at: Timestamp) {
        self.uses().insert(key, at);
    }

    fn uses(&self) -> MutexGuard<'_, HashMap<KeyId, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Identity {
    /// Who calls with this key. A key that was not made here is refused before storage is asked.
    pub(crate) async fn key_principal(&self, text: &str) -> Result<Arc<Principal>, Error> {
        let malformed = || Error::new(ErrorKind::MalformedCredential, "this is not written as API keys are");
        let key = KeyText::read(text, &self.settings.environment).ok_or_else(malformed)?;
        if !key.is_ours(&self.vault)? {
            return Err(unknown());
        }
        let found = match self.known_key(key.id).await? {
            KnownKey::None => return Err(unknown()),
            KnownKey::Found(found) => found,
        };
        if !Vault::equal(&key.digest(&self.vault)?, &found.digest) {
            return Err(unknown());
        }
        let now = self.clock.now();
        if found.over || found.expires_at.is_some_and(|until| until <= now) {
            return Err(Error::new(ErrorKind::ExpiredKey, "the API key is over or was revoked"));
        }
        self.key_uses.note(key.id, now);
        Ok(Arc::clone(&found.principal))
    }

    /// Tells storage when keys were used last. What it cannot be told now it is told the next time.
    pub(crate) async fn save_key_uses(&self) -> Result<(), Error> {
        let uses: Vec<_> = self.key_uses.uses().drain().collect();
        if uses.is_empty() {
            return Ok(());
        }
        let saved = self.store.touch_keys(&uses).await;
        if saved.is_err() {
            let mut waiting = self.key_uses.uses();
            for (key, at) in uses {
                waiting.entry(key).or_insert(at);
            }
        }
        saved
    }

    async fn known_key(&self, id: KeyId) -> Result<KnownKey, Error> {
        let now = self.clock.now();
        if let Some(known) = self.caches.keys.find(&id, now) {
            return Ok(known);
        }
        let epoch = self.caches.keys.epoch();
        let known = match self.store.find_key(id).await? {
            None => KnownKey::None,
            Some(key) => KnownKey::Found(Arc::new(self.found(key).await?)),
        };
        self.caches.keys.put(epoch, id, known.clone(), (now, self.remembered_until(now)));
        Ok(known)
    }

    async fn found(&self, key: ApiKey) -> Result<Found, Error> {
        let scopes: Permissions = key.scopes.iter().copied().collect();
        let (permissions, owned) = match key.owner {
            None => (scopes, true),
            Some(owner) => match self.store.find_user(owner).await? {
                Some(owner) if !owner.disabled => (scopes.and(self.permissions(&owner).await?), true),
                Some(_) | None => (Permissions::NONE, false),
            },
        };
        let principal = Principal {
            tenant: key.tenant,
            name: key.name.into(),
            user: key.owner,
            credential: Credential::Key(key.id),
            permissions,
            models: key.models.map(Into::into),
            tier: key.tier.map_or_else(|| Arc::clone(&self.settings.tier), Into::into),
            requests_per_minute: key.requests_per_minute,
            tokens_per_minute: key.tokens_per_minute,
        };
        Ok(Found {
            digest: key.digest,
            over: key.revoked_at.is_some() || !owned,
            expires_at: key.expires_at,
            principal: Arc::new(principal),
        })
    }
}

fn unknown() -> Error {
    Error::new(ErrorKind::UnknownKey, "there is no such API key")
}
