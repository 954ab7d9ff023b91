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
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;

use crate::body::Outgoing;
use crate::exchange::Exchange;
use crate::keys::KeyRing;
use crate::ledger::Ledger;
use crate::manage::{Arrival, Manage};
use crate::reading::BodyLimits;
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

/// How much of a body that nobody wants is read, and for how long.
const UNWANTED_BYTES: usize = 64 * 1024;
const UNWANTED_TIME: Duration = Duration::from_secs(1);

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
        "/openapi.json" if is_get => Ok(openapi::answer()),
        path if is_get && path.starts_with("/v1/models/") => models::show(exchange, &request).await,
        path if path.starts_with("/api/") => {
            let arrival = Arrival { request_id: Arc::clone(&exchange.request_id), peer: exchange.peer };
            Ok(Box::pin(exchange.api.managed.answer(request, arrival)).await)
        }
        path if TAKES_POST.contains(&path) => {
            read_away(request).await;
            Ok(exchange.not_allowed("POST"))
        }
        path if TAKES_GET.contains(&path) || path.starts_with("/v1/models/") => {
            read_away(request).await;
            Ok(exchange.not_allowed("GET, HEAD"))
        }
        _ => {
            read_away(request).await;
            Err(Refusal::NoSuchPath.told("there is nothing at this path"))
        }
    }
}

/// Reads a body that nobody wants. A connection that is closed with something unread on it is reset, and the client may
/// never see what it was told.
async fn read_away(request: Request<Incoming>) {
    let body = Limited::new(request.into_body(), UNWANTED_BYTES);
    // What is larger or slower than that is closed on all the same.
    let _ = tokio::time::timeout(UNWANTED_TIME, body.collect()).await;
}
