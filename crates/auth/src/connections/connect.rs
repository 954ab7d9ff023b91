//! Somebody connects: they say yes at the service, and what it sends back becomes tokens that are kept.

use std::sync::Arc;

use codeflow_core::{Tenant, Timestamp};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use url::Url;

use super::refresh::{Granted, granted};
use super::service::{ConnectionService, Proof};
use super::{Connections, MOST, Place};
use crate::attempts::{self, Purpose, random};
use crate::oidc::landing;
use crate::oidc::web::{Web, bad};
use crate::{AttemptStore, BegunSignIn, ConnectionTokens, Error, ErrorKind, SignInAnswer, Vault};

const CONNECT: Purpose = Purpose { sealed: "connect", state: "connect-state" };
const LONGEST_CODE: usize = 4 * 1024;

/// Where people come back to, and where those who are on their way are kept.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) callback: Url,
    pub(super) attempts: Arc<dyn AttemptStore>,
}

/// A connection that somebody wants.
#[derive(Clone, Debug)]
pub struct NewConnection {
    /// Whose it will be.
    pub tenant: Tenant,
    /// The service.
    pub service: String,
    /// What people call it. One that is there already is replaced when everything went well.
    pub name: String,
    /// Who wants it, as the audit log calls them.
    pub by: String,
    /// A path of this installation to which the browser goes afterwards.
    pub redirect_after: Option<String>,
}

/// A connection that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedConnection {
    /// Whose it is.
    pub tenant: Tenant,
    /// The service.
    pub service: String,
    /// What people call it.
    pub name: String,
    /// Who wanted it, as the audit log calls them.
    pub by: String,
    /// The path to which the browser goes.
    pub redirect_after: Option<String>,
}

/// What is needed to finish it, sealed until then.
#[derive(Serialize, Deserialize)]
struct Pending {
    tenant: Tenant,
    service: String,
    name: String,
    by: String,
    redirect_after: Option<String>,
    verifier: String,
    browser: String,
}

impl Connections {
    /// The same connections, to which people may connect: the service sends them back to `callback`, a slash and its name.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) when that cannot be.
    pub fn with_callback(self, callback: Url, attempts: Arc<dyn AttemptStore>) -> Result<Self, Error> {
        if !crate::oidc::is_plain(&callback) {
            return Err(Error::field("callback", "the callback is an address without query and fragment"));
        }
        Ok(Self { door: Some(Arc::new(Door { callback, attempts })), ..self })
    }

