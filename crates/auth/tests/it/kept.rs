//! Storage in memory for signing keys, sign-ins that have begun, and tokens for other services.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use codeflow_auth::{
    Attempt, AttemptStore, Connection, ConnectionStore, Error, ErrorKind, SigningKey, SigningKeyStore,
};
use codeflow_core::{Tenant, Timestamp};
use tokio::sync::Barrier;

type ConnectionKey = (Tenant, String, String);

/// What is kept, and how often it was asked for.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) keys: Mutex<Vec<SigningKey>>,
    pub(crate) attempts: Mutex<Vec<Attempt>>,
    pub(crate) connections: Mutex<BTreeMap<ConnectionKey, Connection>>,
    /// How often the signing keys were read.
    pub(crate) reads: AtomicUsize,
    /// Whether storage is away.
    pub(crate) away: AtomicBool,
    /// What happens to the next connections that are put.
    pub(crate) troubles: Mutex<VecDeque<Trouble>>,
    /// How often a connection was looked for.
    pub(crate) looks: AtomicUsize,
    /// For how many looks at connections two who look get their answers at the same time.
    pub(crate) meetings: AtomicUsize,
    met: Meeting,
}

/// Where two meet.
struct Meeting(Barrier);

impl Default for Meeting {
    fn default() -> Self {
        Self(Barrier::new(2))
    }
}

/// What happens to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It is not made.
    Fails,
    /// It is made, and nobody hears of it.
    LosesItsAnswer,
}

impl Kept {
    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    pub(crate) fn go_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    fn reached(&self) -> Result<(), Error> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "storage is away"));
        }
        Ok(())
    }
}

#[async_trait]
impl SigningKeyStore for Kept {
    async fn add_signing_key(&self, key: &SigningKey) -> Result<bool, Error> {
        self.reached()?;
        let mut keys = self.keys.lock().unwrap();
        let signs = |one: &SigningKey| one.signs_from <= key.signs_from && key.signs_from < one.signs_until;
        if keys.iter().any(signs) {
            return Ok(false);
        }
        keys.push(key.clone());
        Ok(true)
    }

    async fn signing_keys(&self, now: Timestamp) -> Result<Vec<SigningKey>, Error> {
        self.reached()?;
        self.reads.fetch_add(1, Ordering::SeqCst);
        let keys = self.keys.lock().unwrap();
        let mut keys: Vec<_> = keys.iter().filter(|key| now < key.accepted_until).cloned().collect();
        keys.sort_by_key(|key| key.signs_from);
        Ok(keys)
    }

    async fn withdraw_signing_key(&self, id: &str, at: Timestamp) -> Result<bool, Error> {
        self.reached()?;
        let mut keys = self.keys.lock().unwrap();
        let Some(key) = keys.iter_mut().find(|key| key.id == id) else { return Ok(false) };
        key.signs_until = key.signs_until.min(at);
        key.accepted_until = key.accepted_until.min(at);
        Ok(true)
    }
}

#[async_trait]
impl AttemptStore for Kept {
    async fn add_attempt(&self, attempt: &Attempt, now: Timestamp) -> Result<(), Error> {
        self.reached()?;
        let mut attempts = self.attempts.lock().unwrap();
        attempts.retain(|one| now < one.expires_at);
        attempts.push(attempt.clone());
        Ok(())
    }

    async fn take_attempt(&self, state: &[u8], now: Timestamp) -> Result<Option<Attempt>, Error> {
        self.reached()?;
        let mut attempts = self.attempts.lock().unwrap();
        let found = attempts.iter().position(|one| one.state == state && now < one.expires_at);
        Ok(found.map(|at| attempts.remove(at)))
    }
}

#[async_trait]
impl ConnectionStore for Kept {
    async fn put_connection(&self, connection: &Connection) -> Result<bool, Error> {
        self.reached()?;
        let key = (connection.tenant.clone(), connection.service.clone(), connection.name.clone());
        let mut all = self.connections.lock().unwrap();
        let trouble = self.troubles.lock().unwrap().pop_front();
        let away = || Error::new(ErrorKind::Unavailable, "storage is away");
        if trouble == Some(Trouble::Fails) {
            return Err(away());
        }
        let version = all.get(&key).map_or(0, |one| one.version);
        if version != connection.version - 1 {
            return Ok(false);
        }
        all.insert(key, connection.clone());
        trouble.map_or(Ok(true), |_| Err(away()))
    }

    async fn find_connection(
        &self,
        tenant: &Tenant,
        service: &str,
        name: &str,
    ) -> Result<Option<Connection>, Error> {
        self.reached()?;
        let key = (tenant.clone(), service.to_owned(), name.to_owned());
        let found = self.connections.lock().unwrap().get(&key).cloned();
        self.looks.fetch_add(1, Ordering::SeqCst);
        let less = |left: usize| left.checked_sub(1);
        if self.meetings.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_ok() {
            self.met.0.wait().await;
        }
        Ok(found)
    }

    async fn connections(&self, tenant: &Tenant) -> Result<Vec<Connection>, Error> {
        self.reached()?;
        let all = self.connections.lock().unwrap();
        Ok(all.values().filter(|one| one.tenant == *tenant).cloned().collect())
    }

    async fn remove_connection(&self, tenant: &Tenant, service: &str, name: &str) -> Result<bool, Error> {
        self.reached()?;
        let key = (tenant.clone(), service.to_owned(), name.to_owned());
        Ok(self.connections.lock().unwrap().remove(&key).is_some())
    }
}
