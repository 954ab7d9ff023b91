//! `GET /api/v1/providers`: how each provider and model fares.

use axum::Json;
use axum::extract::State;
use codeflow_auth::Permission;
use codeflow_ratelimit::EndpointClass;
use serde_json::Value;
use utoipa_axum::routes;

use crate::manage::guard::Guard;
use crate::manage::office::{Desk, Office};

pub(super) fn routes(desk: Desk) -> Desk {
    desk.route(Guard::needs(Permission::ProvidersRead, EndpointClass::Read), routes!(providers))
}

/// Tells how each provider and model fares: whether it is configured, its circuit, its latest calls.
#[utoipa::path(get, path = "/api/v1/providers", tag = "models",
    responses((status = 200, description = "Each model", body = Object)))]
async fn providers(State(office): State<Office>) -> Json<Value> {
    Json(office.vitals.providers())
}
