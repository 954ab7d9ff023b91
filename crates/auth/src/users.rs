//! Users: made, shown, changed and removed. Nobody reaches through another user, or through a role that they give, what
//! they may not do themselves.

use std::collections::HashSet;

use codeflow_core::{Tenant, UserId};
use secrecy::SecretString;

use crate::{
    Caller, Error, ErrorKind, Identity, Page, Permission, ShownUser, Target, User, passwords, roles::is_admin,
};

const ROLES: usize = 16;
const TRIES: usize = 5;
const READ_AT_ONCE: u32 = 500;

/// A user as it is wished for.
#[derive(Clone, Debug, Default)]
pub struct NewUser {
    /// Whose data it sees; `None`: the caller's tenant.
    pub tenant: Option<Tenant>,
    /// What it signs in with. Letters are made small.
    pub name: String,
    /// What people call it; if nothing, its name.
    pub display_name: String,
    /// Where it is written to.
    pub email: Option<String>,
    /// Its password; `None`: it signs in with another service.
    pub password: Option<SecretString>,
    /// The names of its roles.
    pub roles: Vec<String>,
    /// Who vouches for it at another service: the issuer and its subject there.
    pub identity: Option<(String, String)>,
}

/// What is to change of a user; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct UserChange {
    /// The version that was seen: if it is another by now, nothing is changed.
    pub version: Option<i64>,
    /// What people call it.
    pub display_name: Option<String>,
    /// Where it is written to.
    pub email: Option<Option<String>>,
    /// The names of its roles.
    pub roles: Option<Vec<String>>,
    /// Whether it may not sign in.
    pub disabled: Option<bool>,
}

impl UserChange {
    /// Whether it is about what only those may change who manage users.
    fn is_managed(&self) -> bool {
        self.roles.is_some() || self.disabled.is_some()
    }
}

impl Identity {
    /// Adds a user.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) with all fields that are wrong, [`Conflict`](ErrorKind::Conflict) when the
    /// name or the identity is another's, or the tenant has too many users, [`Forbidden`](ErrorKind::Forbidden) for roles that reach further than the
    /// caller, [`NotFound`](ErrorKind::NotFound) for a tenant of others, [`Unavailable`](ErrorKind::Unavailable).
    pub async fn create_user(&self, caller: &Caller, wish: NewUser) -> Result<User, Error> {
        caller.principal.require(Permission::UsersWrite)?;
        if wish.password.is_some() {
            caller.gives_passwords()?;
        }
        let tenant = caller.tenant(wish.tenant.clone())?;
        self.check_wish(&tenant, &wish).await?;
        caller.covers(self.role_permissions(&tenant, &wish.roles).await?)?;
        self.check_room(&tenant).await?;
        let user = self.add_user(tenant, wish).await?;
        self.done(caller, &user.tenant, "user.create", user.id.to_string()).await;
        Ok(user)
    }

    /// The users of a tenant, by id.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden), [`NotFound`](ErrorKind::NotFound), [`Unavailable`](ErrorKind::Unavailable).
    pub async fn list_users(
        &self,
        caller: &Caller,
        tenant: Option<Tenant>,
        page: Page<UserId>,
    ) -> Result<Vec<ShownUser>, Error> {
        caller.principal.require(Permission::UsersRead)?;
        let tenant = caller.tenant(tenant)?;
        self.shown(self.store.list_users(Some(&tenant), page).await?).await
    }

    /// Finds a user by the name that it signs in with.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), also for one of another tenant, [`Forbidden`](ErrorKind::Forbidden),
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn find_user(&self, caller: &Caller, name: &str) -> Result<ShownUser, Error> {
        caller.principal.require(Permission::UsersRead)?;
        let found = self.store.find_user_by_name(&name.to_lowercase()).await?;
        let seen = found.filter(|user| caller.principal.may_see(&user.tenant));
        self.shown_one(seen.ok_or_else(no_user)?).await
    }

    /// A user; one's own needs no more than `account:manage`.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden), [`NotFound`](ErrorKind::NotFound), [`Unavailable`](ErrorKind::Unavailable).
    pub async fn get_user(&self, caller: &Caller, id: UserId) -> Result<ShownUser, Error> {
        caller.may(Some(id), Permission::UsersRead)?;
        self.shown_one(self.visible_user(caller, id).await?).await
    }

    /// Changes a user; one's own names need no more than `account:manage`. New roles and a disabling void its tokens, and a
    /// disabling ends its sign-ins.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) with all fields that are wrong, [`Forbidden`](ErrorKind::Forbidden),
    /// [`NotFound`](ErrorKind::NotFound), [`Conflict`](ErrorKind::Conflict) when it changed meanwhile or is the last
    /// administrator of its tenant, [`Unavailable`](ErrorKind::Unavailable).
    pub async fn change_user(
        &self,
        caller: &Caller,
        id: UserId,
        wish: UserChange,
    ) -> Result<ShownUser, Error> {
        let after = self.apply(caller, id, &wish).await?;
        self.shown_one(after).await
    }

