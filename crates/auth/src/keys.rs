//! API keys: made, listed, exchanged and revoked. A key is shown once, when it is made.

use std::num::NonZeroU32;
use std::time::Duration;

use codeflow_core::{KeyId, Tenant, Timestamp, UserId};
use secrecy::SecretString;

use crate::secret_text::KeyText;
use crate::users::{Problems, is_line};
use crate::{
    ApiKey, Caller, Credential, Error, ErrorKind, Identity, KeyFilter, Page, Permission, Permissions, Target,
    User,
};

const LONGEST_OVERLAP: Duration = Duration::from_secs(30 * 24 * 3600);
const MODELS: usize = 100;

/// A key as it is wished for.
#[derive(Clone, Debug, Default)]
pub struct NewKey {
    /// Whose data it sees; `None`: the owner's tenant, or without an owner the caller's.
    pub tenant: Option<Tenant>,
    /// The user that it acts for; `None`: it is a service's.
    pub owner: Option<UserId>,
    /// What people call it.
    pub name: String,
    /// What may be done with it.
    pub scopes: Vec<Permission>,
    /// The names of models and routes that it may ask for; `None` allows all. A `*` at the end stands for any rest.
    pub models: Option<Vec<String>>,
    /// The tier of its limits; to name one needs `limits:write`.
    pub tier: Option<String>,
    /// Requests to models that it may make in a minute.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Tokens of models that it may use in a minute.
    pub tokens_per_minute: Option<NonZeroU32>,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
}

/// A key that was made just now.
#[derive(Clone, Debug)]
pub struct MadeKey {
    /// What is kept of it.
    pub key: ApiKey,
    /// The key itself, which nobody can show again.
    pub secret: SecretString,
}

impl Identity {
    /// Makes a key. Nobody makes one that reaches further than they do. A key of one's own needs no more than
    /// `account:manage`, unless a key asks for it.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) with all fields that are wrong, [`Forbidden`](ErrorKind::Forbidden),
    /// [`NotFound`](ErrorKind::NotFound), [`Conflict`](ErrorKind::Conflict) when the owner, or the tenant without one, has
    /// too many; [`Revoked`](ErrorKind::Revoked) when the caller's sign-in ended meanwhile,
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn create_key(&self, caller: &Caller, wish: NewKey) -> Result<MadeKey, Error> {
        self.may_write(caller, wish.owner)?;
        let tenant = self.tenant_of(caller, &wish).await?;
        check_wish(&wish, self.clock.now())?;
        caller.covers(wish.scopes.iter().copied().collect())?;
        if wish.tier.is_some() {
            caller.principal.require(Permission::LimitsWrite)?;
        }
        let mut key = self.new_key(tenant, wish);
        self.inherit(caller, &mut key).await?;
        let made = self.keep_new(caller, key, None).await?;
        self.done(caller, &made.key.tenant, "key.create", made.key.id.to_string()).await;
        Ok(made)
    }

    /// Lists keys: those of a tenant with `keys:read`, and one's own without.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden), [`NotFound`](ErrorKind::NotFound), [`Unavailable`](ErrorKind::Unavailable).
    pub async fn list_keys(
        &self,
        caller: &Caller,
        filter: KeyFilter,
        page: Page<KeyId>,
    ) -> Result<Vec<ApiKey>, Error> {
        caller.may(filter.owner, Permission::KeysRead)?;
        let tenant = Some(caller.tenant(filter.tenant)?);
        self.store.list_keys(&KeyFilter { tenant, owner: filter.owner }, page).await
    }

    /// What is kept of a key.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden), [`NotFound`](ErrorKind::NotFound), [`Unavailable`](ErrorKind::Unavailable).
    pub async fn get_key(&self, caller: &Caller, id: KeyId) -> Result<ApiKey, Error> {
        let key = self.visible_key(caller, id).await?;
        caller.may(key.owner, Permission::KeysRead)?;
        Ok(key)
    }

    /// Revokes a key, for ever.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden), [`NotFound`](ErrorKind::NotFound), [`Conflict`](ErrorKind::Conflict) when it was
    /// revoked before, [`Unavailable`](ErrorKind::Unavailable).
    pub async fn revoke_key(&self, caller: &Caller, id: KeyId) -> Result<(), Error> {
        let key = self.visible_key(caller, id).await?;
        caller.may(key.owner, Permission::KeysWrite)?;
        if !self.store.revoke_key(id, self.clock.now()).await? {
            return Err(Error::new(ErrorKind::Conflict, "the key was revoked before"));
        }
        self.revoke(&[Target::Key(id)]).await?;
        self.done(caller, &key.tenant, "key.revoke", id.to_string()).await;
        Ok(())
    }

