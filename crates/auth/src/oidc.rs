//! Sign-ins with other services: OpenID Connect, and OAuth 2 as GitHub speaks it. They end with somebody for whom the
//! service vouches; which user that is, is decided elsewhere.

mod exchange;
mod id_token;
mod identity;
mod keys;
pub(crate) mod landing;
mod metadata;
mod pending;
mod settings;
pub(crate) mod web;

use std::collections::BTreeMap;

use codeflow_core::Timestamp;
use secrecy::SecretString;
use url::Url;

use self::exchange::Exchange;
use self::metadata::{Issuer, Metadata};
use self::pending::Pending;
use self::web::{Web, bad};
use crate::{Error, ErrorKind, Vault};

pub(crate) use self::settings::is_plain;

pub use self::identity::{Decision, Newcomer, VerifiedIdentity};
pub use self::settings::{NewUsers, OAuth2, Protocol, ProviderSettings, SignInSettings, SignInSources};

/// The services with which people sign in.
pub struct SignInProviders {
    providers: BTreeMap<String, Provider>,
    sources: SignInSources,
    web: Web,
}

struct Provider {
    settings: ProviderSettings,
    callback: String,
    issuer: Issuer,
}

impl std::fmt::Debug for SignInProviders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignInProviders")
            .field("names", &self.names().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// A sign-in that has begun.
#[derive(Clone, Debug)]
pub struct BegunSignIn {
    /// Where the browser goes.
    pub url: String,
    /// What the browser keeps, in a cookie that only it sends, and hands in at the end. Without it anybody could make
    /// somebody else's browser finish a sign-in of their own.
    pub browser: SecretString,
    /// Until when it can be finished.
    pub expires_at: Timestamp,
}

/// What comes back. What is secret of it is not printed.
#[derive(Clone, Default)]
pub struct SignInAnswer {
    /// `state`.
    pub state: String,
    /// `code`.
    pub code: Option<String>,
    /// `error`.
    pub error: Option<String>,
    /// `iss`.
    pub iss: Option<String>,
    /// What the browser kept.
    pub browser: String,
}

impl std::fmt::Debug for SignInAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let error = self.error.is_some();
        f.debug_struct("SignInAnswer").field("iss", &self.iss).field("error", &error).finish_non_exhaustive()
    }
}

/// A sign-in that went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedSignIn {
    /// Who it is.
    pub identity: VerifiedIdentity,
    /// The path to which the browser goes.
    pub redirect_after: Option<String>,
}

impl SignInProviders {
    /// Sign-ins as settings want them. Nothing is fetched yet.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput), naming the setting that is wrong.
    pub fn new(settings: SignInSettings, sources: SignInSources) -> Result<Self, Error> {
        settings.check()?;
        let base = settings.callback.as_str().trim_end_matches('/').to_owned();
        let provider = |(name, settings): (String, ProviderSettings)| {
            let (callback, issuer) = (format!("{base}/{name}"), Issuer::new(settings.issuer()));
            (name, Provider { settings, callback, issuer })
        };
        let providers = settings.providers.into_iter().map(provider).collect();
        Ok(Self { providers, web: Web::new(&sources.client), sources })
    }