    async fn apply(&self, caller: &Caller, id: UserId, wish: &UserChange) -> Result<User, Error> {
        let about = if wish.is_managed() { None } else { Some(id) };
        caller.may(about, Permission::UsersWrite)?;
        let user = self.visible_user(caller, id).await?;
        self.check_change(&user, wish).await?;
        if let Some(roles) = &wish.roles {
            caller.covers(self.role_permissions(&user.tenant, roles).await?)?;
        }
        let _alone = if wish.is_managed() { Some(self.admins.lock().await) } else { None };
        let (before, after) = self.change(id, Some(caller), |user| change(user, wish)).await?;
        if is_admin(&before) && !is_admin(&after) && !self.has_admin(&after.tenant).await? {
            self.change(id, None, |user| {
                (user.roles, user.disabled) = (before.roles.clone(), before.disabled);
                Ok(())
            })
            .await?;
            return Err(last_admin());
        }
        if after.disabled {
            self.end_all(id, None).await?;
        }
        if wish.is_managed() {
            self.revoke(&[Target::User(id)]).await?;
        }
        self.done(caller, &after.tenant, "user.change", id.to_string()).await;
        Ok(after)
    }

    /// Removes a user with its keys and sign-ins.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden), [`NotFound`](ErrorKind::NotFound), [`Conflict`](ErrorKind::Conflict) when it is
    /// the last administrator of its tenant, [`Unavailable`](ErrorKind::Unavailable).
    pub async fn remove_user(&self, caller: &Caller, id: UserId) -> Result<(), Error> {
        let disabled = UserChange { disabled: Some(true), ..UserChange::default() };
        let user = self.apply(caller, id, &disabled).await?;
        if !self.store.remove_user(id).await? {
            return Err(no_user());
        }
        self.revoke(&[Target::User(id)]).await?;
        self.done(caller, &user.tenant, "user.remove", id.to_string()).await;
        Ok(())
    }

    /// Adds a user whose wish was checked.
    pub(crate) async fn add_user(&self, tenant: Tenant, wish: NewUser) -> Result<User, Error> {
        let name = normal_name(&wish.name);
        let password = match &wish.password {
            None => None,
            Some(password) => Some(self.passwords.hash(&self.passwords.admit()?, password).await?),
        };
        let display_name =
            if wish.display_name.is_empty() { name.clone() } else { wish.display_name.clone() };
        let user = User {
            id: UserId::generate(&*self.ids),
            tenant,
            name,
            display_name,
            email: wish.email,
            password,
            roles: wish.roles,
            disabled: false,
            second_factor: None,
            identity: wish.identity,
            created_at: self.clock.now(),
            version: 1,
        };
        self.store.add_user(&user).await?;
        // Whoever tried before there was such a user does not wait for that. The user is there, whatever comes of it.
        if let Err(error) = self.clear_failures(&user.name).await {
            tracing::warn!(%error, "the failures under the name of a new user could not be forgotten");
        }
        Ok(user)
    }

    /// That there is room for one more user.
    pub(crate) async fn check_room(&self, tenant: &Tenant) -> Result<(), Error> {
        let most = self.settings.caps.users_of_tenant;
        if self.store.count_users(Some(tenant), most).await? < most {
            return Ok(());
        }
        let text = format!("a tenant has at most {most} users");
        Err(Error::new(ErrorKind::Conflict, text))
    }

    /// That a user may be made as it is wished for.
    pub(crate) async fn check_wish(&self, tenant: &Tenant, wish: &NewUser) -> Result<(), Error> {
        let mut problems = Problems::default();
        problems.check("name", is_name(&normal_name(&wish.name)), NAME_RULE);
        problems.check("display_name", is_line(&wish.display_name, 128), DISPLAY_NAME_RULE);
        problems.check("email", wish.email.as_deref().is_none_or(is_email), EMAIL_RULE);
        if let Some(text) = wish.password.as_ref().and_then(|one| passwords::problem(one, &wish.name)) {
            problems.say("password", text);
        }
        self.check_roles(tenant, &wish.roles, &mut problems).await?;
        problems.none()
    }

    async fn check_change(&self, user: &User, wish: &UserChange) -> Result<(), Error> {
        let mut problems = Problems::default();
        let display_name = wish.display_name.as_deref();
        problems.check(
            "display_name",
            display_name.is_none_or(|name| !name.is_empty() && is_line(name, 128)),
            DISPLAY_NAME_RULE,
        );
        let email = wish.email.as_ref().and_then(|email| email.as_deref());
        problems.check("email", email.is_none_or(is_email), EMAIL_RULE);
        self.check_roles(&user.tenant, wish.roles.as_deref().unwrap_or_default(), &mut problems).await?;
        problems.none()
    }

