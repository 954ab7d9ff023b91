//! Sign-ins that are there: listed, and ended one by one or all at once. And one's own password.

use codeflow_core::{LoginId, Tenant, UserId};
use secrecy::SecretString;

use crate::{Caller, Error, ErrorKind, Identity, Login, Page, Permission, Target};

impl Identity {
    /// The sign-ins of a user, or of a whole tenant. One's own need no more than `account:manage`.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden), [`NotFound`](ErrorKind::NotFound), [`Unavailable`](ErrorKind::Unavailable).
    pub async fn list_logins(
        &self,
        caller: &Caller,
        of: (Option<Tenant>, Option<UserId>),
        page: Page<LoginId>,
    ) -> Result<Vec<Login>, Error> {
        let (tenant, user) = of;
        caller.may(user, Permission::SessionsRead)?;
        let tenant = caller.tenant(tenant)?;
        self.store.list_logins((Some(&tenant), user), self.clock.now(), page).await
    }

    /// Ends the sign-in with which the caller calls.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) when they do not call with an access token;
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn sign_out(&self, caller: &Caller) -> Result<(), Error> {
        let none = || Error::new(ErrorKind::InvalidInput, "an API key is no sign-in: revoke it instead");
        let login = Self::current(&caller.principal.credential).ok_or_else(none)?;
        self.end_logins_of(caller, &caller.principal.tenant, &[login]).await
    }

    /// Ends a sign-in.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden), [`NotFound`](ErrorKind::NotFound), [`Unavailable`](ErrorKind::Unavailable).
    pub async fn end_login(&self, caller: &Caller, id: LoginId) -> Result<(), Error> {
        let none = || Error::new(ErrorKind::NotFound, "there is no such sign-in");
        let login = self.store.find_login(id).await?.ok_or_else(none)?;
        if !caller.principal.may_see(&login.tenant) {
            return Err(none());
        }
        caller.may(Some(login.user), Permission::SessionsEnd)?;
        self.end_logins_of(caller, &login.tenant, &[id]).await
    }

    /// Ends all sign-ins of a user; with `but_this` not the one with which the caller calls. Says how many it ended.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden), [`NotFound`](ErrorKind::NotFound), [`Unavailable`](ErrorKind::Unavailable).
    pub async fn end_logins(&self, caller: &Caller, of: UserId, but_this: bool) -> Result<usize, Error> {
        caller.may(Some(of), Permission::SessionsEnd)?;
        let user = self.visible_user(caller, of).await?;
        let but = Self::current(&caller.principal.credential).filter(|_| but_this);
        let ended = self.end_all(of, but).await?;
        if but.is_none() {
            self.revoke(&[Target::User(of)]).await?;
        }
        self.done(caller, &user.tenant, "login.end_all", of.to_string()).await;
        Ok(ended)
    }

    /// Gives the caller another password and ends all their other sign-ins. A wrong old one counts like one at a sign-in.
    /// The access token at hand is void as well; its refresh token is not.
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
    ) -> Result<(), Error> {
        caller.principal.require(Permission::AccountManage)?;
        let user = self.visible_user(caller, caller.signed_in()?).await?;
        let (name, from) = (&user.name, caller.origin.address);
        self.lockout.check(name, from, self.clock.now())?;
        let ticket = self.passwords.admit()?;
        let _turn = self.turn(name).await;
        self.lockout.check(name, from, self.clock.now())?;
        self.lockout.check_user(Some(&user), self.clock.now())?;
        if !self.passwords.verify(&ticket, old, user.password.as_deref()).await? {
            return Err(self.failed(ErrorKind::WrongPassword, (name, Some(&user)), &caller.origin));
        }
        let hash = self.new_hash(&user, new).await?;
        self.change(user.id, None, |now| {
            if now.password != user.password {
                return Err(Error::new(ErrorKind::Conflict, "the password was changed meanwhile"));
            }
            now.password = Some(hash.clone());
            Ok(())
        })
        .await?;
        self.end_all(user.id, Self::current(&caller.principal.credential)).await?;
        self.revoke(&[Target::User(user.id)]).await?;
        self.done(caller, &user.tenant, "user.change_password", user.id.to_string()).await;
        Ok(())
    }

    /// Ends all sign-ins of a user but one, with their tokens.
    pub(crate) async fn end_all(&self, user: UserId, but: Option<LoginId>) -> Result<usize, Error> {
        let ended = self.store.end_logins(user, but, self.clock.now()).await?;
        let targets: Vec<Target> = ended.iter().map(|login| Target::Login(*login)).collect();
        self.revoke(&targets).await?;
        Ok(ended.len())
    }

    async fn end_logins_of(&self, caller: &Caller, tenant: &Tenant, ids: &[LoginId]) -> Result<(), Error> {
        for id in ids {
            self.store.end_login(*id, self.clock.now()).await?;
            self.revoke(&[Target::Login(*id)]).await?;
            self.done(caller, tenant, "login.end", id.to_string()).await;
        }
        Ok(())
    }
}
