//! The guard: a policy with a resolver. Everything that leaves the process is built from one.

use std::fmt;
use std::sync::Arc;

use url::Url;

use crate::connector::Connector;
use crate::error::Error;
use crate::policy::{NetPolicy, Trust};
use crate::resolve::{CheckedLookup, Resolver, SystemResolver};

/// Decides what may be reached; [`Client`](crate::Client) and [`Connector`] are made with it.
#[derive(Clone)]
pub struct Guard {
    policy: Arc<NetPolicy>,
    resolver: Arc<dyn Resolver>,
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl Guard {
    /// Guards with the system's names.
    #[must_use]
    pub fn new(policy: NetPolicy) -> Self {
        Self::with_resolver(policy, Arc::new(SystemResolver))
    }

    /// Guards with names from elsewhere.
    #[must_use]
    pub fn with_resolver(policy: NetPolicy, resolver: Arc<dyn Resolver>) -> Self {
        Self { policy: Arc::new(policy), resolver }
    }

    /// Judges a URL without looking up its name, for settings and for addresses that users enter.
    /// The name is looked up and judged when a connection is made.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`](crate::ErrorKind::InvalidUrl) and [`RefusedAddress`](crate::ErrorKind::RefusedAddress).
    pub fn check(&self, url: &Url) -> Result<(), Error> {
        self.admit(url).map(drop)
    }

    /// Makes a connector for hyper-util's client, for calls that need a pool of their own.
    ///
    /// # Errors
    ///
    /// [`SetUp`](crate::ErrorKind::SetUp) when no certificates can be trusted.
    pub fn connector(&self) -> Result<Connector, Error> {
        Connector::new(self.clone())
    }

    pub(crate) fn admit(&self, url: &Url) -> Result<Trust, Error> {
        self.policy.admit(url)
    }

    pub(crate) fn policy(&self) -> &NetPolicy {
        &self.policy
    }

    pub(crate) fn lookup(&self, trust: Trust) -> CheckedLookup {
        CheckedLookup { resolver: self.resolver.clone(), trust }
    }
}
