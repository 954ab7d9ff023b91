//! What the paths under `/api` need from outside, with defaults that let nobody in whom the settings do not name.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_auth::{
    Authenticate, Connections, Error, ErrorKind, Identity, Principal, SignInProviders, SignedTokens,
};
use codeflow_ratelimit::{Decision, EndpointClass, ForwardedHeaders, Gate, Network, RuleKeeper, Visitor};
use http::{HeaderMap, HeaderName, header};

use super::ports::{Audit, Executions, Workflows};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Everything that the paths under `/api` need, beside what all routes need.
#[derive(Clone)]
pub struct ManageParts {
    /// Who calls, when the key is not one of the settings.
    pub authenticate: Arc<dyn Authenticate>,
    /// Who may come in.
    pub gate: Arc<dyn Gate>,
    /// Users, roles, keys and sign-ins; without it their paths answer that they are not here.
    pub identity: Option<Arc<Identity>>,
    /// The keys that access tokens are verified with, for others.
    pub tokens: Option<Arc<SignedTokens>>,
    /// The other services with which people sign in.
    pub sign_ins: Option<Arc<SignInProviders>>,
    /// Connections of tenants to other services.
    pub connections: Option<Connections>,
    /// Limits that can be changed.
    pub limits: Option<Arc<RuleKeeper>>,
    /// Workflows and their versions; without them, their paths answer that they are not here.
    pub workflows: Option<Arc<dyn Workflows>>,
    /// Executions, likewise.
    pub executions: Option<Arc<dyn Executions>>,
    /// What is told who did what; without it nobody is.
    pub audit: Option<Arc<dyn Audit>>,
    /// From which address a request comes.
    pub address: ClientAddress,
    /// What this process is.
    pub about: About,
    /// What is set.
    pub settings: ManageSettings,
}

impl ManageParts {
    /// Knows nobody but the keys of the settings, limits nothing and has no engine.
    pub fn closed(about: About) -> Self {
        Self {
            authenticate: Arc::new(Nobody),
            gate: Arc::new(Open),
            identity: None,
            tokens: None,
            sign_ins: None,
            connections: None,
            limits: None,
            workflows: None,
            executions: None,
            audit: None,
            address: ClientAddress::peer(),
            about,
            settings: ManageSettings::default(),
        }
    }
}

/// What a process tells anybody about itself: never where its data is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// Its version.
    pub version: String,
    /// What it can do, and whether that is on.
    pub features: BTreeMap<String, bool>,
}

/// What is set for the paths under `/api`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManageSettings {
    /// For how long browsers are told to use TLS alone (`Strict-Transport-Security`); `None`: they are not told.
    pub hsts: Option<Duration>,
    /// The origins whose pages may call, such as `https://console.example.org`; none unless set.
    pub origins: Vec<String>,
    /// How long a request may be worked on.
    pub deadline: Duration,
}

impl Default for ManageSettings {
    fn default() -> Self {
        Self { hsts: None, origins: Vec::new(), deadline: Duration::from_secs(30) }
    }
}

/// From the address of the connection and the headers.
type Tell = dyn Fn(IpAddr, &HeaderMap) -> IpAddr + Send + Sync;

/// Says from which address a request comes: given the one of the connection and the headers.
#[derive(Clone)]
pub struct ClientAddress(Arc<Tell>);

impl ClientAddress {
    /// The address of the connection, whatever headers say.
    pub fn peer() -> Self {
        Self::of(|peer, _| peer)
    }

    /// Behind proxies that are trusted: what they say in `Forwarded` or `X-Forwarded-For`.
    pub fn behind(trusted: Vec<Network>) -> Self {
        if trusted.is_empty() {
            return Self::of(|peer, _| peer.to_canonical());
        }
        Self::of(move |peer, headers| {
            // What a client wrote may be no text; what a proxy added behind it on the same line is.
            let texts = |name: HeaderName| -> Vec<Cow<'_, str>> {
                headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect()
            };
            let (forwarded, x_forwarded_for) = (texts(header::FORWARDED), texts(X_FORWARDED_FOR));
            let forwarded: Vec<&str> = forwarded.iter().map(AsRef::as_ref).collect();
            let x_forwarded_for: Vec<&str> = x_forwarded_for.iter().map(AsRef::as_ref).collect();
            let said = ForwardedHeaders { forwarded: &forwarded, x_forwarded_for: &x_forwarded_for };
            codeflow_ratelimit::client_address(peer, &said, &trusted)
        })
    }

    /// What this says, for those behind a proxy that they trust.
    pub fn of(tell: impl Fn(IpAddr, &HeaderMap) -> IpAddr + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(crate) fn tell(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        (self.0)(peer, headers)
    }
}

/// Knows no key.
struct Nobody;

#[async_trait]
impl Authenticate for Nobody {
    async fn authenticate(&self, _credential: &str) -> Result<Arc<Principal>, Error> {
        Err(Error::new(ErrorKind::UnknownKey, "the key is not known here"))
    }
}

/// Lets everybody in.
struct Open;

#[async_trait]
impl Gate for Open {
    async fn enter(&self, _address: IpAddr, _class: EndpointClass) -> Option<Decision> {
        None
    }

    async fn admit(&self, _visitor: &Visitor<'_>) -> Option<Decision> {
        None
    }
}