    /// Makes a key that takes the place of another, which is accepted for `overlap` more, at most 30 days. The new one is
    /// like the old one; if that has an end, so has the new one, after as long a time.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput), [`Forbidden`](ErrorKind::Forbidden), [`NotFound`](ErrorKind::NotFound),
    /// [`Conflict`](ErrorKind::Conflict) when it is revoked, over or replaced already, or too many are on their way out;
    /// [`Revoked`](ErrorKind::Revoked) when the caller's sign-in ended meanwhile, [`Unavailable`](ErrorKind::Unavailable).
    pub async fn rotate_key(&self, caller: &Caller, id: KeyId, overlap: Duration) -> Result<MadeKey, Error> {
        if overlap > LONGEST_OVERLAP {
            return Err(Error::field("overlap", "two keys overlap for at most 30 days"));
        }
        let old = self.visible_key(caller, id).await?;
        self.may_write(caller, old.owner)?;
        caller.covers(old.scopes.iter().copied().collect())?;
        if let Some(owner) = old.owner {
            self.may_act_for(caller, &self.visible_user(caller, owner).await?).await?;
        }
        let now = self.clock.now();
        if old.expires_at.is_some_and(|until| until <= now) {
            return Err(Error::new(ErrorKind::Conflict, "the key is over"));
        }
        let expires_at = old.expires_at.map(|until| now.after(until.since(old.created_at)));
        let mut key = ApiKey {
            id: KeyId::generate(&*self.ids),
            created_at: now,
            expires_at,
            last_used_at: None,
            replaced_by: None,
            ..old
        };
        self.inherit(caller, &mut key).await?;
        let made = self.keep_new(caller, key, Some((id, now.after(overlap)))).await?;
        self.revoke(&[Target::Key(id)]).await?;
        self.done(caller, &made.key.tenant, "key.rotate", id.to_string()).await;
        Ok(made)
    }

    /// Whoever calls with a key makes no keys by `account:manage`: a key that got lost would go on for ever.
    fn may_write(&self, caller: &Caller, owner: Option<UserId>) -> Result<(), Error> {
        match caller.principal.credential {
            Credential::Token(_) | Credential::Settings(_) => caller.may(owner, Permission::KeysWrite),
            Credential::Key(_) => caller.principal.require(Permission::KeysWrite),
        }
    }

    async fn visible_key(&self, caller: &Caller, id: KeyId) -> Result<ApiKey, Error> {
        let none = || Error::new(ErrorKind::NotFound, "there is no such key");
        let key = self.store.find_key(id).await?.ok_or_else(none)?;
        if caller.principal.may_see(&key.tenant) { Ok(key) } else { Err(none()) }
    }

    /// The tenant of a new key.
    async fn tenant_of(&self, caller: &Caller, wish: &NewKey) -> Result<Tenant, Error> {
        let Some(owner) = wish.owner else { return caller.tenant(wish.tenant.clone()) };
        let owner = self.visible_user(caller, owner).await?;
        if wish.tenant.as_ref().is_some_and(|tenant| *tenant != owner.tenant) {
            return Err(Error::field("tenant", "the owner belongs to another tenant"));
        }
        self.may_act_for(caller, &owner).await?;
        Ok(owner.tenant)
    }

    /// Who acts for another user has to reach as far as that one does.
    async fn may_act_for(&self, caller: &Caller, owner: &User) -> Result<(), Error> {
        if caller.principal.user == Some(owner.id) {
            return Ok(());
        }
        caller.covers(self.permissions(owner).await?)
    }

    fn new_key(&self, tenant: Tenant, wish: NewKey) -> ApiKey {
        ApiKey {
            id: KeyId::generate(&*self.ids),
            tenant,
            owner: wish.owner,
            name: wish.name,
            digest: Vec::new(),
            scopes: wish.scopes.iter().copied().collect::<Permissions>().iter().collect(),
            models: wish.models,
            tier: wish.tier,
            requests_per_minute: wish.requests_per_minute,
            tokens_per_minute: wish.tokens_per_minute,
            created_at: self.clock.now(),
            expires_at: wish.expires_at,
            revoked_at: None,
            last_used_at: None,
            replaced_by: None,
        }
    }

