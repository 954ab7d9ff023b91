//! The one door to all of identity: what it is made of, what it does in the background, and what its parts share.

use std::sync::Arc;
use std::time::Duration;

use codeflow_core::{Clock, Ids, KeyId, LoginId, Tenant, Timestamp};
use serde_json::Map;
use tokio_util::sync::CancellationToken;

use crate::audit::AuditLog;
use crate::cache::Cache;
use crate::key_use::{KeyUses, KnownKey};
use crate::lockout::Waits;
use crate::passwords::Passwords;
use crate::roles::CustomRoles;
use crate::turns::Turns;
use crate::{
    AuditEvent, Caller, Error, IdentitySettings, Origin, Outcome, Principal, Revocation, Revocations, Store,
    Target, Tokens, Vault,
};

const HOUSEKEEPING: Duration = Duration::from_secs(1);
const SWEEP_EVERY: u32 = 60;
const SWEPT_AT_ONCE: u32 = 1_000;
const ENDED_LOGINS_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// What identity works with.
#[derive(Clone)]
pub struct IdentityParts {
    /// Keeps everything.
    pub store: Arc<dyn Store>,
    /// Issues and verifies access tokens.
    pub tokens: Arc<dyn Tokens>,
    /// Hashes and seals.
    pub vault: Arc<Vault>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes ids.
    pub ids: Arc<dyn Ids>,
}

/// Users, roles, keys, sign-ins and the audit log. Every method that takes a [`Caller`] checks what that one may do.
pub struct Identity {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) tokens: Arc<dyn Tokens>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) settings: IdentitySettings,
    pub(crate) passwords: Passwords,
    pub(crate) waits: Waits,
    pub(crate) caches: Arc<Caches>,
    pub(crate) key_uses: KeyUses,
    /// Whoever takes somebody's administration away does so alone, so that one is left.
    pub(crate) admins: tokio::sync::Mutex<()>,
    /// Whoever tells storage of failures does so alone.
    pub(crate) saving: tokio::sync::Mutex<()>,
    pub(crate) turns: Turns,
    pub(crate) code_turns: Turns,
    revocations: Arc<Revocations>,
    audit: Arc<AuditLog>,
}

/// What is remembered for seconds.
pub(crate) struct Caches {
    pub(crate) logins: Cache<LoginId, Arc<Principal>>,
    pub(crate) keys: Cache<KeyId, KnownKey>,
    pub(crate) roles: Cache<Tenant, CustomRoles>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl Identity {
    /// Reads what holds from the start. It computes one hash of a password.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when a setting is of no use,
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    pub async fn open(parts: IdentityParts, settings: IdentitySettings) -> Result<Self, Error> {
        check(&settings)?;
        let IdentityParts { store, tokens, vault, clock, ids } = parts;
        let caches = Arc::new(Caches {
            logins: Cache::new(settings.remembered),
            keys: Cache::new(settings.remembered),
            roles: Cache::new(settings.remembered),
        });
        let voided = Arc::clone(&caches);
        let listener = Box::new(move |target: &Target| voided.void(target));
        let (kept, time) = (Arc::clone(&store) as _, Arc::clone(&clock));
        let revocations = Revocations::open(kept, time, settings.revocations, listener).await?;
        Ok(Self {
            passwords: Passwords::new(&settings.passwords).await?,
            waits: Waits::new(settings.lockout.clone()),
            key_uses: KeyUses::default(),
            admins: tokio::sync::Mutex::default(),
            saving: tokio::sync::Mutex::default(),
            revocations: Arc::new(revocations),
            audit: Arc::new(AuditLog::new(Arc::clone(&store) as _)),
            turns: Turns::new(),
            code_turns: Turns::new(),
            store,
            tokens,
            vault,
            clock,
            ids,
            settings,
            caches,
        })
    }

    /// The revocations that this process knows.
    pub fn revocations(&self) -> &Arc<Revocations> {
        &self.revocations
    }

    /// The audit log, for what others have to say in it.
    pub fn audit(&self) -> &Arc<AuditLog> {
        &self.audit
    }

    /// How many hashes of passwords were computed since the start.
    pub fn password_hashes(&self) -> u64 {
        self.passwords.computed()
    }

    /// How much memory hashes of passwords filled since the start, in KiB, each pass counted: their work, whatever their
    /// parameters are.
    pub fn password_work(&self) -> u64 {
        self.passwords.work()
    }

    /// Reads revocations, writes the audit log and what waits to be written, and removes what is over, until it is told
    /// to stop; then it writes what is left.
    pub async fn run(&self, stop: CancellationToken) {
        tokio::join!(self.revocations.watch(&stop), self.audit.run(&stop), self.keep_house(&stop));
        if let Err(error) = self.flush().await {
            tracing::error!(error = &error as &dyn std::error::Error, "what identity had to write is lost");
        }
    }

    /// Writes what waits: failures of sign-ins, the last uses of keys, the audit log.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    pub async fn flush(&self) -> Result<(), Error> {
        self.save_failures().await?;
        self.save_key_uses().await?;
        self.audit.flush().await
    }

