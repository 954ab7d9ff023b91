//! The door: from a request to the route that answers it. Routes are few and fixed, and their cost is part of every model
//! call, so they are told apart by one `match`. What is under `/api` has a router of its own beside it.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use codeflow_core::{Clock, Ids};
use codeflow_gateway::{Gateway, UsageStore};
use codeflow_model::WireFormat;
use futures_util::FutureExt;
use http::{Method, Request, Response};
use hyper::body::Incoming;

use crate::body::Outgoing;
use crate::exchange::Exchange;
use crate::keys::KeyRing;
use crate::ledger::Ledger;
use crate::manage::{Arrival, Manage};
use crate::reading::{self, BodyLimits};
use crate::refusal::Refusal;
use crate::routes::{chat, embeddings, models, openapi, tokens, vitals};
use crate::{Failure, ManageParts, Vitals};

/// Everything that the routes need.
pub struct ApiParts {
    /// What answers model calls.
    pub gateway: Gateway,
    /// Who may call.
    pub keys: KeyRing,
    /// What a body may be.
    pub body: BodyLimits,
    /// How the process is.
    pub vitals: Arc<dyn Vitals>,
    /// Where calls are looked up.
    pub usage: Arc<dyn UsageStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Names for requests.
    pub ids: Arc<dyn Ids>,
    /// What the paths under `/api` need beside.
    pub manage: ManageParts,
}

/// All routes. A clone is the same.
#[derive(Clone)]
pub struct Api {
    parts: Arc<ApiParts>,
    /// What failed.
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) managed: Manage,
}

impl std::ops::Deref for Api {
    type Target = ApiParts;

    fn deref(&self) -> &ApiParts {
        &self.parts
    }
}

impl Api {
    /// Puts the parts together.
    pub fn new(parts: ApiParts) -> Self {
        let parts = Arc::new(parts);
        let ledger = Arc::new(Ledger::new(Arc::clone(&parts.clock), Arc::clone(&parts.vitals)));
        Self { managed: Manage::new(Arc::clone(&parts), Arc::clone(&ledger)), ledger, parts }
    }

    /// Waits for changes that go on after their clients are gone, once no more requests come. Returns whether all of them
    /// ended in time.
    pub async fn settle(&self, within: Duration) -> bool {
        self.managed.settle(within).await
    }

    /// Answers one request that came from this address, whatever happens.
    pub async fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Outgoing> {
        let exchange = Exchange::begin(self, format_of(&request), (peer, place_of(&request)));
        let answering = AssertUnwindSafe(route(&exchange, request)).catch_unwind();
        let outcome = answering.await.unwrap_or_else(|_| {
            tracing::error!(critical = true, request.id = %exchange.request_id, "a route panicked");
            self.vitals.panicked();
            Ok(exchange.panicked())
        });
        exchange.end(outcome)
    }
}

/// The format in which a client expects its errors. The names of models are asked for by either SDK.
fn format_of(request: &Request<Incoming>) -> WireFormat {
    let path = request.uri().path();
    let is_models = path.starts_with("/v1/models");
    if path.starts_with("/v1/messages") || (is_models && request.headers().contains_key(models::VERSION)) {
        WireFormat::Messages
    } else {
        WireFormat::ChatCompletions
    }
}

/// Under which route failures of a request are counted.
fn place_of(request: &Request<Incoming>) -> &'static str {
    match request.uri().path() {
        path if path.starts_with("/v1/models/") => "/v1/models/{model}",
        path => TAKES_POST.iter().chain(&TAKES_GET).find(|one| **one == path).copied().unwrap_or("none"),
    }
}

/// The paths that take POST alone.
const TAKES_POST: [&str; 4] =
    ["/v1/chat/completions", "/v1/messages", "/v1/embeddings", "/v1/messages/count_tokens"];

/// The paths that take GET alone.
const TAKES_GET: [&str; 5] = ["/v1/models", "/health/live", "/health/ready", "/metrics", "/openapi.json"];

async fn route(exchange: &Exchange<'_>, request: Request<Incoming>) -> Result<Response<Outgoing>, Failure> {
    let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_post = *request.method() == Method::POST;
    match request.uri().path() {
        "/v1/chat/completions" | "/v1/messages" if is_post => chat::answer(exchange, request).await,
        "/v1/embeddings" if is_post => Box::pin(embeddings::answer(exchange, request)).await,
        "/v1/messages/count_tokens" if is_post => Box::pin(tokens::answer(exchange, request)).await,
        "/v1/models" if is_get => models::list(exchange, &request).await,
        "/health/live" if is_get => Ok(vitals::live()),
        "/health/ready" if is_get => Ok(vitals::ready(exchange)),
        "/metrics" if is_get => vitals::metrics(exchange, &request).await,
        "/openapi.json" if is_get => {
            exchange.anybody(request.headers()).await?;
            Ok(openapi::answer())
        }
        path if is_get && path.starts_with("/v1/models/") => models::show(exchange, &request).await,
        path if path.starts_with("/api/") => {
            let arrival = Arrival { request_id: Arc::clone(&exchange.request_id), peer: exchange.peer };
            Ok(Box::pin(exchange.api.managed.answer(request, arrival)).await)
        }
        _ => Box::pin(refuse(exchange, request)).await,
    }
}

/// What is answered where there is nothing to do, behind the limits of whoever is not recognised.
async fn refuse(exchange: &Exchange<'_>, request: Request<Incoming>) -> Result<Response<Outgoing>, Failure> {
    let path = request.uri().path();
    let takes = if TAKES_POST.contains(&path) {
        Some("POST")
    } else if TAKES_GET.contains(&path) || path.starts_with("/v1/models/") {
        Some("GET, HEAD")
    } else {
        None
    };
    exchange.anybody(request.headers()).await?;
    reading::away(request).await;
    match takes {
        Some(takes) => Ok(exchange.not_allowed(takes)),
        None => Err(Refusal::NoSuchPath.told("there is nothing at this path")),
    }
}
