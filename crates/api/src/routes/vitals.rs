//! How the process is, for those who watch it: `/health/live`, `/health/ready`, `/metrics`, `/api/v1/providers`.

use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::Failure;
use crate::body::Outgoing;
use crate::exchange::{self, Exchange, Need};

pub(crate) const PROMETHEUS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// How the process is.
pub trait Vitals: Send + Sync {
    /// Whether calls can be taken; if not, why, in a word that holds no detail.
    ///
    /// # Errors
    ///
    /// Such a word.
    fn ready(&self) -> Result<(), &'static str>;

    /// The metrics, as OpenMetrics text.
    fn metrics(&self) -> String;

    /// How each provider and model fares.
    fn providers(&self) -> Value;

    /// Counts a route that panicked.
    fn panicked(&self) {}

    /// Counts a request that failed with this code by no fault of the client.
    fn failed(&self, _code: &'static str) {}
}

/// The process answers.
pub(crate) fn live() -> Response<Outgoing> {
    exchange::json(json!({ "status": "live" }).to_string().into())
}

/// The process takes calls.
pub(crate) fn ready(exchange: &Exchange<'_>) -> Response<Outgoing> {
    match exchange.api.vitals.ready() {
        Ok(()) => exchange::json(json!({ "status": "ready" }).to_string().into()),
        Err(reason) => {
            let body = json!({ "status": "not ready", "reason": reason }).to_string();
            let mut response = exchange::json(body.into());
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response
        }
    }
}

pub(crate) async fn metrics(
    exchange: &Exchange<'_>,
    request: &Request<Incoming>,
) -> Result<Response<Outgoing>, Failure> {
    exchange.key(request.headers(), Need::METRICS).await?;
    let mut response = Response::new(Outgoing::Whole(exchange.api.vitals.metrics().into()));
    response.headers_mut().insert(header::CONTENT_TYPE, PROMETHEUS);
    Ok(response)
}
