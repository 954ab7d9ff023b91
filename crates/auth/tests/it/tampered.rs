//! Storage that answers otherwise than it was told: as if somebody had been at the database, or a commit had come late.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use codeflow_auth::{
    ApiKey, Attempt, AttemptStore, AuditEntry, AuditEvent, AuditFilter, AuditStore, Connection,
    ConnectionStore, Error, KeyFilter, KeyStore, Lockout, LockoutStore, Login, LoginStore, Page, Revocation,
    RevocationStore, Role, RoleStore, Rotation, SecretStore, SigningKey, SigningKeyStore, User, UserStore,
};
use codeflow_core::{KeyId, LoginId, Tenant, Timestamp, UserId};
use codeflow_testkit::MemoryIdentity;

type Tampering = Box<dyn Fn(&mut AuditEntry) -> bool + Send>;

/// Storage in memory, but for what is said here.
#[derive(Clone, Default)]
pub(crate) struct Tampered {
    pub(crate) inner: MemoryIdentity,
    /// What becomes of an entry of the audit log when it is read; false: it is left out.
    pub(crate) entries: Arc<Mutex<Option<Tampering>>>,
    /// What was revoked, with positions that somebody chose.
    pub(crate) revoked: Arc<Mutex<Vec<(i64, Revocation)>>>,
    /// How often it was looked what is known of a name.
    pub(crate) looks: Arc<AtomicUsize>,
}

macro_rules! as_told {
    ($port:ident { $(fn $name:ident($($what:ident: $of:ty),*) -> $answer:ty;)* } $($own:tt)*) => {
        #[async_trait]
        impl $port for Tampered {
            $(async fn $name(&self, $($what: $of),*) -> Result<$answer, Error> {
                self.inner.$name($($what),*).await
            })*
            $($own)*
        }
    };
}

#[async_trait]
impl RevocationStore for Tampered {
    async fn revoke(&self, _: &[Revocation]) -> Result<(), Error> {
        Ok(())
    }

    async fn revocations(&self, after: i64, limit: u32) -> Result<Vec<(i64, Revocation)>, Error> {
        let mut all = self.revoked.lock().unwrap().clone();
        all.sort_by_key(|(position, _)| *position);
        all.retain(|(position, _)| *position > after);
        all.truncate(limit as usize);
        Ok(all)
    }

    async fn sweep_revocations(&self, _: Timestamp, _: u32) -> Result<u32, Error> {
        Ok(0)
    }
}

as_told! { UserStore {
    fn add_user(user: &User) -> ();
    fn find_user(id: UserId) -> Option<User>;
    fn find_user_by_name(name: &str) -> Option<User>;
    fn find_user_by_identity(issuer: &str, subject: &str) -> Option<User>;
    fn list_users(tenant: Option<&Tenant>, page: Page<UserId>) -> Vec<User>;
    fn replace_user(user: &User) -> bool;
    fn remove_user(id: UserId) -> bool;
    fn count_users(tenant: Option<&Tenant>, most: u32) -> u32;
} }

as_told! { RoleStore {
    fn put_role(role: &Role) -> ();
    fn remove_role(tenant: &Tenant, name: &str) -> bool;
    fn roles(tenant: &Tenant) -> Vec<Role>;
} }

as_told! { KeyStore {
    fn add_key(key: &ApiKey, replaces: Option<(KeyId, Timestamp)>) -> ();
    fn find_key(id: KeyId) -> Option<ApiKey>;
    fn list_keys(filter: &KeyFilter, page: Page<KeyId>) -> Vec<ApiKey>;
    fn revoke_key(id: KeyId, at: Timestamp) -> bool;
    fn revoke_keys_of(owner: UserId, at: Timestamp) -> Vec<KeyId>;
    fn count_keys(of: (&Tenant, Option<UserId>), now: Timestamp, most: u32) -> u32;
    fn touch_keys(used: &[(KeyId, Timestamp)]) -> ();
} }

as_told! { LockoutStore {
    fn find_lockouts(names: &[Vec<u8>]) -> Vec<Lockout>;
    fn add_failures(new: &[Lockout], forgotten: Timestamp) -> ();
    fn clear_lockout(name: &[u8], at: Timestamp) -> ();
    fn sweep_lockouts(before: Timestamp, keep: u32, most: u32) -> u32;
}
    async fn find_lockout(&self, name: &[u8]) -> Result<Option<Lockout>, Error> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        self.inner.find_lockout(name).await
    }
}

as_told! { LoginStore {
    fn add_login(login: &Login) -> ();
    fn find_login(id: LoginId) -> Option<Login>;
    fn rotate(rotation: &Rotation) -> bool;
    fn list_logins(of: (Option<&Tenant>, Option<UserId>), now: Timestamp, page: Page<LoginId>) -> Vec<Login>;
    fn end_login(id: LoginId, at: Timestamp) -> bool;
    fn end_logins(user: UserId, but: Option<LoginId>, at: Timestamp) -> Vec<LoginId>;
    fn sweep_logins(before: Timestamp, most: u32) -> u32;
} }

as_told! { AttemptStore {
    fn add_attempt(attempt: &Attempt, now: Timestamp) -> ();
    fn take_attempt(state: &[u8], now: Timestamp) -> Option<Attempt>;
} }

as_told! { SigningKeyStore {
    fn add_signing_key(key: &SigningKey) -> bool;
    fn signing_keys(now: Timestamp) -> Vec<SigningKey>;
    fn withdraw_signing_key(id: &str, at: Timestamp) -> bool;
} }

as_told! { SecretStore {
    fn secret(name: &str, value: &[u8]) -> Vec<u8>;
    fn take_secret(name: &str, value: &[u8]) -> bool;
} }

as_told! { ConnectionStore {
    fn put_connection(connection: &Connection) -> bool;
    fn find_connection(tenant: &Tenant, service: &str, name: &str) -> Option<Connection>;
    fn connections(tenant: &Tenant) -> Vec<Connection>;
    fn remove_connection(tenant: &Tenant, service: &str, name: &str) -> bool;
} }

as_told! { AuditStore {
    fn append_audit(events: Vec<AuditEvent>, chain: fn(i64, [u8; 32], AuditEvent) -> AuditEntry) -> ();
}
    async fn audit(&self, filter: &AuditFilter, page: Page<i64>) -> Result<Vec<AuditEntry>, Error> {
        let mut entries = self.inner.audit(filter, page).await?;
        if let Some(tamper) = &*self.entries.lock().unwrap() {
            entries.retain_mut(|entry| tamper(entry));
        }
        Ok(entries)
    }
 }