    /// The names of the services.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.providers.keys().map(String::as_str)
    }

    /// Begins a sign-in. `redirect_after` is a path of this installation.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when there is no such service; [`InvalidInput`](ErrorKind::InvalidInput) when the
    /// path could lead elsewhere; [`SignInFailed`](ErrorKind::SignInFailed) when the service is not what it should be;
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn begin(&self, provider: &str, redirect_after: Option<&str>) -> Result<BegunSignIn, Error> {
        let served = self.provider(provider)?;
        redirect_after.map_or(Ok(()), landing::check)?;
        let mut url = match &served.settings.protocol {
            Protocol::OpenId { .. } => self.metadata(served).await?.authorize,
            Protocol::OAuth2(paths) => paths.authorize.clone(),
        };
        let pending = Pending::new(provider, served.settings.issuer(), redirect_after)?;
        let now = self.sources.clock.now();
        let (state, expires_at) = pending.keep(&*self.sources.store, &self.sources.vault, now).await?;
        served.ask(&mut url, &pending, &state);
        Ok(BegunSignIn { url: url.into(), browser: pending.browser.into(), expires_at })
    }

    /// Finishes a sign-in with what came back. A state is good once, whatever comes of it.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when there is no such service; [`SignInFailed`](ErrorKind::SignInFailed);
    /// [`Forbidden`](ErrorKind::Forbidden) when settings do not let them in; [`Unavailable`](ErrorKind::Unavailable).
    pub async fn finish(&self, provider: &str, answer: &SignInAnswer) -> Result<FinishedSignIn, Error> {
        let served = self.provider(provider)?;
        let sealed = (&*self.sources.vault, self.sources.clock.now());
        let pending = Pending::take(&answer.state, &*self.sources.store, sealed).await?;
        if pending.provider != provider || pending.issuer != served.settings.issuer() {
            return Err(bad("this sign-in was begun with another service"));
        }
        if !Vault::equal(pending.browser.as_bytes(), answer.browser.as_bytes()) {
            return Err(bad("this sign-in was begun in another browser"));
        }
        let exchange = Exchange {
            web: &self.web,
            clock: &*self.sources.clock,
            settings: &served.settings,
            pending: &pending,
            callback: &served.callback,
        };
        let person = match &served.settings.protocol {
            Protocol::OpenId { .. } => {
                let metadata = self.metadata(served).await?;
                let code = answer.code(&pending.issuer, metadata.says_from_whom)?;
                exchange.open_id(code, &served.issuer, &metadata).await?
            }
            Protocol::OAuth2(paths) => exchange.oauth2(answer.code(&pending.issuer, false)?, paths).await?,
        };
        let identity = VerifiedIdentity {
            provider: pending.provider,
            issuer: pending.issuer,
            subject: person.subject,
            name: person.name,
            email: person.email,
            email_verified: person.email_verified,
            new_users: served.settings.new_users.clone(),
        };
        let identity = identity.admit(&served.settings)?;
        Ok(FinishedSignIn { identity, redirect_after: pending.redirect_after })
    }

    fn provider(&self, name: &str) -> Result<&Provider, Error> {
        let none = || Error::new(ErrorKind::NotFound, "nobody signs in with such a service here");
        self.providers.get(name).ok_or_else(none)
    }

    async fn metadata(&self, provider: &Provider) -> Result<Metadata, Error> {
        provider.issuer.metadata(&self.web, &*self.sources.clock).await
    }
}

impl SignInAnswer {
    /// The code, if the answer is one of this issuer and no refusal. Who says from whom answers are has to say it each time.
    fn code(&self, issuer: &str, says_from_whom: bool) -> Result<&str, Error> {
        match self.iss.as_deref() {
            Some(iss) if iss != issuer => return Err(bad("the answer is from another service")),
            None if says_from_whom => return Err(bad("the answer says not from whom it is")),
            Some(_) | None => {}
        }
        if self.error.is_some() {
            return Err(bad("the other service refused the sign-in"));
        }
        self.code.as_deref().ok_or_else(|| bad("the answer has no code"))
    }
}

impl Provider {
    fn ask(&self, url: &mut Url, pending: &Pending, state: &str) {
        let mut query = url.query_pairs_mut();
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.callback)
            .append_pair("scope", &self.settings.scopes.join(" "))
            .append_pair("state", state)
            .append_pair("code_challenge", &pending.challenge())
            .append_pair("code_challenge_method", "S256");
        if matches!(self.settings.protocol, Protocol::OpenId { .. }) {
            query.append_pair("nonce", &pending.nonce);
        }
    }
}

impl ProviderSettings {
    fn issuer(&self) -> &str {
        match &self.protocol {
            Protocol::OpenId { issuer } => issuer,
            Protocol::OAuth2(paths) => &paths.issuer,
        }
    }
}
