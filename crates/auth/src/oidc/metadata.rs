//! What a service says about itself, and the keys with which it signs: fetched when needed, remembered for a while.

use std::time::Duration;

use codeflow_core::{Clock, Timestamp};
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::keys::{Keys, WireKeys};
use super::settings::web;
use super::web::{Web, bad};
use crate::{Error, ErrorKind};

/// How long what was fetched is used.
const GOOD_FOR: Duration = Duration::from_secs(60 * 60);
/// How long a service that failed is left alone.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How often keys are fetched because one is not known.
const BETWEEN_KEYS: Duration = Duration::from_secs(60);

/// What an OpenID provider says about itself.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    pub(super) issuer: String,
    pub(super) authorize: Url,
    pub(super) token: Url,
    pub(super) user_info: Option<Url>,
    jwks: Url,
    /// The algorithms of its ID tokens.
    pub(super) algorithms: Vec<String>,
    /// Whether the secret goes into a header; it goes into the form otherwise.
    pub(super) takes_basic: bool,
    /// Whether each of its answers says from whom it is.
    pub(super) says_from_whom: bool,
}

/// The document as it comes.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: Option<String>,
    jwks_uri: String,
    /// What is not said is what every provider can.
    #[serde(default = "rs256")]
    id_token_signing_alg_values_supported: Vec<String>,
    #[serde(default = "basic")]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

fn rs256() -> Vec<String> {
    vec!["RS256".to_owned()]
}

fn basic() -> Vec<String> {
    vec!["client_secret_basic".to_owned()]
}

impl Document {
    fn check(self, issuer: &str) -> Result<Metadata, Error> {
        if self.issuer != issuer {
            return Err(bad("the other service says that it is another one"));
        }
        let encrypted = issuer.starts_with("https:");
        let url = |text: &str| {
            let url = Url::parse(text).ok().filter(|url| web(url) && (url.scheme() == "https" || !encrypted));
            url.ok_or_else(|| bad("an address of the other service is none"))
        };
        let methods = self.token_endpoint_auth_methods_supported;
        Ok(Metadata {
            authorize: url(&self.authorization_endpoint)?,
            token: url(&self.token_endpoint)?,
            user_info: self.userinfo_endpoint.as_deref().map(url).transpose()?,
            jwks: url(&self.jwks_uri)?,
            algorithms: self.id_token_signing_alg_values_supported,
            takes_basic: methods.iter().any(|method| method == "client_secret_basic"),
            says_from_whom: self.authorization_response_iss_parameter_supported,
            issuer: self.issuer,
        })
    }
}

/// What is remembered of one issuer.
pub(super) struct Issuer {
    issuer: String,
    metadata: Mutex<Fetched<Metadata>>,
    keys: Mutex<Fetched<Keys>>,
}

struct Fetched<T> {
    value: Option<T>,
    at: Option<Timestamp>,
    failed_at: Option<Timestamp>,
}

impl<T> Default for Fetched<T> {
    fn default() -> Self {
        Self { value: None, at: None, failed_at: None }
    }
}

impl<T: Clone> Fetched<T> {
    /// What was fetched not longer ago than `within`.
    fn since(&self, now: Timestamp, within: Duration) -> Option<T> {
        self.at.filter(|at| *at <= now && now.since(*at) < within)?;
        self.value.clone()
    }

    fn begin(&self, now: Timestamp) -> Result<(), Error> {
        match self.failed_at {
            Some(at) if at <= now && now.since(at) < AFTER_FAILURE => {
                Err(Error::new(ErrorKind::Unavailable, "the other service failed just now")
                    .after(AFTER_FAILURE))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn end(&mut self, now: Timestamp, outcome: Result<T, Error>) -> Result<T, Error> {
        match outcome {
            Ok(value) => {
                *self = Self { value: Some(value.clone()), at: Some(now), failed_at: None };
                Ok(value)
            }
            Err(error) => {
                self.failed_at = Some(now);
                Err(error)
            }
        }
    }
}

impl Issuer {
    pub(super) fn new(issuer: &str) -> Self {
        Self { issuer: issuer.to_owned(), metadata: Mutex::default(), keys: Mutex::default() }
    }

    /// What it says about itself. Of several who ask at once one fetches it.
    pub(super) async fn metadata(&self, web: &Web, clock: &dyn Clock) -> Result<Metadata, Error> {
        let mut fetched = self.metadata.lock().await;
        let now = clock.now();
        if let Some(metadata) = fetched.since(now, GOOD_FOR) {
            return Ok(metadata);
        }
        fetched.begin(now)?;
        let outcome = self.discover(web).await;
        fetched.end(now, outcome)
    }

    async fn discover(&self, web: &Web) -> Result<Metadata, Error> {
        let path = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let url = Url::parse(&path).map_err(|_| bad("the issuer is no address"))?;
        web.get::<Document>(&url, None).await?.check(&self.issuer)
    }

    /// Its keys. They are fetched again for one that is not known, once a minute at most.
    pub(super) async fn keys(
        &self,
        metadata: &Metadata,
        kid: Option<&str>,
        (web, clock): (&Web, &dyn Clock),
    ) -> Result<Keys, Error> {
        let mut fetched = self.keys.lock().await;
        let now = clock.now();
        if let Some(keys) = fetched.since(now, GOOD_FOR)
            && (kid.is_none_or(|kid| keys.has(kid)) || fetched.since(now, BETWEEN_KEYS).is_some())
        {
            return Ok(keys);
        }
        fetched.begin(now)?;
        let outcome = web.get::<WireKeys>(&metadata.jwks, None).await.map(Keys::from);
        fetched.end(now, outcome)
    }
}
