//! Refresh tokens: each is exchanged once. One that comes twice was copied, and ends its sign-in.

use std::sync::Arc;

use codeflow_core::LoginId;

use crate::secret_text::RefreshText;
use crate::{
    Claims, Credential, Error, ErrorKind, Identity, Login, Origin, Outcome, Principal, Rotation, SignedIn,
    Target,
};

impl Identity {
    /// Exchanges a refresh token for new tokens.
    ///
    /// # Errors
    /// [`InvalidRefreshToken`](ErrorKind::InvalidRefreshToken) when it was not made here or is over;
    /// [`ReusedRefreshToken`](ErrorKind::ReusedRefreshToken) when it was exchanged before, which ends the sign-in;
    /// [`Revoked`](ErrorKind::Revoked) when the sign-in was ended or its user may not sign in;
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn refresh(&self, token: &str, origin: &Origin) -> Result<SignedIn, Error> {
        let token = RefreshText::read(token, &self.vault)?.ok_or_else(invalid)?;
        let login = self.store.find_login(token.login).await?.ok_or_else(invalid)?;
        let from = token.kept(&self.vault)?.to_vec();
        if token.generation != login.generation || from != login.digest {
            return Err(self.reused(&login, origin).await?);
        }
        let now = self.clock.now();
        self.still_holds(&login).await?;
        let next = RefreshText::make(login.id, login.generation.saturating_add(1))?;
        let rotation = Rotation {
            id: login.id,
            generation: login.generation,
            from,
            to: next.kept(&self.vault)?.to_vec(),
            at: now,
            expires_at: self.login_end(login.created_at, now),
        };
        if self.store.rotate(&rotation).await? {
            return self.hand_out(&Login { expires_at: rotation.expires_at, ..login }, &next).await;
        }
        match self.store.find_login(login.id).await? {
            Some(login) if login.ended_at.is_none() => Err(self.reused(&login, origin).await?),
            Some(_) | None => Err(revoked()),
        }
    }

    /// Ends the sign-in of a refresh token, for those whose access token is over. A token that is not valid ends nothing.
    ///
    /// # Errors
    /// Those of [`refresh`](Self::refresh).
    pub async fn sign_out_with(&self, token: &str, origin: &Origin) -> Result<(), Error> {
        let token = RefreshText::read(token, &self.vault)?.ok_or_else(invalid)?;
        let login = self.store.find_login(token.login).await?.ok_or_else(invalid)?;
        if token.generation != login.generation || token.kept(&self.vault)?.as_slice() != login.digest {
            return Err(self.reused(&login, origin).await?);
        }
        self.end(&login, origin, "login.end").await
    }

    /// Who calls with this access token.
    pub(crate) async fn token_principal(&self, token: &str) -> Result<Arc<Principal>, Error> {
        let claims = self.tokens.verify(token).await?;
        if self.revocations().is_revoked(&claims) {
            return Err(revoked());
        }
        let now = self.clock.now();
        let known = self.caches.logins.find(&claims.subject.login, now);
        if let Some(principal) = known.filter(|one| is_of(one, &claims)) {
            return Ok(principal);
        }
        let epoch = self.caches.logins.epoch();
        let user = match self.store.find_user(claims.subject.user).await? {
            Some(user) if !user.disabled && user.tenant == claims.subject.tenant => user,
            Some(_) | None => return Err(revoked()),
        };
        // Also when the revocation that should have come with the end got lost.
        let login = self.store.find_login(claims.subject.login).await?;
        if login.is_none_or(|login| login.ended_at.is_some() || login.user != user.id) {
            return Err(revoked());
        }
        let principal = Arc::new(Principal {
            permissions: self.permissions(&user).await?,
            tenant: user.tenant,
            name: user.name.into(),
            user: Some(user.id),
            credential: Credential::Token(claims.subject.login),
            models: None,
            tier: Arc::clone(&self.settings.tier),
            requests_per_minute: None,
            tokens_per_minute: None,
        });
        let times = (now, self.remembered_until(now));
        self.caches.logins.put(epoch, claims.subject.login, Arc::clone(&principal), times);
        Ok(principal)
    }

    /// That a sign-in is not over, and its user may sign in.
    async fn still_holds(&self, login: &Login) -> Result<(), Error> {
        if login.ended_at.is_some() {
            return Err(revoked());
        }
        if login.expires_at <= self.clock.now() {
            return Err(invalid());
        }
        match self.store.find_user(login.user).await? {
            Some(user) if !user.disabled => Ok(()),
            Some(_) | None => Err(revoked()),
        }
    }

    /// Ends the sign-in of a token that came twice. Whoever has the newer one has to sign in again as well: nobody can
    /// tell which of the two is the thief.
    async fn reused(&self, login: &Login, origin: &Origin) -> Result<Error, Error> {
        if login.ended_at.is_none() {
            self.end(login, origin, "login.reuse").await?;
        }
        let text = "the refresh token was used before; its sign-in has ended";
        Ok(Error::new(ErrorKind::ReusedRefreshToken, text))
    }

    async fn end(&self, login: &Login, origin: &Origin, action: &str) -> Result<(), Error> {
        let ended = self.store.end_login(login.id, self.clock.now()).await?;
        self.revoke(&[Target::Login(login.id)]).await?;
        if ended {
            let mut event = self.event(origin, action, Outcome::Done);
            event.tenant = Some(login.tenant.clone());
            (event.actor, event.target) = (login.user.to_string(), login.id.to_string());
            self.write(event).await;
        }
        Ok(())
    }

    /// The sign-in of whoever calls with an access token.
    pub(crate) fn current(credential: &Credential) -> Option<LoginId> {
        match credential {
            Credential::Token(login) => Some(*login),
            Credential::Key(_) | Credential::Settings(_) => None,
        }
    }
}

fn is_of(principal: &Principal, claims: &Claims) -> bool {
    principal.user == Some(claims.subject.user) && principal.tenant == claims.subject.tenant
}

fn invalid() -> Error {
    Error::new(ErrorKind::InvalidRefreshToken, "the refresh token is not ours or its time is over")
}

fn revoked() -> Error {
    Error::new(ErrorKind::Revoked, "the sign-in has ended, or its user may not sign in")
}
