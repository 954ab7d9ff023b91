//! The ports of identity, in memory: small enough to be read as what they mean. Users and roles are here.

mod audit;
mod keys;
mod lockouts;
mod logins;
mod secrets;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use codeflow_auth::{
    ApiKey, Attempt, AuditEntry, Connection, Error, ErrorKind, Lockout, Login, Page, Revocation, Role,
    RoleStore, SigningKey, User, UserStore,
};
use codeflow_core::{KeyId, LoginId, Tenant, UserId};

/// No list is longer than this, whatever is asked for.
const MOST: usize = 1_000;

/// Identities that are forgotten with their last clone.
#[derive(Clone, Default)]
pub struct MemoryIdentity {
    model: Arc<Mutex<Model>>,
    away: Arc<AtomicBool>,
}

#[derive(Default)]
struct Model {
    users: BTreeMap<UserId, User>,
    roles: BTreeMap<(Tenant, String), Role>,
    keys: BTreeMap<KeyId, ApiKey>,
    logins: BTreeMap<LoginId, Login>,
    attempts: BTreeMap<Vec<u8>, Attempt>,
    lockouts: BTreeMap<Vec<u8>, Lockout>,
    revocations: BTreeMap<i64, Revocation>,
    last_revocation: i64,
    signing_keys: Vec<SigningKey>,
    secrets: BTreeMap<String, Vec<u8>>,
    connections: BTreeMap<(Tenant, String, String), Connection>,
    audit: Vec<AuditEntry>,
}

impl MemoryIdentity {
    /// Nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether every call from here on fails as if the database were away.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    fn open(&self) -> Result<MutexGuard<'_, Model>, Error> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "the memory of this test is away"));
        }
        Ok(self.model.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn conflict(text: &str) -> Error {
    Error::new(ErrorKind::Conflict, text)
}

/// No database takes a zero character in a text.
fn check_text<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<(), Error> {
    match texts.into_iter().any(|text| text.contains('\0')) {
        true => Err(Error::new(ErrorKind::InvalidInput, "a text with a zero character cannot be kept")),
        false => Ok(()),
    }
}

/// The part of a list that a page asks for. What comes is in the order of its keys.
fn page<'a, K: Ord, V: Clone + 'a>(
    list: impl Iterator<Item = (K, &'a V)>,
    page: &Page<K>,
    is_wanted: impl Fn(&V) -> bool,
) -> Vec<V> {
    let limit = usize::try_from(page.limit).unwrap_or(MOST).min(MOST);
    let rest = list.filter(|(key, _)| page.after.as_ref().is_none_or(|after| key > after));
    rest.map(|(_, value)| value).filter(|value| is_wanted(value)).take(limit).cloned().collect()
}

impl Model {
    /// Whether nobody else has the name or the identity of this user.
    fn check_unique(&self, user: &User) -> Result<(), Error> {
        let is_same = |other: &&User| {
            let same_identity = user.identity.is_some() && user.identity == other.identity;
            other.id != user.id && (other.name == user.name || same_identity)
        };
        match self.users.values().find(is_same) {
            Some(_) => Err(conflict("there is a user with this name or this identity")),
            None => Ok(()),
        }
    }
}

fn check_user(user: &User) -> Result<(), Error> {
    let optional = [&user.email, &user.password].into_iter().flatten().map(String::as_str);
    let identity = user.identity.iter().flat_map(|(issuer, subject)| [issuer.as_str(), subject]);
    let names = [user.name.as_str(), &user.display_name].into_iter();
    check_text(names.chain(optional).chain(identity).chain(user.roles.iter().map(String::as_str)))
}

#[async_trait]
impl UserStore for MemoryIdentity {
    async fn add_user(&self, user: &User) -> Result<(), Error> {
        check_user(user)?;
        let mut model = self.open()?;
        model.check_unique(user)?;
        if model.users.contains_key(&user.id) {
            return Err(conflict("there is a user with this id"));
        }
        model.users.insert(user.id, user.clone());
        Ok(())
    }

    async fn find_user(&self, id: UserId) -> Result<Option<User>, Error> {
        Ok(self.open()?.users.get(&id).cloned())
    }

    async fn find_user_by_name(&self, name: &str) -> Result<Option<User>, Error> {
        Ok(self.open()?.users.values().find(|user| user.name == name).cloned())
    }

    async fn find_user_by_identity(&self, issuer: &str, subject: &str) -> Result<Option<User>, Error> {
        let is_it = |user: &&User| {
            user.identity.as_ref().is_some_and(|(from, name)| from == issuer && name == subject)
        };
        Ok(self.open()?.users.values().find(is_it).cloned())
    }

    async fn list_users(&self, tenant: Option<&Tenant>, wanted: Page<UserId>) -> Result<Vec<User>, Error> {
        let model = self.open()?;
        let users = model.users.iter().map(|(id, user)| (*id, user));
        Ok(page(users, &wanted, |user| tenant.is_none_or(|tenant| user.tenant == *tenant)))
    }

    async fn replace_user(&self, user: &User) -> Result<bool, Error> {
        check_user(user)?;
        let mut model = self.open()?;
        let Some(kept) = model.users.get(&user.id).filter(|kept| kept.version == user.version) else {
            return Ok(false);
        };
        let (tenant, created_at) = (kept.tenant.clone(), kept.created_at);
        model.check_unique(user)?;
        let next = User { tenant, created_at, version: user.version + 1, ..user.clone() };
        model.users.insert(user.id, next);
        Ok(true)
    }

    async fn remove_user(&self, id: UserId) -> Result<bool, Error> {
        let mut model = self.open()?;
        if model.users.remove(&id).is_none() {
            return Ok(false);
        }
        model.logins.retain(|_, login| login.user != id);
        model.keys.retain(|_, key| key.owner != Some(id));
        let Model { keys, .. } = &mut *model;
        let left: Vec<KeyId> = keys.keys().copied().collect();
        for key in keys.values_mut() {
            key.replaced_by = key.replaced_by.filter(|next| left.contains(next));
        }
        Ok(true)
    }

    async fn count_users(&self, tenant: Option<&Tenant>, most: u32) -> Result<u32, Error> {
        let model = self.open()?;
        let count = model.users.values().filter(|user| tenant.is_none_or(|tenant| user.tenant == *tenant));
        Ok(u32::try_from(count.count()).unwrap_or(u32::MAX).min(most))
    }
}

#[async_trait]
impl RoleStore for MemoryIdentity {
    async fn put_role(&self, role: &Role) -> Result<(), Error> {
        check_text([role.name.as_str(), &role.description])?;
        self.open()?.roles.insert((role.tenant.clone(), role.name.clone()), role.clone());
        Ok(())
    }

    async fn remove_role(&self, tenant: &Tenant, name: &str) -> Result<bool, Error> {
        let mut model = self.open()?;
        let has_it = |user: &User| user.tenant == *tenant && user.roles.iter().any(|role| role == name);
        if model.users.values().any(has_it) {
            return Err(conflict("a user has this role"));
        }
        Ok(model.roles.remove(&(tenant.clone(), name.to_owned())).is_some())
    }

    async fn roles(&self, tenant: &Tenant) -> Result<Vec<Role>, Error> {
        let model = self.open()?;
        Ok(model.roles.values().filter(|role| role.tenant == *tenant).take(MOST).cloned().collect())
    }
}
