//! From a name to addresses that were checked. Both connectors take their addresses from here and nowhere
//! else, so that nothing is looked up a second time between the check and the connection.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::Name;

use crate::address::Refusal;
use crate::policy::Trust;

/// Finds the addresses of a name.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// Looks a name up. What it answers is checked by the guard.
    ///
    /// # Errors
    ///
    /// Those of the lookup.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// Asks the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// An address that the guard does not let anybody reach.
#[derive(Debug, thiserror::Error)]
#[error("{address} is {reason}")]
pub(crate) struct Refused {
    pub(crate) address: IpAddr,
    pub(crate) reason: Refusal,
}

/// Why a name led nowhere.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupFailure {
    #[error("the name leads to an address that may not be reached")]
    Refused(#[source] Refused),
    #[error("the name has no address")]
    Empty,
    #[error("the name could not be looked up")]
    Failed(#[source] io::Error),
}

/// The lookup of one class of hosts, in the shapes that the HTTP libraries ask for.
#[derive(Clone)]
pub(crate) struct CheckedLookup {
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) trust: Trust,
}

impl CheckedLookup {
    /// Every address is checked; a single bad one refuses the name.
    async fn addresses(self, name: &str) -> Result<Vec<SocketAddr>, LookupFailure> {
        let addresses = self.resolver.resolve(name).await.map_err(LookupFailure::Failed)?;
        if addresses.is_empty() {
            return Err(LookupFailure::Empty);
        }
        for &address in &addresses {
            if let Some(reason) = self.trust.refuses(address) {
                return Err(LookupFailure::Refused(Refused { address, reason }));
            }
        }
        Ok(addresses.into_iter().map(|address| SocketAddr::new(address, 0)).collect())
    }
}

impl reqwest::dns::Resolve for CheckedLookup {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let lookup = self.clone();
        Box::pin(async move {
            let addresses = lookup.addresses(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as reqwest::dns::Addrs)
        })
    }
}

impl tower_service::Service<Name> for CheckedLookup {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = LookupFailure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> BoxFuture<'static, Result<Self::Response, Self::Error>> {
        let lookup = self.clone();
        Box::pin(async move { Ok(lookup.addresses(name.as_str()).await?.into_iter()) })
    }
}