    async fn keep_house(&self, stop: &CancellationToken) {
        let mut round: u32 = 0;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(HOUSEKEEPING) => round = round.wrapping_add(1),
            }
            let mut done = self.save_failures().await;
            if done.is_ok() && round.is_multiple_of(SWEEP_EVERY) {
                done = self.save_and_sweep().await;
            }
            if let Err(error) = done {
                tracing::warn!(error = &error as &dyn std::error::Error, "identity's storage is away");
            }
        }
    }

    async fn save_and_sweep(&self) -> Result<(), Error> {
        self.save_key_uses().await?;
        let now = self.clock.now();
        while self.store.sweep_revocations(now, SWEPT_AT_ONCE).await? == SWEPT_AT_ONCE {}
        while self.store.sweep_logins(now.before(ENDED_LOGINS_KEPT), SWEPT_AT_ONCE).await? == SWEPT_AT_ONCE {}
        let (forgotten, kept) = (self.waits.forgotten(now), self.waits.kept());
        while self.store.sweep_lockouts(forgotten, kept, SWEPT_AT_ONCE).await? == SWEPT_AT_ONCE {}
        Ok(())
    }

    /// Makes this void, here at once and in the other processes within seconds.
    pub(crate) async fn revoke(&self, targets: &[Target]) -> Result<(), Error> {
        let at = self.clock.now();
        let until = at.after(self.settings.token_lifetime);
        let revocations: Vec<_> =
            targets.iter().map(|target| Revocation { target: *target, at, until }).collect();
        if revocations.is_empty() { Ok(()) } else { self.revocations.add(&revocations).await }
    }

    /// Says in the audit log that a caller did something, and waits until it is written.
    pub(crate) async fn done(&self, caller: &Caller, tenant: &Tenant, action: &str, target: String) {
        self.write(self.done_event(caller, tenant, action, target)).await;
    }

    /// The same, for whoever has more to say in it.
    pub(crate) fn done_event(
        &self,
        caller: &Caller,
        tenant: &Tenant,
        action: &str,
        target: String,
    ) -> AuditEvent {
        let mut event = self.event(&caller.origin, action, Outcome::Done);
        event.tenant = Some(tenant.clone());
        event.actor = caller.actor();
        event.target = target;
        event
    }

    /// What was done is done: that its entry has to wait is logged, and is no failure of it.
    pub(crate) async fn write(&self, event: AuditEvent) {
        if let Err(error) = self.audit.write(event).await {
            tracing::error!(error = &error as &dyn std::error::Error, "the audit log cannot be written");
        }
    }

    pub(crate) fn event(&self, origin: &Origin, action: &str, outcome: Outcome) -> AuditEvent {
        AuditEvent {
            at: self.clock.now(),
            tenant: None,
            actor: String::new(),
            action: action.to_owned(),
            target: String::new(),
            address: origin.address.map(|address| address.to_string()),
            request_id: origin.request_id.clone(),
            outcome,
            details: Map::new(),
        }
    }

    /// Until when something is remembered that was read now.
    pub(crate) fn remembered_until(&self, now: Timestamp) -> Timestamp {
        now.after(self.settings.remembered_for)
    }
}

impl Caches {
    fn void(&self, target: &Target) {
        match target {
            Target::Login(login) => self.logins.void(|id, _| id == login),
            Target::User(user) => {
                self.logins.void(|_, principal| principal.user == Some(*user));
                self.keys.void(|_, key| key.owner() == Some(*user));
            }
            Target::Key(key) => self.keys.void(|id, _| id == key),
            Target::Roles => {
                self.roles.void(|_, _| true);
                self.logins.void(|_, _| true);
                self.keys.void(|_, _| true);
            }
        }
    }
}

fn check(settings: &IdentitySettings) -> Result<(), Error> {
    let environment = &settings.environment;
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if !(1..=16).contains(&environment.len()) || !environment.bytes().all(is_plain) {
        let text = "the environment of keys has 1 to 16 lower-case letters and digits";
        return Err(Error::field("environment", text));
    }
    if !(1..=900).contains(&settings.caps.sign_ins_of_user) {
        return Err(Error::field("caps.sign_ins_of_user", "a user has 1 to 900 sign-ins"));
    }
    Ok(())
}
