//! Passwords that change, by their owner or by somebody who manages users, and what ends with the old one.

use std::time::Duration;

use codeflow_core::{KeyId, Tenant, UserId};
use secrecy::SecretString;

use crate::passwords::Ticket;
use crate::turns::Turn;
use crate::{Caller, Error, ErrorKind, Identity, Permission, Target, User};

/// Without a password, somebody proves who they are by a sign-in that is no older.
const FRESH: Duration = Duration::from_secs(5 * 60);

/// What becomes of a user's API keys with a new password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnKeys {
    /// They go on: what they are used in does not know the password.
    Keep,
    /// They are revoked: whoever had the password may have made some.
    Revoke,
}

impl Identity {
    /// Gives the caller another password, ends all their other sign-ins and forgets their failures. A wrong old one counts
    /// like one at a sign-in. The access token at hand is void as well; its refresh token is not.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput), [`WrongPassword`](ErrorKind::WrongPassword),
    /// [`LockedOut`](ErrorKind::LockedOut), [`Forbidden`](ErrorKind::Forbidden), [`Conflict`](ErrorKind::Conflict),
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn change_password(
        &self,
        caller: &Caller,
        old: &SecretString,
        new: &SecretString,
        keys: OwnKeys,
    ) -> Result<(), Error> {
        caller.principal.require(Permission::AccountManage)?;
        let user = self.visible_user(caller, caller.signed_in()?).await?;
        let turn = self.turn(&user.name, &caller.origin).await?;
        self.prove_password(turn, caller, &user, old).await?;
        let hash = self.new_hash(&user, new).await?;
        self.change(user.id, None, |now| {
            same_password(&user, now)?;
            renew(now, &hash);
            Ok(())
        })
        .await?;
        self.end_all(user.id, Self::current(&caller.principal.credential)).await?;
        self.void_with(caller, &user.tenant, (user.id, keys), "user.change_password").await?;
        self.clear_failures(&user.name).await
    }

    /// Gives a user another password, ends its sign-ins and forgets its failures.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput), [`Forbidden`](ErrorKind::Forbidden), [`NotFound`](ErrorKind::NotFound),
    /// [`Conflict`](ErrorKind::Conflict), [`Unavailable`](ErrorKind::Unavailable).
    pub async fn set_password(
        &self,
        caller: &Caller,
        id: UserId,
        new: &SecretString,
        keys: OwnKeys,
    ) -> Result<(), Error> {
        caller.principal.require(Permission::UsersWrite)?;
        caller.gives_passwords()?;
        let user = self.visible_user(caller, id).await?;
        if caller.principal.user == Some(id) {
            return Err(Error::new(ErrorKind::Forbidden, "one's own password is changed with the old one"));
        }
        caller.covers(self.permissions(&user).await?)?;
        let hash = self.new_hash(&user, new).await?;
        self.change(id, Some(caller), |user| {
            renew(user, &hash);
            Ok(())
        })
        .await?;
        self.end_all(id, None).await?;
        self.void_with(caller, &user.tenant, (id, keys), "user.set_password").await?;
        self.clear_failures(&user.name).await
    }

    /// Lets another user try again at once, with passwords and with codes.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden), also for oneself; [`NotFound`](ErrorKind::NotFound), [`Unavailable`](ErrorKind::Unavailable).
    pub async fn unlock_user(&self, caller: &Caller, id: UserId) -> Result<(), Error> {
        caller.principal.require(Permission::UsersWrite)?;
        let user = self.visible_user(caller, id).await?;
        if caller.principal.user == Some(id) {
            let text = "nobody takes their own wait away: whoever found their token could go on guessing";
            return Err(Error::new(ErrorKind::Forbidden, text));
        }
        self.may_manage(caller, &user).await?;
        self.clear_failures(&user.name).await?;
        self.clear_codes(id).await?;
        self.done(caller, &user.tenant, "user.unlock", id.to_string()).await;
        Ok(())
    }

    /// That the caller is the user that they signed in as, and nobody who found their token: by the password, or where
    /// there is none by a sign-in of the last five minutes. Gives the user as it was then.
    pub(crate) async fn prove_self(
        &self,
        caller: &Caller,
        password: Option<&SecretString>,
    ) -> Result<User, Error> {
        let user = self.visible_user(caller, caller.signed_in()?).await?;
        if user.password.is_none() {
            self.is_fresh(caller).await?;
            return Ok(user);
        }
        let password = password.ok_or_else(|| Error::field("password", "this needs the password"))?;
        let turn = self.turn(&user.name, &caller.origin).await?;
        self.prove_password(turn, caller, &user, password).await?;
        Ok(user)
    }

    async fn prove_password(
        &self,
        (turn, ticket): (Turn<'_>, Ticket),
        caller: &Caller,
        user: &User,
        password: &SecretString,
    ) -> Result<(), Error> {
        if self.passwords.verify(&ticket, password, user.password.as_deref()).await? {
            return Ok(());
        }
        Err(self.failed(&turn, ErrorKind::WrongPassword, Some(user), &caller.origin))
    }

    async fn is_fresh(&self, caller: &Caller) -> Result<(), Error> {
        let login = match Self::current(&caller.principal.credential) {
            Some(login) => self.store.find_login(login).await?,
            None => None,
        };
        let now = self.clock.now();
        if login.is_some_and(|login| login.ended_at.is_none() && now.since(login.created_at) < FRESH) {
            return Ok(());
        }
        let text = "this needs a sign-in of the last five minutes; sign in again";
        Err(Error::new(ErrorKind::Forbidden, text))
    }

    /// A key may be made with one of those that are revoked while they are, and be kept just after: that one is met the
    /// second time.
    async fn revoke_all_keys(&self, owner: UserId) -> Result<Vec<KeyId>, Error> {
        let mut revoked = self.store.revoke_keys_of(owner, self.clock.now()).await?;
        revoked.extend(self.store.revoke_keys_of(owner, self.clock.now()).await?);
        Ok(revoked)
    }

    /// Voids what the old password gave besides sign-ins, and says so in the audit log. Sign-ins have ended before, so that
    /// a key that is made with one of them meanwhile is noticed by whoever makes it.
    async fn void_with(
        &self,
        caller: &Caller,
        tenant: &Tenant,
        (user, keys): (UserId, OwnKeys),
        action: &str,
    ) -> Result<(), Error> {
        let revoked = match keys {
            OwnKeys::Keep => Vec::new(),
            OwnKeys::Revoke => self.revoke_all_keys(user).await?,
        };
        self.revoke(&[Target::User(user)]).await?;
        let mut event = self.done_event(caller, tenant, action, user.to_string());
        if keys == OwnKeys::Revoke {
            event.details.insert("revoked_keys".to_owned(), revoked.len().into());
        }
        self.write(event).await;
        Ok(())
    }
}

/// A second factor that was begun with the old password is not confirmed with the new one.
fn renew(user: &mut User, hash: &str) {
    user.password = Some(hash.to_owned());
    user.second_factor = user.second_factor.take().filter(|factor| factor.confirmed);
}

/// That nobody changed the password since it was proven.
pub(crate) fn same_password(proven: &User, now: &User) -> Result<(), Error> {
    if now.password == proven.password {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Conflict, "the password was changed meanwhile"))
}
