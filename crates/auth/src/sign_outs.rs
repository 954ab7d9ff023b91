//! Sign-ins that are there: listed, and ended one by one, all at once, or because there are too many.

use codeflow_core::{LoginId, Tenant, UserId};

use crate::{Caller, Error, ErrorKind, Identity, Login, Origin, Outcome, Page, Permission, Target};

/// So many more than there may be are ended at a time, after their number was made smaller.
const SPARE: u32 = 50;

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

    /// Ends the sign-ins of a user that began first, if there are too many with this one.
    pub(crate) async fn end_oldest(&self, latest: &Login, origin: &Origin) -> Result<(), Error> {
        let (now, most) = (self.clock.now(), self.settings.caps.sign_ins_of_user);
        let page = Page { after: None, limit: most.saturating_add(SPARE) };
        let there = self.store.list_logins((None, Some(latest.user)), now, page).await?;
        let over = there.len().saturating_sub(usize::try_from(most).unwrap_or(usize::MAX));
        for login in there.iter().filter(|login| login.id != latest.id).take(over) {
            self.store.end_login(login.id, now).await?;
            self.revoke(&[Target::Login(login.id)]).await?;
            let mut event = self.event(origin, "login.end", Outcome::Done);
            event.tenant = Some(login.tenant.clone());
            (event.actor, event.target) = (login.user.to_string(), login.id.to_string());
            event.details.insert("reason".to_owned(), "too many sign-ins".into());
            self.audit().note(event);
        }
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
