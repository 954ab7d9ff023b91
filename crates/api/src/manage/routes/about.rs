//! `GET /api/health` and `GET /api/openapi.json`: what anybody may know.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use codeflow_ratelimit::EndpointClass;
use http::header;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::exchange;
use crate::manage::guard::Guard;
use crate::manage::office::{Desk, Office};

pub(super) fn routes(desk: Desk) -> Desk {
    desk.route(
        Guard::public("whoever watches the process has no key", EndpointClass::Health),
        routes!(health),
    )
    .route(Guard::public("it tells nothing that the guides do not", EndpointClass::Public), routes!(openapi))
}

/// How the process is.
#[derive(Serialize, ToSchema)]
pub(crate) struct HealthView {
    /// `ok`, or `not_ready` while it takes no work.
    #[schema(example = "ok")]
    status: &'static str,
    /// Its version.
    #[schema(example = "0.1.0")]
    version: String,
    /// What it can do, and whether that is on.
    #[schema(example = json!({ "authentication": true, "rate_limiting": true, "retry_logic": true }))]
    features: BTreeMap<String, bool>,
}

/// Tells how the process is, its version and what it can do.
#[utoipa::path(get, path = "/api/health", tag = "about",
    responses((status = 200, description = "How the process is", body = HealthView)))]
async fn health(State(office): State<Office>) -> Json<HealthView> {
    let status = if office.vitals.ready().is_ok() { "ok" } else { "not_ready" };
    let about = office.manage.about.clone();
    Json(HealthView { status, version: about.version, features: about.features })
}

/// This document.
#[utoipa::path(get, path = "/api/openapi.json", tag = "about",
    responses((status = 200, description = "The document, OpenAPI 3.1", body = Object)))]
async fn openapi(State(office): State<Office>) -> Response {
    let mut response = Response::new(Body::from(office.document.get().cloned().unwrap_or_default()));
    response.headers_mut().insert(header::CONTENT_TYPE, exchange::JSON);
    response
}
