//! The client for ordinary calls: one request, its redirects, one answer. It never repeats a request.

use std::time::Duration;

use http::StatusCode;
use reqwest::redirect::Policy;
use tokio::time::{Instant, timeout_at};

use crate::error::{Error, ErrorKind, Phase};
use crate::guard::Guard;
use crate::policy::Trust;
use crate::redirect::{self, MAX_REDIRECTS};
use crate::request::{Limits, Request};
use crate::response::{self, Response};
use crate::tls;

/// Sends requests where a [`Guard`] allows. A clone shares the connections.
///
/// Dropping the future of a call, or its [`Response`], ends the call.
#[derive(Clone, Debug)]
pub struct Client {
    guard: Guard,
    limits: Limits,
    // A resolver is not told the port. So hosts that settings name and all others have a client each,
    // and the URL alone decides which one is asked.
    public: reqwest::Client,
    named: reqwest::Client,
}

impl Client {
    /// Makes a client with its own connections.
    ///
    /// # Errors
    ///
    /// [`SetUp`](ErrorKind::SetUp) when no certificates can be trusted.
    pub fn new(guard: Guard, limits: Limits) -> Result<Self, Error> {
        let public = build(&guard, Trust::Public)?;
        let named = build(&guard, Trust::Named)?;
        Ok(Self { guard, limits, public, named })
    }

    /// The same client, over the same connections, with other bounds.
    #[must_use]
    pub fn with_limits(&self, limits: Limits) -> Self {
        Self { limits, ..self.clone() }
    }

    /// Sends a request, follows at most three redirects, and returns when the head of the answer is there.
    /// An answer is an answer, whatever its status.
    ///
    /// # Errors
    ///
    /// Every kind but [`SetUp`](ErrorKind::SetUp); [`Error::phase`] says how far it came.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        let deadline = self.limits.total.map(|total| Instant::now() + total);
        let mut request = request;
        let mut phase = Phase::NotSent;
        for _ in 0..=self.limits.redirects.min(MAX_REDIRECTS) {
            let answer = self.hop(&request, deadline).await.map_err(|error| error.at_least(phase))?;
            let Some(next) = redirect::next(&request, answer.status(), answer.headers())? else {
                return Response::new(answer, request.url, self.limits, deadline);
            };
            // The other side has acted, even if its redirect leads nowhere.
            phase = Phase::MaybeSent;
            request = next;
        }
        Err(redirect::refuse(&request.url, "is behind too many redirects"))
    }

    async fn hop(&self, request: &Request, deadline: Option<Instant>) -> Result<reqwest::Response, Error> {
        let client = match self.guard.admit(&request.url)? {
            Trust::Public => &self.public,
            Trust::Named => &self.named,
        };
        let mut outgoing = reqwest::Request::new(request.method.clone(), request.url.clone());
        *outgoing.headers_mut() = request.headers.clone();
        if !request.body.is_empty() {
            *outgoing.body_mut() = Some(request.body.clone().into());
        }
        let until = response::sooner(deadline, self.limits.first_byte);
        match timeout_at(until, client.execute(outgoing)).await {
            Ok(Ok(answer)) if answer.status() == StatusCode::SWITCHING_PROTOCOLS => {
                Err(Error::new(ErrorKind::BadAnswer, "the protocol was switched unasked".to_owned())
                    .at_least(Phase::Answered))
            }
            Ok(answer) => answer.map_err(|error| Error::from_reqwest(&request.url, error)),
            Err(_) => Err(response::late(&request.url).at_least(Phase::MaybeSent)),
        }
    }
}

fn build(guard: &Guard, trust: Trust) -> Result<reqwest::Client, Error> {
    let mut tls = tls::client_config(&guard.policy().extra_roots)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(guard.lookup(trust))
        .no_proxy()
        .redirect(Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .connect_timeout(guard.policy().connect_timeout)
        .pool_idle_timeout(Duration::from_secs(90))
        .user_agent(concat!("codeflow/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| {
            Error::new(ErrorKind::SetUp, "could not set up the client".to_owned()).because(error)
        })
}