    /// The names of the services to which people can connect.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        let open = self.all.services.iter().filter(|(_, service)| service.authorize.is_some());
        open.filter(|_| self.door.is_some()).map(|(name, _)| name.as_str())
    }

    /// Begins: says where the browser goes, and what it keeps.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when nobody can connect to such a service;
    /// [`InvalidInput`](ErrorKind::InvalidInput); [`Conflict`](ErrorKind::Conflict) when the tenant has too many;
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn begin(&self, wish: NewConnection) -> Result<BegunSignIn, Error> {
        let (door, service, authorize) = self.open(&wish.service)?;
        let place = Place::new(&wish.tenant, &wish.service, &wish.name)?;
        wish.redirect_after.as_deref().map_or(Ok(()), landing::check)?;
        self.has_room(&place).await?;
        let NewConnection { tenant, service: named, name, by, redirect_after } = wish;
        let (verifier, browser) = (random()?, random()?);
        let pending = Pending { tenant, service: named, name, by, redirect_after, verifier, browser };
        let sealed = (&*self.all.sources.vault, self.all.now());
        let (state, expires_at) = CONNECT.keep(&pending, &*door.attempts, sealed).await?;
        let mut url = authorize.clone();
        let callback = callback(&door.callback, &pending.service);
        service.ask(&mut url, &callback, (&state, &attempts::challenge(&pending.verifier)));
        Ok(BegunSignIn { url: url.into(), browser: pending.browser.into(), expires_at })
    }

    /// Finishes with what came back, and keeps the tokens. A state is good once, whatever comes of it.
    ///
    /// # Errors
    /// [`SignInFailed`](ErrorKind::SignInFailed); [`NotFound`](ErrorKind::NotFound) when nobody can connect to such a
    /// service; [`Conflict`](ErrorKind::Conflict); [`Unavailable`](ErrorKind::Unavailable).
    pub async fn finish(&self, service: &str, answer: &SignInAnswer) -> Result<FinishedConnection, Error> {
        let (door, served, _) = self.open(service)?;
        let sealed = (&*self.all.sources.vault, self.all.now());
        let pending: Option<Pending> = CONNECT.take(&answer.state, &*door.attempts, sealed).await?;
        let pending = pending.ok_or_else(|| bad("this connection is over, or was never begun here"))?;
        if pending.service != service {
            return Err(bad("this connection was begun with another service"));
        }
        if !Vault::equal(pending.browser.as_bytes(), answer.browser.as_bytes()) {
            return Err(bad("this connection was begun in another browser"));
        }
        if answer.error.is_some() {
            return Err(bad("the other service refused the connection"));
        }
        let code = answer.code.as_deref().ok_or_else(|| bad("the answer has no code"))?;
        let callback = callback(&door.callback, service);
        let asked = (code, callback.as_str(), pending.verifier.as_str());
        let tokens = served.redeem(&self.all.web, asked, self.all.now()).await?;
        self.put(&pending.tenant, service, &pending.name, tokens).await?;
        let Pending { tenant, service, name, by, redirect_after, .. } = pending;
        Ok(FinishedConnection { tenant, service, name, by, redirect_after })
    }

    /// A service to which people can connect.
    fn open(&self, name: &str) -> Result<(&Door, &ConnectionService, &Url), Error> {
        let none = || Error::new(ErrorKind::NotFound, "nobody can connect to such a service here");
        let service = self.all.services.get(name).ok_or_else(none)?;
        let authorize = service.authorize.as_ref().ok_or_else(none)?;
        Ok((self.door.as_deref().ok_or_else(none)?, service, authorize))
    }

    async fn has_room(&self, place: &Place) -> Result<(), Error> {
        let kept = self.all.sources.store.connections(&place.tenant).await?;
        let is_there = kept.iter().any(|one| (&one.service, &one.name) == (&place.service, &place.name));
        if is_there || kept.len() < MOST {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Conflict, format!("a tenant has at most {MOST} connections")))
    }
}

impl ConnectionService {
    fn ask(&self, url: &mut Url, callback: &str, (state, challenge): (&str, &str)) {
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", callback)
            .append_pair("state", state)
            .append_pair("code_challenge", challenge)
            .append_pair("code_challenge_method", "S256");
        if !self.scopes.is_empty() {
            query.append_pair("scope", &self.scopes.join(" "));
        }
    }

    /// What the service gives for a code.
    async fn redeem(
        &self,
        web: &Web,
        (code, callback, verifier): (&str, &str, &str),
        now: Timestamp,
    ) -> Result<ConnectionTokens, Error> {
        if !(1..=LONGEST_CODE).contains(&code.len()) {
            return Err(bad("the code cannot be one"));
        }
        let Proof { header, mut form } = self.proof();
        form.extend([
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", callback),
            ("code_verifier", verifier),
        ]);
        let reply = web.post(&self.token, &form, header).await?;
        if reply.status != StatusCode::OK {
            return Err(bad("the other service does not accept the code"));
        }
        match granted(&reply, (None, self.scopes.as_slice()), now) {
            Granted::Tokens(tokens) => Ok(tokens),
            // GitHub says so with the status of success.
            Granted::Refused => Err(bad("the other service does not accept the code")),
            Granted::Unclear => Err(bad("the other service sent no token that can be used")),
        }
    }
}

fn callback(base: &Url, service: &str) -> String {
    format!("{}/{service}", base.as_str().trim_end_matches('/'))
}