    /// A key that makes a key hands its own bounds on: models, limits, and its end.
    async fn inherit(&self, caller: &Caller, key: &mut ApiKey) -> Result<(), Error> {
        if let Some(allowed) = &caller.principal.models {
            let asked = key.models.get_or_insert_with(|| allowed.to_vec());
            if !asked.iter().all(|model| is_allowed(allowed, model)) {
                let text = "this reaches models that you may not ask for";
                return Err(Error::new(ErrorKind::Forbidden, text));
            }
        }
        let Credential::Key(own) = caller.principal.credential else { return Ok(()) };
        let now = self.clock.now();
        let holds = |own: &ApiKey| own.revoked_at.is_none() && own.expires_at.is_none_or(|until| now < until);
        let over = || Error::new(ErrorKind::ExpiredKey, "the API key is over or was revoked");
        let own = self.store.find_key(own).await?.filter(holds).ok_or_else(over)?;
        key.expires_at = lower(key.expires_at, own.expires_at);
        if !caller.principal.permissions.has(Permission::LimitsWrite) {
            key.tier = own.tier;
            key.requests_per_minute = lower(key.requests_per_minute, own.requests_per_minute);
            key.tokens_per_minute = lower(key.tokens_per_minute, own.tokens_per_minute);
        }
        Ok(())
    }

    /// Keeps a key for which there is room, unless its maker's own credential ended meanwhile.
    async fn keep_new(
        &self,
        caller: &Caller,
        key: ApiKey,
        replaces: Option<(KeyId, Timestamp)>,
    ) -> Result<MadeKey, Error> {
        let place = key.owner.map_or_else(|| key.tenant.to_string(), |owner| owner.to_string());
        let _alone = self.turns.of(&place).lock().await;
        self.check_room_for(&key, replaces.is_some()).await?;
        let made = self.keep(key, replaces).await?;
        self.still_there(caller, made.key.id).await?;
        Ok(made)
    }

    /// A key that is replaced goes on for a while: for those there is as much room again.
    async fn check_room_for(&self, key: &ApiKey, replaces: bool) -> Result<(), Error> {
        let caps = &self.settings.caps;
        let (most, whose) = match key.owner {
            Some(_) => (caps.keys_of_user, "a user has at most"),
            None => (caps.keys_of_services, "a tenant has, without an owner, at most"),
        };
        let room = if replaces { most.saturating_mul(2) } else { most };
        let there = self.store.count_keys((&key.tenant, key.owner), self.clock.now(), room).await?;
        if there < room {
            return Ok(());
        }
        let text = format!("{whose} {most} keys; revoke some that nobody uses");
        Err(Error::new(ErrorKind::Conflict, text))
    }

    /// That the credential of whoever made a key did not end meanwhile: whoever ended it revoked the keys that were there.
    async fn still_there(&self, caller: &Caller, made: KeyId) -> Result<(), Error> {
        let holds = match caller.principal.credential {
            Credential::Token(login) => {
                self.store.find_login(login).await?.is_some_and(|login| login.ended_at.is_none())
            }
            Credential::Key(key) => {
                self.store.find_key(key).await?.is_some_and(|key| key.revoked_at.is_none())
            }
            Credential::Settings(_) => true,
        };
        if holds {
            return Ok(());
        }
        self.store.revoke_key(made, self.clock.now()).await?;
        Err(Error::new(ErrorKind::Revoked, "the credential that this was asked with has ended"))
    }

    async fn keep(&self, mut key: ApiKey, replaces: Option<(KeyId, Timestamp)>) -> Result<MadeKey, Error> {
        let text = KeyText::make(&self.vault, key.id)?;
        key.digest = text.digest(&self.vault)?.to_vec();
        self.store.add_key(&key, replaces).await?;
        Ok(MadeKey { key, secret: text.write(&self.settings.environment) })
    }
}

fn check_wish(wish: &NewKey, now: Timestamp) -> Result<(), Error> {
    let mut problems = Problems::default();
    let is_named = |text: &String, most| !text.is_empty() && is_line(text, most);
    problems.check("name", is_named(&wish.name, 128), "a name has 1 to 128 characters, on one line");
    problems.check("scopes", !wish.scopes.is_empty(), "a key without a scope is of no use");
    let models = wish.models.as_deref().unwrap_or_default();
    let are_named = models.len() <= MODELS && models.iter().all(|model| is_named(model, 200));
    problems.check("models", are_named, "models are at most 100 names of 1 to 200 characters");
    let tier = wish.tier.as_ref();
    problems.check("tier", tier.is_none_or(|tier| is_named(tier, 64)), "a tier has 1 to 64 characters");
    let is_later = wish.expires_at.is_none_or(|until| now < until);
    problems.check("expires_at", is_later, "this time is over already");
    problems.none()
}

/// Whether what may be asked for by one name may be asked for by those that are allowed.
fn is_allowed(allowed: &[String], asked: &str) -> bool {
    allowed.iter().any(|one| match one.strip_suffix('*') {
        Some(start) => asked.starts_with(start),
        None => asked == one,
    })
}

/// The lower of two bounds, where none is the highest.
fn lower<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