    async fn check_roles(
        &self,
        tenant: &Tenant,
        roles: &[String],
        problems: &mut Problems,
    ) -> Result<(), Error> {
        let distinct: HashSet<&String> = roles.iter().collect();
        problems.check("roles", distinct.len() == roles.len(), "a role is named twice");
        problems.check("roles", roles.len() <= ROLES, "a user has at most 16 roles");
        if self.unknown_role(tenant, roles).await?.is_some() {
            problems.say("roles", "one of them is no role of the tenant");
        }
        Ok(())
    }

    /// The hash of a new password, if it may be the user's.
    pub(crate) async fn new_hash(&self, user: &User, new: &SecretString) -> Result<String, Error> {
        if let Some(text) = passwords::problem(new, &user.name) {
            return Err(Error::field("password", text));
        }
        self.passwords.hash(&self.passwords.admit()?, new).await
    }

    /// A user of a tenant that the caller may see.
    pub(crate) async fn visible_user(&self, caller: &Caller, id: UserId) -> Result<User, Error> {
        let user = self.store.find_user(id).await?.ok_or_else(no_user)?;
        if caller.principal.may_see(&user.tenant) { Ok(user) } else { Err(no_user()) }
    }

    /// Changes a user as it is now, however often others change it meanwhile. A caller has to see the user and to reach as
    /// far as it does, unless they signed in as that user. Gives it as it was and as it is.
    pub(crate) async fn change(
        &self,
        id: UserId,
        caller: Option<&Caller>,
        mut with: impl FnMut(&mut User) -> Result<(), Error>,
    ) -> Result<(User, User), Error> {
        for _ in 0..TRIES {
            let before = self.store.find_user(id).await?.ok_or_else(no_user)?;
            if let Some(caller) = caller {
                self.may_manage(caller, &before).await?;
            }
            let mut after = before.clone();
            with(&mut after)?;
            if self.store.replace_user(&after).await? {
                after.version += 1;
                return Ok((before, after));
            }
        }
        Err(Error::new(ErrorKind::Conflict, "others change the user all the time"))
    }

    /// That the caller sees the user and reaches as far as it does, or signed in as that user.
    pub(crate) async fn may_manage(&self, caller: &Caller, user: &User) -> Result<(), Error> {
        if !caller.principal.may_see(&user.tenant) {
            return Err(no_user());
        }
        if caller.signed_in().is_ok_and(|own| own == user.id) {
            return Ok(());
        }
        caller.covers(self.permissions(user).await?)
    }

    async fn has_admin(&self, tenant: &Tenant) -> Result<bool, Error> {
        let mut after = None;
        loop {
            let users = self.store.list_users(Some(tenant), Page { after, limit: READ_AT_ONCE }).await?;
            if users.iter().any(is_admin) {
                return Ok(true);
            }
            match users.last() {
                Some(last) => after = Some(last.id),
                None => return Ok(false),
            }
        }
    }
}

const NAME_RULE: &str = "a name has 1 to 64 of the letters a to z, digits, `.`, `-`, `_`, `+` and `@`";
const DISPLAY_NAME_RULE: &str = "a name that is shown has 1 to 128 characters, on one line";
const EMAIL_RULE: &str = "an address has an `@`, no spaces and at most 254 characters";

/// What is wrong with several fields.
#[derive(Default)]
pub(crate) struct Problems(Vec<(String, String)>);

impl Problems {
    pub(crate) fn say(&mut self, field: &str, text: &str) {
        self.0.push((field.to_owned(), text.to_owned()));
    }

    pub(crate) fn check(&mut self, field: &str, is_right: bool, text: &str) {
        if !is_right {
            self.say(field, text);
        }
    }

    pub(crate) fn none(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::fields(self.0)) }
    }
}

/// A name as it is kept.
pub(crate) fn normal_name(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Whether somebody may have this name.
pub(crate) fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_' | b'+' | b'@')
    };
    (1..=64).contains(&name.len()) && name.bytes().all(is_plain)
}

/// Whether it is a line of at most so many characters.
pub(crate) fn is_line(text: &str, most: usize) -> bool {
    text.chars().count() <= most && !text.chars().any(char::is_control)
}

pub(crate) fn is_email(text: &str) -> bool {
    let is_plain = |letter: char| !letter.is_control() && !letter.is_whitespace();
    let parts = text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    parts && text.len() <= 254 && text.chars().all(is_plain)
}

fn change(user: &mut User, wish: &UserChange) -> Result<(), Error> {
    if wish.version.is_some_and(|version| version != user.version) {
        return Err(Error::new(ErrorKind::Conflict, "the user changed since it was looked at"));
    }
    if let Some(name) = &wish.display_name {
        user.display_name.clone_from(name);
    }
    if let Some(email) = &wish.email {
        user.email.clone_from(email);
    }
    if let Some(roles) = &wish.roles {
        user.roles.clone_from(roles);
    }
    if let Some(disabled) = wish.disabled {
        user.disabled = disabled;
    }
    Ok(())
}

pub(crate) fn no_user() -> Error {
    Error::new(ErrorKind::NotFound, "there is no such user")
}

fn last_admin() -> Error {
    Error::new(ErrorKind::Conflict, "the last administrator of a tenant stays one")
}
