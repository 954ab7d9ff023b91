//! With which other services people sign in, and what settings have to say about each.

use std::collections::BTreeMap;
use std::sync::Arc;

use codeflow_core::{Clock, Tenant};
use codeflow_net::Client;
use secrecy::SecretString;
use url::Url;

use crate::{AttemptStore, Error, Vault};

/// Sign-ins with other services.
#[derive(Clone, Debug)]
pub struct SignInSettings {
    /// Where other services send people back to; the provider's name is added: `https://flow.example.com/callback` becomes
    /// `https://flow.example.com/callback/github`.
    pub callback: Url,
    /// The services, by the names that paths have.
    pub providers: BTreeMap<String, ProviderSettings>,
}

/// A service with which people sign in.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// How it is spoken to.
    pub protocol: Protocol,
    /// What it calls this installation.
    pub client_id: String,
    /// What proves that; without one, only PKCE does.
    pub client_secret: Option<SecretString>,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// What becomes of somebody who has never been here; `None`: only known users sign in.
    pub new_users: Option<NewUsers>,
    /// Only who has a confirmed address in one of these domains signs in; empty: everybody.
    pub email_domains: Vec<String>,
}

/// How a service is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OpenID Connect: all else is found at the issuer.
    OpenId {
        /// The issuer, as its tokens write it.
        issuer: String,
    },
    /// OAuth 2 and a path that tells who somebody is, as GitHub has it.
    OAuth2(Box<OAuth2>),
}

/// The paths of a service that speaks OAuth 2 alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuth2 {
    /// What its users are remembered under, such as `https://github.com`.
    pub issuer: String,
    /// Where people say yes.
    pub authorize: Url,
    /// Where a code becomes a token.
    pub token: Url,
    /// What tells who somebody is: an object with `id`.
    pub user: Url,
    /// What tells their addresses: a list of objects with `email`, `primary` and `verified`.
    pub emails: Option<Url>,
}

/// What becomes of people who have never been here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUsers {
    /// Their tenant.
    pub tenant: Tenant,
    /// The names of their roles.
    pub roles: Vec<String>,
}

/// What sign-ins are made from.
#[derive(Clone)]
pub struct SignInSources {
    /// Where those that have begun are kept.
    pub store: Arc<dyn AttemptStore>,
    /// What seals them.
    pub vault: Arc<Vault>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The way out.
    pub client: Client,
}

impl OAuth2 {
    /// GitHub.
    #[expect(clippy::missing_panics_doc, reason = "the addresses are written here, and a test makes them")]
    pub fn github() -> Self {
        let url = |text: &str| Url::parse(text).expect("the address is written here and is one");
        Self {
            issuer: "https://github.com".to_owned(),
            authorize: url("https://github.com/login/oauth/authorize"),
            token: url("https://github.com/login/oauth/access_token"),
            user: url("https://api.github.com/user"),
            emails: Some(url("https://api.github.com/user/emails")),
        }
    }
}

impl SignInSettings {
    pub(super) fn check(&self) -> Result<(), Error> {
        if !is_plain(&self.callback) {
            return Err(Error::field("callback", "the callback is an address without query and fragment"));
        }
        self.providers.iter().try_for_each(|(name, provider)| provider.check(name))
    }
}

impl ProviderSettings {
    fn check(&self, name: &str) -> Result<(), Error> {
        let wrong = |key: &str, text: &str| Err(Error::field(format!("providers.{name}.{key}"), text));
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=32).contains(&name.len()) || !name.bytes().all(plain) {
            let text = "the name of a provider has 1 to 32 lower-case letters, digits and `-`";
            return Err(Error::field("providers", text));
        }
        if self.client_id.is_empty() {
            return wrong("client_id", "the client's id is missing");
        }
        if self.email_domains.iter().any(|domain| domain.is_empty() || domain.contains('@')) {
            return wrong("email_domains", "a domain is what stands behind the `@`");
        }
        match &self.protocol {
            Protocol::OpenId { issuer } => {
                let fits = Url::parse(issuer)
                    .is_ok_and(|url| web(&url) && url.query().is_none() && url.fragment().is_none());
                if !fits {
                    return wrong("issuer", "the issuer is an address without query and fragment");
                }
                if !self.scopes.iter().any(|scope| scope == "openid") {
                    return wrong("scopes", "the scope `openid` is missing");
                }
            }
            Protocol::OAuth2(paths) => {
                let all =
                    [Some(&paths.authorize), Some(&paths.token), Some(&paths.user), paths.emails.as_ref()];
                if !all.into_iter().flatten().all(web) || paths.issuer.is_empty() {
                    return wrong("issuer", "an address or the issuer is missing");
                }
            }
        }
        Ok(())
    }
}

pub(super) fn web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https") && url.has_host()
}

/// Whether an address can have a path added.
pub(crate) fn is_plain(url: &Url) -> bool {
    web(url) && url.query().is_none() && url.fragment().is_none()
}
