//! The guarded connector for hyper-util's client. Model calls use it with a pool of their own; all other
//! calls go through [`Client`](crate::Client).

use std::fmt;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;
use url::Url;

use crate::error::{self, Error, ErrorKind};
use crate::guard::Guard;
use crate::policy::Trust;
use crate::resolve::CheckedLookup;
use crate::tls;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Https = HttpsConnector<HttpConnector<CheckedLookup>>;

/// Connects where the guard allows, to the address that it checked, with HTTP/2 where the other side offers it.
///
/// A redirect is an answer like any other to hyper-util's client; nothing here follows it.
#[derive(Clone)]
pub struct Connector {
    guard: Guard,
    public: Https,
    named: Https,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("guard", &self.guard).finish_non_exhaustive()
    }
}

impl Connector {
    pub(crate) fn new(guard: Guard) -> Result<Self, Error> {
        let tls = tls::client_config(&guard.policy().extra_roots)?;
        let https = |trust| {
            let mut http = HttpConnector::new_with_resolver(guard.lookup(trust));
            http.enforce_http(false);
            http.set_nodelay(true);
            HttpsConnectorBuilder::new()
                .with_tls_config(tls.clone())
                .https_or_http()
                .enable_all_versions()
                .wrap_connector(http)
        };
        Ok(Self { public: https(Trust::Public), named: https(Trust::Named), guard })
    }

    fn admit(&self, uri: &Uri) -> Result<(Url, Https), Error> {
        let url = Url::parse(&uri.to_string()).map_err(|source| {
            Error::new(ErrorKind::InvalidUrl, "the URL is malformed".to_owned()).because(source)
        })?;
        let https = match self.guard.admit(&url)? {
            Trust::Public => self.public.clone(),
            Trust::Named => self.named.clone(),
        };
        Ok((url, https))
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        // A connector over TCP takes no preparation; the inner ones are ready whenever they are asked.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let admitted = self.admit(&uri);
        let within = self.guard.policy().connect_timeout;
        Box::pin(async move {
            let (url, mut https) = admitted?;
            std::future::poll_fn(|cx| https.poll_ready(cx)).await?;
            tokio::time::timeout(within, https.call(uri)).await.map_err(|_| late(&url))?
        })
    }
}

fn late(url: &Url) -> Error {
    Error::new(ErrorKind::Timeout, format!("could not connect to `{}` in time", error::host(url)))
}
